"""Calls: what is called, and the primitives of the rule table."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from dataclasses import replace
from types import BuiltinFunctionType, ModuleType
from typing import Any

import libcst as cst

from ..errors import SourceError, UnsupportedCall, UnsupportedSyntax, UnsupportedType
from ..ir.expr import Call, Const
from ..ir.types import BOOL, COMPLEX128, FLOAT64, INT64, ScalarType, promote
from ..rules.scalar import BY_SPELLING, COMPLEX, Rule
from .array_functions import FUNCTIONS
from .comprehensions import Comprehensions
from .describe import describe
from .dynamic_functions import DYNAMIC, MAKERS
from .extents import Extent
from .source import find_source
from .values import (
    Array,
    Dictionary,
    Dynamic,
    Lazy,
    Object,
    Partial,
    Scalar,
    Sequence_,
    UserFunction,
    Value,
)

__all__ = ["Calls"]

MOST = 256
"""Elements of an array beyond which it stays one, whatever the rest of the program does."""

LARGE = 64
"""From this many elements on, an array of known shape stays an array where the program has others."""

_RANDOM = "draws random numbers"
_HINT = "Call functions of math, numpy, or Python functions whose source is at hand."


@functools.cache
def _qualified_names() -> dict[int, str]:
    """id(function) -> "math.sin", for every public function of the libraries that the rules speak of."""
    import builtins
    import cmath
    import math
    import operator

    import numpy as np

    names: dict[int, str] = {}
    special = sys.modules.get("scipy.special")
    linalg = np.linalg
    for module, label in (
        (special, "scipy.special"),
        (linalg, "numpy.linalg"),
        (np, "numpy"),
        (operator, "operator"),
        (cmath, "cmath"),
        (math, "math"),
        (builtins, "builtins"),
    ):
        for name in dir(module) if module is not None else ():
            found = getattr(module, name)
            if callable(found) and not name.startswith("_"):
                names[id(found)] = f"{label}.{name}"
    for preferred in ("numpy.absolute", "numpy.float64", "numpy.complex128", "numpy.bool_"):
        names[id(getattr(np, preferred.partition(".")[2]))] = preferred
    return names


def qualified_name(function: object) -> str | None:
    names = _qualified_names()
    found = names.get(id(function))
    if found is None and "scipy.special" in sys.modules and type(function).__name__ in ("ufunc", "MultiUFunc"):
        _qualified_names.cache_clear()
        found = _qualified_names().get(id(function))
    return found


class Calls(Comprehensions):
    """Evaluates calls."""

    def _eval_Lambda(self, node: cst.Lambda) -> Value:
        return self.user_function(node, "lambda_")

    def user_function(self, node: cst.FunctionDef | cst.Lambda, name: str) -> UserFunction:
        """A function defined here: its defaults are evaluated now, its free variables when it is called."""
        defaults = {}
        for parameter in (*node.params.posonly_params, *node.params.params, *node.params.kwonly_params):
            if parameter.default is not None:
                defaults[parameter.name.value] = self.pin(self.evaluate(parameter.default), parameter.name.value)
        return UserFunction(node, name, self.source, self, {}, tuple(self.scopes), defaults)

    def _eval_Call(self, node: cst.Call) -> Value:
        if isinstance(node.func, cst.Attribute):
            base = self.evaluate(node.func.value)
            if not isinstance(base, Object):
                return self._method(base, node.func.attr.value, node)
        target = self.evaluate(node.func)
        name = qualified_name(target.value) if isinstance(target, Object) else None
        consumes = name is not None and (name in _CONSUMERS or name.startswith("numpy."))
        arguments, keywords = self.arguments_of(node, consumes)
        return self.call(target, arguments, keywords, node)

    def arguments_of(self, node: cst.Call, consumes: bool = False) -> tuple[list[Value], dict[str, Value]]:
        arguments: list[Value] = []
        keywords: dict[str, Value] = {}
        for argument in node.args:
            if argument.star == "*":
                arguments.extend(self.iterate(argument.value))
            elif argument.star == "**":
                value = self.evaluate(argument.value)
                if not isinstance(value, Dictionary):
                    self.fail(argument, UnsupportedSyntax, "`**` of something that is no constant dict", "")
                for key in value.items:
                    keywords[str(key)] = self.item_of(value, key)
            elif argument.keyword is not None:
                keywords[argument.keyword.value] = self.evaluate(argument.value)
            elif isinstance(argument.value, (cst.GeneratorExp, cst.ListComp)) and consumes:
                arguments.append(self.consumed(argument.value))
            else:
                arguments.append(self.evaluate(argument.value))
        return arguments, keywords

    def call(self, target: Value, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        if isinstance(target, UserFunction):
            return self.call_user(target, arguments, keywords, node)
        if isinstance(target, Partial):
            return self.call(target.target, [*target.arguments, *arguments], {**target.keywords, **keywords}, node)
        if not isinstance(target, Object):
            self.fail(node, UnsupportedCall, f"{describe(target)} is not callable", "")
        function, text = target.value, target.text or self.source.code(node.func)
        if isinstance(function, functools.partial):
            fixed = [self.constant_value(a, f"{text}_{i}", node) for i, a in enumerate(function.args)]
            named = {k: self.constant_value(v, f"{text}_{k}", node) for k, v in function.keywords.items()}
            return self.call(Object(function.func, text), fixed + arguments, {**named, **keywords}, node)
        if isinstance(function, BuiltinFunctionType) and function in _HIDDEN:
            self.fail(node, UnsupportedCall, f"{text} runs code that cannot be seen", "Write the code out.")
        name = qualified_name(function)
        if name is not None:
            return self.library(name, function, text, arguments, keywords, node)
        if getattr(function, "__name__", "") == "prange" and (getattr(function, "__module__", "") or "").startswith(
            "numba"
        ):
            made = self._builtin_range(arguments, keywords, node)
            return replace(made, parallel=True)
        if function is functools.partial and arguments:
            named = {key: self.pin(value, key) for key, value in keywords.items()}
            return Partial(arguments[0], tuple(self.pin(value) for value in arguments[1:]), named)
        if isinstance(function, type):
            return self._construct(function, arguments, keywords, node)
        module = getattr(function, "__module__", None) or ""
        if module.startswith("numpy.random") or module == "random" or "RandomState" in type(function).__name__:
            self.fail(node, UnsupportedCall, f"{text} {_RANDOM}", "Draw the numbers outside and pass them in.")
        if getattr(function, "__self__", None) is not None and not isinstance(function.__self__, ModuleType):
            module = type(function.__self__).__module__
            if module.startswith("numpy.random") or module == "random":
                self.fail(node, UnsupportedCall, f"{text} {_RANDOM}", "Draw the numbers outside and pass them in.")
        if isinstance(function, BuiltinFunctionType):
            self.fail(node, UnsupportedCall, f"no derivative is known for {text}", _HINT)
        if not callable(function):
            self.fail(node, UnsupportedCall, f"{describe(target)} is not callable", "Call a function.")
        if type(function).__module__.startswith("numpy"):
            self.fail(node, UnsupportedCall, f"no derivative is known for {text}", _HINT)
        try:
            source = find_source(function)
        except SourceError as error:
            self.fail(node, UnsupportedCall, f"{text} cannot be differentiated: {error.message}", error.hint or _HINT)
        if "numpy" in (source.function.__module__ or "").split(".")[:1]:
            self.fail(node, UnsupportedCall, f"no derivative is known for {text}", _HINT)
        return self.call_user(source, arguments, keywords, node)

    # -- libraries --------------------------------------------------------------------------------------------------

    def library(
        self, name: str, function: Any, text: str, arguments: list[Value], keywords: dict[str, Value], node: cst.Call
    ) -> Value:
        """A function of builtins, math, cmath, numpy or scipy.special, by its qualified name."""
        module, _, short = name.rpartition(".")
        if keywords.keys() & {"out", "where"} and name in BY_SPELLING:
            self.fail(
                node,
                UnsupportedCall,
                f"{text} takes no out= or where= here",
                f"Write `result = {text}(...)`, and `if` or np.where.",
            )
        builtin = getattr(self, f"_builtin_{short}", None) if module == "builtins" else None
        if builtin is not None:
            return self.guarded(builtin, text, arguments, keywords, node)
        dynamic = self._any_dynamic([*arguments, *keywords.values()]) and module != "math"
        if dynamic and short == "cross":
            if any(isinstance(a, (Dynamic, Lazy)) and len(a.shape) != 1 for a in arguments):
                self.fail(node, UnsupportedCall, "np.cross of matrices", "Loop over the rows.")
            arguments = [self.known_triple(a, node) for a in arguments]
            dynamic = False
        dynamic = dynamic or self._open_maker(short, arguments, keywords, node)
        added = module == "math" and short in ("fsum", "prod") and self._any_dynamic(arguments)
        if added or (dynamic and short in DYNAMIC and module in ("numpy", "numpy.linalg")):
            return self.guarded(functools.partial(DYNAMIC[short], self), text, arguments, keywords, node)
        of_arrays = short in DYNAMIC and short not in FUNCTIONS and module in ("numpy", "numpy.linalg")
        if of_arrays and any(isinstance(v, (Array, Sequence_)) for v in arguments):
            if not self.program.dynamic:
                self.needs_known(node, f"{text} works on whole arrays")
            return self.guarded(functools.partial(DYNAMIC[short], self), text, arguments, keywords, node)
        if module == "math":
            self._check_math(short, text, arguments, node)
        if short in FUNCTIONS and module in ("numpy", "numpy.linalg", "operator", "math", "cmath", "builtins"):
            implementation = functools.partial(FUNCTIONS[short], self)
            return self.guarded(implementation, text, arguments, keywords, node)
        if isinstance(function, type) and module in ("numpy", "builtins"):
            return self._construct(function, arguments, keywords, node)
        if name == "math.log" and len(arguments) == 2 and not keywords:
            value, base = (self.library(name, function, text, [a], {}, node) for a in arguments)
            return self.binary("/", value, base, node)
        rule = BY_SPELLING.get(name)
        if rule is None:
            self.fail(node, UnsupportedCall, f"no derivative is known for {text}", _HINT)
        if keywords:
            self.fail(
                node,
                UnsupportedCall,
                f"{text} takes no {next(iter(keywords))}= here",
                "Pass arguments by position, and convert the result.",
            )
        if len(arguments) != len(rule.params):
            count = f"{len(rule.params)} argument{'s' * (len(rule.params) != 1)}"
            nest = len(rule.params) == 2 and len(arguments) > 2
            self.fail(
                node,
                UnsupportedCall,
                f"{text} takes {count} here, not {len(arguments)}",
                "Nest the calls if it is associative." if nest else "",
            )
        spelling = self.spelling(node, rule, module)
        if dynamic and spelling.startswith("math."):
            self.fail(node, UnsupportedType, f"{text} of an array", "Use the function of numpy, or a loop.")
        return self.elementwise(lambda *xs: self.primitive(rule, xs, spelling, node), tuple(arguments), node)

    def _open_maker(self, short: str, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> bool:
        """Whether an array is made whose length is known at run time only, or that must stay an array."""
        if short not in MAKERS:
            return False
        given = keywords.get("shape") or (arguments[2] if short == "linspace" and len(arguments) > 2 else None)
        given = given or keywords.get("num") or (arguments[0] if arguments else None)
        items = given.items if isinstance(given, Sequence_) else [given]
        if short == "arange":
            items = list(arguments)
        known = [v.constant for v in items if isinstance(v, Scalar)]
        if any(k is None for k in known):
            return self.program.dynamic
        size = 1
        for k in known:
            size *= k if isinstance(k, int) else 1
        if size > MOST and not self.program.dynamic:
            self.needs_known(node, f"an array of {size} elements is made", "Arrays of known shape hold few elements.")
        return self.program.dynamic and size > LARGE

    def known_triple(self, value: Value, node: cst.Call) -> Value:
        """The three elements of a vector, for np.cross."""
        if not isinstance(value, (Dynamic, Lazy)):
            return value
        array = self.whole(value, node)
        self.require(array.shape[0], self.length(array, 0), Extent(3), Const(3), node, "np.cross takes 3 elements")
        return self.array([self.temporary("component", self.item_at(array, (Const(i),))) for i in range(3)], (3,))

    def _check_math(self, short: str, text: str, arguments: list[Value], node: cst.Call) -> None:
        """What Python's math functions raise a TypeError for."""
        if short in ("fsum", "prod", "dist", "sumprod"):
            for value in arguments[:1]:
                if isinstance(value, Scalar):
                    self.fail(node, UnsupportedType, f"{text} of {describe(value)}", "It takes a sequence.")
            return
        for i, value in enumerate(arguments):
            if isinstance(value, (Array, Dynamic, Lazy, Sequence_)):
                self.fail(node, UnsupportedType, f"{text} of {describe(value)}", f"Use np.{short}, or a loop.")
            if not isinstance(value, Scalar):
                continue
            if value.type.kind == "complex":
                self.fail(node, UnsupportedType, f"{text} of a complex number", "Use the function of cmath or numpy.")
            integer = short in ("gcd", "lcm", "comb", "perm", "factorial", "isqrt") or (short == "ldexp" and i == 1)
            if integer and value.type.kind == "float":
                self.fail(node, UnsupportedType, f"{text} takes an integer here", "Convert it with int(...).")

    def spelling(self, node: cst.Call, rule: Rule, module: str) -> str:
        """How the user calls it, if emitted code can: through an imported module or name."""
        text = self.source.code(node.func)
        if module == "scipy.special":
            return rule.spellings[0] if rule.spellings[0].startswith("math.") else rule.name
        if module == "builtins":
            return text
        root = text.partition(".")[0]
        line = self.program.imports.get(root)
        if line is None or self.environment.get(root) is not None:
            return self.canonical(
                f"{module}.{rule.name}" if f"{module}.{rule.name}" in rule.spellings else rule.spellings[0]
            )
        return text

    def canonical(self, qualified: str) -> str:
        """`numpy.cbrt` as emitted code writes it."""
        module, _, short = qualified.rpartition(".")
        alias = {"numpy": "np"}.get(module, module)
        return f"{alias}.{short}"

    def primitive(self, rule: Rule, operands: Sequence[Scalar], spelling: str, node: cst.CSTNode) -> Scalar:
        """One call of the rule table on scalars."""
        kinds = [o.type for o in operands]
        if any(k.kind == "str" for k in kinds):
            self.fail(node, UnsupportedType, f"{spelling} of a string", "")
        kind = promote(*kinds)
        if kind.kind in ("int", "bool") and rule.result == "float":
            kind = INT64 if rule.name in _KEEPS_INTEGERS else FLOAT64
        if kind.kind == "complex" and rule.name in ("fabs", "abs", "absolute"):
            return Scalar(Call("cabs", (operands[0].expr,), ScalarType("float", kind.bits), spelling))
        if rule.name in ("conj", "conjugate"):
            if kind.kind != "complex":
                return operands[0]
            return Scalar(Call("conj", (operands[0].expr,), kind, spelling))
        if kind.kind == "complex":
            rule = COMPLEX.get(rule.name, rule)
        if kind.kind == "complex" and not rule.holomorphic and rule.result == "float" and rule.partials != ("0",):
            self.fail(node, UnsupportedType, f"{spelling} of a complex number", "Use its real and imaginary parts.")
        if spelling.startswith("cmath.") and kind.kind != "complex":
            kind = COMPLEX128
        result = {"int": INT64, "bool": BOOL}.get(rule.result, kind)
        if rule.name in _BITWISE and all(k == BOOL for k in kinds):
            result = BOOL
        return Scalar(Call(rule.name, tuple(o.expr for o in operands), result, spelling))

    def _construct(self, cls: type, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        """`np.float64(x)`, a namedtuple, an exception."""
        import numpy as np

        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            fields: tuple[str, ...] = cls._fields
            named = dict(zip(fields, arguments)) | keywords
            for key, value in cls._field_defaults.items():  # type: ignore[attr-defined]
                named.setdefault(key, self.constant_value(value, key, node))
            if set(named) != set(fields):
                self.fail(node, UnsupportedCall, f"{cls.__name__} takes the fields {', '.join(fields)}", "")
            self.program.objects[cls.__name__] = cls
            return Sequence_([named[f] for f in fields], record=cls)
        if issubclass(cls, np.generic) and len(arguments) == 1:
            return self.cast(cls, arguments[0], node)
        self.fail(
            node,
            UnsupportedType,
            f"instances of the class {cls.__name__} cannot be differentiated",
            "Use scalars, tuples, namedtuples or arrays.",
        )

    def cast(self, cls: type, value: Value, node: cst.Call) -> Value:
        """`np.float64(x)`, `float(x)`, `int(x)`."""
        import numpy as np

        text = self.source.code(node.func)
        kinds = {"f": "float", "c": "complex", "i": "int", "u": "int", "b": "bool"}
        if isinstance(value, Scalar) and value.type.kind == "str":
            self.fail(node, UnsupportedType, f"{text} of a string", "Write the number, or pass it in.")
        dtype = np.dtype(cls)
        if dtype.kind not in kinds:
            self.fail(node, UnsupportedType, f"a conversion to {dtype}", "Use numbers.")
        kind = ScalarType(kinds[dtype.kind], 32 if dtype in (np.dtype("f4"), np.dtype("c8")) else 64)

        def convert(x: Scalar) -> Scalar:
            if x.type.kind == "complex" and kind.kind != "complex":
                self.fail(node, UnsupportedType, f"{text} of a complex number", "Use .real or abs().")
            known = x.constant
            known = int(known) if isinstance(known, (int, float)) and kind.kind == "int" else None
            name = kind.kind if kind.kind in ("int", "bool") else "cast"
            return Scalar(Call(name, (x.expr,), kind, text), known)

        return self.elementwise(convert, (value,), node)


_HIDDEN = (exec, eval, compile, __import__)

_CONSUMERS = {f"builtins.{name}" for name in ("sum", "min", "max", "any", "all", "tuple", "list")} | {
    "builtins.zip", "builtins.enumerate", "math.fsum", "math.prod",
}  # fmt: skip
"""Functions that iterate over an argument once."""

_BITWISE = {"bitwise_and", "bitwise_or", "bitwise_xor", "invert"}
_KEEPS_INTEGERS = {"fabs", "abs", "absolute", "add", "subtract", "multiply", "maximum", "minimum", "fmax", "fmin"} | {
    "square", "positive", "negative", "remainder", "mod", "floor_divide", "sign", "conj", "fmod", "power", "pow",
}  # fmt: skip
