"""Derivative of three (golden_cases.py:27-28, sha256 5323ec38fb0e),
by srcdiff 0.1.0.

forward mode   inputs x1, x2, x3
returns        for each result (d/dx1, d/dx2, d/dx3)
assumed        x1, x2, x3: float64, or as given by default
"""


def three_jacobian(x1, x2, x3):
    return ((1.0, 1.0, 0.0), (x3, 0.0, x1), (0.0, 3.0 * x2**2, 0.0))
