"""Arguments that share memory although one of them is written: refused, since tangents could not tell them apart.

Linked code compares where the arguments begin and end, and leaves those that may overlap to the form, which looks here.
"""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["refuse_overlaps", "types_of"]


def refuse_overlaps(form: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """ValueError if two arguments of a call share memory that must not; what is none of a call passes."""
    numpy: Any = sys.modules.get("numpy")
    found = list(_arrays((*args, *kwargs.values()), numpy)) if numpy is not None else []
    if not any(numpy.may_share_memory(a, b) for a, b in itertools.combinations(found, 2)):
        return
    dispatcher = form._dispatcher
    try:
        given = inspect.signature(dispatcher.py_func).bind(*args, **kwargs)
    except TypeError:  # the call itself says so
        return
    kinds = types_of(given)
    dispatcher.compile(kinds)
    module = dispatcher.modules[kinds]
    if form.origin.mode == "jvp":
        values, names = dict(zip(form._parameters, given.arguments["primals"])), {}
    else:  # the text may have another name for `out` than the call
        texts = (p.lstrip("*").partition("=")[0] for p in module.parameters)
        values, names = given.arguments, dict(zip(texts, given.signature.parameters))
    held = {name: list(_arrays((value,), numpy)) for name, value in values.items()}
    for pair in module.apart:
        one, other = (names.get(name, name) for name in pair)
        for a, b in itertools.product(held.get(one, ()), held.get(other, ())):
            if _share(numpy, a, b):
                raise ValueError(f"{one} and {other} must be different arrays, and these share memory")


def types_of(given: inspect.BoundArguments) -> tuple[Any, ...]:
    """Numba's types of the arguments of a call."""
    import numba
    from numba.core import types

    return tuple(
        numba.typeof(given.arguments[name]) if name in given.arguments else types.Omitted(parameter.default)
        for name, parameter in given.signature.parameters.items()
    )


def _arrays(values: Iterable[Any], numpy: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, numpy.ndarray):
            yield value
        elif isinstance(value, tuple):
            yield from _arrays(value, numpy)


def _share(numpy: Any, a: Any, b: Any) -> bool:
    """Whether any element is shared; arrays so entangled that it takes long to tell count as sharing."""
    try:
        return bool(numpy.shares_memory(a, b, max_work=10_000))
    except numpy.exceptions.TooHardError:
        return True
