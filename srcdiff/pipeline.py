"""The stages in order: source, lowering, differentiation, clean-up, text."""

from __future__ import annotations

import builtins
import functools
import inspect
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .analyses.activity import activity, callees, has_arrays, uses_arrays
from .analyses.operations import path_operations
from .differentiate.accumulate import accumulate
from .differentiate.chunks import Chunks, promoted
from .differentiate.forward import Differentiator, Tangents
from .differentiate.helpers import HelperDerivatives
from .differentiate.results import Layout
from .emitter.header import header
from .emitter.module import function_text, module_text
from .errors import IndependentOutputError, UnsupportedSyntax, WrtError
from .frontend.entry import Input, Lowered, lower_entry
from .frontend.parameters import Spec, discrete_parameters, parameter_names
from .frontend.source import Source
from .ir.expr import Const, Expr, Load, Var, interning, key_of, topological
from .ir.statements import (
    Assign,
    Block,
    CallHelper,
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
    statements,
)
from .ir.verify import verify
from .module import Module
from .optimize.dead import remove_dead
from .optimize.inline import inline_calls, size
from .optimize.loads import hoist_loads
from .rules.array_support import ARRAY_SUPPORT
from .rules.support import SUPPORT, needed

__all__ = ["MODES", "Module", "build", "choose_inputs"]

MODES = ("jacobian", "value_and_jacobian", "matrix", "into", "jvp", "primal")
_USED = frozenset({"np", "math", "cmath", *dir(builtins)})
"""What emitted code may need under its usual name."""

_SUFFIX = {"primal": "", "matrix": "_jacobian_matrix", "into": "_jacobian_into"}


def choose_inputs(source: Source, wrt: Any, of: Sequence[str]) -> tuple[list[str], bool]:
    """Names of the parameters to differentiate by, and whether the result has no inner tuple for them."""
    names = parameter_names(source)
    discrete = discrete_parameters(source)
    for name in of:
        if name not in names:
            raise WrtError(f"of= names {name!r}, which is no parameter of {source.name}", hint=_listing(names))
    if wrt is None:
        chosen = [n for n in names if n not in discrete and n not in of]
        if not chosen:
            raise WrtError(f"{source.name} has no differentiable parameter", hint=_listing(names))
        return chosen, len(chosen) == 1
    single = isinstance(wrt, (str, int))
    given = [wrt] if single else list(wrt)
    if not given:
        raise WrtError("wrt= is empty", hint="Name at least one parameter, or leave wrt= out.")
    chosen = []
    for item in given:
        if isinstance(item, bool) or not isinstance(item, (str, int)):
            raise WrtError(f"wrt= takes names and positions, not {item!r}", hint=_listing(names))
        if isinstance(item, int):
            count = len(names)
            if not -count <= item < count:
                message = f"wrt={item} is out of range: {source.name} has {count} parameters"
                raise WrtError(message, hint=_listing(names))
            item = names[item]
        if item not in names:
            raise WrtError(f"wrt= names {item!r}, which is no parameter of {source.name}", hint=_listing(names))
        if item in discrete:
            raise WrtError(
                f"wrt= names {item!r}, which is discrete: an integer, truth value, string or None",
                hint="Derivatives exist by continuous parameters; annotate it `float` if it is one.",
            )
        if item in of:
            raise WrtError(f"{item!r} is named in both wrt= and of=", hint="An argument is an input or a result.")
        if item in chosen:
            raise WrtError(f"wrt= names {item!r} twice", hint="Name each parameter once.")
        chosen.append(item)
    return chosen, single


def _listing(names: Sequence[str]) -> str:
    return f"Its parameters are {', '.join(names)}." if names else "It has no parameters."


