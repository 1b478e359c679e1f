"""Calls of the user's other functions, written out in place.

That makes straight-line blocks longer, so that accumulation sees more of the program at once. The pipeline tries it
and keeps what takes fewer operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..ir.expr import Expr, Helper, Opaque, Var, is_atom, rebuild, topological
from ..ir.statements import (
    Assign,
    Block,
    Break,
    CallHelper,
    Continue,
    For,
    If,
    Raise,
    Return,
    Statement,
    Store,
    While,
    statements,
)

__all__ = ["inline_calls", "size"]

LARGEST = 80
"""Statements of a function that is written out in place."""


def size(block: Block) -> int:
    return sum(1 for _ in statements(block))


def inline_calls(body: Block, fresh: Callable[[str], str]) -> Block:
    """Write out every call of a function that has no loops around its returns and does not recurse."""
    return _Inliner(fresh).block(body)


class _Inliner:
    def __init__(self, fresh: Callable[[str], str]):
        self.fresh = fresh

    def block(self, block: Block) -> Block:
        out: list[Statement] = []
        for s in block:
            if isinstance(s, CallHelper) and _is_simple(s.helper):
                out.extend(self._call(s))
            elif isinstance(s, (Assign, Return)):
                values = tuple(self._hoist(v, out, s) for v in s.values)
                out.append(replace(s, values=values))
            elif isinstance(s, (If, For, While)):
                out.append(replace(s, body=self.block(s.body), orelse=self.block(s.orelse)))
            else:
                out.append(s)
        return tuple(out)

    def _hoist(self, e: Expr, out: list[Statement], s: Statement) -> Expr:
        """Calls that stand in an expression get a variable first."""
        done: dict[Expr, Expr] = {}
        for node in topological((e,)):
            fresh = rebuild(node, tuple(done[a] for a in node.args))
            if isinstance(fresh, Helper) and _is_simple(fresh.helper):
                target = Var(self.fresh(fresh.helper.name), fresh.type)
                out.extend(self._call(CallHelper((target,), fresh.helper, fresh.args, origin=s.origin)))
                fresh = target
            done[node] = fresh
        return done[e]

    def _call(self, s: CallHelper) -> list[Statement]:
        function = s.helper.function
        names: dict[str, Expr] = {}
        out: list[Statement] = []
        assigned = {t.name for x in statements(function.body) if isinstance(x, (Assign, CallHelper)) for t in x.targets}
        assigned |= {x.target.name for x in statements(function.body) if isinstance(x, For)}
        for name, kind, value in zip(s.helper.parameters, s.helper.types, s.args):
            if (is_atom(value) or isinstance(value, Opaque)) and name not in assigned:
                names[name] = value
                continue
            variable = Var(self.fresh(name), kind)
            out.append(Assign((variable,), (value,), origin=s.origin))
            names[name] = variable
        renamer = _Renamer(names, self.fresh, s)
        body, _ = renamer.block(function.body)
        return [*out, *self.block(body)]


def _is_simple(reference: Any) -> bool:
    """Whether a function's returns can be made assignments: none inside a loop, no recursion."""
    function = reference.function
    if function is None or reference.lowering.recursive or size(function.body) > LARGEST:
        return False
    for s in statements(function.body):
        if isinstance(s, (For, While)) and any(isinstance(x, Return) for x in statements((s,))):
            return False
        if isinstance(s, (Raise, Store)):
            return False
        if any(kind.kind.startswith("array") for kind in reference.types):
            return False
    return True


class _Renamer:
    """A function's body with the caller's names, and assignments in place of its returns."""

    def __init__(self, names: dict[str, Expr], fresh: Callable[[str], str], call: CallHelper):
        self.names = names
        self.fresh = fresh
        self.call = call

    def expression(self, e: Expr) -> Expr:
        done: dict[Expr, Expr] = {}
        for node in topological((e,)):
            if isinstance(node, Var):
                found = self.names.get(node.name, node)
                if isinstance(found, Var) and found.type.kind == node.type.kind:
                    found = Var(found.name, node.type)
                done[node] = found
            else:
                done[node] = rebuild(node, tuple(done[a] for a in node.args))
        return done[e]

    def target(self, v: Var) -> Var:
        if v.name not in self.names:
            self.names[v.name] = Var(self.fresh(v.name), v.type)
        known = self.names[v.name]
        assert isinstance(known, Var)
        return Var(known.name, v.type)

    def block(self, block: Block) -> tuple[Block, bool]:
        """The block, and whether control reaches its end; what follows an `if` that returns moves into its arms."""
        out: list[Statement] = []
        for position, s in enumerate(block):
            if isinstance(s, Assign):
                values = tuple(self.expression(v) for v in s.values)
                out.append(replace(s, targets=tuple(self.target(t) for t in s.targets), values=values))
            elif isinstance(s, CallHelper):
                args = tuple(self.expression(a) for a in s.args)
                out.append(replace(s, targets=tuple(self.target(t) for t in s.targets), args=args))
            elif isinstance(s, Return):
                values = tuple(self.expression(v) for v in s.values)
                out.append(Assign(self.call.targets, values, origin=s.origin))
                return tuple(out), False
            elif isinstance(s, If):
                test = self.expression(s.test)
                rest = block[position + 1 :]
                if _returns(s.body) or _returns(s.orelse):
                    first, falls = self.block((*s.body, *rest) if not _always(s.body) else s.body)
                    second, falls_too = self.block((*s.orelse, *rest) if not _always(s.orelse) else s.orelse)
                    out.append(replace(s, test=test, body=first, orelse=second))
                    return tuple(out), falls or falls_too
                first, _ = self.block(s.body)
                second, _ = self.block(s.orelse)
                out.append(replace(s, test=test, body=first, orelse=second))
            elif isinstance(s, For):
                bounds = tuple(self.expression(b) for b in s.bounds)
                target = self.target(s.target)
                first, _ = self.block(s.body)
                second, _ = self.block(s.orelse)
                out.append(replace(s, target=target, bounds=bounds, body=first, orelse=second))
            elif isinstance(s, While):
                for x in statements(s.body):
                    for t in x.targets if isinstance(x, (Assign, CallHelper)) else ():
                        self.target(t)
                test = self.expression(s.test)
                first, _ = self.block(s.body)
                second, _ = self.block(s.orelse)
                out.append(replace(s, test=test, body=first, orelse=second))
            elif hasattr(s, "test"):
                out.append(replace(s, test=self.expression(s.test)))  # type: ignore[call-arg]
            else:
                out.append(s)
        return tuple(out), True


def _returns(block: Block) -> bool:
    return any(isinstance(s, Return) for s in statements(block))


def _always(block: Block) -> bool:
    """Whether a block never reaches its end."""
    if not block:
        return False
    last = block[-1]
    if isinstance(last, (Return, Raise, Break, Continue)):
        return True
    return isinstance(last, If) and _always(last.body) and _always(last.orelse)
