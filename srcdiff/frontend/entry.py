"""The function that the user asked for, lowered for given argument types."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..emitter.printer import expression
from ..errors import SrcdiffError, Unsupported, UnsupportedSyntax, UnsupportedType, WrtError
from ..ir.expr import Const, Expr, Load, Var
from ..ir.statements import Function, Leaf, Origin, Return, Structure
from ..ir.types import FLOAT64, STRING, ArrayType, ScalarType
from .flow import NeedsKnown, Restart
from .lower import FunctionLowerer
from .parameters import (
    ArraySpec,
    ConstantSpec,
    ScalarSpec,
    Spec,
    TupleSpec,
    parameter_names,
    parameters,
    star_parameter,
)
from .program import OpenLength, Program, Refine, TooLong
from .source import Source
from .values import Array, Cells, Dynamic, OpenArray, Scalar, Sequence_, Value

__all__ = ["Input", "Lowered", "lower_arrays", "lower_entry"]


@dataclass(frozen=True)
class Input:
    """A parameter with respect to which derivatives are taken: its structure and its scalars, in order."""

    name: str
    structure: Structure | Leaf
    atoms: tuple[Expr, ...]
    labels: tuple[str, ...]
    parts: tuple[Input, ...] = ()
    """For a tuple with arrays of run-time lengths: its items, which are taken out first, under names of their own."""


@dataclass(frozen=True)
class Lowered:
    """A lowered function with its helpers."""

    source: Source
    program: Program
    function: Function
    parameters: tuple[str, ...]
    inputs: Mapping[str, Input]
    result: Structure | Leaf
    guards: tuple[tuple[str, tuple[int, ...]], ...]
    filled: Mapping[str, tuple[tuple[int, ...], ScalarType]] = field(default_factory=dict)
    """Arguments that the function fills, with shapes: their elements come last in every Return."""
    names: frozenset[str] = frozenset()
    user_names: frozenset[str] = frozenset()
    written_back: Mapping[str, tuple[tuple[int, ...], ScalarType]] = field(default_factory=dict)
    """Inputs that the function itself changes, for the primal alone; their elements follow."""
    prelude: tuple[str, ...] = ()
    """Lines that make floats of integers that were passed for differentiable parameters."""
    unpacking: tuple[str, ...] = ()
    """Lines that take arrays out of tuples."""
    filled_arrays: Mapping[str, Leaf] = field(default_factory=dict)
    """Arguments of run-time lengths that the function fills."""
    written_arrays: frozenset[str] = frozenset()
    """Arguments of run-time lengths that the function writes to."""
    array_ranks: Mapping[str, int] = field(default_factory=dict)
    """Arguments that are arrays, and how many axes they have."""


def lower_entry(
    source: Source,
    specs: Mapping[str, Spec],
    wrt: Sequence[str],
    of: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    *,
    promote: bool,
    fixed: str = "",
) -> Lowered:
    """Lower until no new shapes are learned. `promote` turns integers passed for `wrt` into floats.

    Arrays whose shape the text tells become scalars. Where it does not, arrays stay arrays. `fixed` names what does not
    take arrays that stay arrays: there a length that alone makes sense is looked for.
    """
    try:
        return _settle(source, specs, wrt, of, shapes, promote, dynamic=False)
    except (OpenLength, NeedsKnown, TooLong):
        known = None
    except Unsupported as error:
        if not any(map(_holds_array, specs.values())):
            raise
        known = error
    try:
        found = _settle(source, specs, wrt, of, shapes, promote, dynamic=True)
        if not fixed:
            return found
        known = None
        refused: SrcdiffError = _run_time_lengths(source, specs, shapes, fixed)
    except (Unsupported, NeedsKnown) as error:
        refused = error.error if isinstance(error, NeedsKnown) else error
        if not fixed:
            raise (refused if known is None or known.location is None else known) from None
    try:
        return _search(source, specs, wrt, of, dict(shapes), promote, [200])
    except (Unsupported, NeedsKnown):
        raise (refused if known is None or known.location is None else known) from None


def lower_arrays(
    source: Source, specs: Mapping[str, Spec], wrt: Sequence[str], of: Sequence[str], *, promote: bool
) -> Lowered:
    """Lower with the lengths of arguments unknown: their arrays stay arrays, and loops over them stay loops."""
    try:
        return _settle(source, specs, wrt, of, {}, promote, dynamic=True)
    except NeedsKnown as error:
        raise error.error from None


def _run_time_lengths(
    source: Source, specs: Mapping[str, Spec], shapes: Mapping[str, tuple[int, ...]], users: str
) -> Unsupported:
    lengths = [f'"{name}": ...' for name, spec in specs.items() if isinstance(spec, ArraySpec) and name not in shapes]
    fix = f"Fix their shapes with shapes={{{', '.join(lengths)}}}."
    return UnsupportedType(
        f"{source.name} works on arrays of run-time lengths, which {users} do not take",
        hint=fix if lengths else "Loop a fixed number of times, and index at places that are known when compiling.",
        location=source.location(getattr(source.node, "name", source.node)),
    )


def _search(
    source: Source,
    specs: Mapping[str, Spec],
    wrt: Sequence[str],
    of: Sequence[str],
    known: dict[str, tuple[int, ...]],
    promote: bool,
    attempts: list[int],
) -> Lowered:
    """Lower with what is known of shapes. A length that nothing states is found if just one makes sense."""
    try:
        return _settle(source, specs, wrt, of, known, promote, dynamic=False)
    except OpenLength as unknown:
        if unknown.array in known:
            raise
        found: list[Lowered] = []
        for n in range(1, 9):
            attempts[0] -= 1
            if attempts[0] < 0 or len(found) > 1:
                break
            try:
                guess = {**known, unknown.array: (n,) * unknown.ndim}
                found.append(_search(source, specs, wrt, of, guess, promote, attempts))
            except (Unsupported, NeedsKnown):
                continue
        if len(found) != 1 or attempts[0] < 0:
            raise unknown from None
        return found[0]


def _settle(
    source: Source,
    specs: Mapping[str, Spec],
    wrt: Sequence[str],
    of: Sequence[str],
    known: Mapping[str, tuple[int, ...]],
    promote: bool,
    *,
    dynamic: bool,
) -> Lowered:
    known = dict(known)
    unstable: set[str] = set()
    promoted: set[tuple[str, str]] = set()
    for _ in range(200):
        program = Program(dict(known), frozenset((*wrt, *of)), tuple(of), dynamic=dynamic, promoted=promoted)
        try:
            return _attempt(source, specs, wrt, of, program, promote, unstable)
        except NeedsKnown as demand:
            if not dynamic or demand.promote is None or demand.promote in promoted:
                raise
            promoted = promoted | {demand.promote}
        except Restart as restart:
            unstable |= restart.names
        except Refine as learned:
            if learned.shape is None or known.get(learned.name) == learned.shape:
                raise AssertionError("no progress in shapes") from None
            known[learned.name] = learned.shape
    raise AssertionError("shapes do not settle")


def _attempt(
    source: Source,
    specs: Mapping[str, Spec],
    wrt: Sequence[str],
    of: Sequence[str],
    program: Program,
    promote: bool,
    unstable: set[str],
) -> Lowered:
    lowerer = FunctionLowerer(source, program, source.node, entry=True)
    lowerer.unstable |= unstable
    name = "lambda_" if source.name == "<lambda>" else source.name
    program.globals.add(name)
    for key, bound in source.bound.items():
        lowerer.environment[key] = lowerer.constant_value(bound, key, source.node)
    environment: dict[str, Value] = dict(lowerer.environment)
    inputs: dict[str, Input] = {}
    guards: list[tuple[str, tuple[int, ...]]] = []
    order = parameter_names(source)
    builder = _Arguments(lowerer, program, guards, promote)
    for parameter in order:
        active = parameter in wrt
        value, structure, atoms, labels = builder.build(parameter, parameter, specs[parameter], active, parameter in of)
        environment[parameter] = value
        if active:
            parts = tuple(builder.parts.pop(parameter, ()))
            inputs[parameter] = Input(parameter, structure, tuple(atoms), tuple(labels), parts)
    body = lowerer.lower_function(dict(environment))
    for array, seen in program.evidence.items():
        raise Refine(array, tuple(seen))
    for parameter, given in environment.items():
        for value in _open_arrays(given) if parameter in wrt or parameter in of else ():
            location = source.location(source.node.params if not hasattr(source.node, "name") else source.node.name)
            error = OpenLength(
                f"the length of {value.name} is not known when compiling",
                hint=f'Fix it with shapes={{"{value.name}": n}}, or unpack it: `a, b, c = {value.name}`.',
                location=location,
            )
            error.array, error.ndim = value.name, value.ndim
            raise error
    result = lowerer.result
    assert result is not None
    filled = {key: (tuple(v.shape), v.dtype) for key, v in environment.items() if key in of and isinstance(v, Array)}
    arrays = {key: v for key, v in environment.items() if isinstance(v, Dynamic)} | builder.taken_out
    filled_arrays = {k: Leaf((None,) * len(v.shape), v.dtype, True) for k, v in arrays.items() if k in of}
    written = tuple(sorted(program.written - set(of) - set(arrays))) if not promote else ()
    body = _append_filled(lowerer, [*filled, *written])
    if result == Structure((), "None") and not filled and not filled_arrays:
        where = source.node.name if hasattr(source.node, "name") else source.node
        raise UnsupportedSyntax(
            f"{name} returns nothing",
            hint='Return the result, or name the argument that it fills: of="dy".',
            location=source.location(where),
        )
    star = star_parameter(source)
    parameters = tuple(f"*{p}" if p == star else p + _default(source, p) for p in order)
    function = Function(name, parameters, body, result, origin=Origin(source.first_line, source.filename))
    shapes = {n: v for n, v in environment.items() if n in written and isinstance(v, Array)}
    names = frozenset(lowerer.taken)
    return Lowered(
        source, program, function, parameters, inputs, result, tuple(guards), filled, names,
        frozenset(lowerer.user_names), {n: (tuple(a.shape), a.dtype) for n, a in shapes.items()},
        tuple(builder.prelude), tuple(builder.unpacking), filled_arrays, frozenset(program.written & set(arrays)),
        {name: spec.ndim for name, spec in specs.items() if isinstance(spec, ArraySpec)}
        | {name: len(array.shape) for name, array in builder.taken_out.items()},
    )  # fmt: skip


def _holds_array(spec: Spec) -> bool:
    return isinstance(spec, ArraySpec) or (isinstance(spec, TupleSpec) and any(map(_holds_array, spec.items)))


def _open_arrays(value: Value) -> Iterator[OpenArray]:
    if isinstance(value, OpenArray) and value.active:
        yield value
    elif isinstance(value, Sequence_):
        for item in value.items:
            yield from _open_arrays(item)


def _append_filled(lowerer: FunctionLowerer, names: list[str]) -> Any:
    """Let every Return carry the final elements of the arguments that are filled."""
    from dataclasses import replace

    from .program import freeze

    for block, index, tail in lowerer.exits:
        returned = block[index]
        assert isinstance(returned, Return)
        extra = [e for name in names for e in tail[name]]
        block[index] = replace(returned, values=(*returned.values, *extra))
    return freeze(lowerer.block)


class _Arguments:
    """Values for the parameters of the entry."""

    def __init__(self, lowerer: FunctionLowerer, program: Program, guards: list[Any], promote: bool):
        self.lowerer = lowerer
        self.program = program
        self.guards = guards
        self.promote = promote
        self.prelude: list[str] = []
        self.unpacking: list[str] = []
        self.parts: dict[str, list[Input]] = {}
        self.taken_out: dict[str, Dynamic] = {}
        """Arrays of tuples, by the names that they get."""

    def build(
        self, name: str, text: str, spec: Spec, active: bool, filled: bool
    ) -> tuple[Value, Structure | Leaf, list[Expr], list[str]]:
        if isinstance(spec, ConstantSpec):
            value = self.lowerer.constant_value(spec.value, name, self.lowerer.node)
            if isinstance(value, Scalar) and name in self.lowerer.unstable | self.lowerer.locals:
                value = Scalar(Const(spec.value), value.known)
            elif isinstance(value, Scalar):
                value = Scalar(Const(spec.value, _literal(spec.value)), value.known)
            return value, Structure(()), [], []
        if isinstance(spec, ScalarSpec):
            return self._scalar(name, text, spec, active)
        if isinstance(spec, TupleSpec):
            if active and name == text and self.program.dynamic and _holds_array(spec):
                self.parts[name] = []
            parts = [self._item(name, text, i, item, active) for i, item in enumerate(spec.items)]
            sequence = Sequence_([p[0] for p in parts], record=spec.record, prefix=name)
            if spec.record is not None:
                self.program.objects[spec.record.__name__] = spec.record
            structure = Structure(tuple(p[1] for p in parts))
            return sequence, structure, [a for p in parts for a in p[2]], [label for p in parts for label in p[3]]
        shape = self.program.shapes.get(text)
        stays = shape is None or filled or (self.lowerer.key, name) in self.program.promoted
        if self.program.dynamic and stays:
            return self._dynamic(name, text, spec, shape, active, filled)
        if shape is None:
            open_array = OpenArray(text, spec.dtype, spec.ndim, active or filled)
            return open_array, Leaf((), spec.dtype, True), [], []
        if len(shape) != spec.ndim:
            raise UnsupportedType(
                f"{name} has {spec.ndim} dimensions, but its shape is given as {shape}",
                hint=f'Pass shapes={{"{name}": ...}} with {spec.ndim} lengths.',
            )
        self.guards.append((text, shape))
        return self._array(name, text, spec, shape, active)

    def _dynamic(
        self, name: str, text: str, spec: ArraySpec, shape: tuple[int, ...] | None, active: bool, filled: bool
    ) -> tuple[Value, Structure | Leaf, list[Expr], list[str]]:
        """An array that stays one."""
        kind = spec.dtype
        if self.promote and active and not kind.is_differentiable:
            self._check_number(text, kind, "an array of truth values")
            kind = FLOAT64
            self.prelude.append(f"{name} = {name}.astype(np.float64)")
        if shape is not None:
            self.guards.append((text, shape))
        array = self.lowerer.parameter_array(name, text, kind, spec.ndim, shape)
        variable = Var(array.name, ArrayType(kind, spec.ndim))  # type: ignore[arg-type]
        return array, Leaf((None,) * spec.ndim, kind, True), [variable], [name]

    def _array(
        self, name: str, text: str, spec: ArraySpec, shape: tuple[int, ...], active: bool
    ) -> tuple[Value, Structure | Leaf, list[Expr], list[str]]:
        from .expressions import _indices

        indices = _indices(shape)
        items: list[Expr] = [Load(text, index, spec.dtype) for index in indices]
        kind = spec.dtype
        if self.promote and active and not kind.is_differentiable:
            self._check_number(text, kind, "an array of truth values")
            kind = FLOAT64
            variables = [Var(f"{name}_{i}", kind) for i in range(len(items))]
            for variable, e in zip(variables, items):
                self.prelude.append(f"{variable.name} = float({expression(e)})")
            items = list(variables)
        prefix = name
        while self.lowerer.clashes(prefix):
            prefix += "_"
        cells = Cells(list(items), kind, prefix=prefix, owner=name, argument=name)
        separator = "_" if any(n > 10 for n in shape) and len(shape) > 1 else ""
        labels = [f"{name}{separator.join(map(str, index))}" for index in indices]
        array = Array(cells, shape, tuple(range(len(items))))
        return array, Leaf(shape, kind, True), items, labels

    def _scalar(
        self, name: str, text: str, spec: ScalarSpec, active: bool
    ) -> tuple[Value, Structure | Leaf, list[Expr], list[str]]:
        kind = spec.type
        if kind == STRING:
            return Scalar(Var(name, STRING)), Leaf((), kind), [], []
        e: Expr = Var(name, kind) if text == name else _load(text, kind)
        if self.promote and active and not kind.is_differentiable:
            self._check_number(text, kind, "a truth value")
            kind = FLOAT64
            variable = Var(name, kind)
            self.prelude.append(f"{name} = float({expression(e)})")
            e = variable
        return Scalar(e), Leaf((), kind), [e], [name]

    def _check_number(self, text: str, kind: ScalarType, what: str) -> None:
        """Integers are promoted; truth values cannot vary."""
        if kind.kind != "bool":
            return
        source = self.lowerer.source
        parameter = text.partition("[")[0]
        node = next(p.name for p in parameters(source) if p.name.value == parameter)
        raise WrtError(
            f"{text} is {what}, which cannot vary",
            hint="Leave it out: name the others in wrt=.",
            location=source.location(node),
        )

    def _item(
        self, name: str, text: str, i: int, spec: Spec, active: bool
    ) -> tuple[Value, Structure | Leaf, list[Expr], list[str]]:
        parameter = text.partition("[")[0]
        if parameter not in self.parts:
            return self.build(f"{name}_{i}", f"{text}[{i}]", spec, active, False)
        prefix = name
        while self.lowerer.clashes(prefix):
            prefix += "_"
        own, place = f"{prefix}_{i}", f"{text}[{i}]"
        if isinstance(spec, TupleSpec):
            return self.build(own, place, spec, active, False)
        self.unpacking.append(f"{own} = {place}")
        if place in self.program.shapes:
            self.program.shapes[own] = self.program.shapes[place]
        self.lowerer.taken.add(own)
        self.program.active |= {own}
        value, structure, atoms, labels = self.build(own, own, spec, active, False)
        self.parts[parameter].append(Input(own, structure, tuple(atoms), tuple(labels)))
        if isinstance(value, Dynamic):
            self.taken_out[own] = value
        return value, structure, atoms, labels


def _load(text: str, kind: ScalarType) -> Expr:
    array, _, index = text.rpartition("[")
    return Load(array, (int(index[:-1]),), kind)


def _default(source: Source, name: str) -> str:
    """The default of a parameter, where it can be written down."""
    default = inspect.signature(source.function).parameters[name].default
    items = default if isinstance(default, tuple) else (default,)
    simple = all(isinstance(item, (bool, int, float, complex, str, type(None))) for item in items)
    return f"={_literal(default)}" if simple else ""


def _literal(value: object) -> str:
    from .program import literal

    return literal(value)
