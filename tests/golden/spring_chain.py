"""Derivative of spring_chain (golden_cases.py:116-117, sha256 037e401cce0c),
by srcdiff 0.1.0.

forward mode   inputs x
returns        d/dx
shapes         x (3,)
"""

import numpy as np

COUPLING_0_0 = 2.0
COUPLING_1_1 = 2.0
COUPLING_2_2 = 2.0


def spring_chain_jacobian(x):
    if len(x) != 3:
        raise ValueError("x must have 3 elements")
    jac = np.zeros((3, 3))
    jac[0, 0] = COUPLING_0_0
    jac[0, 1] = -1.0
    jac[1, 0] = -1.0
    jac[1, 1] = COUPLING_1_1
    jac[1, 2] = -1.0
    jac[2, 1] = -1.0
    jac[2, 2] = COUPLING_2_2
    return jac
