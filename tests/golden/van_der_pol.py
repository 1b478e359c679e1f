"""Derivative of van_der_pol (golden_cases.py:185-186, sha256 e9da033f75fa),
by srcdiff 0.1.0.

forward mode   inputs y; constant t, mu
returns        for each result d/dy
shapes         y (2,)
assumed        t, mu: float64, or as given by default
"""

import numpy as np


def van_der_pol_jacobian(t, y, mu):
    if len(y) != 2:
        raise ValueError("y must have 2 elements")
    jac = np.zeros(2)
    jac[1] = 1.0
    y_0, y_1 = y[0], y[1]
    jac_2 = np.empty(2)
    jac_2[0] = -(1.0 + 2.0 * y_0 * (mu * y_1))
    jac_2[1] = mu * (1.0 - y_0**2)
    return (jac, jac_2)
