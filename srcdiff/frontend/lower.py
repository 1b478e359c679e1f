"""Statements: from the user's syntax tree to the structured statements of the intermediate representation."""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any, NoReturn

import libcst as cst

from ..errors import SrcdiffError, UnsupportedSyntax, UnsupportedType
from ..ir.expr import Const, Expr, Var
from ..ir.statements import (
    Assert,
    Block,
    Break,
    Continue,
    If,
    Leaf,
    Origin,
    Raise,
    Rebind,
    Return,
    Statement,
    Structure,
    View,
)
from ..ir.types import ArrayType, ScalarType, join
from .bindings import bindings, names_in
from .describe import describe
from .extents import Extent
from .loops import DynamicContinue, Loops, comments_of
from .merge import Path
from .program import Program, Signal, freeze
from .source import Source
from .values import (
    Array,
    Dynamic,
    Lazy,
    Object,
    OpenArray,
    Scalar,
    Sequence_,
    Value,
    cells_of,
    copy_environment,
    has_undefined,
)
from .walk import Walker

__all__ = ["FunctionLowerer"]

_BUILTIN_EXCEPTIONS = {name for name in dir(builtins) if isinstance(getattr(builtins, name), type)}


class FunctionLowerer(Loops):
    """Lowers one function. `entry` is the function that the user asked for; the others are its helpers."""

    def __init__(self, source: Source, program: Program, node: cst.FunctionDef | cst.Lambda, *, entry: bool):
        super().__init__(source, program)
        self.node = node
        self.entry = entry
        self.unrolling = 0
        self.exits = []
        self.parameter_arrays = {}
        self.argument_cells = {}
        self.recursive = False
        self.result: Structure | Leaf | None = None
        self.integers = {}
        self.spelled = {}
        self.writes = set()
        self.views_or_copies = {}
        self.results: list[list[Dynamic]] = []
        self.mutated: list[str] = []
        self.aliases: dict[tuple[int, ...], Any] | None = None
        self.scopes = []
        names = names_in(node)
        self.user_names = {name.value for name in names}
        self.taken = set(self.user_names)
        counts = bindings(node.body)
        self.locals = set(counts)
        parameters = {p.name.value for p in _parameters(node)}
        self.bound = self.locals | (parameters - set(source.bound))
        self.unstable = {name for name, count in counts.items() if count > 1 or (name in parameters and count > 0)}
        self._import_roots()

    def _import_roots(self) -> None:
        """Note how the user's file imports modules and functions, so that emitted code can spell them alike."""
        for name in sorted(self.user_names):
            if name in self.program.imports or name in self.locals:
                continue
            try:
                found = self.resolve(name)
            except KeyError:
                continue
            line = import_line(name, found)
            if line is not None:
                self.program.imports[name] = line

    # -- blocks -----------------------------------------------------------------------------------------------------

    def lower_body(self, body: cst.BaseSuite) -> None:
        lines = body.body
        for line in lines:
            if not self.reachable:
                return
            self.lower_line(line)

    def lower_line(self, line: cst.BaseStatement | cst.BaseSmallStatement) -> None:
        if isinstance(line, cst.SimpleStatementLine):
            comment = line.trailing_whitespace.comment
            above = comments_of(line.leading_lines)
            for i, small in enumerate(line.body):
                if not self.reachable:
                    return
                last = i == len(line.body) - 1
                self.lower_small(small, comment.value if comment and last else "", above if i == 0 else ())
        elif isinstance(line, cst.BaseSmallStatement):
            self.lower_small(line, "", ())
        else:
            self.lower_compound(line)

    def lower_small(self, node: cst.BaseSmallStatement, comment: str, above: tuple[str, ...]) -> None:
        method = getattr(self, f"_small_{type(node).__name__}", None)
        if method is None:
            self._refuse_statement(node)
        start = self.source.position(node)[0]
        saved = self.program.statement, self.origin
        self.program.statement = node
        self.origin = Origin(start, self.source.code(node).strip(), comment, above)
        self._guard(method, node)
        self.program.statement, self.origin = saved

    def lower_compound(self, node: cst.BaseStatement) -> None:
        method = getattr(self, f"_compound_{type(node).__name__}", None)
        if method is None:
            self._refuse_statement(node)
        saved = self.program.statement, self.origin
        self.program.statement = node
        self._guard(method, node)
        self.program.statement, self.origin = saved

    def _guard(self, method: Callable[[Any], None], node: cst.CSTNode) -> None:
        """No exception but ours reaches the user."""
        try:
            method(node)
        except (SrcdiffError, Signal, DynamicContinue):
            raise
        except RecursionError:
            self.fail(node, UnsupportedSyntax, "this is nested too deeply", "Split it; replace recursion by a loop.")
        except Exception as error:
            text = f"srcdiff fails here: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
            raise UnsupportedSyntax(
                text, hint="This is a defect of srcdiff. Please report it.", location=self.source.location(node)
            ) from error

    def header(self, node: Any, end: cst.CSTNode) -> Origin:
        """The origin of a compound statement: its first line, without the colon."""
        line = self.source.position(node)[0]
        suite = node.body
        comment = suite.header.comment.value if isinstance(suite, cst.IndentedBlock) and suite.header.comment else ""
        above = comments_of(node.leading_lines) if hasattr(node, "leading_lines") else ()
        return Origin(line, f"{_keyword(node)} {self.source.code(end)}", comment, above)

    def _refuse_statement(self, node: cst.CSTNode) -> NoReturn:
        message, hint = {
            "With": ("`with` is not supported", "Move it out of the function."),
            "Try": ("`try` is not supported", "Test the condition with `if`; compiled code gives nan or inf instead."),
            "TryStar": ("`try` is not supported", "Test the condition with `if`."),
            "Match": ("`match` is not supported", "Use `if` and `elif`."),
            "Global": ("`global` is not supported: a derivative writes no globals", "Return the value instead."),
            "Nonlocal": ("`nonlocal` is not supported", "Return the value instead."),
            "Del": ("`del` is not supported", "Leave the line out: nothing depends on it."),
            "ClassDef": ("a class is defined inside the function", "Define it outside."),
            "TypeAlias": ("a type is defined inside the function", "Define it outside."),
        }.get(type(node).__name__, (f"{type(node).__name__} is not supported", "Use assignments, `if` and loops."))
        self.fail(node, UnsupportedSyntax, message, hint)

    # -- small statements -------------------------------------------------------------------------------------------

    def _small_Pass(self, node: cst.Pass) -> None:
        pass

    def _small_Expr(self, node: cst.Expr) -> None:
        if isinstance(node.value, (cst.SimpleString, cst.ConcatenatedString, cst.Ellipsis)):
            return
        self.evaluate(node.value)

    def _small_Import(self, node: cst.Import) -> None:
        for alias in node.names:
            name = self.source.code(alias.name)
            module = self._imported(name, node)
            bound = alias.asname.name.value if alias.asname else name.partition(".")[0]  # type: ignore[union-attr]
            found = module if alias.asname else self._imported(bound, node)
            self.environment[str(bound)] = Object(found, str(bound))
            line = import_line(str(bound), found)
            if line:
                self.program.imports[str(bound)] = line

    def _small_ImportFrom(self, node: cst.ImportFrom) -> None:
        if node.relative or node.module is None or isinstance(node.names, cst.ImportStar):
            self.fail(
                node, UnsupportedSyntax, "a relative or `*` import inside the function", "Import at the file's head."
            )
        module = self._imported(self.source.code(node.module), node)
        for alias in node.names:
            name = str(alias.name.value)
            bound = str(alias.asname.name.value) if alias.asname else name  # type: ignore[union-attr]
            if not hasattr(module, name):
                self.fail(node, UnsupportedSyntax, f"{name} cannot be imported from {module.__name__}", "")
            found = getattr(module, name)
            self.environment[bound] = self.constant_value(found, bound, node)
            line = import_line(bound, found)
            if line:
                self.program.imports[bound] = line

    def _imported(self, name: str, node: cst.CSTNode) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ImportError:
            self.fail(node, UnsupportedSyntax, f"the module {name} cannot be imported", "Install it, or leave it out.")

    def _small_Return(self, node: cst.Return) -> None:
        value = self.evaluate(node.value) if node.value is not None else Object(None, "None")
        self.emit_return(value, node)

    def emit_return(self, value: Value, node: cst.CSTNode) -> None:
        if isinstance(value, OpenArray):
            self.refuse_open(value, node)
        value = self.settled_arrays(value, node)
        structure, exprs = self._leaves(value, node)
        self.results.append(list(_dynamic_leaves(value)))
        if not self.entry:
            self._note_aliases(value, node)
        if self.result is None:
            self.result = structure
        else:
            merged = _merge(self.result, structure)
            if merged is None:
                self.fail(
                    node,
                    UnsupportedType,
                    f"this returns {_describe_structure(structure)}, another return gives "
                    f"{_describe_structure(self.result)}",
                    "Return the same structure on every path.",
                )
            self.result = merged
        tail = {name: self.cells_at_exit(name) for name in self.argument_cells}
        self.emit(Return(tuple(exprs), tail=None))
        self.exits.append((self.block, len(self.block) - 1, tail))
        self.reachable = False

    def parameter_array(
        self, name: str, text: str, kind: ScalarType, ndim: int, shape: tuple[int, ...] | None
    ) -> Dynamic:
        """An array parameter; one that is an item of a tuple gets a name of its own."""
        if text != name:
            self.emit(Rebind((self.variable(name, kind, ndim),), (View(Var(text, ArrayType(kind, ndim))),)))  # type: ignore[arg-type]
        extents = []
        for axis in range(ndim):
            symbol = f"len({name}).{axis}"
            if name not in self.unstable:
                self.spelled[symbol] = [self.length_of(name, axis, ndim)]
            extents.append(Extent.symbol(symbol) if shape is None else Extent(shape[axis]))
        region = f"param:{name}" if text == name else f"param:{text.partition('[')[0]}"
        return Dynamic(name, kind, tuple(extents), frozenset({region}))

    def learn_parameters(self, values: Iterable[Value]) -> None:
        """How the lengths of a helper's arrays are written."""
        for value in values:
            for array in _dynamic_leaves(value):
                for axis, extent in enumerate(array.shape):
                    symbol = f"len({array.name}).{axis}"
                    if extent == Extent.symbol(symbol) and array.name not in self.unstable:
                        self.spelled[symbol] = [self.length_of(array.name, axis, len(array.shape))]

    def returned_arrays(self) -> tuple[Dynamic, ...]:
        """What every `return` agrees on about the arrays of the result."""
        merged: list[Dynamic] = []
        for column in zip(*self.results):
            first = column[0]
            shape = tuple(
                first.shape[n] if all(a.shape[n] == first.shape[n] for a in column) else self.unknown_extent()
                for n in range(len(first.shape))
            )
            regions = frozenset().union(*(a.regions for a in column))
            merged.append(Dynamic("", first.dtype, shape, regions))
        return tuple(merged)

    def settled_arrays(self, value: Value, node: cst.CSTNode) -> Value:
        """The value with every array of run-time lengths in a variable of its own."""
        if isinstance(value, (Dynamic, Lazy)):
            return self.whole(value, node, "result")
        if isinstance(value, Sequence_) and any(isinstance(i, (Dynamic, Lazy, Sequence_)) for i in value.items):
            items = [self.settled_arrays(item, node) for item in value.items]
            return Sequence_(items, value.is_list, value.record, prefix=value.prefix)
        return value

    def _note_aliases(self, value: Value, node: cst.CSTNode) -> None:
        """Remember which arrays of a helper's result are its arguments: the caller's array is what they become."""
        found: dict[tuple[int, ...], Any] = {}
        first: dict[int, tuple[int, ...]] = {}

        def visit(value: Value, path: tuple[int, ...]) -> None:
            if isinstance(value, Sequence_):
                if value.frozen:
                    self.fail(node, UnsupportedType, f"{value.frozen}, and is returned", "Return a tuple or a copy.")
                for i, item in enumerate(value.items):
                    visit(item, (*path, i))
            elif isinstance(value, Array):
                cells = value.cells
                known = cells.argument is not None and cells.uid == self.argument_cells.get(cells.argument)
                found[path] = (cells.argument, value.slots) if known else cells.frozen
                if not known and cells.uid in first:
                    found[path] = found[first[cells.uid]] = "two results of the function share memory"
                first.setdefault(cells.uid, path)

        visit(value, ())
        if self.aliases is None:
            self.aliases = found
            return
        for path in {*found, *self.aliases}:
            if found.get(path) != self.aliases.get(path):
                self.aliases[path] = (
                    "the array may or may not share memory with an argument of the function that made it"
                )

    def lower_function(self, environment: dict[str, Value]) -> Block:
        """The whole body, given the values of the parameters."""
        for name, value in environment.items():
            for cells in cells_of(value):
                if cells.argument is not None:
                    self.argument_cells[cells.argument] = cells.uid
                    self.parameter_arrays[name] = value
        self.environment = environment
        node = self.node
        if isinstance(node, cst.Lambda):
            self.program.statement = node.body
            self.origin = Origin(self.source.position(node.body)[0], f"return {self.source.code(node.body)}")
            self._guard(lambda body: self.emit_return(self.evaluate(body), body), node.body)
        else:
            if node.asynchronous is not None:
                self.fail(
                    node.name, UnsupportedSyntax, f"{node.name.value} is asynchronous", "Write `def` and `return`."
                )
            yields = _Yields()
            yields.walk(node.body)
            if yields.found is not None:
                self.fail(
                    yields.found,
                    UnsupportedSyntax,
                    f"`yield` makes {node.name.value} a generator",
                    "Return a tuple or an array.",
                )
            if node.params.star_kwarg is not None:
                star = node.params.star_kwarg
                self.fail(
                    star, UnsupportedSyntax, f"{node.name.value} takes **{star.name.value}", "Name the parameters."
                )
            self.lower_body(node.body)
            self.origin = None
            if self.reachable:
                if self.result is not None and self.result != Structure((), "None"):
                    self.fail(
                        node.name,
                        UnsupportedSyntax,
                        f"not every path through {node.name.value} returns a value",
                        "Add a `return` at the end.",
                    )
                self.emit_return(Object(None, "None"), node.name)
        self.aliases = {path: alias for path, alias in (self.aliases or {}).items() if alias is not None}
        for block, index, tail in self.exits:
            extra = [e for name in self.mutated for e in tail[name]]
            returned = block[index]
            assert isinstance(returned, Return)
            block[index] = replace(returned, values=(*returned.values, *extra))
        return freeze(self.block)

    def function_origin(self) -> Origin:
        start = self.source.position(self.node)[0]
        return Origin(start, self.source.filename)

    exits: list[tuple[list[Statement], int, dict[str, list[Expr]]]]

    def cells_at_exit(self, name: str) -> list[Expr]:
        """What an array argument holds now, wherever its name points."""
        uid = self.argument_cells[name]
        for value in [*self.environment.values(), *self.parameter_arrays.values()]:
            for cells in cells_of(value):
                if cells.uid == uid:
                    return list(cells.items)
        return []

    parameter_arrays: dict[str, Value]
    argument_cells: dict[str, int]

    def _leaves(self, value: Value, node: cst.CSTNode) -> tuple[Structure | Leaf, list[Expr]]:
        if isinstance(value, Scalar):
            if value.type.kind == "str":
                self.fail(node, UnsupportedType, "a string is returned", "Return numbers.")
            return Leaf((), value.type), [value.expr]
        if isinstance(value, Array):
            for e in value.items:
                if has_undefined(e):
                    self.fail(node, UnsupportedType, "an element of the result has no value", "Use np.zeros.")
            return Leaf(value.shape, value.dtype, True), value.items
        if isinstance(value, Dynamic):
            rank = len(value.shape)
            variable = Var(value.name, ArrayType(value.dtype, rank))  # type: ignore[arg-type]
            return Leaf((None,) * rank, value.dtype, True), [variable]
        if isinstance(value, Sequence_):
            parts = [self._leaves(item, node) for item in value.items]
            record = value.record
            if record is not None:
                self.program.objects[record.__name__] = record
            structure = Structure(
                tuple(s for s, _ in parts),
                record.__name__ if record else None,
                tuple(record._fields) if record else (),
                record,
            )
            return structure, [e for _, es in parts for e in es]
        if isinstance(value, Object) and value.value is None:
            return Structure((), "None"), []
        self.fail(node, UnsupportedType, f"{describe(value)} is returned", "Return numbers, tuples or arrays.")

    def _small_Raise(self, node: cst.Raise) -> None:
        if node.exc is None:
            self.fail(node, UnsupportedSyntax, "`raise` without an exception", "Name the exception.")
        call = node.exc
        name = call.func if isinstance(call, cst.Call) else call
        found = self.evaluate(name)
        cls = found.value if isinstance(found, Object) else None
        if not (isinstance(cls, type) and issubclass(cls, BaseException)):
            self.fail(
                node, UnsupportedSyntax, "`raise` of something that is no exception class", "Raise ValueError(...)."
            )
        message = ""
        if isinstance(call, cst.Call) and call.args:
            message = repr(self._message(call.args[0].value))
        text = cls.__name__
        if cls.__module__ != "builtins":
            self.program.objects[text] = cls
        self.emit(Raise(f"{text}({message})"))
        self.reachable = False

    def _message(self, node: cst.BaseExpression) -> str:
        """The text of a message; values in it are shown by the expressions that give them."""
        code = self.source.code(node)
        if isinstance(node, cst.FormattedString):
            return "".join(
                part.value if isinstance(part, cst.FormattedStringText) else self.source.code(part)
                for part in node.parts
            )
        try:
            return str(ast.literal_eval(code))
        except (ValueError, SyntaxError):
            return code

    def _small_Assert(self, node: cst.Assert) -> None:
        test = self.truth(node.test)
        if test.known is True:
            return
        message = repr(self._message(node.msg)) if node.msg is not None else None
        self.emit(Assert(test.expr, message))

    def _small_Break(self, node: cst.Break) -> None:
        loop = self.loops[-1]
        if loop.leaving is not None:
            if self.block is loop.block and not loop.continues:
                loop.left = True
                self.reachable = False
                return
            self.bind_all([(loop.leaving, Scalar(Const(True), True))])
            loop.flagged = True
            self.leave(loop.continues, Break())
            return
        if loop.one_trip and self.block is loop.block:
            loop.left = True
            self.reachable = False
            return
        self.leave(loop.breaks, Break())

    def _small_Continue(self, node: cst.Continue) -> None:
        loop = self.loops[-1]
        if loop.one_trip and loop.leaving is None:
            if self.block is not loop.block:
                raise DynamicContinue
            loop.skipped = True
            self.reachable = False
            return
        if loop.one_trip and self.block is loop.block:
            loop.skipped = True
            self.reachable = False
            return
        self.leave(loop.continues, Continue())

    # -- definitions ------------------------------------------------------------------------------------------------

    def _compound_FunctionDef(self, node: cst.FunctionDef) -> None:
        if node.decorators:
            self.fail(
                node.decorators[0],
                UnsupportedSyntax,
                f"{node.name.value} is decorated inside the function",
                "Leave the decorator out, or define it outside.",
            )
        if node.asynchronous is not None:
            self.fail(node, UnsupportedSyntax, f"{node.name.value} is asynchronous", "Write `def` and `return`.")
        self.environment[node.name.value] = self.user_function(node, node.name.value)

    # -- branches ---------------------------------------------------------------------------------------------------

    def _compound_If(self, node: cst.If) -> None:
        origin = self.header(node, node.test)
        self.origin = origin
        self.program.statement = node.test
        test = self.truth(node.test)
        if test.known is not None:
            self.origin = None
            if test.known:
                self.lower_body(node.body)
            elif node.orelse is not None:
                self._lower_else(node.orelse)
            return
        entry, relied = copy_environment(self.environment), set(self.relied)
        paths: list[Path] = []
        with self.nested() as first:
            self.lower_body(node.body)
            if self.reachable:
                paths.append(Path(first, None, self.environment))
        self.environment, self.reachable = entry, True
        relied, self.relied = self.relied, relied
        with self.nested() as second:
            if node.orelse is not None:
                self.origin = None
                self._lower_else(node.orelse)
            if self.reachable:
                paths.append(Path(second, None, self.environment))
        self.relied |= relied
        self.origin = None
        self.reachable = bool(paths)
        if paths:
            self.environment = self.join(paths)
        self.emit(If(test.expr, first, second, origin=origin))  # type: ignore[arg-type]

    def _lower_else(self, orelse: cst.If | cst.Else) -> None:
        if isinstance(orelse, cst.If):
            self.lower_compound(orelse)
        else:
            self.lower_body(orelse.body)


