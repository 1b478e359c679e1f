"""Random array programs as source text; see `array_writer.py` and `array_structures.py` for what they hold.

One in eight is in float32, one in twelve is given arrays of no or one element. One in four is to run with known
lengths, too, one in four in a single direction, and one in two with a few directions a pass.

>>> import random
>>> "def program(" in generate(random.Random(1)).source
True
"""

import random
import re
from dataclasses import replace

import numpy as np
from array_structures import Structures
from programs import Program

PREAMBLE = """\
import math

import numpy as np


"""


def generate(rng, statements=7):
    """A random program; `rng` is a `random.Random`, or hypothesis's imitation of one."""
    kind = rng.random()
    writer = Structures(rng, single=kind < 1 / 8, tiny=kind > 11 / 12)
    text, args, wrt = writer.main(statements)
    if writer.single:
        writer.tag("float32")
    if writer.tiny:
        writer.tag(f"length {writer.n}")
    program = Program(PREAMBLE + writer.helper_texts() + text, "program", args, wrt, {}, writer.constructs)
    return replace(program, also=tuple(others(program, rng)))


def others(program, rng):
    """The same program with other options, sometimes."""
    runs = [program]
    # The lengths of arrays in a tuple cannot be given.
    if rng.random() < 1 / 4 and not any(isinstance(a, tuple) for a in program.args):
        program.constructs["known lengths"] += 1
        names = re.search(r"def program\((.*)\):", program.source)[1].split(", ")
        shapes = {name: a.shape for name, a in zip(names, program.args) if isinstance(a, np.ndarray)}
        runs.append(replace(program, shapes=shapes))
    if rng.random() < 1 / 4:
        program.constructs["one direction"] += 1
        runs += [replace(run, mode="jvp") for run in runs]
    if rng.random() < 1 / 2:
        program.constructs["small chunks"] += 1
        runs.append(replace(program, chunk=rng.randint(1, 3)))
    return runs[1:]


def numbered(seed, index, statements=7):
    """The program of one number, the same on every run and machine."""
    return generate(random.Random(f"arrays/{seed}/{index}"), statements)


def programs(statements=4):
    """A hypothesis strategy for programs; shrinks by drawing simpler choices."""
    import hypothesis.strategies as st

    return st.randoms(use_true_random=False).map(lambda rng: generate(rng, statements))
