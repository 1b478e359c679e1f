"""Calls like earlier ones, threads, and errors at points: `srcdiff.evaluate.repeated` and `threads`."""

import math
import os
import threading

import numpy as np
import pytest

from srcdiff import ArgumentError, jacobian_compiled
from srcdiff.evaluate import batch as batches
from srcdiff.evaluate.repeated import key_of
from srcdiff.evaluate.threads import in_threads

N = 16 * 20 + 3


@jacobian_compiled(wrt="q", shapes={"q": 3, "shift": 2}, cache=False)
def turned(q, scale, shift=(0.0, 0.0)):
    c, s = math.cos(q[2]), math.sin(q[2])
    return scale * np.array([c * q[0] - s * q[1] + shift[0], s * q[0] + c * q[1] + shift[1]])


def expected(q, scale):
    """By hand: columns are the derivatives by x, y and the angle."""
    x, y, angle = q.T
    c, s = np.cos(angle), np.sin(angle)
    rows = np.array([[c, -s, -s * x - c * y], [s, c, c * x - s * y]])
    return np.moveaxis(rows, -1, 0) * np.reshape(scale, (-1, 1, 1))


@pytest.fixture
def q():
    return np.random.default_rng(1).normal(size=(N, 3))


def test_a_second_call_takes_the_new_values(q):
    batch = turned.jacobian.batch
    for number in range(3):
        q = q + number
        np.testing.assert_allclose(batch(q, 2.0 + number), expected(q, 2.0 + number), rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(batch(scale=3.0, q=q), expected(q, 3.0), rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(batch(q, scale=np.arange(N)), expected(q, np.arange(N)), rtol=1e-13, atol=1e-13)
        strided = np.asfortranarray(q)
        np.testing.assert_allclose(batch(strided, 1.0), expected(q, 1.0), rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(batch(q.T, 1.0, in_axes=(1, None)), expected(q, 1.0), rtol=1e-13, atol=1e-13)


def test_a_second_call_checks_what_the_first_did(q):
    batch = turned.jacobian.batch
    rows, at = q[:7].copy(), np.arange(N) % 7
    out = np.empty((N, 2, 3))
    for _ in range(2):
        batch(rows, 1.0, indices={"q": at}, out=out)
        np.testing.assert_allclose(out, expected(rows[at], 1.0), rtol=1e-13, atol=1e-13)
        np.testing.assert_array_equal(batch(rows, 1.0, indices={"q": at - 7}), out)
    for wrong in (7, -8):
        bad = at.copy()
        bad[100] = wrong
        with pytest.raises(ArgumentError, match="indices"):
            batch(rows, 1.0, indices={"q": bad}, out=out)
    frozen = out.view()
    frozen.flags.writeable = False
    with pytest.raises(ArgumentError, match="read-only"):
        batch(rows, 1.0, indices={"q": at}, out=frozen)


def test_a_second_call_notices_memory_in_common(q):
    batch = turned.jacobian.batch
    memory = np.zeros(N * 9)
    apart = memory[: N * 3].reshape(N, 3), memory[N * 3 :].reshape(N, 2, 3)
    mixed = memory[: N * 3].reshape(N, 3), memory[: N * 6].reshape(N, 2, 3)
    woven = memory.reshape(N, 9)[:, :3], memory.reshape(N, 9)[:, 3:].reshape(N, 2, 3)
    for _ in range(2):
        for values, out in (apart, woven):
            values[:] = q
            batch(values, 1.0, out=out)
            np.testing.assert_allclose(out, expected(q, 1.0), rtol=1e-13, atol=1e-13)
        with pytest.raises(ArgumentError, match="shares memory"):
            batch(mixed[0], 1.0, out=mixed[1])


def test_what_is_remembered_is_bounded(q, monkeypatch):
    monkeypatch.setattr(batches, "REMEMBERED", 2)
    batch = turned.jacobian.batch
    for n in (300, 301, 302, 303):
        np.testing.assert_allclose(batch(q[:n], 1.0), expected(q[:n], 1.0), rtol=1e-13, atol=1e-13)
    assert len(batch._calls) <= 2


def test_keys_tell_calls_apart():
    x = np.zeros((4, 3))
    keys = [
        key_of((x, 1.0), {}, None, "rank", None),
        key_of((x, 1), {}, None, "rank", None),
        key_of((x,), {"scale": 1.0}, None, "rank", None),
        key_of((x.astype(np.float32), 1.0), {}, None, "rank", None),
        key_of((x[:3], 1.0), {}, None, "rank", None),
        key_of((x, 1.0), {}, x, "rank", None),
        key_of((x, 1.0), {}, None, (0, None), None),
        key_of((x, 1.0), {}, None, None, None),
        key_of((x, 1.0), {}, None, "rank", {"q": np.arange(3)}),
    ]
    assert None not in keys and len(set(keys)) == len(keys)
    unlike = ((np.float64(1.0), np.zeros(())), "rank"), ((x, 1.0), (1, None)), ((np.ma.array(x), 1.0), "rank")
    for args, axes in unlike:
        assert key_of(args, {}, None, axes, None) is None


# -- threads ----------------------------------------------------------------------------------------------------------


def test_every_chunk_is_done_once():
    seen, lock = [], threading.Lock()

    def chunk(first):
        with lock:
            seen.append(first)

    for _ in range(50):
        seen.clear()
        in_threads(chunk, range(0, 100, 7), 3)
        assert sorted(seen) == list(range(0, 100, 7))


def test_the_first_failure_is_raised_whatever_the_threads():
    def chunk(first):
        if first in (30, 70, 80):
            raise ValueError(first)

    for threads in (1, 2, 3, 8):
        for _ in range(30):
            with pytest.raises(ValueError, match="30"):
                in_threads(chunk, range(0, 100, 10), threads)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_threads_after_a_fork(q):
    turned.jacobian.batch(q, 1.0, parallel=True)
    child = os.fork()
    if not child:
        found = turned.jacobian.batch(q, 1.0, parallel=True)
        os._exit(0 if np.allclose(found, expected(q, 1.0)) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_threads_are_used_where_points_take_long(monkeypatch):
    used, done = [], []
    monkeypatch.setattr(batches, "thread_count", lambda: 2)
    monkeypatch.setattr(batches, "in_threads", lambda chunk, starts, threads: used.append(list(starts)))
    for rest, wanted in ((1e9, []), (0.0, [list(range(48, 300, 48))])):
        monkeypatch.setattr(batches, "WORTH", rest)
        batches._chunks(lambda first, last: done.append((first, last)), 300, 128, 16, None)
        assert used == wanted and done[0] == (0, 48)
        used.clear()
        done.clear()
