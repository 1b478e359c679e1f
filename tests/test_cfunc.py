"""C function pointers: prototypes, what they pass, errors, and solvers that call them."""

import ctypes
import gc
import math
from typing import NamedTuple

import numba
import numpy as np
import pytest
from scipy import LowLevelCallable, integrate

from srcdiff import ArgumentError, jacobian_compiled
from srcdiff.compile.prototype import parse


@jacobian_compiled(wrt="y")
def robertson(t, y, k1, k2, k3):
    a, b, c = y
    return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])


@jacobian_compiled(wrt="y", of="out")
def decay(t, y, out, k=3.0):
    if k < 0.0:
        raise ValueError("a rate is positive")
    out[0] = -k * y[0]
    out[1] = y[0] * y[1]


@jacobian_compiled(wrt="x")
def damped(x, a, b=2.0):
    return b * math.exp(-a * x)


@jacobian_compiled
def paraboloid(x):
    return x[0] ** 2 * x[1]


class Pair(NamedTuple):
    a: float
    b: float


RATES = (0.04, 3e7, 1e4)
Y = np.array([0.9, 2e-5, 0.1])


def pointer(array):
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))


# Prototypes


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("double(double x)", "double (double x)"),
        ("double f(double x);", "double (double x)"),
        ("int (*rhs)(double t, const double * y, void *user_data)", "int (double t, const double *y, void *user_data)"),
        ("void (double out[2][3], int n, double x[n])", "void (double out[2][3], int n, double x[n])"),
        ("double ( unsigned int n , float const *x )", "double (unsigned int n, const float *x)"),
        ("void (void)", "void (void)"),
    ],
)
def test_prototypes_are_read_and_shown(text, shown):
    assert str(parse(text)) == shown == str(parse(shown))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("double x", "does not read as a prototype"),
        ("double (double)", "`double` is not a type and a name"),
        ("double (double x, double x)", "names x twice"),
        ("double (double x[n])", "the length n of x is neither"),
        ("double (complex x)", "has no type that is taken"),
        ("double (double **x)", "is not a type and a name"),
        ("long (double x)", "does not read as a prototype"),
        ("double (void x)", "has no type that is taken"),
    ],
)
def test_prototypes_that_are_refused(text, why):
    with pytest.raises(ArgumentError, match="is not understood") as error:
        parse(text)
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("form", "prototype"),
    [
        (robertson, "void (double out[3], double t, const double y[3], double k1, double k2, double k3)"),
        (robertson.jacobian, "void (double out[3][3], double t, const double y[3], double k1, double k2, double k3)"),
        (
            robertson.value_and_jacobian,
            "void (double value[3], double out[3][3], double t, const double y[3], double k1, double k2, double k3)",
        ),
        (damped, "double (double x, double a, double b)"),
        (damped.jacobian, "double (double x, double a, double b)"),
        (decay, "void (double t, const double y[2], double out[2], double k)"),
        (decay.jacobian, "void (double out_[2][2], double t, const double y[2], double out[2], double k)"),
        (paraboloid.jacobian, "void (double out[1][2], const double x[2])"),
    ],
)
def test_without_a_prototype(form, prototype):
    assert form.cfunc().prototype == prototype


# Calls


def test_jacobian_by_rows_and_by_columns():
    out = np.zeros((3, 3))
    expected = robertson.jacobian(0.0, Y, *RATES)
    robertson.jacobian.cfunc().ctypes(pointer(out), 0.0, pointer(Y), *RATES)
    np.testing.assert_array_equal(out, expected)
    columns = robertson.jacobian.cfunc(
        "int (double t, const double *y, double *out, double k1, double k2, double k3)", order="F"
    )
    assert columns.ctypes(0.0, pointer(Y), pointer(out), *RATES) == 0
    np.testing.assert_array_equal(out.T, expected)


def test_user_data_is_a_struct_of_what_the_prototype_leaves_out():
    function = robertson.cfunc("void (double t, const double *y, double *out, void *user_data)")
    assert function.user_data_dtype.names == ("k1", "k2", "k3")
    data, out = function.pack(*RATES), np.zeros(3)
    function.ctypes(0.0, pointer(Y), pointer(out), data.ctypes.data)
    np.testing.assert_array_equal(out, robertson(0.0, Y, *RATES))
    with pytest.raises(ArgumentError, match="user_data holds k1, k2, k3"):
        function.pack(1.0)


