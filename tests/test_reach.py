"""Rows of tangents that no direction of a chunk reaches: which are skipped, and that all passes stay right.

A pass that follows another must find zeros in the rows that the earlier one reached. With a few directions a pass
there are many passes, and each reaches other rows.
"""

import inspect
import itertools

import aliasing_patterns
import array_runs
import corpus_arrays
import numpy as np
import pytest

from srcdiff import emit, jacobian, jacobian_compiled

CASES = {**corpus_arrays.all_cases(), **aliasing_patterns.CASES}


def watch(scope, name):
    """After every pass, rows without a flag hold zeros."""
    inner = scope.get(f"{name}_tangents")
    if inner is None:
        return
    parameters = inspect.signature(inner).parameters

    def checked(*args):
        result = inner(*args)
        given = dict(zip(parameters, args))
        for flags, dot in ((p, p.replace("_active", "_dot")) for p in parameters if "_active" in p):
            if isinstance(given[flags], np.ndarray):
                assert not np.any(given[dot][~given[flags]]), f"{dot} has rows that {flags} does not tell of"
        return result

    scope[f"{name}_tangents"] = checked


@pytest.mark.parametrize(("name", "chunk"), [*zip(CASES, itertools.cycle((1, 3)))])
def test_few_directions_a_pass(name, chunk, monkeypatch):
    monkeypatch.setitem(array_runs.RUNS, "few", lambda case: array_runs.run_emitted(case, chunk, watch))
    outcome = array_runs.judge(CASES[name], "few")
    assert outcome.kind in ("ok", "refused"), f"{name}: {outcome}"


def text_of(function, **options):
    types = dict.fromkeys(("y", "c", "w"), "float64[:]") | {"u": "float64[:, :]", "s": "float64"}
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return emit(function, types={name: types[name] for name in names}, **options)


def neighbours(y):
    dy = np.empty_like(y)
    for i in range(len(y)):
        dy[i] = y[i] * y[i - 1]
    return dy


def halves(y):
    n = len(y) // 2
    u, v = y[:n], y[n:]
    dy = np.zeros_like(y)
    du, dv = dy[:n], dy[n:]
    du[1:] = u[1:] * v[:-1]
    dv[:] = u * u + v
    return dy


def grid(u):
    out = u.copy()
    n, m = u.shape
    for i in range(1, n):
        for j in range(1, m):
            out[i, j] += u[i - 1, j] * u[i, j - 1]
    return out


