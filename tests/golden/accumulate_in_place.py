"""Derivative of accumulate_in_place (golden_cases.py:135-141, sha256 db8f5281b412),
by srcdiff 0.1.0.

forward mode   inputs y
varying        w
returns        array (3,), d/dy
shapes         y (3,)
"""

import numpy as np


def accumulate_in_place_value_and_jacobian(y):
    if len(y) != 3:
        raise ValueError("y must have 3 elements")
    # L137: for i in range(3)
    # L138: w[i] = y[i] ** 2
    w_0 = y[0]**2
    # L138: w[i] = y[i] ** 2
    w_1 = y[1]**2
    # L140: w[i] += w[i - 1]
    w_1 = w_1 + w_0
    # L138: w[i] = y[i] ** 2
    w_2 = y[2]**2
    # L140: w[i] += w[i - 1]
    w_2 = w_2 + w_1
    dout0_dy0 = 2.0 * y[0]
    dout1_dy1 = 2.0 * y[1]
    y_2 = y[2]
    jac = np.zeros((3, 3))
    jac[0, 0] = dout0_dy0
    jac[1, 0] = dout0_dy0
    jac[1, 1] = dout1_dy1
    jac[2, 0] = dout0_dy0
    jac[2, 1] = dout1_dy1
    jac[2, 2] = 2.0 * y_2
    return np.array((w_0, w_1, w_2)), jac