def test_user_data_of_several_types_is_aligned_as_in_c():
    @jacobian_compiled(wrt="x", shapes={"w": 2})
    def weighted(x, flag: bool, n: int, w):
        total = 0.0
        for _ in range(n):
            total = total + x * w[0] * w[1]
        return total if flag else -total

    function = weighted.jacobian.cfunc("double (double x, void *user_data)")
    assert [function.user_data_dtype.fields[n][1] for n in ("flag", "n", "w")] == [0, 8, 16]
    data = function.pack(True, 3, (2.0, 5.0))
    assert function.ctypes(1.0, data.ctypes.data) == 30.0


def test_defaults_are_taken_where_nothing_is_passed():
    assert damped.cfunc("double (double x, double a)").ctypes(0.5, 1.0) == damped(0.5, 1.0)
    assert damped.jacobian.cfunc("double (double a, double x)").ctypes(1.0, 0.5) == damped.jacobian(0.5, 1.0)
    assert damped.cfunc("double (double a, double x, double b)").ctypes(1.0, 0.5, 3.0) == damped(0.5, 1.0, 3.0)


def test_value_and_jacobian():
    value, out = np.zeros(3), np.zeros((3, 3))
    robertson.value_and_jacobian.cfunc().ctypes(pointer(value), pointer(out), 0.0, pointer(Y), *RATES)
    np.testing.assert_array_equal(value, robertson(0.0, Y, *RATES))
    np.testing.assert_array_equal(out, robertson.jacobian(0.0, Y, *RATES))


def test_a_gradient_as_nlopt_wants_it():
    prototype = "double (unsigned n, const double x[n], double out[n], void *_data)"
    function = paraboloid.value_and_jacobian.cfunc(prototype)
    x, gradient = np.array([2.0, 3.0]), np.zeros(2)
    assert function.ctypes(2, pointer(x), pointer(gradient), None) == 12.0
    np.testing.assert_array_equal(gradient, [12.0, 4.0])


def test_tuples_and_matrices_are_written_in_order():
    pair = jacobian_compiled(lambda x, y: (x * y, (x + y, x)))
    out = np.zeros(3)
    pair.cfunc("void (double x, double y, double *out)").ctypes(2.0, 3.0, pointer(out))
    np.testing.assert_array_equal(out, [6.0, 5.0, 2.0])
    outer = jacobian_compiled(lambda x: np.array([[x[0], x[1]], [x[0] * x[1], 1.0]]))
    out = np.zeros(4)
    outer.cfunc("void (const double x[2], double out[2][2])").ctypes(pointer(np.array([2.0, 3.0])), pointer(out))
    np.testing.assert_array_equal(out, [2.0, 3.0, 6.0, 1.0])


def test_single_precision():
    function = jacobian_compiled(lambda x: x[0] * x[1]).jacobian.cfunc("void (const float x[2], float out[2])")
    x, out = np.array([2.0, 3.0], np.float32), np.zeros(2, np.float32)
    single = ctypes.POINTER(ctypes.c_float)
    function.ctypes(x.ctypes.data_as(single), out.ctypes.data_as(single))
    np.testing.assert_array_equal(out, [3.0, 2.0])


def test_an_argument_that_is_filled():
    value, out = np.zeros(2), np.zeros((2, 2))
    y = np.array([2.0, 3.0])
    function = decay.jacobian.cfunc("int (double t, const double *y, double *out, double *out_, double k)")
    assert function.ctypes(0.0, pointer(y), pointer(value), pointer(out), 1.5) == 0
    np.testing.assert_array_equal(value, [-3.0, 6.0])
    np.testing.assert_array_equal(out, [[-1.5, 0.0], [3.0, 2.0]])


def test_names_of_the_users_that_the_wrapper_might_use():
    args = [float(i) for i in range(2, 9)]
    named = jacobian_compiled(lambda carray, into, form, data, result, k, _form: carray * into * form * _form * k)
    function = named.value_and_jacobian.cfunc(
        "double (double carray, double into, double form, double data, double result, double k, double _form,"
        " double *out)"
    )
    out = np.zeros(7)
    assert function.ctypes(*args, pointer(out)) == named(*args)
    np.testing.assert_array_equal(out, named.jacobian(*args))


