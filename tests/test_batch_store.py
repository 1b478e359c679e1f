"""Batches in the store: a second process loads what the first compiled, whatever its hash seed."""

import os
import subprocess
import sys

import srcdiff

SCRIPT = """
import numpy as np
from program import decay, residual, unkept

x = np.linspace(0.0, 1.0, 600).reshape(200, 3)
found = [residual.value_and_jacobian.batch(np.tile(x, (2, 1)), 0.5)[1], decay.jacobian.batch(x, 0.5)]
found.append(unkept.jacobian.batch(x[:, 0]))
print([float(a.sum()).hex() for a in found])
for f, form in ((residual, "value_and_jacobian"), (decay, "jacobian"), (unkept, "jacobian")):
    (loop,) = getattr(f, form).batch._loops.values()
    print(sum(loop.stats.cache_hits.values()), sum(loop.stats.cache_misses.values()))
"""
PROGRAM = """
import numpy as np
from srcdiff import jacobian_compiled

@jacobian_compiled(wrt="w", shapes={"w": 3})
def residual(w, k):
    if w[0] > k:
        return np.cross(w, np.array([1.0, k, 2.0])) * np.exp(-k * w[1])
    return w + np.cross(w, np.array([w[1], k, 2.0]))

@jacobian_compiled(wrt="y")
def decay(y, k):
    out = np.empty(len(y))
    for i in range(len(y)):
        out[i] = -k * y[i] * y[i - 1]
    return out

@jacobian_compiled(cache=False)
def unkept(x):
    return x * x
"""


def run(folder, seed):
    root = os.path.dirname(os.path.dirname(srcdiff.__file__))
    environment = {
        **os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{root}{os.pathsep}{folder}",
        "SRCDIFF_CACHE_DIR": str(folder / "store"),
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=environment, check=True)
    return done.stdout.splitlines()


def test_a_second_process_compiles_nothing(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    first, second = run(tmp_path, "1"), run(tmp_path, "2")
    assert first == [first[0], "0 1", "0 1", "0 1"]
    assert second == [first[0], "1 0", "1 0", "0 1"]


def test_another_constant_is_another_kernel(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    first = run(tmp_path, "1")
    (tmp_path / "program.py").write_text(PROGRAM.replace("-k * y[i]", "-2.0 * k * y[i]"))
    second = run(tmp_path, "1")
    assert second[1] == "1 0" and second[2] == "0 1" and second[0] != first[0]
