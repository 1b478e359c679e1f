"""Partial derivatives of expressions: one operation's from the rules, a whole expression's by the chain rule.

>>> from ..emitter.printer import expression
>>> from ..ir.expr import Op, Var, interning
>>> from ..ir.types import FLOAT64
>>> with interning():
...     k, v = Var("k", FLOAT64), Var("v", FLOAT64)
...     for atom, partial in partials(Op("*", Op("*", k, v), v)).items():
...         print(atom.name, expression(partial))
k v * v
v 2.0 * k * v
"""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Mapping

from ..ir.expr import (
    MINUS_ONE,
    ONE,
    ZERO,
    Call,
    Compare,
    Const,
    Expr,
    Load,
    Logic,
    Op,
    Select,
    Var,
    add,
    const,
    div,
    is_zero,
    mul,
    neg,
    power,
    select,
    sub,
    topological,
)
from ..ir.types import BOOL, FLOAT64, INT64, ScalarType, promote
from ..rules.scalar import BY_SPELLING, COMPLEX, RULES, Rule
from ..rules.support import SUPPORT

__all__ = ["NOT_MULTIPLICATIVE", "local_partials", "partials"]

NOT_MULTIPLICATIVE = frozenset({"real", "imag", "conj", "cabs"})
"""Functions of a complex number whose derivative is no multiplication: each stands in a statement of its own."""

_CONSTANT = frozenset({"int", "bool", "round"})
_BINARY = {ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: div}


def partials(e: Expr, seed: Mapping[Expr, Expr] | None = None) -> dict[Expr, Expr]:
    """The partials of `e` by every variable and element that it reads, structural zeros left out.

    `seed` gives several roots with weights instead: the partials of their weighted sum.
    """
    roots = seed if seed is not None else {e: ONE}
    weight: dict[Expr, Expr] = dict(roots)
    result: dict[Expr, Expr] = {}
    order = topological(tuple(roots))
    place: dict[Expr, int] = {node: i for i, node in enumerate(order) if isinstance(node, (Var, Load))}

    def first(factor: Expr) -> int:
        """Where in the expression a factor's first variable stands: products keep the user's order."""
        found = place.get(factor)
        if found is None:
            found = place[factor] = min((first(a) for a in factor.args), default=-1)
        return found

    for node in reversed(order):
        outer = weight.pop(node, None)
        if outer is None or is_zero(outer) or not node.type.is_differentiable:
            continue
        if isinstance(node, (Var, Load)):
            result[node] = outer
            continue
        for argument, partial in local_partials(node):
            if argument.type.is_differentiable and not is_zero(partial):
                factors = (outer, partial) if first(outer) <= first(partial) else (partial, outer)
                weight[argument] = add(weight.get(argument, ZERO), mul(*factors))
    return {node: result[node] for node in order if node in result}


def local_partials(node: Expr) -> list[tuple[Expr, Expr]]:
    """The partials of one operation by its arguments."""
    if not node.type.is_differentiable:
        return []
    if isinstance(node, Op):
        return _operator(node)
    if isinstance(node, Select):
        condition, a, b = node.args
        return [(a, select(condition, ONE, ZERO)), (b, select(condition, ZERO, ONE))]
    if isinstance(node, Call):
        return _call(node)
    return []


def _operator(node: Op) -> list[tuple[Expr, Expr]]:
    if len(node.args) == 1:
        return [(node.args[0], MINUS_ONE if node.op == "neg" else ONE)]
    a, b = node.args
    if node.op == "+":
        return [(a, ONE), (b, ONE)]
    if node.op == "-":
        return [(a, ONE), (b, MINUS_ONE)]
    if node.op == "*":
        return [(a, b), (b, a)]
    if node.op == "/":
        return [(a, div(ONE, b)), (b, neg(div(node, b)))]
    if node.op == "%":
        return [(a, ONE), (b, neg(Op("//", a, b)))]
    if node.op == "**":
        return _power(node, a, b)
    return []


def _power(node: Op, a: Expr, b: Expr) -> list[tuple[Expr, Expr]]:
    """A constant exponent never takes the logarithm's form; a variable one has the rule's."""
    exponent = _constant(b)
    if exponent is not None:
        if exponent == 0:
            return []
        if isinstance(exponent, int) and not (isinstance(b, Const) and b.named):
            return [(a, mul(const(float(exponent)), power(a, exponent - 1)))]
        if exponent == 0.5:
            return [(a, div(const(0.5), node))]
        if isinstance(b, Const) and b.named:
            return [(a, mul(b, Op("**", a, sub(b, ONE) if exponent != 1 else ZERO)))]
        lowered = exponent - 1.0
        if lowered == 0.0:
            return [(a, ONE)]
        return [(a, mul(const(exponent), a if lowered == 1.0 else Op("**", a, Const(lowered))))]
    if b.type.kind == "int":
        nonzero = Compare(("!=",), (b, Const(0)))
        return [(a, select(nonzero, mul(b, Op("**", a, Op("-", b, Const(1)), type=a.type)), ZERO))]
    if node.type.kind == "complex":
        return [(a, mul(b, Op("**", a, sub(b, ONE)))), (b, mul(node, Call("log", (a,), node.type, "np.log")))]
    return list(zip(node.args, _instantiate(RULES["pow"], node.args, node, "math.pow")))


