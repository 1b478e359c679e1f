"""Results stored as vectors and past the cache: the same numbers, for every layout and dtype of the arrays given."""

import ast
import math
import platform

import numba
import numpy as np
import pytest

from srcdiff import jacobian_compiled
from srcdiff.compile.lines import put
from srcdiff.compile.streaming import Streams, streamed
from srcdiff.evaluate import points

TEXT = """
def f_block(start, work, out, other):
    for k in range(16):
        work[k] = 1.0
    for k in range(16):
        i = start + k
        out[i, 0] = work[k]
        out[i, 1] = scale
        out[i, 2] = work[32 + k]
        other[i] = work[k] + 1.0
    return True


def f_batch(first, last, work, out, other):
    f_block(first, work, out, other)
"""


def transformed(*arrays):
    tree, names = streamed(TEXT, Streams("f_block", arrays, 500, "work", "start", 16))
    return ast.unparse(tree), names


def test_loops_that_store_all_of_an_array_become_calls():
    text, names = transformed(("out", (3,)), ("other", ()))
    assert "        other[i] = work[k] + 1.0\n    _put_0(out, start, work, (scale,))\n    return True" in text
    assert "out[i" not in text and set(names) == {"_fence", "_put_0"}
    assert text.rstrip().endswith("_fence()")


def test_what_a_loop_does_not_store_entirely_stays():
    text, names = transformed(("out", (4,)), ("other", (2,)))
    assert "out[i, 2] = work[32 + k]" in text and set(names) == {"_fence"}


@pytest.mark.parametrize(("held", "dtype"), [("f8", "f8"), ("f4", "f4"), ("f8", "f4")])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 22, 35])
def test_rows_become_points(count, held, dtype):
    rng = np.random.default_rng(count)
    n = 16 * 6
    rows = [None if j % 5 == 3 else 16 * j for j in range(count)]
    shared = tuple(100.0 + j for j, row in enumerate(rows) if row is None)
    stores = {least: put(tuple(rows), (count,), least, 16) for least in (1, 10**9)}

    def fill(store):
        @numba.njit
        def run(out, work):
            for start in range(0, len(out), 16):
                store(out, start, work[start // 16], shared)

        return run

    fillers = {least: fill(store) for least, store in stores.items()}
    work = rng.normal(size=(n // 16, 16 * count)).astype(held)
    wanted = np.empty((n, count), dtype)
    for block in range(n // 16):
        table = work[block].reshape(count, 16).T.copy()
        for j, row in enumerate(rows):
            if row is None:
                table[:, j] = 100.0 + j
        wanted[16 * block : 16 * block + 16] = table
    memory = np.empty(wanted.nbytes + 128, np.uint8)
    for least, run in fillers.items():
        for offset in (0, 8, 16, 24, 48):
            memory[:] = 255
            begin = (offset - memory.ctypes.data) % 64
            run(memory[begin : begin + wanted.nbytes].view(dtype).reshape(n, count), work)
            found = memory[begin : begin + wanted.nbytes].view(dtype).reshape(n, count)
            assert np.array_equal(found, wanted), (least, offset)
            assert (memory[:begin] == 255).all() and (memory[begin + wanted.nbytes :] == 255).all()


def rotated(q, scale):
    c, s = math.cos(q[2]), math.sin(q[2])
    return scale * np.array([c * q[0] - s * q[1], s * q[0] + c * q[1]]), q[0] * scale


N = 16 * 40 + 5


@pytest.fixture
def batch(monkeypatch):
    """With results that are always stored past the cache."""
    monkeypatch.setattr(points, "FROM", 1)
    return jacobian_compiled(wrt="q", shapes={"q": 3}, cache=False)(rotated).jacobian.batch


def test_the_same_numbers(batch):
    q = np.linspace(-1.0, 1.0, 3 * N).reshape(N, 3)
    usual = jacobian_compiled(wrt="q", shapes={"q": 3}, cache=False)(rotated).jacobian
    plan = batch.given((q, 0.5), {}, "rank", {}).plan
    assert batch.build(plan, True).streams.points == 1
    single = [usual(row, 0.5) for row in q]
    results = [batch(q, 0.5, parallel=parallel) for parallel in (False, True)]
    last = np.moveaxis(np.empty((2, 3, N)), -1, 0), np.empty((N, 3))
    narrow = np.empty((N, 2, 3), np.float32), np.empty((N, 3), np.float32)
    spaced = np.empty((2 * N, 2, 3))[::2], np.empty((N, 6))[:, ::2]
    wide = np.empty((N, 2, 3), complex), np.empty((N, 3), complex)
    shifted = np.empty(N * 72 + 1, np.uint8)[1:].view(float)  # no element is where a float should be
    shifted = shifted[: N * 6].reshape(N, 2, 3), shifted[N * 6 :].reshape(N, 3)
    for out in (last, narrow, spaced, wide, shifted):
        results.append(batch(q, 0.5, out=out))
    for found in results:
        for part, one in zip(found, zip(*single)):
            np.testing.assert_allclose(part, one, rtol=1e-6 if part.dtype == np.float32 else 1e-14, atol=1e-14)


def test_the_stores_are_those_that_pass_the_cache(batch):
    q = np.linspace(-1.0, 1.0, 3 * N).reshape(N, 3)
    batch(q, 0.5)
    _, loop = batch.compile(batch.given((q, 0.5), {}, "rank", {}).plan, True)
    if platform.machine() in ("x86_64", "AMD64"):
        assert "movnt" in "".join(loop.inspect_asm().values())
