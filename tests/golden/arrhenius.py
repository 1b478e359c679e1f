"""Derivative of arrhenius (golden_cases.py:174-175, sha256 58ff74ed3d1b),
by srcdiff 0.1.0.

forward mode   inputs temperature; constant kind
returns        value, d/dtemperature
assumed        temperature, kind = 'slow': float64, or as given by default
"""

import math

RATES_slow = 0.5


def arrhenius_value_and_jacobian(temperature, kind='slow'):
    quotient = -5000.0 / temperature
    return (
        RATES_slow * math.exp(-5000.0 / temperature),
        -RATES_slow * math.exp(quotient) * (quotient / temperature),
    )
