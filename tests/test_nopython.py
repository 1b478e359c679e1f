"""Our objects in compiled code: as globals, closure variables, arguments, elements of tuples, in prange."""

import math

import numba
import numpy as np
import pytest
from nopython_module import decay, product
from numba import literal_unroll

from srcdiff import UnsupportedType, WrtError, jacobian, jacobian_compiled
from srcdiff.errors import ArgumentError

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


# More places


def made(power):
    """No module holds this one under a name."""
    return jacobian_compiled(lambda x: x**power)


def test_forms_as_arguments():
    @numba.njit
    def use(derivative, both, fill, out, y):
        fill(out, 0.0, y)
        return derivative(0.0, y), both(0.0, y)[1]

    y, out = np.array([2.0, 3.0]), np.zeros((2, 2))
    fresh, second = use(decay.jacobian, decay.value_and_jacobian, decay.jacobian.into, out, y)
    assert fresh.tolist() == second.tolist() == out.tolist() == [[-3.0, -2.0], [3.0, 1.0]]


@pytest.mark.parametrize("functions", [(product, product), (made(2), made(3)), (made(4), made(5), made(6))])
def test_tuples_as_arguments(functions):
    @numba.njit
    def total(functions, args):
        s = 0.0
        for f in literal_unroll(functions):
            s += f(*args)
        return s

    @numba.njit
    def first(functions, args):
        return functions[0](*args), functions[1].value_and_jacobian(*args)

    args = (1.5, 2.0) if functions[0] is product else (1.5,)
    assert total(functions, args) == sum(f(*args) for f in functions)
    assert first(functions, args) == (functions[0](*args), functions[1].value_and_jacobian(*args))


@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaExperimentalFeatureWarning")
def test_tuples_of_forms_that_no_module_holds():
    @numba.njit
    def total(derivatives, x):
        s = 0.0
        for derivative in literal_unroll(derivatives):
            s += derivative(x)
        return s

    assert total((made(2).jacobian, made(3).jacobian), 2.0) == 4.0 + 12.0


@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaExperimentalFeatureWarning")
def test_a_choice_at_run_time_between_forms_of_one_type():
    two, three = made(2).jacobian, made(3).jacobian
    assert (two(1.0), three(1.0)) == (2.0, 3.0)

    @numba.njit
    def choose(flag, x):
        f = two if flag else three
        return f(x)

    @numba.njit
    def arms(flag, x):
        if flag:
            return two(x)
        return three(x)

    assert (choose(True, 2.0), choose(False, 2.0)) == (arms(True, 2.0), arms(False, 2.0)) == (4.0, 12.0)


def test_where_a_function_type_is_declared():
    @numba.njit("float64(FunctionType(float64(float64)), float64)")
    def call(f, x):
        return f(x)

    assert call(made(3).jacobian, 2.0) == 12.0


def test_local_variables_and_results():
    @numba.njit
    def local(f, x):
        g = f.jacobian
        return g.matrix(x)[0, 0] + g(x)

    @numba.njit
    def returned(f):
        return f, f.jacobian

    f = made(2)
    assert local(f, 3.0) == 12.0
    assert returned(product) == (product, product.jacobian)
    assert returned(f)[1](3.0) == 6.0


def test_other_decorators_of_numba():
    f = made(3)

    @numba.vectorize
    def everywhere(x):
        return f.jacobian(x)

    @numba.guvectorize(["void(float64[:], float64[:])"], "(n)->(n)", nopython=True)
    def rows(x, result):
        for i in range(len(x)):
            result[i] = f.jacobian(x[i])

    @numba.cfunc("float64(float64)")
    def pointer(x):
        return f.jacobian(x)

    x = np.array([1.0, 2.0])
    assert everywhere(x).tolist() == rows(x).tolist() == [3.0, 12.0]
    assert pointer.ctypes(2.0) == 12.0


def test_inside_another_decorated_function():
    @jacobian_compiled(wrt="x")
    def outer(x):
        return product(x, 2.0) * math.sin(x)

    @numba.njit
    def call(x):
        return outer.jacobian(x)

    assert call(0.5) == outer.jacobian(0.5) == pytest.approx(4.0 * math.sin(0.5) + 2.0 * math.cos(0.5))


def test_keywords_defaults_and_read_only_arrays():
    f = jacobian_compiled(wrt="x")(lambda x, a, b=3.0: a * b * x * x)

    @numba.njit
    def call(x):
        return f.jacobian(x, a=2.0), f.jacobian(x, b=1.0, a=2.0), f(x, 2.0)

    assert call(1.0) == (12.0, 4.0, 6.0)
    y = np.array([2.0, 3.0])
    y.flags.writeable = False
    assert numba.njit(lambda y: decay.jacobian(0.0, y))(y).tolist() == [[-3.0, -2.0], [3.0, 1.0]]


def test_a_thousand_calls_in_parallel_threads_of_numba():
    @numba.njit(parallel=True)
    def fill(f, out, points):
        for i in numba.prange(len(points)):
            f.jacobian.into(out[i], 0.0, points[i])

    points, out = np.random.default_rng(0).normal(size=(1000, 2)), np.zeros((1000, 2, 2))
    fill(decay, out, points)
    for i in range(0, 1000, 99):
        np.testing.assert_array_equal(out[i], decay.jacobian(0.0, points[i]))


# Messages


def message(function, *args):
    with pytest.raises(numba.core.errors.TypingError) as error:
        numba.njit(function)(*args)
    return str(error.value)


def test_messages_name_the_users_function():
    assert "srcdiff(product at" in message(lambda x: product.jacobain(x, x), 1.0)
    assert "srcdiff(product.jacobian at" in message(lambda x: product.jacobian(x), 1.0)
    assert "srcdiff(decay.jacobian.into at" in message(lambda x: decay.jacobian.into(x), 1.0)
    assert "product.emit is for Python code" in message(lambda x: product.emit(), 1.0)
    assert "product.jacobian.cfunc is for Python code" in message(lambda x: product.jacobian.cfunc(), 1.0)
    two = made(2)
    assert "Cannot unify srcdiff(product at" in message(lambda c, x: (product if c else two)(x), True, 1.0)


@pytest.mark.parametrize(
    ("function", "error", "words", "call"),
    [
        (lambda x: decay.jacobian(0.0, [x]), ArgumentError, "y is a list", "decay.jacobian(float64, list(float64)"),
        (lambda x: product.jacobian(x, x > 0.0), WrtError, "y is a truth value", "product.jacobian(float64, bool)"),
        (lambda x: product.jvp((x, x), 1.0), ArgumentError, "jvp takes one tangent", "product.jvp(UniTuple("),
    ],
)
def test_errors_of_ours_say_which_call_it_was(function, error, words, call):
    with pytest.raises(error, match=words) as caught:
        numba.njit(function)(1.0)
    assert call in caught.value.__notes__[0]


def test_what_is_not_supported_is_shown_in_the_users_line():
    broken = jacobian(lambda x: np.linalg.frobnicate(x))
    with pytest.raises(UnsupportedType, match="frobnicate") as caught:
        numba.njit(lambda x: broken(x))(1.0)
    assert "test_nopython.py" in str(caught.value)
