"""What a review found: wrong numbers, crashes and text that did not run."""

import math

import dual
import numpy as np
import pytest
from random_programs import run_compiled, run_emitted

import srcdiff
from srcdiff.emitter.printer import expression
from srcdiff.errors import ArgumentError, UnsupportedSyntax
from srcdiff.ir.expr import Call, Op, Var, interning
from srcdiff.ir.types import FLOAT64
from srcdiff.optimize.share import with_reciprocals


def right(function, args, **options):
    expected = dual.value_and_jacobian(function, args, options.get("wrt"), options.get("of"))
    assert dual.mismatch(run_emitted(function, args, **options), expected, 1e-10) is None


# Tangents of variables that a loop overwrites with integers


def integer_in_a_loop(x, y, n: int):
    last = x * y
    for _ in range(n):
        y = y * x + last
        last = 0
    return y, last


def loop_variable_that_varied(x, y, n: int):
    z = x * y
    for x in range(n):  # noqa: B007
        z = z * 1.5
    return z * x, x


def inner_loop_variable_that_varied(x, y, n: int):
    z = x * y
    w = 0.0
    for _ in range(n):
        w = w + z
        for z in range(2):  # noqa: B007
            w = w * y
    return w, z


def counter_that_varied(x, y, n: int):
    last = x * y
    k = 0
    while k < n:
        y = y + last * x
        last = k
        k += 1
    return y * last, last


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize(
    "function",
    [integer_in_a_loop, loop_variable_that_varied, inner_loop_variable_that_varied, counter_that_varied],
    ids=lambda f: f.__name__,
)
def test_integers_have_no_tangents(function, n):
    right(function, (1.2, 0.7, n))


def integer_in_rows(x, a, b, c, d, e, f, g, h, n: int):
    last = x * a
    s = x
    for i in range(n):
        s = math.sin(s * a + b) * c + d * s * e + f * math.cos(s * g) + h * last
        x = s * x * a
        if i < 3:
            last = 0
    return s, last, x


def constant_in_rows(x, a, b, c, d, e, f, g, h, n: int):
    s, scale = x, 0.5
    for _ in range(n):
        scale *= -scale
        s = math.sin(s * a + b) * c + d * s * e + f * math.cos(s * g) + h * scale
        x = s * x * a
    return s, scale, x


@pytest.mark.parametrize("n", [0, 1, 5])
@pytest.mark.parametrize("function", [integer_in_rows, constant_in_rows], ids=lambda f: f.__name__)
def test_rows(function, n):
    assert "one loop over all of them" in srcdiff.emit(function)
    right(function, (1.2, 0.7, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, n))


# Arguments that are filled


def reads_what_it_fills(x, y):
    y[0] = y[0] * x
    y[1] = y[0] * x * x + y[1]


def swaps_what_it_fills(x, y):
    y[0], y[1] = y[1] * x, y[0] * x


@pytest.mark.parametrize("function", [reads_what_it_fills, swaps_what_it_fills], ids=lambda f: f.__name__)
def test_filled_arguments_are_read_first(function):
    right(function, (1.5, np.array([2.0, 3.0])), wrt="x", of="y", shapes={"y": 2})


def rhs(t, y, dy):
    dy[0] = y[1] * y[0]
    dy[1] = -y[0] * t * dy[0]


def test_filled_argument_that_is_an_input():
    y = np.array([2.0, 3.0])
    compiled = srcdiff.jacobian_compiled(rhs, wrt="y", of="dy", shapes={"y": 2, "dy": 2})
    with pytest.raises(ValueError, match="y and dy must be different arrays"):
        compiled.jacobian(1.0, y, y)
    np.testing.assert_array_equal(compiled.jacobian(1.0, y, y.copy()), [[3.0, 2.0], [-12.0, -4.0]])


# Names


def machine_names(out, primals, tangents):
    return out * primals * tangents, out


def machine_locals(x, y):
    out = x * y
    primals = out * x
    tangents = primals * y
    return np.array([out, primals, tangents])


@pytest.mark.parametrize("function", [machine_names, machine_locals], ids=lambda f: f.__name__)
def test_names_of_the_machine(function):
    args = (1.5, 2.0, 3.0)[: function.__code__.co_argcount]
    value, jacobian = dual.value_and_jacobian(function, args)
    matrix = dual.matrix(jacobian, value)
    compiled = srcdiff.jacobian_compiled(function)
    out = np.empty(matrix.shape)
    compiled.jacobian.into(out, *args)
    np.testing.assert_allclose(out, matrix, rtol=1e-14)
    tangent = compiled.jvp(args, tuple(1.0 for _ in args))[1]
    np.testing.assert_allclose(dual.leaves(tangent), matrix.sum(axis=1), rtol=1e-14)


