"""Checks of lengths that an earlier one has settled are left out."""

from __future__ import annotations

from dataclasses import replace

from ..analyses.liveness import reads
from ..analyses.scratch import bindings
from ..ir.expr import Element, Expr, Load, topological
from ..ir.statements import Block, For, If, Raise, Statement, While

__all__ = ["without_repeated_checks"]


def without_repeated_checks(body: Block) -> Block:
    """The block, with one of several checks of ours that ask the same of the same arrays.

    The length of an array stays what it is until its name is bound again.
    """
    settled: set[Expr] = set()
    out: list[Statement] = []
    for s in body:
        if isinstance(s, (If, For, While)):
            s = replace(s, body=without_repeated_checks(s.body), orelse=without_repeated_checks(s.orelse))
        if isinstance(s, If) and s.origin is None and not s.orelse and isinstance(s.body[0], Raise):
            if s.test in settled:
                continue
            if not any(isinstance(node, (Element, Load)) for node in topological((s.test,))):
                settled.add(s.test)
        bound = bindings((s,)).keys()
        settled = {test for test in settled if not bound & reads(test)}
        out.append(s)
    return tuple(out)
