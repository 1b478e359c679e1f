"""What random array programs found, reduced; each gave a wrong number, or text that did not run, once."""


import dual
import numpy as np
import pytest
from random_programs import run_emitted

Y = np.array([0.3, -0.8, 0.5])
Z = np.array([1.1, 0.4, -0.7])


def arrays_of_a_comprehension(y, z):
    w = [x for x in (y, y[::-1], z)]  # noqa: C416
    return w[0] * w[1] + w[2]


def a_comprehension_whose_variable_has_a_namesake(y, z):
    x = y * 2.0
    w = [x * 1.5 for x in (y, z)]
    return w[0] * w[1] + x


def pairs_of_a_comprehension(y, z):
    w = [(x, x[1:]) for x in (y[1:], z[:-1])]
    return w[0][0] * w[1][0], w[0][1] * w[1][1]


RIGHT = [
    arrays_of_a_comprehension,
    a_comprehension_whose_variable_has_a_namesake,
    pairs_of_a_comprehension,
]


@pytest.mark.parametrize("function", RIGHT, ids=lambda f: f.__name__)
def test_right(function):
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    args = tuple({"y": Y, "z": Z, "c": 0.6, "n": 3}[name] for name in names)
    wrt = tuple(name for name in names if name != "n")
    wrt = wrt if len(wrt) > 1 else wrt[0]
    expected = dual.value_and_jacobian(function, args, wrt)
    assert dual.mismatch(run_emitted(function, args, wrt=wrt), expected, 1e-12) is None
