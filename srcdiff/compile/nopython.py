"""Our objects in nopython code: a type for `Differentiable`, and the attributes of Jacobian dispatchers.

Imported when Numba first meets one of our objects, which may be in the middle of inferring a caller's types; the
contexts are refreshed so that what is registered here takes effect at once.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.imputils import lower_constant, lower_getattr_generic
from numba.core.registry import cpu_target
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, models, register_model, unbox

__all__ = ["DifferentiableType", "JacobianType"]

_FORMS = ("jacobian", "value_and_jacobian", "jvp")


class DifferentiableType(types.Callable, types.Opaque):  # type: ignore[misc]
    """One type an object, as Numba has one for every dispatcher; calls go to the primal's dispatcher."""

    def __init__(self, differentiable: Any):
        self.differentiable = differentiable
        types.Opaque.__init__(self, f"srcdiff.Differentiable({differentiable.__name__} at {id(differentiable):#x})")

    @property
    def _primal(self) -> Any:
        return self.differentiable._primal._numba_type_

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        return self._primal.get_call_type(context, args, kws)

    def get_call_signatures(self) -> Any:
        return self._primal.get_call_signatures()

    def get_impl_key(self, sig: Any) -> Any:
        return self._primal.get_impl_key(sig)


class JacobianType(types.Dispatcher):  # type: ignore[misc]
    """A dispatcher with the attributes `matrix` and `into`."""


register_model(DifferentiableType)(models.OpaqueModel)
register_model(JacobianType)(models.OpaqueModel)


@infer_getattr
class _DifferentiableAttributes(AttributeTemplate):  # type: ignore[misc]
    key = DifferentiableType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        return getattr(kind.differentiable, name)._numba_type_ if name in _FORMS else None


@infer_getattr
class _JacobianAttributes(AttributeTemplate):  # type: ignore[misc]
    key = JacobianType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        return getattr(kind.dispatcher, name)._numba_type_ if name in ("matrix", "into") else None


@lower_getattr_generic(DifferentiableType)
@lower_getattr_generic(JacobianType)
def _attribute(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    return context.get_dummy_value()


@lower_constant(DifferentiableType)
@lower_constant(JacobianType)
def _constant(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.get_dummy_value()


@unbox(DifferentiableType)
@unbox(JacobianType)
def _unbox(kind: Any, value: Any, context: Any) -> Any:
    return NativeValue(context.context.get_dummy_value())


cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
