"""Rows of numbers, one a point, stored as points one after the other: transpositions in vector registers.

A line of 64 bytes that one instruction writes past the cache is not read before. It must be the whole line, from
registers: numbers that pass the cache one by one are no faster than ordinary stores, and a line put together in memory
is slower, as its load waits for all stores before it. So does every count of a reference: there must be none between.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, store_item

__all__ = ["fence", "put"]

LINE = 64
"""Bytes of a line of the cache."""

OFFSETS = (0, 16)
"""Where in a line arrays begin that are stored past the cache: memory maps, and what NumPy allocates."""

_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)


@intrinsic
def fence(context: Any) -> Any:
    """What was stored past the cache is seen by whoever sees that the loop is done."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return target.get_dummy_value()

    return types.void(), generate


def put(rows: tuple[int | None, ...], shape: tuple[int, ...], points: int, width: int) -> Any:
    """A function `(array, start, work, shared)` of compiled code that stores a block of `width` points.

    Element by element of a point, `rows` says where in `work` its row begins; None takes the next of `shared`, which is
    the same for all points. Arrays of at least so many `points` are stored past the cache.
    """

    @intrinsic
    def stored(context: Any, array: Any, start: Any, work: Any, shared: Any) -> Any:
        signature = types.void(array, start, work, shared)

        def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _Block(target, builder, signature, arguments, rows, shape, width).store(points)
            return target.get_dummy_value()

        return signature, generate

    return stored


