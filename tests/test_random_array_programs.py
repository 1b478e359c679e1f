"""Forty random array programs on every run; `random_array_programs.py` is the command for thousands."""

import array_programs
import array_reference
import dual
import hypothesis
import numpy as np
import pytest
import random_programs
from random_programs import FAILURES, judge

COUNT = 40


@pytest.mark.parametrize("batch", range(4))
def test_emitted_text(batch, tmp_path):
    for index in range(batch * COUNT // 4, (batch + 1) * COUNT // 4):
        program = array_programs.numbered("tests", index)
        for run in (program, *program.also):
            outcome = judge(run, tmp_path)
            assert outcome.kind not in (*FAILURES, "invalid"), f"{run}\n{outcome.kind}: {outcome.detail}"


@pytest.mark.parametrize("index", range(3))
def test_compiled(index, tmp_path):
    program = array_programs.numbered("compiled", index, statements=4)
    outcome = judge(program, tmp_path, compiled=True)
    assert outcome.kind not in (*FAILURES, "invalid"), f"{program}\n{outcome.kind}: {outcome.detail}"


# Failures are reduced by the command, by statements; hypothesis would take minutes over it.
@hypothesis.settings(
    max_examples=10, deadline=None, derandomize=True, database=None, phases=[hypothesis.Phase.generate]
)
@hypothesis.given(array_programs.programs())
def test_emitted_text_by_hypothesis(tmp_path_factory, program):
    for run in (program, *program.also):
        outcome = judge(run, tmp_path_factory.getbasetemp())
        assert outcome.kind not in (*FAILURES, "invalid"), f"{run}\n{outcome.kind}: {outcome.detail}"


def test_few_are_refused(tmp_path):
    outcomes = [judge(array_programs.numbered("refused", index), tmp_path) for index in range(20)]
    refused = [outcome.detail for outcome in outcomes if outcome.kind == "refused"]
    assert len(refused) <= 4, "\n\n".join(refused)


def test_programs_are_valid_and_the_references_agree(tmp_path):
    """Dual numbers against plain NumPy, and against differences that know no rule."""
    for index in range(20):
        program = array_programs.numbered("references", index)
        module = random_programs.load(program.source, tmp_path)
        value, jacobian = dual.value_and_jacobian(module.program, program.args, program.wrt)
        plain = module.program(*random_programs.fresh(program.args))
        single = random_programs.is_single(program.args)
        assert dual.mismatch(plain, value, random_programs.SINGLE if single else 1e-10) is None, str(program)
        if index % 4 == 0 and not single:
            differences = array_reference.value_and_jacobian(module.program, program.args, program.wrt)
            assert dual.mismatch(differences[1], jacobian, 1e-9) is None, str(program)
        assert np.all(np.isfinite(dual.leaves(jacobian)))
        random_programs.forget(module)


def test_the_same_seed_gives_the_same_program():
    first, second = array_programs.numbered(3, 4), array_programs.numbered(3, 4)
    assert first.source == second.source
    np.testing.assert_array_equal(first.args[0], second.args[0])


def test_every_construct_occurs_often():
    held = {}
    for index in range(600):
        for construct in array_programs.numbered("constructs", index).constructs:
            held[construct] = held.get(construct, 0) + 1
    rare = {construct: count for construct, count in held.items() if count < 8}
    assert not rare
    assert len(held) >= 45
