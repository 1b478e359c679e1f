"""Arrays whose lengths are known at run time: what they are made of, their elements, loops over them, writes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import libcst as cst

from ..errors import UnsupportedType
from ..ir.expr import Call, Compare, Const, Element, Expr, Helper, Op, Opaque, Var, topological
from ..ir.statements import Allocate, Assign, For, If, Raise, Rebind, Store, View
from ..ir.types import BOOL, COMPLEX128, FLOAT64, INT64, ArrayType, ScalarType, common
from .extents import Extent
from .program import literal
from .subscripts import Subscripts
from .values import Array, Cut, Dynamic, Lazy, Scalar, Sequence_, Span, Value, is_undefined

__all__ = ["DynamicArrays", "Indexed"]

Indexed = Dynamic | Lazy
"""An array of run-time lengths that has elements."""

_LOOP = ("i", "j", "l", "m")
"""Indices of generated loops."""


class DynamicArrays(Subscripts):
    """Values, elements and loops; indexing and functions are in the subclasses."""

    integers: dict[str, Extent]
    """The lengths that variables of the program hold, of those that are assigned once."""
    spelled: dict[str, list[Expr]]
    """How a symbol of a length is written, the best way last."""
    writes: set[str]
    """Parameters of a helper that it writes to."""
    views_or_copies: dict[str, str]
    """Memory of which a view may have been taken or a copy, depending on its layout."""

    # -- lengths ----------------------------------------------------------------------------------------------------

    def unknown_extent(self, *spelled: Expr) -> Extent:
        self.program.symbols += 1
        name = f"@{self.program.symbols}"
        if spelled:
            self.spelled[name] = list(spelled)
        return Extent.symbol(name)

    def extent_of(self, value: Scalar) -> Extent:
        """An integer as a length."""
        if isinstance(value.constant, int):
            return Extent(value.constant)
        return self._extent(value.expr) or self.unknown_extent()

    def _extent(self, e: Expr) -> Extent | None:
        if isinstance(e, Const):
            return Extent(e.value) if isinstance(e.value, int) else None
        if isinstance(e, Var) and e.type == INT64 and self.is_stable(e):
            if e.name not in self.integers:
                self.integers[e.name] = Extent.symbol(e.name)
                self.spelled[e.name] = [e]
            return self.integers[e.name]
        if isinstance(e, Opaque):
            return next((Extent.symbol(s) for s, ways in self.spelled.items() if e in ways), None)
        if isinstance(e, Op) and len(e.args) == 2:
            a, b = self._extent(e.args[0]), self._extent(e.args[1])
            if a is not None and b is not None:
                if e.op in "+-":
                    return a + b if e.op == "+" else a - b
                if e.op == "*" and (a.known is not None or b.known is not None):
                    return a.scaled(b.constant) if b.known is not None else b.scaled(a.constant)
                if all(name in self.spelled for name, _ in (*a.terms, *b.terms)):
                    key = f"({e.op} {a} {b})"
                    self.spelled.setdefault(key, [e])
                    return Extent.symbol(key)
        return None

    def learn_integer(self, name: str, e: Expr) -> None:
        """`n = len(u)`: from now on lengths are written with n."""
        if name in self.unstable:
            return
        extent = self._extent(e)
        if extent is None or name in self.integers:
            return
        self.integers[name] = extent
        if extent.constant == 0 and len(extent.terms) == 1 and extent.terms[0][1] == 1:
            self.spelled.setdefault(extent.terms[0][0], []).append(Var(name, INT64))

    def spell(self, extent: Extent) -> Expr | None:
        """The length as an expression in the program's own integers, where it can be written so."""
        table: dict[str, Expr] = {}
        for name, _ in extent.terms:
            for way in reversed(self.spelled.get(name, [])):
                held = self.environment.get(way.name) if isinstance(way, Var) else None
                if not isinstance(way, Var) or (isinstance(held, Scalar) and held.expr is way):
                    table[name] = way
                    break
        return extent.expression(table)

    def length(self, value: Indexed, axis: int) -> Expr:
        """The length of an axis; negative where NumPy's is zero, as loops over it take it."""
        if isinstance(value, Lazy):
            return value.lengths[axis]
        written = self.spell(value.shape[axis])
        if written is not None:
            return written
        if value.index is not None:
            span = [p for p in value.index if p is None or isinstance(p, Span)][axis]
            return Const(1) if span is None else span.length
        return self.length_of(value.name, axis, len(value.shape))

    def length_of(self, name: str, axis: int, ndim: int) -> Expr:
        text = f"len({name})" if ndim == 1 else f"{name}.shape[{axis}]"
        return Opaque(text, INT64, (), (name,))

    def true_length(self, value: Indexed, axis: int) -> Expr:
        return self.at_least_zero(self.length(value, axis), value.shape[axis])

    def at_least_zero(self, length: Expr, extent: Extent) -> Expr:
        if isinstance(length, Const):
            return Const(max(0, length.value))
        if isinstance(length, Op) and length.op == "-" and extent.may_be_negative:
            return Call("max", (length, Const(0)), INT64, "max")
        return length

    def size_of(self, value: Indexed) -> Expr:
        total: Expr = Const(1)
        for axis in range(len(value.shape)):
            n = self.true_length(value, axis)
            total = n if isinstance(total, Const) and total.value == 1 else Op("*", total, n)
        return total

    def require(
        self, a: Extent, a_length: Expr, b: Extent, b_length: Expr, node: cst.CSTNode, what: str = "",
        repeated: bool = False,
    ) -> None:  # fmt: skip
        """Lengths that must be equal: decided when compiling where possible, else checked at run time.

        `repeated`: NumPy repeats an axis of one element here. So do we where the text says that there is one; to ask
        for it at every element would cost every loop, and clutter its text.
        """
        if a == b:
            return
        message = what or "arrays of different lengths meet"
        if a.known is not None and b.known is not None:
            self.fail(node, UnsupportedType, f"{message}: {a.known} and {b.known}", "Make the lengths equal.")
        first, second = self.at_least_zero(a_length, a), self.at_least_zero(b_length, b)
        message = f"{message} (line {self.source.position(node)[0]})"
        if repeated:
            message += "; write x[:1] to repeat one element"
        raised = Raise(f'ValueError("{message}")')
        saved, self.origin = self.origin, None
        self.emit(If(Compare(("!=",), (first, second)), (raised,), ()))
        self.origin = saved

    # -- making arrays ----------------------------------------------------------------------------------------------

    def variable(self, name: str, dtype: ScalarType, ndim: int) -> Var:
        self.taken.add(name)
        return Var(name, ArrayType(dtype, ndim))  # type: ignore[arg-type]

    def site(self, node: cst.CSTNode) -> frozenset[str]:
        line, column = self.source.position(node)[:2]
        return frozenset({f"new:{line}:{column}"})

    def allocate(
        self, name: str, dtype: ScalarType, shape: Sequence[Extent], lengths: Sequence[Expr], node: cst.CSTNode,
        fill: str = "empty",
    ) -> Dynamic:  # fmt: skip
        """A new array in the variable `name`."""
        dtype = ScalarType(dtype.kind, 64) if dtype.bits == 0 else dtype
        target = self.variable(name, dtype, len(shape))
        places = tuple(self.at_least_zero(n, e) for n, e in zip(lengths, shape))
        self.emit(Allocate(target, places, fill))
        return Dynamic(name, dtype, tuple(shape), self.site(node))

    def whole(self, value: Indexed, node: cst.CSTNode, base: str = "part") -> Dynamic:
        """The value as a variable of its own: a view where it is part of one, else a stored copy."""
        if isinstance(value, Dynamic):
            return value if value.index is None else self.bind_array(self.fresh(f"{value.name}_{base}"), value, node)
        return self.store_lazy(self.fresh(base), value, node)

    def store_lazy(self, name: str, value: Lazy, node: cst.CSTNode) -> Dynamic:
        """Evaluate into a new array."""
        array = self.allocate(name, value.dtype, value.shape, value.lengths, node)
        self.fill(array, value.element, node)
        return array

    def bind_array(self, name: str, value: Indexed, node: cst.CSTNode | None = None) -> Dynamic:
        """Give an array a name: another name for the same memory, a view, or a new array."""
        node = node if node is not None else self.program.statement
        assert node is not None
        if isinstance(value, Lazy):
            return self.store_lazy(name, value, node)
        self.emit(Rebind((self.variable(name, value.dtype, len(value.shape)),), (self.view_of(value),)))
        return self.named(name, value)

    def named(self, name: str, value: Dynamic) -> Dynamic:
        return Dynamic(name, value.dtype, value.shape, value.regions)

    def view_of(self, value: Dynamic) -> View:
        base = Var(value.name, ArrayType(value.dtype, self._rank(value)))  # type: ignore[arg-type]
        if value.index is None:
            return View(base)
        texts: list[str] = []
        args: list[Expr] = []
        for part in value.index:
            if part is None:
                texts.append("None")
            elif isinstance(part, Span):
                texts.append(f"{part.lower or ''}:{part.upper or ''}")
            elif isinstance(part, Cut):
                texts.append(part.text)
                args.extend(part.args)
            else:
                texts.append("{}")
                args.append(part)
        while len(texts) > 1 and texts[-1] == ":":
            texts.pop()
        return View(base, "index", tuple(texts), tuple(args))

    def _rank(self, value: Dynamic) -> int:
        if value.index is None:
            return len(value.shape)
        return sum(p is not None for p in value.index)

    def spill(self, value: Value, node: cst.CSTNode, base: str = "values") -> Indexed:
        """An array of known shape, a tuple or list as an array of the program; a slice as a view of its own."""
        if isinstance(value, (Dynamic, Lazy)):
            return self.whole(value, node) if self.has_cut(value) else value
        if isinstance(value, Sequence_) and any(isinstance(item, (Dynamic, Lazy)) for item in value.items):
            return self.stack_rows(value, node)
        return self._spill_into(self.fresh(base), self.as_array(value, node), node)

    def _spill_into(self, name: str, known: Array, node: cst.CSTNode) -> Dynamic:
        shape = tuple(Extent(n) for n in known.shape)
        lengths = tuple(Const(n) for n in known.shape)
        array = self.allocate(name, known.dtype, shape, lengths, node)
        from .expressions import _indices

        saved, self.origin = self.origin, None
        for index, e in zip(_indices(known.shape), known.items):
            if not is_undefined(e):
                self.emit(Store(array.name, index, e))
        self.origin = saved
        return array

    def stack_rows(self, value: Sequence_, node: cst.CSTNode) -> Dynamic:
        """`np.array([u, v])`: rows of one array."""
        rows = [self.spill(item, node) for item in value.items]
        first = rows[0]
        dtype = common([r.dtype for r in rows])
        lengths = [self.length(first, axis) for axis in range(len(first.shape))]
        for row in rows[1:]:
            self.match_shapes(first, row, node)
        shape = (Extent(len(rows)), *first.shape)
        array = self.allocate(self.fresh("rows"), dtype, shape, (Const(len(rows)), *lengths), node)
        for i, row in enumerate(rows):
            part = replace(array, shape=array.shape[1:], index=(Const(i), *self.full_index(array)[1:]))
            self.fill(part, functools.partial(self.item_at, row), node)
        return array

    def match_shapes(self, a: Indexed, b: Indexed, node: cst.CSTNode) -> None:
        if len(a.shape) != len(b.shape):
            self.fail(node, UnsupportedType, "arrays of different numbers of axes meet", "Make the shapes equal.")
        for axis, (x, y) in enumerate(zip(a.shape, b.shape)):
            self.require(x, self.length(a, axis), y, self.length(b, axis), node)

    def full_index(self, value: Dynamic) -> tuple[Span, ...]:
        whole = replace(value, index=None)
        return tuple(Span(0, 0, self.length(whole, axis)) for axis in range(len(value.shape)))

    # -- elements ---------------------------------------------------------------------------------------------------

    def item_at(self, value: Value, at: Sequence[Expr]) -> Expr:
        """The element at non-negative places of an array, or a scalar itself."""
        if isinstance(value, Scalar):
            return value.expr
        if isinstance(value, Lazy):
            return value.element(tuple(at))
        if isinstance(value, Array):
            known = [i.value for i in at if isinstance(i, Const)]
            assert len(known) == len(at)
            found = self.element(value, tuple(known))
            assert isinstance(found, Scalar)
            return found.expr
        assert isinstance(value, Dynamic)
        places = iter(at)
        index: list[int | Expr] = []
        for part in value.index if value.index is not None else (None,) * 0:
            if part is None:
                next(places)
            elif isinstance(part, Span):
                index.append(_place(shifted(next(places), part.lower)))
            else:
                assert not isinstance(part, Cut)
                index.append(_place(part))
        index.extend(_place(i) for i in places)
        return Element(value.name, tuple(index), value.dtype)

    # -- loops ------------------------------------------------------------------------------------------------------

    @contextmanager
    def generated_loop(self, length: Expr, start: Expr | None = None) -> Iterator[Var]:
        """A loop over a range: its body is what is emitted meanwhile."""
        name = next((n for n in _LOOP if n not in self.taken and n not in self.program.globals), None)
        name = name or self.fresh("i")
        origin, self.origin = self.origin, None
        self.taken.add(name)
        variable = Var(name, INT64)
        with self.nested() as body:
            yield variable
        self.taken.discard(name)
        bounds = (length,) if start is None else (start, length)
        self.emit(For(variable, bounds, tuple(body), (), origin=origin))
        self.origin = origin

    def for_each(self, lengths: Sequence[Expr], body: Callable[[tuple[Expr, ...]], None]) -> None:
        """Nested loops over all places of an array."""

        def nest(places: tuple[Expr, ...]) -> None:
            if len(places) == len(lengths):
                body(places)
                return
            length = lengths[len(places)]
            if isinstance(length, Const) and length.value == 1:
                nest((*places, Const(0)))
                return
            with self.generated_loop(length) as i:
                nest((*places, i))

        nest(())

    def fill(self, target: Dynamic, element: Callable[[tuple[Expr, ...]], Expr], node: cst.CSTNode) -> None:
        """Write every element."""
        lengths = [self.length(target, axis) for axis in range(len(target.shape))]

        def store(at: tuple[Expr, ...]) -> None:
            value = element(at)
            place = self.item_at(target, at)
            self.check_kind(target.dtype, value.type, node)
            self.emit(Store(place.array, place.index, value))  # type: ignore[attr-defined]

        self.for_each(lengths, store)

    def check_kind(self, dtype: ScalarType, value: ScalarType, node: cst.CSTNode) -> None:
        """What an array cannot hold without losing part of it."""
        if dtype.kind in ("int", "bool") and value.is_differentiable:
            self.fail(
                node, UnsupportedType, "a floating-point value is written to an array of integers",
                "Make the array of floats: np.zeros(n), or dtype=np.float64.",
            )  # fmt: skip
        if dtype.kind == "float" and value.kind == "complex":
            self.fail(
                node, UnsupportedType, "a complex value is written to an array of floats",
                "Make the array complex: dtype=complex.",
            )  # fmt: skip
        if dtype.bits == 32 and value.is_differentiable and value.bits == 64:
            self.fail(
                node, UnsupportedType, "a float64 value is written to a float32 array",
                "Convert it: np.float32(...), or use one precision throughout.",
            )  # fmt: skip

    # -- elementwise ------------------------------------------------------------------------------------------------

    def lazy(self, function: Callable[..., Scalar], operands: Sequence[Value], node: cst.CSTNode) -> Lazy:
        """A scalar function over arrays, broadcast; nothing is computed yet."""
        values: list[Scalar | Indexed] = []
        for value in operands:
            if isinstance(value, Scalar):
                values.append(Scalar(self.held(value.expr), value.known))
            elif isinstance(value, Array) and value.shape == ():
                values.append(Scalar(value.items[0]))
            else:
                part = self.spill(value, node)
                values.append(self.whole(part, node) if self.has_cut(part) else part)
        arrays = [v for v in values if not isinstance(v, Scalar)]
        rank = max(len(a.shape) for a in arrays)
        shape: list[Extent] = [Extent(1)] * rank
        lengths: list[Expr] = [Const(1)] * rank
        for a in arrays:
            for axis, extent in enumerate(a.shape):
                at = axis + rank - len(a.shape)
                if extent.known == 1:
                    continue
                if shape[at].known == 1:
                    shape[at], lengths[at] = extent, self.length(a, axis)
                else:
                    self.require(shape[at], lengths[at], extent, self.length(a, axis), node, repeated=True)
                    if shape[at].known is None and extent.known is not None:
                        shape[at], lengths[at] = extent, Const(extent.known)
        parts = [v if isinstance(v, Scalar) else self._repeated(v, tuple(shape), node) for v in values]

        def element(at: tuple[Expr, ...]) -> Expr:
            scalars = []
            for part in parts:
                if isinstance(part, Scalar):
                    scalars.append(part)
                    continue
                own = at[len(at) - len(part.shape) :]
                places = [Const(0) if e.known == 1 and shape[-len(own) + n].known != 1 else i
                          for n, (e, i) in enumerate(zip(part.shape, own))]  # fmt: skip
                scalars.append(Scalar(self.item_at(part, places)))
            return function(*scalars).expr

        probe = element(tuple(Var(f"#{n}", INT64) for n in range(rank)))
        if self._stays_narrow(probe.type, values):
            wide = element

            def element(at: tuple[Expr, ...]) -> Expr:
                return narrowed(wide(at))

            probe = narrowed(probe)
        reads: list[tuple[Dynamic, bool]] = []
        for operand in parts:
            if isinstance(operand, Scalar):
                continue
            same = operand.shape == tuple(shape)
            if isinstance(operand, Dynamic):
                reads.append((operand, same))
            else:
                reads.extend((r, exact and same) for r, exact in operand.reads)
        return Lazy(probe.type, tuple(shape), tuple(lengths), element, tuple(reads))

    def _stays_narrow(self, kind: ScalarType, values: Sequence[Scalar | Indexed]) -> bool:
        """Integers beside arrays of float32 are literals to NumPy: the result is float32 (NEP 50)."""
        if not kind.is_differentiable or kind.bits != 64:
            return False
        kinds = [v.type if isinstance(v, Scalar) else v.dtype for v in values]
        literal = all(v.dtype.is_differentiable for v in values if not isinstance(v, Scalar))
        return literal and all(k.bits != 64 for k in kinds if k.is_differentiable)

    def held(self, e: Expr) -> Expr:
        """A scalar that is used once an element: computed before the loop unless it is cheap."""
        nodes = topological((e,))
        operations = sum(isinstance(n, Op) and len(n.args) == 2 for n in nodes)
        cheap = operations <= 1 and not any(isinstance(n, (Call, Helper, Element)) for n in nodes)
        return e if cheap else self.temporary("factor", e)

    def _repeated(self, value: Indexed, shape: tuple[Extent, ...], node: cst.CSTNode) -> Indexed:
        """An operand whose elements are used several times is computed first."""
        if isinstance(value, Dynamic) or value.shape == shape:
            return value
        probe = value.element(tuple(Var(f"#{n}", INT64) for n in range(len(value.shape))))
        if any(isinstance(n, Call) for n in topological((probe,))):
            return self.whole(value, node, "factor")
        return value

    def has_cut(self, value: Value) -> bool:
        return isinstance(value, Dynamic) and any(isinstance(p, Cut) for p in value.index or ())

    # -- writing ----------------------------------------------------------------------------------------------------

    def write(self, target: Dynamic, value: Value, node: cst.CSTNode) -> None:
        """`target[...] = value`, with NumPy's meaning where both share memory."""
        self.check_dynamic_write(target, node)
        if self.has_cut(target):
            target = self.whole(target, node)
        if not target.shape:
            e = self.as_scalar(value, node).expr
            place = self.item_at(target, ())
            self.check_kind(target.dtype, e.type, node)
            self.emit(Store(place.array, place.index, e))  # type: ignore[attr-defined]
            return
        if isinstance(value, Scalar):
            e = self.held(value.expr)
            self.fill(target, lambda at: e, node)
            return
        source = self.spill(value, node)
        if self.has_cut(source):
            source = self.whole(source, node)
        extra = len(source.shape) - len(target.shape)
        if extra > 0:
            self.fail(node, UnsupportedType, "an array of more axes than its place has is written", "Index it first.")
        for axis, extent in enumerate(source.shape):
            at = axis - extra
            if extent.known != 1 or target.shape[at].known == 1:
                self.require(
                    target.shape[at], self.length(target, at), extent, self.length(source, axis), node,
                    "an array is written to a place of another length", repeated=True,
                )  # fmt: skip
        if self.overlaps(target, source):
            source = self.copied(source, node)
        aligned = source

        def element(at: tuple[Expr, ...]) -> Expr:
            own = at[-extra:] if extra else at
            places = [Const(0) if e.known == 1 else i for e, i in zip(aligned.shape, own)]
            return self.item_at(aligned, places)

        self.fill(target, element, node)

    def copied(self, value: Indexed, node: cst.CSTNode) -> Dynamic:
        """A stored copy, whatever happens to the original."""
        lazy = value if isinstance(value, Lazy) else self.lazy(lambda x: x, [value], node)
        return self.store_lazy(self.fresh("copied"), lazy, node)

    def overlaps(self, target: Dynamic, source: Indexed) -> bool:
        """Whether writing one element may change what another is computed from."""
        reads = ((source, True),) if isinstance(source, Dynamic) else source.reads
        for read, same in reads:
            if read.regions & target.regions:
                alike = read.name == target.name and self._same_index(read, target)
                if not (same and alike and read.shape == target.shape):
                    return True
        return False

    def _same_index(self, a: Dynamic, b: Dynamic) -> bool:
        return (a.index or self.full_index(a)) == (b.index or self.full_index(b))

    def check_dynamic_write(self, target: Dynamic, node: cst.CSTNode) -> None:
        for region in sorted(target.regions):
            if region in self.views_or_copies:
                self.fail(
                    node, UnsupportedType, f"an array is written, but {self.views_or_copies[region]}",
                    "Copy it first: x = x.copy().",
                )  # fmt: skip
            if region.startswith("constant:"):
                name = region.partition(":")[2]
                self.fail(
                    node, UnsupportedType, f"an array is written, but {name} is a constant outside the function",
                    "Copy it first: x = x.copy().",
                )  # fmt: skip
            if region.startswith("param:"):
                self.note_write(region.partition(":")[2], node)

    def note_write(self, name: str, node: cst.CSTNode) -> None:
        raise NotImplementedError

    def matmul(self, left: Value, right: Value, node: cst.CSTNode) -> Value:
        raise NotImplementedError

    def as_array(self, value: Value, node: cst.CSTNode) -> Array:
        raise NotImplementedError

    # -- names ------------------------------------------------------------------------------------------------------

    def place_dynamic(self, name: str, value: Indexed, batch: list[tuple[Var, View]]) -> Dynamic:
        """The value under a name; bindings of whole arrays and views are collected, to be made in parallel."""
        node = self.program.statement
        assert node is not None
        if isinstance(value, Lazy):
            is_read = self.is_number(name) or any(r.name == name for r, _ in value.reads)
            if not batch and not is_read:
                return self.store_lazy(name, value, node)
            value = self.store_lazy(self.fresh(f"{name}_new"), value, node)
        if not (value.index is None and value.name == name):
            batch.append((self.variable(name, value.dtype, len(value.shape)), self.view_of(value)))
        return self.named(name, value)

    def is_number(self, name: str) -> bool:
        """Whether a name stands for a number so far, which the elements of its array may be computed from."""
        return isinstance(self.environment.get(name), Scalar)

    def release(self, name: str) -> None:
        given = self.parameter_arrays.get(name)
        if self.entry and isinstance(given, Array):
            self.promote([given])

    parameter_arrays: dict[str, Value]
    entry: bool

    def own_array(self, base: str, value: Indexed) -> Dynamic:
        """The array in a variable that nothing else changes."""
        node = self.program.statement
        assert node is not None
        if isinstance(value, Lazy):
            return self.store_lazy(self.fresh(base), value, node)
        if value.index is None and value.name not in self.unstable:
            self.relied.add(value.name)
            return value
        return self.bind_array(self.fresh(base), value, node)

    def spilled(self, name: str, value: Array, frozen: str | None = None) -> Dynamic:
        """An array of known shape whose places are not known when compiling; `frozen` says why none is written."""
        assert self.program.statement is not None
        array = self._spill_into(name, value, self.program.statement)
        if frozen:
            self.views_or_copies.update(dict.fromkeys(array.regions, frozen))
        return array

    def constant_table(self, found: Any, text: str, node: cst.CSTNode) -> Value:
        """A constant array that stays one, at the head of the module."""
        import numpy as np

        if found.size > 10_000:
            self.fail(
                node, UnsupportedType, f"the constant array {text} has {found.size} elements",
                "Pass it as an argument: the emitted text would hold them all.",
            )  # fmt: skip
        kinds = {"f": FLOAT64, "c": COMPLEX128, "i": INT64, "u": INT64, "b": BOOL}
        kind = kinds[found.dtype.kind]
        if found.dtype in (np.dtype("f4"), np.dtype("c8")):
            kind = ScalarType(kind.kind, 32)
        name = self.name_of_constant(text)
        suffix = "" if kind in (FLOAT64, INT64, BOOL) else f", np.{kind.numpy}"
        held = self.program.table(name, f"np.array({_nested_text(found.tolist())}{suffix})")
        return Dynamic(held, kind, tuple(Extent(n) for n in found.shape), frozenset({f"constant:{text}"}))

    def assign_scalar(self, name: str, e: Expr) -> Var:
        """A number in a variable that generated code changes."""
        variable = Var(self.fresh(name), e.type if e.type.bits else ScalarType(e.type.kind, 64))
        self.unstable.add(variable.name)
        self.emit(Assign((variable,), (e,)))
        return variable


def shifted(i: Expr, by: int) -> Expr:
    """`i + by` with literals folded."""
    if by == 0:
        return i
    if isinstance(i, Const):
        return Const(i.value + by)
    return Op("+" if by > 0 else "-", i, Const(abs(by)))


def narrowed(e: Expr) -> Expr:
    """The same operation with a result in single precision, as NumPy has it for arrays."""
    return Op(e.op, *e.args, type=ScalarType(e.type.kind, 32)) if isinstance(e, Op) else e


def _place(i: Expr) -> int | Expr:
    """An index as the statements hold it."""
    return i.value if isinstance(i, Const) and not i.named and isinstance(i.value, int) else i


def _nested_text(value: Any) -> str:
    """A nested list of numbers as text that gives the same numbers."""
    if isinstance(value, list):
        return f"[{', '.join(map(_nested_text, value))}]"
    return literal(value)
