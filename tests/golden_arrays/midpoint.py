"""Derivative of midpoint (golden_arrays.py:93-97, sha256 a9917c3288b8),
by srcdiff 0.1.0.

forward mode   inputs y, p; constant h, steps
varying        half, y
returns        (d/dy, d/dp)
directions     up to 64 at once, chunk by chunk: the length of y is known at run time
"""

import math
import numpy as np


def rhs_tangents(y, y_dot, p, p_dot):
    """rhs (golden_arrays.py:86) with tangents."""
    directions = y_dot.shape[-1]
    # L87: d = np.empty_like(y)
    d = np.empty(len(y))
    d_dot = np.empty((len(y), directions))
    for i in range(len(y)):  # L88
        d_by_p = math.sin(y[i - 1])
        d_by_y = p * math.cos(y[i - 1])
        d[i] = p * math.sin(y[i - 1]) - y[i]  # L89
        for k in range(directions):
            d_dot[i, k] = d_by_p * p_dot[k] + d_by_y * y_dot[i - 1, k] - y_dot[i, k]
    return d, d_dot


def midpoint_tangents(y, y_dot, p, p_dot, h, steps):
    """Values of midpoint and their tangents in many directions."""
    directions = y_dot.shape[-1]
    for _ in range(steps):  # L94
        # L95: half = y + 0.5 * h * rhs(y, p)
        rhs_2, rhs_2_dot = rhs_tangents(y, y_dot, p, p_dot)
        half = np.empty(len(y))
        half_dot = np.empty((len(y), directions))
        for i in range(len(half)):
            half[i] = y[i] + 0.5 * h * rhs_2[i]
            for k in range(directions):
                half_dot[i, k] = y_dot[i, k] + 0.5 * h * rhs_2_dot[i, k]
        # L96: y = y + h * rhs(half, p)
        rhs_3, rhs_3_dot = rhs_tangents(half, half_dot, p, p_dot)
        y_new = np.empty(len(y))
        y_new_dot = np.empty((len(y), directions))
        for i in range(len(y_new)):
            y_new[i] = y[i] + h * rhs_3[i]
            for k in range(directions):
                y_new_dot[i, k] = y_dot[i, k] + h * rhs_3_dot[i, k]
        y_dot = y_new_dot
        y = y_new
    return y, y_dot


def midpoint_jacobian(y, p, h, steps):
    columns = len(y) + 1
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    y_dot = np.zeros((len(y), directions))
    p_dot = np.zeros(directions)
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 1.0
        for column in range(max(first, len(y)), min(first + directions, len(y) + 1)):
            p_dot[column - first] = 1.0
        value, value_dot = midpoint_tangents(y, y_dot, p, p_dot, h, steps)
        if first == 0:
            jac = np.empty((len(value), len(y)))
            jac_2 = np.empty((len(value), 1))
        for row in range(len(value)):
            for column in range(first, min(first + directions, len(y))):
                jac[row, column] = value_dot[row, column - first]
            for column in range(max(first, len(y)), min(first + directions, len(y) + 1)):
                jac_2[row, column - len(y)] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 0.0
        for column in range(max(first, len(y)), min(first + directions, len(y) + 1)):
            p_dot[column - first] = 0.0
    return (jac, jac_2.reshape(value.shape))