def _constant(e: Expr) -> float | int | None:
    """The value of a constant exponent, which may carry a sign."""
    if isinstance(e, Const) and isinstance(e.value, (int, float)) and not isinstance(e.value, bool):
        return e.value
    if isinstance(e, Op) and e.op == "neg" and not (isinstance(e.args[0], Const) and e.args[0].named):
        inner = _constant(e.args[0])
        return None if inner is None else -inner
    return None


def _call(node: Call) -> list[tuple[Expr, Expr]]:
    name = node.function
    if name in _CONSTANT:
        return []
    if name == "cast":
        return [(node.args[0], ONE)]
    if name == "complex":
        return [(node.args[0], ONE), *((b, Const(1j)) for b in node.args[1:])]
    if name in ("max", "min"):
        a, b = node.args
        second = Compare((">" if name == "max" else "<",), (b, a))
        return [(a, select(second, ZERO, ONE)), (b, select(second, ONE, ZERO))]
    if name == "norm":
        nonzero = Compare(("!=",), (node, Const(0.0)))
        return [(a, select(nonzero, div(a, node), ZERO)) for a in node.args]
    if name == "root":
        return [(node.args[0], select(Compare(("!=",), (node, Const(0.0))), div(const(0.5), node), ZERO))]
    rule = COMPLEX.get(name, RULES[name]) if node.type.kind == "complex" else RULES[name]
    return list(zip(node.args, _instantiate(rule, node.args, node, node.spelling)))


def _instantiate(rule: Rule, args: tuple[Expr, ...], out: Expr, spelling: str) -> list[Expr]:
    """The partials of a rule for these arguments; other primitives are called through the same module."""
    bound = dict(zip(rule.params, args))
    bound["out"] = out
    builder = _Builder(bound, out.type, spelling)
    return [builder.build(_parse(text)) for text in rule.partials]


@functools.cache
def _parse(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


class _Builder:
    """From a partial's text to an expression."""

    def __init__(self, bound: Mapping[str, Expr], kind: ScalarType, spelling: str):
        self.bound = bound
        self.kind = kind
        self.root = spelling.rpartition(".")[0]

    def build(self, node: ast.expr) -> Expr:
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, (int, float))
            return {0.0: ZERO, 1.0: ONE}.get(float(node.value)) or const(float(node.value))
        if isinstance(node, ast.Name):
            if node.id == "pi":
                return Const(math.pi, "math.pi", named=True)
            if node.id == "nan":
                return Const(math.nan, "math.nan", named=True)
            return self.bound[node.id]
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Pow):
                exponent = ast.literal_eval(node.right) if isinstance(node.right, ast.Constant) else None
                left = self.build(node.left)
                return power(left, exponent) if isinstance(exponent, int) else Op("**", left, self.build(node.right))
            if isinstance(node.op, ast.FloorDiv):
                return Op("//", self.build(node.left), self.build(node.right))
            return _BINARY[type(node.op)](self.build(node.left), self.build(node.right))
        if isinstance(node, ast.UnaryOp):
            operand = self.build(node.operand)
            return Logic("not", operand) if isinstance(node.op, ast.Not) else neg(operand)
        if isinstance(node, ast.IfExp):
            return select(self.build(node.test), self.build(node.body), self.build(node.orelse))
        if isinstance(node, ast.Compare):
            ops = tuple(_COMPARISONS[type(op)] for op in node.ops)
            return Compare(ops, tuple(self._operand(e) for e in (node.left, *node.comparators)))
        if isinstance(node, ast.BoolOp):
            return Logic("and" if isinstance(node.op, ast.And) else "or", *(self.build(v) for v in node.values))
        assert isinstance(node, ast.Call) and isinstance(node.func, ast.Name), ast.dump(node)
        return self.call(node.func.id, tuple(self._operand(a) for a in node.args))

    def _operand(self, node: ast.expr) -> Expr:
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return Const(node.value)
        return self.build(node)

    def call(self, name: str, args: tuple[Expr, ...]) -> Expr:
        kind = promote(*(a.type for a in args), self.kind) if args else self.kind
        if name in RULES and RULES[name].result != "float":
            kind = {"int": INT64, "bool": BOOL}[RULES[name].result]
        if kind.kind not in ("float", "complex", "bool", "int"):
            kind = FLOAT64
        return Call(name, args, kind, self.spelling(name))

    def spelling(self, name: str) -> str:
        """`cos` as emitted code writes it beside a call of `math.sin` or `np.sin`."""
        if name in SUPPORT:
            return name
        spellings = RULES[name].spellings
        own = next((s for s in spellings if s.startswith("numpy.")), None)
        if self.root and self.root not in ("math", "cmath") and own is not None:
            return f"{self.root}.{own.rpartition('.')[2]}"
        if self.kind.kind == "complex" and f"cmath.{name}" in BY_SPELLING:
            return f"cmath.{name}"
        module, _, short = spellings[0].rpartition(".")
        return f"{'np' if module == 'numpy' else module}.{short}" if module != "builtins" else short


_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
