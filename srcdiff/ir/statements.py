"""Structured statements. Every node is frozen; `origin` points to the user's own statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from .expr import Expr, Var
from .types import ScalarType

__all__ = [
    "Allocate",
    "ArrayCall",
    "Assert",
    "Assign",
    "Block",
    "Break",
    "CallHelper",
    "Comment",
    "Continue",
    "For",
    "Function",
    "If",
    "Leaf",
    "Line",
    "Origin",
    "Raise",
    "Rebind",
    "Return",
    "Statement",
    "Store",
    "StoreMany",
    "Structure",
    "View",
    "While",
    "count_of",
    "expressions_of",
    "is_straight",
    "leaves",
    "replace_returns",
    "statements",
]


@dataclass(frozen=True)
class Origin:
    """The user's statement: first line, its text without the comment, the comment, and comment lines above it."""

    line: int
    text: str
    comment: str = ""
    above: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statement:
    origin: Origin | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Assign(Statement):
    """Parallel assignment: all values are taken before any target changes."""

    targets: tuple[Var, ...]
    values: tuple[Expr, ...]


@dataclass(frozen=True)
class CallHelper(Statement):
    """`targets = helper(args)`, where the helper returns a flat tuple."""

    targets: tuple[Var, ...]
    helper: Any
    args: tuple[Expr, ...]


@dataclass(frozen=True)
class Store(Statement):
    """`array[index] = value`; only results and arguments filled in place are stored to."""

    array: str
    index: tuple[int | Expr, ...]
    value: Expr


@dataclass(frozen=True)
class Allocate(Statement):
    """`target = np.zeros(shape)`: a new array; `fill` is "zeros" or "empty"."""

    target: Var
    shape: tuple[Expr, ...]
    fill: str


@dataclass(frozen=True)
class View:
    """How an array is taken from another: itself, part of it, its axes in another order, another shape, a copy.

    `detail` holds the index (entries as text with slots for `args`), the axes, or the lengths.
    """

    array: Var
    kind: str = "itself"
    detail: tuple[Any, ...] = ()
    args: tuple[Expr, ...] = ()


@dataclass(frozen=True)
class Rebind(Statement):
    """Names for arrays, bound in parallel: `u, v = v, u`, `inner = u[1:-1]`."""

    targets: tuple[Var, ...]
    sources: tuple[View, ...]


@dataclass(frozen=True)
class ArrayCall(Statement):
    """`targets = function(args)` on whole arrays: a row of the table of array rules."""

    targets: tuple[Var, ...]
    function: str
    args: tuple[Expr, ...]


@dataclass(frozen=True)
class StoreMany(Statement):
    """`array[index] = value` for many indices, given flat in C order: a tuple and a loop in the emitted text."""

    array: str
    shape: tuple[int, ...]
    places: tuple[int, ...]
    values: tuple[Expr, ...]
    names: tuple[str, ...]
    """Of the tuple; then of row and column where all of a matrix is stored, else of the places and a counter."""


@dataclass(frozen=True)
class Line(Statement):
    """A line of the machine's own, such as `jac = np.zeros((3, 3))` or a check of an argument's shape."""

    text: str
    target: str | None = None


@dataclass(frozen=True)
class If(Statement):
    test: Expr
    body: Block
    orelse: Block


@dataclass(frozen=True)
class For(Statement):
    """A loop over `range(*bounds)`."""

    target: Var
    bounds: tuple[Expr, ...]
    body: Block
    orelse: Block
    iterable: str = "range"


@dataclass(frozen=True)
class While(Statement):
    test: Expr
    body: Block
    orelse: Block


@dataclass(frozen=True)
class Break(Statement):
    pass


@dataclass(frozen=True)
class Continue(Statement):
    pass


@dataclass(frozen=True)
class Return(Statement):
    """All leaves of the result, in order; `tail` is the text that is returned when results were stored."""

    values: tuple[Expr, ...]
    tail: str | None = None


@dataclass(frozen=True)
class Raise(Statement):
    text: str


@dataclass(frozen=True)
class Assert(Statement):
    test: Expr
    message: str | None = None


@dataclass(frozen=True)
class Comment(Statement):
    text: str


Block = tuple[Statement, ...]


@dataclass(frozen=True)
class Leaf:
    """A scalar or array in the structure of arguments or results: its shape and dtype.

    Lengths that are not known when compiling are None; such an array is one value, otherwise each element is one.
    """

    shape: tuple[int | None, ...]
    dtype: ScalarType
    is_array: bool = False

    @property
    def lengths(self) -> tuple[int, ...]:
        """The shape of an array all of whose lengths are known."""
        return tuple(n for n in self.shape if n is not None)


@dataclass(frozen=True)
class Structure:
    """A tuple in the structure of arguments or results; `record` names a namedtuple."""

    items: tuple[Structure | Leaf, ...]
    record: str | None = None
    fields: tuple[str, ...] = ()
    cls: Any = field(default=None, compare=False)


def count_of(leaf: Leaf) -> int:
    """How many values a leaf holds: one an element, or one array."""
    count = 1
    for n in leaf.shape:
        if n is None:
            return 1
        count *= n
    return count


def is_straight(s: Statement) -> bool:
    """Whether a statement only computes numbers: what it reads from arrays stays there."""
    return isinstance(s, (Assign, Comment)) or (isinstance(s, CallHelper) and not getattr(s.helper, "writes", None))


def replace_returns(body: Block, finish: Callable[[Return], Iterable[Statement]]) -> Block:
    """The block with other statements for each `return`."""
    out: list[Statement] = []
    for s in body:
        if isinstance(s, Return):
            out.extend(finish(s))
        elif isinstance(s, (If, For, While)):
            out.append(replace(s, body=replace_returns(s.body, finish), orelse=replace_returns(s.orelse, finish)))
        else:
            out.append(s)
    return tuple(out)


def expressions_of(s: Statement) -> tuple[Expr, ...]:
    """The expressions that a statement itself evaluates, those of nested blocks left out."""
    if isinstance(s, (Assign, Return, StoreMany)):
        return s.values
    if isinstance(s, (CallHelper, ArrayCall)):
        return s.args
    if isinstance(s, Store):
        return (s.value, *(i for i in s.index if isinstance(i, Expr)))
    if isinstance(s, Allocate):
        return s.shape
    if isinstance(s, Rebind):
        return tuple(e for source in s.sources for e in (source.array, *source.args))
    if isinstance(s, (If, While, Assert)):
        return (s.test,)
    return s.bounds if isinstance(s, For) else ()


def leaves(structure: Structure | Leaf) -> Iterator[Leaf]:
    if isinstance(structure, Leaf):
        yield structure
    else:
        for item in structure.items:
            yield from leaves(item)


@dataclass(frozen=True)
class Function:
    """One function of the emitted module. `parameters` are its names as written in the signature."""

    name: str
    parameters: tuple[str, ...]
    body: Block
    result: Structure | Leaf | None
    origin: Origin | None = None


def statements(block: Block) -> Iterator[Statement]:
    """Every statement, nested ones included, in textual order."""
    for statement in block:
        yield statement
        if isinstance(statement, (If, For, While)):
            yield from statements(statement.body)
            yield from statements(statement.orelse)
