"""The command line: `srcdiff emit`, `check`, `lint`, `rules`, `cache`."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from . import __version__
from .cache_cli import cache
from .errors import SrcdiffError
from .modes import MODES

__all__ = ["main"]



class _Group(click.Group):
    """Errors of ours are printed as `file:line:column: message`, without a traceback, and exit with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SrcdiffError as error:
            first, *rest = str(error).split("\n")
            click.echo("\n".join([click.style(first, bold=True), *rest]), err=True)
            ctx.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="srcdiff")
def main() -> None:
    """Derivatives of ordinary numerical Python, as readable source code.

    A TARGET is path/to/file.py:function or package.module:function; a decorated function brings its own options.

    \b
    Examples:
      srcdiff emit drag.py:drag --wrt v,k
      srcdiff check drag.py:drag --args "2.0, 0.3, 10"
      srcdiff lint drag.py
      srcdiff rules
      srcdiff cache list

    Exit codes: 0 success, 1 a mismatch, a stale file or findings under --strict, 2 an error.
    """


main.add_command(cache)


# Targets


class _ImportFailed(click.ClickException):
    """The user's own file raised while it was imported."""

    exit_code = 2


class _Imported:
    """A module that was imported for one command, and the names of its own functions."""

    def __init__(self, module: types.ModuleType, shown: str):
        self.module = module
        self.shown = shown

    def function(self, name: str) -> Any:
        if not name:
            raise click.UsageError(f"which function of {self.shown}? It has {', '.join(self.own()) or 'none'}.")
        if "." in name:
            owner, _, method = name.rpartition(".")
            raise click.UsageError(
                f"{name}: a method needs its instance. Write `def {method}(...): return {owner}(...).{method}(...)`"
                f" in {self.shown}, and name that function."
            )
        found = getattr(self.module, name, None)
        if found is None:
            own = ", ".join(self.own())
            raise click.UsageError(f"{self.shown} has no function {name!r}." + (f" It has {own}." if own else ""))
        if isinstance(found, type):
            raise click.UsageError(f"{name} of {self.shown} is a class: name a function.")
        if not callable(found):
            raise click.UsageError(f"{name} of {self.shown} is no function, but of type {type(found).__name__}.")
        return found

    def functions(self) -> dict[str, Any]:
        """The decorated functions of the file, or all if none is decorated."""
        from .differentiable import Differentiable

        own = self.own()
        return {name: value for name, value in own.items() if isinstance(value, Differentiable)} or own

    def own(self) -> dict[str, Any]:
        """Functions that the file defines, in its order."""
        own: dict[str, Any] = {}
        for name, value in vars(self.module).items():
            plain = getattr(value, "__srcdiff_function__", None) or getattr(value, "py_func", value)
            if isinstance(plain, types.FunctionType) and plain.__module__ == self.module.__name__:
                own[name] = value
        return own


@contextlib.contextmanager
def _imported(place: str) -> Iterator[_Imported]:
    """Import a file or a module; a file's directory (or that of its package) is on the path meanwhile."""
    is_file = place.endswith(".py") or os.sep in place
    if is_file and not os.path.isfile(place):
        raise click.UsageError(f"{place}: no such file.")
    saved_path, saved_modules = list(sys.path), dict(sys.modules)
    try:
        if is_file:
            module = _import_file(Path(place).resolve(), place)
        else:
            sys.path.insert(0, os.getcwd())
            module = _guarded(lambda: importlib.import_module(place), place)
        yield _Imported(module, place)
    finally:
        sys.path[:] = saved_path
        if is_file:  # what was found beside this file must not be found for the next one
            root = str(Path(place).resolve().parent)
            for name in [n for n in sys.modules if n not in saved_modules]:
                if str(getattr(sys.modules[name], "__file__", None) or "").startswith(root + os.sep):
                    del sys.modules[name]


def _import_file(path: Path, shown: str) -> types.ModuleType:
    parts, directory = [path.stem], path.parent
    while (directory / "__init__.py").is_file():
        parts.insert(0, directory.name)
        directory = directory.parent
    sys.path.insert(0, str(directory))
    if len(parts) > 1:
        name = ".".join(parts[:-1] if path.stem == "__init__" else parts)
        found: types.ModuleType = _guarded(lambda: importlib.import_module(name), shown)
        if found.__file__ is not None and Path(found.__file__).resolve() == path:
            return found
    name = path.stem if path.stem.isidentifier() and path.stem not in sys.modules else f"_srcdiff_target_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader = spec.loader
    _guarded(lambda: loader.exec_module(module), shown)
    return module


