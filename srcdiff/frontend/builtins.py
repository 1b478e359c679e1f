"""Python's builtin functions, and methods of lists, dicts, tuples and arrays."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst
import numpy as np

from ..errors import UnsupportedCall, UnsupportedType
from ..ir.expr import Call, Compare, Const, Expr, Logic, Op, Opaque
from ..ir.types import BOOL, COMPLEX128, INT64, promote
from ..rules.scalar import BY_SPELLING, Rule
from . import views as _views  # noqa: F401, its functions are registered
from .array_functions import FUNCTIONS, METHODS
from .arrays import Arrays
from .describe import describe
from .dynamic import shifted
from .dynamic_functions import DYNAMIC, ordered
from .given import GivenKeywords, GivenValues
from .kept_axes import REDUCTIONS, keeping_axes
from .values import Array, Dictionary, Dynamic, Lazy, Object, OpenArray, Range, Scalar, Sequence_, Stream, Value

__all__ = ["Builtins"]


class Builtins(Arrays):
    """Builtins and methods: `_builtin_name` for each function."""

    def _one(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        if len(arguments) != 1 or keywords:
            self.fail(node, UnsupportedCall, f"{self.source.code(node.func)} takes one argument here", "")
        return arguments[0]

    def _builtin_float(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        value = self._one(arguments, keywords, node)
        if isinstance(value, Scalar) and isinstance(value.constant, str):
            try:
                number = float(value.constant)
            except ValueError:
                self.fail(node, UnsupportedType, f"float({value.constant!r})", "Write the number.")
            if np.isfinite(number):
                return Scalar(Const(number))
            return Scalar(Const(number, self._constant_name("not_a_number" if number != number else "infinite", number),
                                named=True))  # fmt: skip
        if isinstance(value, Scalar) and value.type.kind == "float":
            return Scalar(Call("cast", (value.expr,), value.type, "float"))
        return self.cast(np.float64, self.as_scalar(value, node), node)

    def _builtin_int(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        return self.cast(np.int64, self.as_scalar(self._one(arguments, keywords, node), node), node)

    def _builtin_bool(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        test = self.truth_of(self._one(arguments, keywords, node), node)
        if test.known is not None:
            return Scalar(Const(test.known), test.known)
        return Scalar(Call("bool", (test.expr,), BOOL, "bool"))

    def _builtin_complex(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        parts = [self.as_scalar(a, node) for a in [*arguments, *keywords.values()]]
        if any(p.type.kind == "str" for p in parts):
            self.fail(node, UnsupportedType, "complex of a string", "Write the number.")
        if keywords.keys() - {"real", "imag"} or not 1 <= len(parts) <= 2:
            self.fail(node, UnsupportedCall, "complex takes a real and an imaginary part", "")
        return Scalar(Call("complex", tuple(p.expr for p in parts), COMPLEX128, "complex"))

    def _builtin_round(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        if not 1 <= len(arguments) + len(keywords) <= 2:
            self.fail(node, UnsupportedCall, "round takes a number, and the count of digits", "")
        value = self.as_scalar(arguments[0], node)
        if value.type.kind not in ("float", "int", "bool"):
            self.fail(node, UnsupportedType, f"round of {describe(value)}", "Use a real number.")
        digits = [self.as_scalar(a, node) for a in [*arguments[1:], *keywords.values()]]
        kind = INT64 if not digits else value.type
        return Scalar(Call("round", (value.expr, *(d.expr for d in digits)), kind, "round"))

    def _builtin_abs(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        rule = BY_SPELLING["builtins.abs"]
        value = self._one(arguments, keywords, node)
        if isinstance(value, Sequence_):
            self.fail(node, UnsupportedType, f"abs of {describe(value)}", "np.abs takes lists and tuples.")
        return self.elementwise(lambda x: self.primitive(rule, (x,), "abs", node), (value,), node)

    def _builtin_pow(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        if len(arguments) != 2 or keywords:
            self.fail(node, UnsupportedCall, "pow takes no modulus here", "Use pow(x, y).")
        return self.binary("**", arguments[0], arguments[1], node)

    def _builtin_divmod(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        a, b = arguments
        return Sequence_([self.binary("//", a, b, node), self.binary("%", a, b, node)])

    def _builtin_max(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        return self._extremum("max", arguments, keywords, node)

    def _builtin_min(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        return self._extremum("min", arguments, keywords, node)

    def _extremum(self, name: str, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        if keywords:
            self.fail(node, UnsupportedCall, f"{name} takes no {next(iter(keywords))}= here", "Use `if`.")
        if len(arguments) == 1 and isinstance(arguments[0], (Dynamic, Lazy)):
            if len(arguments[0].shape) > 1:
                self.fail(
                    node, UnsupportedCall, f"{name} of the rows of a matrix", f"Use np.{name}(...), or its axis=."
                )
            return DYNAMIC[name](self, arguments, {}, node)
        values = self.items_of(arguments[0], node) if len(arguments) == 1 else arguments
        scalars = [self.as_scalar(v, node) for v in values]
        if not scalars:
            self.fail(node, UnsupportedCall, f"{name} of nothing", "Give it at least one number.")
        if all(isinstance(s.constant, int) for s in scalars):
            known = (max if name == "max" else min)(s.constant for s in scalars)
        else:
            known = None
        result = scalars[0]
        for other in scalars[1:]:
            if "str" in (result.type.kind, other.type.kind):
                self.fail(node, UnsupportedType, f"{name} of a string", "Compare numbers.")
            kind = promote(result.type, other.type)
            if kind.kind == "complex":
                self.fail(node, UnsupportedType, f"{name} of complex numbers", "Compare their moduli.")
            result = Scalar(Call(name, (result.expr, other.expr), kind, name))
        return Scalar(result.expr, known)

    def _builtin_sum(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        start = arguments[1] if len(arguments) > 1 else keywords.get("start")
        if isinstance(arguments[0], (Dynamic, Lazy)):
            rows: dict[str, Value] = {"axis": Scalar(Const(0), 0)} if len(arguments[0].shape) > 1 else {}
            added = DYNAMIC["sum"](self, arguments[:1], rows, node)
            return added if start is None else self.binary("+", start, added, node)
        items = self.items_of(arguments[0], node)
        total = start if start is not None else (items.pop(0) if items else Scalar(Const(0), 0))
        for item in items:
            total = self.binary("+", total, item, node)
        return total

    def _builtin_len(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        value = self._one(arguments, keywords, node)
        if isinstance(value, Array) and value.shape:
            return Scalar(Const(value.shape[0]), value.shape[0])
        if isinstance(value, (Dynamic, Lazy)):
            return self.length_scalar(value, 0)
        if isinstance(value, (Sequence_, Dictionary)):
            return Scalar(Const(len(value.items)), len(value.items))
        if isinstance(value, OpenArray):
            if not value.active:
                return Scalar(Opaque(f"len({value.name})", INT64, (), (value.name,)))
            self.refuse_open(value, node)
        self.fail(node, UnsupportedType, f"{describe(value)} has no length", "")

    def _builtin_range(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Range:
        if not 1 <= len(arguments) <= 3 or keywords:
            self.fail(node, UnsupportedCall, "range takes one to three integers", "")
        bounds = tuple(self.as_scalar(a, node) for a in arguments)
        for bound in bounds:
            if bound.type.kind not in ("int", "bool"):
                self.fail(node, UnsupportedType, "a bound of range is no integer", "Convert it with int(...).")
        return Range(bounds)

    def _builtin_reversed(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        value = self._one(arguments, keywords, node)
        if isinstance(value, Range):
            return Range(value.bounds, not value.reverse)
        if isinstance(value, (Dynamic, Lazy)):
            last = Op("-", self.length(value, 0), Const(1))
            return Stream(self.length(value, 0), lambda i: self.subscripted(value, Op("-", last, i)))
        return Sequence_(self.items_of(value, node)[::-1])

    def _builtin_enumerate(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        start = arguments[1] if len(arguments) > 1 else keywords.get("start")
        first = 0 if start is None else self.as_scalar(start, node).constant
        if not isinstance(first, int):
            self.needs_known(node, "the start of enumerate must be known when compiling")
        stream = self.stream_of(arguments[0])
        if stream is not None:
            return Stream(stream.length, lambda i: Sequence_([Scalar(shifted(i, first)), stream.item(i)]))
        items = self.items_of(arguments[0], node)
        return Sequence_([Sequence_([Scalar(Const(first + i), first + i), item]) for i, item in enumerate(items)])

    def _builtin_zip(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        streams = [self.stream_of(a) for a in arguments]
        if any(s is not None for s in streams):
            return self._zipped(arguments, streams, node)
        columns = [self.items_of(a, node) for a in arguments]
        if "strict" in keywords and len({len(c) for c in columns}) > 1:
            self.fail(node, UnsupportedCall, "zip(strict=True) of different lengths", "")
        return Sequence_([Sequence_(list(row)) for row in zip(*columns)])

    def stream_of(self, value: Value) -> Stream | None:
        """What is gone through by index when the program runs."""
        if isinstance(value, Stream):
            return value
        if isinstance(value, (Dynamic, Lazy)):
            array = self.spill(value, self.statement_node())
            array = self.own_array("items", array)
            return Stream(self.length(array, 0), lambda i: self.subscripted(array, i))
        if isinstance(value, Range) and any(not isinstance(b.constant, int) for b in value.bounds):
            if len(value.bounds) > 2 or value.reverse:
                return None
            start = value.bounds[0] if len(value.bounds) == 2 else Scalar(Const(0), 0)
            length = value.bounds[-1].expr
            if start.constant != 0:
                length = Op("-", length, start.expr)
            return Stream(length, lambda i: Scalar(Op("+", start.expr, i) if start.constant != 0 else i))
        return None

    def statement_node(self) -> cst.CSTNode:
        assert self.program.statement is not None
        return self.program.statement

    def _zipped(self, arguments: list[Value], streams: list[Stream | None], node: cst.Call) -> Stream:
        """`zip` of arrays: as many items as the shortest has."""
        made: list[Stream] = []
        for value, stream in zip(arguments, streams):
            if stream is None and isinstance(value, Array) and value.shape:
                stream = self.stream_of(self.spill(value, node))
            if stream is None:
                self.fail(node, UnsupportedCall, "zip of an array and of something that has no index", "Use range.")
            made.append(stream)
        length = made[0].length
        for stream in made[1:]:
            if stream.length is not length:
                length = Call("min", (length, stream.length), INT64, "min")
        return Stream(length, lambda i: Sequence_([s.item(i) for s in made]))

    def items_at_run_time(self, value: Dynamic | Lazy | Stream, node: cst.CSTNode) -> list[Value]:
        known = value.shape[0].known if isinstance(value, (Dynamic, Lazy)) else None
        if known is None or known > 64:
            self.needs_known(node, "the number of items must be known when compiling")
        return [self.subscripted(value, Const(i)) for i in range(known)]  # type: ignore[arg-type]

    def _builtin_tuple(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        return Sequence_(self.items_of(arguments[0], node) if arguments else [])

    def _builtin_list(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        return Sequence_(self.items_of(arguments[0], node) if arguments else [], is_list=True)

    def _builtin_sorted(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        backwards = keywords.get("reverse", Scalar(Const(False), False))
        if not isinstance(backwards, Scalar) or not isinstance(backwards.constant, bool) or "key" in keywords:
            self.fail(node, UnsupportedCall, "sorted by a key", "Sort the numbers themselves, or use np.argsort.")
        items = [self.as_scalar(item, node) for item in self.items_of(arguments[0], node)]
        if not self.program.dynamic:
            self.needs_known(node, "sorted works on arrays", "Use np.sort.")
        _, chosen = ordered(self, self.array([item.expr for item in items], (len(items),)), node)
        held = self.whole(chosen, node, "sorted")
        found = [Scalar(self.item_at(held, (Const(i),))) for i in range(len(items))]
        return Sequence_(list(found[::-1] if backwards.constant else found), is_list=True)

    def _sort_in_place(self, base: Array | Dynamic, node: cst.Call) -> Value:
        """`v.sort()`"""
        if isinstance(base, Array) and not self.program.dynamic:
            self.needs_known(node, "the method sort works on arrays", "Use np.sort.")
        _, chosen = ordered(self, base, node)
        if isinstance(base, Dynamic):
            self.write(base, chosen, node)
        else:
            held = self.whole(chosen, node, "sorted")
            self.store_items(base, [self.item_at(held, (Const(i),)) for i in range(base.shape[0])], node)
        return Object(None, "None")

    def store_items(self, target: Array, values: Sequence[Expr], node: cst.CSTNode) -> None:
        raise NotImplementedError

    def _builtin_map(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        if len(arguments) < 2:
            self.fail(node, UnsupportedCall, "map takes a function and what it is applied to", "")
        columns = [self.items_of(a, node) for a in arguments[1:]]
        return Sequence_([self.call(arguments[0], list(row), {}, node) for row in zip(*columns)])

    def _any_dynamic(self, values: Sequence[Value]) -> bool:
        """Whether any argument, or any item of one, is an array of run-time lengths."""
        return any(
            isinstance(v, (Dynamic, Lazy)) or (isinstance(v, Sequence_) and self._any_dynamic(v.items)) for v in values
        )

    def _builtin_any(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        return self._quantifier("or", arguments, node)

    def _builtin_all(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        return self._quantifier("and", arguments, node)

    def _quantifier(self, op: str, arguments: list[Value], node: cst.Call) -> Value:
        if isinstance(arguments[0], (Dynamic, Lazy)):
            return DYNAMIC["any" if op == "or" else "all"](self, arguments, {}, node)
        tests = [self.truth_of(item, node) for item in self.items_of(arguments[0], node)]
        decisive = op == "or"
        if any(t.known is decisive for t in tests):
            return Scalar(Const(decisive), decisive)
        rest = [_as_condition(t.expr) for t in tests if t.known is None]
        if not rest:
            return Scalar(Const(not decisive), not decisive)
        return Scalar(Logic(op, *rest) if len(rest) > 1 else rest[0])

    def _builtin_isinstance(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        value, classes = arguments
        wanted = classes.items if isinstance(classes, Sequence_) else [classes]
        python: dict[str, type] = {"bool": bool, "int": int, "float": float, "complex": complex, "str": str}
        for item in wanted:
            cls = item.value if isinstance(item, Object) else None
            if not isinstance(cls, type):
                self.fail(node, UnsupportedType, "isinstance with a class not known when compiling", "")
            if isinstance(value, Scalar):
                actual: type = python[value.type.kind]
            elif isinstance(value, (Array, OpenArray, Dynamic, Lazy)):
                actual = np.ndarray
            elif isinstance(value, Sequence_):
                actual = value.record or (list if value.is_list else tuple)
            else:
                actual = type(value.value) if isinstance(value, Object) else object
            abstract = cls.__module__ == "numbers" and issubclass(actual, cls)
            if issubclass(actual, cls) or abstract:
                return Scalar(Const(True), True)
        return Scalar(Const(False), False)

    def _builtin_print(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        self.fail(node, UnsupportedCall, "print is not supported", "Leave it out, or print outside of the function.")

    def _builtin_getattr(self, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        base, name = arguments[:2]
        known = name.constant if isinstance(name, Scalar) else None
        if not isinstance(known, str) or not isinstance(base, Object) or len(arguments) > 2:
            self.fail(
                node,
                UnsupportedCall,
                "getattr whose object or name is not known when compiling",
                "Write the attribute out, or choose between functions by `if`.",
            )
        if not hasattr(base.value, known):
            self.fail(node, UnsupportedType, f"{base.text} has no attribute {known}", "")
        return self.constant_value(getattr(base.value, known), f"{base.text}.{known}", node)

    def guarded(
        self,
        function: Callable[[list[Value], dict[str, Value], cst.Call], Value],
        text: str,
        arguments: list[Value],
        keywords: dict[str, Value],
        node: cst.Call,
    ) -> Value:
        """A call of one of our own implementations: what it cannot take is the user's to change."""
        given, named = GivenValues(arguments), GivenKeywords(keywords)
        try:
            if "keepdims" in keywords and self.source.code(node.func).rpartition(".")[2] in REDUCTIONS:
                found = keeping_axes(self, function, given, named, node)
            else:
                found = function(given, named, node)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, ArithmeticError) as error:
            detail = str(error).partition("\n")[0].removeprefix("source: ")
            what = f": {detail}" if isinstance(error, np.exceptions.AxisError) else ""
            self.fail(node, UnsupportedCall, f"{text} with these arguments{what}", "Check their number and types.")
        if given.unread() or named.unread():
            plain = [self.source.code(a.value) for a in node.args if a.keyword is None and not a.star]
            places = [i - len(given) for i in given.unread()]
            unread = [*(plain[i] for i in places if -i <= len(plain)), *(f"{key}=" for key in named.unread())]
            what = unread[0] if unread else "so many arguments"
            self.fail(node, UnsupportedCall, f"{text} does not take {what} here", "Leave it out, or write a loop.")
        return found

    # -- provided by the subclasses ---------------------------------------------------------------------------------

    def call(self, target: Value, arguments: list[Value], keywords: dict[str, Value], node: cst.Call) -> Value:
        raise NotImplementedError

    def cast(self, cls: type, value: Value, node: cst.Call) -> Value:
        raise NotImplementedError

    def primitive(self, rule: Rule, operands: Sequence[Scalar], spelling: str, node: cst.CSTNode) -> Scalar:
        raise NotImplementedError

    def arguments_of(self, node: cst.Call, consumes: bool = False) -> tuple[list[Value], dict[str, Value]]:
        raise NotImplementedError

    # -- methods ----------------------------------------------------------------------------------------------------

    def library(
        self, name: str, function: Any, text: str, arguments: list[Value], keywords: dict[str, Value], node: cst.Call
    ) -> Value:
        raise NotImplementedError

    def _method(self, base: Value, name: str, node: cst.Call) -> Value:
        arguments, keywords = self.arguments_of(node)
        if isinstance(base, (Dynamic, Lazy)) and METHODS.get(name) in DYNAMIC and name != "tolist":
            found = DYNAMIC["flatten" if name == "flatten" else METHODS[name]]
            call = functools.partial(found, self)
            return self.guarded(call, f"the method {name}", [base, *arguments], keywords, node)
        if isinstance(base, (Array, Dynamic)) and name == "sort" and not arguments and not keywords:
            return self._sort_in_place(base, node)
        if isinstance(base, (Array, Dynamic, Lazy)) and name in ("conj", "conjugate"):
            return self.elementwise(_conjugate, (base,), node)
        if isinstance(base, Array) and name in METHODS:
            short = METHODS[name]
            if short not in FUNCTIONS or self._any_dynamic(arguments):
                function, text = getattr(np, short, None), f"the method {name}"
                return self.library(f"numpy.{short}", function, text, [base, *arguments], keywords, node)
            call = functools.partial(FUNCTIONS[short], self)
            return self.guarded(call, f"the method {name}", [base, *arguments], keywords, node)
        if isinstance(base, Scalar):
            if name in ("conjugate", "conj") and not arguments:
                return _conjugate(base)
            if name == "item":
                return base
            if name in METHODS and base.type.kind != "str":
                call = functools.partial(FUNCTIONS[METHODS[name]], self)
                return self.guarded(call, f"the method {name}", [base, *arguments], keywords, node)
        if isinstance(base, Sequence_):
            if base.is_list and name in ("append", "extend", "insert", "pop", "reverse", "clear", "copy"):
                change = functools.partial(self._list_method, base, name)
                return self.guarded(lambda a, k, n: change(a, n), f"the method {name}", arguments, keywords, node)
            if name in ("index", "count"):
                self.fail(node, UnsupportedCall, f"the method {name} of {describe(base)} is not known", "Use a loop.")
            if base.record is not None and name == "_replace":
                items = [keywords.get(f, item) for f, item in zip(base.record._fields, base.items)]
                return Sequence_(items, record=base.record)
        if isinstance(base, Dictionary):
            if name in ("keys", "values", "items") and not arguments:
                pairs = [(Scalar(Const(k), k), self.item_of(base, k)) for k in base.items]
                return Sequence_(
                    [k if name == "keys" else v if name == "values" else Sequence_([k, v]) for k, v in pairs]
                )
            if name == "get" and arguments and isinstance(arguments[0], Scalar):
                key = arguments[0].constant
                if key is not None and key in base.items:
                    return self.item_of(base, key)
                if key is not None:
                    return arguments[1] if len(arguments) > 1 else Object(None, "None")
        if isinstance(base, OpenArray):
            self.refuse_open(base, node)
        self.fail(
            node,
            UnsupportedCall,
            f"the method {name} of {describe(base)} is not known",
            "Use functions of math and numpy.",
        )

    def _list_method(self, base: Sequence_, name: str, arguments: list[Value], node: cst.CSTNode) -> Value:
        if name == "copy":
            return Sequence_(list(base.items), True)
        if base.frozen:
            self.fail(node, UnsupportedType, f"{base.frozen}, which .{name} would change", "Copy it first: list(...).")
        if self.loops and not self.unrolling:
            self.needs_known(
                node,
                f"a list that grows in a loop (.{name}) needs a trip count known when compiling",
                "Make an array before the loop, out = np.zeros(n), and write out[i].",
            )
        if name == "append":
            base.items.append(self.own_item(base, arguments[0]))
        elif name == "extend":
            base.items.extend(self.own_item(base, item) for item in self.items_of(arguments[0], node))
        elif name == "insert":
            base.items.insert(self._known_index(arguments[0], node), self.own_item(base, arguments[1]))
        elif name == "pop":
            return base.items.pop(self._known_index(arguments[0], node) if arguments else -1)
        elif name == "reverse":
            base.items.reverse()
        else:
            base.items.clear()
        return Object(None, "None")

    unrolling: int

    def own_item(self, base: Sequence_, value: Value) -> Value:
        """An appended item keeps its value when the variable it came from changes."""
        return self.pin(value, f"{base.prefix or 'item'}_{len(base.items)}")


def _as_condition(e: Expr) -> Expr:
    """A truth value: `a and b` of two numbers is one of them."""
    return e if e.type == BOOL else Compare(("!=",), (e, Const(0)))


def _conjugate(value: Scalar) -> Scalar:
    return Scalar(Call("conj", (value.expr,), value.type, "np.conj")) if value.type.kind == "complex" else value
