"""The arguments of a batch: which of them hold points, and what each is at one point."""

from __future__ import annotations

import inspect
import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from ..assembly.inputs import choose_inputs
from ..compile.cpu import spec_of
from ..compile.forms import check_input, varying
from ..errors import ArgumentError, Unsupported
from ..frontend.parameters import parameter_names, star_parameter
from ..frontend.source import find_source
from ..frontend.specs import ArraySpec, ConstantSpec, Spec, TupleSpec
from .arguments import defaults_last, indices_of, is_array, leaves_of, listed, plain, structure_of
from .calls import Argument, flatten

__all__ = ["Given", "Plan", "Planner"]


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


class Planner:
    """Tells the arguments of a function's calls apart; `build` says what a plan cannot be compiled for."""

    def __init__(self, function: Callable[..., Any], mode: str, options: Any):
        self.function = function
        self.mode = mode
        self.options = options
        self.source = find_source(function)
        self.names = parameter_names(self.source)
        self.wrt, self.single = choose_inputs(self.source, options.wrt, options.of)
        self._plans: dict[Any, Plan] = {}
        self._signature: inspect.Signature | None = None
        self._defaults: dict[str, Any] = {}
        self._lock = threading.RLock()

    def build(self, plan: Plan, blocks: bool) -> Any:
        """The module for arguments of these types."""
        raise NotImplementedError

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
