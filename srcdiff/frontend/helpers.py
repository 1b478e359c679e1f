"""Calls of the user's own functions: each is lowered as a function of its own, specialised by its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any

import libcst as cst

from ..analyses.activity import has_arrays
from ..errors import UnsupportedCall, UnsupportedSyntax, UnsupportedType
from ..ir.expr import Const, Expr, Helper, Opaque, Var
from ..ir.statements import CallHelper, Leaf, Structure, count_of
from ..ir.types import ArrayType, ScalarType
from .bindings import bindings, names_in
from .builtins import Builtins
from .describe import describe
from .extents import Extent
from .flow import NeedsKnown
from .source import Source
from .values import (
    Array,
    Cells,
    Dictionary,
    Dynamic,
    Environment,
    Lazy,
    Object,
    OpenArray,
    Partial,
    Poison,
    Range,
    Scalar,
    Sequence_,
    UserFunction,
    Value,
    cell_name,
    defined,
)

__all__ = ["Group", "Helpers"]

DEEPEST = 30
"""Helpers inside helpers: recursion over numbers known when compiling ends here."""


class Helpers(Builtins):
    """Evaluates calls of other Python functions."""

    def call_user(
        self,
        target: Source | UserFunction,
        arguments: list[Value],
        keywords: dict[str, Value],
        node: cst.Call,
    ) -> Value:
        name = "lambda_" if target.name == "<lambda>" else target.name
        identity: Any = id(target.node) if isinstance(target, UserFunction) else _identity(target)
        bound = self._bind(target, arguments, keywords, node, name)
        if len(self.program.stack) > DEEPEST:
            self.fail(
                node,
                UnsupportedSyntax,
                f"{name} is called within itself more than {DEEPEST} times with other constants each time",
                "Write a loop, or let the depth be an argument that no index or length depends on.",
            )
        attempts = (False, True) if identity not in self.program.constants_for else (True,)
        for specialize in attempts:
            try:
                return self._call_lowered(target, bound, name, identity, specialize, node)
            except NeedsKnown as demand:
                known = any(isinstance(v, Scalar) and isinstance(v.constant, int) for v in bound.values())
                if specialize or not known:
                    raise demand from None
                self.program.constants_for.add(identity)
        raise AssertionError("unreachable")

    def _bind(
        self,
        target: Source | UserFunction,
        arguments: list[Value],
        keywords: dict[str, Value],
        node: cst.Call,
        name: str,
    ) -> Environment:
        params: cst.Parameters = target.node.params
        if isinstance(params.star_kwarg, cst.Param):
            self.fail(
                node,
                UnsupportedSyntax,
                f"{name} takes **{params.star_kwarg.name.value}",
                "Name its parameters in the signature.",
            )
        bound: Environment = {}
        if isinstance(target, Source):
            for key, value in target.bound.items():
                bound[key] = self.constant_value(value, f"{name}_{key}", node)
        keywords = dict(keywords)
        rest = list(arguments)
        by_name = {p.name.value for p in (*params.params, *params.kwonly_params)}
        for key in keywords:
            if key not in by_name:
                self.fail(node, UnsupportedCall, f"{name} has no parameter {key} that can be given by name", "")
        for parameter in (*params.posonly_params, *params.params):
            key = parameter.name.value
            if key in bound and key not in keywords:
                continue
            if rest:
                if key in keywords:
                    self.fail(node, UnsupportedCall, f"{name} is given its argument {key} twice", "")
                bound[key] = rest.pop(0)
            elif key in keywords:
                bound[key] = keywords.pop(key)
            else:
                bound[key] = self._default(target, parameter, node, name)
        if isinstance(params.star_arg, cst.Param):
            bound[params.star_arg.name.value] = Sequence_(rest)
            rest = []
        for parameter in params.kwonly_params:
            key = parameter.name.value
            if key in keywords:
                bound[key] = keywords.pop(key)
            elif key not in bound:
                bound[key] = self._default(target, parameter, node, name)
        if rest:
            count = len(params.posonly_params) + len(params.params)
            self.fail(node, UnsupportedCall, f"{name} takes {count} positional arguments, not {len(arguments)}", "")
        return bound

    def _default(self, target: Source | UserFunction, parameter: cst.Param, node: cst.Call, name: str) -> Value:
        key = parameter.name.value
        if parameter.default is None:
            self.fail(node, UnsupportedCall, f"{name} is called without its argument {key}", f"Pass {key}.")
        if isinstance(target, UserFunction):
            return target.defaults[key]
        default = inspect.signature(target.function).parameters[key].default
        return self.constant_value(default, f"{name}_{key}", node)

    def _call_lowered(
        self,
        target: Source | UserFunction,
        bound: Environment,
        name: str,
        identity: Any,
        specialize: bool,
        node: cst.Call,
    ) -> Value:
        captured = self._captured(target, bound) if isinstance(target, UserFunction) else {}
        flat = Flattened(self, specialize, node, target.node, _key_of(target))
        skeleton = tuple((key, flat.add(key, value)) for key, value in {**captured, **bound}.items())
        if isinstance(target, UserFunction):
            skeleton += tuple(flat.add_default(k, v) for k, v in target.defaults.items())
        key = (identity, skeleton)
        reference = self.program.helpers.get(key)
        if reference is None:
            source = target.source if isinstance(target, UserFunction) else target
            reference = self.program.lower_helper(key, target, source, name, flat)
        result = reference.result
        if result is None:
            result = reference.provisional()
        if reference in self.program.stack:
            for active in self.program.stack[self.program.stack.index(reference) :]:
                active.lowering.recursive = True
        args = tuple(flat.expressions)
        if flat.dynamics and reference in self.program.stack:
            self.fail(node, UnsupportedSyntax, f"{name} calls itself with an array of unknown length", "Write a loop.")
        plain = not flat.dynamics and not reference.mutated and not has_arrays(reference)
        if isinstance(result, Leaf) and not result.is_array and plain:
            return Scalar(Helper(reference, args, result.dtype))
        self._check_writes(reference, flat, name, node)
        base = self._result_name(node, name)
        kinds = reference.result_types(result)
        alone = len(kinds) == 1 and isinstance(kinds[0], ArrayType) and base != name
        temporaries = [
            Var(base if alone else self.fresh(f"{base}_{i}" if len(kinds) > 1 else base), kind)
            for i, kind in enumerate(kinds)
        ]
        self.taken.add(base)
        self.emit(CallHelper(tuple(temporaries), reference, args))
        self.unstable.update(t.name for t in temporaries if flat.dynamics)
        exprs: list[Expr] = list(temporaries)
        arrays = iter(self._arrays_of(reference, flat, node))
        value = self._unflatten(result, exprs, reference.aliases, (), flat, arrays)
        for parameter in reference.mutated:
            group = flat.groups[parameter]
            self.check_writable(Array(group.cells, (len(group.slots),), tuple(group.slots)), node)
            for slot in group.slots:
                group.cells.items[slot] = exprs.pop(0)
                group.cells.writes[slot] = group.cells.writes.get(slot, 0) + 1
        return value

    def _check_writes(self, reference: Any, flat: Flattened, name: str, node: cst.Call) -> None:
        """A helper that writes to its arrays is called in a statement of its own."""
        for parameter in sorted(reference.writes):
            self.check_dynamic_write(flat.dynamics[parameter], node)
        statement = self.program.statement
        if not reference.writes or statement is None or getattr(statement, "value", None) is node:
            return
        written = frozenset().union(*(flat.dynamics[p].regions for p in reference.writes))
        inside = set(map(id, names_in(node)))
        values = [self.environment.get(n.value) for n in names_in(statement) if id(n) not in inside]
        shared = any(isinstance(v, Dynamic) and v.regions & written for v in values)
        if shared or any(isinstance(v, (UserFunction, Sequence_, Lazy)) for v in values):
            self.fail(
                node,
                UnsupportedSyntax,
                f"{name} writes to its arguments, and the rest of the statement may read them",
                "Call it in a statement of its own.",
            )

    def _arrays_of(self, reference: Any, flat: Flattened, node: cst.Call) -> Iterator[Dynamic]:
        """What is known of the arrays that a helper returns: lengths and memory, in the caller's terms."""
        table: dict[str, Extent] = {}
        for inside, array in flat.dynamics.items():
            for axis, extent in enumerate(array.shape):
                table[f"len({inside}).{axis}"] = extent
        table.update(flat.symbols)
        for (inside, kind), e in zip(flat.names, flat.expressions):
            if isinstance(kind, ScalarType) and kind.kind == "int":
                table[inside] = self.extent_of(Scalar(e, e.value if isinstance(e, Const) else None))
        for leaf in reference.arrays:
            regions: set[str] = set()
            for region in leaf.regions:
                source = flat.dynamics.get(region.partition(":")[2]) if region.startswith("param:") else None
                regions |= source.regions if source is not None else self.site(node)
            shape = tuple(e.substitute(table) or self.unknown_extent() for e in leaf.shape)
            yield Dynamic("", leaf.dtype, shape, frozenset(regions))

    def _unflatten(
        self,
        result: Structure | Leaf,
        exprs: list[Expr],
        aliases: dict[tuple[int, ...], Any],
        path: tuple[int, ...],
        flat: Flattened,
        arrays: Iterator[Dynamic],
    ) -> Value:
        if isinstance(result, Structure):
            if result.record == "None":
                return Object(None, "None")
            items = [
                self._unflatten(item, exprs, aliases, (*path, i), flat, arrays) for i, item in enumerate(result.items)
            ]
            return Sequence_(items, record=result.cls)
        if None in result.shape:
            variable = exprs.pop(0)
            assert isinstance(variable, Var)
            return replace(next(arrays), name=variable.name)
        if not result.is_array:
            return Scalar(exprs.pop(0))
        count = count_of(result)
        items_ = [exprs.pop(0) for _ in range(count)]
        alias = aliases.get(path)
        if isinstance(alias, tuple):
            argument, slots = alias
            group = flat.groups[argument]
            return Array(group.cells, result.lengths, tuple(group.slots[i] for i in slots))
        if isinstance(alias, str):
            for group in flat.groups.values():
                group.cells.frozen = group.cells.frozen or alias
        return Array(Cells(items_, result.dtype, frozen=alias), result.lengths, tuple(range(count)))

    def _result_name(self, node: cst.Call, name: str) -> str:
        """Results of `p = helper(...)` are elements of p; others are named after the helper."""
        statement = self.program.statement
        if isinstance(statement, cst.Assign) and statement.value is node and len(statement.targets) == 1:
            target = statement.targets[0].target
            if isinstance(target, cst.Name) and target.value not in self.unstable:
                return target.value
        return name

    def check_writable(self, array: Array, node: cst.CSTNode) -> None:
        raise NotImplementedError

    def captured(self, target: UserFunction) -> Environment:
        """The variables of the enclosing function that a nested function reads."""
        return self._captured(target, {})

    def _captured(self, target: UserFunction, bound: Environment) -> Environment:
        environment = self.environment if target.owner is self else target.environment
        captured: Environment = {}
        own = parameter_names_of(target.node) | set(bindings(target.node.body))
        for name in dict.fromkeys(n.value for n in names_in(target.node.body)):
            value = environment.get(name)
            for scope in target.scopes:
                value = scope.get(name, value)
            if value is not None and name not in bound and name not in own:
                if isinstance(value, UserFunction) and value.node is target.node:
                    continue
                captured[name] = value
        return captured


