"""What a batch is: its arguments at one point, its module, and how its results are structured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compile.memory import counts_references
from ..differentiate.points import Target
from ..frontend.specs import Spec, TupleSpec
from ..ir.statements import Leaf, Structure
from ..module import Module

if TYPE_CHECKING:
    from ..compile.streaming import Streams

__all__ = ["Argument", "Batch", "call_text", "flatten"]


@dataclass(frozen=True)
class Argument:
    """One number or array among the arguments: a parameter, or an element of a tuple."""

    path: tuple[int, ...]
    """Position of the parameter, then of the element within its tuple."""
    name: str
    """In the loop over the points."""
    text: str
    """In the function of one point: `cam`, `pose[0]`."""
    spec: Spec
    batched: bool
    gathered: str | None = None
    """The array of indices through which its points are looked up."""

    def at(self, index: str) -> str:
        """Its value at a point, as an expression of the loop."""
        if not self.batched:
            return self.name
        return f"{self.name}[{self.gathered}[{index}]]" if self.gathered else f"{self.name}[{index}]"


@dataclass(frozen=True)
class Batch:
    """What is compiled for a batch, and how its results are structured."""

    module: Module
    targets: tuple[Target, ...]
    outputs: Structure | Leaf
    inputs: Structure | Leaf
    guards: tuple[tuple[str, tuple[int, ...]], ...]
    """Shapes that elements of the arguments must have at every point."""
    cleared: frozenset[int]
    """Targets whose zeros are not stored: the loop clears them."""
    filled: frozenset[str]
    """Arguments that the function fills or changes."""
    blocks: bool
    """Whether points are taken in blocks; what stands in the way otherwise is `reason`."""
    reason: str
    arrays: bool = False
    """Whether it works on arrays of run-time lengths, so that those of its results are found by running it."""
    streams: Streams | None = None
    """What of the results blocks may store as vectors."""
    work: int = 0
    """Numbers of the work array that its loop is passed where points are taken in blocks."""
    point: str = ""
    """The name of the function of one point, and the arrays that it is `passed`, with their dimensions."""
    passed: Mapping[str, int] | None = None
    valued: bool = True
    """Whether values are among the targets, where they are among the results."""

    def counts(self) -> bool:
        """Whether Numba must count references. Every count would wait for all stores before it."""
        if self.passed is None:
            return True
        own = (self.module.entry, self.module.entry.removesuffix("_batch") + "_block")
        return counts_references(self.module.text, self.point, self.passed, own)

    def workspace(self) -> tuple[Any, ...]:
        """What one thread's loop is passed before the results: rows that do not cross lines of the cache."""
        if not self.work:
            return ()
        memory = np.empty(8 * self.work + 64, np.uint8)
        begin = -memory.ctypes.data % 64
        return (memory[begin : begin + 8 * self.work].view(np.float64),)


def flatten(
    specs: Mapping[str, Spec], batched: Mapping[tuple[int, ...], bool], gathered: Mapping[str, str]
) -> list[Argument]:
    """The numbers and arrays among the arguments, in order."""
    found: list[Argument] = []

    def visit(path: tuple[int, ...], name: str, text: str, spec: Spec, at: str | None) -> None:
        if isinstance(spec, TupleSpec):
            for i, item in enumerate(spec.items):
                visit((*path, i), f"{name}_{i}", f"{text}[{i}]", item, at)
        else:
            found.append(Argument(path, name, text, spec, batched.get(path, False), at))

    for number, (name, spec) in enumerate(specs.items()):
        visit((number,), name, name, spec, gathered.get(name))
    taken = set(specs)
    unique: list[Argument] = []
    for one in found:
        name = one.name
        while len(one.path) > 1 and name in taken:
            name += "_"
        taken.add(name)
        unique.append(Argument(one.path, name, one.text, one.spec, one.batched, one.gathered))
    return unique


def call_text(specs: Mapping[str, Spec], arguments: Sequence[Argument], index: str) -> list[str]:
    """The arguments of one point, as the function of one point takes them."""
    rest: Iterator[Argument] = iter(arguments)

    def one(spec: Spec) -> str:
        if isinstance(spec, TupleSpec):
            items = [one(item) for item in spec.items]
            if spec.record is not None:
                return f"{spec.record.__name__}({', '.join(items)})"
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
        return next(rest).at(index)

    return [one(spec) for spec in specs.values()]
