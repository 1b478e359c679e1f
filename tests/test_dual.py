"""The reference itself: against complex step, high-precision differences and formulas written by hand."""

import cmath
import math
from collections import namedtuple
from math import exp
from math import sin as sine

import dual
import mpmath
import numpy as np
import numpy as xp
import pytest
from numpy import tanh

Point = namedtuple("Point", "x y")
FACTOR = 3.0


def slope(function, *args, wrt=None):
    return dual.dual_jacobian(function, args, wrt)


UNARY_POINTS = {
    "acosh": (1.1, 4.0),
    "gamma": (0.3, 4.5),
    "lgamma": (0.3, 9.5),
    "log": (0.1, 9.0),
    "log2": (0.1, 9.0),
    "log10": (0.1, 9.0),
    "log1p": (-0.5, 9.0),
    "sqrt": (0.2, 9.0),
    "cbrt": (-2.0, 9.0),
    "sign": (-2.0, 9.0),
    "rint": (-2.2, 9.3),
    "spacing": (1.1, 1.3),
    "reciprocal": (0.4, 4.0),
}


@pytest.mark.parametrize("name", [n for n in dual.UNARY if n != "spacing"])
def test_unary_rule_is_the_derivative_of_its_value(name):
    rule = dual.UNARY[name]
    low, high = UNARY_POINTS.get(name, (-0.9, 0.9))
    for x in np.linspace(low, high, 7) + 0.0123:
        found = dual.dual_jacobian(lambda x: rule(x), (float(x),))
        expected = dual.difference_jacobian(lambda x: rule(x), (float(x),))[0, 0]
        assert found == pytest.approx(expected, rel=1e-14, abs=1e-300)


@pytest.mark.parametrize("name", list(dual.BINARY))
def test_binary_rule_is_the_derivative_of_its_value(name):
    rule = dual.BINARY[name]
    for x, y in [(0.7, 1.9), (2.3, 0.45), (5.1, 2.2)]:
        found = dual.dual_jacobian(lambda x, y: rule(x, y), (x, y))
        expected = dual.difference_jacobian(lambda x, y: rule(x, y), (x, y))[0]
        assert found == pytest.approx(tuple(expected), rel=1e-14, abs=1e-300)


ANALYTIC = [
    (lambda x: math.sin(x) * math.exp(-x), lambda x: cmath.sin(x) * cmath.exp(-x)),
    (lambda x: math.log(1.0 + x * x) / x, lambda x: cmath.log(1.0 + x * x) / x),
    (lambda x: x**3.5 - x**-2 + 2.0**x, lambda x: x**3.5 - x**-2 + 2.0**x),
    (lambda x: np.arctan(x) + np.sqrt(x), lambda x: cmath.atan(x) + cmath.sqrt(x)),
    (lambda x: sine(exp(-x)) * tanh(x), lambda x: cmath.sin(cmath.exp(-x)) * cmath.tanh(x)),
]


@pytest.mark.parametrize("function, holomorphic", ANALYTIC)
@pytest.mark.parametrize("x", [0.3, 1.7, 4.2])
def test_against_complex_step(function, holomorphic, x):
    assert slope(function, x) == pytest.approx(holomorphic(complex(x, 1e-200)).imag / 1e-200, rel=1e-13)


def test_against_mpmath_diff():
    def series(x):
        total, term = 0.0, 1.0
        for n in range(1, 30):
            total += term
            term *= -x / n
        return total

    with mpmath.workdps(50):
        assert slope(series, 1.5) == pytest.approx(float(mpmath.diff(lambda x: series(x), mpmath.mpf(1.5))), rel=1e-15)


