"""Results that are stored past the cache: the same numbers, for every layout and dtype of the arrays given."""

import ast
import math
import platform

import numpy as np
import pytest

from srcdiff import jacobian_compiled
from srcdiff.compile.streaming import Streams, streamed
from srcdiff.evaluate import points

TEXT = """
def f_block(start, work, out):
    for k in range(16):
        work[k] = 1.0
    for k in range(16):
        out[start + k] = work[k]
    return True


def f_batch(first, last, out):
    f_block(first, np.empty(16), out)
"""


def test_loops_that_store_results_are_there_twice():
    text = ast.unparse(streamed(TEXT, Streams("f_block", ("out",), 500)))
    assert text.count("for k in range(16)") == 3
    assert "if len(out) >= 500:\n        for k in range(16):\n            _stream(out, (start + k,), work[k])" in text
    assert "out[start + k] = work[k]" in text and text.rstrip().endswith("_fence()")


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
