"""Expressions: from the user's syntax tree to values."""

from __future__ import annotations

import ast
import enum
import operator
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import libcst as cst

from ..errors import UnsupportedSyntax, UnsupportedType
from ..ir.expr import Const, Expr, Load, Logic, Op
from ..ir.types import BOOL, INT64, STRING, ScalarType
from .bindings import names_in
from .comparisons import Comparisons
from .describe import describe
from .flow import NeedsKnown
from .program import OpenLength, Refine
from .values import (
    Array,
    Cells,
    Dictionary,
    Dynamic,
    Environment,
    Formatted,
    Lazy,
    Object,
    OpenArray,
    Poison,
    Range,
    Scalar,
    Sequence_,
    Stream,
    Value,
)

__all__ = ["BINARY", "Expressions"]

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


class Expressions(Comparisons):
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
        known = self._formatted(node)
        if known is not None:
            return Scalar(Const(known, repr(known), STRING), known)
        text = self.source.code(node)
        return Object(Formatted(text), text)

    def _formatted(self, node: cst.FormattedString) -> str | None:
        """The string, where all that stands in it is known when compiling."""
        texts: list[str] = []
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                quoted = f"{node.prefix.lower().replace('f', '')}{node.quote}{part.value}{node.quote}"
                texts.append(str(ast.literal_eval(quoted)).replace("{{", "{").replace("}}", "}"))
                continue
            assert isinstance(part, cst.FormattedStringExpression)
            value = self.evaluate(part.expression)
            known = value.constant if isinstance(value, Scalar) else None
            if part.equal or part.conversion or part.format_spec or not isinstance(known, (str, int)):
                return None
            texts.append(str(known))
        return "".join(texts)

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
            frozen = f"{text} is a constant outside the function" if isinstance(found, list) else None
            return Sequence_(items, isinstance(found, list), record, prefix=text, frozen=frozen)
        if isinstance(found, dict):
            return Dictionary({key: Later(self, item, f"{text}_{key}", node) for key, item in found.items()})  # type: ignore[misc]
        return Object(found, text)

    def _constant_name(self, text: str, value: object) -> str:
        root, _, rest = text.partition(".")
        if rest and root in self.program.imports and rest in ("pi", "e", "tau", "inf", "nan", "euler_gamma"):
            return text
        return self.program.constant(self.name_of_constant(text), value)

    bound: set[str]
    """Names that the function itself binds: its parameters and what it assigns."""

    def name_of_constant(self, text: str) -> str:
        """A name for what `text` reads from outside: `P.k` is P_k, unless the function has a variable P_k."""
        name = "".join(c if c.isidentifier() or c.isdigit() else "_" for c in text)
        while name in self.bound or (name != text and name in self.user_names):
            name += "_"
        return name

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
            items = [item if isinstance(item, Scalar) else self.pin(item) for item in left.items]
            return Sequence_(items * right.constant, left.is_list)  # the same items, several times
        if isinstance(left, _ARRAYS) or isinstance(right, _ARRAYS):
            if all(_of_truth(v) for v in (left, right)):
                op = {"+": "|", "*": "&"}.get(op, op)  # as NumPy has it for arrays of truth values
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
        scalar = self.as_scalar(value, node.expression)
        if op == "inv" and scalar.type.kind == "bool" and not isinstance(scalar.expr, Load):
            message = "`~` of a truth value is -2 or -1 in Python, and its negation in NumPy"
            self.fail(node, UnsupportedType, message, "Write `not`.")
        return self._unary(op, scalar, node)

    def _unary(self, op: str, operand: Scalar, node: cst.UnaryOperation) -> Scalar:
        if operand.type.kind == "str" or (op == "inv" and operand.type.is_differentiable):
            sign = {"neg": "-", "pos": "+", "inv": "~"}[op]
            self.fail(node, UnsupportedType, f"`{sign}` of {describe(operand)}", "Use numbers; `~` needs integers.")
        if op == "inv" and operand.type.kind == "bool":
            return Scalar(Logic("not", operand.expr), None if operand.known is None else not operand.known)
        known = _UNARY[op](operand.known) if isinstance(operand.known, int) else None
        return Scalar(Op(op, operand.expr), known)


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

    def bind_pattern(self, target: cst.BaseExpression, value: Value, quiet: bool = False, scoped: bool = False) -> None:
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

    def needs_known(
        self, node: cst.CSTNode, message: str, hint: str = "Use literal bounds and indices with arrays of known shape."
    ) -> NoReturn:
        raise NeedsKnown(UnsupportedType(message, hint=hint, location=self.source.location(node)))

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

    entry: bool

    def refine(self, value: OpenArray, shape: tuple[int, ...]) -> Any:
        if not (self.entry or value.active):  # the name is the helper's own
            assert self.program.statement is not None
            self.refuse_open(value, self.program.statement)
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


def _of_truth(value: Value) -> bool:
    """Whether this is an array of truth values: NumPy's operators give truth values for these."""
    return isinstance(value, _ARRAYS) and value.dtype.kind == "bool"




def _indices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    import numpy as np

    return [tuple(map(int, i)) for i in np.ndindex(*shape)]


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