def build(
    source: Source,
    specs: Mapping[str, Spec],
    *,
    mode: str,
    wrt: Any = None,
    of: Sequence[str] = (),
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    strict: bool = False,
    assumed: Sequence[str] = (),
    checked: bool = True,
    chunk: int | None = None,
) -> Module:
    """Source text of one mode for given argument types; `checked` puts in the checks of shapes.

    `chunk` is the number of directions that an array program carries at once.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
    with interning():
        inputs, single = choose_inputs(source, wrt, of)
        lowered = lower_entry(source, specs, inputs, of, shapes or {}, promote=mode != "primal")
        verify(lowered.function.body)
        if needs_chunks(lowered, inputs):
            return _ArrayAssembly(lowered, inputs, single, mode, strict, assumed, chunk).module()

        def assemble(variant: Lowered) -> _Assembly:
            return _Assembly(variant, inputs, single, mode, strict, assumed, checked)

        return _best(lowered, assemble).module()


WORTH = 0.95
"""Write calls out only if the dearest path then takes at most this share of the operations."""

LONGEST = 150
"""Statements of a function in which calls were written out."""


def _best(lowered: Lowered, assemble: Callable[[Lowered], _Assembly]) -> _Assembly:
    """The function as it is written, or with calls written out where that saves operations."""
    plain = assemble(lowered)
    body = lowered.function.body
    few = plain.mode in ("primal", "jvp") or len(plain.labels) < 2
    if few or size(body) > 200 or lowered.program.dynamic:
        return plain
    names = set(lowered.program.globals)
    plain.differentiate()
    taken = set(lowered.names)

    def fresh(base: str) -> str:
        name, number = base, 2
        while name in taken or name in lowered.program.globals:
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        return name

    inlined = inline_calls(body, fresh)
    if inlined == body or size(inlined) > LONGEST:
        return plain
    verify(inlined)
    lowered.program.globals = set(names)
    changed = replace(lowered, function=replace(lowered.function, body=inlined), names=frozenset(taken))
    variant = assemble(changed)
    variant.differentiate()
    return variant if variant.operations <= WORTH * plain.operations else plain


def needs_chunks(lowered: Lowered, inputs: Sequence[str]) -> bool:
    """Whether arrays of run-time lengths vary: the function is differentiated in chunks of directions."""
    dynamic = [leaf for leaf in leaves(lowered.result) if None in leaf.shape]
    open_ = any(None in leaf.shape for name in inputs for leaf in leaves(lowered.inputs[name].structure))
    if dynamic or open_ or lowered.filled_arrays:
        return True
    body = lowered.function.body
    if not uses_arrays(body) and not any(map(has_arrays, callees(body))):
        return False
    scalars, arrays, atoms = input_names([lowered.inputs[name] for name in inputs])
    found = activity(body, scalars, arrays, atoms)
    if found.arrays:
        return True
    calls = (s for s in statements(body) if isinstance(s, CallHelper))
    return any(has_arrays(s.helper) and found.reads(*s.args) for s in calls)


def input_names(inputs: Sequence[Input]) -> tuple[list[str], list[str], list[str]]:
    """Names of the numbers and arrays among the inputs, and texts of the elements."""
    scalars: list[str] = []
    arrays: list[str] = []
    atoms: list[str] = []
    for one in inputs:
        for atom in one.atoms:
            if isinstance(atom, Var) and atom.type.kind == "array":
                arrays.append(atom.name)
            elif isinstance(atom, Var):
                scalars.append(atom.name)
            else:
                atoms.append(key_of(atom))
    return scalars, arrays, atoms


class _ArrayAssembly:
    """From a lowered function with arrays of run-time lengths to the text of a module."""

    def __init__(
        self, lowered: Lowered, wrt: Sequence[str], single: bool, mode: str, strict: bool, assumed: Sequence[str],
        chunk: int | None,
    ):  # fmt: skip
        self.lowered = lowered
        self.mode = mode
        self.assumed = assumed
        self.single = single
        self.program = lowered.program
        self.inputs = [lowered.inputs[name] for name in wrt]
        self.taken = set(lowered.names) | self.program.globals | set(SUPPORT) | set(ARRAY_SUPPORT)
        own = {"jvp": ("primals", "tangents"), "into": ("out",)}.get(mode, ())
        self.own = {name: self.fresh(name) for name in own}
        filled = list(lowered.filled_arrays.values())
        self.returns_value = not filled
        if filled and lowered.result != Structure((), "None"):
            raise WrtError(
                f"{lowered.source.name} returns a value and fills an argument",
                hint="of= is for functions that return nothing.",
            )
        self.outputs: Structure | Leaf = (
            lowered.result if not filled else filled[0] if len(filled) == 1 else Structure(tuple(filled))
        )
        structure = self.inputs[0].structure if single else Structure(tuple(i.structure for i in self.inputs))
        if strict and mode not in ("jvp", "primal"):
            self._check_independence()
        self.chunks = Chunks(
            lowered, self.inputs, structure, self.outputs, self.returns_value, mode, self.fresh, self.own, single, chunk
        )

    def fresh(self, base: str) -> str:
        name, number = base, 2
        while name in self.taken or name in self.program.globals:
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        return name

    def module(self) -> Module:
        made, entry = self.chunks.build()
        body = tuple(s for _, _, block, _ in made for s in block)
        functions = self.chunks.texts(body)
        functions += [function_text(name, parameters, block, doc) for name, parameters, block, doc in made]
        branches = dict(self.chunks.branches)
        for derivative in self.chunks.pushforwards.made.values():
            branches.update(derivative.branches)
        text = module_text(
            header(self, None, branches),
            functions,
            self.program.imports,
            self.program.constants,
            {key: _definition(key, value) for key, value in self.program.objects.items()},
            [inspect.getsource(f).rstrip() + "\n" for f in _support_functions(functions)],
        )
        kinds = [leaf.dtype for leaf in (*leaves(self.outputs), *(x for i in self.inputs for x in leaves(i.structure)))]
        dtype = promoted(kinds)
        shapes = dict(self.lowered.guards)
        return Module(text, entry, tuple(made[-1][1]), dict(self.program.objects), branches, shapes, dtype)

    def varying(self) -> list[str]:
        """The user's variables that depend on the inputs."""
        body = self.lowered.function.body
        found = activity(body, *input_names(self.inputs))
        names: dict[str, None] = {}
        for s in statements(body):
            targets = getattr(s, "targets", ()) or ((s.target,) if hasattr(s, "target") else ())
            for t in targets:
                if isinstance(t, Var) and t.name in self.lowered.user_names and found.atom(t):
                    names[t.name] = None
        return [*names][:12] + (["..."] if len(names) > 12 else [])

    def directions(self) -> str:
        """How the directions are laid out, and why."""
        if self.chunks.width is None:
            return "one: tangents have the shapes of their values"
        open_ = [i.name for i in self.inputs if any(None in leaf.shape for leaf in leaves(i.structure))]
        if open_:
            why = f"the length of {', '.join(open_)} is known at run time"
            return f"{self.chunks.width} at once, chunk by chunk: {why}"
        return f"{self.chunks.width} at once"

    def _check_independence(self) -> None:
        """strict: every output depends on every input."""
        body = self.lowered.function.body
        for one in self.inputs:
            found = activity(body, *input_names([one]))
            seen: set[int] = set()
            for s in statements(body):
                if isinstance(s, Return):
                    seen |= {i for i, e in enumerate(s.values) if found.reads(e)}
            position = 0
            for number, leaf in enumerate(leaves(self.outputs)):
                places = range(position, position + count_of(leaf))
                position += count_of(leaf)
                filled = list(self.lowered.filled_arrays)
                varies = filled[number] in found.arrays if filled else any(i in seen for i in places)
                if not varies:
                    raise IndependentOutputError(
                        f"output {number} of {self.lowered.source.name} cannot depend on {one.name}",
                        hint="Leave strict=True out to get zeros there.",
                    )


