"""Derivative of project (golden_cases.py:195-199, sha256 29ed0e841443),
by srcdiff 0.1.0.

forward mode   inputs point, focal
varying        x, y, z, u, v, r2
returns        array (2,), (d/dpoint, d/dfocal)
shapes         point (3,)
order          blocks accumulated: values, then partials, then the chain rule
assumed        focal: float64, or as given by default
"""

import numpy as np


def project_value_and_jacobian(point, focal):
    if len(point) != 3:
        raise ValueError("point must have 3 elements")
    # values
    x, y, z = point  # L196
    u, v = focal * x / z, focal * y / z  # L197
    r2 = u * u + v * v  # L198
    # L199: return np.array([u, v]) * (1.0 + 0.1 * r2)
    factor_0 = 1.0 + 0.1 * r2
    # partials
    scaled_u = 0.2 * u
    out0_by_u = factor_0 + scaled_u * u
    inv_z = 1.0 / z
    term = out0_by_u * inv_z
    out0_by_v = scaled_u * v
    term_2 = out0_by_v * inv_z
    out0_by_y = term_2 * focal
    v_inv_z = v * inv_z
    u_inv_z = u * inv_z
    out1_by_v = factor_0 + 0.2 * v * v
    term_3 = out1_by_v * inv_z
    # derivatives
    jac = np.empty((2, 3))
    jac[0, 0] = term * focal
    jac[0, 1] = out0_by_y
    jac[0, 2] = -(out0_by_v * v_inv_z + out0_by_u * u_inv_z)
    jac[1, 0] = out0_by_y
    jac[1, 1] = term_3 * focal
    jac[1, 2] = -(out1_by_v * v_inv_z + out0_by_v * u_inv_z)
    jac_2 = np.empty(2)
    jac_2[0] = term_2 * y + term * x
    jac_2[1] = term_3 * y + term_2 * x
    return np.array((u * factor_0, v * factor_0)), (jac, jac_2)
