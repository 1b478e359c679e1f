"""Where a derivative means less than it seems: kinks, branches, equality tests, integer paths, inputs without effect.

The lowered function is run forwards with, for each variable, the inputs that it depends on. Only what depends on an
input is reported; constants may branch, round and compare as they like.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .differentiable import Differentiable, Options, Shapes
from .errors import SrcdiffError

if TYPE_CHECKING:
    from .frontend.source import Source
    from .ir.expr import Expr
    from .ir.statements import Block, Origin, Statement

__all__ = ["KINDS", "Finding", "lint"]

KINDS = ("kink", "branch", "equality", "integer", "unused", "unsupported")

_HALVES = "half of the derivative goes to each argument"
_KINKS = {
    "absolute": "has a kink at 0, where its derivative is taken to be 0",
    "fabs": "has a kink at 0, where its derivative is taken to be 0",
    "copysign": "has a kink at 0, where its derivative is taken to be 0",
    "maximum": f"has a kink where its arguments are equal: {_HALVES}",
    "minimum": f"has a kink where its arguments are equal: {_HALVES}",
    "fmax": f"has a kink where its arguments are equal: {_HALVES}",
    "fmin": f"has a kink where its arguments are equal: {_HALVES}",
    "max": "has a kink where its arguments are equal: the first one's derivative counts",
    "min": "has a kink where its arguments are equal: the first one's derivative counts",
    "remainder": "jumps where the quotient is a whole number",
    "fmod": "jumps where the quotient is a whole number",
}


@dataclass(frozen=True, order=True)
class Finding:
    """One place, with one of KINDS; `text` is the user's line."""

    filename: str
    line: int
    column: int
    kind: str
    message: str
    text: str = ""

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}:{self.column}: {self.kind}: {self.message}"


def lint(
    function: Callable[..., Any], *, wrt: Any = None, of: Any = None, shapes: Shapes | None = None, types: Any = None
) -> list[Finding]:
    """What a reader of the derivative should know, in the order of the file.

    kink
        `abs`, `max`, `np.minimum` and others on active values.
    branch
        A comparison of active values decides: the derivative is that of the branch taken.
    equality
        `==` or `!=` on active floats: in the special branch, the derivative is only that of the special case.
    integer
        `int`, `round`, `floor`, `//` or a comparison used as a number: its derivative is 0.
    unused
        An input that cannot reach the result.
    unsupported
        The error that differentiating the function raises.

    >>> from srcdiff.lint import lint
    >>> def f(x, y):
    ...     return abs(x) * y if y > 0.0 else x
    >>> [(finding.line, finding.kind) for finding in lint(f)]
    [(2, 'kink'), (2, 'branch')]
    """
    if isinstance(function, Differentiable):
        own = function._options
        wrt = own.wrt if wrt is None else wrt
        of = own.of if of is None else of
        types = own.types if types is None else types
        shapes = {**own.shapes, **(shapes or {})}
        function = function.__srcdiff_function__
    options = Options(wrt=wrt, of=of, shapes=shapes)
    try:
        return sorted(set(_lint(function, options, types)))
    except SrcdiffError as error:
        place = error.location
        if place is None:
            return [Finding(*_place_of(function), "unsupported", error.message)]
        return [Finding(place.filename, place.line, place.column, "unsupported", error.message, place.text)]


def _place_of(function: Any) -> tuple[str, int, int]:
    import os

    while hasattr(function, "func"):
        function = function.func
    code = getattr(getattr(function, "py_func", function), "__code__", None)
    return (os.path.basename(code.co_filename), code.co_firstlineno, 1) if code else (repr(function), 1, 1)


def _lint(function: Callable[..., Any], options: Options, types: Any) -> list[Finding]:
    from .assembly.inputs import choose_inputs, input_names
    from .frontend.entry import lower_entry
    from .frontend.parameters import guess_specs, parameters
    from .frontend.source import find_source
    from .ir.expr import interning, key_of

    source = find_source(function)
    known = _given_types(source, types)
    specs, _ = guess_specs(source, known, options.shapes)
    inputs, _ = choose_inputs(source, options.wrt, options.of)
    with interning(), source.deep():
        lowered = lower_entry(source, specs, inputs, options.of, options.shapes, promote=True)
        state = _State()
        for name, one in lowered.inputs.items():
            for atom in one.atoms:
                state.active[key_of(atom)] = state.touched[key_of(atom)] = frozenset((name,))
        walk = _Walk(source)
        named = {name: input_names([one]) for name, one in lowered.inputs.items()}
        walk.arrays = _array_labels(lowered.function.body, named)
        walk.block(lowered.function.body, state, [])
        walk.results += [(walk.arrays.get(name, _NONE), _NONE) for name in lowered.filled_arrays]
        returned = frozenset().union(*(labels for labels, _ in walk.results))
        touched = frozenset().union(*(labels for _, labels in walk.results)) | walk.decided
    for parameter in parameters(source):
        name = parameter.name.value
        if name not in inputs or name in returned:
            continue
        place = source.location(parameter.name)
        if name in touched:
            kind, message = "integer", f"{name} acts through branches and integers only: the derivative by it is 0"
        else:
            kind, message = "unused", f"{name} cannot reach the result: the derivative by it is 0"
        walk.findings.append(Finding(place.filename, place.line, place.column, kind, message, place.text))
    return walk.findings


