"""Batches of Dask arrays: lazily, a task for each block of points."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError
from .arguments import leaves_of

if TYPE_CHECKING:
    from .batch import BatchEvaluator

__all__ = ["dask_batch", "is_dask", "reduced"]


def is_dask(value: Any) -> bool:
    """Whether a value is a Dask array, or a tuple that holds one. Imports nothing."""
    if isinstance(value, tuple):
        return any(map(is_dask, value))
    return type(value).__module__.startswith("dask.array")


def dask_batch(
    evaluator: BatchEvaluator,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    in_axes: Any,
    indices: Mapping[str, Any],
) -> Any:
    """The result's structure with Dask arrays for its leaves, in the blocks of the arguments.

    Dask arrays hold points along their first axis, in one block along every other axis, and agree on the blocks.
    NumPy arrays with points are split accordingly; what is shared goes to every task. Lengths of results that only
    running the function tells are nan, as everywhere in Dask.
    """
    dask: Any = import_module("dask")
    da: Any = import_module("dask.array")
    if in_axes != "rank":
        raise ArgumentError("Dask arrays have their points along the first axis", hint="Leave in_axes out.")
    values, omitted = evaluator.bind(args, kwargs)
    chunks = _chunks([v for v in [*values.values(), *indices.values()] if is_dask(v)])
    looked_up = {name: _dask(f"indices[{name!r}]", at, chunks, da) for name, at in indices.items()}
    for name in indices:
        if is_dask(values.get(name)):
            raise ArgumentError(f"{name} is looked up, so it must be in memory", hint=f"Pass {name}.compute().")
    # One point of each argument tells types, and which arguments hold points.
    empty = {name: _empty(value) for name, value in values.items() if name not in omitted}
    given = evaluator.given((), empty, "rank", {name: np.empty(0, np.int64) for name in indices}, lengths=False)
    batched = {a.path for a in given.plan.arguments if a.batched and not a.gathered}
    batch = evaluator.build(given.plan, False)

    split: dict[str, Any] = {}
    for number, (name, value) in enumerate(values.items()):
        if name not in omitted:
            split[name] = _split((number,), name, value, batched, chunks, da)
    task = dask.delayed(_block, pure=True)
    parts = []
    for k in range(len(chunks)):
        own = {name: _pick(value, k) for name, value in split.items()}
        at = {name: array.to_delayed().ravel()[k] for name, array in looked_up.items()}
        parts.append(task(evaluator, own, at))
    results = []
    for position, (target, shape) in enumerate(zip(batch.targets, evaluator.known_shapes(batch, given))):
        dtype = np.dtype(target.dtype.numpy)
        meta = np.empty((0,) * (len(shape) + 1), dtype)
        lengths = [np.nan if n is None else n for n in shape]
        blocks = [
            da.from_delayed(part[position], (count, *lengths), dtype=dtype, meta=meta)
            for part, count in zip(parts, chunks)
        ]
        results.append(da.concatenate(blocks, allow_unknown_chunksizes=None in shape))
    return evaluator.structure(batch, results)


def _block(evaluator: BatchEvaluator, values: Mapping[str, Any], indices: Mapping[str, Any]) -> list[Any]:
    """One block's arrays, in order. A worker runs several tasks at a time, so each takes one thread."""
    given = evaluator.given((), values, "rank", indices)
    return evaluator.evaluate(given, None, parallel=False)[1]


def _chunks(arrays: Sequence[Any]) -> tuple[int, ...]:
    """The blocks along the points, on which all must agree."""
    found: tuple[int, ...] | None = None
    for _, name, array, _ in (leaf for value in arrays for leaf in leaves_of((), "an argument", value, None)):
        if not is_dask(array):
            continue
        if any(len(c) > 1 for c in array.chunks[1:]):
            raise ArgumentError(
                f"{name} of shape {array.shape} is in several blocks along other axes than the first: {array.chunks}",
                hint="Call its rechunk({axis: -1, ...}) before.",
            )
        if found is not None and found != array.chunks[0]:
            raise ArgumentError(
                f"the arguments are in different blocks along the points: {found} and {array.chunks[0]}",
                hint="Call rechunk on one of them before.",
            )
        found = array.chunks[0]
    assert found is not None
    return found


def _dask(name: str, array: Any, chunks: tuple[int, ...], da: Any) -> Any:
    """An array with points in the given blocks."""
    if is_dask(array):
        return array
    if len(array) != sum(chunks):
        raise ArgumentError(f"{name} has {len(array)} points, but the Dask arrays {sum(chunks)}", hint="All alike.")
    return da.from_array(array, chunks=(chunks, *((n,) for n in array.shape[1:])))


def _empty(value: Any) -> Any:
    """The same types, without points in Dask arrays."""
    if isinstance(value, tuple):
        items = [_empty(v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return np.empty((0, *value.shape[1:]), value.dtype) if is_dask(value) else value


def _split(
    path: tuple[int, ...], name: str, value: Any, batched: set[tuple[int, ...]], chunks: tuple[int, ...], da: Any
) -> Any:
    """An argument with its arrays of points split into delayed blocks."""
    if isinstance(value, tuple):
        items = [_split((*path, i), name, v, batched, chunks, da) for i, v in enumerate(value)]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if path in batched:
        return _Blocks(_dask(name, value, chunks, da).to_delayed().ravel())
    if is_dask(value):
        raise ArgumentError(f"{name} is shared by all points, so it must be in memory", hint="Call its compute().")
    return value


class _Blocks:
    """The delayed blocks of one array."""

    def __init__(self, blocks: Sequence[Any]):
        self.blocks = blocks


def _pick(value: Any, k: int) -> Any:
    """The k-th block of every array in an argument."""
    if isinstance(value, _Blocks):
        return value.blocks[k]
    if isinstance(value, tuple):
        items = [_pick(v, k) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value


# -- on workers -------------------------------------------------------------------------------------------------------

_known: dict[str, Any] = {}
"""Evaluators of this process by the token of that which they are copies of: every process compiles once."""


def reduced(evaluator: BatchEvaluator) -> tuple[Any, tuple[Any, ...]]:
    """How an evaluator is pickled."""
    if evaluator.token is None:
        evaluator.token = uuid.uuid4().hex
        _known[evaluator.token] = evaluator
    from ..places import Origin, file_of, find, place_of, rebuild

    function, options = evaluator.function, evaluator.options
    place = place_of(Origin(function, options, "object"))
    owner = find(place, "object") if place is not None else rebuild(function, options, "object", file_of(function))
    return _remembered, (evaluator.token, owner, evaluator.mode)


def _remembered(token: str, owner: Any, mode: str) -> Any:
    if token not in _known:
        form = owner if mode == "primal" else getattr(owner, mode)
        _known[token] = form.batch
        _known[token].token = token
    return _known[token]
