"""Loops: those that stay loops, and those that are unrolled because an index must be known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from ..errors import UnsupportedSyntax
from ..ir.expr import Const, Logic, Var
from ..ir.statements import Break, Comment, For, If, Leaf, Origin, Statement, Structure, While
from ..ir.types import INT64
from .assignments import Assignments
from .bindings import bindings, names_in
from .flow import Loop, NeedsKnown
from .merge import Path
from .values import (
    Array,
    Dynamic,
    Lazy,
    Range,
    Scalar,
    Sequence_,
    Stream,
    Value,
    cells_of,
    copy_environment,
    sequences_of,
)

LONGEST_UNROLLED = 64
"""Iterations that are unrolled rather than keeping an array of known shape as an array."""

__all__ = ["DynamicContinue", "Loops", "comments_of"]


class DynamicContinue(Exception):
    """`continue` under a condition in a loop that is unrolled."""


class Loops(Assignments):
    """Lowers `for` and `while`."""

    exits: list[tuple[list[Statement], int, dict[str, list[Any]]]]
    result: Structure | Leaf | None
    aliases: dict[tuple[int, ...], Any] | None

    def lower_body(self, body: cst.BaseSuite) -> None:
        raise NotImplementedError

    def header(self, node: Any, end: cst.CSTNode) -> Origin:
        raise NotImplementedError

    def _compound_While(self, node: cst.While) -> None:
        origin = self.header(node, node.test)
        assigned = set(bindings(node))
        header: dict[str, Any] = {}

        def lower() -> None:
            self.origin, self.program.statement = origin, node.test
            before = len(self.block)
            test = self.truth(node.test)
            header["hoisted"] = len(self.block) > before
            header["test"] = test
            if header["hoisted"] and test.known is None:
                if node.orelse is not None:
                    self.fail(
                        node.test, UnsupportedSyntax, "`while` with such a test cannot have `else`", "Use a flag."
                    )
                self.emit(If(Logic("not", test.expr), [Break()], []))  # type: ignore[arg-type]
                leaving = self.block[-1].body  # type: ignore[attr-defined]
                self.loops[-1].breaks.append(Path(leaving, 0, copy_environment(self.environment)))
            self.origin = None
            self.lower_body(node.body)

        if isinstance(node.test, cst.Name) and node.test.value == "False":
            return
        body, loop, _ = self.loop(assigned, lower)
        test: Scalar = header["test"]
        always = test.known is True or header["hoisted"]
        expr = Const(True, "True") if header["hoisted"] else test.expr
        self._close_loop(node, loop, lambda orelse: While(expr, body, orelse, origin=origin), normal=not always)  # type: ignore[arg-type]

    def _close_loop(
        self,
        node: cst.While | cst.For,
        loop: Any,
        make: Callable[[list[Statement]], Statement],
        normal: bool,
        environment: dict[str, Value] | None = None,
    ) -> None:
        """The `else` clause, and the meeting of the loop's exits."""
        paths: list[Path] = list(loop.breaks)
        with self.nested() as orelse:
            self.reachable = normal
            if environment is not None:
                self.environment = environment
            if normal and node.orelse is not None:
                self.lower_body(node.orelse.body)
            if self.reachable:
                paths.append(Path(orelse, None, self.environment))
        # Copies at the normal exit stand after the loop when nothing else leads there, in its `else` otherwise.
        self.reachable = bool(paths)
        statement = make(orelse)
        if paths:
            self.environment = self.join(paths)
        self.origin = None
        self.emit(statement)

    def _compound_For(self, node: cst.For) -> None:
        if node.asynchronous is not None:
            self.fail(node, UnsupportedSyntax, "`async for` is not supported", "Write a plain loop.")
        origin = Origin(
            self.source.position(node)[0],
            f"for {self.source.code(node.target)} in {self.source.code(node.iter)}",
            node.body.header.comment.value
            if isinstance(node.body, cst.IndentedBlock) and node.body.header.comment
            else "",
            comments_of(node.leading_lines),
        )
        self.origin = origin
        self.program.statement = node.iter
        iterable = self.evaluate(node.iter)
        if isinstance(iterable, Range) and isinstance(node.target, cst.Name) and not iterable.reverse:
            saved = self._snapshot()
            try:
                self._rolled(node, iterable, origin)
                return
            except NeedsKnown as demand:
                known = [b.constant for b in iterable.bounds]
                if any(not isinstance(k, int) for k in known):
                    raise
                if demand.promote is not None and len(range(*known)) > LONGEST_UNROLLED:
                    raise
                self._restore(saved)
                self.origin = origin
        if isinstance(iterable, Range) and any(not isinstance(b.constant, int) for b in iterable.bounds):
            self._reversed_range(node, iterable, origin)
            return
        if isinstance(iterable, (Dynamic, Lazy, Stream)):
            self._over_array(node, iterable, origin)
            return
        self._unrolled(node, self.items_of(iterable, node.iter), origin)

    def _over_array(self, node: cst.For, iterable: Dynamic | Lazy | Stream, origin: Origin) -> None:
        """`for x in u`: a loop over the places of u."""
        stream = self.stream_of(iterable)
        assert stream is not None
        name = self.fresh(f"{node.target.value}_place" if isinstance(node.target, cst.Name) else "place")
        target = Var(name, INT64)

        def first() -> None:
            self.bind_pattern(node.target, stream.item(target))

        self._rolled(node, Range((Scalar(stream.length),)), origin, target, first)

    def _snapshot(self) -> Any:
        return (
            list(self.block), copy_environment(self.environment), set(self.taken), dict(self.widened),
            set(self.unstable), len(self.exits), self.result, len(self.loops), self.program.produced, self.unrolling,
            [list(x.breaks) for x in self.loops], [list(x.continues) for x in self.loops], set(self.relied),
            list(self.scopes), dict(self.aliases) if self.aliases is not None else None, list(self.mutated),
        )  # fmt: skip

    def _restore(self, saved: Any) -> None:
        block, environment, taken, widened, unstable, exits, result, depth, produced, unrolling, breaks, continues = (
            saved[:12]
        )
        self.relied, self.scopes, self.aliases, self.mutated = saved[12:]
        self.block[:] = block
        self.environment, self.taken, self.widened, self.unstable = environment, taken, widened, unstable
        del self.exits[exits:]
        del self.loops[depth:]
        for loop, b, c in zip(self.loops, breaks, continues):
            loop.breaks[:], loop.continues[:] = b, c
        self.result, self.program.produced, self.unrolling, self.reachable = result, produced, unrolling, True

    def _rolled(
        self, node: cst.For, iterable: Range, origin: Origin, counter: Var | None = None,
        first: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """A loop that stays a loop; `first` binds its targets where it counts with a variable of its own."""
        if counter is None:
            assert isinstance(node.target, cst.Name)
        name = counter.name if counter is not None else node.target.value  # type: ignore[attr-defined]
        target = Var(name, INT64)
        bounds = tuple(b.expr for b in iterable.bounds)
        known = [b.constant for b in iterable.bounds]
        trips = len(range(*known)) if all(isinstance(k, int) for k in known) else None
        before = self.environment.get(name)
        unrolling, self.unrolling = self.unrolling, 0
        self.taken.add(name)

        def lower() -> None:
            self.environment[name] = Scalar(target)
            self.origin = None
            if first is not None:
                first()
            self.lower_body(node.body)

        assigned = set(bindings(node)) - {name}
        before_loop = dict(self.environment)
        body, loop, ends = self.loop(assigned, lower)
        self.unrolling = unrolling
        if iterable.parallel:
            self._check_parallel(node, before_loop)
        after = self.environment
        if trips == 0:
            pass
        elif trips is not None and ends:
            # At least one iteration: what the last one defined is defined afterwards.
            for key, value in ends[-1].items():
                if key not in after and all(key in e for e in ends):
                    after[key] = value
            after[name] = Scalar(target)
        elif before is not None and isinstance(before, Scalar) and before.type == INT64:
            after[name] = before
        self._close_loop(node, loop, lambda orelse: For(target, bounds, body, orelse, origin=origin), normal=True)  # type: ignore[arg-type]

    def _check_parallel(self, node: cst.For, before: dict[str, Value]) -> None:
        """`prange`: nothing that varies may be carried from one iteration to the next."""
        for name in bindings(node.body):
            value = before.get(name)
            carried = value.type.is_differentiable if isinstance(value, Scalar) else value is not None
            if carried:
                self.fail(
                    node.iter,
                    UnsupportedSyntax,
                    f"{name} is carried from one iteration of a prange to the next",
                    "Write range: the iterations depend on each other.",
                )

    def _reversed_range(self, node: cst.For, iterable: Range, origin: Origin) -> None:
        """`for i in reversed(range(n))`: a loop over the mirrored range."""
        if not iterable.reverse or not isinstance(node.target, cst.Name) or len(iterable.bounds) > 2:
            self.needs_known(node.iter, "the length of this range must be known when compiling")
        start = iterable.bounds[0] if len(iterable.bounds) == 2 else Scalar(Const(0), 0)
        stop = iterable.bounds[-1]
        one = Scalar(Const(1), 1)
        last = self.scalar_binary("-", stop, one, node)
        before = self.scalar_binary("-", start, one, node)
        self._rolled(node, Range((last, before, Scalar(Const(-1), -1))), origin)

    def _unrolled(self, node: cst.For, items: list[Value], origin: Origin) -> None:
        """One copy of the body an item; a `break` that depends on values leaves a loop that runs once."""
        items = [self.pin(item) for item in items]
        saved = self._snapshot()
        try:
            self._copies(node, items, origin, continues=False)
        except DynamicContinue:
            self._restore(saved)
            self._copies(node, items, origin, continues=True)

    def _copies(self, node: cst.For, items: list[Value], origin: Origin, *, continues: bool) -> None:
        """`continues`: each copy is a loop that runs once, too, so that `continue` can leave it."""
        self.unrolling += 1
        self.emit(Comment(f"# L{origin.line}: {origin.text}"))
        outer = Loop([], [], one_trip=True)
        self.loops.append(outer)
        counted = all(isinstance(item, Scalar) and isinstance(item.constant, int) for item in items)
        iterated = [] if counted else self._iterated(node.iter)
        lists = self._lists_of(node.iter)
        with self.nested() as block:
            outer.block = block
            for position, item in enumerate(items):
                self._refuse_changed(iterated, position, node.iter)
                self._refuse_changed_list(lists, position, node.iter)
                self.origin = None
                self.program.statement = node.iter
                self.bind_pattern(node.target, item, quiet=True)
                if continues:
                    self._iteration(node.body, outer)
                else:
                    self.lower_body(node.body)
                if outer.skipped:
                    outer.skipped, self.reachable = False, True
                if not self.reachable or outer.left:
                    break
            if self.reachable and not outer.left:
                self._refuse_changed_list(lists, len(items), node.iter)
            self.reachable = self.reachable or outer.left
            # Other loops than this one are left by the `break` of an `else` clause.
            self.loops.pop()
            if self.reachable and not outer.left and node.orelse is not None:
                self.lower_body(node.orelse.body)
        self.unrolling -= 1
        self._once(outer.breaks, block)

    def _iterated(self, node: cst.BaseExpression) -> list[tuple[Array, dict[int, int]]]:
        """The arrays that a loop goes through, with how often their elements were written before it."""
        found: list[tuple[Array, dict[int, int]]] = []
        for name in dict.fromkeys(n.value for n in names_in(node)):
            value = self.environment.get(name)
            if isinstance(value, Array) and value.shape:
                found.append((value, dict(value.cells.writes)))
        return found

    def _refuse_changed(self, iterated: list[tuple[Array, dict[int, int]]], position: int, node: cst.CSTNode) -> None:
        """Elements that are still to come must be those that were there when the loop began."""
        for array, before in iterated:
            now = next((c for v in self.environment.values() for c in cells_of(v) if c.uid == array.cells.uid), None)
            if now is None:
                continue
            size = len(array.slots) // array.shape[0] if array.shape[0] else 0
            forwards = not isinstance(node, cst.Subscript) and "reversed" not in self.source.code(node)
            rest = range(position * size if forwards else 0, len(array.slots))
            if any(now.writes.get(array.slots[i], 0) != before.get(array.slots[i], 0) for i in rest):
                self.fail(
                    node,
                    UnsupportedSyntax,
                    "the loop changes elements of the array that it still has to go through",
                    "Go through a copy, or use indices: for i in range(len(w)).",
                )

    def _lists_of(self, node: cst.BaseExpression) -> dict[int, list[Value]]:
        """The lists that a loop goes through, with their items before it."""
        if isinstance(node, cst.Call):
            if self.source.code(node.func) not in ("enumerate", "zip", "reversed"):
                return {}
            return {uid: items for a in node.args for uid, items in self._lists_of(a.value).items()}
        root = node.value if isinstance(node, cst.Subscript) else node
        held = self.environment.get(root.value) if isinstance(root, cst.Name) else None
        value = self.evaluate(node) if isinstance(held, Sequence_) else None
        return {value.uid: list(value.items)} if isinstance(value, Sequence_) and value.is_list else {}

    def _refuse_changed_list(self, lists: dict[int, list[Value]], position: int, node: cst.CSTNode) -> None:
        forwards = "reversed" not in self.source.code(node)
        for sequence in [s for value in self.environment.values() for s in sequences_of(value)]:
            before = lists.get(sequence.uid)
            if before is None:
                continue
            start = position if forwards or position == len(before) else 0
            kept = len(sequence.items) == len(before)
            if not kept or not all(map(_is_same, sequence.items[start:], before[start:])):
                self.fail(
                    node,
                    UnsupportedSyntax,
                    "the loop changes the list that it still has to go through",
                    "Go through a copy, list(...), or use indices: for i in range(len(w)).",
                )

    def _iteration(self, body: cst.BaseSuite, outer: Loop) -> None:
        leaving = self.fresh("leaving")
        self.bind_all([(leaving, Scalar(Const(False), False))])
        inner = Loop([], [], one_trip=True, leaving=leaving)
        self.loops.append(inner)
        with self.nested() as block:
            inner.block = block
            self.lower_body(body)
        self.loops.pop()
        self.reachable = self.reachable or inner.left or inner.skipped
        self._once(inner.continues, block)
        flag = self.environment.pop(leaving, None)
        outer.left = inner.left and not inner.continues
        if not self.reachable:
            return
        if inner.left and inner.continues:
            raise AssertionError("a loop is left on one path only")
        if inner.flagged and isinstance(flag, Scalar):
            with self.nested() as leave:
                self.environment[leaving] = flag
                kept = self.environment
                self.emit(Break())
                outer.breaks.append(Path(leave, 0, copy_environment(kept)))
            del self.environment[leaving]
            self.emit(If(flag.expr, leave, []))  # type: ignore[arg-type]

    def _once(self, exits: list[Path], block: list[Statement]) -> None:
        """Close a block that some paths leave early: a loop that runs once, if there are any."""
        if not exits:
            self.block.extend(block)
            return
        paths = list(exits)
        if self.reachable:
            paths.append(Path(block, None, self.environment))
        self.reachable = True
        self.environment = self.join(paths)
        self.origin = None
        self.emit(For(Var(self.fresh("_once"), INT64), (Const(1),), block, [], iterable="once"))  # type: ignore[arg-type]


def comments_of(lines: Sequence[cst.EmptyLine]) -> tuple[str, ...]:
    return tuple(line.comment.value for line in lines if line.comment is not None)


def _is_same(a: Value, b: Value) -> bool:
    """Whether an item of a list is still the one that it was."""
    if isinstance(a, Array) and isinstance(b, Array):
        return a.cells.uid == b.cells.uid and a.slots == b.slots
    if isinstance(a, Sequence_) and isinstance(b, Sequence_):
        return a.uid == b.uid
    return a is b or a == b
