"""CUDA without a GPU: the emitted text, a part of the corpus in the simulator and compiled to PTX, and refusals.

What needs numba-cuda runs in processes of its own: the simulator is chosen before Numba is imported, and Numba's CPU
target is not to notice. The whole corpus is run by `tests/cuda_corpus.py`.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from srcdiff import ArgumentError, UnsupportedCall, UnsupportedSyntax, UnsupportedType, jacobian_compiled

TESTS = Path(__file__).parent
INSTALLED = importlib.util.find_spec("numba_cuda") is not None
needs_numba_cuda = pytest.mark.skipif(
    not INSTALLED, reason="CUDA IS NOT TESTED: numba-cuda is not installed (pip install '.[cuda]')"
)


def run(*command, simulator=False, code=0):
    """The output of a Python process."""
    environment = {**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"}
    environment.pop("NUMBA_ENABLE_CUDASIM", None)
    if simulator:
        environment["NUMBA_ENABLE_CUDASIM"] = "1"
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=environment, cwd=TESTS, timeout=600
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def device(function=None, **options):
    decorate = jacobian_compiled(target="cuda", **options)
    return decorate if function is None else decorate(function)


# -- text -------------------------------------------------------------------------------------------------------------


@device(wrt=("x", "y"), shapes={"y": 2})
def mixed(x, y, n: int):
    total = 0.0
    for k in range(n):
        total = total + 0.5 * k * np.sin(x) ** 2 / 3
    return np.maximum(total, y[0]), x * y


def test_device_text_is_math_scalars_and_tuples():
    text = mixed.emit("value_and_jacobian")
    code = re.sub("#.*", "", text)
    assert "np." not in code and "math.sin" in text and "def maximum(x, y):" in text
    assert re.search(r"return \(", text)


def test_constants_are_in_the_working_precision():
    text = mixed.emit("jacobian", types="float32, float32[:], int64")
    body = text[text.index("def mixed") :]
    literals = re.findall(r"(?<![\w.])\d+\.\d*", re.sub(r"np\.float32\([^)]*\)|#.*", "", body))
    assert literals == []
    assert "np.float32(k)" in text


def test_into_stores_and_matrix_is_refused():
    assert "out[0, 0] = " in mixed.emit("into")
    with pytest.raises(UnsupportedType, match="allocates an array"):
        mixed.emit("matrix")


def test_what_raises_gives_nan():
    @device
    def root(x):
        if x < 0.0:
            raise ValueError("negative")
        return x**0.5

    text = root.emit("value_and_jacobian")
    assert "return (math.nan, math.nan)" in text.replace("return math.nan, math.nan", "return (math.nan, math.nan)")
    assert "raise" not in text


def test_refusals_have_the_users_line():
    def helper(x, n):
        return x if n < 1 else x * helper(x, n - 1)

    @device
    def recursive(x, n: int):
        y = 2.0 * x
        return helper(y, n)

    with pytest.raises(UnsupportedSyntax, match=r"(?s)test_cuda\.py:\d+:\d+: helper calls itself.*helper\(y, n\)"):
        recursive.emit()

    @device
    def spaced(x):
        y = x * x
        return y + np.spacing(x)

    with pytest.raises(UnsupportedCall, match=r"(?s)np\.spacing is not available on CUDA.*return y \+ np\.spacing"):
        spaced.emit()

    @device(wrt="x")
    def switched(x, mode: str):
        return x if mode == "a" else 2.0 * x

    with pytest.raises(UnsupportedType, match="a string, which devices do not take"):
        switched.emit()


def test_large_results_are_refused_but_filled():
    @device(shapes={"x": 20})
    def squares(x):
        return x * x

    with pytest.raises(UnsupportedType, match="too large for a tuple"):
        squares.emit("jacobian")
    assert "for column in range(20):" in squares.emit("into")


def energy(u):
    total = 0.0
    for k in range(len(u)):
        total += u[k] ** 2
    return total


def test_arrays_of_unknown_shape_are_refused():
    unknown = device(energy, wrt="u")
    refusal = r'(?s)test_cuda\.py:\d+:1: the shape of u is not known when compiling.*shapes=\{"u": \.\.\.\}'
    for mode in ("jacobian", "value_and_jacobian", "into"):
        with pytest.raises(UnsupportedType, match=refusal):
            unknown.emit(mode, types="float64[:]")
    # Nothing has to be made for these.
    assert "for k in range(len(u)):" in unknown.emit("primal", types="float64[:]")
    assert "u_dot[k]" in unknown.emit("jvp", types="float64[:]")
    with pytest.raises(ArgumentError, match="no C pointers"):
        unknown.cfunc()


def test_columns_one_after_the_other():
    @device(wrt="y", shapes={"y": 16})
    def ring(y, at):
        dy = np.zeros(len(y))
        for i in range(len(y)):
            dy[i] = y[at[i]] * y[(i + 1) % len(y)]
        return dy

    text = ring.emit("into", types="float64[:], int64[:]")
    assert "for column in range(16):" in text and "cuda.local.array(16, np.float64)" in text
    assert len(text.splitlines()) < 45
    with pytest.raises(UnsupportedType, match="too large for a tuple"):
        device(ring.__srcdiff_function__, wrt="y", shapes={"y": 17}).emit("jacobian", types="float64[:], int64[:]")


def test_long_texts_become_loops():
    """Where the elements of arrays, one by one, would be more statements than compile in reasonable time."""

    @device(wrt="u", shapes={"u": 40})
    def smoothed(u):
        for _ in range(4):
            u = u + 0.1 * (np.roll(u, 1) - 2.0 * u + np.roll(u, -1))
        return u

    text = smoothed.emit("into", types="float64[:]")
    assert "for column in range(40):" in text and len(text.splitlines()) < 120


def test_results_without_elements():
    from srcdiff.differentiable import Options
    from srcdiff.evaluate.cuda import CudaBatch

    def nothing(y):
        # Two elements have no inner ones: only the comment of the loop is left.
        inner = y[1:-1]
        for i in range(len(inner)):
            inner[i] = 2.0 * inner[i]
        return inner

    text = CudaBatch(nothing, "jacobian", Options(target="cuda", shapes={"y": 2})).emit(np.ones((3, 2)))
    compile(text, "<emitted>", "exec")


def test_target_is_checked():
    with pytest.raises(ArgumentError, match="target='gpu'"):
        jacobian_compiled(target="gpu")(lambda x: x)


def test_without_numba_cuda():
    code = (
        "import sys; sys.modules['numba_cuda'] = None\n"
        "from test_cuda import mixed\n"
        "from srcdiff import UnsupportedCall\n"
        "try: mixed.jacobian\n"
        "except UnsupportedCall as error: print(error)\n"
    )
    assert "pip install 'srcdiff[cuda]'" in run("-c", code)


def test_numba_cuda_of_another_time(monkeypatch):
    from srcdiff.compile import toolkit

    monkeypatch.setitem(sys.modules, "numba_cuda", type(sys)("numba_cuda"))
    monkeypatch.setattr(toolkit, "version", lambda name: "0.9.1")
    with pytest.raises(UnsupportedCall, match=r"(?s)numba-cuda 0\.9\.1 is too old.*pip install 'srcdiff\[cuda\]'"):
        toolkit.cuda_module()
    monkeypatch.setattr(toolkit, "version", lambda name: "0.99.0")
    monkeypatch.setitem(sys.modules, "numba.cuda", None)
    monkeypatch.delattr("numba.cuda", raising=False)
    with pytest.raises(UnsupportedCall, match=r"(?s)numba-cuda 0\.99\.0 does not load with this Numba.*release notes"):
        toolkit.cuda_module()


class CudaAPIError(Exception):
    """As numba-cuda's, by name and module."""

    __module__ = "numba.cuda.cudadrv.driver"


