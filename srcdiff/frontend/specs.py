"""What the frontend is told of an argument: its types, or its value where that is known when compiling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..ir.types import ScalarType

__all__ = ["ArraySpec", "ConstantSpec", "ScalarSpec", "Spec", "TupleSpec"]


@dataclass(frozen=True)
class ScalarSpec:
    type: ScalarType


@dataclass(frozen=True)
class ArraySpec:
    dtype: ScalarType
    ndim: int


@dataclass(frozen=True)
class TupleSpec:
    items: tuple[Spec, ...]
    record: Any = None


@dataclass(frozen=True)
class ConstantSpec:
    """An argument whose value is known when compiling: None, or a default that the call leaves out."""

    value: Any


Spec = ScalarSpec | ArraySpec | TupleSpec | ConstantSpec
