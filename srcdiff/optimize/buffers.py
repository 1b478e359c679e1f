"""Memory for the arrays that a function makes, where nothing can be allocated: a buffer for each place that makes one.

    for _ in range(n):                        new_work = cuda.local.array(16, np.float64)
        new = np.empty(16)         becomes    u_work = cuda.local.array(16, np.float64)
        new[:] = step(u)                      for _ in range(n):
        u = new                                   new = new_work
                                                  new[:] = step(u)
                                                  u = u_work
                                                  u[:] = new

A place within a loop makes its array in the same memory again each time. So whatever is still read of the array that
it made before must have been copied: `u = new` above. Where that could be noticed, the function is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..analyses.lengths import Lengths
from ..analyses.liveness import reads
from ..ir.expr import Const, Element, Expr, Op, Var
from ..ir.statements import (
    Allocate,
    ArrayCall,
    Assign,
    Block,
    Break,
    CallHelper,
    Continue,
    For,
    If,
    Line,
    Rebind,
    Return,
    Statement,
    Store,
    View,
    While,
    expressions_of,
    statements,
)
from ..ir.types import INT64, ScalarType

__all__ = [
    "LENGTHS",
    "Buffer",
    "Refused",
    "buffers",
    "copy_loop",
    "flat_index",
    "loops_over",
    "own_memory",
    "place_of",
    "reshapes_as_copies",
]

LENGTHS = (
    "Take lengths from the shapes of arguments, len(y), and fix these with shapes=; or fix an integer: partial(f, n=8)."
)
"""What to do where a length is not known when compiling."""

_COPIES = ("copy", "flatten", "reshaped")

Names = frozenset[str]


class Refused(Exception):
    """What cannot be done, in words, what to write instead, and the statement."""

    def __init__(self, message: str, hint: str, statement: Statement | None):
        super().__init__(message)
        self.hint = hint
        self.statement = statement


@dataclass(frozen=True)
class Buffer:
    """The memory of one place that makes arrays."""

    name: str
    shape: tuple[int, ...]
    dtype: ScalarType

    @property
    def size(self) -> int:
        return math.prod(self.shape)


# -- what is live after a statement -----------------------------------------------------------------------------------


@dataclass
class _Live:
    """Names that are read after each statement, by the statement's identity; a binding ends what was read before."""

    after: dict[int, Names] = field(default_factory=dict)

    def block(self, block: Block, live: Names, breaks: Names, continues: Names) -> Names:
        for s in reversed(block):
            self.after[id(s)] = live | self.after.get(id(s), frozenset())
            live = self._statement(s, live, breaks, continues)
        return live

    def _statement(self, s: Statement, live: Names, breaks: Names, continues: Names) -> Names:
        if isinstance(s, Return):
            return frozenset(reads(*s.values))
        if isinstance(s, Break):
            return breaks
        if isinstance(s, Continue):
            return continues
        if isinstance(s, If):
            body = self.block(s.body, live, breaks, continues)
            return body | self.block(s.orelse, live, breaks, continues) | reads(s.test)
        if isinstance(s, (For, While)):
            head = self.block(s.orelse, live, breaks, continues) | reads(*expressions_of(s))
            while True:
                wider = head | self.block(s.body, head, live, head)
                if wider == head:
                    return head
                head = wider
        bound: set[str] = set()
        if isinstance(s, (Assign, Allocate, ArrayCall, CallHelper, Rebind)):
            bound = {s.target.name} if isinstance(s, Allocate) else {t.name for t in s.targets}
        own = {s.array} if isinstance(s, Store) else set()
        return (live - bound) | reads(*expressions_of(s)) | own


# -- arrays that outlive the turn of a loop in which they were made -------------------------------------------------


def reshapes_as_copies(body: Block) -> Block:
    """Reshaped arrays as copies.

    numba-cuda reshapes with a function in C++ that checks the layout when it runs, where nothing can be raised.

    Raises
    ------
    Refused
        An array is written to after it was reshaped, which a copy would not see.
    """
    sharing = [(t.name, v.array.name) for s in statements(body) if isinstance(s, Rebind)
               for t, v in zip(s.targets, s.sources) if v.kind not in _COPIES]  # fmt: skip

    def same_memory(name: str) -> set[str]:
        found = {name}
        while True:
            more = {n for pair in sharing if found & set(pair) for n in pair}
            if more <= found:
                return found
            found |= more

    def written(s: Statement) -> set[str]:
        if isinstance(s, CallHelper) and getattr(s.helper, "writes", None):
            pairs = zip(s.helper.parameters, s.args)
            return {a.name for n, a in pairs if n in s.helper.writes and isinstance(a, Var)}
        return {s.array} if isinstance(s, Store) else set()

    def block(part: Block, later: Sequence[Statement]) -> Block:
        """`later` are the statements that may run after this part."""
        out: list[Statement] = []
        for position, s in enumerate(part):
            after = [*statements(part[position + 1 :]), *later]
            if isinstance(s, (For, While)):
                again = [*statements((s,)), *after]
                s = replace(s, body=block(s.body, again), orelse=block(s.orelse, after))
            elif isinstance(s, If):
                s = replace(s, body=block(s.body, after), orelse=block(s.orelse, after))
            elif isinstance(s, Rebind) and any(v.kind == "reshape" for v in s.sources):
                group = same_memory(s.targets[0].name)
                if len(s.targets) > 1 or any(written(x) & group for x in after):
                    raise Refused(
                        "an array is written to after it was reshaped, which devices do not follow",
                        "Copy it: reshape(...).copy().",
                        s,
                    )
                s = replace(s, sources=(replace(s.sources[0], kind="reshaped"),))
            out.append(s)
        return tuple(out)

    return block(body, ())


