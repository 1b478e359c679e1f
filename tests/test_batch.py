"""Many points at once: the corpus in blocks and point by point, axes, indices, outputs, threads, refusals."""

import math
import platform
import re
import subprocess
import sys

import corpus
import dual
import numpy as np
import pytest

from srcdiff import ArgumentError, jacobian_compiled
from srcdiff.differentiable import Options
from srcdiff.evaluate.batch import CHUNK, BatchEvaluator

CASES = corpus.all_cases()
NAMES = [f"{case.name}-{number}" for number, case in enumerate(CASES)]
POINTS = 19
"""One block and a rest."""


def stacked(points):
    """The arguments of several points as those of a batch: numbers gain an axis, integers and strings are shared."""
    first = points[0]
    if isinstance(first, tuple):
        items = [stacked([p[i] for p in points]) for i in range(len(first))]
        return type(first)(*items) if hasattr(first, "_fields") else tuple(items)
    return np.array(points) if dual.is_differentiable(first) else first


def axes_of(argument):
    if isinstance(argument, tuple):
        return tuple(map(axes_of, argument))
    return 0 if isinstance(argument, np.ndarray) else None


def at(result, i):
    """One point of a batch's result."""
    if isinstance(result, tuple):
        items = [at(r, i) for r in result]
        return type(result)(*items) if hasattr(result, "_fields") else tuple(items)
    return result[i]


class Total:
    """`math`, with nan where it raises: as compiled code, which computes both arms of a conditional expression."""

    def __getattr__(self, name):
        function = getattr(math, name)
        if not callable(function):
            return function

        def call(*args):
            try:
                return function(*args)
            except (ValueError, OverflowError):
                return math.nan

        return call


def interpreted(evaluator, args, in_axes, blocks):
    """A batch as its text says, run by Python; whether it ran in blocks, and how many blocks disagreed."""
    given = evaluator.given(args, {}, in_axes, {})
    batch = evaluator.build(given.plan, blocks)
    space = {}
    exec(compile(batch.module.text, "batch", "exec"), space)
    space.update(batch.module.objects)
    if "math" in space:
        space["math"] = Total()
    results = evaluator.results(batch, given.n, None)
    name = batch.module.entry.replace("_batch", "_block")
    count = []
    if batch.blocks:
        block = space[name]
        space[name] = lambda *a: count.append(block(*a)) or count[-1]
    with np.errstate(all="ignore"):
        space[batch.module.entry](0, given.n, *batch.workspace(), *results, *given.values, *given.indices)
    return evaluator.structure(batch, results), batch, count


def case_evaluator(case, mode="value_and_jacobian"):
    return BatchEvaluator(case.function, mode, Options(wrt=case.wrt, of=case.of, shapes=case.shapes))


def batch_arguments(case, n=POINTS):
    points = [case.point(number) for number in range(n)]
    args = tuple(stacked([p[i] for p in points]) for i in range(len(points[0])))
    return points, args, tuple(map(axes_of, args))


def has_star(case):
    return bool(case.function.__code__.co_flags & 4)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_corpus(case):
    points, args, axes = batch_arguments(case)
    if has_star(case):
        with pytest.raises(ArgumentError, match="star"):
            case_evaluator(case).given(args, {}, axes, {})
        return
    for blocks in (False, True):
        _, fresh, _ = batch_arguments(case)
        result, batch, _ = interpreted(case_evaluator(case), fresh, axes, blocks)
        if blocks and not batch.blocks:
            assert batch.reason
            break
        for i in (0, 7, 15, 18):
            value, jacobian = dual.value_and_jacobian(case.function, points[i], case.wrt, case.of)
            found = at(result[1], i)
            assert dual.mismatch(found, jacobian, case.relative) is None
            if case.of is None:
                assert dual.mismatch(at(result[0], i), value, case.relative) is None


def test_most_of_the_corpus_goes_in_blocks():
    cases = [case for case in CASES if not has_star(case)]
    blocks = 0
    for case in cases[::4]:
        _, args, axes = batch_arguments(case, 2)
        evaluator = case_evaluator(case)
        blocks += evaluator.build(evaluator.given(args, {}, axes, {}).plan, True).blocks
    assert blocks >= 0.75 * len(cases[::4])


# -- compiled ---------------------------------------------------------------------------------------------------------


@jacobian_compiled(wrt=("x", "y"))
def curve(x, y, k):
    if x > 1.0:
        return math.sin(k * x) * y, x
    return x * y + math.exp(-x), y


