"""Assignments: to names, patterns, and elements of arrays and lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import libcst as cst
import numpy as np

from ..errors import UnsupportedSyntax, UnsupportedType
from ..ir.expr import Const, Expr, Load, Var
from ..ir.statements import Assign
from .calls import Calls
from .describe import describe
from .dtypes import element_of, kept_narrow
from .expressions import BINARY, _indices
from .extents import Extent
from .program import Refine
from .values import Array, Dynamic, Lazy, OpenArray, Scalar, Sequence_, Value, cell_name

__all__ = ["Assignments"]


class Assignments(Calls):
    """Lowers assignments."""

    entry: bool
    mutated: list[str]

    def _small_Assign(self, node: cst.Assign) -> None:
        targets = [t.target for t in node.targets]
        unpacked = len(targets) == 1 and isinstance(targets[0], (cst.Tuple, cst.List))
        if unpacked and isinstance(node.value, cst.GeneratorExp):
            value = self.consumed(node.value)
        else:
            value = self.evaluate(node.value)
        names = [t.value for t in targets if isinstance(t, cst.Name)]
        if len(names) == len(targets):
            first, *others = names
            self.bind_all([(first, value)])
            for name in others:
                self.bind_all([(name, self.environment[first])])
            return
        if len(targets) > 1:
            value = self.pin(value)
        for target in targets:
            self.bind_pattern(target, value)

    def _small_AnnAssign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self.bind_pattern(node.target, self.evaluate(node.value))

    def _small_AugAssign(self, node: cst.AugAssign) -> None:
        op = BINARY[type(node.operator)]
        if isinstance(node.target, cst.Subscript):
            base = self.evaluate(node.target.value)
            if isinstance(base, Sequence_):
                self.bind_pattern(
                    node.target, self.binary(op, self.evaluate(node.target), self.evaluate(node.value), node)
                )
                return
            if isinstance(base, (Dynamic, Lazy)):
                target = self.whole(base, node.target) if isinstance(base, Lazy) else base

                def update(current: Value) -> Value:
                    return self.binary(op, current, self.evaluate(node.value), node)

                self.store_dynamic(target, node.target, None, update)
                return
            if not isinstance(base, Array):
                self._store_open(base, node.target)
                return
            index = self.index_of(base, node.target)
            current = self.subscript(base, index, node.target)
            self._store(base, index, self.binary(op, current, self.evaluate(node.value), node), node.target)
            return
        current = self.evaluate(node.target)
        if isinstance(current, Sequence_) and current.is_list:
            if op != "+":
                self.fail(node, UnsupportedSyntax, f"`{op}=` on a list", "Use append, extend or a new list.")
            self._list_method(current, "extend", [self.evaluate(node.value)], node)
            return
        value = self.binary(op, current, self.evaluate(node.value), node)
        if isinstance(current, Dynamic):
            self.write(current, value, node)
            return
        if isinstance(current, Array) and isinstance(value, Array):
            if value.shape != current.shape:
                self.fail(node, UnsupportedType, f"`{op}=` of shapes {current.shape} and {value.shape}", "")
            self.store_items(current, value.items, node)
            return
        self.bind_pattern(node.target, value)

    def bind_pattern(self, target: cst.BaseExpression, value: Value, quiet: bool = False, scoped: bool = False) -> None:
        """Assign to a name, tuple, subscript, or any nesting of them.

        `quiet`: names stand for what they are given, without an assignment where it can be avoided; `scoped`: they are
        the names of a comprehension, not variables of the function.
        """
        parts: list[tuple[cst.BaseExpression, Value]] = []
        self._match(target, value, parts)
        names = [(t.value, v) for t, v in parts if isinstance(t, cst.Name)]
        if quiet:
            for name, item in names:
                if isinstance(item, (Dynamic, Lazy)) and not scoped:
                    self.bind_all([(name, item)])
                    continue
                if isinstance(item, (Dynamic, Lazy)):
                    item = self.own_array(f"{name}_item", item)
                if isinstance(item, Scalar) and not self.is_stable(item.expr):
                    item = Scalar(self.temporary_copy(name, item.expr), item.known)
                self.environment[name] = item
        elif len(names) == len(parts):
            self.bind_all(names)
        # All values are taken before the first target changes; the targets change from left to right.
        rest = [(t, v) for t, v in parts if not quiet or not isinstance(t, cst.Name)] if len(names) < len(parts) else []
        if len(rest) > 1:
            rest = [(t, self.pin(v)) for t, v in rest]
        for place, item in rest:
            if isinstance(place, cst.Name):
                self.bind_all([(place.value, item)])
            else:
                assert isinstance(place, cst.Subscript)
                self._store_target(place, item)

    def _match(self, target: cst.BaseExpression, value: Value, parts: list[tuple[cst.BaseExpression, Value]]) -> None:
        """Split a pattern into names and subscripts with their values."""
        if isinstance(target, cst.Name):
            parts.append((target, value))
        elif isinstance(target, (cst.Tuple, cst.List)):
            elements = target.elements
            stars = [i for i, e in enumerate(elements) if isinstance(e, cst.StarredElement)]
            if isinstance(value, (Dynamic, Lazy)) and not stars:
                items: list[Value] = self._unpacked(value, len(elements), target)
            elif isinstance(value, OpenArray) and value.ndim == 1 and not stars:
                if value.active:
                    self.refine(value, (len(elements),))
                items = [Scalar(Load(value.name, (i,), value.dtype)) for i in range(len(elements))]
            else:
                items = self.items_of(value, target)
            if stars:
                tail = len(elements) - stars[0] - 1
                if len(items) < len(elements) - 1:
                    self.fail(
                        target,
                        UnsupportedType,
                        f"{len(items)} value{'s' * (len(items) != 1)} for {len(elements) - 1} or more names",
                        "",
                    )
                middle = Sequence_(items[stars[0] : len(items) - tail], is_list=True)
                items = [*items[: stars[0]], middle, *items[len(items) - tail :]]
            if len(items) != len(elements):
                self.fail(
                    target,
                    UnsupportedType,
                    f"{len(items)} value{'s' * (len(items) != 1)} for {len(elements)} names",
                    "",
                )
            for element, item in zip(elements, items):
                self._match(element.value, item, parts)
        elif isinstance(target, cst.Subscript):
            parts.append((target, value))
        elif isinstance(target, cst.Attribute):
            self.fail(
                target,
                UnsupportedSyntax,
                "an attribute is assigned",
                "Return the value instead; objects are constants here.",
            )
        else:
            self.fail(target, UnsupportedSyntax, f"assignment to {type(target).__name__}", "Assign to names.")

    def _unpacked(self, value: Dynamic | Lazy, count: int, node: cst.CSTNode) -> list[Value]:
        """`a, b, c = y` says that y has three elements."""
        if self.entry and isinstance(value, Dynamic) and self._is_parameter(value):
            raise Refine(value.name, (count,))
        array = self.whole(value, node)
        what = f"{count} names for an array of another length"
        self.require(array.shape[0], self.length(array, 0), Extent(count), Const(count), node, what)
        if len(array.shape) > 1:
            return [self.subscripted(array, Const(i)) for i in range(count)]
        return [Scalar(self.temporary_copy("item", self.item_at(array, (Const(i),)))) for i in range(count)]

    def _is_parameter(self, value: Dynamic) -> bool:
        """Whether a vector is a parameter that may become numbers."""
        whole = value.index is None and value.regions == {f"param:{value.name}"} and len(value.shape) == 1
        return whole and (self.key, value.name) not in self.program.promoted and value.name not in self.unstable

    def _store_target(self, target: cst.Subscript, value: Value) -> None:
        base = self.evaluate(target.value)
        if isinstance(base, Dynamic):
            self.store_dynamic(base, target, value)
        elif isinstance(base, Array):
            self._store(base, self.index_of(base, target), value, target)
        elif isinstance(base, Sequence_) and base.is_list:
            if base.frozen:
                self.fail(target, UnsupportedType, f"{base.frozen}, and is written", "Copy it first: list(...).")
            element = target.slice[0].slice
            if not isinstance(element, cst.Index):
                self.fail(target, UnsupportedSyntax, "a slice of a list is assigned", "Use an array.")
            index = self._known_index(self.evaluate(element.value), target)
            if not -len(base.items) <= index < len(base.items):
                self.fail(target, UnsupportedType, f"index {index} is out of range", "")
            base.items[index] = self.own_item(base, value)
        else:
            self._store_open(base, target)

    def _store_open(self, base: Value, target: cst.Subscript) -> None:
        if isinstance(base, OpenArray) and base.active and self.entry:
            elements = [e.slice for e in target.slice]
            if all(isinstance(e, cst.Index) for e in elements) and len(elements) == base.ndim:
                seen = self.program.evidence.setdefault(base.name, [0] * base.ndim)
                for axis, e in enumerate(elements):
                    assert isinstance(e, cst.Index)
                    index = self._known_index(self.evaluate(e.value), target)
                    if index < 0:
                        self.refuse_open(base, target)
                    seen[axis] = max(seen[axis], index + 1)
                return
            self.refuse_open(base, target)
        if isinstance(base, OpenArray) and not base.active:
            self._refuse_write(base.name, target)
        if isinstance(base, OpenArray):
            self.refuse_open(base, target)
        self.fail(target, UnsupportedType, f"an item of {describe(base)} is assigned", "Use an array or a list.")

    def _refuse_write(self, name: str, node: cst.CSTNode) -> NoReturn:
        self.fail(
            node,
            UnsupportedType,
            f"the function writes to its argument {name}, which is neither in wrt nor in of",
            f'Copy it first ({name} = {name}.copy()), or name it: of="{name}".',
        )

    def _store(self, base: Array, index: list[Any], value: Value, node: cst.Subscript) -> None:
        slots = np.array(base.slots, dtype=np.int64).reshape(base.shape)
        chosen = slots[tuple(np.newaxis if i is None else i for i in index)]
        flat = [int(chosen)] if np.ndim(chosen) == 0 else chosen.ravel().tolist()
        shape = () if np.ndim(chosen) == 0 else tuple(chosen.shape)
        if isinstance(value, OpenArray):
            self.refine(value, shape)
        if isinstance(value, (Dynamic, Lazy)):
            self.require_shape(value, shape, node)
            source = self.whole(value, node)
            places = _indices(tuple(shape))
            value = self.array([self.item_at(source, [Const(i) for i in at]) for at in places], shape, value.dtype)
            value = Array(value.cells, shape, value.slots)
        array = self.as_array(value, node)
        if self.broadcast([array.shape, shape], node) != shape:
            self.fail(
                node, UnsupportedType, f"a value of shape {array.shape} is written to a place of shape {shape}", ""
            )
        self.store_items(Array(base.cells, shape, tuple(flat)), self.spread(array, shape), node)

    def require_shape(self, value: Dynamic | Lazy, shape: tuple[int, ...], node: cst.CSTNode) -> None:
        if len(value.shape) != len(shape):
            self.fail(node, UnsupportedType, "an array of other axes is written to a place of known shape", "Index it.")
        for axis, n in enumerate(shape):
            self.require(value.shape[axis], self.length(value, axis), Extent(n), Const(n), node)

    def note_write(self, name: str, node: cst.CSTNode) -> None:
        """An array argument is written."""
        if not self.entry:
            self.writes.add(name)
        elif name not in self.program.active and name not in self.program.filled:
            self._refuse_write(name, node)
        else:
            self.program.written.add(name)

    def check_writable(self, array: Array, node: cst.CSTNode) -> None:
        cells = array.cells
        if cells.frozen:
            self.fail(node, UnsupportedType, f"an array is written, but {cells.frozen}", "Copy it first: x = x.copy().")
        if cells.argument is None:
            return
        if not self.entry:
            if cells.argument not in self.mutated:
                self.mutated.append(cells.argument)
        elif cells.argument not in self.program.active and cells.argument not in self.program.filled:
            self._refuse_write(cells.argument, node)
        elif self.program.dynamic:
            # Beside arrays of run-time lengths, an argument that is written is one of them.
            self.promote([array])
        else:
            self.program.written.add(cells.argument)

    def store_items(self, target: Array, values: Sequence[Expr], node: cst.CSTNode) -> None:
        """Write elements: each becomes a variable of its own, all in parallel."""
        cells = target.cells
        self.check_writable(target, node)
        if not target.slots:
            return
        if cells.prefix is None:
            cells.prefix = self.fresh("array")
        targets: list[Var] = []
        # A place that is named twice keeps its last value, as in NumPy.
        places = dict(zip(target.slots, (kept_narrow(element_of(e, cells.dtype), cells.dtype) for e in values)))
        for slot, e in places.items():
            if cells.dtype.kind in ("int", "bool") and e.type.is_differentiable:
                self.fail(
                    node,
                    UnsupportedType,
                    "a floating-point value is written to an array of integers",
                    "Make the array of floats: np.zeros(n), or dtype=np.float64.",
                )
            if cells.dtype.kind == "float" and e.type.kind == "complex":
                self.fail(
                    node,
                    UnsupportedType,
                    "a complex value is written to an array of floats",
                    "Make the array complex: dtype=complex.",
                )
            if cells.dtype.bits == 32 and e.type.is_differentiable and e.type.bits == 64:
                self.fail(
                    node,
                    UnsupportedType,
                    "a float64 value is written to a float32 array",
                    "Convert it: np.float32(...), or use one precision throughout.",
                )
            name = cell_name(cells.prefix, slot)
            self.taken.add(name)
            variable = Var(name, self.widened.get(name, e.type if e.type.kind != "int" else cells.dtype))
            cells.items[slot] = variable
            cells.writes[slot] = cells.writes.get(slot, 0) + 1
            self.unstable.add(name)
            targets.append(variable)
        self.emit(Assign(tuple(targets), tuple(places.values())))
