"""A function's own source: found by the positions of its code, checked against the code that runs.

The file is parsed as a whole by `ast`, the definition is looked up by name and line, and the definition is
compiled again: only text whose bytecode, constants and names are those of the running function is accepted. What
that cannot see is what a function object keeps elsewhere: defaults, annotations and comments. Only the definition
itself is then parsed by libcst, which is the slow part.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..depth import TOO_DEEP, deep
from ..errors import Location, UnsupportedSyntax
from .files import cut, load, lock
from .locate import locate
from .positions import Segment
from .unwrap import bind, unwrap

if TYPE_CHECKING:
    import libcst as cst

__all__ = ["Source", "find_source"]


@dataclass(frozen=True, eq=False)
class Source:
    """A function, its text, and the way from the nodes of its syntax tree back to the user's file.

    `node` is the definition without its decorators. `bound` holds the parameters that are already fixed: by
    `functools.partial`, or as the `self` of a bound method.
    """

    function: types.FunctionType
    name: str
    filename: str
    path: str
    first_line: int
    last_line: int
    lines: Sequence[str] = field(repr=False)
    node: cst.FunctionDef | cst.Lambda = field(repr=False)
    bound: Mapping[str, object]
    _segment: Segment = field(repr=False)

    @property
    def text(self) -> str:
        """The definition's own text, decorators left out and indentation removed (but never inside a string)."""
        return self._segment.text

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()

    def position(self, node: cst.CSTNode) -> tuple[int, int, int, int]:
        """(line, column, end line, end column) in the file: lines from 1, columns in characters from 0.

        Parentheses around an expression are not part of it, as in libcst. A node of another tree is a KeyError.
        """
        start, end = self._segment.spans[node]
        return *self._segment.origin(start), *self._segment.origin(end)

    def location(self, node: cst.CSTNode) -> Location:
        line, column, end_line, end_column = self.position(node)
        text = self.lines[line - 1]
        if end_line > line:
            end_column = len(text.rstrip())
        return Location(self.filename, line, column + 1, max(1, end_column - column), text)

    @contextlib.contextmanager
    def deep(self) -> Iterator[None]:
        """Room for deeply nested expressions; UnsupportedSyntax for those that are nested more deeply still."""
        try:
            with deep():
                yield
        except RecursionError:
            raise UnsupportedSyntax(
                f"{self.name} has expressions or blocks that are nested too deeply",
                hint=TOO_DEEP,
                location=Location(self.filename, self.first_line, 1, 1, self.lines[self.first_line - 1]),
            ) from None

    def code(self, node: cst.CSTNode) -> str:
        """The node as the user wrote it."""
        return cut(self.lines, *self.position(node))

    def resolve(self, name: str) -> object:
        """What a free name of the function means now: closure, then globals, then builtins; KeyError if nothing."""
        name = _mangle(name, self._segment.owner)
        free = self.function.__code__.co_freevars
        if name in free:
            assert self.function.__closure__ is not None
            try:
                return self.function.__closure__[free.index(name)].cell_contents
            except ValueError:
                raise KeyError(name) from None
        function: Any = self.function
        for names in (function.__globals__, function.__builtins__):
            if name in names:
                return names[name]
        raise KeyError(name)


def find_source(function: object) -> Source:
    """The source of a function, a lambda, a method, a partial or an `@njit` function; SourceError if there is none."""
    plain, args, keywords = unwrap(function)
    bound = bind(plain, args, keywords)
    path = plain.__code__.co_filename
    shown = path if path.startswith("<") else os.path.basename(path)
    with lock(), deep():
        file = load(plain, shown)
        code = plain.__code__
        if id(code) not in file.located:
            file.located[id(code)] = code, locate(plain, file, shown)
        definition = file.located[id(code)][1]
        segment = file.segments.get(definition)
        if segment is None:
            segment = file.segments[definition] = Segment.parse(file, definition, shown)
        first, _, last, _ = file.place(definition)
    return Source(plain, plain.__name__, shown, path, first, last, file.lines, segment.node, bound, segment)


def _mangle(name: str, owner: str) -> str:
    """A private name as methods of the class `owner` see it."""
    owner = owner.lstrip("_")
    return f"_{owner}{name}" if owner and name.startswith("__") and not name.endswith("__") else name
