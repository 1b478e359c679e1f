"""Directional derivative of series (golden_cases.py:87-93, sha256 b05ae98b0fc4),
by srcdiff 0.1.0.

forward mode   inputs x; constant terms
varying        total, term
returns        (value, its tangent)
assumed        x: float64, or as given by default
"""


def series_jvp(primals, tangents):
    x, terms = primals
    x_dot = tangents
    total, term = 1.0, 1.0  # L89
    term_dot = 0.0
    total_dot = 0.0
    for n in range(1, terms):  # L90
        term_dot = x / n * term_dot + term / n * x_dot
        term *= x / n  # L91
        total_dot = total_dot + term_dot
        total += term  # L92
    return total, total_dot
