"""Text for CUDA devices: functions of `math` only, constants in the working precision, local arrays.

    y = 0.5 * np.sin(x)     becomes     y = np.float32(0.5) * math.sin(x)

for a float32 `x`. On a device a float32 times a literal would be a float64.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import Location, Unsupported, UnsupportedCall, UnsupportedSyntax, UnsupportedType
from ..frontend.source import Source
from ..ir.expr import (
    Call,
    Compare,
    Const,
    Expr,
    Helper,
    Logic,
    Op,
    Opaque,
    Select,
    Var,
    rebuild,
    topological,
)
from ..ir.statements import (
    Assert,
    Assign,
    Block,
    CallHelper,
    For,
    If,
    Line,
    Origin,
    Raise,
    Return,
    Statement,
    Store,
    StoreMany,
    While,
)
from ..ir.types import FLOAT32, FLOAT64, INT64, STRING
from ..rules.device import AS, COMPARISONS, COMPLEX, DEVICE, OPERATORS, PLAIN, UNARY
from ..rules.support import SUPPORT

__all__ = ["DeviceWriter"]

_ZEROS = re.compile(r"(\w+) = np\.zeros\((\d+)(?:, np\.(\w+))?\)$")
_FLOAT32 = "np.float32"


class DeviceWriter:
    """Rewrites blocks for devices. `narrow` is whether the working precision is float32."""

    def __init__(
        self, source: Source, narrow: bool, undefined: Callable[[], Block] | None, *, located: bool = True
    ):
        self.source = source
        self.narrow = narrow
        self.undefined = undefined
        """What a function returns where the user's raises; None where that cannot be said."""
        self.located = located
        """Whether each statement knows its place; those of derivatives do not."""
        self.origin: Origin | None = None
        self._done: dict[Expr, Expr] = {}

    def refuse(self, error: type[Unsupported], message: str, hint: str) -> None:
        """Raise with the place of the user's statement that is being rewritten."""
        lines = self.source.lines
        line = self.source.first_line
        if self.located and self.origin is not None:
            # Not so if a statement of a function in another file was written out here.
            known = lines[self.origin.line - 1] if self.origin.line <= len(lines) else ""
            line = self.origin.line if self.origin.text.partition("\n")[0].strip() in known else line
        text = lines[line - 1]
        column = len(text) - len(text.lstrip()) + 1
        location = Location(self.source.filename, line, column, len(text.strip()), text)
        raise error(message, hint=hint, location=location)

    # -- statements -------------------------------------------------------------------------------------------------

    def block(self, block: Block) -> Block:
        """The same statements as a device takes them."""
        out: list[Statement] = []
        for s in block:
            self.origin = s.origin or self.origin
            out.extend(self._statement(s))
        return tuple(out)

    def _statement(self, s: Statement) -> Block:
        if isinstance(s, Assign):
            values = tuple(self.value(v) if t.type.is_differentiable else self(v) for t, v in zip(s.targets, s.values))
            return (replace(s, values=values),)
        if isinstance(s, CallHelper):
            return (replace(s, args=self._passed(s.helper, s.args, tuple(map(self, s.args)))),)
        if isinstance(s, Return):
            values = tuple(self.value(v) if v.type.is_differentiable else self(v) for v in s.values)
            return (replace(s, values=values),)
        if isinstance(s, Store):
            return (replace(s, value=self(s.value)),)
        if isinstance(s, If):
            return (replace(s, test=self(s.test), body=self.block(s.body), orelse=self.block(s.orelse)),)
        if isinstance(s, While):
            return (replace(s, test=self(s.test), body=self.block(s.body), orelse=self.block(s.orelse)),)
        if isinstance(s, For):
            bounds = tuple(map(self, s.bounds))
            return (replace(s, bounds=bounds, body=self.block(s.body), orelse=self.block(s.orelse)),)
        if isinstance(s, (Raise, Assert)):
            return self._raises(s)
        if isinstance(s, Line):
            return self._line(s)
        if isinstance(s, StoreMany):
            self.refuse(UnsupportedType, "so large a result cannot be returned on a device", "Fill it with `into`.")
        return (s,)

    def _raises(self, s: Raise | Assert) -> Block:
        """Devices do not raise: results are nan."""
        if self.undefined is None:
            self.refuse(
                UnsupportedSyntax,
                "devices cannot raise, and nan cannot stand for the result here",
                "Remove the check, or make it in the function that is differentiated itself.",
            )
            return ()
        if isinstance(s, Raise):
            return self.block(self.undefined())
        return (If(Logic("not", self(s.test)), self.block(self.undefined()), (), origin=s.origin),)

    def _line(self, s: Line) -> Block:
        found = _ZEROS.match(s.text)
        if found is None:
            if re.search(r"\bnp\.(?!float|int)|\.flat\b|\[:", s.text):
                self.refuse(UnsupportedType, f"devices have no {s.text}", "Use scalars or tuples.")
            if self.narrow:
                return (replace(s, text=re.sub(r"= float\(", f"= {_FLOAT32}(", s.text)),)
            return (s,)
        name, length, dtype = found.groups()
        kind = FLOAT32 if dtype == "float32" or self.narrow else FLOAT64
        k = Var(f"{name}_k", INT64)
        zero = Store(name, (k,), self.value(Const(0.0)))
        line = replace(s, text=f"{name} = cuda.local.array({length}, np.{kind.numpy})")
        return (line, For(k, (Const(int(length)),), (zero,), ()))

    # -- expressions ------------------------------------------------------------------------------------------------

    def __call__(self, e: Expr) -> Expr:
        for node in topological((e,)):
            if node not in self._done:
                self._done[node] = self._rewrite(node, tuple(self._done[a] for a in node.args))
        return self._done[e]

    def value(self, e: Expr) -> Expr:
        """A number that is assigned, returned or passed on: in the working precision."""
        return self._narrowed(e, self(e))

    def _passed(self, helper: Any, args: tuple[Expr, ...], done: tuple[Expr, ...]) -> tuple[Expr, ...]:
        """Arguments of a function of the module: those of its parameters that are floats in the working precision."""
        # Functions that carry tangents have these among their parameters.
        kinds = [a.type for a in args] if hasattr(helper, "signature") else getattr(helper, "reference", helper).types
        return tuple(self._narrowed(a, b) if k.is_differentiable else b for a, b, k in zip(args, done, kinds))

    def _narrowed(self, node: Expr, done: Expr) -> Expr:
        """Literals and integers among floats, as floats of the working precision."""
        if not self.narrow or node.type.kind not in ("float", "int") or isinstance(node, Select):
            return done
        literal = isinstance(node, Const)
        if isinstance(done, Call) and done.spelling == _FLOAT32:
            return done
        if literal or node.type.kind == "int":
            return Call("cast", (done,), FLOAT32, _FLOAT32)
        return done

    def _rewrite(self, node: Expr, args: tuple[Expr, ...]) -> Expr:
        if isinstance(node, Var) and node.type == STRING:
            self.refuse(UnsupportedType, f"{node.name} is a string, which devices do not take", "Fix it as a default.")
        if isinstance(node, Opaque) and node.type == STRING:
            self.refuse(UnsupportedType, "devices have no strings", "Move the switch out of the function.")
        floats = any(a.type.kind == "float" for a in node.args)
        if isinstance(node, Call):
            if node.type.kind == "float" or floats:
                args = tuple(self._narrowed(a, b) for a, b in zip(node.args, args))
            return self._call(node, args)
        if isinstance(node, Op) and node.type.kind == "float" and (floats or node.op == "/"):
            if node.op == "**" and isinstance(node.args[1], Const) and node.args[1].type.kind == "int":
                return rebuild(node, (self._narrowed(node.args[0], args[0]), args[1]))
            return rebuild(node, tuple(self._narrowed(a, b) for a, b in zip(node.args, args)))
        if isinstance(node, Compare) and floats:
            return rebuild(node, tuple(self._narrowed(a, b) for a, b in zip(node.args, args)))
        if isinstance(node, Select) and node.type.kind == "float":
            return rebuild(node, (args[0], *(self._narrowed(a, b) for a, b in zip(node.args[1:], args[1:]))))
        if isinstance(node, Helper):
            return rebuild(node, self._passed(node.helper, node.args, args))
        return rebuild(node, args) if args != node.args else node

    def _call(self, node: Call, args: tuple[Expr, ...]) -> Expr:
        name = node.function
        if name == "cast":
            spelling = node.spelling
            if self.narrow and node.type.kind == "float":
                spelling = _FLOAT32
            return Call("cast", args, node.type, spelling)
        if name in ("real", "imag", "norm"):
            return rebuild(node, args)
        if name == "complex" and not self.narrow:
            return rebuild(node, args)
        if name == "round" and len(args) == 1:
            return Opaque(AS["round_int"] if node.type.kind == "int" else "rint({0})", node.type, args)
        complex_ = node.type.kind == "complex" or any(a.type.kind == "complex" for a in node.args)
        if complex_ and name not in ("cabs", "conj"):
            if name in COMPLEX:
                return Call(name, args, node.type, f"cmath.{name}")
            if name not in OPERATORS and name not in UNARY:
                self._unknown(node)
        if name in OPERATORS:
            return Op(OPERATORS[name], *args, type=node.type)
        if name in UNARY:
            return Op(UNARY[name], *args, type=node.type)
        if name in COMPARISONS:
            return Compare((COMPARISONS[name],), args)
        if name == "square":
            return Op("*", args[0], args[0], type=node.type)
        if name == "reciprocal":
            one = self._narrowed(Const(1.0), Const(1.0))
            return Op("/", one, args[0], type=node.type)
        if name in ("max", "min"):
            result = args[0]
            for a in args[1:]:
                result = Select(Compare((">" if name == "max" else "<",), (a, result)), a, result)
            return result
        if name in PLAIN:
            return Call(name, args, node.type, f"math.{name}")
        if name in AS:
            return Opaque(AS[name], node.type, args)
        if name in DEVICE or name in SUPPORT:
            called = Call(name, args, node.type, name)
            return Call("cast", (called,), FLOAT32, _FLOAT32) if self.narrow and node.type.kind == "float" else called
        self._unknown(node)
        return node

    def _unknown(self, node: Call) -> None:
        self.refuse(
            UnsupportedCall,
            f"{node.spelling} is not available on CUDA devices",
            "Use functions of math, or target='cpu'.",
        )
