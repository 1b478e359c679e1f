"""Parsed files: where their definitions stand, and the code that these compile to."""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import linecache
import os
import threading
import tokenize
import types
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from srcdiff.errors import SourceError

from ..depth import TOO_DEEP
from .unwrap import quoted

__all__ = ["EDITED", "Definition", "File", "characters", "cut", "load", "lock", "nested", "parse", "without_warnings"]


def load(function: types.FunctionType, shown: str) -> File:
    path = function.__code__.co_filename
    try:
        if os.path.isfile(path):
            with open(path, "rb") as stream:
                return parse(stream.read())
        # Notebooks, doctests, modules in zip files, and whoever registers generated code.
        lines = linecache.getlines(path, function.__globals__) or _registered(function.__code__)
        if lines:
            return parse("".join(lines).encode("utf-8", "surrogatepass"), "utf-8")
    except OSError as error:
        raise SourceError(f"{shown}, the file of {quoted(function)}, cannot be read: {error.strerror}") from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SourceError(f"{shown}, the file of {quoted(function)}, cannot be parsed: {error}", hint=EDITED) from error
    if path.startswith("<"):
        raise SourceError(
            f"{quoted(function)} was defined in {shown}, of which no source is kept",
            hint="Put it into a file or a notebook cell. Code that is generated can be registered in `linecache`.",
        )
    raise SourceError(
        f"{shown}, the file of {quoted(function)}, is missing",
        hint="srcdiff reads the source: compiled .pyc files alone are not enough.",
    )


def _registered(code: types.CodeType) -> Sequence[str]:
    """Lines that Python 3.13 and later keep for code typed at the prompt or given by `-c`."""
    lookup = getattr(linecache, "_getlines_from_code", None)
    return lookup(code) or () if lookup else ()


EDITED = (
    "The file was edited after it was imported, or an import hook rewrote the code. "
    "Import it again (or run the cell again); without the hook if there is one."
)

# One thread at a time: parsed files are shared, and `warnings.catch_warnings` changes the state of the process.
_lock = threading.RLock()


