"""Subscripts and attributes."""

from __future__ import annotations

from typing import Any

import libcst as cst
import numpy as np

from ..errors import UnsupportedType
from ..ir.expr import Call, Compare, Const, Expr, Load, Logic, Op, Opaque
from ..ir.statements import If, Raise
from ..ir.types import INT64, ScalarType
from .choices import Choices
from .describe import describe
from .expressions import Later
from .flow import NeedsKnown
from .values import (
    Array,
    Cells,
    Dictionary,
    Dynamic,
    Formatted,
    Lazy,
    Object,
    OpenArray,
    Scalar,
    Sequence_,
    Value,
    is_undefined,
)

__all__ = ["Subscripts"]


class Subscripts(Choices):
    """Evaluates `a[...]` and `a.name`."""

    def _eval_Subscript(self, node: cst.Subscript) -> Value:
        base = self.evaluate(node.value)
        if isinstance(base, Dictionary):
            key = self.evaluate(_only_index(node))
            known = key.constant if isinstance(key, Scalar) else key.value if isinstance(key, Object) else None
            if isinstance(known, Formatted) or (known is None and isinstance(key, Scalar)):
                self.needs_known(
                    node, "the key of a dict must be known when compiling", "Use a constant key, or `if` on the value."
                )
            if known not in base.items:
                self.fail(
                    node, UnsupportedType, "a dict is indexed by a key that it does not have", "Use one of its keys."
                )
            return self.item_of(base, known)
        if isinstance(base, Sequence_):
            return self._sequence_item(base, node)
        if isinstance(base, OpenArray):
            return self._open_item(base, node)
        if isinstance(base, (Dynamic, Lazy)):
            return self.dynamic_subscript(base, node)
        if isinstance(base, Array):
            return self.subscript(base, self.index_of(base, node), node)
        if isinstance(base, Object) and isinstance(base.value, type(Ellipsis)):
            pass
        self.fail(node, UnsupportedType, f"{describe(base)} is indexed", "Index arrays, tuples and lists.")

    def item_of(self, value: Dictionary, key: Any) -> Value:
        """An item of a dict; those of a constant dict are converted when they are read."""
        item: Any = value.items[key]
        found: Value = item.get() if isinstance(item, Later) else item
        return found

    def _sequence_item(self, base: Sequence_, node: cst.Subscript) -> Value:
        element = node.slice[0].slice
        if isinstance(element, cst.Slice):
            return Sequence_(base.items[self._slice(element)], base.is_list)
        index = self.scalar(_only_index(node))
        if index.type.kind not in ("int", "bool"):
            self.fail(node, UnsupportedType, "an index must be an integer", "")
        if not isinstance(index.constant, int):
            return self._chosen_item(base.items, index.expr, node)
        known: int = index.constant
        if not -len(base.items) <= known < len(base.items):
            self.fail(node, UnsupportedType, f"index {known} is out of range", "")
        return base.items[known]

    def _chosen_item(self, items: list[Value], index: Expr, node: cst.Subscript) -> Value:
        """`buffers[k % 2]`: one of a few arrays, by conditions, where no loop can be unrolled to know the index."""
        arrays = [item for item in items if isinstance(item, Dynamic)]
        alike = len({(a.dtype, len(a.shape)) for a in arrays}) == 1 and len(arrays) == len(items) <= 8
        if not alike or (self.key, "[]") not in self.program.promoted:
            try:
                self.needs_known(node, "the index into a tuple or list must be known when compiling")
            except NeedsKnown as demand:
                demand.promote = (self.key, "[]") if alike else None
                raise
        count = len(items)
        place = self.temporary("place", index)
        modulus = index.args[1] if isinstance(index, Op) and index.op == "%" else None
        if not (isinstance(modulus, Const) and 0 < modulus.value <= count):
            outside = Logic("or", Compare(("<",), (place, Const(-count))), Compare((">=",), (place, Const(count))))
            raised = Raise(f'IndexError("index out of range (line {self.source.position(node)[0]})")')
            self.emit(If(outside, (raised,), ()))
            place = self.temporary("place", Op("%", place, Const(count)))

        def pick(k: int) -> Value:
            if k == count - 1:
                return items[k]
            return self.choose(Compare(("==",), (place, Const(k))), lambda: items[k], lambda: pick(k + 1), node)

        return pick(0)

    def _open_item(self, base: OpenArray, node: cst.Subscript) -> Value:
        elements = [e.slice for e in node.slice]
        plain = [e for e in elements if isinstance(e, cst.Index)]
        if len(elements) != base.ndim or len(plain) != len(elements):
            self.refuse_open(base, node)
        indices: list[Any] = []
        for e in plain:
            index = self.scalar(e.value)
            if index.type.kind not in ("int", "bool"):
                self.fail(node, UnsupportedType, "an index must be an integer", "")
            known = index.constant
            if base.active:
                if not isinstance(known, int):
                    self.needs_known(node, f"the index into {base.name} must be known when compiling")
                if known < 0:
                    self.refuse_open(base, node)
            indices.append(known if isinstance(known, int) and isinstance(index.expr, Const) else index.expr)
        if base.active:
            seen = self.program.evidence.setdefault(base.name, [0] * base.ndim)
            indices = [i if isinstance(i, int) else self.scalar(e.value).constant for i, e in zip(indices, plain)]
            for axis, known in enumerate(indices):
                seen[axis] = max(seen[axis], known + 1)
        return Scalar(Load(base.name, tuple(indices), base.dtype))

    def _slice(self, node: cst.Slice) -> slice:
        parts: list[int | None] = []
        for part in (node.lower, node.upper, node.step):
            if part is None:
                parts.append(None)
                continue
            value = self.evaluate(part)
            if isinstance(value, Object) and value.value is None:
                parts.append(None)
                continue
            known = self.as_scalar(value, part).constant
            if not isinstance(known, int):
                self.needs_known(part, "the bounds of a slice of an array of known shape must be known when compiling")
            parts.append(known)
        if parts[2] == 0:
            self.fail(node, UnsupportedType, "the step of this slice is zero", "Use 1, -1 or another step.")
        return slice(*parts)

    def index(self, node: cst.Subscript, shape: tuple[int, ...]) -> list[Any]:
        """The index of a subscript on an array of known shape, one entry an axis, ellipsis expanded."""
        result: list[Any] = []
        for element in node.slice:
            part = element.slice
            if isinstance(part, cst.Slice):
                result.append(part)
                continue
            assert isinstance(part, cst.Index)
            if isinstance(part.value, cst.Ellipsis):
                result.append(Ellipsis)
            else:
                value = self.evaluate(part.value)
                entries = [value]
                if isinstance(value, Sequence_) and not value.is_list and len(node.slice) == 1:
                    entries = value.items
                result.extend(self._index_entry(item, part.value) for item in entries)
        used = sum(np.ndim(r) if _is_mask(r) else 1 for r in result if r is not None and r is not Ellipsis)
        if used > len(shape):
            self.fail(node, UnsupportedType, f"too many indices for an array of shape {shape}", "")
        missing: list[Any] = [slice(None)] * (len(shape) - used)
        at = next((i for i, r in enumerate(result) if r is Ellipsis), len(result))
        result[at : at + 1] = missing
        axis = 0
        for i, part in enumerate(result):
            if part is None:
                continue
            if isinstance(part, cst.Slice):
                result[i] = self._slice(part)
            if _is_mask(part):
                covered = shape[axis : axis + part.ndim]
                if part.shape != covered:
                    self.fail(node, UnsupportedType, f"a mask of shape {part.shape} for the shape {covered}", "")
                axis += part.ndim
                continue
            chosen = part.ravel().tolist() if isinstance(part, np.ndarray) else [part] if isinstance(part, int) else []
            if any(not -shape[axis] <= e < shape[axis] for e in chosen):
                what = part.tolist() if isinstance(part, np.ndarray) else part
                self.fail(node, UnsupportedType, f"index {what} is out of range for length {shape[axis]}", "")
            axis += 1
        return result

    def _index_entry(self, value: Value, node: cst.CSTNode) -> Any:
        """A place that is known, an array of places or of truth values, or None."""
        if isinstance(value, Object) and value.value is None:
            return None
        if isinstance(value, (Dynamic, Lazy)):
            what = "the places in an array of known shape must be known when compiling"
            self.needs_known(node, what, "Give the array a name first: v = ..., then v[places].")
        if isinstance(value, Sequence_):
            value = self.as_array(value, node)
        if isinstance(value, Array) and value.shape:
            items = [Scalar(i, i.value if isinstance(i, Const) else None) for i in value.items]
            places = [self._known_index(item, node) for item in items]
            if len({isinstance(p, bool) for p in places}) > 1:
                self.fail(node, UnsupportedType, "a list of indices mixes integers and truth values", "")
            return np.array(places, dtype=None if places else np.int64).reshape(value.shape)
        index = self._known_index(value, node)
        if isinstance(index, bool):
            self.fail(node, UnsupportedType, "an index is a truth value", "Use an integer.")
        return index

    def index_of(self, base: Array, node: cst.Subscript) -> list[Any]:
        """The index of a subscript; where it is not known, the array may have to stay one when the program runs."""
        try:
            return self.index(node, base.shape)
        except NeedsKnown as demand:
            if demand.promote is None and base.cells.owner is not None:
                demand.promote = (self.key, base.cells.owner)
            raise

    def as_array(self, value: Value, node: cst.CSTNode) -> Array:
        raise NotImplementedError

    def dynamic_subscript(self, base: Dynamic | Lazy, node: cst.Subscript) -> Value:
        raise NotImplementedError

    def dynamic_attribute(self, base: Dynamic | Lazy, name: str, node: cst.Attribute) -> Value:
        raise NotImplementedError

    def _known_index(self, value: Value, node: cst.CSTNode) -> int:
        scalar = self.as_scalar(value, node)
        if scalar.type.kind not in ("int", "bool"):
            self.fail(node, UnsupportedType, "an index must be an integer", "Convert it with int(...).")
        if not isinstance(scalar.constant, int):
            self.needs_known(node, "the index into an array of known shape must be known when compiling")
        known: int = scalar.constant
        return known

    def subscript(self, base: Array, index: list[Any], node: cst.CSTNode) -> Value:
        slots = np.array(base.slots, dtype=np.int64).reshape(base.shape)
        chosen = slots[tuple(np.newaxis if i is None else i for i in index)]
        if np.ndim(chosen) == 0:
            item = base.cells.items[int(chosen)]
            if is_undefined(item):
                self.fail(node, UnsupportedType, "this element is read before it has a value", "Use np.zeros.")
            return Scalar(item, item.value if isinstance(item, Const) and isinstance(item.value, int) else None)
        part = Array(base.cells, tuple(chosen.shape), tuple(chosen.ravel().tolist()))
        if any(isinstance(i, np.ndarray) for i in index):  # chosen elements are copied
            return Array(Cells(part.items, base.dtype), part.shape, tuple(range(len(part.slots))))
        return part

    def element(self, base: Array, index: tuple[int, ...]) -> Value:
        return self.subscript(base, [*index, *[slice(None)] * (len(base.shape) - len(index))], cst.Name("_"))

    def _eval_Attribute(self, node: cst.Attribute) -> Value:
        base = self.evaluate(node.value)
        name = node.attr.value
        if isinstance(base, Object):
            text = f"{base.text}.{name}"
            try:
                found = getattr(base.value, name)
            except AttributeError:
                self.fail(node, UnsupportedType, f"{base.text or 'it'} has no attribute {name}", "")
            return self.constant_value(found, text, node)
        if isinstance(base, (Dynamic, Lazy)):
            return self.dynamic_attribute(base, name, node)
        if isinstance(base, Array):
            if name == "shape":
                return Sequence_([Scalar(Const(n), n) for n in base.shape])
            if name in ("size", "ndim"):
                count = len(base.slots) if name == "size" else len(base.shape)
                return Scalar(Const(count), count)
            if name == "T":
                return self.transpose(base)
            if name in ("real", "imag"):
                return self.elementwise(lambda a: self.part(name, a), (base,), node)
        if isinstance(base, Scalar) and name in ("real", "imag"):
            return self.part(name, base)
        if isinstance(base, Scalar) and name == "T":
            return base
        if isinstance(base, Sequence_) and base.record is not None and name in base.record._fields:
            item: Value = base.items[base.record._fields.index(name)]
            return item
        if isinstance(base, OpenArray):
            if name in ("shape", "size") and not base.active:
                if name == "size":
                    return Scalar(Opaque(f"{base.name}.size", INT64, (), (base.name,)))
                return Sequence_(
                    [Scalar(Opaque(f"{base.name}.shape[{i}]", INT64, (), (base.name,))) for i in range(base.ndim)]
                )
            if name == "ndim":
                return Scalar(Const(base.ndim), base.ndim)
            self.refuse_open(base, node)
        self.fail(
            node, UnsupportedType, f"{describe(base)} has no attribute {name}", "Use functions of math and numpy."
        )

    def part(self, name: str, value: Scalar) -> Scalar:
        """`.real` and `.imag`; of a real number these are itself and zero."""
        if value.type.kind != "complex":
            return value if name == "real" else Scalar(Const(0.0))
        return Scalar(Call(name, (value.expr,), ScalarType("float", value.type.bits), name))


def _is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype == np.bool_


def _only_index(node: cst.Subscript) -> cst.BaseExpression:
    element = node.slice[0].slice
    assert isinstance(element, cst.Index)
    return element.value
