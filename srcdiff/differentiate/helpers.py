"""Derivatives of the user's other functions: values and local partials from one call.

The caller applies the chain rule, so that one function serves any number of directions, and recursion.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..analyses.activity import callees
from ..emitter.module import function_text
from ..frontend.program import HelperReference, Program
from ..ir.expr import (
    ONE,
    ZERO,
    Compare,
    Const,
    Expr,
    Var,
    has_zero_arm,
    is_zero,
    real,
    select,
)
from ..ir.statements import Block, For, If, Return, Statement, While
from ..optimize.dead import remove_dead
from .accumulate import accumulate
from .forward import Differentiator, Tangents

__all__ = ["HelperDerivative", "HelperDerivatives"]


@dataclass(eq=False)
class HelperDerivative:
    """`entries` lists the partials: output, argument, and the value of a constant one, which is not returned."""

    name: str
    reference: HelperReference
    labels: Sequence[str]
    entries: list[tuple[int, int, Expr | None]]
    body: Block = ()
    branches: dict[int, str] = field(default_factory=dict)
    vanishing: set[tuple[int, int]] = field(default_factory=set)
    """The partials, by output and argument, that are structurally zero in some of the branches."""

    def weight(self, output: int, argument: int, partial: Var) -> Expr:
        """A partial as a factor: where it is structurally zero it selects, so that 0 * inf is 0."""
        if (output, argument) not in self.vanishing:
            return partial
        return select(Compare(("!=",), (partial, Const(0.0))), partial, ZERO)


class HelperDerivatives:
    """The derivatives that one module needs, each made once."""

    def __init__(self, program: Program):
        self.program = program
        self.made: dict[tuple[HelperReference, tuple[bool, ...]], HelperDerivative] = {}

    def get(self, reference: HelperReference, active: tuple[bool, ...]) -> HelperDerivative:
        key = (reference, active)
        if key in self.made:
            return self.made[key]
        name = self.program.function_name(f"{reference.name}_jacobian")
        columns = [i for i, varies in enumerate(active) if varies]
        assert reference.function is not None and reference.result is not None
        outputs = len(reference.result_types(reference.result))
        dense = [(o, c, None) for o in range(outputs) for c in columns]
        derivative = HelperDerivative(name, reference, reference.parameters, list(dense))
        self.made[key] = derivative
        if reference.lowering.recursive:
            derivative.vanishing = {(o, c) for o, c, _ in dense}
        body, rows, vanishing = self._differentiate(derivative, columns)
        if not reference.lowering.recursive:
            derivative.entries = _entries(rows, outputs, columns)
            derivative.vanishing = {
                (o, c) for o in range(outputs) for d, c in enumerate(columns)
                if any(_may_vanish(row[o].get(d, ZERO), vanishing) for row in rows)
            }  # fmt: skip
        wanted = list(range(outputs))
        for output, column, constant in derivative.entries:
            if constant is None:
                wanted.append(outputs + dense.index((output, column, None)))
        derivative.body = remove_dead(_select(body, wanted))
        return derivative

    def _differentiate(
        self, derivative: HelperDerivative, columns: list[int]
    ) -> tuple[Block, list[list[Mapping[int, Expr]]], set[str]]:
        """The body that returns the values and every partial, the partials of each `return`, and `vanishing` names."""
        reference = derivative.reference
        assert reference.function is not None
        lowering = reference.lowering
        labels = [reference.parameters[c] for c in columns]
        seeds: Tangents = {label: {d: ONE} for d, label in enumerate(labels)}
        rows: list[list[Mapping[int, Expr]]] = []

        def finish(s: Return, values: Sequence[Expr], tangents: Sequence[Mapping[int, Expr]]) -> list[Statement]:
            rows.append(list(tangents))
            return [Return((*values, *(real(row.get(d, ZERO)) for row in tangents for d in range(len(columns)))))]

        differentiator = Differentiator(
            reference.function.body,
            seeds,
            labels,
            lowering.fresh,
            finish,
            self.get,
            taken=lowering.taken,
            reserved=frozenset(lowering.user_names),
            accumulate=accumulate,
        )
        body = differentiator.run()
        derivative.branches = differentiator.branches
        return body, rows, differentiator.vanishing

    def texts(self, body: Block) -> list[str]:
        """The functions that a body calls, directly or not, each after what it calls where that is possible."""
        order: list[Any] = []
        seen: set[int] = set()

        def visit(block: Block) -> None:
            for callee in callees(block):
                if id(callee) in seen:
                    continue
                seen.add(id(callee))
                visit(_body(callee))
                order.append(callee)

        visit(body)
        texts = []
        for callee in order:
            own = isinstance(callee, HelperReference) or hasattr(callee, "signature")
            parameters = callee.parameters if own else callee.reference.parameters
            primal = isinstance(callee, HelperReference)
            code = remove_dead(callee.function.body) if primal else callee.body
            texts.append(function_text(callee.name, parameters, code, _doc(callee)))
        return texts


def _body(callee: Any) -> Block:
    if isinstance(callee, HelperReference):
        assert callee.function is not None
        return callee.function.body
    body: Block = callee.body
    return body


def _doc(callee: Any) -> str:
    if isinstance(callee, HelperReference):
        origin = callee.function.origin if callee.function else None
        return f"{callee.name} ({origin.text}:{origin.line})." if origin else ""
    parameters = callee.reference.parameters
    origin = callee.reference.function.origin
    if hasattr(callee, "signature"):
        return f"{callee.reference.name} ({origin.text}:{origin.line}) with tangents."
    count = len(callee.reference.result_types(callee.reference.result))
    shown = ", ".join(dict.fromkeys(parameters[a] for _, a, _ in callee.entries))
    values = f"{count} value{'s' * (count != 1)}"
    return f"{callee.reference.name} ({origin.text}:{origin.line}): {values}, then partials by {shown}."


def _select(block: Block, wanted: Sequence[int]) -> Block:
    """The block with `return` statements that deliver these of their values."""
    out: list[Statement] = []
    for s in block:
        if isinstance(s, Return):
            s = replace(s, values=tuple(s.values[i] for i in wanted))
        elif isinstance(s, (If, For, While)):
            s = replace(s, body=_select(s.body, wanted), orelse=_select(s.orelse, wanted))
        out.append(s)
    return tuple(out)


def _may_vanish(partial: Expr, vanishing: Collection[str]) -> bool:
    return has_zero_arm(partial) or (isinstance(partial, Var) and partial.name in vanishing)


def _entries(
    rows: list[list[Mapping[int, Expr]]], outputs: int, columns: list[int]
) -> list[tuple[int, int, Expr | None]]:
    """Partials that are not structurally zero on every path; constants where all paths agree."""
    entries: list[tuple[int, int, Expr | None]] = []
    for output in range(outputs):
        for d, column in enumerate(columns):
            values = [row[output].get(d, ZERO) for row in rows]
            if all(is_zero(v) for v in values):
                continue
            first = values[0]
            constant = isinstance(first, Const) and all(v is first for v in values)
            entries.append((output, column, first if constant else None))
    return entries

