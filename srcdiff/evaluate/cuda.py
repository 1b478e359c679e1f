"""Many points in one call on a CUDA device: one thread a point."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..compile.cuda import kernel_of
from ..compile.device import Kernel, build_kernel
from ..compile.device_store import emitted, emitted_key
from ..compile.toolkit import check_device, cuda_module, device_errors
from ..errors import ArgumentError, Unsupported
from ..frontend.specs import ArraySpec, ConstantSpec, Spec
from ..optimize.buffers import LENGTHS
from .arguments import flat, indices_of, is_array, plain
from .batch import BatchEvaluator, Given, Plan
from .points import Batch

__all__ = ["CudaBatch"]

THREADS = 128
"""Threads of a block of the grid."""

CHUNK = 1 << 20
"""Points that are on the device at a time, where arrays are copied there and back."""

SCRATCH = 256 * 2**20
"""Bytes of scratch that one launch is handed at most."""


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

    def __init__(self, function: Callable[..., Any], mode: str, options: Any):
        super().__init__(function, mode, options)
        self._arrays: Mapping[tuple[int, ...], Any] = {}
        self._shared: tuple[int, ...] = ()
        self._integers = False
        self._shapes: dict[int, tuple[tuple[str, tuple[int, ...]], ...]] = {}
        self._kept: list[Plan] = []
        self._told_before: dict[Any, dict[tuple[int, ...], bool]] = {}

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
        with device_errors():
            return self._evaluated(args, kwargs, out, in_axes, indices or {}, stream)

    def _evaluated(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any, in_axes: Any, indices: Mapping[str, Any],
        stream: Any,
    ) -> Any:  # fmt: skip
        given = self.given(args, kwargs, in_axes, indices)
        batch, kernel = self.compile(given.plan, False)
        self.check(batch, given)
        stream = _stream(stream)
        library = next((_library(v) for v in _numbers((*args, *kwargs.values())) if _on_device(v)), None)
        if library is None and not any(map(_on_device, flat(out))):
            results = self.results(batch, given.n, out)
            if out is not None:
                self.separate_results(results, given)
            self._copying(batch, kernel, given, results, stream)
            return self.structure(batch, results)
        device = self._device_results(batch, given.n, out, stream)
        if out is not None:
            self.separate_results(device, given)
        values = self._launchable(batch, given.plan, given.values, stream)
        at = [_to_device(i, stream) for i in given.indices]
        for first, last in self._launches(batch, given.n):
            work = self._scratch(batch, last - first, stream)
            self._launch(kernel, first, last, (*device, *values, *at, *work), stream)
        return self.structure(batch, [_returned(a, library) for a in device] if out is None else list(flat(out)))

    def build(self, plan: Plan, blocks: bool) -> Batch:
        """The kernel for arguments of these types."""
        key = (id(plan), False)
        if key not in self._built:
            name = self._key(plan)
            self._built[key] = plan, emitted(name, Kernel, functools.partial(self._emitted, plan))
        return self._built[key][1]

    def _key(self, plan: Plan) -> str:
        """The name under which the store keeps the code for these arguments."""
        shapes = self._point_shapes(plan)
        return emitted_key(self.function, self.options, f"batch {self.mode}", dict(plan.specs), plan.arguments, shapes)

    def _emitted(self, plan: Plan) -> Kernel:
        shapes = dict(self._point_shapes(plan))
        return build_kernel(self.source, plan.specs, plan.arguments, self.options, self.mode, shapes)

    def _point_shapes(self, plan: Plan) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The shapes of the arrays at one point, for which the kernel is made."""
        found = self._shapes.get(id(plan))
        if found is None:
            arrays = [(a, self._arrays[a.path]) for a in plan.arguments if isinstance(a.spec, ArraySpec)]
            shapes = [(a.text, tuple(v.shape[1:] if a.batched else v.shape)) for a, v in arrays]
            found = self._shapes[id(plan)] = tuple(shapes)
            self._kept.append(plan)
        return found

    def _plan(
        self,
        values: Mapping[str, Any],
        omitted: set[str],
        arrays: Mapping[tuple[int, ...], Any],
        told: Mapping[tuple[int, ...], bool | None],
        looked_up: tuple[str, ...],
    ) -> Plan:
        """As for processors, for the shapes of these arguments; the number of points does not count."""
        known = (tuple((p, super(CudaBatch, self).kind(a)) for p, a in arrays.items()), tuple(told.items()), looked_up)
        told = {**told, **self._told_before.get(known, {})}
        self._arrays = arrays
        self._shared = tuple(len(arrays[p]) for p, batched in told.items() if batched is False)
        try:
            plan = super()._plan(values, omitted, arrays, told, looked_up)
        except Unsupported as error:
            if error.hint != LENGTHS or self._integers:
                raise
            self._integers = True
            plan = super()._plan(values, omitted, arrays, told, looked_up)
        self._told_before[known] = {a.path: a.batched for a in plan.arguments if a.path in told}
        return plan

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
        """Strings, truth values and None are known when compiling, for devices have no strings; and shapes are."""
        if self._fixed(value):
            return type(value), value
        return (*super().kind(value), tuple(value.shape[1:]), self._shared) if is_array(value) else super().kind(value)

    def spec(self, value: Any, name: str) -> Spec:
        """As it is, or a constant."""
        constant = self._fixed(value) and (name not in self.wrt or not isinstance(value, (int, np.integer)))
        if not constant:
            return super().spec(value, name)
        return ConstantSpec(int(value) if isinstance(value, np.integer) else value)

    def _fixed(self, value: Any) -> bool:
        """Whether a value is known when compiling; so are integers, if lengths of arrays depend on them."""
        integer = isinstance(value, (int, np.integer)) and self._integers
        return isinstance(value, (str, bool, type(None))) or integer

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

    def memory(self, value: Any) -> Any:
        """For an array on the device a NumPy array with its addresses, which nobody reads from."""
        return np.asarray(_Addresses(value)) if _on_device(value) and value.size else value

    # -- evaluation -------------------------------------------------------------------------------------------------

    def _launch(self, kernel: Any, first: int, last: int, arguments: Sequence[Any], stream: Any) -> None:
        count = last - first
        threads = min(THREADS, count)
        if count:
            kernel[-(-count // threads), threads, stream](first, last, *arguments)

    def _launches(self, batch: Batch, n: int) -> list[tuple[int, int]]:
        """Runs of points, so few that the scratch of each is bounded."""
        row = sum(b.size * np.dtype(b.dtype.numpy).itemsize for b in getattr(batch, "scratch", ()))
        step = max(1, SCRATCH // row) if row else max(n, 1)
        return [(first, min(first + step, n)) for first in range(0, n, step)]

    def _scratch(self, batch: Batch, n: int, stream: Any) -> list[Any]:
        """Arrays with a row for every thread, for a kernel that does not keep its own locally."""
        shaped = [((n, *b.shape), b.dtype.numpy) for b in getattr(batch, "scratch", ())]
        return [cuda_module().device_array(shape, dtype, stream=stream) for shape, dtype in shaped]

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
            for low, high in self._launches(batch, count):
                work = self._scratch(batch, high - low, stream)
                self._launch(kernel, low, high, (*outs, *values, *at, *work), stream)
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


class _Addresses:
    """Where an array on the device lies, as NumPy asks for it; arrays of the simulator lie on the host."""

    def __init__(self, array: Any):
        given = getattr(array, "__cuda_array_interface__", None) or array.__array_interface__
        self.__array_interface__ = {key: given.get(key) for key in ("shape", "typestr", "data", "strides", "version")}


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
