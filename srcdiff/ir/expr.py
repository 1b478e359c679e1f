"""Expressions: immutable, interned within one compilation, so that equal expressions are the same object.

`Op`, `Call` and the other classes keep exactly the shape that they are given (the user's spelling); the functions
`add`, `mul`, ... build derivative expressions and fold what is structurally zero or one. Signs are pulled outwards,
so that expressions which differ by a sign share their magnitude.

>>> with interning():
...     x, y = Var("x", FLOAT64), Var("y", FLOAT64)
...     print(mul(neg(x), y) is neg(mul(y, x)), add(x, ZERO) is x, mul(x, ZERO) is ZERO)
True True True
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .types import BOOL, FLOAT64, INT64, STRING, WEAK_COMPLEX, WEAK_FLOAT, ScalarType, promote

__all__ = [
    "MINUS_ONE",
    "ONE",
    "ZERO",
    "Call",
    "Compare",
    "Const",
    "Element",
    "Expr",
    "Helper",
    "Load",
    "Logic",
    "Op",
    "Opaque",
    "Select",
    "Var",
    "add",
    "as_mask",
    "atoms",
    "children",
    "const",
    "div",
    "interning",
    "is_atom",
    "is_one",
    "is_step",
    "is_zero",
    "key_of",
    "may_raise",
    "mul",
    "neg",
    "power",
    "real",
    "rebuild",
    "scale",
    "select",
    "sub",
    "topological",
    "unconditional",
    "unmasked",
]


class _State(threading.local):
    def __init__(self) -> None:
        self.table: dict[Any, Any] = {}


_state = _State()


@contextmanager
def interning() -> Iterator[None]:
    """A fresh table: what is emitted never depends on what was compiled before."""
    saved, _state.table = _state.table, {}
    try:
        yield
    finally:
        _state.table = saved


class Expr:
    """Base class. Equality is identity, because equal expressions are interned."""

    __slots__ = ("args", "type")
    type: ScalarType
    args: tuple[Expr, ...]


class Const(Expr):
    """A literal, or a named constant (`text` is how it is written)."""

    __slots__ = ("named", "text", "value")
    named: bool
    text: str
    value: Any

    def __new__(cls, value: Any, text: str | None = None, type: ScalarType | None = None, named: bool = False) -> Const:
        kind = type or literal_type(value)
        spelled = text if text is not None else _spelled(value)

        table = _state.table
        key = (Const, spelled, kind, named)
        self = table.get(key)
        if self is None:
            self = table[key] = object.__new__(cls)
            self.value, self.text, self.type, self.args, self.named = value, spelled, kind, (), named
        return self


def _spelled(value: Any) -> str:
    """The literal; what has none through `math`."""
    if isinstance(value, float) and not math.isfinite(value):
        return "math.nan" if math.isnan(value) else "math.inf" if value > 0 else "-math.inf"
    return repr(value)


def literal_type(value: Any) -> ScalarType:
    """The type of a Python literal: floats and complex numbers are weak."""
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT64
    if isinstance(value, float):
        return WEAK_FLOAT
    if isinstance(value, complex):
        return WEAK_COMPLEX
    if isinstance(value, str):
        return STRING
    raise TypeError(f"no scalar type for {value!r}")


class Var(Expr):
    """A variable of the emitted program, with the user's name where it is the user's."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str, type: ScalarType) -> Var:
        table = _state.table
        key = (Var, name, type)
        self = table.get(key)
        if self is None:
            self = table[key] = object.__new__(cls)
            self.name, self.type, self.args = name, type, ()
        return self


class Load(Expr):
    """An element of an array or tuple that is never written: `y[0]`."""

    __slots__ = ("array", "index")
    array: str
    index: tuple[Any, ...]

    def __new__(cls, array: str, index: tuple[Any, ...], type: ScalarType) -> Load:
        operands = tuple(i for i in index if isinstance(i, Expr))

        table = _state.table
        key = (Load, array, index, type)
        self = table.get(key)
        if self is None:
            self = table[key] = object.__new__(cls)
            self.array, self.index, self.type, self.args = array, index, type, operands
        return self


class Element(Load):
    """An element of an array that the program may write: another reading may give another value."""

    __slots__ = ()

    def __new__(cls, array: str, index: tuple[Any, ...], type: ScalarType) -> Element:
        operands = tuple(i for i in index if isinstance(i, Expr))

        table = _state.table
        key = (Element, array, index, type)
        self = table.get(key)
        if self is None:
            self = table[key] = object.__new__(cls)
            self.array, self.index, self.type, self.args = array, index, type, operands
        return self


