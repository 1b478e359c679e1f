"""CUDA: device functions that are emitted for the argument types of a call, and kernels for batches.

Needs the package numba-cuda. In its simulator (`NUMBA_ENABLE_CUDASIM=1`) the same text runs as Python.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import sys
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from ..errors import ArgumentError, UnsupportedCall
from ..frontend.specs import Spec
from ..module import Module
from .cpu import spec_of
from .device import build_device
from .device_store import KeptKernels, emitted, emitted_key
from .emitted import __name__ as PACKAGE
from .emitted import digest
from .forms import Emitter, stub_of
from .tiers import BATCHED
from .toolkit import cuda_module, simulated

__all__ = ["device_form", "kernel_of", "load_device"]


def load_device(module: Module, options: Mapping[str, Any]) -> FunctionType:
    """Run an emitted module: all its functions but the entry become device functions."""
    cuda = cuda_module()
    content = digest(module, options, "cuda")[:32]
    name = f"{PACKAGE}.f_{content}"
    filename = f"<srcdiff {module.entry} {content}>"
    linecache.cache[filename] = (len(module.text), None, module.text.splitlines(True), filename)
    found = ModuleType(name)
    found.__file__ = filename
    sys.modules[name] = found
    space = found.__dict__
    exec(compile(module.text, filename, "exec"), space)
    space.update(module.objects)
    for key, value in list(space.items()):
        if isinstance(value, FunctionType) and key != module.entry and value.__module__ == name:
            space[key] = cuda.jit(device=True, **options)(value)
    entry: FunctionType = space[module.entry]
    return entry


def kernel_of(module: Module, options: Any, key: str = "") -> Any:
    """The kernel of a batch, which is kept under `key`."""
    kernel = cuda_module().jit(**_options(options))(load_device(module, _options(options)))
    if key and not simulated():
        kernel._cache = KeptKernels(key, module)
    return kernel


def _options(options: Any) -> dict[str, Any]:
    """What `cuda.jit` is given: multiplications and additions are contracted by default there, too."""
    return {"fastmath": True} if options.fastmath is True else {}


class DeviceEmitter(Emitter):
    """Emits one mode of a function as a device function, for the argument types of a call."""

    def __call__(self, specs: dict[str, Spec], checked: bool = True) -> Module:
        key = emitted_key(self.function, self.options, self.mode, specs)
        return emitted(key, Module, lambda: build_device(self.source, self.prepared(specs), self.options, self.mode))


class SimulatedForm:
    """A device function in the simulator: Python calls of the emitted text."""

    def __init__(self, stub: FunctionType, emitter: DeviceEmitter, options: Any):
        self.__name__ = stub.__name__
        self._signature = inspect.signature(stub)
        self._emitter = emitter
        self._options = options
        self._loaded: dict[Any, Any] = {}
        self.modules: dict[Any, Module] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        kinds = tuple(_simulated_type(value) for value in bound.arguments.values())
        if kinds not in self._loaded:
            specs = {name: spec_of(kind, name) for name, kind in zip(bound.arguments, kinds)}
            self.modules[kinds] = self._emitter(specs)
            entry = load_device(self.modules[kinds], _options(self._options))
            self._loaded[kinds] = cuda_module().jit(device=True)(entry)
        return self._loaded[kinds](*bound.arguments.values())


def _simulated_type(value: Any) -> Any:
    """Numba's type of an argument within a simulated kernel."""
    import numba
    from numba.core import types

    if isinstance(value, tuple):
        items = [_simulated_type(item) for item in value]
        if hasattr(value, "_fields"):
            return types.NamedTuple(items, type(value))
        return types.Tuple(items)
    if hasattr(value, "dtype") and getattr(value, "ndim", 0) > 0:
        return types.Array(numba.from_dtype(value.dtype), value.ndim, "A")
    return numba.typeof(value)


@functools.cache
def _compiled_form() -> Any:
    """The class of device functions for the real target; its base is only there outside of the simulator."""
    from numba.core import types
    from numba.core.errors import NumbaError
    from numba.cuda.dispatcher import CUDADispatcher

    from .cuda_types import FormType

    class CompiledForm(CUDADispatcher):  # type: ignore[misc]
        """A CUDA dispatcher whose implementation is emitted from the argument types."""

        def __init__(self, stub: FunctionType, emitter: DeviceEmitter, options: Any):
            super().__init__(stub, {"device": True, "opt": True, **_options(options)})
            self._emitter = emitter
            self._settings = options
            self._names = list(inspect.signature(stub).parameters)
            self.modules: dict[Any, Module] = {}
            self._kept: list[Any] = []  # a dispatcher that is collected takes its functions with it

        @property
        def _numba_type_(self) -> Any:
            return FormType(self)

        def compile_device(self, args: tuple[Any, ...], return_type: Any = None) -> Any:
            if args not in self.overloads:
                if any(isinstance(kind, types.Omitted) for kind in args):
                    raise ArgumentError(
                        f"{self.__name__}: devices take no default arguments", hint="Pass every argument."
                    )
                specs = {name: spec_of(kind, name) for name, kind in zip(self._names, args)}
                module = self._emitter(specs)
                inner = CUDADispatcher(load_device(module, _options(self._settings)), dict(self.targetoptions))
                try:
                    self.overloads[args] = inner.compile_device(args)
                except NumbaError as error:
                    message = " ".join(str(error.args[0] if error.args else error).split())[:500]
                    raise UnsupportedCall(
                        f"numba-cuda does not compile the code emitted for {self.__name__}: {message}",
                        hint="Look at the emitted code with emit().",
                    ) from error
                self.modules[args] = module
                self._kept.append(inner)
            return self.overloads[args]

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            raise ArgumentError(
                f"{self.__name__} is a device function", hint="Call it in a @cuda.jit kernel, or use its batch."
            )

    return CompiledForm


def device_form(function: Callable[..., Any], mode: str, options: Any) -> Any:
    """One mode of a function for devices; the Jacobian has `into` and `batch` beside."""
    cuda_module()
    emitter = DeviceEmitter(function, mode, options)
    emitter.inputs  # noqa: B018  raises what is wrong with the source, wrt or of
    base: Any = SimulatedForm if simulated() else _compiled_form()
    form = base(stub_of(function, mode), emitter, options)
    if mode == "jacobian":
        form.into = device_form(function, "into", options)
    if mode in BATCHED:
        from ..evaluate.cuda import CudaBatch

        form.batch = CudaBatch(function, mode, options)
    return form
