"""Functions and modules as text: the user's own statements where they are unchanged, derivatives above them."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ..analyses.liveness import reads
from ..ir.expr import Const, Element, Expr, Load, Logic, Op, Var
from ..ir.statements import (
    Allocate,
    ArrayCall,
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
    Origin,
    Raise,
    Rebind,
    Return,
    Statement,
    Store,
    StoreMany,
    While,
)
from .arrays import allocate_text, array_call_text, rebind_text
from .printer import expression, helper_name

__all__ = ["WIDTH", "fill", "function_text", "module_text"]

WIDTH = 100
"""Generated lines are kept within this many columns where an expression can be broken."""


def function_text(name: str, parameters: Sequence[str], body: Block, doc: str = "", *, checked: bool = True) -> str:
    """One function. Without checks nothing in it raises that did not raise in the user's, not even an unpacking."""
    writer = _Writer(checked)
    writer.block(body, 1)
    if len(writer.lines) > 1 and writer.lines[-1] == "    return":
        writer.lines.pop()
    lines = writer.lines
    if all(line.lstrip().startswith("#") for line in lines):
        lines.append("    pass")
    head = [f"def {name}({', '.join(parameters)}):"]
    if len(head[0]) > WIDTH:
        head = [f"def {name}(", *(f"    {line}" for line in fill(parameters, WIDTH - 4)), "):"]
    if doc:
        head.append(f'    """{doc}"""')
    return "\n".join([*head, *lines]) + "\n"


def module_text(
    header: str,
    functions: Iterable[str],
    imports: Mapping[str, str],
    constants: Mapping[str, str],
    definitions: Mapping[str, str],
    support: Iterable[str],
) -> str:
    """A complete module: only what its functions use is imported and defined."""
    bodies = list(functions)
    used = set(re.findall(r"[^\W\d]\w*", "\n".join([*bodies, *constants.values(), *support])))
    lines = [imports[name] for name in imports if name in used]
    for name, line in (("math", "import math"), ("cmath", "import cmath"), ("np", "import numpy as np")):
        if name in used and name not in imports:
            lines.append(line)
    ordered = sorted(set(lines), key=lambda line: (line.startswith("from"), line))
    if any("namedtuple(" in d for name, d in definitions.items() if name in used):
        ordered.insert(0, "from collections import namedtuple\n")
    parts = [f'"""{header}"""', "\n".join(ordered)] if ordered else [f'"""{header}"""']
    named = [f"{name} = {text}" for name, text in constants.items() if name in used]
    if named:
        parts.append("\n".join(named))
    defined = [text for name, text in definitions.items() if name in used]
    if defined:
        parts.append("\n".join(defined))
    return "\n\n".join(parts) + "\n" + "".join(f"\n\n{text}" for text in [*support, *bodies])