class Op(Expr):
    """An operator: binary `+ - * / // % ** & | ^ << >>`, unary `neg`, `pos`, `inv`."""

    __slots__ = ("op",)
    op: str

    def __new__(cls, op: str, *args: Expr, type: ScalarType | None = None) -> Op:
        if op in ("+", "-", "*") and len(args) == 2 and all(a.type == BOOL for a in args):
            # Numba adds truth values as numbers, as Python does; NumPy's, which comparisons of elements give, are not.
            args = (Select(args[0], Const(1), Const(0)), args[1])
        kind = type or operator_type(op, args)

        table = _state.table
        key = (Op, op, args, kind)
        self = table.get(key)
        if self is None:
            self = table[key] = object.__new__(cls)
            self.op, self.args, self.type = op, args, kind
        return self


def operator_type(op: str, args: tuple[Expr, ...]) -> ScalarType:
    """The type of an operator's result, as Numba infers it."""
    if op in ("&", "|", "^") and all(a.type == BOOL for a in args):
        return BOOL
    result = promote(*(a.type for a in args))
    if op == "/" and result.kind == "int":
        return FLOAT64
    return result


class Call(Expr):
    """A primitive of the rule table; `spelling` is how the user wrote the callee."""

    __slots__ = ("function", "spelling")
    function: str
    spelling: str

    def __new__(cls, function: str, args: tuple[Expr, ...], type: ScalarType, spelling: str) -> Call:
        table = _state.table
        key = (Call, function, args, type, spelling)
        self = table.get(key)
        if self is None:
            self = table[key] = object.__new__(cls)
            self.function, self.args, self.type, self.spelling = function, args, type, spelling
        return self


class Helper(Expr):
    """A call of another of the user's functions that returns one scalar."""

    __slots__ = ("helper",)
    helper: Any

    def __new__(cls, helper: Any, args: tuple[Expr, ...], type: ScalarType) -> Helper:
        table = _state.table
        key = (Helper, id(helper), args, type)
        self = table.get(key)
        if self is None:
            self = table[key] = object.__new__(cls)
            self.helper, self.args, self.type = helper, args, type
        return self


class Select(Expr):
    """`a if condition else b`."""

    __slots__ = ()

    def __new__(cls, condition: Expr, a: Expr, b: Expr) -> Select:
        table = _state.table
        key = (Select, condition, a, b)
        self = table.get(key)
        if self is None:
            self = table[key] = object.__new__(cls)
            self.args, self.type = (condition, a, b), a.type if a.type == b.type else promote(a.type, b.type)
        return self


class Compare(Expr):
    """A chained comparison: `a < b <= c` has two operators and three arguments."""

    __slots__ = ("ops",)
    ops: tuple[str, ...]

    def __new__(cls, ops: tuple[str, ...], args: tuple[Expr, ...]) -> Compare:
        table = _state.table
        key = (Compare, ops, args)
        self = table.get(key)
        if self is None:
            self = table[key] = object.__new__(cls)
            self.ops, self.args, self.type = ops, args, BOOL
        return self


class Logic(Expr):
    """`and`, `or`, `not` over truth values."""

    __slots__ = ("op",)
    op: str

    def __new__(cls, op: str, *args: Expr) -> Logic:
        table = _state.table
        key = (Logic, op, args)
        self = table.get(key)
        if self is None:
            self = table[key] = object.__new__(cls)
            self.op, self.args, self.type = op, args, BOOL
        return self


class Opaque(Expr):
    """Text that is carried over as it stands and has no derivative, such as `len(y)`; `args` are what it reads."""

    __slots__ = ("reads", "text")
    reads: tuple[str, ...]
    text: str

    def __new__(cls, text: str, type: ScalarType, args: tuple[Expr, ...] = (), reads: tuple[str, ...] = ()) -> Opaque:
        table = _state.table
        key = (Opaque, text, type, args, reads)
        self = table.get(key)
        if self is None:
            self = table[key] = object.__new__(cls)
            self.text, self.type, self.args, self.reads = text, type, args, reads
        return self


def const(value: float) -> Const:
    return Const(value)


class _Literal:
    """A constant that is the same object in every table."""

    def __init__(self, value: float):
        self.expr = object.__new__(Const)
        self.expr.value, self.expr.text = value, repr(value)
        self.expr.type, self.expr.args, self.expr.named = WEAK_FLOAT, (), False


ZERO: Const = _Literal(0.0).expr
ONE: Const = _Literal(1.0).expr
MINUS_ONE: Const = _Literal(-1.0).expr


