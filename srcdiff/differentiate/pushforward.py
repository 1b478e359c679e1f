"""Forward mode for programs with arrays: values and tangents side by side, in one direction or in rows of them.

The tangent of an array `u` is an array `u_dot` of its shape and one more axis, of directions; that of a number is a
row. Names, views and copies of arrays are repeated for their tangents, so that tangents share memory exactly where
values do. Within a straight-line block values and partials come first, as numbers, and then one loop over the
directions runs through the chain of tangents: LLVM vectorises it, and its length costs no compile time.

With a single direction the trailing axis and the loop vanish, and each tangent stands above its statement.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..analyses.activity import Activity, activity, has_arrays
from ..analyses.liveness import reads
from ..analyses.strided import Strided, strided
from ..emitter.arrays import allocate_text, rebind_text, shape_text, tangent_call
from ..errors import UnsupportedType
from ..ir.expr import (
    ZERO,
    Call,
    Const,
    Element,
    Expr,
    Helper,
    Load,
    Op,
    Opaque,
    Select,
    Var,
    add,
    as_mask,
    has_zero_arm,
    is_zero,
    key_of,
    mul,
    rebuild,
    topological,
    unconditional,
)
from ..ir.statements import (
    Allocate,
    ArrayCall,
    Assign,
    Block,
    CallHelper,
    Comment,
    For,
    If,
    Line,
    Rebind,
    Return,
    Statement,
    Store,
    While,
    expressions_of,
    statements,
)
from ..ir.types import BOOL, INT64, ScalarType, promote
from ..optimize.checks import without_repeated_checks
from ..optimize.dead import remove_dead
from ..optimize.share import CHEAP, share
from ..rules.arrays import ARRAY_RULES, STEPS
from .isolate import isolate, not_multiplicative_tangent
from .partials import NOT_MULTIPLICATIVE, partials
from .reach import choose_flags, clearing, guarded

__all__ = ["Pushforward"]


Known = dict[tuple[Expr, Expr | None], Var]
"""Values that were given a variable, with the condition under which they were computed."""


@dataclass
class Pushforward:
    """Differentiates one function in `width` directions at once; None is a single direction.

    Directions that are many, or whose number is known at run time, are counted by a variable with the name `width`: a
    loop of a literal length would be unrolled before it is vectorised.

    `dots` names the tangents of the varying parameters, and `elements` those of numbers that are items of inputs: by
    their text, the name of the tangent and its place. `finish` makes the statements of a `return` from values and
    tangents; `helper` gives local partials of a helper of numbers, `pushforward` the function that carries tangents
    through a helper with arrays.
    """

    body: Block
    width: int | str | None
    dots: dict[str, str]
    arrays: Sequence[str]
    scalars: Sequence[str]
    elements: Mapping[str, tuple[str, tuple[int, ...]]]
    fresh: Callable[[str], str]
    finish: Callable[[Return, list[Expr]], list[Statement]]
    helper: Callable[[Any, tuple[bool, ...]], Any]
    pushforward: Callable[[Any, tuple[bool, ...]], Any]
    kinds: Sequence[Any] | None = None
    """Types of the results, where they are settled by all returns together."""
    complex_inputs: bool = False
    parameters: Collection[str] = ()
    """Names that the caller passes: numbers among them that come to vary start with tangents of zero."""
    scratch: Mapping[str, Allocate] = field(default_factory=dict)
    """Arrays that the caller passes, with their tangents, for the function to write to."""
    tracked: Collection[str] = ()
    """Arrays of which the caller can pass flags of the rows that his directions reach: inputs and `scratch`."""
    flags: dict[str, str] = field(init=False, default_factory=dict)
    """By the name of a tangent, that of its flags, where loops over directions are skipped by them."""
    returned: list[list[str]] = field(init=False, default_factory=list)
    """The flags of what each `return` returns."""
    branches: dict[int, str] = field(default_factory=dict)
    active: Activity = field(init=False)
    places: dict[str, set[int]] = field(init=False, default_factory=dict)
    """In which straight-line runs, by number, each number is mentioned; -1 stands for anything else."""
    first_read: set[tuple[str, int]] = field(init=False, default_factory=set)
    """Numbers that a run reads before it assigns them."""
    rows: dict[str, str] = field(init=False, default_factory=dict)
    """Tangents of numbers that are kept in rows: they are allocated at the head."""
    number: int = field(init=False, default=0)
    depth: int = field(init=False, default=0)
    """Loops and branches around the present statement."""
    k: Var | None = field(init=False, default=None)
    computed: dict[Expr, Var] = field(init=False, default_factory=dict)
    """Indices that the present statement has computed."""
    strided: dict[str, Strided] = field(init=False, default_factory=dict)
    """Views that have no tangents of their own: these are found in those of the array."""
    own: set[str] = field(init=False, default_factory=set)
    """Arrays that the function makes: their tangents are in C order."""
    varying: dict[str, Var] = field(init=False, default_factory=dict)
    """The numbers that vary, as what they are where they do: elsewhere they may be integers."""
    given: set[str] = field(init=False, default_factory=set)
    """Tangents that the caller passes: they are his."""
    passed: str = field(init=False, default="")
    """One of them."""

    def run(self) -> Block:
        self.body = tuple(isolate(without_repeated_checks(self.body), self.fresh))
        self.active = activity(self.body, self.scalars, self.arrays, self.elements)
        self.k = Var(self.fresh("k"), INT64) if self.width is not None else None
        if self.k is not None:
            parameters = {key.removesuffix("[]") for key in self.dots}
            self.strided = strided(self.body, parameters)
        self.varying = self._varying()
        self.given = set(self.dots.values())
        self.passed = next(iter([*self.dots.values(), *(name for name, _ in self.elements.values())]))
        views = {t.name for s in statements(self.body) if isinstance(s, Rebind)
                 for t, v in zip(s.targets, s.sources) if v.kind not in ("copy", "flatten")}  # fmt: skip
        made = {t.name for s in statements(self.body) for t in _made(s)}
        self.own = made - views
        self._scan(self.body)
        self.number = 0
        if self.tracked and self.k is not None:
            self.flags = choose_flags(self, self.tracked)
        out: list[Statement] = []
        self._block(self.body, out, top=True)
        body = remove_dead((*self._head(), *out))
        return (*self._count_directions(body), *body)

    def _varying(self) -> dict[str, Var]:
        found: dict[str, Var] = {}
        for s in statements(self.body):
            read = [node for node in topological(tuple(expressions_of(s))) if isinstance(node, Var)]
            for v in (*read, *getattr(s, "targets", ())):
                if v.name in self.active.scalars and v.type.is_differentiable:
                    found[v.name] = Var(v.name, promote(v.type, found.get(v.name, v).type))
        return found

    def _count_directions(self, body: Block) -> Block:
        """The number of directions, which a tangent that the caller passes tells, where the body uses it."""
        if not isinstance(self.width, str):
            return ()
        mentioned = re.compile(rf"\b{self.width}\b")
        for s in statements(body):
            if (isinstance(s, Line) and mentioned.search(s.text)) or (isinstance(s, For) and self._count in s.bounds):
                return (Line(f"{self.width} = {self.passed}.shape[-1]", self.width),)
        return ()

    @property
    def _count(self) -> Expr:
        """The number of directions in an expression."""
        return Var(self.width, INT64) if isinstance(self.width, str) else Const(self.width)

    # -- names ------------------------------------------------------------------------------------------------------

    def dot(self, name: str, array: bool) -> str:
        key = f"{name}[]" if array else name
        if key not in self.dots:
            self.dots[key] = self.fresh(f"{name}_dot")
        return self.dots[key]

    def array_dot(self, variable: Expr) -> Expr | None:
        """The tangent of a whole array, None if it does not vary."""
        if not isinstance(variable, Var) or not self.active.atom(variable):
            return None
        if variable.type.kind == "array":
            return Var(self.dot(variable.name, True), variable.type)
        return Var(self.dot(variable.name, False), variable.type)

    def tangent(self, atom: Expr, local: set[str]) -> Expr | None:
        """The tangent of a variable or element in the present direction."""
        if not self.active.atom(atom):
            return None
        ending: tuple[Expr, ...] = () if self.k is None else (self.k,)
        kind = atom.type if atom.type.bits else ScalarType(atom.type.kind, 64)
        if isinstance(atom, Element):
            name, at = self.where(atom.array, atom.index)
            return Element(name, (*at, *ending), kind)
        if key_of(atom) in self.elements:
            name, place = self.elements[key_of(atom)]
            at = (*place, *ending)
            return Element(name, at, kind) if at else Var(name, kind)
        assert isinstance(atom, Var)
        name = self.dot(atom.name, False)
        if self.k is None or atom.name in local:
            return Var(name, kind)
        return Element(name, ending, kind)

    def where(self, array: str, index: tuple[int | Expr, ...]) -> tuple[str, tuple[int | Expr, ...]]:
        """The array of tangents and the place in it that belong to an element."""
        view = self.strided.get(array)
        if view is None:
            return self.dot(array, True), index
        return self.dot(view.array, True), tuple(map(view.place, index))

    # -- which numbers live within one run --------------------------------------------------------------------------

    def runs(self, block: Block) -> list[Block | Statement]:
        """Straight-line runs of a block, and the statements between them.

        A run ends where a variable changes by which tangents were indexed.
        """
        parts: list[Block | Statement] = []
        run: list[Statement] = []
        indices: set[str] = set()

        def close() -> None:
            if run:
                parts.append(tuple(run))
            run.clear()
            indices.clear()

        for s in block:
            if isinstance(s, (Assign, Store, Comment)) or (isinstance(s, CallHelper) and not self._with_arrays(s)):
                targets = {t.name for t in getattr(s, "targets", ())}
                if targets & indices:
                    close()
                run.append(s)
                for e in expressions_of(s):
                    for node in topological((e,)):
                        if isinstance(node, Element):
                            indices |= reads(*(i for i in node.index if isinstance(i, Expr)))
                if isinstance(s, Store):
                    indices |= reads(*(i for i in s.index if isinstance(i, Expr)))
            else:
                close()
                parts.append(s)
        close()
        return parts

    def _with_arrays(self, s: CallHelper) -> bool:
        return has_arrays(s.helper)

    def _scan(self, block: Block) -> None:
        for part in self.runs(block):
            if isinstance(part, tuple):
                self.number += 1
                written: set[str] = set()
                for s in part:
                    for name in reads(*expressions_of(s)):
                        self.places.setdefault(name, set()).add(self.number)
                        if name not in written:
                            self.first_read.add((name, self.number))
                    for t in getattr(s, "targets", ()):
                        self.places.setdefault(t.name, set()).add(self.number)
                        written.add(t.name)
                continue
            targets = (part.target,) if isinstance(part, For) else getattr(part, "targets", ())
            for name in (*reads(*expressions_of(part)), *(t.name for t in targets)):
                self.places.setdefault(name, set()).add(-1)
            if isinstance(part, (If, For, While)):
                self._scan(part.body)
                self._scan(part.orelse)

    def is_local(self, name: str, run: int) -> bool:
        passed = self.dots.get(name) in self.given
        return self.places.get(name) == {run} and (name, run) not in self.first_read and not passed

    # -- blocks -----------------------------------------------------------------------------------------------------

    def _block(self, block: Block, out: list[Statement], top: bool = False) -> None:
        parts = self.runs(block)
        for part, after in zip(parts, [*parts[1:], None]):
            if isinstance(part, tuple):
                self.number += 1
                self._straight(part, out, self.number)
            elif isinstance(part, (If, For, While)):
                self._control(part, out)
            elif isinstance(part, Return):
                self._return(part, out)
            elif isinstance(part, Allocate) and part.target.name in self.scratch:
                following = after[0] if isinstance(after, tuple) else after
                self._reuse(part, following, out)
            elif isinstance(part, Allocate):
                out.append(part)
                self._allocate(part, out)
            elif isinstance(part, Rebind):
                self._rebind(part, out)
            elif isinstance(part, ArrayCall):
                out.append(part)
                self._array_call(part, out)
            elif isinstance(part, CallHelper):
                self._call_arrays(part, out)
            else:
                out.append(part)

    def _control(self, s: If | For | While, out: list[Statement]) -> None:
        if not isinstance(s, For) and s.origin is not None:
            deciding = [n for n in topological((s.test,)) if isinstance(n, (Var, Load)) and self.active.atom(n)]
            if deciding:
                self.branches.setdefault(s.origin.line, " ".join(s.origin.text.split()))
        body: list[Statement] = []
        orelse: list[Statement] = []
        self.depth += 1
        if isinstance(s, For):
            self._zero_count(s.target, body)
        self._block(s.body, body)
        self._block(s.orelse, orelse)
        self.depth -= 1
        out.append(replace(s, body=tuple(body), orelse=tuple(orelse)))

    # -- straight-line runs -----------------------------------------------------------------------------------------

    def _straight(self, run: Block, out: list[Statement], number: int) -> None:
        chain: list[Statement] = []
        local: set[str] = set()
        for position, s in enumerate(run):
            if isinstance(s, Comment):
                out.append(s)
                continue
            self.computed.clear()
            later = {t.name for after in run[position:] for t in getattr(after, "targets", ())}
            s = self._with_indices(s, out)
            if isinstance(s, Store):
                self._store(s, chain, out, local, later)
                out.append(s)
                continue
            weights: list[dict[Expr, Expr]] | None = None
            if isinstance(s, CallHelper):
                s, weights = self._call_scalars(s, out)
            assert isinstance(s, (Assign, CallHelper))
            values = s.values if isinstance(s, Assign) else ()
            totals: list[tuple[Var, Expr]] = []
            before: list[Statement] = []
            changed: list[Expr] = []
            for i, target in enumerate(s.targets[: len(weights) if weights is not None else None]):
                if isinstance(s, Assign):
                    value, partial = self._weights_of(values[i], before)
                    changed.append(value)
                else:
                    assert weights is not None
                    value, partial = None, weights[i]
                if target.name not in self.varying:
                    continue
                if not target.type.is_differentiable:
                    totals.append((self.varying[target.name], ZERO))
                    continue
                total = self._total(value, partial, target.name, before, local, later)
                totals.append((target, total))
            if isinstance(s, Assign) and tuple(changed) != s.values:
                s = replace(s, values=tuple(changed))
            out.extend(before)
            self._assign_tangents(totals, chain, out, local, number)
            if isinstance(s, Assign):
                out.append(s)
        self._close(chain, out)

    def _with_indices(self, s: Statement, out: list[Statement]) -> Statement:
        """The statement with its indices computed before it, once for values and tangents.

        Between a function and its derivative there is then no division or look-up, and LLVM computes sine and cosine
        of the same number together.
        """
        if self.k is None or not isinstance(s, (Assign, Store)):
            return s
        varies = s.array in self.active.arrays if isinstance(s, Store) else self.active.reads(*s.values)
        if not varies:
            return s
        values = (s.value,) if isinstance(s, Store) else s.values
        certain = unconditional(values)
        done: dict[Expr, Expr] = {}
        for node in topological(values):
            fresh = rebuild(node, tuple(done[a] for a in node.args))
            if isinstance(fresh, Element) and node in certain:
                fresh = Element(fresh.array, tuple(self._place(i, out) for i in fresh.index), fresh.type)
            done[node] = fresh
        if isinstance(s, Assign):
            return replace(s, values=tuple(done[v] for v in values))
        return replace(s, index=tuple(self._place(i, out) for i in s.index), value=done[s.value])

    def _weights_of(self, value: Expr, before: list[Statement]) -> tuple[Expr, dict[Expr, Expr]]:
        """The partials of an expression; calls of helpers that vary give theirs with their value."""
        if not value.type.is_differentiable or not self.active.reads(value):
            return value, {}
        if isinstance(value, Call) and value.function in NOT_MULTIPLICATIVE:
            return value, {}
        done: dict[Expr, Expr] = {}
        for node in topological((value,)):
            fresh = rebuild(node, tuple(done[a] for a in node.args))
            if isinstance(fresh, Helper) and self.active.reads(*fresh.args):
                variable = Var(self.fresh(f"{fresh.helper.name}_value"), fresh.type)
                call = CallHelper((variable,), fresh.helper, fresh.args)
                _, weights = self._call_scalars(call, before)
                self.inner[variable] = weights[0]
                self.active.scalars.add(variable.name)
                fresh = variable
            done[node] = fresh
        return done[value], partials(done[value])

    inner: dict[Expr, dict[Expr, Expr]] = field(init=False, default_factory=dict)
    """Results of helpers and their partials by the arguments."""

    def _call_scalars(self, s: CallHelper, out: list[Statement]) -> tuple[CallHelper, list[dict[Expr, Expr]]]:
        """A helper of numbers: its values and local partials from one call, which is emitted."""
        arguments = [self._weights_of(a, out) for a in s.args]
        s = replace(s, args=tuple(a for a, _ in arguments))
        vary = tuple(a.type.is_differentiable and self.active.reads(a) for a in s.args)
        weights: list[dict[Expr, Expr]] = [{} for _ in s.targets]
        if not any(vary) or not any(t.type.is_differentiable for t in s.targets):
            out.append(s)
            return s, weights
        derivative = self.helper(s.helper, vary)
        names: list[Var] = []
        for output, argument, constant in derivative.entries:
            target = s.targets[output]
            weight: Expr
            if constant is not None:
                weight = constant
            else:
                names.append(Var(self.fresh(f"{target.name}_by_{derivative.labels[argument]}"), target.type))
                weight = derivative.weight(output, argument, names[-1])
            for atom, inner in arguments[argument][1].items():
                weights[output][atom] = add(weights[output].get(atom, ZERO), mul(weight, inner))
        call = CallHelper((*s.targets, *names), derivative, s.args, origin=s.origin)
        out.append(call)
        return call, weights

    def _flatten(self, weights: dict[Expr, Expr]) -> dict[Expr, Expr]:
        """Weights by variables and elements, those of helpers' results replaced by their own."""
        flat: dict[Expr, Expr] = {}
        for atom, weight in weights.items():
            for inner, factor in self.inner[atom].items() if atom in self.inner else ((atom, None),):
                w = weight if factor is None else mul(weight, factor)
                if inner in self.inner:
                    for deeper, more in self._flatten({inner: w}).items():
                        flat[deeper] = add(flat.get(deeper, ZERO), more)
                else:
                    flat[inner] = add(flat.get(inner, ZERO), w)
        return flat

    def _total(
        self, value: Expr | None, weights: dict[Expr, Expr], label: str, before: list[Statement], local: set[str],
        later: set[str],
    ) -> Expr:  # fmt: skip
        """The tangent of a value: weighted tangents of what it reads."""
        if isinstance(value, Call) and value.function in NOT_MULTIPLICATIVE:
            inner = self.tangent(self._steady(value.args[0], before, later), local)
            if inner is None:
                return ZERO
            if self.complex_inputs:
                name = "abs" if value.function == "cabs" else value.function
                raise UnsupportedType(
                    f"{name} of a value that depends on a complex input has no complex derivative",
                    hint="Complex inputs take holomorphic functions; pass the real and imaginary parts as two floats.",
                )
            return not_multiplicative_tangent(value, inner)
        flat = {a: w for a, w in self._flatten(weights).items() if self.active.atom(a) and not is_zero(w)}
        flat = self._named(flat, label, before, later)
        total: Expr = ZERO
        for atom, weight in flat.items():
            tangent = self.tangent(self._steady(atom, before, later), local)
            assert tangent is not None
            total = add(total, mul(weight, tangent))
        return total

    def _steady(self, atom: Expr, before: list[Statement], later: set[str]) -> Expr:
        """An element with an index that the loop over directions can use."""
        if self.k is None or not isinstance(atom, Element):
            return atom
        return Element(atom.array, tuple(self._place(i, before) for i in atom.index), atom.type)

    def _place(self, i: int | Expr, before: list[Statement]) -> int | Expr:
        if not isinstance(i, Expr) or self.k is None:
            return i
        if all(isinstance(n, (Var, Const)) or (isinstance(n, Op) and n.op in _LINEAR) for n in topological((i,))):
            return i
        if i not in self.computed:
            self.computed[i] = Var(self.fresh("at"), INT64)
            before.append(Assign((self.computed[i],), (i,)))
        return self.computed[i]

    def _named(
        self, weights: dict[Expr, Expr], label: str, before: list[Statement], later: set[str]
    ) -> dict[Expr, Expr]:
        """Partials as numbers of their own, so that the loop over directions reads no memory but tangents.

        What a condition excludes stays under the condition: it selects tangents and is never multiplied with them.
        """
        certain = [w for w in weights.values() if not has_zero_arm(w)]
        definitions, shared = share(certain, self.fresh, CHEAP)
        for variable, value in definitions:
            before.append(Assign((variable,), (value,)))
        rewritten = dict(zip(certain, shared))
        known: Known = {}
        result: dict[Expr, Expr] = {}
        for atom, weight in weights.items():
            source = atom.array if isinstance(atom, Load) else getattr(atom, "name", "value")
            name = f"{label}_by_{source.partition('[')[0]}"
            result[atom] = self._factor(rewritten.get(weight, weight), None, name, known, before, later)
        return result

    def _factor(
        self, weight: Expr, guard: Expr | None, name: str, known: Known, before: list[Statement],
        later: set[str],
    ) -> Expr:  # fmt: skip
        """One partial; under a `guard` it is evaluated only where that is true."""
        if guard is None and has_zero_arm(weight):
            condition, partial = as_mask(weight)
            test = self._kept(condition, None, "chosen", known, before, later)
            return Select(test, self._factor(partial, test, name, known, before, later), ZERO)
        negative = isinstance(weight, Op) and weight.op == "neg"
        magnitude = weight.args[0] if negative else weight
        magnitude = self._kept(magnitude, guard, name, known, before, later)
        return Op("neg", magnitude) if negative else magnitude

    def _kept(
        self, e: Expr, guard: Expr | None, name: str, known: Known, before: list[Statement], later: set[str]
    ) -> Expr:
        """A value that the loop over directions can use: itself if it is plain, else a variable of its own."""
        if self._is_plain(e, later) or (self.k is None and (guard is not None or e.type.is_differentiable)):
            return e
        variable = known.get((e, guard))
        if variable is None:
            variable = known[e, guard] = Var(self.fresh(name), e.type)
            otherwise = Const(False) if e.type == BOOL else Const(0.0)
            before.append(Assign((variable,), (e if guard is None else Select(guard, e, otherwise),)))
        return variable

    def _is_plain(self, e: Expr, later: set[str]) -> bool:
        """Whether a factor may stand in the loop over directions: literals, and numbers that keep their values."""
        if isinstance(e, Const):
            return True
        if isinstance(e, Var):
            return e.name not in later
        return isinstance(e, Op) and e.op == "*" and isinstance(e.args[0], Const) and self._is_plain(e.args[1], later)

    def _assign_tangents(
        self, totals: list[tuple[Var, Expr]], chain: list[Statement], out: list[Statement], local: set[str],
        number: int,
    ) -> None:  # fmt: skip
        if not totals:
            return
        pairs = [(t, Const(0.0) if is_zero(e) else e) for t, e in totals]
        if self.k is None:
            targets = tuple(self._variable(t) for t, _ in pairs)
            out.append(Assign(targets, tuple(e for _, e in pairs)))
            return
        variables = [self._variable(t) for t, _ in pairs]
        parallel = any(v.name in reads(e) for n, v in enumerate(variables) for m, (_, e) in enumerate(pairs) if m != n)
        computed: list[tuple[Var, Expr]] = []
        stores: list[Statement] = []
        for (target, e), variable in zip(pairs, variables):
            if self.is_local(target.name, number):
                local.add(target.name)
                computed.append((variable, e))
                continue
            passed = variable.name in self.given or target.name in self.parameters
            if self.depth == 0 and is_zero(e) and variable.name not in self.rows and not passed:
                self.rows[variable.name] = ""
                out.append(Line(f"{variable.name} = np.zeros({self.width}{_suffix(variable.type)})", variable.name))
                continue
            self.rows.setdefault(variable.name, variable.type.numpy)
            if parallel:
                new = Var(self.fresh(f"{variable.name}_new"), variable.type)
                computed.append((new, e))
                e = new
            stores.append(Store(variable.name, (self.k,), e))
        if parallel:
            chain.append(Assign(tuple(v for v, _ in computed), tuple(e for _, e in computed)))
        else:
            chain.extend(Assign((v,), (e,)) for v, e in computed)
        chain.extend(stores)

    def _zero_count(self, target: Var, out: list[Statement]) -> None:
        """What a loop counts may have the name of a number that varies elsewhere."""
        if target.name in self.varying:
            chain: list[Statement] = []
            self._assign_tangents([(self.varying[target.name], ZERO)], chain, out, set(), self.number)
            self._close(chain, out)

    def _close(self, chain: list[Statement], out: list[Statement]) -> None:
        """One loop over the directions for the tangents of a run."""
        if chain:
            assert self.k is not None
            loop = For(self.k, (self._count,), tuple(chain), (), iterable="directions")
            out.extend(guarded(loop, self.flags) if self.flags else [loop])

    def _variable(self, target: Var) -> Var:
        kind = target.type if target.type.bits else ScalarType(target.type.kind, 64)
        return Var(self.dot(target.name, False), kind)

    def _store(
        self, s: Store, chain: list[Statement], out: list[Statement], local: set[str], later: set[str]
    ) -> None:
        if s.array not in self.active.arrays:
            return
        before: list[Statement] = []
        value, weights = self._weights_of(s.value, before)
        assert value is s.value or not any(isinstance(n, Helper) for n in topological((value,)))
        total = self._total(value, weights, s.array, before, local, later)
        place = tuple(self._place(i, before) for i in s.index)
        out.extend(before)
        total = Const(0.0) if is_zero(total) else total
        name, place = self.where(s.array, place)
        if self.k is not None:
            place = (*place, self.k)
        if isinstance(total, Element) and (total.array, total.index) == (name, place):
            return
        (out if self.k is None else chain).append(Store(name, place, total))

    # -- arrays -----------------------------------------------------------------------------------------------------

    def _allocate(self, s: Allocate, out: list[Statement]) -> None:
        if s.target.name in self.active.arrays:
            name = self.dot(s.target.name, True)
            out.append(Line(allocate_text(s, self.width, name), name))

    def _reuse(self, s: Allocate, following: Statement | None, out: list[Statement]) -> None:
        """The array is there; it starts with zeros where that is meant."""
        if s.origin is not None and (following is None or following.origin is not s.origin):
            out.append(Comment(f"# L{s.origin.line}: {' '.join(s.origin.text.split())}"))
        dot = self.array_dot(s.target)
        if s.fill == "zeros":
            out.append(Line(f"{s.target.name}[:] = 0.0"))
            if isinstance(dot, Var) and dot.name in self.flags:
                out.extend(map(Line, clearing(dot.name, self.flags[dot.name], len(s.shape), str(self.width))))
            elif isinstance(dot, Var):
                out.append(Line(f"{dot.name}[:] = 0.0"))

    def _rebind(self, s: Rebind, out: list[Statement]) -> None:
        names: dict[str, str] = {}
        targets: list[Var] = []
        for target, source in zip(s.targets, s.sources):
            if target.name in self.active.arrays and target.name not in self.strided:
                names[target.name] = self.dot(target.name, True)
                targets.append(target)
                if source.array.name in self.active.arrays:
                    names[source.array.name] = self.dot(source.array.name, True)
        if not targets:
            out.append(s)
            return
        moved = [(t, v) for t, v in zip(s.targets, s.sources) if t.name in names]
        fixed = [(t, v) for t, v in moved if v.array.name not in self.active.arrays]
        kept = [pair for pair in moved if pair not in fixed]
        if kept:
            line = Rebind(tuple(t for t, _ in kept), tuple(v for _, v in kept))
            out.append(Line(rebind_text(line, names, self.width), None))
            flags = {name: self.flags[dot] for name, dot in names.items() if dot in self.flags}
            flagged = [(t, v) for t, v in kept if t.name in flags and v.array.name in flags]
            if flagged:
                line = Rebind(tuple(t for t, _ in flagged), tuple(v for _, v in flagged))
                out.append(Line(rebind_text(line, flags), None))
        out.append(s)
        for target, _ in fixed:
            # What does not vary has a tangent of zeros, in the shape of the value that was just bound.
            out.append(Line(f"{names[target.name]} = {self._zeros_like(target)}", names[target.name]))

    def _zeros_like(self, array: Var) -> str:
        if self.width is None:
            return f"np.zeros_like({array.name})"
        rank = array.type.ndim  # type: ignore[attr-defined]
        lengths = [f"len({array.name})"] if rank == 1 else [f"{array.name}.shape[{i}]" for i in range(rank)]
        suffix = "" if array.type.numpy == "float64" else f", np.{array.type.numpy}"
        return f"np.zeros({shape_text([*lengths, str(self.width)])}{suffix})"

    def _array_call(self, s: ArrayCall, out: list[Statement]) -> None:
        dots = [self.array_dot(a) for a in s.args]
        if all(d is None for d in dots) or s.function in STEPS:
            self._zero_results(s.targets, out)
            return
        self._refuse_complex(s)
        if self.width is None:
            dots = [None if d is None else _as_column(d, a) for d, a in zip(dots, s.args)]
        else:
            dots = [self._contiguous(d, a) for d, a in zip(dots, s.args)]
        call = tangent_call(s, dots)
        names = [self._result_dot(t) for t in s.targets]
        out.append(Line(f"{', '.join(names)} = {call}", None))
        if self.width is None:
            for t, name in zip(s.targets, names):
                if t.type.kind == "array":
                    out.append(Line(f"{name} = {name}[{', '.join(':' * t.type.ndim)}, 0]", name))  # type: ignore[attr-defined]
                else:
                    out.append(Line(f"{name} = {name}[0]", name))

    def _refuse_complex(self, s: ArrayCall) -> None:
        """Rules that conjugate are for real matrices."""
        rule = ARRAY_RULES[s.function]
        if not rule.holomorphic and any(a.type.dtype.kind == "complex" for a in s.args if a.type.kind == "array"):  # type: ignore[attr-defined]
            raise UnsupportedType(
                f"{rule.primal.partition('(')[0]} of a complex matrix has no derivative rule", hint="Use real matrices."
            )

    def _contiguous(self, dot: Expr | None, argument: Expr) -> Expr | None:
        """Tangents of views are copied where a rule takes rows in C order."""
        if dot is None or argument.type.kind != "array" or getattr(argument, "name", "") in self.own:
            return dot
        assert isinstance(dot, Var)
        return Opaque(f"np.ascontiguousarray({dot.name})", dot.type, (), (dot.name,))

    def _zero_results(self, targets: Sequence[Var], out: list[Statement]) -> None:
        """Results that vary elsewhere in the program get a tangent of zeros."""
        for t in targets:
            if t.type.kind == "array" and t.name in self.active.arrays:
                name = self.dot(t.name, True)
                out.append(Line(f"{name} = {self._zeros_like(t)}", name))
            elif t.type.kind != "array" and t.name in self.active.scalars:
                name = self.dot(t.name, False)
                zero = "0.0" if self.width is None else f"np.zeros({self.width})"
                out.append(Line(f"{name} = {zero}", name))

    def _result_dot(self, t: Var) -> str:
        array = t.type.kind == "array"
        if t.name in (self.active.arrays if array else self.active.scalars):
            return self.dot(t.name, array)
        return self.fresh("unused")

    def _call_arrays(self, s: CallHelper, out: list[Statement]) -> None:
        """A helper with arrays: its own pushforward is called with values and tangents."""
        self.computed.clear()
        vary = tuple(self.active.reads(a) if a.type.is_differentiable or a.type.kind == "array" else False
                     for a in s.args)  # fmt: skip
        reference = s.helper
        written = [name in reference.writes for name in reference.parameters]
        vary = tuple(v or (w and isinstance(a, Var) and a.name in self.active.arrays)
                     for v, w, a in zip(vary, written, s.args))  # fmt: skip
        if not any(vary) or not (s.targets or reference.writes):
            out.append(s)
            self._zero_results(s.targets, out)
            return
        derivative = self.pushforward(reference, vary)
        args: list[Expr] = []
        for a, varies in zip(s.args, vary):
            args.append(a)
            if not varies:
                continue
            dot = self.array_dot(a)
            if dot is None or (a.type.kind != "array" and (self.k is not None or not isinstance(a, Var))):
                dot = self._row_of(a, out)
            args.append(dot)
        names: list[Var] = []
        for t in s.targets:
            if not (t.type.is_differentiable or t.type.kind == "array"):
                continue
            active = self.active.atom(t)
            name = self._result_dot(t) if active else self.fresh("unused")
            names.append(Var(name, t.type))
        out.append(CallHelper((*s.targets, *names), derivative, tuple(args), origin=s.origin))

    def _row_of(self, e: Expr, out: list[Statement], label: str = "argument") -> Expr:
        """The tangent of a number as an argument: a row, or a number in a single direction."""
        kind = e.type if e.type.bits else ScalarType(e.type.kind, 64)
        if isinstance(e, Var) and e.name in self.active.scalars.difference(self.elements) and e not in self.inner:
            return Var(self.dot(e.name, False), kind)
        before: list[Statement] = []
        value, weights = self._weights_of(e, before)
        total = self._total(value, weights, label, before, set(), set())
        out.extend(before)
        total = Const(0.0) if is_zero(total) else total
        name = self.fresh(f"{label}_dot")
        if self.k is None:
            out.append(Assign((Var(name, kind),), (total,)))
            return Var(name, kind)
        out.append(Line(f"{name} = np.empty({self.width}{_suffix(kind)})", name))
        body = (Store(name, (self.k,), total),)
        out.append(For(self.k, (self._count,), body, (), iterable="directions"))
        return Var(name, kind)

    # -- the ends ---------------------------------------------------------------------------------------------------

    def _return(self, s: Return, out: list[Statement]) -> None:
        names = [self.dots.get(f"{e.name}[]", "") if isinstance(e, Var) else "" for e in s.values]
        self.returned.append([self.flags.get(name, "") for name in names])
        values: list[Expr] = []
        tangents: list[Expr] = []
        self.computed.clear()
        for i, e in enumerate(s.values):
            kind = e.type if self.kinds is None else self.kinds[i]
            if e.type.kind == "array":
                values.append(e)
                dot = self.array_dot(e)
                if dot is None:
                    assert isinstance(e, Var)
                    name = self.fresh(f"{e.name}_dot")
                    out.append(Line(f"{name} = {self._zeros_like(e)}", name))
                    dot = Var(name, e.type)
                tangents.append(dot)
                continue
            before: list[Statement] = []
            value, weights = self._weights_of(e, before)
            values.append(value)
            if not kind.is_differentiable:
                out.extend(before)
                tangents.append(ZERO)
                continue
            if self.k is None:
                total = self._total(value, weights, "result", before, set(), set())
                out.extend(before)
                tangents.append(Const(0.0) if is_zero(total) else total)
            else:
                out.extend(before)
                tangents.append(self._row_of(value, out, "value"))
        out.extend(self.finish(replace(s, values=tuple(values)), tangents))

    def _head(self) -> list[Statement]:
        """Rows of tangents that are carried from block to block; of one direction, tangents of the parameters."""
        lines: list[Statement] = []
        if self.width is None:
            for name in self.parameters:
                if name in self.varying and self.dot(name, False) not in self.given:
                    target = self._variable(self.varying[name])
                    zero: Expr = Const(0.0)
                    if target.type.bits == 32:
                        zero = Call("cast", (zero,), target.type, f"np.{target.type.numpy}")
                    lines.append(Assign((target,), (zero,)))
        for name, kind in self.rows.items():
            if not kind:
                continue
            suffix = "" if kind == "float64" else f", np.{kind}"
            text = f"{name}.copy()" if name in self.given else f"np.zeros({self.width}{suffix})"
            lines.append(Line(f"{name} = {text}", name))
        numbers = {self.dots[name] for name in self.varying if name in self.dots} - self.given
        lines += [Assign((Var(flag, BOOL),), (Const(False),)) for dot, flag in self.flags.items() if dot in numbers]
        return lines


_LINEAR = ("+", "-", "*", "neg")


def _made(s: Statement) -> tuple[Var, ...]:
    if isinstance(s, Allocate):
        return (s.target,)
    return s.targets if isinstance(s, ArrayCall) else ()


def _suffix(kind: ScalarType) -> str:
    return "" if kind.numpy == "float64" else f", np.{kind.numpy}"


def _as_column(dot: Expr, argument: Expr) -> Expr:
    """A single direction as an axis of one."""
    assert isinstance(dot, Var)
    if argument.type.kind != "array":
        return Opaque(f"np.array(({dot.name},))", dot.type, (), (dot.name,))
    rank = argument.type.ndim  # type: ignore[attr-defined]
    lengths = [f"{dot.name}.shape[{i}]" for i in range(rank)]
    return Opaque(
        f"np.ascontiguousarray({dot.name}).reshape({shape_text([*lengths, '1'])})", dot.type, (), (dot.name,)
    )


