"""Derivative of brusselator (golden_arrays.py:34-39, sha256 4e9e4cbf3adc),
by srcdiff 0.1.0.

forward mode   inputs y; constant t, dy
varying        u, v
returns        d/dy
directions     up to 64 at once, chunk by chunk: the length of y is known at run time
               rows of tangents that no direction of a chunk reaches are not computed
"""

import numpy as np


def brusselator_tangents(t, y, y_dot, y_active, dy, dy_dot, dy_active):
    """Values of brusselator and their tangents in many directions."""
    directions = y_dot.shape[-1]
    n = len(y) // 2  # L35
    for i in range(1, n - 1):  # L36
        u, v = y[2 * i], y[2 * i + 1]  # L37
        dy_by_u = u * v - 4.04 + u * v
        dy_by_v = u * u
        dy[2 * i] = 1.0 + u * u * v - 4.0 * u + 0.02 * (y[2 * i - 2] - 2.0 * u + y[2 * i + 2])  # L38
        dy_by_u_2 = 3.0 - 2.0 * u * v
        dy_by_v_2 = 0.04 + u * u
        dy[2 * i + 1] = 3.0 * u - u * u * v + 0.02 * (y[2 * i - 1] - 2.0 * v + y[2 * i + 3])  # L39
        if (
            y_active[2 * i]
            or y_active[2 * i + 1]
            or y_active[2 * i - 2]
            or y_active[2 * i + 2]
            or y_active[2 * i - 1]
            or y_active[2 * i + 3]
        ):
            for k in range(directions):
                u_dot = y_dot[2 * i, k]
                v_dot = y_dot[2 * i + 1, k]
                dy_dot[2 * i, k] = (
                    dy_by_u * u_dot
                    + dy_by_v * v_dot
                    + 0.02 * y_dot[2 * i - 2, k]
                    + 0.02 * y_dot[2 * i + 2, k]
                )
                dy_dot[2 * i + 1, k] = (
                    dy_by_u_2 * u_dot
                    - dy_by_v_2 * v_dot
                    + 0.02 * y_dot[2 * i - 1, k]
                    + 0.02 * y_dot[2 * i + 3, k]
                )
            dy_active[2 * i] = True
            dy_active[2 * i + 1] = True
        elif dy_active[2 * i] or dy_active[2 * i + 1]:
            dy_dot[2 * i, :] = 0.0
            dy_active[2 * i] = False
            dy_dot[2 * i + 1, :] = 0.0
            dy_active[2 * i + 1] = False
    return None


def brusselator_jacobian(t, y, dy):
    if dy is y:
        raise ValueError("dy and y must be different arrays")
    columns = len(y)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    y_dot = np.zeros((len(y), directions))
    y_active = np.zeros(len(y), np.bool_)
    dy_filled = np.empty(len(dy))
    dy_filled_dot = np.zeros((len(dy), directions))
    dy_active = np.zeros(len(dy), np.bool_)
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 1.0
            y_active[column] = True
        dy_filled[:] = dy
        dy_filled_dot[dy_active] = 0.0
        dy_active[:] = False
        brusselator_tangents(t, y, y_dot, y_active, dy_filled, dy_filled_dot, dy_active)
        if first == 0:
            jac = np.zeros((len(dy_filled), len(y)))
        for row in range(len(dy_filled)):
            if dy_active[row]:
                for column in range(first, min(first + directions, len(y))):
                    jac[row, column] = dy_filled_dot[row, column - first]
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 0.0
            y_active[column] = False
    dy[:] = dy_filled
    return jac
