"""The loop over chunks of columns: seeds before the pushforward, results stored after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..emitter.arrays import allocate_text, shape_text
from ..ir.expr import Var
from ..ir.statements import Allocate, Block, Leaf, Line, Structure, count_of, leaves
from ..ir.types import FLOAT64, ScalarType, promote
from .structures import dtype_argument, promoted, structured, sum_text

if TYPE_CHECKING:
    from .chunks import Chunks, Slot

__all__ = ["WIDTH", "Driver"]

WIDTH = 64
"""Directions a chunk at most: eight vectors of eight numbers; measured in benchmarks/README.md."""


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
            start = sum_text(text, known)
            if slot.count.isdigit():
                known += int(slot.count)
            else:
                text = f"{text} + {slot.count}" if text else slot.count
            bounds.append((start, sum_text(text, known)))
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
            lines.append(f"{slot.dot} = np.zeros({self._seed_shape(slot)}{dtype_argument(self._dtype(slot))})")
        for name, dot in c.zeroed:
            lines.append(f"{dot} = np.zeros({name}.shape + ({self.width},), {name}.dtype)")
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
            lines.append(f"{filled[name][2][0]} = np.zeros({shape}{dtype_argument(filled[name][0].dtype)})")
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
        targets = ", ".join([*names, *dots]) if c.returns_value else ""  # results without elements have none
        lines.append(f"{targets} = {call}" if targets else call)
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
        return sum_text(text, known)

    def _allocate(self, lines: list[str], static: bool) -> None:
        """Results whose size is known once the function has run."""
        made: list[str] = []
        if self.c.mode == "matrix":
            kinds = [leaf.dtype for leaf, _, _ in self.items] + [self._dtype(s) for s in self.c.slots]
            total = self.starts[-1][1]
            made.append(f"{self.out} = np.empty(({self._rows()}, {total}){dtype_argument(promoted(kinds))})")
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
                    kind = dtype_argument(promoted([leaf.dtype, self._dtype(slot)]))
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
            offset = sum_text(text, known)
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
                    at = sum_text(text, known + i) if self.whole else str(i)
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
