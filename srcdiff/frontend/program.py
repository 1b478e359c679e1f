"""Everything that one emitted module holds: functions, constants, imports; and what lowering may have to assume."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import libcst as cst

from ..errors import UnsupportedSyntax, UnsupportedType
from ..ir.statements import Block, For, Function, If, Leaf, Statement, Structure, While, count_of, leaves
from ..ir.types import FLOAT64, ArrayType, ScalarType
from .values import Dynamic, UserFunction, copy_environment

if TYPE_CHECKING:
    from .flow import Flow

__all__ = [
    "STATEMENT_BUDGET",
    "HelperReference",
    "OpenLength",
    "Program",
    "Refine",
    "Signal",
    "TooLong",
    "freeze",
    "literal",
]

STATEMENT_BUDGET = 6000
"""Statements that unrolling may produce: past it, compile time grows to minutes."""


class Signal(Exception):
    """Not an error: lowering asks for another attempt."""


class Refine(Signal):
    """Lowering learned the shape of an argument, or that it is written to: start again with that."""

    def __init__(self, name: str, shape: tuple[int, ...] | None = None):
        super().__init__(name)
        self.name = name
        self.shape = shape


class TooLong(UnsupportedSyntax):
    """Unrolling gives too many statements."""


class OpenLength(UnsupportedType):
    """The length of an array argument is needed and not known; `array` is its name."""

    array: str
    ndim: int


@dataclass(eq=False)
class HelperReference:
    """Another function of the module, known before its body is (recursion)."""

    name: str
    types: tuple[ScalarType, ...]
    parameters: tuple[str, ...] = ()
    function: Function | None = None
    result: Structure | Leaf | None = None
    mutated: tuple[str, ...] = ()
    """Array arguments that the function writes: their elements come last in what it returns."""
    group_types: dict[str, tuple[ScalarType, ...]] = field(default_factory=dict)
    aliases: dict[tuple[int, ...], Any] = field(default_factory=dict)
    """Arrays of the result that are arguments: (argument, places); or why a write to one is refused."""
    writes: frozenset[str] = frozenset()
    """Arrays of run-time lengths that the function writes to."""
    arrays: tuple[Dynamic, ...] = ()
    """What is known of the arrays of run-time lengths that it returns, in its own terms."""
    lowering: Any = None
    location: Any = None

    def provisional(self) -> Structure | Leaf:
        """The result while the body is still being lowered: what its returns gave so far."""
        found = self.lowering.result if self.lowering is not None else None
        return found if found is not None else Leaf((), FLOAT64)

    def result_types(self, result: Structure | Leaf) -> list[ScalarType]:
        """One type a returned scalar, elements of written array arguments last."""
        kinds: list[Any] = []
        for leaf in leaves(result):
            if None in leaf.shape:
                kinds.append(ArrayType(leaf.dtype, len(leaf.shape)))
            else:
                kinds += [leaf.dtype] * count_of(leaf)
        for array in self.mutated:
            kinds.extend(self.group_types[array])
        return [ScalarType(k.kind, 64) if k.bits == 0 and k.kind != "array" else k for k in kinds]


@dataclass(eq=False)
class Program:
    """One module while it is built."""

    shapes: dict[str, tuple[int, ...]]
    active: frozenset[str]
    filled: tuple[str, ...] = ()
    written: set[str] = field(default_factory=set)
    imports: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    constant_values: dict[str, object] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    helpers: dict[Any, HelperReference] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    evidence: dict[str, list[int]] = field(default_factory=dict)
    constants_for: set[Any] = field(default_factory=set)
    stack: list[HelperReference] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    """Objects whose identity is part of a key: kept alive."""
    produced: int = 0
    dynamic: bool = False
    """Whether arrays may have lengths that are known at run time only."""
    promoted: set[tuple[str, str]] = field(default_factory=set)
    """Arrays of known shape, by function and name, that stay arrays because their places are not known."""
    locals: set[str] = field(default_factory=set)
    """Variables that some function of the module has: no function gets such a name."""
    symbols: int = 0
    """Lengths that were given a symbol."""
    statement: cst.CSTNode | None = None

    def count_statement(self, flow: Flow) -> None:
        self.produced += 1
        if self.produced > STATEMENT_BUDGET and self.statement is not None:
            flow.fail(
                self.statement,
                TooLong,
                f"unrolling gives more than {STATEMENT_BUDGET} statements",
                "Loops over small arrays are unrolled; keep them short, or index nothing of known shape in the loop.",
            )

    def constant(self, name: str, value: object) -> str:
        """Declare a constant at the head of the module; returns its name there."""
        text = literal(value)
        base, number = name, 2
        while self.constants.get(name, text) != text or (name in self.globals and name not in self.constants):
            name, number = f"{base}_{number}", number + 1
        self.constants[name] = text
        self.constant_values[name] = value
        self.globals.add(name)
        return name

    def table(self, name: str, text: str) -> str:
        """Declare a constant array at the head of the module; returns its name there."""
        base, number = name, 2
        while self.constants.get(name, text) != text or (name in self.globals and name not in self.constants):
            name, number = f"{base}_{number}", number + 1
        self.constants[name] = text
        self.globals.add(name)
        return name

    def function_name(self, base: str) -> str:
        """A name for another function of the module."""
        name, number = base, 2
        while name in self.globals or name in self.locals:
            name, number = f"{base}_{number}", number + 1
        self.globals.add(name)
        return name

    def lower_helper(self, key: Any, target: Any, source: Any, name: str, flat: Any) -> HelperReference:
        """Lower another function of the user; recursion finds the reference made here."""
        from .flow import Restart
        from .lower import FunctionLowerer

        base = "lambda_" if name.startswith("<") else name
        types = tuple(kind for _, kind in flat.names)
        names = tuple(n for n, _ in flat.names)
        reference = HelperReference(self.function_name(base), types, names)
        reference.group_types = {name: (g.inside.dtype,) * len(g.slots) for name, g in flat.groups.items()}
        unstable: set[str] = set()
        self.helpers[key] = reference
        self.stack.append(reference)
        saved = self.statement
        try:
            for _ in range(20):
                lowerer = FunctionLowerer(source, self, target.node, entry=False)
                lowerer.mutated = list(reference.mutated)
                lowerer.unstable |= unstable
                lowerer.taken.update(names)
                reference.lowering = lowerer
                environment = copy_environment(flat.environment)
                lowerer.learn_parameters(environment.values())
                if isinstance(target, UserFunction):
                    itself = replace(target, owner=lowerer, environment={}, scopes=(), defaults=flat.defaults)
                    environment.setdefault(target.name, itself)
                try:
                    body = lowerer.lower_function(environment)
                except Restart as restart:
                    if restart.lowering is not lowerer:
                        raise
                    unstable |= restart.names
                    continue
                settled = lowerer.result == reference.result or (reference.result is None and not lowerer.recursive)
                settled = settled and tuple(lowerer.mutated) == reference.mutated
                settled = settled and (lowerer.aliases or {}) == reference.aliases
                reference.aliases = lowerer.aliases or {}
                reference.result = lowerer.result
                reference.mutated = tuple(lowerer.mutated)
                reference.writes, reference.arrays = frozenset(lowerer.writes), lowerer.returned_arrays()
                if settled or not lowerer.recursive:
                    break
            reference.function = Function(
                reference.name, names, body, reference.result, origin=lowerer.function_origin()
            )
        except BaseException:
            del self.helpers[key]
            self.globals.discard(reference.name)
            raise
        finally:
            self.stack.pop()
            self.statement = saved
        return reference


def freeze(block: Any) -> Block:
    """Blocks as tuples, all the way down."""
    frozen: list[Statement] = []
    for statement in block:
        if isinstance(statement, (If, For, While)):
            statement = replace(statement, body=freeze(statement.body), orelse=freeze(statement.orelse))
        frozen.append(statement)
    return tuple(frozen)


def literal(value: object) -> str:
    """A constant as Python text that evaluates to it exactly."""
    if isinstance(value, float):
        if math.isinf(value):
            return "math.inf" if value > 0 else "-math.inf"
        if math.isnan(value):
            return "math.nan"
        return repr(float(value))
    return repr(value)
