"""Jacobians of array programs: a pushforward, and a driver that sends the directions through it in chunks.

The pushforward carries a chunk of directions through the user's program; the driver seeds one chunk of columns after
the other and stores what comes out. With a single direction the pushforward alone is the directional derivative.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..analyses.activity import activity
from ..analyses.scratch import scratch
from ..emitter.arrays import allocate_text, shape_text
from ..frontend.entry import Input, Lowered
from ..frontend.program import HelperReference, Program
from ..ir.expr import Expr, Load, Var, key_of
from ..ir.statements import (
    Allocate,
    Block,
    For,
    If,
    Leaf,
    Line,
    Return,
    Statement,
    Structure,
    While,
    count_of,
    leaves,
)
from ..ir.types import FLOAT64, ScalarType, promote
from .helpers import HelperDerivatives
from .pushforward import Pushforward

__all__ = ["WIDTH", "Chunks", "HelperPushforward", "Slot", "promoted", "width_for"]

WIDTH = 64
"""Directions a chunk at most: eight vectors of eight numbers; measured in benchmarks/README.md."""

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
            self.get, kinds=kinds,
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
        for name in sorted(found.arrays & set(self.parameters) - set(arrays)):
            dots[f"{name}[]"] = self.fresh(f"{name}_dot")
            if name not in filled:
                self.zeroed.append((name, dots[f"{name}[]"]))
            else:
                self.filled_dots[name] = dots[f"{name}[]"]
        for name in sorted(filled - found.arrays):
            self.filled_dots[name] = ""
        every = [*arrays, *found.arrays]
        return Pushforward(
            self.lowered.function.body, self.width, dots, every, scalars, elements, self.fresh, finish,
            self.derivatives.get, self.pushforwards.get, kinds=None,
            complex_inputs=any(a.type.kind == "complex" for i in self.inputs for a in i.atoms), scratch=self.scratch,
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
            body = _replace_returns(self.lowered.function.body, self._primal_return)
            body = (*map(Line, self.lowered.unpacking), *body)
            return [(base, list(self.lowered.parameters), body, "")], base
        if self.mode == "jvp":
            return [self._jvp(f"{base}_jvp")], f"{base}_jvp"
        return self._driven(base)

    def _primal_return(self, s: Return) -> list[Statement]:
        if not self.returns_value:
            return [Return((), tail="None", origin=s.origin)]
        return [Return(s.values, tail=_structured(self.outputs, 0), origin=s.origin)]

    def _jvp(self, name: str) -> tuple[str, list[str], Block, str]:
        def finish(s: Return, tangents: list[Expr]) -> list[Statement]:
            if not self.returns_value:
                names = [d or f"np.zeros_like({n})" for n, d in self._ordered_filled()]
                tangent = names[0] if len(names) == 1 else f"({', '.join(names)})"
                return [Return((), tail=f"None, {tangent}", origin=s.origin)]
            count = len(s.values)
            tail = f"{_structured(self.outputs, 0)}, {_structured(self.outputs, count)}"
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
        signature: list[str] = []
        for p in self.parameters:
            signature.append(p)
            dot = pushforward.dots.get(f"{p}[]") or next((s.dot for s in self.slots if s.input.name == p), None)
            if dot:
                signature.append(dot)
        work = [(a, pushforward.dots.get(f"{name}[]")) for name, a in self.scratch.items()]
        signature += [name for a, dot in work for name in (a.target.name, dot) if name]
        suffix = {"matrix": "_jacobian_matrix", "into": "_jacobian_into"}.get(self.mode, f"_{self.mode}")
        driver = _Driver(self, inner, signature, pushforward.dots, work)
        own = [self.own["out"]] if self.mode == "into" else []
        many = "many" if isinstance(self.width, str) else self.width
        doc = f"Values of {base} and their tangents in {many} direction{'s' * (many != 1)}."
        return [
            (inner, signature, body, doc),
            (base + suffix, [*own, *self.lowered.parameters], driver.body(), ""),
        ], base + suffix

    def texts(self, body: Block) -> list[str]:
        return self.derivatives.texts(body)


class _Driver:
    """The loop over chunks of columns."""

    def __init__(
        self, chunks: Chunks, inner: str, signature: list[str], dots: dict[str, str],
        work: list[tuple[Allocate, str | None]],
    ):  # fmt: skip
        self.c = chunks
        self.work = work
        """Arrays that the function writes to in every pass, and their tangents."""
        self.inner = inner
        self.signature = signature
        self.dots = dots
        fresh = chunks.fresh
        self.first, self.column, self.row = fresh("first"), fresh("column"), fresh("row")
        self.width = str(chunks.chunk or chunks.width)
        """How many directions a chunk has, as text."""
        self.whole = chunks.mode in ("matrix", "into")
        self.out = chunks.own.get("out") or (fresh("out") if self.whole else "")
        self.items = self._items()
        self.starts = self._starts()

    def _items(self) -> list[tuple[Leaf, list[str], list[str]]]:
        """For each leaf of the output: names of its values and of their tangents."""
        found = []
        for n, leaf in enumerate(leaves(self.c.outputs)):
            label = "value" if isinstance(self.c.outputs, Leaf) else f"value_{n}"
            count = count_of(leaf)
            if not self.c.returns_value:
                name = list(self.c.lowered.filled_arrays)[n]
                work = self.c.fresh(f"{name}_filled")
                found.append((leaf, [work], [self.c.fresh(f"{work}_dot")]))
                continue
            names = [label] if count == 1 else [f"{label}_{i}" for i in range(count)]
            values = [self.c.fresh(name) for name in names]
            found.append((leaf, values, [self.c.fresh(f"{v}_dot") for v in values]))
        return found

    def _starts(self) -> list[tuple[str, str]]:
        """Where the columns of each input start and end."""
        bounds: list[tuple[str, str]] = []
        known, text = 0, ""
        for slot in self.c.slots:
            start = _sum(text, known)
            if slot.count.isdigit():
                known += int(slot.count)
            else:
                text = f"{text} + {slot.count}" if text else slot.count
            bounds.append((start, _sum(text, known)))
        return bounds

    def body(self) -> Block:
        c = self.c
        lines: list[str] = list(c.lowered.unpacking)
        for name, shape in c.lowered.guards:
            if len(shape) == 1:
                lines.append(f"if len({name}) != {shape[0]}:")
            else:
                lines.append(f"if {name}.shape != {shape}:")
            words = f"{shape[0]} element{'s' * (shape[0] != 1)}" if len(shape) == 1 else f"shape {shape}"
            lines.append(f'    raise ValueError("{name} must have {words}")')
        lines += c.lowered.prelude
        lines += c.distinct()
        total = self.starts[-1][1]
        static = c.single_pass
        columns = "" if static else c.fresh("columns")
        if not static:
            lines.append(f"{columns} = {total}")
        if c.chunk is None:
            passes = c.fresh("passes")
            lines.append(f"{passes} = max(1, -(-{columns} // {WIDTH}))")
            lines.append(f"{self.width} = 8 * max(1, -(-{columns} // (8 * {passes})))")
        for slot in c.slots:
            lines.append(f"{slot.dot} = np.zeros({self._seed_shape(slot)}{_kind(self._dtype(slot))})")
        for name, dot in c.zeroed:
            lines.append(f"{dot} = np.zeros({name}.shape + ({self.width},))")
        for array, work_dot in self.work:
            made = replace(array, fill="empty")
            lines.append(allocate_text(made))
            if work_dot:
                lines.append(allocate_text(made, self.width, work_dot))
        inside: list[str] = []
        self._pass(inside, static)
        if static:
            lines += inside
        else:
            lines.append(f"for {self.first} in range(0, max({columns}, 1), {self.width}):")
            lines += [f"    {line}" for line in inside]
        for name, (_, values, _) in zip(c.lowered.filled_arrays, self.items):
            lines.append(f"{name}[:] = {values[0]}")
        lines.append(f"return {self._result()}")
        if self.c.mode == "into":
            lines.pop()
        return tuple(Line(line) for line in lines)

    def _seed_shape(self, slot: Slot) -> str:
        width = self.width
        if slot.is_array:
            assert slot.leaf is not None
            n = slot.input.name
            if len(slot.leaf.shape) == 1:
                return f"(len({n}), {width})"
            return f"({n}.size, {width})"
        if self._is_number(slot):
            return width
        return f"({slot.count}, {width})"

    def _is_number(self, slot: Slot) -> bool:
        atoms = slot.input.atoms
        return not slot.is_array and len(atoms) == 1 and isinstance(atoms[0], Var) and atoms[0].name == slot.input.name

    def _dtype(self, slot: Slot) -> ScalarType:
        kinds = [leaf.dtype for leaf in leaves(slot.input.structure)]
        found = promote(*kinds) if kinds else FLOAT64
        return found if found.is_differentiable and found.bits else FLOAT64

    def _range(self, j: int, static: bool) -> tuple[str, str]:
        """The columns of input j that this chunk holds."""
        start, end = self.starts[j]
        if static:
            return start, end
        low = self.first if start == "0" else f"max({self.first}, {start})"
        return low, f"min({self.first} + {self.width}, {end})"

    def _loop(self, j: int, static: bool, text: str) -> list[str]:
        low, high = self._range(j, static)
        bounds = high if low == "0" else f"{low}, {high}"
        return [f"for {self.column} in range({bounds}):", f"    {text}"]

    def _local(self, j: int) -> str:
        start = self.starts[j][0]
        return self.column if start == "0" else f"{self.column} - {start}" if "+" not in start else (
            f"{self.column} - ({start})"
        )

    def _direction(self, static: bool) -> str:
        return self.column if static else f"{self.column} - {self.first}"

    def _seeds(self, static: bool, value: str) -> list[str]:
        lines: list[str] = []
        for j, slot in enumerate(self.c.slots):
            place = self._direction(static) if self._is_number(slot) else f"{self._local(j)}, {self._direction(static)}"
            lines += self._loop(j, static, f"{slot.dot}[{place}] = {value}")
        return lines

    def _pass(self, lines: list[str], static: bool) -> None:
        c = self.c
        lines += self._seeds(static, "1.0")
        args: list[str] = []
        slots = {s.dot: s for s in c.slots}
        filled = dict(zip(c.lowered.filled_arrays, self.items))
        for name in filled:
            lines.append(f"{filled[name][1][0]} = {name}.copy()")
            shape = f"{name}.shape + ({self.width},)"
            lines.append(f"{filled[name][2][0]} = np.zeros({shape}{_kind(filled[name][0].dtype)})")
        for p in self.signature:
            if p in filled:
                args.append(filled[p][1][0])
            elif p in c.filled_dots.values():
                owner = next(n for n, d in c.filled_dots.items() if d == p)
                args.append(filled[owner][2][0])
            elif p in slots:
                args.append(self._seed_argument(slots[p]))
            elif p in c.lowered.written_arrays:
                args.append(f"{p}.copy()")
            else:
                args.append(p)
        names = [n for _, values, _ in self.items for n in values]
        dots = [n for _, _, dots in self.items for n in dots]
        call = f"{self.inner}({', '.join(args)})"
        if not c.returns_value:
            lines.append(call)
        else:
            lines.append(f"{', '.join([*names, *dots])} = {call}")
        self._allocate(lines, static)
        self._collect(lines, static)
        if not static:
            lines += self._seeds(static, "0.0")

    def _seed_argument(self, slot: Slot) -> str:
        text = slot.dot
        if slot.is_array and slot.leaf is not None and len(slot.leaf.shape) > 1:
            text = f"{slot.dot}.reshape({slot.input.name}.shape + ({self.width},))"
        return f"{text}.copy()" if slot.input.name in self.c.lowered.written_arrays else text

    # -- what comes out ---------------------------------------------------------------------------------------------

    def _size(self, leaf: Leaf, names: Sequence[str]) -> str:
        if None in leaf.shape:
            return f"len({names[0]})" if len(leaf.shape) == 1 else f"{names[0]}.size"
        return str(count_of(leaf))

    def _rows(self) -> str:
        known, text = 0, ""
        for leaf, values, _ in self.items:
            size = self._size(leaf, values)
            if size.isdigit():
                known += int(size)
            else:
                text = f"{text} + {size}" if text else size
        return _sum(text, known)

    def _allocate(self, lines: list[str], static: bool) -> None:
        """Results whose size is known once the function has run."""
        made: list[str] = []
        if self.c.mode == "matrix":
            kinds = [leaf.dtype for leaf, _, _ in self.items] + [self._dtype(s) for s in self.c.slots]
            total = self.starts[-1][1]
            made.append(f"{self.out} = np.empty(({self._rows()}, {total}){_kind(promoted(kinds))})")
        elif self.c.mode == "into":
            shape = f"({self._rows()}, {self.starts[-1][1]})"
            made.append(f"if {self.out}.shape != {shape}:")
            made.append(f'    raise ValueError("{self.out} must have a row an output and a column an input")')
        else:
            self.blocks: dict[tuple[int, int], str] = {}
            for o, (leaf, values, _) in enumerate(self.items):
                for j, slot in enumerate(self.c.slots):
                    name = self.c.fresh("jac")
                    self.blocks[o, j] = name
                    kind = _kind(promoted([leaf.dtype, self._dtype(slot)]))
                    made.append(f"{name} = np.empty(({self._size(leaf, values)}, {slot.count}){kind})")
        if static:
            lines += made
        else:
            lines.append(f"if {self.first} == 0:")
            lines += [f"    {line}" for line in made]

    def _collect(self, lines: list[str], static: bool) -> None:
        direction = self._direction(static)
        known, text = 0, ""
        for o, (leaf, values, dots) in enumerate(self.items):
            offset = _sum(text, known)
            if None in leaf.shape:
                rows = dots[0]
                if len(leaf.shape) > 1:
                    rows = self.c.fresh(f"{dots[0]}_rows")
                    flat = f"np.ascontiguousarray({dots[0]}).reshape(({values[0]}.size, {self.width}))"
                    lines.append(f"{rows} = {flat}")
                lines.append(f"for {self.row} in range({self._size(leaf, values)}):")
                at = self.row if offset == "0" else f"{offset} + {self.row}"
                for j in range(len(self.c.slots)):
                    target = self._target(o, j, at if self.whole else self.row)
                    lines += [f"    {x}" for x in self._loop(j, static, f"{target} = {rows}[{self.row}, {direction}]")]
            else:
                for i, dot in enumerate(dots):
                    at = _sum(text, known + i) if self.whole else str(i)
                    for j in range(len(self.c.slots)):
                        lines += self._loop(j, static, f"{self._target(o, j, at)} = {dot}[{direction}]")
            size = self._size(leaf, values)
            if size.isdigit():
                known += int(size)
            else:
                text = f"{text} + {size}" if text else size

    def _target(self, o: int, j: int, row: str) -> str:
        if self.whole:
            return f"{self.out}[{row}, {self.column}]"
        return f"{self.blocks[o, j]}[{row}, {self._local(j)}]"

    def _result(self) -> str:
        if self.whole:
            return self.out
        jacobian = self._structure()
        if self.c.mode == "jacobian":
            return jacobian
        if not self.c.returns_value:
            return f"None, {jacobian}"
        names = [n for _, values, _ in self.items for n in values]
        return f"{_structured(self.c.outputs, 0).format(*names)}, {jacobian}"

    def _structure(self) -> str:
        counter = iter(range(len(self.items)))

        def output(structure: Structure | Leaf) -> str:
            if isinstance(structure, Structure):
                parts = [output(item) for item in structure.items]
                return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
            o = next(counter)
            parts = self.c.nested([self._block(o, j, slot) for j, slot in enumerate(self.c.slots)])
            if self.c.single:
                return parts[0]
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

        return output(self.c.outputs)

    def _block(self, o: int, j: int, slot: Slot) -> str:
        """One block in the shape of the output followed by that of the input."""
        leaf, values, _ = self.items[o]
        name = self.blocks[o, j]
        if not isinstance(slot.input.structure, Leaf):
            return self._tuple_block(slot.input.structure, leaf, values, name)
        return self._shaped(name, leaf, values, slot.input.structure, slot.input.name, 0)

    def _tuple_block(self, structure: Structure, leaf: Leaf, values: list[str], name: str) -> str:
        offset = 0

        def visit(part: Structure | Leaf) -> str:
            nonlocal offset
            if isinstance(part, Structure):
                parts = [visit(item) for item in part.items]
                return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
            count = count_of(part)
            text = self._shaped(f"{name}[:, {offset}:{offset + count}].copy()", leaf, values, part, "", offset, name)
            offset += count
            return text

        return visit(structure)

    def _shaped(
        self, name: str, leaf: Leaf, values: list[str], inner: Leaf, variable: str, offset: int, block: str = ""
    ) -> str:
        if not leaf.is_array and not inner.is_array:
            return f"{block or name}[0, {offset}]"
        out_rank, in_rank = len(leaf.shape), len(inner.shape)
        if out_rank == 1 and in_rank == 1:
            return name
        first = f"{values[0]}.shape" if None in leaf.shape else shape_text([str(n) for n in leaf.shape])
        second = f"{variable}.shape" if None in inner.shape else shape_text([str(n) for n in inner.shape])
        if not leaf.is_array:
            return f"{name}.reshape({second})"
        if not inner.is_array:
            return f"{name}.reshape({first})"
        return f"{name}.reshape({first} + {second})"


def _sum(text: str, known: int) -> str:
    if not text:
        return str(known)
    return f"{text} + {known}" if known else text


def _kind(dtype: ScalarType) -> str:
    return "" if dtype == FLOAT64 else f", np.{dtype.numpy}"


def promoted(kinds: Sequence[ScalarType]) -> ScalarType:
    """The dtype of a block of derivatives."""
    found = promote(*kinds)
    return found if found.is_differentiable and found.bits else FLOAT64


def _structured(structure: Structure | Leaf, start: int) -> str:
    """A result's structure as text with a slot for each value, the first of which has the number `start`."""
    counter = iter(range(start, 10**9))

    def visit(part: Structure | Leaf) -> str:
        if isinstance(part, Structure):
            parts = [visit(item) for item in part.items]
            if part.record is not None and part.record != "None" and start == 0:
                return f"{part.record}({', '.join(parts)})"
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if not part.is_array or None in part.shape:
            return f"{{{next(counter)}}}"
        return f"np.array({_nested(part.shape, counter)}{_kind(part.dtype)})"

    if isinstance(structure, Structure) and structure.record == "None":
        return "None"
    return visit(structure)


def _nested(shape: Sequence[int | None], counter: Iterator[int]) -> str:
    if not shape:
        return f"{{{next(counter)}}}"
    parts = [_nested(shape[1:], counter) for _ in range(shape[0] or 0)]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _replace_returns(body: Block, finish: Any) -> Block:
    out: list[Statement] = []
    for s in body:
        if isinstance(s, Return):
            out.extend(finish(s))
        elif isinstance(s, (If, For, While)):
            out.append(replace(s, body=_replace_returns(s.body, finish), orelse=_replace_returns(s.orelse, finish)))
        else:
            out.append(s)
    return tuple(out)


