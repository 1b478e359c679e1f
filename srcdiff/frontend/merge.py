"""What happens where paths of control meet: values that differ get one variable, and each path a copy into it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..ir.expr import Expr, Var
from ..ir.statements import Assign, Statement, View
from ..ir.types import ArrayType, ScalarType, join
from .extents import Extent
from .values import (
    Array,
    Cells,
    Dynamic,
    Environment,
    Poison,
    Scalar,
    Sequence_,
    Value,
    cell_name,
    cells_of,
    defined,
    sequences_of,
)

if TYPE_CHECKING:
    from .flow import Flow

__all__ = ["Merge", "Path", "count_writes", "flow_back"]


@dataclass
class Path:
    """A way by which control reaches a place: the environment there and where copies may be inserted."""

    block: list[Statement]
    index: int | None
    environment: Environment

    def insert(self, statement: Statement) -> None:
        if self.index is None:
            self.block.append(statement)
        else:
            self.block.insert(self.index, statement)
            self.index += 1


def count_writes(head: Environment, ends: Iterable[Environment]) -> None:
    """After a loop, its head's arrays were written as often as at the end of its body."""
    after: dict[int, dict[int, int]] = {}
    for environment in ends:
        for value in environment.values():
            for cells in cells_of(value):
                seen = after.setdefault(cells.uid, {})
                for slot, count in cells.writes.items():
                    seen[slot] = max(count, seen.get(slot, 0))
    for value in head.values():
        for cells in cells_of(value):
            for slot, count in after.get(cells.uid, {}).items():
                cells.writes[slot] = max(count, cells.writes.get(slot, 0))


