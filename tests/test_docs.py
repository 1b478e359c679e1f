"""README and docs hold what the program really prints: python tests/test_docs.py --update rewrites it.

The ```python blocks of a page run in order, in one namespace. An HTML comment on the line above a block says more:

    <!-- file: NAME.py -->                        the block is a file, imported; its names are those of the page
    <!-- emit: NAME.py:function MODE [wrt=a,b] --> the block is the text that srcdiff emits
    <!-- ir: NAME.py:function -->                  the block is the function as lowered
    <!-- output -->                                the block is what the python block before it prints
    <!-- skip -->                                  the block does not run

Blocks of the language `console` hold `$ srcdiff ...` and what it prints; `text` and `sh` without a comment are left
alone.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import linecache
import math
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts)]
COMMANDS = (
    "python3 -m venv .venv && .venv/bin/pip install '.[examples]' && .venv/bin/python examples/quickstart.py",
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/python -m pytest -n auto",
)


@dataclass
class Block:
    language: str
    directive: str
    """The comment above the block: `emit`, `file`, ... or ''."""
    rest: str
    first: int
    """Index of the first line of the content."""
    last: int
    text: str


def blocks(lines: list[str]) -> Iterator[Block]:
    """The fenced blocks of a page.

    >>> [b.directive + ":" + b.text for b in blocks(["<!-- output -->", "```text", "6", "```"])]
    ['output:6\\n']
    """
    start = None
    for i, line in enumerate(lines):
        if start is None and (match := re.fullmatch(r"```(\w+)", line)):
            start, language = i, match[1]
        elif start is not None and line == "```":
            above = lines[start - 1] if start else ""
            comment = re.fullmatch(r"<!-- (\w+)(?:: (.*))? -->", above)
            directive, rest = (comment[1], comment[2] or "") if comment else ("", "")
            yield Block(language, directive, rest, start + 1, i, "".join(f"{x}\n" for x in lines[start + 1 : i]))
            start = None


class Page:
    """Runs a page; `result` is its text with everything generated as it should be."""

    def __init__(self, path: Path, folder: Path):
        self.lines = path.read_text(encoding="utf-8").splitlines()
        self.name = re.sub(r"\W", "_", path.stem)
        self.folder = folder
        self.namespace: dict[str, Any] = {"__name__": f"page_{self.name}"}
        self.modules: dict[str, Any] = {}
        self.printed = ""
        self.count = 0

    def result(self) -> list[str]:
        lines = list(self.lines)
        for block in reversed([(b, self._expected(b)) for b in blocks(self.lines)]):
            found, expected = block
            if expected is not None and not alike(found.text, expected):
                lines[found.first : found.last] = expected.rstrip("\n").split("\n")
        return lines

    def _expected(self, block: Block) -> str | None:
        if block.directive == "skip":
            return None
        if block.directive in ("emit", "ir"):
            target, *words = block.rest.split()
            name, _, attribute = target.partition(":")
            function = getattr(self.modules[name], attribute)
            return lowered_text(function) if block.directive == "ir" else emitted_text(function, words)
        if block.directive == "output":
            return self.printed
        if block.language == "console":
            return self._console(block.text)
        if block.language == "python":
            self._run(block)
        return None

    def _run(self, block: Block) -> None:
        self.count += 1
        name = block.rest if block.directive == "file" else f"{self.name}_{self.count}.py"
        path = self.folder / name
        path.write_text(block.text, encoding="utf-8")
        linecache.checkcache(str(path))
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            if block.directive == "file":
                importlib.invalidate_caches()
                module = self.modules[name] = importlib.import_module(path.stem)
                self.namespace.update({k: v for k, v in vars(module).items() if not k.startswith("__")})
            else:
                exec(compile(block.text, str(path), "exec"), self.namespace)
        self.printed = output.getvalue()

    def _console(self, text: str) -> str:
        from click.testing import CliRunner

        from srcdiff.cli import main

        out = []
        for line in text.splitlines():
            if line.startswith("$ "):
                words = line.removeprefix("$ srcdiff ").partition("  #")[0]
                run = CliRunner().invoke(main, shlex.split(words), catch_exceptions=False)
                out.append(f"{line}\n{run.output}")
        return "".join(out)


def alike(a: str, b: str) -> bool:
    """Equal but for the rounding of numbers, which the C library decides, and the accuracy that `check` reports.

    >>> alike("x = 0.30000000000000004", "x = 0.3"), alike("x = 0.31", "x = 0.3"), alike("y = 0.3", "x = 0.3")
    (True, False, False)
    """
    number = r"-?\d+\.\d*(?:e[-+]?\d+)?"
    a, b = (re.sub(r"(  ok +)(?:to \S+|the same)", r"\1", text) for text in (a, b))
    if re.sub(number, "#", a) != re.sub(number, "#", b):
        return False
    pairs = zip(re.findall(number, a), re.findall(number, b))
    return all(math.isclose(float(x), float(y), rel_tol=1e-9, abs_tol=1e-15) for x, y in pairs)


def emitted_text(function: Any, words: list[str]) -> str:
    from srcdiff import emit

    options: dict[str, Any] = {}
    for word in words[1:]:
        key, _, value = word.partition("=")
        options[key] = tuple(value.split(",")) if "," in value else value
    return emit(function, mode=words[0], **options)


def lowered_text(function: Any) -> str:
    """The statements of a lowered function, one a line: class, expressions, line of the source."""
    from srcdiff.assembly.inputs import choose_inputs
    from srcdiff.emitter.printer import expression
    from srcdiff.frontend.entry import lower_entry
    from srcdiff.frontend.parameters import guess_specs
    from srcdiff.frontend.source import find_source
    from srcdiff.ir import statements as ir
    from srcdiff.ir.expr import interning

    source = find_source(getattr(function, "__srcdiff_function__", function))
    specs, _ = guess_specs(source, {}, {})
    inputs, _ = choose_inputs(source, None, ())
    out: list[str] = []

    def line(depth: int, s: Any, text: str) -> None:
        origin = f"L{s.origin.line}" if s.origin else ""
        out.append(f"{'  ' * depth + text:<56}{origin}".rstrip())

    def walk(body: Any, depth: int) -> None:
        for s in body:
            kind = type(s).__name__
            if isinstance(s, ir.Assign):
                pairs = "; ".join(f"{t.name} = {expression(v)}" for t, v in zip(s.targets, s.values))
                line(depth, s, f"{kind}  {pairs}")
            elif isinstance(s, ir.For):
                line(depth, s, f"{kind}  {s.target.name} in range({', '.join(map(expression, s.bounds))})")
                walk(s.body, depth + 1)
            elif isinstance(s, ir.If):
                line(depth, s, f"{kind}  {expression(s.test)}")
                walk(s.body, depth + 1)
                if s.orelse:
                    out.append("  " * depth + "else")
                    walk(s.orelse, depth + 1)
            elif isinstance(s, ir.Return):
                line(depth, s, f"{kind}  {', '.join(map(expression, s.values))}")
            else:
                line(depth, s, kind)

    with interning():
        lowered = lower_entry(source, specs, inputs, (), {}, promote=True)
        walk(lowered.function.body, 0)
    return "\n".join(out) + "\n"


@contextlib.contextmanager
def running(path: Path) -> Iterator[Page]:
    """A page in a directory of its own, which is the current one and on the path."""
    saved_path, saved_modules, saved_folder = list(sys.path), set(sys.modules), Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        os.chdir(folder)
        try:
            yield Page(path, Path(folder))
        finally:
            os.chdir(saved_folder)
            sys.path[:] = saved_path
            for name in set(sys.modules) - saved_modules:
                if str(getattr(sys.modules[name], "__file__", None) or "").startswith(folder):
                    del sys.modules[name]


@pytest.mark.parametrize("path", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_page_shows_what_the_program_prints(path):
    with running(path) as page:
        assert page.lines == page.result(), "refresh with: python tests/test_docs.py --update"


def test_readme_has_two_commands():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    shell = [b for b in blocks(lines) if b.language == "sh"]
    assert tuple(b.text.strip() for b in shell) == COMMANDS
    assert lines[shell[1].first - 2] == "<!-- test command -->"


def test_changelog_names_the_version():
    import srcdiff

    assert f"## {srcdiff.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_page_is_reached_from_the_index():
    text = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        name = str(page.relative_to(ROOT / "docs").with_suffix(""))
        assert name == "index" or re.search(rf"^{re.escape(name)}$", text, re.M), name


def main() -> None:
    if sys.argv[1:] != ["--update"]:
        raise SystemExit("usage: python tests/test_docs.py --update")
    sys.path.insert(0, str(ROOT))
    for path in PAGES:
        with running(path) as page:
            result = page.result()
        if result != page.lines:
            path.write_text("\n".join(result) + "\n", encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: updated")


if __name__ == "__main__":
    main()
