"""The state of one function while it is lowered: its environment, its names, and the loops around a statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import libcst as cst

from ..analyses.liveness import reads
from ..errors import SrcdiffError, UnsupportedType
from ..ir.expr import Const, Expr, Var, is_atom
from ..ir.statements import (
    Allocate,
    Assign,
    Break,
    CallHelper,
    Continue,
    Origin,
    Rebind,
    Statement,
    View,
    expressions_of,
)
from ..ir.types import ArrayType, ScalarType
from .merge import Merge, Path, count_writes, flow_back
from .program import Program, Signal
from .values import (
    Array,
    Cells,
    Dynamic,
    Environment,
    Lazy,
    Poison,
    Scalar,
    Sequence_,
    Value,
    cell_name,
    cells_of,
    copy_environment,
    defined,
    has_undefined,
    is_undefined,
)

if TYPE_CHECKING:
    from .source import Source

__all__ = ["Flow", "Loop", "NeedsKnown", "Restart"]


class NeedsKnown(Signal):
    """An index or length must be known when compiling: unroll the loop, or specialise the helper."""

    promote: tuple[str, str] | None = None
    """A function and its array of known shape that would have to be an array of the emitted program."""

    def __init__(self, error: SrcdiffError):
        super().__init__(str(error))
        self.error = error


class Restart(Signal):
    """A variable that was taken to keep its value is assigned again: lower the function once more, knowing that."""

    def __init__(self, lowering: Flow, names: set[str]):
        super().__init__(", ".join(sorted(names)))
        self.lowering = lowering
        self.names = names


class _Unsettled(Signal):
    """A loop changes something that was taken to be constant."""


@dataclass
class Loop:
    """An enclosing loop: where `break` and `continue` lead."""

    breaks: list[Path]
    continues: list[Path]
    one_trip: bool = False
    block: list[Statement] | None = None
    leaving: str | None = None
    """The flag that a `break` sets in a copy of an unrolled body, which is a loop of one trip itself."""
    left: bool = False
    skipped: bool = False
    flagged: bool = False


class Flow:
    """Environment, current block, names, errors."""

    def __init__(self, source: Source, program: Program):
        self.source = source
        self.program = program
        self.environment: Environment = {}
        self.block: list[Statement] = []
        self.reachable = True
        self.loops: list[Loop] = []
        self.origin: Origin | None = None
        self.taken: set[str] = set()
        self.widened: dict[str, ScalarType] = {}
        self.user_names: set[str] = set()
        self.unstable: set[str] = set()
        self.relied: set[str] = set()
        """Variables whose values are kept under other names, too."""
        self.incoming: Environment = {}
        """Values that names are about to be bound to, all at once."""
        self.heads: dict[str, Dynamic] = {}
        """Arrays at the head of the present loop that are not the same in every iteration."""
        self.key = f"{source.name}:{source.first_line}"

    # -- errors -----------------------------------------------------------------------------------------------------

    def fail(self, node: cst.CSTNode, kind: type[SrcdiffError], message: str, hint: str = "") -> NoReturn:
        raise kind(message, hint=hint, location=self.source.location(node))

    def promote(self, arrays: list[Array]) -> None:
        """Arrays of known shape meet one whose lengths are known at run time: they have to be of its kind."""
        for array in arrays:
            owner = array.cells.owner
            if owner is not None and (self.key, owner) not in self.program.promoted:
                assert self.program.statement is not None
                error = UnsupportedType(
                    f"{owner} has a known shape on one path only",
                    hint="Give it one shape.",
                    location=self.source.location(self.program.statement),
                )
                demand = NeedsKnown(error)
                demand.promote = (self.key, owner)
                raise demand

    # -- emitting ---------------------------------------------------------------------------------------------------

    def emit(self, statement: Statement) -> None:
        self.program.count_statement(self)
        if has_undefined(*expressions_of(statement)):
            assert self.program.statement is not None
            self.fail(
                self.program.statement, UnsupportedType, "an element of an array is read before it has a value",
                "Use np.zeros, or write every element first.",
            )  # fmt: skip
        self.assigning(statement)
        self.block.append(replace(statement, origin=self.origin) if statement.origin is None else statement)

    def assigning(self, statement: Statement) -> None:
        """Called for each statement that is added."""
        if isinstance(statement, (Assign, CallHelper, Rebind)):
            changed = self.relied.intersection(t.name for t in statement.targets)
        elif isinstance(statement, Allocate):
            changed = self.relied.intersection((statement.target.name,))
        else:
            return
        if changed:
            raise Restart(self, changed)

    def fresh(self, base: str) -> str:
        """A name that nothing else has."""
        name, number = base, 2
        while name in self.taken or name in self.program.globals:
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        self.program.locals.add(name)
        return name

    def temporary(self, base: str, e: Expr) -> Expr:
        """`e` as an atom: itself if it is one, otherwise a new variable."""
        if is_atom(e):
            return e
        variable = Var(self.fresh(base), e.type)
        self.emit(Assign((variable,), (e,)))
        return variable

    def temporary_copy(self, base: str, e: Expr) -> Expr:
        """`e` in a new variable, even if it is an atom."""
        variable = Var(self.fresh(base), e.type)
        self.emit(Assign((variable,), (e,)))
        return variable

    def pin(self, value: Value, base: str = "item") -> Value:
        """A value that stays what it is while variables change: arrays and lists that have a name stay shared."""
        if isinstance(value, Scalar):
            if self.is_stable(value.expr):
                return value
            return Scalar(self.temporary_copy(base, value.expr), value.known)
        if isinstance(value, (Dynamic, Lazy)):
            return self.own_array(base, value)
        if isinstance(value, Array) and value.cells.prefix is None:
            items = [
                e if self.is_stable(e) else self.temporary_copy(f"{base}_{i}", e) for i, e in enumerate(value.items)
            ]
            cells = Cells(items, value.dtype, prefix=self.fresh(base), frozen=value.cells.frozen)
            return Array(cells, value.shape, tuple(range(len(items))))
        if isinstance(value, Sequence_) and value.prefix is None:
            items_ = [self.pin(item, f"{base}_{i}") for i, item in enumerate(value.items)]
            return Sequence_(items_, value.is_list, value.record, prefix=self.fresh(base))
        return value

    @contextmanager
    def nested(self) -> Iterator[list[Statement]]:
        """Collect statements into a block of their own."""
        saved, self.block = self.block, []
        try:
            yield self.block
        finally:
            self.block = saved

    # -- binding ----------------------------------------------------------------------------------------------------

    def bind_all(self, pairs: list[tuple[str, Value]]) -> None:
        """Bind names in parallel: `a, b = b, a`."""
        pairs = list(dict(pairs).items())  # of `_, a, _ = y`, the last counts
        targets: list[Var] = []
        values: list[Expr] = []
        batch: list[tuple[Var, View]] = []
        if len(pairs) > 1:
            pairs = [(n, self.own_array(f"{n}_new", v) if isinstance(v, Lazy) else v) for n, v in pairs]
        bound: list[tuple[str, Value]] = []
        self.incoming = dict(pairs)
        for name, value in pairs:
            if isinstance(value, Array) and value.cells.prefix is None and (self.key, name) in self.program.promoted:
                value = self.spilled(name, value, value.cells.frozen)
            if isinstance(value, (Dynamic, Lazy)):
                self.release(name)
                bound.append((name, self.place_dynamic(name, value, batch)))
            else:
                bound.append((name, self._place(name, value, targets, values)))
        self.incoming = {}
        if batch:
            rebound = {t.name for t, _ in batch}
            values = [self.temporary_copy(f"{t.name}_new", v) if rebound & reads(v) else v
                      for t, v in zip(targets, values)]  # fmt: skip
            self.emit(Rebind(tuple(t for t, _ in batch), tuple(v for _, v in batch)))
        moves = _real_moves(targets, values)
        if moves:
            self.emit(Assign(tuple(t for t, _ in moves), tuple(v for _, v in moves)))
        for name, value in bound:
            self.environment[name] = value
            if isinstance(value, Scalar) and value.type.kind == "int" and name in dict(pairs):
                given = dict(pairs)[name]
                if isinstance(given, Scalar):
                    self.learn_integer(name, given.expr)

    def release(self, name: str) -> None:
        """The variable of an argument becomes another array: elements of the argument can no longer be read there."""
        raise NotImplementedError

    def place_dynamic(self, name: str, value: Dynamic | Lazy, batch: list[tuple[Var, View]]) -> Dynamic:
        raise NotImplementedError

    def own_array(self, base: str, value: Dynamic | Lazy) -> Dynamic:
        raise NotImplementedError

    def spilled(self, name: str, value: Array, frozen: str | None = None) -> Dynamic:
        raise NotImplementedError

    def unknown_extent(self) -> Any:
        raise NotImplementedError

    def learn_integer(self, name: str, e: Expr) -> None:
        raise NotImplementedError

    def _place(self, name: str, value: Value, targets: list[Var], values: list[Expr]) -> Value:
        """The value as the variable `name` holds it; appends the assignments that this takes."""
        if isinstance(value, Scalar):
            variable = Var(name, self.widened.get(name, value.type))
            targets.append(variable)
            values.append(value.expr)
            self.taken.add(name)
            known = value.constant
            return Scalar(variable, known if isinstance(known, (int, str)) else None)
        if isinstance(value, Array) and value.cells.prefix is None:
            prefix = self.free_prefix(name, [self.incoming])
            cells = Cells([], value.dtype, prefix=prefix, frozen=value.cells.frozen, owner=name)
            for i, item in enumerate(value.cells.items):
                cells.items.append(self._own(cell_name(prefix, i), item, targets, values))
            return replace(value, cells=cells)
        if isinstance(value, Sequence_) and value.prefix is None:
            prefix = self.free_prefix(name, [self.incoming])
            items = [
                self._place_item(cell_name(prefix, i), item, targets, values) for i, item in enumerate(value.items)
            ]
            return Sequence_(items, value.is_list, value.record, prefix=prefix)
        return value

    def _place_item(self, name: str, value: Value, targets: list[Var], values: list[Expr]) -> Value:
        if isinstance(value, (Dynamic, Lazy)):
            return self.own_array(name, value)
        if isinstance(value, Scalar):
            return Scalar(self._own(name, value.expr, targets, values), value.known)
        return self._place(name, value, targets, values)

    def _own(self, name: str, e: Expr, targets: list[Var], values: list[Expr]) -> Expr:
        """An element as an atom: a stable atom as it is, anything else in the variable `name`."""
        if self.is_stable(e):
            return e
        self.taken.add(name)
        variable = Var(name, self.widened.get(name, e.type))
        targets.append(variable)
        values.append(e)
        return variable

    def is_stable(self, e: Expr) -> bool:
        """Whether an atom keeps its value for as long as the function runs."""
        if isinstance(e, Const):
            return True
        if isinstance(e, Var):
            if e.name in self.unstable:
                return False
            self.relied.add(e.name)
            return True
        if is_undefined(e):
            return True
        return is_atom(e) and not e.args

    def free_prefix(self, name: str, environments: Iterable[Environment] = ()) -> str:
        """The prefix `name` for the scalars of an array or tuple, unless another live one has it."""
        others = [v for e in (self.environment, *environments) for other, v in e.items() if other != name]
        used = {prefix for value in others for prefix in _prefixes(value)}
        prefix = name
        while prefix in used or self.clashes(prefix):
            prefix += "_"
        return prefix

    def clashes(self, prefix: str) -> bool:
        """Whether the scalars of an array would have names that mean something else."""
        start = prefix + "_"
        return any(n.startswith(start) and n[len(start) :].isdigit() for n in (*self.user_names, *self.program.globals))

    # -- joining ----------------------------------------------------------------------------------------------------

    def join(self, paths: list[Path]) -> Environment:
        """The environment where several paths meet; copies are inserted at their ends where they differ."""
        if len(paths) == 1:
            return paths[0].environment
        merge = Merge(self, paths)
        names = list(dict.fromkeys(name for path in paths for name in path.environment))
        joined: Environment = {}
        for name in names:
            values = [path.environment.get(name) for path in paths]
            if any(value is None for value in values):
                joined[name] = Poison(
                    f"{name} is not defined on every path that leads here",
                    f"Give {name} a value before the branch or loop.",
                )
            else:
                joined[name] = merge.value(name, [v for v in values if v is not None])
        merge.finish()
        return joined

    # -- loops ------------------------------------------------------------------------------------------------------

    def loop(
        self,
        assigned: set[str],
        lower: Callable[[], None],
    ) -> tuple[list[Statement], Loop, list[Environment]]:
        """Lower a loop's body until its head is settled: the block, the loop, and the environments at its end."""
        settled = set(assigned)
        saved_heads, self.heads = self.heads, {}
        try:
            return self._settled_loop(settled, lower)
        finally:
            self.heads = saved_heads

    def _settled_loop(
        self, settled: set[str], lower: Callable[[], None]
    ) -> tuple[list[Statement], Loop, list[Environment]]:
        for _ in range(8):
            saved_block, saved_environment = list(self.block), copy_environment(self.environment)
            saved_taken, widened, relied = set(self.taken), dict(self.widened), set(self.relied)
            depth = len(self.loops)
            self._canonicalize(settled)
            head = copy_environment(self.environment)
            try:
                return self._attempt(lower, head)
            except _Unsettled as change:
                self.block[:] = saved_block
                self.environment, self.taken, self.reachable = saved_environment, saved_taken, True
                self.relied = relied
                del self.loops[depth:]
                settled |= change.args[0]
                self.widened = {**widened, **change.args[1]}
        assert self.program.statement is not None
        self.fail(
            self.program.statement,
            UnsupportedType,
            "the types of this loop's variables do not settle",
            "Give each variable one type, and one array, before the loop.",
        )

    def _attempt(self, lower: Callable[[], None], head: Environment) -> tuple[list[Statement], Loop, list[Environment]]:
        loop = Loop([], [])
        self.loops.append(loop)
        depth = len(self.loops)
        try:
            with self.nested() as block:
                lower()
                ends = list(loop.continues)
                if self.reachable:
                    ends.append(Path(block, None, self.environment))
        finally:
            del self.loops[depth - 1 :]
        changes: set[str] = set()
        widened: dict[str, ScalarType] = {}
        for path in ends:
            flow_back(self, head, path, changes, widened)
        if changes or widened:
            raise _Unsettled(changes, widened)
        self.environment = head
        after = [path.environment for path in (*ends, *loop.breaks)]
        for environment in (head, *(path.environment for path in loop.breaks)):
            count_writes(environment, after)
        return block, loop, [path.environment for path in ends]

    def _canonicalize(self, names: set[str]) -> None:
        """Give everything that the loop assigns a variable of its own before the loop."""
        targets: list[Var] = []
        values: list[Expr] = []
        # Copies come first: they hold what there is before anything gets a variable.
        for name, value in list(self.environment.items()):
            if f"/{name}" in names:
                value = self.environment[name] = self._parted(name, value)
            if f"~{name}" in names:
                self.environment[name] = self._separate(name, value)
        for name, value in list(self.environment.items()):
            if f"!{name}" in names:
                self.environment[name] = Poison(
                    f"{name} changes its type, length or array from one iteration to the next",
                    f"Give {name} one type before the loop; copy an array that is exchanged.",
                )
            elif name in names or any(f"@{cells.uid}" in names for cells in cells_of(value)):
                self.environment[name] = self._canonical(name, value, targets, values)
        moves = _real_moves(targets, values)
        if moves:
            self.emit(Assign(tuple(t for t, _ in moves), tuple(v for _, v in moves)))

    def _separate(self, name: str, value: Value) -> Value:
        """A copy of an array that shares memory with another in some iterations only: neither may be written."""
        if isinstance(value, Array):
            reason = f"{name} may share memory with another array here"
            value.cells.frozen = reason
            cells = Cells(value.items, value.dtype, prefix=self.free_prefix(f"{name}_"), frozen=reason)
            return Array(cells, value.shape, tuple(range(len(cells.items))))
        if isinstance(value, Sequence_):
            value.items[:] = [self._separate(f"{name}_{i}", item) for i, item in enumerate(value.items)]
        return value

    def _parted(self, name: str, value: Value) -> Value:
        """A tuple that is the same as another at first: its items get names of their own."""
        if isinstance(value, Dynamic):
            return self.own_array(name, value)
        if isinstance(value, Scalar):
            return self.pin(value, name)
        if not isinstance(value, Sequence_) or value.is_list:
            return value
        prefix = self.free_prefix(name)
        items = [self._parted(cell_name(prefix, i), item) for i, item in enumerate(value.items)]
        return Sequence_(items, record=value.record, prefix=prefix)

    def _canonical(self, name: str, value: Value, targets: list[Var], values: list[Expr]) -> Value:
        if isinstance(value, Dynamic):
            head = self.heads.get(name, value)
            if head.name != value.name:
                kind = ArrayType(value.dtype, len(value.shape))
                self.taken.add(head.name)
                self.emit(Rebind((Var(head.name, kind),), (View(Var(value.name, kind)),)))  # type: ignore[arg-type]
            return head
        if isinstance(value, Scalar):
            if value.type.kind == "str":
                return Scalar(value.expr)
            variable = Var(name, self.widened.get(name, value.type))
            targets.append(variable)
            values.append(value.expr)
            self.taken.add(name)
            return Scalar(variable)
        if isinstance(value, Array):
            cells = value.cells
            prefix = cells.prefix or self.free_prefix(name)
            cells.prefix = prefix
            for i, item in enumerate(cells.items):
                cell = cell_name(prefix, i)
                variable = Var(cell, self.widened.get(cell, item.type))
                item = defined(item)
                if item is not variable:
                    targets.append(variable)
                    values.append(item)
                    self.taken.add(cell)
                cells.items[i] = variable
            return value
        if isinstance(value, Sequence_):
            for i, part in enumerate(value.items):
                value.items[i] = self._canonical(cell_name(value.prefix or name, i), part, targets, values)
        return value

    def rebind(self, path: Path, rebinds: list[tuple[Var, View]]) -> None:
        """Give arrays other names at the end of a path, all at once."""
        if rebinds:
            statement = Rebind(tuple(t for t, _ in rebinds), tuple(v for _, v in rebinds))
            self.assigning(statement)
            path.insert(statement)

    def leave(self, paths: list[Path], statement: Break | Continue) -> None:
        """`break` or `continue`: remember the environment that it carries away."""
        self.emit(statement)
        paths.append(Path(self.block, len(self.block) - 1, copy_environment(self.environment)))
        self.reachable = False


def _real_moves(targets: list[Var], values: list[Expr]) -> list[tuple[Var, Expr]]:
    """The assignments that change something: not `x = x`, even where its type was widened."""
    return [(t, v) for t, v in zip(targets, values) if not (isinstance(v, Var) and v.name == t.name)]


def _prefixes(value: Value) -> Iterator[str]:
    """The prefixes of an array or tuple, and of the variables that its items are."""
    if isinstance(value, Array) and value.cells.prefix:
        yield value.cells.prefix
    elif isinstance(value, Sequence_):
        if value.prefix:
            yield value.prefix
        for item in value.items:
            yield from _prefixes(item)
            held = item.name if isinstance(item, Dynamic) else getattr(getattr(item, "expr", None), "name", "")
            prefix, _, number = held.rpartition("_")
            if number.isdigit():
                yield prefix