def own_memory(body: Block, lasting: Sequence[str] = ()) -> Block:
    """Copies where an array is still read when its place makes the next one. `lasting` names are read at the end.

    Raises
    ------
    Refused
        A copy could be noticed.
    """
    for _ in range(100):
        live = _Live()
        live.block(body, frozenset(lasting), frozenset(), frozenset())
        found = _conflict(body, live)
        if found is None:
            return body
        body = _replaced(body, *found)
    raise AssertionError("copies do not settle")


def _conflict(body: Block, live: _Live) -> tuple[Statement, Statement] | None:
    """A binding that must become a copy, and the copy."""
    rebinds = [s for s in statements(body) if isinstance(s, Rebind)]
    for site in _in_loops(body, False):
        for target, kept in _targets(site):
            holders = _holders(target, rebinds)
            problem = (holders - {target}) & live.after[id(site)]
            if kept is not None and kept in holders and kept not in _holders(target, rebinds, itself=True):
                problem |= {kept}
            for name in sorted(problem):
                return _copied(name, target, holders, rebinds, live, site)
    return None


def _copied(
    name: str, target: str, holders: set[str], rebinds: Sequence[Rebind], live: _Live, site: Statement
) -> tuple[Statement, Statement]:
    """A binding on the way from `target` to `name` where a copy cannot be noticed, as nothing else holds the memory."""
    pending, seen = [name], {name}
    while pending:
        here = pending.pop(0)
        for s in rebinds:
            for bound, view in zip(s.targets, s.sources):
                if bound.name != here or view.array.name not in holders or view.kind in _COPIES:
                    continue
                others = holders - _holders(here, rebinds)
                if len(s.targets) == 1 and view.kind == "itself" and not others & live.after[id(s)]:
                    return s, replace(s, sources=(replace(view, kind="copy"),))
                if view.array.name not in seen and view.array.name != target:
                    seen.add(view.array.name)
                    pending.append(view.array.name)
    raise Refused(
        f"an array that the loop makes is still in use, as {name}, when it makes the next one",
        "Write into arrays that are made before the loop: `u[:] = new`.",
        site,
    )


def _holders(target: str, rebinds: Sequence[Rebind], itself: bool = False) -> set[str]:
    """Names that may hold the memory of an array; with `itself`, all of it."""
    found = {target}
    while True:
        more = {
            bound.name
            for s in rebinds
            for bound, view in zip(s.targets, s.sources)
            if view.array.name in found and view.kind not in _COPIES and (not itself or view.kind == "itself")
        }
        if more <= found:
            return found
        found |= more


def _in_loops(block: Block, inside: bool) -> Iterator[Statement]:
    """Statements within loops that make arrays."""
    for s in block:
        if isinstance(s, (For, While)):
            yield from _in_loops(s.body, True)
            yield from _in_loops(s.orelse, inside)
        elif isinstance(s, If):
            yield from _in_loops(s.body, inside)
            yield from _in_loops(s.orelse, inside)
        elif inside:
            yield s


def _targets(s: Statement) -> list[tuple[str, str | None]]:
    """Arrays that a statement makes, each with the array that it copies."""
    if isinstance(s, Allocate):
        return [(s.target.name, None)]
    if isinstance(s, Rebind):
        return [(t.name, v.array.name) for t, v in zip(s.targets, s.sources) if v.kind in _COPIES]
    return []


def _replaced(block: Block, old: Statement, new: Statement) -> Block:
    out: list[Statement] = []
    for s in block:
        if s is old:
            out.append(new)
        elif isinstance(s, (If, For, While)):
            out.append(replace(s, body=_replaced(s.body, old, new), orelse=_replaced(s.orelse, old, new)))
        else:
            out.append(s)
    return tuple(out)


# -- buffers ------------------------------------------------------------------------------------------------------


