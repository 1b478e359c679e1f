"""Derivative of rotate (golden_cases.py:120-123, sha256 c8664d0dc904),
by srcdiff 0.1.0.

forward mode   inputs q, v
returns        the matrix 3 x 7: outputs by inputs
shapes         q (4,), v (3,)
"""

import numpy as np


def rotate_jacobian_matrix(q, v):
    if len(q) != 4:
        raise ValueError("q must have 4 elements")
    if len(v) != 3:
        raise ValueError("v must have 3 elements")
    # L123: return v + 2.0 * np.cross(u, np.cross(u, v) + q[0] * v)
    right_0 = q[2] * v[2] - q[3] * v[1] + q[0] * v[0]
    right_1 = q[3] * v[0] - q[1] * v[2] + q[0] * v[1]
    right_2 = q[1] * v[1] - q[2] * v[0] + q[0] * v[2]
    twice_q_2 = 2.0 * q[2]
    twice_q_3 = 2.0 * q[3]
    twice_q_1 = 2.0 * q[1]
    v_2, v_1, v_0, q_2, q_3, q_1, q_0 = v[2], v[1], v[0], q[2], q[3], q[1], q[0]
    out = np.empty((3, 7))
    out[0, 0] = twice_q_2 * v_2 - twice_q_3 * v_1
    out[0, 1] = twice_q_2 * v_1 + twice_q_3 * v_2
    out[0, 2] = 2.0 * right_2 - twice_q_2 * v_0
    out[0, 3] = -(2.0 * right_1 + twice_q_3 * v_0)
    out[0, 4] = 1.0 - twice_q_2 * q_2 - twice_q_3 * q_3
    out[0, 5] = twice_q_2 * q_1 - twice_q_3 * q_0
    out[0, 6] = twice_q_2 * q_0 + twice_q_3 * q_1
    out[1, 0] = twice_q_3 * v_0 - twice_q_1 * v_2
    out[1, 1] = -(2.0 * right_2 + twice_q_1 * v_1)
    out[1, 2] = twice_q_1 * v_0 + twice_q_3 * v_2
    out[1, 3] = 2.0 * right_0 - twice_q_3 * v_1
    out[1, 4] = twice_q_1 * q_2 + twice_q_3 * q_0
    out[1, 5] = 1.0 - twice_q_3 * q_3 - twice_q_1 * q_1
    out[1, 6] = twice_q_3 * q_2 - twice_q_1 * q_0
    out[2, 0] = twice_q_1 * v_1 - twice_q_2 * v_0
    out[2, 1] = 2.0 * right_1 - twice_q_1 * v_2
    out[2, 2] = -(2.0 * right_0 + twice_q_2 * v_2)
    out[2, 3] = twice_q_1 * v_0 + twice_q_2 * v_1
    out[2, 4] = twice_q_1 * q_3 - twice_q_2 * q_0
    out[2, 5] = twice_q_1 * q_0 + twice_q_2 * q_3
    out[2, 6] = 1.0 - twice_q_1 * q_1 - twice_q_2 * q_2
    return out