class NvvmSupportError(ImportError):
    __module__ = "numba.cuda.cudadrv.error"


class nvJitLinkError(Exception):
    __module__ = "cuda.bindings.nvjitlink"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (CudaAPIError("[222] Call to cuModuleLoadDataEx results in CUDA_ERROR_UNSUPPORTED_PTX_VERSION"), "nvidia-smi"),
        (CudaAPIError("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY"), "fewer points"),
        (NvvmSupportError("libNVVM cannot be found"), r"pip install 'srcdiff\[cuda\]'"),
        (nvJitLinkError("ERROR_UNRECOGNIZED_OPTION (1)"), "nvidia-smi"),
    ],
)
def test_errors_of_the_driver_and_the_toolkit_say_what_to_do(error, says):
    from srcdiff.compile.toolkit import device_errors

    with pytest.raises(UnsupportedCall, match=rf"(?s)CUDA failed: .*{says}"), device_errors():
        raise error


def test_other_errors_are_left_as_they_are():
    from srcdiff.compile.toolkit import device_errors

    with pytest.raises(ZeroDivisionError), device_errors():
        raise ZeroDivisionError
    with pytest.raises(ArgumentError), device_errors():
        raise ArgumentError("wrong", hint="")


# -- with numba-cuda --------------------------------------------------------------------------------------------------


