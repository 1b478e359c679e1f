"""Forward mode: from a function to one that carries tangents beside its values.

A tangent is kept for every pair of variable and direction. Most are known when compiling: structurally zero, one,
or equal to another up to its sign; only the rest become variables of the emitted program. Where paths of control
meet, and at the heads of loops, the tangents that may differ get their canonical variable, `dx_dv`.

Within straight-line code the derivative of each statement stands above it (*interleaved*); where that saves
operations, `accumulate` reorders a whole block instead (*accumulated*).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..analyses.liveness import Needs, deciding, needs
from ..errors import UnsupportedType
from ..ir.expr import (
    ZERO,
    Call,
    Const,
    Expr,
    Helper,
    Load,
    Op,
    Var,
    add,
    atoms,
    has_zero_arm,
    is_atom,
    is_zero,
    key_of,
    mul,
    neg,
    real,
    rebuild,
    topological,
    unmasked,
)
from ..ir.statements import (
    Assign,
    Block,
    Break,
    CallHelper,
    Comment,
    Continue,
    For,
    If,
    Raise,
    Return,
    Statement,
    While,
    expressions_of,
    is_straight,
    statements,
)
from ..ir.types import ScalarType, promote
from ..optimize.share import CHEAP, share, with_reciprocals
from .isolate import isolate, not_multiplicative_tangent
from .partials import NOT_MULTIPLICATIVE, partials
from .rows import RowLoop, wants_rows

__all__ = ["Differentiator", "Tangents"]

Tangents = dict[str, dict[int, Expr]]
"""For each variable or element (by its text), its tangent in each direction in which it is not structurally zero."""

Finish = Callable[[Return, Sequence[Expr], Sequence[dict[int, Expr]]], list[Statement]]


@dataclass
class Differentiator:
    """Differentiates one function.

    `directions` are labels such as `v` or `y0`; `finish` turns a `return` into the statements that deliver values and
    tangents; `helper` gives the derivative of another function for the arguments that are active.
    """

    body: Block
    seeds: Tangents
    directions: Sequence[str]
    fresh: Callable[[str], str]
    finish: Finish
    helper: Callable[[Any, tuple[bool, ...]], Any]
    taken: set[str] = field(default_factory=set)
    values_wanted: bool = True
    reserved: frozenset[str] = frozenset()
    single: bool = False
    complex_inputs: bool = False
    accumulate: Callable[..., list[Statement] | None] | None = None
    needs: Needs = field(init=False)
    protected: frozenset[str] = field(init=False, default=frozenset())
    """Variables on which a branch or loop depends: their values are those of the user's program, bit for bit."""
    assigned: dict[str, int] = field(init=False, default_factory=dict)
    """How often each variable is assigned in the text."""
    constants: set[str] = field(init=False, default_factory=set)
    """Variables of the user's that are never assigned: parameters."""
    forms: set[str] = field(init=False, default_factory=set)
    branches: dict[int, str] = field(init=False, default_factory=dict)
    vanishing: set[str] = field(init=False, default_factory=set)
    """Tangents that are structurally zero after one of the branches that they join."""
    _keep: list[Statement] = field(init=False, default_factory=list)
    _hints: dict[Expr, str] = field(init=False, default_factory=dict)
    """Names for the partials of the statement at hand, should they be shared."""
    _bases: dict[str, str] = field(init=False, default_factory=dict)
    _tangents: dict[str, tuple[str, int]] = field(init=False, default_factory=dict)
    """Whose tangent a name stands for: `da_db_dc` could be that of `a` or of `a_db`."""

    def run(self) -> Block:
        self.body = tuple(isolate(self.body, self.fresh))
        self.needs = needs(self.body)
        entering: set[str] = set()
        for s in statements(self.body):
            names = {e.name for e in topological(expressions_of(s)) if isinstance(e, Var)}
            entering |= names - self.assigned.keys()
            targets = s.targets if isinstance(s, (Assign, CallHelper)) else (s.target,) if isinstance(s, For) else ()
            for t in targets:
                self.assigned[t.name] = self.assigned.get(t.name, 0) + 1
        # A parameter that is assigned has had a value before.
        for name in entering & self.assigned.keys():
            self.assigned[name] += 1
        self.constants = self.needs.names - set(self.assigned)
        self.protected = deciding(self.body)
        tangents: Tangents = {key: dict(row) for key, row in self.seeds.items()}
        out: list[Statement] = []
        self._block(self.body, tangents, out, [])
        return tuple(out)

    # -- names ------------------------------------------------------------------------------------------------------

    def tangent_name(self, name: str, direction: int) -> str:
        """Leibniz names, `dtotal_dv`; a single direction is `total_dot`."""
        text = f"{name}_dot" if self.single else f"d{name}_d{self.directions[direction]}"
        while text in self.reserved or self._tangents.setdefault(text, (name, direction)) != (name, direction):
            text += "_"
        return text

    def canonical(self, variable: Var, direction: int) -> Var:
        kind = variable.type if variable.type.bits else ScalarType(variable.type.kind, 64)
        name = self.tangent_name(variable.name, direction)
        self.taken.add(name)
        return Var(name, kind)

    # -- activity ---------------------------------------------------------------------------------------------------

    def _mask_of(self, e: Expr, masks: dict[str, int]) -> int:
        mask = 0
        for node in topological((e,)):
            if isinstance(node, (Var, Load)) and node.type.is_differentiable:
                mask |= masks.get(key_of(node), 0)
        return mask

    def _loop_masks(self, loop: For | While, tangents: Tangents) -> dict[str, tuple[Var, int]]:
        """The directions in which each variable that the loop assigns may vary, anywhere in the loop."""
        masks = {key: sum(1 << d for d in row) for key, row in tangents.items()}
        found: dict[str, tuple[Var, int]] = {}
        overwritten: set[str] = set()
        changed = True
        while changed:
            changed = False
            for s in statements((loop,)):
                if isinstance(s, For):
                    pairs = [(s.target, 0)]
                elif isinstance(s, Assign):
                    pairs = [(t, self._mask_of(v, masks)) for t, v in zip(s.targets, s.values)]
                elif isinstance(s, CallHelper):
                    every = 0
                    for argument in s.args:
                        every |= self._mask_of(argument, masks)
                    pairs = [(t, every) for t in s.targets]
                else:
                    continue
                for target, mask in pairs:
                    if not target.type.is_differentiable:
                        overwritten.add(target.name)
                        continue
                    total = masks.get(target.name, 0) | mask
                    if total != masks.get(target.name, 0) or target.name not in found:
                        changed = changed or total != masks.get(target.name, 0)
                        masks[target.name] = total
                    previous = found.get(target.name)
                    kind = previous[0] if previous is not None and previous[0].type.bits else target
                    found[target.name] = (kind, total)
        # What varied before the loop and is an integer in it: its tangents become zero there.
        for name in sorted(overwritten - found.keys()):
            if tangents.get(name):
                before = promote(*(e.type for e in tangents[name].values()))
                found[name] = (Var(name, before if before.bits else ScalarType(before.kind, 64)), masks[name])
        return {name: (v, mask) for name, (v, mask) in found.items() if mask}

    # -- blocks -----------------------------------------------------------------------------------------------------

    def _block(self, block: Block, tangents: Tangents, out: list[Statement], loops: list[Any]) -> bool:
        """Differentiate a block into `out`. Returns whether control reaches its end."""
        position = 0
        while position < len(block):
            end = position
            while end < len(block) and is_straight(block[end]):
                end += 1
            if end < len(block) and isinstance(block[end], Return):
                end += 1
            if end > position:
                if not self._straight(block[position:end], tangents, out):
                    return False
                position = end
                continue
            s = block[position]
            position += 1
            if isinstance(s, CallHelper):
                self._straight((s,), tangents, out)
            elif isinstance(s, If):
                if not self._if(s, tangents, out, loops):
                    return False
            elif isinstance(s, (For, While)):
                self._loop(s, tangents, out, loops)
            elif isinstance(s, (Break, Continue)):
                self._carry(tangents, out, loops[-1])
                out.append(s)
                return False
            else:
                out.append(s)
                if isinstance(s, Raise):
                    return False
        return True

    def _straight(self, run: Block, tangents: Tangents, out: list[Statement]) -> bool:
        """Straight-line statements, in whichever form takes fewer operations."""
        if self.accumulate is not None:
            accumulated = self.accumulate(self, run, tangents)
            if accumulated is not None:
                self.forms.add("accumulated")
                out.extend(accumulated)
                return not isinstance(run[-1], Return)
        for s in run:
            if isinstance(s, Comment):
                out.append(s)
            elif isinstance(s, Return):
                self._return(s, tangents, out)
                return False
            else:
                assert isinstance(s, (Assign, CallHelper))
                self._assign(s, tangents, out)
        return True

    # -- statements -------------------------------------------------------------------------------------------------

    def combine(self, weights: dict[Expr, Expr], tangents: Tangents, target: str = "") -> dict[int, Expr]:
        """The chain rule: tangents of arguments, weighted by partials, one sum a direction."""
        result: dict[int, Expr] = {}
        for atom, weight in weights.items():
            if target:
                source = atom.name if isinstance(atom, Var) else re.sub(r"\W+", "", key_of(atom))
                self._hints.setdefault(weight, f"{target}_by_{source}")
            for direction, tangent in tangents.get(key_of(atom), {}).items():
                result[direction] = add(result.get(direction, ZERO), mul(weight, tangent))
        return {d: unmasked(result[d]) for d in sorted(result) if not is_zero(result[d])}

    def tangent_of(self, value: Expr, tangents: Tangents, target: str = "") -> dict[int, Expr]:
        """The tangents of an expression's value; its partials may then be named after `target`."""
        if not value.type.is_differentiable:
            return {}
        self._no_active_helper(value, tangents)
        if isinstance(value, Call) and value.function in NOT_MULTIPLICATIVE:
            return self._not_multiplicative(value, tangents)
        return self.combine(partials(value), tangents, target)

    def _no_active_helper(self, e: Expr, tangents: Tangents) -> None:
        """Calls of helpers that vary were taken out before: a call that is left has no derivative."""
        for node in topological((e,)):
            if isinstance(node, Helper) and self._is_active(node, tangents):
                raise AssertionError(f"the call of {node.helper.name} was not taken out of an expression")

    def _not_multiplicative(self, value: Call, tangents: Tangents) -> dict[int, Expr]:
        row = tangents.get(key_of(value.args[0]), {})
        if row and self.complex_inputs:
            name = "abs" if value.function == "cabs" else value.function
            raise UnsupportedType(
                f"{name} of a value that depends on a complex input has no complex derivative",
                hint="Complex inputs take holomorphic functions; pass the real and imaginary parts as two floats.",
            )
        result = {d: not_multiplicative_tangent(value, t) for d, t in row.items()}
        return {d: t for d, t in result.items() if not is_zero(t)}

    def _assign(self, s: Assign | CallHelper, tangents: Tangents, out: list[Statement]) -> None:
        if isinstance(s, CallHelper):
            args = Assign(tuple(Var(f"#{i}", a.type) for i, a in enumerate(s.args)), s.args)
            changed = replace(s, args=self.extract_helpers(args, tangents, out).values)
            self.needs.useful[id(changed)] = self.needs.useful[id(s)]
            self._keep.append(changed)
            self.call_helper(changed, tangents, out)
            return
        s = self.extract_helpers(s, tangents, out)
        self._hints.clear()
        rows = [
            self.tangent_of(v, tangents, t.name) if t.type.is_differentiable else {}
            for t, v in zip(s.targets, s.values)
        ]
        useful = self.needs.useful[id(s)]
        rows = [row if t.name in useful else {} for t, row in zip(s.targets, rows)]
        self._protect({t.name for t in s.targets}, tangents, out)
        tangents.update(self.deliver(s.targets, rows, out, s.values))
        out.append(s)

    def deliver(
        self,
        targets: Sequence[Var],
        rows: Sequence[dict[int, Expr]],
        out: list[Statement],
        values: Sequence[Expr] = (),
    ) -> Tangents:
        """Assign the tangents of a statement's targets; what they share is named first.

        Tangents that are equal up to their sign get one variable.
        """
        changed = with_reciprocals([e for row in rows for e in row.values()], values)
        rows = [{d: changed[e] for d, e in row.items()} for row in rows]
        leaders: dict[Expr, Var] = {}
        flat: list[tuple[Var, Expr]] = []
        result: Tangents = {t.name: {} for t in targets}
        # Of a pair that differs by its sign the positive one gets the variable.
        entries = [(t, d, e) for t, row in zip(targets, rows) for d, e in row.items()]
        every = {e for _, _, e in entries}
        for t, d, e in sorted(entries, key=lambda entry: _is_negative(entry[2]) and neg(entry[2]) in every):
            magnitude = e.args[0] if isinstance(e, Op) and e.op == "neg" else e
            if self._is_known(e, targets):
                result[t.name][d] = e
            elif e in leaders or magnitude in leaders:
                leader = leaders.get(e) or leaders[magnitude]
                result[t.name][d] = leader if e in leaders else neg(leader)
            else:
                variable = self.canonical(t, d)
                leaders[e] = variable
                flat.append((variable, e))
                result[t.name][d] = variable
        result = {name: dict(sorted(row.items())) for name, row in result.items()}
        hints = {changed.get(e, e): name for e, name in self._hints.items()}
        definitions, shared = share([e for _, e in flat], self.fresh, CHEAP, hints=hints)
        for variable, value in definitions:
            out.append(Assign((variable,), (value,)))
        moves = [(v, e) for (v, _), e in zip(flat, shared) if v is not e]
        if moves:
            out.append(_moved(moves))
        return result

    def _is_known(self, e: Expr, targets: Sequence[Var]) -> bool:
        """Whether a tangent needs no variable: a literal, or another tangent up to its sign."""
        if isinstance(e, Const):
            return True
        inner = e.args[0] if isinstance(e, Op) and e.op == "neg" else e
        if isinstance(inner, Op) and inner.op == "*" and isinstance(inner.args[0], Const):
            return self._is_constant(inner.args[1])
        if not isinstance(inner, Var):
            return self._is_constant(inner)
        if self.assigned.get(inner.name, 0) > 1 or inner.name in self.seeds:
            return self._is_constant(inner)
        return not any(inner.name == self.tangent_name(t.name, d) for t in targets for d in range(len(self.directions)))

    def _is_constant(self, e: Expr) -> bool:
        """Whether an atom keeps its value while the function runs."""
        if isinstance(e, Var):
            return e.name in self.constants
        return is_atom(e)

    def _protect(self, assigned: set[str], tangents: Tangents, out: list[Statement]) -> None:
        """Before tangents of `assigned` are overwritten, give those that refer to them variables of their own."""
        doomed = {self.tangent_name(name, d) for name in assigned for d in range(len(self.directions))}
        moves: list[tuple[Var, Expr]] = []
        for key, row in tangents.items():
            if key in assigned:
                continue
            for d, e in row.items():
                inner = e.args[0] if isinstance(e, Op) and e.op == "neg" else e
                if isinstance(inner, Var) and inner.name in doomed:
                    variable = Var(self.tangent_name(key, d), inner.type)
                    moves.append((variable, e))
                    row[d] = variable
        if moves:
            out.append(_moved(moves))

    # -- helpers ----------------------------------------------------------------------------------------------------

    def extract_helpers(self, s: Assign, tangents: Tangents, out: list[Statement]) -> Assign:
        """Active calls of scalar helpers become statements that give value and partials at once."""
        values = []
        for target, value in zip(s.targets, s.values):
            done: dict[Expr, Expr] = {}
            for node in topological((value,)):
                fresh = rebuild(node, tuple(done[a] for a in node.args))
                if isinstance(fresh, Helper) and self._is_active(fresh, tangents) and target.type.is_differentiable:
                    variable = Var(self.fresh(f"{fresh.helper.name}_value"), fresh.type)
                    call = CallHelper((variable,), fresh.helper, fresh.args)
                    self.call_helper(call, tangents, out)
                    fresh = variable
                done[node] = fresh
            values.append(done[value])
        if tuple(values) == s.values:
            return s
        changed = replace(s, values=tuple(values))
        self.needs.useful[id(changed)] = self.needs.useful.get(id(s), frozenset(t.name for t in s.targets))
        self._keep.append(changed)
        return changed

    def _is_active(self, e: Expr, tangents: Tangents) -> bool:
        return any(a.type.is_differentiable and tangents.get(key_of(a)) for a in atoms(e))

    def helper_weights(self, s: CallHelper, tangents: Tangents, out: list[Statement]) -> list[dict[Expr, Expr]]:
        """Emit the call that gives values and local partials; returns the weights of each target's arguments."""
        active = tuple(a.type.is_differentiable and self._is_active(a, tangents) for a in s.args)
        if not any(active) or not any(t.type.is_differentiable for t in s.targets):
            out.append(s)
            return [{} for _ in s.targets]
        derivative = self.helper(s.helper, active)
        names: list[Var] = []
        weights: list[dict[Expr, Expr]] = [{} for _ in s.targets]
        for output, argument, constant in derivative.entries:
            target = s.targets[output]
            if constant is not None:
                weight: Expr = constant
            else:
                label = derivative.labels[argument]
                names.append(Var(self.fresh(f"{target.name}_by_{label}"), target.type))
                weight = derivative.weight(output, argument, names[-1])
            weights[output][s.args[argument]] = add(weights[output].get(s.args[argument], ZERO), weight)
        out.append(CallHelper((*s.targets, *names), derivative, s.args, origin=s.origin))
        return weights

    def call_helper(self, s: CallHelper, tangents: Tangents, out: list[Statement]) -> None:
        inner: list[Statement] = []
        weights = self.helper_weights(s, tangents, inner)
        self._protect({t.name for t in s.targets}, tangents, out)
        for argument in s.args:
            self._no_active_helper(argument, tangents)
        rows = [self.combine(partials(t, seed=w), tangents) if w else {} for t, w in zip(s.targets, weights)]
        out.extend(inner)
        tangents.update(self.deliver(s.targets, rows, out))

    # -- control ----------------------------------------------------------------------------------------------------

    def _return(self, s: Return, tangents: Tangents, out: list[Statement]) -> None:
        targets = tuple(Var(f"result_{i}", v.type) for i, v in enumerate(s.values))
        extracted = Assign(targets, s.values)
        self.needs.useful[id(extracted)] = frozenset(t.name for t in targets)
        self._keep.append(extracted)
        extracted = self.extract_helpers(extracted, tangents, out)
        self._hints.clear()
        names = [f"out{i}" if len(s.values) > 1 else "out" for i in range(len(s.values))]
        rows = [self.tangent_of(v, tangents, name) for v, name in zip(extracted.values, names)]
        final = self.name_repeated(rows, extracted.values, out)
        out.extend(self.finish(replace(s, values=extracted.values), extracted.values, final))

    def name_repeated(
        self, rows: Sequence[dict[int, Expr]], values: Sequence[Expr], out: list[Statement]
    ) -> list[dict[int, Expr]]:
        """Tangents that are returned: those that appear twice, up to their sign, are named first."""
        changed = with_reciprocals([e for row in rows for e in row.values()], values)
        rows = [{d: changed[e] for d, e in row.items()} for row in rows]
        seen: dict[Expr, bool] = {}
        names: dict[Expr, str] = {}
        for i, row in enumerate(rows):
            for d, e in row.items():
                magnitude = e.args[0] if isinstance(e, Op) and e.op == "neg" else e
                if isinstance(magnitude, Op) and magnitude.op != "neg":
                    seen[magnitude] = magnitude in seen
                    names.setdefault(magnitude, f"d{'out' if len(rows) == 1 else f'out{i}'}_d{self.directions[d]}")
        repeated = [e for e, twice in seen.items() if twice]
        flat = [e for row in rows for e in row.values()]
        named = {e: names[e] for e in repeated} if not self.single else {}
        hints = {changed.get(e, e): name for e, name in self._hints.items()}
        definitions, shared = share(flat, self.fresh, CHEAP, named, hints)
        for variable, value in definitions:
            out.append(Assign((variable,), (value,)))
        iterator = iter(shared)
        return [{d: next(iterator) for d in row} for row in rows]

    def _if(self, s: If, tangents: Tangents, out: list[Statement], loops: list[Any]) -> bool:
        self._note(s, tangents)
        first: list[Statement] = []
        second: list[Statement] = []
        a = {k: dict(row) for k, row in tangents.items()}
        b = {k: dict(row) for k, row in tangents.items()}
        falls_a = self._block(s.body, a, first, loops)
        falls_b = self._block(s.orelse, b, second, loops)
        if falls_a and falls_b:
            self._join(s, a, b, first, second, tangents)
        elif falls_a or falls_b:
            tangents.clear()
            tangents.update(a if falls_a else b)
        out.append(replace(s, body=tuple(first), orelse=tuple(second)))
        return falls_a or falls_b

    def _join(
        self, s: If, a: Tangents, b: Tangents, first: list[Statement], second: list[Statement], tangents: Tangents
    ) -> None:
        """Tangents that differ get their canonical variable in both branches; equal pairs share one, up to sign."""
        useful = self.needs.useful[id(s)]
        moves_a: list[tuple[Var, Expr]] = []
        moves_b: list[tuple[Var, Expr]] = []
        known: dict[tuple[Expr, Expr], Expr] = {}
        joined: Tangents = {}
        pending: list[tuple[str, int, Expr, Expr]] = []
        for key in dict.fromkeys((*a, *b)):
            row_a, row_b = a.get(key, {}), b.get(key, {})
            row: dict[int, Expr] = {}
            for d in sorted({*row_a, *row_b}):
                x, y = row_a.get(d, ZERO), row_b.get(d, ZERO)
                if x is y:
                    row[d] = x
                elif key in useful:
                    pending.append((key, d, x, y))
            joined[key] = row
        # Of a pair that differs by its sign the positive one keeps a variable, and the other refers to it.
        for key, d, x, y in sorted(pending, key=lambda item: _is_negative(item[2]) + _is_negative(item[3])):
            kind = promote(real(x).type, real(y).type)
            variable = self.canonical(Var(key, kind), d)
            same = known.get((x, y))
            opposite = known.get((neg(x), neg(y)))
            if same is not None:
                joined[key][d] = same
                continue
            if opposite is not None:
                joined[key][d] = neg(opposite)
                continue
            known[(x, y)] = variable
            joined[key][d] = variable
            if has_zero_arm(x) or has_zero_arm(y):
                self.vanishing.add(variable.name)
            if x is not variable:
                moves_a.append((variable, x))
            if y is not variable:
                moves_b.append((variable, y))
        for moves, block in ((moves_a, first), (moves_b, second)):
            if moves:
                block.append(_moved(moves))
        tangents.clear()
        tangents.update(joined)

    def _loop(self, s: For | While, tangents: Tangents, out: list[Statement], loops: list[Any]) -> None:
        carried = self._loop_masks(s, tangents)
        if self.accumulate is not None and not self.single and wants_rows((s,), carried):
            self._row_loop(s, carried, tangents, out)
            return
        doomed = {self.tangent_name(name, d) for name, (_, mask) in carried.items() for d in _bits(mask)}
        moves: list[tuple[Var, Expr]] = []
        for name, (variable, mask) in carried.items():
            row = tangents.setdefault(name, {})
            for d in _bits(mask):
                canonical = self.canonical(variable, d)
                if row.get(d) is not canonical:
                    moves.append((canonical, row.get(d, ZERO)))
                    row[d] = canonical
        for key, row in tangents.items():
            if key in carried:
                continue
            for d, e in row.items():
                inner = e.args[0] if isinstance(e, Op) and e.op == "neg" else e
                if isinstance(inner, Var) and inner.name in doomed:
                    own = Var(self.tangent_name(key, d), inner.type)
                    moves.append((own, e))
                    row[d] = own
        if moves:
            out.append(_moved(moves))
        body: list[Statement] = []
        inside = {k: dict(row) for k, row in tangents.items()}
        if isinstance(s, For):
            inside[s.target.name] = {}
        if self._block(s.body, inside, body, [*loops, carried]):
            self._carry(inside, body, carried)
        orelse: list[Statement] = []
        after = {k: dict(row) for k, row in tangents.items()}
        if self._block(s.orelse, after, orelse, loops):
            self._carry(after, orelse, carried)
        self._note(s, tangents)
        out.append(replace(s, body=tuple(body), orelse=tuple(orelse)))

    def _row_loop(
        self, s: For | While, carried: dict[str, tuple[Var, int]], tangents: Tangents, out: list[Statement]
    ) -> None:
        """A loop with many dense directions: tangents in rows, from before it until after it."""
        self.forms.add("rows")
        rows = RowLoop(self, carried)
        rows.enter(tangents, out)
        self._note(s, rows.named(tangents))
        body: list[Statement] = []
        orelse: list[Statement] = []
        rows.block(s.body, tangents, body)
        rows.block(s.orelse, tangents, orelse)
        out.append(replace(s, body=tuple(body), orelse=tuple(orelse)))
        after = rows.named(tangents)
        tangents.clear()
        tangents.update(after)

    def tangent_base(self, name: str) -> str:
        """The scalar that a row's new entry has before it is stored."""
        if name not in self._bases:
            self._bases[name] = self.fresh(f"{name}_k")
        return self._bases[name]

    def _note(self, s: If | While | For, tangents: Tangents) -> None:
        """Remember branches that are decided by active values."""
        tests = (s.test,) if isinstance(s, (If, While)) else ()
        if s.origin is not None and any(self._is_active_value(t, tangents) for t in tests):
            self.branches.setdefault(s.origin.line, s.origin.text)

    def _is_active_value(self, e: Expr, tangents: Tangents) -> bool:
        return any(tangents.get(key_of(a)) for a in atoms(e))

    def _carry(self, tangents: Tangents, out: list[Statement], carried: dict[str, tuple[Var, int]]) -> None:
        """At the end of an iteration, put every tangent that the loop carries into its canonical variable."""
        moves: list[tuple[Var, Expr]] = []
        for name, (variable, mask) in carried.items():
            row = tangents.get(name, {})
            for d in _bits(mask):
                canonical = self.canonical(variable, d)
                e = row.get(d, ZERO)
                if e is not canonical:
                    moves.append((canonical, e))
        if moves:
            out.append(_moved(moves))


def _moved(moves: Sequence[tuple[Var, Expr]]) -> Assign:
    """Tangents into their variables, as floats: integers would wrap in the products that follow."""
    return Assign(tuple(v for v, _ in moves), tuple(real(e) for _, e in moves))


def _is_negative(e: Expr) -> bool:
    if isinstance(e, Const):
        return isinstance(e.value, float) and e.value < 0
    return isinstance(e, Op) and e.op == "neg"


def _bits(mask: int) -> list[int]:
    return [i for i in range(mask.bit_length()) if mask >> i & 1]
