"""The part of a file that libcst parses, and the way from its nodes back to lines and columns of the file."""

from __future__ import annotations

import ast
import contextlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from srcdiff.errors import SourceError

from ..depth import TOO_DEEP, deep
from .files import Definition, File, without_warnings

if TYPE_CHECKING:
    import libcst as cst

__all__ = ["Segment"]

Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Segment:
    """The part of the file that libcst parses: `content` is what stands at (`line`, `column`), after an `opening`."""

    content: str
    module: cst.Module
    node: cst.FunctionDef | cst.Lambda
    opening: str
    line: int
    column: int
    indent: str
    owner: str

    @classmethod
    def parse(cls, file: File, definition: Definition, shown: str) -> Segment:
        import libcst as cst

        node = definition.node
        line, column, end_line, _ = file.place(definition)
        if isinstance(node, ast.Lambda):
            text = file.text(definition)
            # In brackets, so that it may span lines. In an f-string, Python 3.11 does not know where a lambda stands.
            opening, closing, indent = "[", "]\n", ""
            if not _reads_as(text, node):
                raise SourceError(f"the place of a lambda in {shown}, line {line}, is not known", hint="Use a `def`.")
        else:
            # A page break ends the indentation before it. `if True:` takes any indentation as it is; dedenting
            # would break strings that continue at the left margin.
            indent = file.lines[line - 1][:column].rpartition("\f")[2]
            column -= len(indent)
            text = "\n".join([file.lines[line - 1][column:], *file.lines[line:end_line]])
            opening, closing = ("if True:\n" if indent else ""), "\n"
        content = opening + text + closing
        try:
            module = cst.parse_module(content)
        except (cst.ParserSyntaxError, RecursionError) as error:
            raise SourceError(f"libcst cannot parse line {line} of {shown}, or what follows: {error}") from error
        found: Any = module
        while not isinstance(found, cst.FunctionDef | cst.Lambda):
            # The module, `if True:`, the list in brackets: each holds one thing.
            found = found.value if isinstance(found, cst.Expr | cst.Element) else _only(found)
        return cls(content, module, found, opening, line, column, indent, definition.owner)

    @cached_property
    def spans(self) -> Mapping[cst.CSTNode, Span]:
        try:
            with deep():
                return _spans(self.module)
        except RecursionError:
            raise SourceError(
                f"the function at line {self.line} has expressions or blocks that are nested too deeply",
                hint=TOO_DEEP,
            ) from None

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.content.split("\n"):
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def origin(self, offset: int) -> tuple[int, int]:
        """Line and column in the file of a place in the module."""
        index = bisect_right(self._starts, offset) - 1
        first = self.opening.count("\n")
        column = offset - self._starts[index]
        if index == first:
            column += self.column - (len(self.opening) if first == 0 else 0)
        return self.line + index - first, column

    @cached_property
    def text(self) -> str:
        import libcst as cst

        if isinstance(self.node, cst.Lambda):
            return self.content[len(self.opening) : -len("]\n")]
        lines = self.content[len(self.opening) :].removesuffix("\n").split("\n")
        kept: set[int] = set()
        if self.indent and any(mark in self.content for mark in ('"""', "'''", "\\\n")):
            for node, (start, end) in self.spans.items():
                if isinstance(node, cst.BaseString) and not isinstance(node, cst.ConcatenatedString):
                    kept.update(range(self.origin(start)[0] - self.line + 1, self.origin(end)[0] - self.line + 1))
        return "\n".join(line if index in kept else line.removeprefix(self.indent) for index, line in enumerate(lines))


def _only(node: cst.CSTNode) -> object:
    import libcst as cst

    inner: Any = node.elements if isinstance(node, cst.List) else node.body  # type: ignore[attr-defined]
    return inner[0] if isinstance(inner, Sequence) else inner


def _reads_as(text: str, node: ast.Lambda) -> bool:
    try:
        with without_warnings():
            tree = ast.parse(f"[{text}]", mode="eval").body
    except SyntaxError:
        return False
    return isinstance(tree, ast.List) and len(tree.elts) == 1 and ast.dump(tree.elts[0]) == ast.dump(node)


def _spans(module: cst.Module) -> Mapping[cst.CSTNode, Span]:
    """Start and end of every node in the text of a module, as libcst's PositionProvider has them.

    That provider counts lines token by token and takes a third longer than parsing; counting characters only is four
    times faster.
    """
    from libcst._nodes.internal import CodegenState

    spans: dict[cst.CSTNode, Span] = {}

    class Spans(CodegenState):
        offset = 0

        def add_indent_tokens(self) -> None:
            self.offset += sum(map(len, self.indent_tokens))

        def add_token(self, value: str) -> None:
            self.offset += len(value)

        def before_codegen(self, node: cst.CSTNode) -> None:
            starts.append(self.offset)

        def after_codegen(self, node: cst.CSTNode) -> None:
            start = starts.pop()
            if node not in spans:
                spans[node] = start, self.offset

        def record_syntactic_position(  # type: ignore[override]
            self,
            node: cst.CSTNode,
            *,
            start_node: cst.CSTNode | None = None,
            end_node: cst.CSTNode | None = None,
        ) -> contextlib.AbstractContextManager[None]:
            return Record(self, node, start_node, end_node)

    class Record(contextlib.AbstractContextManager[None]):
        def __init__(self, state: Spans, node: cst.CSTNode, first: cst.CSTNode | None, last: cst.CSTNode | None):
            self.state, self.node, self.first, self.last = state, node, first, last

        def __enter__(self) -> None:
            self.start = self.state.offset

        def __exit__(self, *_: object) -> None:
            start = self.start if self.first is None else spans[self.first][0]
            spans[self.node] = start, self.state.offset if self.last is None else spans[self.last][1]

    starts: list[int] = []
    module._codegen(Spans(module.default_indent, module.default_newline))
    return spans