def parameter_names_of(node: cst.FunctionDef | cst.Lambda) -> set[str]:
    p = node.params
    stars = [s for s in (p.star_arg, p.star_kwarg) if isinstance(s, cst.Param)]
    return {each.name.value for each in (*p.posonly_params, *p.params, *p.kwonly_params, *stars)}


def _key_of(target: Source | UserFunction) -> str:
    source = target.source if isinstance(target, UserFunction) else target
    return f"{source.name}:{source.first_line}"


def _identity(source: Source) -> Any:
    function: FunctionType = source.function
    cells = tuple(id(c.cell_contents) for c in function.__closure__ or () if _filled(c))
    defaults = (id(function.__defaults__), id(function.__kwdefaults__))
    bound = tuple((k, id(v)) for k, v in source.bound.items())
    return (function.__code__, id(function.__globals__), cells, defaults, bound)


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


@dataclass(eq=False)
class Group:
    """An array's storage as a helper sees it: which of the caller's elements it holds, in order."""

    cells: Cells
    slots: list[int]
    inside: Cells


class Flattened:
    """Arguments of a helper as scalars: what is passed, under which names, and how the helper sees it.

    Arguments that share memory share it inside the helper, too.
    """

    def __init__(
        self, caller: Helpers, specialize: bool, node: cst.CSTNode, target: cst.FunctionDef | cst.Lambda, key: str
    ):
        self.key = key
        self.caller = caller
        self.specialize = specialize
        self.node = node
        self.expressions: list[Expr] = []
        self.names: list[tuple[str, ScalarType | ArrayType]] = []
        self.environment: Environment = {}
        self.defaults: Environment = {}
        self.groups: dict[str, Group] = {}
        self.dynamics: dict[str, Dynamic] = {}
        """The caller's arrays of run-time lengths, by the names that they have inside."""
        self.symbols: dict[str, Extent] = {}
        """Lengths that several arguments share."""
        self._by_uid: dict[int, str] = {}
        self._user_names = {name.value for name in names_in(target)}
        self._taken: set[str] = set()

    def add(self, name: str, value: Value) -> Any:
        """Append a named argument; returns the hashable description by which helpers are specialised."""
        description, inside = self._flatten(name, value)
        self.environment[name] = inside
        return description

    def add_default(self, name: str, value: Value) -> Any:
        """The default of a nested function's parameter, for when it calls itself."""
        description, self.defaults[name] = self._flatten(f"default_{name}", value)
        return description

    def _append(self, name: str, e: Expr, kind: Any) -> Var:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self.expressions.append(e)
        self.names.append((name, kind))
        return Var(name, kind)

    def _prefix(self, name: str) -> str:
        known = {*self._user_names, *self.caller.program.globals, *self._taken}
        prefix = name
        while prefix in self.groups or any(
            n.startswith(f"{prefix}_") and n[len(prefix) + 1 :].isdigit() for n in known
        ):
            prefix += "_"
        return prefix

    def _flatten(self, name: str, value: Value) -> tuple[Any, Value]:
        if isinstance(value, Scalar):
            known = value.constant
            if isinstance(known, (str, bool)) or (self.specialize and isinstance(known, int)):
                return ("known", type(known), known), Scalar(Const(known), known)
            kind = value.type if value.type.bits else ScalarType(value.type.kind, 64)
            return ("scalar", kind), Scalar(self._append(name, value.expr, kind))
        if isinstance(value, (Dynamic, Lazy)):
            return self._dynamic(name, value)
        if isinstance(value, Array):
            if (self.key, name) in self.caller.program.promoted:
                return self._dynamic(name, self._promoted(value))
            return self._array(name, value)
        if isinstance(value, Sequence_):
            parts = [self._flatten(f"{name}_{i}", item) for i, item in enumerate(value.items)]
            inside = Sequence_([p for _, p in parts], value.is_list, value.record, prefix=name)
            if value.is_list:
                inside.frozen = f"the list {name} belongs to the caller"
            return ("tuple", tuple(d for d, _ in parts), value.is_list, value.record), inside
        if isinstance(value, Object):
            self.caller.program.kept.append(value.value)
            return ("object", id(value.value)), value
        if isinstance(value, Poison):
            return ("poison", value), value
        if isinstance(value, OpenArray):
            if value.active:
                return ("open", value.name), value
            kind = ScalarType(f"array{value.ndim}", value.dtype.bits)
            variable = self._append(name, Opaque(value.name, kind, (), (value.name,)), kind)
            return ("open", kind, value.dtype), OpenArray(variable.name, value.dtype, value.ndim, False)
        if isinstance(value, UserFunction):
            captured = self.caller.captured(value)
            parts2 = {key: self._flatten(f"{value.name}_{key}", item) for key, item in captured.items()}
            defaults = {key: self._flatten(f"{value.name}_{key}", item) for key, item in value.defaults.items()}
            closure = {key: part for key, (_, part) in parts2.items()}
            passed = UserFunction(
                value.node, value.name, value.source, None, closure, (), {k: part for k, (_, part) in defaults.items()}
            )
            described = tuple((k, d) for k, (d, _) in (*parts2.items(), *defaults.items()))
            return ("function", id(value.node), described), passed
        if isinstance(value, Partial):
            target = self._flatten(f"{name}_function", value.target)
            args = [self._flatten(f"{name}_{i}", item) for i, item in enumerate(value.arguments)]
            named = {k: self._flatten(f"{name}_{k}", item) for k, item in value.keywords.items()}
            fixed = (target[0], tuple(d for d, _ in args), tuple((k, d) for k, (d, _) in named.items()))
            inner = Partial(target[1], tuple(p for _, p in args), {k: p for k, (_, p) in named.items()})
            return ("partial", fixed), inner
        if isinstance(value, Range):
            parts3 = [self._flatten(f"{name}_{i}", item) for i, item in enumerate(value.bounds)]
            bounds = tuple(p for _, p in parts3 if isinstance(p, Scalar))
            return ("range", tuple(d for d, _ in parts3), value.reverse), Range(bounds, value.reverse)
        if isinstance(value, Dictionary):
            parts4 = {k: self._flatten(f"{name}_{k}", self.caller.item_of(value, k)) for k in value.items}
            described = tuple((k, d) for k, (d, _) in parts4.items())
            return ("dict", described), Dictionary({k: p for k, (_, p) in parts4.items()})
        self.caller.fail(self.node, UnsupportedType, f"{describe(value)} as an argument of a function", "")

    def _promoted(self, value: Array) -> Dynamic | Lazy:
        """An array of known shape whose places the helper does not know: it has to be an array in the caller, too."""
        owner = value.cells.owner or value.cells.argument
        if owner is not None and (self.caller.key, owner) not in self.caller.program.promoted:
            error = UnsupportedType(
                f"{owner} has a known shape, and the helper indexes it by a value", hint="Use one kind of index.",
                location=self.caller.source.location(self.node),
            )  # fmt: skip
            demand = NeedsKnown(error)
            demand.promote = (self.caller.key, owner)
            raise demand
        return self.caller.spill(value, self.node)

    def _dynamic(self, name: str, value: Dynamic | Lazy) -> tuple[Any, Value]:
        array = self.caller.whole(value, self.node)
        kind = ArrayType(array.dtype, len(array.shape))
        variable = self._append(name, Var(array.name, kind), kind)  # type: ignore[arg-type]
        regions = {f"param:{variable.name}"}
        regions |= {f"param:{other}" for other, held in self.dynamics.items() if held.regions & array.regions}
        shape: list[Extent] = []
        for axis, extent in enumerate(array.shape):
            symbol = f"len({variable.name}).{axis}"
            if extent.known is not None:
                shape.append(extent)
                continue
            known = next((s for s, e in self.symbols.items() if e == extent), None)
            if known is None:
                self.symbols[symbol] = extent
            shape.append(Extent.symbol(known or symbol))
        self.dynamics[variable.name] = array
        inside = Dynamic(variable.name, array.dtype, tuple(shape), frozenset(regions))
        return ("dynamic", inside), inside

    def _array(self, name: str, value: Array) -> tuple[Any, Value]:
        kind = value.dtype if value.dtype.bits else ScalarType(value.dtype.kind, 64)
        group_name = self._by_uid.get(value.cells.uid)
        if group_name is None:
            group_name = self._prefix(name)
            inside = Cells(
                [], kind, prefix=group_name, argument=group_name, frozen=value.cells.frozen, owner=group_name
            )
            self.groups[group_name] = Group(value.cells, [], inside)
            self._by_uid[value.cells.uid] = group_name
        group = self.groups[group_name]
        for slot in value.slots:
            if slot not in group.slots:
                e = defined(value.cells.items[slot])
                variable = self._append(cell_name(group_name, len(group.slots)), e, kind)
                group.slots.append(slot)
                group.inside.items.append(variable)
        slots = tuple(group.slots.index(slot) for slot in value.slots)
        described = ("array", value.shape, kind, group_name, slots, value.cells.frozen)
        return described, Array(group.inside, value.shape, slots)
