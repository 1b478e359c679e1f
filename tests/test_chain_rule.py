"""What must not happen where partials meet tangents: integers wrap, masks multiply, calls within calls get lost."""

import cmath
import math

import numpy as np
import pytest

import srcdiff
from srcdiff.errors import UnsupportedSyntax

LARGE = 3_000_000
"""Its cube does not fit into 64 bits."""


def plain(function, *args, wrt, types, mode="jacobian"):
    """The emitted text, run by Python."""
    names = {}
    exec(srcdiff.emit(function, wrt=wrt, mode=mode, types=types), names)
    return names[f"{function.__name__}_{mode}"](*args)


# -- integers ---------------------------------------------------------------------------------------------------------


def nested_factors(x, n: int):
    return n * (n * (n * x))


def factors_one_by_one(x, n: int):
    return x * n * (n - 1) * (n - 2)


def factors_in_statements(x, n: int):
    y = x * n
    z = y * n
    return z * n


def factors_after_a_branch(x, n: int):
    s = 3 * x if n > 3 else 2 * x
    if n > 4:
        s = x * 5
    t = s * n
    u = t * n
    return u * n


def scaled(x, n: int):
    return n * x


def factors_of_helpers(x, n: int):
    return scaled(scaled(scaled(x, n), n), n)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (nested_factors, LARGE**3),
        (factors_one_by_one, LARGE * (LARGE - 1) * (LARGE - 2)),
        (factors_in_statements, LARGE**3),
        (factors_after_a_branch, 5 * LARGE**3),
        (factors_of_helpers, LARGE**3),
    ],
)
def test_integer_factors_do_not_wrap_in_derivatives(function, expected):
    found = srcdiff.jacobian(function, wrt="x")(1.5, LARGE)
    assert isinstance(found, float) and found == pytest.approx(expected)
    by_python = plain(function, 1.5, LARGE, wrt="x", types="float64, int64")
    assert isinstance(by_python, float) and by_python == pytest.approx(expected)


def test_a_tangent_that_starts_as_an_integer_does_not_wrap_in_a_loop():
    def powers(x, n: int):
        s = x * 2
        for _ in range(40):
            s = s * n
        return s

    assert srcdiff.jacobian(powers, wrt="x")(1.5, 10) == pytest.approx(2e40)


def test_integer_factors_do_not_wrap_in_programs_of_arrays():
    def fill(x, n: int):
        y = np.zeros(len(x))
        for i in range(len(x)):
            y[i] = n * (n * scaled(x[i], n))
        return y

    def total(x, n: int):
        s = 0.0
        for i in range(len(x)):
            t = n * x[i]
            u = n * t
            s = s + n * u
        return s

    cube = float(LARGE) ** 3
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(srcdiff.jacobian(fill, wrt="x")(x, LARGE), np.diag([cube, cube]))
    np.testing.assert_allclose(srcdiff.jacobian(total, wrt="x")(x, LARGE), [cube, cube])


# -- selections -------------------------------------------------------------------------------------------------------


def direction(x, y):
    r = math.sqrt(x * x + y * y)
    ux = x / r if r > 0 else 0.0
    uy = y / r if r > 0 else 0.0
    return ux * uy + ux


def test_sums_of_selected_partials_are_selected():
    assert srcdiff.jacobian(direction)(0.0, 0.0) == (0.0, 0.0)
    r = math.hypot(3.0, 4.0)
    ux, uy = 3.0 / r, 4.0 / r
    by_ux, by_uy = uy + 1.0, ux
    expected = (by_ux * uy**2 / r - by_uy * ux * uy / r, -by_ux * ux * uy / r + by_uy * ux**2 / r)
    assert srcdiff.jacobian(direction)(3.0, 4.0) == pytest.approx(expected)


def test_sums_under_several_conditions_are_selected():
    def hinges(v):
        x = np.sqrt(v)
        return np.maximum(x, 1.0) + np.maximum(x, 2.0)

    slope = srcdiff.jacobian(hinges)
    assert (slope(0.0), slope(2.25), slope(9.0)) == pytest.approx((0.0, 1.0 / 3.0, 1.0 / 3.0))


