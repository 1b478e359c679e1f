"""Derivative of hypotenuse (golden_cases.py:64-65, sha256 85d110b66a90),
by srcdiff 0.1.0.

forward mode   inputs x, y
returns        (d/dx, d/dy)
assumed        x, y: float64, or as given by default
"""

import math


def hypotenuse_jacobian(x, y):
    hypot_x_y = math.hypot(x, y)
    return (x / hypot_x_y if hypot_x_y != 0.0 else 0.0, y / hypot_x_y if hypot_x_y != 0.0 else 0.0)