def buffers(body: Block, lengths: Lengths, fresh: Callable[[str], str]) -> tuple[Block, list[Buffer]]:
    """The function with its arrays in buffers.

    Raises
    ------
    Refused
        A length is not known when compiling.
    """
    made: list[Buffer] = []

    def make(target: Var, zeros: bool, s: Statement) -> list[Statement]:
        shape = lengths.known(target.name)
        if shape is None:
            raise Refused(
                f"the length of {target.name} is not known when compiling",
                LENGTHS,
                s,
            )
        if 0 in shape:
            raise Refused(f"{target.name} has no elements, and devices keep no empty arrays", "Leave it out.", s)
        dtype = target.type.dtype  # type: ignore[attr-defined]
        buffer = Buffer(fresh(f"{target.name}_work"), shape, dtype)
        made.append(buffer)
        bound = Rebind((target,), (View(Var(buffer.name, target.type)),), origin=s.origin)
        if not zeros:
            return [bound]
        zero = Const(False) if dtype.kind == "bool" else Const(0) if dtype.kind == "int" else Const(0.0)
        return [bound, *loops_over(shape, lambda at: (Store(target.name, at, zero),), fresh)]

    def block(part: Block) -> Block:
        out: list[Statement] = []
        for s in part:
            if isinstance(s, (If, For, While)):
                out.append(replace(s, body=block(s.body), orelse=block(s.orelse)))
            elif isinstance(s, Allocate):
                out += make(s.target, s.fill == "zeros", s)
            elif isinstance(s, Rebind) and any(v.kind in _COPIES for v in s.sources):
                out += copies(s)
            elif isinstance(s, Line) and " = np.zeros_like(" in s.text:
                name, _, source = s.text[:-1].partition(" = np.zeros_like(")
                kind = kinds[source]
                unknown: tuple[int | None, ...] = (None,) * kind.type.ndim  # type: ignore[attr-defined]
                lengths.bind_array(name, lengths.shapes.get(source, unknown))
                out += make(Var(name, kind.type), True, s)
            else:
                out.append(s)
        return tuple(out)

    def copies(s: Rebind) -> list[Statement]:
        if len(s.targets) > 1:
            raise Refused("arrays are copied in one assignment with others", "Copy each in a line of its own.", s)
        target, source = s.targets[0], s.sources[0].array
        old = source
        first: list[Statement] = []
        if source.name == target.name:
            old = Var(fresh(f"{source.name}_old"), source.type)
            first.append(Rebind((old,), (View(source),)))
        dtype = source.type.dtype  # type: ignore[attr-defined]
        bound = make(target, False, s)
        shape = lengths.known(target.name) or ()
        own = lengths.known(source.name) or ()
        if shape != own and own:

            def store(at: tuple[Expr, ...]) -> Block:
                return (Store(target.name, at, Element(old.name, place_of(flat_index(at, shape), own), dtype)),)

            return [*first, *bound, *loops_over(shape, store, fresh)]
        return [*first, *bound, *copy_loop(target.name, old.name, shape, dtype, fresh)]

    kinds = {
        t.name: t
        for s in statements(body)
        if isinstance(s, (Rebind, Allocate, ArrayCall, CallHelper))
        for t in ((s.target,) if isinstance(s, Allocate) else s.targets)
        if t.type.kind == "array"
    }
    kinds |= {v.array.name: v.array for s in statements(body) if isinstance(s, Rebind) for v in s.sources}
    return block(body), made


def loops_over(
    shape: Sequence[int], inner: Callable[[tuple[Expr, ...]], Block], fresh: Callable[[str], str]
) -> Block:
    """Nested loops over all places of an array; `inner` makes the statements for one."""
    at = tuple(Var(fresh("i"), INT64) for _ in shape)
    body = inner(at)
    for index, length in reversed(list(zip(at, shape))):
        body = (For(index, (Const(length),), body, ()),)
    return body


def copy_loop(
    target: str, source: str, shape: Sequence[int], dtype: ScalarType, fresh: Callable[[str], str]
) -> Block:
    """The elements of one array into another."""
    return loops_over(shape, lambda at: (Store(target, at, Element(source, at, dtype)),), fresh)


def flat_index(at: tuple[int | Expr, ...], lengths: Sequence[int], start: int = 0) -> int | Expr:
    """The place in C order, counted from `start`."""
    total: int | Expr = 0
    for i, n in zip(at, lengths):
        if isinstance(total, int) and isinstance(i, int):
            total = total * n + i
            continue
        first = Const(total) if isinstance(total, int) else total
        scaled: Expr | None = None if isinstance(first, Const) and first.value == 0 else Op("*", first, Const(n))
        index = Const(i) if isinstance(i, int) else i
        total = index if scaled is None else Op("+", scaled, index)
    if isinstance(total, int):
        return start + total
    return Op("+", Const(start), total) if start else total


def place_of(flat: int | Expr, lengths: Sequence[int]) -> tuple[int | Expr, ...]:
    """The place of the flat-th element in C order."""
    place: list[int | Expr] = []
    for axis, n in enumerate(lengths):
        step = math.prod(lengths[axis + 1 :])
        if isinstance(flat, int):
            place.append(flat // step % n)
            continue
        part = flat if step == 1 else Op("//", flat, Const(step))
        place.append(part if axis == 0 else Op("%", part, Const(n)))
    return tuple(place)
