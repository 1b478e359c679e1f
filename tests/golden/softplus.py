"""Derivative of softplus (golden_cases.py:68-71, sha256 11ee512541db),
by srcdiff 0.1.0.

forward mode   inputs x
returns        d/dx
branches       L69: derivative of the branch taken
assumed        x: float64, or as given by default
"""

import math


def softplus_jacobian(x):
    if x > 30.0:  # L69
        return 1.0
    exp_x = math.exp(x)
    return exp_x / (1.0 + exp_x)