@functools.lru_cache(maxsize=4096)
def _normal(text: str) -> str | None:
    """A statement's syntax tree without positions; annotated assignments count as plain ones."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    for i, node in enumerate(tree.body):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            tree.body[i] = ast.Assign([node.target], node.value, lineno=1)
    return ast.dump(tree)


class _Writer:
    def __init__(self, checked: bool) -> None:
        self.lines: list[str] = []
        self.checked = checked
        self.shown: Origin | None = None
        """The user's statement that was shown last: what else it became needs no comment."""

    def line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    # -- blocks -----------------------------------------------------------------------------------------------------

    def block(self, block: Block, depth: int) -> None:
        position = 0
        while position < len(block):
            s = block[position]
            end = position + 1
            if s.origin is not None and isinstance(s, (*_SIMPLE, Return)):
                for following in block[end:]:
                    if following.origin is not s.origin or not isinstance(following, (*_SIMPLE, For, If)):
                        break
                    end += 1
                self._group(block[position:end], s.origin, depth)
            else:
                self._statement(s, depth)
            position = end

    def _suite(self, block: Block, depth: int) -> None:
        before = len(self.lines)
        self.block(block, depth)
        if not any(not line.lstrip().startswith("#") for line in self.lines[before:]):
            self.line(depth, "pass")

    def _group(self, group: Sequence[Statement], origin: Origin, depth: int) -> None:
        """The statements that one statement of the user became."""
        if origin is self.shown:
            for s in group:
                self._statement(replace(s, origin=None), depth)
            return
        self.shown = origin
        for comment in origin.above:
            self.line(depth, comment)
        tag = f"# L{origin.line}" + (f" {origin.comment.lstrip('# ')}" if origin.comment else "")
        if len(group) == 1:
            verbatim = self._verbatim(group[0], origin)
            if verbatim is not None:
                first, *rest = verbatim.split("\n")
                for i, text in enumerate([first, *rest]):
                    self.line(depth, f"{text}  {tag}" if i == len(rest) else text)
                return
        summary = " ".join(origin.text.split())
        if len(summary) > 80:
            summary = summary[:77] + "..."
        self.line(depth, f"# L{origin.line}: {summary}" + (f"  {origin.comment}" if origin.comment else ""))
        for s in group:
            self._statement(replace(s, origin=None) if isinstance(s, (For, If)) else s, depth)

    def _verbatim(self, s: Statement, origin: Origin) -> str | None:
        """The user's text, if it means exactly this statement."""
        wanted = _normal(origin.text)
        if wanted is None:
            return None
        for candidate in _candidates(s):
            if _normal(candidate) == wanted:
                return origin.text
        return origin.text if self.checked and isinstance(s, Assign) and _unpacks(s, origin.text) else None

    # -- statements -------------------------------------------------------------------------------------------------

    def _statement(self, s: Statement, depth: int) -> None:
        if isinstance(s, Assign):
            self._assign(s, depth)
        elif isinstance(s, CallHelper):
            targets = ", ".join(t.name for t in s.targets)
            args = ", ".join(expression(a, 1) for a in s.args)
            if targets:
                self._wrapped_call(depth, targets, helper_name(s.helper), args)
            else:
                self.line(depth, f"{helper_name(s.helper)}({args})")
        elif isinstance(s, Allocate):
            self.line(depth, allocate_text(s))
        elif isinstance(s, Rebind):
            self.line(depth, rebind_text(s))
        elif isinstance(s, ArrayCall):
            self.line(depth, array_call_text(s))
        elif isinstance(s, Store):
            place = f"{s.array}[{_index(s.index)}]"
            first = s.value.args[0] if isinstance(s.value, Op) and len(s.value.args) == 2 else None
            if isinstance(first, Element) and (first.array, first.index) == (s.array, s.index):
                assert isinstance(s.value, Op)
                self._long(depth, f"{place} {s.value.op}= ", s.value.args[1])
            else:
                self._long(depth, f"{place} = ", s.value)
        elif isinstance(s, StoreMany):
            self._store_many(s, depth)
        elif isinstance(s, Return):
            self._return(s, depth)
        elif isinstance(s, If):
            self._if(s, depth, "if")
        elif isinstance(s, For):
            self._for(s, depth)
        elif isinstance(s, While):
            self._header(depth, f"while {expression(s.test)}:", s.origin)
            self._suite(s.body, depth + 1)
            self._else(s.orelse, depth)
        elif isinstance(s, Break):
            self.line(depth, "break")
        elif isinstance(s, Continue):
            self.line(depth, "continue")
        elif isinstance(s, Raise):
            self.line(depth, f"raise {s.text}")
        elif isinstance(s, Assert):
            self.line(depth, f"assert {expression(s.test, 2)}" + (f", {s.message}" if s.message else ""))
        elif isinstance(s, (Comment, Line)):
            self.line(depth, s.text)

    def _return(self, s: Return, depth: int) -> None:
        if s.tail is None:
            text = ", ".join(expression(v, 1) for v in s.values)
        else:
            text = s.tail.format(*(expression(v, 1) for v in s.values))
        if text == "None" and s.origin is not None:
            text = ""
        if len(text) + 4 * depth + 7 <= WIDTH:
            self.line(depth, f"return {text}".rstrip())
            return
        parts = _split_commas(text)
        if len(parts) == 1 and re.match(r"[\w.]*\(", text) and _closes(text, text.index("(")):
            start = text.index("(") + 1
            self.line(depth, f"return {text[:start]}")
            self._items(_split_commas(text[start:-1]), depth + 1)
            self.line(depth, ")")
        elif len(parts) > 1:
            self.line(depth, "return (")
            self._items(parts, depth + 1)
            self.line(depth, ")")
        else:
            self.line(depth, f"return {text}")

    def _items(self, parts: Sequence[str], depth: int) -> None:
        """One item a line, broken further where it is a call or tuple that is too long."""
        if all(len(part) < 30 for part in parts):
            for chunk in fill(parts, WIDTH - 4 * depth):
                self.line(depth, chunk)
            return
        for part in parts:
            if len(part) + 4 * depth + 1 > WIDTH and part.endswith(")") and re.match(r"[\w.]*\(", part):
                start = part.index("(") + 1
                inner = _split_commas(part[start:-1])
                if len(inner) > 1 and _closes(part, start - 1):
                    self.line(depth, part[:start])
                    self._items(inner, depth + 1)
                    self.line(depth, "),")
                    continue
            self.line(depth, f"{part},")

    def _wrapped_call(self, depth: int, targets: str, name: str, args: str) -> None:
        text = f"{targets} = {name}({args})"
        if len(text) + 4 * depth <= WIDTH:
            self.line(depth, text)
            return
        if len(targets) > 60:
            self.line(depth, "(")
            for chunk in fill(_split_commas(targets.rstrip(",")), WIDTH - 4 * depth - 4):
                self.line(depth + 1, chunk)
            self.line(depth, f") = {name}(")
        else:
            self.line(depth, f"{targets} = {name}(")
        for chunk in fill(_split_commas(args), WIDTH - 4 * depth - 4):
            self.line(depth + 1, chunk)
        self.line(depth, ")")

    def _assign(self, s: Assign, depth: int) -> None:
        if len(s.targets) == 1:
            self._long(depth, f"{s.targets[0].name} = ", s.values[0])
            return
        order = _sequential(s.targets, s.values)
        if s.origin is None and all(isinstance(v, Const) for v in s.values):
            self._constants(s, depth)
            return
        names = ", ".join(t.name for t in s.targets)
        values = ", ".join(expression(v, 1) for v in s.values)
        simple = all(isinstance(v, (Const, Load, Var)) for v in s.values)
        if order is None or simple:
            self._tuple(depth, names, values)
            return
        for i in order:
            self._long(depth, f"{s.targets[i].name} = ", s.values[i])

    def _constants(self, s: Assign, depth: int) -> None:
        """Tangents at the start of a loop: one line for each variable's."""
        rows: dict[str, list[int]] = {}
        for i, t in enumerate(s.targets):
            rows.setdefault(t.name.rpartition("_d")[0] or t.name, []).append(i)
        for row in rows.values():
            names = ", ".join(s.targets[i].name for i in row)
            self._tuple(depth, names, ", ".join(expression(s.values[i], 1) for i in row))

    def _tuple(self, depth: int, names: str, values: str) -> None:
        text = f"{names} = {values}"
        if len(text) + 4 * depth <= WIDTH:
            self.line(depth, text)
            return
        self.line(depth, "(")
        for chunk in fill(_split_commas(names), WIDTH - 4 * depth - 4):
            self.line(depth + 1, chunk)
        self.line(depth, ") = (")
        for chunk in fill(_split_commas(values), WIDTH - 4 * depth - 4):
            self.line(depth + 1, chunk)
        self.line(depth, ")")

    def _long(self, depth: int, start: str, value: Expr) -> None:
        """`start` and an expression, broken at its sums where it is too long."""
        text = expression(value)
        if len(start) + len(text) + 4 * depth <= WIDTH:
            self.line(depth, start + text)
            return
        if isinstance(value, Op) and value.op == "neg" and isinstance(value.args[0], Op) and value.args[0].op in "+-":
            self._sum(depth, f"{start}-(", value.args[0], ")")
            return
        if isinstance(value, Op) and value.op in ("*", "/"):
            left, right = value.args
            if isinstance(left, Op) and left.op in "+-" and len(left.args) == 2:
                self._sum(depth, f"{start}(", left, f") {value.op} {expression(right, 12)}")
                return
            if isinstance(right, Op) and right.op in "+-" and len(right.args) == 2:
                self._sum(depth, f"{start}{expression(left, 11)} {value.op} (", right, ")")
                return
        if isinstance(value, Op) and value.op in "+-" and len(value.args) == 2:
            self._sum(depth, f"{start}(", value, ")")
            return
        self.line(depth, start + text)

    def _sum(self, depth: int, start: str, value: Expr, end: str) -> None:
        """A sum, one term a line."""
        self.line(depth, start)
        for i, chunk in enumerate(_terms(value)):
            self.line(depth + 1, chunk if i else chunk.removeprefix("+ "))
        self.line(depth, end)

    def _store_many(self, s: StoreMany, depth: int) -> None:
        """Many entries through a tuple and one loop."""
        entries, first, second = s.names
        self.line(depth, f"{entries} = (")
        for chunk in fill([expression(v, 1) for v in s.values], WIDTH - 4 * depth - 4):
            self.line(depth + 1, chunk)
        self.line(depth, ")")
        if len(s.shape) == 2 and len(s.values) == s.shape[0] * s.shape[1]:
            self.line(depth, f"for {first} in range({s.shape[0]}):")
            self.line(depth + 1, f"for {second} in range({s.shape[1]}):")
            self.line(depth + 2, f"{s.array}[{first}, {second}] = {entries}[{s.shape[1]} * {first} + {second}]")
            return
        self.line(depth, f"{first} = (")
        for chunk in fill([str(p) for p in s.places], WIDTH - 4 * depth - 4):
            self.line(depth + 1, chunk)
        self.line(depth, ")")
        self.line(depth, f"for {second} in range({len(s.values)}):")
        place = f"{first}[{second}]"
        if len(s.shape) == 2:
            n = s.shape[1]
            self.line(depth + 1, f"{s.array}[{place} // {n}, {place} % {n}] = {entries}[{second}]")
        else:
            self.line(depth + 1, f"{s.array}.flat[{place}] = {entries}[{second}]")

    # -- control ----------------------------------------------------------------------------------------------------

    def _header(self, depth: int, text: str, origin: Origin | None) -> None:
        if origin is None or origin is self.shown:
            self.line(depth, text)
            return
        self.shown = origin
        for comment in origin.above:
            self.line(depth, comment)
        comment = f" {origin.comment.lstrip('# ')}" if origin.comment else ""
        keyword = text.partition(" ")[0]
        user = origin.text
        rendered = text.removesuffix(":")
        same = _normal(f"{rendered.replace('elif', 'if', 1)}:\n    pass") == _normal(f"{user}:\n    pass")
        if same and "\n" not in user:
            self.line(depth, f"{keyword} {user.partition(' ')[2]}:  # L{origin.line}{comment}")
        else:
            self.line(depth, f"{text}  # L{origin.line}: {' '.join(user.split())}{comment}")

    def _if(self, s: If, depth: int, keyword: str) -> None:
        body, orelse, test = s.body, s.orelse, s.test
        text = f"{keyword} {expression(test)}:"
        if s.origin is None and len(text) + 4 * depth > WIDTH and isinstance(test, Logic) and test.op == "or":
            self.line(depth, f"{keyword} (")
            for n, part in enumerate(test.args):
                self.line(depth + 1, f"{'or ' if n else ''}{expression(part, 2)}")
            self.line(depth, "):")
        else:
            self._header(depth, text, s.origin)
        self._suite(body, depth + 1)
        if len(orelse) == 1 and isinstance(orelse[0], If):
            self._if(orelse[0], depth, "elif")
        else:
            self._else(orelse, depth)

    def _else(self, orelse: Block, depth: int) -> None:
        if any(not isinstance(s, Comment) for s in orelse):
            self.line(depth, "else:")
            self._suite(orelse, depth + 1)

    def _for(self, s: For, depth: int) -> None:
        if s.iterable == "once":
            self.line(depth, f"for {s.target.name} in range(1):  # left by break")
        else:
            bounds = ", ".join(expression(b, 1) for b in s.bounds)
            self._header(depth, f"for {s.target.name} in range({bounds}):", s.origin)
        self._suite(s.body, depth + 1)
        self._else(s.orelse, depth)


