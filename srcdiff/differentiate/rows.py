"""Many dense directions through a loop: tangents as rows, one vectorised loop over the directions a block.

Within a loop every varying variable keeps its tangents in a small array, `x_dot[k]`. A straight-line block computes
its values and its local Jacobian as scalars, in the order that accumulation finds, and then applies it to all
directions at once in a loop that LLVM vectorises. Compile time does not depend on the number of directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..ir.expr import ONE, ZERO, Const, Expr, Load, Var, add, is_zero, mul
from ..ir.statements import (
    Assign,
    Block,
    Break,
    CallHelper,
    Continue,
    For,
    If,
    Line,
    Return,
    Statement,
    Store,
    While,
    is_straight,
    statements,
)
from ..ir.types import INT64, ScalarType
from .accumulate import fits, row_block

if TYPE_CHECKING:
    from .forward import Differentiator, Tangents

__all__ = ["FEWEST", "RowLoop", "wants_rows"]

FEWEST = 8
"""From this number of directions on, a loop over them beats writing them out."""

DENSE = 0.5
"""The share of a loop's tangents that must not be structurally zero."""


def wants_rows(body: Block, carried: dict[str, tuple[Var, int]]) -> bool:
    """Whether a loop carries so many dense directions that rows pay."""
    union = 0
    for _, mask in carried.values():
        union |= mask
    count = union.bit_count()
    if count < FEWEST or not all(v.type.is_real for v, _ in carried.values()):
        return False
    if any(isinstance(s, For) and s.target.name in carried for s in statements(body)):
        return False
    filled = sum(mask.bit_count() for _, mask in carried.values())
    if filled < DENSE * count * len(carried):
        return False
    return all(fits((s,)) for s in statements(body) if isinstance(s, (Assign, CallHelper, Return)))


class RowLoop:
    """One outermost loop whose tangents are rows."""

    def __init__(self, d: Differentiator, carried: dict[str, tuple[Var, int]]):
        self.d = d
        union = 0
        for _, mask in carried.values():
            union |= mask
        self.directions = [i for i in range(union.bit_length()) if union >> i & 1]
        self.length = -(-len(self.directions) // 8) * 8
        self.arrays = {name: d.fresh(f"{name}_dot") for name in carried}
        self.kinds = {name: variable for name, (variable, _) in carried.items()}
        self.k = Var(d.fresh("k"), INT64)

    def row(self, name: str, index: Any) -> Load:
        kind = self.kinds[name].type
        return Load(self.arrays[name], (index,), kind if kind.bits else ScalarType(kind.kind))

    def enter(self, tangents: Tangents, out: list[Statement]) -> None:
        """Allocate the rows and fill them with the tangents that the variables have before the loop."""
        for name, array in self.arrays.items():
            suffix = f", np.{self.kinds[name].type.numpy}" if self.kinds[name].type.bits == 32 else ""
            out.append(Line(f"{array} = np.zeros({self.length}{suffix})", array))
            for position, direction in enumerate(self.directions):
                e = tangents.get(name, {}).get(direction, ZERO)
                if not is_zero(e):
                    out.append(Store(array, (position,), e))

    def named(self, tangents: Tangents) -> Tangents:
        """The same tangents one by one, for code after the loop and for returns out of it."""
        result = {key: dict(row) for key, row in tangents.items() if key not in self.arrays}
        for name in self.arrays:
            result[name] = {d: self.row(name, i) for i, d in enumerate(self.directions)}
        return result

    # -- the body ---------------------------------------------------------------------------------------------------

    def block(self, block: Block, tangents: Tangents, out: list[Statement]) -> None:
        """Differentiate a block of the loop's body."""
        position = 0
        while position < len(block):
            end = position
            while end < len(block) and is_straight(block[end]):
                end += 1
            if end > position:
                self._straight(block[position:end], tangents, out)
                position = end
                continue
            s = block[position]
            position += 1
            if isinstance(s, CallHelper):
                self._straight((s,), tangents, out)
            elif isinstance(s, Return):
                self.d._straight((s,), self.named(tangents), out)
            elif isinstance(s, (If, For, While)):
                if not isinstance(s, For):
                    self.d._note(s, self.named(tangents))
                body: list[Statement] = []
                orelse: list[Statement] = []
                self.block(s.body, tangents, body)
                self.block(s.orelse, tangents, orelse)
                out.append(replace(s, body=tuple(body), orelse=tuple(orelse)))
            else:
                assert isinstance(s, (Break, Continue)) or type(s).__name__ in ("Raise", "Assert")
                out.append(s)

    def _straight(self, run: Block, tangents: Tangents, out: list[Statement]) -> None:
        """Values and local Jacobian as scalars, then all directions in one loop, then what has one direction only."""
        first = 1 + max([*self.directions, *(d for row in tangents.values() for d in row)], default=0)
        names = list(self.arrays)
        entering: Tangents = {key: row for key, row in tangents.items() if key not in self.arrays}
        for i, name in enumerate(names):
            entering[name] = {first + i: ONE}
        targets, rows, statements_ = row_block(self.d, run, entering, [*self.d.directions, *names])
        out.extend(statements_.before)
        position = {d: i for i, d in enumerate(self.directions)}
        self._apply(targets, rows, first, names, out)
        for target, row in zip(targets, rows):
            for d, weight in row.items():
                if d < first:
                    place = position[d]
                    out.append(Store(self.arrays[target.name], (place,), add(self.row(target.name, place), weight)))
        out.extend(statements_.after)

    def _apply(
        self,
        targets: Sequence[Var],
        rows: Sequence[dict[int, Expr]],
        first: int,
        names: Sequence[str],
        out: list[Statement],
    ) -> None:
        """One loop over the directions: every new row from the old ones."""
        body: list[Statement] = []
        stores: list[Statement] = []
        for target, row in zip(targets, rows):
            old = {d: w for d, w in row.items() if d >= first}
            if len(old) == 1 and names[next(iter(old)) - first] == target.name and _is_one(next(iter(old.values()))):
                continue
            total: Expr = ZERO
            for d, weight in old.items():
                total = add(total, mul(weight, self.row(names[d - first], self.k)))
            variable = Var(self.d.tangent_base(target.name), self.row(target.name, self.k).type)
            if len(rows) > 1 and not isinstance(total, Const):
                body.append(Assign((variable,), (total,)))
                stores.append(Store(self.arrays[target.name], (self.k,), variable))
            else:
                stores.append(Store(self.arrays[target.name], (self.k,), Const(0.0) if is_zero(total) else total))
        if stores:
            out.append(For(self.k, (Const(self.length),), (*body, *stores), (), iterable="directions"))


def _is_one(e: Expr) -> bool:
    return isinstance(e, Const) and not e.named and e.value == 1
