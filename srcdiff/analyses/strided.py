"""Views with a step whose elements are all found in the array itself: `u[i]` of `u = y[1::2]` is `y[2 * i + 1]`.

Rows of tangents keep the place of their axis of directions in the type of the array; those of a view with a step do
not, and loops over the directions of such rows are no vector code. What is read through the array itself is.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ..ir.expr import Const, Element, Expr, Load, Op, Opaque, Var, topological
from ..ir.statements import Block, For, Rebind, Store, View, expressions_of, statements
from .scratch import bindings

__all__ = ["Strided", "strided"]

_SLICE = re.compile(r"(\d*):[^:]*:([1-9]\d*)")
_LENGTH = re.compile(r"len\(\w+\)|\w+\.size|\w+\.shape\[\d+\]")


@dataclass(frozen=True)
class Strided:
    """Every `step`-th element of an array of one axis, from `start` on."""

    array: str
    start: int
    step: int

    def place(self, index: int | Expr) -> int | Expr:
        """Where in the array an element of the view is.

        >>> from ..emitter.printer import expression
        >>> from ..ir.expr import interning
        >>> from ..ir.types import INT64
        >>> with interning():
        ...     expression(Strided("y", 1, 2).place(Var("i", INT64)))
        '2 * i + 1'
        """
        if isinstance(index, int):
            return self.start + self.step * index
        place = Op("*", Const(self.step), index) if self.step > 1 else index
        return Op("+", place, Const(self.start)) if self.start else place


def strided(body: Block, parameters: Collection[str]) -> dict[str, Strided]:
    """The views, by name, that are made before any loop or branch and whose elements have indices from zero on."""
    bound = bindings(body)
    first = {t.name for s in body for t in ([s.target] if hasattr(s, "target") else getattr(s, "targets", ()))}
    found: dict[str, Strided] = {}
    for s in body:
        if isinstance(s, Rebind):
            for target, view in zip(s.targets, s.sources):
                base = view.array.name
                lasting = base not in bound if base in parameters else bound.get(base) == 1 and base in first
                part = _SLICE.fullmatch(_slice(view))
                if part and lasting and bound[target.name] == 1 and base not in found and target.name not in parameters:
                    found[target.name] = Strided(base, int(part[1] or 0), int(part[2]))
    if found:
        counters = _counters(body, bound)
        for s in statements(body):
            if isinstance(s, Store) and s.array in found and not _from_zero(s.index, counters):
                del found[s.array]
            for node in topological(expressions_of(s)):
                if isinstance(node, Element) and _from_zero(node.index, counters):
                    continue
                if isinstance(node, Opaque) and _LENGTH.fullmatch(node.text):
                    continue
                for name in _names(node):
                    found.pop(name, None)
    return found


def _slice(view: View) -> str:
    """The index of a view of an array of one axis, as text with literals only."""
    if view.kind != "index" or len(view.detail) != 1 or getattr(view.array.type, "ndim", 0) != 1:
        return ""
    return str(view.detail[0]).format(*(str(a.value) if isinstance(a, Const) else "_" for a in view.args))


def _names(node: Expr) -> tuple[str, ...]:
    if isinstance(node, Load):
        return (node.array,)
    if isinstance(node, Opaque):
        return node.reads
    return (node.name,) if isinstance(node, Var) else ()


def _counters(body: Block, bound: dict[str, int]) -> set[str]:
    """Variables that are nothing but counters from zero or more upwards."""
    counts: dict[str, int] = {}
    for s in statements(body):
        if isinstance(s, For):
            start, step = (Const(0), *s.bounds[:1])[len(s.bounds) > 1], s.bounds[2] if len(s.bounds) > 2 else Const(1)
            if isinstance(start, Const) and start.value >= 0 and isinstance(step, Const) and step.value > 0:
                counts[s.target.name] = counts.get(s.target.name, 0) + 1
    return {name for name, count in counts.items() if count == bound[name]}


def _from_zero(index: tuple[int | Expr, ...], counters: Collection[str]) -> bool:
    """Whether an index is never negative."""
    for i in index:
        for node in topological((i,)) if isinstance(i, Expr) else ():
            if isinstance(node, Op) and node.op in ("+", "*"):
                continue
            if not (isinstance(node, Const) and isinstance(node.value, int) and node.value >= 0) and not (
                isinstance(node, Var) and node.name in counters
            ):
                return False
        if isinstance(i, int) and i < 0:
            return False
    return True
