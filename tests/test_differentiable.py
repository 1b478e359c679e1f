"""The contract of `jacobian_compiled` and `jacobian`: arguments, structure of results, forms, use in compiled code."""

import collections
import copy
import math
import os
import pickle
import re
import subprocess
import sys
import threading

import numba
import numpy as np
import pytest

import srcdiff
from srcdiff import ArgumentError, IndependentOutputError, WrtError, emit, jacobian, jacobian_compiled

Pair = collections.namedtuple("Pair", "first second")


def three(x1, x2, x3):
    return x1 + x2, x3 * x1, x2**3


def product(x, y):
    return x * y


def vector(x, s):
    a, b, c = x
    return np.array([a * s, b * c])


# The structure of results: that of the output, each leaf replaced by that of wrt


def test_scalars_are_python_floats():
    result = jacobian(lambda x: x**2)(3.0)
    assert result == 6.0 and type(result) is float
    assert [type(d) for d in jacobian(product)(3.0, 4.0)] == [float, float]


def test_constant_partials_are_floats_too():
    assert type(jacobian(lambda x: x * 2)(3.0)) is float
    assert type(jacobian(lambda x: x)(3.0)) is float
    assert type(jacobian(lambda x: 1.0)(3.0)) is float
    assert type(jacobian(lambda x: -x + 7)(3)) is float
    assert type(jacobian(lambda x, n: n * x, wrt="x")(3.0, 4)) is float
    assert type(jacobian(lambda x, n: sum([x for _ in range(2)]) * n, wrt="x")(3.0, 4)) is float


def test_tuples_of_outputs():
    assert jacobian(three)(3.0, 4.0, 5.0) == ((1.0, 1.0, 0.0), (5.0, 0.0, 3.0), (0.0, 48.0, 0.0))
    assert jacobian(lambda x: (x, (2.0 * x, x * x)))(3.0) == (1.0, (2.0, 6.0))
    assert jacobian(lambda x: (x * x,))(3.0) == (6.0,)


def test_long_results_stay_scalars():
    """The text of a single long derivative ends with a bracket, and must not become a tuple when it is broken."""

    def f(x):
        return max(0.0, x) * abs(x) + abs(x) * (max(0.0, x) + max(1.0, x) * min(2.0, x))

    result = jacobian(f)(1.5)
    assert type(result) is float and result == pytest.approx(4.0 * 1.5 + 3.0 * 1.5**2)


def test_namedtuples_as_outputs():
    def f(x, y):
        return Pair(x * y, x + y)

    value, derivative = jacobian_compiled(f).value_and_jacobian(3.0, 4.0)
    assert value == Pair(12.0, 7.0) and type(value).__name__ == "Pair"
    assert derivative[0] == (4.0, 3.0) and derivative[1] == (1.0, 1.0)


def test_tuples_as_inputs():
    def f(p, k):
        return p[0] * p[1] * k

    assert jacobian(f)((2.0, 3.0), 4.0) == ((12.0, 8.0), 6.0)
    assert jacobian(f, wrt="p")((2.0, 3.0), 4.0) == (12.0, 8.0)


def test_namedtuples_as_inputs():
    def f(p):
        return p.first * p.second

    assert tuple(jacobian(f)(Pair(2.0, 3.0))) == (3.0, 2.0)


def test_leaves_have_the_shape_of_output_then_input():
    x = np.array([1.0, 2.0, 3.0])
    dx, ds = jacobian(vector)(x, 2.0)
    assert dx.shape == (2, 3) and ds.shape == (2,)
    np.testing.assert_array_equal(dx, [[2.0, 0.0, 0.0], [0.0, 3.0, 2.0]])
    np.testing.assert_array_equal(ds, [1.0, 0.0])
    outer = jacobian(lambda A, x: A * x[0], shapes={"A": (2, 2), "x": 1})(np.ones((2, 2)), np.ones(1))
    assert outer[0].shape == (2, 2, 2, 2) and outer[1].shape == (2, 2, 1)
    gradient = jacobian(lambda x: np.sum(x * x), shapes={"x": 3})(x)
    assert gradient.shape == (3,)


def test_results_are_fresh_arrays():
    f = jacobian(vector, wrt="x")
    x = np.array([1.0, 2.0, 3.0])
    first = f(x, 2.0)
    first[:] = 0.0
    assert f(x, 2.0)[0, 0] == 2.0


# wrt


