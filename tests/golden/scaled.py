"""Derivative of scaled (golden_cases.py:178-182, sha256 716cb3156ef2),
by srcdiff 0.1.0.

forward mode   inputs x, factor
returns        value, (d/dx, d/dfactor)
assumed        x, factor: float64, or as given by default
"""

import math


def sech_squared(x):
    """1/cosh(x)**2, the derivative of tanh: neither cosh's overflow nor twice its error."""
    e = math.exp(-2.0 * abs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


def gain_jacobian(factor, z):
    """gain (golden_cases.py:179): 1 value, then partials by factor, z."""
    return factor * math.tanh(z), math.tanh(z), factor * sech_squared(z)


def scaled_value_and_jacobian(x, factor):
    gain_value, gain_value_by_factor, gain_value_by_z = gain_jacobian(factor, x)
    gain_value_2, gain_value_2_by_factor, gain_value_2_by_z = gain_jacobian(factor, 2.0 * x)
    dgain_value_2_dx = 2.0 * gain_value_2_by_z
    return (
        gain_value + gain_value_2,
        (gain_value_by_z + dgain_value_2_dx, gain_value_by_factor + gain_value_2_by_factor),
    )
