"""The corpus on CUDA devices, counted: in the simulator, and compiled and linked. Needs numba-cuda, but no GPU.

    export PYTHONPATH=.:tests
    NUMBA_ENABLE_CUDASIM=1 python tests/cuda_corpus.py simulator    # as a kernel and as a device function
    python tests/cuda_corpus.py ptx                                 # every kernel, for sm_75, sm_90 and sm_100

`ptx` links what it compiles to cubins, and checks these: no kernel spills registers, and where the working precision
is float32 and no function needs doubles, there is no instruction on doubles and no local memory. `--quick` takes a few
functions. Prints a table: how many run, and for each refusal its reason. Exits with 1 if a function fails in any other
way.
"""

import linecache
import re
import sys
from collections import Counter
from types import SimpleNamespace

import corpus
import dual
import numpy as np
from test_batch import Total, at, batch_arguments, has_star
from test_corpus import narrowed

from srcdiff import SrcdiffError
from srcdiff.compile import cuda as compile_cuda
from srcdiff.differentiable import Options, _differentiable
from srcdiff.evaluate.cuda import CudaBatch
from srcdiff.rules.device import DEVICE
from srcdiff.rules.support import SUPPORT

POINTS = 3
BUDGET = 300
"""Lines of a kernel's text: NVVM took 23 to 97 seconds for 1530 statements."""
CAPABILITIES = ((7, 5), (9, 0), (10, 0))
QUICK = (
    "chemistry.robertson", "finance.black_scholes", "robotics.project", "robotics.unicycle", "language.raises",
    "special.agm", "statistics.normal_quantile", "statistics.himmelblau", "complexes.quadratic_roots",
)  # fmt: skip


def cases(quick):
    every = [case for case in corpus.all_cases() if not has_star(case)]
    return [case for case in every if case.name in QUICK] if quick else every


def options(case):
    return Options(wrt=case.wrt, of=case.of, shapes=case.shapes, target="cuda")


def narrow(argument):
    """Every float of a batch's arguments in float32."""
    if isinstance(argument, tuple):
        items = [narrow(item) for item in argument]
        return type(argument)(*items) if hasattr(argument, "_fields") else tuple(items)
    if isinstance(argument, np.ndarray) and argument.dtype == np.float64:
        return argument.astype(np.float32)
    if isinstance(argument, np.ndarray) and argument.dtype == np.complex128:
        return argument.astype(np.complex64)
    return argument


def simulate(case, single):
    """One case in the simulator: as a kernel, and as a device function that returns tuples."""
    points, args, axes = batch_arguments(case, POINTS)
    if single and not case.float32:
        # Loops written for double precision need not end in single: emitted, not run.
        batch = CudaBatch(case.function, "value_and_jacobian", options(case))
        batch.given(tuple(map(narrow, args)), {}, axes, {})
        return
    if single:
        args = tuple(map(narrow, args))
        points = [tuple(map(narrowed, p)) for p in points]
    relative = 3e-4 if single else case.relative
    function = _differentiable(case.function, options(case))
    value, jacobian = function.value_and_jacobian.batch(*args, in_axes=axes)
    for i, point in enumerate(points):
        expected = dual.value_and_jacobian(case.function, point, case.wrt, case.of)
        if case.of is None:
            assert dual.mismatch(at(value, i), expected[0], relative) is None, "value"
        problem = dual.mismatch(at(jacobian, i), expected[1], relative)
        assert problem is None, problem
    strings = any(isinstance(a, str) for a in case.args)
    if case.of is None and not strings:
        expected = dual.value_and_jacobian(case.function, points[0], case.wrt, case.of)
        found = function.value_and_jacobian(*points[0])
        assert flat(found[1]).shape == flat(expected[1]).shape
        assert np.allclose(flat(found[1]), flat(expected[1]), rtol=10 * relative, atol=1e-12), "device function"


def flat(result):
    """All numbers of nested tuples and arrays."""
    if isinstance(result, tuple):
        return np.concatenate([flat(r) for r in result]) if result else np.empty(0)
    return np.ravel(np.asarray(result))


