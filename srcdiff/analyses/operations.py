"""How many floating-point operations the dearest path through a block takes."""

from __future__ import annotations

from typing import Any

from ..ir.expr import Expr, Helper, topological
from ..ir.statements import (
    Assign,
    Block,
    Break,
    CallHelper,
    Continue,
    For,
    If,
    Raise,
    Return,
    Statement,
    Store,
    StoreMany,
    While,
)
from ..optimize.share import operations

__all__ = ["path_operations"]

REPEATS = 8
"""How often a loop's body counts."""


def path_operations(block: Block) -> int:
    """Operations on the dearest path; loops count a fixed number of times, calls what they run."""
    total, _ = _block(block)
    return total


def _block(block: Block) -> tuple[int, bool]:
    """Operations, and whether control reaches the end."""
    total = 0
    for position, s in enumerate(block):
        if isinstance(s, If):
            first, falls = _block(s.body)
            second, falls_too = _block(s.orelse)
            rest, rest_falls = _block(block[position + 1 :])
            total += operations((s.test,))
            total += max(first + (rest if falls else 0), second + (rest if falls_too else 0))
            return total, (falls or falls_too) and rest_falls
        total += _statement(s)
        if isinstance(s, (Return, Raise, Break, Continue)):
            return total, False
    return total, True


def _statement(s: Statement) -> int:
    if isinstance(s, (Assign, Return)):
        return _exprs(*s.values)
    if isinstance(s, CallHelper):
        return _exprs(*s.args) + _callee(s.helper)
    if isinstance(s, Store):
        return _exprs(s.value)
    if isinstance(s, StoreMany):
        return _exprs(*s.values)
    if isinstance(s, (For, While)):
        return REPEATS * _block(s.body)[0] + _block(s.orelse)[0]
    return 0


def _exprs(*exprs: Expr) -> int:
    calls = sum(_callee(n.helper) - 1 for n in topological(exprs) if isinstance(n, Helper))
    return operations(exprs) + calls


def _callee(helper: Any) -> int:
    body = getattr(helper, "body", None)
    if body is None:
        body = helper.function.body if helper.function is not None else ()
    running: set[int] = _callee.__dict__.setdefault("running", set())
    if id(helper) in running:
        return 0
    running.add(id(helper))
    try:
        return path_operations(body)
    finally:
        running.discard(id(helper))
