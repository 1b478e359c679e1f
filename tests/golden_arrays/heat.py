"""Derivative of heat (golden_arrays.py:28-31, sha256 4efaef1d356c),
by srcdiff 0.1.0.

forward mode   inputs y; constant t, k
varying        dy
returns        the matrix m x n: outputs by inputs
directions     up to 64 at once, chunk by chunk: the length of y is known at run time
               rows of tangents that no direction of a chunk reaches are not computed
"""

import numpy as np


def heat_tangents(t, y, y_dot, y_active, k, dy, dy_dot, dy_active):
    """Values of heat and their tangents in many directions."""
    directions = y_dot.shape[-1]
    # L29: dy = np.zeros_like(y)
    dy[:] = 0.0
    dy_dot[dy_active] = 0.0
    dy_active[:] = False
    for i in range(len(y) - 2):  # L30: dy[1:-1] = k * (y[:-2] - 2.0 * y[1:-1] + y[2:])
        dy[i + 1] = k * (y[i] - 2.0 * y[i + 1] + y[i + 2])
        if y_active[i] or y_active[i + 1] or y_active[i + 2]:
            for k_2 in range(directions):
                dy_dot[i + 1, k_2] = (
                    k * y_dot[i, k_2]
                    - 2.0 * k * y_dot[i + 1, k_2]
                    + k * y_dot[i + 2, k_2]
                )
            dy_active[i + 1] = True
        elif dy_active[i + 1]:
            dy_dot[i + 1, :] = 0.0
            dy_active[i + 1] = False
    return dy, dy_dot


def heat_jacobian_matrix(t, y, k):
    columns = len(y)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    y_dot = np.zeros((len(y), directions))
    y_active = np.zeros(len(y), np.bool_)
    dy = np.empty(len(y))
    dy_dot = np.zeros((len(y), directions))
    dy_active = np.zeros(len(y), np.bool_)
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 1.0
            y_active[column] = True
        value, value_dot = heat_tangents(t, y, y_dot, y_active, k, dy, dy_dot, dy_active)
        if first == 0:
            out = np.zeros((len(value), len(y)))
        for row in range(len(value)):
            if dy_active[row]:
                for column in range(first, min(first + directions, len(y))):
                    out[row, column] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 0.0
            y_active[column] = False
    return out
