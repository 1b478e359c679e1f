"""Batches of functions with arrays of run-time lengths: the array corpus against its reference, and compiled."""

import array_reference
import array_runs
import corpus_arrays
import dual
import numpy as np
import pytest
from random_programs import fresh
from test_batch import at, axes_of, stacked

from srcdiff import ArgumentError, jacobian_compiled
from srcdiff.differentiable import Options
from srcdiff.evaluate.batch import BatchEvaluator

CASES = corpus_arrays.all_cases()
NAMES = [name for name in CASES if name not in corpus_arrays.REFUSED]
FACTORS = (1.0, 0.98, 1.01)


def scaled(argument, factor):
    """A nearby argument, with whatever symmetry it has."""
    if isinstance(argument, tuple):
        items = [scaled(a, factor) for a in argument]
        return type(argument)(*items) if hasattr(argument, "_fields") else tuple(items)
    return argument * factor if dual.is_differentiable(argument) else argument


def piled(points):
    """As `stacked`, with arrays of integers and truth values for each point too."""
    if isinstance(points[0], tuple) and not hasattr(points[0], "_fields"):
        return tuple(piled([p[i] for p in points]) for i in range(len(points[0])))
    return np.array(points) if isinstance(points[0], np.ndarray) else stacked(points)


def flat(structure):
    return [leaf for item in structure for leaf in flat(item)] if isinstance(structure, tuple) else [structure]


@pytest.mark.parametrize("name", NAMES)
def test_corpus(name):
    case = CASES[name]
    if case.function.__code__.co_flags & 4:
        pytest.skip("stars are not for batches: tests/test_batch.py")
    points = [scaled(fresh(case.arguments()), factor) for factor in FACTORS]
    args = piled(points)
    evaluator = BatchEvaluator(case.function, "value_and_jacobian", Options(wrt=case.wrt, of=case.of))
    given = evaluator.given(args, {}, tuple(map(axes_of, args)), {})
    batch = evaluator.build(given.plan, False)
    wanted = [array_reference.value_and_jacobian(case.function, p, case.wrt, case.of) for p in points]
    shapes = [np.shape(leaf) for leaf in flat(wanted[0] if batch.valued else wanted[0][1])]
    results = evaluator.results(batch, given.n, None, shapes)
    space = {}
    exec(compile(batch.module.text, "batch", "exec"), space)
    space.update(batch.module.objects)
    with np.errstate(all="ignore"):
        space[batch.module.entry](0, given.n, *results, *given.values, *given.indices)
    value, jacobian = evaluator.structure(batch, results)
    for i, (v, j) in enumerate(wanted):
        assert array_runs.largest_error(at(jacobian, i), j, case.relative) is None
        if case.of is None:
            assert array_runs.largest_error(at(value, i), v, case.relative) is None
        else:
            assert array_runs.largest_error(at(array_runs.outputs(case, args), i), v, case.relative) is None


# -- compiled ---------------------------------------------------------------------------------------------------------


@jacobian_compiled(wrt="x")
def lorenz96(x, force):
    n = len(x)
    change = np.empty(n)
    for i in range(n):
        change[i] = (x[(i + 1) % n] - x[i - 2]) * x[i - 1] - x[i] + force
    return change


@jacobian_compiled(wrt=("u", "kappa"))
def diffused(u, kappa, steps):
    """Two outputs, two inputs, one of two axes."""
    for _ in range(steps):
        u = u + kappa * (np.roll(u, 1) - u)
    return u, np.sum(u * u)


@jacobian_compiled(wrt=("A", "x"))
def product(A, x):
    return A @ x


@jacobian_compiled(wrt=("omega", "alpha", "beta"))
def garch(omega, alpha, beta, returns):
    variance = omega / (1.0 - alpha - beta)
    total = 0.0
    for t in range(len(returns)):
        total += np.log(variance) + returns[t] ** 2 / variance
        variance = omega + alpha * returns[t] ** 2 + beta * variance
    return total / len(returns)


@jacobian_compiled(wrt="y", of="dy")
def decay(t, y, k, dy):
    for i in range(len(y)):
        dy[i] = -k[i] * y[i] * y[i - 1] + t


@jacobian_compiled(wrt="x")
def powers(x, n):
    out = np.empty(n)
    for i in range(n):
        out[i] = x ** (i + 1)
    return out


RNG = np.random.default_rng(3)
X = RNG.normal(size=(37, 9))


def singles(form, n, *columns):
    """One call a point; arrays of two axes or more and those of n numbers hold points."""
    held = [isinstance(c, np.ndarray) and len(c) == n for c in columns]
    return [form(*(c[i] if h else c for c, h in zip(columns, held))) for i in range(n)]


