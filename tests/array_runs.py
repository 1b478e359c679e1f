"""An array function through srcdiff in one mode, against the independent reference: for the tests and the command."""

import functools
import re
import traceback
from dataclasses import dataclass
from pathlib import Path

import array_reference
import dual
import numpy as np
from random_programs import called, emitted, fresh, options, plain, time_limit
from rebound import Rebind

SECONDS = 60


@dataclass(frozen=True)
class Outcome:
    """ok, refused, WRONG or crash, and what was said."""

    kind: str
    detail: str = ""

    def __str__(self):
        return f"{self.kind:8} {self.detail}".rstrip()


def judge(case, mode="jacobian", seconds=SECONDS):
    """What became of a case; nothing escapes."""
    from srcdiff.errors import SrcdiffError

    try:
        with time_limit(seconds), np.errstate(all="ignore"):
            problem = RUNS[mode](case)
    except SrcdiffError as error:
        if "a defect of srcdiff" in str(error):
            return Outcome("crash", first_line(error))
        return Outcome("refused", f"{type(error).__name__}: {first_line(error)}")
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        if isinstance(error, AssertionError) and Path(where.filename).parent.name == "tests":
            return Outcome("WRONG", first_line(error))
        return Outcome("crash", f"{type(error).__name__}: {first_line(error)} [{where.filename}:{where.lineno}]")
    return Outcome("WRONG", problem) if problem else Outcome("ok")


def first_line(error):
    """The message's sentence, without the file's directory."""
    return re.sub(r"\S*/(\w+\.py)", r"\1", str(error).strip().partition("\n")[0])[:200]


@functools.cache
def expected(case, dtype=np.float64):
    """`(value, jacobian)` of the reference at the case's arguments."""
    return array_reference.value_and_jacobian(case.function, case.arguments(dtype), case.wrt, case.of)


@functools.cache
def compiled(case):
    import srcdiff

    return srcdiff.jacobian_compiled(case.function, **options(case.wrt, case.of))


def largest_error(actual, expected, relative, floor=1e-3):
    """None, or a sentence with the largest error relative to the largest entry of the reference.

    An entry is compared relative to itself, or to the largest one times `floor`.
    """
    largest = max((abs(x) for x in dual.leaves(expected) if np.isfinite(x)), default=0.0)
    problem = dual.mismatch(plain(actual), expected, relative, floor * largest)
    if problem is None:
        return None
    a, e = np.array(dual.leaves(actual)), np.array(dual.leaves(expected))
    if a.shape != e.shape:
        return problem[:150]
    error = np.max(np.abs(a - e)) / max(largest, 1e-300)
    return f"relative error {error:.1e}: " + re.sub(r"\s+", " ", problem)[:150]


def both(actual, wanted, relative):
    """Value and Jacobian."""
    for part, a, e in zip(("value: ", "jacobian: "), actual, wanted):
        problem = largest_error(a, e, relative)
        if problem:
            return part + problem
    return None


def run_emitted(case, chunk=None, watch=None):
    text = emitted(case.function, case.arguments(), wrt=case.wrt, of=case.of, chunk=chunk)
    assert "import srcdiff" not in text, "emitted text needs srcdiff"
    scope = {"__name__": "emitted"}
    exec(compile(text, "<emitted>", "exec"), scope)
    if watch is not None:
        watch(scope, case.function.__name__)
    derivative = scope[f"{case.function.__name__}_value_and_jacobian"]
    return both(called(derivative, case.function, case.arguments(), case.of), expected(case), case.relative)


def run_value(case):
    args = case.arguments()
    value = compiled(case)(*args)
    if case.of is not None:
        value = outputs(case, args)
    return largest_error(value, expected(case)[0], 1e-12 if case.relative < 1e-8 else case.relative)


def outputs(case, args):
    names = dual.parameter_names(case.function)
    if isinstance(case.of, str):
        return args[names.index(case.of)]
    return tuple(args[names.index(name)] for name in case.of)


def unchanged(case, derivative, args):
    """The derivative's result; whatever is not filled must be left alone."""
    before = fresh(args)
    result = derivative(*args)
    filled = (case.of,) if isinstance(case.of, str) else tuple(case.of or ())
    for name, now, was in zip(dual.parameter_names(case.function), args, before):
        if name not in filled and isinstance(now, np.ndarray):
            assert np.array_equal(now, was), f"argument {name} was written to"
    return result


def run_jacobian(case, args=None):
    result = unchanged(case, compiled(case).jacobian, case.arguments() if args is None else args)
    return largest_error(result, expected(case)[1], case.relative)


