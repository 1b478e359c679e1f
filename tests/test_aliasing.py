"""Every aliasing pattern is right or refused."""

import aliasing_patterns
import array_runs
import numpy as np
import pytest
from random_programs import fresh

import srcdiff
from srcdiff.errors import SrcdiffError

CASES = aliasing_patterns.CASES
NAMES = list(CASES)


def test_the_table_is_large():
    assert len({case.function for case in CASES.values()}) >= 80


@pytest.mark.parametrize("name", NAMES)
def test_reference_is_plain_numpy(name):
    case = CASES[name]
    args = fresh(case.arguments())
    value = case.function(*args)
    if case.of is not None:
        value = array_runs.outputs(case, args)
    assert array_runs.largest_error(value, array_runs.expected(case)[0], 1e-12) is None


@pytest.mark.parametrize("name", NAMES)
def test_emitted_text(name):
    outcome = array_runs.judge(CASES[name], "emitted")
    assert outcome.kind in ("ok", "refused"), f"{name}: {outcome}"


# Numba 0.68 runs these as loops forwards, without NumPy's care for overlaps: what is compiled must not inherit that.
OVERLAPPING = tuple(
    f"aliasing.{name}"
    for name in (
        "add_left_neighbour",
        "multiply_by_left_neighbour",
        "add_reversed",
        "add_transpose_in_place",
        "filled_while_read",
    )
)


# Compilation takes seconds a pattern; `run_array_corpus.py aliasing` compiles them all.
@pytest.mark.parametrize("name", sorted({*OVERLAPPING, *NAMES[::8]}))
def test_compiled(name):
    outcome = array_runs.judge(CASES[name], "value_and_jacobian")
    assert outcome.kind in ("ok", "refused"), f"{name}: {outcome}"


# Arguments that share memory


def product_of_neighbours(a, b):
    return a * b


def writes_first(a, b):
    for i in range(len(a)):
        a[i] = a[i] * b[i]
    return a


def fills(t, y, dy):
    for i in range(len(y)):
        dy[i] = y[i] * y[i - 1]


def test_read_arguments_may_overlap():
    x = np.array([0.5, 0.7, 1.1, 1.3])
    da, db = srcdiff.jacobian_compiled(product_of_neighbours).jacobian(x[:-1], x[1:])
    np.testing.assert_allclose(da, np.diag(x[1:]), rtol=1e-15)
    np.testing.assert_allclose(db, np.diag(x[:-1]), rtol=1e-15)


def test_a_written_argument_is_apart_from_the_one_beside_it():
    """Right for two arrays that happen to be equal, or refused; the argument is not written to."""
    x = np.array([0.5, 0.7, 1.1])
    before = x.copy()
    try:
        da, db = srcdiff.jacobian_compiled(writes_first).jacobian(x, x)
    except (SrcdiffError, ValueError) as error:
        assert "overlap" in str(error) or "same" in str(error) or "different arrays" in str(error)
    else:
        np.testing.assert_allclose(da, np.diag(before), rtol=1e-15)
        np.testing.assert_allclose(db, np.diag(before), rtol=1e-15)
    np.testing.assert_array_equal(x, before)


def test_a_filled_argument_that_is_the_input():
    y = np.array([0.5, 0.7, 1.1])
    given = y.copy()
    try:
        jacobian = srcdiff.jacobian_compiled(fills, wrt="y", of="dy").jacobian(0.0, y, y)
    except (SrcdiffError, ValueError) as error:
        assert "overlap" in str(error) or "same" in str(error) or "different arrays" in str(error)
    else:
        # What plain execution does: y[0] is overwritten before y[1] reads it.
        a, b, c = given
        expected = [[c, 0.0, a], [b * c, a * c, a * b], [b * c * c, a * c * c, 2.0 * a * b * c]]
        np.testing.assert_allclose(jacobian, expected, rtol=1e-14)


@pytest.mark.parametrize("overlap", [slice(0, 9), slice(1, 10)])
def test_an_output_that_overlaps_the_input(overlap):
    """`into` refuses it or gives what a separate output gives."""
    memory = np.linspace(0.5, 1.5, 12)
    y, out = memory[:3], memory[overlap].reshape(3, 3)
    expected = np.diag(2.0 * y)
    f = srcdiff.jacobian_compiled(squares)
    try:
        f.jacobian.into(out, y)
    except (SrcdiffError, ValueError):
        return
    np.testing.assert_allclose(out, expected, rtol=1e-15)


def squares(y):
    out = np.empty_like(y)
    for i in range(len(y)):
        out[i] = y[i] ** 2
    return out
