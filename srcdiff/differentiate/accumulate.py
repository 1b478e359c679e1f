"""Block-level accumulation: the local Jacobian of straight-line code, in the cheapest elimination order found.

The block is a graph: directions feed the variables that enter it, operations follow, results leave it. An edge
carries a partial. Eliminating a vertex joins its incoming to its outgoing edges by products (Griewank and Walther,
*Evaluating Derivatives*, 2nd ed., ch. 9 and 10); whatever the order, what remains in the end is the block's Jacobian
applied to the incoming tangents. Orders are compared by counting operations, common subexpressions once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..analyses.liveness import reads
from ..ir.expr import (
    ONE,
    ZERO,
    Call,
    Const,
    Expr,
    Helper,
    Load,
    Op,
    Opaque,
    Var,
    add,
    is_atom,
    is_zero,
    mul,
    rebuild,
    topological,
)
from ..ir.statements import Assign, Block, CallHelper, Comment, Origin, Return, Statement
from ..optimize.share import Rewriter, describe, operations, use_counts, with_reciprocals
from .partials import NOT_MULTIPLICATIVE, local_partials

if TYPE_CHECKING:
    from .forward import Differentiator, Tangents

__all__ = ["accumulate", "fits", "row_block"]

ENOUGH = 0.9
"""Accumulate a block only if it takes at most this share of the operations: the plainer form wins where they are close."""

Vertex = Any
"""An expression; an int, for a direction; or a tuple ("out", i), for a result."""

_Order = Callable[[dict[Vertex, dict[Vertex, Expr]], dict[Vertex, set[Vertex]], list[Expr]], Iterable[Expr]]


def accumulate(d: Differentiator, run: Block, tangents: Tangents) -> list[Statement] | None:
    """The statements of an accumulated block, or None where statement by statement is as good."""
    if d.single or len(d.directions) < 2 or not fits(run):
        return None
    taken = set(d.taken)
    graph = _Graph(d, run, tangents)
    chosen = graph.choose() if graph.active_results() else None
    if chosen is None:
        d.taken.clear()
        d.taken.update(taken)
        return None
    return graph.emit(chosen, tangents)


def fits(run: Block) -> bool:
    """Whether every derivative in a block is a product with a partial."""
    for s in run:
        values = s.values if isinstance(s, (Assign, Return)) else s.args if isinstance(s, CallHelper) else ()
        for node in topological(tuple(values)):
            if isinstance(node, Call) and node.function in NOT_MULTIPLICATIVE:
                return False
    return True


@dataclass
class Surroundings:
    """What stands before and after the application of a block's local Jacobian."""

    before: list[Statement]
    after: list[Statement]


def row_block(
    d: Differentiator, run: Block, tangents: Tangents, labels: Sequence[str]
) -> tuple[list[Var], list[dict[int, Expr]], Surroundings]:
    """A block's results, the weights by which they depend on what enters, and the statements that compute these."""
    graph = _Graph(d, run, tangents)
    assigned = {s.target.name: s.target for s in graph.steps if isinstance(s, _Value)}
    assigned |= {t.name: t for t in graph.weights if isinstance(t, Var)}
    useful = d.needs.useful[id(run[-1])]
    graph.names = [n for n in graph.environment if n in useful and n in tangents and assigned[n].type.is_differentiable]
    graph.results = [graph.environment[n] for n in graph.names]
    choice = graph.cheapest()
    writer = _Block(graph, choice, labels)
    return [assigned[n] for n in graph.names], *writer.rows_and_statements()


@dataclass
class _Value:
    """One assignment of the block: what it assigns, as an expression over the variables that enter."""

    target: Var
    node: Expr
    origin: Origin | None
    statement: Statement


@dataclass
class _Choice:
    rows: list[dict[int, Expr]]
    count: int
    edges: dict[Expr, tuple[Vertex, Vertex]]
    """Which partial an expression is: of the first vertex by the second."""


