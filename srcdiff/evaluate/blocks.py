"""A derivative for a block of points at once, so that LLVM vectorises across them.

Values live in rows of a work array, one number a point. What a straight-line run computes is split into passes over
the block: arithmetic, which LLVM turns into vector instructions; library calls, one point after the other; again
arithmetic, and so on. Arguments are gathered into rows before, results scattered from rows at the end:

    for k in range(16):              # gather
        work[k] = x[start + k]
    for k in range(16):              # arithmetic
        work[16 + k] = 2.0 * work[k]
    for k in range(16):              # calls
        work[32 + k] = math.sin(work[16 + k])
    for k in range(16):              # scatter
        out[start + k] = work[32 + k]

A branch is taken by the whole block or not at all: where its points disagree the function returns False, and they are
computed one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..analyses.liveness import needs
from ..emitter.module import function_text
from ..frontend.specs import ArraySpec, ScalarSpec
from ..ir.expr import (
    Call,
    Compare,
    Const,
    Expr,
    Helper,
    Load,
    Op,
    Opaque,
    Select,
    Var,
    key_of,
    rebuild,
    topological,
)
from ..ir.statements import (
    Assert,
    Assign,
    Block,
    Break,
    CallHelper,
    Comment,
    Continue,
    For,
    If,
    Line,
    Raise,
    Return,
    Statement,
    Store,
    expressions_of,
    statements,
)
from ..ir.types import FLOAT32, FLOAT64, INT64, ScalarType
from .passes import NoBlocks, Passes

if TYPE_CHECKING:
    from .calls import Argument
    from .points import PointAssembly

__all__ = ["WIDTH", "NoBlocks", "block_function"]

WIDTH = 16
"""Points in a block: from 16 to 64 take the same time a point, 256 twice as long."""

LARGEST = 600
"""Statements beyond which a second version would take too long to compile."""

def block_function(
    assembly: PointAssembly, name: str, own: Mapping[str, str], passed: Sequence[str], arguments: Sequence[Argument]
) -> str:
    """The text of the function that computes a block; `assembly.slots` becomes the number of rows that it needs."""
    assert assembly.body is not None
    if sum(1 for _ in statements(assembly.body)) > LARGEST:
        raise NoBlocks("it is long")
    builder = Builder(assembly, own, passed, arguments)
    body = builder.function(assembly.body)
    assembly.slots = max(builder.count, 1)
    return function_text(name, [own["start"], own["work"], *passed], body, checked=False)


class Builder:
    def __init__(
        self, assembly: PointAssembly, own: Mapping[str, str], passed: Sequence[str], arguments: Sequence[Argument]
    ):
        self.assembly = assembly
        self.work = own["work"]
        self.start = own["start"]
        self.targets = frozenset(assembly.names)
        self.taken = {*passed, *own.values(), assembly.index, *assembly.taken}
        self.k = Var(self.fresh("k"), INT64)
        self.scalars = {a.text: a for a in arguments if isinstance(a.spec, ScalarSpec)}
        self.arrays = {a.text: a for a in arguments if isinstance(a.spec, ArraySpec)}
        self.rows: dict[str, int] = {}
        """The row of a variable or of an element of an argument, by its text."""
        self.labels: dict[int, str] = {}
        self.narrow: dict[int, bool] = {}
        """Rows whose numbers are float32, which float64 holds: they are computed with as the function itself does."""
        self.narrowed: dict[Expr, bool] = {}
        self.given = {a.name for a in arguments}
        self.count = 0
        self.free: list[int] = []
        self.shared: dict[str, Var] = {}
        """Numbers that are the same for all points, read once."""
        self.loads: list[Statement] = []
        self.gathers: dict[str, tuple[int, Argument, tuple[Any, ...]]] = {}
        self.uniform: dict[Expr, bool] = {}
        self.calls: dict[Expr, tuple[Any, tuple[Expr, ...], tuple[Var, ...]]] = {}
        self.names: dict[Expr, str] = {}

    # -- names and rows ---------------------------------------------------------------------------------------------

    def fresh(self, base: str) -> str:
        name, number = base, 2
        while name in self.taken:
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        return name

    def row(self, label: str, *, temporary: bool = False) -> int:
        """A row that is not in use; one that keeps its meaning everywhere was never in use."""
        if self.free and temporary:
            found = self.free.pop()
        else:
            found, self.count = self.count, self.count + 1
        self.labels[found] = label
        return found

    def place(self, row: int) -> Expr:
        return Op("+", Const(row * WIDTH), self.k) if row else self.k

    def element(self, row: int) -> Expr:
        held = Load(self.work, (self.place(row),), FLOAT64)
        return Call("cast", (held,), FLOAT32, "np.float32") if self.narrow.get(row) else held

    def is_narrow(self, e: Expr) -> bool:
        """Whether Numba computes `e` in float32 for certain: a number in the text makes it float64."""
        for node in topological((e,)):
            if node in self.narrowed:
                continue
            if isinstance(node, Var):
                own = node.name[0] == "@" and self.narrow.get(int(node.name[1:]), False)
                found = own or (node.name in self.given and node.type == FLOAT32)
            else:
                exact = isinstance(node, Op) and node.op in ("+", "-", "*", "/")
                exact |= isinstance(node, Call) and node.spelling.startswith(("math.", "np.", "numpy."))
                found = exact and all(self.narrowed[a] for a in node.args)
                if isinstance(node, Op) and node.op == "**" and isinstance(node.args[1], Const):
                    found = isinstance(node.args[1].value, int) and self.narrowed[node.args[0]]
            self.narrowed[node] = found
        return self.narrowed[e]

    def each(self, body: Iterable[Statement]) -> For:
        """A loop over the points of the block."""
        return For(self.k, (Const(WIDTH),), tuple(body), ())

    # -- the function -----------------------------------------------------------------------------------------------

    def function(self, body: Block) -> Block:
        self.assigned = {
            t.name
            for s in statements(body)
            for t in (s.targets if isinstance(s, (Assign, CallHelper)) else (s.target,) if isinstance(s, For) else ())
        }
        self.needs = needs(body)
        every = tuple(e for s in statements(body) for e in expressions_of(s))
        self.read = {n.array for n in topological(every) if isinstance(n, Load)}
        out = self.block(body)
        return (*self.loads, *self._gather(), *out)

    def _gather(self) -> list[Statement]:
        """Arguments into rows."""
        if not self.gathers:
            return []
        i = Var(self.assembly.index, INT64)
        inner: list[Statement] = [Assign((i,), (Op("+", Var(self.start, INT64), self.k),))]
        through: dict[str, Var] = {}
        for row, argument, index in self.gathers.values():
            at: Expr = i
            if argument.gathered:
                if argument.gathered not in through:
                    through[argument.gathered] = Var(self.fresh("at"), INT64)
                    place = Load(argument.gathered, (i,), INT64)
                    inner.append(Assign((through[argument.gathered],), (place,)))
                at = through[argument.gathered]
            # A number that all points share, but that is assigned: each point has its own from then on.
            own = argument.batched
            value: Expr = Load(argument.name, (at, *index), FLOAT64) if own else Var(argument.name, FLOAT64)
            inner.append(Store(self.work, (self.place(row),), value))
        return [self.each(inner)]

    def block(self, block: Block) -> Block:
        out: list[Statement] = []
        position = 0
        while position < len(block):
            end = position
            while end < len(block) and isinstance(block[end], (Assign, CallHelper, Store, Comment)):
                end += 1
            s = block[end] if end < len(block) else None
            if isinstance(s, Return):
                self._run(block[position:end], frozenset(), out, returns=True)
                return tuple(out)
            live = self.needs.live[id(block[end - 1])] if end > position else frozenset()
            if isinstance(s, Assert):
                # Where it fails at a point, the points one by one find out at which.
                s = If(s.test, (), (Raise("AssertionError"),))
            if isinstance(s, If):
                self._branch(s, block[position:end], live, out)
            elif end > position:
                self._run(block[position:end], live, out)
            if isinstance(s, For):
                self._for(s, out)
            elif isinstance(s, (Break, Continue)):
                out.append(s)
            elif s is not None and not isinstance(s, If):
                what = s.text if isinstance(s, Line) else type(s).__name__.lower()
                raise NoBlocks(f"it holds a statement that is not done in blocks: {what}")
            position = end + 1
        return tuple(out)

    def _for(self, s: For, out: list[Statement]) -> None:
        bounds = tuple(self.resolve(b, {}) for b in s.bounds)
        if s.target.type.is_differentiable or not all(map(self.is_uniform, bounds)):
            raise NoBlocks(f"the bounds of the loop over {s.target.name} depend on the point")
        out.append(For(s.target, bounds, self.block(s.body), self.block(s.orelse), iterable=s.iterable))

    def _branch(self, s: If, run: Sequence[Statement], live: frozenset[str], out: list[Statement]) -> None:
        test, uniform = self._run(run, live, out, test=s.test)
        arms: list[Block | None] = []
        obstacle: NoBlocks | None = None
        for arm in (s.body, s.orelse):
            before = dict(self.rows), dict(self.gathers)
            try:
                arms.append(self.block(arm))
            except NoBlocks as error:
                self.rows, self.gathers = before
                arms.append(None)
                obstacle = error
        if obstacle is not None and (arms == [None, None] or uniform):
            raise obstacle
        give_up: Block = (Line("return False"),)
        body, orelse = (give_up if arm is None else arm for arm in arms)
        if uniform:
            out.append(If(test, body, orelse))
            return
        count = Var(self.fresh("count"), INT64)
        more = Select(test, Op("+", count, Const(1)), count)
        out += [Assign((count,), (Const(0),)), self.each([Assign((count,), (more,))])]
        none = If(Compare(("==",), (count, Const(0))), orelse, give_up)
        out.append(If(Compare(("==",), (count, Const(WIDTH))), body, (none,)))

    # -- expressions ------------------------------------------------------------------------------------------------

    def resolve(self, e: Expr, values: Mapping[str, Expr]) -> Expr:
        """`e` over what the rows hold at the start of the run."""
        done: dict[Expr, Expr] = {}
        for node in topological((e,)):
            if node.type.kind == "complex":
                raise NoBlocks(f"{node.type} numbers are not done in blocks")
            if isinstance(node, (Var, Load)) and not node.args:
                done[node] = self._atom(node, values)
            elif isinstance(node, Const):
                done[node] = node
            elif isinstance(node, Opaque):
                raise NoBlocks(f"{node.text} is not done in blocks")
            else:
                fresh = rebuild(node, tuple(done[a] for a in node.args))
                if isinstance(node, Load) and (node.array in self.arrays or not self.is_uniform(fresh)):
                    raise NoBlocks(f"elements of {node.array} are picked at run time")
                if isinstance(node, Select) and any(
                    isinstance(n, Helper) for arm in fresh.args[1:] for n in topological((arm,))
                ):
                    raise NoBlocks("a function is called on a condition")
                done[node] = fresh
        return done[e]

    def _atom(self, atom: Var | Load, values: Mapping[str, Expr]) -> Expr:
        key = key_of(atom)
        if key in values:
            return values[key]
        if not atom.type.is_differentiable:
            argument = self.scalars.get(key) or (self.arrays.get(atom.array) if isinstance(atom, Load) else None)
            if argument is not None and argument.batched:
                raise NoBlocks(f"{key} is no float and differs from point to point")
            return atom if argument is None or key == argument.name else self._shared(key, argument, atom)
        if key in self.shared:
            return self.shared[key]
        if key not in self.rows:
            argument = self.scalars.get(key)
            index: tuple[Any, ...] = ()
            if argument is None and isinstance(atom, Load) and atom.array in self.arrays:
                argument, index = self.arrays[atom.array], atom.index
            if argument is None and key not in self.assigned:
                if isinstance(atom, Load):
                    return atom  # an element of a constant table
                raise NoBlocks(f"{key} is not known")
            if argument is not None and not argument.batched and key not in self.assigned:
                return self._shared(key, argument, atom)
            self.rows[key] = self.row(key)
            if argument is not None:
                self.gathers[key] = (self.rows[key], argument, index)
                self.narrow[self.rows[key]] = atom.type == FLOAT32 and key not in self.assigned
        return Var(f"@{self.rows[key]}", FLOAT64)

    def _shared(self, key: str, argument: Argument, atom: Var | Load) -> Expr:
        """A number that is the same for all points."""
        if isinstance(atom, Var) or not isinstance(argument.spec, ArraySpec):
            return Var(argument.name, atom.type)
        variable = Var(self.fresh("_".join((argument.name, *map(str, atom.index)))), atom.type)
        self.given.add(variable.name)
        self.loads.append(Assign((variable,), (Load(argument.name, atom.index, atom.type),)))
        self.shared[key] = variable
        return variable

    def is_uniform(self, e: Expr) -> bool:
        """Whether an expression has the same value for all points of the block."""
        for node in topological((e,)):
            if node not in self.uniform:
                own = isinstance(node, Var) and node.name[0] in "@#"
                self.uniform[node] = not own and all(self.uniform[a] for a in node.args)
        return self.uniform[e]

    # -- straight-line runs -----------------------------------------------------------------------------------------

    def _run(
        self,
        run: Sequence[Statement],
        live: frozenset[str],
        out: list[Statement],
        *,
        test: Expr | None = None,
        returns: bool = False,
    ) -> tuple[Expr, bool]:
        """Compute a run; returns the test of the branch after it over the rows, and whether all points agree on it."""
        values: dict[str, Expr] = {}
        stores: list[tuple[str, tuple[Any, ...], Expr]] = []
        for s in run:
            if isinstance(s, Assign):
                self._assign(s, values)
            elif isinstance(s, CallHelper):
                self._call(s, values)
            elif isinstance(s, Store):
                own = s.array in self.targets
                name, index = (s.array, s.index[1:]) if own else (self._filled(s.array), s.index)
                stores.append((name, index, self.resolve(s.value, values)))
        decided = None if test is None else self.resolve(test, values)
        kept = {name: e for name, e in values.items() if name in live}
        homes = {name: e for name, e in kept.items() if self._is_row(name, e)}
        for name in homes:
            if name not in self.rows:
                self.rows[name] = self.row(name)
                if name in self.scalars:  # a path that does not assign this parameter reads what was passed
                    self.gathers[name] = (self.rows[name], self.scalars[name], ())
        passes = Passes(self, homes, [e for _, _, e in stores], decided)
        passes.emit(out)
        scalars = [(name, e) for name, e in kept.items() if name not in homes]
        if scalars:
            out.append(Assign(tuple(Var(n, e.type) for n, e in scalars), tuple(e for _, e in scalars)))
        if stores:
            out.append(self._scatter(stores, passes))
        if returns:
            out.append(Line("return True"))
        found: tuple[Expr, bool] = (Const(0), True)
        if decided is not None:
            found = passes.over_rows(decided), self.is_uniform(decided)
        # The rows that the test reads are free again after the loop that counts, which follows at once.
        self.free.extend(passes.temporary)
        return found

    def _is_row(self, name: str, e: Expr) -> bool:
        return self.kinds.get(name, e.type).is_differentiable

    def _filled(self, array: str) -> str:
        """The name in the loop of an argument that is filled, never read: where points disagree it is filled again."""
        argument = self.arrays.get(array)
        if argument is None or not argument.batched or argument.gathered or array in self.read:
            raise NoBlocks(f"{array} is written")
        return argument.name

    @property
    def kinds(self) -> dict[str, ScalarType]:
        """The types of the assigned variables."""
        if not hasattr(self, "_kinds"):
            self._kinds: dict[str, ScalarType] = {}
            assert self.assembly.body is not None
            for s in statements(self.assembly.body):
                for t in s.targets if isinstance(s, (Assign, CallHelper)) else ():
                    if not self._kinds.get(t.name, t.type).is_differentiable or t.name not in self._kinds:
                        self._kinds[t.name] = t.type
        return self._kinds

    def _assign(self, s: Assign, values: dict[str, Expr]) -> None:
        resolved = [self.resolve(v, values) for v in s.values]
        for t, e in zip(s.targets, resolved):
            if t.type.kind == "complex":
                raise NoBlocks(f"{t.type} numbers are not done in blocks")
            if not t.type.is_differentiable and not self.is_uniform(e):
                raise NoBlocks(f"{t.name} is no float and depends on the point")
            if t.type.is_differentiable and not e.type.is_differentiable:
                e = Const(float(e.value)) if isinstance(e, Const) else Call("cast", (e,), FLOAT64, "float")
            values[t.name] = e
            self.names.setdefault(e, t.name)

    def _call(self, s: CallHelper, values: dict[str, Expr]) -> None:
        arguments = tuple(self.resolve(a, values) for a in s.args)
        number = len(self.calls)
        results = tuple(Var(f"#{number}_{j}", t.type) for j, t in enumerate(s.targets))
        for t, result in zip(s.targets, results):
            if not t.type.is_real:
                raise NoBlocks(f"{t.name} is no float")
            self.calls[result] = (s.helper, arguments, results)
            self.names[result] = t.name
            values[t.name] = result

    def _scatter(self, stores: Sequence[tuple[str, tuple[Any, ...], Expr]], passes: Passes) -> For:
        i = Var(self.assembly.index, INT64)
        inner: list[Statement] = [Assign((i,), (Op("+", Var(self.start, INT64), self.k),))]
        for array, index, e in stores:
            inner.append(Store(array, (i, *index), passes.over_rows(e)))
        return self.each(inner)
