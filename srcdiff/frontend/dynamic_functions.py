"""NumPy's functions on arrays whose lengths are known at run time: new arrays, shapes, selection, joining."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import libcst as cst

from ..errors import UnsupportedCall, UnsupportedType
from ..ir.expr import Call, Compare, Const, Expr, Logic, Op, Select
from ..ir.statements import Assign, If, Rebind, Store, View
from ..ir.types import FLOAT64, INT64, ScalarType, common, promote
from .dtypes import converted, dtype_of
from .dynamic import Indexed, shifted
from .extents import Extent
from .values import Cut, Dynamic, Lazy, Object, Scalar, Sequence_, Span, Value

if TYPE_CHECKING:
    from .dynamic_reductions import DynamicReductions

__all__ = ["DYNAMIC", "MAKERS", "dynamic_function", "only", "ordered"]

Function = Callable[["DynamicReductions", list[Value], dict[str, Value], cst.Call], Value]
DYNAMIC: dict[str, Function] = {}
"""By the names under which NumPy has them."""

MAKERS = frozenset({"zeros", "ones", "empty", "full", "eye", "identity", "arange", "linspace"})
"""Functions that make an array of a given length."""


def dynamic_function(*names: str) -> Callable[[Function], Function]:
    def register(f: Function) -> Function:
        for name in names:
            DYNAMIC[name] = f
        return f

    return register


def only(self: DynamicReductions, keywords: dict[str, Value], allowed: Sequence[str], node: cst.Call) -> None:
    """Refuse keywords that would be ignored."""
    for key in keywords:
        if key not in allowed:
            self.fail(node, UnsupportedCall, f"{self.source.code(node.func)} takes no {key}= here", "Leave it out.")


def _argument(arguments: list[Value], keywords: dict[str, Value], place: int, name: str) -> Value | None:
    return keywords[name] if name in keywords else arguments[place] if len(arguments) > place else None


def _shape(self: DynamicReductions, value: Value, node: cst.Call) -> tuple[list[Extent], list[Expr]]:
    """The argument of `np.zeros` and its like."""
    extents: list[Extent] = []
    lengths: list[Expr] = []
    for item in value.items if isinstance(value, Sequence_) else [value]:
        scalar = self.as_scalar(item, node)
        if scalar.type.kind not in ("int", "bool"):
            self.fail(node, UnsupportedType, "the length of an array must be an integer", "Convert it with int(...).")
        extent = self.extent_of(scalar)
        extents.append(extent)
        lengths.append(Const(extent.known) if extent.known is not None else scalar.expr)
    return extents, lengths


def _new(
    self: DynamicReductions, extents: Sequence[Extent], lengths: Sequence[Expr], dtype: ScalarType, node: cst.Call,
    fill: str,
) -> Dynamic:  # fmt: skip
    return self.allocate(self.target_name(node), dtype, extents, lengths, node, fill)


@dynamic_function("zeros", "empty")
def _zeros(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("dtype", "shape"), node)
    extents, lengths = _shape(self, keywords.get("shape") or arguments[0], node)
    dtype = dtype_of(self, _argument(arguments, keywords, 1, "dtype"), node) or FLOAT64
    kind = self.source.code(node.func).rpartition(".")[2]
    return _new(self, extents, lengths, dtype, node, "empty" if kind.startswith("empty") else "zeros")


@dynamic_function("ones")
def _ones(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("dtype", "shape"), node)
    extents, lengths = _shape(self, keywords.get("shape") or arguments[0], node)
    dtype = dtype_of(self, _argument(arguments, keywords, 1, "dtype"), node) or FLOAT64
    return _constant(self, extents, lengths, _one(dtype), dtype)


def _one(dtype: ScalarType) -> Expr:
    return Const({"int": 1, "bool": True}.get(dtype.kind, 1.0))


def _constant(
    self: DynamicReductions, extents: Sequence[Extent], lengths: Sequence[Expr], e: Expr, dtype: ScalarType
) -> Lazy:
    places = tuple(self.at_least_zero(n, x) for n, x in zip(lengths, extents))
    return Lazy(dtype, tuple(extents), places, lambda at: e, ())


@dynamic_function("full")
def _full(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("dtype", "shape", "fill_value"), node)
    extents, lengths = _shape(self, keywords.get("shape") or arguments[0], node)
    value = _argument(arguments, keywords, 1, "fill_value")
    assert value is not None
    e = self.as_scalar(value, node).expr
    dtype = dtype_of(self, _argument(arguments, keywords, 2, "dtype"), node) or e.type
    dtype = dtype if dtype.bits else ScalarType(dtype.kind, 64)
    return _constant(self, extents, lengths, self.held(converted(self, e, dtype, node)), dtype)


@dynamic_function("zeros_like", "empty_like")
def _zeros_like(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("dtype",), node)
    source = self.spill(arguments[0], node)
    dtype = dtype_of(self, _argument(arguments, keywords, 1, "dtype"), node) or source.dtype
    kind = self.source.code(node.func).rpartition(".")[2]
    lengths = [self.length(source, axis) for axis in range(len(source.shape))]
    return _new(self, source.shape, lengths, dtype, node, "empty" if kind.startswith("empty") else "zeros")


@dynamic_function("ones_like", "full_like")
def _ones_like(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("dtype", "fill_value"), node)
    source = self.spill(arguments[0], node)
    full = self.source.code(node.func).endswith("full_like")
    dtype = dtype_of(self, _argument(arguments, keywords, 2 if full else 1, "dtype"), node) or source.dtype
    lengths = [self.length(source, axis) for axis in range(len(source.shape))]
    if not full:
        return _constant(self, source.shape, lengths, _one(dtype), dtype)
    value = _argument(arguments, keywords, 1, "fill_value")
    assert value is not None
    e = converted(self, self.as_scalar(value, node).expr, dtype, node)
    return _constant(self, source.shape, lengths, self.held(e), dtype)


@dynamic_function("eye", "identity")
def _eye(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("dtype", "k"), node)
    shape = Sequence_([arguments[0], arguments[1] if len(arguments) > 1 else arguments[0]])
    offset = _argument(arguments, keywords, 2, "k")
    k = 0 if offset is None else self._known_index(offset, node)
    extents, lengths = _shape(self, shape, node)
    dtype = dtype_of(self, keywords.get("dtype"), node) or FLOAT64

    one, zero = converted(self, Const(1.0), dtype, node), converted(self, Const(0.0), dtype, node)

    def element(at: tuple[Expr, ...]) -> Expr:
        return Select(Compare(("==",), (shifted(at[0], k), at[1])), one, zero)

    return Lazy(dtype, tuple(extents), tuple(lengths), element, ())


@dynamic_function("arange")
def _arange(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("dtype",), node)
    scalars = [self.as_scalar(a, node) for a in arguments]
    if any(s.type.kind != "int" for s in scalars):
        self.fail(node, UnsupportedCall, "np.arange of floating-point numbers", "Use np.linspace, or scale integers.")
    start = scalars[0] if len(scalars) > 1 else Scalar(Const(0), 0)
    stop = scalars[1] if len(scalars) > 1 else scalars[0]
    if len(scalars) > 2 and scalars[2].constant != 1:
        self.fail(node, UnsupportedCall, "np.arange with a step here", "Scale np.arange(n).")
    extent = self.extent_of(stop) - self.extent_of(start)
    length = self.spell(extent) or self.scalar_binary("-", stop, start, node).expr
    dtype = dtype_of(self, keywords.get("dtype"), node) or INT64

    def element(at: tuple[Expr, ...]) -> Expr:
        i = shifted(at[0], start.constant) if isinstance(start.constant, int) else Op("+", start.expr, at[0])
        return Call("cast", (i,), dtype, "float") if dtype.is_differentiable else i

    return Lazy(dtype, (extent,), (length,), element, ())


@dynamic_function("linspace")
def _linspace(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("num",), node)
    start, stop = (self.temporary("start", self.as_scalar(a, node).expr) for a in arguments[:2])
    count = _argument(arguments, keywords, 2, "num")
    if count is None:
        self.fail(node, UnsupportedCall, "np.linspace without the number of points here", "Say how many: num=50.")
    (extent,), (length,) = _shape(self, count, node)
    one_less = Op("-", length, Const(1))
    step = self.temporary("step", Op("/", Op("-", stop, start), Call("max", (one_less, Const(1)), INT64, "max")))

    def element(at: tuple[Expr, ...]) -> Expr:
        last = Compare(("==",), (at[0], one_less))
        inner = Op("+", start, Op("*", at[0], step))
        return Select(Logic("and", last, Compare((">",), (length, Const(1)))), stop, inner)

    return Lazy(promote(start.type, stop.type, FLOAT64), (extent,), (length,), element, ())


@dynamic_function("array", "asarray", "ascontiguousarray", "copy", "asfortranarray", "astype", "flatten")
def _copy(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("dtype", "copy"), node)
    name = self.source.code(node.func).rpartition(".")[2]
    converts = name not in ("copy", "flatten")
    dtype = dtype_of(self, _argument(arguments, keywords, 1, "dtype") if converts else None, node)
    if isinstance(arguments[0], Sequence_):
        source: Indexed = self.stack_rows(arguments[0], node)
        if dtype in (None, source.dtype):
            return source
    else:
        source = self.spill(arguments[0], node)
    if dtype is not None and dtype != source.dtype:
        return self.lazy(lambda x: Scalar(converted(self, x.expr, dtype, node)), [source], node)
    if isinstance(source, Lazy):
        return source
    if name in ("asarray", "ascontiguousarray", "asfortranarray"):
        if name != "asarray":
            self.note_ambiguous(source, f"np.{name} copies or not, depending on the layout")
        return source
    base = self.whole(source, node)
    target = self.target_name(node)
    kind = "flatten" if name == "flatten" else "copy"
    rank = 1 if name == "flatten" else len(base.shape)
    view = View(self.variable(base.name, base.dtype, len(base.shape)), kind)
    self.emit(Rebind((self.variable(target, base.dtype, rank),), (view,)))
    shape = (self.product_extent(base),) if name == "flatten" else base.shape
    return Dynamic(target, base.dtype, shape, self.site(node))


@dynamic_function("reshape")
def _reshape(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, (), node)
    wanted = arguments[1] if len(arguments) == 2 else Sequence_(arguments[1:])
    items = wanted.items if isinstance(wanted, Sequence_) else [wanted]
    base = self.whole(self.spill(arguments[0], node), node)
    open_ = [i for i, item in enumerate(items) if isinstance(item, Scalar) and item.constant == -1]
    if len(open_) > 1:
        self.fail(node, UnsupportedCall, "reshape with two lengths of -1", "Give all lengths but one.")
    extents: list[Extent] = []
    lengths: list[Expr] = []
    for i, item in enumerate(items):
        if i in open_:
            extents.append(Extent())
            lengths.append(Const(-1))
            continue
        (extent,), (length,) = _shape(self, item, node)
        extents.append(extent)
        lengths.append(length)
    total = self.size_of(base)
    product: Expr = Const(1)
    for length in (n for i, n in enumerate(lengths) if i not in open_):
        product = length if isinstance(product, Const) and product.value == 1 else Op("*", product, length)
    if open_:
        one = isinstance(product, Const) and product.value == 1
        lengths[open_[0]] = total if one else self.temporary("length", Op("//", total, product))
        extents[open_[0]] = self.product_extent(base) if one else self.unknown_extent()
        product = Op("*", lengths[open_[0]], product)
    if not open_ or not one:
        raised = self.raised("the array cannot be reshaped to these lengths", node)
        self.emit(If(Compare(("!=",), (product, total)), (raised,), ()))
    view = View(
        self.variable(base.name, base.dtype, len(base.shape)), "reshape", tuple("{}" for _ in lengths), tuple(lengths)
    )
    name = self.fresh(f"{base.name}_shaped")
    self.note_ambiguous(base, "reshape copies or not, depending on the layout")
    self.emit(Rebind((self.variable(name, base.dtype, len(lengths)),), (view,)))
    return Dynamic(name, base.dtype, tuple(extents), base.regions)


@dynamic_function("ravel")
def _ravel(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, (), node)
    value = self.spill(arguments[0], node)
    return value if len(value.shape) == 1 else _reshape(self, [value, Scalar(Const(-1), -1)], {}, node)


@dynamic_function("transpose")
def _transpose(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    value = self.spill(arguments[0], node)
    rest = arguments[1].items if len(arguments) == 2 and isinstance(arguments[1], Sequence_) else arguments[1:]
    axes = tuple(self._known_index(v, node) for v in rest) or tuple(range(len(value.shape)))[::-1]
    rank = len(value.shape)
    return self.transposed(value, tuple(a % rank for a in axes), node)


@dynamic_function("squeeze")
def _squeeze(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    value = self.spill(arguments[0], node)
    if any(e.known is None for e in value.shape):
        self.fail(node, UnsupportedCall, "np.squeeze of axes of unknown length", "Index the axis of one element.")
    parts: list[Any] = [Scalar(Const(0), 0) if e.known == 1 else Span(0, 0, self.length(value, axis))
                        for axis, e in enumerate(value.shape)]  # fmt: skip
    return self.take(self.whole(value, node), parts, node)


@dynamic_function("diag", "diagonal")
def _diag(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("k", "offset"), node)
    offset = keywords.get("offset") or _argument(arguments, keywords, 1, "k")
    k = 0 if offset is None else self._known_index(offset, node)
    a = self.steady(arguments[0], node)
    n = self.length(a, 0)
    if len(a.shape) == 1:
        size, last = shifted(n, abs(k)), shifted(n, -1)

        def spread(at: tuple[Expr, ...]) -> Expr:
            place = at[0] if k >= 0 else at[1]
            inside = Call("min", (place, last), INT64, "min") if k else place
            return Select(Compare(("==",), (shifted(at[0], k), at[1])), self.item_at(a, (inside,)), Const(0.0))

        return self.remapped(a, [a.shape[0] + Extent(abs(k))] * 2, [size, size], spread)
    if a.shape[0] != a.shape[1]:
        self.require(a.shape[0], n, a.shape[1], self.length(a, 1), node, "np.diag of a matrix that is not square")

    self.note_read_only_view(a, "np.diag gives a view of it", node)

    def along(at: tuple[Expr, ...]) -> Expr:
        return self.item_at(a, (shifted(at[0], max(0, -k)), shifted(at[0], max(0, k))))

    return self.remapped(a, [a.shape[0] - Extent(abs(k))], [shifted(n, -abs(k))], along)


@dynamic_function("flip", "flipud")
def _flip(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("axis",), node)
    a = self.steady(arguments[0], node)
    rank = len(a.shape)
    place = _argument(arguments, keywords, 1, "axis")
    if self.source.code(node.func).endswith("flipud"):
        return _flipped(self, a, (0,), node)
    axes = tuple(range(rank)) if place is None else (self._known_index(place, node) % rank,)
    return _flipped(self, a, axes, node)


@dynamic_function("roll")
def _roll(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("axis", "shift"), node)
    a = self.steady(arguments[0], node)
    shift = _argument(arguments, keywords, 1, "shift")
    axis_value = _argument(arguments, keywords, 2, "axis")
    assert shift is not None
    rank = len(a.shape)
    if axis_value is None and rank > 1:
        self.fail(node, UnsupportedCall, "np.roll of a matrix without axis=", "Name the axis.")
    axis = 0 if axis_value is None else self._known_index(axis_value, node) % rank
    by = self.as_scalar(shift, node)
    n = self.length(a, axis)

    def element(at: tuple[Expr, ...]) -> Expr:
        i = at[axis]
        back = shifted(i, -by.constant) if isinstance(by.constant, int) else Op("-", i, by.expr)
        places = list(at)
        places[axis] = Op("%", back, n)
        return self.item_at(a, places)

    return self.remapped(a, a.shape, [self.length(a, x) for x in range(rank)], element)


@dynamic_function("diff")
def _diff(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("axis",), node)
    if len(arguments) > 1:
        self.fail(node, UnsupportedCall, "np.diff of higher order", "Call it again.")
    a = self.steady(arguments[0], node)
    rank = len(a.shape)
    axis = self._known_index(keywords["axis"], node) % rank if "axis" in keywords else rank - 1
    shape = [e - Extent(axis == n) for n, e in enumerate(a.shape)]
    lengths = [self.length(a, n) for n in range(rank)]
    lengths[axis] = self.spell(shape[axis]) or Op("-", lengths[axis], Const(1))

    def element(at: tuple[Expr, ...]) -> Expr:
        after = list(at)
        after[axis] = shifted(at[axis], 1)
        return Op("-", self.item_at(a, after), self.item_at(a, at))

    return self.remapped(a, shape, lengths, element)


@dynamic_function("where")
def _where(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    if len(arguments) == 1:
        return _nonzero(self, arguments, keywords, node)
    if len(arguments) != 3:
        self.fail(node, UnsupportedCall, "np.where takes three arguments here", "Give both alternatives.")

    def pick(c: Scalar, a: Scalar, b: Scalar) -> Scalar:
        return Scalar(Select(c.expr, a.expr, b.expr))

    return self.lazy(pick, arguments, node)


@dynamic_function("clip")
def _clip(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("a_min", "a_max", "min", "max"), node)
    low = keywords.get("a_min", keywords.get("min", arguments[1] if len(arguments) > 1 else Object(None)))
    high = keywords.get("a_max", keywords.get("max", arguments[2] if len(arguments) > 2 else Object(None)))
    result = arguments[0]
    for bound, name in ((low, "maximum"), (high, "minimum")):
        if not isinstance(bound, Object):
            def chosen(x: Scalar, y: Scalar, name: str = name) -> Scalar:
                return Scalar(Call(name, (x.expr, y.expr), promote(x.type, y.type), f"np.{name}"))

            result = self.lazy(chosen, [result, bound], node)
    return result


@dynamic_function("concatenate", "hstack", "append")
def _concatenate(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("axis",), node)
    name = self.source.code(node.func).rpartition(".")[2]
    given = arguments[:2] if name == "append" else self.items_of(arguments[0], node)
    parts = [self.steady(p if not isinstance(p, Scalar) else self.array([p.expr], (1,)), node) for p in given]
    rank = len(parts[0].shape)
    place = _argument(arguments, keywords, 2 if name == "append" else 1, "axis")
    axis = self._known_index(place, node) % rank if place is not None else (1 if name == "hstack" and rank > 1 else 0)
    dtype = common([p.dtype for p in parts])
    for other in parts[1:]:
        if len(other.shape) != rank:
            self.fail(node, UnsupportedType, f"np.{name} of arrays of different numbers of axes", "Reshape them.")
        for n in range(rank):
            if n != axis:
                self.require(parts[0].shape[n], self.length(parts[0], n), other.shape[n], self.length(other, n), node)
    extent = Extent()
    exact = not any(p.shape[axis].may_be_negative for p in parts)
    starts: list[Expr] = []
    running: Expr = Const(0)
    for p in parts:
        starts.append(running)
        size = self.true_length(p, axis)
        extent = extent + p.shape[axis]
        if isinstance(running, Const) and isinstance(size, Const):
            running = Const(running.value + size.value)
        elif isinstance(running, Const) and running.value == 0:
            running = size
        else:
            running = Op("+", running, size)
    shape = list(parts[0].shape)
    lengths = [self.length(parts[0], n) for n in range(rank)]
    shape[axis], lengths[axis] = (extent if exact else self.unknown_extent()), running
    result = _new(self, shape, lengths, dtype, node, "empty")
    for p, start in zip(parts, starts):
        def body(at: tuple[Expr, ...], p: Indexed = p, start: Expr = start) -> None:
            places = list(at)
            if isinstance(start, Const):
                places[axis] = shifted(at[axis], start.value)
            else:
                places[axis] = Op("+", start, at[axis])
            target = self.item_at(result, places)
            self.emit(Store(target.array, target.index, self.item_at(p, at)))  # type: ignore[attr-defined]

        self.for_each([self.length(p, n) for n in range(rank)], body)
    return result


@dynamic_function("stack", "vstack", "column_stack")
def _stack(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("axis",), node)
    name = self.source.code(node.func).rpartition(".")[2]
    items = self.items_of(arguments[0], node)
    parts = [self.steady(p, node) for p in items]
    if name != "stack" and any(len(p.shape) != 1 for p in parts):
        if name == "vstack":
            return _concatenate(self, [arguments[0]], {"axis": Scalar(Const(0), 0)}, node)
        self.fail(node, UnsupportedCall, f"np.{name} of matrices", "Use np.concatenate with axis=1.")
    rows = self.stack_rows(Sequence_(list(parts)), node)
    place = _argument(arguments, keywords, 1, "axis") if name == "stack" else None
    rank = len(rows.shape)
    axis = self._known_index(place, node) % rank if place is not None else (1 if name == "column_stack" else 0)
    if axis == 0:
        return rows
    order = list(range(1, rank))
    order.insert(axis, 0)
    return self.copied(self.remapped_axes(rows, tuple(order)), node)


@dynamic_function("tile")
def _tile(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.steady(arguments[0], node)
    (count,), (times,) = _shape(self, arguments[1], node)
    if len(a.shape) != 1:
        self.fail(node, UnsupportedCall, "np.tile of a matrix", "Use np.concatenate.")
    n = self.true_length(a, 0)
    extent = a.shape[0].scaled(count.known) if count.known is not None else self.unknown_extent()
    return self.remapped(a, [extent], [Op("*", n, times)], lambda at: self.item_at(a, (Op("%", at[0], n),)))


@dynamic_function("repeat")
def _repeat(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, (), node)
    a = self.steady(arguments[0], node)
    (count,), (times,) = _shape(self, arguments[1], node)
    if len(a.shape) != 1:
        self.fail(node, UnsupportedCall, "np.repeat of a matrix", "Write a loop.")
    n = self.true_length(a, 0)
    extent = a.shape[0].scaled(count.known) if count.known is not None else self.unknown_extent()
    return self.remapped(a, [extent], [Op("*", n, times)], lambda at: self.item_at(a, (Op("//", at[0], times),)))


@dynamic_function("fill")
def _fill(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    target, value = arguments
    assert isinstance(target, Dynamic)
    self.write(target, Scalar(self.as_scalar(value, node).expr), node)
    return Object(None, "None")


@dynamic_function("size")
def _size(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.spill(arguments[0], node)
    return Scalar(self.size_of(a)) if len(a.shape) != 1 else self.length_scalar(a, 0)


@dynamic_function("shape")
def _shape_tuple(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.spill(arguments[0], node)
    return Sequence_([self.length_scalar(a, axis) for axis in range(len(a.shape))])


@dynamic_function("real", "imag")
def _part(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    name = self.source.code(node.func).rpartition(".")[2]
    given = arguments[0]
    if name == "real" and isinstance(given, (Dynamic, Lazy)) and given.dtype.kind != "complex":
        return given
    return self.lazy(lambda x: self.part(name, x), arguments[:1], node)


@dynamic_function("triu", "tril")
def _triangle(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("k",), node)
    a = self.steady(arguments[0], node)
    diagonal = _argument(arguments, keywords, 1, "k")
    k = 0 if diagonal is None else self._known_index(diagonal, node)
    op = ">=" if self.source.code(node.func).endswith("triu") else "<="

    def element(at: tuple[Expr, ...]) -> Expr:
        inside = Compare((op,), (at[1], shifted(at[0], k)))
        return Select(inside, self.item_at(a, at), Const(0.0))

    return self.remapped(a, a.shape, [self.length(a, n) for n in range(2)], element)


@dynamic_function("interp")
def _interp(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    """Piecewise linear; the derivative is that of the piece, at a knot the one to its right."""
    only(self, keywords, (), node)
    x, xp, fp = arguments
    knots, values = (self.whole(self.spill(v, node), node) for v in (xp, fp))
    self.match_shapes(knots, values, node)
    last = self.temporary("last", Op("-", self.length(knots, 0), Const(1)))

    def one(e: Expr) -> Expr:
        point = self.temporary_copy("point", e)
        result = self.assign_scalar("interpolated", self.item_at(values, (Const(0),)))
        place = self.assign_scalar("place", Const(0))
        with self.nested() as above:
            self.emit(Assign((result,), (self.item_at(values, (last,)),)))
        with self.nested() as inside:
            with self.nested() as body:
                self.emit(Assign((place,), (Op("+", place, Const(1)),)))
            from ..ir.statements import While

            following = shifted(place, 1)
            going = Compare(("<=",), (self.item_at(knots, (following,)), point))
            self.emit(While(going, tuple(body), ()))
            x0, x1 = self.item_at(knots, (place,)), self.item_at(knots, (following,))
            y0, y1 = self.item_at(values, (place,)), self.item_at(values, (following,))
            slope = Op("/", Op("-", y1, y0), Op("-", x1, x0))
            self.emit(Assign((result,), (Op("+", y0, Op("*", slope, Op("-", point, x0))),)))
        with self.nested() as outer:
            self.emit(If(Compare(("<",), (point, self.item_at(knots, (last,)))), tuple(inside), tuple(above)))
        self.emit(If(Compare((">=",), (point, self.item_at(knots, (Const(0),)))), tuple(outer), ()))
        self.emit(If(Compare(("!=",), (point, point)), (Assign((result,), (point,)),), ()))
        return result

    if isinstance(x, Scalar):
        return Scalar(one(x.expr))
    points = self.steady(x, node)
    rank = len(points.shape)
    lengths = [self.length(points, n) for n in range(rank)]
    result = _new(self, points.shape, lengths, promote(points.dtype, values.dtype), node, "empty")

    def body(at: tuple[Expr, ...]) -> None:
        target = self.item_at(result, at)
        self.emit(Store(target.array, target.index, one(self.item_at(points, at))))  # type: ignore[attr-defined]

    self.for_each([self.length(points, n) for n in range(rank)], body)
    return result





@dynamic_function("take")
def _take(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("axis",), node)
    a = self.steady(arguments[0], node)
    place, along = arguments[1], _argument(arguments, keywords, 2, "axis")
    if along is None and len(a.shape) != 1:
        self.fail(node, UnsupportedCall, "np.take of a matrix without axis=", "Name the axis, or index it: a[index].")
    axis = 0 if along is None else self._known_index(along, node) % len(a.shape)
    parts: list[Any] = [Span(0, 0, self.length(a, n)) for n in range(len(a.shape))]
    parts[axis] = self.index_entry(place, node)
    return self.take(a, parts, node)


@dynamic_function("expand_dims")
def _expand_dims(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, ("axis",), node)
    a = self.steady(arguments[0], node)
    place = _argument(arguments, keywords, 1, "axis")
    assert place is not None
    axis = self._known_index(place, node) % (len(a.shape) + 1)
    base = self.whole(a, node)
    parts: list[Any] = list(self.full_index(base))
    parts.insert(axis, None)
    return self.take(base, parts, node)


@dynamic_function("broadcast_to")
def _broadcast_to(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.steady(arguments[0], node)
    self.note_read_only_view(a, "np.broadcast_to gives a view of it", node)
    extents, lengths = _shape(self, arguments[1], node)
    extra = len(extents) - len(a.shape)
    for n, extent in enumerate(a.shape):
        if extent.known != 1:
            self.require(extent, self.length(a, n), extents[extra + n], lengths[extra + n], node)

    def element(at: tuple[Expr, ...]) -> Expr:
        return self.item_at(a, [Const(0) if e.known == 1 else i for e, i in zip(a.shape, at[extra:])])

    return self.remapped(a, extents, lengths, element)


@dynamic_function("kron")
def _kron(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a, b = (self.steady(v, node) for v in arguments)
    if len(a.shape) != len(b.shape):
        self.fail(node, UnsupportedCall, "np.kron of arrays of different numbers of axes", "Reshape them.")
    rank = len(a.shape)
    inner = [self.true_length(b, n) for n in range(rank)]
    lengths = [Op("*", self.true_length(a, n), inner[n]) for n in range(rank)]

    def element(at: tuple[Expr, ...]) -> Expr:
        outer = [Op("//", i, n) for i, n in zip(at, inner)]
        return Op("*", self.item_at(a, outer), self.item_at(b, [Op("%", i, n) for i, n in zip(at, inner)]))

    reads = tuple((v, False) for v in (a, b) if isinstance(v, Dynamic))
    shape = tuple(self.unknown_extent() for _ in range(rank))
    return Lazy(promote(a.dtype, b.dtype), shape, tuple(lengths), element, reads)


@dynamic_function("split", "array_split")
def _split(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    """Equal parts of a vector, as views."""
    only(self, keywords, (), node)
    a = self.steady(arguments[0], node)
    count = self._known_index(arguments[1], node) if isinstance(arguments[1], Scalar) else 0
    if count < 1 or len(a.shape) != 1 or not self.source.code(node.func).endswith(".split"):
        self.fail(node, UnsupportedCall, "np.split other than of a vector into equal parts", "Use slices.")
    base = self.whole(a, node)
    n = self.length(base, 0)
    remainder = Compare(("!=",), (Op("%", n, Const(count)), Const(0)))
    self.emit(If(remainder, (self.raised(f"the array cannot be split into {count} equal parts", node),), ()))
    part = self.temporary("part", Op("//", n, Const(count)))
    extent = self.extent_of(Scalar(part))
    pieces: list[Value] = []
    for i in range(count):
        bounds = (Op("*", Const(i), part), Op("*", Const(i + 1), part))
        cut = Dynamic(base.name, base.dtype, (extent,), base.regions, (Cut("{}:{}", bounds),))
        pieces.append(self.bind_array(self.fresh(f"{base.name}_{i}"), cut, node))
    return Sequence_(pieces, is_list=True)


@dynamic_function("nonzero", "flatnonzero")
def _nonzero(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.steady(arguments[0], node)
    if len(a.shape) != 1:
        self.fail(node, UnsupportedCall, "np.nonzero of a matrix", "Loop over its places.")

    def nonzero(x: Scalar) -> Scalar:
        return x if x.type.kind == "bool" else Scalar(Compare(("!=",), (x.expr, Const(0))))

    test = self.lazy(nonzero, [a], node)
    places = Lazy(INT64, a.shape, (self.length(a, 0),), lambda at: at[0], ())
    found = self._compress(places, test, node)
    return found if self.source.code(node.func).endswith("flatnonzero") else Sequence_([found])


@dynamic_function("angle")
def _angle(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, (), node)

    def angle(z: Scalar) -> Scalar:
        if z.type.kind != "complex":
            self.fail(node, UnsupportedCall, "np.angle of real numbers", "It is zero or pi.")
        kind = ScalarType("float", z.type.bits)
        return Scalar(Call("atan2", (self.part("imag", z).expr, self.part("real", z).expr), kind, "np.arctan2"))

    return self.lazy(angle, [self.steady(arguments[0], node)], node)


@dynamic_function("fliplr")
def _fliplr(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return _flipped(self, arguments[0], (1,), node)


def _flipped(self: DynamicReductions, value: Value, axes: tuple[int, ...], node: cst.Call) -> Value:
    """A view, as in NumPy: what is written to it is written to the array."""
    base = self.whole(self.steady(value, node), node)
    parts: list[Any] = list(self.full_index(base))
    for axis in axes:
        parts[axis] = Cut("::-1", ())
    found = self.take(base, parts, node)
    assert isinstance(found, Dynamic)
    return replace(found, shape=base.shape)


def ordered(self: DynamicReductions, value: Value, node: cst.Call) -> tuple[Value, Indexed]:
    """Where the elements of a vector stand in ascending order, and the elements in that order.

    The order is found once, from the values; derivatives are those of the elements in their places.
    """
    vector = self.spill(value, node)
    if len(vector.shape) != 1:
        self.fail(node, UnsupportedCall, "sorting along an axis", "Sort vectors, one row after the other.")
    a = self.whole(vector, node, "values")
    (order,) = self.array_call("argsort_1", [a], [(INT64, a.shape)], node, "order")
    chosen = self.take(a, [order], node)
    assert isinstance(chosen, (Dynamic, Lazy))
    return order, chosen


@dynamic_function("sort", "argsort", "median")
def _sort(self: DynamicReductions, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    only(self, keywords, (), node)
    order, chosen = ordered(self, arguments[0], node)
    name = self.source.code(node.func).rpartition(".")[2]
    if name != "median":
        return order if name == "argsort" else chosen
    n = self.length(chosen, 0)
    low, high = Op("//", Op("-", n, Const(1)), Const(2)), Op("//", n, Const(2))
    return Scalar(Op("*", Const(0.5), Op("+", self.item_at(chosen, (low,)), self.item_at(chosen, (high,)))))
