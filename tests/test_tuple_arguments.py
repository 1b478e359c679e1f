"""Arrays of run-time lengths in tuples, named tuples and `*args`, differentiated by."""

from collections import namedtuple

import dual
import numba
import numpy as np
import pytest
from random_programs import plain, run_emitted

import srcdiff

State = namedtuple("State", "u v k")
Y = np.array([0.1, 0.2, 0.3])
Z = np.array([0.5, -0.6, 0.9])
M = np.arange(6.0).reshape(2, 3) / 5


def exchanged(pair, c):
    a, b = pair
    a[0] = c
    for _ in range(3):
        pair = (pair[1] * c, pair[0])
    return pair[0] * b


def fields(state, c):
    return state.u * state.v[0] + state.k * c, state.k


def nested(t, y, args):
    a, (b, d) = args
    return a * y + b * d[1:].sum() + t


def array_that_does_not_matter(pair, c):
    return pair[1] * c


def length_from_unpacking(pair, c):
    a, b, d = pair[0]
    return a * b * d * pair[1] * c


def matrix_beside_vector(pair, A):
    return A @ pair[0] + pair[1].sum(axis=0)


def any_number(*arrays):
    return arrays[0] * arrays[1]


CASES = [
    (exchanged, ((Y, Z), 0.5)),
    (fields, (State(Y, Z, 0.3), 0.5)),
    (nested, (0.1, Y, (Z, (0.5, M[0])))),
    (array_that_does_not_matter, ((Y, 0.4), 0.3)),
    (length_from_unpacking, ((Y, Z), 0.3)),
    (matrix_beside_vector, ((Y, M), np.eye(3))),
    (any_number, (Y, Z)),
]


def copied(value):
    if isinstance(value, tuple):
        items = [copied(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value.copy() if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize(("function", "args"), CASES[2:6], ids=lambda v: getattr(v, "__name__", ""))
def test_emitted_text(function, args):
    assert dual.mismatch(run_emitted(function, args), dual.value_and_jacobian(function, args), 1e-12) is None


@pytest.mark.parametrize(("function", "args"), [CASES[0], CASES[1], CASES[6]], ids=lambda v: getattr(v, "__name__", ""))
def test_compiled(function, args):
    """Every form; the arrays in the tuples are left alone."""
    expected = reference(function, args)
    f, given = srcdiff.jacobian_compiled(function), copied(args)
    value, jacobian = f.value_and_jacobian(*given)
    assert dual.mismatch((plain(value), plain(jacobian)), expected, 1e-12) is None
    np.testing.assert_array_equal(dual.leaves(given), dual.leaves(args))
    matrix = f.jacobian.matrix(*given)
    np.testing.assert_allclose(matrix, dual.matrix(expected[1], expected[0]), rtol=1e-12)
    assert dual.mismatch(plain(f(*copied(args))), expected[0], 1e-12) is None


def reference(function, args):
    """The dual numbers know no `*arrays`."""
    if function is not any_number:
        return dual.value_and_jacobian(function, args)
    return Y * Z, (np.diag(Z), np.diag(Y))


def test_directional_derivative():
    f, tangents = srcdiff.jacobian_compiled(nested), (1.0, Z, (Y, (2.0, M[1])))
    args = CASES[2][1]
    _, tangent = f.jvp(args, tangents)
    flat = np.concatenate([np.ravel(x) for x in dual.leaves(tangents)])
    np.testing.assert_allclose(tangent, f.jacobian.matrix(*args) @ flat, rtol=1e-13)


def test_in_compiled_code():
    f = srcdiff.jacobian_compiled(exchanged)

    @numba.njit
    def called(pair, c):
        return f.jacobian(pair, c)

    expected = dual.value_and_jacobian(exchanged, CASES[0][1])[1]
    assert dual.mismatch(called((Y, Z), 0.5), expected, 1e-12) is None
