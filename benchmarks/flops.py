"""Floating-point operations in the text of a function, counted over its syntax tree.

One each: ``+ - * / // % **`` and unary minus on floating-point values, and each call of a function (``math.sin``,
``np.sqrt``, ``abs``, ...). Only the text counts: ``x**2`` is one operation, and so is ``math.sin``; an operation that
is written twice counts twice, whatever a compiler shares.

Not counted: comparisons, assignments, loads and stores, conversions (``float``, ``np.float64``) and array constructors
(``np.empty``, ``np.zeros``, ``np.array``), anything inside an index, arithmetic between integers (literals, loop
counters of ``range``, lengths), operations between literals and the sign of a literal, which the compiler folds.

Control flow counts the dearest path: of the arms of an ``if`` the more expensive one (after an arm that returns,
nothing else follows). The body of a loop over ``range`` of literals counts as often as it runs; of any other loop it
counts once, and ``Count.per_iteration`` says so. A call of a function defined in the same text costs what its body
costs, and nothing for the call; recursion counts as one call.
"""

import ast
from collections import Counter
from dataclasses import dataclass

SYMBOLS = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
CONVERSIONS = {"float", "int", "bool", "complex", "float32", "float64"}
CONSTRUCTORS = {"empty", "zeros", "ones", "full", "array", "asarray", "empty_like", "zeros_like"}
BOOKKEEPING = {"len", "range", "enumerate", "zip", "reversed", "tuple"}
FREE_CALLS = CONVERSIONS | CONSTRUCTORS | BOOKKEEPING


@dataclass(frozen=True)
class Count:
    operations: Counter
    per_iteration: bool = False

    @property
    def total(self):
        return self.operations.total()

    def __add__(self, other):
        return Count(self.operations + other.operations, self.per_iteration or other.per_iteration)

    def __mul__(self, times):
        return Count(Counter({k: v * times for k, v in self.operations.items()}), self.per_iteration)


NOTHING = Count(Counter())


def count(source, name=None):
    """Operations of one run of the function ``name`` in ``source`` (default: the last function defined there).

    >>> sorted(count("def f(x, y):\\n    a = 2.0 * x\\n    return a * a - y[2 * 3] / 3.0").operations.items())
    [('*', 2), ('-', 1), ('/', 1)]
    >>> count("def f(x):\\n    for i in range(4):\\n        x = math.sin(x) + 1.0\\n    return -x").total
    9
    """
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    if not functions:
        raise ValueError("no function in the source")
    return _Counter(functions).function(name or list(functions)[-1])


class _Counter:
    def __init__(self, functions):
        self.functions = functions
        self.known = {}
        self.integers = set()

    def function(self, name):
        if name not in self.known:
            self.known[name] = Count(Counter({"call": 1}))  # what a recursive call inside finds
            outer, self.integers = self.integers, set()
            self.known[name] = self.block(self.functions[name].body)
            self.integers = outer
        return self.known[name]

    def block(self, statements):
        total = NOTHING
        for i, statement in enumerate(statements):
            if isinstance(statement, ast.If):
                rest = self.block(statements[i + 1 :])
                arms = [
                    self.block(arm) + (NOTHING if _leaves(arm) else rest) for arm in (statement.body, statement.orelse)
                ]
                return total + self.expression(statement.test) + max(arms, key=lambda arm: arm.total)
            total += self.statement(statement)
            if _leaves([statement]):
                break
        return total

    def statement(self, node):
        match node:
            case ast.For():
                times = _trips(node.iter)
                if isinstance(node.iter, ast.Call) and _callee(node.iter) == "range":
                    self.integers |= {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
                body = self.block(node.body)
                if times is None:
                    body = Count(body.operations, per_iteration=body.total > 0 or body.per_iteration)
                    times = 1
                return self.expression(node.iter) + body * times + self.block(node.orelse)
            case ast.While():
                body = self.expression(node.test) + self.block(node.body)
                return Count(body.operations, per_iteration=True) + self.block(node.orelse)
            case ast.AugAssign():
                if isinstance(node.target, ast.Name) and node.target.id in self.integers:
                    return NOTHING
                cost = Count(Counter({SYMBOLS.get(type(node.op), "other"): 1}))
                return cost + self.expression(node.value)
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if self.is_integer(value):
                self.integers.add(name)
                return NOTHING
            case ast.Assign() | ast.AnnAssign() | ast.Return() | ast.Expr():
                return self.expression(node.value) if node.value is not None else NOTHING
            case ast.With():
                return self.block(node.body)
            case ast.Pass() | ast.Break() | ast.Continue() | ast.Raise() | ast.Assert() | ast.Import():
                return NOTHING
        raise ValueError(f"line {node.lineno}: cannot count {type(node).__name__}")

    def expression(self, node):
        match node:
            case ast.Subscript():
                return self.expression(node.value)
            case ast.IfExp():
                arms = self.expression(node.body), self.expression(node.orelse)
                return self.expression(node.test) + max(arms, key=lambda arm: arm.total)
            case ast.ListComp() | ast.GeneratorExp() | ast.Lambda():
                raise ValueError(f"line {node.lineno}: cannot count {type(node).__name__}")
        cost = NOTHING
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                cost += self.expression(child)
        if self.is_integer(node) or _is_literal(node):
            return cost
        match node:
            case ast.BinOp(op=op):
                cost += Count(Counter({SYMBOLS.get(type(op), "other"): 1}))
            case ast.UnaryOp(op=ast.USub()):
                cost += Count(Counter({"neg": 1}))
            case ast.Call(func=ast.Name(id=name)) if name in self.functions:
                cost += self.function(name)
            case ast.Call() if _callee(node) not in FREE_CALLS:
                cost += Count(Counter({"call": 1}))
        return cost

    def is_integer(self, node):
        match node:
            case ast.Constant(value=value):
                return isinstance(value, int)
            case ast.Name(id=name):
                return name in self.integers
            case ast.UnaryOp(operand=operand):
                return self.is_integer(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return not isinstance(op, ast.Div) and self.is_integer(left) and self.is_integer(right)
            case ast.Call(func=ast.Name(id="len")):
                return True
            case ast.Subscript(value=ast.Attribute(attr="shape")):
                return True
        return False


def _is_literal(node):
    match node:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=operand):
            return _is_literal(operand)
        case ast.BinOp(left=left, right=right):
            return _is_literal(left) and _is_literal(right)
    return False


def _callee(call):
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _leaves(block):
    return bool(block) and isinstance(block[-1], ast.Return | ast.Raise)


def _trips(iterable):
    if isinstance(iterable, ast.Call) and _callee(iterable) == "range":
        try:
            return len(range(*(ast.literal_eval(argument) for argument in iterable.args)))
        except (ValueError, TypeError):
            return None
    return None