def test_sums_of_selected_partials_in_programs_of_arrays():
    def parts(x):
        s = np.sqrt(x)
        return np.where(s > 1, s, 0.0) + np.where(s > 2, s * s, 0.0) + x

    def unit(x):
        r = np.sqrt(np.sum(x * x))
        y = np.zeros(len(x))
        for i in range(len(x)):
            y[i] = (x[i] / r if r > 0 else 0.0) + (x[i] * x[i] / r if r > 0 else 0.0)
        return y

    x = np.array([0.0, 2.25, 9.0])
    expected = np.diag([1.0, 1.0 + 1.0 / 3.0, 2.0 + 1.0 / 6.0])
    np.testing.assert_allclose(srcdiff.jacobian(parts)(x), expected)
    tangent = srcdiff.jacobian_compiled(parts).jvp((x,), np.ones(3))[1]
    np.testing.assert_allclose(tangent, np.diag(expected))
    np.testing.assert_array_equal(srcdiff.jacobian(unit)(np.zeros(2)), np.zeros((2, 2)))


def quotient_returned_early(x, r):
    if r > 0:
        return x / r
    return 0.0


def quotient_in_a_branch(x, r):
    if r > 0:
        u = x / r
    else:
        u = 0.0
    return u


def quotient_as_an_expression(x, r):
    return x / r if r > 0 else 0.0


def quotient_in_a_loop(x, r):
    for _ in range(1):
        if r > 0:
            return x / r
    return 0.0


@pytest.mark.parametrize(
    "quotient", [quotient_returned_early, quotient_in_a_branch, quotient_as_an_expression, quotient_in_a_loop]
)
def test_partials_of_helpers_are_those_of_the_branch_taken(quotient):
    def of_numbers(x, y):
        r = math.sqrt(x * x + y * y)
        return quotient(x, r) + quotient(y, r) * y

    def of_arrays(x):
        r = np.sqrt((x * x).sum())
        y = np.zeros(len(x))
        for i in range(len(x)):
            y[i] = quotient(x[i], r)
        return y

    assert srcdiff.jacobian(of_numbers)(0.0, 0.0) == (0.0, 0.0)
    assert srcdiff.jacobian(of_numbers)(3.0, 4.0) == pytest.approx((-32.0 / 125.0, 124.0 / 125.0))
    np.testing.assert_array_equal(srcdiff.jacobian(of_arrays)(np.zeros(2)), np.zeros((2, 2)))
    expected = np.array([[16.0, -12.0], [-12.0, 9.0]]) / 125.0
    np.testing.assert_allclose(srcdiff.jacobian(of_arrays)(np.array([3.0, 4.0])), expected)


def test_selected_partials_in_rows_of_directions():
    def relaxed(y, n: int):
        s = 0.0
        r = 0.0
        for _ in range(n):
            r = math.sqrt(y[0] ** 2 + y[1] ** 2 + y[2] ** 2 + y[3] ** 2 + y[4] ** 2 + y[5] ** 2 + y[6] ** 2 + y[7] ** 2)
            s = s * 0.5 + (y[0] / r if r > 0 else 0.0) + (y[1] / r * s if r > 0 else 0.0) + quotient_in_a_loop(y[2], r)
        return s

    assert "directions" in srcdiff.emit(relaxed, wrt="y", types="float64[:], int64").partition("import")[0]
    np.testing.assert_array_equal(srcdiff.jacobian(relaxed, wrt="y")(np.zeros(8), 3), np.zeros(8))


# -- complex numbers --------------------------------------------------------------------------------------------------


def test_complex_tangents_join_real_ones_after_a_branch():
    def parts(x, y):
        if y > 0:
            z = complex(x, 1.0)
        else:
            z = complex(1.0, x)
        return z.imag * 3.0 + z.real * y

    for y, expected in ((0.5, (0.5, 1.5)), (-0.5, (3.0, 1.0))):
        assert srcdiff.jacobian(parts)(1.5, y) == expected
        assert plain(parts, 1.5, y, wrt=None, types="float64, float64") == expected


def test_the_modulus_has_the_derivative_0_at_0():
    def modulus(x, y):
        return abs(complex(x, y)) + 2.0 * x

    assert srcdiff.jacobian(modulus)(0.0, 0.0) == (2.0, 0.0)
    assert plain(modulus, 0.0, 0.0, wrt=None, types="float64, float64") == (2.0, 0.0)
    z = complex(3.0, 4.0)
    assert srcdiff.jacobian(modulus)(3.0, 4.0) == pytest.approx((2.0 + math.cos(cmath.phase(z)), 0.8))


