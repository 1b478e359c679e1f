"""The shapes of results whose lengths only running the function tells: those that it has at the first point."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..differentiate.points import Target
from ..errors import ArgumentError
from ..frontend.specs import Spec, TupleSpec
from .arguments import flat
from .calls import Argument, Batch

if TYPE_CHECKING:
    from .plan import Given

__all__ = ["Lengths"]


class Lengths:
    """Shapes of the results of a function's batches."""

    def __init__(self, function: Callable[..., Any], options: Any):
        self.function = function
        self.options = options

    @functools.cached_property
    def primal(self) -> Any:
        """The function itself, compiled or from the store."""
        from ..compile.tiers import Form

        return Form(self.function, "primal", self.options)

    def shapes(self, batch: Batch, given: Given) -> list[tuple[int, ...]]:
        """The shape of a point's part of every target.

        Raises
        ------
        ArgumentError
            There are no points, so that lengths of results are not known.
        """
        found = self.known(batch, given)
        if all(None not in shape for shape in found):
            return [tuple(n for n in shape if n is not None) for shape in found]
        if given.n == 0:
            raise ArgumentError(
                "there are no points, so the lengths of the results are not known", hint="Pass at least one point."
            )
        outputs = [np.shape(value) for value in flat((self.primal(*_first(given)),))]
        result = []
        for target, own in zip(batch.targets, found):
            inner = own[len(own) - len(target.input.shape) :] if target.input is not None else ()
            result.append(outputs[target.position] + tuple(n for n in inner if n is not None))
        return result

    def known(self, batch: Batch, given: Given) -> list[tuple[int | None, ...]]:
        """What of these shapes the arguments tell; None for the rest."""
        filled = [name for name in self.options.of if name in batch.filled]
        return [self._known(target, filled, given) for target in batch.targets]

    def _known(self, target: Target, filled: list[str], given: Given) -> tuple[int | None, ...]:
        if target.output is None:
            return target.shape
        outer = target.output.shape
        if None in outer and target.position < len(filled):
            outer = _own_shape(filled[target.position], given)
        if target.input is None:
            return outer
        inner = target.input.shape
        return outer + (_own_shape(target.parameter, given) if None in inner else inner)


def _own_shape(name: str, given: Given) -> tuple[int, ...]:
    """The shape that an argument has at one point."""
    for argument, value in zip(given.plan.arguments, given.values):
        if argument.text == name:
            return tuple(value.shape[1:] if argument.batched else value.shape)
    raise AssertionError(f"{name} is no argument")


def _first(given: Given) -> list[Any]:
    """The arguments of the first point. Arrays are copies: the function may write to them."""
    at = dict(zip((f"{name}_at" for name in given.plan.looked_up), given.indices))
    rest = iter(zip(given.plan.arguments, given.values))

    def one(spec: Spec) -> Any:
        if isinstance(spec, TupleSpec):
            items = [one(item) for item in spec.items]
            return spec.record(*items) if spec.record is not None else tuple(items)
        argument, value = next(rest)
        return _at_first(argument, value, at)

    return [one(spec) for spec in given.plan.specs.values()]


def _at_first(argument: Argument, value: Any, at: Mapping[str, Any]) -> Any:
    if argument.batched:
        value = value[at[argument.gathered][0] if argument.gathered else 0]
    return value.copy() if isinstance(value, np.ndarray) else value
