"""The scalar types that `dtype=` arguments name, and numbers as arrays of these types hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from ..errors import UnsupportedType
from ..ir.expr import Call, Const, Expr, Op, topological
from ..ir.types import ScalarType
from .values import Object, Scalar, Value, is_undefined

if TYPE_CHECKING:
    from .flow import Flow

__all__ = ["converted", "dtype_of", "element_of", "kept_narrow"]


def dtype_of(lowerer: Flow, value: Value | None, node: cst.Call) -> ScalarType | None:
    """The scalar type of a `dtype=` argument."""
    import numpy as np

    if value is None:
        return None
    given: Any = value.value if isinstance(value, Object) else value.constant if isinstance(value, Scalar) else None
    if given is None and isinstance(value, Object):
        return None
    try:
        dtype = np.dtype(given)
    except TypeError:
        given = None
    if given is None:
        lowerer.fail(node, UnsupportedType, "this dtype is not supported", "Use float64, float32, complex or integers.")
    kinds = {"f": "float", "c": "complex", "i": "int", "u": "int", "b": "bool"}
    if dtype.char in "bBhHegG":
        lowerer.fail(
            node, UnsupportedType, f"an array of {dtype}, whose numbers wrap or round",
            "Use float64, float32, complex or int64.",
        )  # fmt: skip
    if dtype.kind not in kinds:
        lowerer.fail(
            node, UnsupportedType, f"an array of {dtype} holds no numbers", "Use float64, float32, complex or integers."
        )
    return ScalarType(kinds[dtype.kind], 32 if dtype in (np.dtype("f4"), np.dtype("c8")) else 64)


def element_of(e: Expr, dtype: ScalarType) -> Expr:
    """A number in an array of floats is a float: powers and quotients of integers are others."""
    if not dtype.is_differentiable or e.type.kind not in ("int", "bool") or is_undefined(e):
        return e
    if isinstance(e, Const) and not e.named:
        return Const(float(e.value))
    return _cast(e, ScalarType("float", dtype.bits or 64))


def kept_narrow(e: Expr, dtype: ScalarType) -> Expr:
    """`2 * x` of single precision as NumPy has it: integers do not widen it, though Numba makes a double of it."""
    if dtype.bits != 32 or e.type.bits != 64 or not isinstance(e, Op) or not e.type.is_differentiable:
        return e
    leaves = [node for node in topological((e,)) if not isinstance(node, Op) and node.type.is_differentiable]
    if any(node.type.bits == 64 for node in leaves) or not leaves:
        return e
    return Op(e.op, *e.args, type=ScalarType(e.type.kind, 32))


def converted(lowerer: Flow, e: Expr, dtype: ScalarType, node: cst.CSTNode) -> Expr:
    """A number as `astype` makes it."""
    if e.type.kind == "complex" and dtype.kind != "complex":
        lowerer.fail(node, UnsupportedType, "a complex array made real", "Use .real.")
    if dtype.is_differentiable:
        found = element_of(e, dtype)
        return found if found.type.bits in (0, dtype.bits) or found.type.kind != dtype.kind else _cast(found, dtype)
    if e.type.kind == dtype.kind or is_undefined(e):
        return e
    if isinstance(e, Const) and not e.named:
        return Const(bool(e.value) if dtype.kind == "bool" else int(e.value))
    return Call(dtype.kind, (e,), dtype, dtype.kind)


def _cast(e: Expr, kind: ScalarType) -> Expr:
    return Call("cast", (e,), kind, "float" if kind.kind == "float" and kind.bits == 64 else f"np.{kind.numpy}")