_SIMPLE = (Assign, CallHelper, Store, Allocate, Rebind, ArrayCall)


def _candidates(s: Statement) -> list[str]:
    """Texts that would mean the same as the statement: plain, augmented, chained, unpacked."""
    if isinstance(s, Allocate):
        return [allocate_text(s), allocate_text(s, plain=True)]
    if isinstance(s, Rebind):
        return [rebind_text(s)]
    if isinstance(s, ArrayCall):
        return [array_call_text(s)]
    if isinstance(s, CallHelper):
        targets = ", ".join(t.name for t in s.targets)
        call = f"{helper_name(s.helper)}({', '.join(expression(a, 1, exact=True) for a in s.args)})"
        return [f"{targets} = {call}"] if targets else [call]
    if isinstance(s, Store):
        place = f"{s.array}[{_index(s.index)}]"
        texts = [f"{place} = {expression(s.value, 1, exact=True)}"]
        if isinstance(s.value, Op) and len(s.value.args) == 2:
            left, right = s.value.args
            if isinstance(left, Load) and left.array == s.array and left.index == s.index:
                texts.append(f"{place} {s.value.op}= {expression(right, exact=True)}")
        return texts
    if isinstance(s, Return):
        values = ", ".join(expression(v, 1, exact=True) for v in s.values)
        return [f"return {values}"] if s.tail is None else [
            f"return {s.tail.format(*(expression(v, 1, exact=True) for v in s.values))}"
        ]
    if not isinstance(s, Assign):
        return []
    names = ", ".join(t.name for t in s.targets)
    values = ", ".join(expression(v, 1, exact=True) for v in s.values)
    found = [f"{names} = {values}"]
    first = s.values[0]
    if len(s.targets) == 1 and isinstance(first, Op) and len(first.args) == 2:
        left = first.args[0]
        if isinstance(left, Var) and left.name == names:
            found.append(f"{names} {first.op}= {expression(first.args[1], exact=True)}")
    if len(s.targets) > 1 and all(v is first for v in s.values):
        found.append(f"{' = '.join(t.name for t in s.targets)} = {expression(first, exact=True)}")
    return found


