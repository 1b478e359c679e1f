"""Conditional expressions, `and` and `or`: what Python may skip."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from ..errors import UnsupportedSyntax, UnsupportedType
from ..ir.expr import Compare, Const, Expr, Helper, Logic, Select, topological
from ..ir.statements import If
from ..ir.types import join
from .describe import describe
from .expressions import Expressions
from .merge import Path
from .values import Array, Dynamic, Lazy, Poison, Scalar, Sequence_, Value, adopt, cells_of, copy_environment

__all__ = ["Choices"]


class Choices(Expressions):
    """Evaluates expressions of which one part decides whether another is evaluated."""

    def _eval_BooleanOperation(self, node: cst.BooleanOperation) -> Value:
        op = "and" if isinstance(node.operator, cst.And) else "or"
        left = self.evaluate(node.left)
        if isinstance(left, Scalar) and left.type.is_differentiable:
            right = self.as_scalar(self._in_branch(node.right), node.right)
            if join(left.type, right.type) is None:
                kinds = f"{describe(left)} and {describe(right)}"
                self.fail(node, UnsupportedType, f"`{op}` between {kinds}", "Use numbers on both sides.")
            picked = (right.expr, left.expr) if op == "and" else (left.expr, right.expr)
            return Scalar(Select(Compare(("!=",), (left.expr, Const(0))), *picked))
        first = self.truth_of(left, node.left)
        if first.known is not None and bool(first.known) is (op == "or"):
            return left
        if first.known is not None:
            return self.evaluate(node.right)
        entry = copy_environment(self.environment)
        with self.nested() as block:
            second = self.truth(node.right)
        if block:
            decided = Scalar(Const(op == "or", str(op == "or")))
            computed: tuple[Value, Path] = second, Path(block, None, self.environment)
            skipped: tuple[Value, Path] = decided, Path([], None, entry)
            arms = (computed, skipped) if op == "and" else (skipped, computed)
            held = self._met(first.expr, *arms, base="holds", node=node)
            assert isinstance(held, Scalar)
            return held
        if second.known is not None and bool(second.known) is (op == "and"):
            return first
        operands: list[Expr] = []
        for part in (first.expr, second.expr):
            operands.extend(part.args if isinstance(part, Logic) and part.op == op and part is first.expr else (part,))
        return Scalar(Logic(op, *operands), bool(second.known) if second.known is not None else None)

    def _in_branch(self, node: cst.BaseExpression) -> Value:
        """An operand that Python may skip: it must not need statements of its own."""
        before = len(self.block)
        value = self.evaluate(node)
        if len(self.block) != before:
            self.fail(
                node,
                UnsupportedSyntax,
                "this operand may be skipped, but it calls a function that takes statements of its own",
                "Compute it in a statement before, or use nested `if` statements.",
            )
        return value

    def _eval_IfExp(self, node: cst.IfExp) -> Value:
        test = self.truth(node.test)
        if test.known is not None:
            return self.evaluate(node.body if test.known else node.orelse)
        return self.choose(test.expr, lambda: self.evaluate(node.body), lambda: self.evaluate(node.orelse), node)

    def choose(self, test: Expr, body: Callable[[], Value], orelse: Callable[[], Value], node: cst.CSTNode) -> Value:
        """A conditional expression; an `if` statement where an arm takes statements or calls helpers."""
        entry, relied = copy_environment(self.environment), set(self.relied)
        with self.nested() as first:
            a = self._settled(body())
        path_a = Path(first, None, self.environment)
        self.environment = entry
        relied, self.relied = self.relied, relied
        with self.nested() as second:
            b = self._settled(orelse())
        self.relied |= relied
        path_b = Path(second, None, self.environment)
        plain = not first and not second and not _calls_helper(a) and not _calls_helper(b)
        if plain:
            self.environment = path_a.environment
            if isinstance(a, Scalar) and isinstance(b, Scalar) and join(a.type, b.type) is not None:
                return Scalar(Select(test, a.expr, b.expr))
            if isinstance(a, Array) and isinstance(b, Array) and a.shape == b.shape:
                if a.cells.uid == b.cells.uid and a.slots == b.slots:
                    return a
                items = [Select(test, x, y) if x is not y else x for x, y in zip(a.items, b.items)]
                result = self.array(items, a.shape)
                named = [c for v in self.environment.values() for c in cells_of(v)]
                for cells in [c for c in named if c.uid in (a.cells.uid, b.cells.uid)]:
                    result.cells.frozen = "it may or may not share memory with another array"
                    cells.frozen = cells.frozen or result.cells.frozen
                return result
        return self._met(test, (a, path_a), (b, path_b), base="choice", node=node)

    def _settled(self, value: Value) -> Value:
        """What an arm gives, with its arrays of run-time lengths in variables."""
        if isinstance(value, (Dynamic, Lazy)):
            return self.own_array("chosen", value)
        if isinstance(value, Sequence_) and value.prefix is None:
            value.items[:] = [self._settled(item) for item in value.items]
        return value

    def _met(
        self, test: Expr, first: tuple[Value, Path], second: tuple[Value, Path], *, base: str, node: cst.CSTNode
    ) -> Value:
        """An `if` statement that gives one of two values."""
        (a, path_a), (b, path_b) = first, second
        if isinstance(a, Dynamic) and isinstance(b, Array):
            b = self._spilled_at(path_b, b, node)
        elif isinstance(b, Dynamic) and isinstance(a, Array):
            a = self._spilled_at(path_a, a, node)
        name = self.fresh(base)
        path_a.environment[name], path_b.environment[name] = a, b
        before = dict(path_a.environment)
        self.environment = adopt(self.join([path_a, path_b]), before)
        result = self.environment.pop(name)
        if isinstance(result, Poison):
            self.fail(
                node,
                UnsupportedType,
                "the two arms of the conditional have different types",
                "Give both one type and one shape.",
            )
        self.emit(If(test, tuple(path_a.block), tuple(path_b.block)))
        return result

    def _spilled_at(self, path: Path, value: Array, node: cst.CSTNode) -> Value:
        """An array of known shape beside one of run-time lengths: a new one, unless a name holds it."""
        if any(c.uid == value.cells.uid for v in path.environment.values() for c in cells_of(v)):
            self.promote([value])
        saved, self.block = self.block, path.block
        array = self.spill(value, node)
        self.block = saved
        return array

    def spill(self, value: Value, node: cst.CSTNode) -> Dynamic | Lazy:
        raise NotImplementedError


def _calls_helper(value: Value) -> bool:
    exprs = [value.expr] if isinstance(value, Scalar) else value.items if isinstance(value, Array) else []
    return any(isinstance(n, Helper) for e in exprs for n in topological((e,)))