def _number(value: float | complex) -> Expr:
    if value == 0 and not (isinstance(value, float) and math.copysign(1.0, value) < 0):
        return ZERO
    if value == 1:
        return ONE
    if value == -1:
        return MINUS_ONE
    return Const(value)


def is_zero(e: Expr) -> bool:
    """A structural zero: an exact 0 known when compiling."""
    return isinstance(e, Const) and e.value == 0 and not isinstance(e.value, str)


def is_one(e: Expr) -> bool:
    return isinstance(e, Const) and not e.named and e.value == 1 and not isinstance(e.value, bool)


def _plain(e: Expr) -> float | complex | None:
    """The value of a literal that may be folded; named constants keep their names."""
    if isinstance(e, Const) and not e.named and isinstance(e.value, (int, float, complex)):
        return e.value
    return None


def is_atom(e: Expr) -> bool:
    return isinstance(e, (Const, Var, Load)) and not e.args and not isinstance(e, Element)


def children(e: Expr) -> tuple[Expr, ...]:
    return e.args


def neg(a: Expr) -> Expr:
    if is_zero(a):
        return ZERO
    value = _plain(a)
    if value is not None:
        return _number(-value)
    if isinstance(a, Op) and a.op == "neg":
        return a.args[0]
    if isinstance(a, Select) and any(_plain(arm) is not None for arm in a.args[1:]):
        return select(a.args[0], neg(a.args[1]), neg(a.args[2]))
    return Op("neg", a)


def _unsign(e: Expr) -> tuple[bool, Expr]:
    """Split off a sign: (is negative, magnitude)."""
    if isinstance(e, Op) and e.op == "neg":
        return True, e.args[0]
    value = _plain(e)
    if isinstance(value, (int, float)) and value < 0:
        return True, _number(-value)
    return False, e


def _commutative(op: str, a: Expr, b: Expr) -> Expr:
    kind = operator_type(op, (a, b))
    swapped = _state.table.get((Op, op, (b, a), kind))
    return swapped if swapped is not None else Op(op, a, b, type=kind)


def add(a: Expr, b: Expr) -> Expr:
    if is_zero(a):
        return b
    if is_zero(b):
        return a
    x, y = _plain(a), _plain(b)
    if x is not None and y is not None:
        return _number(x + y)
    if a is b:
        return mul(const(2.0), a)
    minus_a, u = _unsign(a)
    minus_b, v = _unsign(b)
    if u is v:
        return neg(mul(const(2.0), u)) if minus_a and minus_b else ZERO
    if minus_a and minus_b:
        return neg(add(u, v))
    if minus_b:
        return _difference(u, v)
    if minus_a:
        return _difference(v, u)
    if isinstance(a, Op) and a.op == "+" and a.args[1] is b and a.type == b.type:
        return add(a.args[0], mul(const(2.0), b))
    return _merged(add, a, b) or _commutative("+", a, b)


def _merged(join: Callable[[Expr, Expr], Expr], a: Expr, b: Expr) -> Expr | None:
    """The sum or difference of two conditional partials under one condition."""
    if not (isinstance(a, Select) and isinstance(b, Select) and a.args[0] is b.args[0]):
        return None
    if not (has_zero_arm(a) and has_zero_arm(b)):
        return None
    return select(a.args[0], join(a.args[1], b.args[1]), join(a.args[2], b.args[2]))


def _difference(a: Expr, b: Expr) -> Expr:
    merged = _merged(sub, a, b)
    if merged is not None:
        return merged
    kind = operator_type("-", (a, b))
    if (Op, "-", (a, b), kind) not in _state.table:
        swapped = _state.table.get((Op, "-", (b, a), kind))
        if swapped is not None:
            return neg(swapped)
    return Op("-", a, b, type=kind)


def sub(a: Expr, b: Expr) -> Expr:
    return add(a, neg(b))


def mul(a: Expr, b: Expr) -> Expr:
    if is_zero(a) or is_zero(b):
        return ZERO
    if is_one(a):
        return b
    if is_one(b):
        return a
    if a.type.kind == b.type.kind == "int":
        # As Python's integers, which do not wrap: the user's factors met floats one by one.
        a = real(a)
    x, y = _plain(a), _plain(b)
    if x is not None and y is not None:
        return _number(x * y)
    minus_a, u = _unsign(a)
    minus_b, v = _unsign(b)
    if minus_a or minus_b:
        product = mul(u, v)
        return product if minus_a and minus_b else neg(product)
    for mask, other in ((a, b), (b, a)):
        # A tangent is selected, never multiplied by a mask: 0 * inf would be nan.
        if isinstance(mask, Select) and has_zero_arm(mask):
            return select(mask.args[0], mul(mask.args[1], other), mul(mask.args[2], other))
        if has_zero_arm(mask) and not isinstance(other, (Const, Load)):
            return select(as_mask(mask)[0], _product(a, b), ZERO)
    return _product(a, b)


