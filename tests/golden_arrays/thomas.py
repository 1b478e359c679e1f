"""Derivative of thomas (golden_arrays.py:61-74, sha256 69f1df08be85),
by srcdiff 0.1.0.

forward mode   inputs b, d; constant a, c
varying        cp, x, m
returns        (d/db, d/dd)
directions     up to 64 at once, chunk by chunk: the length of b, d is known at run time
"""

import numpy as np


def thomas_tangents(a, b, b_dot, c, d, d_dot, cp, cp_dot):
    """Values of thomas and their tangents in many directions."""
    directions = b_dot.shape[-1]
    n = len(d)  # L63
    # L64: cp = np.zeros(n)
    cp[:] = 0.0
    cp_dot[:] = 0.0
    x_dot = d_dot.copy()
    x = d.copy()  # L65
    cp_by_b = c[0] / b[0] / b[0]
    cp[0] = c[0] / b[0]  # L66
    x_by_d = 1.0 / b[0]
    x_by_b = d[0] / b[0] / b[0]
    x[0] = d[0] / b[0]  # L67
    for k in range(directions):
        cp_dot[0, k] = -cp_by_b * b_dot[0, k]
        x_dot[0, k] = x_by_d * d_dot[0, k] - x_by_b * b_dot[0, k]
    for i in range(1, n):  # L68
        m_by_cp = a[i]
        m = b[i] - a[i] * cp[i - 1]  # L69
        cp_by_m = c[i] / m / m
        cp[i] = c[i] / m  # L70
        x_by_d_2 = 1.0 / m
        x_by_x = a[i] / m
        x_by_m = (d[i] - a[i] * x[i - 1]) / m / m
        x[i] = (d[i] - a[i] * x[i - 1]) / m  # L71
        for k in range(directions):
            m_dot = b_dot[i, k] - m_by_cp * cp_dot[i - 1, k]
            cp_dot[i, k] = -cp_by_m * m_dot
            x_dot[i, k] = x_by_d_2 * d_dot[i, k] - x_by_x * x_dot[i - 1, k] - x_by_m * m_dot
    for i in range(n - 2, -1, -1):  # L72
        x_by_cp = x[i + 1]
        x_by_x_2 = cp[i]
        x[i] -= cp[i] * x[i + 1]  # L73
        for k in range(directions):
            x_dot[i, k] = x_dot[i, k] - x_by_cp * cp_dot[i, k] - x_by_x_2 * x_dot[i + 1, k]
    return x, x_dot


def thomas_jacobian(a, b, c, d):
    columns = len(b) + len(d)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    b_dot = np.zeros((len(b), directions))
    d_dot = np.zeros((len(d), directions))
    cp = np.empty(len(d))
    cp_dot = np.empty((len(d), directions))
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(b))):
            b_dot[column, column - first] = 1.0
        for column in range(max(first, len(b)), min(first + directions, len(b) + len(d))):
            d_dot[column - len(b), column - first] = 1.0
        value, value_dot = thomas_tangents(a, b, b_dot, c, d, d_dot, cp, cp_dot)
        if first == 0:
            jac = np.empty((len(value), len(b)))
            jac_2 = np.empty((len(value), len(d)))
        for row in range(len(value)):
            for column in range(first, min(first + directions, len(b))):
                jac[row, column] = value_dot[row, column - first]
            for column in range(max(first, len(b)), min(first + directions, len(b) + len(d))):
                jac_2[row, column - len(b)] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(b))):
            b_dot[column, column - first] = 0.0
        for column in range(max(first, len(b)), min(first + directions, len(b) + len(d))):
            d_dot[column - len(b), column - first] = 0.0
    return (jac, jac_2)
