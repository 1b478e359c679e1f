"""Derivative of piecewise (golden_cases.py:74-79, sha256 6a07d0ba99a3),
by srcdiff 0.1.0.

forward mode   inputs x; constant mode
returns        d/dx
assumed        x, mode = 'linear': float64, or as given by default
"""


def piecewise_jacobian(x, mode='linear'):
    return 2.0