def _support_functions(functions: Sequence[str]) -> list[Any]:
    """Functions of the rule tables' own that the text calls, each after what it calls."""
    names = _support(functions)
    used = set(re.findall(r"(?<![\w.])[^\W\d]\w*(?=\()", "\n".join(functions)))
    arrays = needed((name for name in ARRAY_SUPPORT if name in used), ARRAY_SUPPORT)
    return [*(SUPPORT[n] for n in needed(names)), *(ARRAY_SUPPORT[n] for n in arrays)]


class _Assembly:
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
        own = {"jvp": ("primals", "tangents"), "into": ("out",)}.get(mode, ())
        self.own = {name: self.fresh(name) for name in own}
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
        return _unique(labels)

    def fresh(self, base: str) -> str:
        name, number = base, 2
        while name in self.taken:
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        return name

    def _outputs(self) -> tuple[Structure | Leaf, bool]:
        filled = [Leaf(shape, dtype, True) for shape, dtype in self.lowered.filled.values()]
        if not filled:
            return self.lowered.result, True
        if self.lowered.result != Structure((), "None"):
            raise WrtError(
                f"{self.lowered.source.name} returns a value and fills an argument",
                hint="of= is for functions that return nothing.",
            )
        return (filled[0] if len(filled) == 1 else Structure(tuple(filled))), False

    def module(self) -> Module:
        program = self.program
        base = self.lowered.function.name
        name = base + _SUFFIX.get(self.mode, f"_{self.mode}")
        self.differentiate()
        body, differentiator = self.body, self.differentiator
        assert body is not None
        functions = [*self.derivatives.texts(body), function_text(name, self._parameters(), body, checked=self.checked)]
        self._check_names(functions)
        branches = differentiator.branches if differentiator is not None else {}
        for derivative in self.derivatives.made.values():
            branches = {**branches, **derivative.branches}
        text = module_text(
            header(self, differentiator, branches),
            functions,
            program.imports,
            program.constants,
            {key: _definition(key, value) for key, value in program.objects.items()},
            [inspect.getsource(SUPPORT[s]).rstrip() + "\n" for s in needed(_support(functions))],
        )
        dtype = self.layout().dtype(*leaves(self.outputs), *leaves(self.input_structure))
        return Module(
            text, name, tuple(self._parameters()), dict(program.objects), dict(branches), dict(self._shapes()), dtype
        )

    def _check_names(self, functions: Sequence[str]) -> None:
        """The user's variables must not hide what the text uses: a module, or a builtin."""
        bound = {_bare(p) for p in self.lowered.parameters}
        for s in statements(self.lowered.function.body):
            bound |= {t.name for t in (s.targets if isinstance(s, (Assign, CallHelper)) else ())}
        for name in sorted(bound & _USED):
            if any(re.search(rf"(?<![\w.]){name}[.(]", text) for text in functions):
                source = self.lowered.source
                raise UnsupportedSyntax(
                    f"a variable named {name} hides what the emitted code needs under this name",
                    hint=f"Rename {name}.",
                    location=source.location(getattr(source.node, "name", source.node)),
                )

    def _parameters(self) -> list[str]:
        if self.mode == "jvp":
            return [self.own["primals"], self.own["tangents"]]
        own = [self.own["out"]] if self.mode == "into" else []
        return [*own, *self.lowered.parameters]

    def _prologue(self) -> Block:
        """Checks of shapes; for a JVP, the arguments unpacked."""
        lines: list[Statement] = []
        if self.mode == "jvp":
            names = [_bare(p) for p in self.lowered.parameters]
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
        if self.mode == "into":
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
            self.mode,
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

        return _replace_returns(self.lowered.function.body, finish)

    def _derivative(self) -> tuple[Block, Differentiator]:
        seeds: Tangents = {}
        single = self.mode == "jvp"
        position = 0
        for one in self.inputs:
            for atom in one.atoms:
                if single:
                    seeds[key_of(atom)] = {0: self._seed(one, atom)}
                else:
                    seeds[key_of(atom)] = {position: Const(1.0)}
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


def _bare(parameter: str) -> str:
    """The name in `*args` or `k=1.0`."""
    return parameter.lstrip("*").partition("=")[0]


def _unique(labels: Sequence[str]) -> list[str]:
    seen: set[str] = set()
    result: list[str] = []
    for label in labels:
        while label in seen:
            label += "_"
        seen.add(label)
        result.append(label)
    return result


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


def _support(functions: Sequence[str]) -> list[str]:
    """Functions of the rule table's own that the text calls, in the table's order."""
    used = set(re.findall(r"(?<![\w.])[^\W\d]\w*(?=\()", "\n".join(functions)))
    return [name for name in SUPPORT if name in used]


def _definition(name: str, value: Any) -> str:
    """A namedtuple or exception of the user's, as the emitted module stands in for it."""
    if issubclass(value, tuple):
        return f'{name} = namedtuple("{name}", "{" ".join(value._fields)}")'
    base = next(c for c in value.__mro__ if c.__module__ == "builtins")
    return f"class {name}({base.__name__}):\n    pass\n"

