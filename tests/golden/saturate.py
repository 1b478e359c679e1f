"""Derivative of saturate (golden_cases.py:112-113, sha256 fca4b1ed9a08),
by srcdiff 0.1.0.

forward mode   inputs x, low, high
returns        (d/dx, d/dlow, d/dhigh)
assumed        x, low, high: float64, or as given by default
"""

import math
import numpy as np


def saturate_jacobian(x, low, high):
    dminimum_x_dx = 1.0 if x < high else 0.0 if x > high else 0.5 if x == high else math.nan
    dminimum_x_dhigh = 1.0 if high < x else 0.0 if high > x else 0.5 if x == high else math.nan
    minimum_x = np.minimum(x, high)
    return (
        dminimum_x_dx if minimum_x > low else 0.0 if minimum_x < low else (0.5 if low == minimum_x else math.nan) * dminimum_x_dx,
        1.0 if low > minimum_x else 0.0 if low < minimum_x else 0.5 if low == minimum_x else math.nan,
        dminimum_x_dhigh if minimum_x > low else 0.0 if minimum_x < low else (0.5 if low == minimum_x else math.nan) * dminimum_x_dhigh,
    )
