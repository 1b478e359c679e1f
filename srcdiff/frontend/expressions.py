"""Expressions: from the user's syntax tree to values."""

from __future__ import annotations

import ast
import enum
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import libcst as cst

from ..errors import UnsupportedSyntax, UnsupportedType
from ..ir.expr import Compare, Const, Expr, Helper, Logic, Op, Select, topological
from ..ir.statements import If
from ..ir.types import BOOL, INT64, STRING, ScalarType, join
from .bindings import names_in
from .flow import Flow, NeedsKnown
from .merge import Path
from .program import OpenLength, Refine
from .values import (
    Array,
    Cells,
    Dictionary,
    Dynamic,
    Environment,
    Lazy,
    Object,
    OpenArray,
    Partial,
    Poison,
    Range,
    Scalar,
    Sequence_,
    Stream,
    UserFunction,
    Value,
    adopt,
    copy_environment,
)

__all__ = ["BINARY", "Expressions", "describe"]

BINARY: dict[type[cst.CSTNode], str] = {
    cst.Add: "+",
    cst.Subtract: "-",
    cst.Multiply: "*",
    cst.Divide: "/",
    cst.FloorDivide: "//",
    cst.Modulo: "%",
    cst.Power: "**",
    cst.BitAnd: "&",
    cst.BitOr: "|",
    cst.BitXor: "^",
    cst.LeftShift: "<<",
    cst.RightShift: ">>",
    cst.MatrixMultiply: "@",
    cst.AddAssign: "+",
    cst.SubtractAssign: "-",
    cst.MultiplyAssign: "*",
    cst.DivideAssign: "/",
    cst.FloorDivideAssign: "//",
    cst.ModuloAssign: "%",
    cst.PowerAssign: "**",
    cst.BitAndAssign: "&",
    cst.BitOrAssign: "|",
    cst.BitXorAssign: "^",
    cst.LeftShiftAssign: "<<",
    cst.RightShiftAssign: ">>",
    cst.MatrixMultiplyAssign: "@",
}
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
_INTEGER: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": operator.lshift,
    ">>": operator.rshift,
}
_ARRAYS = (Array, OpenArray, Dynamic, Lazy)
_UNARY: dict[str, Callable[[int], int]] = {"neg": operator.neg, "pos": operator.pos, "inv": operator.inv}


def describe(value: Value) -> str:
    """What a value is, for messages."""
    if isinstance(value, Scalar):
        return {"bool": "a truth value", "str": "a string", "int": "an integer"}.get(value.type.kind, "a number")
    if isinstance(value, Array):
        return f"an array of shape {value.shape}"
    if isinstance(value, (OpenArray, Dynamic, Lazy)):
        return "an array of unknown length"
    if isinstance(value, Sequence_):
        return "a list" if value.is_list else "a tuple"
    if isinstance(value, Object):
        if value.value is None:
            return "None"
        return (
            "a string"
            if isinstance(value.value, str)
            else f"{value.text or repr(value.value)} (a {_kind(value.value)})"
        )
    if isinstance(value, Partial):
        return "a functools.partial"
    if isinstance(value, Dictionary):
        return "a dict"
    if isinstance(value, UserFunction):
        return f"the function {value.name}"
    return "a range" if isinstance(value, Range) else "undefined"


def _kind(value: object) -> str:
    return "class" if isinstance(value, type) else type(value).__name__


