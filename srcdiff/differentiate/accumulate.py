"""Block-level accumulation: the local Jacobian of straight-line code, in the cheapest elimination order found.

Before, statement by statement, each with its tangents; after, the values, then the partials that `elimination` finds
cheapest, then the chain rule once for the whole block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..analyses.liveness import reads
from ..analyses.stops import may_stop
from ..ir.expr import (
    ZERO,
    Call,
    Const,
    Expr,
    Load,
    Op,
    Opaque,
    Select,
    Var,
    as_mask,
    has_zero_arm,
    is_atom,
    may_raise,
    neg,
    topological,
    unconditional,
    unmasked,
)
from ..ir.statements import Assign, Block, CallHelper, Comment, Return, Statement, expressions_of
from ..optimize.naming import describe
from ..optimize.order import in_order
from ..optimize.share import Rewriter, use_counts, with_reciprocals
from .elimination import Choice, Graph, Value, Vertex
from .partials import NOT_MULTIPLICATIVE

if TYPE_CHECKING:
    from .forward import Differentiator, Tangents

__all__ = ["accumulate", "fits", "row_block"]


def accumulate(d: Differentiator, run: Block, tangents: Tangents) -> list[Statement] | None:
    """The statements of an accumulated block, or None where statement by statement is as good."""
    if d.single or len(d.directions) < 2 or not fits(run):
        return None
    taken = set(d.taken)
    graph = Graph(d, run, tangents)
    chosen = graph.choose() if graph.active_results() else None
    if chosen is None:
        d.taken.clear()
        d.taken.update(taken)
        return None
    chosen.rows = [{direction: unmasked(e) for direction, e in row.items()} for row in chosen.rows]
    return _Block(graph, chosen).write(tangents)


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
    graph = Graph(d, run, tangents)
    assigned = {s.target.name: s.target for s in graph.steps if isinstance(s, Value)}
    assigned |= {t.name: t for t in graph.weights if isinstance(t, Var)}
    useful = d.needs.useful[id(run[-1])]
    graph.names = [n for n in graph.environment if n in useful and tangents.get(n)]
    graph.results = [graph.environment[n] for n in graph.names]
    choice = graph.cheapest()
    writer = _Block(graph, choice, labels)
    return [assigned[n] for n in graph.names], *writer.rows_and_statements()


class _Block:
    """The text of an accumulated block."""

    def __init__(self, graph: Graph, choice: Choice, labels: Sequence[str] | None = None):
        self.labels = graph.d.directions if labels is None else labels
        self.graph = graph
        self.d = graph.d
        self.choice = choice
        self.out: list[Statement] = []
        self.rewriter = Rewriter()
        self.returns = isinstance(graph.run[-1], Return)
        self.live = frozenset() if self.returns else self.d.needs.live[id(graph.run[-1])]
        values = graph.wanted_values()
        self._reciprocals(values)
        call_args = [a for s in self.steps if isinstance(s, CallHelper) for a in s.args]
        checks = [s.node for s in self.steps if isinstance(s, Value) and may_stop(*expressions_of(s.statement))]
        every = [*self.tangent_roots, *self.values, *call_args, *checks]
        self.counts = use_counts(every)
        self.guarded = may_raise(topological(tuple(every))) - unconditional(tuple(every))
        self.final: list[tuple[Var, Expr]] = []

    def _reciprocals(self, values: list[Expr]) -> None:
        """Divide once by what is divided by often: in derivatives, and in values that nobody sees."""
        steps = self.graph.steps
        protected = self.d.protected
        hidden = [
            s.node
            for s in steps
            if isinstance(s, Value) and not self.d.values_wanted and s.target.name not in protected
        ]
        seen = [s.node for s in steps if isinstance(s, Value) and (self.d.values_wanted or s.target.name in protected)]
        tangents = [e for row in self.choice.rows for e in row.values()]
        kept = [*seen, *values] if self.d.values_wanted else seen
        changed = with_reciprocals([*tangents, *hidden, *kept], kept)
        ordered = in_order(
            list(map(changed.__getitem__, tangents)), list(map(changed.__getitem__, (*hidden, *seen, *values)))
        )
        changed = {e: ordered.get(fresh, fresh) for e, fresh in changed.items()}
        self.rows = [{direction: changed[e] for direction, e in row.items()} for row in self.choice.rows]
        self.tangent_roots = [e for row in self.rows for e in row.values()]
        self.edges: dict[Expr, tuple[Vertex, Vertex]] = {}
        for e, edge in reversed(self.choice.edges.items()):
            minus = isinstance(e, Op) and e.op == "neg"
            self.edges[neg(changed.get(e.args[0], e.args[0])) if minus else changed.get(e, e)] = edge
        self.steps = [
            replace(s, node=changed.get(s.node, s.node)) if isinstance(s, Value) else s for s in steps
        ]
        self.values = [changed.get(v, v) for v in values]
        pairs = zip(steps, self.steps)
        self.known = {a.node: b.target for a, b in pairs if isinstance(a, Value) and isinstance(b, Value)}

    def write(self, tangents: Tangents) -> list[Statement]:
        self.out.append(Comment("# values"))
        self._values()
        if len(self.out) == 1:
            self.out.clear()
        body = len(self.out)
        rows = self._tangents()
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
                source = self.labels[direction] if direction < len(self.labels) else "x"
                self._name_weight(e, f"{target}_by_{source}")
                fresh[direction] = self.rewriter(e)
                if has_zero_arm(e):
                    condition, _ = as_mask(e)
                    self._name_weight(condition, "chosen")
                    fresh[direction] = Select(self.rewriter(condition), fresh[direction], ZERO)
            rows.append(fresh)
        after: list[Statement] = []
        if self.final:
            after.append(Assign(tuple(t for t, _ in self.final), tuple(e for _, e in self.final)))
        return rows, Surroundings(self.out, after)

    def _name_weight(self, e: Expr, name: str) -> None:
        if not is_atom(e) and e not in self.rewriter.names:
            variable = Var(self.d.fresh(name), e.type)
            self.out.append(Assign((variable,), (self.rewriter.definition(e),)))
            self.rewriter.name(e, variable)

    def _values(self) -> None:
        assigned: dict[str, int] = {}
        for s in self.steps:
            for t in (s.target,) if isinstance(s, Value) else s.targets if isinstance(s, CallHelper) else ():
                assigned[t.name] = assigned.get(t.name, 0) + 1
        entering = {n.name for n in topological(tuple(self.counts)) if isinstance(n, Var)} - {
            t.name for t in self.graph.weights if isinstance(t, Var)
        }
        last = {s.target.name: s for s in self.steps if isinstance(s, Value)}
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
                    if not isinstance(following, Value) or following.statement is not s.statement:
                        break
                    group.append(following)
                    position += 1
                self._group(group, assigned, entering, last)

    def _group(
        self, group: list[Value], assigned: dict[str, int], entering: set[str], last: dict[str, Value]
    ) -> None:
        """The values of one statement of the user."""
        moves: list[tuple[Var, Expr]] = []
        for s in group:
            name = s.target.name
            needed = name in self.live and last[name] is s
            if s.node not in self.counts and not needed:
                continue
            conflict = assigned[name] > 1 or name in entering
            if isinstance(s.node, (Const, Opaque, Var)) or s.node in self.rewriter.names:
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
            if not node.type.is_differentiable or self.counts.get(node, 0) < 2 or node in self.guarded:
                continue
            if isinstance(node, Op) and node.op == "neg":
                continue
            variable = Var(self.d.fresh(self._name_of(node)), node.type)
            self.out.append(Assign((variable,), (self.rewriter.definition(node),)))
            self.rewriter.name(node, variable)

    def _name_of(self, node: Expr) -> str:
        """A partial is named for what it is, `out0_by_theta`; anything else by its text."""
        definition = self.rewriter.definition(node)
        quotient = isinstance(node, Op) and node.op == "/" and isinstance(node.args[0], Const)
        if node in self.edges and not quotient:
            return self._partial_name(*self.edges[node]) or describe(definition)
        opposite = self.edges.get(neg(node))
        name = self._partial_name(*opposite) if opposite is not None else ""
        return describe(definition, f"minus_{name}" if name else "")

    def _partial_name(self, of: Vertex, by: Vertex) -> str:
        times = ""
        if isinstance(of, tuple) and of[0] == "numerator":
            of, times = of[1], f"_times_{self._variable_name(of[1].args[1])}"
        target, source = self._vertex_name(of), self._vertex_name(by)
        if not target or not source or times == "_times_":
            return ""
        return (f"d{target}_d{source}" if isinstance(by, int) else f"{target}_by_{source}") + times

    def _vertex_name(self, vertex: Vertex) -> str:
        if isinstance(vertex, int):
            return self.labels[vertex] if vertex < len(self.labels) else ""
        if isinstance(vertex, tuple):
            kind, index = vertex
            if kind == "numerator":
                numerator, quotient, divisor = map(self._variable_name, (index.args[0], index, index.args[1]))
                return numerator or (f"{quotient}_over_{divisor}" if quotient and divisor else "")
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

    def _tangents(self) -> list[dict[int, Expr]]:
        self._define(self.tangent_roots)
        return [{direction: self.rewriter(e) for direction, e in row.items()} for row in self.rows]

    def _deliver(self, rows: list[dict[int, Expr]], tangents: Tangents) -> None:
        """Put tangents and values that leave the block into their variables."""
        targets = [Var(name, self.graph.environment[name].type) for name in self.graph.names]
        kinds = {s.target.name: s.target for s in self.steps if isinstance(s, Value)}
        targets = [kinds.get(t.name, t) for t in targets]
        # In the order of the text, as the order of tangents is that of moves where branches join.
        assigned = dict.fromkeys(s.target.name for s in self.steps if isinstance(s, Value))
        assigned |= dict.fromkeys(t.name for t in self.graph.weights if isinstance(t, Var))
        self.d._protect(set(assigned), tangents, self.out)
        before = len(self.out)
        for name in assigned:
            tangents[name] = {}
        tangents.update(self.d.deliver(targets, rows, self.out))
        if len(self.out) > before:
            self.out.insert(before, Comment("# derivatives"))
        if self.final:
            self.out.append(Assign(tuple(t for t, _ in self.final), tuple(e for _, e in self.final)))