def hidden_module(np, y):
    return np * y, y


def hidden_builtin(len, y):
    a, b = y
    return len * a * b


def test_hidden_names():
    with pytest.raises(UnsupportedSyntax, match="variable named np hides"):
        srcdiff.emit(hidden_module, mode="matrix")
    with pytest.raises(UnsupportedSyntax, match="variable named len hides"):
        srcdiff.emit(hidden_builtin)
    right(hidden_module, (1.5, 2.0))


def tangents_of_one_name(c, b_dc):
    a_db = c * b_dc
    a = math.sin(c + b_dc)
    if c > 0:
        a_db = a_db * a
        a = a * a_db * c
    for _ in range(3):
        a_db = a_db * math.cos(a) * c
        a = a * a_db * b_dc
    return a_db * a, a


def test_tangents_of_one_name():
    right(tangents_of_one_name, (1.3, 0.7))


# Constants, helpers, divisions


def overflowing_constant(x):
    return 1e200 * (1e200 * x), -1e308 * 10.0 * x


def test_constants_that_overflow():
    right(overflowing_constant, (1e-300,))


def counts_with_its_parameter(n, x):
    for n in range(3):
        x = x * 1.1 * n
    return x * n


def calls(a, b, n: int):
    r = counts_with_its_parameter(n, a)
    return r * b + n, counts_with_its_parameter(5, b) * a, r * r * a * b, r


def test_helper_that_loops_with_a_parameter():
    right(calls, (1.2, 0.7, 4))


def test_what_decides_divides_as_written():
    with interning():
        x, y, z, d = (Var(name, FLOAT64) for name in "xyzd")
        quotients = [Op("/", v, d) for v in (x, y, z)]
        floor = Call("floor", (Op("/", Op("+", x, y), d),), FLOAT64, "np.floor")
        changed = with_reciprocals([*quotients, floor], [])
        assert expression(changed[quotients[0]]) == "x * (1.0 / d)"
        assert expression(changed[floor]) == "np.floor((x + y) / d)"


# Many entries


def many(x, s, n: int):
    entries = x * x
    row = x * 3.0
    column = x * 0.5
    a = np.zeros((21, 20))
    for i in range(21):
        for j in range(20):
            a[i, j] = s * x if j % 2 else n if j == 4 else entries * column
    return a, entries * row


def many_complex(x, s, n: int):
    a = np.zeros((21, 20), np.complex128)
    for i in range(21):
        for j in range(20):
            a[i, j] = x * s * (1j if j % 2 else 1.0)
    return a


@pytest.mark.parametrize("args", [(1.5, 0.5, 3), (1.5, np.float32(0.5), 3)], ids=str)
@pytest.mark.parametrize("function", [many, many_complex], ids=lambda f: f.__name__)
def test_many_entries(function, args):
    expected = dual.value_and_jacobian(function, args, "x")
    assert dual.mismatch(run_compiled(function, args, wrt="x"), expected, 1e-10) is None
    if function is many and isinstance(args[1], float):
        right(function, args, wrt="x")


def test_into_refuses_integers():
    compiled = srcdiff.jacobian_compiled(calls)
    with pytest.raises(ArgumentError, match="into fills a matrix of floats"):
        compiled.jacobian.into(np.empty((4, 2), int), 1.2, 0.7, 4)


def partly(x, y):
    return x * x, y


def test_options_given_again():
    strict = srcdiff.jacobian_compiled(strict=True)(partly)
    with pytest.raises(srcdiff.IndependentOutputError):
        srcdiff.jacobian(strict)(1.0, 2.0)
    assert srcdiff.jacobian(strict, strict=False)(1.0, 2.0) == ((2.0, 0.0), (0.0, 1.0))
    assert srcdiff.jacobian(strict, wrt="x", strict=False)(1.0, 2.0) == (2.0, 0.0)
    with pytest.raises(srcdiff.IndependentOutputError):
        srcdiff.emit(strict)
    assert srcdiff.emit(strict, strict=False) == srcdiff.emit(partly)
    assert srcdiff.jacobian_compiled(fastmath=False)(srcdiff.jacobian_compiled(partly))._options.fastmath is False


def quotients(x, d):
    return x / d, x * x / d, (x + 1.0) / d, x * d


@pytest.mark.parametrize("args", [(1e-308, 6e-309), (0.0, 6e-309), (0.0, 2e-308), (-1e-300, -3e-308)], ids=str)
def test_small_divisors(args):
    """One reciprocal for many quotients is good down to the least divisor whose reciprocal is finite."""
    expected = dual.value_and_jacobian(quotients, args)
    actual = srcdiff.jacobian_compiled(quotients).value_and_jacobian(*args)
    assert dual.mismatch(actual, expected, 1e-9) is None
