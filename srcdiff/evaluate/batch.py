"""Many points in one call: `f.batch`, `f.jacobian.batch`, `f.value_and_jacobian.batch`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..compile.kernels import kernel
from ..differentiate.points import structured
from ..errors import ArgumentError
from ..ir.statements import Leaf, Structure
from .arguments import flat, overlap, target_of
from .blocks import WIDTH
from .calls import Batch
from .dask import dask_batch, is_dask, reduced
from .failures import at_point
from .lengths import Lengths
from .plan import Given, Plan, Planner
from .points import build_batch
from .repeated import Call, call_of, key_of
from .threads import WORTH, in_threads, progress_bar, thread_count

__all__ = ["BatchEvaluator", "Given", "Plan"]

CHUNK = 4096
"""Points that one thread takes at a time, where each has few numbers."""

FEW = 64
"""Numbers of a point, arguments and results, up to which it has few."""

BLOCKS_FROM = 256
"""Points from which on the code for blocks is worth compiling."""

REMEMBERED = 64
"""Kinds of calls of which it is remembered what was found out."""


class BatchEvaluator(Planner):
    """One of the forms `primal`, `jacobian`, `value_and_jacobian` of a function, at many points.

    Arrays gain a leading axis of points; arguments without one are shared by all points. An array for which `shapes`
    states the shape is told by its rank; every other array holds one value for each point, unless the function can
    only be compiled with it shared.

    Parameters
    ----------
    *args, **kwargs
        The arguments of the function.
    out
        Arrays to fill, in the structure of the result: any strides, memory maps included. Allocated where None.
    in_axes
        As in `jax.vmap`: for each argument the axis of its points, or None where it is shared; for a tuple argument a
        tuple of these, or one for all. One integer for all arguments. Arguments left out are told by the rules above.
    indices
        `{"camera": at}`: point i gets `camera[at[i]]`. Nothing is copied. For a tuple argument, of all its elements.
    parallel
        Whether to use threads, as many as `numba.get_num_threads()`; by default where the first points take so long
        that it pays. The results do not depend on it.
    progress
        Show a progress bar.

    Returns
    -------
    The structure that one call returns, with arrays for its leaves: the points along the first axis, then the shape
    that the leaf has for one point.

    Raises
    ------
    ArgumentError
        The arguments disagree on the number of points, no argument has points, or an index is out of bounds.
    Unsupported
        As for a single call.
    """

    def __init__(self, function: Callable[..., Any], mode: str, options: Any):
        super().__init__(function, mode, options)
        self._built: dict[Any, tuple[Plan, Batch]] = {}
        self._loops: dict[str, Any] = {}
        self._calls: dict[Any, Call] = {}
        self._spare: dict[int, list[tuple[Any, ...]]] = {}
        """Work arrays that no thread uses now, by batch."""
        self._lengths = Lengths(function, options)
        self.token: str | None = None
        """What copies in other processes are known by."""

    def __repr__(self) -> str:
        return f"<batches of {self.mode} of {self.source.name}>"

    def __call__(
        self,
        *args: Any,
        out: Any = None,
        in_axes: Any = "rank",
        indices: Mapping[str, Any] | None = None,
        parallel: bool | None = None,
        progress: bool = False,
        **kwargs: Any,
    ) -> Any:
        key = key_of(args, kwargs, out, in_axes, indices)
        if key in self._calls:
            return self._again(self._calls[key], args, kwargs, out, indices or {}, parallel, progress)
        if any(map(is_dask, (*args, *kwargs.values(), *(indices or {}).values()))):
            if out is not None:
                raise ArgumentError("batches of Dask arrays take no out", hint="Use dask.array.store.")
            return dask_batch(self, args, kwargs, in_axes, indices or {})
        given = self.given(args, kwargs, in_axes, indices or {})
        batch, results = self.evaluate(given, out, parallel, progress)
        if key is not None:
            if len(self._calls) >= REMEMBERED:
                self._calls.clear()
            _, loop = self.compile(given.plan, batch.blocks)
            step = _points_at_a_time(batch, given, results)
            self._calls[key] = call_of(self.names, args, kwargs, given, batch, loop, step)
        return self.structure(batch, results)

    def _again(
        self, call: Call, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any, indices: Mapping[str, Any],
        parallel: bool | None, progress: bool,
    ) -> Any:  # fmt: skip
        """A call like one before."""
        batch = call.batch
        given = call.given(args, kwargs, indices)
        if batch.filled:
            self.check(batch, given)
        elif not call.within(given):
            self.check_indices(given)
        shapes = self.point_shapes(batch, given)
        if out is None:
            results = self.results(batch, given.n, None, shapes)
        else:
            results = call.filled(out) or self.results(batch, given.n, out, shapes)
            if not call.apart(results, given):
                self.separate_results(results, given)
        self._run(call.loop, batch, given, results, call.step, parallel, progress)
        return self.structure(batch, results)

    def evaluate(
        self, given: Given, out: Any, parallel: bool | None = None, progress: bool = False
    ) -> tuple[Batch, list[Any]]:
        """The arrays of results, in the order of the targets."""
        batch, loop = self.compile(given.plan, given.n >= BLOCKS_FROM)
        self.check(batch, given)
        results = self.results(batch, given.n, out, self.point_shapes(batch, given))
        if out is not None:
            self.separate_results(results, given)
        self._run(loop, batch, given, results, _points_at_a_time(batch, given, results), parallel, progress)
        return batch, results

    def point_shapes(self, batch: Batch, given: Given) -> Sequence[tuple[int, ...]]:
        """The shapes of a point's results."""
        return self._lengths.shapes(batch, given) if batch.arrays else [t.lengths for t in batch.targets]

    def known_shapes(self, batch: Batch, given: Given) -> list[tuple[int | None, ...]]:
        """The shapes that a point's results are known to have before anything is run."""
        return self._lengths.known(batch, given) if batch.arrays else [t.shape for t in batch.targets]

    def __reduce__(self) -> Any:
        return reduced(self)

    def emit(self, *args: Any, in_axes: Any = "rank", indices: Mapping[str, Any] | None = None, **kwargs: Any) -> str:
        """The text that a call with these arguments runs."""
        given = self.given(args, kwargs, in_axes, indices or {})
        return self.build(given.plan, given.n >= BLOCKS_FROM).module.text

    # -- evaluation -------------------------------------------------------------------------------------------------

    def build(self, plan: Plan, blocks: bool) -> Batch:
        """The module for arguments of these types."""
        key = (id(plan), blocks)
        if key not in self._built:
            batch = build_batch(self.source, plan.specs, plan.arguments, self.options, self.mode, blocks=blocks)
            self._built[key] = plan, batch
        return self._built[key][1]

    def compile(self, plan: Plan, blocks: bool) -> tuple[Batch, Any]:
        """The module, and its loop over the points as Numba compiles it."""
        with self._lock:
            batch = self.build(plan, blocks)
            if batch.module.text not in self._loops:
                self._loops[batch.module.text] = kernel(batch.module, self.options, batch.streams, batch.counts())
            return batch, self._loops[batch.module.text]

    def check(self, batch: Batch, given: Given) -> None:
        """Shapes, indices, and what is written: compiled code checks none of these."""
        guards = dict(batch.guards)
        for argument, value in zip(given.plan.arguments, given.values):
            shape = guards.get(argument.text)
            if shape is not None:
                own = value.shape[1:] if argument.batched else value.shape
                if own != shape:
                    raise ArgumentError(
                        f"{argument.text} has the shape {own} at each point, but must have {shape}",
                        hint="The axis of the points comes first.",
                    )
            if argument.text.partition("[")[0] in batch.filled:
                if not argument.batched or argument.gathered:
                    raise ArgumentError(
                        f"{argument.text} is written, so each point needs its own", hint="Give it an axis of points."
                    )
                if isinstance(value, np.ndarray) and not value.flags.writeable:
                    raise ArgumentError(f"{argument.text} is written, but read-only", hint="Pass a copy.")
                self._separate(argument.text, value, given, but=argument)
        self.check_indices(given)

    def check_indices(self, given: Given) -> None:
        """That rows which are looked up are there."""
        for name, at in zip(given.plan.looked_up, given.indices):
            if not len(at):
                continue
            low, high = self.bounds(at)
            for argument, value in zip(given.plan.arguments, given.values):
                if argument.gathered == f"{name}_at" and (low < -len(value) or high >= len(value)):
                    raise ArgumentError(
                        f"indices[{name!r}] reach from {low} to {high}, but {argument.text} has {len(value)} rows",
                        hint="Indices count from 0.",
                    )

    def _separate(self, name: str, array: Any, given: Given, but: Any = None) -> None:
        """Points are computed in any order: what one writes, no other may read."""
        others = [(a.text, v) for a, v in zip(given.plan.arguments, given.values) if a is not but]
        others += [(f"indices[{name!r}]", at) for name, at in zip(given.plan.looked_up, given.indices)]
        for text, value in others:
            if overlap(self.memory(array), self.memory(value)):
                raise ArgumentError(f"{name} shares memory with {text}", hint="Pass arrays of their own.")

    def separate_results(self, results: Sequence[Any], given: Given) -> None:
        """The arrays of `out` are apart, from the arguments and from each other."""
        for number, array in enumerate(results):
            name = f"array {number} of out"
            self._separate(name, array, given)
            for other in range(number):
                if overlap(self.memory(array), self.memory(results[other])):
                    raise ArgumentError(f"{name} shares memory with array {other}", hint="Pass arrays of their own.")

    def memory(self, value: Any) -> Any:
        """An array whose elements lie where those of `value` do."""
        return value

    def results(
        self, batch: Batch, n: int, out: Any, shapes: Sequence[tuple[int, ...]] | None = None
    ) -> list[Any]:
        """The arrays that are filled, in the order of the targets: those of `out`, or new ones."""
        shapes = [t.lengths for t in batch.targets] if shapes is None else shapes
        if out is None:
            return [np.empty((n, *shape), t.dtype.numpy) for shape, t in zip(shapes, batch.targets)]
        found = list(flat(out))
        if len(found) != len(batch.targets):
            raise ArgumentError(
                f"out has {len(found)} arrays, but the result has {len(batch.targets)}",
                hint="Pass the structure that the call returns.",
            )
        both = zip(found, shapes, batch.targets)
        return [target_of(i, array, (n, *shape), t) for i, (array, shape, t) in enumerate(both)]

    def _run(
        self, loop: Any, batch: Batch, given: Given, results: Sequence[Any], step: int, parallel: bool | None,
        progress: bool,
    ) -> None:  # fmt: skip
        arguments = (*results, *given.values, *given.indices)
        n = given.n
        spare = self._spare.setdefault(id(batch), [])

        def chunk(first: int, last: int) -> None:
            try:
                own = spare.pop()
            except IndexError:
                own = batch.workspace()
            try:
                loop(first, min(last, n), *own, *arguments)
            except Exception as error:
                if batch.filled:  # what a point wrote, it may read when it is computed again
                    raise
                points = range(first, min(last, n))
                raise at_point(error, points, lambda i: loop(i, i + 1, *own, *arguments)) from None
            spare.append(own)

        if not progress:
            _chunks(chunk, n, step, WIDTH if batch.blocks else 1, parallel)
            return
        with progress_bar(n) as done:

            def shown(first: int, last: int) -> None:
                chunk(first, last)
                done(last - first)

            _chunks(shown, n, step, WIDTH if batch.blocks else 1, parallel)

    def structure(self, batch: Batch, results: Sequence[Any]) -> Any:
        """The arrays of results in the structure of one call's result."""
        items = iter(results)
        parts: list[Any] = []
        if self.mode != "jacobian" and not batch.valued:
            parts.append(None)
        elif self.mode != "jacobian":
            nothing = batch.outputs == Structure((), "None") or self.options.of
            values = structured(batch.outputs, items, True)
            parts.append(None if nothing else values)
        if self.mode != "primal":
            parts.append(_by_inputs(batch.outputs, batch.inputs, items))
        return parts[0] if len(parts) == 1 else tuple(parts)


