"""Numba's compile results as artefacts: a dispatcher's cache that loads from the store and writes to it.

A result is loaded without emitting anything and without Numba's registries, which take longer to read than all else.
Every failure is a miss.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import llvmlite.binding as llvm
from numba.core import types
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.runtime import rtsys
from numba.core.serialize import dumps
from numba.core.sigutils import normalize_signature

from ..module import Module
from .environment import artefact_key
from .guard import Guard
from .key import Uncacheable, fingerprint
from .native import native
from .store import Artefact, default_store

__all__ = ["Kept", "finds_classes", "signature_of"]


def signature_text(kinds: tuple[Any, ...]) -> str:
    """Numba types as text; a namedtuple stands for its class as well."""
    return ", ".join(map(str, kinds)) + "".join(fingerprint(cls).hex() for kind in kinds for cls in _classes(kind))


def signature_of(artefact: Artefact) -> tuple[Any, ...]:
    """The argument types that an artefact was compiled for."""
    return tuple(pickle.loads(artefact.sections["signature"]))


def _classes(kind: Any) -> list[type]:
    found = [kind.instance_class] if isinstance(kind, types.BaseNamedTuple) else []
    return found + [cls for item in getattr(kind, "types", ()) for cls in _classes(item)]


class Kept(_Cache):  # type: ignore[misc]
    """Loads overloads of `dispatcher` from the store and keeps new ones; `key` hashes the function and its options.

    `mode` is that of a form which Python calls, and may be linked without Numba.
    """

    def __init__(self, dispatcher: Any, key: Callable[[], bytes], form: str, mode: str | None):
        self._dispatcher = dispatcher
        self._mode = mode
        self._key = key
        self._form = form
        self._pending: dict[tuple[Any, ...], tuple[str, bytes, float]] = {}
        self._enabled = True

    @property
    def cache_path(self) -> str:
        return default_store().path

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def flush(self) -> None:
        self._pending.clear()

    def place(self, args: tuple[Any, ...], module: Module) -> str | None:
        """File for the text of a module that is about to be compiled."""
        pending = self._pending.get(args)
        return (default_store().write_text(pending[0], module.text) or None) if pending is not None else None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        args = tuple(normalize_signature(sig)[0])
        self._pending.pop(args, None)
        if not self._enabled:
            return None
        try:
            base = self._key()
            key = artefact_key(base, self._form, signature_text(args))
        except Uncacheable:
            return None
        found = default_store().read(key)
        if found is not None:
            try:
                return self._rebuild(key, found, args, target_context)
            except Exception:
                pass
        self._pending[args] = (key, base, time.perf_counter())
        return None

    def _rebuild(self, key: str, found: Artefact, args: tuple[Any, ...], context: Any) -> Any:
        about = json.loads(found.sections["about"])
        rtsys.initialize(context)
        if not _resolvable(about["symbols"]):
            context.refresh()  # registers the functions of Numba's own that linear algebra calls
            if not _resolvable(about["symbols"]):
                raise LookupError("symbols of another build of Numba")
        default_store().write_text(key, found.text)
        state = pickle.loads(found.sections["numba"])
        if tuple(state[3].args) != args:
            raise LookupError("types that only look the same")
        result = CompileResult._rebuild(context, *state)
        self._dispatcher.modules[args] = replace(pickle.loads(found.sections["module"]), text=found.text)
        return result

    def save_overload(self, sig: Any, result: Any) -> None:
        args = tuple(result.signature.args)
        pending = self._pending.pop(args, None)
        module: Module | None = self._dispatcher.modules.get(args)
        if pending is None or module is None or not _is_portable(result, module):
            return
        key, base, start = pending
        try:
            about = {
                "function": self._dispatcher.__name__,
                "module": self._dispatcher.__module__,
                "types": [str(kind) for kind in args],
                "symbols": _external(result.library),
                "seconds": round(time.perf_counter() - start, 3),
                "version": _version(),
            }
            sections = {"about": json.dumps(about).encode(), "numba": _state(result)}
            sections |= {"module": dumps(replace(module, text="")), "signature": dumps(args)}
            if self._mode is not None:
                objects = native(result, module, fills_first=self._mode == "into")
                sections |= {"native": objects} if objects is not None else {}
            if self._key() != base:  # a global was changed meanwhile: what was compiled may be of either
                return
        except Exception:
            return
        default_store().write(key, Artefact(sections, module.text))


def _state(result: Any) -> bytes:
    """A compile result without the guard for compiled callers: the key is the guard here."""
    constants = result.environment.consts
    guards = [constant for constant in constants if isinstance(constant, Guard)]
    constants[:] = [constant for constant in constants if not isinstance(constant, Guard)]
    try:
        return bytes(dumps(result._reduce()))
    finally:
        constants += guards


def _version() -> str:
    from .. import __version__

    return __version__


def _is_portable(result: Any, module: Module) -> bool:
    """Whether another process can take this result: it holds no address of this one, and finds the user's classes."""
    return not (result.library.has_dynamic_globals or result.lifted) and finds_classes(module)


def finds_classes(module: Module) -> bool:
    """Whether another process finds the user's classes where this one has them."""
    for value in module.objects.values():
        found: Any = sys.modules.get(value.__module__) if value.__module__ != "__main__" else None
        for part in value.__qualname__.split("."):
            found = getattr(found, part, None)
        if found is not value:
            return False
    return True


def _external(library: Any) -> list[str]:
    """Names that the machine code takes from elsewhere."""
    module = library._final_module
    declared = [item.name for item in (*module.functions, *module.global_variables) if item.is_declaration]
    return sorted(name for name in declared if not name.startswith("llvm."))


def _resolvable(names: list[str]) -> bool:
    return all(llvm.address_of_symbol(name) for name in names)
