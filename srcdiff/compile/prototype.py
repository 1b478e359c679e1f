"""Prototypes of C functions, read and written: `double (int n, const double x[n], void *user_data)`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import ArgumentError

__all__ = ["Parameter", "Prototype", "parse"]

TYPES = {
    "double": "float64", "float": "float32", "int": "int32", "unsigned": "uint32", "unsigned int": "uint32",
    "int32_t": "int32", "int64_t": "int64", "uint32_t": "uint32", "uint64_t": "uint64", "long long": "int64",
    "size_t": "uintp", "ptrdiff_t": "intp", "intptr_t": "intp", "bool": "boolean", "_Bool": "boolean", "void": "void",
}  # fmt: skip
"""C types whose width is the same everywhere, with Numba's names. `long` is not among them."""


@dataclass(frozen=True)
class Parameter:
    """`dims` are the lengths in brackets: numbers, or names of integer parameters."""

    name: str
    ctype: str
    pointer: bool = False
    dims: tuple[int | str, ...] = ()
    const: bool = False

    def __str__(self) -> str:
        star = "*" if self.pointer and not self.dims else ""
        return f"{'const ' * self.const}{self.ctype} {star}{self.name}{''.join(f'[{n}]' for n in self.dims)}"


@dataclass(frozen=True)
class Prototype:
    result: str
    parameters: tuple[Parameter, ...]

    def __str__(self) -> str:
        return f"{self.result} ({', '.join(map(str, self.parameters)) or 'void'})"

    def __getitem__(self, name: str) -> Parameter | None:
        return next((p for p in self.parameters if p.name == name), None)


_WHOLE = re.compile(r"\s*([\w\s]+?)\s*(?:\(\s*\*\s*\w*\s*\)|\b\w+)??\s*\(([^()]*)\)\s*;?\s*")
_PARAMETER = re.compile(r"\s*((?:\w+\s+)*?\w+)\s*(\*\s*(?:const|restrict)?\s*|\s)\s*(\w+)\s*((?:\[\s*\w+\s*\]\s*)*)")


def parse(text: str) -> Prototype:
    """Read a prototype; every parameter must be named, since names say what it is.

    >>> prototype = parse("double f(int n, const double x[n], void *user_data)")
    >>> print(prototype)
    double (int n, const double x[n], void *user_data)
    >>> prototype["x"].dims
    ('n',)
    """
    match = _WHOLE.fullmatch(text)
    if match is None or match[1] not in TYPES:
        raise _refusal(text, "it does not read as a prototype")
    inside = match[2].strip()
    parts = [] if inside in ("", "void") else inside.split(",")
    parameters = tuple(_parameter(text, part) for part in parts)
    names = [p.name for p in parameters]
    for parameter in parameters:
        if names.count(parameter.name) > 1:
            raise _refusal(text, f"it names {parameter.name} twice")
        for n in parameter.dims:
            known = isinstance(n, int) or any(p.name == n and "int" in TYPES[p.ctype] for p in parameters)
            if not known:
                raise _refusal(text, f"the length {n} of {parameter.name} is neither a number nor an integer parameter")
    return Prototype(match[1], parameters)


def _parameter(text: str, part: str) -> Parameter:
    match = _PARAMETER.fullmatch(part)
    if match is None:
        raise _refusal(text, f"`{part.strip()}` is not a type and a name")
    words = match[1].split()
    ctype = " ".join(w for w in words if w not in ("const", "struct"))
    pointer = "*" in match[2] or bool(match[4])
    if ctype not in TYPES or (ctype == "void" and not pointer) or ("*" in match[2] and match[4]):
        raise _refusal(text, f"`{part.strip()}` has no type that is taken")
    dims = tuple(int(n) if n.isdigit() else n for n in re.findall(r"\w+", match[4]))
    return Parameter(match[3], ctype, pointer, dims, "const" in words)


def _refusal(text: str, why: str) -> ArgumentError:
    return ArgumentError(
        f"the C prototype {text!r} is not understood: {why}",
        hint="Write it as C does, with names: double (int n, const double x[n], double out[2][3], void *user_data). "
        f"Types: {', '.join(TYPES)}.",
    )
