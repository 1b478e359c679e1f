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
from .streaming import Streams, streamed

__all__ = ["kernel"]


class _KeptKernel(Kept):
    """Artefacts of one text, whatever the argument types."""

    def __init__(self, dispatcher: Any, module: Module, key: bytes, form: str):
        super().__init__(dispatcher, lambda: key, form, None)
        self._module = module
        dispatcher.modules = {}

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        self._dispatcher.modules[tuple(normalize_signature(sig)[0])] = self._module
        return super().load_overload(sig, target_context)


def kernel(module: Module, options: Any, streams: Streams | None = None, counts: bool = True) -> Any:
    """The entry of a module as a dispatcher that releases the GIL; `options` are those of the user.

    `streams` names the arrays of results that are stored as vectors; without `counts` no references are counted.
    """
    flags = {**options.numba(), **({} if counts else {"_nrt": False})}
    if streams is None:
        entry = load(module, flags)
    else:
        code, names = streamed(module.text, streams)
        entry = load(module, flags, code=code, names=names)
    made = numba.njit(nogil=True, **flags)(entry)
    if options.cache:
        key = bytes.fromhex(digest(module, flags))
        made._cache = _KeptKernel(made, module, key, f"{module.entry}, no GIL, {streams}")
    return made
