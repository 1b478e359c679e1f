"""Comprehensions over arrays of any length, where a function consumes them."""

import math

import dual
import numpy as np
import pytest
from random_programs import run_compiled, run_emitted

import srcdiff
from srcdiff.errors import SrcdiffError

Y = np.array([0.3, -0.8, 0.5, 1.2])
Z = np.array([1.1, 0.4, -0.7, 0.2])


def products_added(y, z):
    return sum(a * b for a, b in zip(y, z)) * y


def array_of_items(y, c):
    return np.array([math.sin(v) * c if v > 0.0 else v * v for v in y])


def array_over_places(y, c):
    return np.array([y[i] * y[i - 1] * c for i in range(len(y))])


def chosen_items(y, z):
    w = np.array([v + u for v, u in zip(y, z) if v > 0.0 if v * u > 0.0])
    return w * w[0], sum(v * v for v in y if v > 0.4)


def extrema(y, c):
    return max(v * v for v in y) * y + min([v * c for v in y])


def conditions(y):
    return y * 2.0 if any(v > 0.4 for v in y) and not all(v > 0.0 for v in y) else y


def within_a_loop(y, z, c):
    s = 0.0
    for k in range(len(z)):
        s += sum(y[j] * z[k] * c for j in range(len(y)) if j != k)
    return s * y


def within_another(y, z):
    return np.array([sum(a * b for b in z) for a in y])


def a_namesake(y, c):
    x = 3.0
    t = sum([x * c for x in y])
    return t * x * y


def helper(v, c):
    return v * c if v > 0.0 else v


def of_helpers(y, c):
    return np.array([helper(v, c) for v in y]) + math.fsum(v * c for v in y)


def rebinding_what_is_gone_through(y, c):
    for _ in range(2):
        y = np.array([v * c if v > 0.0 else v * v for v in y])
    return y


def rows(A, y):
    return np.array([np.dot(r, y) for r in A]) + sum(np.sum(r) * v for r, v in zip(A, y))


def sum_of_rows(A, c):
    """Python adds the rows; np.sum would add all numbers."""
    return sum(A) * c + sum(A * c, A[0])


FUNCTIONS = [
    products_added, array_of_items, array_over_places, chosen_items, extrema, conditions, within_a_loop,
    within_another, a_namesake, of_helpers, rebinding_what_is_gone_through, rows, sum_of_rows,
]  # fmt: skip
VALUES = {"y": Y, "z": Z, "c": 0.6, "A": np.arange(16.0).reshape(4, 4) / 7 - 1.0}


def arguments(function):
    return tuple(VALUES[name] for name in dual.parameter_names(function))


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_right(function):
    args = arguments(function)
    assert dual.mismatch(run_emitted(function, args), dual.value_and_jacobian(function, args), 1e-12) is None


@pytest.mark.parametrize("function", [chosen_items, within_another], ids=lambda f: f.__name__)
def test_compiled(function):
    args = arguments(function)
    assert dual.mismatch(run_compiled(function, args), dual.value_and_jacobian(function, args), 1e-12) is None


def test_nothing_to_go_through():
    empty = np.zeros(0)
    value, jacobian = run_emitted(array_of_items, (empty, 0.6))
    assert value.shape == (0,)
    assert jacobian[0].shape == (0, 0)


def two_loops(y):
    return sum(a * b for a in y for b in y)


def arrays_as_items(y):
    return np.array([y * v for v in y])


def kept_as_a_list(y):
    items = [v * v for v in y]
    return items[0]


@pytest.mark.parametrize("function", [two_loops, arrays_as_items, kept_as_a_list], ids=lambda f: f.__name__)
def test_refused(function):
    with pytest.raises(SrcdiffError) as caught:
        srcdiff.emit(function, types="float64[:]")
    assert "defect" not in str(caught.value)
