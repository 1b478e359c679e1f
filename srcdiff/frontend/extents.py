"""Lengths of arrays that are known at run time only, as linear forms in the integers of the program.

Two lengths that are the same linear form are equal whenever the program runs; other pairs need a check there.

>>> n = Extent.symbol("n")
>>> (n - Extent(2)) + Extent(2) == n, str(n.scaled(2) - Extent(1))
(True, '2*n - 1')
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..ir.expr import Const, Expr, Op

__all__ = ["Extent"]


@dataclass(frozen=True)
class Extent:
    """`constant` plus a sum of symbols with integer coefficients."""

    constant: int = 0
    terms: tuple[tuple[str, int], ...] = ()

    @classmethod
    def symbol(cls, name: str) -> Extent:
        return cls(0, ((name, 1),))

    @property
    def known(self) -> int | None:
        """The length where it is known when compiling."""
        return None if self.terms else self.constant

    @property
    def may_be_negative(self) -> bool:
        """Whether the form may fall below zero, where NumPy's length is zero: `n - 2` for n = 1."""
        return self.constant < 0 or any(c < 0 for _, c in self.terms)

    def __add__(self, other: Extent) -> Extent:
        total = dict(self.terms)
        for name, coefficient in other.terms:
            total[name] = total.get(name, 0) + coefficient
        return Extent(self.constant + other.constant, tuple(sorted((k, c) for k, c in total.items() if c)))

    def __sub__(self, other: Extent) -> Extent:
        return self + other.scaled(-1)

    def scaled(self, factor: int) -> Extent:
        if factor == 0:
            return Extent()
        return Extent(self.constant * factor, tuple((k, c * factor) for k, c in self.terms))

    def substitute(self, table: Mapping[str, Extent]) -> Extent | None:
        """The form in other symbols; None where a symbol has no counterpart."""
        total = Extent(self.constant)
        for name, coefficient in self.terms:
            if name not in table:
                return None
            total = total + table[name].scaled(coefficient)
        return total

    def expression(self, spelled: Mapping[str, Expr]) -> Expr | None:
        """The length as an expression, where every symbol has one."""
        if any(name not in spelled for name, _ in self.terms):
            return None
        total: Expr | None = None
        for name, coefficient in sorted(self.terms, key=lambda term: term[1] < 0):
            term = spelled[name]
            if abs(coefficient) != 1:
                term = Op("*", Const(abs(coefficient)), term)
            if total is None:
                total = term if coefficient > 0 else Op("neg", term)
            else:
                total = Op("+" if coefficient > 0 else "-", total, term)
        if total is None:
            return Const(self.constant)
        if self.constant:
            total = Op("+" if self.constant > 0 else "-", total, Const(abs(self.constant)))
        return total

    def __str__(self) -> str:
        parts = [f"{'' if c == 1 else f'{c}*'}{name}" for name, c in self.terms]
        text = " + ".join(parts)
        if not self.constant:
            return text or "0"
        return f"{text} {'+' if self.constant > 0 else '-'} {abs(self.constant)}" if text else str(self.constant)