def _dynamic_leaves(value: Value) -> Iterator[Dynamic]:
    if isinstance(value, Dynamic):
        yield value
    elif isinstance(value, Sequence_):
        for item in value.items:
            yield from _dynamic_leaves(item)


def _parameters(node: cst.FunctionDef | cst.Lambda) -> list[cst.Param]:
    p = node.params
    stars = [s for s in (p.star_arg, p.star_kwarg) if isinstance(s, cst.Param)]
    return [*p.posonly_params, *p.params, *p.kwonly_params, *stars]


def _keyword(node: cst.CSTNode) -> str:
    return {"If": "if", "While": "while", "For": "for"}[type(node).__name__]


def _merge(a: Structure | Leaf, b: Structure | Leaf) -> Structure | Leaf | None:
    """The structure of two returns; None if they differ."""
    if isinstance(a, Leaf) and isinstance(b, Leaf):
        kind = join(a.dtype, b.dtype)
        if a.shape != b.shape or a.is_array != b.is_array or kind is None:
            return None
        return replace(a, dtype=kind)
    if isinstance(a, Structure) and isinstance(b, Structure):
        if len(a.items) != len(b.items) or a.record != b.record:
            return None
        items = [_merge(x, y) for x, y in zip(a.items, b.items)]
        if any(i is None for i in items):
            return None
        return replace(a, items=tuple(i for i in items if i is not None))
    return None


def _describe_structure(s: Structure | Leaf) -> str:
    if isinstance(s, Leaf):
        return f"an array of shape {s.shape}" if s.is_array else f"a {s.dtype.kind}"
    if s.record == "None":
        return "nothing"
    return f"a tuple of {len(s.items)}"


class _Yields(Walker):
    def __init__(self) -> None:
        self.found: cst.CSTNode | None = None

    def visit_Yield(self, node: cst.Yield) -> None:
        self.found = self.found or node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return False


def import_line(name: str, found: object) -> str | None:
    """How the emitted module imports what the user calls `name`."""
    if isinstance(found, ModuleType):
        module = found.__name__
        if module not in ("math", "cmath", "numpy", "numpy.linalg"):
            return None
        return f"import {module}" if module == name else f"import {module} as {name}"
    from .calls import qualified_name

    qualified = qualified_name(found)
    if qualified is None:
        return None
    module, _, short = qualified.rpartition(".")
    if module not in ("math", "cmath", "numpy", "numpy.linalg"):
        return None
    return f"from {module} import {short}" if short == name else f"from {module} import {short} as {name}"
