"""How our objects are found again in another process.

A *form* of a function is one of its dispatchers: "primal", "jacobian", "into" and so on; "object" is the
`Differentiable` itself. A place is the name of a module and the dotted name under which it holds an object that leads
to a form. Imports no Numba, so that pickling does not.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from .differentiable import Differentiable, _differentiable

__all__ = ["Origin", "Place", "find", "place_of", "reduce_form"]

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
        tail = {"primal": "", "object": "", "matrix": ".jacobian.matrix", "into": ".jacobian.into"}
        return name + tail.get(self.mode, f".{self.mode}")


def form_of(holder: Any, mode: str) -> Any:
    """The dispatcher of a mode, from an object that leads to it; None if it does not."""
    if isinstance(holder, Differentiable):
        if mode in ("primal", "object"):
            return holder._primal if mode == "primal" else holder
        return getattr(holder.jacobian if mode in ("matrix", "into") else holder, mode, None)
    origin = getattr(holder, "origin", None)
    if origin is None:
        return None
    if origin.mode == mode:
        return holder
    return getattr(holder, mode) if origin.mode == "jacobian" and mode in ("matrix", "into") else None


def find(place: Place, mode: str) -> Any:
    """The form at a place; LookupError if there is none (any more)."""
    module, name = place
    try:
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise LookupError(f"{module}.{name}") from error
    form = form_of(found, mode) if hasattr(type(found), "_numba_type_") else None
    if form is None:
        raise LookupError(f"{module}.{name} has no form {mode}")
    return form


def place_of(origin: Origin, *, everywhere: bool = True) -> Place | None:
    """A place from which another process gets this form: first by the function's own name, then wherever it is held."""
    for module, name in _candidates(origin.function, everywhere):
        held: Any = sys.modules.get(module)
        for part in name.split("."):
            held = getattr(held, part, None)
        if _identity(held) == (id(origin.function), id(origin.options)) and form_of(held, origin.mode) is not None:
            return module, name
    return None


def _identity(held: Any) -> tuple[int, int] | None:
    """What an object differentiates, and its options. Looks only where no descriptor of a stranger's runs."""
    if not hasattr(type(held), "_numba_type_"):
        return None
    if isinstance(held, Differentiable):
        return id(held.__srcdiff_function__), id(held._options)
    origin = getattr(held, "__dict__", {}).get("origin")
    return (id(origin.function), id(origin.options)) if origin is not None else None


def _candidates(function: Any, everywhere: bool) -> Iterator[Place]:
    own = getattr(function, "__module__", None) or "__main__"
    qualname = getattr(function, "__qualname__", "")
    if "<" not in qualname:
        yield own, qualname
    names = [own, *(sys.modules if everywhere else ())]
    for name in dict.fromkeys(names):
        module = sys.modules.get(name)
        if isinstance(module, ModuleType):
            for key, value in list(vars(module).items()):
                if isinstance(key, str) and hasattr(type(value), "_numba_type_"):
                    yield name, key


def reduce_form(origin: Origin) -> Any:
    """How a dispatcher is pickled: by its name in its module, else by the function and its options."""
    place = place_of(origin, everywhere=False)
    if place is not None:
        return find, (place, origin.mode)
    return _rebuild, (origin.function, origin.options, origin.mode)


def _rebuild(function: Callable[..., Any], options: Any, mode: str) -> Any:
    return form_of(_differentiable(function, options), mode)
