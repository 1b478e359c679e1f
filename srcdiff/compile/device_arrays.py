"""The text of device functions and kernels for programs with arrays: loops, buffers, one column of the Jacobian a pass.

Knows no Numba. The lengths of the arrays are those of `shapes=`, or of the arguments of a batch.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..analyses.activity import activity, callees
from ..analyses.lengths import Lengths, lengths_of
from ..assembly.inputs import choose_inputs, input_names
from ..assembly.parts import check_fills_only, definition, fresh_name, support_texts
from ..differentiate.chunks import HelperPushforwards
from ..differentiate.columns import ColumnPushforward, Sink, columns_of, element_dots, seeds, stores
from ..differentiate.devices import LARGEST
from ..differentiate.helpers import HelperDerivatives
from ..differentiate.points import Target
from ..differentiate.structures import promoted
from ..emitter.device import DeviceWriter
from ..emitter.header import header
from ..emitter.module import function_text, module_text
from ..errors import Unsupported, UnsupportedCall, UnsupportedSyntax, UnsupportedType
from ..frontend.entry import Input, Lowered, lower_arrays
from ..frontend.program import HelperReference
from ..frontend.source import Source
from ..frontend.specs import ArraySpec, ScalarSpec, Spec, TupleSpec
from ..ir.expr import Compare, Const, Element, Expr, Var
from ..ir.statements import (
    ArrayCall,
    Block,
    For,
    If,
    Leaf,
    Line,
    Raise,
    Rebind,
    Return,
    Statement,
    Store,
    Structure,
    View,
    While,
    leaves,
    replace_returns,
    statements,
)
from ..ir.types import FLOAT32, INT64, ArrayType, ScalarType
from ..ir.verify import verify
from ..module import Module
from ..optimize.buffers import LENGTHS, Buffer, Refused, buffers, loops_over, own_memory, reshapes_as_copies
from ..optimize.dead import remove_dead
from ..optimize.inline_arrays import inline_array_calls, makes_arrays
from ..optimize.products import products_as_loops
from ..rules.array_support import ARRAY_SUPPORT
from ..rules.arrays import ARRAY_RULES, STEPS
from ..rules.device import DEVICE
from ..rules.support import SUPPORT

__all__ = ["LOCAL", "ArrayKernel", "DeviceArrays", "on_device", "reference"]

LOCAL = 1024
"""Numbers that a thread keeps in local memory at most; what does not fit is handed in."""


@dataclass(frozen=True)
class ArrayKernel:
    """What a batch needs to know of a kernel for a program with arrays."""

    module: Module
    targets: tuple[Target, ...]
    outputs: Structure | Leaf
    inputs: Structure | Leaf
    guards: tuple[tuple[str, tuple[int, ...]], ...]
    filled: frozenset[str]
    scratch: tuple[Buffer, ...]
    """Arrays that the launch hands in, each with a row for every thread."""


class DeviceArrays:
    """A function with arrays, for devices, in one mode."""

    def __init__(
        self, source: Source, specs: Mapping[str, Spec], options: Any, mode: str,
        shapes: Mapping[str, tuple[int, ...]], narrow: bool,
    ):  # fmt: skip
        self.source = source
        self.specs = specs
        self.mode = mode
        self.narrow = narrow
        self.assumed = ()
        wrt, self.single = choose_inputs(source, options.wrt, options.of)
        lowered = lower_arrays(source, specs, wrt, options.of, promote=mode != "primal")
        self.shapes = {**shapes, **dict(lowered.guards)}
        for name, shape in lowered.guards:
            if shapes.get(name, shape) != shape:
                raise UnsupportedType(
                    f"{name} has the shape {shapes[name]}, but {source.name} takes {shape}", hint="Pass that shape."
                )
        known = tuple((n, s) for n, s in self.shapes.items() if n.partition("[")[0] in specs)
        self.lowered: Lowered = replace(lowered, guards=known)
        self.program = lowered.program
        self.inputs = [lowered.inputs[name] for name in wrt]
        self.taken = set(lowered.names) | self.program.globals | set(SUPPORT) | set(ARRAY_SUPPORT)
        for s in statements(lowered.function.body):  # indices of loops that array expressions became are not listed
            self.taken |= {s.target.name} if isinstance(s, For) else set()
        if any(".astype(" in line for line in lowered.prelude):
            raise UnsupportedType(
                f"{source.name} is differentiated by an array of integers, which devices do not copy",
                hint="Pass an array of floats.",
                location=source.location(getattr(source.node, "name", source.node)),
            )
        for name in sorted({*lowered.written_arrays, *lowered.filled_arrays} - set(specs)):
            self.refuse(
                UnsupportedType, f"{name} is an array in a tuple, and is written to", "Pass the array by itself."
            )
        self.returns_value = not lowered.filled_arrays
        if lowered.filled_arrays:
            check_fills_only(source, lowered.result)
        body = inline_array_calls(lowered.function.body, self.fresh)
        self.body = products_as_loops(body, self.fresh)
        self._no_whole_arrays()
        self._no_helpers_with_arrays()
        self.given = {n: self.fresh(f"{n}_given") for n in self._copied_at_first()}
        self.body = (*self._first_copies(), *self.body)
        self._own_memory()
        lengths = self.lengths(self.body)
        self.body = self._decided(self.body, lengths)
        self.outputs = self._outputs(lengths)
        self.columns = [] if mode in ("primal", "jvp") else columns_of(self.inputs, self._leaves_of)
        self.derivatives = HelperDerivatives(self.program)
        self.pushforwards = HelperPushforwards(self.program, self.derivatives, None)
        self.branches: dict[int, str] = {}
        self.scratch: list[Buffer] = []

    def fresh(self, base: str) -> str:
        return fresh_name(base, self.taken, self.program.globals)

    # -- what the program is ----------------------------------------------------------------------------------------

    def refuse(self, error: type[Unsupported], message: str, hint: str, s: Statement | None = None) -> None:
        """Raise with the place of a statement of the user's, or of the function."""
        writer = DeviceWriter(self.source, self.narrow, None, located=s is not None and s.origin is not None)
        writer.origin = None if s is None else s.origin
        writer.refuse(error, message, hint)

    @property
    def total(self) -> int:
        return sum(c.count for c in self.columns)

    @property
    def parameters(self) -> list[str]:
        return [p.lstrip("*").partition("=")[0] for p in self.lowered.parameters]

    def varying(self) -> list[str]:
        """The user's variables that depend on the inputs."""
        found = activity(self.body, *input_names(self.inputs))
        names = {
            t.name: None
            for s in statements(self.body)
            for t in (getattr(s, "targets", ()) or ((s.target,) if hasattr(s, "target") else ()))
            if isinstance(t, Var) and t.name in self.lowered.user_names and found.atom(t)
        }
        return [*names][:12] + (["..."] if len(names) > 12 else [])

    def directions(self) -> str:
        """How the directions are laid out."""
        return "one: tangents have the shapes of their values" if self.mode == "jvp" else "one column after the other"

    def _leaves_of(self, one: Input) -> list[Leaf]:
        """The leaves of an input, with their lengths."""
        found = []
        for leaf in leaves(one.structure):
            if None in leaf.shape:
                shape = self.shapes.get(one.name)
                if shape is None:
                    self.refuse(
                        UnsupportedType,
                        f"the shape of {one.name} is not known when compiling",
                        f'Fix it with shapes={{"{one.name}": ...}}.',
                    )
                leaf = replace(leaf, shape=shape or ())
            found.append(leaf)
        return found

    def _copied_at_first(self) -> list[str]:
        """Arguments that the program writes to, where it must not: it runs once for every column."""
        if self.mode == "primal":
            return []
        return sorted({*self.lowered.written_arrays, *self.lowered.filled_arrays})

    def _first_copies(self) -> list[Statement]:
        copies: list[Statement] = []
        for name, given in self.given.items():
            spec = self.specs[name]
            assert isinstance(spec, ArraySpec)
            kind: Any = ArrayType(spec.dtype, spec.ndim)
            copies.append(Rebind((Var(name, kind),), (View(Var(given, kind), "copy"),)))
        return copies

    def _no_whole_arrays(self) -> None:
        """What works on whole arrays is written out as loops by now, or not there."""
        for s in statements(self.body):
            if isinstance(s, ArrayCall):
                rule = STEPS.get(s.function) or ARRAY_RULES[s.function].primal
                name = rule.partition("(")[0]
                self.refuse(UnsupportedCall, f"{name} is not available on CUDA devices", "Write it as loops.", s)

    def _no_helpers_with_arrays(self) -> None:
        """What was not written out makes no arrays: their memory would be gone when it returns."""
        pending = [(c, s) for s in statements(self.body) for c in callees((_shallow(s),))]
        seen: set[int] = set()
        while pending:
            callee, origin = pending.pop()
            if id(callee) in seen or not isinstance(callee, HelperReference):
                continue
            seen.add(id(callee))
            if makes_arrays(callee):
                self.refuse(
                    UnsupportedSyntax,
                    f"{callee.name} makes or returns an array and does not return at its end alone, or calls itself",
                    "Return once, at the end; or fill an array that is given.",
                    origin,
                )
            assert callee.function is not None
            for s in statements(callee.function.body):
                pending += [(c, origin) for c in callees((_shallow(s),))]

    def _own_memory(self) -> None:
        try:
            self.body = own_memory(reshapes_as_copies(self.body), [*self.lowered.filled_arrays])
        except Refused as refused:
            self.refuse(UnsupportedSyntax, str(refused), refused.hint, refused.statement)

    def lengths(self, body: Block) -> Lengths:
        """What is known of lengths."""
        shapes: dict[str, tuple[int | None, ...]] = {}
        integers: dict[str, int | None] = {}
        for name, spec in self.specs.items():
            if isinstance(spec, ArraySpec):
                shapes[self.given.get(name, name)] = self.shapes.get(name, (None,) * spec.ndim)
            elif isinstance(spec, ScalarSpec):
                integers[name] = None
            elif isinstance(spec, TupleSpec):
                for i, item in enumerate(spec.items):
                    if isinstance(item, ArraySpec):
                        shapes[f"{name}[{i}]"] = self.shapes.get(f"{name}[{i}]", (None,) * item.ndim)
        return lengths_of(body, shapes, integers)

    def _decided(self, block: Block, lengths: Lengths) -> Block:
        """Without the checks of lengths that are known; those that fail are errors now."""
        out: list[Statement] = []
        for s in block:
            if isinstance(s, If) and len(s.body) == 1 and isinstance(s.body[0], Raise) and not s.orelse:
                test = s.test
                if isinstance(test, Compare) and test.ops == ("!=",):
                    a, b = map(lengths.value, test.args)
                    if a is not None and b is not None:
                        if a != b:
                            text = s.body[0].text
                            self.refuse(UnsupportedType, f"{a} and {b} elements: {text}", "Check the shapes.", s)
                        continue
            if isinstance(s, (If, For, While)):
                s = replace(s, body=self._decided(s.body, lengths), orelse=self._decided(s.orelse, lengths))
            out.append(s)
        return tuple(out)

    def _outputs(self, lengths: Lengths) -> Structure | Leaf:
        """The structure of the outputs, with their lengths."""
        filled = self.lowered.filled_arrays
        if filled:
            found = []
            for name, leaf in filled.items():
                shape = self.shapes.get(name)
                if shape is None:
                    self.refuse(
                        UnsupportedType,
                        f"the shape of {name} is not known when compiling",
                        f'Fix it with shapes={{"{name}": ...}}.',
                    )
                found.append(replace(leaf, shape=shape or ()))
            return found[0] if len(found) == 1 else Structure(tuple(found))
        shapes: list[tuple[int, ...] | None] = []
        for s in statements(self.body):
            if not isinstance(s, Return):
                continue
            own = [lengths.known(e.name) if isinstance(e, Var) and e.type.kind == "array" else None for e in s.values]
            for number, e in enumerate(s.values):
                if e.type.kind == "array" and own[number] is None:
                    self.refuse(
                        UnsupportedType,
                        f"the length of {getattr(e, 'name', 'a result')} is not known when compiling",
                        LENGTHS,
                        s,
                    )
            if shapes and own != shapes:
                self.refuse(UnsupportedType, "results have different shapes", "Return arrays of one shape.", s)
            shapes = own
        items: Iterator[Any] = iter(shapes)

        def visit(part: Structure | Leaf) -> Structure | Leaf:
            if isinstance(part, Structure):
                return replace(part, items=tuple(map(visit, part.items)))
            if None in part.shape:
                return replace(part, shape=tuple(next(items) or ()))
            for _ in range(math.prod(part.lengths)):
                next(items)
            return part

        return visit(self.lowered.result)

    def _results(self, values: Sequence[Expr]) -> list[list[Expr] | str]:
        """The values of a `return` by leaf: elements, or the name of an array."""
        filled = list(self.lowered.filled_arrays)
        if filled:
            return list(filled)
        found: list[list[Expr] | str] = []
        position = 0
        for leaf in leaves(self.lowered.result):
            if None in leaf.shape:
                array = values[position]
                found.append(array.name if isinstance(array, Var) else "")
                position += 1
            else:
                count = math.prod(leaf.lengths)
                found.append(list(values[position : position + count]))
                position += count
        return found

    # -- bodies -----------------------------------------------------------------------------------------------------

    def pushed(self, finish: Callable[[Return, Any, Any], list[Statement]], dots: Mapping[str, str]) -> Block:
        """The program with its tangents; `dots` names those of the inputs, `finish` replaces a `return`."""
        names: dict[str, str] = {}
        arrays: list[str] = []
        scalars: list[str] = []
        elements: dict[str, tuple[str, tuple[int, ...]]] = {}
        for one in self.inputs:
            dot, atom = dots[one.name], one.atoms[0] if one.atoms else None
            if isinstance(atom, Var) and atom.name == one.name and len(one.atoms) == 1:
                array = atom.type.kind == "array"
                (arrays if array else scalars).append(one.name)
                names[f"{one.name}[]" if array else one.name] = dot
            else:
                elements.update(self._elements(one, dot))
        found = activity(self.body, scalars, arrays, elements)
        first: list[Statement] = []
        written: list[str] = []
        passed = {name for name, spec in self.specs.items() if isinstance(spec, ArraySpec)}
        for name in sorted(found.arrays & passed - set(arrays)):
            # What does not vary but may share memory with what does: its tangent starts as zeros.
            names[f"{name}[]"] = self.fresh(f"{name}_dot")
            source = self.given.get(name, name)
            first.append(Line(f"{names[f'{name}[]']} = np.zeros_like({source})"))
            written.append(name)

        def finished(s: Return, tangents: list[Expr]) -> list[Statement]:
            if self.lowered.filled_arrays:
                dotted: list[Any] = [names.get(f"{n}[]", "") for n in self.lowered.filled_arrays]
            else:
                dotted = self._results(tangents)
            return finish(s, self._results(s.values), dotted)

        every = [*arrays, *found.arrays]
        # The copies at the head are of arguments: their tangents are there already.
        head = len(self.given)
        push = ColumnPushforward(
            self.body[head:], None, names, every, scalars, elements, self.fresh, finished, self.derivatives.get,
            self.pushforwards.get, kinds=None,
            complex_inputs=any(a.type.kind == "complex" for i in self.inputs for a in i.atoms),
            parameters=tuple(self.specs),
        )  # fmt: skip
        body = push.run()
        self.branches = push.branches
        return (*self.body[:head], *first, *self._own_tangents(names), *remove_dead(body))

    def _own_tangents(self, names: Mapping[str, str]) -> list[Statement]:
        """In a directional derivative, tangents of inputs that the program writes to are copied, too."""
        if self.mode != "jvp":
            return []
        copies: list[Statement] = []
        for one in self.inputs:
            if one.name in self.given and f"{one.name}[]" in names:
                dot = Var(names[f"{one.name}[]"], one.atoms[0].type)
                copies.append(Rebind((dot,), (View(dot, "copy"),)))
        return copies

    def _elements(self, one: Input, dot: str) -> dict[str, tuple[str, tuple[int, ...]]]:
        if self.mode != "jvp":
            return element_dots(one, dot)
        from ..ir.expr import Load, key_of

        found: dict[str, tuple[str, tuple[int, ...]]] = {}
        for atom in one.atoms:
            if isinstance(atom, Load):
                # `pose[0][1]` is read from `pose_dot[0]`.
                rest = atom.array[len(one.name) :]
                found[key_of(atom)] = (dot + rest, tuple(n for n in atom.index if isinstance(n, int)))
            else:
                assert isinstance(atom, Var)
                found[key_of(atom)] = (dot, (int(atom.name.rpartition("_")[2]),))
        return found

    def _buffered(self, body: Block, extra: Mapping[str, tuple[int, ...]] | None = None) -> Block:
        """The body with its arrays in buffers, which are noted."""
        lengths = self.lengths(body)
        for name, shape in (extra or {}).items():
            lengths.bind_array(name, shape)
        try:
            body, made = buffers(body, lengths, self.fresh)
        except Refused as refused:
            self.refuse(UnsupportedType, str(refused), refused.hint, refused.statement)
            raise AssertionError from None
        self.scratch += [self._narrowed(b) for b in made]
        return body

    def _narrowed(self, buffer: Buffer) -> Buffer:
        return replace(buffer, dtype=FLOAT32) if self.narrow and buffer.dtype.kind == "float" else buffer

    def _local(self, buffer: Buffer) -> Line:
        shape = str(buffer.shape[0]) if len(buffer.shape) == 1 else str(buffer.shape)
        return Line(f"{buffer.name} = cuda.local.array({shape}, np.{buffer.dtype.numpy})", buffer.name)

    def _settled(self, body: Block, undefined: Callable[[], Block] | None, handed: bool) -> tuple[Block, list[Buffer]]:
        """The body with local buffers at its head, and those that are handed in."""
        body = on_device(self.source, self.body, body, self.narrow, undefined)
        ordered = sorted(self.scratch, key=lambda b: b.size)
        given: list[Buffer] = []
        room = LOCAL
        local: list[Line] = []
        for buffer in ordered:
            room -= buffer.size
            if room >= 0:
                local.append(self._local(buffer))
            else:
                given.append(buffer)
        if given and not handed:
            total = sum(b.size for b in self.scratch)
            self.refuse(
                UnsupportedType,
                f"{self.source.name} needs {total} numbers of scratch a thread, and devices keep {LOCAL}",
                "Use batch, which hands scratch in.",
            )
        return (*local, *map(Line, self.lowered.prelude), *body), given

    # -- the functions ----------------------------------------------------------------------------------------------

    def _stored(self, sink: Sink, column: Var | None) -> tuple[Block, Callable[[], Block] | None]:
        """The program whose `return` stores, and what stands for one that raises."""

        def finish(s: Return, results: Any, tangents: Any) -> list[Statement]:
            out = stores(sink, column, results, tangents, self.fresh)
            return [*out, *self._written_back(column), Return((), tail="", origin=None)]

        def undefined() -> Block:
            nan = Const(math.nan)
            results: list[Any] = [[nan] * math.prod(leaf.lengths) for leaf in leaves(self.outputs)]
            return (*stores(sink, column, results, results, self.fresh), Return((), tail=""))

        discrete = any(not leaf.dtype.is_differentiable for leaf in leaves(self.outputs))
        if column is None:
            body = replace_returns(self.body, lambda s: finish(s, self._results(s.values), None))
        else:
            dots = {one.name: self.fresh(f"{one.name}_dot") for one in self.inputs}
            first = seeds(column, self.columns, [(one, dots[one.name]) for one in self.inputs])
            body = (*first, *self.pushed(finish, dots))
        return self._buffered(body), None if discrete or self.lowered.filled_arrays else undefined

    def _written_back(self, column: Var | None) -> list[Statement]:
        """The arguments that are filled get their values with the last column."""
        if column is None:
            return []
        out: list[Statement] = []
        for name, leaf in zip(self.lowered.filled_arrays, leaves(self.outputs)):
            given, dtype = self.given[name], leaf.dtype

            def store(at: tuple[Expr, ...], name: str = name, given: str = given, dtype: Any = dtype) -> Block:
                return (Store(given, at, Element(name, at, dtype)),)

            out += loops_over(leaf.lengths, store, self.fresh)
        test = Compare(("==",), (column, Const(max(self.total, 1) - 1)))
        return [If(test, tuple(out), ())] if out else []

    def _renamed(self, parameters: Sequence[str]) -> list[str]:
        return [self.given.get(p, p) for p in parameters]

    def _targets(self) -> tuple[list[Target], dict[tuple[int, int], int]]:
        """The arrays of results, in the order of a batch; and which of them holds a leaf by a column's leaf."""
        outputs = list(leaves(self.outputs))
        targets: list[Target] = []
        if self.mode != "jacobian":
            targets += [Target(leaf.lengths, self._kind(leaf.dtype)) for leaf in outputs]
        place: dict[tuple[int, int], int] = {}
        for o, leaf in enumerate(outputs):
            for j, mine in enumerate(self.columns if self.mode != "primal" else ()):
                place[o, j] = len(targets)
                kind = self._kind(promoted([leaf.dtype, mine.leaf.dtype]))
                targets.append(Target(leaf.lengths + mine.leaf.lengths, kind))
        return targets, place

    def _kind(self, dtype: ScalarType) -> ScalarType:
        dtype = dtype if dtype.bits else ScalarType(dtype.kind, 64)
        return FLOAT32 if self.narrow and dtype.kind == "float" else dtype

    def _sink(self, names: Sequence[str], place: Mapping[tuple[int, int], int], lead: Any = ()) -> Sink:
        outputs = tuple(leaves(self.outputs))
        values = names[: len(outputs)] if self.mode != "jacobian" else ()
        return Sink(self.columns, outputs, values, {key: names[k] for key, k in place.items()}, lead=lead)

    def kernel(self, call: Callable[[str], Sequence[str]], passed: Sequence[str]) -> ArrayKernel:
        """A kernel of one point a thread: `call` gives the function's arguments at a point, `passed` what it takes."""
        targets, place = self._targets()
        i, first, last = self.fresh("i"), self.fresh("first"), self.fresh("last")
        names = [self.fresh("out" if len(targets) == 1 else f"out_{k}") for k in range(len(targets))]
        column = None if self.mode == "primal" else Var(self.fresh("column"), INT64)
        body, undefined = self._stored(self._sink(names, place, (Var(i, INT64),)), column)
        body, handed = self._settled(body, undefined, True)
        base = self.lowered.function.name + ("" if self.mode == "primal" else f"_{self.mode}")
        inner = f"{base}_point" if column is None else f"{base}_column"
        work = [b.name for b in handed]
        own = [*([] if column is None else [column.name]), i, *names, *work]
        main = function_text(inner, [*own, *self._renamed(self.lowered.parameters)], body, checked=False)
        rows = [f"{name}[{i} - {first}]" for name in work]
        arguments = ", ".join([*own[: len(own) - len(work)], *rows, *call(i)])
        lines = [
            f"def {base}_kernel({', '.join([first, last, *names, *passed, *work])}):",
            f"    {i} = {first} + cuda.grid(1)",
            f"    if {i} < {last}:",
        ]
        if column is None:
            lines.append(f"        {inner}({arguments})")
        else:
            passes = max(self.total, 1)  # values are wanted where there is nothing to differentiate by, too
            lines += [f"        for {column.name} in range({passes}):", f"            {inner}({arguments})"]
        filled = frozenset(self.lowered.filled_arrays)
        if self.mode == "primal":
            filled |= self.lowered.written_arrays
        structure = tuple(self._input_structure(one) for one in self.inputs)
        return ArrayKernel(
            self._module([main, "\n".join(lines) + "\n"], body, f"{base}_kernel"), tuple(targets), self.outputs,
            structure[0] if self.single else Structure(structure), self.lowered.guards, filled, tuple(handed),
        )  # fmt: skip

    def _input_structure(self, one: Input) -> Structure | Leaf:
        return self._leaves_of(one)[0] if isinstance(one.structure, Leaf) else one.structure

    def device(self) -> Module:
        """The module of a device function."""
        base = self.lowered.function.name
        if self.mode in ("primal", "jvp"):
            name = base if self.mode == "primal" else f"{base}_jvp"
            body, parameters = self._primal() if self.mode == "primal" else self._jvp()
            body, _ = self._settled(body, None, False)
            return self._module([function_text(name, parameters, body, checked=False)], body, name)
        column = Var(self.fresh("column"), INT64)
        inner = f"{base}_{'jacobian' if self.mode == 'into' else self.mode}_column"
        if self.mode == "into":
            out = self.fresh("out")
            names, locals_ = [out], []
            sink = Sink(self.columns, tuple(leaves(self.outputs)), (), {}, whole=out)
        else:
            targets, place = self._targets()
            names = [self.fresh("out" if len(targets) == 1 else f"out_{k}") for k in range(len(targets))]
            sink = self._sink(names, place)
            for target in targets:
                self._fits(target.lengths)
            locals_ = [self._local(Buffer(n, t.lengths or (1,), t.dtype)) for n, t in zip(names, targets)]
        body, undefined = self._stored(sink, column)
        body, _ = self._settled(body, undefined, False)
        parameters = self._renamed(self.lowered.parameters)
        main = function_text(inner, [column.name, *names, *parameters], body, checked=False)
        own = [p.partition("=")[0] for p in parameters]
        name = f"{base}_jacobian_into" if self.mode == "into" else f"{base}_{self.mode}"
        head = [*names, *parameters] if self.mode == "into" else parameters
        lines = [f"def {name}({', '.join(head)}):", *(f"    {line.text}" for line in locals_)]
        lines.append(f"    for {column.name} in range({max(self.total, 1)}):")
        lines.append(f"        {inner}({', '.join([column.name, *names, *own])})")
        if self.mode != "into":
            lines.append(f"    return {self._tuples(names)}")
        return self._module([main, "\n".join(lines) + "\n"], body, name)

    def _fits(self, shape: Sequence[int]) -> None:
        if math.prod(shape) > LARGEST:
            raise UnsupportedType(
                f"a result of shape {tuple(shape)} is too large for a tuple on a device",
                hint="Fill an array with f.jacobian.into(out, ...), or use f.jacobian.batch.",
            )

    def _primal(self) -> tuple[Block, list[str]]:
        def finish(s: Return) -> list[Statement]:
            if not self.returns_value:
                return [Return((), tail="None", origin=s.origin)]
            return [Return((), tail=self._values(self._results(s.values)), origin=s.origin)]

        return self._buffered(replace_returns(self.body, finish)), list(self.lowered.parameters)

    def _jvp(self) -> tuple[Block, list[str]]:
        primals, tangents = self.fresh("primals"), self.fresh("tangents")
        dots = {one.name: self.fresh(f"{one.name}_dot") for one in self.inputs}

        def finish(s: Return, results: Any, dotted: Any) -> list[Statement]:
            filled = [*self._fill_given()] if not self.returns_value else []
            value = self._values(results) if self.returns_value else "None"
            return [*filled, Return((), tail=f"{value}, {self._values(dotted)}", origin=None)]

        body = self.pushed(finish, dots)
        body = self._buffered(body, {d: self.shapes[n] for n, d in dots.items() if n in self.shapes})
        names, own = self._renamed(self.parameters), list(dots.values())
        comma = "," if len(own) == 1 and not self.single else ""
        lines = [
            Line(f"{', '.join(names)}{',' if len(names) == 1 else ''} = {primals}"),
            Line(f"{', '.join(own)}{comma} = {tangents}"),
        ]
        return (*lines, *body), [primals, tangents]

    def _fill_given(self) -> Iterator[Statement]:
        for name, leaf in zip(self.lowered.filled_arrays, leaves(self.outputs)):
            given, dtype = self.given[name], leaf.dtype

            def store(at: tuple[Expr, ...], name: str = name, given: str = given, dtype: Any = dtype) -> Block:
                return (Store(given, at, Element(name, at, dtype)),)

            yield from loops_over(leaf.lengths, store, self.fresh)

    def _values(self, results: Sequence[Any]) -> str:
        """Values in the structure of the result, as nested tuples."""
        items = iter(zip(leaves(self.outputs), results))

        def visit(part: Structure | Leaf) -> str:
            if isinstance(part, Structure):
                parts = [visit(item) for item in part.items]
                return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
            leaf, found = next(items)
            self._fits(leaf.lengths)
            if isinstance(found, str):
                zero = "np.float32(0.0)" if self.narrow else "0.0"
                return _tuple(leaf.lengths, lambda at: f"{found}[{', '.join(map(str, at))}]" if found else zero)
            writer = DeviceWriter(self.source, self.narrow, None, located=False)
            from ..emitter.printer import expression

            texts = iter([expression(writer.value(e), 1) for e in found])
            return _tuple(leaf.lengths, lambda at: next(texts))

        return visit(self.outputs)

    def _tuples(self, names: Sequence[str]) -> str:
        """What a device function returns: the arrays of results as nested tuples."""
        queue = iter(names)
        targets = iter(self._targets()[0])

        def one(_: Structure | Leaf) -> str:
            name, shape = next(queue), next(targets).lengths
            return _tuple(shape, lambda at: f"{name}[{', '.join(map(str, at or (0,)))}]")

        def visit(part: Structure | Leaf, leaf: Callable[[Any], str]) -> str:
            if isinstance(part, Structure):
                parts = [visit(item, leaf) for item in part.items]
                return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
            return leaf(part)

        inputs = tuple(one.structure for one in self.inputs)
        structure: Structure | Leaf = inputs[0] if self.single else Structure(inputs)
        values = visit(self.outputs, one) if self.mode == "value_and_jacobian" else ""
        jacobian = visit(self.outputs, lambda _: visit(structure, one))
        if self.mode == "jacobian":
            return jacobian
        return f"{values if self.returns_value else None}, {jacobian}"

    def _module(self, functions: Sequence[str], body: Block, entry: str) -> Module:
        every = [*self.derivatives.texts(body), *functions]
        support = support_texts(every)
        used = set(re.findall(r"(?<![\w.])[^\W\d]\w*(?=\()", "\n".join([*every, *support])))
        devices = [inspect.getsource(f).rstrip() + "\n" for name, f in DEVICE.items() if name in used]
        imports = dict(self.program.imports)
        if any("cuda." in text for text in every):
            imports["cuda"] = "from numba import cuda"
        branches = dict(self.branches)
        for derivative in self.pushforwards.made.values():
            branches.update(derivative.branches)
        text = module_text(
            header(self, None, branches), every, imports, self.program.constants,
            {key: definition(key, value) for key, value in self.program.objects.items()}, [*devices, *support],
        )  # fmt: skip
        return Module(text, entry, tuple(self.parameters), dict(self.program.objects), branches)


