"""Names for subexpressions that several derivatives need.

>>> from ..emitter.printer import expression
>>> from ..ir.expr import ONE, Call, Var, interning, mul
>>> from ..ir.types import FLOAT64
>>> with interning():
...     x, a, b = (Var(n, FLOAT64) for n in "xab")
...     cosine = Call("cos", (x,), FLOAT64, "math.cos")
...     shared, results = share([mul(cosine, a), mul(cosine, b)], lambda base: base, CHEAP)
...     for name, value in shared:
...         print(name.name, "=", expression(value))
...     print([expression(r) for r in results])
cos_x = math.cos(x)
['cos_x * a', 'cos_x * b']
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..ir.expr import (
    ONE,
    Call,
    Const,
    Expr,
    Helper,
    Op,
    Opaque,
    Select,
    Var,
    is_atom,
    is_step,
    may_raise,
    rebuild,
    topological,
    unconditional,
)
from .naming import describe

__all__ = [
    "ALWAYS",
    "CHEAP",
    "Rewriter",
    "cost",
    "operations",
    "share",
    "use_counts",
    "with_reciprocals",
]

CHEAP = 4
"""Share what saves at least this much: `2.0 * k * v` twice stays as it is, a cosine does not."""

ALWAYS = 1
"""Share whatever is used twice."""


def cost(node: Expr) -> int:
    """The cost of one operation, in additions."""
    if isinstance(node, Op):
        return {"/": 4, "**": 4, "//": 4, "%": 4, "neg": 0}.get(node.op, 1)
    if isinstance(node, (Call, Helper)):
        return 0 if node.__class__ is Call and node.function == "cast" else 10
    return 1 if isinstance(node, Select) else 0


def operations(roots: Sequence[Expr]) -> int:
    """Floating-point operations needed for all of `roots` when everything equal is computed once."""
    total = 0
    for node in topological(tuple(roots)):
        if node.type.is_differentiable and isinstance(node, (Op, Select, Call, Helper)) and node.args:
            total += 1
    return total


def use_counts(roots: Sequence[Expr]) -> dict[Expr, int]:
    """How often each node is used as an argument or root."""
    counts: dict[Expr, int] = {}
    for root in roots:
        counts[root] = counts.get(root, 0) + 1
    for node in topological(tuple(roots)):
        for argument in node.args:
            counts[argument] = counts.get(argument, 0) + 1
    return counts


class Rewriter:
    """Replaces nodes by variables, from a growing table."""

    def __init__(self) -> None:
        self.names: dict[Expr, Expr] = {}
        self._done: dict[Expr, Expr] = {}

    def name(self, node: Expr, variable: Expr) -> None:
        self.names[node] = variable
        if node in self._done:
            self._done.clear()

    def __call__(self, e: Expr) -> Expr:
        """`e` with the nodes of the table replaced."""
        done = self._done
        stack = [e]
        while stack:
            node = stack[-1]
            if node not in done:
                if node in self.names:
                    done[node] = self.names[node]
                else:
                    below = [a for a in reversed(node.args) if a not in done]
                    if below:
                        stack += below
                        continue
                    done[node] = rebuild(node, tuple(done[a] for a in node.args))
            stack.pop()
        return done[e]

    def definition(self, e: Expr) -> Expr:
        """`e` written out once, its arguments replaced."""
        return rebuild(e, tuple(map(self, e.args)))


def with_reciprocals(roots: Sequence[Expr], kept: Sequence[Expr]) -> dict[Expr, Expr]:
    """Several divisions by the same become one reciprocal and products.

    What is in `kept`, or decides a comparison or rounding, divides as the user wrote. A division takes as long as
    several products, and its rounding differs by one ulp at most. Returns what every expression below `roots` becomes.
    """
    nodes = topological(tuple(roots))
    decided = [a for node in nodes if is_step(node) for a in node.args]
    untouched = set(topological((*kept, *decided))) | (set(nodes) - unconditional(tuple(roots)))
    divisors: dict[Expr, int] = {}
    for node in nodes:
        if isinstance(node, Op) and node.op == "/" and node not in untouched and node.type.is_real:
            divisors[node.args[1]] = divisors.get(node.args[1], 0) + 1
    often = {d for d, count in divisors.items() if count > 2 and not isinstance(d, Const)}
    if not often:
        return {node: node for node in nodes}
    done: dict[Expr, Expr] = {}
    for node in nodes:
        fresh = node if node in untouched else rebuild(node, tuple(done[a] for a in node.args))
        if isinstance(node, Op) and node.op == "/" and node not in untouched and node.args[1] in often:
            inverse = Op("/", ONE, done[node.args[1]])
            left = done[node.args[0]]
            fresh = inverse if isinstance(left, Const) and left.value == 1 else Op("*", left, inverse)
        done[node] = fresh
    return done


def _is_scaled(node: Expr) -> bool:
    """A literal times something: what is worth a name is the something."""
    return isinstance(node, Op) and node.op == "*" and isinstance(node.args[0], Const) and not node.args[0].named


def share(
    roots: Sequence[Expr],
    fresh: Callable[[str], str],
    threshold: int,
    named: Mapping[Expr, str] | None = None,
    hints: Mapping[Expr, str] | None = None,
) -> tuple[list[tuple[Var, Expr]], list[Expr]]:
    """Name what several roots share if that saves at least `threshold`; returns definitions and rewritten roots.

    `named` are shared in any case, under the given names; `hints` are names for what has no short one of its own.
    """
    named, hints = named or {}, hints or {}
    counts = use_counts(roots)
    nodes = topological(tuple(roots))
    guarded = may_raise(nodes) - unconditional(tuple(roots))
    rewriter = Rewriter()
    definitions: list[tuple[Var, Expr]] = []
    weight: dict[Expr, int] = {}
    for node in nodes:
        weight[node] = cost(node) + sum(weight[a] for a in node.args)
        if is_atom(node) or isinstance(node, Opaque) or not node.type.is_differentiable or node in guarded:
            continue
        if counts[node] > 1 and threshold > ALWAYS and _is_scaled(node) and weight[node] >= threshold:
            counts[node.args[1]] += counts[node] - 1
            node = node.args[1]
            if node in rewriter.names or is_atom(node) or node in guarded:
                continue
        worth = weight[node] * (counts[node] - 1) >= threshold and counts[node] > 1
        if weight[node] and (worth or node in named):
            definition = rewriter.definition(node)
            base = named.get(node) or describe(definition, hints.get(node, ""))
            variable = Var(fresh(base), node.type)
            definitions.append((variable, definition))
            rewriter.name(node, variable)
            weight[node] = 0
    return definitions, [rewriter(root) for root in roots]