def run_value_and_jacobian(case):
    args = case.arguments()
    value, jacobian = unchanged(case, compiled(case).value_and_jacobian, args)
    if case.of is not None:
        value = outputs(case, args)
    return both((value, jacobian), expected(case), case.relative)


def expected_matrix(case):
    value, jacobian = expected(case)
    return dual.matrix(jacobian, value)


def run_matrix(case):
    result = unchanged(case, compiled(case).jacobian.matrix, case.arguments())
    if np.ndim(result) != 2 or not result.flags.c_contiguous:
        return f"an array of shape {np.shape(result)}, C order {result.flags.c_contiguous}"
    return largest_error(result, expected_matrix(case), case.relative)


def run_into(case):
    wanted = expected_matrix(case)
    out = np.full(wanted.shape, np.nan, dtype=wanted.dtype)
    unchanged(case, functools.partial(compiled(case).jacobian.into, out), case.arguments())
    return largest_error(out, wanted, case.relative)


def run_jvp(case):
    """Along a direction that has no zeros."""
    args = case.arguments()
    places, single = dual.selected(case.function, args, case.wrt, case.of)
    rng = np.random.default_rng(5)
    tangents = tuple(direction(rng, args[p]) for p in places)
    flat = np.concatenate([np.ravel(t) for t in tangents])
    jvp = functools.partial(jvp_of_arguments, compiled(case), tangents[0] if single else tangents)
    value, tangent = unchanged(case, jvp, args)
    problem = largest_error(tuple(dual.leaves(tangent)), tuple((expected_matrix(case) @ flat).tolist()), case.relative)
    return problem or largest_error(value, expected(case)[0], case.relative)


def jvp_of_arguments(f, tangents, *args):
    return f.jvp(args, tangents)


def direction(rng, like):
    drawn = rng.uniform(0.5, 1.5, np.shape(like))
    return drawn.astype(np.asarray(like).dtype) if np.ndim(like) else type(like)(drawn)


def strided(a):
    """The same values, every second element of a larger array along every axis."""
    big = np.full([2 * n for n in a.shape], np.nan, dtype=a.dtype)
    view = big[(slice(None, None, 2),) * a.ndim]
    view[...] = a
    return view


def reversed_order(a):
    """The same values backwards in memory, or by columns."""
    return np.asfortranarray(a) if a.ndim > 1 else a[::-1].copy()[::-1]


def readonly(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def run_layout(change, case):
    names = dual.parameter_names(case.function)
    filled = (case.of,) if isinstance(case.of, str) else tuple(case.of or ())
    keep = filled if change is readonly else ()
    floats = [isinstance(a, np.ndarray) and a.dtype.kind in "fc" for a in case.arguments()]
    args = [change(a) if f and n not in keep else a for n, a, f in zip(names, case.arguments(), floats)]
    return run_jacobian(case, tuple(args))


def run_float32(case):
    """Narrow results to 1e-4, of narrow dtype wherever the plain function's value is narrow."""
    if not case.float32:
        return None
    args = case.arguments(np.float32)
    before = fresh(args)
    value = case.function(*before)
    narrow = leaf_dtypes(outputs(case, before) if case.of is not None else value)
    result = unchanged(case, compiled(case).jacobian, args)
    problem = largest_error(result, expected(case, np.float32)[1], 1e-4, floor=0.1)
    found = leaf_dtypes(result)
    single = {"float32", "complex64"}
    if problem is None and narrow and set(narrow) <= single and not set(found) <= single:
        return f"dtype {max(found)} for float32 inputs and a value of {max(narrow)}"
    return problem


def leaf_dtypes(structure):
    """The dtypes of the arrays in a result."""
    if isinstance(structure, (tuple, list)):
        return [dtype for item in structure for dtype in leaf_dtypes(item)]
    return [structure.dtype.name] if isinstance(structure, np.ndarray) else []


def run_numba(case):
    """The function itself under plain Numba: what the compiler's users can expect."""
    import numba

    jitted = Rebind({}, {}, lambda thing: thing, wrap=numba.njit(error_model="numpy"))(case.function)
    args = case.arguments()
    value = jitted(*args)
    return largest_error(outputs(case, args) if case.of is not None else value, expected(case)[0], 1e-10)


RUNS = {
    "numba": run_numba,
    "emitted": run_emitted,
    "value": run_value,
    "jacobian": run_jacobian,
    "value_and_jacobian": run_value_and_jacobian,
    "matrix": run_matrix,
    "into": run_into,
    "jvp": run_jvp,
    "strided": functools.partial(run_layout, strided),
    "reversed": functools.partial(run_layout, reversed_order),
    "readonly": functools.partial(run_layout, readonly),
    "float32": run_float32,
}
MODES = tuple(mode for mode in RUNS if mode != "numba")
