"""Derivative of softmax (golden_arrays.py:133-135, sha256 f59ecb75417c),
by srcdiff 0.1.0.

forward mode   inputs z
varying        e
returns        d/dz
directions     up to 64 at once, chunk by chunk: the length of z is known at run time
               rows of tangents that no direction of a chunk reaches are not computed
"""

import numpy as np


def softmax_tangents(z, z_dot, z_active, e, e_dot, result, result_dot):
    """Values of softmax and their tangents in many directions."""
    directions = z_dot.shape[-1]
    largest_dot = np.zeros(directions)
    candidate_dot = np.zeros(directions)
    candidate_active = False
    # L134: e = np.exp(z - np.max(z))
    largest = z[0]
    for k in range(directions):
        largest_dot[k] = z_dot[0, k]
    for i in range(len(z)):
        candidate = z[i]
        if z_active[i]:
            for k in range(directions):
                candidate_dot[k] = z_dot[i, k]
            candidate_active = True
        elif candidate_active:
            candidate_dot[:] = 0.0
            candidate_active = False
        if candidate > largest or candidate != candidate:
            largest = candidate
            for k in range(directions):
                largest_dot[k] = candidate_dot[k]
    for i in range(len(z)):
        exp_value = np.exp(z[i] - largest)
        e[i] = np.exp(z[i] - largest)
        for k in range(directions):
            e_dot[i, k] = exp_value * z_dot[i, k] - exp_value * largest_dot[k]
    total_dot = np.zeros(directions)
    # L135: return e / np.sum(e)
    total = 0.0
    for i in range(len(z)):
        total = total + e[i]
        for k in range(directions):
            total_dot[k] += e_dot[i, k]
    for i in range(len(z)):
        result_by_e = 1.0 / total
        result_by_total = e[i] / total / total
        result[i] = e[i] / total
        for k in range(directions):
            result_dot[i, k] = result_by_e * e_dot[i, k] - result_by_total * total_dot[k]
    return result, result_dot


def softmax_jacobian(z):
    columns = len(z)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    z_dot = np.zeros((len(z), directions))
    z_active = np.zeros(len(z), np.bool_)
    e = np.empty(len(z))
    e_dot = np.empty((len(z), directions))
    result = np.empty(len(z))
    result_dot = np.empty((len(z), directions))
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(z))):
            z_dot[column, column - first] = 1.0
            z_active[column] = True
        value, value_dot = softmax_tangents(z, z_dot, z_active, e, e_dot, result, result_dot)
        if first == 0:
            jac = np.empty((len(value), len(z)))
        for row in range(len(value)):
            for column in range(first, min(first + directions, len(z))):
                jac[row, column] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(z))):
            z_dot[column, column - first] = 0.0
            z_active[column] = False
    return jac