@dataclass(eq=False)
class _Graph:
    d: Differentiator
    run: Block
    tangents: Tangents
    steps: list[_Value | CallHelper | Comment] = field(default_factory=list)
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
                    self.steps.append(_Value(t, node, s.origin, s))
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
        active = {f"#{i}": {0: ONE} for i, a in enumerate(s.args) if self.is_active(a)}
        stand_ins = tuple(Var(f"#{i}", a.type) for i, a in enumerate(s.args))
        out: list[Statement] = []
        weights = self.d.helper_weights(replace(s, args=stand_ins), active, out)
        call = out[0]
        assert isinstance(call, CallHelper)
        self.steps.append(replace(call, args=s.args))
        for t, row in zip(s.targets, weights):
            edges: dict[Expr, Expr] = {}
            for stand_in, w in row.items():
                argument = s.args[stand_ins.index(stand_in)]  # type: ignore[arg-type]
                edges[argument] = add(edges.get(argument, ZERO), w)
            self.weights[t] = edges
            self.environment[t.name] = t

    def is_active(self, e: Expr) -> bool:
        for node in topological((e,)):
            if node in self._active:
                continue
            if isinstance(node, (Var, Load)):
                from .forward import key_of

                found = bool(self.weights.get(node)) or bool(self.tangents.get(key_of(node)))
                self._active[node] = found and node.type.is_differentiable
            else:
                self._active[node] = node.type.is_differentiable and any(self._active[a] for a in node.args)
        return self._active[e]

    def active_results(self) -> bool:
        return any(self.is_active(r) for r in self.results)

    # -- elimination ------------------------------------------------------------------------------------------------

    def _edges(self) -> tuple[dict[Vertex, dict[Vertex, Expr]], list[Expr]]:
        """Incoming edges of every active vertex, and the vertices in topological order."""
        from .forward import key_of

        incoming: dict[Vertex, dict[Vertex, Expr]] = {}
        order: list[Expr] = []
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
                order.append(node)

        visit(pending)
        for i, result in enumerate(self.results):
            incoming[("out", i)] = {result: ONE} if self.is_active(result) else {}
        return incoming, order

    def _eliminate(self, pick: _Order) -> _Choice:
        """Eliminate every vertex between directions and results, in the order that `pick` gives."""
        incoming, order = self._edges()
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
        count = operations([*self._wanted_values(), *(e for row in rows for e in row.values())])
        return _Choice(rows, count, names)

    def _orders(self) -> dict[str, _Order]:
        def forward(incoming: Any, outgoing: Any, order: list[Expr]) -> Iterable[Expr]:
            return list(order)

        def reverse(incoming: Any, outgoing: Any, order: list[Expr]) -> Iterable[Expr]:
            return list(reversed(order))

        def markowitz(incoming: Any, outgoing: Any, order: list[Expr]) -> Iterable[Expr]:
            remaining = {v: i for i, v in enumerate(order)}
            degrees = {v: _degree(v, incoming, outgoing) for v in order}
            while remaining:
                best = min(remaining, key=lambda v: (degrees[v], -remaining[v]))
                touched = [*incoming[best], *outgoing.get(best, ())]
                del remaining[best]
                yield best
                for v in touched:
                    if v in remaining:
                        degrees[v] = _degree(v, incoming, outgoing)

        return {"statements": self._by_statement, "forward": forward, "reverse": reverse, "markowitz": markowitz}

    def _by_statement(self, incoming: Any, outgoing: Any, order: list[Expr]) -> Iterable[Expr]:
        """What statement-level preaccumulation does: inner operations backwards, then variables forwards."""
        variables = {s.node for s in self.steps if isinstance(s, _Value)} | set(self.weights)
        inner = [v for v in reversed(order) if v not in variables and not isinstance(v, (Var, Load))]
        return [*inner, *(v for v in order if v in variables or isinstance(v, (Var, Load)))]

    def cheapest(self) -> _Choice:
        """The cheapest order, whatever it compares with."""
        return min((self._eliminate(pick) for pick in self._orders().values()), key=lambda choice: choice.count)

    def choose(self) -> _Choice | None:
        """The cheapest order, if it beats statement by statement clearly."""
        best: _Choice | None = None
        plain = 0
        for name, pick in self._orders().items():
            choice = self._eliminate(pick)
            if name == "statements":
                plain = choice.count
            elif best is None or choice.count < best.count:
                best = choice
        if best is None or best.count > ENOUGH * plain or plain - best.count < 6:
            return None
        return best

    def _wanted_values(self) -> list[Expr]:
        if isinstance(self.run[-1], Return):
            return list(self.results) if self.d.values_wanted else []
        live = self.d.needs.live[id(self.run[-1])]
        return [node for name, node in self.environment.items() if name in live]

    # -- text -------------------------------------------------------------------------------------------------------

    def emit(self, choice: _Choice, tangents: Tangents) -> list[Statement]:
        """Values, then partials, then the chain rule."""
        writer = _Block(self, choice)
        return writer.write(tangents)


def _degree(v: Vertex, incoming: Any, outgoing: Any) -> int:
    """Products that eliminating a vertex takes, where neither edge is one."""
    plain_in = sum(not _unit(e) for e in incoming[v].values())
    out = outgoing.get(v, ())
    plain_out = sum(not _unit(incoming[t][v]) for t in out)
    return plain_in * plain_out + len(incoming[v]) * len(out)


def _unit(e: Expr) -> bool:
    return isinstance(e, Const) and not e.named and abs(e.value) == 1