def test_one_name_drops_the_inner_tuple():
    assert jacobian(product, wrt="x")(3.0, 4.0) == 4.0
    assert jacobian(product, wrt=1)(3.0, 4.0) == 3.0
    assert jacobian(product, wrt=-1)(3.0, 4.0) == 3.0
    assert jacobian(product, wrt=("x",))(3.0, 4.0) == (4.0,)
    assert jacobian(product, wrt=["x"])(3.0, 4.0) == (4.0,)


def test_names_and_positions_in_any_order():
    assert jacobian(product, wrt=("y", "x"))(3.0, 4.0) == (3.0, 4.0)
    assert jacobian(product, wrt=(1, "x"))(3.0, 4.0) == (3.0, 4.0)


def test_one_parameter_needs_no_wrt():
    assert jacobian(lambda x: x * x)(3.0) == 6.0


def test_discrete_parameters_are_left_out():
    def f(x, n: int, flag=False, mode="a"):
        for _ in range(n):
            x = x * 2.0
        return -x if flag else x

    assert jacobian(f)(1.0, 3) == 8.0
    assert jacobian(f)(1.0, 3, True) == -8.0


@pytest.mark.parametrize(
    ("wrt", "message"),
    [
        ("z", "'z', which is no parameter"),
        ("n", "'n', which is discrete"),
        (7, "wrt=7 is out of range"),
        (-3, "wrt=-3 is out of range"),
        ((), "wrt= is empty"),
        (("x", 0), "'x' twice"),
        (("x", True), "not True"),
        ((1.5,), "not 1.5"),
    ],
)
def test_wrt_that_names_no_input(wrt, message):
    def f(x, n: int):
        return x * n

    with pytest.raises(WrtError, match=message) as caught:
        jacobian(f, wrt=wrt)(1.0, 2)
    assert isinstance(caught.value, ValueError)


# Arguments


def test_defaults_and_keywords():
    def f(x, k=2.0, *, p=3.0):
        return k * x**p

    df = jacobian(f, wrt="x")
    assert df(2.0) == 24.0 and df(2.0, 1.0) == 12.0
    assert df(2.0, k=1.0) == 12.0 and df(x=2.0, p=2.0) == 8.0
    assert jacobian(f, wrt="p")(1.0) == 0.0
    assert jacobian_compiled(f)(2.0, p=2.0) == 8.0


def test_partials_of_what_is_left_to_its_default():
    assert jacobian(lambda x, k=2.0: k * x)(3.0) == (2.0, 3.0)


def test_integers_are_promoted():
    result = jacobian(product)(3, 4)
    assert result == (4.0, 3.0) and type(result[0]) is float
    assert jacobian(lambda x: x**3)(2) == 12.0
    matrix = jacobian(vector, wrt="x")(np.array([1, 2, 3]), 2)
    assert matrix.dtype == np.float64 and matrix[1, 1] == 3.0


@pytest.mark.parametrize("value", [True, "a", None])
def test_what_cannot_vary(value):
    with pytest.raises(WrtError, match="cannot vary"):
        jacobian(product)(3.0, value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, 2.0, 3.0], "x is a list"),
        (np.array(1.0), "x is a 0-d array"),
        (np.array([1.0, None, 2.0]), ""),
        ({"a": 1.0}, ""),
    ],
)
def test_arguments_of_other_types(value, message):
    with pytest.raises((ArgumentError, TypeError), match=message):
        jacobian(vector)(value, 2.0)


def test_arrays_of_another_length():
    df = jacobian(vector)
    df(np.ones(3), 2.0)
    with pytest.raises(ValueError, match="x must have 3 elements"):
        df(np.ones(4), 2.0)


def test_missing_and_superfluous_arguments():
    with pytest.raises(TypeError):
        jacobian(product)(1.0)
    with pytest.raises(TypeError):
        jacobian(product)(1.0, 2.0, 3.0)
    with pytest.raises(TypeError):
        jacobian(product)(1.0, 2.0, z=3.0)


@pytest.mark.parametrize("form", ["primal", "jacobian", "matrix", "value_and_jacobian"])
def test_layouts_give_the_same(form):
    f = jacobian_compiled(lambda A, s: A * s + A[0, 0], shapes={"A": (2, 3)})
    call = {
        "primal": f,
        "jacobian": f.jacobian,
        "matrix": f.jacobian.matrix,
        "value_and_jacobian": f.value_and_jacobian,
    }
    A = np.arange(6.0).reshape(2, 3)
    wide = np.zeros((4, 6))
    wide[::2, ::2] = A
    read_only = A.copy()
    read_only.flags.writeable = False

    def flat(result):
        return [result] if not isinstance(result, tuple) else [x for part in result for x in flat(part)]

    expected = flat(call[form](A, 2.0))
    for other in (np.asfortranarray(A), wide[::2, ::2], read_only):
        for a, b in zip(expected, flat(call[form](other, 2.0)), strict=True):
            np.testing.assert_array_equal(a, b)


