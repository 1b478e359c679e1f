"""Derivative of distance (golden_cases.py:131-132, sha256 34baf4ee42cf),
by srcdiff 0.1.0.

forward mode   inputs p, q
returns        (d/dp, d/dq)
shapes         p (3,), q (3,)
"""

import math
import numpy as np


def distance_jacobian(p, q):
    if len(p) != 3:
        raise ValueError("p must have 3 elements")
    if len(q) != 3:
        raise ValueError("q must have 3 elements")
    # L132: return np.linalg.norm(p - q)
    component = p[0] - q[0]
    component_2 = p[1] - q[1]
    component_3 = p[2] - q[2]
    norm_component = math.sqrt(component * component + component_2 * component_2 + component_3 * component_3)
    jac = np.empty(3)
    jac[0] = component / norm_component if norm_component != 0.0 else 0.0
    jac[1] = component_2 / norm_component if norm_component != 0.0 else 0.0
    jac[2] = component_3 / norm_component if norm_component != 0.0 else 0.0
    jac_2 = np.empty(3)
    jac_2[0] = -component / norm_component if norm_component != 0.0 else 0.0
    jac_2[1] = -component_2 / norm_component if norm_component != 0.0 else 0.0
    jac_2[2] = -component_3 / norm_component if norm_component != 0.0 else 0.0
    return (jac, jac_2)
