"""Our objects in nopython code: a type for `Differentiable`, and one for its forms, with the attributes of Jacobians.

Imported when Numba first meets one of our objects, which may be in the middle of inferring a caller's types; the
contexts are refreshed so that what is registered here takes effect at once.
"""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.core.errors import TypingError
from numba.core.imputils import lower_constant, lower_getattr_generic
from numba.core.registry import cpu_target
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, box, models, register_model, unbox

from ..modes import OF_JACOBIAN
from ..places import Origin
from .guard import reduce_type

__all__ = ["DifferentiableType", "FormType"]

_FORMS = ("jacobian", "value_and_jacobian", "jvp")


class DifferentiableType(types.Callable, types.Opaque):  # type: ignore[misc]
    """One type an object, as Numba has one for every dispatcher; calls go to the primal's dispatcher."""

    def __init__(self, differentiable: Any):
        self.differentiable = differentiable
        self.origin = Origin(differentiable.__srcdiff_function__, differentiable._options, "object")
        types.Opaque.__init__(self, f"srcdiff({self.origin} at {id(differentiable):#x})")

    def __reduce__(self) -> Any:
        return reduce_type(self, self.origin)

    @property
    def _primal(self) -> Any:
        return self.differentiable._primal._numba_type_

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        return self._primal.get_call_type(context, args, kws)

    def get_call_signatures(self) -> Any:
        return self._primal.get_call_signatures()

    def get_impl_key(self, sig: Any) -> Any:
        return self._primal.get_impl_key(sig)


class FormType(types.Dispatcher):  # type: ignore[misc]
    """One form of a function. That of the Jacobian has the attributes `matrix` and `into`."""

    def __init__(self, dispatcher: Any):
        super().__init__(dispatcher)
        self.name = f"srcdiff({dispatcher.origin} at {id(dispatcher):#x})"

    def __reduce__(self) -> Any:
        return reduce_type(self, self.dispatcher.origin)


register_model(DifferentiableType)(models.OpaqueModel)
register_model(FormType)(models.OpaqueModel)


@infer_getattr
class _DifferentiableAttributes(AttributeTemplate):  # type: ignore[misc]
    key = DifferentiableType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        if name in _FORMS:
            return getattr(kind.differentiable, name)._numba_type_
        return _refuse(kind.origin, kind.differentiable, name)


@infer_getattr
class _FormAttributes(AttributeTemplate):  # type: ignore[misc]
    key = FormType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        if name in OF_JACOBIAN and kind.dispatcher.origin.mode == "jacobian":
            return getattr(kind.dispatcher, name)._numba_type_
        return _refuse(kind.dispatcher.origin, kind.dispatcher, name)


def _refuse(origin: Origin, held: Any, name: str) -> None:
    """What Python code has and compiled code has not is named as such; other names are left to Numba."""
    if hasattr(type(held), name) and not name.startswith("_"):
        raise TypingError(f"{origin}.{name} is for Python code, and cannot be used in compiled code")


@lower_getattr_generic(DifferentiableType)
@lower_getattr_generic(FormType)
def _attribute(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    return context.get_dummy_value()


@lower_constant(DifferentiableType)
@lower_constant(FormType)
def _constant(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    return context.get_dummy_value()


@box(DifferentiableType)
@box(FormType)
def _box(kind: Any, value: Any, context: Any) -> Any:
    """Compiled code holds no pointer to the object, which another process could not use; it is found by its name."""
    held = kind.differentiable if isinstance(kind, DifferentiableType) else kind.dispatcher
    return context.pyapi.unserialize(context.pyapi.serialize_object(held))


@unbox(DifferentiableType)
@unbox(FormType)
def _unbox(kind: Any, value: Any, context: Any) -> Any:
    return NativeValue(context.context.get_dummy_value())


cpu_target.typing_context.refresh()
cpu_target.target_context.refresh()