def test_inputs_are_never_changed():
    def f(x):
        x[0] = x[0] * x[1]
        return x[0] + x[1]

    def g(x, s):
        x[1] = s
        return x * x[0]

    x = np.array([2.0, 3.0])
    for function, arguments in ((f, (x,)), (g, (x, 4.0))):
        compiled = jacobian_compiled(shapes={"x": 2})(function)
        compiled.jacobian(*arguments)
        compiled.value_and_jacobian(*arguments)
        out = compiled.jacobian.matrix(*arguments)
        compiled.jacobian.into(out, *arguments)
        assert x.tolist() == [2.0, 3.0]
    assert jacobian(f, shapes={"x": 2})(x).tolist() == [3.0, 3.0]


# of


def test_functions_that_fill_an_argument():
    def rhs(t, y, dy):
        dy[0] = y[1] * t
        dy[1] = -math.sin(y[0])

    f = jacobian_compiled(wrt="y", of="dy", shapes={"y": 2, "dy": 2})(rhs)
    y, dy = np.array([0.3, 0.4]), np.zeros(2)
    expected = [[0.0, 0.5], [-math.cos(0.3), 0.0]]
    np.testing.assert_array_equal(f.jacobian(0.5, y, dy), expected)
    np.testing.assert_array_equal(dy, [0.4 * 0.5, -math.sin(0.3)])
    dy[:] = 0.0
    np.testing.assert_array_equal(f.jacobian.matrix(0.5, y, dy), expected)
    assert dy.any()
    with pytest.raises(WrtError, match="'dy' is named in both"):
        jacobian(rhs, wrt=("y", "dy"), of="dy")(0.5, y, dy)
    with pytest.raises(WrtError, match="'z', which is no parameter"):
        jacobian(rhs, of="z")(0.5, y, dy)


# strict


def test_strict():
    with pytest.raises(IndependentOutputError, match="output 0 of three cannot depend on x3"):
        jacobian(three, strict=True)(3.0, 4.0, 5.0)
    with pytest.raises(ArgumentError, match="x is an integer, and strict=True"):
        jacobian(product, strict=True)(3, 4.0)
    assert jacobian(product, strict=True)(3.0, 4.0) == (4.0, 3.0)


# dtype


def test_float32_in_float32_out():
    f = jacobian_compiled(lambda x, s: x * s * 2.0, shapes={"x": 2})
    x, s = np.array([1.0, 2.0], np.float32), np.float32(3.0)
    assert f(x, s).dtype == np.float32
    assert [part.dtype for part in f.jacobian(x, s)] == [np.float32, np.float32]
    assert f.jacobian.matrix(x, s).dtype == np.float32
    assert f.value_and_jacobian(x, s)[0].dtype == np.float32
    assert f.jacobian.matrix(x.astype(float), s).dtype == np.float64


def test_float32_with_integer_constants():
    x = np.ones(2, np.float32)
    doubled = jacobian_compiled(lambda x: 2 * x, shapes={"x": 2})
    assert doubled.jacobian(x).dtype == doubled(x).dtype  # as Numba has it
    assert jacobian(lambda x: x, shapes={"x": 2})(x).dtype == np.float32


# matrix and into


