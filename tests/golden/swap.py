"""Derivative of swap (golden_cases.py:96-99, sha256 89ad7f266d38),
by srcdiff 0.1.0.

forward mode   inputs a, b
varying        a, b
returns        value, (d/da, d/db)
branches       L97: derivative of the branch taken
assumed        a, b: float64, or as given by default
"""

import math


def swap_value_and_jacobian(a, b):
    if a < b:  # L97
        a, b = b, a  # L98
        da_da, da_db = 0.0, 1.0
    else:
        da_da, da_db = 1.0, 0.0
    exp_b = math.exp(b)
    return a * math.exp(b), (exp_b * da_da + a * exp_b * da_db, exp_b * da_db + a * exp_b * da_da)