@needs_numba_cuda
def test_without_a_device():
    code = (
        "import numpy as np\n"
        "from test_cuda import mixed\n"
        "from srcdiff import UnsupportedCall\n"
        "try: mixed.jacobian.batch(np.ones(3), np.ones(2), 3)\n"
        "except UnsupportedCall as error: print(error)\n"
        "else: print('no CUDA device can be used: there is one; CUDA failed')\n"
        "import srcdiff.evaluate.cuda as evaluate\n"
        "evaluate.check_device = lambda: None\n"  # as if the driver went away in between
        "try: mixed.jacobian.batch(np.ones(3), np.ones(2), 3)\n"
        "except UnsupportedCall as error: print(error)\n"
    )
    said = run("-c", code)
    assert "no CUDA device can be used" in said and "CUDA failed" in said, said


@needs_numba_cuda
def test_corpus_in_the_simulator():
    table = run("cuda_corpus.py", "simulator", "--quick", simulator=True)
    assert "FAILED" not in table and re.search(r"float64: 1\d functions", table)


@needs_numba_cuda
def test_corpus_to_ptx():
    table = run("cuda_corpus.py", "ptx", "--quick")
    assert "FAILED" not in table and re.search(r"float32: 1\d functions", table)


@needs_numba_cuda
def test_array_programs_in_the_simulator():
    assert ", 0 failed" in run("cuda_arrays.py", "simulator", simulator=True)


@needs_numba_cuda
def test_array_programs_to_cubins():
    assert ", 0 failed" in run("cuda_arrays.py", "ptx", "--quick")


@needs_numba_cuda
def test_array_corpus_in_the_simulator():
    table = run("cuda_array_corpus.py", "simulator", simulator=True)
    assert "FAILED" not in table and int(re.search(r"(\d+)  run", table)[1]) >= 330


@needs_numba_cuda
def test_forms_in_kernels_of_the_user():
    assert "same" in run("cuda_kernels.py", "simulator", simulator=True)
    assert "compiled" in run("cuda_kernels.py", "ptx")


@needs_numba_cuda
def test_an_ensemble_of_stiff_reactors_in_one_kernel():
    """The example, in the simulator: a second-order method, whose error is that of its steps."""
    lines = run("../examples/cuda_ensemble.py", simulator=True).splitlines()
    assert re.match(r"4 reactors, 1000 steps each, simulated", lines[0]) and len(lines) == 6
    assert all(float(line.split()[-1]) <= 2e-3 for line in lines[2:]), lines


@needs_numba_cuda
def test_ptx_holds_no_float64_and_no_local_memory():
    lines = run("cuda_kernels.py", "properties").split()
    assert lines == ["float64=0", "local=0"]
