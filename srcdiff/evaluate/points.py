"""The text of a batch: a function for one point, one for a block of points where that pays, and a loop over them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..assembly.inputs import choose_inputs
from ..assembly.parts import check_names, definition, support_texts
from ..assembly.scalars import ScalarAssembly, best
from ..compile.streaming import FROM, Streams
from ..differentiate.points import PointLayout, targets_of
from ..emitter.header import header
from ..emitter.module import function_text, module_text
from ..errors import Unsupported
from ..frontend.entry import Lowered, lower_entry
from ..frontend.source import Source
from ..frontend.specs import ArraySpec, Spec
from ..ir.expr import Var, interning
from ..ir.types import INT64
from ..ir.verify import verify
from ..module import Module
from ..pipeline import needs_chunks
from .array_points import array_batch
from .blocks import WIDTH, NoBlocks, block_function
from .calls import Argument, Batch, call_text, flatten

__all__ = ["Argument", "Batch", "PointAssembly", "build_batch", "call_text", "flatten", "lower_point"]

_SUFFIX = {"primal": "", "jacobian": "_jacobian", "value_and_jacobian": "_value_and_jacobian"}


class PointAssembly(ScalarAssembly):
    """As for one call, but results are stored into arrays that hold those of all points."""

    clears = True
    slots = 1
    """Rows of the work array that a block needs."""

    def layout(self) -> PointLayout:
        """Results go to `out_0`, `out_1`, ... at the index of the point."""
        if not hasattr(self, "names"):
            self.index = self.fresh("i")
            self.cleared: set[int] = set()
            self.names: tuple[str, ...] = ()
        plain = super().layout()
        targets = targets_of(plain, self.mode)
        if not self.names:
            self.names = tuple(self.fresh("out" if len(targets) == 1 else f"out_{k}") for k in range(len(targets)))
        self.targets = tuple(targets)
        return PointLayout(
            self.mode, plain.outputs, plain.inputs, plain.fresh, plain.filled, plain.returns_value, plain.written,
            plain.narrow, names=self.names, index=Var(self.index, INT64), cleared=self.cleared if self.clears else None,
        )  # fmt: skip

    def _parameters(self) -> list[str]:
        return [self.index, *self.names, *self.lowered.parameters]

    @property
    def name(self) -> str:
        """Of the function of one point."""
        return f"{self.lowered.function.name}{_SUFFIX[self.mode]}_point"

    def text(self, functions: Sequence[str], entry: str) -> Module:
        """The module: the function's helpers, the function of one point, and what is given."""
        assert self.body is not None
        program = self.program
        point = function_text(self.name, self._parameters(), self.body, checked=False)
        every = [*self.derivatives.texts(self.body), point, *functions]
        check_names(self.lowered.source, every)
        branches = dict(self.differentiator.branches) if self.differentiator is not None else {}
        for derivative in self.derivatives.made.values():
            branches |= derivative.branches
        text = module_text(
            header(self, self.differentiator, branches),
            every,
            program.imports,
            program.constants,
            {key: definition(key, value) for key, value in program.objects.items()},
            support_texts(every),
        )
        return Module(text, entry, tuple(self._parameters()), dict(program.objects), branches)


def lower_point(
    source: Source, specs: Mapping[str, Spec], inputs: Sequence[str], options: Any, mode: str, users: str = ""
) -> Lowered:
    """The function at one point; what works on arrays of run-time lengths is refused for `users`, if any."""
    promote = mode != "primal"
    try:
        lowered = lower_entry(source, specs, inputs, options.of, options.shapes, promote=promote, fixed=users)
    except Unsupported:
        if users:
            raise
        lowered = lower_entry(source, specs, inputs, options.of, options.shapes, promote=promote, fixed="batches")
    verify(lowered.function.body)
    return lowered


def build_batch(
    source: Source,
    specs: Mapping[str, Spec],
    arguments: Sequence[Argument],
    options: Any,
    mode: str,
    *,
    blocks: bool = True,
) -> Batch:
    """The module for a batch; `specs` are those of a single point."""
    with interning(), source.deep():
        inputs, single = choose_inputs(source, options.wrt, options.of)
        lowered = lower_point(source, specs, inputs, options, mode)
        if needs_chunks(lowered, inputs):
            return array_batch(lowered, specs, arguments, inputs, single, options, mode)

        def assemble(variant: Lowered) -> PointAssembly:
            return PointAssembly(variant, inputs, single, mode, options.strict, (), False)

        assembly = best(lowered, assemble)
        assert isinstance(assembly, PointAssembly)
        assembly.differentiate()
        return _module(assembly, specs, arguments, blocks)


