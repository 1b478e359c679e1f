"""Checks of the intermediate representation, run after every stage."""

from __future__ import annotations

from .expr import Expr, Opaque, topological
from .statements import Assign, Block, Break, CallHelper, Continue, For, If, Return, While

__all__ = ["verify"]


class MalformedError(AssertionError):
    """The compiler broke its own rules."""


def verify(body: Block, _loops: int = 0) -> None:
    """Raise if a block is malformed: targets without values, code after a jump, a jump outside of a loop."""
    for position, s in enumerate(body):
        if isinstance(s, Assign):
            if len(s.targets) != len(s.values) or not s.targets:
                raise MalformedError(f"{len(s.targets)} targets for {len(s.values)} values")
            if len({t.name for t in s.targets}) != len(s.targets) and len({id(v) for v in s.values}) > 1:
                raise MalformedError("a variable is assigned twice in parallel")
            _known(*s.values)
        elif isinstance(s, CallHelper):
            _known(*s.args)
        elif isinstance(s, (Break, Continue)) and _loops == 0:
            raise MalformedError(f"{type(s).__name__} outside of a loop")
        elif isinstance(s, If):
            verify(s.body, _loops)
            verify(s.orelse, _loops)
        elif isinstance(s, (For, While)):
            verify(s.body, _loops + 1)
            verify(s.orelse, _loops)
        if isinstance(s, (Return, Break, Continue)) and position != len(body) - 1:
            raise MalformedError(f"code after {type(s).__name__}")


def _known(*exprs: Expr) -> None:
    for node in topological(exprs):
        if isinstance(node, Opaque) and node.text == "?":
            raise MalformedError("an element without a value is read")
