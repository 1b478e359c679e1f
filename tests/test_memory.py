"""Code compiled without Numba's counting of references: which, and that nothing else is."""

import sys

import numba
import numpy as np
import pytest
from numba.core import types
from numba.core.runtime import _nrt_python, rtsys

from srcdiff import jacobian_compiled
from srcdiff.compile.memory import counts_references

ARRAYS = {"out": 2, "y": 1}

FREE = (
    "out[0, 0] = y[0] * np.sin(x)",
    "out[:, 1] = 0.0",
    "if out.shape != (2, 2):\n        raise ValueError('out')",
    "a, b = y\n    out[0, 0] = a + b + len(y)",
    "out[0, 0] = g(y[0], x) + math.exp(x)",
    "for i in range(len(y)):\n        out[i, i] += y[i]",
)

COUNTED = (
    "z = y\n    out[0, 0] = z[0]",
    "out[0, 0] = g(y, x)",
    "out[0] = y",
    "out[0, 0] = y[0:2][1]",
    "out[0, 0] = (y * 2.0)[0]",
    "out[0, 0] = np.sum(y)",
    "z = np.zeros(3)\n    out[0, 0] = z[0]",
    "z = [x, x]\n    out[0, 0] = z[0]",
    "for v in y:\n        out[0, 0] = v",
    "name = 'a'\n    out[0, 0] = x",
    "if x < 0.0:\n        raise ValueError(f'{x}')",
    "if x < 0.0:\n        raise ValueError(y)",
    "out[0, 0] = unknown(x)",
    "out[0, 0] = K[0]",
    "out[:, :] = y",
)


def module(body):
    constant = "K = np.array([1.0])\n" if "K[" in body else "K = (1.0, 2.0)\n"
    return f"import numpy as np\n{constant}def g(a, b):\n    return a * b\ndef f(out, y, x):\n    {body}\n"


@pytest.mark.parametrize("body", FREE)
def test_only_reads_elements(body):
    assert not counts_references(module(body), "f", ARRAYS)


@pytest.mark.parametrize("body", COUNTED)
def test_makes_or_keeps_something(body):
    assert counts_references(module(body), "f", ARRAYS)


def rates(t, y, k):
    a, b = y
    return np.array([-k * a * b, k * a * b - b])


def test_references_stay_as_they_were():
    f = jacobian_compiled(wrt="y")(rates)
    y, out = np.array([0.5, 2.0]), np.zeros((2, 2))
    f.jacobian.into(out, 0.0, y, 3.0)
    before = sys.getrefcount(y), sys.getrefcount(out)
    for _ in range(100):
        f.jacobian.into(out, 0.0, y, 3.0)
        f.jacobian(0.0, y, 3.0)
    assert (sys.getrefcount(y), sys.getrefcount(out)) == before
    assert out.tolist() == [[-6.0, -1.5], [6.0, 0.5]]


def test_compiled_callers():
    """A caller that owns the arrays keeps them alive, and lets them go."""
    into = jacobian_compiled(wrt="y")(rates).jacobian.into

    @numba.njit
    def trace(n):
        total = 0.0
        for i in range(n):
            out = np.empty((2, 2))
            into(out, 0.0, np.array([1.0, float(i)]), 1.0)
            total += out[0, 0] + out[1, 1]
        return total

    assert trace(2) == -1.0
    counting = _nrt_python.memsys_stats_enabled()
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        assert trace(1000) == -499500.0
        after = rtsys.get_allocation_stats()
    finally:
        if not counting:
            _nrt_python.memsys_disable_stats()
    assert after.alloc - before.alloc > 1000
    assert after.alloc - before.alloc == after.free - before.free


@pytest.mark.filterwarnings("ignore:First-class function type")
def test_first_class_functions():
    pair = types.UniTuple(types.float64, 2)
    f = jacobian_compiled(lambda x, y: x * y).jacobian

    @numba.njit(pair(types.FunctionType(pair(types.float64, types.float64)), types.float64))
    def call(g, x):
        return g(x, 2.0)

    assert call(f, 3.0) == (2.0, 3.0)
