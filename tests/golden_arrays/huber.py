"""Derivative of huber (golden_arrays.py:144-145, sha256 377d22e10296),
by srcdiff 0.1.0.

forward mode   inputs r; constant delta
returns        d/dr
directions     up to 64 at once, chunk by chunk: the length of r is known at run time
               rows of tangents that no direction of a chunk reaches are not computed
"""

import math
import numpy as np


def huber_tangents(r, r_dot, r_active, delta, result, result_dot, result_active):
    """Values of huber and their tangents in many directions."""
    directions = r_dot.shape[-1]
    for i in range(len(r)):  # L145: return np.where(np.abs(r) <= delta, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta))
        chosen = np.abs(r[i]) <= delta or (r[i] > 0.0 or (r[i] < 0.0 or not r[i] == 0.0))
        result_by_r = (r[i] if np.abs(r[i]) <= delta else delta if r[i] > 0.0 else -delta if r[i] < 0.0 else 0.0 if r[i] == 0.0 else math.nan * delta) if chosen else 0.0
        result[i] = 0.5 * r[i]**2 if np.abs(r[i]) <= delta else delta * (np.abs(r[i]) - 0.5 * delta)
        if chosen and r_active[i]:
            for k in range(directions):
                result_dot[i, k] = result_by_r * r_dot[i, k] if chosen else 0.0
            result_active[i] = True
        elif result_active[i]:
            result_dot[i, :] = 0.0
            result_active[i] = False
    return result, result_dot


def huber_jacobian(r, delta):
    columns = len(r)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    r_dot = np.zeros((len(r), directions))
    r_active = np.zeros(len(r), np.bool_)
    result = np.empty(len(r))
    result_dot = np.zeros((len(r), directions))
    result_active = np.zeros(len(r), np.bool_)
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(r))):
            r_dot[column, column - first] = 1.0
            r_active[column] = True
        value, value_dot = huber_tangents(
            r, r_dot, r_active, delta, result, result_dot, result_active,
        )
        if first == 0:
            jac = np.zeros((len(value), len(r)))
        for row in range(len(value)):
            if result_active[row]:
                for column in range(first, min(first + directions, len(r))):
                    jac[row, column] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(r))):
            r_dot[column, column - first] = 0.0
            r_active[column] = False
    return jac