CONVENTIONS = [
    (lambda x: abs(x), 0.0, 0.0),
    (lambda x: np.maximum(x, 1.0), 1.0, 0.5),
    (lambda x: np.fmin(1.0, x), 1.0, 0.5),
    (lambda x: max(x, 1.0), 1.0, 1.0),
    (lambda x: max(1.0, x), 1.0, 0.0),
    (lambda x: min(x, 1.0), 1.0, 1.0),
    (lambda x: math.sqrt(x), 0.0, math.inf),
    (lambda x: math.sqrt(0.0 * 2.0) + x, 0.0, 1.0),
    (lambda x: math.hypot(x, 0.0), 0.0, 0.0),
    (lambda x: np.linalg.norm(np.array([x, 0.0])), 0.0, 0.0),
    (lambda x: math.atan2(x, 0.0), 0.0, math.nan),
    (lambda x: math.floor(x) * x, 2.5, 2.0),
    (lambda x: round(x) + x, 2.6, 1.0),
    (lambda x: x // 0.4, 2.5, 0.0),
    (lambda x: x % 0.4, 2.5, 1.0),
    (lambda x: 2.5 % x, 0.4, -6.0),
    (lambda x: -2.5 % x, 0.4, 7.0),
    (lambda x: math.fmod(-2.5, x), 0.4, 6.0),
    (lambda x: x**2.5, 0.0, 0.0),
    (lambda x: x**1, 0.0, 1.0),
    (lambda x: x**0.5, 0.0, math.inf),
    (lambda x: x**0, 0.0, 0.0),
    (lambda x: x**-1, 0.0, -math.inf),
    (lambda x: 0.0**x, 2.0, 0.0),
    (lambda x: 0.0**x, -2.0, math.nan),
    (lambda x: (-2.0 * x) ** 3, 1.0, -24.0),
    (lambda x: np.sign(x) * x, -3.0, -1.0),
    (lambda x: np.max(np.array([x, 2.0 * x, 2.0])), 1.0, 2.0),
    (lambda x: np.where(x > 0.0, x, math.sqrt(x)), 1.0, 1.0),
]


@pytest.mark.parametrize("function, x, expected", CONVENTIONS)
def test_conventions(function, x, expected):
    found = slope(function, x)
    assert found == expected or (math.isnan(found) and math.isnan(expected))


def test_result_structure_follows_output_and_inputs():
    def function(p, y, k):
        a, b = p
        return (a * y[0] * k, np.array([b * y[1], y[2], a])), Point(k, 2.0)

    args = ((2.0, 3.0), np.array([4.0, 5.0, 6.0]), 7.0)
    value, jacobian = dual.value_and_jacobian(function, args)
    (first, second), (third, _) = jacobian
    (d_a, d_b), d_y, d_k = first
    assert (d_a, d_b, d_k) == (28.0, 0.0, 8.0)
    assert d_y.tolist() == [14.0, 0.0, 0.0]
    assert second[0][1].tolist() == [5.0, 0.0, 0.0]
    assert second[1].tolist() == [[0.0, 3.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    assert third[2] == 1.0
    flat = dual.matrix(jacobian, value)
    assert flat.shape == (6, 6)
    np.testing.assert_allclose(flat, dual.difference_jacobian(function, args), rtol=1e-14)


def test_wrt_and_discrete_arguments():
    def function(x, n, mode, k):
        return (x * k) ** n if mode == "power" else x

    assert slope(function, 2.0, 3, "power", 1.0) == (12.0, 24.0)
    assert slope(function, 2.0, 3, "power", 1.0, wrt="x") == 12.0
    assert slope(function, 2.0, 3, "power", 1.0, wrt=("k",)) == (24.0,)


def test_helpers_closures_recursion_and_defaults():
    def helper(x, scale=2.0):
        return scale * x * FACTOR

    def power(x, n):
        return 1.0 if n == 0 else x * power(x, n - 1)

    def function(x):
        square = lambda z: z * z * x  # noqa: E731
        return helper(x) + helper(x, scale=1.0) + power(x, 3) + square(x)

    assert slope(function, 2.0) == 6.0 + 3.0 + 12.0 + 12.0


def test_complex_intermediates():
    def function(x, y):
        z = complex(x, y)
        w = cmath.exp(1j * z) * z.conjugate()
        return abs(w), w.real, w.imag, cmath.phase(z)

    args = (0.7, -0.4)
    value, jacobian = dual.value_and_jacobian(function, args)
    np.testing.assert_allclose(value, function(*args), rtol=1e-14)
    np.testing.assert_allclose(dual.matrix(jacobian, value), dual.difference_jacobian(function, args), rtol=1e-14)


def test_arrays():
    def function(y, r):
        m = np.zeros((3, 3))
        for i in range(3):
            m[i, i] = math.cos(r) + i
        m[0, 1] -= math.sin(r)
        m[1, 0] += np.sin(r)
        w = m @ y
        u = np.cross(w, y) / np.linalg.norm(y)
        w[1:] = 2.0 * y[:2]
        return np.dot(u, w) + np.sum(m[:, 0]) + w.sum() + u.T.dot(y), np.linalg.solve(m, y), np.linalg.det(m)

    args = (np.array([0.3, -1.2, 2.0]), 0.6)
    value, jacobian = dual.value_and_jacobian(function, args)
    plain = function(*args)
    np.testing.assert_allclose(dual.leaves(value), dual.leaves(plain), rtol=1e-13)
    differences = dual.difference_jacobian(function, args)
    np.testing.assert_allclose(dual.matrix(jacobian, value), differences, rtol=1e-14, atol=1e-30)


def test_output_arguments():
    def fill(t, y, dy):
        dy[0] = y[0] * t
        dy[1] = xp.square(y[1])

    args = (2.0, np.array([3.0, 4.0]), np.zeros(2))
    value, (by_t, by_y) = dual.value_and_jacobian(fill, args, of="dy")
    assert value.tolist() == [6.0, 16.0]
    assert by_t.tolist() == [3.0, 0.0]
    assert by_y.tolist() == [[2.0, 0.0], [0.0, 8.0]]
    assert args[2].tolist() == [0.0, 0.0]


def test_float_arithmetic_agrees_with_fifty_digits():
    def function(x, y):
        for _ in range(5):
            x, y = math.sin(x + y), math.exp(-x * y)
        return x / y, math.erf(x) + math.lgamma(1.0 + y * y)

    args = (0.3, 1.1)
    assert dual.mismatch(dual.dual_jacobian(function, args, digits=None), dual.dual_jacobian(function, args)) is None


def test_near_ties_are_counted():
    before = dual.near_ties
    slope(lambda x: x if x > 1.0 else -x, 1.5)
    assert dual.near_ties == before
    slope(lambda x: x if x > 1.0 else -x, 1.0 + 1e-13)
    slope(lambda x: math.floor(x) * x, 2.0 - 1e-13)
    assert dual.near_ties == before + 2


@pytest.mark.parametrize(
    "actual, expected, problem",
    [
        ((1.0, 2.0), (1.0, 2.0), None),
        ((1.0, 2.0), (1.0, 2.1), "[1]: 2.0 where 2.1 is right"),
        (1.0, (1.0,), ": a float where a tuple of 1 is right"),
        (np.zeros(2), np.zeros(3), ": an array of shape (2,) where an array of shape (3,) is right"),
        (1e-14, 0.0, ": 1e-14 where 0.0 is right"),
        ((1e-14, 1.0), (0.0, 1.0), None),
    ],
)
def test_mismatch(actual, expected, problem):
    assert dual.mismatch(actual, expected) == problem
