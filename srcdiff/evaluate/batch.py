"""Many points in one call: `f.batch`, `f.jacobian.batch`, `f.value_and_jacobian.batch`."""

from __future__ import annotations

import inspect
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from ..assembly.inputs import choose_inputs
from ..compile.cpu import load, spec_of
from ..compile.forms import check_input, varying
from ..differentiate.points import structured
from ..errors import ArgumentError, Unsupported
from ..frontend.parameters import parameter_names, star_parameter
from ..frontend.source import find_source
from ..frontend.specs import ArraySpec, ConstantSpec, Spec, TupleSpec
from ..ir.statements import Leaf, Structure
from .arguments import defaults_last, flat, indices_of, is_array, leaves_of, listed, plain, structure_of, target_of
from .dask import dask_batch, is_dask, reduced
from .points import Argument, Batch, build_batch, flatten

__all__ = ["BatchEvaluator"]

CHUNK = 4096
"""Points that one thread takes at a time: a multiple of the block, so that results do not depend on the threads."""

PARALLEL_FROM = 2 * CHUNK
"""Points from which on threads are used by default."""

BLOCKS_FROM = 256
"""Points from which on the code for blocks is worth compiling."""


@dataclass(frozen=True)
class Plan:
    """What arguments of certain types are: their types at one point, and which of them hold points."""

    specs: Mapping[str, Spec]
    arguments: tuple[Argument, ...]
    looked_up: tuple[str, ...]
    """The arguments that are looked up through indices, in the order in which these are passed."""


@dataclass(frozen=True)
class Given:
    """The arguments of a call."""

    plan: Plan
    values: tuple[Any, ...]
    indices: tuple[Any, ...]
    n: int


