"""Derivative of pairs (golden_arrays.py:159-163, sha256 295f35ec041f),
by srcdiff 0.1.0.

forward mode   inputs x, y
varying        total, a, b
returns        (d/dx, d/dy)
directions     up to 64 at once, chunk by chunk: the length of x, y is known at run time
               rows of tangents that no direction of a chunk reaches are not computed
"""

import math
import numpy as np


def pairs_tangents(x, x_dot, x_active, y, y_dot, y_active):
    """Values of pairs and their tangents in many directions."""
    directions = x_dot.shape[-1]
    total_dot = np.zeros(directions)
    total = 0.0  # L160
    for place in range(min(len(x), len(y))):  # L161: for a, b in zip(x, y)
        a, b = x[place], y[place]
        exp_minus_b = math.exp(-b)
        total_by_b = a * exp_minus_b
        total += a * math.exp(-b)  # L162
        if x_active[place] or y_active[place]:
            for k in range(directions):
                a_dot = x_dot[place, k]
                b_dot = y_dot[place, k]
                total_dot[k] = total_dot[k] + exp_minus_b * a_dot - total_by_b * b_dot
    return total, total_dot


def pairs_jacobian(x, y):
    columns = len(x) + len(y)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    x_dot = np.zeros((len(x), directions))
    x_active = np.zeros(len(x), np.bool_)
    y_dot = np.zeros((len(y), directions))
    y_active = np.zeros(len(y), np.bool_)
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(x))):
            x_dot[column, column - first] = 1.0
            x_active[column] = True
        for column in range(max(first, len(x)), min(first + directions, len(x) + len(y))):
            y_dot[column - len(x), column - first] = 1.0
            y_active[column - len(x)] = True
        value, value_dot = pairs_tangents(x, x_dot, x_active, y, y_dot, y_active)
        if first == 0:
            jac = np.empty((1, len(x)))
            jac_2 = np.empty((1, len(y)))
        for column in range(first, min(first + directions, len(x))):
            jac[0, column] = value_dot[column - first]
        for column in range(max(first, len(x)), min(first + directions, len(x) + len(y))):
            jac_2[0, column - len(x)] = value_dot[column - first]
        for column in range(first, min(first + directions, len(x))):
            x_dot[column, column - first] = 0.0
            x_active[column] = False
        for column in range(max(first, len(x)), min(first + directions, len(x) + len(y))):
            y_dot[column - len(x), column - first] = 0.0
            y_active[column - len(x)] = False
    return (jac.reshape(x.shape), jac_2.reshape(y.shape))
