"""Scalar form of lorenz96 (golden_arrays.py:20-25, sha256 49eaaa5accbf),
by srcdiff 0.1.0.

returns        an array
"""

import numpy as np


def lorenz96(t, y, F):
    n = len(y)  # L21
    dy = np.empty(n)  # L22
    for i in range(n):  # L23
        dy[i] = (y[(i + 1) % n] - y[i - 2]) * y[i - 1] - y[i] + F  # L24
    return dy  # L25
