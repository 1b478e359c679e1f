"""How the primitives of the rule table are written on CUDA devices, which have `math` and little else.

`PLAIN` are functions of `math` under their own names; `AS` says how to write the others as an expression; `DEVICE`
holds those that need a function, as plain Python over `math` whose source is copied into the emitted text. What is in
none of these, and no function of `srcdiff.rules.support`, is refused.
"""

# The copied text carries no annotations: it serves floats of either precision.
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["AS", "COMPARISONS", "COMPLEX", "DEVICE", "OPERATORS", "PLAIN", "UNARY"]

PLAIN = frozenset({
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "ceil", "copysign", "cos", "cosh", "degrees", "erf",
    "erfc", "exp", "exp2", "expm1", "fabs", "floor", "fmod", "gamma", "hypot", "isfinite", "isinf", "isnan", "ldexp",
    "lgamma", "log", "log10", "log1p", "log2", "nextafter", "pow", "radians", "sin", "sinh", "sqrt", "tan", "tanh",
    "trunc",
})  # fmt: skip

COMPLEX = frozenset({
    "acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "log", "log10", "sin", "sinh", "sqrt",
    "tan", "tanh", "isfinite", "isinf", "isnan",
})  # fmt: skip
"""Functions of `cmath` there."""

AS = {
    "absolute": "abs({0})",
    "cabs": "abs({0})",
    "bool": "bool({0})",
    "int": "int({0})",
    "conj": "({0}).conjugate()",
    "float_power": "math.pow({0}, {1})",
    "root": "math.sqrt({0})",
    # On devices math.floor and its like give floats.
    "floor_int": "int(math.floor({0}))",
    "ceil_int": "int(math.ceil({0}))",
    "trunc_int": "int({0})",
    "round_int": "int(rint({0}))",
    "isposinf": "(({0}) == math.inf)",
    "isneginf": "(({0}) == -math.inf)",
    "signbit": "(math.copysign(1.0, {0}) < 0.0)",
    "logical_xor": "(bool({0}) != bool({1}))",
    "logical_not": "(not ({0}))",
    "logical_and": "(({0}) and ({1}))",
    "logical_or": "(({0}) or ({1}))",
}

OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "remainder": "%", "floor_divide": "//",
    "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "left_shift": "<<", "right_shift": ">>",
}  # fmt: skip

UNARY = {"negative": "neg", "positive": "pos", "invert": "inv"}

COMPARISONS = {
    "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
}  # fmt: skip


def maximum(x, y):
    """The larger one; nan where there is a nan."""
    return x if x > y or x != x else y


def minimum(x, y):
    """The smaller one; nan where there is a nan."""
    return x if x < y or x != x else y


def fmax(x, y):
    """The larger one; a nan is ignored."""
    return x if x > y or y != y else y


def fmin(x, y):
    """The smaller one; a nan is ignored."""
    return x if x < y or y != y else y


def sign(x):
    """-1, 0 or 1; nan for nan."""
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x


def rint(x):
    """The nearest integer, of two the even one."""
    low = math.floor(x)
    rest = x - low
    if rest > 0.5 or (rest == 0.5 and 0.5 * low != math.floor(0.5 * low)):
        low = low + 1.0
    return low


def cbrt(x):
    """The real cube root: a power, then a Newton step."""
    if x == 0.0 or x != x or abs(x) == math.inf:
        return x
    y = math.copysign(math.pow(abs(x), 1.0 / 3.0), x)
    return y - (y - x / (y * y)) / 3.0


def logaddexp(x, y):
    """log(exp(x) + exp(y))."""
    if x == y:
        return x + math.log(2.0)
    if x != x or y != y:
        return x + y
    return max(x, y) + math.log1p(math.exp(-abs(x - y)))


def logaddexp2(x, y):
    """log2(2**x + 2**y)."""
    if x == y:
        return x + 1.0
    if x != x or y != y:
        return x + y
    return max(x, y) + math.log1p(math.exp2(-abs(x - y))) / math.log(2.0)


def sinc(x):
    """sin(pi*x)/(pi*x)."""
    z = math.pi * x
    return math.sin(z) / z if z != 0.0 else 1.0


DEVICE: dict[str, Callable[..., float]] = {
    function.__name__: function
    for function in (maximum, minimum, fmax, fmin, sign, rint, cbrt, logaddexp, logaddexp2, sinc)
}
