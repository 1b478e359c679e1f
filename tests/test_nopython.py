"""Our objects in compiled code: as globals, closure variables, arguments, elements of tuples, in prange."""

import numba
import numpy as np
from nopython_module import decay, product

JACOBIAN = product.jacobian
INTO = decay.jacobian.into


@numba.njit
def as_global(x, y):
    return product(x, y), product.jacobian(x, y), product.value_and_jacobian(x, y)


@numba.njit
def as_argument(f, x, y):
    return f(x, y), f.jacobian(x, y), f.jvp((x, y), (1.0, 0.0))


@numba.njit
def in_tuple(x, y):
    functions = (product, JACOBIAN)
    return functions[0].jacobian(x, y), functions[1](x, y)


@numba.njit(parallel=True)
def in_prange(x):
    result = np.zeros(len(x))
    for i in numba.prange(len(x)):
        result[i] = product.jacobian(x[i], 2.0)[1]
    return result


@numba.njit
def filled(out, y):
    decay.jacobian.into(out, 0.0, y)
    INTO(out, 0.0, y)
    return decay.jacobian.matrix(0.0, y), decay.jacobian(0.0, y)


@numba.njit
def newton(f, y, steps):
    for _ in range(steps):
        value, matrix = f.value_and_jacobian(0.0, y)
        y = y - np.linalg.solve(matrix - np.eye(2), value - y + 1.0)
    return y


def test_global():
    assert as_global(1.0, 2.0) == (4.0, (4.0, 4.0), (4.0, (4.0, 4.0)))


def test_argument():
    assert as_argument(product, 1.0, 2.0) == (4.0, (4.0, 4.0), (4.0, 4.0))


def test_element_of_a_tuple():
    assert in_tuple(1.0, 2.0) == ((4.0, 4.0), (4.0, 4.0))


def test_closure():
    def make(f):
        @numba.njit
        def call(x):
            return f.jacobian(x, 1.0)

        return call

    assert make(product)(2.0) == (1.0, 4.0)


def test_prange():
    assert in_prange(np.arange(4.0)).tolist() == [0.0, 4.0, 8.0, 12.0]


def test_matrix_and_into():
    y = np.array([2.0, 3.0])
    out = np.zeros((2, 2))
    expected = [[-3.0, -2.0], [3.0, 1.0]]
    matrix, jacobian = filled(out, y)
    assert matrix.tolist() == jacobian.tolist() == out.tolist() == expected


def test_the_users_own_solver():
    y = newton(decay, np.array([0.5, 0.5]), 12)
    assert np.allclose(decay(0.0, y), y - 1.0, atol=1e-12)
