"""The graph of a block, and the orders in which its vertices may be eliminated.

Directions feed the variables that enter the block, operations follow, results leave it. An edge carries a partial.
Eliminating a vertex joins its incoming to its outgoing edges by products (Griewank and Walther, *Evaluating
Derivatives*, 2nd ed., ch. 9 and 10); whatever the order, what remains in the end is the block's Jacobian applied to
the incoming tangents. Orders are compared by counting operations, common subexpressions once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..ir.expr import (
    ONE,
    ZERO,
    Const,
    Expr,
    Helper,
    Load,
    Op,
    Var,
    add,
    div,
    is_zero,
    key_of,
    mul,
    neg,
    rebuild,
    topological,
)
from ..ir.statements import Assign, Block, CallHelper, Comment, Origin, Return, Statement
from ..optimize.share import operations
from .partials import local_partials

if TYPE_CHECKING:
    from .forward import Differentiator, Tangents

__all__ = ["Choice", "Graph", "Value", "Vertex"]

ENOUGH = 0.9
"""Accumulate a block only if it takes at most this share of the operations: where they are close, plainer wins."""

SMALL = 8
"""Blocks of fewer active operations are left as they are: in thousands of functions none of them won anything."""

LARGE = 40
"""In blocks of more operations only Markowitz's order is tried: elimination takes long there, and others win little."""

LEAST = 6
"""Operations that accumulating a block must save."""

Vertex = Any
"""An expression; an int, for a direction; ("out", i), for a result; or ("numerator", quotient)."""

_Order = Callable[[dict[Vertex, dict[Vertex, Expr]], dict[Vertex, set[Vertex]], list[Vertex]], Iterable[Vertex]]


@dataclass
class Value:
    """One assignment of the block: what it assigns, as an expression over the variables that enter."""

    target: Var
    node: Expr
    origin: Origin | None
    statement: Statement


@dataclass
class Choice:
    """The outcome of one order: the rows of the local Jacobian, and how many operations they take."""

    rows: list[dict[int, Expr]]
    count: int
    edges: dict[Expr, tuple[Vertex, Vertex]]
    """Which partial an expression is: of the first vertex by the second."""


