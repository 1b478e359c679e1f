"""Programs whose values are scalars: named directions, one variable a direction."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..analyses.operations import path_operations
from ..differentiate.accumulate import accumulate
from ..differentiate.forward import Differentiator, Tangents
from ..differentiate.helpers import HelperDerivatives
from ..differentiate.results import Layout
from ..emitter.header import header
from ..emitter.module import function_text, module_text
from ..errors import IndependentOutputError
from ..frontend.entry import Input, Lowered
from ..ir.expr import ONE, Expr, Load, Var, key_of, topological
from ..ir.statements import (
    Assign,
    Block,
    CallHelper,
    For,
    Leaf,
    Line,
    Return,
    Statement,
    Structure,
    count_of,
    leaves,
    replace_returns,
    statements,
)
from ..ir.verify import verify
from ..modes import FILLS, OWN, suffix_of
from ..module import Module
from ..optimize.dead import remove_dead
from ..optimize.inline import inline_calls, size
from ..optimize.loads import hoist_loads
from ..rules.support import SUPPORT
from .parts import apart, bare, check_fills_only, check_names, definition, fresh_name, support_texts, unique


class ScalarAssembly:
    """From a lowered function to the text of a module."""

    def __init__(
        self,
        lowered: Lowered,
        wrt: Sequence[str],
        single: bool,
        mode: str,
        strict: bool,
        assumed: Sequence[str],
        checked: bool,
    ):
        self.lowered = lowered
        self.mode = mode
        self.strict = strict
        self.assumed = assumed
        self.checked = checked
        self.wrt = list(wrt)
        self.program = lowered.program
        self.taken = set(lowered.names) | self.program.globals | set(SUPPORT)
        self.own = {name: self.fresh(name) for name in OWN.get(mode, ())}
        self.inputs: list[Input] = [lowered.inputs[name] for name in wrt]
        self.labels = self._labels()
        self.input_structure: Structure | Leaf = (
            self.inputs[0].structure if single else Structure(tuple(i.structure for i in self.inputs))
        )
        self.single = single
        self.outputs, self.returns_value = self._outputs()
        self.dots: dict[str, str] = {}
        self.derivatives = HelperDerivatives(self.program)
        self.body: Block | None = None
        self.differentiator: Differentiator | None = None

    def differentiate(self) -> None:
        """Compute the body, once."""
        if self.body is not None:
            return
        if self.mode == "scratch":
            self.body = (Return((), tail="()"),)
            return
        body, self.differentiator = (self._primal(), None) if self.mode == "primal" else self._derivative()
        body = remove_dead(body)
        if self.differentiator is not None and "accumulated" in self.differentiator.forms:
            body = hoist_loads(body, dict(self.lowered.guards), self.fresh)
        self.body = (*self._prologue(), *body)
        verify(self.body)

    @property
    def operations(self) -> int:
        assert self.body is not None
        return path_operations(self.body)

    def _labels(self) -> list[str]:
        """Names of the directions: of the parameter, of an element `y0`, or of what that is unpacked into."""
        bound = Counter[str]()
        for s in statements(self.lowered.function.body):
            if isinstance(s, (Assign, CallHelper, For)):
                bound.update(t.name for t in ((s.target,) if isinstance(s, For) else s.targets))
        unpacked: dict[str, str] = {}
        for s in self.lowered.function.body:
            if isinstance(s, Assign):
                for t, v in zip(s.targets, s.values):
                    if isinstance(v, Load) and not v.args and bound[t.name] == 1 and t.name.strip("_"):
                        unpacked.setdefault(key_of(v), t.name)
        labels: list[str] = []
        for one in self.inputs:
            for atom, label in zip(one.atoms, one.labels):
                known = unpacked.get(key_of(atom))
                if known is None and label != one.name and label in self.lowered.user_names:
                    known = f"{one.name}_{label[len(one.name) :]}"
                labels.append(known or label)
        return unique(labels)

    def fresh(self, base: str) -> str:
        return fresh_name(base, self.taken)

    def _outputs(self) -> tuple[Structure | Leaf, bool]:
        filled = [Leaf(shape, dtype, True) for shape, dtype in self.lowered.filled.values()]
        if not filled:
            return self.lowered.result, True
        check_fills_only(self.lowered.source, self.lowered.result)
        return (filled[0] if len(filled) == 1 else Structure(tuple(filled))), False

    def module(self) -> Module:
        program = self.program
        base = self.lowered.function.name
        name = base + suffix_of(self.mode)
        self.differentiate()
        body, differentiator = self.body, self.differentiator
        assert body is not None
        functions = [*self.derivatives.texts(body), function_text(name, self._parameters(), body, checked=self.checked)]
        check_names(self.lowered.source, functions)
        branches = differentiator.branches if differentiator is not None else {}
        for derivative in self.derivatives.made.values():
            branches = {**branches, **derivative.branches}
        text = module_text(
            header(self, differentiator, branches),
            functions,
            program.imports,
            program.constants,
            {key: definition(key, value) for key, value in program.objects.items()},
            support_texts(functions),
        )
        dtype = self.layout().dtype(*leaves(self.outputs), *leaves(self.input_structure))
        return Module(
            text, name, tuple(self._parameters()), dict(program.objects), dict(branches), dict(self._shapes()), dtype,
            apart(self.lowered, self.own.get("out")),
        )  # fmt: skip

    def _parameters(self) -> list[str]:
        return [*self.own.values(), *([] if self.mode == "jvp" else self.lowered.parameters)]

    def _prologue(self) -> Block:
        """Checks of shapes; for a JVP, the arguments unpacked."""
        lines: list[Statement] = []
        if self.mode == "jvp":
            names = [bare(p) for p in self.lowered.parameters]
            lines.append(Line(f"{', '.join(names)}{',' if len(names) == 1 else ''} = {self.own['primals']}"))
            dots = [self._dot(i.name) for i in self.inputs]
            comma = "," if len(dots) == 1 and not self.single else ""
            lines.append(Line(f"{', '.join(dots)}{comma} = {self.own['tangents']}"))
        guards = self._shapes()
        for name, shape in guards if self.checked else ():
            if len(shape) == 1:
                test, words = f"len({name}) != {shape[0]}", f"{shape[0]} element{'s' * (shape[0] != 1)}"
            else:
                test, words = f"{name}.shape != {shape}", f"shape {shape}"
            lines.append(Line(f"if {test}:"))
            lines.append(Line(f'    raise ValueError("{name} must have {words}")'))
        written = [name for name in (*self.own.values(), *self.lowered.filled) if self.checked]
        for i, (name, shape) in enumerate(guards):
            for other, same in guards[i + 1 :]:
                if shape == same and (name in written or other in written):
                    lines.append(Line(f"if {name} is {other}:"))
                    lines.append(Line(f'    raise ValueError("{name} and {other} must be different arrays")'))
        return (*lines, *map(Line, self.lowered.prelude))

    def _shapes(self) -> list[tuple[str, tuple[int, ...]]]:
        """Of the arrays among the arguments; `out` comes first."""
        shapes = list(self.lowered.guards)
        if self.mode == "jvp":
            shapes += [(self._dot(n), shape) for n, shape in self.lowered.guards if n in self.wrt]
        if self.mode in FILLS:
            rows = sum(count_of(leaf) for leaf in leaves(self.outputs))
            shapes.insert(0, (self.own["out"], (rows, len(self.labels))))
        return shapes

    def _dot(self, name: str) -> str:
        if name not in self.dots:
            self.dots[name] = self.fresh(f"{name}_dot")
        return self.dots[name]

    @functools.cached_property
    def _narrow(self) -> bool:
        """Whether a float32 is read anywhere in the function."""
        for s in statements(self.lowered.function.body):
            read = s.values if isinstance(s, (Assign, Return)) else s.args if isinstance(s, CallHelper) else ()
            if any(n.type.bits == 32 for n in topological(tuple(read))):
                return True
        return False

    def layout(self) -> Layout:
        return Layout(
            "into" if self.mode in FILLS else self.mode,
            self.outputs,
            self.input_structure,
            self.fresh,
            self.lowered.filled,
            self.returns_value,
            self.lowered.written_back,
            self._narrow,
            self.own.get("out", "out"),
        )

    def _primal(self) -> Block:
        layout = self.layout()

        def finish(s: Return) -> list[Statement]:
            return layout.finish(s, s.values, [{} for _ in s.values])

        return replace_returns(self.lowered.function.body, finish)

    def _derivative(self) -> tuple[Block, Differentiator]:
        seeds: Tangents = {}
        single = self.mode == "jvp"
        position = 0
        for one in self.inputs:
            for atom in one.atoms:
                if single:
                    seeds[key_of(atom)] = {0: self._seed(one, atom)}
                else:
                    seeds[key_of(atom)] = {position: ONE}
                position += 1
        complex_inputs = any(a.type.kind == "complex" for i in self.inputs for a in i.atoms)
        layout = self.layout()
        nonzero: list[set[int]] = []

        def finish(s: Return, values: Sequence[Expr], tangents: Sequence[Mapping[int, Expr]]) -> list[Statement]:
            for i, row in enumerate(tangents):
                if i >= len(nonzero):
                    nonzero.append(set())
                nonzero[i] |= set(row)
            return layout.finish(s, values, tangents)

        differentiator = Differentiator(
            self.lowered.function.body,
            seeds,
            self.labels,
            self.fresh,
            finish,
            self.derivatives.get,
            taken=self.taken,
            values_wanted=self.mode in ("value_and_jacobian", "jvp") or bool(self.lowered.filled),
            reserved=frozenset(self.lowered.names),
            single=single,
            complex_inputs=complex_inputs,
            accumulate=accumulate,
        )
        body = differentiator.run()
        if self.strict and not single:
            self._check_independence(nonzero)
        return body, differentiator

    def _seed(self, one: Input, atom: Expr) -> Expr:
        name = self._dot(one.name)
        if isinstance(atom, Load):
            return Load(name + atom.array[len(one.name) :], atom.index, atom.type)
        assert isinstance(atom, Var)
        if isinstance(one.structure, Leaf) and not one.structure.is_array:
            return Var(name, atom.type)
        return Load(name, (int(atom.name.rpartition("_")[2]),), atom.type)

    def _check_independence(self, nonzero: list[set[int]]) -> None:
        """strict: every output depends on every input."""
        row = 0
        for number, output in enumerate(leaves(self.outputs)):
            count = count_of(output)
            column = 0
            for one in self.inputs:
                for leaf in leaves(one.structure):
                    size = count_of(leaf)
                    block = range(column, column + size)
                    column += size
                    if not any(d in nonzero[i] for i in range(row, row + count) for d in block):
                        raise IndependentOutputError(
                            f"output {number} of {self.lowered.source.name} cannot depend on {one.name}",
                            hint="Leave strict=True out to get zeros there.",
                        )
            row += count


WORTH = 0.95
"""Write calls out only if the dearest path then takes at most this share of the operations."""

LONGEST = 150
"""Statements of a function in which calls were written out."""


def best(lowered: Lowered, assemble: Callable[[Lowered], ScalarAssembly]) -> ScalarAssembly:
    """The function as it is written, or with calls written out where that saves operations."""
    plain = assemble(lowered)
    body = lowered.function.body
    few = plain.mode in ("primal", "jvp", "scratch") or len(plain.labels) < 2
    if few or size(body) > 200 or lowered.program.dynamic:
        return plain
    names = set(lowered.program.globals)
    plain.differentiate()
    taken = set(lowered.names)

    def fresh(base: str) -> str:
        return fresh_name(base, taken, lowered.program.globals)

    inlined = inline_calls(body, fresh)
    if inlined == body or size(inlined) > LONGEST:
        return plain
    verify(inlined)
    lowered.program.globals = set(names)
    changed = replace(lowered, function=replace(lowered.function, body=inlined), names=frozenset(taken))
    variant = assemble(changed)
    variant.differentiate()
    return variant if variant.operations <= WORTH * plain.operations else plain
