"""Derivative of robertson (golden_cases.py:31-33, sha256 6c1e8fcda607),
by srcdiff 0.1.0.

forward mode   inputs y; constant t, k1, k2, k3
varying        a, b, c
returns        d/dy
shapes         y (3,)
assumed        t, k1, k2, k3: float64, or as given by default
"""

import numpy as np


def robertson_jacobian(t, y, k1, k2, k3):
    if len(y) != 3:
        raise ValueError("y must have 3 elements")
    a, b, c = y  # L32
    dout0_dc = k3 * b
    jac = np.zeros((3, 3))
    jac[0, 0] = -k1
    jac[0, 1] = k3 * c
    jac[0, 2] = dout0_dc
    jac[1, 0] = k1
    jac[1, 1] = -(k3 * c + 2.0 * k2 * b)
    jac[1, 2] = -dout0_dc
    jac[2, 1] = 2.0 * k2 * b
    return jac
