"""Device code in the store: what was emitted, and the kernels that numba-cuda made of it, with their PTX and cubins.

A second process neither emits nor compiles them again. Every failure is a miss.
"""

from __future__ import annotations

import functools
import json
import os
import pickle
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeVar

from ..frontend.specs import Spec, TupleSpec
from ..module import Module
from .artefacts import finds_classes
from .environment import artefact_key
from .key import Uncacheable, digest, fingerprint
from .store import Artefact, default_store
from .tiers import base_key

__all__ = ["KeptKernels", "emitted", "emitted_key", "toolkit"]

Emitted = TypeVar("Emitted")

_PACKAGES = ("numba-cuda", "cuda-bindings", "cuda-core", "nvidia-nvvm", "nvidia-nvjitlink", "nvidia-cuda-nvrtc")


@functools.cache
def toolkit() -> bytes:
    """Hash of numba-cuda and of the compiler and linker that it uses."""
    found = []
    for name in _PACKAGES:
        for suffix in ("", "-cu12", "-cu13"):
            try:
                found.append(f"{name}{suffix} {version(name + suffix)}")
            except PackageNotFoundError:
                continue
    found += [f"{name}={os.environ.get(name)}" for name in ("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT")]
    return digest(*(text.encode() for text in found))


def emitted_key(function: Callable[..., Any], options: Any, form: str, specs: dict[str, Spec], *more: object) -> str:
    """The name under which the emitted code of a form is kept, for argument types; "" if it is not kept.

    The types hold the width of floats; the options, the target.
    """
    if not options.cache:
        return ""
    try:
        classes = [fingerprint(cls).hex() for spec in specs.values() for cls in _records(spec)]
        base = digest(base_key(function, options), toolkit())
        return artefact_key(base, f"cuda {form}", repr((specs, classes, more)))
    except Uncacheable:
        return ""


def _records(spec: Spec) -> list[type]:
    if not isinstance(spec, TupleSpec):
        return []
    own = [spec.record] if spec.record is not None else []
    return own + [cls for item in spec.items for cls in _records(item)]


def emitted(key: str, kind: type[Emitted], emit: Callable[[], Emitted]) -> Emitted:
    """What is kept under a key, or what `emit` makes, which is kept then.

    It is a `Module`, or has one as its attribute `module`.
    """
    found = default_store().read(key) if key else None
    if found is not None:
        try:
            kept = pickle.loads(found.sections["emitted"])
            if isinstance(kept, kind):
                return kept
        except Exception:
            pass
    start = time.perf_counter()
    made = emit()
    module = made if isinstance(made, Module) else made.module  # type: ignore[attr-defined]
    if key and finds_classes(module):
        try:
            sections = {"emitted": pickle.dumps(made), "about": _about(module, (), time.perf_counter() - start)}
        except Exception:
            return made
        default_store().write(key, Artefact(sections, module.text))
    return made


def _about(module: Module, types: tuple[Any, ...], seconds: float) -> bytes:
    from .. import __version__

    about = {"function": module.entry, "module": "cuda", "types": [str(kind) for kind in types]}
    return json.dumps({**about, "seconds": round(seconds, 3), "version": __version__}).encode()


class KeptKernels:
    """Stands for the cache of a kernel's dispatcher: loads kernels from the store and keeps new ones.

    A kernel is compiled for one compute capability, and kept with its PTX and the cubin that was linked from it.
    """

    def __init__(self, key: str, module: Module):
        self._key = key
        self._module = module
        self._started = 0.0

    cache_path = None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The kernel for argument types, on the present device."""
        from numba.cuda.dispatcher import _Kernel

        self._started = time.perf_counter()
        try:
            found = default_store().read(self._name(sig))
            if found is None:
                return None
            target_context.refresh()
            return _Kernel._rebuild(**pickle.loads(found.sections["kernel"]))
        except Exception:
            return None

    def save_overload(self, sig: Any, kernel: Any) -> None:
        """Keep a kernel; one whose code depends on the launch is not kept."""
        from numba.cuda.serialize import dumps

        if getattr(kernel, "launch_config_sensitive", False) or not finds_classes(self._module):
            return
        try:
            about = _about(self._module, tuple(sig), time.perf_counter() - self._started)
            sections = {"kernel": bytes(dumps(kernel._reduce_states())), "about": about}
            default_store().write(self._name(sig), Artefact(sections, self._module.text))
        except Exception:
            return

    def flush(self) -> None:
        """Nothing is held back."""

    def _name(self, sig: Any) -> str:
        from numba.cuda import dispatcher

        capability = dispatcher.get_current_device().compute_capability
        return digest(self._key.encode(), str(sig).encode(), repr(tuple(capability)).encode()).hex()
