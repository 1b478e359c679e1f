"""What modules of either kind are made with: names not taken, functions of the rule tables, definitions."""

from __future__ import annotations

import ast
import builtins
import inspect
import itertools
import keyword
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from ..errors import UnsupportedSyntax, WrtError
from ..frontend.entry import Lowered
from ..frontend.source import Source
from ..ir.statements import Leaf, Structure
from ..rules.array_support import ARRAY_SUPPORT
from ..rules.support import SUPPORT, needed

_MODULES = ("np", "math", "cmath")
_BUILTINS = frozenset(name for name in dir(builtins) if not keyword.iskeyword(name))
_BARE_BUILTIN = re.compile(rf"(?<![\w.])(?:{'|'.join(sorted({*_MODULES, *_BUILTINS}))})\b(?![.(])")
"""One that is neither called nor taken something from: in texts without it no variable has such a name."""


def fresh_name(base: str, taken: set[str], *others: Collection[str]) -> str:
    """`base`, numbered until it is neither taken nor among the others; it is taken from then on."""
    name, number = base, 2
    while name in taken or any(name in names for names in others):
        name, number = f"{base}_{number}", number + 1
    taken.add(name)
    return name


def apart(lowered: Lowered, out: str | None) -> tuple[tuple[str, str], ...]:
    """Pairs of arguments that must not share memory: those that are written, each with every other array."""
    held = [text.partition("[")[0] for text, _ in lowered.guards] + list(lowered.array_ranks)
    names = [p for p in map(bare, lowered.parameters) if p in held]
    written = {*lowered.program.written, *lowered.filled, *lowered.filled_arrays, out}
    every = names if out is None else [out, *names]
    return tuple(pair for pair in itertools.combinations(every, 2) if written & set(pair))


def unique(labels: Sequence[str]) -> list[str]:
    """The labels, with underscores after those that came before."""
    seen: set[str] = set()
    result: list[str] = []
    for label in labels:
        while label in seen:
            label += "_"
        seen.add(label)
        result.append(label)
    return result


def bare(parameter: str) -> str:
    """The name in `*args` or `k=1.0`."""
    return parameter.lstrip("*").partition("=")[0]


def check_fills_only(source: Source, result: Structure | Leaf) -> None:
    """`of=` is for functions that return nothing."""
    if result != Structure((), "None"):
        raise WrtError(
            f"{source.name} returns a value and fills an argument",
            hint="of= is for functions that return nothing.",
        )


def check_names(source: Source, functions: Sequence[str]) -> None:
    """The user's variables must not hide what the text of a function uses: a module, or a builtin."""
    suspects = (text for text in functions if _BARE_BUILTIN.search(text))
    for function in (f for text in suspects for f in ast.parse(text).body):
        bound: set[str] = set()
        used: set[str] = set()
        for node in ast.walk(function):
            if isinstance(node, ast.arg):
                bound.add(node.arg)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound.add(node.id)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BUILTINS:
                used.add(node.func.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in _MODULES:
                used.add(node.value.id)
        for name in sorted(bound & used):
            raise UnsupportedSyntax(
                f"a variable named {name} hides what the emitted code needs under this name",
                hint=f"Rename {name}.",
                location=source.location(getattr(source.node, "name", source.node)),
            )


def support_texts(functions: Sequence[str]) -> list[str]:
    """Functions of the rule tables' own that the texts call, each after what it calls."""
    used = set(re.findall(r"(?<![\w.])[^\W\d]\w*(?=\()", "\n".join(functions)))
    numbers = needed(name for name in SUPPORT if name in used)
    arrays = needed((name for name in ARRAY_SUPPORT if name in used), ARRAY_SUPPORT)
    found: list[Callable[..., Any]] = [*(SUPPORT[n] for n in numbers), *(ARRAY_SUPPORT[n] for n in arrays)]
    return [inspect.getsource(f).rstrip() + "\n" for f in found]


def definition(name: str, value: Any) -> str:
    """A namedtuple or exception of the user's, as the emitted module stands in for it."""
    if issubclass(value, tuple):
        return f'{name} = namedtuple("{name}", "{" ".join(value._fields)}")'
    base = next(c for c in value.__mro__ if c.__module__ == "builtins")
    return f"class {name}({base.__name__}):\n    pass\n"
