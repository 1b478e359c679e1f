"""Derivative of first_crossing (golden_arrays.py:173-177, sha256 16da4fa16e79),
by srcdiff 0.1.0.

forward mode   inputs y, level
returns        (d/dy, d/dlevel)
branches       L175: derivative of the branch taken
directions     up to 64 at once, chunk by chunk: the length of y is known at run time
"""

import numpy as np


def first_crossing_tangents(y, y_dot, level, level_dot):
    """Values of first_crossing and their tangents in many directions."""
    directions = y_dot.shape[-1]
    i = 0  # L174
    while i < len(y) - 1 and y[i] < level:  # L175
        i += 1  # L176
    difference = y[i] - y[i - 1]
    inv_difference = 1.0 / difference
    quotient_over_difference = (level - y[i - 1]) / difference / difference
    value_by_y = quotient_over_difference - inv_difference
    value_dot = np.empty(directions)
    for k in range(directions):
        value_dot[k] = (
            inv_difference * level_dot[k]
            + value_by_y * y_dot[i - 1, k]
            - quotient_over_difference * y_dot[i, k]
        )
    return (level - y[i - 1]) / (y[i] - y[i - 1]), value_dot


def first_crossing_jacobian(y, level):
    columns = len(y) + 1
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    y_dot = np.zeros((len(y), directions))
    level_dot = np.zeros(directions)
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 1.0
        for column in range(max(first, len(y)), min(first + directions, len(y) + 1)):
            level_dot[column - first] = 1.0
        value, value_dot_2 = first_crossing_tangents(y, y_dot, level, level_dot)
        if first == 0:
            jac = np.empty((1, len(y)))
            jac_2 = np.empty((1, 1))
        for column in range(first, min(first + directions, len(y))):
            jac[0, column] = value_dot_2[column - first]
        for column in range(max(first, len(y)), min(first + directions, len(y) + 1)):
            jac_2[0, column - len(y)] = value_dot_2[column - first]
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 0.0
        for column in range(max(first, len(y)), min(first + directions, len(y) + 1)):
            level_dot[column - first] = 0.0
    return (jac.reshape(y.shape), jac_2[0, 0])