class BatchEvaluator:
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
        Whether to use threads, as many as `numba.get_num_threads()`; by default from some thousands of points on. The
        results do not depend on it.
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
        self.function = function
        self.mode = mode
        self.options = options
        self.source = find_source(function)
        self.names = parameter_names(self.source)
        self.wrt, self.single = choose_inputs(self.source, options.wrt, options.of)
        self._built: dict[Any, tuple[Plan, Batch]] = {}
        self._loops: dict[str, Any] = {}
        self._plans: dict[Any, Plan] = {}
        self._signature: inspect.Signature | None = None
        self._defaults: dict[str, Any] = {}
        self._lock = threading.RLock()
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
        if any(map(is_dask, (*args, *kwargs.values(), *(indices or {}).values()))):
            if out is not None:
                raise ArgumentError("batches of Dask arrays take no out", hint="Use dask.array.store.")
            return dask_batch(self, args, kwargs, in_axes, indices or {})
        given = self.given(args, kwargs, in_axes, indices or {})
        return self.structure(*self.evaluate(given, out, parallel, progress))

    def evaluate(
        self, given: Given, out: Any, parallel: bool | None = None, progress: bool = False
    ) -> tuple[Batch, list[Any]]:
        """The arrays of results, in the order of the targets."""
        batch, loop = self.compile(given.plan, given.n >= BLOCKS_FROM)
        self.check(batch, given)
        results = self.results(batch, given.n, out)
        self._run(loop, given, results, parallel, progress)
        return batch, results

    def __reduce__(self) -> Any:
        return reduced(self)

    def emit(self, *args: Any, in_axes: Any = "rank", indices: Mapping[str, Any] | None = None, **kwargs: Any) -> str:
        """The text that a call with these arguments runs."""
        given = self.given(args, kwargs, in_axes, indices or {})
        return self.build(given.plan, given.n >= BLOCKS_FROM).module.text

    # -- arguments --------------------------------------------------------------------------------------------------

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
        """Values by parameter, and which of them are defaults."""
        if self._signature is None:
            self._signature = self._plain_signature()
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentError(f"{self.source.name}: {error}", hint=f"It takes {', '.join(self.names)}.") from None
        given = bound.arguments
        omitted = {name for name in self.names if name not in given}
        return {name: given[name] if name in given else self._defaults[name] for name in self.names}, omitted

    def _plain_signature(self) -> inspect.Signature:
        """The function's own, all parameters by position or name."""
        if star_parameter(self.source) is not None:
            raise ArgumentError(
                f"{self.source.name} collects arguments with a star, which batches do not take",
                hint="Name the parameters.",
            )
        parameters = inspect.signature(self.source.function).parameters
        self._defaults = {name: parameters[name].default for name in self.names}
        kept = [parameters[name].replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in self.names]
        return inspect.Signature(defaults_last(kept))

    def _axes(self, in_axes: Any, indices: Mapping[str, Any]) -> dict[str, Any]:
        """The axis that the caller stated for each argument."""
        if isinstance(in_axes, str) and in_axes == "rank":
            return {}
        if in_axes is None or isinstance(in_axes, int):
            return dict.fromkeys(self.names, in_axes)
        if isinstance(in_axes, Mapping):
            axes = dict(in_axes)
        else:
            if len(in_axes) > len(self.names):
                raise ArgumentError(
                    f"in_axes has {len(in_axes)} entries for {len(self.names)} arguments", hint="One an argument."
                )
            axes = dict(zip(self.names, in_axes))
        for name in (*axes, *indices):
            if name not in self.names:
                raise ArgumentError(f"{name!r} is no parameter of {self.source.name}", hint=listed(self.names))
        return axes

    def given(
        self,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        in_axes: Any,
        indices: Mapping[str, Any],
        *,
        lengths: bool = True,
    ) -> Given:
        """The arguments of a call, checked, and told apart into those with points and those without."""
        values, omitted = self.bind(args, kwargs)
        axes = self._axes(in_axes, indices)
        for name in indices:
            if name not in self.names:
                raise ArgumentError(f"{name!r} is no parameter of {self.source.name}", hint=listed(self.names))
        parts: list[tuple[tuple[int, ...], str, Any, Any]] = []
        for number, name in enumerate(self.names):
            if self._is_constant(name, omitted):
                parts.append(((number,), name, values[name], None))
                continue
            axis = axes.get(name, "rank")
            if name in indices:
                axis = 0 if axis == "rank" else axis
            parts += leaves_of((number,), name, values[name], axis)
        looked_up = {name: self.taken_indices(name, at) for name, at in indices.items()}
        arrays: dict[tuple[int, ...], Any] = {}
        told: dict[tuple[int, ...], bool | None] = {}
        for path, name, value, axis in parts:
            array = self.taken(name, value)
            if is_array(array):
                told[path] = self._told(path, name, array, axis, name in indices)
                if isinstance(axis, int) and told[path]:
                    array = self.points_first(name, array, axis)
            elif name in indices or isinstance(axis, int):
                raise ArgumentError(f"{name} has no axis of points", hint="Pass an array, or None in in_axes.")
            arrays[path] = array
        with self._lock:
            plan = self._plan(values, omitted, arrays, told, tuple(looked_up))
        ordered = tuple(arrays[a.path] for a in plan.arguments)
        n = self._count(plan.arguments, ordered, looked_up) if lengths else 0
        return Given(plan, ordered, tuple(looked_up[name] for name in plan.looked_up), n)

    def taken(self, name: str, value: Any) -> Any:
        """A number or array of the arguments, as compiled code takes it."""
        return plain(name, value)

    def taken_indices(self, name: str, at: Any) -> Any:
        """Indices, as compiled code takes them."""
        return indices_of(name, at)

    def kind(self, value: Any) -> Any:
        """What tells arguments apart that need code of their own."""
        return (value.dtype.str, value.ndim) if is_array(value) else type(value)

    def spec(self, value: Any, name: str) -> Spec:
        """What the compiler knows of an argument that all points share."""
        return spec_of(numba.typeof(value), name)

    def points_first(self, name: str, array: Any, axis: int) -> Any:
        """A view of an array with the axis of its points in front."""
        return np.moveaxis(array, axis, 0)

    def bounds(self, at: Any) -> tuple[int, int]:
        """The least and the greatest index."""
        return int(at.min()), int(at.max())

    def _told(self, path: tuple[int, ...], name: str, array: Any, axis: Any, gathered: bool) -> bool | None:
        """Whether an array holds points; None where its rank does not tell."""
        if axis is None:
            return False
        if isinstance(axis, int):
            if not -array.ndim <= axis < array.ndim:
                raise ArgumentError(f"in_axes is {axis} for {name}, which has {array.ndim} axes", hint="Or None.")
            return True
        shape = self.options.shapes.get(name) if len(path) == 1 else None
        if shape is None:
            return None
        if array.ndim not in (len(shape), len(shape) + 1):
            raise ArgumentError(
                f"{name} has {array.ndim} axes, but its shape is {shape} for one point",
                hint="Pass an array of this shape, or one with an axis of points before it.",
            )
        return bool(array.ndim == len(shape) + 1)

    def _plan(
        self,
        values: Mapping[str, Any],
        omitted: set[str],
        arrays: Mapping[tuple[int, ...], Any],
        told: Mapping[tuple[int, ...], bool | None],
        looked_up: tuple[str, ...],
    ) -> Plan:
        """Decide on the arrays whose rank does not tell: as many as possible hold points."""
        kinds = tuple((p, self.kind(a)) for p, a in arrays.items())
        key = (kinds, tuple(told.items()), looked_up, tuple(sorted(omitted)), structure_of(tuple(values.values())))
        if key in self._plans:
            return self._plans[key]
        known = {path: v for path, v in told.items() if v is not None}
        unknown = [path for path, v in told.items() if v is None]
        choices = [(True,) * len(unknown)]
        if len(unknown) <= 4:
            choices = sorted(itertools.product((True, False), repeat=len(unknown)), key=lambda c: -sum(c))
        first: Exception | None = None
        for _, group in itertools.groupby(choices, key=sum):
            found: list[Plan] = []
            for choice in group:
                batched = {**known, **dict(zip(unknown, choice))}
                try:
                    specs = self._specs(values, omitted, arrays, batched)
                    numbers = flatten(specs, batched, {name: f"{name}_at" for name in looked_up})
                    plan = Plan(specs, tuple(numbers), looked_up)
                    self.build(plan, False)
                except (ArgumentError, Unsupported) as error:
                    first = first or error
                else:
                    found.append(plan)
            if len(found) > 1:
                raise ArgumentError(
                    f"the arguments of {self.source.name} do not tell which of them hold points",
                    hint="Say it with in_axes=.",
                )
            if found:
                self._plans[key] = found[0]
                return found[0]
        assert first is not None
        raise first

    def _specs(
        self,
        values: Mapping[str, Any],
        omitted: set[str],
        arrays: Mapping[tuple[int, ...], Any],
        batched: Mapping[tuple[int, ...], bool],
    ) -> dict[str, Spec]:
        """What the arguments are at one point."""

        def one(path: tuple[int, ...], name: str, value: Any) -> Spec:
            if isinstance(value, tuple):
                items = tuple(one((*path, i), f"{name}[{i}]", item) for i, item in enumerate(value))
                return TupleSpec(items, type(value) if hasattr(value, "_fields") else None)
            array = arrays[path]
            if batched.get(path) and array.ndim == 1:
                return spec_of(numba.typeof(array.dtype.type()), name)
            found = self.spec(array, name)
            if batched.get(path):
                assert isinstance(found, ArraySpec)
                return ArraySpec(found.dtype, found.ndim - 1)
            return found

        specs: dict[str, Spec] = {}
        for number, name in enumerate(self.names):
            if self._is_constant(name, omitted):
                specs[name] = ConstantSpec(values[name])
                continue
            specs[name] = one((number,), name, values[name])
            if name in self.wrt and self.mode != "primal":
                check_input(name, specs[name], self.options.strict)
                specs[name] = varying(name, specs[name])
        return specs

    def _is_constant(self, name: str, omitted: set[str]) -> bool:
        """A default that the call leaves out is a constant, unless derivatives are taken by it."""
        return name in omitted and (name not in self.wrt or self.mode == "primal")

    def _count(self, arguments: Sequence[Argument], values: Sequence[Any], indices: Mapping[str, Any]) -> int:
        """The number of points, on which all arguments must agree."""
        found: dict[str, int] = {f"indices[{name!r}]": len(at) for name, at in indices.items()}
        for argument, value in zip(arguments, values):
            if argument.batched and argument.gathered is None:
                found[argument.text] = len(value)
        if not found:
            raise ArgumentError(
                f"no argument of {self.source.name} has an axis of points", hint="Pass arrays, or say in_axes=."
            )
        if len(set(found.values())) > 1:
            lengths = ", ".join(f"{name} {n}" for name, n in found.items())
            raise ArgumentError(
                f"the arguments disagree on the number of points: {lengths}",
                hint="Mark what all points share with None in in_axes.",
            )
        return next(iter(found.values()))

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
                options = self.options.numba()
                self._loops[batch.module.text] = numba.njit(nogil=True, **options)(load(batch.module, options))
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
        for name, at in zip(given.plan.looked_up, given.indices):
            for argument, value in zip(given.plan.arguments, given.values):
                if argument.gathered == f"{name}_at" and len(at):
                    low, high = self.bounds(at)
                    if low < -len(value) or high >= len(value):
                        raise ArgumentError(
                            f"indices[{name!r}] reach from {low} to {high}, but {argument.text} has {len(value)} rows",
                            hint="Indices count from 0.",
                        )

    def results(self, batch: Batch, n: int, out: Any) -> list[Any]:
        """The arrays that are filled, in the order of the targets: those of `out`, or new ones."""
        if out is None:
            return [np.empty((n, *t.shape), t.dtype.numpy) for t in batch.targets]
        found = list(flat(out))
        if len(found) != len(batch.targets):
            raise ArgumentError(
                f"out has {len(found)} arrays, but the result has {len(batch.targets)}",
                hint="Pass the structure that the call returns.",
            )
        return [target_of(i, array, (n, *t.shape), t) for i, (array, t) in enumerate(zip(found, batch.targets))]

    def _run(self, loop: Any, given: Given, results: Sequence[Any], parallel: bool | None, progress: bool) -> None:
        arguments = (*results, *given.values, *given.indices)
        threads = thread_count() if parallel or (parallel is None and given.n >= PARALLEL_FROM) else 1
        starts = range(0, given.n, CHUNK)

        def chunk(first: int) -> None:
            loop(first, min(first + CHUNK, given.n), *arguments)

        if threads == 1 or len(starts) < 2:
            for first in _shown(starts, progress):
                chunk(first)
            return
        loop(0, 0, *arguments)  # compiles before there are threads
        with ThreadPoolExecutor(threads) as pool:
            # Each thread takes a run of chunks in turn, so that nothing is queued for every chunk.
            runs = [starts[k::threads] for k in range(threads)]
            shown = [iter(_shown(runs[0], progress)), *map(iter, runs[1:])]
            for done in [pool.submit(_each, chunk, run) for run in shown]:
                done.result()

    def structure(self, batch: Batch, results: Sequence[Any]) -> Any:
        """The arrays of results in the structure of one call's result."""
        items = iter(results)
        parts: list[Any] = []
        if self.mode != "jacobian":
            nothing = batch.outputs == Structure((), "None") or self.options.of
            values = structured(batch.outputs, items, True)
            parts.append(None if nothing else values)
        if self.mode != "primal":
            parts.append(_by_inputs(batch.outputs, batch.inputs, items))
        return parts[0] if len(parts) == 1 else tuple(parts)


def thread_count() -> int:
    """Numba's number of threads. Asking Numba would start its threads, which some processes do not survive to fork."""
    from numba.np.ufunc import parallel

    return int(numba.get_num_threads() if parallel._is_initialized else numba.config.NUMBA_NUM_THREADS)


def _each(chunk: Callable[[int], None], starts: Iterator[int]) -> None:
    for first in starts:
        chunk(first)


def _by_inputs(outputs: Structure | Leaf, inputs: Structure | Leaf, items: Iterator[Any]) -> Any:
    """The structure of the outputs, each leaf replaced by that of the inputs."""
    if isinstance(outputs, Leaf):
        return structured(inputs, items, False)
    return tuple(_by_inputs(item, inputs, items) for item in outputs.items)


def _shown(starts: Sequence[int], progress: bool) -> Any:
    if not progress:
        return starts
    from rich.progress import track

    return track(starts, description="points")
