"""The package that emitted modules belong to: `srcdiff.compile.emitted.f_<hash>`, a name for each content.

Numba puts the name into the symbols of compiled code, so code of other content never has the same symbol. Its cache
asks another process to import the module of every function in a cached caller: any such name imports, as an empty
module, which is all that cached machine code needs.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..module import Module

__all__ = ["digest", "module_name"]

__path__: list[str] = []


def digest(module: Module, options: Mapping[str, Any], *more: str) -> str:
    """A hash of everything in the machine code that srcdiff decides: the text, the user's classes, Numba's options."""
    flags = options.get("fastmath")
    given = {**options, "fastmath": sorted(flags) if isinstance(flags, (set, frozenset)) else flags}
    classes = sorted(f"{key} {c.__module__}.{c.__qualname__}" for key, c in module.objects.items())
    parts = (module.text, repr(sorted(given.items())), *classes, *more)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def module_name(module: Module, options: Mapping[str, Any]) -> str:
    return f"{__name__}.f_{digest(module, options)[:32]}"


class _EmptyModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a name in this package that no compilation of this process has filled."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name.startswith(f"{__name__}.f_"):
            return importlib.machinery.ModuleSpec(name, self)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        pass


sys.meta_path.append(_EmptyModules())
