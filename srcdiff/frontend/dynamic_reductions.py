"""Reductions, products and linear algebra on arrays whose lengths are known at run time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import libcst as cst

from ..errors import UnsupportedCall, UnsupportedType
from ..ir.expr import Call, Compare, Const, Expr, Logic, Op, Var
from ..ir.statements import ArrayCall, Assign, If, Raise, Store, While
from ..ir.types import FLOAT64, INT64, WEAK_FLOAT, ArrayType, ScalarType, promote
from ..rules.scalar import BY_SPELLING, Rule
from .bindings import names_in
from .dynamic import Indexed, shifted
from .dynamic_functions import DYNAMIC, dynamic_function, only
from .dynamic_index import DynamicIndex
from .extents import Extent
from .values import Dynamic, Lazy, Object, Scalar, Sequence_, Value

__all__ = ["DynamicReductions"]


class DynamicReductions(DynamicIndex):
    """What the functions of NumPy are built from."""

    def target_name(self, node: cst.Call) -> str:
        """The name that the user gives to the result of a call, where that is free for a new array."""
        statement = self.program.statement
        if isinstance(statement, cst.Assign) and statement.value is node and len(statement.targets) == 1:
            target = statement.targets[0].target
            if isinstance(target, cst.Name) and all(n.value != target.value for n in names_in(node)):
                return target.value
        return self.fresh("array")

    def steady(self, value: Value, node: cst.CSTNode) -> Indexed:
        """An array whose elements can be taken at any place, cheaply."""
        array = self.spill(value, node)
        if isinstance(array, Lazy):
            return self.whole(array, node, "values")
        return self.whole(array, node) if self.has_cut(array) else array

    def remapped(
        self, base: Indexed, shape: Sequence[Extent], lengths: Sequence[Expr],
        element: Callable[[tuple[Expr, ...]], Expr],
    ) -> Lazy:  # fmt: skip
        """Another arrangement of the elements of an array."""
        reads = ((base, False),) if isinstance(base, Dynamic) else tuple((r, False) for r, _ in base.reads)
        return Lazy(base.dtype, tuple(shape), tuple(lengths), element, reads)

    def remapped_axes(self, base: Indexed, axes: tuple[int, ...]) -> Lazy:
        def element(at: tuple[Expr, ...]) -> Expr:
            return self.item_at(base, tuple(at[axes.index(n)] for n in range(len(axes))))

        return self.remapped(base, [base.shape[a] for a in axes], [self.length(base, a) for a in axes], element)

    def note_ambiguous(self, value: Dynamic, why: str) -> None:
        """Memory that is shared or not, depending on a layout that only a call knows: it must not be written then."""
        for region in value.regions:
            if region.startswith("param:"):
                self.views_or_copies.setdefault(region, why)

    def note_read_only_view(self, value: Indexed, why: str, node: cst.CSTNode) -> None:
        """What NumPy views, and is computed here at once: while a name holds it the array must not be written."""
        statement = self.program.statement
        given = statement.value if isinstance(statement, (cst.Assign, cst.AnnAssign)) else None
        items = [e.value for e in given.elements] if isinstance(given, (cst.Tuple, cst.List)) else [given]
        if isinstance(value, Dynamic) and node in items:
            self.views_or_copies.update((region, why) for region in value.regions)

    def product_extent(self, value: Indexed) -> Extent:
        known = [e.known for e in value.shape]
        unknown = [e for e in value.shape if e.known is None]
        factor = 1
        for n in known:
            factor *= 1 if n is None else n
        if len(unknown) == 1 and not unknown[0].may_be_negative:
            return unknown[0].scaled(factor)
        if not unknown:
            return Extent(factor)
        key = "*".join(sorted(str(e) for e in unknown)) + f"*{factor}"
        if all(not e.may_be_negative for e in unknown):
            return Extent.symbol(f"({key})")
        return self.unknown_extent()

    def raised(self, message: str, node: cst.CSTNode) -> Raise:
        return Raise(f'ValueError("{message} (line {self.source.position(node)[0]})")')

    # -- reductions -------------------------------------------------------------------------------------------------

    def axis_of(self, arguments: list[Value], keywords: dict[str, Value], rank: int, node: cst.Call) -> int | None:
        only(self, keywords, ("axis",), node)
        value = keywords.get("axis") or (arguments[1] if len(arguments) > 1 else None)
        value = self.one_axis(value, node)
        if value is None:
            return None
        axis = self._known_index(value, node)
        if not -rank <= axis < rank:
            self.fail(node, UnsupportedType, f"axis {axis} of an array of {rank} axes", "")
        return axis % rank

    def one_axis(self, value: Value | None, node: cst.Call) -> Value | None:
        """What `axis=` gives: an axis, or None for all of them."""
        if isinstance(value, Sequence_):
            if len(value.items) != 1:
                self.fail(
                    node, UnsupportedCall, "a reduction over several axes",
                    "Take one after the other, the last first: a.sum(axis=1).sum(axis=0).",
                )  # fmt: skip
            value = value.items[0]
        return None if isinstance(value, Object) and value.value is None else value

    def degrees_of_freedom(self, keywords: dict[str, Value], node: cst.Call) -> int:
        """`ddof=` of a variance."""
        given = keywords.pop("ddof", None)
        return 0 if given is None else self._known_index(given, node)

    def reduced(
        self,
        arguments: list[Value],
        keywords: dict[str, Value],
        node: cst.Call,
        over: Callable[[Indexed, Sequence[Expr], Callable[[tuple[Expr, ...]], Expr]], Expr],
    ) -> Value:
        """A reduction of all elements, or along one axis: `over(array, lengths, element)` reduces once."""
        a = self.spill(arguments[0], node)
        if self.has_cut(a):
            a = self.whole(a, node)
        rank = len(a.shape)
        axis = self.axis_of(arguments, keywords, rank, node)
        lengths = [self.length(a, n) for n in range(rank)]
        if axis is None or rank == 1:
            return Scalar(over(a, lengths, lambda at: self.item_at(a, at)))
        rest = [n for n in range(rank) if n != axis]
        if isinstance(a, Lazy):
            a = self.whole(a, node, "values")
        found: list[ScalarType] = []
        with self.nested():
            probe = over(a, [lengths[axis]], lambda at: self.item_at(a, self._at(axis, at[0], [Const(0)] * len(rest))))
            found.append(probe.type)
        result = self.allocate(
            self.target_name(node), found[0], [a.shape[n] for n in rest], [lengths[n] for n in rest], node
        )

        def body(at: tuple[Expr, ...]) -> None:
            e = over(a, [lengths[axis]], lambda inner: self.item_at(a, self._at(axis, inner[0], at)))
            place = self.item_at(result, at)
            self.emit(Store(place.array, place.index, e))  # type: ignore[attr-defined]

        self.for_each([lengths[n] for n in rest], body)
        return result

    def _at(self, axis: int, i: Expr, rest: Sequence[Expr]) -> tuple[Expr, ...]:
        places = list(rest)
        places.insert(axis, i)
        return tuple(places)

    def folded(
        self, name: str, start: Expr, op: str, lengths: Sequence[Expr], element: Callable[[tuple[Expr, ...]], Expr]
    ) -> Var:
        """`total = total + element` over all places."""
        probe = element(tuple(Var(f"#{n}", INT64) for n in range(len(lengths))))
        kind = probe.type if probe.type.kind not in ("bool",) else INT64
        if isinstance(start, Const) and kind.kind == "int":
            start = Const(int(start.value))
        elif isinstance(start, Const) and kind.kind == "complex":
            start = Const(complex(start.value))
        total = Var(self.fresh(name), kind if kind.bits else ScalarType(kind.kind, 64))
        self.unstable.add(total.name)
        self.emit(Assign((total,), (start,)))
        self.for_each(lengths, lambda at: self.emit(Assign((total,), (Op(op, total, element(at), type=total.type),))))
        return total

    def folded_with(
        self, name: str, lengths: Sequence[Expr], element: Callable[[tuple[Expr, ...]], Expr]
    ) -> Var:
        """A sum of elements that take statements of their own."""
        with self.nested():
            kind = element(tuple(Const(0) for _ in lengths)).type
        total = Var(self.fresh(name), kind if kind.bits else ScalarType(kind.kind, 64))
        self.unstable.add(total.name)
        self.emit(Assign((total,), (Const(0.0),)))
        self.for_each(lengths, lambda at: self.emit(Assign((total,), (Op("+", total, element(at)),))))
        return total

    def primitive(self, rule: Rule, operands: Sequence[Scalar], spelling: str, node: cst.CSTNode) -> Scalar:
        raise NotImplementedError

    def averaged(self, total: Expr, count: Expr) -> Expr:
        return Op("/", total, count, type=total.type if total.type.is_differentiable else FLOAT64)

    def count_expr(self, a: Indexed, lengths: Sequence[Expr]) -> Expr:
        total: Expr = Const(1)
        for n in lengths:
            total = n if isinstance(total, Const) and total.value == 1 else Op("*", total, n)
        return total

    def extreme(
        self, op: str, lengths: Sequence[Expr], element: Callable[[tuple[Expr, ...]], Expr], node: cst.CSTNode
    ) -> Expr:
        """The first extremum; nan wins, as in NumPy."""
        name = "largest" if op == ">" else "smallest"
        first = element(tuple(Const(0) for _ in lengths))
        best = self.assign_scalar(name, first)

        def body(at: tuple[Expr, ...]) -> None:
            candidate = self.temporary("candidate", element(at))
            better = Logic("or", Compare((op,), (candidate, best)), Compare(("!=",), (candidate, candidate)))
            self.emit(If(better, (Assign((best,), (candidate,)),), ()))

        self.for_each(lengths, body)
        return best

    def first_place(self, a: Indexed, op: str, node: cst.CSTNode) -> Expr:
        if len(a.shape) != 1:
            self.fail(node, UnsupportedCall, "argmax or argmin of a matrix", "Write a loop.")
        best = self.assign_scalar("best", self.item_at(a, (Const(0),)))
        place = self.assign_scalar("place", Const(0))
        with self.generated_loop(self.length(a, 0), Const(1)) as i:
            candidate = self.item_at(a, (i,))
            with self.nested() as body:
                self.emit(Assign((best,), (candidate,)))
                self.emit(Assign((place,), (i,)))
            self.emit(If(Compare((op,), (candidate, best)), tuple(body), ()))
        return place

    # -- products ---------------------------------------------------------------------------------------------------

    def array_call(
        self, function: str, arguments: Sequence[Dynamic | Scalar],
        results: Sequence[tuple[ScalarType, tuple[Extent, ...]]], node: cst.CSTNode, name: str = "",
    ) -> list[Value]:  # fmt: skip
        """A function on whole arrays; a result without axes is a number."""
        args: list[Expr] = []
        for a in arguments:
            if isinstance(a, Scalar):
                args.append(a.expr)
            else:
                args.append(Var(a.name, ArrayType(a.dtype, len(a.shape))))  # type: ignore[arg-type]
        targets: list[Var] = []
        values: list[Value] = []
        for dtype, shape in results:
            own = self.fresh(name or function.rpartition("_")[0] or function)
            if shape:
                targets.append(self.variable(own, dtype, len(shape)))
                values.append(Dynamic(own, dtype, shape, self.site(node)))
            else:
                targets.append(Var(own, dtype))
                self.unstable.add(own)
                values.append(Scalar(targets[-1]))
        self.emit(ArrayCall(tuple(targets), function, tuple(args)))
        return values

    def dynamic_matmul(self, left: Value, right: Value, node: cst.CSTNode) -> Value:
        if isinstance(left, Scalar) or isinstance(right, Scalar):
            self.fail(node, UnsupportedType, "`@` with a number", "Use `*`.")
        a, b = self.spill(left, node, "left"), self.spill(right, node, "right")
        ranks = len(a.shape), len(b.shape)
        if max(ranks) > 2:
            self.fail(node, UnsupportedType, f"`@` of arrays of {ranks[0]} and {ranks[1]} axes", "Use a loop.")
        self.require(a.shape[-1], self.length(a, ranks[0] - 1), b.shape[0], self.length(b, 0), node,
                     "the lengths that `@` sums over differ")  # fmt: skip
        if ranks == (1, 1):
            x, y = self.steady_vector(a, node), self.steady_vector(b, node)
            n = self.length(x, 0)
            return Scalar(self.folded("total", Const(0.0), "+", [n],
                                      lambda at: Op("*", self.item_at(x, at), self.item_at(y, at))))  # fmt: skip
        dtype = promote(a.dtype, b.dtype)
        if not dtype.is_differentiable:
            dtype = FLOAT64
        x, y = (self.of_kind(v, dtype, node) for v in (a, b))
        shape = (*x.shape[:-1], *y.shape[1:])
        return self.array_call(f"matmul_{ranks[0]}{ranks[1]}", [x, y], [(dtype, shape)], node, "product")[0]

    def steady_vector(self, value: Indexed, node: cst.CSTNode) -> Indexed:
        return self.whole(value, node) if self.has_cut(value) else value

    def of_kind(self, value: Indexed, dtype: ScalarType, node: cst.CSTNode) -> Dynamic:
        """The array in a variable, of one dtype: what BLAS and LAPACK take."""
        if value.dtype != dtype:
            def convert(x: Scalar) -> Scalar:
                return Scalar(Call("cast", (x.expr,), dtype, f"np.{dtype.numpy}"))

            value = self.lazy(convert, [value], node)
        return self.whole(value, node, "operand")

    def square(self, value: Value, node: cst.Call) -> Dynamic:
        a = self.spill(value, node)
        name = self.source.code(node.func)
        if len(a.shape) != 2:
            self.fail(node, UnsupportedType, f"{name} of an array of {len(a.shape)} axes", "It takes a matrix.")
        self.require(a.shape[0], self.length(a, 0), a.shape[1], self.length(a, 1), node,
                     f"{name} takes a square matrix")  # fmt: skip
        return self.of_kind(a, self.floating(a.dtype), node)

    def floating(self, dtype: ScalarType) -> ScalarType:
        return dtype if dtype.is_differentiable else FLOAT64


Self = DynamicReductions
Arguments = list[Value]
Keywords = dict[str, Value]


@dynamic_function("sum", "fsum")
def _sum(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    return self.reduced(arguments, keywords, node, lambda a, n, e: self.folded("total", Const(0.0), "+", n, e))


@dynamic_function("prod", "product")
def _prod(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    return self.reduced(arguments, keywords, node, lambda a, n, e: self.folded("product", Const(1.0), "*", n, e))


@dynamic_function("mean", "average")
def _mean(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    def mean(a: Indexed, n: Sequence[Expr], e: Callable[[tuple[Expr, ...]], Expr]) -> Expr:
        total = self.folded("total", Const(0.0), "+", n, e)
        return self.averaged(total, self.count_expr(a, n))

    return self.reduced(arguments, keywords, node, mean)


def _variance(self: Self, root: bool, freedom: int) -> Callable[..., Expr]:
    def variance(a: Indexed, n: Sequence[Expr], e: Callable[[tuple[Expr, ...]], Expr]) -> Expr:
        count = self.count_expr(a, n)
        mean = self.temporary("mean", self.averaged(self.folded("total", Const(0.0), "+", n, e), count))

        def squared(at: tuple[Expr, ...]) -> Expr:
            deviation = self.temporary("deviation", Op("-", e(at), mean))
            return Op("*", deviation, deviation)

        result = self.averaged(self.folded_with("squares", n, squared), shifted(count, -freedom))
        if not root:
            return result
        return Call("root", (self.temporary("variance", result),), promote(result.type, WEAK_FLOAT), "math.sqrt")

    return variance


@dynamic_function("var")
def _var(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    freedom = self.degrees_of_freedom(keywords, node)
    return self.reduced(arguments, keywords, node, _variance(self, False, freedom))


@dynamic_function("std")
def _std(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    freedom = self.degrees_of_freedom(keywords, node)
    return self.reduced(arguments, keywords, node, _variance(self, True, freedom))


@dynamic_function("max", "amax")
def _max(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    return self.reduced(arguments, keywords, node, lambda a, n, e: self.extreme(">", n, e, node))


@dynamic_function("min", "amin")
def _min(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    return self.reduced(arguments, keywords, node, lambda a, n, e: self.extreme("<", n, e, node))


@dynamic_function("argmax")
def _argmax(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, (), node)
    return Scalar(self.first_place(self.steady(arguments[0], node), ">", node))


@dynamic_function("argmin")
def _argmin(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, (), node)
    return Scalar(self.first_place(self.steady(arguments[0], node), "<", node))


def _quantified(op: str) -> Callable[..., Value]:
    def build(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
        only(self, keywords, (), node)
        a = self.steady_vector(self.spill(arguments[0], node), node)
        found = self.assign_scalar("found", Const(op == "and"))
        decisive = op == "or"

        def body(at: tuple[Expr, ...]) -> None:
            test = self.truth_of(Scalar(self.item_at(a, at)), node).expr
            test = test if decisive else Logic("not", test)
            self.emit(If(test, (Assign((found,), (Const(decisive),)),), ()))

        self.for_each([self.length(a, n) for n in range(len(a.shape))], body)
        return Scalar(found)

    return build


DYNAMIC["any"], DYNAMIC["all"] = _quantified("or"), _quantified("and")


@dynamic_function("count_nonzero")
def _count_nonzero(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    a = self.steady_vector(self.spill(arguments[0], node), node)
    count = self.assign_scalar("count", Const(0))

    def body(at: tuple[Expr, ...]) -> None:
        added = Assign((count,), (Op("+", count, Const(1)),))
        self.emit(If(Compare(("!=",), (self.item_at(a, at), Const(0))), (added,), ()))

    self.for_each([self.length(a, n) for n in range(len(a.shape))], body)
    return Scalar(count)


@dynamic_function("searchsorted")
def _searchsorted(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    """The place of one number in an array in ascending order, by bisection; nan comes last, as in NumPy."""
    only(self, keywords, ("side",), node)
    a = self.steady_vector(self.spill(arguments[0], node), node)
    if not isinstance(arguments[1], Scalar) or len(a.shape) != 1:
        self.fail(node, UnsupportedCall, "np.searchsorted for other than one number in a vector", "Write a loop.")
    given = keywords["side"] if "side" in keywords else arguments[2] if len(arguments) > 2 else None
    side = given.constant if isinstance(given, Scalar) else "left"
    if side not in ("left", "right"):
        self.fail(node, UnsupportedCall, "the side of np.searchsorted must be known", 'Write "left" or "right".')
    sought = self.temporary("sought", arguments[1].expr)
    low, high = self.assign_scalar("low", Const(0)), self.assign_scalar("high", self.true_length(a, 0))
    with self.nested() as body:
        middle = self.assign_scalar("middle", Op("//", Op("+", low, high), Const(2)))
        before = Compare(("<" if side == "left" else "<=",), (self.item_at(a, (middle,)), sought))
        beyond = Logic("or", before, Compare(("!=",), (sought, sought)))
        self.emit(If(beyond, (Assign((low,), (Op("+", middle, Const(1)),)),), (Assign((high,), (middle,)),)))
    self.emit(While(Compare(("<",), (low, high)), tuple(body), ()))
    return Scalar(low)


@dynamic_function("norm")
def _norm(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    order = keywords.pop("ord", None) or (arguments[1] if len(arguments) > 1 else None)
    given = order.value if isinstance(order, Object) else order.constant if isinstance(order, Scalar) else None
    a = self.spill(arguments[0], node)
    if isinstance(given, (int, float)) and given in (1, float("inf")) and len(a.shape) == 1:
        sizes = self.lazy(lambda x: self.primitive(BY_SPELLING["builtins.abs"], (x,), "abs", node), [a], node)
        return DYNAMIC["sum" if given == 1 else "max"](self, [sizes], {}, node)
    if order is not None and not (given == 2 and len(a.shape) == 1) and given not in ("fro", None):
        self.fail(node, UnsupportedCall, "np.linalg.norm with another ord than 2", "Write the norm out.")
    if a.dtype.kind == "complex":
        self.fail(node, UnsupportedType, "the norm of a complex array", "Use its real and imaginary parts.")

    def euclidean(_: Indexed, n: Sequence[Expr], e: Callable[[tuple[Expr, ...]], Expr]) -> Expr:
        def squared(at: tuple[Expr, ...]) -> Expr:
            item = e(at)
            return Op("*", item, item)

        total = self.folded("squares", Const(0.0), "+", n, squared)
        return Call("root", (total,), promote(total.type, WEAK_FLOAT), "math.sqrt")

    return self.reduced([arguments[0]], keywords, node, euclidean)


@dynamic_function("trace")
def _trace(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, (), node)
    a = self.steady_vector(self.spill(arguments[0], node), node)
    n = self.length(a, 0)
    if a.shape[0] != a.shape[1]:
        n = Call("min", (n, self.length(a, 1)), INT64, "min")
    return Scalar(self.folded("total", Const(0.0), "+", [n], lambda at: self.item_at(a, (at[0], at[0]))))


def _running(op: str, name: str) -> Callable[..., Value]:
    def build(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
        a = self.steady_vector(self.spill(arguments[0], node), node)
        rank = len(a.shape)
        axis = self.axis_of(arguments, keywords, rank, node)
        if axis is None and rank > 1:
            self.fail(node, UnsupportedCall, f"np.{name} of a matrix without axis=", "Name the axis.")
        axis = axis or 0
        dtype = INT64 if a.dtype.kind == "bool" else a.dtype
        result = self.allocate(self.target_name(node), dtype, a.shape, [self.length(a, n) for n in range(rank)], node)
        rest = [n for n in range(rank) if n != axis]

        def body(outer: tuple[Expr, ...]) -> None:
            start: Expr = Const(0.0 if op == "+" else 1.0) if dtype.kind == "float" else Const(0 if op == "+" else 1)
            total = Var(self.fresh("running"), dtype)
            self.unstable.add(total.name)
            self.emit(Assign((total,), (start,)))

            def step(at: tuple[Expr, ...]) -> None:
                places = self._at(axis, at[0], outer)
                self.emit(Assign((total,), (Op(op, total, self.item_at(a, places), type=dtype),)))
                target = self.item_at(result, places)
                self.emit(Store(target.array, target.index, total))  # type: ignore[attr-defined]

            self.for_each([self.length(a, axis)], step)

        self.for_each([self.length(a, n) for n in rest], body)
        return result

    return build


DYNAMIC["cumsum"], DYNAMIC["cumprod"] = _running("+", "cumsum"), _running("*", "cumprod")


@dynamic_function("dot", "matmul", "vdot", "inner")
def _dot(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, (), node)
    a, b = arguments
    if isinstance(a, Scalar) or isinstance(b, Scalar):
        return self.binary("*", a, b, node)
    name = self.source.code(node.func).rpartition(".")[2]
    if name == "vdot":
        first = self.spill(a, node)
        if first.dtype.kind == "complex":
            a = self.lazy(lambda z: Scalar(Call("conj", (z.expr,), z.type, "np.conj")), [first], node)
    if name == "inner":
        second = self.spill(b, node)
        b = self.transposed(second, (1, 0), node) if len(second.shape) == 2 else second
    return self.dynamic_matmul(a, b, node)


@dynamic_function("outer")
def _outer(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    a, b = (self.steady(v, node) for v in arguments)
    if len(a.shape) != 1 or len(b.shape) != 1:
        self.fail(node, UnsupportedCall, "np.outer of matrices", "Pass vectors.")

    def element(at: tuple[Expr, ...]) -> Expr:
        return Op("*", self.item_at(a, at[:1]), self.item_at(b, at[1:]))

    reads = tuple((v, False) for v in (a, b) if isinstance(v, Dynamic))
    shape = (*a.shape, *b.shape)
    return Lazy(promote(a.dtype, b.dtype), shape, (self.length(a, 0), self.length(b, 0)), element, reads)


@dynamic_function("convolve")
def _convolve(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, ("mode",), node)
    mode = keywords.get("mode") or (arguments[2] if len(arguments) > 2 else None)
    kind = mode.constant if isinstance(mode, Scalar) else "full"
    if kind not in ("full", "valid"):
        self.fail(node, UnsupportedCall, f"np.convolve with mode {kind!r}", "Use mode='full' or 'valid'.")
    a, b = (self.steady(v, node) for v in arguments[:2])
    n, m = self.true_length(a, 0), self.true_length(b, 0)
    full = Op("-", Op("+", n, m), Const(1))
    if kind == "full":
        extent = a.shape[0] + b.shape[0] - Extent(1)
        result = self.allocate(self.target_name(node), promote(a.dtype, b.dtype), (extent,), (full,), node, "zeros")
        with self.generated_loop(n) as i, self.generated_loop(m) as j:
            place = self.item_at(result, (Op("+", i, j),))
            product = Op("*", self.item_at(a, (i,)), self.item_at(b, (j,)))
            self.emit(Store(place.array, place.index, Op("+", place, product)))  # type: ignore[attr-defined]
        return result
    longer, shorter = Call("max", (n, m), INT64, "max"), Call("min", (n, m), INT64, "min")
    low = self.temporary("shorter", Op("-", shorter, Const(1)))
    length = self.temporary("length", Op("-", longer, low))
    result = self.allocate(
        self.target_name(node), promote(a.dtype, b.dtype), (self.unknown_extent(),), (length,), node, "zeros"
    )
    with self.generated_loop(n) as i, self.generated_loop(m) as j:
        at = self.temporary("at", Op("-", Op("+", i, j), low))
        place = self.item_at(result, (at,))
        product = Op("*", self.item_at(a, (i,)), self.item_at(b, (j,)))
        with self.nested() as body:
            self.emit(Store(place.array, place.index, Op("+", place, product)))  # type: ignore[attr-defined]
        inside = Logic("and", Compare((">=",), (at, Const(0))), Compare(("<",), (at, length)))
        self.emit(If(inside, tuple(body), ()))
    return result


@dynamic_function("polyval")
def _polyval(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, (), node)
    p = self.steady(arguments[0], node)

    def horner(x: Expr) -> Expr:
        kind = promote(p.dtype, x.type)
        total = Var(self.fresh("total"), kind if kind.bits else ScalarType(kind.kind, 64))
        self.unstable.add(total.name)
        self.emit(Assign((total,), (Const(0.0),)))
        with self.generated_loop(self.length(p, 0)) as i:
            self.emit(Assign((total,), (Op("+", Op("*", total, x), self.item_at(p, (i,))),)))
        return total

    if isinstance(arguments[1], Scalar):
        return Scalar(horner(self.temporary("x", arguments[1].expr)))
    x = self.steady(arguments[1], node)
    lengths = [self.length(x, n) for n in range(len(x.shape))]
    result = self.allocate(self.target_name(node), promote(p.dtype, x.dtype), x.shape, lengths, node)

    def body(at: tuple[Expr, ...]) -> None:
        place = self.item_at(result, at)
        self.emit(Store(place.array, place.index, horner(self.item_at(x, at))))  # type: ignore[attr-defined]

    self.for_each(lengths, body)
    return result


@dynamic_function("vander")
def _vander(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, ("N", "increasing"), node)
    x = self.steady(arguments[0], node)
    given = keywords.get("N") or (arguments[1] if len(arguments) > 1 else None)
    columns = self.as_scalar(given, node) if given is not None else self.length_scalar(x, 0)
    extent = self.extent_of(columns)
    rising = keywords.get("increasing") or (arguments[2] if len(arguments) > 2 else None)
    increasing = isinstance(rising, Scalar) and bool(rising.constant)
    dtype = self.floating(x.dtype) if x.dtype.kind != "int" else x.dtype
    result = self.allocate(
        self.target_name(node), dtype, (x.shape[0], extent), (self.length(x, 0), columns.expr), node
    )
    with self.generated_loop(self.length(x, 0)) as i:
        power = Var(self.fresh("power"), dtype)
        self.unstable.add(power.name)
        self.emit(Assign((power,), (Const(1.0) if dtype.kind == "float" else Const(1),)))
        with self.generated_loop(columns.expr) as j:
            at = j if increasing else Op("-", Op("-", columns.expr, Const(1)), j)
            self.emit(Store(result.name, (i, at), power))
            self.emit(Assign((power,), (Op("*", power, self.item_at(x, (i,)), type=dtype),)))
    return result


@dynamic_function("trapezoid", "trapz")
def _trapezoid(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, ("x", "dx"), node)
    y = self.steady(arguments[0], node)
    given = keywords.get("x") or (arguments[1] if len(arguments) > 1 else None)
    n = self.spell(y.shape[0] - Extent(1)) or Op("-", self.length(y, 0), Const(1))
    half = Const(0.5)
    if given is None:
        dx = self.held(self.as_scalar(keywords.get("dx", Scalar(Const(1.0))), node).expr)

        def even(at: tuple[Expr, ...]) -> Expr:
            return Op("*", Op("*", half, dx), Op("+", self.item_at(y, at), self.item_at(y, (shifted(at[0], 1),))))

        return Scalar(self.folded("area", Const(0.0), "+", [n], even))
    x = self.steady(given, node)
    self.match_shapes(x, y, node)

    def uneven(at: tuple[Expr, ...]) -> Expr:
        after = (shifted(at[0], 1),)
        width = Op("-", self.item_at(x, after), self.item_at(x, at))
        return Op("*", Op("*", half, width), Op("+", self.item_at(y, at), self.item_at(y, after)))

    return Scalar(self.folded("area", Const(0.0), "+", [n], uneven))


@dynamic_function("einsum")
def _einsum(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    """A sum over all indices that the result does not name, as nested loops."""
    only(self, keywords, (), node)
    formula = arguments[0].constant if isinstance(arguments[0], Scalar) else None
    if not isinstance(formula, str) or "." in formula:
        self.fail(node, UnsupportedCall, "np.einsum whose formula is not known, or has an ellipsis", "Write it out.")
    text = formula.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    letters = sorted(set(inputs) - {","})
    if not arrow:
        output = "".join(c for c in letters if inputs.count(c) == 1)
    operands = [self.steady(a, node) for a in arguments[1:]]
    if len(terms) != len(operands) or any(len(t) != len(o.shape) for t, o in zip(terms, operands)):
        self.fail(node, UnsupportedCall, f"np.einsum of other arrays than {formula!r} says", "")
    lengths: dict[str, tuple[Extent, Expr]] = {}
    for term, operand in zip(terms, operands):
        for axis, letter in enumerate(term):
            extent, length = operand.shape[axis], self.length(operand, axis)
            if letter in lengths:
                self.require(*lengths[letter], extent, length, node)
            else:
                lengths[letter] = extent, length
    summed = [c for c in letters if c not in output]

    def product(at: dict[str, Expr]) -> Expr:
        total: Expr | None = None
        for term, operand in zip(terms, operands):
            e = self.item_at(operand, [at[c] for c in term])
            total = e if total is None else Op("*", total, e)
        assert total is not None
        return total

    def reduced(outer: tuple[Expr, ...]) -> Expr:
        bound = dict(zip(output, outer))
        if not summed:
            return product(bound)
        return self.folded("total", Const(0.0), "+", [lengths[c][1] for c in summed],
                           lambda at: product({**bound, **dict(zip(summed, at))}))  # fmt: skip

    if not output:
        return Scalar(reduced(()))
    dtype = promote(*(o.dtype for o in operands))
    result = self.allocate(
        self.target_name(node), dtype, [lengths[c][0] for c in output], [lengths[c][1] for c in output], node
    )

    def body(at: tuple[Expr, ...]) -> None:
        e = reduced(at)
        place = self.item_at(result, at)
        self.emit(Store(place.array, place.index, e))  # type: ignore[attr-defined]

    self.for_each([lengths[c][1] for c in output], body)
    return result


@dynamic_function("ptp")
def _ptp(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    high = DYNAMIC["max"](self, arguments, dict(keywords), node)
    return self.binary("-", high, DYNAMIC["min"](self, arguments, dict(keywords), node), node)


@dynamic_function("tensordot")
def _tensordot(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, ("axes",), node)
    a, b = (self.steady(v, node) for v in arguments[:2])
    given = keywords.get("axes") or (arguments[2] if len(arguments) > 2 else Scalar(Const(2), 2))
    if not isinstance(given, Scalar) or not isinstance(given.constant, int):
        self.fail(node, UnsupportedCall, "np.tensordot with lists of axes", "Use np.einsum.")
    count, letters = given.constant, "abcdefghijklmnop"
    first = letters[: len(a.shape)]
    second = first[len(first) - count :] + letters[len(first) : len(first) + len(b.shape) - count]
    formula = f"{first},{second}->{first[: len(first) - count]}{second[count:]}"
    return _einsum(self, [Scalar(Const(formula), formula), a, b], {}, node)


@dynamic_function("matrix_power")
def _matrix_power(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    a = self.square(arguments[0], node)
    power = self._known_index(arguments[1], node)
    if not 1 <= power <= 64:
        self.fail(node, UnsupportedCall, f"np.linalg.matrix_power to the power {power}", "Use powers from 1 to 64.")
    result: Value = a
    for bit in bin(power)[3:]:
        result = self.dynamic_matmul(result, result, node)
        if bit == "1":
            result = self.dynamic_matmul(result, a, node)
    return result


# -- linear algebra -------------------------------------------------------------------------------------------------


@dynamic_function("solve")
def _solve(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, (), node)
    a = self.square(arguments[0], node)
    b = self.spill(arguments[1], node)
    dtype = promote(a.dtype, self.floating(b.dtype))
    a, right = self.of_kind(a, dtype, node), self.of_kind(b, dtype, node)
    self.require(a.shape[0], self.length(a, 0), right.shape[0], self.length(right, 0), node)
    return self.array_call(f"solve_2{len(right.shape)}", [a, right], [(dtype, right.shape)], node, "solution")[0]


@dynamic_function("inv")
def _inv(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    a = self.square(arguments[0], node)
    return self.array_call("inv_2", [a], [(a.dtype, a.shape)], node, "inverse")[0]


@dynamic_function("det")
def _det(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    a = self.square(arguments[0], node)
    return self.array_call("det_2", [a], [(a.dtype, ())], node, "determinant")[0]


@dynamic_function("slogdet")
def _slogdet(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    a = self.square(arguments[0], node)
    if a.dtype.kind == "complex":
        self.fail(node, UnsupportedType, "np.linalg.slogdet of a complex matrix", "Use np.linalg.det.")
    return Sequence_(self.array_call("slogdet_2", [a], [(a.dtype, ()), (a.dtype, ())], node, "logdet"))


@dynamic_function("cholesky")
def _cholesky(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    a = self.square(arguments[0], node)
    if a.dtype.kind == "complex":
        self.fail(node, UnsupportedType, "np.linalg.cholesky of a complex matrix", "Use real matrices.")
    return self.array_call("cholesky_2", [a], [(a.dtype, a.shape)], node, "factor")[0]


@dynamic_function("qr")
def _qr(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, (), node)
    a = self.square(arguments[0], node)
    if a.dtype.kind == "complex":
        self.fail(node, UnsupportedType, "np.linalg.qr of a complex matrix", "Use real matrices.")
    return Sequence_(self.array_call("qr_2", [a], [(a.dtype, a.shape), (a.dtype, a.shape)], node, "factor"))


@dynamic_function("eigh")
def _eigh(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, (), node)
    a = self.square(arguments[0], node)
    if a.dtype.kind == "complex":
        self.fail(node, UnsupportedType, "np.linalg.eigh of a complex matrix", "Use real matrices.")
    return Sequence_(self.array_call("eigh_2", [a], [(a.dtype, a.shape[:1]), (a.dtype, a.shape)], node, "eigen"))


@dynamic_function("eigvalsh")
def _eigvalsh(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    found = _eigh(self, arguments, keywords, node)
    assert isinstance(found, Sequence_)
    values: Value = found.items[0]
    return values


@dynamic_function("pinv")
def _pinv(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    only(self, keywords, (), node)
    value = self.spill(arguments[0], node)
    a = self.of_kind(value, self.floating(value.dtype), node)
    return self.array_call("pinv_2", [a], [(a.dtype, a.shape[::-1])], node, "inverse")[0]


@dynamic_function("lstsq")
def _lstsq(self: Self, arguments: Arguments, keywords: Keywords, node: cst.Call) -> Value:
    """The solution of full column rank; residuals, rank and singular values have no derivative here."""
    only(self, keywords, ("rcond",), node)
    a, b = (self.spill(v, node) for v in arguments[:2])
    dtype = promote(self.floating(a.dtype), self.floating(b.dtype))
    left, right = self.of_kind(a, dtype, node), self.of_kind(b, dtype, node)
    self.require(left.shape[0], self.length(left, 0), right.shape[0], self.length(right, 0), node)
    shape = (left.shape[1], *right.shape[1:])
    solution = self.array_call(f"lstsq_2{len(right.shape)}", [left, right], [(dtype, shape)], node, "solution")[0]
    return _LeastSquares([solution])


class _LeastSquares(Sequence_):
    """`np.linalg.lstsq(...)`: only its first item, the solution, can be used."""



