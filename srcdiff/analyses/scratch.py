"""Which arrays of a function one piece of memory can serve, in all its loops and in every call.

An array qualifies if its name is bound in one place, which is not in a branch, and its shape follows from the shapes of
the parameters. In a loop its name must be the only one for its memory, and be read in that loop only: what it refers to
is then lost when the name is bound again, so that the next trip may as well write to the same memory. Outside of loops
views may share it: they end with the call.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
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
    View,
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
    known: dict[str, Expr | View] = {}
    for s in body:
        if isinstance(s, (Assign, Rebind)):
            once = [(t.name, v) for t, v in zip(s.targets, _sources(s)) if bound[t.name] == 1]
            known.update((name, v) for name, v in once if name not in parameters)
    found: dict[str, Allocate] = {}

    def visit(block: Block, looped: bool) -> None:
        for s in block:
            if isinstance(s, Allocate):
                name = s.target.name
                if bound[name] > 1 or name in parameters:
                    continue
                if looped and (name in others or _mentions(block, name) < _mentions(body, name)):
                    continue
                shape = tuple(_resolved(e, known) for e in s.shape)
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


def _sources(s: Assign | Rebind) -> tuple[Expr | View, ...]:
    return s.values if isinstance(s, Assign) else s.sources


def _resolved(e: Expr, known: Mapping[str, Expr | View]) -> Expr:
    """The expression with numbers and views that are bound once, before any loop or branch, written out.

    >>> from ..emitter.printer import expression
    >>> from ..ir.expr import interning
    >>> from ..ir.types import FLOAT64, INT64, ArrayType
    >>> with interning():
    ...     view = View(Var("y", ArrayType(FLOAT64, 1)), "index", ("{}:",), (Var("n", INT64),))
    ...     known = {"n": Const(3), "speed": view}
    ...     expression(_resolved(Opaque("len(speed)", INT64, (), ("speed",)), known))
    'len(y[3:])'
    """
    done: dict[Expr, Expr] = {}
    for node in topological((e,)):
        if isinstance(node, Var) and isinstance(known.get(node.name), Expr):
            done[node] = _resolved(known[node.name], known)  # type: ignore[arg-type]
        elif isinstance(node, Opaque) and len(node.reads) == 1 and isinstance(known.get(node.reads[0]), View):
            done[node] = _through(node, known[node.reads[0]], known)  # type: ignore[arg-type]
        else:
            done[node] = rebuild(node, tuple(done[a] for a in node.args))
    return done[e]


def _through(length: Opaque, view: View, known: Mapping[str, Expr | View]) -> Expr:
    """The length of a view in terms of the array that it is taken from: slices, which cannot fail."""
    if view.kind != "index" or length.args or not all(":" in str(part) for part in view.detail):
        return length
    part = f"{view.array.name}[{', '.join(map(str, view.detail))}]"
    text = re.sub(rf"\b{length.reads[0]}\b", lambda _: part, length.text)
    args = tuple(_resolved(a, known) for a in view.args)
    found = Opaque(text, length.type, args, (view.array.name,))
    source = known.get(view.array.name)
    return length if isinstance(source, View) else found


def _is_length(e: Expr, arrays: Collection[str]) -> bool:
    """Whether an expression is a number of elements, at least zero, whatever the shapes of the arrays."""
    if isinstance(e, Const):
        return isinstance(e.value, int) and e.value >= 0
    if isinstance(e, Opaque):
        known = bool(e.reads) and set(e.reads) <= set(arrays)
        return e.type.kind == "int" and known and all(_is_whole(a, arrays) for a in e.args)
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
