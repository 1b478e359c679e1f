"""The array corpus and the aliasing patterns on CUDA devices, counted. Needs numba-cuda, but no GPU.

    export PYTHONPATH=.:tests
    NUMBA_ENABLE_CUDASIM=1 python tests/cuda_array_corpus.py simulator [GROUP|NAME ...]
    python tests/cuda_array_corpus.py ptx [GROUP|NAME ...]          # compiled for sm_90 and linked to a cubin

Each function at two points in one launch, against the independent reference of the array corpus. Prints what is wrong,
and a table with each refusal's reason. Exits with 1 if a function fails in any other way.
"""

import re
import sys
from collections import Counter

import aliasing_patterns
import array_runs
import corpus_arrays
import numpy as np
from cuda_arrays import flat
from cuda_corpus import load_with_total_math, ptx

from srcdiff import SrcdiffError
from srcdiff.compile import cuda as compile_cuda
from srcdiff.differentiable import Options
from srcdiff.evaluate.cuda import CudaBatch

CAPABILITY = (9, 0)


def cases(wanted):
    every = {**corpus_arrays.all_cases(), **{f"aliasing.{n}": c for n, c in aliasing_patterns.CASES.items()}}
    every = {n: c for n, c in every.items() if not any(isinstance(a, dict) for a in c.args)}
    return {n: c for n, c in every.items() if not wanted or n in wanted or n.partition(".")[0] in wanted}


def batched(argument):
    """An argument with an axis of two equal points before it, and where that is."""
    if isinstance(argument, tuple):
        parts = [batched(item) for item in argument]
        items = [p[0] for p in parts]
        return type(argument)(*items) if hasattr(argument, "_fields") else tuple(items), tuple(p[1] for p in parts)
    if isinstance(argument, np.ndarray):
        return np.stack([argument, argument]), 0
    return argument, None


def given(case):
    batch = CudaBatch(
        case.function, "value_and_jacobian", Options(wrt=case.wrt, of=case.of, target="cuda", cache=False)
    )
    parts = [batched(a) for a in case.arguments()]
    args, axes = [p[0] for p in parts], [p[1] for p in parts]
    if not any(isinstance(a, np.ndarray) for a in args):
        number = next(i for i, a in enumerate(args) if isinstance(a, float))
        args[number], axes[number] = np.array([args[number]] * 2), 0
    return batch, args, tuple(axes)


def simulate(case):
    batch, args, axes = given(case)
    before = [a.copy() if isinstance(a, np.ndarray) else a for a in args]
    with np.errstate(all="ignore"):
        value, jacobian = batch(*args, in_axes=axes)
    expected = array_runs.expected(case)
    names = case.function.__code__.co_varnames
    filled = (case.of,) if isinstance(case.of, str) else tuple(case.of or ())
    if filled:
        value = tuple(args[names.index(n)] for n in filled)
        value = value[0] if isinstance(case.of, str) else value
    for a, b, name in zip(args, before, names):
        if isinstance(a, np.ndarray) and name not in filled:
            assert np.array_equal(a, b), f"{name} was written to"
    for p in range(2):
        for what, found, wanted in (("value", value, expected[0]), ("jacobian", jacobian, expected[1])):
            ours, theirs = flat(nested(found)), flat(nested(wanted))
            assert len(ours) == len(theirs), what
            for a, e in zip(ours, theirs):
                assert a[p].shape == e.shape, f"{what}: {a[p].shape}, not {e.shape}"
                largest = np.max(np.abs(e[np.isfinite(e)]), initial=0.0)
                np.testing.assert_allclose(a[p], e, rtol=case.relative, atol=1e-3 * case.relative * largest)


def nested(result):
    if isinstance(result, (tuple, list)):
        return tuple(map(nested, result))
    return result


def link_one(case):
    import numba
    from cuda_link import link
    from numba import types

    batch, args, axes = given(case)
    found = batch.given(args, {}, axes, {})
    made, compiled = batch.compile(found.plan, False)
    outs = [types.Array(numba.from_dtype(np.dtype(t.dtype.numpy)), len(t.shape) + 1, "C") for t in made.targets]
    work = [types.Array(numba.from_dtype(np.dtype(b.dtype.numpy)), len(b.shape) + 1, "C") for b in made.scratch]
    kinds = [numba.typeof(0 if isinstance(v, (str, type(None))) else v) for v in found.values]
    signature = (types.int64, types.int64, *outs, *kinds, *(types.Array(types.int64, 1, "C") for _ in found.indices))
    link(ptx(compiled, (*signature, *work), CAPABILITY), CAPABILITY)


def reason(error):
    """A refusal without the names of the function."""
    text = re.sub(r"`[^`]*`", "`...`", error.message)
    text = re.sub(r"^(the (?:shape|length) of) \w+", r"\1 ...", text)
    return re.sub(r"^\w+ (returns|makes) an array", r"... \1 an array", text)


def main(argv):
    mode, wanted = argv[0], set(argv[1:]) - {"-v"}
    if mode == "simulator":
        compile_cuda.load_device = load_with_total_math
    found = Counter()
    for name, case in cases(wanted).items():
        try:
            (simulate if mode == "simulator" else link_one)(case)
            found["run" if mode == "simulator" else "linked"] += 1
        except SrcdiffError as error:
            found[f"refused: {reason(error)}"] += 1
            if "numba-cuda does not compile" in error.message:
                found["FAILED"] += 1
            if "-v" in argv:
                print(f"{name}: {error}")
        except Exception as error:
            found["FAILED"] += 1
            print(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}", flush=True)
    print(f"{mode}: {sum(found.values())} functions of arrays")
    for text, count in found.most_common():
        print(f"  {count:>4}  {text}")
    return int(found["FAILED"] > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
