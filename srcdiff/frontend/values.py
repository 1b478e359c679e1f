"""What a name may stand for while a function is lowered.

Scalars are expressions. Tuples, lists and arrays of known shape are containers of scalars, which is how they become
scalars in the emitted code; a `Cells` is the storage that views of one array share.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..ir.expr import Const, Expr, Opaque, topological
from ..ir.types import ScalarType
from .extents import Extent

__all__ = [
    "Array",
    "Cells",
    "Cut",
    "Dictionary",
    "Dynamic",
    "Environment",
    "Lazy",
    "Object",
    "OpenArray",
    "Partial",
    "Poison",
    "Range",
    "Scalar",
    "Sequence_",
    "Span",
    "Stream",
    "UserFunction",
    "Value",
    "adopt",
    "cell_name",
    "cells_of",
    "copy_environment",
    "defined",
    "has_undefined",
    "is_undefined",
    "sequences_of",
]

_ids = itertools.count()


@dataclass(frozen=True)
class Scalar:
    """`known` is the value where it is known when compiling (integers, strings, truth values)."""

    expr: Expr
    known: Any = None

    @property
    def type(self) -> ScalarType:
        return self.expr.type

    @property
    def constant(self) -> Any:
        """The value known when compiling, or None."""
        if self.known is not None:
            return self.known
        if isinstance(self.expr, Const):
            return self.expr.value
        return None


@dataclass(eq=False)
class Cells:
    """Storage of an array of known shape: one expression an element."""

    items: list[Expr]
    dtype: ScalarType
    uid: int = field(default_factory=lambda: next(_ids))
    prefix: str | None = None
    frozen: str | None = None
    """Why a write is refused: the array may or may not share memory with another."""
    owner: str | None = None
    """The name under which it was made; an array whose places are not known when compiling keeps it."""
    argument: str | None = None
    """The parameter whose memory this is."""
    writes: dict[int, int] = field(default_factory=dict)
    """How often each element was written, on the path that was written most."""

    def copy(self) -> Cells:
        items, writes = list(self.items), dict(self.writes)
        return Cells(items, self.dtype, self.uid, self.prefix, self.frozen, self.owner, self.argument, writes)


@dataclass(frozen=True)
class Array:
    """A view: `slots[i]` is the place in `cells` of the i-th element in C order."""

    cells: Cells
    shape: tuple[int, ...]
    slots: tuple[int, ...]

    @property
    def items(self) -> list[Expr]:
        return [self.cells.items[slot] for slot in self.slots]

    @property
    def dtype(self) -> ScalarType:
        return self.cells.dtype


@dataclass(frozen=True)
class OpenArray:
    """An array parameter whose lengths are not known; inactive ones stay arrays."""

    name: str
    dtype: ScalarType
    ndim: int
    active: bool


@dataclass(frozen=True)
class Span:
    """`lower:upper` of one axis, with `lower` from its start and `upper` from its end; `length` is its own."""

    lower: int
    upper: int
    length: Expr

    @property
    def is_full(self) -> bool:
        return self.lower == 0 and self.upper == 0


@dataclass(frozen=True)
class Cut:
    """Any other slice, as text with slots for its bounds: NumPy itself says which elements it holds."""

    text: str
    args: tuple[Expr, ...]

    @property
    def is_single(self) -> bool:
        """`:1` and `-1:`, one element of an array that is not empty."""
        bounds = tuple(a.value if isinstance(a, Const) else _minus_one(a) for a in self.args)
        return (self.text, bounds) in ((":{}", (1,)), ("{}:", (-1,)))


def _minus_one(e: Expr) -> int | None:
    """-1 where it is written as the negative of a literal."""
    return -1 if e.args and isinstance(e.args[0], Const) and e.args[0].value == 1 and len(e.args) == 1 else None


@dataclass(frozen=True)
class Dynamic:
    """An array of the emitted program, whose lengths are known at run time, or part of one.

    `regions` names the pieces of memory that it may be in. `index` has an entry for each axis of the variable: a
    fixed place, a slice, or None for a new axis; without it the value is the whole variable.
    """

    name: str
    dtype: ScalarType
    shape: tuple[Extent, ...]
    regions: frozenset[str]
    index: tuple[Expr | Span | Cut | None, ...] | None = None


@dataclass(frozen=True, eq=False)
class Lazy:
    """An array that is not stored: `element` gives the expression of one element, so that loops are fused.

    `reads` are the arrays that it reads, each with whether an element is computed from the element at the same place.
    """

    dtype: ScalarType
    shape: tuple[Extent, ...]
    lengths: tuple[Expr, ...]
    element: Callable[[tuple[Expr, ...]], Expr]
    reads: tuple[tuple[Dynamic, bool], ...]


@dataclass(frozen=True, eq=False)
class Stream:
    """What a loop goes through whose length is known at run time: `enumerate`, `zip` and arrays themselves."""

    length: Expr
    item: Callable[[Expr], Any]


@dataclass(eq=False)
class Sequence_:
    """A tuple (`is_list` false), namedtuple (`record`) or list of known length."""

    items: list[Value]
    is_list: bool = False
    record: Any = None
    uid: int = field(default_factory=lambda: next(_ids))
    prefix: str | None = None
    frozen: str | None = None
    """Why a list cannot be changed here: it belongs to the caller."""


class Formatted(str):
    """The text of an f-string that is known at run time only: it serves in messages."""


@dataclass(frozen=True)
class Object:
    """A Python object known when compiling: module, function, class, None, instance of constants."""

    value: Any
    text: str = ""


@dataclass(frozen=True)
class Dictionary:
    items: Mapping[Any, Value]


@dataclass(frozen=True, eq=False)
class UserFunction:
    """A function defined inside the function that is lowered, with the environment that it closes over."""

    node: Any
    name: str
    source: Any
    owner: Any
    """The lowering in whose variables it was defined; None once it was passed on, with `environment` as its closure."""
    environment: Environment
    scopes: tuple[Environment, ...] = ()
    """Variables of the comprehensions around it."""
    defaults: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Partial:
    """`functools.partial` called inside the function."""

    target: Value
    arguments: tuple[Value, ...]
    keywords: Mapping[str, Value]


@dataclass(frozen=True)
class Range:
    bounds: tuple[Scalar, ...]
    reverse: bool = False
    parallel: bool = False


@dataclass(frozen=True)
class Poison:
    """A name that must not be read here, and why."""

    message: str
    hint: str


Value = (
    Scalar | Array | OpenArray | Dynamic | Lazy | Stream | Sequence_ | Object | Dictionary | UserFunction | Partial
    | Range | Poison
)  # fmt: skip
Environment = dict[str, Value]


def copy_environment(environment: Environment) -> Environment:
    """A copy in which arrays and lists are copied too, and those that were shared still are."""
    cells: dict[int, Cells] = {}
    lists: dict[int, Sequence_] = {}

    def copy(value: Value) -> Value:
        if isinstance(value, Array):
            return replace(value, cells=cells.setdefault(value.cells.uid, value.cells.copy()))
        if isinstance(value, Sequence_):
            if value.uid not in lists:
                lists[value.uid] = Sequence_([], value.is_list, value.record, value.uid, value.prefix, value.frozen)
                lists[value.uid].items.extend(copy_all(value.items))
            return lists[value.uid]
        if isinstance(value, Dictionary):
            return Dictionary({key: copy(item) for key, item in value.items.items()})
        return value

    def copy_all(values: Sequence[Value]) -> list[Value]:
        return [copy(value) for value in values]

    return {name: copy(value) for name, value in environment.items()}


def adopt(environment: Environment, before: Environment) -> Environment:
    """The environment with arrays and lists that were there before as the same objects, holding what they hold now.

    Within a statement, values that were already evaluated refer to those objects.
    """
    cells: dict[int, Cells] = {}
    lists: dict[int, Sequence_] = {}

    def collect(value: Value) -> None:
        if isinstance(value, Array):
            cells.setdefault(value.cells.uid, value.cells)
        elif isinstance(value, Sequence_):
            lists.setdefault(value.uid, value)
            for item in value.items:
                collect(item)

    def settle(value: Value) -> Value:
        if isinstance(value, Array) and value.cells.uid in cells:
            original = cells[value.cells.uid]
            if original is not value.cells:
                original.items[:] = value.cells.items
                original.writes = value.cells.writes
                original.prefix, original.frozen = value.cells.prefix, value.cells.frozen
            return replace(value, cells=original)
        if isinstance(value, Sequence_):
            items = [settle(item) for item in value.items]
            target = lists.get(value.uid, value)
            target.items[:] = items
            target.prefix, target.frozen = value.prefix, value.frozen
            return target
        return value

    for value in before.values():
        collect(value)
    return {name: settle(value) for name, value in environment.items()}


def cell_name(prefix: str, i: int) -> str:
    """The variable of an element: `x_0`."""
    return f"{prefix}_{i}"


def cells_of(value: Value) -> Iterator[Cells]:
    if isinstance(value, Array):
        yield value.cells
    elif isinstance(value, Sequence_):
        for item in value.items:
            yield from cells_of(item)


def sequences_of(value: Value | None) -> Iterator[Sequence_]:
    """A tuple or list and those in it."""
    if isinstance(value, Sequence_):
        yield value
        for item in value.items:
            yield from sequences_of(item)


def is_undefined(e: Expr) -> bool:
    """An element of `np.empty`."""
    return isinstance(e, Opaque) and e.text == "?"


def defined(e: Expr) -> Expr:
    """An element of `np.empty` may be anything: zero where a variable needs a value."""
    if not is_undefined(e):
        return e
    return Const(0 if e.type.kind == "int" else False if e.type.kind == "bool" else 0.0)


def has_undefined(*exprs: Expr) -> bool:
    return any(is_undefined(node) for node in topological(exprs))