class Merge:
    """Joins values name by name, collecting the copies that each path needs."""

    def __init__(self, flow: Flow, paths: list[Path]):
        self.flow = flow
        self.paths = paths
        self.moves: list[list[tuple[Var, Expr]]] = [[] for _ in paths]
        self.rebinds: list[list[tuple[Var, View]]] = [[] for _ in paths]
        self.cells: dict[tuple[int, ...], Cells] = {}
        self.merged: list[tuple[Cells, list[Cells]]] = []
        self.sequences: dict[tuple[int, ...], Sequence_] = {}
        self.unsure = _parting([_lists(path.environment) for path in paths])

    def value(self, name: str, values: list[Value]) -> Value:
        first = values[0]
        if any(isinstance(v, Poison) for v in values):
            return next(v for v in values if isinstance(v, Poison))
        if all(isinstance(v, Scalar) for v in values):
            return self.scalar(name, [v for v in values if isinstance(v, Scalar)])
        if all(isinstance(v, Dynamic) for v in values):
            return self.dynamic(name, [v for v in values if isinstance(v, Dynamic)])
        if all(isinstance(v, Array) for v in values):
            arrays = [v for v in values if isinstance(v, Array)]
            if len({a.shape for a in arrays}) == 1:
                return self.array(name, arrays)
        if all(isinstance(v, Sequence_) for v in values):
            tuples = [v for v in values if isinstance(v, Sequence_)]
            if len({(len(t.items), t.is_list) for t in tuples}) == 1:
                return self.sequence(name, tuples)
        if all(v is first or v == first for v in values):
            return first
        if any(isinstance(v, Dynamic) for v in values):
            self.flow.promote([v for v in values if isinstance(v, Array)])
        return Poison(
            f"{name} has different types or shapes on the paths that lead here",
            f"Give {name} one type on every path.",
        )

    def sequence(self, name: str, tuples: list[Sequence_]) -> Sequence_:
        """Two names for one list on every path are two names for one list afterwards."""
        key = tuple(t.uid for t in tuples)
        if key not in self.sequences:
            prefix = self.flow.free_prefix(name, [path.environment for path in self.paths])
            columns = zip(*(t.items for t in tuples))
            items = [self.value(cell_name(prefix, i), list(column)) for i, column in enumerate(columns)]
            joined = Sequence_(items, tuples[0].is_list, tuples[0].record, prefix=prefix)
            joined.frozen = next((t.frozen for t in tuples if t.frozen), None)
            if joined.is_list and any(t.uid in self.unsure for t in tuples):
                joined.frozen = joined.frozen or f"the list {name} may be another one, too"
            if len(set(key)) == 1:
                joined.uid = key[0]
            self.sequences[key] = joined
        return self.sequences[key]

    def scalar(self, name: str, values: list[Scalar]) -> Value:
        known = values[0].known if all(v.known == values[0].known for v in values) else None
        if all(v.expr is values[0].expr for v in values):
            return Scalar(values[0].expr, known)
        values = [Scalar(defined(v.expr), v.known) for v in values]
        kind = values[0].type
        for v in values[1:]:
            joined = join(kind, v.type)
            if joined is None:
                return Poison(f"{name} has different types on the paths that lead here", f"Give {name} one type.")
            kind = joined
        kind = self.flow.widened.get(name, kind)
        variable = Var(name, kind)
        self.flow.taken.add(name)
        for path, v in enumerate(values):
            if not (isinstance(v.expr, Var) and v.expr.name == name):
                self.moves[path].append((variable, v.expr))
        return Scalar(variable, known)

    def dynamic(self, name: str, arrays: list[Dynamic]) -> Value:
        """Arrays keep their variable; lengths that differ become one that is not known."""
        first = arrays[0]
        if any(a.dtype != first.dtype or len(a.shape) != len(first.shape) for a in arrays):
            return Poison(f"{name} has different types on the paths that lead here", f"Give {name} one type.")
        variable = first.name if all(a.name == first.name for a in arrays) else name
        for place, a in enumerate(arrays):
            if a.name != variable:
                kind = ArrayType(a.dtype, len(a.shape))
                self.flow.taken.add(variable)
                self.rebinds[place].append((Var(variable, kind), View(Var(a.name, kind))))  # type: ignore[arg-type]
        regions = frozenset().union(*(a.regions for a in arrays))
        shape = tuple(
            first.shape[n] if all(a.shape[n] == first.shape[n] for a in arrays) else self.flow.unknown_extent()
            for n in range(len(first.shape))
        )
        return Dynamic(variable, first.dtype, shape, regions)

    def array(self, name: str, arrays: list[Array]) -> Value:
        key = tuple(a.cells.uid for a in arrays)
        first = arrays[0]
        same = len(set(key)) == 1 and len({a.slots for a in arrays}) == 1
        if same:
            if key not in self.cells:
                prefix = first.cells.prefix or name
                merged = first.cells.copy()
                merged.prefix = prefix
                merged.writes = {i: max(a.cells.writes.get(i, 0) for a in arrays) for i in range(len(merged.items))}
                for i in range(len(merged.items)):
                    options = [Scalar(a.cells.items[i]) for a in arrays]
                    item = self.scalar(cell_name(prefix, i), options)
                    assert isinstance(item, Scalar)
                    merged.items[i] = item.expr
                self.cells[key] = merged
                self.merged.append((merged, [a.cells for a in arrays]))
            return replace(first, cells=self.cells[key])
        reason = None
        if any(_shared(path.environment, a, name) for path, a in zip(self.paths, arrays)):
            reason = f"{name} may or may not share memory with another array here"
            for a in arrays:
                a.cells.frozen = reason
        prefix = self.flow.free_prefix(name, [path.environment for path in self.paths])
        dtype: ScalarType | None = first.dtype
        for a in arrays[1:]:
            dtype = dtype and join(dtype, a.dtype)
        if dtype is None:
            return Poison(f"{name} has different types on the paths that lead here", f"Give {name} one type.")
        cells = Cells([], dtype, prefix=prefix, frozen=reason)
        for i in range(len(first.slots)):
            item = self.scalar(cell_name(prefix, i), [Scalar(a.items[i]) for a in arrays])
            assert isinstance(item, Scalar)
            cells.items.append(item.expr)
        return Array(cells, first.shape, tuple(range(len(cells.items))))

    def finish(self) -> None:
        for path, rebinds in zip(self.paths, self.rebinds):
            self.flow.rebind(path, rebinds)
        for path, moves in zip(self.paths, self.moves):
            if moves:
                move = Assign(tuple(t for t, _ in moves), tuple(v for _, v in moves))
                self.flow.assigning(move)
                path.insert(move)
        for merged, sources in self.merged:
            merged.frozen = next((cells.frozen for cells in sources if cells.frozen), merged.frozen)


