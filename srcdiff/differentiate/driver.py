"""The loop over chunks of columns: seeds before the pushforward, results stored after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..emitter.arrays import shape_text
from ..emitter.module import WIDTH as LINE
from ..emitter.module import fill
from ..emitter.printer import expression
from ..ir.expr import Var
from ..ir.statements import Allocate, Block, Leaf, Line, Structure, count_of, leaves
from ..ir.types import BOOL, FLOAT64, ScalarType, promote
from ..modes import FILLS
from .reach import clearing
from .structures import dtype_argument, promoted, structured, sum_text

if TYPE_CHECKING:
    from .chunks import Chunks, Slot

__all__ = ["WIDTH", "Driver"]

WIDTH = 64
"""Directions a chunk at most: eight vectors of eight numbers; measured in benchmarks/README.md."""


@dataclass(frozen=True)
class Memory:
    """An array of the driver's."""

    name: str
    shape: tuple[str, ...]
    dtype: ScalarType | None
    like: str = ""
    """The dtype as text, where only the call knows it."""
    zero: bool = True

    @property
    def text(self) -> str:
        shape = self.shape[0] if len(self.shape) == 1 else shape_text(list(self.shape))
        kind = f", {self.like}" if self.dtype is None else dtype_argument(self.dtype)
        kind = ", np.bool_" if self.dtype == BOOL else kind
        return f"{self.name} = np.{'zeros' if self.zero else 'empty'}({shape}{kind})"


