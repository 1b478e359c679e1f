"""The text of a batch: a function for one point, one for a block of points where that pays, and a loop over them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..assembly.inputs import choose_inputs
from ..assembly.parts import definition, support_texts
from ..assembly.scalars import ScalarAssembly, best
from ..differentiate.points import PointLayout, Target, targets_of
from ..emitter.header import header
from ..emitter.module import function_text, module_text
from ..frontend.entry import Lowered, lower_entry
from ..frontend.source import Source
from ..frontend.specs import Spec, TupleSpec
from ..ir.expr import Var, interning
from ..ir.statements import Leaf, Structure
from ..ir.types import INT64
from ..ir.verify import verify
from ..module import Module
from .blocks import WIDTH, NoBlocks, block_function

__all__ = ["Argument", "Batch", "PointAssembly", "build_batch", "call_text", "flatten", "lower_point"]

_SUFFIX = {"primal": "", "jacobian": "_jacobian", "value_and_jacobian": "_value_and_jacobian"}


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
        self._check_names(every)
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
    source: Source, specs: Mapping[str, Spec], inputs: Sequence[str], options: Any, mode: str, users: str
) -> Lowered:
    """The function at one point; what works on arrays of run-time lengths is refused for `users`."""
    promote = mode != "primal"
    lowered = lower_entry(source, specs, inputs, options.of, options.shapes, promote=promote, fixed=users)
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
    with interning():
        inputs, single = choose_inputs(source, options.wrt, options.of)
        lowered = lower_point(source, specs, inputs, options, mode, "batches")

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
    )  # fmt: skip


def _loop(
    assembly: PointAssembly, name: str, own: Mapping[str, str], passed: Sequence[str], call: str, block: str | None
) -> str:
    """The points from `first` to `last`, in blocks as far as there are any."""
    first, last, start, full, work = (own[key] for key in ("first", "last", "start", "full", "work"))
    i = assembly.index
    lines = [f"def {name}({', '.join([first, last, *passed])}):"]
    for position in sorted(assembly.cleared):
        lines.append(f"    {assembly.names[position]}[{first}:{last}] = 0.0")
    if block is None:
        lines += [f"    for {i} in range({first}, {last}):", f"        {call}"]
        return "\n".join(lines) + "\n"
    lines += [
        f"    {work} = np.empty({assembly.slots * WIDTH})",
        f"    {full} = {first} + ({last} - {first}) // {WIDTH} * {WIDTH}",
        f"    for {start} in range({first}, {full}, {WIDTH}):",
        f"        if not {block}({', '.join([start, work, *passed])}):",
        f"            for {i} in range({start}, {start} + {WIDTH}):",
        f"                {call}",
        f"    for {i} in range({full}, {last}):",
        f"        {call}",
    ]
    return "\n".join(lines) + "\n"


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