class _Block:
    """The text of an accumulated block."""

    def __init__(self, graph: _Graph, choice: _Choice, labels: Sequence[str] | None = None):
        self.labels = graph.d.directions if labels is None else labels
        self.graph = graph
        self.d = graph.d
        self.choice = choice
        self.out: list[Statement] = []
        self.rewriter = Rewriter()
        self.returns = isinstance(graph.run[-1], Return)
        self.live = frozenset() if self.returns else self.d.needs.live[id(graph.run[-1])]
        values = graph._wanted_values()
        self._reciprocals(values)
        call_args = [a for s in self.steps if isinstance(s, CallHelper) for a in s.args]
        self.counts = use_counts([*self.tangent_roots, *self.values, *call_args])
        self.final: list[tuple[Var, Expr]] = []

    def _reciprocals(self, values: list[Expr]) -> None:
        """Divide once by what is divided by often: in derivatives, and in values that nobody sees."""
        steps = self.graph.steps
        protected = self.d.protected
        hidden = [
            s.node
            for s in steps
            if isinstance(s, _Value) and not self.d.values_wanted and s.target.name not in protected
        ]
        seen = [s.node for s in steps if isinstance(s, _Value) and (self.d.values_wanted or s.target.name in protected)]
        tangents = [e for row in self.choice.rows for e in row.values()]
        kept = [*seen, *values] if self.d.values_wanted else seen
        changed = with_reciprocals([*tangents, *hidden, *kept], kept)
        self.rows = [{direction: changed[e] for direction, e in row.items()} for row in self.choice.rows]
        self.tangent_roots = [e for row in self.rows for e in row.values()]
        self.edges = {changed.get(e, e): edge for e, edge in reversed(self.choice.edges.items())}
        self.steps = [
            replace(s, node=changed.get(s.node, s.node)) if isinstance(s, _Value) else s for s in steps
        ]
        self.values = [changed.get(v, v) for v in values]
        self.known = {
            old.node: new.target for old, new in zip(steps, self.steps) if isinstance(old, _Value) and isinstance(new, _Value)
        }

    def write(self, tangents: Tangents) -> list[Statement]:
        self.out.append(Comment("# values"))
        self._values()
        if len(self.out) == 1:
            self.out.clear()
        body = len(self.out)
        rows = self._tangents(tangents)
        if len(self.out) > body:
            self.out.insert(body, Comment("# partials"))
        run = self.graph.run
        if self.returns:
            last = run[-1]
            assert isinstance(last, Return)
            values = [self.rewriter(v) for v in self.graph.results]
            if self.d.values_wanted:
                self._define(self.graph.results)
                values = [self.rewriter(v) for v in self.graph.results]
            finished = self.d.finish(replace(last, values=tuple(values)), values, rows)
            self.out.append(Comment("# derivatives"))
            self.out.extend(finished)
            return self.out
        self._deliver(rows, tangents)
        return self.out

    def rows_and_statements(self) -> tuple[list[dict[int, Expr]], Surroundings]:
        """Weights over named values, the statements that compute both, and what must follow their use."""
        self._values()
        self._define(self.tangent_roots)
        rows: list[dict[int, Expr]] = []
        for target, row in zip(self.graph.names, self.rows):
            fresh: dict[int, Expr] = {}
            for direction, e in row.items():
                if not is_atom(e) and e not in self.rewriter.names:
                    source = self.labels[direction] if direction < len(self.labels) else "x"
                    variable = Var(self.d.fresh(f"{target}_by_{source}"), e.type)
                    self.out.append(Assign((variable,), (self.rewriter.definition(e),)))
                    self.rewriter.name(e, variable)
                fresh[direction] = self.rewriter(e)
            rows.append(fresh)
        after: list[Statement] = []
        if self.final:
            after.append(Assign(tuple(t for t, _ in self.final), tuple(e for _, e in self.final)))
        return rows, Surroundings(self.out, after)

    def _values(self) -> None:
        assigned: dict[str, int] = {}
        for s in self.steps:
            if isinstance(s, _Value):
                assigned[s.target.name] = assigned.get(s.target.name, 0) + 1
        entering = {n.name for n in topological(tuple(self.counts)) if isinstance(n, Var)} - {
            t.name for t in self.graph.weights if isinstance(t, Var)
        }
        last = {s.target.name: s for s in self.steps if isinstance(s, _Value)}
        steps = self.steps
        position = 0
        while position < len(steps):
            s = steps[position]
            position += 1
            if isinstance(s, Comment):
                self.out.append(s)
            elif isinstance(s, CallHelper):
                self._define(s.args)
                self.out.append(replace(s, args=tuple(self.rewriter(a) for a in s.args)))
            else:
                group = [s]
                while position < len(steps):
                    following = steps[position]
                    if not isinstance(following, _Value) or following.statement is not s.statement:
                        break
                    group.append(following)
                    position += 1
                self._group(group, assigned, entering, last)

    def _group(
        self, group: list[_Value], assigned: dict[str, int], entering: set[str], last: dict[str, _Value]
    ) -> None:
        """The values of one statement of the user."""
        moves: list[tuple[Var, Expr]] = []
        for s in group:
            name = s.target.name
            needed = name in self.live and last[name] is s
            if s.node not in self.counts and not needed:
                continue
            conflict = assigned[name] > 1 or name in entering
            if isinstance(s.node, (Const, Opaque)) or isinstance(s.node, Var) or s.node in self.rewriter.names:
                if needed:
                    self._finally(s.target, s.node, conflict, moves)
                continue
            variable = Var(self.d.fresh(f"{name}_new"), s.target.type) if conflict else s.target
            self._define(s.node.args)
            moves.append((variable, self.rewriter.definition(s.node) if not is_atom(s.node) else s.node))
            self.rewriter.name(s.node, variable)
            if conflict and needed:
                self.final.append((s.target, variable))
        own = {v.name for v, _ in moves}
        if any(own & reads(e) for _, e in moves):
            for variable, e in moves:
                self.out.append(Assign((variable,), (e,), origin=group[0].origin))
        elif moves:
            self.out.append(Assign(tuple(v for v, _ in moves), tuple(e for _, e in moves), origin=group[0].origin))

    def _finally(self, target: Var, node: Expr, conflict: bool, moves: list[tuple[Var, Expr]]) -> None:
        value = self.rewriter(node)
        if isinstance(value, Var) and value.name == target.name:
            return
        if conflict:
            self.final.append((target, value))
        else:
            moves.append((target, value))

    def _define(self, roots: Sequence[Expr]) -> None:
        """Name every operation below `roots` that is used more than once."""
        for node in topological(tuple(roots)):
            if is_atom(node) or isinstance(node, (Opaque, Const)) or node in self.rewriter.names:
                continue
            if not node.type.is_differentiable or self.counts.get(node, 0) < 2:
                continue
            if isinstance(node, Op) and node.op == "neg" and is_atom(node.args[0]):
                continue
            if isinstance(node, Op) and node.op == "neg":
                continue
            variable = Var(self.d.fresh(self._name_of(node)), node.type)
            self.out.append(Assign((variable,), (self.rewriter.definition(node),)))
            self.rewriter.name(node, variable)

    def _name_of(self, node: Expr) -> str:
        """A partial is named for what it is, `out0_by_theta`; anything else by its text."""
        edge = self.edges.get(node)
        quotient = isinstance(node, Op) and node.op == "/" and isinstance(node.args[0], Const)
        if edge is not None and not quotient:
            target, source = self._vertex_name(edge[0]), self._vertex_name(edge[1])
            if target and isinstance(edge[1], int):
                return f"d{target}_d{source}"
            if target and source:
                return f"{target}_by_{source}"
        return describe(self.rewriter.definition(node))

    def _vertex_name(self, vertex: Vertex) -> str:
        if isinstance(vertex, int):
            return self.labels[vertex] if vertex < len(self.labels) else ""
        if isinstance(vertex, tuple):
            index = vertex[1]
            node = self.graph.results[index]
            known = self._variable_name(node)
            return known or (f"out{index}" if len(self.graph.results) > 1 else "out")
        return self._variable_name(vertex)

    def _variable_name(self, node: Expr) -> str:
        named = self.rewriter.names.get(node, self.known.get(node, node))
        if isinstance(named, Var):
            return named.name
        if isinstance(named, Load) and all(isinstance(i, int) for i in named.index):
            return "".join((named.array.partition("[")[0], *map(str, named.index)))
        return ""

    def _tangents(self, tangents: Tangents) -> list[dict[int, Expr]]:
        self._define(self.tangent_roots)
        return [{direction: self.rewriter(e) for direction, e in row.items()} for row in self.rows]

    def _deliver(self, rows: list[dict[int, Expr]], tangents: Tangents) -> None:
        """Put tangents and values that leave the block into their variables."""
        targets = [Var(name, self.graph.environment[name].type) for name in self.graph.names]
        kinds = {s.target.name: s.target for s in self.steps if isinstance(s, _Value)}
        targets = [kinds.get(t.name, t) for t in targets]
        assigned = {s.target.name for s in self.steps if isinstance(s, _Value)} | {
            t.name for t in self.graph.weights if isinstance(t, Var)
        }
        self.d._protect(assigned, tangents, self.out)
        before = len(self.out)
        for name in assigned:
            tangents[name] = {}
        tangents.update(self.d.deliver(targets, rows, self.out))
        if len(self.out) > before:
            self.out.insert(before, Comment("# derivatives"))
        if self.final:
            self.out.append(Assign(tuple(t for t, _ in self.final), tuple(e for _, e in self.final)))