class Driver:
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
        self.fills = chunks.mode in FILLS
        self.whole = self.fills or chunks.mode == "matrix"
        self.out = chunks.own.get("out") or (fresh("out") if self.whole else "")
        self.items = self._items()
        self.filled_flags = {n: chunks.flags[d] for n, d in chunks.filled_dots.items() if d in chunks.flags}
        """Flags of arrays that the function fills, by their names."""
        self.reached = self._reached()
        self.starts = self._starts()
        self.memory = self._memory()
        self.static = chunks.single_pass
        """Whether all columns are known to go through at once."""
        self.columns = "" if self.static else fresh("columns")
        self.head, self.checks = self._head()

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

    def _reached(self) -> list[str]:
        """For each leaf of the output the flags of its rows; empty where there are none that the driver holds."""
        c = self.c
        if not c.returns_value:
            return [self.filled_flags.get(name, "") for name in c.lowered.filled_arrays]
        held = {c.flags[dot] for _, dot in self.work if dot in c.flags}
        found: list[str] = []
        returned = iter(c.returned)
        for _, values, _ in self.items:
            flags = [next(returned, "") for _ in values]
            found.append(flags[0] if len(flags) == 1 and flags[0] in held else "")
        return found

    def _starts(self) -> list[tuple[str, str]]:
        """Where the columns of each input start and end."""
        bounds: list[tuple[str, str]] = []
        known, text = 0, ""
        for slot in self.c.slots:
            start = sum_text(text, known)
            if slot.count.isdigit():
                known += int(slot.count)
            else:
                text = f"{text} + {slot.count}" if text else slot.count
            bounds.append((start, sum_text(text, known)))
        return bounds

    def maker(self) -> Block:
        """The function that makes the scratch of a call."""
        names = ", ".join(made.name for made in self.memory)
        last = f"return ({names}{',' if len(self.memory) == 1 else ''})"
        return tuple(map(Line, (*self.head, *(made.text for made in self.memory), last)))

    def body(self) -> Block:
        c = self.c
        lines = [*self.head[: self.checks], *c.distinct(), *self.head[self.checks :]]
        lines += self._handed_in() if c.mode == "into_with" else [made.text for made in self.memory]
        lines += [f"{c.flags[slot.dot]} = False" for slot in c.slots if slot.dot in c.flags and self._is_number(slot)]
        inside: list[str] = []
        self._pass(inside)
        if self.static:
            lines += inside
        else:
            lines.append(f"for {self.first} in range(0, max({self.columns}, 1), {self.width}):")
            lines += [f"    {line}" for line in inside]
        for name, (_, values, _) in zip(c.lowered.filled_arrays, self.items):
            lines.append(f"{name}[:] = {values[0]}")
        if not self.fills:
            lines.append(f"return {self._result()}")
        return tuple(map(Line, lines))

    def _head(self) -> tuple[list[str], int]:
        """Lines that check what is given and count columns and passes; and how many of them are checks."""
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
        checks = len(lines)
        if not self.static:
            lines.append(f"{self.columns} = {self.starts[-1][1]}")
        if c.chunk is None:
            passes = c.fresh("passes")
            lines.append(f"{passes} = max(1, -(-{self.columns} // {WIDTH}))")
            lines.append(f"{self.width} = 8 * max(1, -(-{self.columns} // (8 * {passes})))")
        return lines, checks

    def _memory(self) -> list[Memory]:
        """What a call takes memory for, once: tangents of inputs, and arrays that all passes share."""
        c = self.c
        made: list[Memory] = []
        for slot in c.slots:
            made.append(Memory(slot.dot, self._seed_shape(slot), self._dtype(slot)))
            if slot.dot in c.flags and not self._is_number(slot):
                made.append(Memory(c.flags[slot.dot], (slot.count,), BOOL))
        ranks = c.lowered.array_ranks
        for name, dot in c.zeroed:
            lengths = [f"len({name})"] if ranks[name] == 1 else [f"{name}.shape[{i}]" for i in range(ranks[name])]
            made.append(Memory(dot, (*lengths, self.width), None, f"{name}.dtype"))
        for array, work_dot in self.work:
            lengths = [expression(e, 1) for e in array.shape]
            dtype = array.target.type.dtype  # type: ignore[attr-defined]
            made.append(Memory(array.target.name, tuple(lengths), dtype, zero=False))
            if work_dot:
                made.append(Memory(work_dot, (*lengths, self.width), dtype, zero=work_dot in c.flags))
            if work_dot in c.flags:
                made.append(Memory(c.flags[work_dot], tuple(lengths), BOOL))
        for name, (leaf, values, dots) in zip(c.lowered.filled_arrays, self.items):
            rank = len(leaf.shape)
            lengths = [f"len({name})"] if rank == 1 else [f"{name}.shape[{i}]" for i in range(rank)]
            made.append(Memory(values[0], tuple(lengths), leaf.dtype, zero=False))
            made.append(Memory(dots[0], (*lengths, self.width), leaf.dtype))
            if name in self.filled_flags:
                made.append(Memory(self.filled_flags[name], tuple(lengths), BOOL))
        return made

    def _handed_in(self) -> list[str]:
        """Memory that the caller passes: its shapes are checked, and what must be zero is set so."""
        if not self.memory:
            return []
        names = ", ".join(made.name for made in self.memory)
        lines = [f"{names}{',' if len(self.memory) == 1 else ''} = {self.c.own['scratch']}"]
        tests = [f"{made.name}.shape != {shape_text(list(made.shape))}" for made in self.memory]
        lines += ["if (", f"    {tests[0]}", *(f"    or {test}" for test in tests[1:]), "):"]
        lines += ['    raise ValueError("the scratch is for arguments of other lengths")']
        ranks = {made.name: len(made.shape) for made in self.memory}
        for made in self.memory:
            if made.name in self.c.flags and self.c.flags[made.name] in ranks:
                flags = self.c.flags[made.name]
                lines += clearing(made.name, flags, ranks[flags], self.width)
            elif made.zero and made.dtype != BOOL:
                lines.append(f"{made.name}[:] = 0.0")
        return lines

    def _seed_shape(self, slot: Slot) -> tuple[str, ...]:
        if slot.is_array:
            assert slot.leaf is not None
            name = slot.input.name
            return (f"len({name})" if len(slot.leaf.shape) == 1 else f"{name}.size", self.width)
        return (self.width,) if self._is_number(slot) else (slot.count, self.width)

    def _is_number(self, slot: Slot) -> bool:
        atoms = slot.input.atoms
        return not slot.is_array and len(atoms) == 1 and isinstance(atoms[0], Var) and atoms[0].name == slot.input.name

    def _dtype(self, slot: Slot) -> ScalarType:
        kinds = [leaf.dtype for leaf in leaves(slot.input.structure)]
        found = promote(*kinds) if kinds else FLOAT64
        return found if found.is_differentiable and found.bits else FLOAT64

    def _range(self, j: int) -> tuple[str, str]:
        """The columns of input j that this chunk holds."""
        start, end = self.starts[j]
        if self.static:
            return start, end
        low = self.first if start == "0" else f"max({self.first}, {start})"
        return low, f"min({self.first} + {self.width}, {end})"

    def _loop(self, j: int, *texts: str) -> list[str]:
        low, high = self._range(j)
        bounds = high if low == "0" else f"{low}, {high}"
        return [f"for {self.column} in range({bounds}):", *(f"    {text}" for text in texts)]

    def _local(self, j: int) -> str:
        start = self.starts[j][0]
        return self.column if start == "0" else f"{self.column} - {start}" if "+" not in start else (
            f"{self.column} - ({start})"
        )

    def _direction(self) -> str:
        return self.column if self.static else f"{self.column} - {self.first}"

    def _seeds(self, on: bool) -> list[str]:
        lines: list[str] = []
        value = "1.0" if on else "0.0"
        for j, slot in enumerate(self.c.slots):
            number = self._is_number(slot)
            place = self._direction() if number else f"{self._local(j)}, {self._direction()}"
            seeds = [f"{slot.dot}[{place}] = {value}"]
            if slot.dot in self.c.flags:
                seeds.append(f"{self.c.flags[slot.dot]}{'' if number else f'[{self._local(j)}]'} = {on}")
            lines += self._loop(j, *seeds)
        return lines

    def _pass(self, lines: list[str]) -> None:
        c = self.c
        lines += self._seeds(True)
        args: list[str] = []
        slots = {s.dot: s for s in c.slots}
        owners = {c.flags[s.dot]: s for s in c.slots if s.dot in c.flags}
        filled = dict(zip(c.lowered.filled_arrays, self.items))
        for name, (leaf, values, dots) in filled.items():
            lines.append(f"{values[0]}[:] = {name}")
            if name in self.filled_flags:
                lines += clearing(dots[0], self.filled_flags[name], len(leaf.shape), self.width)
            elif not self.static:
                lines.append(f"{dots[0]}[:] = 0.0")
        for p in self.signature:
            if p in filled:
                args.append(filled[p][1][0])
            elif p in c.filled_dots.values():
                owner = next(n for n, d in c.filled_dots.items() if d == p)
                args.append(filled[owner][2][0])
            elif p in slots:
                args.append(self._seed_argument(slots[p], p))
            elif p in owners:
                args.append(self._seed_argument(owners[p], p))
            elif p in c.lowered.written_arrays:
                args.append(f"{p}.copy()")
            else:
                args.append(p)
        names = [n for _, values, _ in self.items for n in values]
        dots = [n for _, _, dots in self.items for n in dots]
        targets = ", ".join([*names, *dots]) if c.returns_value else ""  # results without elements have none
        call = f"{targets} = {self.inner}" if targets else self.inner
        if len(call) + len(", ".join(args)) > LINE - 10:
            lines += [f"{call}(", *(f"    {line}" for line in fill(args, LINE - 12)), ")"]
        else:
            lines.append(f"{call}({', '.join(args)})")
        self._allocate(lines)
        self._collect(lines)
        if not self.static:
            lines += self._seeds(False)

    def _seed_argument(self, slot: Slot, name: str) -> str:
        """Tangents of an input, or their flags, as the function takes them."""
        text = name
        if slot.is_array and slot.leaf is not None and len(slot.leaf.shape) > 1:
            shape = f"{slot.input.name}.shape"
            text = f"{name}.reshape({f'{shape} + ({self.width},)' if name == slot.dot else shape})"
        return f"{text}.copy()" if slot.input.name in self.c.lowered.written_arrays else text

    # -- what comes out ---------------------------------------------------------------------------------------------

    def _size(self, leaf: Leaf, names: Sequence[str]) -> str:
        if None in leaf.shape:
            return f"len({names[0]})" if len(leaf.shape) == 1 else f"{names[0]}.size"
        return str(count_of(leaf))

    def _allocate(self, lines: list[str]) -> None:
        """Results whose size is known once the function has run."""
        made: list[str] = []
        if self.c.mode == "matrix":
            kinds = [leaf.dtype for leaf, _, _ in self.items] + [self._dtype(s) for s in self.c.slots]
            total = self.starts[-1][1]
            fill = "zeros" if any(self.reached) else "empty"
            made.append(f"{self.out} = np.{fill}(({self._offsets()[-1]}, {total}){dtype_argument(promoted(kinds))})")
        elif self.fills:
            shape = f"({self._offsets()[-1]}, {self.starts[-1][1]})"
            made.append(f"if {self.out}.shape != {shape}:")
            made.append(f'    raise ValueError("{self.out} must have a row an output and a column an input")')
            for (leaf, values, _), flags, offset in zip(self.items, self.reached, self._offsets()):
                if flags:
                    start = "" if offset == "0" else offset
                    end = "" if len(self.items) == 1 else f"{offset} + {self._size(leaf, values)}"
                    made.append(f"{self.out}[{start}:{end}] = 0.0")
        else:
            self.blocks: dict[tuple[int, int], str] = {}
            for o, (leaf, values, _) in enumerate(self.items):
                for j, slot in enumerate(self.c.slots):
                    name = self.c.fresh("jac")
                    self.blocks[o, j] = name
                    kind = dtype_argument(promoted([leaf.dtype, self._dtype(slot)]))
                    fill = "zeros" if self.reached[o] else "empty"
                    made.append(f"{name} = np.{fill}(({self._size(leaf, values)}, {slot.count}){kind})")
        if self.static:
            lines += made
        else:
            lines.append(f"if {self.first} == 0:")
            lines += [f"    {line}" for line in made]

    def _offsets(self) -> list[str]:
        """The row of the whole Jacobian at which each leaf of the output starts."""
        found: list[str] = []
        known, text = 0, ""
        for leaf, values, _ in self.items:
            found.append(sum_text(text, known))
            size = self._size(leaf, values)
            if size.isdigit():
                known += int(size)
            else:
                text = f"{text} + {size}" if text else size
        return [*found, sum_text(text, known)]

    def _collect(self, lines: list[str]) -> None:
        direction = self._direction()
        for o, ((leaf, values, dots), offset) in enumerate(zip(self.items, self._offsets())):
            if None in leaf.shape:
                rows, flags = dots[0], self.reached[o]
                if len(leaf.shape) > 1:
                    rows = self.c.fresh(f"{dots[0]}_rows")
                    flat = f"np.ascontiguousarray({dots[0]}).reshape(({values[0]}.size, {self.width}))"
                    lines.append(f"{rows} = {flat}")
                    if flags:
                        name = self.c.fresh(f"{flags}_rows")
                        lines.append(f"{name} = {flags}.reshape({flags}.size)")
                        flags = name
                lines.append(f"for {self.row} in range({self._size(leaf, values)}):")
                indent = "    "
                if flags:
                    lines.append(f"    if {flags}[{self.row}]:")
                    indent = "        "
                at = self.row if offset == "0" else f"{offset} + {self.row}"
                for j in range(len(self.c.slots)):
                    target = self._target(o, j, at if self.whole else self.row)
                    text = f"{target} = {rows}[{self.row}, {direction}]"
                    lines += [f"{indent}{line}" for line in self._loop(j, text)]
                continue
            for i, dot in enumerate(dots):
                at = str(i)
                if self.whole:
                    at = str(int(offset) + i) if offset.isdigit() else sum_text(offset, i)
                for j in range(len(self.c.slots)):
                    lines += self._loop(j, f"{self._target(o, j, at)} = {dot}[{direction}]")

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
        return f"{structured(self.c.outputs, 0).format(*names)}, {jacobian}"

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
