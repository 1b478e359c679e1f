"""The scalar types that `dtype=` arguments name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst

from ..errors import UnsupportedType
from ..ir.types import ScalarType
from .values import Object, Scalar, Value

if TYPE_CHECKING:
    from .flow import Flow

__all__ = ["dtype_of"]


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
    if dtype.kind not in kinds:
        lowerer.fail(
            node, UnsupportedType, f"an array of {dtype} holds no numbers", "Use float64, float32, complex or integers."
        )
    return ScalarType(kinds[dtype.kind], 32 if dtype in (np.dtype("f4"), np.dtype("c8")) else 64)
