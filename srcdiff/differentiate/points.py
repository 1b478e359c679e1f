"""Results of one point of many: every leaf of the result has an array of its own, with the points along axis 0."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..ir.expr import ZERO, Const, Expr, Var, is_zero, real
from ..ir.statements import Leaf, Line, Return, Statement, Store, Structure, count_of, leaves
from ..ir.types import INT64, ScalarType
from .results import TUPLE_LIMIT, Layout, _offsets, _store, index_of

__all__ = ["PointLayout", "Target", "strong", "targets_of"]

SPARSE = 16
"""A leaf with at least this many entries, most of them structurally zero, is cleared by the caller instead."""


@dataclass(frozen=True)
class Target:
    """One array of results: the shape and dtype of a point's part of it.

    Lengths that are known only at run time are None. There `output` and `input` are what it is the derivative of, the
    latter None for a value; `position` counts outputs, `parameter` is the argument that `input` is of.
    """

    shape: tuple[int | None, ...]
    dtype: ScalarType
    output: Leaf | None = None
    input: Leaf | None = None
    position: int = 0
    parameter: str = ""

    @property
    def lengths(self) -> tuple[int, ...]:
        """The shape, where all of it is known."""
        return tuple(n for n in self.shape if n is not None)


def targets_of(layout: Layout, mode: str) -> list[Target]:
    """The arrays that a batch fills, in order: values first, then for each output its derivatives by each input."""
    found: list[Target] = []
    if mode != "jacobian":
        found += [Target(leaf.lengths, strong(leaf.dtype)) for leaf in leaves(layout.outputs)]
    if mode != "primal":
        for output in leaves(layout.outputs):
            for inner in leaves(layout.inputs):
                found.append(Target(output.lengths + inner.lengths, layout.dtype(output, inner)))
    return found


def strong(dtype: ScalarType) -> ScalarType:
    """Of arrays: a Python number has no width of its own."""
    return dtype if dtype.bits else ScalarType(dtype.kind, 64)


@dataclass(frozen=True)
class PointLayout(Layout):
    """Stores the results of point `index` into the arrays `names`."""

    names: tuple[str, ...] = ()
    index: Var = field(default_factory=lambda: Var("i", INT64))
    cleared: set[int] | None = None
    """Collects the positions of arrays that must be zero before; None on devices, where every entry is stored."""

    def finish(
        self, s: Return, values: Sequence[Expr], tangents: Sequence[Mapping[int, Expr]]
    ) -> list[Statement]:
        """The statements that replace one `return`."""
        out: list[Statement] = []
        total = sum(count_of(leaf) for leaf in leaves(self.outputs))
        outputs = list(values[:total])
        rows: list[Mapping[int, Expr]] = [{d: real(e) for d, e in row.items()} for row in tangents[:total]]
        stores: list[Store] = []
        for start, arrays in ((0, self.filled), (total, self.written)):
            for offset, (name, (shape, _)) in _offsets(arrays):
                for i in range(math.prod(shape)):
                    _store(stores, name, index_of(i, shape), values[start + offset + i])
        out.extend(self._before_overwritten(stores, outputs, rows))
        entries = [e for group in self._entries(outputs, rows) for e in group]
        named = iter(self._locals(entries, out))
        for position, target in enumerate(targets_of(self, self.mode)):
            group = [next(named) for _ in range(math.prod(target.lengths))]
            self._deliver(position, target, group, out)
        out.extend(stores)
        out.append(Return((), tail=""))
        return out

    def _entries(self, outputs: list[Expr], rows: list[Mapping[int, Expr]]) -> Iterator[list[Expr]]:
        """The entries of each target in C order."""
        if self.mode != "jacobian":
            position = 0
            for leaf in leaves(self.outputs):
                count = count_of(leaf)
                yield outputs[position : position + count]
                position += count
        if self.mode == "primal":
            return
        position = 0
        for output in leaves(self.outputs):
            block = rows[position : position + count_of(output)]
            position += len(block)
            offset = 0
            for inner in leaves(self.inputs):
                size = count_of(inner)
                yield [row.get(offset + j, ZERO) for row in block for j in range(size)]
                offset += size

    def _deliver(self, position: int, target: Target, entries: list[Expr], out: list[Statement]) -> None:
        name = self.names[position]
        zeros = sum(is_zero(e) for e in entries)
        clear = self.cleared is not None and len(entries) >= SPARSE and 2 * zeros > len(entries)
        if clear and self.cleared is not None:
            self.cleared.add(position)
        if len(entries) > TUPLE_LIMIT and self.cleared is not None:
            view = self.fresh("part")
            out.append(Line(f"{view} = {name}[{self.index.name}]", view))
            kept = replace(self, narrow=True)
            kept._fill(out, view, target.lengths, target.dtype, entries, allocate=False)
            return
        for i, e in enumerate(entries):
            if not (clear and is_zero(e)):
                value = Const(0.0) if is_zero(e) and target.dtype.is_differentiable else e
                out.append(Store(name, (self.index, *index_of(i, target.lengths)), value))


def structured(structure: Structure | Leaf, items: Iterator[object], records: bool) -> object:
    """Items in the structure of results; `records` keeps namedtuples."""
    if isinstance(structure, Leaf):
        return next(items)
    parts = [structured(item, items, records) for item in structure.items]
    return structure.cls(*parts) if records and structure.cls is not None else tuple(parts)
