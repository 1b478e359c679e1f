"""A hundred random programs on every run; `random_programs.py` is the command for ten thousand."""

import ast
import random

import hypothesis
import programs
import pytest
import random_programs
from random_programs import FAILURES, judge

COUNT = 100


@pytest.mark.parametrize("batch", range(10))
def test_emitted_text(batch, tmp_path):
    for index in range(batch * COUNT // 10, (batch + 1) * COUNT // 10):
        program = programs.numbered("tests", index)
        outcome = judge(program, tmp_path)
        assert outcome.kind not in (*FAILURES, "invalid"), f"{program}\n{outcome.kind}: {outcome.detail}"


@pytest.mark.parametrize("index", range(3))
def test_compiled(index, tmp_path):
    program = programs.numbered("compiled", index, statements=5)
    outcome = judge(program, tmp_path, compiled=True)
    assert outcome.kind not in (*FAILURES, "invalid"), f"{program}\n{outcome.kind}: {outcome.detail}"


# Failures are reduced by the command, by statements; hypothesis would take minutes over it.
@hypothesis.settings(
    max_examples=10, deadline=None, derandomize=True, database=None, phases=[hypothesis.Phase.generate]
)
@hypothesis.given(programs.programs())
def test_emitted_text_by_hypothesis(tmp_path_factory, program):
    outcome = judge(program, tmp_path_factory.getbasetemp())
    assert outcome.kind not in (*FAILURES, "invalid"), f"{program}\n{outcome.kind}: {outcome.detail}"


def test_few_are_refused(tmp_path):
    outcomes = [judge(programs.numbered("refused", index), tmp_path) for index in range(20)]
    refused = [outcome.detail for outcome in outcomes if outcome.kind == "refused"]
    assert len(refused) <= 2, "\n\n".join(refused)


def test_the_same_seed_gives_the_same_program():
    assert programs.numbered(3, 4) == programs.numbered(3, 4)
    assert programs.generate(random.Random(5)).source != programs.generate(random.Random(6)).source


def test_every_construct_occurs_often():
    held = {}
    for index in range(300):
        for construct in programs.numbered("constructs", index).constructs:
            held[construct] = held.get(construct, 0) + 1
    rare = {construct: count for construct, count in held.items() if count < 24}
    assert not rare


def test_reduction_keeps_what_fails():
    program = programs.numbered("reduction", 0)

    def still_fails(candidate):
        return "np.cross" in candidate.source or "def program" not in candidate.source

    program = program.__class__(
        program.source.replace("    return", "    keep = np.cross(np.ones(3), np.ones(3))\n    return"),
        program.name, program.args, program.wrt, program.shapes, program.constructs,
    )  # fmt: skip
    small = random_programs.reduce(program, lambda p: still_fails(p) and "def program" in p.source)
    body = ast.parse(small.source).body
    assert len(body) == 1
    assert len(body[0].body) == 1
    assert "np.cross" in small.source