@jacobian_compiled(wrt="q", shapes={"q": 3})
def turned(q, scale):
    s = np.sin(q[2])
    c = np.cos(q[2])
    return scale * np.array([c * q[0] - s * q[1], s * q[0] + c * q[1]])


@jacobian_compiled(wrt="y", of="dy", shapes={"y": 2, "dy": 2})
def decay(t, y, dy):
    dy[0] = -y[0] * y[1]
    dy[1] = y[0] - t * y[1]


def one_by_one(form, n, *columns):
    return [form(*(c[i] if isinstance(c, np.ndarray) else c for c in columns)) for i in range(n)]


def test_blocks_and_points_agree_with_single_calls():
    rng = np.random.default_rng(1)
    n = 16 * 20 + 7
    x, y = rng.uniform(0.9, 1.1, n), rng.uniform(-1.0, 1.0, n)
    x[:100] += 1.0
    value, jacobian = curve.value_and_jacobian.batch(x, y, 2.0)
    for i, (v, j) in enumerate(one_by_one(curve.value_and_jacobian, n, x, y, 2.0)):
        np.testing.assert_allclose((value[0][i], value[1][i]), v, rtol=1e-14)
        np.testing.assert_allclose([[d[i] for d in row] for row in jacobian], j, rtol=1e-14)
    np.testing.assert_allclose(curve.batch(x, y, 2.0), value, rtol=1e-14)


def test_results_do_not_depend_on_threads():
    n = 3 * CHUNK + 21
    x = np.linspace(0.0, 2.0, n)
    one = curve.jacobian.batch(x, x, 2.0, parallel=False)
    many = curve.jacobian.batch(x, x, 2.0, parallel=True)
    default = curve.jacobian.batch(x, x, 2.0)
    assert np.array_equal(one, many) and np.array_equal(one, default)


def test_the_vector_code_is_vector_code():
    """Sixteen points in registers of 256 or 512 bits, where the machine has them."""
    q = np.linspace(0.0, 1.0, 3 * 320).reshape(-1, 3)
    given = turned.jacobian.batch.given((q, 2.0), {}, "rank", {})
    batch, loop = turned.jacobian.batch.compile(given.plan, True)
    turned.jacobian.batch(q, 2.0)
    assert batch.blocks
    text = "".join(loop.inspect_asm().values())
    if platform.machine() in ("x86_64", "AMD64"):
        assert len(re.findall(r"v(?:mul|fmadd|fnmadd|sub)\w*pd\s.*%[yz]mm", text)) >= 4


def test_a_parameter_that_one_branch_assigns():
    def f(x, y):
        if x > 0.5:
            y = x * x
        return y

    evaluator = BatchEvaluator(f, "jacobian", Options())
    x, y = np.linspace(0.0, 1.0, 32), np.ones(32)
    for part in (slice(0, 16), slice(16, 32)):
        found, batch, count = interpreted(evaluator, (x[part], y[part]), (0, 0), True)
        assert batch.blocks and count == [True]
        assert np.array_equal(found[0], np.where(x[part] > 0.5, 2.0 * x[part], 0.0))
        assert np.array_equal(found[1], np.where(x[part] > 0.5, 0.0, 1.0))


def test_an_assertion_in_blocks():
    @jacobian_compiled
    def root(x):
        assert x > 0.0, "positive"
        return math.sqrt(x)

    x = np.linspace(1.0, 2.0, 320)
    assert root.jacobian.batch.build(root.jacobian.batch.given((x,), {}, "rank", {}).plan, True).blocks
    np.testing.assert_allclose(root.jacobian.batch(x), 0.5 / np.sqrt(x))
    x[200] = -1.0
    x[250] = -1.0
    for parallel in (False, True):
        with pytest.raises(AssertionError) as caught:
            root.jacobian.batch(x, parallel=parallel)
        assert caught.value.__notes__ == ["At point 200 of the batch."]


def test_asking_for_threads_starts_none():
    code = "from numba.np.ufunc import parallel; from srcdiff.evaluate.batch import thread_count; thread_count()\n"
    code += "print(parallel._is_initialized)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


# -- arguments --------------------------------------------------------------------------------------------------------

Q = np.arange(15.0).reshape(5, 3)
EXPECTED = np.array([turned.jacobian(q, 2.0) for q in Q])


