"""What a value is, for messages."""

from __future__ import annotations

from .values import (
    Array,
    Dictionary,
    Dynamic,
    Lazy,
    Object,
    OpenArray,
    Partial,
    Range,
    Scalar,
    Sequence_,
    UserFunction,
    Value,
)

__all__ = ["describe"]


def describe(value: Value) -> str:
    """What a value is, for messages."""
    if isinstance(value, Scalar):
        return {"bool": "a truth value", "str": "a string", "int": "an integer"}.get(value.type.kind, "a number")
    if isinstance(value, Array):
        return f"an array of shape {value.shape}"
    if isinstance(value, (OpenArray, Dynamic, Lazy)):
        return "an array of unknown length"
    if isinstance(value, Sequence_):
        return "a list" if value.is_list else "a tuple"
    if isinstance(value, Object):
        if value.value is None:
            return "None"
        return (
            "a string"
            if isinstance(value.value, str)
            else f"{value.text or repr(value.value)} (a {_kind(value.value)})"
        )
    if isinstance(value, Partial):
        return "a functools.partial"
    if isinstance(value, Dictionary):
        return "a dict"
    if isinstance(value, UserFunction):
        return f"the function {value.name}"
    return "a range" if isinstance(value, Range) else "undefined"


def _kind(value: object) -> str:
    return "class" if isinstance(value, type) else type(value).__name__
