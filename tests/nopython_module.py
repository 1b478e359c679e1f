"""A decorated function of a module, for the tests that call it from compiled code."""

import numpy as np

from srcdiff import jacobian_compiled


@jacobian_compiled
def product(x, y):
    return x * y**2


@jacobian_compiled(wrt="y")
def decay(t, y):
    a, b = y
    return np.array([-a * b, a * b - b])
