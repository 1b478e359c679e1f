"""Derivative of lotka_volterra (golden_cases.py:36-39, sha256 89b8e6b94c71),
by srcdiff 0.1.0.

forward mode   inputs y; constant t
varying        dy
returns        d/dy
shapes         y (2,), dy (2,)
assumed        t: float64, or as given by default
"""

import numpy as np


def lotka_volterra_jacobian(t, y, dy):
    if len(y) != 2:
        raise ValueError("y must have 2 elements")
    if len(dy) != 2:
        raise ValueError("dy must have 2 elements")
    if y is dy:
        raise ValueError("y and dy must be different arrays")
    ddy_0_dy0 = 1.5 - y[1]
    # Prey and predator.
    # L38: dy[0] = 1.5 * y[0] - y[0] * y[1]
    dy_0 = 1.5 * y[0] - y[0] * y[1]
    ddy_1_dy1 = y[0] - 3.0
    # L39: dy[1] = y[0] * y[1] - 3.0 * y[1]
    dy_1 = y[0] * y[1] - 3.0 * y[1]
    y_0, y_1 = y[0], y[1]
    jac = np.empty((2, 2))
    jac[0, 0] = ddy_0_dy0
    jac[0, 1] = -y_0
    jac[1, 0] = y_1
    jac[1, 1] = ddy_1_dy1
    dy[0] = dy_0
    dy[1] = dy_1
    return jac
