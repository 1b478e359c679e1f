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


def neighbours(t, y):
    rate = np.empty(len(y))
    for i in range(len(y)):
        rate[i] = y[i] * y[i - 1] - t
    return rate


def pair(t, y):
    a, b = y
    return np.array([t * a * b, a - b])


def fills_pair(t, y, dy):
    dy[0] = y[0] * y[1]
    dy[1] = y[0] - t * y[1]


def changes_its_input(a, b):
    a[0] = a[0] * 2.0
    return a[0] * b[0] + a[1] * b[1]


def calls_that_share(cache):
    """What is called, with arguments that share memory in part, and the two that do."""
    base = np.arange(1.0, 6.0)
    matrix = np.arange(1.0, 4971.0).reshape(71, 70)
    made = {"cache": cache, "wrt": "y"}
    of = {"of": "dy", **made}
    any_length = srcdiff.jacobian_compiled(fills, **of)
    known = srcdiff.jacobian_compiled(fills_pair, shapes={"y": 2, "dy": 2}, **of)
    for f, n in ((any_length, 4), (known, 2)):
        y, dy = base[:n], base[1 : n + 1]
        for form in (f, f.jacobian):
            yield form, (0.0, y, dy), "y and dy"
        yield f.jacobian.into, (np.zeros((n, n)), 0.0, y, dy), "y and dy"
        yield f.jacobian, (0.0, base[:n][::-1], dy), "y and dy"
    many = srcdiff.jacobian_compiled(neighbours, **made).jacobian
    yield many.into, (matrix[:70], 0.0, matrix[0]), "out and y"
    yield many.into, (matrix[:70], 0.0, matrix[1:, 5]), "out and y"
    yield srcdiff.jacobian(pair, **made).into, (matrix[:2, :2], 0.0, matrix[0, 1:3]), "out and y"
    changing = srcdiff.jacobian_compiled(changes_its_input, shapes={"a": 2, "b": 2}, cache=cache)
    for form in (changing, changing.jacobian):
        yield form, (base[:2], base[1:3]), "a and b"


@pytest.mark.parametrize("cache", [True, False])
def test_arguments_that_share_memory_in_part(cache, tmp_path, monkeypatch):
    """Refused at the first call, by linked code, and by the dispatcher alone; nothing is written."""
    monkeypatch.setenv("SRCDIFF_CACHE_DIR", str(tmp_path))
    for form, args, names in calls_that_share(cache):
        before = fresh(args)
        apart = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
        for _ in range(2):
            with pytest.raises(ValueError, match=f"{names} must be different arrays"):
                form(*args)
            form(*apart)
        for one, other in zip(args, before):
            np.testing.assert_array_equal(one, other)


def test_arguments_side_by_side_in_one_array_are_apart():
    table = np.arange(8.0).reshape(4, 2)
    f = srcdiff.jacobian_compiled(fills, wrt="y", of="dy")
    columns = f.jacobian(0.0, table[:, 0], table[:, 1])
    rows = np.array([0.0, 2.0, 4.0, 6.0])
    np.testing.assert_array_equal(columns, f.jacobian(0.0, rows, np.zeros(4)))
    np.testing.assert_array_equal(table[:, 1], rows * rows[[-1, 0, 1, 2]])


@pytest.mark.parametrize("mode", ["jacobian", "value_and_jacobian"])
@pytest.mark.parametrize("cache", [True, False])
def test_types_that_come_later_are_looked_at(mode, cache):
    """The first call passes one array only, so that it may share no memory with others."""

    def scaled(p, y):
        y[0] = 3.0
        return p[0] * y[0]

    form = getattr(srcdiff.jacobian_compiled(scaled, cache=cache), mode)
    form((1.0, 2.0), np.ones(1))
    shared = np.ones(1)
    for _ in range(2):
        with pytest.raises(ValueError, match="share memory"):
            form(shared, shared)
        form(np.ones(1), np.ones(1))
