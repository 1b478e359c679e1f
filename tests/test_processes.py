"""Our objects in other processes and threads: pickle, copy, multiprocessing, joblib, cloudpickle, `python -O`."""

import copy
import math
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import srcdiff
from srcdiff import jacobian, jacobian_compiled

ROOT = os.path.dirname(os.path.dirname(srcdiff.__file__))


@jacobian_compiled
def square(x):
    return x * x


def cube(x):
    return x**3


slope = jacobian(cube)
another_name = jacobian_compiled(wrt="x")(lambda x, k=2.0: k * x * x)


@jacobian_compiled(wrt="y")
def decay(t, y):
    a, b = y
    return np.array([-a * b, a * b - b])


class Holder:
    @jacobian_compiled
    def inner(x):
        return x**4


def made(k):
    def scaled(x):
        return k * x * x

    return jacobian_compiled(scaled)


# Pickle and copy


@pytest.mark.parametrize(
    "thing",
    [
        square, square.jacobian, square.jacobian.matrix, square.jacobian.into, square.value_and_jacobian, square.jvp,
        slope, slope.into, another_name, another_name.jacobian, Holder.inner, Holder.inner.jacobian,
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_what_a_module_holds_pickles_by_name(thing, protocol):
    assert pickle.loads(pickle.dumps(thing, protocol)) is thing
    assert pickle.loads(pickle.dumps({"nested": [thing]}, protocol))["nested"][0] is thing


def test_an_object_that_no_module_holds_is_made_anew():
    local = jacobian(cube, wrt="x")
    again = pickle.loads(pickle.dumps(local))
    assert again is not local and again(2.0) == 12.0
    assert pickle.loads(pickle.dumps(jacobian_compiled(cube, strict=True))).jacobian(2.0) == 12.0
    assert pickle.loads(pickle.dumps(jacobian_compiled(cube).value_and_jacobian))(2.0) == (8.0, 12.0)


def test_a_closure_needs_cloudpickle():
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(made(3.0))
    cloudpickle = pytest.importorskip("cloudpickle")
    again = cloudpickle.loads(cloudpickle.dumps(made(3.0)))
    assert again.jacobian(2.0) == 12.0
    assert cloudpickle.loads(cloudpickle.dumps(made(5.0).jacobian))(1.0) == 10.0


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies(duplicate):
    assert duplicate(square).jacobian(3.0) == 6.0
    assert duplicate(square.jacobian)(3.0) == 6.0
    assert duplicate(made(3.0)).jacobian(2.0) == 12.0
    assert duplicate([slope])[0](2.0) == 12.0


def test_a_copy_of_a_closure_does_not_pass_for_the_original():
    one, two = made(1.0), made(2.0)
    assert (copy.copy(one).jacobian(1.0), copy.copy(two).jacobian(1.0)) == (2.0, 4.0)


# Processes


def work(y):
    """What a worker does: first use in that process, or use of what it was forked with."""
    return decay.jacobian(0.0, y).tolist(), square(y[0]), slope(y[1])


@pytest.mark.parametrize("method", [m for m in ("spawn", "fork") if m in multiprocessing.get_all_start_methods()])
def test_multiprocessing(method):
    points = [np.array([float(i), 2.0]) for i in range(4)]
    expected = [work(y) for y in points]
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(work, points) == expected
        assert pool.map(square.jacobian, [1.0, 2.0]) == [2.0, 4.0]
        assert pool.map(slope, [1.0, 2.0]) == [3.0, 12.0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
def test_first_call_after_a_fork():
    fresh = made(7.0)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(write, pickle.dumps(fresh.jacobian(2.0)))
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert pickle.load(pipe) == 28.0
    assert os.waitpid(child, 0)[1] == 0
    assert fresh.jacobian(3.0) == 42.0


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_joblib(backend):
    joblib = pytest.importorskip("joblib")
    with joblib.Parallel(n_jobs=2, backend=backend) as parallel:
        tasks = (joblib.delayed(square.jacobian)(float(i)) for i in range(4))
        assert parallel(tasks) == [0.0, 2.0, 4.0, 6.0]
        if backend != "multiprocessing":
            assert parallel([joblib.delayed(made(3.0).jacobian)(2.0)]) == [12.0]


SCRIPT = """
import math, pickle
from srcdiff import check, emit, jacobian, jacobian_compiled

@jacobian_compiled
def f(x, y):
    '''Documented.'''
    assert x > 0.0
    return math.sin(x) * y

if __debug__:
    raise SystemExit("-O is not in force")
assert False
print(f(0.5, 2.0), f.jacobian(0.5, 2.0), f.value_and_jacobian(0.5, 2.0)[1], f.jvp((0.5, 2.0), (1.0, 0.0))[1])
print(jacobian(lambda x: x**3)(2.0), pickle.loads(pickle.dumps(f)) is f, bool(check(f, 0.5, 2.0)))
"""


@pytest.mark.parametrize("flag", ["-O", "-OO"])
def test_optimised_python(flag, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, flag, "script.py"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": ROOT}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    sine, cosine = math.sin(0.5), math.cos(0.5)
    first, second = done.stdout.splitlines()
    assert first == f"{2.0 * sine} {(2.0 * cosine, sine)} {(2.0 * cosine, sine)} {2.0 * cosine}"
    assert second == "12.0 True True"


# Threads


def test_sixty_four_threads_make_the_first_call_at_once():
    fresh = made(5.0)
    barrier = threading.Barrier(64)
    out = np.zeros((64, 1, 1))

    def call(i):
        barrier.wait()
        x = float(i)
        forms = fresh.jacobian, fresh, lambda x: fresh.value_and_jacobian(x)[1], lambda x: fresh.jvp((x,), 1.0)[1]
        fresh.jacobian.into(out[i], x)
        return forms[i % 4](x)

    with ThreadPoolExecutor(64) as pool:
        results = list(pool.map(call, range(64)))
    for i, result in enumerate(results):
        assert result == (5.0 * i * i if i % 4 == 1 else 10.0 * i)
        assert out[i, 0, 0] == 10.0 * i


def test_threads_with_different_types_at_once():
    fresh = made(5.0)
    arguments = [2.0, 2, np.float32(2.0), (2.0 + 0.0j).real] * 8
    barrier = threading.Barrier(len(arguments))

    def call(x):
        barrier.wait()
        return fresh.jacobian(x)

    with ThreadPoolExecutor(len(arguments)) as pool:
        assert list(pool.map(call, arguments)) == [20.0] * len(arguments)


def test_threads_that_emit_at_once():
    texts = set()
    barrier = threading.Barrier(16)

    def emit(_):
        barrier.wait()
        return decay.emit("into"), square.emit()

    with ThreadPoolExecutor(16) as pool:
        texts.update(pool.map(emit, range(16)))
    assert len(texts) == 1
