"""Comprehensions: lists of known length, or an array that a loop fills."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import libcst as cst

from ..errors import UnsupportedSyntax, UnsupportedType
from ..ir.expr import Const, Expr, Logic, Op, Var
from ..ir.statements import Allocate, Assign, For, If, Store
from ..ir.types import INT64, ArrayType, ScalarType
from .bindings import names_in
from .helpers import Helpers
from .values import Cut, Dynamic, Environment, Lazy, Range, Scalar, Sequence_, Stream, Value

__all__ = ["Comprehensions"]


class Comprehensions(Helpers):
    """Evaluates comprehensions; for a call that consumes one, an array is as good as a list."""

    def _eval_ListComp(self, node: cst.ListComp) -> Value:
        return Sequence_(self._comprehension(node.elt, node.for_in), is_list=True)

    def _eval_GeneratorExp(self, node: cst.GeneratorExp) -> Value:
        self.fail(
            node,
            UnsupportedSyntax,
            "a generator expression that is not consumed at once",
            "Write a list, [...], or pass it to sum, min, max, any, all, tuple or list.",
        )

    def _comprehension(
        self, element: cst.BaseExpression, clause: cst.CompFor, iterable: Value | None = None
    ) -> list[Value]:
        """The items, one evaluation of the element each; `iterable` is given where it was evaluated before."""
        if clause.asynchronous is not None:
            self.fail(clause, UnsupportedSyntax, "an asynchronous comprehension", "Use a plain one.")
        items = self.iterate(clause.iter) if iterable is None else self.items_of(iterable, clause.iter)
        with self.scoped(clause) as bind:
            return list(self._each(element, clause, items, bind))

    @contextmanager
    def scoped(self, clause: cst.CompFor) -> Iterator[Callable[[Value], None]]:
        """The names of a clause of a comprehension, which end with it; gives what binds them to an item."""
        names = _target_names(clause.target)
        saved = {name: self.environment.get(name) for name in names}
        scope: Environment = {}

        def bind(item: Value) -> None:
            self.bind_pattern(clause.target, item, quiet=True, scoped=True)
            scope.update({name: self.environment[name] for name in names if name in self.environment})

        self.scopes.append(scope)
        yield bind
        self.scopes.pop()
        for name, value in saved.items():
            if value is None:
                self.environment.pop(name, None)
            else:
                self.environment[name] = value

    def _each(
        self, element: cst.BaseExpression, clause: cst.CompFor, items: list[Value], bind: Callable[[Value], None]
    ) -> Iterator[Value]:
        for item in items:
            bind(item)
            keep: bool | None = True
            for condition in clause.ifs:
                keep = keep and self.truth(condition.test).known
                if keep is None:
                    self.fail(
                        condition,
                        UnsupportedSyntax,
                        "the length of this comprehension depends on a value",
                        "Filter by constants only, or use a loop.",
                    )
            if keep:
                if clause.inner_for_in is not None:
                    yield from self._comprehension(element, clause.inner_for_in)
                else:
                    yield self.evaluate(element)

    def consumed(self, node: cst.GeneratorExp | cst.ListComp) -> Value:
        """The items, for a function that only goes through them."""
        clause = node.for_in
        iterable = self.evaluate(clause.iter)
        if self._is_open(iterable) and clause.asynchronous is None:
            return self._filled(node, clause, iterable)
        return Sequence_(self._comprehension(node.elt, clause, iterable), is_list=isinstance(node, cst.ListComp))

    def _is_open(self, iterable: Value) -> bool:
        if isinstance(iterable, (Dynamic, Lazy)):
            return iterable.shape[0].known is None
        return isinstance(iterable, Stream) or (isinstance(iterable, Range) and self.stream_of(iterable) is not None)

    def _filled(self, node: cst.GeneratorExp | cst.ListComp, clause: cst.CompFor, iterable: Value) -> Value:
        """One loop, which stores each item; those that a condition leaves out have no place."""
        if clause.inner_for_in is not None:
            self.fail(node, UnsupportedSyntax, "a comprehension of two loops whose length is not known", "Write loops.")
        stream = self.stream_of(iterable)
        assert stream is not None
        place = Var(self.fresh("place"), INT64)
        name = self.fresh("items")
        count = self.assign_scalar("count", Const(0)) if clause.ifs else None
        found: list[ScalarType] = []

        def store() -> None:
            value = self.evaluate(node.elt)
            if not isinstance(value, Scalar):
                self.fail(node.elt, UnsupportedType, "an item of this comprehension is no number", "Write a loop.")
            kind = value.type if value.type.bits else ScalarType(value.type.kind, 64)
            found.append(kind)
            self.emit(Store(name, (place if count is None else count,), value.expr))
            if count is not None:
                self.emit(Assign((count,), (Op("+", count, Const(1)),)))

        def lower() -> None:
            with self.scoped(clause) as bind:
                bind(stream.item(place))
                if count is None:
                    store()
                    return
                tests = [self.truth(condition.test).expr for condition in clause.ifs]
                with self.nested() as body:
                    store()
                self.emit(If(Logic("and", *tests) if len(tests) > 1 else tests[0], tuple(body), ()))

        origin, self.origin = self.origin, None
        body, _, _ = self.loop(set(), lower)
        kind = found[-1]
        length: Expr = self.at_least_zero(stream.length, self.extent_of(Scalar(stream.length)))
        target = Var(name, ArrayType(kind, 1))  # type: ignore[arg-type]
        self.emit(Allocate(target, (length,), "empty"))
        self.emit(For(place, (stream.length,), tuple(body), ()))
        self.origin = origin
        extent = self.unknown_extent() if count is not None else self.extent_of(Scalar(stream.length))
        array = Dynamic(name, kind, (extent,), self.site(node))
        if count is None:
            return array
        return self.whole(Dynamic(name, kind, (extent,), array.regions, (Cut(":{}", (count,)),)), node)


def _target_names(target: cst.BaseExpression) -> list[str]:
    return [name.value for name in names_in(target)]