def _array_labels(body: Block, inputs: Mapping[str, tuple[Sequence[str], ...]]) -> dict[str, _Labels]:
    """The inputs that each array of run-time lengths may depend on, anywhere in a function."""
    from .analyses.activity import activity

    labels: dict[str, _Labels] = {}
    for name, (scalars, arrays, atoms) in inputs.items():
        for array in activity(body, scalars, arrays, atoms).arrays:
            labels[array] = labels.get(array, _NONE) | {name}
    return labels


def _given_types(source: Source, types: Any) -> dict[str, Any]:
    """Types of parameters from a signature in Numba's spelling, or from a mapping."""
    from .frontend.parameters import parameter_names, parse_type, split_types

    if types is None:
        return {}
    if isinstance(types, Mapping):
        return {name: parse_type(str(text)) for name, text in types.items()}
    if isinstance(types, str):
        types = split_types(types.strip().removeprefix("(").removesuffix(")"))
    return dict(zip(parameter_names(source), (parse_type(str(text)) for text in types)))


_Labels = frozenset[str]
_NONE: _Labels = frozenset()


class _State:
    """For each variable the inputs that it depends on: through derivatives, and in any way."""

    def __init__(self, active: dict[str, _Labels] | None = None, touched: dict[str, _Labels] | None = None):
        self.active = active if active is not None else {}
        self.touched = touched if touched is not None else {}

    def copy(self) -> _State:
        return _State(dict(self.active), dict(self.touched))

    def join(self, other: _State) -> bool:
        """Take in another path; whether anything was new."""
        changed = False
        for mine, theirs in ((self.active, other.active), (self.touched, other.touched)):
            for name, labels in theirs.items():
                if not labels <= mine.get(name, _NONE):
                    mine[name] = mine.get(name, _NONE) | labels
                    changed = True
        return changed

    def replace(self, other: _State) -> None:
        self.active, self.touched = other.active, other.touched


