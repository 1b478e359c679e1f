"""Reductions whose axes stay, of length one: `keepdims=True`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from ..errors import UnsupportedType
from .values import Array, Dynamic, Lazy, Object, Scalar, Value

if TYPE_CHECKING:
    from .builtins import Builtins

__all__ = ["REDUCTIONS", "keeping_axes"]

REDUCTIONS = frozenset({"sum", "prod", "mean", "max", "min", "amax", "amin", "var", "std", "norm"})


def keeping_axes(
    self: Builtins,
    function: Callable[[list[Value], dict[str, Value], cst.Call], Value],
    arguments: list[Value],
    keywords: dict[str, Value],
    node: cst.Call,
) -> Value:
    """The result of a reduction with its axes put back."""
    flag = keywords.pop("keepdims")
    kept = flag.constant if isinstance(flag, Scalar) else None
    if not isinstance(kept, bool):
        self.fail(node, UnsupportedType, "keepdims= must be known when compiling", "Write True or False.")
    place = "axis" if "axis" in keywords else None
    axis = keywords[place] if place else arguments[1] if len(arguments) > 1 else None
    source: Any = arguments[0]
    if not isinstance(source, (Array, Dynamic, Lazy)):
        source = self.as_array(source, node)
    rank = len(source.shape)
    result = function(arguments, keywords, node)
    if not kept:
        return result
    if axis is None or (isinstance(axis, Object) and axis.value is None) or isinstance(result, Scalar):
        return self.array([self.as_scalar(result, node).expr], (1,) * rank)
    at = self._known_index(axis, node) % rank
    if isinstance(result, Array):
        return Array(result.cells, (*result.shape[:at], 1, *result.shape[at:]), result.slots)
    whole = self.whole(result, node)  # type: ignore[arg-type]
    parts: list[Any] = list(self.full_index(whole))
    parts.insert(at, None)
    return self.take(whole, parts, node)
