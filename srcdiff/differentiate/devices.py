"""Results on CUDA devices: nested tuples, or stores into arrays of the caller. Nothing is allocated."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import UnsupportedType
from ..ir.expr import Expr
from ..ir.statements import Statement, Store
from ..ir.types import ScalarType
from .points import PointLayout
from .results import Layout, _nested, index_of

__all__ = ["LARGEST", "DeviceLayout", "DevicePointLayout"]

LARGEST = 256
"""Numbers that a device function returns in tuples at most."""


@dataclass(frozen=True)
class DeviceLayout(Layout):
    """Results of a device function."""

    def _array(
        self,
        items: list[Expr],
        shape: tuple[int, ...],
        dtype: ScalarType,
        exprs: list[Expr],
        out: list[Statement],
        base: str,
    ) -> str:
        if math.prod(shape) > LARGEST:
            raise UnsupportedType(
                f"a result of shape {shape} is too large for a tuple on a device",
                hint="Fill an array with f.jacobian.into(out, ...), or use f.jacobian.batch.",
            )
        return _nested(items, shape, exprs) if items else "()"

    def _derivatives(
        self, entries: list[Expr], shape: tuple[int, ...], dtype: ScalarType, exprs: list[Expr], out: list[Statement]
    ) -> str:
        return self._array(entries, shape, dtype, exprs, out, "jac")

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
        if allocate:
            raise UnsupportedType(
                "devices allocate no arrays", hint="Fill an array of your own with f.jacobian.into(out, ...)."
            )
        for i, e in enumerate(self._locals(entries, out)):
            out.append(Store(name, index_of(i, shape), e))


@dataclass(frozen=True)
class DevicePointLayout(PointLayout):
    """Results of one thread of a batch: every entry is stored."""
