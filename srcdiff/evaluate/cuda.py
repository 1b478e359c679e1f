"""Many points in one call on a CUDA device: one thread a point."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..compile.cuda import check_device, cuda_module, kernel_of
from ..compile.device import build_kernel
from ..compile.device_store import emitted, emitted_key
from ..errors import ArgumentError
from ..frontend.specs import ConstantSpec, Spec
from .arguments import flat, indices_of, plain
from .batch import BatchEvaluator, Given, Plan
from .points import Batch

__all__ = ["CudaBatch"]

THREADS = 128
"""Threads of a block of the grid."""

CHUNK = 1 << 20
"""Points that are on the device at a time, where arrays are copied there and back."""


class CudaBatch(BatchEvaluator):
    """As `BatchEvaluator`, with a kernel launch for its loop.

    NumPy arrays are copied to the device and back, a million points at a time. Arrays that are on the device, of
    CuPy, PyTorch, Numba or whatever else has `__cuda_array_interface__`, are not copied, and the results are arrays
    on the device, of the same library. Indices are checked on the host.

    Parameters
    ----------
    stream
        A stream of Numba, CuPy or PyTorch, or its address, for the kernel and the copies.
    """

    def __call__(
        self,
        *args: Any,
        out: Any = None,
        in_axes: Any = "rank",
        indices: Mapping[str, Any] | None = None,
        stream: Any = 0,
        **kwargs: Any,
    ) -> Any:
        check_device()
        given = self.given(args, kwargs, in_axes, indices or {})
        batch, kernel = self.compile(given.plan, False)
        self.check(batch, given)
        stream = _stream(stream)
        library = next((_library(v) for v in _numbers((*args, *kwargs.values())) if _on_device(v)), None)
        if library is None and not any(map(_on_device, flat(out))):
            results = self.results(batch, given.n, out)
            self._copying(batch, kernel, given, results, stream)
            return self.structure(batch, results)
        device = self._device_results(batch, given.n, out, stream)
        values = self._launchable(batch, given.plan, given.values, stream)
        at = [_to_device(i, stream) for i in given.indices]
        self._launch(kernel, 0, given.n, (*device, *values, *at), stream)
        return self.structure(batch, [_returned(a, library) for a in device] if out is None else list(flat(out)))

    def build(self, plan: Plan, blocks: bool) -> Batch:
        """The kernel for arguments of these types."""
        key = (id(plan), False)
        if key not in self._built:
            name = self._key(plan)
            self._built[key] = plan, emitted(name, Batch, functools.partial(self._emitted, plan))
        return self._built[key][1]

    def _key(self, plan: Plan) -> str:
        """The name under which the store keeps the code for these arguments."""
        return emitted_key(self.function, self.options, f"batch {self.mode}", dict(plan.specs), plan.arguments)

    def _emitted(self, plan: Plan) -> Batch:
        return build_kernel(self.source, plan.specs, plan.arguments, self.options, self.mode)

    def compile(self, plan: Plan, blocks: bool) -> tuple[Batch, Any]:
        """The kernel, and what numba-cuda made of it."""
        batch = self.build(plan, False)
        if batch.module.text not in self._loops:
            self._loops[batch.module.text] = kernel_of(batch.module, self.options, self._key(plan))
        return batch, self._loops[batch.module.text]

    # -- arguments --------------------------------------------------------------------------------------------------

    def taken(self, name: str, value: Any) -> Any:
        """Arrays on the device stay there."""
        return _device_array(value) if _on_device(value) else plain(name, value)

    def kind(self, value: Any) -> Any:
        """Strings, truth values and None are known when compiling: devices have no strings."""
        return (type(value), value) if isinstance(value, (str, bool, type(None))) else super().kind(value)

    def spec(self, value: Any, name: str) -> Spec:
        """As it is, or a constant."""
        return ConstantSpec(value) if isinstance(value, (str, bool, type(None))) else super().spec(value, name)

    def taken_indices(self, name: str, at: Any) -> Any:
        """Indices on the device stay there."""
        if not _on_device(at):
            return indices_of(name, at)
        array = _device_array(at)
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ArgumentError(f"indices[{name!r}] is no array of integers with one axis", hint="One index a point.")
        return array

    def points_first(self, name: str, array: Any, axis: int) -> Any:
        """Views of NumPy arrays; arrays on the device must have their points in front."""
        if isinstance(array, np.ndarray) or axis % array.ndim == 0:
            return super().points_first(name, array, axis) if isinstance(array, np.ndarray) else array
        raise ArgumentError(f"{name} is on the device, with its points not in front", hint="Transpose it before.")

    def bounds(self, at: Any) -> tuple[int, int]:
        """Indices are checked on the host."""
        return super().bounds(at if isinstance(at, np.ndarray) else at.copy_to_host())

    # -- evaluation -------------------------------------------------------------------------------------------------

    def _launch(self, kernel: Any, first: int, last: int, arguments: Sequence[Any], stream: Any) -> None:
        count = last - first
        threads = min(THREADS, count)
        if count:
            kernel[-(-count // threads), threads, stream](first, last, *arguments)

    def _launchable(self, batch: Batch, plan: Plan, values: Sequence[Any], stream: Any) -> list[Any]:
        """Arguments as kernels take them; constants are in the text already."""
        found = []
        for argument, value in zip(plan.arguments, values):
            if isinstance(argument.spec, ConstantSpec):
                value = 0
            if isinstance(value, np.ndarray) and argument.text.partition("[")[0] in batch.filled:
                raise ArgumentError(f"{argument.text} is written, but not on the device", hint="Copy it there.")
            found.append(_to_device(value, stream))
        return found

    def _device_results(self, batch: Batch, n: int, out: Any, stream: Any) -> list[Any]:
        cuda = cuda_module()
        shapes = [((n, *t.shape), np.dtype(t.dtype.numpy)) for t in batch.targets]
        if out is None:
            return [cuda.device_array(shape, dtype, stream=stream) for shape, dtype in shapes]
        found = list(flat(out))
        if len(found) != len(shapes) or not all(map(_on_device, found)):
            raise ArgumentError("out does not hold an array on the device for each result", hint="Or leave it out.")
        arrays = [_device_array(a) for a in found]
        for number, (array, (shape, dtype)) in enumerate(zip(arrays, shapes)):
            if tuple(array.shape) != shape or not np.can_cast(dtype, array.dtype, "same_kind"):
                raise ArgumentError(
                    f"array {number} of out is {array.dtype}{tuple(array.shape)}, but the result is {dtype}{shape}",
                    hint="Points come first.",
                )
        return arrays

    def _copying(self, batch: Batch, kernel: Any, given: Given, results: Sequence[Any], stream: Any) -> None:
        """A chunk of points after the other: there, computed, and back."""
        cuda = cuda_module()
        plan = given.plan
        shared: dict[int, Any] = {
            k: 0 if isinstance(a.spec, ConstantSpec) else _to_device(v, stream)
            for k, (a, v) in enumerate(zip(plan.arguments, given.values))
            if not a.batched or a.gathered
        }
        for first in range(0, given.n, CHUNK):
            part = slice(first, min(first + CHUNK, given.n))
            count = part.stop - part.start
            values: list[Any] = [
                shared[k] if k in shared else cuda.to_device(np.ascontiguousarray(v[part]), stream=stream)
                for k, v in enumerate(given.values)
            ]
            at = [cuda.to_device(np.ascontiguousarray(i[part]), stream=stream) for i in given.indices]
            outs = [cuda.device_array((count, *r.shape[1:]), r.dtype, stream=stream) for r in results]
            self._launch(kernel, 0, count, (*outs, *values, *at), stream)
            for result, array in zip(results, outs):
                result[part] = array.copy_to_host(stream=stream)
            for argument, value, array in zip(plan.arguments, given.values, values):
                if argument.text.partition("[")[0] in batch.filled and isinstance(value, np.ndarray):
                    value[part] = array.copy_to_host(stream=stream)
            if stream:
                stream.synchronize()


def _on_device(value: Any) -> bool:
    if isinstance(value, (np.ndarray, np.generic)):
        return False
    return hasattr(value, "__cuda_array_interface__") or type(value).__name__ == "FakeCUDAArray"


def _device_array(value: Any) -> Any:
    """An array on the device as Numba's; those of the simulator are so already."""
    return cuda_module().as_cuda_array(value) if hasattr(value, "__cuda_array_interface__") else value


def _numbers(values: Sequence[Any]) -> list[Any]:
    return [n for v in values for n in (_numbers(v) if isinstance(v, tuple) else [v])]


def _to_device(value: Any, stream: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    return cuda_module().to_device(np.ascontiguousarray(value), stream=stream)


def _library(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _returned(array: Any, library: str | None) -> Any:
    """A result on the device as an array of the caller's library, without a copy."""
    if library == "cupy":
        import cupy

        return cupy.asarray(array)
    if library == "torch":
        import torch

        return torch.as_tensor(array, device="cuda")
    return array


def _stream(stream: Any) -> Any:
    """A stream as Numba takes it: CuPy's have `ptr`, PyTorch's `cuda_stream`."""
    for name in ("ptr", "cuda_stream"):
        if hasattr(stream, name) and isinstance(getattr(stream, name), int):
            stream = getattr(stream, name)
    if isinstance(stream, int) and stream:
        return cuda_module().external_stream(stream)
    return stream
