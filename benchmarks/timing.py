"""Times that can be compared on a machine shared with others.

Contestants run in turn, in short samples, so that a disturbance hits all of them. A ratio is the median, over the
rounds, of the quotients within one round. A time is the least of the medians of several groups of samples: the median
drops single interruptions, the least drops whole disturbed stretches.
"""

import ctypes
import gc
import statistics
import time

import numpy as np
from numba import njit

POINTS = 8  # input points that a compiled loop cycles through; outputs of all of them fit in the first-level cache


def interleaved(contestants, budget=1.0, groups=5, sample=1e-3):
    """(seconds, ratio to the first) for each of ``{name: run}``, where ``run(n)`` does the work n times."""
    repeats = {}
    for name, run in contestants.items():
        run(1)
        n = 1
        while (seconds := _clock(run, n)) < sample / 2.0 and n < 10**8:
            n = max(2 * n, min(int(n * sample / max(seconds, 1e-9)), 100 * n))
        repeats[name] = n
    samples = {name: [] for name in contestants}
    enabled = gc.isenabled()
    gc.disable()
    try:
        end = time.perf_counter() + budget
        while time.perf_counter() < end or len(next(iter(samples.values()))) < 3 * groups:
            for name, run in contestants.items():
                samples[name].append(_clock(run, repeats[name]) / repeats[name])
    finally:
        if enabled:
            gc.enable()
    reference = next(iter(samples.values()))
    return {
        name: (
            min(statistics.median(part) for part in _split(times, groups)),
            statistics.median(t / r for t, r in zip(times, reference)),
        )
        for name, times in samples.items()
    }


def first_calls(contestants, repeats):
    """Least seconds of ``run()`` over the repeats, in turn; ``run`` must do everything afresh."""
    best = dict.fromkeys(contestants, float("inf"))
    for _ in range(repeats):
        for name, run in contestants.items():
            gc.collect()
            gc.disable()
            try:
                best[name] = min(best[name], run())
            finally:
                gc.enable()
    return best


def from_python(call, *args):
    """``run(n)`` for ``interleaved``: calls from a Python loop."""

    def run(n):
        for _ in range(n):
            call(*args)

    return run


class Stage:
    """Inputs and outputs in memory, shared by all contestants in compiled code.

    Where arrays lie relative to cache lines and to each other (stores and loads 4 KiB apart collide) may cost a third,
    so all must find them at the same addresses. ``points`` holds ``POINTS`` argument tuples.
    """

    def __init__(self, points, vectors, shape):
        columns = list(zip(*points))
        self.varies = [any(np.any(v != values[0]) for v in values[1:]) for values in columns]
        self.arguments = tuple(aligned(values) if v else values[0] for values, v in zip(columns, self.varies))
        self.vectors = aligned(vectors)
        self.out = aligned(np.full((POINTS, *shape), np.nan))

    def start(self):
        self.out[...] = np.nan

    def check(self):
        if np.isnan(self.out).any():
            raise ValueError("entries of the Jacobian were not written, or are nan")


def from_compiled_code(into, stage):
    """``run(n)`` for ``interleaved``: n calls of ``into(out, *args)`` in one compiled loop.

    The arguments that vary and ``out`` change with every call, so that nothing can be moved out of the loop, and an
    entry of each result is added up, so that nothing can be dropped.
    """
    names = [f"a{i}" for i in range(len(stage.arguments))]
    call = ", ".join(f"{name}[j]" if varies else name for name, varies in zip(names, stage.varies))
    source = (
        f"def loop(n, out, {', '.join(names)}):\n"
        "    total = 0.0\n"
        "    for i in range(n):\n"
        f"        j = i & {POINTS - 1}\n"
        f"        into(out[j], {call})\n"
        "        total += out[j, 1, i & 1]\n"
        "    return total\n"
    )
    namespace = {"into": into}
    exec(source, namespace)
    loop = njit(error_model="numpy")(namespace["loop"])
    stage.start()
    loop(POINTS, stage.out, *stage.arguments)
    stage.check()

    def run(n):
        loop(n, stage.out, *stage.arguments)

    return run


def c_function_in_compiled_code(address, stage, work):
    """The same for a C function of CasADi's form ``int f(const double** arg, double** res, int* iw, double* w, int)``.

    It gets the vectors of active inputs; ``work`` holds the lengths of ``iw`` and ``w``.
    """
    function = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4, ctypes.c_int)(address)
    integers, floats = np.zeros(max(work[0], 1), np.int64), np.zeros(max(work[1], 1))
    inputs, results = np.zeros(8, np.uintp), np.zeros(8, np.uintp)

    @njit(error_model="numpy")
    def loop(n, out, vectors, inputs, results, integers, floats):
        total = 0.0
        for i in range(n):
            j = i & (POINTS - 1)
            inputs[0] = vectors[j].ctypes.data
            results[0] = out[j].ctypes.data
            function(inputs.ctypes, results.ctypes, integers.ctypes, floats.ctypes, 0)
            total += out[j, 1, i & 1]
        return total

    stage.start()
    loop(POINTS, stage.out, stage.vectors, inputs, results, integers, floats)
    stage.check()

    def run(n):
        loop(n, stage.out, stage.vectors, inputs, results, integers, floats)

    return run


def aligned(values, boundary=4096):
    """A copy as one array that starts at a page."""
    values = np.asarray(values, dtype=float)
    storage = np.empty(values.size + boundary // 8)
    start = (-storage.ctypes.data % boundary) // 8
    copy = storage[start : start + values.size].reshape(values.shape)
    copy[...] = values
    return copy


def _clock(run, n):
    start = time.perf_counter()
    run(n)
    return time.perf_counter() - start


def _split(values, groups):
    return [values[i * len(values) // groups : (i + 1) * len(values) // groups] for i in range(groups)]
