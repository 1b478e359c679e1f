"""Elements of arguments that are read again and again become local variables at the start.

Before, `cam[0]` in twenty lines; after, `cam_0 = cam[0]` above them. Numba takes a third of a millisecond over each
subscript, and cannot always tell that a store between two of them leaves the element alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..ir.expr import Expr, Load, Var, topological
from ..ir.statements import (
    Assert,
    Assign,
    Block,
    Break,
    CallHelper,
    Comment,
    Continue,
    For,
    If,
    Line,
    Raise,
    Return,
    Statement,
    Store,
    StoreMany,
    While,
    statements,
)
from .share import Rewriter

__all__ = ["hoist_loads"]

_OF_SCALARS = (
    Assert, Assign, Break, CallHelper, Comment, Continue, For, If, Line, Raise, Return, Store, StoreMany, While
)  # fmt: skip
"""Statements that leave arrays alone, or say by name which one they store to."""


def hoist_loads(body: Block, shapes: Mapping[str, tuple[int, ...]], fresh: Callable[[str], str]) -> Block:
    """The body with the elements that it reads in several places read once, one line for each array.

    `shapes` are those of the arrays whose shape is checked: their elements can be read wherever control goes. What the
    user wrote with the subscript in it stays as it stands, and so do arrays that are written to.
    """
    every = list(statements(body))
    if not all(isinstance(s, _OF_SCALARS) for s in every):
        return body
    written = {s.array for s in every if isinstance(s, (Store, StoreMany))}
    written.update(*(re.findall(r"[^\W\d]\w*", s.text) for s in every if isinstance(s, Line)))
    shapes = {name: shape for name, shape in shapes.items() if name not in written}
    counts = Counter(load for s in every for load in _loads(s, shapes))
    copies = _copies(body)
    rewriter = Rewriter()
    first: list[Statement] = []
    for array in shapes:
        loads = sorted((n for n, count in counts.items() if n.array == array and count > 1), key=lambda n: n.index)
        if loads:
            variables = [copies[n][0] if n in copies else Var(fresh(_name(n)), n.type) for n in loads]
            for load, variable in zip(loads, variables):
                for e in (load, *copies.get(load, ())):
                    rewriter.name(e, variable)
            first.append(Assign(tuple(variables), tuple(loads)))
    return (*first, *_rewritten(body, rewriter, shapes)) if first else body


def _name(load: Load) -> str:
    return "_".join((load.array, *map(str, load.index)))


def _copies(body: Block) -> dict[Load, list[Var]]:
    """Variables that hold an element and nothing else: those that were made before a result is stored."""
    assigned = Counter(t.name for s in statements(body) if isinstance(s, (Assign, CallHelper)) for t in s.targets)
    copies: dict[Load, list[Var]] = {}
    for s in statements(body):
        for t, v in zip(s.targets, s.values) if isinstance(s, Assign) and s.origin is None else ():
            if isinstance(v, Load) and not v.args and assigned[t.name] == 1 and t.name.startswith(_name(v)):
                copies.setdefault(v, []).append(t)
    return copies


def _reads(s: Statement) -> tuple[Expr, ...]:
    if isinstance(s, (Assign, Return, StoreMany)):
        return s.values
    if isinstance(s, CallHelper):
        return s.args
    return (s.value,) if isinstance(s, Store) else ()


def _loads(s: Statement, shapes: Mapping[str, tuple[int, ...]]) -> list[Load]:
    """The elements that a statement reads, unless the user wrote them so."""
    found = []
    for node in topological(_reads(s)):
        if isinstance(node, Load) and not node.args and _inside(node.index, shapes.get(node.array, ())):
            written = f"{node.array}[{', '.join(map(str, node.index))}]"
            if s.origin is None or written not in s.origin.text:
                found.append(node)
    return found


def _inside(index: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    """Whether an index is that of an element, in an array of this shape."""
    return len(index) == len(shape) and all(isinstance(n, int) and 0 <= i < n for i, n in zip(index, shape))


def _rewritten(block: Block, rewriter: Rewriter, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Statement]:
    for s in block:
        if s.origin is None or any(load in rewriter.names for load in _loads(s, shapes)):
            if isinstance(s, (Assign, Return, StoreMany)):
                s = replace(s, values=tuple(map(rewriter, s.values)))
            elif isinstance(s, CallHelper):
                s = replace(s, args=tuple(map(rewriter, s.args)))
            elif isinstance(s, Store):
                s = replace(s, value=rewriter(s.value))
        if isinstance(s, (If, For, While)):
            body, orelse = (tuple(_rewritten(b, rewriter, shapes)) for b in (s.body, s.orelse))
            s = replace(s, body=body, orelse=orelse)
        if isinstance(s, Assign):
            pairs = [(t, v) for t, v in zip(s.targets, s.values) if t is not v]
            s = replace(s, targets=tuple(t for t, _ in pairs), values=tuple(v for _, v in pairs))
        if not isinstance(s, Assign) or s.targets:
            yield s
