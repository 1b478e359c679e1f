"""Which variables and arrays vary with the inputs, anywhere in a function.

The table is flow-insensitive: an array varies if a varying value is ever stored to it, or to another array that may
share its memory; a number varies if it is ever assigned a varying value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..ir.expr import Element, Expr, Helper, Load, Var, key_of, topological
from ..ir.statements import (
    Allocate,
    ArrayCall,
    Assign,
    Block,
    CallHelper,
    For,
    Rebind,
    Store,
    expressions_of,
    statements,
)

__all__ = ["Activity", "activity", "callees", "has_arrays", "uses_arrays"]


@dataclass
class Activity:
    """`scalars` and `arrays` vary; `atoms` are elements of inputs, by their text."""

    scalars: set[str] = field(default_factory=set)
    arrays: set[str] = field(default_factory=set)
    atoms: frozenset[str] = frozenset()

    def atom(self, node: Expr) -> bool:
        """Whether a variable, element or array varies."""
        if isinstance(node, Var):
            if node.type.kind == "array":
                return node.name in self.arrays
            return node.type.is_differentiable and (node.name in self.scalars or node.name in self.atoms)
        if isinstance(node, Element):
            return node.type.is_differentiable and node.array in self.arrays
        return isinstance(node, Load) and node.type.is_differentiable and key_of(node) in self.atoms

    def reads(self, *exprs: Expr) -> bool:
        """Whether any expression reads something that varies."""
        return any(self.atom(node) for node in topological(tuple(exprs)) if isinstance(node, (Var, Load)))


def activity(body: Block, scalars: Iterable[str], arrays: Iterable[str], atoms: Iterable[str] = ()) -> Activity:
    """What varies with the given inputs."""
    found = Activity(set(scalars), set(arrays), frozenset(atoms))
    shared = _Shared()
    every = list(statements(body))
    for s in every:
        if isinstance(s, Rebind):
            for target, source in zip(s.targets, s.sources):
                if source.kind not in ("copy", "flatten"):
                    shared.join(target.name, source.array.name)
        elif isinstance(s, CallHelper):
            _join_results(s, shared)
    changed = True
    while changed:
        before = len(found.scalars), len(found.arrays)
        for s in every:
            _statement(s, found)
        found.arrays |= shared.closure(found.arrays)
        changed = (len(found.scalars), len(found.arrays)) != before
    return found


def _statement(s: object, found: Activity) -> None:
    if isinstance(s, Assign):
        for target, value in zip(s.targets, s.values):
            if target.type.is_differentiable and found.reads(value):
                found.scalars.add(target.name)
    elif isinstance(s, Store):
        if s.value.type.is_differentiable and found.reads(s.value):
            found.arrays.add(s.array)
    elif isinstance(s, Rebind):
        for target, source in zip(s.targets, s.sources):
            if source.array.name in found.arrays:
                found.arrays.add(target.name)
    elif isinstance(s, (ArrayCall, CallHelper)) and found.reads(*s.args):
        for target in s.targets:
            if target.type.kind == "array":
                if target.type.dtype.is_differentiable:  # type: ignore[attr-defined]
                    found.arrays.add(target.name)
            elif target.type.is_differentiable:
                found.scalars.add(target.name)
        if isinstance(s, CallHelper):
            reference = getattr(s.helper, "reference", s.helper)
            for name, argument in zip(reference.parameters, s.args):
                if isinstance(argument, Var) and name in reference.writes and argument.type.dtype.is_differentiable:  # type: ignore[attr-defined]
                    found.arrays.add(argument.name)


def _join_results(s: CallHelper, shared: _Shared) -> None:
    """Arrays that a helper returns may be its arguments."""
    results = [t for t in s.targets if t.type.kind == "array"]
    arguments = dict(zip(s.helper.parameters, s.args))
    for target, array in zip(results, s.helper.arrays):
        for region in array.regions:
            source = arguments.get(region.partition(":")[2]) if region.startswith("param:") else None
            if isinstance(source, Var):
                shared.join(target.name, source.name)


class _Shared:
    """Names of arrays that may share memory."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        while name in self.parent:
            name = self.parent[name]
        return name

    def join(self, a: str, b: str) -> None:
        a, b = self.root(a), self.root(b)
        if a != b:
            self.parent[a] = b

    def closure(self, names: set[str]) -> set[str]:
        roots = {self.root(name) for name in names}
        return {name for name in {*self.parent, *self.parent.values(), *names} if self.root(name) in roots}


def has_arrays(reference: Any, _seen: frozenset[int] = frozenset()) -> bool:
    """Whether a helper takes, returns or holds arrays whose lengths are known at run time only."""
    if any(kind.kind == "array" for kind in reference.types) or reference.arrays:
        return True
    if reference.function is None or id(reference) in _seen:
        return False
    seen = _seen | {id(reference)}
    body = reference.function.body
    return uses_arrays(body) or any(has_arrays(h, seen) for h in callees(body))


def callees(body: Block) -> list[Any]:
    """The helpers that a function calls."""
    found: list[Any] = []
    for s in statements(body):
        if isinstance(s, CallHelper):
            found.append(s.helper)
        found.extend(n.helper for n in topological(expressions_of(s)) if isinstance(n, Helper))
    return found


def uses_arrays(body: Block) -> bool:
    """Whether the function handles arrays whose lengths are known at run time only."""
    for s in statements(body):
        if isinstance(s, (Allocate, ArrayCall, Rebind)):
            return True
        nodes = topological(expressions_of(s)) if not isinstance(s, For) else []
        if any(isinstance(n, Element) or (isinstance(n, Var) and n.type.kind == "array") for n in nodes):
            return True
    return False
