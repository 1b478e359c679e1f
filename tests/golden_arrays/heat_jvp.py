"""Directional derivative of heat (golden_arrays.py:28-31, sha256 4efaef1d356c),
by srcdiff 0.1.0.

forward mode   inputs y; constant t, k
varying        dy
returns        (an array, its tangent)
directions     one: tangents have the shapes of their values
"""

import numpy as np


def heat_jvp(primals, tangents):
    t, y, k = primals
    y_dot = tangents
    if y_dot.shape != y.shape:
        raise ValueError("the tangent of y must have its shape")
    # L29: dy = np.zeros_like(y)
    dy = np.zeros(len(y))
    dy_dot = np.zeros(len(y))
    for i in range(len(y) - 2):  # L30: dy[1:-1] = k * (y[:-2] - 2.0 * y[1:-1] + y[2:])
        dy_dot[i + 1] = k * y_dot[i] - 2.0 * k * y_dot[i + 1] + k * y_dot[i + 2]
        dy[i + 1] = k * (y[i] - 2.0 * y[i + 1] + y[i + 2])
    # L31: return dy
    return dy, dy_dot
