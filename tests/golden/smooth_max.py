"""Derivative of smooth_max (golden_cases.py:108-109, sha256 8ad2ca82af04),
by srcdiff 0.1.0.

forward mode   inputs x, y, sharpness
returns        value, (d/dx, d/dy, d/dsharpness)
assumed        x, y, sharpness: float64, or as given by default
"""

import math


def smooth_max_value_and_jacobian(x, y, sharpness):
    x_over_sharpness = x / sharpness
    exp_x_over_sharpness = math.exp(x_over_sharpness)
    y_over_sharpness = y / sharpness
    exp_y_over_sharpness = math.exp(y_over_sharpness)
    sharpness_over_sum = sharpness / (exp_x_over_sharpness + exp_y_over_sharpness)
    inv_sharpness = 1.0 / sharpness
    return (
        sharpness * math.log(math.exp(x / sharpness) + math.exp(y / sharpness)),
        (
            sharpness_over_sum * exp_x_over_sharpness * inv_sharpness,
            sharpness_over_sum * exp_y_over_sharpness * inv_sharpness,
            math.log(exp_x_over_sharpness + exp_y_over_sharpness) - sharpness_over_sum * exp_y_over_sharpness * (y_over_sharpness * inv_sharpness) - sharpness_over_sum * exp_x_over_sharpness * (x_over_sharpness * inv_sharpness),
        ),
    )
