"""Names for what is shared: `cos_total`, `x_sq`, `a_dot_b`, after what an expression is.

>>> from ..ir.types import FLOAT64
>>> from ..ir.expr import interning
>>> with interning():
...     x, y, c = (Var(name, FLOAT64) for name in ("x", "y", "c"))
...     a, b = ([Var(f"{name}_{i}", FLOAT64) for i in range(3)] for name in "ab")
...     products = [Op("*", p, q) for p, q in zip(a, b)]
...     print(describe(Op("*", x, x)), describe(Op("/", x, y)), describe(Op("-", Const(1.0), c)))
...     print(describe(Op("+", Op("+", products[0], products[1]), products[2])))
...     print(describe(Op("-", Op("*", a[1], b[2]), Op("*", a[2], b[1]))))
x_sq x_over_y one_minus_c
a_dot_b
a_cross_b_0
"""

from __future__ import annotations

import re

from ..ir.expr import Call, Const, Expr, Load, Op, Var

__all__ = ["describe"]

LONGEST = 24
"""A name may have so many characters."""

DEEPEST = 3
"""A name may tell so many levels of operations."""

_NUMBERS = {1.0: "one", 2.0: "two", 3.0: "three", 4.0: "four", 0.5: "half"}
_FACTORS = {2.0: "twice", 3.0: "three", 4.0: "four", 0.5: "half"}
_POWERS: dict[float, str] = {2: "sq", 3: "cubed", 4: "fourth"}
_JOINS = {"*": "", "/": "over_", "+": "plus_", "-": "minus_"}
_KINDS = {"+": "sum", "-": "difference", "*": "product", "/": "quotient", "**": "power", "%": "remainder"}


def describe(e: Expr, otherwise: str = "") -> str:
    """What an expression is, in a few words; else `otherwise`, or the kind of its last operation."""
    found = _vectors(e) or _name(e, DEEPEST)
    if found and len(found) <= LONGEST:
        return found
    return otherwise or _outer(e)


def _outer(e: Expr) -> str:
    """The last operation, with what it joins where that has a short name."""
    if isinstance(e, Call):
        return f"{_function(e)}_value"
    if not isinstance(e, Op):
        return "value"
    names = [_name(a, 1) for a in e.args]
    names = [name if len(name) <= LONGEST // 2 else "" for name in names]
    kinds = [_KINDS.get(a.op, "") if isinstance(a, Op) else "" for a in e.args]
    if sum(map(bool, names)) == 1 < len(names) and all(n or k for n, k in zip(names, kinds)):
        found = _joined(e, [n or k for n, k in zip(names, kinds)])
        if found and len(found) <= LONGEST:
            return found
    return {"+": "weighted_sum"}.get(e.op) or _KINDS.get(e.op, "value")


def _name(e: Expr, depth: int) -> str:
    """The operations in words, or nothing where a part has no name."""
    if not e.args or isinstance(e, Load):
        return _atom(e)
    parts = [_name(a, depth - 1) for a in e.args] if depth else []
    if isinstance(e, Call):
        first = re.sub(r"_\d+$", "", parts[0]) if parts and e.function == "norm" else ""
        known = bool(parts) and all(parts) and e.function != "complex"
        return f"norm_{first}" if first else f"{_function(e)}_{'_'.join(parts)}" if known else ""
    if not isinstance(e, Op) or not parts:
        return ""
    return _joined(e, parts)


def _joined(e: Op, parts: list[str]) -> str:
    """The name of an operation from those of its parts."""
    literal = _literal(e.args[0])
    if literal is not None and len(parts) == 2 and parts[1]:
        if e.op == "*":
            return f"{_FACTORS.get(literal, 'scaled')}_{parts[1]}"
        if e.op == "/" and literal == 1:
            return f"inv_{parts[1]}"
        if e.op == "/":
            return f"{_NUMBERS[literal]}_over_{parts[1]}" if literal in _NUMBERS else f"scaled_inv_{parts[1]}"
    if e.op == "**" and parts[0] and _literal(e.args[1]) is not None:
        return f"{parts[0]}_{_POWERS.get(_literal(e.args[1]) or 0.0, 'pow')}"
    if not all(parts):
        return ""
    if len(parts) == 1:
        return f"minus_{parts[0]}" if e.op == "neg" else ""
    left, right = parts
    if e.op == "**":
        return f"{left}_pow_{right}"
    if e.op == "*" and left.startswith("inv_"):
        left, right = right, left
    if e.op == "*" and right.startswith("inv_"):
        return f"{left}_over_{right[4:]}"
    if e.op == "*" and left == right:
        return f"{left}_sq"
    return f"{left}_{_JOINS[e.op]}{right}" if e.op in _JOINS else ""


def _function(e: Call) -> str:
    return "abs" if e.function == "cabs" else e.function


def _literal(e: Expr) -> float | None:
    if isinstance(e, Const) and not e.named and isinstance(e.value, (int, float)):
        return e.value
    return None


def _atom(e: Expr) -> str:
    """The name of a variable or element, unless it is made up of many words; the word for a small number."""
    name = ""
    if isinstance(e, Var):
        name = e.name
    elif isinstance(e, Load) and all(isinstance(i, int) for i in e.index):
        name = "_".join((e.array.partition("[")[0], *map(str, e.index)))
    elif isinstance(e, Const):
        name = e.text.replace(".", "_") if e.named else _NUMBERS.get(e.value, "")
    return name if len(name) <= 16 and name.count("_") <= 2 and name.isidentifier() else ""


def _vectors(e: Expr) -> str:
    """`a_dot_b` for a sum of products of elements, `a_cross_b_0` for an element of a cross product."""
    terms = _terms(e)
    pairs = [(sign, *pair) for sign, term in terms if (pair := _elements(term)) is not None]
    if not 2 <= len(terms) <= 4 or len(pairs) < len(terms):
        return ""
    _, (a, i), (b, j) = pairs[0]
    if any((left, right) != (a, b) for _, (left, _), (right, _) in pairs):
        return ""
    if all(sign > 0 and k == m for sign, (_, k), (_, m) in pairs):
        return f"{a}_dot_{b}"
    sign, (_, k), (_, m) = pairs[1]
    if len(pairs) == 2 and sign < 0 and (i, j) == (m, k) and j == (i + 1) % 3 and max(i, j) < 3:
        return f"{a}_cross_{b}_{3 - i - j}"
    return ""


def _elements(e: Expr) -> tuple[tuple[str, int], tuple[str, int]] | None:
    """The vectors and places that a product of two elements is made of."""
    if not isinstance(e, Op) or e.op != "*":
        return None
    left, right = (re.fullmatch(r"(\w*[^\W\d])_(\d)", _atom(a)) for a in e.args)
    if left is None or right is None:
        return None
    return (left[1], int(left[2])), (right[1], int(right[2]))


def _terms(e: Expr, sign: int = 1) -> list[tuple[int, Expr]]:
    if isinstance(e, Op) and e.op in "+-" and len(e.args) == 2:
        left, right = e.args
        return [*_terms(left, sign), *_terms(right, sign if e.op == "+" else -sign)]
    return [(sign, e)]
