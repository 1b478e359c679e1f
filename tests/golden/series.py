"""Derivative of series (golden_cases.py:87-93, sha256 b05ae98b0fc4),
by srcdiff 0.1.0.

forward mode   inputs x; constant terms
varying        total, term
returns        value, d/dx
assumed        x: float64, or as given by default
"""


def series_value_and_jacobian(x, terms):
    total, term = 1.0, 1.0  # L89
    dterm_dx = 0.0
    dtotal_dx = 0.0
    for n in range(1, terms):  # L90
        dterm_dx = x / n * dterm_dx + term / n
        term *= x / n  # L91
        dtotal_dx = dtotal_dx + dterm_dx
        total += term  # L92
    return total, dtotal_dx
