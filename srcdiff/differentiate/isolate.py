"""Statements of their own for what the chain rule of partials does not cover as it stands.

Functions of a complex number whose derivative is no multiplication, and nested selections, are taken out of
expressions before differentiation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..ir.expr import (
    ONE,
    ZERO,
    Call,
    Compare,
    Const,
    Element,
    Expr,
    Var,
    add,
    div,
    is_atom,
    mul,
    rebuild,
    select,
    topological,
)
from ..ir.statements import Assign, Block, CallHelper, For, If, Return, Statement, Store, While
from ..ir.types import ScalarType
from .partials import NOT_MULTIPLICATIVE

__all__ = ["SELECTING", "isolate", "not_multiplicative_tangent"]

SELECTING = frozenset({"maximum", "minimum", "fmax", "fmin", "max", "min"})
"""Functions whose partials are conditionals: nested, each stands in a statement of its own."""


def isolate(block: Block, fresh: Callable[[str], str]) -> list[Statement]:
    """Give every function that is not multiplicative, and every nested selection, a statement of its own."""
    out: list[Statement] = []
    for s in block:
        if isinstance(s, (Assign, Return)):
            alone = isinstance(s, Assign) and len(s.values) == 1
            out.append(replace(s, values=tuple(_hoist(v, out, alone, fresh) for v in s.values)))
        elif isinstance(s, CallHelper):
            out.append(replace(s, args=tuple(_hoist(a, out, False, fresh) for a in s.args)))
        elif isinstance(s, Store):
            out.append(replace(s, value=_hoist(s.value, out, True, fresh)))
        elif isinstance(s, (If, For, While)):
            out.append(replace(s, body=tuple(isolate(s.body, fresh)), orelse=tuple(isolate(s.orelse, fresh))))
        else:
            out.append(s)
    return out


def _hoist(e: Expr, out: list[Statement], alone: bool, fresh: Callable[[str], str]) -> Expr:
    nodes = [n for n in topological((e,)) if isinstance(n, Call)]
    nested = {a for n in nodes if n.function in SELECTING for a in topological(n.args)}
    apart = {n for n in nodes if n.function in NOT_MULTIPLICATIVE or (n.function in SELECTING and n in nested)}
    if not apart:
        return e
    done: dict[Expr, Expr] = {}
    for node in topological((e,)):
        made = rebuild(node, tuple(done[a] for a in node.args))
        if node in apart and isinstance(made, Call):
            argument = made.args[0]
            if made.function in NOT_MULTIPLICATIVE and not (is_atom(argument) or isinstance(argument, Element)):
                inner = Var(fresh("z"), argument.type)
                out.append(Assign((inner,), (argument,)))
                made = Call(made.function, (inner,), made.type, made.spelling)
            if not (alone and node is e):
                name = "abs" if made.function == "cabs" else made.function
                variable = Var(fresh(f"{name}_{getattr(argument, 'name', 'value')}"), made.type)
                out.append(Assign((variable,), (made,)))
                made = variable
        done[node] = made
    return done[e]


def not_multiplicative_tangent(value: Call, tangent: Expr) -> Expr:
    """The tangent of the real or imaginary part, conjugate or modulus of a number with the given tangent."""
    z, kind = value.args[0], value.type

    def part(name: str, e: Expr) -> Expr:
        if isinstance(e, Const):
            return Const(getattr(complex(e.value), name))
        return Call(name, (e,), ScalarType("float", kind.bits), name) if e.type.kind == "complex" else (
            e if name == "real" else ZERO
        )

    if value.function in ("real", "imag"):
        return part(value.function, tangent)
    if value.function == "conj":
        return Call("conj", (tangent,), kind, value.spelling) if tangent.type.kind == "complex" else tangent
    length = Call("cabs", (z,), kind, value.spelling)
    products = add(mul(part("real", z), part("real", tangent)), mul(part("imag", z), part("imag", tangent)))
    # At 0, where the products are 0, the derivative is that of abs(0).
    return div(products, select(Compare(("!=",), (length, Const(0.0))), length, ONE))
