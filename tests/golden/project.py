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
    inv_z = 1.0 / z
    out0_by_u_over_z = (factor_0 + scaled_u * u) * inv_z
    out0_by_v_over_z = inv_z * v * scaled_u
    out0_by_y = out0_by_v_over_z * focal
    out1_by_v_over_z = (factor_0 + 0.2 * v * v) * inv_z
    # derivatives
    jac = np.empty((2, 3))
    jac[0, 0] = out0_by_u_over_z * focal
    jac[0, 1] = out0_by_y
    jac[0, 2] = -(out0_by_v_over_z * v + out0_by_u_over_z * u)
    jac[1, 0] = out0_by_y
    jac[1, 1] = out1_by_v_over_z * focal
    jac[1, 2] = -(out1_by_v_over_z * v + out0_by_v_over_z * u)
    jac_2 = np.empty(2)
    jac_2[0] = out0_by_v_over_z * y + out0_by_u_over_z * x
    jac_2[1] = out1_by_v_over_z * y + out0_by_v_over_z * x
    return np.array((u * factor_0, v * factor_0)), (jac, jac_2)
