"""Texts of nested results, of their dtypes, and of places counted in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..ir.statements import Leaf, Structure
from ..ir.types import FLOAT64, ScalarType, promote

__all__ = ["dtype_argument", "promoted", "structured", "sum_text"]


def sum_text(text: str, known: int) -> str:
    if not text:
        return str(known)
    return f"{text} + {known}" if known else text


def dtype_argument(dtype: ScalarType) -> str:
    return "" if dtype == FLOAT64 else f", np.{dtype.numpy}"


def promoted(kinds: Sequence[ScalarType]) -> ScalarType:
    """The dtype of a block of derivatives."""
    found = promote(*kinds)
    return found if found.is_differentiable and found.bits else FLOAT64


def structured(structure: Structure | Leaf, start: int) -> str:
    """A result's structure as text with a slot for each value, the first of which has the number `start`."""
    counter = iter(range(start, 10**9))

    def visit(part: Structure | Leaf) -> str:
        if isinstance(part, Structure):
            parts = [visit(item) for item in part.items]
            if part.record is not None and part.record != "None" and start == 0:
                return f"{part.record}({', '.join(parts)})"
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if not part.is_array or None in part.shape:
            return f"{{{next(counter)}}}"
        return f"np.array({_nested(part.shape, counter)}{dtype_argument(part.dtype)})"

    if isinstance(structure, Structure) and structure.record == "None":
        return "None"
    return visit(structure)


def _nested(shape: Sequence[int | None], counter: Iterator[int]) -> str:
    if not shape:
        return f"{{{next(counter)}}}"
    parts = [_nested(shape[1:], counter) for _ in range(shape[0] or 0)]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