def test_shared_arguments_by_rank():
    assert np.array_equal(turned.jacobian.batch(Q, 2.0), EXPECTED)
    assert np.array_equal(turned.jacobian.batch(Q, np.full(5, 2.0)), EXPECTED)
    assert np.array_equal(turned.jacobian.batch(Q[0], np.full(4, 2.0)), np.array([EXPECTED[0]] * 4))
    assert np.array_equal(turned.jacobian.batch(q=Q, scale=2.0), EXPECTED)


@pytest.mark.parametrize("in_axes", [(1, None), {"q": 1}, {"q": -1, "scale": None}])
def test_axes(in_axes):
    assert np.array_equal(turned.jacobian.batch(Q.T, 2.0, in_axes=in_axes), EXPECTED)


def test_one_axis_for_all():
    scale = np.full(5, 2.0)
    assert np.array_equal(turned.jacobian.batch(Q, scale, in_axes=0), EXPECTED)


def test_axes_of_tuples():
    f = jacobian_compiled(lambda p, x: p[0] * x + p[1])
    found = f.jacobian.batch((np.arange(3.0), 4.0), np.ones(3), in_axes=((0, None), 0))
    assert [list(a) for a in found[0]] == [[1.0] * 3, [1.0] * 3] and list(found[1]) == [0.0, 1.0, 2.0]


def test_what_is_shared_is_found_where_only_that_compiles():
    @jacobian_compiled(wrt="y")
    def f(y, k):
        a, b = y
        return a * b * k[0] + k[1]

    found = f.jacobian.batch(np.arange(6.0).reshape(3, 2), np.array([2.0, 1.0]))
    assert found.tolist() == [[2.0, 0.0], [6.0, 4.0], [10.0, 8.0]]


def test_arguments_that_do_not_tell():
    @jacobian_compiled
    def f(y, z):
        a, b = y * z
        return a * b

    two = np.array([1.0, 2.0])
    with pytest.raises(ArgumentError, match="do not tell which of them hold points"):
        f.jacobian.batch(two, two)
    found = f.jacobian.batch(two, two, in_axes=(None, 0))
    assert found[0].tolist() == [[2.0, 1.0], [8.0, 4.0]]


def test_namedtuples():
    from collections import namedtuple

    Pose = namedtuple("Pose", "x y")

    @jacobian_compiled
    def move(pose, d):
        return Pose(pose.x + d, pose.y * d)

    value, jacobian = move.value_and_jacobian.batch(Pose(np.arange(3.0), np.ones(3)), 2.0)
    assert type(value).__name__ == "Pose" and value.x.tolist() == [2.0, 3.0, 4.0]
    assert jacobian[1][0][1].tolist() == [2.0] * 3


def test_integers_are_promoted_and_float32_stays():
    f = jacobian_compiled(lambda x: x * x)
    assert f.jacobian.batch(np.arange(4)).tolist() == [0.0, 2.0, 4.0, 6.0]
    single = f.jacobian.batch(np.arange(4, dtype=np.float32))
    assert single.dtype == np.float32 and single.tolist() == [0.0, 2.0, 4.0, 6.0]


def test_no_points():
    assert turned.jacobian.batch(np.empty((0, 3)), 2.0).shape == (0, 2, 3)


def test_indices():
    at = np.array([4, 0, -1, 2])
    found = turned.jacobian.batch(Q, np.array([1.0, 2.0, 3.0, 4.0]), indices={"q": at})
    expected = [turned.jacobian(q, s) for q, s in zip(Q[at], (1.0, 2.0, 3.0, 4.0))]
    assert np.array_equal(found, expected)
    assert np.array_equal(turned.jacobian.batch(Q, 2.0, indices={"q": at})[0], EXPECTED[4])


@pytest.mark.parametrize("at", [[0, 5], [-6]])
def test_indices_out_of_bounds(at):
    with pytest.raises(ArgumentError, match="has 5 rows"):
        turned.jacobian.batch(Q, 2.0, indices={"q": np.array(at)})


def test_inputs_of_any_layout():
    for q in (np.asfortranarray(Q), np.repeat(Q, 2, axis=0)[::2], np.broadcast_to(Q, Q.shape)):
        assert np.array_equal(turned.jacobian.batch(q, 2.0), EXPECTED)


# -- results ----------------------------------------------------------------------------------------------------------


def test_out():
    out = np.full((2, 3, 5), np.nan)
    view = np.moveaxis(out, -1, 0)  # the points last: a structure of arrays
    assert np.shares_memory(turned.jacobian.batch(Q, 2.0, out=view), out)
    assert np.array_equal(view, EXPECTED)


