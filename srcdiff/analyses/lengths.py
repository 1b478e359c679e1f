"""Lengths of arrays, and values of integers, that are the same whenever a function runs with arguments of given shapes.

The table is flow-insensitive: what is bound twice to different lengths has none.

>>> from ..ir.expr import interning, Op, Opaque
>>> from ..ir.types import INT64
>>> with interning():
...     found = Lengths({"u": (16,)}, {})
...     print(found.value(Op("-", Opaque("len(u)", INT64, (), ("u",)), Const(2))), found.value(Var("n", INT64)))
14 None
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..ir.expr import Call, Const, Expr, Op, Opaque, Var
from ..ir.statements import Allocate, ArrayCall, Assign, Block, CallHelper, For, Rebind, View, statements

__all__ = ["Lengths", "lengths_of"]

Shape = tuple[int | None, ...]

_LENGTH = re.compile(r"len\((\w+)\)|(\w+)\.shape\[(\d+)\]|(\w+)\.size")
_UNSEEN = -(10**9)
"""Stands for an integer that no binding has reached yet."""


@dataclass
class Lengths:
    """Shapes by array, None for an axis whose length is not settled, and integers by name."""

    shapes: dict[str, Shape] = field(default_factory=dict)
    integers: dict[str, int | None] = field(default_factory=dict)

    def value(self, e: Expr) -> int | None:
        """An integer expression's value where it is settled."""
        found = self._value(e)
        return None if found == _UNSEEN else found

    def known(self, array: str) -> tuple[int, ...] | None:
        """The shape of an array all of whose lengths are settled."""
        shape = self.shapes.get(array)
        if shape is None or any(n is None for n in shape):
            return None
        return tuple(n for n in shape if n is not None)

    def _value(self, e: Expr) -> int | None:
        if isinstance(e, Const):
            return e.value if isinstance(e.value, int) and not isinstance(e.value, bool) else None
        if isinstance(e, Var):
            return self.integers.get(e.name)
        if isinstance(e, Opaque):
            return self._length(e.text)
        known = e.op in _OPERATORS if isinstance(e, Op) else isinstance(e, Call) and e.function in _BOUNDS
        if known:
            values = [self._value(a) for a in e.args]
            if None in values:
                return None
            if _UNSEEN in values:
                return _UNSEEN
            numbers = [v for v in values if v is not None]
            if isinstance(e, Call):
                return _BOUNDS[e.function](numbers)
            assert isinstance(e, Op)
            if e.op == "neg":
                return -numbers[0]
            a, b = numbers
            if e.op in ("//", "%"):
                return None if b == 0 else a // b if e.op == "//" else a % b
            return a + b if e.op == "+" else a - b if e.op == "-" else a * b
        return None

    def _length(self, text: str) -> int | None:
        found = _LENGTH.fullmatch(text)
        if found is None:
            return None
        first, indexed, axis, sized = found.groups()
        name = first or indexed or sized
        if name not in self.shapes:
            return _UNSEEN
        shape = self.shapes[name]
        if sized is None:
            return shape[int(axis or 0)]
        size = 1
        for n in shape:
            if n is None or n == _UNSEEN:
                return n
            size *= n
        return size

    # -- bindings ---------------------------------------------------------------------------------------------------

    def bind_integer(self, name: str, value: int | None) -> None:
        if value == _UNSEEN:
            return
        self.integers[name] = value if self.integers.get(name, value) == value else None

    def bind_array(self, name: str, shape: Shape) -> None:
        if _UNSEEN in shape:
            return
        old = self.shapes.get(name, shape)
        self.shapes[name] = tuple(a if a == b else None for a, b in zip(old, shape))

    def view(self, v: View) -> Shape:
        """The shape of a view or copy."""
        rank: int = v.array.type.ndim  # type: ignore[attr-defined]
        base = self.shapes.get(v.array.name, (_UNSEEN,) * rank)
        if v.kind == "transpose":
            return tuple(base[axis] for axis in v.detail)
        if v.kind in ("reshape", "reshaped"):
            return tuple(self._value(e) for e in v.args)
        if v.kind == "flatten":
            return (self._length(f"{v.array.name}.size"),)
        return self._indexed(base, v) if v.kind == "index" else base

    def _indexed(self, base: Shape, v: View) -> Shape:
        shape: list[int | None] = []
        args = iter(v.args)
        axes = iter(base)
        for text in v.detail:
            given = [self._value(next(args)) for _ in range(text.count("{}"))]
            if text == "None":
                shape.append(1)
                continue
            n = next(axes)
            if ":" not in text:
                continue
            if n is None or None in given:
                shape.append(None)
            elif n == _UNSEEN or _UNSEEN in given:
                shape.append(_UNSEEN)
            else:
                places = [int(part) if part.strip() else None for part in text.format(*given).split(":")]
                shape.append(len(range(*slice(*places).indices(n))))
        return (*shape, *axes)


_BOUNDS = {"max": max, "min": min}
_OPERATORS = ("+", "-", "*", "//", "%", "neg")


def lengths_of(body: Block, shapes: Mapping[str, Shape], integers: Mapping[str, int | None]) -> Lengths:
    """What is settled, given the shapes of the parameters; integer parameters are `integers`, None where unknown."""
    every = list(statements(body))
    found = Lengths(dict(shapes), dict(integers))
    while True:
        before = dict(found.shapes), dict(found.integers)
        for s in every:
            if isinstance(s, Assign):
                for target, value in zip(s.targets, s.values):
                    if target.type.kind == "int":
                        found.bind_integer(target.name, found._value(value))
            elif isinstance(s, For):
                found.bind_integer(s.target.name, None)
            elif isinstance(s, Allocate):
                found.bind_array(s.target.name, tuple(found._value(e) for e in s.shape))
            elif isinstance(s, Rebind):
                for target, source in zip(s.targets, [found.view(v) for v in s.sources]):
                    found.bind_array(target.name, source)
            elif isinstance(s, (CallHelper, ArrayCall)):
                for target in s.targets:
                    if target.type.kind == "array":
                        found.bind_array(target.name, (None,) * target.type.ndim)  # type: ignore[attr-defined]
                    elif target.type.kind == "int":
                        found.bind_integer(target.name, None)
        if (found.shapes, found.integers) == before:
            return found
