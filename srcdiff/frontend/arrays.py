"""Arrays of known shape as containers of scalars: broadcasting, reductions, products."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import libcst as cst

from ..errors import UnsupportedCall, UnsupportedType
from ..ir.expr import Const, Expr, Op, Opaque, is_atom, topological
from ..ir.types import FLOAT64, ScalarType, common
from .describe import describe
from .dtypes import element_of
from .dynamic_reductions import DynamicReductions
from .values import Array, Cells, Dynamic, Lazy, OpenArray, Scalar, Sequence_, Value

__all__ = ["Arrays", "cost_of", "count_of", "scalar_of"]


class Arrays(DynamicReductions):
    """What arrays of known shape need beyond scalars."""

    def array(self, items: Sequence[Expr], shape: tuple[int, ...], dtype: ScalarType | None = None) -> Array:
        """A fresh array over expressions."""
        if dtype is None:
            dtype = common([e.type for e in items]) if items else FLOAT64
            if dtype.bits == 0:
                dtype = ScalarType(dtype.kind, 64)
        return Array(Cells([element_of(e, dtype) for e in items], dtype), tuple(shape), tuple(range(len(items))))

    def as_array(self, value: Value, node: cst.CSTNode) -> Array:
        """A value as an array: nested tuples and lists become rows."""
        if isinstance(value, Array):
            return value
        if isinstance(value, Scalar) and value.type.kind == "str":
            self.fail(node, UnsupportedType, "a string is put in an array", "Arrays hold numbers.")
        if isinstance(value, Scalar):
            return Array(Cells([value.expr], value.type), (), (0,))
        if isinstance(value, Sequence_):
            parts = [self.as_array(item, node) for item in value.items]
            if len({p.shape for p in parts}) > 1:
                self.fail(node, UnsupportedType, "rows of different lengths do not make an array", "")
            inner = parts[0].shape if parts else ()
            return self.array([e for p in parts for e in p.items], (len(parts), *inner))
        if isinstance(value, OpenArray):
            self.refuse_open(value, node)
        self.fail(node, UnsupportedType, f"{describe(value)} cannot become an array", "Use numbers, tuples, arrays.")

    def settle(self, values: Sequence[Value], node: cst.CSTNode) -> list[Value]:
        """Learn the shape of an array of unknown length from the arrays that it meets, for elementwise operations."""
        known = [v for v in values if isinstance(v, Array) and v.shape]
        for value in values:
            if isinstance(value, OpenArray):
                for other in known:
                    if len(other.shape) == value.ndim and 1 not in other.shape:
                        self.refine(value, other.shape)
                self.refuse_open(value, node)
        return [self.as_array(v, node) if isinstance(v, Sequence_) else v for v in values]

    def elementwise(self, function: Callable[..., Scalar], operands: tuple[Value, ...], node: cst.CSTNode) -> Value:
        """Apply a scalar function with broadcasting; scalars in, scalar out."""
        if any(isinstance(v, (Dynamic, Lazy)) for v in operands):
            return self.lazy(function, operands, node)
        values = self.settle(operands, node)
        if any(isinstance(v, Scalar) and v.type.kind == "str" for v in values):
            self.fail(
                node, UnsupportedType, "a string is computed with", "Strings may be compared; compute with numbers."
            )
        if all(isinstance(v, Scalar) for v in values):
            return function(*values)
        arrays = [self.as_array(v, node) for v in values]
        shape = self.broadcast([a.shape for a in arrays], node)
        count = count_of(shape)
        arrays = [self.atomic(a, "factor") if len(a.slots) < count and cost_of(a) > 1 else a for a in arrays]
        columns = [self.spread(a, shape) for a in arrays]
        results = [function(*(scalar_of(e) for e in row)) for row in zip(*columns)]
        kinds = {r.type for r in results}
        return self.array([r.expr for r in results], shape, kinds.pop() if len(kinds) == 1 else None)

    def broadcast(self, shapes: Sequence[tuple[int, ...]], node: cst.CSTNode) -> tuple[int, ...]:
        import numpy as np

        try:
            return tuple(np.broadcast_shapes(*shapes))
        except ValueError:
            text = " and ".join(map(str, shapes))
            self.fail(node, UnsupportedType, f"arrays of shape {text} cannot be broadcast together", "")

    def spread(self, a: Array, shape: tuple[int, ...]) -> list[Expr]:
        import numpy as np

        index = np.arange(len(a.slots)).reshape(a.shape)
        items = a.items
        return [items[i] for i in np.broadcast_to(index, shape).ravel().tolist()]

    def atomic(self, a: Array, base: str) -> Array:
        """The same array with every element an atom, because each is used more than once."""
        if all(is_atom(e) for e in a.items):
            return a
        return self.array([self.temporary(f"{base}_{i}", e) for i, e in enumerate(a.items)], a.shape, a.dtype)

    def total(self, items: Sequence[Expr], empty: Expr | None = None) -> Expr:
        if not items:
            return empty or Const(0.0)
        result = items[0]
        for e in items[1:]:
            result = Op("+", result, e)
        return result

    def inner(self, a: Sequence[Expr], b: Sequence[Expr]) -> Expr:
        return self.total([Op("*", x, y) for x, y in zip(a, b)])

    def matmul(self, left: Value, right: Value, node: cst.CSTNode) -> Value:
        if isinstance(left, (Dynamic, Lazy)) or isinstance(right, (Dynamic, Lazy)):
            return self.dynamic_matmul(left, right, node)
        for one, other, axis in ((left, right, -2), (right, left, -1)):
            if isinstance(one, OpenArray) and one.ndim == 1 and isinstance(other, Array):
                which = 0 if len(other.shape) == 1 else (axis if one is right else 0)
                self.refine(one, (other.shape[which if one is right else max(-len(other.shape), -2)],))
        left, right = self.settle((left, right), node)
        if isinstance(left, Scalar) or isinstance(right, Scalar):
            self.fail(node, UnsupportedType, "`@` with a number", "Use `*`.")
        a, b = self.as_array(left, node), self.as_array(right, node)
        if len(a.shape) > 2 or len(b.shape) > 2 or a.shape[-1] != b.shape[0]:
            self.fail(node, UnsupportedType, f"`@` of arrays of shape {a.shape} and {b.shape}", "")
        if len(b.shape) == 2:
            a = self.atomic(a, "left")
        if len(a.shape) == 2:
            b = self.atomic(b, "right")
        if len(a.shape) == 1 and len(b.shape) == 1 and a.items == b.items:
            a = b = self.atomic(a, "v")
        n = a.shape[-1]
        rows = [a.items[i * n : (i + 1) * n] for i in range(len(a.items) // n if n else 0)]
        columns = [b.items[j :: b.shape[1]] for j in range(b.shape[1])] if len(b.shape) == 2 else [b.items]
        items = [self.inner(row, column) for row in rows for column in columns]
        shape = a.shape[:-1] + b.shape[1:]
        return Scalar(items[0]) if shape == () else self.array(items, shape)

    def transpose(self, base: Array) -> Array:
        return self.permute(base, None)

    def permute(self, base: Array, axes: tuple[int, ...] | None) -> Array:
        import numpy as np

        chosen = np.array(base.slots, dtype=np.int64).reshape(base.shape).transpose(axes)
        return Array(base.cells, tuple(chosen.shape), tuple(chosen.ravel().tolist()))

    def shape_of(self, value: Value, node: cst.CSTNode) -> tuple[int, ...]:
        """The argument of `np.zeros` and its like."""
        items = value.items if isinstance(value, Sequence_) else [value]
        shape: list[int] = []
        for item in items:
            known = self.as_scalar(item, node).constant
            if not isinstance(known, int):
                self.needs_known(node, "the shape of an array must be known when compiling")
            if known < 0:
                self.fail(node, UnsupportedType, f"an array of length {known}", "Lengths are 0 or more.")
            shape.append(known)
        return tuple(shape)

    def axis(self, keywords: dict[str, Value], arguments: list[Value], node: cst.Call) -> int | None:
        """The axis of a reduction; other keywords are refused."""
        value = keywords.pop("axis", None) or (arguments[1] if len(arguments) > 1 else None)
        if keywords:
            self.fail(
                node,
                UnsupportedCall,
                f"{self.source.code(node.func)} takes no {next(iter(keywords))}= here",
                "Only axis= is known.",
            )
        value = self.one_axis(value, node)
        if value is None:
            return None
        known = self.as_scalar(value, node).constant
        if not isinstance(known, int):
            self.needs_known(node, "an axis must be known when compiling")
        return int(known)

    def reduce(
        self,
        combine: Callable[[list[Expr]], Expr],
        arguments: list[Value],
        keywords: dict[str, Value],
        node: cst.Call,
    ) -> Value:
        import numpy as np

        first = self.settle(arguments[:1], node)[0] if not isinstance(arguments[0], OpenArray) else arguments[0]
        if isinstance(first, OpenArray):
            if first.active:
                self.refuse_open(first, node)
            if len(node.args) + isinstance(node.func, cst.Attribute) >= 1 and not keywords and len(arguments) == 1:
                text = self.source.code(node).replace("{", "{{").replace("}", "}}")
                return Scalar(Opaque(text, first.dtype, (), (first.name,)))
            self.refuse_open(first, node)
        a = self.as_array(first, node)
        axis = self.axis(keywords, arguments, node)
        if axis is None:
            return Scalar(combine(a.items))
        index = np.moveaxis(np.arange(len(a.slots)).reshape(a.shape), axis, -1)
        items = a.items
        rows = [combine([items[i] for i in row]) for row in index.reshape(-1, a.shape[axis]).tolist()]
        shape = tuple(index.shape[:-1])
        return self.array(rows, shape) if shape else Scalar(rows[0])


def cost_of(a: Array) -> int:
    """Operations that repeating an element would repeat."""
    return max((len(topological((e,))) for e in a.items), default=0) // 2


def scalar_of(e: Expr) -> Scalar:
    return Scalar(e, e.value if isinstance(e, Const) and isinstance(e.value, int) else None)


def count_of(shape: tuple[int, ...]) -> int:
    count = 1
    for n in shape:
        count *= n
    return count
