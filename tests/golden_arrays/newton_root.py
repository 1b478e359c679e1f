"""Derivative of newton_root (golden_arrays.py:166-170, sha256 f7119a0dc18e),
by srcdiff 0.1.0.

forward mode   inputs y; constant steps
varying        x
returns        d/dy
directions     up to 64 at once, chunk by chunk: the length of y is known at run time
"""

import numpy as np


def newton_root_tangents(y, y_dot, steps):
    """Values of newton_root and their tangents in many directions."""
    directions = y_dot.shape[-1]
    # L167: x = np.ones_like(y)
    x = np.empty(len(y))
    x_dot = np.empty((len(y), directions))
    for i in range(len(y)):
        x[i] = 1.0
        for k in range(directions):
            x_dot[i, k] = 0.0
    for _ in range(steps):  # L168
        # L169: x = 0.5 * (x + y / x)
        x_new = np.empty(len(y))
        x_new_dot = np.empty((len(y), directions))
        for i in range(len(y)):
            x_new_by_x = 0.5 - 0.5 * (y[i] / x[i] / x[i])
            x_new_by_y = 0.5 / x[i]
            x_new[i] = 0.5 * (x[i] + y[i] / x[i])
            for k in range(directions):
                x_new_dot[i, k] = x_new_by_x * x_dot[i, k] + x_new_by_y * y_dot[i, k]
        x_dot = x_new_dot
        x = x_new
    return x, x_dot


def newton_root_jacobian(y, steps):
    columns = len(y)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    y_dot = np.zeros((len(y), directions))
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 1.0
        value, value_dot = newton_root_tangents(y, y_dot, steps)
        if first == 0:
            jac = np.empty((len(value), len(y)))
        for row in range(len(value)):
            for column in range(first, min(first + directions, len(y))):
                jac[row, column] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 0.0
    return jac