class _Block:
    """The code that stores one block."""

    def __init__(
        self, target: Any, builder: Any, signature: Any, arguments: Any, rows: Sequence[int | None],
        shape: tuple[int, ...], width: int,
    ):  # fmt: skip
        self.target, self.builder, self.rows, self.shape, self.width = target, builder, rows, shape, width
        self.kind, start, self.work_kind, shared = signature.args
        self.array = make_array(self.kind)(target, builder, arguments[0])
        self.work = make_array(self.work_kind)(target, builder, arguments[2]).data
        self.start = target.cast(builder, arguments[1], start, types.intp)
        items = cgutils.unpack_tuple(builder, arguments[3], len(shared))
        # Doubles become singles on the way, as they do in an assignment.
        real = isinstance(self.kind.dtype, types.Float) and self.kind.dtype.bitwidth <= self.work_kind.dtype.bitwidth
        dtype = self.kind.dtype if real else self.work_kind.dtype
        given = iter([target.cast(builder, item, kind, dtype) for item, kind in zip(items, shared)])
        self.shared = {j: next(given) for j, row in enumerate(rows) if row is None}
        self.dtype = dtype
        self.size = dtype.bitwidth // 8
        self.lanes = LINE // self.size
        self.vector = ir.VectorType(target.get_value_type(dtype), self.lanes)
        self.numbers = width * len(rows)

    def store(self, points: int) -> None:
        b = self.builder
        dense = self.kind.layout == "C" and self.kind.aligned and self.kind.dtype == self.dtype
        if not dense or self.width % self.lanes:
            self._one_by_one()
            return
        first = self._place(self.start, (0,) * len(self.shape))
        many = b.icmp_signed(">=", cgutils.unpack_tuple(b, self.array.shape)[0], _I64(points))
        offset = b.select(many, b.and_(b.ptrtoint(first, _I64), _I64(LINE - 1)), _I64(1))
        done = b.append_basic_block("stored")
        usual = b.append_basic_block("cached")
        switch = b.switch(offset, usual)
        for begin in OFFSETS:
            block = b.append_basic_block(f"past_{begin}")
            switch.add_case(_I64(begin), block)
            b.position_at_end(block)
            self._apart(f"past_{begin}", first, functools.partial(self._lines, -begin % LINE // self.size))
            b.branch(done)
        b.position_at_end(usual)
        few = len(self.rows) < self.lanes
        self._apart("cached", first, functools.partial(self._lines, 0, cached=True) if few else self._points)
        b.branch(done)
        b.position_at_end(done)

    def _apart(self, name: str, first: Any, generate: Callable[[Any], None]) -> None:
        """A function of its own: LLVM would do before what all ways have in common, and run out of registers."""
        outer, work, shared = self.builder, self.work, self.shared
        given = [first, work, *shared.values()]
        kind = ir.FunctionType(ir.VoidType(), [g.type for g in given])
        module = outer.module
        function = ir.Function(module, kind, module.get_unique_name(f"{outer.function.name}.{name}"))
        function.linkage = "internal"
        function.attributes.add("noinline")
        outer.call(function, given)
        self.builder = ir.IRBuilder(function.append_basic_block())
        self.work, self.shared = function.args[1], dict(zip(shared, function.args[2:]))
        generate(function.args[0])
        self.builder.ret_void()
        self.builder, self.work, self.shared = outer, work, shared

    def _place(self, point: Any, at: Sequence[int]) -> Any:
        indices = [point, *map(_I64, at)]
        return cgutils.get_item_pointer(self.target, self.builder, self.kind, self.array, indices, wraparound=False)

    def _at(self, pointer: Any, number: int, kind: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(pointer, [_I64(number)]), kind.as_pointer())

    # -- any layout and dtype -----------------------------------------------------------------------------------------

    def _one_by_one(self) -> None:
        b = self.builder
        with cgutils.for_range(b, _I64(self.width)) as loop:
            point = b.add(self.start, loop.index)
            for j, row in enumerate(self.rows):
                if row is None:
                    number = self.target.cast(b, self.shared[j], self.dtype, self.kind.dtype)
                else:
                    value = b.load(b.gep(self.work, [b.add(_I64(row), loop.index)]))
                    number = self.target.cast(b, value, self.work_kind.dtype, self.kind.dtype)
                store_item(self.target, b, self.kind, number, self._place(point, self._index(j)))

    def _index(self, j: int) -> list[int]:
        """The place of the j-th number of a point."""
        found = []
        for length in reversed(self.shape):
            j, at = divmod(j, length)
            found.append(at)
        return found[::-1]

    # -- numbers side by side -----------------------------------------------------------------------------------------

    def _row(self, j: int, half: int) -> Any:
        """The j-th numbers of as many points as a vector holds."""
        row = self.rows[j]
        if row is None:
            one = self.builder.insert_element(ir.Constant(self.vector, ir.Undefined), self.shared[j], _I32(0))
            return self._shuffled(one, one, [0] * self.lanes)
        begin = row + half * self.lanes
        if self.dtype == self.work_kind.dtype:
            return self.builder.load(self._at(self.work, begin, self.vector), align=self.size)
        count = self.lanes // 2

        def narrowed(place: int) -> Any:
            wide = self._at(self.work, place, ir.VectorType(ir.DoubleType(), count))
            held = self.builder.load(wide, align=2 * self.size)
            return self.builder.fptrunc(held, ir.VectorType(ir.FloatType(), count))

        return self._shuffled(narrowed(begin), narrowed(begin + count), range(self.lanes))

    def _points(self, first: Any) -> None:
        """Every point by itself."""
        for half in range(self.width // self.lanes):
            for point, j, vector in self._transposed(half):
                count = min(self.lanes, len(self.rows) - j)
                part = vector if count == self.lanes else self._shuffled(vector, vector, range(count))
                self.builder.store(part, self._at(first, point * len(self.rows) + j, part.type), align=self.size)

    def _transposed(self, half: int) -> Iterator[tuple[int, int, Any]]:
        """Point, number of the first element, and the elements from there on."""
        for j in range(0, len(self.rows), self.lanes):
            count = min(self.lanes, len(self.rows) - j)
            rows = [self._row(j + r, half) for r in range(count)]
            rows += [ir.Constant(self.vector, ir.Undefined)] * (self.lanes - count)
            for lane, vector in enumerate(_transpose(rows, self._shuffled)):
                yield half * self.lanes + lane, j, vector

    def _lines(self, head: int, first: Any, *, cached: bool = False) -> None:
        """Whole lines, of which the first begins `head` numbers after the first number."""
        b, lanes, count = self.builder, self.lanes, len(self.rows)
        tiles: dict[tuple[int, int], Any] = {}

        def source(number: int) -> tuple[tuple[int, int], int]:
            """The vector that holds a number, and its lane. Made when first asked for: registers are few."""
            point, j = divmod(number, count)
            half = point // lanes
            key, lane = ((point, j // lanes), j % lanes) if count > 4 else ((half, j), point % lanes)
            if key not in tiles and count > 4:
                tiles.update({(p, at // lanes): vector for p, at, vector in self._transposed(half)})
            elif key not in tiles:
                tiles[key] = self._row(j, half)
            return key, lane

        def gathered(numbers: range) -> Any:
            """A vector of some numbers of the block."""
            parts: dict[tuple[int, int], dict[int, int]] = {}
            for lane, number in enumerate(numbers):
                key, at = source(number)
                parts.setdefault(key, {})[lane] = at
            found = ir.Constant(self.vector, ir.Undefined)
            for key, taken in parts.items():
                places = [lanes + taken[lane] if lane in taken else lane for lane in range(lanes)]
                found = self._shuffled(found, tiles[key], places)
            return found

        past = b.module.add_metadata([_I32(1)])

        def write(numbers: range, align: int) -> None:
            vector = gathered(numbers)
            part = vector if len(numbers) == lanes else self._shuffled(vector, vector, range(len(numbers)))
            done = b.store(part, self._at(first, numbers.start, part.type), align=align)
            if not cached and len(numbers) == lanes:
                done.set_metadata("nontemporal", past)

        # Before the first whole line and after the last, sixteen bytes at a time go through the cache, as the block
        # before and the block after share these lines. They are asked for two blocks ahead.
        pair = 16 // self.size
        if head:
            self._ask_for(self._at(first, 3 * self.numbers - 1, _I8))
        end = head + (self.numbers - head) // lanes * lanes
        for begin in range(0, head, pair):
            write(range(begin, begin + pair), 16)
        for begin in range(head, end, lanes):
            write(range(begin, begin + lanes), self.size if cached else LINE)
        for begin in range(end, self.numbers, pair):
            write(range(begin, begin + pair), 16)

    def _ask_for(self, place: Any) -> None:
        """Have a line in the cache soon, to write to it."""
        kind = ir.FunctionType(ir.VoidType(), [place.type, _I32, _I32, _I32])
        prefetch = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        self.builder.call(prefetch, [place, _I32(1), _I32(3), _I32(1)])

    def _shuffled(self, one: Any, other: Any, places: Sequence[int]) -> Any:
        kind = ir.VectorType(_I32, len(places))
        return self.builder.shuffle_vector(one, other, ir.Constant(kind, list(places)))


def _transpose(rows: Sequence[Any], shuffled: Callable[[Any, Any, list[int]], Any]) -> list[Any]:
    """Rows as columns: for each bit of an index, numbers change places where row and column differ in it."""
    found, n, bit = list(rows), len(rows), 1
    while bit < n:
        for i in range(n):
            if not i & bit:
                one, other = found[i], found[i | bit]
                found[i] = shuffled(one, other, [n + (at ^ bit) if at & bit else at for at in range(n)])
                found[i | bit] = shuffled(one, other, [n + at if at & bit else at | bit for at in range(n)])
        bit *= 2
    return found