def along_cuts(x):
    a, b = cmath.asin(x), cmath.acos(-x)
    c, d = np.arcsinh(complex(0.0, x)), np.arcsinh(complex(0.0, -x))
    e = np.arccosh(complex(-x, 0.0))
    return a.imag, b.imag, c.real, d.real, e.real, np.arcsin(complex(x, -0.0)).imag


def test_inverse_functions_along_their_branch_cuts():
    values = [along_cuts(1.4 + step) for step in (-1e-6, 1e-6)]
    expected = tuple((b - a) / 2e-6 for a, b in zip(*values))
    assert plain(along_cuts, 1.4, wrt=None, types="float64") == pytest.approx(expected)


def test_complex_arguments_of_functions_that_have_rules_for_them():
    def parts(x):
        z = complex(x, 0.5)
        w = np.tanh(z) * np.arcsinh(z) + np.power(z, complex(0.5, x))
        return w.real, w.imag

    step = 1e-6
    expected = [(b - a) / (2.0 * step) for a, b in zip(parts(0.7 - step), parts(0.7 + step))]
    assert srcdiff.jacobian(parts)(0.7) == pytest.approx(expected)
    assert srcdiff.jacobian(lambda z: np.tanh(z))(0.3 + 0.4j) == pytest.approx(1.0 - np.tanh(0.3 + 0.4j) ** 2)


# -- calls within calls -----------------------------------------------------------------------------------------------


def product(a, b):
    return a * b


def pair(a, b):
    return a * b, a + b


def scale(u, s):
    return u * s


def assigned(x, n):
    y = x.copy()
    for i in range(len(x)):
        t = product(product(x[i], n), x[i])
        y[i] = t
    return y


def stored(x, n):
    y = x.copy()
    for i in range(len(x)):
        y[i] = product(product(x[i], n), product(n, x[i]))
    return y


def returned(x, n):
    s = product(x.sum(), n)
    return product(product(s, n) + 1.0, n) + product(s, product(x[1], 2.0))


def of_pairs(x, n):
    total = x.sum()
    a, b = pair(product(total, n), product(product(x[1], n), 2.0))
    return a * b


def of_arrays(x, n):
    return scale(x, product(product(x[0], n), n))


@pytest.mark.parametrize("function", [assigned, stored, returned, of_pairs, of_arrays])
def test_calls_within_calls_in_programs_of_arrays(function):
    x = np.array([1.5, 2.0])
    step = 1e-6
    columns = [
        (np.asarray(function(x + step * e, 3.0)) - function(x - step * e, 3.0)) / (2.0 * step) for e in np.eye(2)
    ]
    expected = np.stack(columns, -1)
    differentiated = srcdiff.jacobian_compiled(function, wrt="x")
    np.testing.assert_allclose(differentiated.jacobian(x, 3.0), expected, rtol=1e-7, atol=1e-7)
    for j in range(2):
        tangent = differentiated.jvp((x, 3.0), np.eye(2)[j])[1]
        np.testing.assert_allclose(tangent, expected[..., j], rtol=1e-7, atol=1e-7)


# -- names ------------------------------------------------------------------------------------------------------------


def counted(x, n: int):
    s = x
    for np in range(n):  # noqa: F402
        s = s * math.sin(x) + np
    return s


def waves(math):
    return cosine(math)


def calls_waves(x):
    return waves(x) * x


def scaled_by_max(x, max):
    return max * x


cosine = math.cos


@pytest.mark.parametrize(
    ("function", "types", "mode", "name"),
    [
        (counted, "float64, int64", "matrix", "np"),
        (calls_waves, "float64", "jacobian", "math"),
        (scaled_by_max, "float64[:], float64", "jacobian", "max"),
    ],
)
def test_names_that_hide_what_the_text_needs_are_refused(function, types, mode, name):
    with pytest.raises(UnsupportedSyntax, match=f"a variable named {name} hides"):
        srcdiff.emit(function, wrt="x", types=types, mode=mode)