def _product(a: Expr, b: Expr) -> Expr:
    """A product without signs or selections, its literal in front."""
    x, y = _plain(a), _plain(b)
    if y is not None:
        a, b, x, y = b, a, y, x
    if x is None:
        first, rest = _coefficient(a)
        second, remainder = _coefficient(b)
        if first is not None and second is not None:
            return mul(_number(first * second), mul(rest, remainder))
    if x is not None and isinstance(b, Op):
        if b.op == "*":
            left, right = _plain(b.args[0]), _plain(b.args[1])
            if right is not None:
                return mul(_number(x * right), b.args[0])
            return mul(_number(x * left), b.args[1]) if left is not None else mul(mul(a, b.args[0]), b.args[1])
        if b.op == "/" and _plain(b.args[0]) is not None:
            return div(mul(a, b.args[0]), b.args[1])
    if isinstance(b, Op) and b.op == "/" and is_one(b.args[0]):
        return div(a, b.args[1])
    if isinstance(a, Op) and a.op == "/" and is_one(a.args[0]):
        return div(b, a.args[1])
    return _commutative("*", a, b)


def _coefficient(e: Expr) -> tuple[float | complex | None, Expr]:
    """Split a literal factor off a product or quotient."""
    if isinstance(e, Op) and e.op in ("*", "/") and not is_one(e.args[0]):
        value = _plain(e.args[0])
        if value is not None:
            return value, e.args[1] if e.op == "*" else div(ONE, e.args[1])
    return None, e


def real(e: Expr) -> Expr:
    """A derivative is a float, even where the factor that it consists of is an integer: that of `n * x`."""
    if e.type.is_differentiable:
        return e
    value = _plain(e)
    return Call("cast", (e,), FLOAT64, "float") if value is None else _number(float(value.real))


def has_zero_arm(e: Expr) -> bool:
    """Whether a conditional partial, or every term of a sum of such, is structurally zero under some condition."""
    terms = [e]
    while terms:
        term = terms.pop()
        if isinstance(term, Op) and term.op in _SIGNS:
            terms += term.args
        elif isinstance(term, Select):
            if not any(map(is_zero, term.args[1:])) and not any(map(has_zero_arm, term.args[1:])):
                return False
        elif not is_zero(term):
            return False
    return True


_SIGNS = ("+", "-", "neg")


def _masks(e: Expr) -> list[Expr]:
    """The terms of a sum, from left to right."""
    found: list[Expr] = []
    pending = [e]
    while pending:
        term = pending.pop()
        if isinstance(term, Op) and term.op in _SIGNS:
            pending += reversed(term.args)
        else:
            found.append(term)
    return found


def as_mask(e: Expr) -> tuple[Expr, Expr]:
    """Under which condition a derivative `has_zero_arm` of is not structurally zero, and what it is then."""
    if isinstance(e, Select):
        for arm, other in (e.args[1:], e.args[:0:-1]):
            if is_zero(other) and not has_zero_arm(arm):
                return _chosen(e), arm
    return _chosen(e), e


def unmasked(e: Expr) -> Expr:
    """`x if x != 0.0 else 0.0`, with which nothing was multiplied, as `x`."""
    if isinstance(e, Select) and is_zero(e.args[2]) and isinstance(e.args[0], Compare):
        x, zero = e.args[0].args[0], e.args[0].args[-1]
        if e.args[0].ops == ("!=",) and x is e.args[1] and is_zero(zero):
            return x
    return e


def _chosen(e: Expr) -> Expr:
    """The condition under which a derivative is not structurally zero."""
    if isinstance(e, Op) and has_zero_arm(e):
        return functools.reduce(functools.partial(_logic, "or"), dict.fromkeys(map(_chosen, _masks(e))))
    if not isinstance(e, Select):
        return Const(not is_zero(e))
    test, first, second = e.args[0], _chosen(e.args[1]), _chosen(e.args[2])
    if isinstance(first, Const) and first.value:
        return _logic("or", test, second)
    if isinstance(second, Const) and second.value:
        return _logic("or", _negated(test), first)
    return _logic("or", _logic("and", test, first), _logic("and", _negated(test), second))