# What goes wrong


def test_what_the_function_raises_becomes_nan_and_a_status():
    value, out = np.zeros(2), np.zeros((2, 2))
    function = decay.jacobian.cfunc("int (double t, const double *y, double *out, double *out_, double k)")
    assert function.ctypes(0.0, pointer(np.ones(2)), pointer(value), pointer(out), -1.0) == -1
    assert np.isnan(value).all() and np.isnan(out).all()

    @jacobian_compiled
    def positive(x):
        if x < 0.0:
            raise ValueError("negative")
        return math.sqrt(x)

    assert math.isnan(positive.cfunc().ctypes(-1.0)) and positive.jacobian.cfunc().ctypes(4.0) == 0.25


def test_lengths_that_are_passed_are_checked():
    function = paraboloid.value_and_jacobian.cfunc("double (unsigned n, const double x[n], double out[n])")
    out = np.zeros(4)
    assert math.isnan(function.ctypes(3, pointer(np.ones(3)), pointer(out)))
    assert np.isnan(out[:3]).all() and out[3] == 0.0
    with pytest.raises(ArgumentError, match="nothing could say that the lengths"):
        paraboloid.jacobian.cfunc("void (int n, const double x[n], double *out)")
    status = paraboloid.jacobian.cfunc("int (int n, const double x[n], double *out)")
    assert status.ctypes(3, pointer(np.ones(3)), pointer(out)) == -1


@pytest.mark.parametrize(
    ("form", "prototype", "message"),
    [
        (damped, "double (double z, double a)", "z is no parameter of damped"),
        (damped, "double (double x)", "does not name a, and has no user_data"),
        (damped.value_and_jacobian, "double (double x, double a)", "has no out for the Jacobian of damped"),
        (robertson, "void (double t, double *y, void *user_data)", "has nothing for the result of robertson"),
        (robertson, "double (double t, double *y, void *user_data)", "not a number that double could return"),
        (robertson.jacobian, "void (double t, double y[4], double *out, void *user_data)", "it has the shape (3,)"),
        (robertson.jacobian, "void (double t, double *y, double out[3], void *user_data)", "out takes 9 numbers"),
        (robertson.jacobian, "void (double t, double *y, float *out, void *user_data)", "out must point to double"),
        (robertson, "void (double t, void *y, double *out, void *user_data)", "y is void"),
    ],
)
def test_prototypes_that_do_not_fit(form, prototype, message):
    with pytest.raises(ArgumentError) as error:
        form.cfunc(prototype)
    assert message in str(error.value)


def test_what_c_has_no_words_for():
    def scaled(x, p: Pair):
        return x * p.a * p.b

    with pytest.raises(ArgumentError, match="p is a tuple"):
        jacobian_compiled(scaled, wrt="x").cfunc()
    with pytest.raises(ArgumentError, match="order must be"):
        damped.cfunc(order="K")


# The object


def test_one_function_in_four_shapes():
    function = damped.cfunc("double (double x, void *user_data)")
    assert damped.cfunc("double (double x, void *user_data)") is function
    assert function.address == ctypes.cast(function.ctypes, ctypes.c_void_p).value
    assert "double (double, void *)" in repr(function.capsule)
    assert "double (double x, void *user_data)" in repr(function)


def test_the_ctypes_function_keeps_the_code_alive():
    def make():
        return jacobian_compiled(lambda x: x * x).jacobian.cfunc().ctypes

    function = make()
    gc.collect()
    assert function(3.0) == 6.0


def test_called_from_compiled_code_by_address():
    function = damped.jacobian.cfunc("double (double x, double a, double b)").ctypes

    @numba.njit
    def total(n):
        s = 0.0
        for i in range(n):
            s += function(float(i), 1.0, 2.0)
        return s

    assert total(3) == sum(damped.jacobian(float(i), 1.0, 2.0) for i in range(3))


# Arrays of any length