def flow_back(flow: Flow, head: Environment, path: Path, changes: set[str], widened: dict[str, ScalarType]) -> None:
    """Make the end of a loop's body agree with its head, or say what the head must give up.

    `changes` collects names and arrays (`@uid`) that need variables of their own, `!name` for names that cannot be
    read at the head, `~name` for arrays that may share memory there, `/name` for a tuple that two names share there.
    """
    targets: list[Var] = []
    values: list[Expr] = []
    seen: set[int] = set()
    compared: set[int] = set()
    rebinds: list[tuple[Var, View]] = []

    def scalar(name: str, root: str, before: Expr, after: Expr) -> None:
        if before is after:
            return
        if not (isinstance(before, Var) and before.name == name):
            changes.add(root)
            return
        kind = join(before.type, after.type)
        if kind is None:
            changes.add(f"!{root}")
        elif kind != before.type:
            widened[name] = kind
        elif not (isinstance(after, Var) and after.name == name):
            targets.append(before)
            values.append(after)

    def array(root: str, before: Array, after: Array) -> None:
        same = before.cells.uid == after.cells.uid and before.slots == after.slots
        if same and before.cells.uid in seen:
            return
        seen.add(before.cells.uid)
        prefix = before.cells.prefix or "?"
        if same:
            for i, (old, new) in enumerate(zip(before.cells.items, after.cells.items)):
                scalar(cell_name(prefix, i), f"@{before.cells.uid}", old, new)
            return
        if not before.cells.prefix or len(before.cells.items) != len(before.slots):
            changes.update((f"~{root}", root))
            return
        # What is frozen was parted from one name, and may still be the memory of two others.
        shared = _in_two_places(head, before)
        if shared or not before.cells.frozen:
            for other in (root, *_sharing(path.environment, after, root)):
                if shared or other != root:
                    changes.add(f"~{other}")
                    changes.add(f"~{root}")
        for slot, new in zip(before.slots, after.items):
            scalar(cell_name(prefix, slot), root, before.cells.items[slot], new)

    def dynamic(name: str, root: str, before: Dynamic, after: Dynamic) -> None:
        if before.dtype != after.dtype or len(before.shape) != len(after.shape):
            changes.add(f"!{root}")
            return
        known = flow.heads.get(name)
        owned = before.name == name or after.name == before.name
        shape = tuple(
            b if b == a or (known is not None and known.shape[n] == b and _is_open(b)) else flow.unknown_extent()
            for n, (b, a) in enumerate(zip(before.shape, after.shape))
        )
        # An item that is exchanged gets a variable of its own at the head: its first array may have another name, too.
        own = before.name if owned else name
        merged = Dynamic(own, before.dtype, shape, before.regions | after.regions)
        if merged != before:
            flow.heads[name] = merged
            changes.add(root)
        if owned and after.name != before.name:
            kind = ArrayType(before.dtype, len(before.shape))
            rebinds.append((Var(before.name, kind), View(Var(after.name, kind))))  # type: ignore[arg-type]

    def shared_by_two(sequence: Sequence_, environment: Environment) -> bool:
        """Whether a tuple or list has two places."""
        return sum(other.uid == sequence.uid for value in environment.values() for other in sequences_of(value)) > 1

    def compare(name: str, root: str, before: Value, after: Value) -> None:
        if isinstance(before, Scalar) and isinstance(after, Scalar):
            scalar(name, root, before.expr, after.expr)
            if before.known is not None and before.known != after.known:
                changes.add(root)
        elif isinstance(before, Dynamic) and isinstance(after, Dynamic):
            dynamic(name, root, before, after)
        elif isinstance(before, Array) and isinstance(after, Array) and before.shape == after.shape:
            array(root, before, after)
        elif isinstance(before, Sequence_) and isinstance(after, Sequence_) and len(before.items) == len(after.items):
            if before.uid != after.uid and shared_by_two(before, head):
                changes.add(f"!{root}" if before.is_list else f"/{root}")
                return
            if before.uid != after.uid and before.is_list and shared_by_two(after, path.environment):
                changes.add(f"!{root}")
                return
            if before.uid in compared:
                return  # another name of the same
            compared.add(before.uid)
            for i, (old, new) in enumerate(zip(before.items, after.items)):
                compare(cell_name(before.prefix or name, i), root, old, new)
        elif not (isinstance(before, Poison) or before is after or before == after):
            if isinstance(before, Dynamic) or isinstance(after, Dynamic):
                flow.promote([v for v in (before, after) if isinstance(v, Array)])
            changes.add(f"!{root}")

    for name, before in head.items():
        after = path.environment.get(name)
        if after is not None:
            compare(name, name, before, after)
    if targets:
        move = Assign(tuple(targets), tuple(values))
        flow.assigning(move)
        path.insert(move)
    flow.rebind(path, rebinds)


def _lists(environment: Environment) -> dict[tuple[str, int], int]:
    """The lists at the places of an environment: which one is where."""
    return {
        (name, n): sequence.uid
        for name, value in environment.items()
        for n, sequence in enumerate(sequences_of(value))
        if sequence.is_list
    }


def _parting(paths: list[dict[tuple[str, int], int]]) -> set[int]:
    """Lists that are at two places on one path, and on another at one of them only."""
    found: set[int] = set()
    keys = {place: [path[place] for path in paths] for place in paths[0] if all(place in path for path in paths)}
    for a in keys.values():
        for b in keys.values():
            if a != b:
                found.update(x for x, y in zip(a, b) if x == y)
    return found


def _is_open(extent: Extent) -> bool:
    return any(name.startswith("@") for name, _ in extent.terms)


def _in_two_places(environment: Environment, array: Array) -> bool:
    """Whether two names, or items of tuples and lists, hold the array; a list's item is one under all its names."""
    found: set[tuple[str | int, int]] = set()

    def visit(value: Value, place: tuple[str | int, int]) -> None:
        if isinstance(value, Array) and value.cells.uid == array.cells.uid:
            found.add(place)
        elif isinstance(value, Sequence_):
            for i, item in enumerate(value.items):
                visit(item, (value.uid, i))

    for name, value in environment.items():
        visit(value, (name, 0))
    return len(found) > 1


def _shared(environment: Environment, array: Array, name: str) -> bool:
    """Whether another name refers to the same memory."""
    return bool(_sharing(environment, array, name))


def _sharing(environment: Environment, array: Array, name: str) -> list[str]:
    """The other names that refer to the same memory."""
    return [
        other
        for other, value in environment.items()
        if other != name and any(cells.uid == array.cells.uid for cells in cells_of(value))
    ]