def agree(found, expected, **options):
    """A batch's result and those of single calls."""
    for i, one in enumerate(expected):
        for a, b in zip(flat(at(found, i)), flat(one), strict=True):
            np.testing.assert_allclose(a, b, **{"rtol": 1e-14, "atol": 1e-15, **options})


def test_a_field_of_any_length():
    for form in (lorenz96, lorenz96.jacobian, lorenz96.value_and_jacobian):
        agree(form.batch(X, 8.0), singles(form, 37, X, 8.0))
        agree(form.batch(X[:, :5], np.linspace(7.0, 9.0, 37)), singles(form, 37, X[:, :5], np.linspace(7.0, 9.0, 37)))
    assert lorenz96.jacobian.batch(X, 8.0).shape == (37, 9, 9)


def test_several_outputs_and_inputs():
    kappa = np.linspace(0.1, 0.2, 37)
    for form in (diffused, diffused.jacobian, diffused.value_and_jacobian):
        agree(form.batch(X, kappa, 3), singles(form, 37, X, kappa, 3))
    (by_u, by_kappa), (total_by_u, total_by_kappa) = diffused.jacobian.batch(X, kappa, 3)
    assert by_u.shape == (37, 9, 9) and by_kappa.shape == (37, 9)
    assert total_by_u.shape == (37, 9) and total_by_kappa.shape == (37,)


def test_axes_of_arrays():
    A, x = np.moveaxis(RNG.normal(size=(6, 4, 3)), 0, 1).copy(), RNG.normal(size=3)
    by_A, by_x = product.jacobian.batch(A, x, in_axes=(1, None))
    assert by_A.shape == (6, 4, 4, 3) and by_x.shape == (6, 4, 3)
    for i in range(6):
        assert np.array_equal(by_A[i], np.einsum("ij,k->ijk", np.eye(4), x)) and np.array_equal(by_x[i], A[:, i])


def test_series_of_any_length():
    returns = RNG.normal(size=(11, 30))
    expected = singles(garch.value_and_jacobian, 11, 0.1, 0.1, 0.8, returns)
    agree(garch.value_and_jacobian.batch(0.1, 0.1, 0.8, returns), expected)
    omega = np.linspace(0.05, 0.2, 11)
    agree(garch.jacobian.batch(omega, 0.1, 0.8, returns), singles(garch.jacobian, 11, omega, 0.1, 0.8, returns))
    shared = garch.jacobian.batch(omega, 0.1, 0.8, returns[0], in_axes={"returns": None})
    agree(shared, [garch.jacobian(w, 0.1, 0.8, returns[0]) for w in omega])


def test_arrays_that_are_filled():
    k, dy = np.linspace(1.0, 2.0, 9), np.full_like(X, np.nan)
    found = decay.jacobian.batch(0.5, X, k, dy, in_axes=(None, 0, None, 0))
    want = np.empty(9)
    for i, x in enumerate(X):
        np.testing.assert_allclose(found[i], decay.jacobian(0.5, x, k, want), rtol=1e-14)
        np.testing.assert_allclose(dy[i], want, rtol=1e-14)
    nothing, jacobian = decay.value_and_jacobian.batch(0.5, X, k, dy, in_axes=(None, 0, None, 0))
    assert nothing is None and np.array_equal(jacobian, found)
    dy[:] = np.nan
    assert decay.batch(0.5, X, k, dy, in_axes=(None, 0, None, 0)) is None
    np.testing.assert_allclose(dy[-1], want, rtol=1e-14)
    with pytest.raises(ArgumentError, match="each point needs its own"):
        decay.jacobian.batch(0.5, X, k, dy[0], in_axes=(None, 0, None, None))


def test_indices():
    at_ = np.array([3, 0, 36, -1])
    agree(lorenz96.jacobian.batch(X, 8.0, indices={"x": at_}), singles(lorenz96.jacobian, 4, X[at_], 8.0))
    with pytest.raises(ArgumentError, match="37 rows"):
        lorenz96.jacobian.batch(X, 8.0, indices={"x": np.array([37])})


@pytest.mark.parametrize("form", ["jacobian", "value_and_jacobian"])
def test_results_do_not_depend_on_threads(form):
    x = RNG.normal(size=(700, 40))
    batch = getattr(lorenz96, form).batch
    one, many = batch(x, 8.0, parallel=False), batch(x, 8.0, parallel=True)
    for a, b, c in zip(flat(one), flat(many), flat(batch(x, 8.0))):
        assert np.array_equal(a, b) and np.array_equal(a, c)
    agree(at_points(one, [0, 161, 699]), [getattr(lorenz96, form)(x[i], 8.0) for i in (0, 161, 699)])


