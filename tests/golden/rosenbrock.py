"""Derivative of rosenbrock (golden_cases.py:59-61, sha256 47900dbcb645),
by srcdiff 0.1.0.

forward mode   inputs x
varying        a, b
returns        value, d/dx
shapes         x (2,)
"""

import numpy as np


def rosenbrock_value_and_jacobian(x):
    if len(x) != 2:
        raise ValueError("x must have 2 elements")
    a, b = x  # L60
    b_minus_a_sq = b - a**2
    jac = np.empty(2)
    jac[0] = -(400.0 * b_minus_a_sq * a + 2.0 * (1.0 - a))
    jac[1] = 200.0 * b_minus_a_sq
    return (1.0 - a)**2 + 100.0 * (b - a**2)**2, jac
