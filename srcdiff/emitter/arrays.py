"""The text of statements on whole arrays, of values and of tangents.

The tangent of an array has its shape and one more axis, of directions; with a single direction it has its shape.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..ir.expr import Expr, Var
from ..ir.statements import Allocate, ArrayCall, Rebind, View
from ..rules.arrays import ARRAY_RULES, STEPS
from .printer import expression

__all__ = ["allocate_text", "array_call_text", "rebind_text", "shape_text"]


def shape_text(lengths: list[str]) -> str:
    return f"({lengths[0]},)" if len(lengths) == 1 else f"({', '.join(lengths)})"


def allocate_text(s: Allocate, width: int | str | None = None, name: str = "", *, plain: bool = False) -> str:
    """`x = np.zeros((n, 16))`; `plain` leaves out what NumPy takes by itself, as users do."""
    lengths = [expression(e, 1) for e in s.shape]
    if width is not None:
        lengths.append(str(width))
    shape = lengths[0] if len(lengths) == 1 else shape_text(lengths)
    if plain and len(lengths) == 1:
        shape = shape_text(lengths)
    kind = s.target.type.numpy
    suffix = "" if kind == "float64" else f", np.{kind}"
    return f"{name or s.target.name} = np.{s.fill}({shape}{suffix})"


def rebind_text(s: Rebind, names: Mapping[str, str] | None = None, width: int | str | None = None) -> str:
    """`u, v = v, u`, or the same for tangents, by the names that they have."""
    held = names or {}
    targets = ", ".join(held.get(t.name, t.name) for t in s.targets)
    return f"{targets} = {', '.join(_view(v, held, width) for v in s.sources)}"


def _view(v: View, names: Mapping[str, str], width: int | str | None) -> str:
    name = names.get(v.array.name, v.array.name)
    rank = getattr(v.array.type, "ndim", 1)
    if v.kind == "index":
        args = iter(v.args)
        parts = [p.format(*(expression(next(args), 1) for _ in range(p.count("{}")))) for p in v.detail]
        return f"{name}[{', '.join(parts)}]"
    if v.kind == "transpose":
        if v.detail == (1, 0) and width is None:
            return f"{name}.T"
        axes = [*v.detail, rank] if width is not None else list(v.detail)
        return f"{name}.transpose({shape_text([str(a) for a in axes])})"
    if v.kind == "reshape":
        lengths = [expression(e, 1) for e in v.args]
        if width is not None:
            lengths.append(str(width))
        # Numba reshapes contiguous arrays only; NumPy copies one that is not, too.
        return f"np.ascontiguousarray({name}).reshape({lengths[0] if len(lengths) == 1 else shape_text(lengths)})"
    if v.kind == "flatten" and width is not None:
        return f"{name}.copy().reshape(({names_size(v.array)}, {width}))"
    if v.kind in ("copy", "flatten"):
        return f"{name}.{v.kind}()"
    return name


def names_size(array: Var) -> str:
    return f"{array.name}.size"


def array_call_text(s: ArrayCall) -> str:
    args = [expression(a, 1) for a in s.args]
    text = STEPS[s.function] if s.function in STEPS else ARRAY_RULES[s.function].primal
    return f"{', '.join(t.name for t in s.targets)} = {text.format(*args)}"


def tangent_call(s: ArrayCall, dots: list[Expr | None]) -> str:
    """The call that gives the tangents of a function of whole arrays."""
    parts = [expression(a, 1) for a in s.args]
    parts += ["None" if d is None else expression(d, 1) for d in dots]
    parts += [t.name for t in s.targets]
    return f"{ARRAY_RULES[s.function].tangents}({', '.join(parts)})"