def _guarded(load: Callable[[], Any], shown: str) -> Any:
    """Run an import; what the user's own code raises is told in a line, with its place in that file."""
    try:
        return load()
    except SrcdiffError:
        raise
    except SyntaxError as error:
        place = f"{os.path.basename(error.filename)}:{error.lineno}" if error.filename else shown
        raise _ImportFailed(f"{place}: SyntaxError: {error.msg}") from None
    except (Exception, SystemExit) as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_users(f.filename)]
        place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else shown
        raise _ImportFailed(f"{place}: importing {shown} raised {type(error).__name__}: {error}") from None


def _is_users(filename: str) -> bool:
    return not filename.startswith("<") and not filename.startswith(os.path.dirname(__file__) + os.sep)


def _split(target: str) -> tuple[str, str]:
    place, colon, name = target.rpartition(":")
    if not colon or (len(place) == 1 and name.startswith(("\\", "/"))):
        return target, ""
    return place, name


@contextlib.contextmanager
def _target(target: str) -> Iterator[Any]:
    place, name = _split(target)
    if not name and not place.endswith(".py"):
        raise click.UsageError(f"{target}: write path/to/file.py:function or package.module:function.")
    with _imported(place) as imported:
        try:
            yield imported.function(name)
        except SrcdiffError as error:
            at = error.location
            if at is not None and at.filename == os.path.basename(place):
                error.location = replace(at, filename=place)
            raise


# Options


def _names(text: str | None) -> Any:
    """`--wrt y` is one name, which drops the inner tuple; `--wrt y,` and `--wrt a,b` are tuples."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    items = [int(p) if p.lstrip("-").isdigit() else p for p in parts if p]
    return items[0] if len(parts) == 1 and items else items


def _types(text: str | None) -> Any:
    from .frontend.parameters import parse_type, split_types

    if text is None:
        return None
    parts = split_types(text)
    try:
        if any("=" in part for part in parts):
            named = {}
            for part in parts:
                name, equals, kind = part.partition("=")
                if not equals:
                    raise ValueError(f"{part!r} has no name, but others have")
                parse_type(kind)
                named[name.strip()] = kind.strip()
            return named
        for part in parts:
            parse_type(part)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--types") from None
    return text


def _shapes(texts: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    shapes = {}
    for text in texts:
        name, equals, lengths = text.partition("=")
        try:
            shapes[name.strip()] = tuple(int(n) for n in lengths.replace(",", "x").strip("x()").split("x"))
        except ValueError:
            equals = ""
        if not equals:
            raise click.BadParameter(f"{text!r}: write name=3 or name=3x3.", param_hint="--shape")
    return shapes


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--wrt, --of and --shape, which all commands on functions have."""
    for decorate in (
        click.option("--shape", "shapes", multiple=True, metavar="NAME=N[xM]", help="Shape of an array; repeatable."),
        click.option("--of", metavar="NAMES", help="Arguments that the function fills."),
        click.option("--wrt", metavar="NAMES", help="Parameters (or positions) to differentiate by, comma-separated."),
    ):
        command = decorate(command)
    return command


# Commands


