"""Other views of the elements of an array of known shape: NumPy itself arranges the places where they are kept."""

from __future__ import annotations

from typing import Any

import libcst as cst
import numpy as np

from ..errors import UnsupportedType
from .array_functions import function
from .arrays import Arrays, count_of
from .values import Array, Object, OpenArray, Scalar, Sequence_, Value

__all__: list[str] = []


def places(a: Array) -> Any:
    """Where each element is kept among the scalars of the array's memory."""
    return np.array(a.slots, dtype=np.int64).reshape(a.shape)


def viewed(a: Array, chosen: Any) -> Array:
    """The same memory, seen at other places."""
    return Array(a.cells, tuple(chosen.shape), tuple(chosen.ravel().tolist()))


def in_memory(a: Array) -> Any:
    """An array of places with the strides that NumPy's array would have; None where no strides give them."""
    found = places(a)
    if found.size == 0:
        return found
    corner = (0,) * found.ndim
    steps = [int(found[(*corner[:n], 1, *corner[n + 1 :])] - found[corner]) if found.shape[n] > 1 else 0
             for n in range(found.ndim)]  # fmt: skip
    memory = np.arange(len(a.cells.items), dtype=np.int64)
    reach = [step * (n - 1) for step, n in zip(steps, found.shape)]
    first = int(found[corner])
    if first + sum(min(r, 0) for r in reach) < 0 or first + sum(max(r, 0) for r in reach) >= len(memory):
        return None
    view = np.lib.stride_tricks.as_strided(
        memory[first:], found.shape, [8 * step for step in steps], writeable=False
    )
    return view if np.array_equal(view, found) else None


def rearranged(self: Arrays, a: Array, shape: tuple[int, ...], node: cst.CSTNode) -> Array:
    """`reshape`: a view where strides allow it, otherwise a copy, as in NumPy."""
    memory = in_memory(a)
    source = places(a) if memory is None else memory
    try:
        chosen = source.reshape(shape)
    except ValueError:
        self.fail(node, UnsupportedType, f"an array of shape {a.shape} cannot be reshaped to {shape}", "")
    if memory is not None and np.shares_memory(chosen, memory):
        return viewed(a, chosen)
    return self.array(a.items, tuple(chosen.shape), a.dtype)


def _known(self: Arrays, value: Value, node: cst.Call) -> Any:
    if isinstance(value, Object) and value.value is None:
        return None
    if isinstance(value, Sequence_):
        return tuple(_known(self, item, node) for item in value.items)
    known = value.constant if isinstance(value, Scalar) else None
    if not isinstance(known, int):
        self.needs_known(node, "the axis of a view must be known when compiling")
    return known


def _register(name: str) -> None:
    @function(name)
    def view(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        a = self.as_array(self.settle(arguments[:1], node)[0], node)
        rest = [_known(self, value, node) for value in arguments[1:]]
        named = {key: _known(self, value, node) for key, value in keywords.items()}
        return viewed(a, getattr(np, name)(places(a), *rest, **named))


for _name in ("flip", "flipud", "fliplr", "expand_dims", "squeeze", "broadcast_to"):
    _register(_name)


@function("split", "array_split")
def _split(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.as_array(arguments[0], node)
    rest = [_known(self, value, node) for value in arguments[1:]]
    named = {key: _known(self, value, node) for key, value in keywords.items()}
    cut = np.array_split if self.source.code(node.func).endswith("array_split") else np.split
    return Sequence_([viewed(a, part) for part in cut(places(a), *rest, **named)], is_list=True)


@function("reshape")
def _reshape(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    lengths: Value = Sequence_(arguments[1:]) if len(arguments) > 2 else arguments[1]
    wanted = _known(self, lengths, node)
    shape = wanted if isinstance(wanted, tuple) else (wanted,)
    if isinstance(arguments[0], OpenArray) and arguments[0].ndim == 1 and all(n > 0 for n in shape):
        self.refine(arguments[0], (count_of(shape),))
    return rearranged(self, self.as_array(self.settle(arguments[:1], node)[0], node), shape, node)


@function("ravel")
def _ravel(self: Arrays, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
    a = self.as_array(self.settle(arguments[:1], node)[0], node)
    first = a.slots[0] if a.slots else 0
    contiguous = a.slots == tuple(range(first, first + len(a.slots)))
    if contiguous and not self.source.code(node.func).endswith("flatten"):
        return Array(a.cells, (len(a.slots),), a.slots)
    return self.array(a.items, (len(a.slots),), a.dtype)