def flat_grid(y):
    u = y.reshape(len(y) // 2, 2)
    out = np.zeros(len(y))
    for i in range(len(u)):
        out[2 * i] = u[i, 0] * u[i, 1]
        out[2 * i + 1] = u[i - 1, 1] ** 2
    return out


def with_scalar(y, s):
    dy = np.empty_like(y)
    for i in range(len(y)):
        slope = y[i] - y[i - 1]
        if slope > 0.0:
            dy[i] = s * slope
        else:
            dy[i] = slope * slope
    return dy


def accumulated(y, c):
    total = 0.0
    for i in range(len(y)):
        total += c[i] * y[i] ** 2
    return total


def twice(y):
    """Work is overwritten by numbers that do not vary in some places."""
    work = np.empty_like(y)
    dy = np.zeros_like(y)
    for i in range(len(y)):
        work[i] = y[i] ** 2
    for i in range(0, len(y), 2):
        work[i] = 1.0
    for i in range(len(y)):
        dy[i] += work[i] * y[len(y) - 1 - i]
    for i in range(len(y)):
        dy[i] += work[i - 1]
    return dy


SKIPPED = (neighbours, halves, grid, flat_grid, with_scalar, accumulated, twice)


def steps(y):
    """Every direction soon reaches every row."""
    u = y.copy()
    for _ in range(50):
        for i in range(1, len(y)):
            u[i] = u[i] * u[i - 1]
    return u


def prefix(y):
    """A number that every trip adds to and reads."""
    out = np.empty_like(y)
    total = 0.0
    for i in range(len(y)):
        total = total * 0.5 + y[i]
        out[i] = total * total
    return out


@pytest.mark.parametrize("function", SKIPPED)
def test_rows_are_skipped(function):
    text = text_of(function)
    assert "rows of tangents that no direction of a chunk reaches are not computed" in text
    assert "_active" in text


def test_time_loops_are_not_slowed():
    assert "_active" not in text_of(steps)


def test_a_single_direction_has_no_flags():
    assert "_active" not in text_of(neighbours, mode="jvp")


def arguments(function, n):
    rng = np.random.default_rng(n)
    made = {
        "y": rng.uniform(0.5, 1.5, n), "c": rng.uniform(0.5, 1.5, n), "u": rng.uniform(0.5, 1.5, (n // 2, 3)), "s": 0.7
    }  # fmt: skip
    return tuple(made[name] for name in function.__code__.co_varnames[: function.__code__.co_argcount])


@pytest.mark.parametrize("function", (*SKIPPED, steps, prefix))
def test_every_pass_of_compiled_code(function):
    """Against directional derivatives, which have no flags."""
    d = jacobian_compiled(function, chunk=4)
    for n in (2, 20):
        args = arguments(function, n)
        got = d.jacobian.matrix(*args)
        columns = []
        for position, arg in enumerate(args):
            for j in range(np.size(arg)):
                tangents = [np.zeros(np.shape(a)) for a in args]
                tangents[position].reshape(-1)[j] = 1.0
                along = tuple(float(t) if np.ndim(a) == 0 else t for t, a in zip(tangents, args))
                columns.append(np.ravel(d.jvp(args, along if len(args) > 1 else along[0])[1]))
        np.testing.assert_allclose(got, np.stack(columns, axis=-1), rtol=1e-13, atol=1e-13)
        out = np.full(got.shape, np.nan)
        d.jacobian.into(out, *args)
        np.testing.assert_array_equal(out, got)


def renamed(y):
    """The name of an input is given to an array of the function's own."""
    first = [y]
    y = np.tanh(first[0][::1])
    return y  # noqa: RET504  the name is what matters


@pytest.mark.parametrize("chunk", (1, 2))
def test_names_of_inputs_for_other_arrays(chunk):
    y = np.linspace(-1.0, 1.0, 7)
    np.testing.assert_allclose(jacobian(renamed, chunk=chunk)(y), np.diag(1.0 / np.cosh(y) ** 2), rtol=1e-14)


def fills(y, dy):
    for i in range(len(y)):
        dy[i] = y[i] ** 2
    dy[0] += y[-1]


def test_filled_arguments():
    d = jacobian(fills, wrt="y", of="dy", chunk=2)
    y, dy = np.array([0.5, 1.0, 1.5, 2.0, 2.5]), np.full(5, np.nan)
    expected = np.diag(2.0 * y)
    expected[0, 4] = 1.0
    np.testing.assert_array_equal(d(y, dy), expected)
    np.testing.assert_array_equal(dy, y**2 + np.array([2.5, 0.0, 0.0, 0.0, 0.0]))


def two_results(y):
    a = np.zeros_like(y)
    b = np.zeros(2 * len(y))
    for i in range(len(y)):
        a[i] = y[i] ** 2
        b[2 * i] = y[i] ** 3
    return a, y.sum(), b


@pytest.mark.parametrize("chunk", (1, 2, 8))
def test_several_results_in_one_matrix(chunk):
    y = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
    d = jacobian(two_results, chunk=chunk)
    expected = np.zeros((16, 5))
    expected[:5] = np.diag(2.0 * y)
    expected[5] = 1.0
    expected[6::2] = np.diag(3.0 * y**2)
    out = np.full((16, 5), np.nan)
    d.into(out, y)
    np.testing.assert_allclose(out, expected, rtol=1e-15)
    np.testing.assert_array_equal(d.matrix(y), out)
