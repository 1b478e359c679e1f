"""The passes over a block of points that a straight-line run takes: arithmetic, calls, arithmetic, ...

Every operation has a level: the number of library calls, one after the other, that it waits for. The pass of a level
does all arithmetic of that level, which LLVM vectorises; then come the calls whose arguments are known by now. What
a later pass reads is kept in a row of the work array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..ir.expr import Call, Const, Expr, Helper, Op, Var, rebuild
from ..ir.statements import Assign, CallHelper, Statement, Store
from ..ir.types import FLOAT64

if TYPE_CHECKING:
    from .blocks import Builder

__all__ = ["NoBlocks", "Passes"]

_VECTOR = frozenset({
    "sqrt", "fabs", "absolute", "square", "reciprocal", "negative", "positive", "norm", "isnan", "isinf", "isfinite",
})  # fmt: skip
"""Functions that are vector instructions; all others are library calls."""


class NoBlocks(Exception):
    """Why a function is computed point by point."""


class Passes:
    """The passes over the block that one run takes."""

    def __init__(self, builder: Builder, homes: Mapping[str, Expr], results: Sequence[Expr], test: Expr | None):
        self.b = builder
        self.level: dict[Expr, int] = {}
        self.kept: dict[Expr, int] = {}
        """The row of a value that a later pass reads."""
        self.order: list[Expr] = []
        self.temporary: list[int] = []
        self.scalar: dict[Expr, Var] = {}
        self.before: list[Statement] = []
        roots = [*homes.values(), *results, *([test] if test is not None else [])]
        for root in roots:
            self._levels(root)
        self.last = max((self.level[r] for r in roots), default=0)
        for e in results:
            self._later(e)
        if test is not None:
            self._need(test, self.last + 1)
        self.homes: list[tuple[int, Expr]] = []
        for name, e in homes.items():
            row = builder.rows[name]
            if not (isinstance(e, Var) and e.name == f"@{row}"):
                self._need(e, self.last)
                self.homes.append((row, e))

    # -- what is computed when --------------------------------------------------------------------------------------

    def _children(self, node: Expr) -> tuple[Expr, ...]:
        return self.b.calls[node][1] if node in self.b.calls else node.args

    def _is_call(self, node: Expr) -> bool:
        if node in self.b.calls or isinstance(node, Helper):
            return True
        if isinstance(node, Call):
            return node.function not in _VECTOR and node.function != "cast"
        if isinstance(node, Op) and node.op == "**":
            exponent = node.args[1]
            return not (isinstance(exponent, Const) and isinstance(exponent.value, int) and abs(exponent.value) <= 8)
        return isinstance(node, Op) and node.op in ("//", "%")

    def _levels(self, root: Expr) -> None:
        stack: list[tuple[Expr, bool]] = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if node in self.level:
                continue
            if self.b.is_uniform(node) or (isinstance(node, Var) and node.name[0] == "@"):
                self.level[node] = 0
                continue
            children = self._children(node)
            if not ready:
                stack.append((node, True))
                stack.extend((c, False) for c in children)
                continue
            self.level[node] = max((self.level[c] for c in children), default=0) + self._is_call(node)
            if self._is_call(node) and not node.type.is_real:
                raise NoBlocks(f"the result of {getattr(node, 'spelling', 'a call')} is no float")

    def _later(self, node: Expr) -> None:
        """A value that must be in a row."""
        if node in self.kept or self.b.is_uniform(node) or (isinstance(node, Var) and node.name[0] == "@"):
            self._scalars(node)
            return
        if not node.type.is_real:
            raise NoBlocks("a result is no float")
        self._keep(node)
        if self._is_call(node):
            for c in self._children(node):
                self._later(c)
        else:
            for c in node.args:
                self._need(c, self.level[node])

    def _keep(self, node: Expr) -> None:
        row = self.b.row(self.b.names.get(node, "t"), temporary=True)
        self.temporary.append(row)
        self.b.narrow[row] = self.b.is_narrow(node)
        self.kept[node] = row
        self.order.append(node)

    def _need(self, node: Expr, level: int) -> None:
        """A value that an expression of the pass at `level` reads."""
        if self.b.is_uniform(node):
            self._scalars(node)
        elif isinstance(node, Var) and node.name[0] == "@":
            return
        elif self._is_call(node) or (node.type.is_real and self.level[node] < level):
            self._later(node)
        else:
            for c in node.args:
                self._need(c, level)

    def _scalars(self, node: Expr) -> None:
        """What is the same for all points is computed once, before the passes."""
        if self.b.is_uniform(node) and node.args and node.type.is_real and node not in self.scalar:
            variable = Var(self.b.fresh(self.b.names.get(node, "c")), FLOAT64)
            self.scalar[node] = variable
            self.before.append(Assign((variable,), (node,)))

    # -- text -------------------------------------------------------------------------------------------------------

    def over_rows(self, e: Expr) -> Expr:
        """An expression of which all parts are in rows."""
        return self._written(e, {})

    def _written(self, e: Expr, local: Mapping[Expr, Expr], *, defined: bool = False) -> Expr:
        """`e` over locals and rows; `defined` writes out what is about to be put into its row."""
        done: dict[Expr, Expr] = {}

        def go(node: Expr) -> Expr:
            if node in done:
                return done[node]
            if node in local:
                found = local[node]
            elif node in self.scalar:
                found = self.scalar[node]
            elif node in self.kept and not (defined and node is e):
                found = self.b.element(self.kept[node])
            elif isinstance(node, Var) and node.name[0] == "@":
                found = self.b.element(int(node.name[1:]))
            else:
                found = rebuild(node, tuple(map(go, node.args)))
            done[node] = found
            return found

        return go(e)

    def emit(self, out: list[Statement]) -> None:
        out.extend(self.before)
        for level in range(self.last + 1):
            self._arithmetic(level, out)
            self._calls(level + 1, out)

    def _calls(self, level: int, out: list[Statement]) -> None:
        inner: list[Statement] = []
        done: set[Expr] = set()
        for node in self.order:
            if self.level[node] != level or not self._is_call(node) or node in done:
                continue
            if node in self.b.calls:
                helper, arguments, results = self.b.calls[node]
                done.update(results)
                targets = tuple(Var(self.b.fresh(self.b.names[r]), FLOAT64) for r in results)
                inner.append(CallHelper(targets, helper, tuple(map(self.over_rows, arguments))))
                wanted = [(self.kept[r], t) for r, t in zip(results, targets) if r in self.kept]
                inner += [Store(self.b.work, (self.b.place(row),), t) for row, t in wanted]
            else:
                call = rebuild(node, tuple(map(self.over_rows, node.args)))
                inner.append(Store(self.b.work, (self.b.place(self.kept[node]),), call))
        if inner:
            out.append(self.b.each(inner))

    def _arithmetic(self, level: int, out: list[Statement]) -> None:
        """One loop of arithmetic: reads first, then values, then writes."""
        roots = [(self.kept[n], n) for n in self.order if self.level[n] == level and not self._is_call(n)]
        here = {n for _, n in roots}
        if level == self.last:
            roots += self.homes
        if not roots:
            return
        counts: dict[Expr, int] = {}
        order: list[Expr] = []

        def visit(node: Expr, top: bool) -> None:
            counts[node] = counts.get(node, 0) + 1
            if counts[node] > 1:
                return
            in_row = isinstance(node, Var) and node.name[0] == "@"
            if not (in_row or node in self.scalar or (node in self.kept and node not in here)):
                for c in node.args:
                    visit(c, False)
            order.append(node)

        for _, node in roots:
            visit(node, True)
        local: dict[Expr, Expr] = {}
        loads: list[Statement] = []
        inner: list[Statement] = []
        for node in order:
            in_row = isinstance(node, Var) and node.name[0] == "@"
            if in_row or (node in self.kept and node not in here and node not in self.scalar):
                row = int(node.name[1:]) if isinstance(node, Var) and in_row else self.kept[node]
                variable = Var(self.b.fresh(_identifier(self.b.labels[row])), FLOAT64)
                loads.append(Assign((variable,), (self.b.element(row),)))
                local[node] = variable
            elif counts[node] > 1 and node.args and node.type.is_real and node not in self.scalar:
                variable = Var(self.b.fresh(self.b.names.get(node, "t")), FLOAT64)
                inner.append(Assign((variable,), (self._written(node, local, defined=True),)))
                local[node] = variable
        written = [(row, self._written(n, local, defined=n in here)) for row, n in roots]
        stores = [Store(self.b.work, (self.b.place(row),), e) for row, e in written]
        out.append(self.b.each([*loads, *inner, *stores]))


def _identifier(key: str) -> str:
    """`cam[3]` as a name."""
    return "_".join("".join(c if c.isalnum() or c == "_" else " " for c in key).split())
