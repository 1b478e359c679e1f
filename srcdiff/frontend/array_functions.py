"""NumPy's functions on arrays of known shape, one a function, by the names under which they are called."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from ..errors import UnsupportedCall, UnsupportedType
from ..ir.expr import Call, Compare, Const, Expr, Logic, Op, Opaque, Select
from ..ir.types import COMPLEX128, FLOAT64, INT64, WEAK_FLOAT, ScalarType, promote
from .arrays import Arrays, count_of, scalar_of
from .dtypes import converted, dtype_of
from .values import Array, Object, OpenArray, Scalar, Sequence_, Value, is_undefined

__all__ = ["FUNCTIONS", "METHODS"]

Function = Callable[[Arrays, list[Value], dict[str, Value], cst.Call], Value]
FUNCTIONS: dict[str, Function] = {}
METHODS = {
    "sum": "sum", "prod": "prod", "mean": "mean", "min": "min", "max": "max", "dot": "dot", "copy": "copy",
    "ravel": "ravel", "flatten": "ravel", "reshape": "reshape", "transpose": "transpose", "trace": "trace",
    "cumsum": "cumsum", "astype": "astype", "fill": "fill", "any": "any", "all": "all", "diagonal": "diag",
    "var": "var", "std": "std", "clip": "clip", "tolist": "tolist", "squeeze": "squeeze", "cumprod": "cumprod",
    "argmax": "argmax", "argmin": "argmin", "argsort": "argsort", "take": "take", "repeat": "repeat",
    "nonzero": "nonzero",
}  # fmt: skip


def function(*names: str) -> Callable[[Function], Function]:
    def register(f: Function) -> Function:
        for name in names:
            FUNCTIONS[name] = f
        return f

    return register


def _keyword(lowerer: Arrays, keywords: dict[str, Value], allowed: tuple[str, ...], node: cst.Call) -> None:
    for key in keywords:
        if key not in allowed:
            lowerer.fail(
                node, UnsupportedCall, f"{lowerer.source.code(node.func)} takes no {key}= here", "Leave it out."
            )


def _cast(lowerer: Arrays, a: Array, kind: ScalarType | None, node: cst.Call) -> Array:
    """A copy with another dtype."""
    if kind is None:
        return lowerer.array(a.items, a.shape, a.dtype if a.dtype.bits else None)
    return lowerer.array([converted(lowerer, e, kind, node) for e in a.items], a.shape, kind)


@function("array", "asarray", "ascontiguousarray", "asfortranarray", "copy", "float64array")
def _array(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    _keyword(self, keywords, ("dtype", "copy"), node)
    given = arguments[1] if len(arguments) > 1 and not self.source.code(node.func).endswith("copy") else None
    dtype = dtype_of(self, keywords.get("dtype") or given, node)
    source = self.settle(arguments[:1], node)[0] if isinstance(arguments[0], OpenArray) else arguments[0]
    if isinstance(source, Array) and self.source.code(node.func).endswith("asarray") and dtype in (None, source.dtype):
        return source
    return _cast(self, self.as_array(source, node), dtype, node)


def _filler(value: Expr, dtype: ScalarType) -> Expr:
    """Zero, one or nothing as an element of an array."""
    if isinstance(value, Const):
        return Const({"int": int, "bool": bool}.get(dtype.kind, float)(value.value))
    return Opaque(UNDEFINED, dtype) if is_undefined(value) else value


def _filled(value: Expr) -> Function:
    def build(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        _keyword(self, keywords, ("dtype", "shape"), node)
        shape = self.shape_of(keywords["shape"] if "shape" in keywords else arguments[0], node)
        given = keywords.get("dtype") or (arguments[1] if len(arguments) > 1 else None)
        dtype = dtype_of(self, given, node) or FLOAT64
        item = _filler(value, dtype)
        return self.array([item] * count_of(shape), shape, dtype)

    return build


UNDEFINED = "?"


@function("zeros")
def _zeros(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return _filled(Const(0.0))(self, arguments, keywords, node)


@function("ones")
def _ones(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return _filled(Const(1.0))(self, arguments, keywords, node)


@function("empty")
def _empty(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return _filled(Opaque(UNDEFINED, FLOAT64))(self, arguments, keywords, node)


@function("full")
def _full(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    _keyword(self, keywords, ("dtype", "fill_value"), node)
    shape = self.shape_of(arguments[0], node)
    value = self.as_scalar(keywords["fill_value"] if "fill_value" in keywords else arguments[1], node)
    dtype = dtype_of(self, keywords.get("dtype") or (arguments[2] if len(arguments) > 2 else None), node)
    e = value.expr if dtype is None else converted(self, value.expr, dtype, node)
    return self.array([self.temporary("fill", e)] * count_of(shape), shape, dtype)


def _like(value: Expr | None) -> Function:
    def build(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        _keyword(self, keywords, ("dtype",) if value is not None else ("dtype", "fill_value"), node)
        a = self.as_array(arguments[0], node)
        values = list(arguments[1:])
        fill = value
        if fill is None:
            fill = self.as_scalar(keywords["fill_value"] if "fill_value" in keywords else values.pop(0), node).expr
        dtype = dtype_of(self, keywords.get("dtype") or (values[0] if values else None), node) or a.dtype
        item = converted(self, self.temporary("fill", fill), dtype, node) if value is None else _filler(fill, dtype)
        return self.array([item] * len(a.slots), a.shape, dtype)

    return build


@function("zeros_like")
def _zeros_like(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return _like(Const(0.0))(self, arguments, keywords, node)


@function("ones_like")
def _ones_like(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return _like(Const(1.0))(self, arguments, keywords, node)


@function("empty_like")
def _empty_like(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return _like(Opaque(UNDEFINED, FLOAT64))(self, arguments, keywords, node)


@function("full_like")
def _full_like(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return _like(None)(self, arguments, keywords, node)


@function("eye", "identity")
def _eye(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    _keyword(self, keywords, ("dtype", "k"), node)
    shape = self.shape_of(Sequence_(arguments[:2] if len(arguments) > 1 else [arguments[0]] * 2), node)
    k = _offset(self, keywords.get("k") or (arguments[2] if len(arguments) > 2 else None), node)
    dtype = dtype_of(self, keywords.get("dtype"), node) or FLOAT64
    one, zero = _filler(Const(1.0), dtype), _filler(Const(0.0), dtype)
    items = [one if i + k == j else zero for i in range(shape[0]) for j in range(shape[1])]
    return self.array(items, shape, dtype)


def _offset(self: Arrays, value: Value | None, node: cst.Call) -> int:
    """Which diagonal: `k=` of a matrix."""
    if value is None:
        return 0
    known = self.as_scalar(value, node).constant
    if not isinstance(known, int):
        self.needs_known(node, "the number of a diagonal must be known when compiling")
    return int(known)


@function("arange")
def _arange(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    import numpy as np

    _keyword(self, keywords, ("dtype",), node)
    known = [self.as_scalar(a, node).constant for a in arguments]
    if any(k is None for k in known):
        self.needs_known(node, "the bounds of np.arange must be known when compiling")
    values = np.arange(*known).tolist()
    kind = INT64 if all(isinstance(v, int) for v in values) else FLOAT64
    array = self.array([Const(v) for v in values], (len(values),), kind)
    dtype = dtype_of(self, keywords.get("dtype"), node)
    if dtype is not None and dtype.kind == "float":
        return self.array([Const(float(v)) for v in values], (len(values),), dtype)
    return array


@function("linspace")
def _linspace(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    _keyword(self, keywords, ("num",), node)
    start, stop = (self.as_scalar(a, node).expr for a in arguments[:2])
    (n,) = self.shape_of(keywords["num"] if "num" in keywords else arguments[2], node)
    start, stop = self.temporary("start", start), self.temporary("stop", stop)
    if n == 1:
        return self.array([start], (1,), FLOAT64)
    step = self.temporary("step", Op("/", Op("-", stop, start), Const(float(n - 1))))
    items = [Op("+", start, Op("*", Const(float(i)), step)) for i in range(n - 1)]
    return self.array([*items, stop], (n,))


@function("dot", "matmul", "vdot", "inner")
def _dot(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a, b = arguments
    if isinstance(a, Scalar) or isinstance(b, Scalar):
        return self.binary("*", a, b, node)
    if self.source.code(node.func).endswith("inner") and isinstance(b, Array) and len(b.shape) == 2:
        b = self.transpose(b)
    return self.matmul(a, b, node)


@function("outer")
def _outer(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a, b = (
        self.atomic(self.as_array(v, node), name) for v, name in zip(self.settle(arguments, node), ("left", "right"))
    )
    return self.array([Op("*", x, y) for x in a.items for y in b.items], (len(a.slots), len(b.slots)))


@function("cross")
def _cross(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    for value in arguments:
        if isinstance(value, OpenArray):
            self.refine(value, (3,))
    a, b = (self.atomic(self.as_array(v, node), name) for v, name in zip(arguments, ("left", "right")))
    if a.shape != (3,) or b.shape != (3,):
        self.fail(node, UnsupportedType, f"np.cross of shapes {a.shape} and {b.shape}", "Use arrays of 3 elements.")
    (a0, a1, a2), (b0, b1, b2) = a.items, b.items
    items = [
        Op("-", Op("*", a1, b2), Op("*", a2, b1)),
        Op("-", Op("*", a2, b0), Op("*", a0, b2)),
        Op("-", Op("*", a0, b1), Op("*", a1, b0)),
    ]
    return self.array(items, (3,))


@function("sum", "fsum")
def _sum(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return self.reduce(self.total, arguments, keywords, node)


@function("prod", "product")
def _prod(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    def product(items: list[Expr]) -> Expr:
        result = items[0] if items else Const(1.0)
        for e in items[1:]:
            result = Op("*", result, e)
        return result

    return self.reduce(product, arguments, keywords, node)


@function("mean", "average")
def _mean(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    def mean(items: list[Expr]) -> Expr:
        if not items:
            self.fail(node, UnsupportedType, "the mean of an empty array", "")
        return self.averaged(self.total(items), Const(len(items)))

    return self.reduce(mean, arguments, keywords, node)


def _spread(self: Arrays, items: list[Expr], root: bool, freedom: int, node: cst.Call) -> Expr:
    if not items:
        self.fail(node, UnsupportedType, "the variance of an empty array", "")
    mean = self.temporary("mean", self.averaged(self.total(items), Const(len(items))))
    deviations = [self.temporary("deviation", Op("-", e, mean)) for e in items]
    variance = self.averaged(self.inner(deviations, deviations), Const(len(items) - freedom))
    return Call("sqrt", (variance,), promote(variance.type, WEAK_FLOAT), "math.sqrt") if root else variance


@function("var")
def _var(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    freedom = self.degrees_of_freedom(keywords, node)
    return self.reduce(lambda items: _spread(self, items, False, freedom, node), arguments, keywords, node)


@function("std")
def _std(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    freedom = self.degrees_of_freedom(keywords, node)
    return self.reduce(lambda items: _spread(self, items, True, freedom, node), arguments, keywords, node)


def _extreme(self: Arrays, items: list[Expr], op: str) -> Expr:
    """The first extremum, as argmax says; nan wins, as in NumPy."""
    result = items[0]
    for e in items[1:]:
        best, other = self.temporary("extreme", result), self.temporary("candidate", e)
        better = Logic("or", Compare((op,), (other, best)), Compare(("!=",), (other, other)))
        result = Select(better, other, best)
    return result


@function("max", "amax")
def _max(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return self.reduce(lambda items: _extreme(self, items, ">"), arguments, keywords, node)


@function("min", "amin")
def _min(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return self.reduce(lambda items: _extreme(self, items, "<"), arguments, keywords, node)


@function("norm")
def _norm(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    order = keywords.pop("ord", None) or (arguments[1] if len(arguments) > 1 else None)
    rank = 1 if "axis" in keywords else len(self.as_array(self.settle(arguments[:1], node)[0], node).shape)
    if order is not None and not (rank == 1 and self.as_scalar(order, node).constant == 2):
        self.fail(node, UnsupportedCall, "np.linalg.norm with another ord than 2", "Write the norm out.")

    def euclidean(items: list[Expr]) -> Expr:
        atoms = [self.temporary("component", e) for e in items]
        kind = promote(*(e.type for e in atoms), WEAK_FLOAT)
        if kind.kind == "complex":
            self.fail(node, UnsupportedType, "the norm of a complex array", "Use its real and imaginary parts.")
        return Call("norm", tuple(atoms), kind, "norm")

    return self.reduce(euclidean, arguments[:1], keywords, node)


@function("trace")
def _trace(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.as_array(self.settle(arguments[:1], node)[0], node)
    return Scalar(self.total([a.items[i * a.shape[1] + i] for i in range(min(a.shape))]))


@function("diag")
def _diag(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    _keyword(self, keywords, ("k", "offset"), node)
    given = keywords.get("k") or keywords.get("offset") or (arguments[1] if len(arguments) > 1 else None)
    k = _offset(self, given, node)
    a = self.as_array(arguments[0], node)
    if len(a.shape) not in (1, 2):
        self.fail(node, UnsupportedType, f"np.diag of an array of shape {a.shape}", "It takes one or two dimensions.")
    if len(a.shape) == 2:
        rows, columns = a.shape
        slots = tuple(a.slots[i * columns + i + k] for i in range(rows) if 0 <= i + k < columns)
        return Array(a.cells, (len(slots),), slots)
    n = a.shape[0] + abs(k)
    items = [a.items[min(i, j)] if i + k == j else Const(0.0) for i in range(n) for j in range(n)]
    return self.array(items, (n, n), a.dtype)


@function("transpose")
def _transpose(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.as_array(arguments[0], node)
    rest = arguments[1].items if len(arguments) == 2 and isinstance(arguments[1], Sequence_) else arguments[1:]
    axes = tuple(self._known_index(v, node) for v in rest) or None
    return self.permute(a, axes)


@function("concatenate", "hstack", "vstack", "stack", "column_stack")
def _join(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    import numpy as np

    name = self.source.code(node.func).rpartition(".")[2]
    parts = [self.as_array(v, node) for v in self.settle(self.items_of(arguments[0], node), node)]
    items: list[Expr] = []
    indices = []
    for part in parts:
        indices.append(np.arange(len(items), len(items) + len(part.slots)).reshape(part.shape))
        items.extend(part.items)
    axis = self.axis(keywords, arguments, node) if name in ("concatenate", "stack") else None
    try:
        if name in ("concatenate", "stack"):
            chosen = getattr(np, name)(indices, axis=0 if axis is None else axis)
        else:
            chosen = getattr(np, name)(indices)
    except ValueError:
        self.fail(node, UnsupportedType, f"{name} of arrays of shape {', '.join(str(p.shape) for p in parts)}", "")
    return self.array([items[i] for i in chosen.ravel().tolist()], tuple(chosen.shape))


@function("where")
def _where(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    if len(arguments) != 3:
        self.fail(node, UnsupportedCall, "np.where takes three arguments here", "Give both alternatives.")

    def pick(c: Scalar, a: Scalar, b: Scalar) -> Scalar:
        if c.known is not None or isinstance(c.expr, Const):
            return a if c.constant else b
        return Scalar(Select(c.expr, a.expr, b.expr))

    return self.elementwise(pick, tuple(arguments), node)


@function("clip")
def _clip(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    _keyword(self, keywords, ("a_min", "a_max", "min", "max"), node)
    if len(arguments) + len(keywords) < 2:
        self.fail(node, UnsupportedCall, "np.clip without bounds", "Give a lower and an upper bound.")
    low = keywords.get("a_min", keywords.get("min", arguments[1] if len(arguments) > 1 else Object(None)))
    high = keywords.get("a_max", keywords.get("max", arguments[2] if len(arguments) > 2 else Object(None)))
    result = arguments[0]
    for bound, name in ((low, "maximum"), (high, "minimum")):
        if not isinstance(bound, Object):
            result = self.elementwise(
                lambda x, y, name=name: Scalar(Call(name, (x.expr, y.expr), promote(x.type, y.type), f"np.{name}")),
                (result, bound),
                node,
            )
    return result


@function("cumsum")
def _cumsum(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.as_array(self.settle(arguments[:1], node)[0], node)
    if len(a.shape) != 1 or keywords:
        self.fail(node, UnsupportedCall, "np.cumsum along an axis", "Use a loop.")
    items: list[Expr] = []
    for e in a.items:
        items.append(self.temporary("partial_sum", Op("+", items[-1], e)) if items else e)
    return self.array(items, a.shape)


@function("diff")
def _diff(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.as_array(self.settle(arguments[:1], node)[0], node)
    if len(a.shape) != 1 or keywords or len(arguments) > 1:
        self.fail(node, UnsupportedCall, "np.diff along an axis or of higher order", "Use slices.")
    a = self.atomic(a, "value")
    return self.array([Op("-", y, x) for x, y in zip(a.items, a.items[1:])], (len(a.slots) - 1,))


@function("roll")
def _roll(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    import numpy as np

    a = self.as_array(self.settle(arguments[:1], node)[0], node)
    shift = self._known_index(arguments[1], node)
    axis = self.axis(keywords, [arguments[0], *arguments[2:]], node)
    chosen = np.roll(np.arange(len(a.slots)).reshape(a.shape), shift, axis)
    return self.array([a.items[i] for i in chosen.ravel().tolist()], a.shape, a.dtype)


@function("det")
def _det(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.atomic(self.as_array(self.settle(arguments[:1], node)[0], node), "entry")
    if a.shape not in ((2, 2), (3, 3)):
        self.fail(node, UnsupportedCall, f"np.linalg.det of shape {a.shape}", "2 x 2 and 3 x 3 are written out.")
    return Scalar(_determinant(a.items, a.shape[0]))


def _determinant(m: list[Expr], n: int) -> Expr:
    if n == 2:
        return Op("-", Op("*", m[0], m[3]), Op("*", m[1], m[2]))
    minors = [_determinant([m[3 + a], m[3 + b], m[6 + a], m[6 + b]], 2) for a, b in ((1, 2), (0, 2), (0, 1))]
    return Op("+", Op("-", Op("*", m[0], minors[0]), Op("*", m[1], minors[1])), Op("*", m[2], minors[2]))


@function("astype")
def _astype(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    return _cast(self, self.as_array(arguments[0], node), dtype_of(self, arguments[1], node), node)


@function("fill")
def _fill(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    target, value = arguments
    assert isinstance(target, Array)
    item = self.temporary("fill", self.as_scalar(value, node).expr)
    self.store_items(target, [item] * len(target.slots), node)  # type: ignore[attr-defined]
    return Object(None, "None")


@function("tolist")
def _tolist(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.as_array(arguments[0], node)
    if len(a.shape) <= 1:
        return Sequence_([scalar_of(e) for e in a.items], is_list=True)
    rows = self.items_of(a, node)
    return Sequence_([_tolist(self, [row], {}, node) for row in rows], is_list=True)


def _truths(op: str) -> Function:
    def build(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        made: Value = self._quantifier(op, [self.as_array(arguments[0], node)], node)  # type: ignore[attr-defined]
        return made

    return build


FUNCTIONS["any"], FUNCTIONS["all"] = _truths("or"), _truths("and")


def _piece(name: str) -> Function:
    def build(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        if name == "real" and isinstance(arguments[0], Array) and arguments[0].dtype.kind != "complex":
            return arguments[0]
        return self.elementwise(lambda x: self.part(name, x), tuple(arguments), node)

    return build


FUNCTIONS["real"], FUNCTIONS["imag"] = _piece("real"), _piece("imag")


@function("dist")
def _dist(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    p, q = (self.as_array(v, node) for v in self.settle(arguments, node))
    if len(p.shape) != 1 or p.shape != q.shape:
        self.fail(node, UnsupportedType, "math.dist of what are no two points of one dimension", "Pass two sequences.")
    return _norm(self, [self.binary("-", p, q, node)], {}, node)


@function("atleast_1d")
def _atleast_1d(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    value = arguments[0]
    return self.array([value.expr], (1,)) if isinstance(value, Scalar) else value


@function("size")
def _size(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    count = len(self.as_array(arguments[0], node).slots)
    return Scalar(Const(count), count)


@function("phase")
def _phase(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    (z,) = arguments
    number = Scalar(self.temporary("z", self.as_scalar(z, node).expr))
    real, imag = self.part("real", number), self.part("imag", number)
    return Scalar(Call("atan2", (imag.expr, real.expr), FLOAT64, "math.atan2"))


@function("angle")
def _angle(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    def phase(z: Scalar) -> Scalar:
        found = _phase(self, [z], {}, node)
        assert isinstance(found, Scalar)
        return found

    return self.elementwise(phase, (arguments[0],), node)


@function("rect")
def _rect(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    radius, angle = (self.temporary(name, self.as_scalar(v, node).expr) for name, v in zip(("r", "phi"), arguments))
    cosine, sine = (Call(name, (angle,), FLOAT64, f"math.{name}") for name in ("cos", "sin"))
    return Scalar(Call("complex", (Op("*", radius, cosine), Op("*", radius, sine)), COMPLEX128, "complex"))


@function("polar")
def _polar(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    (z,) = arguments
    number = Scalar(self.temporary("z", self.as_scalar(z, node).expr))
    kind = "cabs" if number.type.kind == "complex" else "abs"
    return Sequence_([Scalar(Call(kind, (number.expr,), FLOAT64, "abs")), _phase(self, [number], {}, node)])
