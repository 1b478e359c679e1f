"""Types of the intermediate representation: what Numba will infer, as far as differentiation needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "BOOL",
    "COMPLEX64",
    "COMPLEX128",
    "FLOAT32",
    "FLOAT64",
    "INT64",
    "STRING",
    "WEAK_COMPLEX",
    "WEAK_FLOAT",
    "ArrayType",
    "ScalarType",
    "TupleType",
    "Type",
    "common",
    "join",
    "promote",
]

_KNOWN: dict[tuple[str, int], ScalarType] = {}

_ORDER = {"bool": 0, "int": 1, "float": 2, "complex": 3}


class ScalarType:
    """`bits` is the width of a component; 0 marks a Python literal, which takes the width of its partner.

    Equal types are the same object.
    """

    __slots__ = ("bits", "is_differentiable", "is_real", "kind")
    kind: str
    bits: int
    is_real: bool
    is_differentiable: bool

    def __new__(cls, kind: str, bits: int = 64) -> ScalarType:
        known = _KNOWN.get((kind, bits))
        if known is None:
            self = object.__new__(cls)
            self.kind, self.bits = kind, bits
            self.is_real, self.is_differentiable = kind == "float", kind in ("float", "complex")
            known = _KNOWN.setdefault((kind, bits), self)
        return known

    def __reduce__(self) -> tuple[type[ScalarType], tuple[str, int]]:
        return ScalarType, (self.kind, self.bits)

    def __repr__(self) -> str:
        return f"ScalarType({self.kind!r}, {self.bits})"

    @property
    def numpy(self) -> str:
        """The NumPy dtype's name."""
        if self.kind == "complex":
            return "complex64" if self.bits == 32 else "complex128"
        if self.kind == "float":
            return "float32" if self.bits == 32 else "float64"
        return {"int": "int64", "bool": "bool_", "str": "str_"}[self.kind]

    def __str__(self) -> str:
        return {"bool": "bool", "str": "str"}.get(self.kind, self.numpy)


BOOL = ScalarType("bool")
INT64 = ScalarType("int")
FLOAT32 = ScalarType("float", 32)
FLOAT64 = ScalarType("float", 64)
COMPLEX64 = ScalarType("complex", 32)
COMPLEX128 = ScalarType("complex", 64)
WEAK_FLOAT = ScalarType("float", 0)
WEAK_COMPLEX = ScalarType("complex", 0)
STRING = ScalarType("str")


@dataclass(frozen=True)
class ArrayType:
    """An array of unknown lengths, which stays an array. As a value it is no number: its tangent is another array."""

    dtype: ScalarType
    ndim: int
    kind: str = "array"

    @property
    def bits(self) -> int:
        return self.dtype.bits

    @property
    def is_real(self) -> bool:
        return False

    @property
    def is_differentiable(self) -> bool:
        return False

    @property
    def numpy(self) -> str:
        return self.dtype.numpy

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(':' * self.ndim)}]"


@dataclass(frozen=True)
class TupleType:
    elements: tuple[Type, ...]
    fields: tuple[str, ...] | None = None


Type = ScalarType | ArrayType | TupleType


def promote(*types: ScalarType) -> ScalarType:
    """The type of an arithmetic result (NEP 50: a Python literal does not widen its partner).

    >>> str(promote(FLOAT32, WEAK_FLOAT)), str(promote(INT64, FLOAT32)), str(promote(FLOAT32, COMPLEX128))
    ('float32', 'float64', 'complex128')
    """
    first, *others = types
    if first.is_differentiable and all(t.kind == first.kind for t in others):
        for t in others:
            first = t if t.bits > first.bits else first
        return first
    kind = max((t.kind for t in types), key=lambda k: _ORDER.get(k, -1))
    if kind in ("bool", "int"):
        return INT64
    strong = [t for t in types if t.kind in ("float", "complex") and t.bits]
    if any(t.kind == "int" for t in types) and any(t.bits == 32 for t in strong):
        return ScalarType(kind, 64)
    bits = max((t.bits for t in strong), default=0)
    return ScalarType(kind, bits)


def common(types: Sequence[ScalarType]) -> ScalarType:
    """The dtype of an array that holds values of these types: truth values stay truth values.

    >>> str(common([BOOL, BOOL])), str(common([BOOL, FLOAT64]))
    ('bool', 'float64')
    """
    return types[0] if all(t == types[0] for t in types) else promote(*types)


def join(a: ScalarType, b: ScalarType) -> ScalarType | None:
    """The type of a variable that is `a` on one path and `b` on another; None where there is none."""
    if a == b:
        return a
    if "str" in (a.kind, b.kind):
        return None
    return promote(a, b)
