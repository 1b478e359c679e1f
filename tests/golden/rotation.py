"""Derivative of rotation (golden_cases.py:126-128, sha256 5a6b2a03bf85),
by srcdiff 0.1.0.

forward mode   inputs angle
varying        c, s
returns        array (3, 3), d/dangle
assumed        angle: float64, or as given by default
"""

import numpy as np


def rotation_value_and_jacobian(angle):
    dc_dangle = -np.sin(angle)
    ds_dangle = np.cos(angle)
    c, s = np.cos(angle), np.sin(angle)  # L127
    value = np.zeros((3, 3))
    value[0, 0] = c
    value[0, 1] = -s
    value[1, 0] = s
    value[1, 1] = c
    value[2, 2] = 1.0
    jac = np.zeros((3, 3))
    jac[0, 0] = dc_dangle
    jac[0, 1] = -ds_dangle
    jac[1, 0] = ds_dangle
    jac[1, 1] = dc_dangle
    return value, jac
