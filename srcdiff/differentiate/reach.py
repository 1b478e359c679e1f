"""Which rows of tangents the directions of a chunk reach: what they do not reach is zero, and is not computed.

A chunk seeds a few columns. In a program with neighbours, or with sums over parts, most rows of tangents stay zero
then. An array `u` has flags `u_active`, one an element: where one is false the row of `u_dot` holds zeros. A loop over
the directions runs if any row that it reads is flagged:

    if y_active[i - 1] or y_active[i + 1]:
        for k in range(directions):
            dy_dot[i, k] = y_dot[i + 1, k] - y_dot[i - 1, k]
        dy_active[i] = True
    elif dy_active[i]:
        dy_dot[i, :] = 0.0
        dy_active[i] = False

Flags are kept of inputs, of arrays that one piece of memory serves in all passes (`analyses/scratch.py`), and of
numbers; only where every loop around a block moves its elements: a loop over time steps lets every direction reach
every row soon, and flags would cost time there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..analyses.activity import has_arrays
from ..analyses.liveness import reads
from ..analyses.scratch import shared
from ..emitter.printer import expression
from ..ir.expr import Const, Element, Expr, Load, Logic, Op, Select, Var, key_of, topological
from ..ir.statements import (
    Allocate,
    ArrayCall,
    Assign,
    Block,
    CallHelper,
    For,
    If,
    Line,
    Rebind,
    Statement,
    Store,
    While,
    expressions_of,
    statements,
)
from ..ir.types import BOOL

if TYPE_CHECKING:
    from .pushforward import Pushforward

__all__ = ["choose_flags", "clearing", "guarded"]

Index = tuple[int | Expr, ...]


@dataclass(frozen=True)
class _Run:
    """The tangents that a block reads and writes, by name, and whether every loop around it moves its elements."""

    reads: frozenset[str]
    writes: frozenset[str]
    sets: frozenset[str]
    """What it writes to and not only adds to."""
    moves: bool
    looped: bool


def choose_flags(p: Pushforward, arrays: Collection[str]) -> dict[str, str]:
    """Names of flags by the names of tangents: of `arrays`, their views and copies, of numbers, of items of inputs."""
    runs = list(_runs(p, p.body, (), _definitions(p.body), iter(range(1, 1 << 62))))
    links, whole = _arrays(p, arrays)
    names = {p.dot(name, True): name for name in sorted(whole)}
    numbers = {p.dot(name, False): name for name in sorted(p.varying)}
    for name in _from_elsewhere(p):
        numbers.pop(p.dots.get(name, ""), None)
    names.update(numbers)
    names.update({dot: dot.removesuffix("_dot") for dot, _ in p.elements.values()})
    kept = set(names)
    while True:
        steady = [run for run in runs if run.moves and run.reads | run.sets <= kept]
        lost = kept & {name for run in runs if run not in steady for name in run.writes}
        lost |= {dot for dot, needed in links if dot in kept and needed not in kept - lost}
        if not lost:
            break
        kept -= lost
    whole = kept & {p.dot(name, True) for name in whole}
    if not any(run.looped and run.reads & whole for run in steady):
        return {}
    used = {name for run in steady for name in run.reads | run.writes} & kept
    while more := {needed for dot, needed in links if dot in used} - used:
        used |= more
    return {dot: p.fresh(f"{name}_active") for dot, name in names.items() if dot in used}


def _arrays(p: Pushforward, arrays: Collection[str]) -> tuple[list[tuple[str, str]], set[str]]:
    """Arrays that may have flags; and of which others, by the names of tangents, each needs the flags."""
    kept = set(p.active.arrays)
    bound: set[str] = set()
    shaped: set[str] = set()
    links: list[tuple[str, str]] = []
    lost = set(p.parameters) - set(arrays)
    for s in statements(p.body):
        if isinstance(s, Rebind):
            for target, view in zip(s.targets, s.sources):
                if target.name in p.strided:
                    lost.add(target.name)
                    continue
                bound.add(target.name)
                a, b = target.name, view.array.name
                if b not in kept:
                    lost.add(a)
                elif a in kept:
                    links.append((p.dot(a, True), p.dot(b, True)))
                    if view.kind not in ("copy", "flatten"):
                        links.append((p.dot(b, True), p.dot(a, True)))
                    if view.kind == "reshape":
                        # Of flags it may be a copy where of tangents it is a view, which only writing tells.
                        shaped.add(a)
            continue
        lost |= shared(s)
        if isinstance(s, CallHelper):
            pairs = zip(s.helper.parameters, s.args)
            lost |= {a.name for n, a in pairs if n in s.helper.writes and isinstance(a, Var)}
        if isinstance(s, (ArrayCall, CallHelper)):
            lost |= {t.name for t in s.targets}
        elif isinstance(s, Allocate) and s.target.name not in p.scratch:
            lost.add(s.target.name)
    stored = {p.dot(s.array, True) for s in statements(p.body) if isinstance(s, Store) and s.array in kept}
    lost |= {name for name in shaped if _linked(p.dot(name, True), links) & stored}
    return links, {name for name in kept if name not in lost and (name in bound or name in arrays)}


def _linked(dot: str, links: Sequence[tuple[str, str]]) -> set[str]:
    """The arrays whose memory may be that of one: links go both ways between them."""
    found = {dot}
    while more := {b for a, b in links if a in found and (b, a) in links} - found:
        found |= more
    return found


def _from_elsewhere(p: Pushforward) -> Iterator[str]:
    """Numbers that statements outside of straight-line blocks bind."""
    for s in statements(p.body):
        if isinstance(s, For):
            yield s.target.name
        elif isinstance(s, ArrayCall) or (isinstance(s, CallHelper) and has_arrays(s.helper)):
            yield from (t.name for t in s.targets)


def _definitions(body: Block) -> dict[str, set[str]]:
    """What each number is computed from, by name, anywhere in the function."""
    found: dict[str, set[str]] = {}
    for s in statements(body):
        if isinstance(s, Assign):
            for t, value in zip(s.targets, s.values):
                found.setdefault(t.name, set()).update(reads(value))
        elif isinstance(s, For):
            found.setdefault(s.target.name, set()).update(reads(*s.bounds))
    return found


def _runs(
    p: Pushforward, block: Block, loops: tuple[str | None, ...], definitions: dict[str, set[str]],
    numbers: Iterator[int],
) -> Iterator[_Run]:  # fmt: skip
    for part in p.runs(block):
        if isinstance(part, tuple):
            yield _run(p, part, loops, definitions, next(numbers))
        elif isinstance(part, (If, For, While)):
            inner = loops
            if isinstance(part, (For, While)):
                inner = (*loops, part.target.name if isinstance(part, For) else None)
            yield from _runs(p, part.body, inner, definitions, numbers)
            yield from _runs(p, part.orelse, loops, definitions, numbers)


def _run(
    p: Pushforward, run: Block, loops: tuple[str | None, ...], definitions: dict[str, set[str]], number: int
) -> _Run:
    read: set[str] = set()
    written: set[str] = set()
    sets: set[str] = set()
    indices: set[str] = set()
    for s in run:
        for node in topological(tuple(expressions_of(s))):
            if not isinstance(node, (Var, Load)) or not p.active.atom(node):
                continue
            if isinstance(node, Element):
                indices |= reads(*(i for i in node.index if isinstance(i, Expr)))
            name = _tangent_of(p, node, number)
            if name:
                read.add(name)
        if isinstance(s, Store) and s.array in p.active.arrays:
            indices |= reads(*(i for i in s.index if isinstance(i, Expr)))
            name = p.where(s.array, s.index)[0]
            written.add(name)
            if not _adds(s.value, s.array, s.index):
                sets.add(name)
        for n, t in enumerate(getattr(s, "targets", ())):
            if t.name in p.varying and not p.is_local(t.name, number):
                name = p.dot(t.name, False)
                written.add(name)
                if not isinstance(s, Assign) or not _adds(s.values[n], t.name, ()):
                    sets.add(name)
    reached = set(indices)
    waiting = [*indices]
    while waiting:
        more = definitions.get(waiting.pop(), set()) - reached
        reached |= more
        waiting += more
    moves = all(loop in reached for loop in loops)
    return _Run(frozenset(read), frozenset(written), frozenset(sets), moves, bool(loops))


def _tangent_of(p: Pushforward, atom: Expr, number: int) -> str | None:
    """The name of the rows in which the tangent of an atom is, None for a number of the block itself."""
    if isinstance(atom, Element):
        return p.where(atom.array, atom.index)[0]
    if key_of(atom) in p.elements:
        return p.elements[key_of(atom)][0]
    assert isinstance(atom, Var)
    return None if p.is_local(atom.name, number) else p.dot(atom.name, False)


def guarded(loop: For, flags: dict[str, str]) -> list[Statement]:
    """The loop over the directions of a block, run where any row is flagged that it reads."""
    rows: dict[tuple[str, Index], Expr | None] = {}
    changed: dict[tuple[str, Index], bool] = {}
    """Rows that are written, and whether they are only added to."""
    for s in loop.body:
        assert isinstance(s, (Assign, Store))
        own = (s.array, s.index[:-1]) if isinstance(s, Store) else None
        added = isinstance(s, Store) and _adds(s.value, s.array, s.index)
        for value in s.values if isinstance(s, Assign) else (s.value,):
            for row, condition in _rows(value, loop.target, None):
                if not (added and row == own):
                    rows[row] = condition if row not in rows else _either(rows[row], condition)
        if own is not None:
            changed[own] = changed.get(own, True) and added
    on: list[Statement] = [loop, *(_set(flags[name], index, True) for name, index in changed if name in flags)]
    settable = all(added or name in flags for (name, _), added in changed.items())
    if not settable or not all(name in flags for name, _ in rows):
        return on
    off: list[Statement] = []
    tests: list[Expr] = []
    for (name, index), added in changed.items():
        if not added:
            tests.append(_flag(flags[name], index))
            off.append(Line(f"{name}[{''.join(f'{_text(i)}, ' for i in index)}:] = 0.0"))
            off.append(_set(flags[name], index, False))
    clear = (If(_any(tests), tuple(off), ()),) if tests else ()
    if not rows:
        return list(clear)
    reached = [(_flag(flags[name], index), condition) for (name, index), condition in rows.items()]
    return [If(_any([f if c is None else Logic("and", c, f) for f, c in reached]), tuple(on), clear)]


def _rows(e: Expr, k: Expr, condition: Expr | None) -> Iterator[tuple[tuple[str, Index], Expr | None]]:
    """The rows that an expression reads, and under which condition: elsewhere a row need not exist."""
    if isinstance(e, Element) and e.index and e.index[-1] is k:
        yield (e.array, e.index[:-1]), condition
    elif isinstance(e, Select):
        test, first, second = e.args
        for arm, chosen in ((first, test), (second, Logic("not", test))):
            yield from _rows(arm, k, chosen if condition is None else Logic("and", condition, chosen))
    else:
        for a in e.args:
            yield from _rows(a, k, condition)


def _either(first: Expr | None, second: Expr | None) -> Expr | None:
    if first is None or second is None or first is second:
        return None if first is None or second is None else first
    return Logic("or", first, second)


def _adds(value: Expr, name: str, index: Index) -> bool:
    """Whether a value is what is stored there already, plus something else."""
    first = value
    while isinstance(first, Op) and first.op in ("+", "-") and len(first.args) == 2:
        first = first.args[0]
    if isinstance(first, Element):
        same = first.array == name and first.index == index
    else:
        same = isinstance(first, Var) and first.name == name and not index
    return same and first is not value and _count(value, first) == 1


def _count(e: Expr, wanted: Expr) -> int:
    """How often an expression mentions another."""
    return 1 if e is wanted else sum(_count(a, wanted) for a in e.args)


def _text(i: int | Expr) -> str:
    return expression(i, 1) if isinstance(i, Expr) else str(i)


def _flag(name: str, index: Index) -> Expr:
    return Element(name, index, BOOL) if index else Var(name, BOOL)


def _set(name: str, index: Index, value: bool) -> Statement:
    return Store(name, index, Const(value)) if index else Assign((Var(name, BOOL),), (Const(value),))


def _any(tests: Sequence[Expr]) -> Expr:
    return tests[0] if len(tests) == 1 else Logic("or", *tests)


def clearing(dot: str, flags: str, rank: int, width: str) -> list[str]:
    """Lines that set the rows of an array back to zero."""
    rows = f"{dot}[{flags}]" if rank == 1 else f"{dot}.reshape(({flags}.size, {width}))[{flags}.reshape({flags}.size)]"
    return [f"{rows} = 0.0", f"{flags}[:] = False"]
