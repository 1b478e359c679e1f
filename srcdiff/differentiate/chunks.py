"""Jacobians of array programs: a pushforward, and a driver that sends the directions through it in chunks.

The pushforward carries a chunk of directions through the user's program; the driver seeds one chunk of columns after
the other and stores what comes out. With a single direction the pushforward alone is the directional derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..analyses.activity import activity
from ..analyses.scratch import scratch
from ..frontend.entry import Input, Lowered
from ..frontend.program import HelperReference, Program
from ..ir.expr import Expr, Load, Var, key_of
from ..ir.statements import (
    Allocate,
    Block,
    Leaf,
    Line,
    Return,
    Statement,
    Structure,
    leaves,
    replace_returns,
)
from ..ir.types import ScalarType
from ..modes import suffix_of
from .driver import WIDTH, Driver
from .helpers import HelperDerivatives
from .pushforward import Pushforward
from .structures import structured

__all__ = ["Chunks", "HelperPushforward", "Slot", "width_for"]

UNROLLED = 8
"""Directions up to which loops over them have literal lengths: they are unrolled."""


@dataclass(eq=False)
class HelperPushforward:
    """A helper that carries tangents: `signature` has the tangent of each varying parameter after it."""

    name: str
    reference: HelperReference
    signature: tuple[str, ...]
    body: Block = ()
    branches: dict[int, str] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        return self.signature

    @property
    def writes(self) -> frozenset[str]:
        return self.reference.writes

    @property
    def arrays(self) -> tuple[Any, ...]:
        return ()


class HelperPushforwards:
    """The pushforwards that one module needs, each made once."""

    def __init__(self, program: Program, derivatives: HelperDerivatives, width: int | str | None):
        self.program = program
        self.derivatives = derivatives
        self.width = width
        self.made: dict[tuple[HelperReference, tuple[bool, ...]], HelperPushforward] = {}

    def get(self, reference: HelperReference, vary: tuple[bool, ...]) -> HelperPushforward:
        key = (reference, vary)
        if key in self.made:
            return self.made[key]
        lowering, function = reference.lowering, reference.function
        assert function is not None and reference.result is not None
        name = self.program.function_name(f"{reference.name}_tangents")
        dots: dict[str, str] = {}
        signature: list[str] = []
        scalars: list[str] = []
        arrays: list[str] = []
        for parameter, kind, varies in zip(reference.parameters, reference.types, vary):
            signature.append(parameter)
            if not varies:
                continue
            array = kind.kind == "array"
            (arrays if array else scalars).append(parameter)
            dot = lowering.fresh(f"{parameter}_dot")
            dots[f"{parameter}[]" if array else parameter] = dot
            signature.append(dot)
        made = HelperPushforward(name, reference, tuple(signature))
        self.made[key] = made
        kinds = reference.result_types(reference.result)

        def finish(s: Return, tangents: list[Expr]) -> list[Statement]:
            kept = [t for t, kind in zip(tangents, kinds) if kind.kind == "array" or kind.is_differentiable]
            return [Return((*s.values, *kept))] if s.values else [Return(())]

        width = lowering.fresh(self.width) if isinstance(self.width, str) else self.width
        pushforward = Pushforward(
            function.body, width, dots, arrays, scalars, {}, lowering.fresh, finish, self.derivatives.get,
            self.get, kinds=kinds, parameters=reference.parameters,
        )  # fmt: skip
        made.body = pushforward.run()
        made.branches = pushforward.branches
        return made


@dataclass(frozen=True)
class Slot:
    """One input: the number of its columns, and the tangent that is seeded."""

    input: Input
    leaf: Leaf | None
    dot: str
    count: str
    """The number of columns as text."""

    @property
    def is_array(self) -> bool:
        return self.leaf is not None and None in self.leaf.shape


def width_for(inputs: Sequence[Input], chunk: int | None) -> int | None:
    """Directions a chunk: `chunk`, or all where they are few and known; None if the lengths of a call decide."""
    if chunk is not None:
        return chunk
    if any(None in leaf.shape for one in inputs for leaf in leaves(one.structure)):
        return None
    total = sum(len(one.atoms) for one in inputs)
    return total if total <= UNROLLED else min(-(-total // 8) * 8, WIDTH)


class Chunks:
    """The functions of one emitted module for an array program."""

    def __init__(
        self, lowered: Lowered, inputs: Sequence[Input], input_structure: Structure | Leaf, outputs: Structure | Leaf,
        returns_value: bool, mode: str, fresh: Any, own: dict[str, str], single: bool, chunk: int | None,
    ):  # fmt: skip
        self.lowered = lowered
        self.inputs = [part for one in inputs for part in one.parts or (one,)]
        self.structures = [one.structure if one.parts else None for one in inputs]
        """Of tuples whose items are inputs of their own, how they are nested; None for an input that is one itself."""
        self.input_structure = input_structure
        self.outputs = outputs
        self.returns_value = returns_value
        self.mode = mode
        self.fresh = fresh
        self.own = own
        self.single = single
        self.in_rows = mode not in ("jvp", "primal")
        self.chunk = width_for(inputs, chunk)
        """Directions a chunk, None if the lengths of a call decide."""
        self.width: int | str | None = None
        if self.in_rows:
            few = self.chunk is not None and self.chunk <= UNROLLED
            self.width = self.chunk if few else fresh("directions")
        self.derivatives = HelperDerivatives(lowered.program)
        self.pushforwards = HelperPushforwards(lowered.program, self.derivatives, self.width)
        self.branches: dict[int, str] = {}
        self.slots = self._slots()
        self.scratch: dict[str, Allocate] = {}
        self.memory: tuple[tuple[ScalarType | None, int], ...] = ()
        """Dtype and rank of each array of the scratch."""
        self.flags: dict[str, str] = {}
        """By the name of a tangent, that of the flags of its rows."""
        self.returned: list[str] = []
        """The flags of each result, where every `return` returns the same array and it has any."""
        self.given = [p.lstrip("*").partition("=")[0] for p in lowered.parameters]
        taken_out = {one.name: [part.name for part in one.parts] for one in inputs if one.parts}
        self.parameters = [name for p in self.given for name in taken_out.get(p, [p])]

    # -- what goes in -----------------------------------------------------------------------------------------------

    def _slots(self) -> list[Slot]:
        slots = []
        for one in self.inputs:
            leaf = one.structure if isinstance(one.structure, Leaf) else None
            dynamic = leaf is not None and None in leaf.shape
            count = f"{one.name}.size" if dynamic else str(len(one.atoms))
            if dynamic and leaf is not None and len(leaf.shape) == 1:
                count = f"len({one.name})"
            slots.append(Slot(one, leaf, self.fresh(f"{one.name}_dot"), count))
        return slots

    @property
    def single_pass(self) -> bool:
        """Whether all directions are known to go through at once."""
        counts = [slot.count for slot in self.slots]
        return self.chunk is not None and all(map(str.isdigit, counts)) and sum(map(int, counts)) <= self.chunk

    def _pushforward(self, finish: Any) -> Pushforward:
        dots: dict[str, str] = {}
        arrays: list[str] = []
        scalars: list[str] = []
        elements: dict[str, tuple[str, tuple[int, ...]]] = {}
        filled = set(self.lowered.filled_arrays)
        for slot in self.slots:
            one = slot.input
            if slot.is_array:
                arrays.append(one.name)
                dots[f"{one.name}[]"] = slot.dot
                continue
            for i, atom in enumerate(one.atoms):
                if isinstance(atom, Var) and atom.name == one.name:
                    scalars.append(one.name)
                    dots[one.name] = slot.dot
                else:
                    elements[key_of(atom)] = (slot.dot, self._place(one, i))
        found = activity(self.lowered.function.body, scalars, arrays, elements)
        passed = self.lowered.array_ranks.keys() & set(self.parameters)
        for name in sorted(found.arrays & passed - set(arrays)):
            dots[f"{name}[]"] = self.fresh(f"{name}_dot")
            if name not in filled:
                self.zeroed.append((name, dots[f"{name}[]"]))
            else:
                self.filled_dots[name] = dots[f"{name}[]"]
        for name in sorted(filled - found.arrays):
            self.filled_dots[name] = ""
        every = [*arrays, *found.arrays]
        tracked = () if not self.in_rows or self.single_pass else (*arrays, *self.scratch, *filled & found.arrays)
        return Pushforward(
            self.lowered.function.body, self.width, dots, every, scalars, elements, self.fresh, finish,
            self.derivatives.get, self.pushforwards.get, kinds=None,
            complex_inputs=any(a.type.kind == "complex" for i in self.inputs for a in i.atoms), scratch=self.scratch,
            parameters=self.parameters, tracked=tracked,
        )  # fmt: skip

    zeroed: list[tuple[str, str]]
    """Parameters that do not vary but may share memory with what does: their tangents start as zeros."""
    filled_dots: dict[str, str]

    def _place(self, one: Input, i: int) -> tuple[int, ...]:
        if self.in_rows:
            return (i,)
        atom = one.atoms[i]
        if isinstance(atom, Load):
            return tuple(n for n in atom.index if isinstance(n, int))
        return (int(atom.name.rpartition("_")[2]),)  # type: ignore[attr-defined]

    # -- bodies -----------------------------------------------------------------------------------------------------

    def build(self) -> tuple[list[tuple[str, list[str], Block, str]], str]:
        """Name, parameters, body and docstring of each function, the entry last; and the entry's name."""
        base = self.lowered.function.name
        self.zeroed, self.filled_dots = [], {}
        if self.mode == "primal":
            body = replace_returns(self.lowered.function.body, self._primal_return)
            body = (*map(Line, self.lowered.unpacking), *body)
            return [(base, list(self.lowered.parameters), body, "")], base
        if self.mode == "jvp":
            return [self._jvp(f"{base}_jvp")], f"{base}_jvp"
        return self._driven(base)

    def _primal_return(self, s: Return) -> list[Statement]:
        if not self.returns_value:
            return [Return((), tail="None", origin=s.origin)]
        return [Return(s.values, tail=structured(self.outputs, 0), origin=s.origin)]

    def _jvp(self, name: str) -> tuple[str, list[str], Block, str]:
        def finish(s: Return, tangents: list[Expr]) -> list[Statement]:
            if not self.returns_value:
                names = [d or f"np.zeros_like({n})" for n, d in self._ordered_filled()]
                tangent = names[0] if len(names) == 1 else f"({', '.join(names)})"
                return [Return((), tail=f"None, {tangent}", origin=s.origin)]
            count = len(s.values)
            tail = f"{structured(self.outputs, 0)}, {structured(self.outputs, count)}"
            return [Return((*s.values, *tangents), tail=tail, origin=s.origin)]

        pushforward = self._pushforward(finish)
        body = pushforward.run()
        self.branches = pushforward.branches
        lines: list[Statement] = []
        names = self.given
        lines.append(Line(f"{', '.join(names)}{',' if len(names) == 1 else ''} = {self.own['primals']}"))
        dots = self.nested([slot.dot for slot in self.slots])
        comma = "," if len(dots) == 1 and not self.single else ""
        lines.append(Line(f"{', '.join(dots)}{comma} = {self.own['tangents']}"))
        lines += map(Line, self.lowered.unpacking)
        lines += map(Line, self.lowered.prelude)
        lines += map(Line, self.distinct())
        for slot in self.slots:
            if slot.is_array:
                n = slot.input.name
                lines.append(Line(f"if {slot.dot}.shape != {n}.shape:"))
                lines.append(Line(f'    raise ValueError("the tangent of {n} must have its shape")'))
        for slot in self.slots:
            if slot.is_array and slot.input.name in self.lowered.written_arrays:
                lines.append(Line(f"{slot.input.name} = {slot.input.name}.copy()"))
                lines.append(Line(f"{slot.dot} = {slot.dot}.copy()"))
        for parameter, dot in [*self.zeroed, *((n, d) for n, d in self.filled_dots.items() if d)]:
            lines.append(Line(f"{dot} = np.zeros_like({parameter})"))
        return name, [self.own["primals"], self.own["tangents"]], (*lines, *body), ""

    def nested(self, texts: Sequence[str]) -> list[str]:
        """What there is for each slot, nested as the inputs are."""
        rest = iter(texts)

        def visit(part: Structure | Leaf | None) -> str:
            if not isinstance(part, Structure):
                return next(rest)
            items = [visit(item) for item in part.items]
            return f"({', '.join(items)}{',' if len(items) == 1 else ''})"

        return [visit(structure) for structure in self.structures]

    def distinct(self) -> list[str]:
        """Checks that an array which is written is no other argument, too: tangents could not tell them apart."""
        ranks = self.lowered.array_ranks
        written = [n for n in ranks if n in self.lowered.written_arrays or n in self.lowered.filled_arrays]
        lines: list[str] = []
        for name in written:
            for other, rank in ranks.items():
                if other != name and rank == ranks[name] and not (other in written and other < name):
                    lines.append(f"if {name} is {other}:")
                    lines.append(f'    raise ValueError("{name} and {other} must be different arrays")')
        return lines

    def _ordered_filled(self) -> list[tuple[str, str]]:
        return [(name, self.filled_dots.get(name, "")) for name in self.lowered.filled_arrays]

    # -- the driver -------------------------------------------------------------------------------------------------

    def _driven(self, base: str) -> tuple[list[tuple[str, list[str], Block, str]], str]:
        def finish(s: Return, tangents: list[Expr]) -> list[Statement]:
            return [Return((*s.values, *tangents), tail=None if s.values else "None", origin=None)]

        if not self.single_pass:
            self.scratch = scratch(self.lowered.function.body, self.parameters)
        pushforward = self._pushforward(finish)
        body = pushforward.run()
        self.branches = pushforward.branches
        inner = self.lowered.program.function_name(f"{base}_tangents")
        self.flags = pushforward.flags
        self.returned = [flags.pop() if len(flags) == 1 else "" for flags in map(set, zip(*pushforward.returned))]
        signature: list[str] = []
        for p in self.parameters:
            signature.append(p)
            dot = next((s.dot for s in self.slots if s.input.name == p), None)
            if dot is None and p in self.lowered.array_ranks:
                dot = pushforward.dots.get(f"{p}[]")
            if dot:
                signature += [dot, self.flags.get(dot, "")]
        work = [(a, pushforward.dots.get(f"{name}[]")) for name, a in self.scratch.items()]
        for a, dot in work:
            signature += [a.target.name, *((dot, self.flags.get(dot, "")) if dot else ())]
        signature = [name for name in signature if name]
        suffix = suffix_of(self.mode)
        driver = Driver(self, inner, signature, pushforward.dots, work)
        self.memory = tuple((made.dtype, len(made.shape)) for made in driver.memory)
        maker = (base + suffix_of("scratch"), [*self.lowered.parameters], driver.maker(), "")
        if self.mode == "scratch":
            return [maker], base + suffix
        many = "many" if isinstance(self.width, str) else self.width
        doc = f"Values of {base} and their tangents in {many} direction{'s' * (many != 1)}."
        made = [
            (inner, signature, body, doc),
            (base + suffix, [*self.own.values(), *self.lowered.parameters], driver.body(), ""),
        ]
        return ([maker, *made] if self.mode == "into_with" else made), base + suffix

    def texts(self, body: Block) -> list[str]:
        return self.derivatives.texts(body)