class _Walk:
    """Runs one function; those that it calls are run by walks of their own, with the same list of findings."""

    def __init__(self, source: Source, parent: _Walk | None = None):
        self.source = source
        self.findings: list[Finding] = parent.findings if parent else []
        self.helpers: dict[Any, list[tuple[_Labels, _Labels]]] = parent.helpers if parent else {}
        self.results: list[tuple[_Labels, _Labels]] = []
        self.arrays: dict[str, _Labels] = {}
        self.decided: _Labels = _NONE

    # -- statements -------------------------------------------------------------------------------------------------

    def block(self, block: Block, state: _State, loops: list[tuple[_State, _State]]) -> bool:
        """Run a block; whether its end is reached. `loops` collects the states at break and at continue."""
        return all(self.statement(s, state, loops) for s in block)

    def statement(self, s: Statement, state: _State, loops: list[tuple[_State, _State]]) -> bool:
        from .ir.statements import (
            ArrayCall,
            Assert,
            Assign,
            Break,
            CallHelper,
            Continue,
            For,
            If,
            Raise,
            Return,
            Store,
            While,
        )  # fmt: skip

        if isinstance(s, Assign):
            labels = [self.expression(v, state, s.origin) for v in s.values]
            self.assign(s.targets, labels, state)
        elif isinstance(s, CallHelper):
            arguments = [self.expression(a, state, s.origin) for a in s.args]
            self.assign(s.targets, self.helper(s.helper, arguments, len(s.targets)), state)
        elif isinstance(s, ArrayCall):
            labels = [self.expression(a, state, s.origin) for a in s.args]
            every = _NONE.union(*(a for a, _ in labels)), _NONE.union(*(t for _, t in labels))
            self.assign(s.targets, [every] * len(s.targets), state)
        elif isinstance(s, Store):
            self.expression(s.value, state, s.origin)
        elif isinstance(s, Return):
            labels = [self.expression(v, state, s.origin) for v in s.values]
            known = [*self.results, *[(_NONE, _NONE)] * (len(labels) - len(self.results))]
            self.results = [(a | c, b | d) for (a, b), (c, d) in zip(known, [*labels, *[(_NONE, _NONE)] * len(known)])]
            return False
        elif isinstance(s, Raise):
            return False
        elif isinstance(s, Assert):
            self.decided |= self.expression(s.test, state, None)[1]
        elif isinstance(s, (Break, Continue)):
            loops[-1][isinstance(s, Continue)].join(state)
            return False
        elif isinstance(s, If):
            return self.branch(s, state, loops)
        elif isinstance(s, (For, While)):
            return self.loop(s, state, loops)
        return True

    def assign(self, targets: Sequence[Any], labels: Sequence[tuple[_Labels, _Labels]], state: _State) -> None:
        for target, (active, touched) in zip(targets, labels):
            state.active[target.name] = active if target.type.is_differentiable else _NONE
            state.touched[target.name] = touched

    def branch(self, s: Any, state: _State, loops: list[tuple[_State, _State]]) -> bool:
        from .ir.statements import Raise

        # A guard that only raises decides nothing about the result.
        guard = bool(s.body) and isinstance(s.body[-1], Raise) and not s.orelse
        self.decide(s.test, state, None if guard else s.origin, "the derivative is that of the branch taken")
        other = state.copy()
        falls = self.block(s.body, state, loops)
        if not self.block(s.orelse, other, loops):
            return falls
        if falls:
            state.join(other)
        else:
            state.replace(other)
        return True

    def loop(self, s: Any, state: _State, loops: list[tuple[_State, _State]]) -> bool:
        from .ir.statements import For

        while True:
            breaks, continues = _State(), _State()
            inside = state.copy()
            if isinstance(s, For):
                touched = [self.expression(b, inside, s.origin)[1] for b in s.bounds]
                self.assign((s.target,), [(_NONE, _NONE.union(*touched))], inside)
            else:
                self.decide(s.test, inside, s.origin, "the number of iterations depends on it, and has no derivative")
            if self.block(s.body, inside, [*loops, (breaks, continues)]):
                continues.join(inside)
            if not state.join(continues):
                break
        falls = self.block(s.orelse, state, loops)
        if breaks.active or breaks.touched:
            if falls:
                state.join(breaks)
            else:
                state.replace(breaks)
            return True
        return falls

    # -- expressions ------------------------------------------------------------------------------------------------

    def decide(self, test: Expr, state: _State, origin: Origin | None, consequence: str) -> None:
        """A condition: report the comparisons of active values in it."""
        labels = self.expression(test, state, origin, condition=consequence)
        self.decided |= labels[1]

    def expression(self, e: Expr, state: _State, origin: Origin | None, condition: str = "") -> tuple[_Labels, _Labels]:
        """What the value depends on; findings on the way, unless `origin` is None."""
        from .ir.expr import (
            Call,
            Compare,
            Const,
            Element,
            Helper,
            Load,
            Logic,
            Op,
            Opaque,
            Select,
            Var,
            key_of,
            topological,
        )  # fmt: skip
        from .rules.scalar import RULES

        order = topological((e,))
        conditions = {id(e): condition} if condition else {}
        for node in reversed(order):
            if isinstance(node, Select):
                conditions.setdefault(id(node.args[0]), "the derivative is that of the value chosen")
            elif isinstance(node, Logic) and id(node) in conditions:
                conditions.update((id(a), conditions[id(node)]) for a in node.args)
        done: dict[Expr, tuple[_Labels, _Labels]] = {}
        seen: dict[str, int] = {}

        def report(kind: str, message: str, pattern: str) -> None:
            if origin is not None:
                self.report(origin, kind, message, pattern, seen)

        for node in order:
            active = _NONE.union(*(done[a][0] for a in node.args))
            touched = _NONE.union(*(done[a][1] for a in node.args))
            keeps = node.type.is_differentiable
            if isinstance(node, (Var, Load)):
                key = key_of(node)
                active = state.active.get(key, _NONE)
                touched |= state.touched.get(key, _NONE)
                if isinstance(node, Element):
                    active = self.arrays.get(node.array, _NONE)
                elif node.type.kind == "array":
                    active, keeps = self.arrays.get(key, _NONE), True
                if isinstance(node, Var) and id(node) in conditions and touched and not keeps:
                    report("branch", f"{node.name} is decided by {_list(touched)}: {conditions[id(node)]}", node.name)
            elif isinstance(node, Opaque):
                touched |= _NONE.union(*(state.touched.get(name, _NONE) for name in node.reads))
            elif isinstance(node, Helper):
                active, touched = self.helper(node.helper, [done[a] for a in node.args], 1)[0]
            elif isinstance(node, Compare):
                nan_test = len(node.args) == 2 and node.args[0] is node.args[1]
                if active and not nan_test:
                    self.comparison(node, id(node) in conditions, conditions.get(id(node), ""), node is e, report)
                keeps = False
            elif isinstance(node, Op):
                if node.op == "//":
                    keeps = False
                    if active:
                        report("integer", "`//` is constant between jumps: its derivative is 0", "//")
                elif node.op == "%" and active:
                    report("kink", f"`%` {_KINKS['remainder']}", "%")
            elif isinstance(node, Call):
                pattern = rf"(?<![\w.]){re.escape(node.spelling)}\s*\("
                rule = RULES.get(node.function)
                steps = node.function in ("int", "round") or (rule is not None and set(rule.partials) == {"0"})
                if node.function in _KINKS and active and keeps:
                    report("kink", f"{node.spelling} {_KINKS[node.function]}", pattern)
                elif steps and active and node.type.kind != "bool":
                    report("integer", f"{node.spelling} is constant between jumps: its derivative is 0", pattern)
                keeps = keeps and not steps
            elif isinstance(node, Const):
                active = _NONE
            done[node] = (active if keeps else _NONE), touched
        return done[e]

    def comparison(
        self, node: Any, decides: bool, consequence: str, whole: bool, report: Callable[[str, str, str], None]
    ) -> None:
        from .emitter.printer import expression

        text = expression(node)
        floats = [a.type.is_differentiable for a in node.args]
        for op, left, right in zip(node.ops, floats, floats[1:]):
            pattern = rf"(?<![<>=!]){re.escape(op)}(?![=])"
            if op in ("==", "!=") and (left or right):
                special = "holds" if op == "==" else "fails"
                report(
                    "equality",
                    f"`{text}` on floats: where it {special}, the derivative is that of the special branch",
                    pattern,
                )
            elif decides:
                report("branch", f"`{text}` decides: {consequence}", pattern)
            elif not whole:
                report("integer", f"`{text}` is used as a number: its derivative is 0", pattern)

    def helper(
        self, reference: Any, arguments: Sequence[tuple[_Labels, _Labels]], count: int
    ) -> list[tuple[_Labels, _Labels]]:
        """What a call's results depend on."""
        everything = (_NONE.union(*(a for a, _ in arguments)), _NONE.union(*(t for _, t in arguments)))
        function = reference.function
        key = (id(reference), tuple(arguments))
        if function is None or key in self.helpers:
            return self.helpers.get(key, [everything] * count)
        self.helpers[key] = [everything] * count
        walk = _Walk(reference.lowering.source, self)
        state = _State()
        for name, kind, (active, touched) in zip(reference.parameters, reference.types, arguments):
            state.active[name] = active if kind.is_differentiable else _NONE
            state.touched[name] = touched
        pairs = list(zip(reference.parameters, reference.types, (a for a, _ in arguments)))
        named: dict[str, tuple[Sequence[str], ...]] = {
            label: (
                [n for n, kind, active in pairs if label in active and kind.kind != "array"],
                [n for n, kind, active in pairs if label in active and kind.kind == "array"],
                (),
            )
            for label in everything[0]
        }
        walk.arrays = _array_labels(function.body, named)
        walk.block(function.body, state, [])
        self.decided |= walk.decided
        if len(walk.results) >= count:
            self.helpers[key] = walk.results
        return self.helpers[key]

    def report(self, origin: Origin, kind: str, message: str, pattern: str, seen: dict[str, int]) -> None:
        """A finding at the next place of the statement that the pattern matches, or else at its start."""
        lines = self.source.lines
        first = lines[origin.line - 1]
        head = origin.text.split("\n")[0]
        start = first.find(head) if head in first else len(first) - len(first.lstrip())
        places = []
        for i in range(origin.text.count("\n") + 1):
            text = lines[origin.line - 1 + i] if origin.line - 1 + i < len(lines) else ""
            code = re.sub(r"#.*", "", text)
            places += [(i, m.start()) for m in re.finditer(pattern, code) if i or m.start() >= start]
        nth = seen.get(pattern, 0)
        seen[pattern] = nth + 1
        row, column = places[min(nth, len(places) - 1)] if places else (0, start)
        line = origin.line + row
        self.findings.append(Finding(self.source.filename, line, column + 1, kind, message, lines[line - 1]))


def _list(labels: _Labels) -> str:
    return ", ".join(sorted(labels))
