"""Derivative of power (golden_cases.py:102-105, sha256 29cbfd561ae6),
by srcdiff 0.1.0.

forward mode   inputs x; constant n
returns        value, d/dx
assumed        x: float64, or as given by default
"""


def power_2_jacobian(x, n):
    """power_2 (golden_cases.py:102): 1 value, then partials by x."""
    if n == 0:  # L103
        return 1.0, 0.0
    power_2_value, power_2_value_by_x = power_2_jacobian(x, n - 1)
    return x * power_2_value, power_2_value + x * power_2_value_by_x


def power_value_and_jacobian(x, n):
    if n == 0:  # L103
        return 1.0, 0.0
    power_2_value, power_2_value_by_x = power_2_jacobian(x, n - 1)
    return x * power_2_value, power_2_value + x * power_2_value_by_x