def at_points(result, places):
    return tuple(at_points(r, places) for r in result) if isinstance(result, tuple) else result[places]


def test_out_with_the_points_last():
    out = np.full((9, 9, 37), np.nan)
    view = np.moveaxis(out, -1, 0)
    assert np.shares_memory(lorenz96.jacobian.batch(X, 8.0, out=view), out)
    np.testing.assert_allclose(view, lorenz96.jacobian.batch(X, 8.0), rtol=1e-14)
    powers_out = np.full((3, 4), np.nan).T
    powers.jacobian.batch(np.arange(4.0), 3, out=powers_out)
    assert powers_out.tolist() == [[1.0, 2.0 * x, 3.0 * x * x] for x in range(4)]


def test_out_may_be_a_memory_map(tmp_path):
    out = np.memmap(tmp_path / "out", np.float64, "w+", shape=(37, 9, 9))
    lorenz96.jacobian.batch(X, 8.0, out=out)
    assert np.array_equal(out, lorenz96.jacobian.batch(X, 8.0))


def test_float32_stays():
    x = X.astype(np.float32)
    expected = singles(diffused.value_and_jacobian, 37, x, np.float32(0.1), 2)
    found = diffused.value_and_jacobian.batch(x, np.float32(0.1), 2)
    assert {a.dtype for a in flat(found)} == {np.dtype(np.float32)}
    agree(found, expected, rtol=1e-5, atol=1e-6)


def test_integers_are_promoted():
    x = np.arange(12).reshape(3, 4)
    agree(lorenz96.jacobian.batch(x, 1), singles(lorenz96.jacobian, 3, x.astype(float), 1.0))


def test_lengths_that_a_number_states():
    assert powers.jacobian.batch(np.array([2.0, 3.0]), 3).tolist() == [[1.0, 4.0, 12.0], [1.0, 6.0, 27.0]]
    for parallel in (False, True):
        for form in (powers.jacobian, powers.value_and_jacobian, powers):
            n = np.full(300, 3)
            n[[270, 280]] = 4
            with pytest.raises(ValueError, match="another shape at point 270 than at the first"):
                form.batch(np.full(300, 2.0), n, parallel=parallel)
    with pytest.raises(ArgumentError, match="but the result is"):
        powers.batch(np.array([2.0, 3.0]), 3, out=np.empty((2, 4)))


def test_no_points():
    assert garch.jacobian.batch(np.empty(0), 0.1, 0.8, np.empty((0, 5)))[0].shape == (0,)
    with pytest.raises(ArgumentError, match="no points"):
        lorenz96.jacobian.batch(np.empty((0, 4)), 8.0)


def test_arguments_are_left_alone():
    @jacobian_compiled(wrt="u")
    def smoothed(u):
        for i in range(1, len(u)):
            u[i] = 0.5 * (u[i] + u[i - 1])
        return u[-1] * u[0]

    before = X.copy()
    found = smoothed.jacobian.batch(X)
    assert np.array_equal(X, before)
    agree(found, singles(smoothed.jacobian, 37, X))
    again = X.copy()
    value = smoothed.batch(again)  # the function itself writes, as a call would
    for i, x in enumerate(X):
        x = x.copy()
        np.testing.assert_allclose(value[i], smoothed(x), rtol=1e-14)
        np.testing.assert_allclose(again[i], x, rtol=1e-14)


def test_dask():
    da = pytest.importorskip("dask.array", reason="DASK IS NOT TESTED: it is not installed (pip install '.[dask]')")
    x = da.from_array(X, chunks=(16, 9))
    value, jacobian = lorenz96.value_and_jacobian.batch(x, 8.0)
    # That the result is as long as its argument is known once it has run; Dask's word for it is nan.
    assert value.chunks[0] == (16, 16, 5) and jacobian.ndim == 3 and jacobian.shape[2] == 9
    assert np.isnan(jacobian.shape[1]) and jacobian.dtype == np.float64 and jacobian._meta.shape == (0, 0, 0)
    expected = lorenz96.value_and_jacobian.batch(X, 8.0)
    assert np.array_equal(value.compute(), expected[0]) and np.array_equal(jacobian.compute(), expected[1])
    returns = da.from_array(X, chunks=(20, 9))
    by_omega = garch.jacobian.batch(0.1, 0.1, 0.8, returns)[0]
    assert by_omega.shape == (37,)
    assert np.array_equal(by_omega.compute(), garch.jacobian.batch(0.1, 0.1, 0.8, X)[0])
