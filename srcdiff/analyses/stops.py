"""Which calls of helpers may raise what the user wrote: they are made even where nothing reads their results."""

from __future__ import annotations

from typing import Any

from ..ir.expr import Expr, Helper, topological
from ..ir.statements import Assert, Raise, statements
from .activity import callees

__all__ = ["call_may_stop", "may_stop"]


def call_may_stop(helper: Any, _seen: frozenset[int] = frozenset()) -> bool:
    """Whether a helper, or the function that a derivative is of, contains `raise` or `assert`, or calls what does."""
    reference = getattr(helper, "reference", helper)
    if reference.function is None or id(reference) in _seen:
        return False
    body = reference.function.body
    if any(isinstance(s, (Raise, Assert)) for s in statements(body)):
        return True
    seen = _seen | {id(reference)}
    return any(call_may_stop(callee, seen) for callee in callees(body))


def may_stop(*exprs: Expr) -> bool:
    """Whether evaluating expressions may raise what the user wrote."""
    return any(isinstance(n, Helper) and call_may_stop(n.helper) for n in topological(exprs))
