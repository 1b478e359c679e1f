"""Ordinary numerical functions with the ranges of their arguments: add a function to `CASES`, and it is tested.

The functions are plain, as users write them; each module lists them below in `CASES`.
"""

import importlib
import pkgutil
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Range:
    """A float between two bounds, or an array of such floats."""

    low: float
    high: float
    shape: tuple[int, ...] | None = None

    def draw(self, rng: random.Random) -> Any:
        if self.shape is None:
            return rng.uniform(self.low, self.high)
        size = int(np.prod(self.shape))
        return np.array([rng.uniform(self.low, self.high) for _ in range(size)]).reshape(self.shape)


@dataclass(frozen=True)
class Case:
    """A function, what to call it with, and how its derivative can be had independently.

    `reference` is "differences" (high-precision differences apply as well as the dual numbers) or "dual" (the function
    has kinks in its range, where only the conventions say what is right).
    """

    function: Callable
    args: tuple
    wrt: Any = None
    of: Any = None
    shapes: dict | None = None
    reference: str = "differences"
    float32: bool = False
    relative: float = 1e-9

    @property
    def name(self) -> str:
        return f"{self.function.__module__.rpartition('.')[2]}.{self.function.__name__}"

    def point(self, number: int) -> tuple:
        """The arguments of one test point, the same on every run."""
        return drawn(self.args, random.Random(f"{self.name}/{number}"))


def drawn(argument, rng):
    if isinstance(argument, Range):
        return argument.draw(rng)
    if isinstance(argument, tuple):
        items = [drawn(item, rng) for item in argument]
        return type(argument)(*items) if hasattr(argument, "_fields") else tuple(items)
    return argument.copy() if isinstance(argument, np.ndarray) else argument


def between(low, high):
    return Range(low, high)


def array(low, high, *shape):
    return Range(low, high, shape)


def case(function, *args, **options):
    return Case(function, args, **options)


def all_cases():
    """The cases of all modules here, in order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [one for name in names for one in importlib.import_module(f"{__name__}.{name}").CASES]
