"""A fast walk over a libcst tree: only what carries meaning, no white space, no copies."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import libcst as cst

__all__ = ["Walker"]

_LAYOUT = (
    "whitespace",
    "lpar",
    "rpar",
    "lbracket",
    "rbracket",
    "lbrace",
    "rbrace",
    "comma",
    "semicolon",
    "equal",
    "colon",
)
_LAYOUT_FIELDS = {"header", "footer", "leading_lines", "lines_after_decorators", "trailing_whitespace", "dot", "star"}


@functools.cache
def _fields(cls: type) -> tuple[str, ...]:
    """The fields of a node that hold syntax, in source order."""
    names: list[str] = []
    for name in getattr(cls, "__dataclass_fields__", {}):
        if not name.startswith("__") and name not in _LAYOUT_FIELDS and not any(word in name for word in _LAYOUT):
            names.append(name)
    if cls is cst.Assign:
        names.sort(key=["targets", "value"].index)
    if cls is cst.IfExp:
        names.sort(key=["test", "body", "orelse"].index)
    return tuple(names)


class Walker:
    """Calls `visit_X` before and `leave_X` after the children of every node of class X; False skips the children."""

    def walk(self, node: cst.CSTNode) -> None:
        name = type(node).__name__
        visit: Callable[[Any], bool | None] | None = getattr(self, f"visit_{name}", None)
        if visit is not None and visit(node) is False:
            return
        for field in _fields(type(node)):
            child = getattr(node, field)
            if isinstance(child, cst.CSTNode):
                self.walk(child)
            elif isinstance(child, (tuple, list)):
                for item in child:
                    if isinstance(item, cst.CSTNode):
                        self.walk(item)
        leave: Callable[[Any], None] | None = getattr(self, f"leave_{name}", None)
        if leave is not None:
            leave(node)