def test_out_may_be_a_memory_map(tmp_path):
    n = CHUNK + 5
    q = np.memmap(tmp_path / "q", np.float64, "w+", shape=(n, 3))
    q[:] = np.linspace(0.0, 1.0, 3 * n).reshape(n, 3)
    out = np.memmap(tmp_path / "out", np.float64, "w+", shape=(n, 2, 3))
    turned.jacobian.batch(q, 2.0, out=out)
    assert np.array_equal(out, turned.jacobian.batch(np.array(q), 2.0))


def test_an_argument_that_is_filled():
    y = np.arange(6.0).reshape(3, 2)
    dy = np.full((3, 2), np.nan)
    found = decay.jacobian.batch(0.5, y, dy)
    assert found.tolist() == [[[-b, -a], [1.0, -0.5]] for a, b in y]
    assert dy.tolist() == [[-a * b, a - 0.5 * b] for a, b in y]
    with pytest.raises(ArgumentError, match="each point needs its own"):
        decay.jacobian.batch(0.5, y, dy[0])


def test_filled_arguments_go_in_blocks():
    @jacobian_compiled(wrt="y", of="dy", shapes={"y": 2, "dy": 3})
    def switched(y, dy):
        dy[0] = y[0] * y[1]
        if y[0] > 0.5:
            dy[1] = y[0] * y[0]
        else:
            dy[1] = 7.0
        dy[2] = dy[1]

    n = 16 * 20 + 5
    y = np.random.default_rng(4).uniform(0.0, 1.0, (n, 2))
    y[:160, 0] = np.repeat([0.2, 0.9], 80)  # blocks of which all points agree, on either side
    dy = np.full((n, 3), np.nan)
    batch = switched.value_and_jacobian.batch
    assert batch.build(batch.given((y, dy), {}, "rank", {}).plan, True).blocks
    value, jacobian = batch(y, dy)
    a, b = y.T
    high = a > 0.5
    second = np.where(high, a * a, 7.0)
    assert np.array_equal(dy, np.stack([a * b, second, second], 1))
    assert value is None
    assert np.array_equal(jacobian[:, 0], np.stack([b, a], 1))
    assert np.array_equal(jacobian[:, 1], np.stack([np.where(high, 2.0 * a, 0.0), np.zeros(n)], 1))


def test_filled_arguments_that_are_read_go_one_by_one():
    """A block of which some points take another branch starts again: what it wrote, it must not read."""

    @jacobian_compiled(wrt="y", of="dy", shapes={"y": 2, "dy": 2})
    def partly(y, dy):
        dy[0] = dy[0] * y[0]
        if y[0] > 0.5:
            dy[1] = y[0] * y[1]

    y = np.random.default_rng(5).uniform(0.0, 1.0, (320, 2))
    dy = np.full((320, 2), 3.0)
    batch = partly.jacobian.batch
    assert not batch.build(batch.given((y, dy), {}, "rank", {}).plan, True).blocks
    batch(y, dy)
    assert np.array_equal(dy, np.stack([3.0 * y[:, 0], np.where(y[:, 0] > 0.5, y[:, 0] * y[:, 1], 3.0)], 1))


def test_arrays_that_share_memory():
    y = np.arange(6.0).reshape(3, 2)
    with pytest.raises(ArgumentError, match="dy shares memory with y"):
        decay.jacobian.batch(0.5, y, y)
    both = np.arange(12.0).reshape(3, 4)  # columns of one array are apart
    decay.jacobian.batch(0.5, both[:, :2], both[:, 2:])
    store = np.zeros(60)
    with pytest.raises(ArgumentError, match="array 0 of out shares memory with q"):
        turned.jacobian.batch(store[20:35].reshape(5, 3), 2.0, out=store[:30].reshape(5, 2, 3))


def test_results_that_share_memory():
    x = np.linspace(0.0, 1.0, 5)
    store = np.zeros(12)
    both = jacobian_compiled(lambda x, y: (x * y, x + y))
    for one, other in ((store[:5], store[:5]), (store[:5], store[4:9])):
        with pytest.raises(ArgumentError, match="array 1 of out shares memory with array 0"):
            both.batch(x, 2.0, out=(one, other))
    both.batch(x, 2.0, out=(store[:10:2], store[1:10:2]))
    assert np.array_equal(store[:10], np.ravel([2.0 * x, x + 2.0], "F"))
    at = np.arange(5)
    with pytest.raises(ArgumentError, match=r"array 0 of out shares memory with indices\['x'\]"):
        both.batch(x, 2.0, indices={"x": at}, out=(at.view(float), store[:5]))


