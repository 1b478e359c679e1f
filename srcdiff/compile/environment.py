"""What machine code depends on besides the function: the processor, versions, and settings of the compiler."""

from __future__ import annotations

import functools
import os
import sys
from importlib.machinery import PathFinder
from typing import Any

from .key import Uncacheable, digest

__all__ = ["artefact_key", "environment"]


def environment() -> bytes:
    """Hash of processor, platform, versions, srcdiff's own code and Numba's settings.

    Uncacheable if Numba is set not to compile at all, or to print or check what only its own compiler runs do.
    """
    try:
        fixed = _fixed()
    except Exception as error:
        raise Uncacheable(f"{type(error).__name__}: {error}") from error
    return digest(fixed, *_settings())


def artefact_key(base: bytes, form: str, signature: str) -> str:
    """The name of an artefact: of a function with its options, one of its forms, and argument types."""
    return digest(environment(), base, form.encode(), signature.encode()).hex()


@functools.cache
def _fixed() -> bytes:
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features().flatten() if hasattr(llvm, "get_host_cpu_features") else ""
    build = (sys.version, sys.implementation.cache_tag, getattr(sys, "abiflags", ""), sys.maxsize)
    machine = (sys.platform, llvm.get_process_triple(), llvm.get_host_cpu_name(), features)
    versions = [_version(package) for package in ("numba", "llvmlite", "numpy")]
    return digest(repr(build).encode(), repr(machine).encode(), *versions, _own_code())


def _version(package: str) -> bytes:
    """The text of a package's file that tells its version, without importing the package."""
    spec = PathFinder.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for name in ("_version.py", "version.py"):
            try:
                with open(os.path.join(folder, name), "rb") as file:
                    return file.read()
            except OSError:
                continue
    from importlib.metadata import version

    return version(package).encode()


def _own_code() -> bytes:
    """The text of srcdiff itself: what is changed in it may change what is emitted."""
    from .. import __version__

    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parts = [__version__.encode()]
    folders = [root]
    while folders:
        try:
            items = sorted(os.scandir(folders.pop()), key=lambda item: item.name)
        except OSError:  # within a zip file: the version has to do
            continue
        for item in items:
            if item.name.endswith(".py"):
                with open(item.path, "rb") as file:
                    parts += [item.name.encode(), file.read()]
            elif item.name != "__pycache__" and item.is_dir():
                folders.append(item.path)
    return digest(*parts)


_HARMLESS = ("CACHE", "NUM_THREADS", "THREADING", "WARNINGS", "COLOR", "DEVELOPER", "FULL_TRACEBACKS", "SHOW_HELP")
_CHANGEABLE = {
    "OPT": "_OptLevel(3)", "BOUNDSCHECK": "None", "DEBUGINFO_DEFAULT": "0", "LOOP_VECTORIZE": "1", "SLP_VECTORIZE": "0",
    "ENABLE_AVX": None, "CPU_NAME": "None", "CPU_FEATURES": "None", "ENABLE_PROFILING": "0", "DISABLE_INTEL_SVML": None,
    "LLVM_REFPRUNE_PASS": None, "DEBUG": "0", "ENABLE_SYS_MONITORING": "0", "DISABLE_JIT": "0", "DEBUG_NRT": "0",
}  # fmt: skip
"""Settings that a program may change after Numba is imported, and their usual values, where that is one value."""


def _settings() -> list[bytes]:
    """Settings of Numba: those in the process's environment, a configuration file, and those changed by the program."""
    if sys.flags.optimize:
        raise Uncacheable("python -O, where a function's bytecode does not tell its assertions")
    found = []
    for name, value in sorted(os.environ.items()):
        if name.startswith("NUMBA_") and not any(word in name for word in _HARMLESS):
            found.append(f"{name}={value}".encode("utf-8", "surrogateescape"))
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise Uncacheable("NUMBA_DISABLE_JIT")
    try:
        with open(".numba_config.yaml", "rb") as file:
            found.append(file.read())
    except OSError:
        pass
    config: Any = getattr(sys.modules.get("numba"), "config", None)
    for name, usual in _CHANGEABLE.items() if config is not None else ():
        if f"NUMBA_{name}" in os.environ or usual is None:
            continue
        value = str(getattr(config, name, usual))
        if value not in (usual, {"0": "False", "1": "True"}.get(usual)):
            if name == "DISABLE_JIT":
                raise Uncacheable("Numba is set not to compile")
            found.append(f"changed {name}={value}".encode())
    return found
