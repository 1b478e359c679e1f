"""Conditional expressions, `and` and `or`: what Python may skip."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst

from ..errors import UnsupportedType
from ..ir.expr import Compare, Const, Expr, Helper, Logic, Select, topological
from ..ir.statements import If
from ..ir.types import BOOL, join
from .describe import describe
from .expressions import Expressions
from .merge import Path
from .values import (
    Array,
    Dictionary,
    Dynamic,
    Environment,
    Lazy,
    Poison,
    Scalar,
    Sequence_,
    Value,
    adopt,
    cells_of,
    copy_environment,
)

__all__ = ["Choices"]


class Choices(Expressions):
    """Evaluates expressions of which one part decides whether another is evaluated."""

    def truth(self, node: cst.BaseExpression) -> Scalar:
        if isinstance(node, cst.BooleanOperation):
            return self.truth_of(self._either(node, self.truth), node)
        return super().truth(node)

    def _eval_BooleanOperation(self, node: cst.BooleanOperation) -> Value:
        return self._either(node, self.evaluate)

    def _either(self, node: cst.BooleanOperation, evaluate: Callable[[cst.BaseExpression], Value]) -> Value:
        """`and` or `or`: one of two numbers, but for truth values and where nothing else matters (`self.truth`)."""
        op = "and" if isinstance(node.operator, cst.And) else "or"
        left = evaluate(node.left)
        first = self.truth_of(left, node.left)
        if first.known is not None:
            return left if bool(first.known) is (op == "or") else evaluate(node.right)
        entry = copy_environment(self.environment)
        with self.nested() as block:
            right = evaluate(node.right)
        decided = Scalar(Const(op == "or", str(op == "or")))
        second, skipped = self.as_scalar(right, node.right), self.as_scalar(left, node.left)
        if join(skipped.type, second.type) is None:
            kinds = f"{describe(left)} and {describe(right)}"
            self.fail(node, UnsupportedType, f"`{op}` between {kinds}", "Use numbers on both sides.")
        of_truth = evaluate == self.truth or skipped.type == second.type == BOOL
        skipped = decided if of_truth or skipped.type == BOOL else skipped
        if block or not _unchanged(self.environment, entry):
            computed: tuple[Value, Path] = second, Path(block, None, self.environment)
            left_out: tuple[Value, Path] = skipped, Path([], None, entry)
            arms = (computed, left_out) if op == "and" else (left_out, computed)
            return self._met(first.expr, *arms, base="holds", node=node)
        if not of_truth:
            test = first.expr if first.type == BOOL else Compare(("!=",), (first.expr, Const(0)))
            return Scalar(Select(test, *((second.expr, skipped.expr) if op == "and" else (skipped.expr, second.expr))))
        if second.known is not None and bool(second.known) is (op == "and"):
            return first
        operands: list[Expr] = []
        for part in (first.expr, second.expr):
            operands.extend(part.args if isinstance(part, Logic) and part.op == op and part is first.expr else (part,))
        return Scalar(Logic(op, *operands), bool(second.known) if second.known is not None else None)

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
        bound = not _unchanged(self.environment, entry)
        self.environment = entry
        relied, self.relied = self.relied, relied
        with self.nested() as second:
            b = self._settled(orelse())
        self.relied |= relied
        path_b = Path(second, None, self.environment)
        bound = bound or not _unchanged(path_a.environment, entry)
        if not (first or second or bound or _calls_helper(a) or _calls_helper(b)):
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


def _unchanged(environment: Environment, before: Environment) -> bool:
    """Whether an expression bound no name, and changed nothing that a name holds; `before` may be a copy."""

    def alike(a: Value | None, b: Value | None) -> bool:
        if isinstance(a, Array) and isinstance(b, Array):
            same = a.cells.uid == b.cells.uid and (a.shape, a.slots) == (b.shape, b.slots)
            return same and a.cells.items == b.cells.items
        if isinstance(a, Sequence_) and isinstance(b, Sequence_):
            return a.uid == b.uid and len(a.items) == len(b.items) and all(map(alike, a.items, b.items))
        if isinstance(a, Dictionary) and isinstance(b, Dictionary):
            return a.items.keys() == b.items.keys() and all(alike(v, b.items[key]) for key, v in a.items.items())
        return a is b or a == b

    return environment.keys() == before.keys() and all(alike(v, before[name]) for name, v in environment.items())


def _calls_helper(value: Value) -> bool:
    exprs = [value.expr] if isinstance(value, Scalar) else value.items if isinstance(value, Array) else []
    return any(isinstance(n, Helper) for e in exprs for n in topological((e,)))