@jacobian_compiled(wrt="y")
def lorenz(t, y, force):
    n = len(y)
    rate = np.empty(n)
    for i in range(n):
        rate[i] = (y[(i + 1) % n] - y[i - 2]) * y[i - 1] - y[i] + force
    return rate


@jacobian_compiled(wrt="u", of="du")
def heat(t, u, du, k):
    du[0] = 0.0
    du[-1] = 0.0
    for i in range(1, len(u) - 1):
        du[i] = k * (u[i - 1] - 2.0 * u[i] + u[i + 1]) + u[i] ** 2


@jacobian_compiled(wrt=("y", "k"))
def scaled(y, k):
    return k * y**2


@jacobian_compiled(wrt="A")
def quadratic(A, x):
    return x @ A @ x


def test_lengths_that_are_passed_make_the_matrix():
    y, out = np.linspace(0.0, 1.0, 6), np.zeros((6, 6))
    fill = lorenz.jacobian.cfunc("int (int n, double t, const double y[n], double out[n][n], void *user_data)")
    assert fill.ctypes(6, 0.0, pointer(y), pointer(out), fill.pack(8.0).ctypes.data_as(ctypes.c_void_p)) == 0
    np.testing.assert_array_equal(out, lorenz.jacobian(0.0, y, 8.0))
    columns = lorenz.jacobian.cfunc("void (double t, const double y[6], double out[6][6], double force)", order="F")
    columns.ctypes(0.0, pointer(y), pointer(out), 8.0)
    np.testing.assert_array_equal(out.T, lorenz.jacobian(0.0, y, 8.0))


def test_values_and_matrix_of_any_length():
    y, value, out = np.linspace(0.0, 1.0, 6), np.zeros(6), np.zeros((6, 7))
    both = scaled.value_and_jacobian.cfunc("int (int n, const double y[n], double k, double value[n], double *out)")
    assert both.ctypes(6, pointer(y), 3.0, pointer(value), pointer(out)) == 0
    np.testing.assert_array_equal(value, scaled(y, 3.0))
    np.testing.assert_array_equal(out, scaled.jacobian.matrix(y, 3.0))
    rates, k = np.zeros(6), 2.5
    fill = heat.jacobian.cfunc("int (int n, double t, const double u[n], double du[n], double *out, void *user_data)")
    square = np.zeros((6, 6))
    data = fill.pack(k).ctypes.data_as(ctypes.c_void_p)
    assert fill.ctypes(6, 0.0, pointer(y), pointer(rates), pointer(square), data) == 0
    np.testing.assert_array_equal(square, heat.jacobian(0.0, y, np.zeros(6), k))
    heat(0.0, y, value, k)
    np.testing.assert_array_equal(rates, value)


def test_a_gradient_in_the_shape_of_its_argument():
    fill = quadratic.jacobian.cfunc("int (int n, const double A[n][n], const double x[n], double out[n][n])")
    A, x, out = np.eye(4), np.arange(4.0), np.zeros((4, 4))
    assert fill.ctypes(4, pointer(A), pointer(x), pointer(out)) == 0
    np.testing.assert_array_equal(out, np.outer(x, x))
    assert quadratic.cfunc("double (int n, const double A[n][n], const double x[n])").ctypes(
        4, pointer(A), pointer(x)
    ) == x @ x


def test_lengths_that_do_not_fit_write_no_more_than_was_said():
    y = np.linspace(0.0, 1.0, 6)
    fill = scaled.jacobian.cfunc("int (int n, int m, const double y[n], double k, double out[n][m])").ctypes
    out = np.zeros((6, 7))
    assert fill(6, 6, pointer(y), 2.0, pointer(out)) == -1 and np.isnan(out).sum() == 36 and not out.flat[36:].any()
    assert fill(6, 7, pointer(y), 2.0, pointer(out)) == 0 and np.isfinite(out).all()
    value = scaled.cfunc("int (int n, int m, const double y[n], double k, double out[m])").ctypes
    result = np.zeros(6)
    assert value(6, 5, pointer(y), 2.0, pointer(result)) == -1 and np.isnan(result).tolist() == [True] * 5 + [False]
    rate = lorenz.jacobian.cfunc("int (int n, int m, double t, const double y[n], double out[m][m], double force)")
    assert rate.ctypes(6, 5, 0.0, pointer(y), pointer(out), 8.0) == -1


