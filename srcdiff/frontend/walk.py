"""A fast walk over a libcst tree: only what carries meaning, no white space, no copies."""

from __future__ import annotations

import functools

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


@functools.cache
def _is_node(cls: type) -> bool:
    """Asked of a class once: nodes have an abstract base class, for which `isinstance` is slow."""
    return issubclass(cls, cst.CSTNode)


class Walker:
    """Calls `visit_X` before and `leave_X` after the children of every node of class X; False skips the children."""

    _plans: dict[type, tuple[str | None, str | None, tuple[str, ...]]]

    def __init_subclass__(cls) -> None:
        cls._plans = {}

    def walk(self, node: cst.CSTNode) -> None:
        cls = type(node)
        plan = self._plans.get(cls)
        if plan is None:
            visit, leave = f"visit_{cls.__name__}", f"leave_{cls.__name__}"
            known = visit if hasattr(self, visit) else None, leave if hasattr(self, leave) else None
            plan = self._plans[cls] = (*known, _fields(cls))
        before, after, fields = plan
        if before is not None and getattr(self, before)(node) is False:
            return
        for field in fields:
            child = getattr(node, field)
            if _is_node(child.__class__):
                self.walk(child)
            elif isinstance(child, (tuple, list)):
                for item in child:
                    if _is_node(item.__class__):
                        self.walk(item)
        if after is not None:
            getattr(self, after)(node)
