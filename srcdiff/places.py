"""How our objects are found again in another process.

A *form* of a function is one of its dispatchers: "primal", "jacobian", "into" and so on; "object" is the
`Differentiable` itself. A place is the name of a module and the dotted name under which it holds an object that leads
to a form. Imports no Numba, so that pickling does not.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

from .differentiable import Differentiable, _differentiable
from .modes import OF_JACOBIAN

__all__ = ["Origin", "current", "find", "place_of", "places_of", "reduce_form"]

Place = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Origin:
    """What a dispatcher was made from. `str` gives the user's name for it: `decay.jacobian.into`."""

    function: Callable[..., Any]
    options: Any
    mode: str

    def __str__(self) -> str:
        from .frontend.unwrap import unwrap

        name = unwrap(self.function)[0].__name__
        if self.mode in ("primal", "object"):
            return name
        return f"{name}.jacobian.{self.mode}" if self.mode in OF_JACOBIAN else f"{name}.{self.mode}"


def form_of(holder: Any, mode: str) -> Any:
    """The dispatcher of a mode, from an object that leads to it; None if it does not."""
    if isinstance(holder, Differentiable):
        if mode in ("primal", "object"):
            return holder._primal if mode == "primal" else holder
        return getattr(holder.jacobian if mode in OF_JACOBIAN else holder, mode, None)
    origin = getattr(holder, "origin", None) if _identity(holder) else None
    if origin is None:
        return None
    if origin.mode == mode:
        return holder
    return getattr(holder, mode) if origin.mode == "jacobian" and mode in OF_JACOBIAN else None


def find(place: Place, mode: str) -> Any:
    """The form at a place; LookupError if there is none (any more)."""
    try:
        module = sys.modules.get(place[0]) or importlib.import_module(place[0])
    except Exception as error:
        raise LookupError(f"{place[0]} cannot be imported") from error
    form = form_of(_at(module, place[1]), mode)
    if form is None:
        raise LookupError(f"{'.'.join(place)} has no form {mode}")
    return form


def place_of(origin: Origin) -> Place | None:
    """Where the function's own module holds an object that leads to this form."""
    module = getattr(origin.function, "__module__", None) or "__main__"
    qualname = getattr(origin.function, "__qualname__", "<unknown>")
    names = [] if "<" in qualname else [qualname]
    for name in (*names, *_names(sys.modules.get(module))):
        held = _at(sys.modules.get(module), name)
        if _identity(held) == (id(origin.function), id(origin.options)) and form_of(held, origin.mode) is not None:
            return module, name
    return None


Holding = tuple[str, str, str]
"""A place, and which form stands there itself."""


def places_of(origin: Origin) -> tuple[Holding, ...]:
    """All places, in all modules, that hold an object that leads to this form."""
    found: list[Holding] = []
    for module in list(sys.modules):
        for name in _names(sys.modules.get(module)):
            held = _at(sys.modules.get(module), name)
            if _identity(held) == (id(origin.function), id(origin.options)) and form_of(held, origin.mode) is not None:
                found.append((module, name, _mode(held)))
    return tuple(found)


def current(places: Iterable[Holding], mode: str) -> Any:
    """The form that all of these places lead to now, as they did before.

    Code may refer to an object by any of them, so that one that differs is too much: LookupError. Modules that are not
    imported are left out, but for one.
    """
    forms: list[Any] = []
    for module, name, kind in places:
        if module in sys.modules:
            held = _at(sys.modules[module], name)
            form = form_of(held, mode)
            if form is None or _mode(held) != kind or (forms and _identity(form) != _identity(forms[0])):
                raise LookupError(f"{module}.{name} is not what it was")
            forms.append(form)
    if not forms:
        raise LookupError("no module that is imported holds the object")
    return forms[0]


def _at(module: Any, name: str) -> Any:
    """What a module holds under a dotted name, a number being an index into a tuple; None if nothing."""
    held = module
    for part in name.split("."):
        if isinstance(held, tuple) and part.isdigit():
            held = held[int(part)] if int(part) < len(held) else None
        else:
            held = getattr(held, part, None)
    return held


def _names(module: Any) -> Iterator[str]:
    """Names under which a module holds objects that Numba knows as functions, also in tuples."""
    for key, value in list(vars(module).items()) if isinstance(module, ModuleType) else ():
        if not isinstance(key, str):
            continue
        if hasattr(type(value), "_numba_type_"):
            yield key
        elif type(value) is tuple:
            yield from (f"{key}.{i}" for i, item in enumerate(value) if hasattr(type(item), "_numba_type_"))


def _mode(held: Any) -> str:
    return "object" if isinstance(held, Differentiable) else str(held.origin.mode)


def _identity(held: Any) -> tuple[int, int] | None:
    """What an object differentiates, and its options; None for objects of others."""
    if isinstance(held, Differentiable):
        return id(held.__srcdiff_function__), id(held._options)
    origin = getattr(held, "origin", None) if hasattr(type(held), "_numba_type_") else None
    return (id(origin.function), id(origin.options)) if isinstance(origin, Origin) else None


def reduce_form(origin: Origin) -> Any:
    """How a dispatcher is pickled: by its name in its module, else by the function and its options."""
    place = place_of(origin)
    if place is not None:
        return find, (place, origin.mode)
    return rebuild, (origin.function, origin.options, origin.mode, file_of(origin.function))


def rebuild(function: Callable[..., Any], options: Any, mode: str, path: str | None) -> Any:
    """A form of a function that was pickled by value, as closures are; `path` is the file that it is from."""
    code = getattr(function, "__code__", None)
    if path is not None and isinstance(code, CodeType) and code.co_filename != path:
        function.__code__ = _of_file(code, path)
    return form_of(_differentiable(function, options), mode)


def file_of(function: Callable[..., Any]) -> str | None:
    """The file that a function is from. Pickles of code leave it out, and the source is needed again."""
    code = getattr(function, "__code__", None)
    return code.co_filename if isinstance(code, CodeType) else None


def _of_file(code: CodeType, path: str) -> CodeType:
    inner = tuple(_of_file(c, path) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=path, co_consts=inner)