def on_device(
    source: Source, primal: Block, body: Block, narrow: bool, undefined: Callable[[], Block] | None
) -> Block:  # fmt: skip
    """`body` as devices take it; the functions that it calls are rewritten, too.

    `primal` is what the user wrote, whose statements know their places: it is looked at first. `undefined` stands for
    statements that raise.
    """
    DeviceWriter(source, narrow, None if undefined is None else tuple).block(primal)
    body = DeviceWriter(source, narrow, undefined, located=False).block(body)
    verify(body)
    seen: set[int] = set()
    pending = callees(body)
    while pending:
        callee = pending.pop()
        if id(callee) in seen:
            continue
        seen.add(id(callee))
        writer = DeviceWriter(reference(callee).lowering.source, narrow, None, located=False)
        if isinstance(callee, HelperReference):
            assert callee.function is not None
            pending += callees(callee.function.body)
            callee.function = replace(callee.function, body=writer.block(callee.function.body))
        else:
            pending += callees(callee.body)
            callee.body = writer.block(callee.body)
    return body


def reference(callee: Any) -> Any:
    """The function of the user's that is called, or whose derivative is."""
    return callee if isinstance(callee, HelperReference) else callee.reference


def _tuple(shape: Sequence[int], text: Callable[[tuple[int, ...]], str], at: tuple[int, ...] = ()) -> str:
    if len(at) == len(shape):
        return text(at)
    parts = [_tuple(shape, text, (*at, i)) for i in range(shape[len(at)])]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _shallow(s: Statement) -> Statement:
    return replace(s, body=(), orelse=()) if isinstance(s, (If, For, While)) else s