def _logic(op: str, a: Expr, b: Expr) -> Expr:
    """`a and b`, `a or b`, where one may be known."""
    for known, other in ((a, b), (b, a)):
        if isinstance(known, Const):
            return other if bool(known.value) == (op == "and") else known
    return a if a is b else Logic(op, a, b)


def _negated(test: Expr) -> Expr:
    return test.args[0] if isinstance(test, Logic) and test.op == "not" else Logic("not", test)


def scale(factor: float, a: Expr) -> Expr:
    return mul(_number(factor), a)


def div(a: Expr, b: Expr) -> Expr:
    if is_zero(a):
        return ZERO
    if is_one(b):
        return a
    x, y = _plain(a), _plain(b)
    if x is not None and y is not None and y != 0:
        return _number(x / y)
    minus_a, u = _unsign(a)
    minus_b, v = _unsign(b)
    if minus_a or minus_b:
        quotient = div(u, v)
        return quotient if minus_a and minus_b else neg(quotient)
    return Op("/", a, b)


def power(a: Expr, exponent: int) -> Expr:
    """`a ** exponent` for an integer known when compiling."""
    if exponent == 0:
        return ONE
    if exponent == 1:
        return a
    return Op("**", a, Const(exponent))


def select(condition: Expr, a: Expr, b: Expr) -> Expr:
    if isinstance(condition, Const):
        return a if condition.value else b
    if isinstance(a, Select) and a.args[0] is condition:
        a = a.args[1]
    if isinstance(b, Select) and b.args[0] is condition:
        b = b.args[2]
    if a is b:
        return a
    return Select(condition, a, b)


def rebuild(e: Expr, args: tuple[Expr, ...]) -> Expr:
    """The same node over other arguments."""
    if args == e.args:
        return e
    if isinstance(e, Op):
        return Op(e.op, *args, type=e.type)
    if isinstance(e, Call):
        return Call(e.function, args, e.type, e.spelling)
    if isinstance(e, Helper):
        return Helper(e.helper, args, e.type)
    if isinstance(e, Select):
        return Select(*args)
    if isinstance(e, Compare):
        return Compare(e.ops, args)
    if isinstance(e, Logic):
        return Logic(e.op, *args)
    if isinstance(e, Opaque):
        return Opaque(e.text, e.type, args, e.reads)
    if isinstance(e, Load):
        fresh = iter(args)
        return type(e)(e.array, tuple(next(fresh) if isinstance(i, Expr) else i for i in e.index), e.type)
    raise TypeError(type(e).__name__)


def topological(roots: tuple[Expr, ...]) -> list[Expr]:
    """Every node below `roots` once, arguments before their users, in order of first appearance."""
    order: list[Expr] = []
    seen: set[Expr] = set()
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        if node not in seen:
            below = len(stack)
            for argument in reversed(node.args):
                if argument not in seen:
                    stack.append(argument)
            if len(stack) > below:
                continue
            seen.add(node)
            order.append(node)
        stack.pop()
    return order


def unconditional(roots: tuple[Expr, ...]) -> set[Expr]:
    """What is evaluated whatever the conditional expressions below `roots` decide."""
    found: set[Expr] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(node.args[:1] if isinstance(node, Select) else node.args)
    return found


def may_raise(nodes: Iterable[Expr]) -> set[Expr]:
    """Of nodes in topological order, those that plain Python may refuse to evaluate: divisions, powers, calls."""
    found: set[Expr] = set()
    for node in nodes:
        divides = isinstance(node, Op) and node.op in ("/", "//", "%", "**")
        calls = isinstance(node, (Call, Helper)) and not (isinstance(node, Call) and node.function == "cast")
        if divides or calls or any(a in found for a in node.args):
            found.add(node)
    return found


_STEPS = frozenset({"floor", "ceil", "trunc", "rint", "around", "sign", "spacing", "floor_divide"})


def is_step(node: Expr) -> bool:
    """Whether the last bit of an argument may change the result altogether: comparisons, rounding, remainders."""
    if isinstance(node, (Const, Var, Load)):
        return False
    if isinstance(node, Op) and node.op in ("//", "%"):
        return True
    return not node.type.is_differentiable or (isinstance(node, Call) and node.function in _STEPS)


def atoms(e: Expr) -> list[Expr]:
    """The variables and elements that an expression reads."""
    return [node for node in topological((e,)) if isinstance(node, (Var, Load))]


def key_of(atom: Expr) -> str:
    """How the tables name a variable or element."""
    if isinstance(atom, Var):
        return atom.name
    assert isinstance(atom, Load)
    return f"{atom.array}[{', '.join(map(str, atom.index))}]"
