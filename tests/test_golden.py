"""The emitted text of a few dozen functions, kept in `tests/golden` to be read, and executed.

`python tests/test_golden.py --update` writes the files anew: read the difference before it is committed.
"""

import pathlib
import sys

import dual
import golden_cases
import numpy as np
import pytest

import srcdiff

FOLDER = pathlib.Path(__file__).parent / "golden"

POINTS = {
    "drag": (1.4, 0.3, 4),
    "three": (3.0, 4.0, 5.0),
    "robertson": (0.0, np.array([0.9, 2e-5, 0.1]), 0.04, 3e7, 1e4),
    "lotka_volterra": (0.0, np.array([1.2, 0.7]), np.zeros(2)),
    "kepler": (1.1, 0.4),
    "black_scholes": (100.0, 95.0, 0.03, 0.25, 1.5),
    "rosenbrock": (np.array([0.7, 1.3]),),
    "hypotenuse": (3.0, 4.0),
    "softplus": (0.8,),
    "piecewise": (1.5,),
    "pendulum": ((0.4, -0.2), 0.05, 0.1),
    "series": (0.7, 9),
    "swap": (0.3, 0.9),
    "power": (1.3, 5),
    "smooth_max": (0.4, 1.1, 0.5),
    "saturate": (0.5, -1.0, 1.0),
    "spring_chain": (np.array([0.1, 0.2, -0.3]),),
    "rotate": (np.array([0.9, 0.1, -0.3, 0.2]), np.array([1.0, 2.0, -0.5])),
    "rotation": (0.6,),
    "distance": (np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0])),
    "accumulate_in_place": (np.array([0.3, -0.8, 1.2]),),
    "impedance": (50.0, 0.1, 60.0),
    "damped_wave": (0.7, 3.0, 0.2),
    "bisect": (2.0, 1.0, 2.0),
    "first_above": (1.5, 1.0),
    "arrhenius": (350.0,),
    "scaled": (0.4, 1.7),
    "van_der_pol": (0.0, np.array([1.1, -0.4]), 2.0),
    "tank": (1.2, 0.5, 2.0),
    "project": (np.array([0.3, -0.2, 2.0]), 1.5),
}


def emitted(name):
    function, options = golden_cases.CASES[name]
    return srcdiff.emit(function, **options)


@pytest.mark.parametrize("name", golden_cases.CASES)
def test_text(name):
    assert emitted(name) == (FOLDER / f"{name}.py").read_text(encoding="utf-8")


JACOBIANS = [n for n, (_, o) in golden_cases.CASES.items() if o.get("mode") not in ("jvp", "primal")]


@pytest.mark.parametrize("name", JACOBIANS)
def test_text_runs_and_is_right(name):
    function, options = golden_cases.CASES[name]
    mode = options.get("mode", "jacobian")
    args = POINTS[function.__name__]
    space = {}
    exec((FOLDER / f"{name}.py").read_text(encoding="utf-8"), space)
    suffix = {"into": "_jacobian_into", "matrix": "_jacobian_matrix"}.get(mode, f"_{mode}")
    entry = space[function.__name__ + suffix]
    given = tuple(a.copy() if isinstance(a, np.ndarray) else a for a in args)
    if function.__name__ == "pendulum":
        args = (golden_cases.State(*args[0]), *args[1:])
        given = args
    value, expected = dual.value_and_jacobian(function, args, options.get("wrt"), options.get("of"))
    if mode == "into":
        out = np.full((3, 3), np.nan)
        assert entry(out, *given) is None
        actual = out
    else:
        actual = entry(*given)
    if mode == "value_and_jacobian":
        actual_value, actual = actual
        assert dual.mismatch(actual_value, value, 1e-12) is None
    if mode == "matrix":
        expected = np.concatenate([np.asarray(block, dtype=float).reshape(3, -1) for block in expected], axis=1)
    assert dual.mismatch(actual, expected, 1e-9) is None


def test_every_file_has_a_case():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(golden_cases.CASES)


if __name__ == "__main__":
    assert sys.argv[1:] == ["--update"], __doc__
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.py"):
        path.unlink()
    for name in golden_cases.CASES:
        (FOLDER / f"{name}.py").write_text(emitted(name), encoding="utf-8")
