"""Derivative of lorenz96 (golden_arrays.py:20-25, sha256 49eaaa5accbf),
by srcdiff 0.1.0.

forward mode   inputs y; constant t, F
varying        dy
returns        nothing; fills out, m x n: outputs by inputs
directions     up to 64 at once, chunk by chunk: the length of y is known at run time
               rows of tangents that no direction of a chunk reaches are not computed
"""

import numpy as np


def lorenz96_tangents(t, y, y_dot, y_active, F, dy, dy_dot, dy_active):
    """Values of lorenz96 and their tangents in many directions."""
    directions = y_dot.shape[-1]
    n = len(y)  # L21
    # L22: dy = np.empty(n)
    for i in range(n):  # L23
        at = (i + 1) % n
        dy_by_y = y[i - 1]
        dy_by_y_2 = y[at] - y[i - 2]
        # L24: dy[i] = (y[(i + 1) % n] - y[i - 2]) * y[i - 1] - y[i] + F
        dy[i] = (y[at] - y[i - 2]) * y[i - 1] - y[i] + F
        if y_active[at] or y_active[i - 2] or y_active[i - 1] or y_active[i]:
            for k in range(directions):
                dy_dot[i, k] = (
                    dy_by_y * y_dot[at, k]
                    - dy_by_y * y_dot[i - 2, k]
                    + dy_by_y_2 * y_dot[i - 1, k]
                    - y_dot[i, k]
                )
            dy_active[i] = True
        elif dy_active[i]:
            dy_dot[i, :] = 0.0
            dy_active[i] = False
    return dy, dy_dot


def lorenz96_jacobian_into(out, t, y, F):
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
        value, value_dot = lorenz96_tangents(t, y, y_dot, y_active, F, dy, dy_dot, dy_active)
        if first == 0:
            if out.shape != (len(value), len(y)):
                raise ValueError("out must have a row an output and a column an input")
            out[:] = 0.0
        for row in range(len(value)):
            if dy_active[row]:
                for column in range(first, min(first + directions, len(y))):
                    out[row, column] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 0.0
            y_active[column] = False
