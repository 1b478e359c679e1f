"""Ordinary array functions, for arrays of any length: add a function to a group's `CASES`, and it is tested.

The groups go from simple to hard. The functions are plain, as users write them; nothing fixes a shape. Sizes of
arguments are small and generic: 5, 6, 7, one more than a row of eight directions, never a multiple of 8.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from corpus import Case, Range, array, between

GROUPS = ("loops", "slices", "inplace", "helpers", "functions", "masks", "linalg", "complexes", "edges")

__all__ = ["GROUPS", "ArrayCase", "all_cases", "array", "between", "case", "complexes", "made", "spd"]


@dataclass(frozen=True, eq=False)
class ArrayCase(Case):
    """A case with its group and tags.

    Tags: "kink" (comparisons decide values), "lapack" (the primal calls LAPACK), "lowered" (NumPy has it, Numba lacks
    it), "mutates" (writes to an argument that is neither in wrt nor of).
    """

    tags: tuple[str, ...] = ()
    float32: bool = True

    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def arguments(self, dtype=np.float64) -> tuple:
        """The arguments, the same on every run; float32 narrows all that is floating or complex."""
        return tuple(narrowed(a, dtype) for a in self.point(0))


class Complexes(Range):
    """Complex numbers with both parts between two bounds."""

    def draw(self, rng):
        drawn = np.asarray(super().draw(rng)) + 1j * np.asarray(super().draw(rng))
        return drawn if self.shape else complex(drawn)


@dataclass(frozen=True)
class Made(Range):
    """An array that a function makes from random numbers."""

    low: float = 0.0
    high: float = 1.0
    shape: tuple[int, ...] | None = None
    make: Callable[[np.ndarray], Any] = np.asarray

    def draw(self, rng):
        return self.make(super().draw(rng))


def complexes(low, high, *shape):
    return Complexes(low, high, shape)


def made(make, low, high, *shape):
    """`make` of an array of numbers between low and high."""
    return Made(low, high, shape, make)


def spd(n):
    """A symmetric positive definite matrix, well conditioned."""
    return made(lambda a: a @ a.T + 2.0 * np.eye(n), -1.0, 1.0, n, n)


def dominant(n):
    """A square matrix that is far from singular."""
    return made(lambda a: a + n * np.eye(n), -1.0, 1.0, n, n)


def narrowed(argument, dtype):
    if np.dtype(dtype) == np.float64:
        return argument
    if isinstance(argument, tuple):
        return tuple(narrowed(a, dtype) for a in argument)
    kind = np.asarray(argument).dtype.kind
    if kind == "f":
        return argument.astype(dtype) if isinstance(argument, np.ndarray) else np.dtype(dtype).type(argument)
    if kind == "c":
        narrow = np.result_type(dtype, np.complex64)
        return argument.astype(narrow) if isinstance(argument, np.ndarray) else narrow.type(argument)
    return argument


def case(function, *args, **options):
    return ArrayCase(function, args, **options)


def all_cases():
    """The cases of all groups by name, in order; a function's second case is numbered."""
    named = {}
    for group in GROUPS:
        for one in importlib.import_module(f"{__name__}.{group}").CASES:
            name = f"{group}.{one.function.__name__}"
            count = sum(known == name or known.startswith(f"{name}-") for known in named)
            named[f"{name}-{count + 1}" if count else name] = one
    return named


# Functions that are refused today, and why; the tests see that the list is exact.
REFUSED: dict[str, str] = {}
