"""Scalar form of robertson (golden_cases.py:31-33, sha256 6c1e8fcda607),
by srcdiff 0.1.0.

returns        array (3,)
shapes         y (3,)
assumed        t, k1, k2, k3: float64, or as given by default
"""

import numpy as np


def robertson(t, y, k1, k2, k3):
    if len(y) != 3:
        raise ValueError("y must have 3 elements")
    a, b, c = y  # L32
    # L33: return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 *...
    return np.array((-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b))
