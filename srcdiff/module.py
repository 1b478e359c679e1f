"""An emitted module: what the pipeline ends in, what is compiled, and what the store keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .ir.types import FLOAT64, ScalarType

__all__ = ["Module"]


@dataclass(frozen=True)
class Module:
    """A complete emitted module, and what is needed to run it."""

    text: str
    entry: str
    parameters: tuple[str, ...]
    objects: Mapping[str, Any]
    """The user's own namedtuples and exceptions, by the names under which the text uses them."""
    branches: Mapping[int, str] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of the arguments that are arrays, and of the matrix `out`."""
    dtype: ScalarType = FLOAT64
    """Of the matrix."""
    apart: tuple[tuple[str, str], ...] = ()
    """Pairs of arguments that must not share memory, since one of them is written."""
    scratch: tuple[tuple[ScalarType | None, int], ...] = ()
    """Dtype and rank of the arrays that a call takes memory for; no dtype where it is that of an argument."""
