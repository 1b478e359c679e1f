"""Our objects in CUDA kernels: a type for `Differentiable`, and the attributes of device functions."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.cuda.core.imputils import Registry
from numba.cuda.descriptor import cuda_target
from numba.cuda.extending import core_models, register_model
from numba.cuda.types.ext_types import CUDADispatcher
from numba.cuda.typing.templates import AttributeTemplate
from numba.cuda.typing.templates import Registry as TypingRegistry

__all__ = ["DeviceDifferentiableType", "FormType"]

_FORMS = ("jacobian", "value_and_jacobian", "jvp")

_typing = TypingRegistry()
_lowering = Registry("srcdiff")


class DeviceDifferentiableType(types.Callable, types.Opaque):  # type: ignore[misc]
    """One type an object; calls go to the primal as a device function."""

    def __init__(self, differentiable: Any):
        self.differentiable = differentiable
        name = f"srcdiff.cuda.Differentiable({differentiable.__name__} at {id(differentiable):#x})"
        types.Opaque.__init__(self, name)

    @property
    def _primal(self) -> Any:
        return self.differentiable._primal._numba_type_

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        return self._primal.get_call_type(context, args, kws)

    def get_call_signatures(self) -> Any:
        return self._primal.get_call_signatures()

    def get_impl_key(self, sig: Any) -> Any:
        return self._primal.get_impl_key(sig)


class FormType(CUDADispatcher):  # type: ignore[misc]
    """A device function; that of a Jacobian has the attribute `into`."""


register_model(DeviceDifferentiableType)(core_models.OpaqueModel)
register_model(FormType)(core_models.OpaqueModel)


@_typing.register_attr
class _DifferentiableAttributes(AttributeTemplate):  # type: ignore[misc]
    key = DeviceDifferentiableType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        return getattr(kind.differentiable, name)._numba_type_ if name in _FORMS else None


@_typing.register_attr
class _FormAttributes(AttributeTemplate):  # type: ignore[misc]
    key = FormType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        return kind.dispatcher.into._numba_type_ if name == "into" and hasattr(kind.dispatcher, "into") else None


@_lowering.lower_getattr_generic(DeviceDifferentiableType)
@_lowering.lower_getattr_generic(FormType)
def _attribute(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    return context.get_dummy_value()


@_lowering.lower_constant(DeviceDifferentiableType)
@_lowering.lower_constant(FormType)
def _constant(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.get_dummy_value()


cuda_target.typing_context.install_registry(_typing)
cuda_target.target_context.refresh()  # one that was extended before it has read its own registries stays without them
cuda_target.target_context.install_registry(_lowering)
