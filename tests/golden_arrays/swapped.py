"""Derivative of swapped (golden_arrays.py:100-107, sha256 fcf7949930c3),
by srcdiff 0.1.0.

forward mode   inputs u; constant steps
varying        old, new
returns        d/du
directions     up to 64 at once, chunk by chunk: the length of u is known at run time
"""

import numpy as np


def swapped_tangents(u, u_dot, steps):
    """Values of swapped and their tangents in many directions."""
    directions = u_dot.shape[-1]
    old_dot = u_dot.copy()
    old = u.copy()  # L101
    # L102: new = np.zeros_like(u)
    new = np.zeros(len(u))
    new_dot = np.zeros((len(u), directions))
    for _ in range(steps):  # L103
        for i in range(1, len(u) - 1):  # L104
            new_by_old = 0.25 * old[i + 1]
            new_by_old_2 = 0.25 * old[i - 1]
            new[i] = 0.5 * old[i] + 0.25 * old[i - 1] * old[i + 1]  # L105
            for k in range(directions):
                new_dot[i, k] = (
                    0.5 * old_dot[i, k]
                    + new_by_old * old_dot[i - 1, k]
                    + new_by_old_2 * old_dot[i + 1, k]
                )
        old_dot, new_dot = new_dot, old_dot
        old, new = new, old  # L106
    return old, old_dot


def swapped_jacobian(u, steps):
    columns = len(u)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    u_dot = np.zeros((len(u), directions))
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(u))):
            u_dot[column, column - first] = 1.0
        value, value_dot = swapped_tangents(u, u_dot, steps)
        if first == 0:
            jac = np.empty((len(value), len(u)))
        for row in range(len(value)):
            for column in range(first, min(first + directions, len(u))):
                jac[row, column] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(u))):
            u_dot[column, column - first] = 0.0
    return jac
