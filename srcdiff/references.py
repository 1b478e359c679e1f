"""What a derivative is compared with: the function as Numba or Python runs it, and its extrapolated differences.

C. Ridders, Advances in Engineering Software 4 (1982), 75: each column of the tableau removes orders of the step, and
the scatter of its entries says how far they can be trusted.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from .differentiable import Differentiable

__all__ = [
    "EPS",
    "by_position",
    "compiled_by_numba",
    "differences",
    "directional",
    "distance",
]

EPS = 2.0**-52


def distance(a: Any, b: Any) -> Any:
    """|a - b|, 0 between equal infinities and between nans, inf between one of them and a number."""
    import numpy as np

    same = (a == b) | (np.isnan(a) & np.isnan(b))
    gap = np.where(same, 0.0, np.abs(a - b))
    return np.where(np.isnan(gap), np.inf, gap)


def directional(matrix: Any, direction: Any) -> Any:
    """J d; a zero component of d takes no part, whatever stands in its column."""
    import numpy as np

    return np.where(direction == 0.0, 0.0, matrix) @ direction


def differences(function: Callable[[Any], Any], x: Any, y: Any, direction: Any) -> tuple[Any, Any]:
    """The derivative along `direction` by 5-point differences, and how far it may be trusted, for every output.

    Each column of the tableau removes two more orders of the step; the entry is taken that scatters least.
    """
    import numpy as np

    best = np.full(y.shape, np.nan, y.dtype)
    trust = np.full(y.shape, np.inf)
    previous: list[Any] = []
    halves: dict[int, tuple[Any, Any]] = {}

    def pair(k: int) -> tuple[Any, Any]:
        if k not in halves:
            h = 2.0**-k
            halves[k] = function(x + h * direction), function(x - h * direction)
        return halves[k]

    for k in range(3, 21):
        h = 2.0**-k
        (a, b), (c, d) = pair(k - 1), pair(k)
        rounding = 4.0 * EPS * (np.abs(c) + np.abs(d) + np.abs(y)) / h
        row = [(8.0 * (c - d) - (a - b)) / (12.0 * h)]
        for j in range(min(len(previous), 4)):
            factor = 2.0 ** (4 + 2 * j)
            row.append((factor * row[j] - previous[j]) / (factor - 1.0))
        for j in range(1, len(row)):
            scatter = np.maximum(np.abs(row[j] - row[j - 1]), np.abs(row[j] - previous[j - 1])) + rounding
            better = np.isfinite(scatter) & (scatter < trust)
            best = np.where(better, row[j], best)
            trust = np.where(better, scatter, trust)
        previous = row
    return best, trust


def by_position(source: Any, names: Sequence[str]) -> Callable[..., Any]:
    """The function, taking keyword-only arguments by position too, and without Numba or srcdiff around it."""
    plain: types.FunctionType = source.function
    code = plain.__code__
    if not source.bound and not code.co_kwonlyargcount:
        return plain
    positional = [n for n in code.co_varnames[: code.co_argcount] if n in names]

    def call(*args: Any) -> Any:
        given = dict(zip(names, args))
        if source.bound:
            return plain(**{**source.bound, **given})
        first = [given.pop(n) for n in positional if n in given]
        return plain(*first, **given)

    return call


def compiled_by_numba(function: types.FunctionType, numba: Any, made: dict[int, Any] | None = None) -> Any:
    """`numba.njit` of a function whose helpers may be plain Python functions: they are compiled too."""
    made = {} if made is None else made
    if id(function) in made:
        return made[id(function)]
    space = dict(function.__globals__)
    closure = tuple(types.CellType() for _ in function.__closure__ or ())
    copy = types.FunctionType(function.__code__, space, function.__name__, function.__defaults__, closure or None)
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__module__ = function.__module__
    made[id(function)] = compiled = numba.njit(error_model="numpy")(copy)

    def replaced(value: Any) -> Any:
        if isinstance(value, Differentiable):
            value = value.__srcdiff_function__
        library = (getattr(value, "__module__", None) or "").partition(".")[0] in ("numpy", "scipy", "numba")
        own = isinstance(value, types.FunctionType) and not library
        return compiled_by_numba(value, numba, made) if own else value

    for name in function.__code__.co_names:
        if name in space:
            space[name] = replaced(space[name])
    for cell, old in zip(closure, function.__closure__ or ()):
        cell.cell_contents = replaced(old.cell_contents)
    return compiled
