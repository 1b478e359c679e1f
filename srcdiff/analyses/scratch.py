"""Which arrays of a function one piece of memory can serve, in all its loops and in every call.

An array qualifies if its name is bound in one place, which is not in a branch, and its shape follows from the shapes of
the parameters. In a loop its name must be the only one for its memory, and be read in that loop only: what it refers to
is then lost when the name is bound again, so that the next trip may as well write to the same memory. Outside of loops
views may share it: they end with the call.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..ir.expr import Call, Const, Expr, Op, Opaque, Var, rebuild, topological
from ..ir.statements import (
    Allocate,
    ArrayCall,
    Assign,
    Block,
    CallHelper,
    For,
    Rebind,
    Statement,
    While,
    expressions_of,
    statements,
)
from .liveness import reads

__all__ = ["bindings", "scratch", "shared"]


def scratch(body: Block, parameters: Collection[str]) -> dict[str, Allocate]:
    """The arrays that qualify, in order, with shapes in terms of the parameters and of each other."""
    bound = bindings(body)
    others = {name for s in statements(body) for name in shared(s)}
    fixed = {name for name in parameters if name not in bound}
    numbers: dict[str, Expr] = {}
    for s in body:
        if isinstance(s, Assign):
            once = ((t.name, v) for t, v in zip(s.targets, s.values) if bound[t.name] == 1)
            numbers.update((name, v) for name, v in once if name not in parameters)
    found: dict[str, Allocate] = {}

    def visit(block: Block, looped: bool) -> None:
        for s in block:
            if isinstance(s, Allocate):
                name = s.target.name
                if bound[name] > 1 or name in parameters:
                    continue
                if looped and (name in others or _mentions(block, name) < _mentions(body, name)):
                    continue
                shape = tuple(_resolved(e, numbers) for e in s.shape)
                if all(_is_length(e, fixed) for e in shape):
                    found[name] = replace(s, shape=shape, origin=None)
                    fixed.add(name)
            elif isinstance(s, (For, While)):
                visit(s.body, True)

    visit(body, False)
    return found


def bindings(body: Block) -> dict[str, int]:
    """In how many places each name is bound."""
    bound: dict[str, int] = {}
    for s in statements(body):
        targets = (s.target,) if isinstance(s, (Allocate, For)) else getattr(s, "targets", ())
        for t in targets:
            bound[t.name] = bound.get(t.name, 0) + 1
    return bound


def shared(s: Statement) -> set[str]:
    """Arrays whose memory a statement may give to another name, here or in the tangents."""
    if isinstance(s, Rebind):
        return {v.array.name for v in s.sources if v.kind != "copy"}
    if isinstance(s, ArrayCall):
        return {a.name for a in s.args if isinstance(a, Var)}
    if isinstance(s, CallHelper):
        arguments = dict(zip(s.helper.parameters, s.args))
        if len(s.helper.arrays) == sum(t.type.kind == "array" for t in s.targets):
            regions = {region for array in s.helper.arrays for region in array.regions}
            arguments = {name: a for name, a in arguments.items() if f"param:{name}" in regions}
        return {a.name for a in arguments.values() if isinstance(a, Var)}
    return set()


def _mentions(block: Block, name: str) -> int:
    """How many statements read or write elements of an array."""
    return sum(name in reads(*expressions_of(s)) or getattr(s, "array", "") == name for s in statements(block))


def _resolved(e: Expr, numbers: dict[str, Expr]) -> Expr:
    """The expression with numbers that are assigned once, before any loop or branch, written out."""
    done: dict[Expr, Expr] = {}
    for node in topological((e,)):
        if isinstance(node, Var) and node.name in numbers:
            done[node] = _resolved(numbers[node.name], numbers)
        else:
            done[node] = rebuild(node, tuple(done[a] for a in node.args))
    return done[e]


def _is_length(e: Expr, arrays: Collection[str]) -> bool:
    """Whether an expression is a number of elements, at least zero, whatever the shapes of the arrays."""
    if isinstance(e, Const):
        return isinstance(e.value, int) and e.value >= 0
    if isinstance(e, Opaque):
        return e.type.kind == "int" and not e.args and bool(e.reads) and set(e.reads) <= set(arrays)
    if isinstance(e, Op) and e.op == "//":
        return _is_length(e.args[0], arrays) and isinstance(e.args[1], Const) and e.args[1].value > 0
    if isinstance(e, Op):
        return e.op in ("+", "*") and all(_is_length(a, arrays) for a in e.args)
    if isinstance(e, Call) and e.function == "max" and any(isinstance(a, Const) and a.value == 0 for a in e.args):
        return all(_is_whole(a, arrays) for a in e.args)
    return False


def _is_whole(e: Expr, arrays: Collection[str]) -> bool:
    """Whether an expression is a whole number of any sign that follows from lengths."""
    if isinstance(e, Op) and e.op in ("+", "-", "*", "neg"):
        return all(_is_whole(a, arrays) for a in e.args)
    return (isinstance(e, Const) and isinstance(e.value, int)) or _is_length(e, arrays)
