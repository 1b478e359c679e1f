"""Blocks of float32 points: compiled, against float64 and against points one by one."""

import math

import corpus
import numpy as np
import pytest
from test_batch import axes_of, batch_arguments, case_evaluator, has_star

from srcdiff import jacobian_compiled
from srcdiff.evaluate import batch as batches

SINGLE = [case for case in corpus.all_cases() if case.float32 and not has_star(case)]
POINTS = 35
"""Two blocks and a rest."""


@pytest.fixture(autouse=True)
def blocks_from_the_start(monkeypatch):
    monkeypatch.setattr(batches, "BLOCKS_FROM", 16)


def narrowed(argument):
    if isinstance(argument, tuple):
        items = [narrowed(a) for a in argument]
        return type(argument)(*items) if hasattr(argument, "_fields") else tuple(items)
    if isinstance(argument, np.ndarray) and argument.dtype == np.float64:
        return argument.astype(np.float32)
    return np.float32(argument) if isinstance(argument, float) else argument


def widened(argument):
    if isinstance(argument, tuple):
        items = [widened(a) for a in argument]
        return type(argument)(*items) if hasattr(argument, "_fields") else tuple(items)
    single = isinstance(argument, (np.ndarray, np.generic)) and argument.dtype == np.float32
    return argument.astype(np.float64) if single else argument


def flat(structure):
    return [leaf for item in structure for leaf in flat(item)] if isinstance(structure, tuple) else [structure]


@pytest.mark.parametrize("case", SINGLE, ids=[case.name for case in SINGLE])
def test_corpus(case):
    _, args, _ = batch_arguments(case, POINTS)
    single = tuple(map(narrowed, args))
    axes = tuple(map(axes_of, args))
    evaluator = case_evaluator(case)
    found = flat(evaluator(*single, in_axes=axes))
    one_by_one = [flat(evaluator(*(part(a, k) for a in single), in_axes=axes)) for k in range(0, POINTS, 5)]
    _, fresh, _ = batch_arguments(case, POINTS)
    reference = flat(case_evaluator(case)(*widened(tuple(map(narrowed, fresh))), in_axes=axes))
    for position, (array, wanted) in enumerate(zip(found, reference, strict=True)):
        if array is None:
            continue
        size = np.abs(wanted).max(initial=1e-30)
        np.testing.assert_allclose(array, wanted, rtol=2e-4, atol=2e-5 * size)
        points = np.concatenate([parts[position] for parts in one_by_one])
        assert array.dtype == points.dtype
        np.testing.assert_allclose(array, points, rtol=2e-4, atol=2e-5 * size)


def part(argument, first):
    """Five points of an argument: too few for a block."""
    if isinstance(argument, tuple):
        items = [part(a, first) for a in argument]
        return type(argument)(*items) if hasattr(argument, "_fields") else tuple(items)
    return argument[first : first + 5] if isinstance(argument, np.ndarray) else argument


def test_the_corpus_goes_in_blocks():
    blocks = 0
    for case in SINGLE:
        _, args, _ = batch_arguments(case, POINTS)
        evaluator = case_evaluator(case)
        given = evaluator.given(tuple(map(narrowed, args)), {}, tuple(map(axes_of, args)), {})
        blocks += evaluator.build(given.plan, True).blocks
    assert blocks >= 0.8 * len(SINGLE)


@jacobian_compiled(cache=False)
def overflowing(x, y):
    square = x * x
    if square > 4.0:
        square = square * square
    return square * y, math.exp(y) * square


def test_numbers_overflow_as_they_do_one_by_one():
    """What the function computes in float32 is not computed in float64, where it would be finite."""

    @jacobian_compiled(cache=False)
    def ratio(x, y):
        return x * x / (x * y)

    n = 32
    x, y = np.full(n, 1e30, np.float32), np.full(n, 2.0, np.float32)
    together = ratio.value_and_jacobian.batch(x, y)
    apart = [ratio.value_and_jacobian.batch(x[k : k + 1], y[k : k + 1]) for k in range(n)]
    for found, wanted in zip(flat(together), zip(*map(flat, apart))):
        np.testing.assert_array_equal(found, np.concatenate(wanted))
    assert np.isinf(together[0]).all()


def test_branches_and_exact_numbers():
    """Small integers, on which every operation is exact: the same numbers as in float64."""
    x = np.tile(np.arange(-4, 4), 8).astype(np.float32)
    y = np.repeat(np.arange(8), 8).astype(np.float32)
    together = overflowing.jacobian.batch(x, y)[0]
    power = np.where(x * x > 4.0, 4.0, 2.0)
    np.testing.assert_array_equal(together[0], power * x ** (power - 1.0) * y)
    np.testing.assert_array_equal(together[1], np.where(power == 4.0, x**4, x**2))
    uniform = overflowing.jacobian.batch(np.full(64, 3.0, np.float32), y)[0]
    np.testing.assert_array_equal(uniform[0], 108.0 * y)


def test_single_results_of_doubles():
    """An `out` in float32 for a function of doubles gets the doubles, rounded."""
    x, y = np.linspace(0.1, 1.0, 100), np.linspace(1.0, 2.0, 100)
    out = tuple(tuple(np.empty(100, np.float32) for _ in range(2)) for _ in range(2))
    overflowing.jacobian.batch(x, y, out=out)
    for found, wanted in zip(flat(out), flat(overflowing.jacobian.batch(x, y))):
        np.testing.assert_array_equal(found, wanted.astype(np.float32))