@dataclass(eq=False)
class Graph:
    """A straight-line block; `steps` are its statements, `results` what it delivers under `names`."""

    d: Differentiator
    run: Block
    tangents: Tangents
    steps: list[Value | CallHelper | Comment] = field(default_factory=list)
    environment: dict[str, Expr] = field(default_factory=dict)
    weights: dict[Expr, dict[Expr, Expr]] = field(default_factory=dict)
    results: list[Expr] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._active: dict[Expr, bool] = {}
        for s in self.run:
            if isinstance(s, Comment):
                self.steps.append(s)
            elif isinstance(s, Assign):
                nodes = [self._node(v, s.origin, t) for t, v in zip(s.targets, s.values)]
                for t, node in zip(s.targets, nodes):
                    self.steps.append(Value(t, node, s.origin, s))
                    self.environment[t.name] = node
            elif isinstance(s, CallHelper):
                args = tuple(self._node(a, s.origin, None) for a in s.args)
                self._call(replace(s, args=args))
            elif isinstance(s, Return):
                self.results = [self._node(v, s.origin, None) for v in s.values]
        if not isinstance(self.run[-1], Return):
            useful = self.d.needs.useful[id(self.run[-1])]
            self.names = [n for n in self.environment if n in useful]
            self.results = [self.environment[n] for n in self.names]

    # -- building ---------------------------------------------------------------------------------------------------

    def _node(self, e: Expr, origin: Origin | None, target: Var | None) -> Expr:
        """An expression over entering variables; active calls of helpers become steps."""
        done: dict[Expr, Expr] = {}
        for node in topological((e,)):
            if isinstance(node, Var):
                done[node] = self.environment.get(node.name, node)
                continue
            fresh = rebuild(node, tuple(done[a] for a in node.args))
            differentiable = target is None or target.type.is_differentiable
            if isinstance(fresh, Helper) and differentiable and self.is_active(fresh):
                variable = Var(self.d.fresh(f"{fresh.helper.name}_value"), fresh.type)
                self._call(CallHelper((variable,), fresh.helper, fresh.args, origin=origin))
                fresh = variable
            done[node] = fresh
        return done[e]

    def _call(self, s: CallHelper) -> None:
        active: Tangents = {f"#{i}": {0: ONE} for i, a in enumerate(s.args) if self.is_active(a)}
        stand_ins = tuple(Var(f"#{i}", a.type) for i, a in enumerate(s.args))
        position: dict[Expr, int] = {v: i for i, v in enumerate(stand_ins)}
        out: list[Statement] = []
        weights = self.d.helper_weights(replace(s, args=stand_ins), active, out)
        call = out[0]
        assert isinstance(call, CallHelper)
        self.steps.append(replace(call, args=s.args))
        for t, row in zip(s.targets, weights):
            edges: dict[Expr, Expr] = {}
            for stand_in, w in row.items():
                argument = s.args[position[stand_in]]
                edges[argument] = add(edges.get(argument, ZERO), w)
            self.weights[t] = edges
            self.environment[t.name] = t

    def is_active(self, e: Expr) -> bool:
        """Whether an expression depends on what varies."""
        known = self._active.get(e)
        if known is not None:
            return known
        stack = [e]
        while stack:
            node = stack[-1]
            below = [a for a in node.args if a not in self._active]
            if below and not isinstance(node, (Var, Load)):
                stack += below
                continue
            stack.pop()
            if isinstance(node, (Var, Load)):
                found = bool(self.weights.get(node)) or bool(self.tangents.get(key_of(node)))
            else:
                found = any(self._active[a] for a in node.args)
            self._active[node] = found and node.type.is_differentiable
        return self._active[e]

    def active_results(self) -> bool:
        return any(self.is_active(r) for r in self.results)

    # -- elimination ------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _edges(self) -> tuple[dict[Vertex, dict[Vertex, Expr]], list[Vertex]]:
        """Incoming edges of every active vertex, and the vertices in topological order."""
        incoming: dict[Vertex, dict[Vertex, Expr]] = {}
        order: list[Vertex] = []
        pending = [r for r in self.results if self.is_active(r)]
        visited: set[Expr] = set()

        def visit(roots: Iterable[Expr]) -> None:
            for node in topological(tuple(roots)):
                if node in visited or not self.is_active(node):
                    continue
                visited.add(node)
                edges: dict[Vertex, Expr] = {}
                if node in self.weights:
                    visit(a for a in self.weights[node] if a not in visited)
                    edges = {a: w for a, w in self.weights[node].items() if self.is_active(a)}
                elif isinstance(node, (Var, Load)):
                    edges = dict(self.tangents[key_of(node)])
                else:
                    for argument, partial in local_partials(node):
                        if not is_zero(partial) and self.is_active(argument):
                            edges[argument] = add(edges.get(argument, ZERO), partial)
                incoming[node] = {v: e for v, e in edges.items() if not is_zero(e)}
                if len(incoming[node]) > 1 and isinstance(node, Op) and node.op == "/":
                    self._split(node, incoming, order)
                order.append(node)

        visit(pending)
        for i, result in enumerate(self.results):
            incoming[("out", i)] = {result: ONE} if self.is_active(result) else {}
        return incoming, order

    def _split(self, quotient: Op, incoming: dict[Vertex, dict[Vertex, Expr]], order: list[Vertex]) -> None:
        """Both partials of `a / b` hold the factor 1 / b: a vertex between them, (1, -a / b), and the quotient."""
        a, b = quotient.args
        numerator = ("numerator", quotient)
        incoming[numerator] = {a: ONE, b: neg(quotient)}
        incoming[quotient] = {numerator: div(ONE, b)}
        order.append(numerator)

    def _eliminate(self, pick: _Order) -> Choice:
        """Eliminate every vertex between directions and results, in the order that `pick` gives."""
        edges_of, order = self._edges
        incoming = {vertex: dict(edges) for vertex, edges in edges_of.items()}
        names: dict[Expr, tuple[Vertex, Vertex]] = {}
        for target, edges in incoming.items():
            for source, edge in edges.items():
                names.setdefault(edge, (target, source))
        outgoing: dict[Vertex, set[Vertex]] = {}
        for vertex, edges in incoming.items():
            for source in edges:
                outgoing.setdefault(source, set()).add(vertex)
        rank: dict[Vertex, int] = {v: i for i, v in enumerate(incoming)}
        for vertex in pick(incoming, outgoing, order):
            edges = incoming.pop(vertex)
            for source in edges:
                outgoing[source].discard(vertex)
            for target in sorted(outgoing.pop(vertex, ()), key=rank.__getitem__):
                weight = incoming[target].pop(vertex)
                for source, edge in edges.items():
                    total = add(incoming[target].get(source, ZERO), mul(weight, edge))
                    if is_zero(total):
                        incoming[target].pop(source, None)
                        outgoing[source].discard(target)
                    else:
                        incoming[target][source] = total
                        outgoing[source].add(target)
                        names.setdefault(total, (target, source))
        rows = [dict(sorted(incoming[("out", i)].items())) for i in range(len(self.results))]
        count = operations([*self.wanted_values(), *(e for row in rows for e in row.values())])
        return Choice(rows, count, names)

    def _orders(self) -> dict[str, _Order]:
        def reverse(incoming: Any, outgoing: Any, order: list[Vertex]) -> Iterable[Vertex]:
            return list(reversed(order))

        def markowitz(incoming: Any, outgoing: Any, order: list[Vertex]) -> Iterable[Vertex]:
            remaining = {v: i for i, v in enumerate(order)}
            waiting = {v[1]: v for v in order if isinstance(v, tuple)}
            degrees = {v: _degree(v, incoming, outgoing) for v in order if not isinstance(v, tuple)}
            while degrees:
                best = min(degrees, key=lambda v: (degrees[v], -remaining[v]))
                touched = [*incoming[best], *outgoing.get(best, ())]
                del degrees[best]
                yield best
                if best in waiting:
                    degrees[waiting[best]] = 0
                for v in touched:
                    if v in degrees:
                        degrees[v] = _degree(v, incoming, outgoing)

        return {"statements": self._by_statement, "reverse": reverse, "markowitz": markowitz}

    def _by_statement(self, incoming: Any, outgoing: Any, order: list[Vertex]) -> Iterable[Vertex]:
        """What statement-level preaccumulation does: inner operations backwards, then variables forwards."""
        variables = {s.node for s in self.steps if isinstance(s, Value)} | set(self.weights)
        inner = [v for v in reversed(order) if v not in variables and not isinstance(v, (Var, Load))]
        return [*inner, *(v for v in order if v in variables or isinstance(v, (Var, Load)))]

    def cheapest(self) -> Choice:
        """The cheapest order, whatever it compares with."""
        return min((self._eliminate(pick) for pick in self._orders().values()), key=lambda choice: choice.count)

    def choose(self) -> Choice | None:
        """The cheapest order, if it beats statement by statement clearly."""
        if len(self._edges[1]) < SMALL:
            return None
        orders = self._orders()
        plain = self._eliminate(orders.pop("statements")).count
        if plain - operations(self.wanted_values()) < LEAST:
            return None
        if len(self._edges[1]) > LARGE:
            orders = {"markowitz": orders["markowitz"]}
        best = min((self._eliminate(pick) for pick in orders.values()), key=lambda choice: choice.count)
        return None if best.count > ENOUGH * plain or plain - best.count < LEAST else best

    def wanted_values(self) -> list[Expr]:
        if isinstance(self.run[-1], Return):
            return list(self.results) if self.d.values_wanted else []
        live = self.d.needs.live[id(self.run[-1])]
        return [node for name, node in self.environment.items() if name in live]


def _degree(v: Vertex, incoming: Any, outgoing: Any) -> int:
    """Products that eliminating a vertex takes, where neither edge is one, and by how much it adds to the edges."""
    plain_in = sum(not _unit(e) for e in incoming[v].values())
    out = outgoing.get(v, ())
    plain_out = sum(not _unit(incoming[t][v]) for t in out)
    return plain_in * plain_out + len(incoming[v]) * len(out) - len(incoming[v]) - len(out)


def _unit(e: Expr) -> bool:
    return isinstance(e, Const) and not e.named and abs(e.value) == 1
