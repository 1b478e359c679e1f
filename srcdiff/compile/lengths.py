"""Lengths in C prototypes: numbers, or text of integer parameters, added and multiplied."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["Length", "plus", "times"]

Length = int | str


def times(lengths: Iterable[Length]) -> Length:
    """The product, a number as far as it is known.

    >>> times([2, 3]), times([2, "n", 3, "m"]), times([1, "n"]), times(["n + 1", 2])
    (6, '6 * n * m', 'n', '2 * (n + 1)')
    """
    number, names = _split(lengths)
    product = math.prod(number)
    texts = [f"({n})" if "+" in n else n for n in names]
    if not texts or product == 0:
        return product
    return texts[0] if (product, len(texts)) == (1, 1) else " * ".join([str(product)] * (product != 1) + texts)


def plus(lengths: Iterable[Length]) -> Length:
    """The sum, a number as far as it is known.

    >>> plus([2, 3]), plus(["n", 1, "2 * m", 3]), plus(["n", 0])
    (5, 'n + 2 * m + 4', 'n')
    """
    number, names = _split(lengths)
    total = sum(number)
    return " + ".join(names + [str(total)] * (total != 0)) if names else total


def _split(lengths: Iterable[Length]) -> tuple[list[int], list[str]]:
    given = list(lengths)
    return [n for n in given if isinstance(n, int)], [n for n in given if isinstance(n, str)]
