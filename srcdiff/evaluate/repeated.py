"""Calls with arguments like those of a call before: what was found out then is not found out again.

Alike are arguments of the same types, dtypes and shapes. What depends on their values or addresses is checked every
time: indices, and which arrays share memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import flat
from .plan import Given

if TYPE_CHECKING:
    from .calls import Batch
    from .plan import Plan

_UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}

__all__ = ["Call", "call_of", "key_of"]


@dataclass(frozen=True)
class Call:
    """What calls with alike arguments have in common."""

    plan: Plan
    batch: Batch
    loop: Any
    n: int
    sources: tuple[tuple[int | str | None, tuple[int, ...], Any], ...]
    """For each argument of the plan its position or name in a call, its place in tuples, and what it is if left out."""
    rows: tuple[int, ...]
    """Of what is looked up, for each array of indices."""
    step: int
    """Points of a chunk."""

    def given(self, args: Sequence[Any], kwargs: Mapping[str, Any], indices: Mapping[str, Any]) -> Given:
        """The arguments of another call."""
        found = []
        for source, path, value in self.sources:
            if source is not None:
                value = args[source] if isinstance(source, int) else kwargs[source]
                for position in path:
                    value = value[position]
            found.append(_plain(value))
        at = tuple(_plain(indices[name]) for name in self.plan.looked_up)
        return Given(self.plan, tuple(found), at, self.n)

    def filled(self, out: Any) -> list[Any] | None:
        """The arrays of `out`; None where one is read-only."""
        found = [_plain(array) for array in flat(out)]
        return found if all(array.flags.writeable for array in found) else None

    def apart(self, results: Sequence[Any], given: Given) -> bool:
        """Whether no array that is filled lies between the ends of another. Two that own their memory never do."""
        owners: set[int] = set()
        views: list[Any] = []
        for value in (*given.values, *given.indices):
            if isinstance(value, np.ndarray):
                if value.flags.owndata:
                    owners.add(id(value))
                else:
                    views.append(value)
        read = [v for v in (*given.values, *given.indices) if isinstance(v, np.ndarray)]
        for position, array in enumerate(results):
            if id(array) in owners:
                return False
            if array.flags.owndata:
                owners.add(id(array))
                others = views
            else:
                others = [*read, *results[:position]]
                views.append(array)
            for other in others:
                if np.may_share_memory(array, other):
                    return False
        return True

    def within(self, given: Given) -> bool:
        """Whether indices count from 0 and no row that is looked up is missing."""
        for at, rows in zip(given.indices, self.rows):
            unsigned = at.view(_UNSIGNED[at.dtype.itemsize])
            if unsigned.max(initial=0) >= rows:  # a negative index is a great number
                return False
        return True


def key_of(args: Sequence[Any], kwargs: Mapping[str, Any], out: Any, in_axes: Any, indices: Any) -> Any:
    """What alike calls have in common; None for a call whose arguments must be looked at."""
    try:
        return (
            tuple(map(_kind, args)),
            tuple((name, _kind(value)) for name, value in kwargs.items()) if kwargs else None,
            _kind(out),
            None if in_axes == "rank" else _axes(in_axes),
            tuple((name, _kind(at)) for name, at in indices.items()) if indices else None,
        )
    except _Unlike:
        return None


class _Unlike(Exception):
    """An argument of which type and shape do not say all that there is to find out."""


def _kind(value: Any) -> Any:
    kind = type(value)
    if kind is np.ndarray or kind is np.memmap:
        if not value.ndim:
            raise _Unlike
        return kind, value.dtype, value.shape
    if isinstance(value, tuple) or kind is list:
        return (kind, *map(_kind, value))
    if kind is float or kind is int or value is None or isinstance(value, (np.generic, bool, complex, str)):
        return kind
    raise _Unlike


def _axes(in_axes: Any) -> Any:
    """Axes that leave arrays as they are."""
    if in_axes is None or (type(in_axes) is int and in_axes == 0):
        return str(in_axes)
    if isinstance(in_axes, (tuple, list)):
        return tuple(map(_axes, in_axes))
    if isinstance(in_axes, dict):
        return tuple((name, _axes(axis)) for name, axis in in_axes.items())
    raise _Unlike


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if type(value) is np.memmap else value


def call_of(
    names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any], given: Given, batch: Batch, loop: Any,
    step: int,
) -> Call:  # fmt: skip
    """What a call found out."""
    sources: list[tuple[int | str | None, tuple[int, ...], Any]] = []
    for argument, value in zip(given.plan.arguments, given.values):
        position, *path = argument.path
        if position < len(args):
            sources.append((position, tuple(path), None))
        elif names[position] in kwargs:
            sources.append((names[position], tuple(path), None))
        else:
            sources.append((None, (), value))
    pairs = list(zip(given.plan.arguments, given.values))
    rows = [min(len(v) for a, v in pairs if a.gathered == f"{name}_at") for name in given.plan.looked_up]
    return Call(given.plan, batch, loop, given.n, tuple(sources), tuple(rows), step)
