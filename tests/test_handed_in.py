"""`jacobian.scratch` and `jacobian.into_with`: memory that the caller keeps between calls."""

import array_runs
import corpus_arrays
import numba
import numpy as np
import pytest
from random_programs import emitted, fresh

from srcdiff import emit, jacobian, jacobian_compiled
from srcdiff.errors import ArgumentError, SrcdiffError

CASES = corpus_arrays.all_cases()


def run(case, chunk):
    """Two calls with the same scratch, the second with other numbers first, as plain Python."""
    args = case.arguments()
    space = {}
    for mode in ("scratch", "into_with"):
        exec(emitted(case.function, args, mode, wrt=case.wrt, of=case.of, chunk=chunk), space)
    name = case.function.__name__
    scratch = space[f"{name}_jacobian_scratch"](*fresh(args))
    wanted = array_runs.expected_matrix(case)
    out = np.empty(wanted.shape, dtype=complex if np.iscomplexobj(wanted) else float)
    other = tuple(a * 1.25 if isinstance(a, np.ndarray) and a.dtype.kind in "fc" else a for a in fresh(args))
    fill = space[f"{name}_jacobian_into_with"]
    try:
        with np.errstate(all="ignore"):
            fill(scratch, out, *other)
    except (ValueError, IndexError, np.linalg.LinAlgError):
        pass  # other numbers may be none for this function
    out[:] = np.nan
    assert fill(scratch, out, *args) is None
    return array_runs.largest_error(out, wanted, case.relative)


@pytest.mark.parametrize("name", [name for name in CASES if name.partition(".")[0] in ("loops", "views", "slices")])
def test_corpus(name):
    try:
        assert run(CASES[name], 3) is None
    except SrcdiffError:
        assert name in corpus_arrays.REFUSED


def ring(y, c):
    u, v = y[: len(y) // 2], y[len(y) // 2 :]
    dy = np.empty_like(y)
    for i in range(len(u)):
        dy[i] = c * (u[i - 1] - u[i]) + u[i] * v[i]
        dy[len(u) + i] = v[i] * v[i]
    return dy


Y = np.linspace(0.5, 2.0, 20)


def test_many_calls():
    d = jacobian_compiled(ring, wrt="y")
    scratch = d.jacobian.scratch(Y, 0.5)
    out = np.empty((20, 20))
    for i in range(5):
        y = Y + 0.1 * i
        d.jacobian.into_with(scratch, out, y, 0.5)
        np.testing.assert_array_equal(out, d.jacobian.matrix(y, 0.5))


def test_compiled_callers():
    d = jacobian_compiled(ring, wrt="y")

    @numba.njit
    def norms(y, n):
        scratch = d.jacobian.scratch(y, 0.5)
        out = np.empty((len(y), len(y)))
        found = np.empty(n)
        for i in range(n):
            d.jacobian.into_with(scratch, out, y + 0.1 * i, 0.5)
            found[i] = np.abs(out).sum()
        return found

    expected = [np.abs(d.jacobian.matrix(Y + 0.1 * i, 0.5)).sum() for i in range(4)]
    np.testing.assert_allclose(norms(Y, 4), expected, rtol=1e-14)


def fails_late(y):
    total = 0.0
    for i in range(len(y)):
        if y[i] < 0.0:
            raise ValueError("negative")
        total += y[i] ** 2
    return total


def test_after_an_exception():
    d = jacobian(fails_late, chunk=3)
    scratch, out = d.scratch(Y), np.empty((1, 20))
    with pytest.raises(ValueError, match="negative"):
        d.into_with(scratch, out, Y - 1.0)
    d.into_with(scratch, out, Y)
    np.testing.assert_allclose(out, [2.0 * Y], rtol=1e-15)


def fills(y, dy):
    for i in range(len(y)):
        dy[i] += y[i] * y[i - 1]


def test_arguments_that_the_function_fills():
    d = jacobian(fills, wrt="y", of="dy", chunk=4)
    dy, out = np.zeros(20), np.empty((20, 20))
    scratch = d.scratch(Y, dy)
    for _ in range(2):
        d.into_with(scratch, out, Y, dy)
    np.testing.assert_allclose(dy, 2.0 * Y * np.roll(Y, 1), rtol=1e-15)
    np.testing.assert_array_equal(out, d.matrix(Y, dy))


def square(x):
    return x * x


def test_programs_of_scalars_need_none():
    d = jacobian(square)
    assert d.scratch(3.0) == ()
    out = np.empty((1, 1))
    d.into_with((), out, 3.0)
    assert out[0, 0] == 6.0


def test_scratch_of_other_lengths():
    d = jacobian(ring, wrt="y")
    with pytest.raises(ValueError, match="the scratch is for arguments of other lengths"):
        d.into_with(d.scratch(Y, 0.5), np.empty((10, 10)), Y[:10].copy(), 0.5)


def test_scratch_of_other_types():
    d = jacobian(ring, wrt="y")
    narrow = d.scratch(Y.astype(np.float32), np.float32(0.5))
    for wrong in ((), narrow, (Y,), Y):
        with pytest.raises(ArgumentError, match="no scratch for ring") as raised:
            d.into_with(wrong, np.empty((20, 20)), Y, 0.5)
        assert "Make it with ring.jacobian.scratch and the same arguments." in str(raised.value)


def named(scratch, out):
    return scratch * out


def test_parameters_of_the_same_names():
    d = jacobian(named, wrt="scratch")
    filled = np.empty((20, 20))
    d.into_with(d.scratch(Y, Y), filled, Y, Y)
    np.testing.assert_array_equal(filled, np.diag(Y))


def test_text():
    types = {"y": "float64[:]", "c": "float64"}
    text = emit(ring, wrt="y", mode="scratch", types=types)
    assert text.startswith('"""Scratch for the Jacobian of ring')
    assert "ring_tangents" not in text
    assert "def ring_jacobian_into_with(scratch, out, y, c):" in emit(ring, wrt="y", mode="into_with", types=types)
