"""Derivative of thomas (golden_arrays.py:61-74, sha256 69f1df08be85),
by srcdiff 0.1.0.

forward mode   inputs b, d; constant a, c
varying        cp, x, m
returns        (d/db, d/dd)
directions     up to 64 at once, chunk by chunk: the length of b, d is known at run time
               rows of tangents that no direction of a chunk reaches are not computed
"""

import numpy as np


def thomas_tangents(a, b, b_dot, b_active, c, d, d_dot, d_active, cp, cp_dot, cp_active):
    """Values of thomas and their tangents in many directions."""
    directions = b_dot.shape[-1]
    n = len(d)  # L63
    # L64: cp = np.zeros(n)
    cp[:] = 0.0
    cp_dot[cp_active] = 0.0
    cp_active[:] = False
    x_dot = d_dot.copy()
    x_active = d_active.copy()
    x = d.copy()  # L65
    cp_by_b = c[0] / b[0] / b[0]
    cp[0] = c[0] / b[0]  # L66
    x_by_d = 1.0 / b[0]
    x_by_b = d[0] / b[0] / b[0]
    x[0] = d[0] / b[0]  # L67
    if b_active[0] or d_active[0]:
        for k in range(directions):
            cp_dot[0, k] = -cp_by_b * b_dot[0, k]
            x_dot[0, k] = x_by_d * d_dot[0, k] - x_by_b * b_dot[0, k]
        cp_active[0] = True
        x_active[0] = True
    elif cp_active[0] or x_active[0]:
        cp_dot[0, :] = 0.0
        cp_active[0] = False
        x_dot[0, :] = 0.0
        x_active[0] = False
    for i in range(1, n):  # L68
        m_by_cp = a[i]
        m = b[i] - a[i] * cp[i - 1]  # L69
        cp_by_m = c[i] / m / m
        cp[i] = c[i] / m  # L70
        x_by_d_2 = 1.0 / m
        x_by_x = a[i] / m
        x_by_m = (d[i] - a[i] * x[i - 1]) / m / m
        x[i] = (d[i] - a[i] * x[i - 1]) / m  # L71
        if b_active[i] or cp_active[i - 1] or d_active[i] or x_active[i - 1]:
            for k in range(directions):
                m_dot = b_dot[i, k] - m_by_cp * cp_dot[i - 1, k]
                cp_dot[i, k] = -cp_by_m * m_dot
                x_dot[i, k] = x_by_d_2 * d_dot[i, k] - x_by_x * x_dot[i - 1, k] - x_by_m * m_dot
            cp_active[i] = True
            x_active[i] = True
        elif cp_active[i] or x_active[i]:
            cp_dot[i, :] = 0.0
            cp_active[i] = False
            x_dot[i, :] = 0.0
            x_active[i] = False
    for i in range(n - 2, -1, -1):  # L72
        x_by_cp = x[i + 1]
        x_by_x_2 = cp[i]
        x[i] -= cp[i] * x[i + 1]  # L73
        if cp_active[i] or x_active[i + 1]:
            for k in range(directions):
                x_dot[i, k] = x_dot[i, k] - x_by_cp * cp_dot[i, k] - x_by_x_2 * x_dot[i + 1, k]
            x_active[i] = True
    return x, x_dot


def thomas_jacobian(a, b, c, d):
    columns = len(b) + len(d)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    b_dot = np.zeros((len(b), directions))
    b_active = np.zeros(len(b), np.bool_)
    d_dot = np.zeros((len(d), directions))
    d_active = np.zeros(len(d), np.bool_)
    cp = np.empty(len(d))
    cp_dot = np.zeros((len(d), directions))
    cp_active = np.zeros(len(d), np.bool_)
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(b))):
            b_dot[column, column - first] = 1.0
            b_active[column] = True
        for column in range(max(first, len(b)), min(first + directions, len(b) + len(d))):
            d_dot[column - len(b), column - first] = 1.0
            d_active[column - len(b)] = True
        value, value_dot = thomas_tangents(
            a, b, b_dot, b_active, c, d, d_dot, d_active, cp, cp_dot, cp_active,
        )
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
            b_active[column] = False
        for column in range(max(first, len(b)), min(first + directions, len(b) + len(d))):
            d_dot[column - len(b), column - first] = 0.0
            d_active[column - len(b)] = False
    return (jac, jac_2)
