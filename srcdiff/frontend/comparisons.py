"""Comparisons and truth: what is decided when compiling, and what is a condition of the program."""

from __future__ import annotations

import enum
import operator
import types
from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from ..errors import UnsupportedType
from ..ir.expr import Compare, Const, Logic
from .describe import describe
from .flow import Flow
from .values import Array, Dictionary, Dynamic, Formatted, Lazy, Object, Scalar, Sequence_, Value

__all__ = ["Comparisons"]

_COMPARISON: dict[type[cst.CSTNode], str] = {
    cst.Equal: "==",
    cst.NotEqual: "!=",
    cst.LessThan: "<",
    cst.LessThanEqual: "<=",
    cst.GreaterThan: ">",
    cst.GreaterThanEqual: ">=",
    cst.Is: "is",
    cst.IsNot: "is not",
    cst.In: "in",
    cst.NotIn: "not in",
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Comparisons(Flow):
    """Evaluates comparisons and conditions; other expressions are in the subclass."""

    def evaluate(self, node: cst.BaseExpression) -> Value:
        raise NotImplementedError

    def elementwise(self, function: Callable[..., Scalar], operands: tuple[Value, ...], node: cst.CSTNode) -> Value:
        raise NotImplementedError

    def truth(self, node: cst.BaseExpression) -> Scalar:
        return self.truth_of(self.evaluate(node), node)

    def truth_of(self, value: Value, node: cst.CSTNode) -> Scalar:
        """A value as a condition; `known` is a bool where it is decided when compiling."""
        if isinstance(value, Scalar):
            known = value.constant
            if isinstance(known, (bool, int, str)):
                return Scalar(value.expr, bool(known))
            return Scalar(value.expr)
        if isinstance(value, Object):
            self._check_known(value, node)
            return _decided(bool(value.value))
        if isinstance(value, (Sequence_, Dictionary)):
            return _decided(len(value.items) > 0)
        self.fail(
            node,
            UnsupportedType,
            f"the truth value of {describe(value)} is ambiguous",
            "Compare one element, or use .any() or .all().",
        )

    def _eval_Comparison(self, node: cst.Comparison) -> Value:
        values = [self.evaluate(node.left)]
        ops: list[str] = []
        for target in node.comparisons:
            ops.append(_COMPARISON[type(target.operator)])
            values.append(self.evaluate(target.comparator))
        kinds = (Array, Dynamic, Lazy)
        if len(ops) == 1 and any(isinstance(v, kinds) for v in values) and ops[0] in _COMPARE:
            return self.elementwise(lambda a, b: self.compare([ops[0]], [a, b], node), tuple(values), node)
        return self.compare(ops, values, node)

    def compare(self, ops: Sequence[str], values: Sequence[Value], node: cst.CSTNode) -> Scalar:
        if all(op in _COMPARE for op in ops) and all(isinstance(v, Scalar) for v in values):
            scalars = [v for v in values if isinstance(v, Scalar)]
            expr = Compare(tuple(ops), tuple(s.expr for s in scalars))
            known = [s.constant if not isinstance(s.constant, (float, complex)) else None for s in scalars]
            kinds = {s.type.kind for s in scalars}
            if "str" in kinds and kinds != {"str"}:
                if len(ops) > 1 or ops[0] not in ("==", "!="):
                    self.fail(node, UnsupportedType, "a string and a number have no order", "Compare like with like.")
                return _decided(ops[0] == "!=")
            if "complex" in kinds and set(ops) - {"==", "!="}:
                self.fail(node, UnsupportedType, "complex numbers have no order", "Compare their moduli: abs(z).")
            if all(k is not None for k in known):
                return Scalar(expr, all(_COMPARE[op](a, b) for op, a, b in zip(ops, known, known[1:])))
            return Scalar(expr)
        decisions = [self._compare_pair(op, a, b, node) for op, a, b in zip(ops, values, values[1:])]
        if len(decisions) == 1:
            return decisions[0]
        if any(d.known is False for d in decisions):
            return _decided(False)
        open_ = [d.expr for d in decisions if d.known is not True]
        if not open_:
            return _decided(True)
        return Scalar(Logic("and", *open_) if len(open_) > 1 else open_[0])

    def _check_known(self, value: Object, node: cst.CSTNode) -> None:
        if isinstance(value.value, Formatted):
            message = f"the string {value.text} is known at run time only"
            self.fail(node, UnsupportedType, message, "Decide by the numbers in it.")

    def _compare_pair(self, op: str, a: Value, b: Value, node: cst.CSTNode) -> Scalar:
        for value in (a, b):
            if isinstance(value, Object):
                self._check_known(value, node)
        if op in ("is", "is not", "==", "!="):
            wanted = op in ("is", "==")
            if isinstance(a, Object) and isinstance(b, Object):
                same = a.value is b.value or (op in ("==", "!=") and a.value == b.value)
                return _decided(same is wanted)
            identity = op in ("is", "is not")
            if any(isinstance(v, Object) and (identity or _stands_for_itself(v.value)) for v in (a, b)):
                return _decided(not wanted)
            if not identity and isinstance(a, Sequence_) and isinstance(b, Sequence_) and a.is_list == b.is_list:
                if len(a.items) != len(b.items):
                    return _decided(not wanted)
                parts = [self.compare(["=="], [x, y], node) for x, y in zip(a.items, b.items)]
                if all(p.known is not None for p in parts):
                    return _decided(all(p.known for p in parts) is wanted)
            if isinstance(a, Scalar) and isinstance(b, Scalar) and op in ("is", "is not"):
                if a.type.is_differentiable or b.type.is_differentiable:
                    self.fail(node, UnsupportedType, f"`{op}` between numbers", f"Use `{'==' if wanted else '!='}`.")
                return self.compare(["==" if wanted else "!="], [a, b], node)
        if op in ("in", "not in") and isinstance(b, (Sequence_, Dictionary)):
            options = list(b.items) if isinstance(b, Sequence_) else [Scalar(Const(k), k) for k in b.items]
            tests = [self.compare(["=="], [a, option], node) for option in options]
            if any(t.known is True for t in tests):
                return _decided(op == "in")
            left = [t.expr for t in tests if t.known is not False]
            if not left:
                return _decided(op == "not in")
            found = left[0] if len(left) == 1 else Logic("or", *left)
            return Scalar(found if op == "in" else Logic("not", found))
        self.fail(
            node, UnsupportedType, f"`{op}` between {describe(a)} and {describe(b)}", "Compare numbers or strings."
        )


def _decided(value: bool) -> Scalar:
    return Scalar(Const(value), value)


def _stands_for_itself(value: object) -> bool:
    """Whether a constant object is equal to nothing of another kind: it has no numbers in it."""
    kinds = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, enum.Enum, type(...))
    return value is None or isinstance(value, kinds)
