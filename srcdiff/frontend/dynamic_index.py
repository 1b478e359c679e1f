"""Subscripts of arrays whose lengths are known at run time: reading, and the places that are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import libcst as cst

from ..errors import UnsupportedType
from ..ir.expr import Compare, Const, Expr, Op
from ..ir.statements import Assign, If, Raise, Rebind, Store, View
from ..ir.types import INT64
from .dtypes import kept_narrow
from .dynamic import DynamicArrays, Indexed, shifted
from .extents import Extent
from .values import Array, Cut, Dynamic, Lazy, Object, Scalar, Sequence_, Span, Value

__all__ = ["DynamicIndex"]

Part = Any
"""An entry of an index: a place (Scalar), a slice (Span or Cut), None, or an array of places or truth values."""


class DynamicIndex(DynamicArrays):
    """Evaluates `a[...]` on dynamic arrays."""

    def dynamic_subscript(self, base: Indexed, node: cst.Subscript) -> Value:
        if self.has_cut(base):
            base = self.whole(base, node)
        parts = self._parts(base, node)
        return self.take(base, parts, node)

    def take(self, base: Indexed, parts: list[Part], node: cst.CSTNode) -> Value:
        """The element or part of an array that an index names."""
        if any(isinstance(p, (Dynamic, Lazy)) for p in parts):
            return self._gather(base, parts, node)
        if isinstance(base, Lazy):
            if all(isinstance(p, Scalar) for p in parts) and all(_is_natural(p) for p in parts):
                return Scalar(base.element(tuple(p.expr for p in parts)))
            base = self.whole(base, node, "values")
        index = self._compose(base, parts, node)
        if index is None:
            base = self.whole(base, node)
            index = self._compose(base, parts, node)
            assert index is not None
        shape = self._shape_of(base, parts)
        found = Dynamic(base.name, base.dtype, shape, base.regions, index)
        if not shape:
            return Scalar(self.item_at(found, ()))
        return found

    def _shape_of(self, base: Dynamic, parts: list[Part]) -> tuple[Extent, ...]:
        shape: list[Extent] = []
        axis = 0
        for part in parts:
            if part is None:
                shape.append(Extent(1))
                continue
            if isinstance(part, Span):
                shape.append(base.shape[axis] - Extent(part.lower - part.upper))
            elif isinstance(part, Cut):
                shape.append(Extent(1) if part.is_single else self.unknown_extent())
            axis += 1
        return tuple(shape)

    def require_one(self, base: Indexed, axis: int, node: cst.CSTNode) -> None:
        """`a[:1]` and `a[-1:]` have one element, of an array that is not empty."""
        if base.shape[axis].known is None:
            raised = Raise(f'ValueError("a slice of an empty array (line {self.source.position(node)[0]})")')
            saved, self.origin = self.origin, None
            self.emit(If(Compare(("<",), (self.length(base, axis), Const(1))), (raised,), ()))
            self.origin = saved

    def _compose(self, base: Dynamic, parts: list[Part], node: cst.CSTNode) -> tuple[Any, ...] | None:
        """The index into the variable; None where the base must be a view of its own first."""
        fresh = [p.expr if isinstance(p, Scalar) else p for p in parts]
        if base.index is None:
            return tuple(fresh)
        result: list[Any] = []
        rest = iter(fresh)
        for old in base.index:
            if isinstance(old, Span) and old.is_full:
                part = next(rest)
                while part is None:
                    result.append(None)
                    part = next(rest)
                result.append(part)
            elif isinstance(old, Span) or old is None or isinstance(old, Cut):
                return None
            else:
                result.append(old)
        result.extend(rest)
        return tuple(result)

    def _parts(self, base: Indexed, node: cst.Subscript) -> list[Part]:
        """The entries of a subscript, an ellipsis expanded, one or more an axis."""
        parts: list[Part] = []
        for element in node.slice:
            part = element.slice
            if isinstance(part, cst.Slice):
                parts.append(part)
                continue
            assert isinstance(part, cst.Index)
            if isinstance(part.value, cst.Ellipsis):
                parts.append(Ellipsis)
                continue
            value = self.evaluate(part.value)
            if isinstance(value, Object) and value.value is None:
                parts.append(None)
            elif isinstance(value, Sequence_) and not value.is_list and len(node.slice) == 1:
                parts.extend(self.index_entry(item, part.value) for item in value.items)
            else:
                parts.append(self.index_entry(value, part.value))
        used = sum(1 for p in parts if p is not None and p is not Ellipsis)
        used += sum(len(p.shape) - 1 for p in parts if isinstance(p, (Dynamic, Lazy)) and p.dtype.kind == "bool")
        rank = len(base.shape)
        if used > rank:
            self.fail(node, UnsupportedType, f"{used} indices for an array of {rank} axes", "")
        missing: list[Part] = [cst.Slice(lower=None, upper=None)] * (rank - used)
        place = next((i for i, p in enumerate(parts) if p is Ellipsis), None)
        if place is None:
            parts.extend(missing)
        else:
            parts[place : place + 1] = missing
        axis = 0
        for i, part in enumerate(parts):
            if part is None:
                continue
            if isinstance(part, cst.Slice):
                parts[i] = self._slice_of(base, axis, part)
            axis += 1
        return parts

    def index_entry(self, value: Value, node: cst.CSTNode) -> Part:
        if isinstance(value, (Dynamic, Lazy)):
            if value.dtype.kind not in ("int", "bool"):
                self.fail(node, UnsupportedType, "an index must be an integer", "Convert it with astype(np.int64).")
            return value
        if isinstance(value, Array) and value.shape and value.dtype.kind in ("int", "bool"):
            return self.spill(value, node, "places")
        if isinstance(value, Sequence_):
            return self.spill(value, node, "places")
        scalar = self.as_scalar(value, node)
        if scalar.type.kind not in ("int", "bool"):
            self.fail(node, UnsupportedType, "an index must be an integer", "Convert it with int(...).")
        if scalar.type.kind == "bool":
            self.fail(node, UnsupportedType, "an index is a truth value", "Use an integer.")
        return scalar

    def _slice_of(self, base: Indexed, axis: int, node: cst.Slice) -> Span | Cut:
        bounds: list[Scalar | None] = []
        for part in (node.lower, node.upper, node.step):
            value = None if part is None else self.evaluate(part)
            if value is None or (isinstance(value, Object) and value.value is None):
                bounds.append(None)
                continue
            scalar = self.as_scalar(value, node)
            if scalar.type.kind != "int":
                self.fail(node, UnsupportedType, "a bound of a slice must be an integer", "Convert it with int(...).")
            bounds.append(scalar)
        lower, upper, step = bounds
        first = 0 if lower is None else lower.constant
        last = 0 if upper is None else upper.constant
        one = step is None or step.constant == 1
        if step is not None and step.constant == 0:
            self.fail(node, UnsupportedType, "the step of this slice is zero", "Use 1, -1 or another step.")
        known = base.shape[axis].known
        if one and known is not None and isinstance(first, int) and isinstance(last, int):
            start, stop, _ = slice(first, None if upper is None else last).indices(known)
            start, stop = min(start, known), max(min(stop, known), min(start, known))
            return Span(start, stop - known, Const(stop - start))
        if one and isinstance(first, int) and first >= 0 and (upper is None or (isinstance(last, int) and last < 0)):
            assert isinstance(last, int)
            length = self.length(base, axis)
            total = first - last
            written = self.spell(base.shape[axis] - Extent(total))
            if written is None:
                written = Op("-", length, Const(total)) if total else length
            return Span(first, last, written)
        if one and (first, last) in ((0, 1), (-1, 0)) and (first == 0 or upper is None):
            self.require_one(base, axis, node)
        texts: list[str] = []
        args: list[Expr] = []
        for bound in bounds:
            texts.append("" if bound is None else "{}")
            if bound is not None:
                args.append(bound.expr)
        text = ":".join(texts[:2]) + (f":{texts[2]}" if step is not None else "")
        return Cut(text, tuple(args))

    # -- arrays as indices ------------------------------------------------------------------------------------------

    def _gather(self, base: Indexed, parts: list[Part], node: cst.CSTNode) -> Value:
        """`a[idx]`: a copy of chosen elements."""
        parts = self._masks_as_places(base, parts, node)
        arrays = [p for p in parts if isinstance(p, (Dynamic, Lazy))]
        if arrays[0].dtype.kind == "bool":
            return self._compress(base, arrays[0], node)
        if self.has_cut(base):
            base = self.whole(base, node)
        chosen = [self.whole(p, node, "places") for p in arrays]
        rank = max(len(c.shape) for c in chosen)
        for other in chosen[1:]:
            self.match_shapes(chosen[0], other, node)
        if any(p is None or isinstance(p, Cut) for p in parts):
            self.fail(node, UnsupportedType, "an array of indices beside such a slice", "Index in two steps.")
        first = next(i for i, p in enumerate(parts) if isinstance(p, (Dynamic, Lazy)))
        kinds = [isinstance(p, (Dynamic, Lazy, Scalar)) for p in parts]
        last = len(kinds) - 1 - kinds[::-1].index(True)
        if not all(kinds[kinds.index(True) : last + 1]):
            self.fail(node, UnsupportedType, "arrays of indices that are not side by side", "Index in two steps.")
        start = sum(isinstance(p, Span) for p in parts[:first])
        shape: list[Extent] = []
        lengths: list[Expr] = []
        placed = False
        for axis, part in enumerate(parts):
            if isinstance(part, Span):
                shape.append(base.shape[axis] - Extent(part.lower - part.upper))
                lengths.append(part.length)
            elif isinstance(part, (Dynamic, Lazy)) and not placed:
                shape.extend(chosen[0].shape)
                lengths.extend(self.length(chosen[0], n) for n in range(rank))
                placed = True
        source = base

        def element(at: tuple[Expr, ...]) -> Expr:
            own = at[start : start + rank]
            spans = iter((*at[:start], *at[start + rank :]))
            picks = iter(chosen)
            index: list[Expr] = []
            for part in parts:
                if isinstance(part, Span):
                    index.append(shifted(next(spans), part.lower))
                elif isinstance(part, Scalar):
                    index.append(part.expr)
                else:
                    index.append(self.item_at(next(picks), own))
            return self.item_at(source, index)

        reads = [(source, False)] if isinstance(source, Dynamic) else [(r, False) for r, _ in source.reads]
        reads += [(c, True) for c in chosen]
        return Lazy(base.dtype, tuple(shape), tuple(lengths), element, tuple(reads))

    def _masks_as_places(self, base: Indexed, parts: list[Part], node: cst.CSTNode) -> list[Part]:
        """`A[mask, 0]`: the places that a mask of one axis chooses; a mask for the whole array is left alone."""
        masks = [i for i, p in enumerate(parts) if isinstance(p, (Dynamic, Lazy)) and p.dtype.kind == "bool"]
        if not masks or len(parts) == 1:
            return parts
        if len(masks) > 1 or len(parts[masks[0]].shape) > 1 or any(p is None for p in parts):
            self.fail(node, UnsupportedType, "a mask beside other indices", "Use one mask for the whole array.")
        axis = masks[0]
        mask = self._steady(parts[axis], node)
        length = self.length(mask, 0)
        self.require(base.shape[axis], self.length(base, axis), mask.shape[0], length, node)
        places = Lazy(INT64, mask.shape, (length,), lambda at: at[0], ())
        return [*parts[:axis], self._compress(places, mask, node), *parts[axis + 1 :]]

    def _compress(self, base: Indexed, mask: Indexed, node: cst.CSTNode) -> Dynamic:
        """`a[a > 0]`: the chosen elements in an array of their own."""
        if len(mask.shape) != len(base.shape):
            self.fail(node, UnsupportedType, "a mask of fewer axes than the array has", "Write a loop.")
        base, mask = self._steady(base, node), self._steady(mask, node)
        self.match_shapes(base, mask, node)
        lengths = [self.length(base, axis) for axis in range(len(base.shape))]
        count = self.assign_scalar("count", Const(0))

        def number(at: tuple[Expr, ...]) -> None:
            added = Assign((count,), (Op("+", count, Const(1)),))
            self.emit(If(self.item_at(mask, at), (added,), ()))

        self.for_each(lengths, number)
        array = self.allocate(self.fresh("chosen"), base.dtype, (self.unknown_extent(),), (count,), node)
        place = self.assign_scalar("place", Const(0))

        def copy(at: tuple[Expr, ...]) -> None:
            with self.nested() as body:
                self.emit(Store(array.name, (place,), self.item_at(base, at)))
                self.emit(Assign((place,), (Op("+", place, Const(1)),)))
            self.emit(If(self.item_at(mask, at), tuple(body), ()))

        self.for_each(lengths, copy)
        return array

    def _steady(self, value: Indexed, node: cst.CSTNode) -> Indexed:
        return self.whole(value, node) if self.has_cut(value) else value

    # -- writing ----------------------------------------------------------------------------------------------------

    def store_dynamic(
        self, base: Dynamic, node: cst.Subscript, value: Value | None, update: Callable[[Value], Value] | None = None
    ) -> None:
        """`a[...] = value`, or with `update` what becomes of the present value, for `+=`."""
        if self.has_cut(base):
            base = self.whole(base, node)
        parts = self._parts(base, node)
        if any(isinstance(p, (Dynamic, Lazy)) for p in parts):
            self._scatter(base, parts, value, update, node)
            return
        found = self.take(base, parts, node)
        if isinstance(found, Scalar):
            place = found.expr
            result = self.as_scalar(update(found) if update is not None else _given(value), node)
            self.check_dynamic_write(base, node)
            e = kept_narrow(result.expr, base.dtype)
            self.check_kind(base.dtype, e.type, node)
            self.emit(Store(place.array, place.index, e))  # type: ignore[attr-defined]
            return
        assert isinstance(found, Dynamic)
        if self.has_cut(found):
            found = self.whole(found, node)
        self.write(found, update(found) if update is not None else _given(value), node)

    def _scatter(
        self, base: Dynamic, parts: list[Part], value: Value | None, update: Callable[[Value], Value] | None,
        node: cst.Subscript,
    ) -> None:  # fmt: skip
        """Chosen elements are written; a place that is named twice keeps the last value, as in NumPy."""
        self.check_dynamic_write(base, node)
        if self.has_cut(base):
            base = self.whole(base, node)
        parts = self._masks_as_places(base, parts, node)
        masks = [p for p in parts if isinstance(p, (Dynamic, Lazy)) and p.dtype.kind == "bool"]
        if masks:
            self._write_masked(base, masks[0], value, update, node)
            return
        current = self._gather(base, parts, node)
        assert isinstance(current, Lazy)
        new = update(current) if update is not None else _given(value)
        if isinstance(new, Scalar):
            e = self.held(new.expr)
            source: Callable[[tuple[Expr, ...]], Expr] = lambda at: e  # noqa: E731
        else:
            stored = self.copied(self.spill(new, node), node)
            if len(stored.shape) != len(current.shape):
                self.fail(node, UnsupportedType, "an array of other axes is written to chosen places", "Write a loop.")
            for axis, extent in enumerate(stored.shape):
                self.require(current.shape[axis], current.lengths[axis], extent, self.length(stored, axis), node)
            source = lambda at: self.item_at(stored, at)  # noqa: E731

        def store(at: tuple[Expr, ...]) -> None:
            place = current.element(at)
            e = source(at)
            self.check_kind(base.dtype, e.type, node)
            self.emit(Store(place.array, place.index, e))  # type: ignore[attr-defined]

        self.for_each(current.lengths, store)

    def _write_masked(
        self, base: Dynamic, mask: Indexed, value: Value | None, update: Callable[[Value], Value] | None,
        node: cst.Subscript,
    ) -> None:  # fmt: skip
        """`a[mask] = value`: one value for all, or one after the other."""
        mask = self.whole(mask, node, "mask") if isinstance(mask, Lazy) else self._steady(mask, node)
        new = update(self._compress(base, mask, node)) if update is not None else _given(value)
        self.match_shapes(base, mask, node)
        lengths = [self.length(base, n) for n in range(len(base.shape))]
        place = None
        if isinstance(new, Scalar):
            e = self.held(new.expr)
            source: Callable[[], Expr] = lambda: e  # noqa: E731
        else:
            stored = self.copied(self.spill(new, node), node)
            if len(stored.shape) != 1:
                self.fail(node, UnsupportedType, "an array of several axes is written under a mask", "Write a loop.")
            place = self.assign_scalar("place", Const(0))
            source = lambda: self.item_at(stored, (place,))  # noqa: E731

        def store(at: tuple[Expr, ...]) -> None:
            target = self.item_at(base, at)
            with self.nested() as body:
                e = source()
                self.check_kind(base.dtype, e.type, node)
                self.emit(Store(target.array, target.index, e))  # type: ignore[attr-defined]
                if place is not None:
                    self.emit(Assign((place,), (Op("+", place, Const(1)),)))
            self.emit(If(self.item_at(mask, at), tuple(body), ()))

        self.for_each(lengths, store)

    def dynamic_attribute(self, base: Indexed, name: str, node: cst.Attribute) -> Value:
        if name == "shape":
            return Sequence_([self.length_scalar(base, axis) for axis in range(len(base.shape))])
        if name == "size":
            return Scalar(self.size_of(base)) if len(base.shape) != 1 else self.length_scalar(base, 0)
        if name == "ndim":
            return Scalar(Const(len(base.shape)), len(base.shape))
        if name == "T":
            return self.transposed(base, tuple(range(len(base.shape)))[::-1], node)
        if name in ("real", "imag"):
            if base.dtype.kind != "complex" and name == "real":
                return base
            return self.lazy(lambda a: self.part(name, a), (base,), node)
        if name == "dtype":
            import numpy as np

            return Object(np.dtype(base.dtype.numpy), f"np.{base.dtype.numpy}")
        self.fail(node, UnsupportedType, f"the attribute {name} of an array is not known", "Use NumPy's functions.")

    def length_scalar(self, value: Indexed, axis: int) -> Scalar:
        known = value.shape[axis].known
        if known is not None:
            return Scalar(Const(known), known)
        return Scalar(self.true_length(value, axis))

    def transposed(self, value: Indexed, axes: tuple[int, ...], node: cst.CSTNode) -> Indexed:
        """Axes in another order: a view of an array, or of what is not stored yet."""
        if len(value.shape) < 2:
            return value
        shape = tuple(value.shape[a] for a in axes)
        if isinstance(value, Lazy):
            inner = value

            def element(at: tuple[Expr, ...]) -> Expr:
                return inner.element(tuple(at[axes.index(n)] for n in range(len(axes))))

            lengths = tuple(value.lengths[a] for a in axes)
            return Lazy(value.dtype, shape, lengths, element, tuple((r, False) for r, _ in value.reads))
        base = self.whole(value, node)
        view = View(self.variable(base.name, base.dtype, len(axes)), "transpose", axes)
        name = self.fresh(f"{base.name}_T")
        self.emit(Rebind((self.variable(name, base.dtype, len(axes)),), (view,)))
        return Dynamic(name, base.dtype, shape, base.regions)

    def subscripted(self, base: Indexed, index: Expr) -> Value:
        """The i-th item: an element of a vector, a row of a matrix."""
        rest: list[Part] = [Span(0, 0, self.length(base, n)) for n in range(1, len(base.shape))]
        if isinstance(base, Dynamic) and base.index is not None:
            node = self.program.statement
            assert node is not None
            base = self.whole(base, node)
        return self.take(base, [Scalar(index), *rest], cst.Name("_"))


def _given(value: Value | None) -> Value:
    assert value is not None
    return value


def _is_natural(p: Scalar) -> bool:
    return isinstance(p.constant, int) and p.constant >= 0