def _unpacks(s: Assign, text: str) -> bool:
    """Whether a statement takes an array apart into names, of which the user's text may have more: `_, b, _ = y`."""
    tree = ast.parse(text).body[0]
    if not isinstance(tree, ast.Assign) or len(tree.targets) != 1 or not isinstance(tree.value, ast.Name):
        return False
    target = tree.targets[0]
    if not isinstance(target, ast.Tuple) or not all(isinstance(e, ast.Name) for e in target.elts):
        return False
    places = {e.id: i for i, e in enumerate(target.elts)}  # type: ignore[attr-defined]
    return all(
        isinstance(v, Load) and v.array == tree.value.id and v.index == (places.get(t.name),)
        for t, v in zip(s.targets, s.values)
    )


def _index(index: Sequence[int | Expr]) -> str:
    return ", ".join(expression(i, 1) if isinstance(i, Expr) else str(i) for i in index) or "()"


def _sequential(targets: Sequence[Var], values: Sequence[Expr]) -> list[int] | None:
    """An order in which parallel assignments may be made one by one; None if there is none."""
    uses = [reads(v) for v in values]
    order: list[int] = []
    remaining = list(range(len(targets)))
    while remaining:
        ready = next(
            (i for i in remaining if not any(targets[i].name in uses[j] for j in remaining if j != i)), None
        )
        if ready is None:
            return None
        order.append(ready)
        remaining.remove(ready)
    return order


def _split_commas(text: str) -> list[str]:
    """Parts of a list of expressions, split at the commas outside of brackets."""
    parts: list[str] = []
    depth, current = 0, ""
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    if current.strip():
        parts.append(current.strip())
    return parts


def _closes(text: str, start: int) -> bool:
    """Whether the bracket that opens at `start` closes at the end of the text."""
    depth = 0
    for i, character in enumerate(text[start:], start):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            return i == len(text) - 1
    return False


def fill(parts: Sequence[str], width: int) -> list[str]:
    """Comma-separated parts in lines of at most `width` columns."""
    lines: list[str] = []
    current = ""
    for part in parts:
        if current and len(current) + len(part) + 3 > width:
            lines.append(current)
            current = ""
        current += f"{' ' if current else ''}{part},"
    return [*lines, current] if current else lines


def _terms(e: Expr) -> list[str]:
    """The terms of a sum, each with its operator."""
    if isinstance(e, Op) and e.op in "+-" and len(e.args) == 2:
        left, right = e.args
        return [*_terms(left), f"{e.op} {expression(right, 11)}"]
    return [expression(e, 10)]