class Expressions(Flow):
    """Evaluates expressions; calls are in the subclass."""

    def evaluate(self, node: cst.BaseExpression) -> Value:
        method = getattr(self, f"_eval_{type(node).__name__}", None)
        if method is None:
            self.fail(node, UnsupportedSyntax, *_refusal(node))
        value: Value = method(node)
        if isinstance(value, Poison):
            self.fail(node, UnsupportedType, value.message, value.hint)
        return value

    def scalar(self, node: cst.BaseExpression) -> Scalar:
        """An expression that must be a number, truth value or string."""
        return self.as_scalar(self.evaluate(node), node)

    def as_scalar(self, value: Value, node: cst.CSTNode) -> Scalar:
        if isinstance(value, Scalar):
            return value
        if isinstance(value, Array) and len(value.slots) == 1 and value.shape == ():
            return Scalar(value.items[0])
        self.fail(node, UnsupportedType, f"expected a number here, but this is {describe(value)}", "")

    # -- literals and names -----------------------------------------------------------------------------------------

    def _eval_Integer(self, node: cst.Integer) -> Value:
        value = ast.literal_eval(node.value)
        return Scalar(Const(value, node.value), value)

    def _eval_Float(self, node: cst.Float) -> Value:
        return Scalar(Const(float(ast.literal_eval(node.value)), node.value))

    def _eval_Imaginary(self, node: cst.Imaginary) -> Value:
        return Scalar(Const(complex(ast.literal_eval(node.value)), node.value))

    def _eval_SimpleString(self, node: cst.SimpleString) -> Value:
        value = ast.literal_eval(node.value)
        if not isinstance(value, str):
            self.fail(node, UnsupportedType, "bytes are not numbers", "Use numbers, or a string for a mode.")
        return Scalar(Const(value, node.value, STRING), value)

    def _eval_ConcatenatedString(self, node: cst.ConcatenatedString) -> Value:
        value = node.evaluated_value
        return Scalar(Const(value, repr(value), STRING), value)

    def _eval_FormattedString(self, node: cst.FormattedString) -> Value:
        text = self.source.code(node)
        return Object(text, text)

    def _eval_Name(self, node: cst.Name) -> Value:
        value = self.environment.get(node.value)
        if value is not None:
            return value
        if node.value in ("True", "False"):
            return Scalar(Const(node.value == "True", node.value), node.value == "True")
        if node.value == "None":
            return Object(None, "None")
        if node.value in self.locals:
            self.fail(
                node,
                UnsupportedSyntax,
                f"{node.value} is read before it has a value",
                f"Give {node.value} a value on every path first.",
            )
        try:
            found = self.resolve(node.value)
        except KeyError:
            self.fail(node, UnsupportedSyntax, f"the name {node.value} is not defined", "Define or import it.")
        return self.constant_value(found, node.value, node)

    locals: set[str]
    scopes: list[Environment]

    def resolve(self, name: str) -> object:
        return self.source.resolve(name)

    def constant_value(self, found: Any, text: str, node: cst.CSTNode) -> Value:
        """A value from outside the function, taken as it is now."""
        import numpy as np

        if isinstance(found, enum.Enum) and not isinstance(found, (int, float, str)):
            return Object(found, text)
        if isinstance(found, (bool, np.bool_)):
            return Scalar(Const(bool(found), repr(bool(found))), bool(found))
        if isinstance(found, (str, int, float, complex, np.number)):
            value = found.item() if isinstance(found, np.generic) else found
            if isinstance(value, enum.Enum):
                value = value.value
            if isinstance(value, str):
                return Scalar(Const(value, repr(value), STRING), value)
            if isinstance(value, (int, float, complex)):
                known = value if isinstance(value, int) else None
                kind = ScalarType("float", 32) if isinstance(found, np.float32) else None
                return Scalar(Const(value, self._constant_name(text, value), kind, named=True), known)
        if isinstance(found, np.ndarray):
            return self._constant_array(found, text, node)
        if isinstance(found, (tuple, list)):
            items = [self.constant_value(item, f"{text}_{i}", node) for i, item in enumerate(found)]
            record = type(found) if isinstance(found, tuple) and hasattr(found, "_fields") else None
            return Sequence_(items, False, record, prefix=text)
        if isinstance(found, dict):
            return Dictionary({key: Later(self, item, f"{text}_{key}", node) for key, item in found.items()})  # type: ignore[misc]
        return Object(found, text)

    def _constant_name(self, text: str, value: object) -> str:
        root, _, rest = text.partition(".")
        if rest and root in self.program.imports and rest in ("pi", "e", "tau", "inf", "nan", "euler_gamma"):
            return text
        name = "".join(c if c.isidentifier() or c.isdigit() else "_" for c in text)
        return self.program.constant(name, value)

    def _constant_array(self, found: Any, text: str, node: cst.CSTNode) -> Value:
        if found.dtype.kind not in "fiubc":
            self.fail(node, UnsupportedType, f"{text} is an array of {found.dtype}", "Use numbers.")
        if (self.key, text) in self.program.promoted and found.ndim > 0:
            return self.constant_table(found, text, node)
        if found.size > 256 and not self.program.dynamic:
            self.needs_known(node, f"the constant array {text} has {found.size} elements")
        if found.size > 256:
            return self.constant_table(found, text, node)
        items: list[Expr] = []
        for index, value in zip(_indices(found.shape), found.ravel().tolist()):
            suffix = "_".join(map(str, index))
            named = isinstance(value, (float, complex)) and value not in (0.0, 1.0, -1.0)
            name = self._constant_name(f"{text}_{suffix}", value) if named else repr(value)
            items.append(Const(value, name, named=named))
        dtype = {
            "f": ScalarType("float", 8 * found.dtype.itemsize if found.dtype.itemsize < 8 else 64),
            "c": ScalarType("complex"),
        }
        kind = dtype.get(found.dtype.kind, BOOL if found.dtype.kind == "b" else INT64)
        cells = Cells(items, kind, prefix=text, frozen=f"{text} is a constant outside the function", owner=text)
        return Array(cells, tuple(found.shape), tuple(range(len(items))))

    def constant_table(self, found: Any, text: str, node: cst.CSTNode) -> Value:
        raise NotImplementedError

    # -- operators --------------------------------------------------------------------------------------------------

    def _eval_BinaryOperation(self, node: cst.BinaryOperation) -> Value:
        op = BINARY[type(node.operator)]
        return self.binary(op, self.evaluate(node.left), self.evaluate(node.right), node)

    def binary(self, op: str, left: Value, right: Value, node: cst.CSTNode) -> Value:
        if op == "@":
            return self.matmul(left, right, node)
        if isinstance(left, Sequence_) and isinstance(right, Sequence_) and op == "+" and left.is_list == right.is_list:
            return Sequence_(left.items + right.items, left.is_list)
        if isinstance(left, Sequence_) and isinstance(right, Scalar) and op == "*" and isinstance(right.constant, int):
            return Sequence_(left.items * right.constant, left.is_list)
        if isinstance(left, _ARRAYS) or isinstance(right, _ARRAYS):
            return self.elementwise(lambda a, b: self.scalar_binary(op, a, b, node), (left, right), node)
        if isinstance(left, Scalar) and isinstance(right, Scalar):
            return self.scalar_binary(op, left, right, node)
        self.fail(
            node,
            UnsupportedType,
            f"`{op}` between {describe(left)} and {describe(right)}",
            "Use numbers or arrays; np.array(...) makes an array of a tuple or list.",
        )

    def scalar_binary(self, op: str, left: Scalar, right: Scalar, node: cst.CSTNode) -> Scalar:
        if op == "+" and isinstance(left.known, str) and isinstance(right.known, str):
            text = left.known + right.known
            return Scalar(Const(text, repr(text), STRING), text)
        if "str" in (left.type.kind, right.type.kind):
            self.fail(node, UnsupportedType, f"`{op}` with a string", "Strings may be compared; compute with numbers.")
        kinds = {left.type.kind, right.type.kind}
        if op in ("&", "|", "^", "<<", ">>") and kinds & {"float", "complex"}:
            self.fail(node, UnsupportedType, f"`{op}` of floating-point numbers", "Use it on integers or truth values.")
        if op in ("//", "%") and "complex" in kinds:
            self.fail(node, UnsupportedType, f"`{op}` of complex numbers", "Use their real and imaginary parts.")
        known = None
        if isinstance(left.known, int) and isinstance(right.known, int):
            known = _fold(op, left.known, right.known)
        return Scalar(Op(op, left.expr, right.expr), known)

    def _eval_UnaryOperation(self, node: cst.UnaryOperation) -> Value:
        if isinstance(node.operator, cst.Not):
            test = self.truth(node.expression)
            return Scalar(Logic("not", test.expr), None if test.known is None else not test.known)
        op = {cst.Minus: "neg", cst.Plus: "pos", cst.BitInvert: "inv"}[type(node.operator)]
        value = self.evaluate(node.expression)
        if isinstance(value, _ARRAYS):
            return self.elementwise(lambda a: self._unary(op, a, node), (value,), node)
        return self._unary(op, self.as_scalar(value, node.expression), node)

    def _unary(self, op: str, operand: Scalar, node: cst.UnaryOperation) -> Scalar:
        if operand.type.kind == "str" or (op == "inv" and operand.type.is_differentiable):
            sign = {"neg": "-", "pos": "+", "inv": "~"}[op]
            self.fail(node, UnsupportedType, f"`{sign}` of {describe(operand)}", "Use numbers; `~` needs integers.")
        known = _UNARY[op](operand.known) if isinstance(operand.known, int) else None
        return Scalar(Op(op, operand.expr), known)

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
        second = self.truth_of(self._in_branch(node.right), node.right)
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

    def _compare_pair(self, op: str, a: Value, b: Value, node: cst.CSTNode) -> Scalar:
        if op in ("is", "is not", "==", "!="):
            wanted = op in ("is", "==")
            if isinstance(a, Object) and isinstance(b, Object):
                same = a.value is b.value or (op in ("==", "!=") and a.value == b.value)
                return _decided(same is wanted)
            if isinstance(a, Object) or isinstance(b, Object):
                return _decided(not wanted)
            if isinstance(a, Sequence_) and isinstance(b, Sequence_) and op in ("==", "!="):
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

    def _eval_IfExp(self, node: cst.IfExp) -> Value:
        test = self.truth(node.test)
        if test.known is not None:
            return self.evaluate(node.body if test.known else node.orelse)
        return self.choose(test.expr, lambda: self.evaluate(node.body), lambda: self.evaluate(node.orelse), node)

    def choose(self, test: Expr, body: Callable[[], Value], orelse: Callable[[], Value], node: cst.CSTNode) -> Value:
        """A conditional expression; an `if` statement where an arm takes statements or calls helpers."""
        entry, relied = copy_environment(self.environment), set(self.relied)
        with self.nested() as first:
            a = body()
        path_a = Path(first, None, self.environment)
        self.environment = entry
        relied, self.relied = self.relied, relied
        with self.nested() as second:
            b = orelse()
        self.relied |= relied
        path_b = Path(second, None, self.environment)
        plain = not first and not second and not _calls_helper(a) and not _calls_helper(b)
        if plain:
            self.environment = path_a.environment
            if isinstance(a, Scalar) and isinstance(b, Scalar) and join(a.type, b.type) is not None:
                return Scalar(Select(test, a.expr, b.expr))
            named = _is_held(a, path_a.environment) or _is_held(b, path_b.environment)
            if isinstance(a, Array) and isinstance(b, Array) and a.shape == b.shape and not named:
                items = [Select(test, x, y) if x is not y else x for x, y in zip(a.items, b.items)]
                return self.array(items, a.shape)
        name = self.fresh("choice")
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
        self.emit(If(test, tuple(first), tuple(second)))
        return result

    def _eval_NamedExpr(self, node: cst.NamedExpr) -> Value:
        assert isinstance(node.target, cst.Name)
        name = node.target.value
        if name in self.environment and self.program.statement is not None:
            position = self.source.position(node)[:2]
            for other in names_in(self.program.statement):
                if other.value == name and self.source.position(other)[:2] < position:
                    self.fail(
                        node,
                        UnsupportedSyntax,
                        f"{name} is read and then assigned within one statement",
                        f"Assign {name} in a statement of its own.",
                    )
        self.bind_all([(name, self.evaluate(node.value))])
        return self.environment[name]

    # -- containers -------------------------------------------------------------------------------------------------

    def _eval_Tuple(self, node: cst.Tuple) -> Value:
        return Sequence_(self._elements(node.elements))

    def _eval_List(self, node: cst.List) -> Value:
        return Sequence_(self._elements(node.elements), is_list=True)

    def _elements(self, elements: Sequence[cst.BaseElement]) -> list[Value]:
        items: list[Value] = []
        for element in elements:
            if isinstance(element, cst.StarredElement):
                items.extend(self.iterate(element.value))
            else:
                items.append(self.evaluate(element.value))
        return items

    def _eval_Dict(self, node: cst.Dict) -> Value:
        items: dict[Any, Value] = {}
        for element in node.elements:
            if not isinstance(element, cst.DictElement):
                self.fail(node, UnsupportedSyntax, "`**` in a dict", "Write the keys out.")
            key = self.evaluate(element.key)
            known = key.constant if isinstance(key, Scalar) else None
            if known is None:
                self.fail(element.key, UnsupportedType, "a key of this dict is not a constant", "Use constant keys.")
            items[known] = self.pin(self.evaluate(element.value), "item")
        return Dictionary(items)

    def _eval_ListComp(self, node: cst.ListComp) -> Value:
        return Sequence_(self._comprehension(node.elt, node.for_in), is_list=True)

    def _eval_GeneratorExp(self, node: cst.GeneratorExp) -> Value:
        self.fail(
            node,
            UnsupportedSyntax,
            "a generator expression that is not consumed at once",
            "Write a list, [...], or pass it to sum, min, max, any, all, tuple or list.",
        )

    def _comprehension(self, element: cst.BaseExpression, clause: cst.CompFor) -> list[Value]:
        if clause.asynchronous is not None:
            self.fail(clause, UnsupportedSyntax, "an asynchronous comprehension", "Use a plain one.")
        results: list[Value] = []
        items = self.iterate(clause.iter)
        names = _target_names(clause.target)
        saved = {name: self.environment.get(name) for name in names}
        scope: Environment = {}
        self.scopes.append(scope)
        for item in items:
            self.bind_pattern(clause.target, item, quiet=True)
            scope.update({name: self.environment[name] for name in names if name in self.environment})
            keep: bool | None = True
            for condition in clause.ifs:
                keep = keep and self.truth(condition.test).known
                if keep is None:
                    self.fail(
                        condition,
                        UnsupportedSyntax,
                        "the length of this comprehension depends on a value",
                        "Filter by constants only, or use a loop.",
                    )
            if keep:
                if clause.inner_for_in is not None:
                    results.extend(self._comprehension(element, clause.inner_for_in))
                else:
                    results.append(self.evaluate(element))
        self.scopes.pop()
        for name, value in saved.items():
            if value is None:
                self.environment.pop(name, None)
            else:
                self.environment[name] = value
        return results

    def bind_pattern(self, target: cst.BaseExpression, value: Value, quiet: bool = False) -> None:
        raise NotImplementedError

    # -- iteration --------------------------------------------------------------------------------------------------

    def iterate(self, node: cst.BaseExpression) -> list[Value]:
        """The items of an iterable of known length."""
        return self.items_of(self.evaluate(node), node)

    def items_of(self, value: Value, node: cst.CSTNode) -> list[Value]:
        if isinstance(value, Sequence_):
            return list(value.items)
        if isinstance(value, Array):
            if value.shape == ():
                self.fail(node, UnsupportedType, "a 0-d array is iterated over", "Use the value itself.")
            return [self.element(value, (i,)) for i in range(value.shape[0])]
        if isinstance(value, Dictionary):
            return [Scalar(Const(key), key) if isinstance(key, (str, int)) else Object(key) for key in value.items]
        if isinstance(value, Range):
            bounds = [b.constant for b in value.bounds]
            if any(not isinstance(b, int) for b in bounds):
                self.needs_known(node, "the length of this range must be known when compiling")
            numbers = range(*bounds)
            return [Scalar(Const(i), i) for i in (reversed(numbers) if value.reverse else numbers)]
        if isinstance(value, OpenArray):
            self.refuse_open(value, node)
        if isinstance(value, (Dynamic, Lazy, Stream)):
            return self.items_at_run_time(value, node)
        self.fail(node, UnsupportedType, f"{describe(value)} is iterated over", "Iterate over a range, tuple or array.")

    def needs_known(self, node: cst.CSTNode, message: str) -> Any:
        from ..errors import UnsupportedType as Kind

        raise NeedsKnown(
            Kind(
                message,
                hint="Use literal bounds and indices with arrays of known shape.",
                location=self.source.location(node),
            )
        )

    def refuse_open(self, value: OpenArray, node: cst.CSTNode) -> NoReturn:
        error = OpenLength(
            f"the length of {value.name} is not known when compiling",
            hint=f'Fix it with shapes={{"{value.name}": n}}, or unpack it: `a, b, c = {value.name}`.',
            location=self.source.location(node),
        )
        error.array, error.ndim = value.name, value.ndim
        raise error

    # -- provided by the subclasses ---------------------------------------------------------------------------------

    def items_at_run_time(self, value: Dynamic | Lazy | Stream, node: cst.CSTNode) -> list[Value]:
        raise NotImplementedError

    def array(self, items: Sequence[Expr], shape: tuple[int, ...], dtype: ScalarType | None = None) -> Array:
        raise NotImplementedError

    def elementwise(self, function: Callable[..., Scalar], operands: tuple[Value, ...], node: cst.CSTNode) -> Value:
        raise NotImplementedError

    def matmul(self, left: Value, right: Value, node: cst.CSTNode) -> Value:
        raise NotImplementedError

    def transpose(self, base: Array) -> Array:
        raise NotImplementedError

    def element(self, base: Array, index: tuple[int, ...]) -> Value:
        raise NotImplementedError

    def refine(self, value: OpenArray, shape: tuple[int, ...]) -> Any:
        raise Refine(value.name, shape)


