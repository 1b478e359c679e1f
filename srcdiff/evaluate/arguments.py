"""Arguments and outputs of a batch, one by one: what is taken, what is refused."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..compile.subclasses import refuse_subclass
from ..differentiate.points import Target
from ..errors import ArgumentError

__all__ = [
    "defaults_last",
    "flat",
    "indices_of",
    "is_array",
    "leaves_of",
    "listed",
    "overlap",
    "plain",
    "structure_of",
    "target_of",
]


def defaults_last(parameters: Sequence[inspect.Parameter]) -> list[inspect.Parameter]:
    """Keyword-only parameters may have no default after one that has: then nothing after it is positional."""
    seen = False
    result = []
    for p in parameters:
        keyword = seen and p.default is inspect.Parameter.empty
        seen = seen or p.default is not inspect.Parameter.empty or keyword
        kind = inspect.Parameter.KEYWORD_ONLY if keyword else p.kind
        result.append(p.replace(kind=kind))
    return sorted(result, key=lambda p: p.kind)


def listed(names: Sequence[str]) -> str:
    return f"It has {', '.join(names)}."


def leaves_of(path: tuple[int, ...], name: str, value: Any, axis: Any) -> list[tuple[tuple[int, ...], str, Any, Any]]:
    """The numbers and arrays of an argument, each with its axis."""
    if not isinstance(value, tuple):
        return [(path, name, value, axis)]
    if isinstance(axis, (tuple, list)):
        if len(axis) != len(value):
            raise ArgumentError(f"in_axes has {len(axis)} entries for the {len(value)} of {name}", hint="One each.")
        axes = list(axis)
    else:
        axes = [axis] * len(value)
    return [leaf for i, item in enumerate(value) for leaf in leaves_of((*path, i), name, item, axes[i])]


def structure_of(value: Any) -> Any:
    """The tuples in an argument, by their types."""
    return (type(value), *map(structure_of, value)) if isinstance(value, tuple) else None


def is_array(value: Any) -> bool:
    """Whether a value has axes, on whichever device."""
    return getattr(value, "ndim", 0) > 0


def plain(name: str, value: Any) -> Any:
    """An argument as compiled code takes it; memory maps as views."""
    refuse_subclass(name, value)
    if isinstance(value, list):
        raise ArgumentError(f"{name} is a list", hint=f"Pass an array, np.array({name}), or a tuple.")
    if not isinstance(value, np.ndarray):
        if is_array(value):
            raise ArgumentError(
                f"{name} is a {type(value).__module__.partition('.')[0]} {type(value).__name__}",
                hint="Pass a NumPy array; arrays on a GPU go with target='cuda'.",
            )
        return value
    array = value.view(np.ndarray)
    if array.ndim == 0:
        return array[()]
    if not _is_computed_with(array.dtype):
        raise ArgumentError(
            f"{name} is an array of {array.dtype}", hint="Pass native numbers: float32, float64, complex, integers."
        )
    return array


def _is_computed_with(dtype: np.dtype[Any]) -> bool:
    """Whether compiled code loads and stores such numbers."""
    return dtype.isnative and (dtype.kind in "iub" or dtype.char in "fdFD")


def indices_of(name: str, at: Any) -> Any:
    array = np.asarray(at)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ArgumentError(f"indices[{name!r}] is no array of integers with one axis", hint="One index a point.")
    return array.view(np.ndarray)


def overlap(one: Any, other: Any) -> bool:
    """Whether two arrays have elements in common; what would take long to find out counts as yes."""
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return False
    try:
        return np.shares_memory(one, other, max_work=10_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def flat(out: Any) -> Iterator[Any]:
    if isinstance(out, (tuple, list)):
        for item in out:
            yield from flat(item)
    elif out is not None:
        yield out


def target_of(number: int, array: Any, shape: tuple[int, ...], target: Target) -> Any:
    if not isinstance(array, np.ndarray) or array.shape != shape:
        found = getattr(array, "shape", type(array).__name__)
        raise ArgumentError(f"array {number} of out is {found}, but the result is {shape}", hint="Points come first.")
    refuse_subclass(f"array {number} of out", array)
    wanted = np.dtype(target.dtype.numpy)
    if not np.can_cast(wanted, array.dtype, "same_kind") or not _is_computed_with(array.dtype):
        raise ArgumentError(f"array {number} of out is of {array.dtype}", hint=f"It must hold {wanted}.")
    if not array.flags.writeable:
        raise ArgumentError(f"array {number} of out is read-only", hint="Pass one that can be written.")
    return array.view(np.ndarray)
