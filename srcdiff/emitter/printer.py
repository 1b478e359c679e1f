"""Expressions and statements as Python text, with as few parentheses as precedence allows.

>>> from ..ir.expr import Op, Var, interning
>>> from ..ir.types import FLOAT64
>>> with interning():
...     a, b = Var("a", FLOAT64), Var("b", FLOAT64)
...     print(expression(Op("*", Op("+", a, b), Op("-", a, Op("-", b, a)))))
(a + b) * (a - (b - a))
"""

from __future__ import annotations

from collections.abc import Callable

from ..ir.expr import Call, Compare, Const, Expr, Helper, Load, Logic, Op, Opaque, Select, Var

__all__ = ["expression", "helper_name"]

_TERNARY, _OR, _AND, _NOT, _COMPARE = 1, 2, 3, 4, 5
_BINARY = {"|": 6, "^": 7, "&": 8, "<<": 9, ">>": 9, "+": 10, "-": 10, "*": 11, "/": 11, "//": 11, "%": 11, "**": 13}
_UNARY = {"neg": "-", "pos": "+", "inv": "~"}
_ATOM = 20


def helper_name(helper: object) -> str:
    """The emitted name of another function of the module."""
    return str(getattr(helper, "name", helper))


def expression(e: Expr, minimum: int = 0, *, exact: bool = False) -> str:
    """The text of `e`, in parentheses if it binds less tightly than `minimum`.

    `exact` keeps the tree's own shape when it is parsed back; otherwise a minus sign may move into a product, which
    has the same value.
    """
    text, level = _render(e, lambda child, low: expression(child, low, exact=exact), exact)
    return f"({text})" if level < minimum else text


def _render(e: Expr, go: Callable[[Expr, int], str], exact: bool) -> tuple[str, int]:
    if isinstance(e, Const):
        return e.text, 12 if e.text.startswith("-") else _ATOM
    if isinstance(e, Var):
        return e.name, _ATOM
    if isinstance(e, Load):
        index = ", ".join(go(i, _TERNARY) if isinstance(i, Expr) else str(i) for i in e.index)
        return f"{e.array}[{index}]", _ATOM
    if isinstance(e, Op):
        return _operator(e, go, exact)
    if isinstance(e, Call):
        if e.function in ("real", "imag"):
            return f"{go(e.args[0], _ATOM)}.{e.function}", _ATOM
        if e.function == "cast" and e.spelling == "float" and e.args[0].type.kind == "bool":
            return f"1.0 if {go(e.args[0], _OR)} else 0.0", _TERNARY  # Numba has no float() of a truth value
        if e.function == "norm":
            squares = " + ".join(f"{go(a, 11)} * {go(a, 12)}" for a in e.args)
            return f"math.sqrt({squares})", _ATOM
        return f"{e.spelling}({', '.join(go(a, _TERNARY) for a in e.args)})", _ATOM
    if isinstance(e, Helper):
        return f"{helper_name(e.helper)}({', '.join(go(a, _TERNARY) for a in e.args)})", _ATOM
    if isinstance(e, Select):
        condition, a, b = e.args
        return f"{go(a, _OR)} if {go(condition, _OR)} else {go(b, _TERNARY)}", _TERNARY
    if isinstance(e, Compare):
        parts = [go(e.args[0], 6)]
        for op, operand in zip(e.ops, e.args[1:]):
            parts.append(f"{op} {go(operand, 6)}")
        return " ".join(parts), _COMPARE
    if isinstance(e, Logic):
        if e.op == "not":
            return f"not {go(e.args[0], _NOT)}", _NOT
        level = _OR if e.op == "or" else _AND
        return f" {e.op} ".join(go(a, level + 1) for a in e.args), level
    if isinstance(e, Opaque):
        return e.text.format(*(go(a, _TERNARY) for a in e.args)) if e.args else e.text, _ATOM
    raise TypeError(type(e).__name__)


def _takes_sign(e: Expr) -> bool:
    """Whether a minus sign may move to the first factor: not past `//` and `%`, which round."""
    if not (isinstance(e, Op) and e.op in ("*", "/")):
        return False
    while isinstance(e, Op) and len(e.args) == 2 and _BINARY[e.op] == 11:
        if e.op in ("//", "%"):
            return False
        e = e.args[0]
    return True


def _operator(e: Op, go: Callable[[Expr, int], str], exact: bool) -> tuple[str, int]:
    if e.op in _UNARY:
        operand = e.args[0]
        if not exact and _takes_sign(operand):
            return f"{_UNARY[e.op]}{go(operand, 11)}", 11
        return f"{_UNARY[e.op]}{go(operand, 12)}", 12
    level = _BINARY[e.op]
    left, right = e.args
    if e.op == "**":
        return f"{go(left, 14)}**{go(right, 12)}", 13
    return f"{go(left, level)} {e.op} {go(right, level + 1)}", level
