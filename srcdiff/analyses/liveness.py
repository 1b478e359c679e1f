"""What is needed after each statement: values that are read later, and tangents that can reach the result.

Both run backwards over structured statements. A loop is repeated until its head settles.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..ir.expr import Expr, Load, Opaque, Var, is_step, topological
from ..ir.statements import (
    Allocate,
    ArrayCall,
    Assert,
    Assign,
    Block,
    Break,
    CallHelper,
    Continue,
    For,
    If,
    Raise,
    Rebind,
    Return,
    Statement,
    Store,
    While,
    expressions_of,
    statements,
)

__all__ = ["Needs", "deciding", "needs", "reads"]

Names = frozenset[str]
_EMPTY: Names = frozenset()


def reads(*exprs: Expr) -> set[str]:
    """Names of the variables and arrays that expressions read."""
    names: set[str] = set()
    for node in topological(tuple(exprs)):
        if isinstance(node, Var):
            names.add(node.name)
        elif isinstance(node, Load):
            names.add(node.array)
        elif isinstance(node, Opaque):
            names.update(node.reads)
    return names


def _differentiable(*exprs: Expr) -> set[str]:
    """Variables through which a tangent may flow."""
    return {n.name for n in topological(tuple(exprs)) if isinstance(n, Var) and n.type.is_differentiable}


@dataclass
class Needs:
    """For each statement, by identity: names live after it, and names whose tangents are useful after it."""

    live: dict[int, Names] = field(default_factory=dict)
    useful: dict[int, Names] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    """Every name that is read anywhere."""


@dataclass(frozen=True)
class _State:
    live: Names = _EMPTY
    useful: Names = _EMPTY

    def __or__(self, other: _State) -> _State:
        return _State(self.live | other.live, self.useful | other.useful)

    def reading(self, *exprs: Expr) -> _State:
        return _State(self.live | reads(*exprs), self.useful)


def needs(body: Block) -> Needs:
    """Analyse a whole function."""
    result = Needs()
    result.names |= _block(body, _State(), _State(), _State(), result).live
    return result


def deciding(body: Block) -> Names:
    """Variables whose values decide branches, trip counts, steps or assertions, directly or through others."""
    found: set[str] = set()
    assigns: list[tuple[set[str], set[str]]] = []
    for s in statements(body):
        if isinstance(s, (If, While, Assert)):
            found |= reads(s.test)
        elif isinstance(s, For):
            found |= reads(*s.bounds)
        for e in s.values if isinstance(s, (Assign, Return)) else s.args if isinstance(s, CallHelper) else ():
            found |= reads(*(a for node in topological((e,)) if is_step(node) for a in node.args))
        if isinstance(s, Assign):
            assigns.extend(({t.name}, reads(v)) for t, v in zip(s.targets, s.values))
        elif isinstance(s, CallHelper):
            assigns.append(({t.name for t in s.targets}, reads(*s.args)))
    changed = True
    while changed:
        changed = False
        for targets, sources in assigns:
            if targets & found and not sources <= found:
                found |= sources
                changed = True
    return frozenset(found)


def _block(block: Block, after: _State, breaks: _State, continues: _State, result: Needs) -> _State:
    for statement in reversed(block):
        result.live[id(statement)] = after.live
        result.names |= after.live
        result.useful[id(statement)] = after.useful
        after = _statement(statement, after, breaks, continues, result)
    return after


def _statement(s: Statement, after: _State, breaks: _State, continues: _State, result: Needs) -> _State:
    if isinstance(s, (Assign, CallHelper)):
        names = {t.name for t in s.targets}
        values = s.values if isinstance(s, Assign) else s.args
        if isinstance(s, Assign):
            wanted = [v for t, v in zip(s.targets, values) if t.name in after.useful]
        else:
            wanted = list(values) if names & after.useful else []
        return _State((after.live - names) | reads(*values), (after.useful - names) | _differentiable(*wanted))
    if isinstance(s, Return):
        return _State(frozenset(reads(*s.values)), frozenset(_differentiable(*s.values)))
    if isinstance(s, Raise):
        return _State()
    if isinstance(s, Assert):
        return after.reading(s.test)
    if isinstance(s, (Allocate, ArrayCall, Rebind, Store)):
        return after.reading(*expressions_of(s))
    if isinstance(s, Break):
        return breaks
    if isinstance(s, Continue):
        return continues
    if isinstance(s, If):
        then = _block(s.body, after, breaks, continues, result)
        return (then | _block(s.orelse, after, breaks, continues, result)).reading(s.test)
    if isinstance(s, (For, While)):
        normal = _block(s.orelse, after, breaks, continues, result)
        test = (s.test,) if isinstance(s, While) else ()
        head = normal.reading(*test)
        while True:
            entered = _block(s.body, head, after, head, result)
            if isinstance(s, For):
                entered = _State(entered.live - {s.target.name}, entered.useful)
            wider = head | entered.reading(*test)
            if wider == head:
                break
            head = wider
        return head.reading(*s.bounds) if isinstance(s, For) else head
    return after