def kernel(case, single):
    """The kernel of a case, and the types of its arguments."""
    from numba import types

    _, args, axes = batch_arguments(case, POINTS)
    if single:
        args = tuple(map(narrow, args))
    batch = CudaBatch(case.function, "value_and_jacobian", options(case))
    given = batch.given(args, {}, axes, {})
    found, compiled = batch.compile(given.plan, False)
    import numba

    outs = [types.Array(numba.from_dtype(np.dtype(t.dtype.numpy)), len(t.shape) + 1, "C") for t in found.targets]
    kinds = [numba.typeof(0 if not isinstance(v, (np.ndarray, float, complex, bool)) else v) for v in given.values]
    return compiled, (types.int64, types.int64, *outs, *kinds)


def ptx(compiled, signature, capability):
    import numba.cuda.dispatcher
    from numba import cuda

    numba.cuda.dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    text, _ = cuda.compile(
        compiled.py_func, signature, cc=capability, abi="numba", device=False, fastmath=False, output="ptx"
    )
    return text


def kernel_text(compiled):
    """The text of the module that a kernel is in."""
    return "".join(linecache.getlines(compiled.py_func.__code__.co_filename))


NEED_DOUBLES = frozenset({"sin", "cos", "tan", "sinh", "gamma", "lgamma", "pow"})
"""Functions whose float32 versions compute in doubles or keep tables in local memory, for arguments of any size."""


def is_pure(text, signature):
    """Whether a kernel's arguments are all float32 and its text calls nothing that needs doubles.

    The functions that srcdiff copies into the text, such as `expit`, are written for doubles and counted with these.
    """
    if "float64" in str(signature) or not re.search("float32", str(signature)) or re.search("complex|cmath|imag", text):
        return False
    called = set(re.findall(r"(\w+)\(", re.sub(r"#.*|^def .*", "", text, flags=re.M)))
    return not called & (NEED_DOUBLES | set(DEVICE) | set(SUPPORT))


def check_compiled(case, single, capabilities, found):
    """Compile and link one case; what its cubins take is counted in `found`."""
    from cuda_link import link

    for capability in capabilities:
        compiled, signature = kernel(case, single)
        text = kernel_text(compiled)
        lines = len(text.splitlines())
        assert lines <= BUDGET, f"{lines} lines"
        code = ptx(compiled, signature, capability)
        usage = link(code, capability)
        assert usage.spilled == 0, usage
        if is_pure(text, signature):
            assert usage.stack == 0 and ".local" not in code, usage
            doubles = [line for line in code.splitlines() if ".f64" in line and not re.search(r"\.(param|reg) ", line)]
            assert not doubles, doubles
            found["without float64 and local memory"] += 1
        found["cubins"] += 1


def load_with_total_math(module, options, load=compile_cuda.load_device):
    """Devices give nan where Python's math raises."""
    entry = load(module, options)
    if "math" in entry.__globals__:
        entry.__globals__["math"] = Total()
    return entry


def main(argv):
    mode, quick = argv[0], "--quick" in argv
    if mode == "simulator":
        compile_cuda.load_device = load_with_total_math
    failed = 0
    for single in (False, True):
        found, linked = Counter(), Counter()
        for number, case in enumerate(cases(quick)):
            if single and any(isinstance(a, dict) for a in case.args):
                continue
            try:
                if mode == "simulator":
                    simulate(case, single)
                else:
                    capabilities = [CAPABILITIES[number % 3]] if quick else CAPABILITIES
                    check_compiled(case, single, capabilities, linked)
                found["run" if mode == "simulator" else "compiled"] += 1
            except SrcdiffError as error:
                found[f"refused: {reason(error)}"] += 1
                if "numba-cuda does not compile" in error.message:
                    failed += 1
                    print(f"{case.name}: {error}")
            except Exception as error:
                failed += 1
                found["FAILED"] += 1
                print(f"{case.name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
        print(f"{mode}, {'float32' if single else 'float64'}: {sum(found.values())} functions")
        for text, count in (*found.most_common(), *linked.most_common()):
            print(f"  {count:>4}  {text}")
    return int(failed > 0)


def reason(error):
    return re.sub(r"\b(the code emitted for|a result of shape) .*", "...", error.message)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