def test_the_matrix():
    x = np.array([1.0, 2.0, 3.0])
    matrix = jacobian_compiled(vector).jacobian.matrix(x, 2.0)
    assert matrix.shape == (2, 4) and matrix.dtype == np.float64 and matrix.flags.c_contiguous
    np.testing.assert_array_equal(matrix, [[2.0, 0.0, 0.0, 1.0], [0.0, 3.0, 2.0, 0.0]])
    assert jacobian_compiled(product).jacobian.matrix(3.0, 4.0).tolist() == [[4.0, 3.0]]
    assert jacobian_compiled(three).jacobian.matrix(3.0, 4.0, 5.0).shape == (3, 3)
    nested = jacobian_compiled(lambda p, x: (p[0] * x, (p[1], p[0])))
    assert nested.jacobian.matrix((2.0, 3.0), 4.0).tolist() == [[4.0, 0.0, 2.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]


def test_into_fills_what_it_is_given():
    f = jacobian_compiled(vector)
    x = np.array([1.0, 2.0, 3.0])
    out = np.full((2, 4), np.nan)
    assert f.jacobian.into(out, x, 2.0) is None
    np.testing.assert_array_equal(out, f.jacobian.matrix(x, 2.0))
    wide = np.full((4, 8), np.nan)
    f.jacobian.into(wide[::2, ::2], x, 2.0)
    np.testing.assert_array_equal(wide[::2, ::2], out)
    assert np.isnan(wide[1::2]).all()


@pytest.mark.parametrize("shape", [(2, 3), (4, 2), (1, 4), (3, 4), (2, 5)])
def test_into_refuses_another_shape(shape):
    with pytest.raises(ValueError, match="out must have shape"):
        jacobian_compiled(vector).jacobian.into(np.zeros(shape), np.ones(3), 2.0)


# value_and_jacobian and jvp


def test_value_and_jacobian():
    f = jacobian_compiled(three)
    assert f.value_and_jacobian(3.0, 4.0, 5.0) == (f(3.0, 4.0, 5.0), f.jacobian(3.0, 4.0, 5.0))


def test_jvp():
    f = jacobian_compiled(three)
    value, tangent = f.jvp((3.0, 4.0, 5.0), (1.0, 10.0, 100.0))
    assert value == (7.0, 15.0, 64.0) and tangent == (11.0, 305.0, 480.0)
    g = jacobian_compiled(wrt="y")(product)
    assert g.jvp((3.0, 4.0), 2.0) == (12.0, 6.0)
    h = jacobian_compiled(vector)
    x, dx = np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3])
    value, tangent = h.jvp((x, 2.0), (dx, 1.0))
    np.testing.assert_allclose(tangent, h.jacobian.matrix(x, 2.0) @ [*dx, 1.0], rtol=1e-15)
    np.testing.assert_array_equal(value, h(x, 2.0))


def test_jvp_of_other_arguments():
    f = jacobian_compiled(three)
    with pytest.raises(ArgumentError, match="a tuple of the 3 arguments"):
        f.jvp((3.0, 4.0), (1.0, 1.0, 1.0))
    with pytest.raises(ArgumentError, match="one tangent for each of x1, x2, x3"):
        f.jvp((3.0, 4.0, 5.0), (1.0, 1.0))


