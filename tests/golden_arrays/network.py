"""Derivative of network (golden_arrays.py:126-130, sha256 a3df977d7016),
by srcdiff 0.1.0.

forward mode   inputs y, w; constant source, target
varying        dy
returns        (d/dy, d/dw)
directions     up to 64 at once, chunk by chunk: the length of y, w is known at run time
               rows of tangents that no direction of a chunk reaches are not computed
"""

import math
import numpy as np


def sech_squared(x):
    """1/cosh(x)**2, the derivative of tanh: neither cosh's overflow nor twice its error."""
    e = math.exp(-2.0 * abs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


def network_tangents(y, y_dot, y_active, source, target, w, w_dot, w_active, dy, dy_dot, dy_active):
    """Values of network and their tangents in many directions."""
    directions = y_dot.shape[-1]
    for i in range(len(y)):  # L127: dy = -y
        dy[i] = -y[i]
        if y_active[i]:
            for k_2 in range(directions):
                dy_dot[i, k_2] = -y_dot[i, k_2]
            dy_active[i] = True
        elif dy_active[i]:
            dy_dot[i, :] = 0.0
            dy_active[i] = False
    for k in range(len(source)):  # L128
        at = target[k]
        at_2 = source[k]
        dy_by_w = math.tanh(y[at_2])
        dy_by_y = w[k] * sech_squared(y[at_2])
        # L129: dy[target[k]] += w[k] * math.tanh(y[source[k]])
        dy[at] += w[k] * math.tanh(y[at_2])
        if w_active[k] or y_active[at_2]:
            for k_2 in range(directions):
                dy_dot[at, k_2] = (
                    dy_dot[at, k_2]
                    + dy_by_w * w_dot[k, k_2]
                    + dy_by_y * y_dot[at_2, k_2]
                )
            dy_active[at] = True
    return dy, dy_dot


def network_jacobian(y, source, target, w):
    columns = len(y) + len(w)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    y_dot = np.zeros((len(y), directions))
    y_active = np.zeros(len(y), np.bool_)
    w_dot = np.zeros((len(w), directions))
    w_active = np.zeros(len(w), np.bool_)
    dy = np.empty(len(y))
    dy_dot = np.zeros((len(y), directions))
    dy_active = np.zeros(len(y), np.bool_)
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 1.0
            y_active[column] = True
        for column in range(max(first, len(y)), min(first + directions, len(y) + len(w))):
            w_dot[column - len(y), column - first] = 1.0
            w_active[column - len(y)] = True
        value, value_dot = network_tangents(
            y, y_dot, y_active, source, target, w, w_dot, w_active, dy, dy_dot, dy_active,
        )
        if first == 0:
            jac = np.zeros((len(value), len(y)))
            jac_2 = np.zeros((len(value), len(w)))
        for row in range(len(value)):
            if dy_active[row]:
                for column in range(first, min(first + directions, len(y))):
                    jac[row, column] = value_dot[row, column - first]
                for column in range(max(first, len(y)), min(first + directions, len(y) + len(w))):
                    jac_2[row, column - len(y)] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 0.0
            y_active[column] = False
        for column in range(max(first, len(y)), min(first + directions, len(y) + len(w))):
            w_dot[column - len(y), column - first] = 0.0
            w_active[column - len(y)] = False
    return (jac, jac_2)
