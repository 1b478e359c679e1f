"""Loops over points as Numba compiles them, kept in the store: the key is the emitted text itself.

Every process emits the text, which takes some milliseconds, and compiles it only where no process before did.
"""

from __future__ import annotations

from typing import Any

import numba
from numba.core.sigutils import normalize_signature

from ..module import Module
from .artefacts import Kept
from .cpu import load
from .emitted import digest

__all__ = ["kernel"]


class _KeptKernel(Kept):
    """Artefacts of one text, whatever the argument types."""

    def __init__(self, dispatcher: Any, module: Module, key: bytes):
        super().__init__(dispatcher, lambda: key, f"{module.entry}, no GIL", None)
        self._module = module
        dispatcher.modules = {}

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        self._dispatcher.modules[tuple(normalize_signature(sig)[0])] = self._module
        return super().load_overload(sig, target_context)


def kernel(module: Module, options: Any) -> Any:
    """The entry of a module as a dispatcher that releases the GIL; `options` are those of the user."""
    flags = options.numba()
    made = numba.njit(nogil=True, **flags)(load(module, flags))
    if options.cache:
        made._cache = _KeptKernel(made, module, bytes.fromhex(digest(module, flags)))
    return made