@main.command()
@click.argument("target")
@_options
@click.option("--mode", type=click.Choice(MODES), default="jacobian", show_default=True, help="What is computed.")
@click.option("--types", "types_", metavar="TYPES", help='"float64, float64[:]", or "y=float64[:],n=int64".')
@click.option("-o", "--output", type=click.Path(dir_okay=False, writable=True), help="Write to a file.")
@click.option(
    "--diff", "committed", type=click.Path(dir_okay=False), help="Compare with a committed file; exit 1 if it is stale."
)
def emit(
    target: str,
    wrt: str | None,
    of: str | None,
    shapes: tuple[str, ...],
    mode: str,
    types_: str | None,
    output: str | None,
    committed: str | None,
) -> None:
    """Print the derivative of TARGET as source code.

    The result is a complete module that needs math and numpy only. Types come from --types, or from annotations and
    use; otherwise float64 is assumed, which the header says.

    \b
    Examples:
      srcdiff emit rates.py:robertson --wrt y
      srcdiff emit rates.py:robertson --wrt y --types "y=float32[:]"
      srcdiff emit rates.py:robertson --wrt y -o robertson_jacobian.py
      srcdiff emit rates.py:robertson --wrt y --diff robertson_jacobian.py   # in CI
    """
    from .differentiable import emit as emit_source

    with _target(target) as function:
        text = emit_source(
            function, wrt=_names(wrt), of=_names(of), mode=mode, types=_types(types_), shapes=_shapes(shapes)
        )
    if committed is not None:
        _compare(text, committed, target)
    if output is not None:
        Path(output).write_text(text, encoding="utf-8")
    if committed is None and output is None:
        _print_source(text)


def _compare(text: str, committed: str, target: str) -> None:
    """Print how a committed file differs from the text; exit 1 if it does."""
    import difflib

    path = Path(committed)
    old = path.read_text(encoding="utf-8") if path.is_file() else ""
    if old == text:
        return
    lines = difflib.unified_diff(old.splitlines(), text.splitlines(), committed, f"srcdiff emit {target}", lineterm="")
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for line in lines:
        click.secho(line, fg=colours.get(line[:1]) if _in_colour() else None)
    reason = "is stale" if path.is_file() else "does not exist"
    click.echo(f"{committed} {reason}: run `srcdiff emit` with -o {committed}", err=True)
    sys.exit(1)


def _in_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _print_source(text: str) -> None:
    if not _in_colour():
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.syntax import Syntax

    syntax = Syntax("", "python", theme="ansi_dark", background_color="default")
    Console().print(syntax.highlight(text), soft_wrap=True, end="")


@main.command()
@click.argument("target")
@_options
@click.option("--args", "arguments", metavar="VALUES", help='Python literals: "1.0, [1.0, 2.0]"; lists are arrays.')
@click.option("--seed", type=int, default=None, help="Seed of the random point that is taken without --args.")
def check(
    target: str, wrt: str | None, of: str | None, shapes: tuple[str, ...], arguments: str | None, seed: int | None
) -> None:
    """Compare the derivative of TARGET with independent references at one point.

    The value with Numba's own, the derivative with extrapolated differences, the rate of the Taylor remainder, and
    variants of the arguments. Exits with 1 on a mismatch.

    \b
    Examples:
      srcdiff check rates.py:robertson --wrt y --args "0.0, [0.9, 2e-5, 0.1], 0.04, 3e7, 1e4"
      srcdiff check rates.py:robertson --wrt y --seed 7
    """
    from .check import check as check_function
    from .differentiable import Differentiable
    from .points import SEED, random_arguments

    with _target(target) as function:
        options = {"wrt": _names(wrt), "of": _names(of), "shapes": _shapes(shapes)}
        if arguments is not None:
            args = _literals(arguments)
        else:
            own = function._options if isinstance(function, Differentiable) else None
            args = random_arguments(
                getattr(function, "__srcdiff_function__", function),
                wrt=options["wrt"] if own is None or wrt is not None else own.wrt,
                of=options["of"] if own is None or of is not None else own.of,
                shapes={**(own.shapes if own is not None else {}), **options["shapes"]},
                seed=SEED if seed is None else seed,
            )
        report = check_function(function, *args, **options)
    if arguments is None:
        shown = ", ".join(str(a).replace("\n", "") if hasattr(a, "shape") else repr(a) for a in args)
        click.echo(f"at the random point {shown}")
    colours = {True: "green", False: "red", None: "yellow"}
    lines = str(report).split("\n")
    click.echo(lines[0])
    for row, line in zip(report.rows, lines[1:]):
        click.secho(line, fg=colours[row.passed] if _in_colour() else None)
    click.secho(lines[-1], bold=_in_colour())
    if not report:
        sys.exit(1)


