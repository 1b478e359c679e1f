"""Every function of the corpus: srcdiff's Jacobian against references that share nothing with it."""

import corpus
import dual
import numpy as np
import pytest
from random_programs import fresh, run_compiled, run_emitted

CASES = corpus.all_cases()
NAMES = [f"{case.name}-{number}" for number, case in enumerate(CASES)]
POINTS = 3
every_case = pytest.mark.parametrize("case", CASES, ids=NAMES)


def narrowed(argument):
    """The argument in float32."""
    if isinstance(argument, tuple):
        items = [narrowed(item) for item in argument]
        return type(argument)(*items) if hasattr(argument, "_fields") else tuple(items)
    return np.float32(argument) if dual.is_differentiable(argument) else argument


def assert_agrees(actual, expected, relative):
    for part, a, e in zip(("value", "jacobian"), actual, expected):
        problem = dual.mismatch(a, e, relative)
        assert problem is None, part + problem


def options(case):
    return {"wrt": case.wrt, "of": case.of, "shapes": case.shapes}


def test_the_corpus_is_large():
    assert len({case.function for case in CASES}) >= 80


@every_case
def test_references_agree(case):
    """The dual numbers against differences in 80 digits, and against the function itself."""
    args = case.point(0)
    value, jacobian = dual.value_and_jacobian(case.function, args, case.wrt, case.of)
    if case.of is None:
        plain = case.function(*fresh(args))
        np.testing.assert_allclose(dual.leaves(value), dual.leaves(plain), rtol=1e-9, atol=1e-300)
    if case.reference == "differences":
        differences = dual.difference_jacobian(case.function, args, case.wrt, case.of)
        found = dual.matrix(jacobian, value)
        np.testing.assert_allclose(found, differences, rtol=1e-12, atol=1e-14 * np.max(np.abs(differences)))


@every_case
def test_emitted_text(case):
    for number in range(POINTS):
        args = case.point(number)
        expected = dual.value_and_jacobian(case.function, args, case.wrt, case.of)
        assert_agrees(run_emitted(case.function, args, **options(case)), expected, case.relative)


@pytest.mark.parametrize("case", CASES[::3], ids=NAMES[::3])
def test_compiled(case):
    args = case.point(0)
    expected = dual.value_and_jacobian(case.function, args, case.wrt, case.of)
    assert_agrees(run_compiled(case.function, args, **options(case)), expected, case.relative)


@pytest.mark.parametrize("case", [c for c in CASES if c.float32], ids=[c.name for c in CASES if c.float32])
def test_float32(case):
    args = tuple(map(narrowed, case.point(1)))
    expected = dual.value_and_jacobian(case.function, args, case.wrt, case.of)
    assert_agrees(run_emitted(case.function, args, **options(case)), expected, 3e-4)
