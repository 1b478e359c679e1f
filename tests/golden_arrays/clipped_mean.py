"""Derivative of clipped_mean (golden_arrays.py:148-150, sha256 6e44c4adfd62),
by srcdiff 0.1.0.

forward mode   inputs y; constant low
varying        kept
returns        d/dy
directions     up to 64 at once, chunk by chunk: the length of y is known at run time
"""

import numpy as np


def clipped_mean_tangents(y, y_dot, low):
    """Values of clipped_mean and their tangents in many directions."""
    directions = y_dot.shape[-1]
    # L149: kept = y[y > low]
    count = 0
    for i in range(len(y)):
        if y[i] > low:
            count = count + 1
    chosen = np.empty(count)
    chosen_dot = np.empty((count, directions))
    place = 0
    for i in range(len(y)):
        if y[i] > low:
            chosen[place] = y[i]
            for k in range(directions):
                chosen_dot[place, k] = y_dot[i, k]
            place = place + 1
    kept_dot = chosen_dot
    kept = chosen
    total_dot = np.zeros(directions)
    # L150: return kept.mean()
    total = 0.0
    for i in range(len(kept)):
        total = total + kept[i]
        for k in range(directions):
            total_dot[k] += kept_dot[i, k]
    value_by_total = 1.0 / len(kept)
    value_dot = np.empty(directions)
    for k in range(directions):
        value_dot[k] = value_by_total * total_dot[k]
    return total / len(kept), value_dot


def clipped_mean_jacobian(y, low):
    columns = len(y)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    y_dot = np.zeros((len(y), directions))
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 1.0
        value, value_dot_2 = clipped_mean_tangents(y, y_dot, low)
        if first == 0:
            jac = np.empty((1, len(y)))
        for column in range(first, min(first + directions, len(y))):
            jac[0, column] = value_dot_2[column - first]
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 0.0
    return jac.reshape(y.shape)
