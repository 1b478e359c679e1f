"""How compiled callers of ours that Numba caches are kept current.

Numba's cache (`cache=True` in the user's decorator) notices edits in the file of the caller only. Machine code of ours
that a caller contains brings a `Guard` along, which is loaded with the caller: it emits the function as it is now and
compares. If that is not what was compiled, loading fails in the way of a file that has vanished, and Numba compiles
the caller again.

`_current` and `_find_type` are named in users' cache files: they keep their names and their first argument, and refuse
what another version of srcdiff wrote.
"""

from __future__ import annotations

import itertools
import os
import uuid
import warnings
import weakref
from typing import Any

from numba.core import types

from ..places import Origin, current, places_of

__all__ = ["Guard", "reduce_type"]


class Stale(OSError):
    """Cached machine code of a caller holds a derivative that is no longer current. Numba takes it as a miss."""


class Guard:
    """A constant in the environment of compiled code of ours: loading it checks that the code is current."""

    def __init__(self, origin: Origin, args: tuple[Any, ...], checked: bool, digest: str):
        self.origin = origin
        self.args = args
        self.checked = checked
        self.digest = digest

    def __reduce__(self) -> Any:
        places = places_of(self.origin)
        if not places:
            warnings.warn(
                f"code that uses {self.origin} is compiled again in every process, in spite of cache=True: "
                "no module holds it under a name",
                stacklevel=2,
            )
        return _current, (_version(), places, self.origin.mode, self.args, self.checked, self.digest)


def _version() -> str:
    from .. import __version__

    return __version__


def _current(version: str, *saved: Any) -> Guard:
    if version != _version():
        raise Stale(f"compiled by srcdiff {version}")
    places, mode, args, checked, digest = saved
    try:
        form = current(places, mode)
        now = form.fingerprint(args, checked)
    except Exception as error:
        raise Stale("a derivative cannot be had as it was compiled") from error
    if now != digest:
        raise Stale(f"{form.origin} has changed")
    return Guard(form.origin, args, checked, digest)


_SESSION = uuid.uuid4().hex
_NUMBERS = itertools.count()
_LIVE: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def reduce_type(kind: Any, origin: Origin) -> Any:
    """How Numba's types of our objects are pickled: in a compilation, where Numba copies code, and in the index of a
    cached function that takes our objects as arguments."""
    number = next((n for n, live in _LIVE.items() if live is kind), None)
    if number is None:
        number = next(_NUMBERS)
        _LIVE[number] = kind
    return _find_type, (_version(), str(origin), places_of(origin), origin.mode, _process(), number)


def _process() -> tuple[str, int]:
    """A forked child is another process, whose numbers go their own way."""
    return _SESSION, os.getpid()


def _find_type(version: str, name: str, *saved: Any) -> Any:
    """The same type in the same process; in another, that of the object that is there now.

    An index must load whatever has become of the objects.
    """
    if version == _version():
        places, mode, process, number = saved
        live = _LIVE.get(number) if process == _process() else None
        if live is not None:
            return live
        try:
            return current(places, mode)._numba_type_
        except LookupError:
            pass
    return _Lost(name)


class _Lost(types.Opaque):  # type: ignore[misc]
    """Stands in an index for an object that this process does not have: equal to no type of a call."""

    def __init__(self, name: str):
        super().__init__(f"an object that is no longer there: {name}")

    def __reduce__(self) -> Any:
        return _find_type, ("", self.name.partition(": ")[2])
