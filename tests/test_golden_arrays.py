"""The emitted text of functions on arrays, kept in `tests/golden_arrays` to be read, and executed.

`python tests/test_golden_arrays.py --update` writes the files anew: read the difference before it is committed.
"""

import inspect
import pathlib
import sys

import array_reference
import dual
import golden_arrays
import numpy as np
import pytest

import srcdiff

FOLDER = pathlib.Path(__file__).parent / "golden_arrays"


def emitted(name):
    function, args, options = golden_arrays.CASES[name]
    types = {}
    for parameter, value in zip(inspect.signature(function).parameters, args):
        if isinstance(value, np.ndarray):
            types[parameter] = f"{value.dtype}[{', '.join(':' * value.ndim)}]"
        else:
            types[parameter] = type(value).__name__
    return srcdiff.emit(function, types=types, **options)


@pytest.mark.parametrize("name", golden_arrays.CASES)
def test_text(name):
    assert emitted(name) == (FOLDER / f"{name}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", golden_arrays.CASES)
def test_text_runs_and_is_right(name):
    function, args, options = golden_arrays.CASES[name]
    mode, wrt, of = options.get("mode", "jacobian"), options.get("wrt"), options.get("of")
    space = {}
    exec((FOLDER / f"{name}.py").read_text(encoding="utf-8"), space)
    suffix = {"into": "_jacobian_into", "matrix": "_jacobian_matrix", "primal": ""}.get(mode, f"_{mode}")
    entry = space[function.__name__ + suffix]
    value, jacobian = array_reference.value_and_jacobian(function, args, wrt, of)
    given = tuple(a.copy() if isinstance(a, np.ndarray) else a for a in args)
    if mode == "primal":
        assert dual.mismatch(entry(*given), value, 1e-12) is None
        return
    if mode == "jvp":
        primal, tangent = entry(given, np.ones_like(given[list(inspect.signature(function).parameters).index(wrt)]))
        assert dual.mismatch(primal, value, 1e-12) is None
        assert dual.mismatch(tangent, np.asarray(jacobian).sum(axis=-1), 1e-9) is None
        return
    if mode == "into":
        out = np.full(np.shape(jacobian), np.nan)
        assert entry(out, *given) is None
        actual = out
    else:
        actual = entry(*given)
    assert dual.mismatch(actual, jacobian, 1e-9) is None
    for before, after, parameter in zip(args, given, inspect.signature(function).parameters):
        assert parameter == of or np.array_equal(before, after)


def test_every_file_has_a_case():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(golden_arrays.CASES)


if __name__ == "__main__":
    assert sys.argv[1:] == ["--update"], __doc__
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.py"):
        path.unlink()
    for name in golden_arrays.CASES:
        (FOLDER / f"{name}.py").write_text(emitted(name), encoding="utf-8")