def test_integers_of_any_width():
    f = jacobian_compiled(wrt="x")(lambda x, k: x * k)
    for dtype in (np.int8, np.int16, np.uint16, np.int32, np.uint64, bool):
        assert np.array_equal(f.jacobian.batch(np.ones(3), np.ones(3, dtype)), np.ones(3))


def test_a_long_sparse_result_is_cleared():
    @jacobian_compiled(shapes={"y": 6})
    def squares(y):
        return y * y

    y = np.arange(24.0).reshape(4, 6)
    out = np.full((4, 6, 6), np.nan)
    squares.jacobian.batch(y, out=out)
    assert np.array_equal(out, [np.diag(2.0 * row) for row in y])


def test_progress(capsys):
    x = np.linspace(0.0, 2.0, 2 * CHUNK)
    curve.jacobian.batch(x, x, 2.0, progress=True)
    assert "points" in capsys.readouterr().out


def test_emit():
    text = turned.jacobian.batch.emit(np.zeros((300, 3)), 1.0)
    assert "def turned_jacobian_block(" in text and "range(16)" in text
    assert text == turned.jacobian.batch.emit(np.zeros((300, 3)), 1.0)
    assert "_block" not in turned.jacobian.batch.emit(Q, 1.0)


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args, options, message",
    [
        ((Q[0], 2.0), {}, "no argument of turned has an axis of points"),
        ((Q, np.ones(4)), {}, "disagree on the number of points: q 5, scale 4"),
        ((np.zeros((2, 2, 3)), 1.0), {}, "q has 3 axes, but its shape is"),
        ((np.zeros((5, 2)), 1.0), {}, "q has the shape"),
        (([1.0, 2.0, 3.0], 1.0), {}, "q is a list"),
        ((np.ma.array(Q), 1.0), {}, "q is a MaskedArray"),
        ((Q.view(np.recarray), 1.0), {}, "q is a recarray"),
        ((Q.astype(">f8"), 1.0), {}, "array of >f8"),
        ((Q.astype(object), 1.0), {}, "array of object"),
        ((Q,), {}, "missing a required argument: 'scale'"),
        ((Q, 1.0), {"in_axes": (2, None)}, "in_axes is 2 for q"),
        ((Q, 1.0), {"in_axes": (0, 0)}, "scale has no axis of points"),
        ((Q, 1.0), {"in_axes": (0, None, 0)}, "3 entries for 2 arguments"),
        ((Q, 1.0), {"in_axes": {"p": 0}}, "'p' is no parameter"),
        ((Q, 1.0), {"indices": {"p": [0]}}, "'p' is no parameter"),
        ((Q, 1.0), {"indices": {"q": [0.5]}}, "no array of integers"),
        ((Q, 1.0), {"out": np.empty((5, 3, 2))}, "but the result is"),
        ((Q, 1.0), {"out": np.empty((5, 2, 3), int)}, "out is of int64"),
        ((Q, 1.0), {"out": np.empty((5, 2, 3), np.float16)}, "out is of float16"),
        ((Q, 1.0), {"out": np.empty((5, 2, 3), ">f8")}, "out is of >f8"),
        ((Q, 1.0), {"out": np.empty((5, 2, 3), np.longdouble)}, "out is of (longdouble|float128|float64)"),
        ((Q, 1.0), {"out": np.ma.empty((5, 2, 3))}, "array 0 of out is a MaskedArray"),
        ((Q.astype(np.longdouble), 1.0), {}, "array of (longdouble|float128|float64)"),
        ((Q, 1.0), {"out": (np.empty((5, 2, 3)),) * 2}, "out has 2 arrays"),
    ],
)
def test_refusals(args, options, message):
    with pytest.raises(ArgumentError, match=message):
        turned.jacobian.batch(*args, **options)


def test_batch_of_both_tiers():
    """Dispatchers give the `batch` of the light object that they serve; other forms have none."""
    assert curve.jacobian.batch is curve.jacobian.batch is curve.jacobian._dispatcher.batch
    assert curve.batch is curve._primal.batch is curve._primal._dispatcher.batch
    for form in (curve.jvp, curve.jacobian.into, curve.jacobian.matrix):
        assert not hasattr(form, "batch")