def _points_at_a_time(batch: Batch, given: Given, results: Sequence[Any]) -> int:
    """The size of a chunk: fewer points where each has more numbers.

    A multiple of the block: results do not depend on the threads, which would otherwise cut blocks in two.
    """
    batched = [v for a, v in zip(given.plan.arguments, given.values) if a.batched]
    numbers: int = sum(math.prod(array.shape[1:]) for array in (*results, *batched))
    found = CHUNK * FEW // max(numbers, FEW)
    return max(found, 1) if batch.arrays else max(found // WIDTH * WIDTH, WIDTH)


def _chunks(chunk: Callable[[int, int], None], n: int, step: int, unit: int, parallel: bool | None) -> None:
    """All points, `step` at a time, on several threads if that pays or is asked for; chunks are multiples of `unit`."""
    threads = 1 if parallel is False or n <= unit else thread_count()
    begin = 0
    if threads > 1:
        # Every thread gets some chunks: then all end at about the same time.
        shared = min(step, max(-(-n // (4 * threads * unit)), 1) * unit)
        if parallel:
            chunk(0, 0)  # compiles before there are threads
        else:
            start = time.perf_counter()
            chunk(0, shared)
            begin = shared
            rest = (time.perf_counter() - start) * (n - begin) / begin
            threads = threads if rest > WORTH else 1
    if threads > 1:
        in_threads(lambda first: chunk(first, first + shared), range(begin, n, shared), threads)
    else:
        for first in range(begin, n, step):
            chunk(first, first + step)


def _by_inputs(outputs: Structure | Leaf, inputs: Structure | Leaf, items: Iterator[Any]) -> Any:
    """The structure of the outputs, each leaf replaced by that of the inputs."""
    if isinstance(outputs, Leaf):
        return structured(inputs, items, False)
    return tuple(_by_inputs(item, inputs, items) for item in outputs.items)

