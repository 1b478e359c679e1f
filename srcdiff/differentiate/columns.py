"""Jacobians of array programs a column at a time: one direction through the program, its results stored.

On a device nothing is allocated, so that the arrays of the program and their tangents live in buffers of known
lengths, and a `return` stores what it returns:

    for column in range(16):
        field_jacobian_column(column, out, y, idx)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..frontend.entry import Input
from ..ir.expr import ZERO, Compare, Const, Element, Expr, Logic, Op, Select, Var, is_zero, key_of
from ..ir.statements import (
    Allocate,
    Assign,
    Block,
    If,
    Leaf,
    Line,
    Rebind,
    Statement,
    Store,
    leaves,
)
from ..ir.types import ArrayType, ScalarType
from ..optimize.buffers import flat_index, loops_over, place_of
from .pushforward import Pushforward

__all__ = ["Column", "ColumnPushforward", "Sink", "columns_of", "element_dots", "seeds", "stores"]

Place = tuple[int | Expr, ...]


class ColumnPushforward(Pushforward):
    """A single direction, with statements instead of text for what allocates."""

    def _allocate(self, s: Allocate, out: list[Statement]) -> None:
        if s.target.name in self.active.arrays:
            out.append(replace(s, target=Var(self.dot(s.target.name, True), s.target.type), origin=None))

    def _rebind(self, s: Rebind, out: list[Statement]) -> None:
        pairs = [(t, v) for t, v in zip(s.targets, s.sources) if t.name in self.active.arrays]
        kept = [(t, v) for t, v in pairs if v.array.name in self.active.arrays]
        if kept:
            targets = tuple(Var(self.dot(t.name, True), t.type) for t, _ in kept)
            sources = tuple(replace(v, array=Var(self.dot(v.array.name, True), v.array.type)) for _, v in kept)
            out.append(Rebind(targets, sources))
        out.append(s)
        for target, view in pairs:
            if view.array.name not in self.active.arrays:
                name = self.dot(target.name, True)
                out.append(Line(f"{name} = {self._zeros_like(target)}", name))


@dataclass(frozen=True)
class Column:
    """Which columns belong to one leaf of the inputs."""

    start: int
    leaf: Leaf

    @property
    def count(self) -> int:
        return math.prod(self.leaf.lengths)

    def here(self, column: Var) -> Expr:
        """Whether a column is one of them."""
        if self.count == 1:
            return Compare(("==",), (column, Const(self.start)))
        low = Compare(("<=",), (Const(self.start), column))
        high = Compare(("<",), (column, Const(self.start + self.count)))
        return high if self.start == 0 else Logic("and", low, high)

    def place(self, column: Var) -> Place:
        """The element of the leaf that a column is of."""
        local: Expr = column if self.start == 0 else Op("-", column, Const(self.start))
        return place_of(local, self.leaf.lengths)


def columns_of(inputs: Sequence[Input], shaped: Callable[[Input], Sequence[Leaf]]) -> list[Column]:
    """The leaves of the inputs, in order."""
    found: list[Column] = []
    start = 0
    for one in inputs:
        for leaf in shaped(one):
            found.append(Column(start, leaf))
            start += found[-1].count
    return found


@dataclass(frozen=True)
class Sink:
    """Where results go. Arrays are `values` for each leaf of the outputs, and `jacobians` for each leaf and column.

    A matrix takes all of them instead: `whole`, by the row at which each leaf starts. `lead` is the point's place.
    """

    columns: Sequence[Column]
    leaves: Sequence[Leaf]
    values: Sequence[str]
    jacobians: Mapping[tuple[int, int], str]
    whole: str = ""
    lead: Place = ()

    def value(self, o: int, at: Place, e: Expr) -> list[Statement]:
        """Store an element of a value."""
        return [Store(self.values[o], self._at((*self.lead, *at)), e)] if self.values else []

    def tangent(self, o: int, at: Place, j: int, column: Var, e: Expr) -> Statement:
        """Store an element of a column."""
        e = Const(0.0) if is_zero(e) else e
        if self.whole:
            row = sum(math.prod(leaf.lengths) for leaf in self.leaves[:o])
            return Store(self.whole, (flat_index(at, self.leaves[o].lengths, row), column), e)
        return Store(self.jacobians[o, j], self._at((*self.lead, *at, *self.columns[j].place(column))), e)

    @staticmethod
    def _at(place: Place) -> Place:
        return place or (0,)


def seeds(column: Var, columns: Sequence[Column], inputs: Sequence[tuple[Input, str]]) -> list[Statement]:
    """The tangents of the inputs, named beside them: one where the column is theirs."""
    out: list[Statement] = []
    position = 0
    for one, dot in inputs:
        atoms = one.atoms
        if len(atoms) == 1 and isinstance(atoms[0], Var) and atoms[0].name == one.name:
            mine = columns[position]
            position += 1
            if atoms[0].type.kind == "array":
                out += _seed(column, mine, dot, atoms[0].type, mine.place(column), len(columns) == 1)
            else:
                test = Compare(("==",), (column, Const(mine.start)))
                kind = atoms[0].type
                out.append(Assign((Var(dot, kind),), (Select(test, Const(1.0), Const(0.0)),)))
            continue
        own = columns[position : position + len(list(leaves(one.structure)))]
        position += len(own)
        if atoms:
            kind = atoms[0].type if atoms[0].type.bits else ScalarType(atoms[0].type.kind, 64)
            mine = Column(own[0].start, Leaf((len(atoms),), kind, True))
            out += _seed(column, mine, dot, ArrayType(kind, 1), mine.place(column), len(inputs) == 1)
    return out


def _seed(column: Var, mine: Column, dot: str, kind: Any, place: Place, alone: bool) -> list[Statement]:
    shape = tuple(Const(n) for n in mine.leaf.lengths)
    one = Store(dot, place, Const(1.0))
    made = Allocate(Var(dot, kind), shape, "zeros")
    return [made, one] if alone else [made, If(mine.here(column), (one,), ())]


def stores(
    sink: Sink, column: Var | None, results: Sequence[Sequence[Expr] | str], tangents: Sequence[Sequence[Expr] | str],
    fresh: Callable[[str], str],
) -> list[Statement]:  # fmt: skip
    """What replaces a `return`: for each leaf of the outputs its elements, or the name of an array that holds them.

    Without a column only values are stored.
    """
    out: list[Statement] = []
    first = [s for o in range(len(sink.leaves)) for s in _each(sink, o, results[o], sink.value, fresh)]
    if first:
        out += first if column is None else [If(Compare(("==",), (column, Const(0))), tuple(first), ())]
    if column is None:
        return out
    for j, mine in enumerate(sink.columns):

        def store(o: int, at: Place, e: Expr, j: int = j) -> list[Statement]:
            return [sink.tangent(o, at, j, column, e)]

        body = [s for o in range(len(sink.leaves)) for s in _each(sink, o, tangents[o], store, fresh)]
        out += body if len(sink.columns) == 1 else [If(mine.here(column), tuple(body), ())]
    return out


def _each(
    sink: Sink, o: int, items: Sequence[Expr] | str, store: Callable[[int, Place, Expr], list[Statement]],
    fresh: Callable[[str], str],
) -> Block:  # fmt: skip
    leaf = sink.leaves[o]
    if isinstance(items, str):
        if not items:
            return loops_over(leaf.lengths, lambda at: tuple(store(o, at, ZERO)), fresh)
        return loops_over(leaf.lengths, lambda at: tuple(store(o, at, Element(items, at, leaf.dtype))), fresh)
    found: list[Statement] = []
    for number, e in enumerate(items):
        place: list[int] = []
        for n in reversed(leaf.lengths):
            number, rest = divmod(number, n)
            place.insert(0, rest)
        found += store(o, tuple(place), e)
    return tuple(found)


def element_dots(one: Input, dot: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Where the tangents of numbers that are items of an input are: in one array, in order."""
    return {key_of(atom): (dot, (i,)) for i, atom in enumerate(one.atoms)}