@pytest.mark.parametrize(
    ("primals", "tangents", "message"),
    [
        ((np.ones(3), 2.0), (1.0, 1.0), "the tangent of x is float64, and must be a 1-d array of float64"),
        ((np.ones(3), 2.0), (np.ones((3, 1)), 1.0), "a 2-d array of float64, and must be a 1-d array"),
        ((np.ones(3), 2.0), (np.ones(3, np.float32), 1.0), "a 1-d array of float32, and must be"),
        ((np.ones(3), 2.0), (np.ones(3, int), 1.0), "a 1-d array of int64, and must be"),
        ((np.ones(3), 2.0), (np.ones(3), (1.0,)), "the tangent of s is a tuple of 1, and must be a number, float64"),
        ((np.ones(3), 2.0), (np.ones(3), 1), "the tangent of s is int64, and must be a number, float64"),
        ((np.ones(3), 2.0), (np.ones(3), None), "the tangent of s is None, and must be"),
    ],
)
def test_jvp_with_tangents_of_another_structure(primals, tangents, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        jacobian_compiled(vector).jvp(primals, tangents)


def test_jvp_with_tuples_and_integers():
    def f(p, k):
        return p[0] * p[1] * k

    g = jacobian_compiled(f)
    assert g.jvp(((2.0, 3), 4), ((1.0, 0.0), 0.0)) == (24.0, 12.0)
    with pytest.raises(ArgumentError, match=r"the tangent of p is float64, and must be a tuple of 2"):
        g.jvp(((2.0, 3.0), 4.0), (1.0, 1.0))
    with pytest.raises(ArgumentError, match=r"the tangent of p\[1\] is int64, and must be a number, float64"):
        g.jvp(((2.0, 3.0), 4.0), ((1.0, 0), 1.0))


@pytest.mark.parametrize(("given", "out"), [("float64", "float32"), ("float32", "float64"), ("float64", "complex128")])
def test_into_takes_the_dtype_of_the_jacobian_alone(given, out):
    f = jacobian_compiled(wrt="x")(vector)
    x = np.ones(3, given)
    with pytest.raises(ArgumentError, match=f"for these arguments is {given}, and out is {out}"):
        f.jacobian.into(np.zeros((2, 3), out), x, x[0])
    matrix = np.zeros((2, 3), given)
    f.jacobian.into(matrix, x, x[0])
    np.testing.assert_array_equal(matrix, [[1, 0, 0], [0, 1, 1]])


def test_an_argument_that_is_filled_must_not_be_another_argument():
    def rhs(t, y, dy):
        dy[0] = -y[0]
        dy[1] = y[0] * y[1]

    f = jacobian_compiled(wrt="y", of="dy", shapes={"y": 2, "dy": 2})(rhs)
    y = np.ones(2)
    for form in (f, f.jacobian, f.value_and_jacobian, f.jacobian.matrix):
        with pytest.raises(ValueError, match="y and dy must be different arrays"):
            form(0.0, y, y)
    with pytest.raises(ValueError, match="y and dy must be different arrays"):
        f.jacobian.into(np.zeros((2, 2)), 0.0, y, y[:])
    with pytest.raises(ValueError, match="y and dy must be different arrays"):
        f.jvp((0.0, y, y), y)
    R = np.eye(2)
    with pytest.raises(ValueError, match="out and R must be different arrays"):
        jacobian_compiled(wrt="x", shapes={"x": 2, "R": (2, 2)})(lambda R, x: R @ x).jacobian.into(R, R, y)


# The object


def test_the_primal_is_the_function():
    f = jacobian_compiled(three)
    assert f(3.0, 4.0, 5.0) == three(3.0, 4.0, 5.0)
    assert f.__name__ == "three" and f.__wrapped__ is three
    assert repr(f) == "<differentiable three(x1, x2, x3)>"


def test_users_see_one_class_and_one_object_in_every_state():
    f = jacobian_compiled(lambda x: x * x)
    for use in (lambda: None, lambda: f(2.0), lambda: f.jacobian(2.0), lambda: f.jacobian.into(np.zeros((1, 1)), 2.0)):
        use()
        assert type(f).__name__ == "Differentiable" and isinstance(f, srcdiff.Differentiable)
    assert f.jacobian is f.jacobian and f.jacobian.into is f.jacobian.into and f.jvp is f.jvp
    g = jacobian_compiled(lambda x: x * x)
    assert g.jacobian(3.0) == 6.0 and g(3.0) == 9.0 and g.jacobian(3.0) == 6.0
    assert repr(g.jacobian.into) == "<<lambda>.jacobian.into(out, x)>"


def test_decorators_with_and_without_options():
    @jacobian_compiled
    def f(x):
        """Squares."""
        return x * x

    @jacobian_compiled(wrt="x")
    def g(x, y):
        return x * y

    assert f.jacobian(3.0) == 6.0 and f.__doc__ == "Squares."
    assert g.jacobian(3.0, 4.0) == 4.0
    assert jacobian(f) is f.jacobian and jacobian(g, wrt="y")(3.0, 4.0) == 3.0


def test_the_source_is_what_emit_shows():
    f = jacobian_compiled(product)
    text = f.jacobian.source
    assert text == f.emit() == emit(product)
    f.jacobian(3.0, 4.0)
    assert "def product_jacobian(x, y):" in f.jacobian.source
    assert "def product_jvp(primals, tangents):" in f.emit("jvp")


def test_types_compile_at_once():
    f = jacobian_compiled(types="float64, float64")(product)
    assert len(f.jacobian.signatures) == 1
    assert f.jacobian(3.0, 4.0) == (4.0, 3.0)


def test_many_threads_make_the_first_call():
    f = jacobian_compiled(lambda x, y: math.sin(x) * y)
    results = []
    threads = [threading.Thread(target=lambda: results.append(f.jacobian(0.5, 2.0))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(2.0 * math.cos(0.5), math.sin(0.5))] * 8


@jacobian_compiled
def module_level(x):
    return x * x


def test_copies_are_independent_objects_that_work():
    for duplicate in (copy.copy, copy.deepcopy):
        assert duplicate(module_level).jacobian(3.0) == 6.0


def test_pickling_a_function_of_a_module_gives_the_same_object():
    assert pickle.loads(pickle.dumps(module_level)) is module_level


# In compiled code


compiled_vector = jacobian_compiled(vector)
into = compiled_vector.jacobian.into
matrix_of = compiled_vector.jacobian.matrix
derivative_of = jacobian_compiled(three).jacobian


@numba.njit
def newton(out, x, s):
    into(out, x, s)
    return out.sum()


@numba.njit
def structured(a, b, c):
    return derivative_of(a, b, c)[1][0]


@numba.njit
def apply(function, x, s):
    return function(x, s)


@numba.njit(parallel=True)
def everywhere(points, out):
    for i in numba.prange(len(points)):
        into(out[i], points[i], 2.0)


def test_as_a_global():
    out = np.zeros((2, 4))
    assert newton(out, np.array([1.0, 2.0, 3.0]), 2.0) == 2.0 + 1.0 + 3.0 + 2.0
    assert structured(3.0, 4.0, 5.0) == 5.0


def test_as_an_argument():
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(apply(matrix_of, x, 2.0), matrix_of(x, 2.0))


def test_as_a_closure_variable():
    inner = jacobian_compiled(lambda x: x**3).jacobian

    @numba.njit
    def total(n):
        s = 0.0
        for i in range(n):
            s += inner(float(i))
        return s

    assert total(4) == 3.0 * (0.0 + 1.0 + 4.0 + 9.0)


def test_in_a_parallel_loop():
    points = np.arange(30.0).reshape(10, 3)
    out = np.zeros((10, 2, 4))
    everywhere(points, out)
    np.testing.assert_array_equal(out[7], matrix_of(points[7], 2.0))


# Determinism


SCRIPT = """
import math, sys
import numpy as np
sys.path.insert(0, {folder!r})
import program
from srcdiff import emit
for mode in ("jacobian", "into", "jvp", "primal"):
    print(emit(program.f, mode=mode))
"""

PROGRAM = """
import math
import numpy as np

def h(u, w):
    return math.tanh(u) * w, math.exp(-u * w)

def f(x, p, q, r):
    a, b, c = x
    total = 0.0
    for i in range(4):
        if a > b:
            a = a * p + math.sin(b * c)
        else:
            b = b * q - np.hypot(a, c)
        u, v = h(a * b, r)
        total = total + u * v + (a * b) * (b * c) + math.exp(-p * q * r)
    return np.array([total, a * b * c]), total * math.exp(-p * q * r)
"""


def test_emission_does_not_depend_on_the_hash_seed(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    root = os.path.dirname(os.path.dirname(srcdiff.__file__))
    texts = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": root}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(folder=str(tmp_path))],
            capture_output=True, text=True, env=environment, check=True,
        )  # fmt: skip
        texts.add(done.stdout)
    assert len(texts) == 1 and "def f_jacobian_into(out, x, p, q, r):" in texts.pop()


def test_emission_does_not_depend_on_what_was_emitted_before():
    first = emit(three)
    emit(vector)
    jacobian(product)(3.0, 4.0)
    assert emit(three) == first


class Quantity(np.ndarray):
    """An array with arithmetic of its own."""


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("cache", [True, False])
def test_arrays_of_classes_with_arithmetic_of_their_own_are_refused(cache):
    f = jacobian_compiled(cache=cache)(lambda y: y * y[0])
    y = np.array([1.0, 2.0])
    odd = [np.ma.array(y, mask=[False, True]), np.matrix(y), y.view(Quantity)]
    for _ in range(2):  # before and after there is compiled code for a plain array
        for value in odd:
            for call in (f, f.jacobian, f.value_and_jacobian, lambda v: f.jacobian.into(np.zeros((2, 2)), v)):
                with pytest.raises(srcdiff.errors.ArgumentError, match=f"y is a {type(value).__name__}"):
                    call(value)
            with pytest.raises(srcdiff.errors.ArgumentError, match=type(value).__name__):
                f.jvp((y,), value)
        for _ in range(3):
            f(y), f.jacobian(y), f.value_and_jacobian(y), f.jacobian.into(np.zeros((2, 2)), y), f.jvp((y,), y)


def test_memory_maps_are_arrays(tmp_path):
    y = np.memmap(tmp_path / "y", dtype=np.float64, mode="w+", shape=2)
    y[:] = 1.0, 2.0
    np.testing.assert_array_equal(jacobian_compiled(lambda y: y * y[0]).jacobian(y), [[2.0, 0.0], [2.0, 1.0]])


def test_half_precision_is_refused():
    with pytest.raises(srcdiff.errors.ArgumentError, match="float16"):
        jacobian_compiled(lambda y: y * y[0]).jacobian(np.ones(2, np.float16))