class Later:
    """An item of a constant dict, converted when it is read."""

    def __init__(self, lowerer: Expressions, value: object, text: str, node: cst.CSTNode):
        self.arguments = (value, text, node)
        self.lowerer = lowerer

    def get(self) -> Value:
        return self.lowerer.constant_value(*self.arguments)


def _fold(op: str, a: int, b: int) -> int | None:
    """An integer operation done when compiling; None where it fails or passes 64 bits."""
    if (op in ("//", "%") and b == 0) or (op in ("<<", ">>", "**") and not 0 <= b < 64):
        return None
    result = a**b if op == "**" else _INTEGER[op](a, b) if op in _INTEGER else None
    return result if result is not None and -(2**63) <= result < 2**63 else None


def _decided(value: bool) -> Scalar:
    return Scalar(Const(value), value)


def _is_held(value: Value, environment: Mapping[str, Value]) -> bool:
    """Whether a variable has the memory of an array, which what is chosen then shares."""
    held: list[Value] = list(environment.values())
    while held:
        other = held.pop()
        if isinstance(other, Sequence_):
            held += other.items
        elif isinstance(value, Array) and isinstance(other, Array) and other.cells is value.cells:
            return True
    return False


def _calls_helper(value: Value) -> bool:
    exprs = [value.expr] if isinstance(value, Scalar) else value.items if isinstance(value, Array) else []
    return any(isinstance(n, Helper) for e in exprs for n in topological((e,)))


def _indices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    import numpy as np

    return [tuple(map(int, i)) for i in np.ndindex(*shape)]


def _target_names(target: cst.BaseExpression) -> list[str]:
    return [name.value for name in names_in(target)]


def _refusal(node: cst.CSTNode) -> tuple[str, str]:
    name = type(node).__name__
    return {
        "Await": ("`await` is not supported", "Numerical functions cannot be asynchronous."),
        "Yield": ("`yield` makes a generator", "Return an array or tuple."),
        "Ellipsis": ("`...` is no number", "Write a value."),
        "Set": ("a set is not supported", "Use a tuple."),
        "SetComp": ("a set comprehension is not supported", "Use a list comprehension."),
        "DictComp": ("a dict comprehension is not supported", "Use a tuple or a constant dict."),
        "TemplatedString": ("a template string is not supported", "Use a plain string."),
    }.get(name, (f"{name} is not supported", "Write it with arithmetic, calls and indexing."))