def _literals(text: str) -> tuple[Any, ...]:
    """Arguments written as Python literals; lists become arrays of floats, unless they hold anything but ints."""
    import ast

    import numpy as np

    try:
        values = ast.literal_eval(f"({text},)") if text.strip().rstrip(",") else ()
    except (ValueError, SyntaxError, TypeError):
        message = f"{text!r}: write Python literals, as in 1.0, [1.0, 2.0]."
        raise click.BadParameter(message, param_hint="--args") from None

    def convert(value: Any) -> Any:
        if isinstance(value, list):
            try:
                array = np.array(value)
            except ValueError:
                array = np.array(None)
            if array.dtype.kind not in "biufc":
                raise click.BadParameter(f"{value} is no array of numbers.", param_hint="--args")
            return array
        return tuple(map(convert, value)) if isinstance(value, tuple) else value

    return tuple(map(convert, values))


@main.command()
@click.argument("targets", nargs=-1, required=True, metavar="FILE[:FUNCTION]...")
@_options
@click.option("--strict", is_flag=True, help="Exit with 1 if anything is found.")
def lint(targets: tuple[str, ...], wrt: str | None, of: str | None, shapes: tuple[str, ...], strict: bool) -> None:
    """List kinks, branches, equality tests and integer paths that active values take.

    Of a file, all decorated functions are looked at; all functions if none is decorated.

    \b
    Examples:
      srcdiff lint rates.py
      srcdiff lint rates.py:robertson --wrt y --strict
    """
    from .lint import lint as lint_function

    found = 0
    for target in targets:
        place, name = _split(target)
        with _imported(place) as imported:
            functions = {name: imported.function(name)} if name else imported.functions()
            if not functions:
                click.echo(f"{place} defines no function", err=True)
            for function in functions.values():
                for finding in lint_function(function, wrt=_names(wrt), of=_names(of), shapes=_shapes(shapes)):
                    found += 1
                    filename = place if os.path.basename(place) == finding.filename else finding.filename
                    where = f"{filename}:{finding.line}:{finding.column}"
                    if _in_colour():
                        where = click.style(where, bold=True)
                    click.echo(f"{where}: {finding.kind}: {finding.message}")
                    if finding.text:
                        click.echo(f"    {finding.text.strip()}")
    click.echo(f"{found} finding{'s' * (found != 1)}" if found else "nothing found", err=True)
    if found and strict:
        sys.exit(1)


@main.command()
@click.option("--markdown", is_flag=True, help="As a table in Markdown.")
def rules(markdown: bool) -> None:
    """List the functions whose derivatives are known, with their partial derivatives."""
    rows = _rule_rows()
    if markdown:
        escaped = "\\|"
        click.echo("| function | called as | partial derivatives | accuracy |")
        click.echo("|---|---|---|---|")
        for call, spellings, partials, note in rows:
            cells = (f"`{call}`", ", ".join(f"`{s}`" for s in spellings), "; ".join(f"`{p}`" for p in partials), note)
            click.echo(f"| {' | '.join(cell.replace('|', escaped) for cell in cells)} |")
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("function", "called as", "partial derivatives", "accuracy"):
        table.add_column(title, overflow="fold")
    for call, spellings, partials, note in rows:
        table.add_row(Text(call), Text("\n".join(spellings)), Text("\n".join(partials)), Text(note))
    Console(width=None if sys.stdout.isatty() else 150, no_color=not _in_colour(), highlight=False).print(table)


def _rule_rows() -> list[tuple[str, tuple[str, ...], tuple[str, ...], str]]:
    from .rules.scalar import COMPLEX, PAIRS, RULES

    default = "4 ulp"
    rows = []
    for rule in RULES.values():
        if rule.spellings:
            steps = set(rule.partials) == {"0"}
            note = rule.note or ("exact" if steps else default)
            rows.append((f"{rule.name}({', '.join(rule.params)})", rule.spellings, rule.partials, note))
    for rule in COMPLEX.values():
        rows.append((f"{rule.name}({', '.join(rule.params)})", rule.spellings, rule.partials, "Complex arguments."))
    for pair in PAIRS.values():
        partials = tuple(f"{r}: {', '.join(p)}" for r, p in zip(pair.results, pair.partials))
        rows.append((f"{pair.name}({', '.join(pair.params)})", pair.spellings, partials, default))
    return rows


if __name__ == "__main__":
    main()
