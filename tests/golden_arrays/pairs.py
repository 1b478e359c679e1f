"""Derivative of pairs (golden_arrays.py:159-163, sha256 295f35ec041f),
by srcdiff 0.1.0.

forward mode   inputs x, y
varying        total, a, b
returns        (d/dx, d/dy)
directions     32 at once, chunk by chunk: the length of x, y is known at run time
"""

import math
import numpy as np


def pairs_tangents(x, x_dot, y, y_dot):
    """Values of pairs and their tangents in 32 directions."""
    a_dot = np.zeros(32)
    b_dot = np.zeros(32)
    total_dot = np.zeros(32)
    total = 0.0  # L160
    for place in range(min(len(x), len(y))):  # L161: for a, b in zip(x, y)
        a, b = x[place], y[place]
        exp_minus_b = math.exp(-b)
        total_by_b = a * exp_minus_b
        total += a * math.exp(-b)  # L162
        for k in range(32):
            a_dot_new = x_dot[place, k]
            b_dot_new = y_dot[place, k]
            a_dot[k] = a_dot_new
            b_dot[k] = b_dot_new
            total_dot[k] = total_dot[k] + exp_minus_b * a_dot[k] - total_by_b * b_dot[k]
    return total, total_dot


def pairs_jacobian(x, y):
    x_dot = np.zeros((len(x), 32))
    y_dot = np.zeros((len(y), 32))
    columns = len(x) + len(y)
    for first in range(0, max(columns, 1), 32):
        for column in range(first, min(first + 32, len(x))):
            x_dot[column, column - first] = 1.0
        for column in range(max(first, len(x)), min(first + 32, len(x) + len(y))):
            y_dot[column - len(x), column - first] = 1.0
        value, value_dot = pairs_tangents(x, x_dot, y, y_dot)
        if first == 0:
            jac = np.empty((1, len(x)))
            jac_2 = np.empty((1, len(y)))
        for column in range(first, min(first + 32, len(x))):
            jac[0, column] = value_dot[column - first]
        for column in range(max(first, len(x)), min(first + 32, len(x) + len(y))):
            jac_2[0, column - len(x)] = value_dot[column - first]
        for column in range(first, min(first + 32, len(x))):
            x_dot[column, column - first] = 0.0
        for column in range(max(first, len(x)), min(first + 32, len(x) + len(y))):
            y_dot[column - len(x), column - first] = 0.0
    return (jac.reshape(x.shape), jac_2.reshape(y.shape))