@pytest.mark.parametrize(
    ("form", "prototype", "message"),
    [
        (lorenz.jacobian, None, "takes arrays of any length"),
        (lorenz, None, "takes arrays of any length"),
        (lorenz.jacobian, "int (double t, const double *y, double *out, double force)", "length of y is not known"),
        (lorenz.jacobian, "int (int n, double t, const double y[n], double *out, double force)", "how many results"),
        (lorenz, "int (int n, double t, const double y[n], double *out, double force)", "how many results"),
        (scaled.jacobian, "void (const double y[3], double k, double out[3][3])", "takes 12 numbers, .* gives it 9"),
        (scaled.jacobian, "void (const float y[3], float k, double out[3][4])", "out must point to float"),
    ],
)  # fmt: skip
def test_prototypes_that_leave_lengths_open(form, prototype, message):
    with pytest.raises(ArgumentError, match=message):
        form.cfunc(prototype)


def test_arrays_of_any_length_by_lsoda():
    numbalsoda = pytest.importorskip("numbalsoda", reason="numbalsoda has no wheel here, and needs a Fortran compiler")
    rhs = lorenz.cfunc("void (double t, const double y[5], double out[5], double *user_data)")
    start, times = np.array([1.0, 1.1, 0.9, 1.2, 1.0]), np.array([0.0, 0.5])
    solution, success = numbalsoda.lsoda(rhs.address, start, times, np.array([2.0]), rtol=1e-9, atol=1e-11)
    assert success
    exact = integrate.solve_ivp(lorenz, (0.0, 0.5), start, args=(2.0,), rtol=1e-10, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(solution[-1], exact, rtol=1e-7)


# Solvers


def test_scipy_quad():
    function = damped.cfunc("double (double x, void *user_data)")
    area, _ = integrate.quad(function.low_level_callable(2.0, 3.0), 0.0, 1.0)
    assert math.isclose(area, 1.5 * (1.0 - math.exp(-2.0)), rel_tol=1e-14)
    slope = damped.jacobian.cfunc("double (double x, void *user_data)").low_level_callable(2.0, 3.0)
    gc.collect()
    change, _ = integrate.quad(slope, 0.0, 1.0)
    assert math.isclose(change, 3.0 * math.exp(-2.0) - 3.0, rel_tol=1e-14)


def test_scipy_quad_through_a_capsule():
    capsule = damped.jacobian.cfunc("double (double x, double a)")
    with pytest.raises(ValueError, match="signature"):
        integrate.quad(LowLevelCallable(capsule.capsule), 0.0, 1.0)
    single = jacobian_compiled(lambda x: x**3).jacobian.cfunc("double (double x)")
    assert math.isclose(integrate.quad(LowLevelCallable(single.capsule), 0.0, 2.0)[0], 8.0, rel_tol=1e-14)


def test_scipy_nquad():
    function = paraboloid.cfunc("double (int n, double x[n])")
    volume, _ = integrate.nquad(function.low_level_callable(), [[0.0, 1.0], [0.0, 2.0]])
    assert math.isclose(volume, 2.0 / 3.0, rel_tol=1e-12)


# Robertson's problem at t = 40: Hairer & Wanner, Solving Ordinary Differential Equations II, in SUNDIALS' example.
AT_40 = np.array([7.158e-01, 9.185e-06, 2.842e-01])


def test_lsoda_through_numbalsoda():
    numbalsoda = pytest.importorskip("numbalsoda", reason="numbalsoda has no wheel here, and needs a Fortran compiler")
    rhs = robertson.cfunc("void (double t, const double *y, double *out, double *user_data)")
    times = np.array([0.0, 0.4, 4.0, 40.0])
    solution, success = numbalsoda.lsoda(
        rhs.address, np.array([1.0, 0.0, 0.0]), times, np.array(RATES), rtol=1e-8, atol=1e-12
    )
    assert success
    np.testing.assert_allclose(solution[-1], AT_40, rtol=1e-3)


def test_sensitivities_by_lsoda():
    """The user's own C function, with the Jacobian inside: dS/dt = J S + df/dk."""
    numbalsoda = pytest.importorskip("numbalsoda", reason="numbalsoda has no wheel here, and needs a Fortran compiler")

    @jacobian_compiled(wrt=("y", "k"))
    def cooling(t, y, k):
        return np.array([-k * y[0]])

    @numba.cfunc(numbalsoda.lsoda_sig)
    def rhs(t, u_, du_, p_):
        u, du, p = numba.carray(u_, (2,)), numba.carray(du_, (2,)), numba.carray(p_, (1,))
        value, (by_y, by_k) = cooling.value_and_jacobian(t, u[:1], p[0])
        du[0] = value[0]
        du[1] = by_y[0, 0] * u[1] + by_k[0]

    solution, success = numbalsoda.lsoda(
        rhs.address, np.array([2.0, 0.0]), np.array([0.0, 1.0]), np.array([0.5]), rtol=1e-10, atol=1e-12
    )
    assert success
    np.testing.assert_allclose(solution[-1], [2.0 * math.exp(-0.5), -2.0 * math.exp(-0.5)], rtol=1e-8)


def test_cvode_through_scikit_sundae():
    cvode = pytest.importorskip("sksundae.cvode", reason="scikit-sundae is not installed")
    fill = robertson.jacobian.into

    def rhs(t, y, yp):
        yp[:] = robertson(t, y, *RATES)

    def jacobian(t, y, yp, out):
        fill(out, t, y, *RATES)

    solver = cvode.CVODE(rhs, rtol=1e-8, atol=1e-12, method="BDF", jacfn=jacobian, max_num_steps=5000)
    solution = solver.solve(np.array([0.0, 0.4, 4.0, 40.0]), np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(solution.y[-1], AT_40, rtol=1e-3)
    assert solution.njev > 0


def test_cvode_with_a_c_function_and_user_data():
    """The same with pointers: the C functions of `cfunc`, called by their addresses."""
    cvode = pytest.importorskip("sksundae.cvode", reason="scikit-sundae is not installed")
    rhs = robertson.cfunc("int (double t, const double *y, double *out, double *user_data)").ctypes
    fill = robertson.jacobian.cfunc("int (double t, const double *y, double *out, double *user_data)").ctypes
    solver = cvode.CVODE(
        lambda t, y, yp, data: rhs(t, pointer(y), pointer(yp), pointer(data["rates"])),
        userdata={"rates": np.array(RATES)}, rtol=1e-8, atol=1e-12, method="BDF", max_num_steps=5000,
        jacfn=lambda t, y, yp, out, data: fill(t, pointer(y), pointer(out), pointer(data["rates"])),
    )  # fmt: skip
    solution = solver.solve(np.array([0.0, 40.0]), np.array([1.0, 0.0, 0.0]))
    np.testing.assert_allclose(solution.y[-1], AT_40, rtol=1e-3)


def test_ida_through_scikit_sundae():
    """A differential-algebraic form: IDA's matrix is dF/dy + c dF/dy'."""
    ida = pytest.importorskip("sksundae.ida", reason="scikit-sundae is not installed")

    @jacobian_compiled(wrt=("y", "yp"), of="res", shapes={"yp": 3})
    def residual(t, y, yp, res):
        a, b, c = y
        res[0] = yp[0] + 0.04 * a - 1e4 * b * c
        res[1] = yp[1] - 0.04 * a + 1e4 * b * c + 3e7 * b * b
        res[2] = a + b + c - 1.0

    scratch, both = np.zeros(3), np.zeros((3, 6))
    fill = residual.jacobian.into

    def jacobian(t, y, yp, res, cj, out):
        fill(both, t, y, yp, scratch)
        out[:] = both[:, :3] + cj * both[:, 3:]

    solver = ida.IDA(residual, rtol=1e-8, atol=1e-12, algebraic_idx=[2], jacfn=jacobian, max_num_steps=5000)
    solution = solver.solve(np.array([0.0, 0.4, 4.0, 40.0]), np.array([1.0, 0.0, 0.0]), np.array([-0.04, 0.04, 0.0]))
    np.testing.assert_allclose(solution.y[-1], AT_40, rtol=1e-3)