def lock() -> threading.RLock:
    """What is held while files are looked up."""
    return _lock


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()
    parse.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """The import of the file has already given its warnings, about invalid escapes for one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@functools.lru_cache(maxsize=8)
def parse(data: bytes, encoding: str = "") -> File:
    if not encoding:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    # Lines as the tokenizer counts them: not at form feeds, which str.splitlines would take too.
    text = data.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict")
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    with without_warnings():
        tree = ast.parse(text)
    return File(tuple(text.removesuffix("\n").split("\n")), tree.body)


@dataclass(frozen=True, eq=False)
class Definition:
    """A `def` or `lambda`; `code_line` is where its code starts (its first decorator), `owner` the class around it."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    name: str
    code_line: int
    owner: str
    statement: int

    @property
    def body(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Where the expression of a lambda starts and ends; columns in UTF-8 bytes, as in code objects."""
        assert isinstance(self.node, ast.Lambda)
        body = self.node.body
        return (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)


_WHOLE = -1  # in place of the index of a statement: all of them


@dataclass(eq=False)
class File:
    """A parsed file. Definitions and code are listed for one statement of the module at a time, when asked for."""

    lines: Sequence[str]
    body: Sequence[ast.stmt]
    _definitions: dict[int, list[Definition]] = field(default_factory=dict)
    _codes: dict[tuple[int, int, int, Definition | None], list[types.CodeType]] = field(default_factory=dict)
    located: dict[int, tuple[types.CodeType, Definition]] = field(default_factory=dict)
    """The definitions of code objects, by identity: a function is looked up again for every call of it."""
    segments: dict[Definition, Any] = field(default_factory=dict)
    """What libcst has parsed of it."""

    @cached_property
    def _extents(self) -> list[tuple[int, int]]:
        return [(_code_line(statement), statement.end_lineno or 0) for statement in self.body]

    def definitions(self, name: str, line: int | None = None) -> list[Definition]:
        """Those whose code has this name, and starts on this line if one is given."""
        found = []
        for index, (first, last) in enumerate(self._extents):
            if line is None or first <= line <= last:
                if index not in self._definitions:
                    self._definitions[index] = list(_walk(self.body[index], index))
                found += [each for each in self._definitions[index] if each.name == name]
        return [each for each in found if line is None or each.code_line == line]

    def text(self, definition: Definition) -> str:
        """From `def` or `lambda` to the end, as it stands in the file."""
        return cut(self.lines, *self.place(definition))

    def place(self, definition: Definition) -> tuple[int, int, int, int]:
        """Line, column, end line and end column; columns in characters."""
        node = definition.node
        line, end_line = node.lineno, node.end_lineno or node.lineno
        column = characters(self.lines[line - 1], node.col_offset)
        return line, column, end_line, characters(self.lines[end_line - 1], node.end_col_offset or 0)

    def codes(
        self, definition: Definition, flags: int, optimize: int = -1, whole: bool = False
    ) -> list[types.CodeType]:
        """The code objects that the definition compiles to: several if it stands in a `finally`."""
        name, line = definition.name, definition.code_line
        statement = _WHOLE if whole else definition.statement
        if len(self.definitions(name, line)) == 1:
            return [code for code in self._compiled(statement, flags, optimize) if _starts(code, name, line)]
        # Several lambdas on the line. The first code on the line that this one is moved to is its own, before those
        # of lambdas inside it. Columns would not do: Python 3.12 has none for a constant, `-X no_debug_ranges` at all.
        below = len(self.lines)
        with _moved(definition.node, below):
            codes = self._compiled(statement, flags, optimize, definition)
        return [code for code in codes if _starts(code, name, line + below)][:1]

    def _compiled(
        self, statement: int, flags: int, optimize: int, moved: Definition | None = None
    ) -> list[types.CodeType]:
        key = statement, flags, optimize, moved
        if key not in self._codes:
            self._codes[key] = self._compile(statement, flags, optimize)
        return self._codes[key]

    @cached_property
    def _imports(self) -> list[ast.stmt]:
        """A statement that imports what the module does: calls of its attributes compile to other bytecode."""
        names: set[str] = set()
        pending: list[ast.AST] = list(self.body)
        for node in pending:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
                pending += ast.iter_child_nodes(node)
        names.discard("*")
        return ast.parse("import " + ", ".join(sorted(names))).body if names else []

    def _compile(self, statement: int, flags: int, optimize: int) -> list[types.CodeType]:
        # Cells of a notebook may hold an `await` outside of functions.
        module = ast.Module(list(self.body), [])
        if statement != _WHOLE:
            module.body = [*self._imports, self.body[statement]]
        try:
            with without_warnings():
                code = compile(
                    module,
                    "<source>",
                    "exec",
                    flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
                    dont_inherit=True,
                    optimize=optimize,
                )
        except RecursionError:
            raise SourceError(
                f"the statement at line {self.body[statement].lineno} is nested too deeply to be read", hint=TOO_DEEP
            ) from None
        except (SyntaxError, ValueError, MemoryError):
            return []
        return list(nested(code))


def _starts(code: types.CodeType, name: str, line: int) -> bool:
    return code.co_name == name and code.co_firstlineno == line


@contextlib.contextmanager
def _moved(node: ast.AST, below: int) -> Iterator[None]:
    """A lambda some lines further down, for as long as it is compiled; its defaults stay, as they are not its code."""
    assert isinstance(node, ast.Lambda)

    def move(lines: int) -> None:
        node.lineno, node.end_lineno = node.lineno + lines, (node.end_lineno or node.lineno) + lines
        ast.increment_lineno(node.body, lines)

    move(below)
    try:
        yield
    finally:
        move(-below)


def _code_line(node: ast.stmt) -> int:
    """Where the code of a definition starts: at its first decorator."""
    return min([node.lineno, *(int(each.lineno) for each in getattr(node, "decorator_list", ()))])


def _walk(statement: ast.stmt, index: int) -> Iterator[Definition]:
    pending: list[tuple[ast.AST, str]] = [(statement, "")]
    for node, owner in pending:  # not by recursion: long sums are deep
        if isinstance(node, ast.Lambda):
            yield Definition(node, "<lambda>", node.lineno, owner, index)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Definition(node, node.name, _code_line(node), owner, index)
        elif isinstance(node, ast.ClassDef):
            owner = node.name
        pending += [(child, owner) for child in ast.iter_child_nodes(node)]


def nested(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from nested(constant)


def characters(line: str, column: int) -> int:
    """A column in UTF-8 bytes, as `ast` counts, in characters."""
    return column if line.isascii() else len(line.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "replace"))


def cut(lines: Sequence[str], line: int, column: int, end_line: int, end_column: int) -> str:
    if line == end_line:
        return lines[line - 1][column:end_column]
    return "\n".join([lines[line - 1][column:], *lines[line : end_line - 1], lines[end_line - 1][:end_column]])
