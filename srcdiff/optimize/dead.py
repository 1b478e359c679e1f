"""Removes assignments that nothing reads, unless a call in them may raise.

An assignment that the user wrote is kept or removed as a whole, so that what is kept is still the user's text.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..analyses.liveness import reads
from ..analyses.stops import call_may_stop, may_stop
from ..ir.expr import Expr
from ..ir.statements import (
    Allocate,
    ArrayCall,
    Assert,
    Assign,
    Block,
    Break,
    CallHelper,
    Comment,
    Continue,
    For,
    If,
    Raise,
    Rebind,
    Return,
    Statement,
    Store,
    StoreMany,
    While,
    expressions_of,
)

__all__ = ["remove_dead"]

Live = frozenset[str]


def remove_dead(body: Block) -> Block:
    """The function without what has no effect on its result."""
    block, _ = _block(body, frozenset(), frozenset(), frozenset())
    return block


def _block(block: Block, live: Live, breaks: Live, continues: Live) -> tuple[Block, Live]:
    kept: list[Statement] = []
    for statement in reversed(block):
        result, live = _statement(statement, live, breaks, continues)
        if result is not None:
            kept.append(result)
    kept.reverse()
    return tuple(kept), live


def _statement(s: Statement, live: Live, breaks: Live, continues: Live) -> tuple[Statement | None, Live]:
    if isinstance(s, Assign):
        return _assign(s, live)
    if isinstance(s, CallHelper):
        names = {t.name for t in s.targets}
        if not names & live and not getattr(s.helper, "writes", None) and not call_may_stop(s.helper):
            return None, live
        return s, (live - names) | reads(*s.args)
    if isinstance(s, Return):
        return s, frozenset(reads(*s.values)) | (live if s.tail is not None else frozenset()) | tail_reads(s)
    if isinstance(s, Raise):
        return s, frozenset()
    if isinstance(s, Assert):
        return s, live | reads(s.test)
    if isinstance(s, Store):
        return s, live | reads(s.value, *(i for i in s.index if isinstance(i, Expr))) | {s.array}
    if isinstance(s, (Allocate, ArrayCall, Rebind)):
        return s, live | reads(*expressions_of(s))
    if isinstance(s, StoreMany):
        return s, live | reads(*s.values) | {s.array}
    if isinstance(s, Break):
        return s, breaks
    if isinstance(s, Continue):
        return s, continues
    if isinstance(s, If):
        body, first = _block(s.body, live, breaks, continues)
        orelse, second = _block(s.orelse, live, breaks, continues)
        if not _substance(body) and not _substance(orelse) and not may_stop(s.test):
            return None, live
        return replace(s, body=body, orelse=orelse), first | second | reads(s.test)
    if isinstance(s, (For, While)):
        return _loop(s, live, breaks, continues)
    return s, live


def tail_reads(s: Return) -> frozenset[str]:
    """Names in the text that is returned."""
    return frozenset(re.findall(r"[^\W\d]\w*", s.tail)) if s.tail else frozenset()


def _substance(block: Block) -> bool:
    return any(not isinstance(s, Comment) for s in block)


def _assign(s: Assign, live: Live) -> tuple[Statement | None, Live]:
    pairs = [(t, v) for t, v in zip(s.targets, s.values) if t.name in live]
    stops = may_stop(*s.values)
    if not pairs and not stops:
        return None, live
    if stops or (s.origin is not None and not _machine_made(s)):
        pairs = list(zip(s.targets, s.values))
    targets, values = tuple(t for t, _ in pairs), tuple(v for _, v in pairs)
    kept = replace(s, targets=targets, values=values)
    return kept, (live - {t.name for t in targets}) | reads(*values)


def _machine_made(s: Assign) -> bool:
    """Whether the targets are elements of arrays, which the user did not write one by one."""
    assert s.origin is not None
    return any(t.name not in s.origin.text for t in s.targets)


def _loop(s: For | While, live: Live, breaks: Live, continues: Live) -> tuple[Statement | None, Live]:
    orelse, normal = _block(s.orelse, live, breaks, continues)
    test = frozenset(reads(s.test)) if isinstance(s, While) else frozenset()
    head = normal | test
    while True:
        body, entered = _block(s.body, head, live, head)
        if isinstance(s, For):
            entered = entered - {s.target.name}
        wider = head | entered | test
        if wider == head:
            break
        head = wider
    if isinstance(s, For) and not _substance(body) and not _substance(orelse) and s.target.name not in live:
        return None, live
    bounds = frozenset(reads(*s.bounds)) if isinstance(s, For) else frozenset()
    return replace(s, body=body, orelse=orelse), head | bounds
