"""Random programs in blocks of points, against the same text point by point."""

import numpy as np
import programs
import pytest
from random_programs import load
from test_batch import axes_of, has_star, interpreted, stacked

from srcdiff import SrcdiffError
from srcdiff.differentiable import Options
from srcdiff.evaluate.batch import BatchEvaluator

POINTS = 35
"""Two blocks and a rest."""


def nearby(argument, rng):
    """An argument of another point."""
    if isinstance(argument, tuple):
        items = [nearby(a, rng) for a in argument]
        return type(argument)(*items) if hasattr(argument, "_fields") else tuple(items)
    if isinstance(argument, (float, complex, np.ndarray)) and not isinstance(argument, bool):
        return argument * (1.0 + 0.2 * rng.uniform(-1.0, 1.0, np.shape(argument)))
    return argument


def outcome(program, directory):
    """How a program went: "blocks", why not, or "refused"; fails where the two forms disagree."""
    function = getattr(load(program.source, directory), program.name)
    if has_star(type("Case", (), {"function": function})):
        return "star"
    rng = np.random.default_rng(len(program.source))
    points = [program.args, *(tuple(nearby(a, rng) for a in program.args) for _ in range(POINTS - 1))]
    args = tuple(stacked([p[i] for p in points]) for i in range(len(program.args)))
    evaluator = BatchEvaluator(function, "value_and_jacobian", Options(wrt=program.wrt, shapes=program.shapes))
    axes = tuple(map(axes_of, args))
    try:
        single, _, _ = interpreted(evaluator, args, axes, False)
        blocks, batch, count = interpreted(evaluator, args, axes, True)
    except (SrcdiffError, ZeroDivisionError, OverflowError, ValueError, AssertionError, RecursionError) as error:
        return f"refused: {type(error).__name__}"
    if not batch.blocks:
        return batch.reason
    for a, b in zip(leaves(single), leaves(blocks)):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12 * np.abs(np.nan_to_num(a)).max(initial=1.0))
    return "blocks" if all(count) else "blocks that disagreed"


def leaves(result):
    return [leaf for r in result for leaf in leaves(r)] if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("start", range(0, 30, 6))
def test_blocks_agree_with_points(start, tmp_path):
    found = [outcome(programs.numbered("blocks", i), tmp_path) for i in range(start, start + 6)]
    assert any(f.startswith("blocks") for f in found), found
