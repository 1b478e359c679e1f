"""What a derivative returns: the layouts of values and tangents at every `return`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..ir.expr import ZERO, Call, Const, Expr, Load, Var, is_zero, real, topological
from ..ir.statements import Assign, Leaf, Line, Return, Statement, Store, StoreMany, Structure, count_of, leaves
from ..ir.types import FLOAT64, ScalarType, promote
from ..optimize.share import Rewriter

__all__ = ["TUPLE_LIMIT", "Layout", "index_of", "leaf_sizes"]

TUPLE_LIMIT = 400
"""Stores with constant indices beyond this number go through a tuple and a loop: compile time stays linear."""


def index_of(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of the flat-th element in C order.

    >>> index_of(5, (2, 3))
    (1, 2)
    """
    index: list[int] = []
    for n in reversed(shape):
        flat, i = divmod(flat, n)
        index.append(i)
    return tuple(reversed(index))


def leaf_sizes(structure: Structure | Leaf) -> list[int]:
    return [count_of(leaf) for leaf in leaves(structure)]


@dataclass(frozen=True)
class Layout:
    """Delivers results in one of the modes.

    `outputs` is the structure of what is differentiated, `inputs` of what it is differentiated by; `value` says how
    the function's own result is written, None where it is not wanted.
    """

    mode: str
    outputs: Structure | Leaf
    inputs: Structure | Leaf
    fresh: Callable[[str], str]
    filled: Mapping[str, tuple[tuple[int, ...], ScalarType]]
    returns_value: bool
    written: Mapping[str, tuple[tuple[int, ...], ScalarType]] = field(default_factory=dict)
    narrow: bool = False
    """Whether float32 occurs: then Numba may find other widths than the types say."""
    out: str = "out"
    """The array that `into` fills."""

    def finish(
        self, s: Return, values: Sequence[Expr], tangents: Sequence[Mapping[int, Expr]]
    ) -> list[Statement]:
        """The statements that replace one `return`."""
        out: list[Statement] = []
        total = sum(leaf_sizes(self.outputs))
        outputs = list(values[:total])
        rows: list[Mapping[int, Expr]] = [{d: real(e) for d, e in row.items()} for row in tangents[:total]]
        stores: list[Store] = []
        for start, arrays in ((0, self.filled), (total, self.written)):
            for offset, (name, (shape, _)) in _offsets(arrays):
                for i in range(math.prod(shape)):
                    _store(stores, name, index_of(i, shape), values[start + offset + i])
        out.extend(self._before_overwritten(stores, outputs, rows))
        tail: list[str] = []
        exprs: list[Expr] = []
        if self.mode in ("value_and_jacobian", "jvp", "primal"):
            tail.append(self._value(outputs, exprs, out))
        if self.mode in ("jacobian", "value_and_jacobian"):
            tail.append(self._jacobian(rows, exprs, out))
        elif self.mode == "jvp":
            tail.append(self._tangent(rows, exprs, out))
        elif self.mode in ("matrix", "into"):
            name = self.out
            if self.mode == "matrix":
                name = self.fresh("out")
            shape = (total, sum(leaf_sizes(self.inputs)))
            dtype = self.dtype(*leaves(self.outputs), *leaves(self.inputs))
            entries = [rows[i].get(j, ZERO) for i in range(total) for j in range(shape[1])]
            self._fill(out, name, shape, dtype, entries, allocate=self.mode == "matrix")
            tail = [name] if self.mode == "matrix" else []
        out.extend(stores)
        out.append(Return(tuple(exprs), tail=", ".join(tail), origin=s.origin if self.mode == "primal" else None))
        return out

    def _before_overwritten(
        self, stores: list[Store], outputs: list[Expr], rows: list[Mapping[int, Expr]]
    ) -> list[Statement]:
        """Read elements that are needed after they are stored to; replaces them in all three lists."""
        overwritten = {(s.array, s.index): place for place, s in enumerate(stores)}
        last: dict[Load, int] = {}
        results = (*(outputs if self.returns_value else ()), *(e for row in rows for e in row.values()))
        for place, roots in (*((i, (s.value,)) for i, s in enumerate(stores)), (len(stores), results)):
            for n in topological(roots):
                if isinstance(n, Load) and (n.array, n.index) in overwritten:
                    last[n] = place
        loads = [n for n, place in last.items() if place > overwritten[n.array, n.index]]
        if not loads:
            return []
        rewriter = Rewriter()
        first = self._named(loads, rewriter)
        stores[:] = [replace(s, value=rewriter(s.value)) for s in stores]
        outputs[:] = map(rewriter, outputs)
        rows[:] = [{d: rewriter(e) for d, e in row.items()} for row in rows]
        return [first]

    def _named(self, loads: Sequence[Load], rewriter: Rewriter) -> Assign:
        """Elements as local variables, which the rewriter then puts in their place."""
        variables = []
        for load in loads:
            name = "_".join((re.sub(r"\W+", "_", load.array).strip("_"), *map(str, load.index)))
            variable = Var(self.fresh(name), load.type)
            rewriter.name(load, variable)
            variables.append(variable)
        return Assign(tuple(variables), tuple(loads))

    def dtype(self, *parts: Leaf) -> ScalarType:
        kinds = [leaf.dtype for leaf in parts if leaf.dtype.is_differentiable]
        kind = promote(*kinds) if kinds else FLOAT64
        return kind if kind.bits else ScalarType(kind.kind, 64)

    # -- values -----------------------------------------------------------------------------------------------------

    def _value(self, values: list[Expr], exprs: list[Expr], out: list[Statement]) -> str:
        if not self.returns_value:
            return "None"
        return self._structure(self.outputs, iter(values), exprs, out)

    def _structure(
        self, structure: Structure | Leaf, values: Iterator[Expr], exprs: list[Expr], out: list[Statement]
    ) -> str:
        if isinstance(structure, Structure):
            parts = [self._structure(item, values, exprs, out) for item in structure.items]
            if structure.record is not None and structure.record != "None":
                return f"{structure.record}({', '.join(parts)})"
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        count = count_of(structure)
        items = [next(values) for _ in range(count)]
        if not structure.is_array:
            return _slot(exprs, items[0])
        return self._array(items, structure.lengths, structure.dtype, exprs, out, "value")

    def _array(
        self,
        items: list[Expr],
        shape: tuple[int, ...],
        dtype: ScalarType,
        exprs: list[Expr],
        out: list[Statement],
        base: str,
    ) -> str:
        """A fresh array: written out as nested tuples when short, stored element by element when long."""
        mixed = len({e.type.kind for e in items}) > 1 or any(isinstance(e, Const) for e in items)
        if len(items) <= 16 and items and not mixed and dtype.bits == 64 and dtype.kind == "float":
            return f"np.array({_nested(items, shape, exprs)})"
        name = self.fresh(base)
        self._fill(out, name, shape, dtype, items, allocate=True, value=base == "value")
        return name

    # -- derivatives ------------------------------------------------------------------------------------------------

    def _jacobian(self, rows: list[Mapping[int, Expr]], exprs: list[Expr], out: list[Statement]) -> str:
        position = 0

        def output(structure: Structure | Leaf) -> str:
            nonlocal position
            if isinstance(structure, Structure):
                parts = [output(item) for item in structure.items]
                return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
            count = count_of(structure)
            block = rows[position : position + count]
            position += count
            offset = 0

            def wrt(inner: Structure | Leaf) -> str:
                nonlocal offset
                if isinstance(inner, Structure):
                    parts = [wrt(item) for item in inner.items]
                    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
                size = count_of(inner)
                entries = [row.get(offset + j, ZERO) for row in block for j in range(size)]
                offset += size
                shape = structure.lengths + inner.lengths
                if not structure.is_array and not inner.is_array:
                    return _slot(exprs, entries[0])
                return self._derivatives(entries, shape, self.dtype(structure, inner), exprs, out)

            return wrt(self.inputs)

        return output(self.outputs)

    def _derivatives(
        self, entries: list[Expr], shape: tuple[int, ...], dtype: ScalarType, exprs: list[Expr], out: list[Statement]
    ) -> str:
        """The derivatives of one leaf by one other."""
        name = self.fresh("jac")
        self._fill(out, name, shape, dtype, entries, allocate=True)
        return name

    def _tangent(self, rows: list[Mapping[int, Expr]], exprs: list[Expr], out: list[Statement]) -> str:
        iterator = iter([row.get(0, ZERO) for row in rows])

        def output(structure: Structure | Leaf) -> str:
            if isinstance(structure, Structure):
                parts = [output(item) for item in structure.items]
                return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
            items = [next(iterator) for _ in range(count_of(structure))]
            if not structure.is_array:
                return _slot(exprs, items[0])
            dtype = self.dtype(structure, *leaves(self.inputs))
            return self._array(items, structure.lengths, dtype, exprs, out, "tangent")

        return output(self.outputs)

    def _locals(self, entries: list[Expr], out: list[Statement]) -> list[Expr]:
        """Elements of arguments as local variables: loads between stores could not be shared by the compiler."""
        loads = [n for n in topological(tuple(entries)) if isinstance(n, Load) and not n.args]
        if not loads:
            return entries
        rewriter = Rewriter()
        out.append(self._named(loads, rewriter))
        return [rewriter(e) for e in entries]

    def _fill(
        self,
        out: list[Statement],
        name: str,
        shape: tuple[int, ...],
        dtype: ScalarType,
        entries: list[Expr],
        *,
        allocate: bool,
        value: bool = False,
    ) -> None:
        """Store all entries of an array; zeros at once where there are many."""
        exact = dtype == FLOAT64 and not value and not self.narrow
        entries = self._locals(entries, out)
        zeros = sum(is_zero(e) for e in entries)
        text = f"({shape[0]},)" if len(shape) == 1 else f"({', '.join(map(str, shape))})"
        suffix = "" if dtype == FLOAT64 else f", np.{dtype.numpy}"
        clear = zeros > 0 if allocate else len(entries) > 100 and zeros > 4
        if allocate:
            maker = "zeros" if clear else "empty"
            size = text if len(shape) > 1 else shape[0] if shape else "()"
            out.append(Line(f"{name} = np.{maker}({size}{suffix})", name))
        elif clear:
            out.append(Line(f"{name}[{', '.join(':' for _ in shape)}] = 0.0"))
        stored = [(i, e) for i, e in enumerate(entries) if not (clear and is_zero(e))]
        if len(stored) > TUPLE_LIMIT:
            places, values = tuple(i for i, _ in stored), tuple(e for _, e in stored)
            if not exact:
                values = tuple(_exactly(e, dtype) for e in values)
            dense = len(shape) == 2 and len(stored) == len(entries)
            names = tuple(map(self.fresh, ("entries", "row", "column") if dense else ("entries", "places", "entry")))
            out.append(StoreMany(name, shape, places, values, names))
            return
        for i, e in stored:
            out.append(Store(name, index_of(i, shape), e))


