"""Random array programs as source text; see `array_writer.py` and `array_structures.py` for what they hold.

One in eight is in float32, one in twelve is given arrays of no or one element.

>>> import random
>>> "def program(" in generate(random.Random(1)).source
True
"""

import random

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
    return Program(PREAMBLE + writer.helper_texts() + text, "program", args, wrt, {}, writer.constructs)


def numbered(seed, index, statements=7):
    """The program of one number, the same on every run and machine."""
    return generate(random.Random(f"arrays/{seed}/{index}"), statements)


def programs(statements=4):
    """A hypothesis strategy for programs; shrinks by drawing simpler choices."""
    import hypothesis.strategies as st

    return st.randoms(use_true_random=False).map(lambda rng: generate(rng, statements))
