"""Derivative of residuals (golden_arrays.py:110-112, sha256 86a269874449),
by srcdiff 0.1.0.

forward mode   inputs p; constant x, y
varying        a, b
returns        d/dp
shapes         p (2,)
directions     2 at once
"""

import numpy as np


def residuals_tangents(p, p_dot, x, y):
    """Values of residuals and their tangents in 2 directions."""
    a_dot = np.zeros(2)
    b_dot = np.zeros(2)
    a, b = p  # L111
    for k in range(2):
        a_dot[k] = p_dot[0, k]
        b_dot[k] = p_dot[1, k]
    if len(x) != len(y):
        raise ValueError("arrays of different lengths meet (line 112); write x[:1] to repeat one element")
    # L112: return a * np.exp(-b * x) - y
    result = np.empty(len(x))
    result_dot = np.empty((len(x), 2))
    for i in range(len(x)):
        exp_value = np.exp(-b * x[i])
        result_by_b = a * exp_value * x[i]
        result[i] = a * np.exp(-b * x[i]) - y[i]
        for k in range(2):
            result_dot[i, k] = exp_value * a_dot[k] - result_by_b * b_dot[k]
    return result, result_dot


def residuals_jacobian(p, x, y):
    if len(p) != 2:
        raise ValueError("p must have 2 elements")
    p_dot = np.zeros((2, 2))
    for column in range(2):
        p_dot[column, column] = 1.0
    value, value_dot = residuals_tangents(p, p_dot, x, y)
    jac = np.empty((len(value), 2))
    for row in range(len(value)):
        for column in range(2):
            jac[row, column] = value_dot[row, column]
    return jac