def _module(
    assembly: PointAssembly, specs: Mapping[str, Spec], arguments: Sequence[Argument], blocks: bool
) -> Batch:
    lowered = assembly.lowered
    own = {key: assembly.fresh(key) for key in ("first", "last", "start", "full", "work")}
    indices = list(dict.fromkeys(a.gathered for a in arguments if a.gathered))
    passed = [*assembly.names, *(a.name for a in arguments), *indices]
    i = assembly.index
    call = f"{assembly.name}({', '.join([i, *assembly.names, *call_text(specs, arguments, i)])})"
    base = assembly.name.removesuffix("_point")
    functions: list[str] = []
    reason = ""
    if blocks:
        try:
            functions.append(block_function(assembly, f"{base}_block", own, passed, arguments))
        except NoBlocks as obstacle:
            reason = str(obstacle)
    else:
        reason = "not asked for"
    functions.append(_loop(assembly, f"{base}_batch", own, passed, call, None if reason else f"{base}_block"))
    module = assembly.text(functions, f"{base}_batch")
    filled = frozenset(lowered.filled) | frozenset(lowered.written_back)
    return Batch(
        module, assembly.targets, assembly.outputs, assembly.input_structure, lowered.guards,
        frozenset(assembly.cleared), filled, not reason, reason,
        streams=None if reason else _streams(assembly, f"{base}_block", own),
        work=0 if reason else assembly.slots * WIDTH, point=assembly.name, passed=_arrays(assembly, arguments),
    )  # fmt: skip


def _arrays(assembly: PointAssembly, arguments: Sequence[Argument]) -> dict[str, int] | None:
    """The arrays that the function of one point is passed, with their dimensions; None where tuples hold some."""
    given = {a.text: a.spec.ndim for a in arguments if isinstance(a.spec, ArraySpec)}
    if any("[" in text for text in given):
        return None
    return given | {name: 1 + len(t.shape) for name, t in zip(assembly.names, assembly.targets)}


def _streams(assembly: PointAssembly, function: str, own: Mapping[str, str]) -> Streams | None:
    """The results of which blocks store every element."""
    floats = [t.dtype.is_real for t in assembly.targets]
    whole = [
        (name, t.lengths)
        for k, (name, t) in enumerate(zip(assembly.names, assembly.targets))
        if floats[k] and k not in assembly.cleared
    ]
    size = sum(math.prod(t.lengths) * np.dtype(t.dtype.numpy).itemsize for t in assembly.targets)
    points = max(FROM // max(size, 1), 1)
    return Streams(function, tuple(whole), points, own["work"], own["start"], WIDTH) if whole else None


def _loop(
    assembly: PointAssembly, name: str, own: Mapping[str, str], passed: Sequence[str], call: str, block: str | None
) -> str:
    """The points from `first` to `last`, in blocks as far as there are any."""
    first, last, start, full, work = (own[key] for key in ("first", "last", "start", "full", "work"))
    i = assembly.index
    lines = [f"def {name}({', '.join([first, last, *([] if block is None else [work]), *passed])}):"]
    for position in sorted(assembly.cleared):
        lines.append(f"    {assembly.names[position]}[{first}:{last}] = 0.0")
    if block is None:
        lines += [f"    for {i} in range({first}, {last}):", f"        {call}"]
        return "\n".join(lines) + "\n"
    lines += [
        f"    {full} = {first} + ({last} - {first}) // {WIDTH} * {WIDTH}",
        f"    for {start} in range({first}, {full}, {WIDTH}):",
        f"        if not {block}({', '.join([start, work, *passed])}):",
        f"            for {i} in range({start}, {start} + {WIDTH}):",
        f"                {call}",
        f"    for {i} in range({full}, {last}):",
        f"        {call}",
    ]
    return "\n".join(lines) + "\n"
