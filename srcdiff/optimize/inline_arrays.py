"""Calls of functions that make arrays, written out in place: where nothing is allocated, their memory is the caller's.

    def square(y):                              made = np.empty(len(u))
        return y**2              becomes        for i in range(len(u)):
    z = square(u)                                   made[i] = u[i]**2
                                                z = made
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..ir.expr import Element, Expr, Helper, Load, Opaque, Var, is_atom, rebuild, topological
from ..ir.statements import (
    Allocate,
    ArrayCall,
    Assign,
    Block,
    CallHelper,
    For,
    If,
    Raise,
    Rebind,
    Return,
    Statement,
    Store,
    View,
    While,
    statements,
)

__all__ = ["inline_array_calls", "makes_arrays"]

_DEEPEST = 12
"""Calls within calls."""


def makes_arrays(reference: Any) -> bool:
    """Whether a function makes or returns arrays, itself."""
    function = reference.function
    return function is not None and any(
        isinstance(s, (Allocate, ArrayCall))
        or (isinstance(s, Rebind) and any(v.kind in ("copy", "flatten") for v in s.sources))
        or (isinstance(s, Return) and any(e.type.kind == "array" for e in s.values))
        for s in statements(function.body)
    )


def inline_array_calls(body: Block, fresh: Callable[[str], str]) -> Block:
    """Write out the calls of functions that make arrays and return at their end alone."""
    for _ in range(_DEEPEST):
        inliner = _Inliner(fresh)
        body = inliner.block(body)
        if not inliner.found:
            break
    return body


def _is_simple(reference: Any) -> bool:
    if not makes_arrays(reference) or reference.lowering.recursive:
        return False
    block = reference.function.body
    every = [s for s in statements(block) if isinstance(s, Return)]
    return len(every) == 0 or (len(every) == 1 and every[0] is block[-1])


class _Inliner:
    def __init__(self, fresh: Callable[[str], str]):
        self.fresh = fresh
        self.found = False

    def block(self, block: Block) -> Block:
        out: list[Statement] = []
        for s in block:
            if isinstance(s, CallHelper):
                s = replace(s, args=tuple(self._hoisted(a, out, s) for a in s.args))
                out += self._call(s) if _is_simple(s.helper) else [s]
            elif isinstance(s, (Assign, Return)):
                out.append(replace(s, values=tuple(self._hoisted(v, out, s) for v in s.values)))
            elif isinstance(s, Store):
                out.append(replace(s, value=self._hoisted(s.value, out, s)))
            elif isinstance(s, If):
                test = self._hoisted(s.test, out, s)
                out.append(replace(s, test=test, body=self.block(s.body), orelse=self.block(s.orelse)))
            elif isinstance(s, (For, While)):
                out.append(replace(s, body=self.block(s.body), orelse=self.block(s.orelse)))
            else:
                out.append(s)
        return tuple(out)

    def _hoisted(self, e: Expr, out: list[Statement], s: Statement) -> Expr:
        """Calls that stand in an expression get a variable first."""
        if not any(isinstance(n, Helper) and _is_simple(n.helper) for n in topological((e,))):
            return e
        done: dict[Expr, Expr] = {}
        for node in topological((e,)):
            made = rebuild(node, tuple(done[a] for a in node.args))
            if isinstance(made, Helper) and _is_simple(made.helper):
                target = Var(self.fresh(made.helper.name), made.type)
                out += self._call(CallHelper((target,), made.helper, made.args, origin=s.origin))
                made = target
            done[node] = made
        return done[e]

    def _call(self, s: CallHelper) -> list[Statement]:
        self.found = True
        function = s.helper.function
        bound = {t.name for x in statements(function.body) for t in _targets(x)}
        names: dict[str, Var | Expr] = {}
        out: list[Statement] = []
        for name, kind, value in zip(s.helper.parameters, s.helper.types, s.args):
            if name not in bound and (is_atom(value) if kind.kind != "array" else isinstance(value, Var)):
                names[name] = value
                continue
            variable = Var(self.fresh(name), kind)
            names[name] = variable
            if kind.kind == "array":
                assert isinstance(value, Var)
                out.append(Rebind((variable,), (View(value),), origin=s.origin))
            else:
                out.append(Assign((variable,), (value,), origin=s.origin))
        for name in sorted(bound - set(names)):
            names[name] = Var(self.fresh(name), s.args[0].type if s.args else s.targets[0].type)
        renamer = _Renamer(names, s.targets, s)
        return [*out, *renamer.block(function.body)]


def _targets(s: Statement) -> Sequence[Var]:
    if isinstance(s, (Assign, CallHelper, Rebind, ArrayCall)):
        return s.targets
    return (s.target,) if isinstance(s, (For, Allocate)) else ()


class _Renamer:
    """A function's body with the caller's names, and bindings of `targets` in place of its return."""

    def __init__(self, names: dict[str, Any], targets: tuple[Var, ...], call: CallHelper):
        self.names = names
        self.targets = targets
        self.call = call

    def name(self, name: str) -> str:
        root, bracket, rest = name.partition("[")
        found = self.names.get(root)
        return f"{found.name}{bracket}{rest}" if isinstance(found, Var) else name

    def variable(self, v: Var) -> Var:
        return Var(self.name(v.name), v.type)

    def __call__(self, e: Expr) -> Expr:
        done: dict[Expr, Expr] = {}
        for node in topological((e,)):
            args = tuple(done[a] for a in node.args)
            if isinstance(node, Var):
                found = self.names.get(node.name, node)
                done[node] = Var(found.name, node.type) if isinstance(found, Var) else found
            elif isinstance(node, Load):
                rest = iter(args)
                index = tuple(next(rest) if isinstance(i, Expr) else i for i in node.index)
                kind = Element if isinstance(node, Element) else Load
                done[node] = kind(self.name(node.array), index, node.type)
            elif isinstance(node, Opaque):
                done[node] = Opaque(self._text(node), node.type, args, tuple(self.name(r) for r in node.reads))
            else:
                done[node] = rebuild(node, args)
        return done[e]

    def _text(self, node: Opaque) -> str:
        """Text such as `len(u)` with the caller's names."""

        def word(found: re.Match[str]) -> str:
            return self.name(found.group()) if found.group() in node.reads else found.group()

        return re.sub(r"(?<![\w.])[^\W\d]\w*", word, node.text)

    def block(self, block: Block) -> Block:
        return tuple(x for s in block for x in self._statement(s))

    def _statement(self, s: Statement) -> Sequence[Statement]:
        if isinstance(s, Return):
            return self._bound(s)
        if isinstance(s, Assign):
            return [replace(s, targets=tuple(map(self.variable, s.targets)), values=tuple(map(self, s.values)))]
        if isinstance(s, (CallHelper, ArrayCall)):
            return [replace(s, targets=tuple(map(self.variable, s.targets)), args=tuple(map(self, s.args)))]
        if isinstance(s, Store):
            index = tuple(self(i) if isinstance(i, Expr) else i for i in s.index)
            return [replace(s, array=self.name(s.array), index=index, value=self(s.value))]
        if isinstance(s, Allocate):
            return [replace(s, target=self.variable(s.target), shape=tuple(map(self, s.shape)))]
        if isinstance(s, Rebind):
            sources = tuple(
                replace(v, array=self.variable(v.array), args=tuple(map(self, v.args))) for v in s.sources
            )
            return [replace(s, targets=tuple(map(self.variable, s.targets)), sources=sources)]
        if isinstance(s, For):
            target, bounds = self.variable(s.target), tuple(map(self, s.bounds))
            return [replace(s, target=target, bounds=bounds, body=self.block(s.body), orelse=self.block(s.orelse))]
        if isinstance(s, (If, While)):
            return [replace(s, test=self(s.test), body=self.block(s.body), orelse=self.block(s.orelse))]
        if hasattr(s, "test"):
            return [replace(s, test=self(s.test))]  # type: ignore[call-arg]
        return [replace(s) if isinstance(s, Raise) else s]

    def _bound(self, s: Return) -> list[Statement]:
        """Numbers first: they may be read from arrays whose names are bound then."""
        pairs = list(zip(self.targets, map(self, s.values)))
        numbers = [(t, v) for t, v in pairs if t.type.kind != "array"]
        arrays = [(t, v) for t, v in pairs if t.type.kind == "array"]
        out: list[Statement] = []
        if numbers:
            out.append(Assign(tuple(t for t, _ in numbers), tuple(v for _, v in numbers), origin=self.call.origin))
        if arrays:
            sources = tuple(View(v) for _, v in arrays if isinstance(v, Var))
            out.append(Rebind(tuple(t for t, _ in arrays), sources, origin=self.call.origin))
        return out