def _store(out: list[Store], array: str, index: tuple[int, ...], value: Expr) -> None:
    """A store, unless the element holds this value already."""
    if not (isinstance(value, Load) and value.array == array and value.index == index):
        out.append(Store(array, index, value))


def _offsets(
    filled: Mapping[str, tuple[tuple[int, ...], ScalarType]],
) -> list[tuple[int, tuple[str, tuple[tuple[int, ...], ScalarType]]]]:
    offset, result = 0, []
    for name, (shape, dtype) in filled.items():
        result.append((offset, (name, (shape, dtype))))
        offset += math.prod(shape)
    return result


def _exactly(e: Expr, dtype: ScalarType) -> Expr:
    """The same number in one type, as the items of a tuple that is indexed must be."""
    return Call("cast", (e,), dtype, f"np.{dtype.numpy}")


def _slot(exprs: list[Expr], e: Expr) -> str:
    exprs.append(e)
    return f"{{{len(exprs) - 1}}}"


def _nested(items: list[Expr], shape: tuple[int, ...], exprs: list[Expr]) -> str:
    if len(shape) == 1:
        return f"({', '.join(_slot(exprs, e) for e in items)}{',' if len(items) == 1 else ''})"
    n = len(items) // shape[0]
    rows = [_nested(items[i * n : (i + 1) * n], shape[1:], exprs) for i in range(shape[0])]
    return f"({', '.join(rows)}{',' if len(rows) == 1 else ''})"

