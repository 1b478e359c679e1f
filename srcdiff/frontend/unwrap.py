"""The plain function inside of partials, methods, dispatchers and instances, and the arguments that these fix."""

from __future__ import annotations

import functools
import os
import types
from collections.abc import Mapping, Sequence

from srcdiff.errors import SourceError

__all__ = ["bind", "quoted", "unwrap"]


def unwrap(function: object) -> tuple[types.FunctionType, list[object], dict[str, object]]:
    """The plain function inside, and the positional and keyword arguments that the layers around it have fixed."""
    args: list[object] = []
    keywords: dict[str, object] = {}
    seen: list[object] = []
    while not any(function is layer for layer in seen):
        seen.append(function)
        # First, because functools.wraps copies the attributes of what it wraps, `py_func` of Numba included.
        if isinstance(function, types.FunctionType):
            if "__wrapped__" in function.__dict__:
                raise _wrapped(function)
            return function, args, keywords
        if isinstance(function, functools.partial):
            args = _prepend(function.args, args)
            keywords = {**function.keywords, **keywords}
            function = function.func
        elif isinstance(function, types.MethodType):
            args = [function.__self__, *args]
            function = function.__func__
        elif isinstance(function, staticmethod):
            function = function.__func__
        elif isinstance(function, functools._lru_cache_wrapper):
            function = function.__wrapped__
        elif not isinstance(function, type) and hasattr(function, "__srcdiff_function__"):
            function = function.__srcdiff_function__
        elif _is_dispatcher(function):
            function = function.py_func  # type: ignore[attr-defined]
        else:
            function = _call_method(function)
    raise SourceError(f"{quoted(function)} unwraps to itself")


def _is_dispatcher(function: object) -> bool:
    """Whether this is what `@numba.njit` or `@cuda.jit` returned, told without importing Numba."""
    return hasattr(function, "py_func") and any(
        cls.__name__.endswith("Dispatcher") and _package(cls).startswith("numba") for cls in type(function).__mro__
    )


def _call_method(instance: object) -> object:
    """The bound `__call__` of an instance whose class defines it in Python; SourceError for all else."""
    kind, called = type(instance), quoted(instance)
    if isinstance(instance, type):
        raise SourceError(
            f"{called} is a class, not a function", hint="Pass a function, or a method of one of its instances."
        )
    if isinstance(instance, classmethod):
        raise SourceError(f"{called} is a classmethod without its class", hint="Take it from the class: Class.method.")
    if _package(kind).startswith("numba"):
        raise SourceError(
            f"{called} is a Numba {kind.__name__} object, whose source cannot be had",
            hint="Pass the plain Python function, or one compiled by @njit.",
        )
    if not callable(instance):
        raise SourceError(f"a function is expected, not {called} of type {kind.__name__!r}")
    if hasattr(instance, "__wrapped__"):
        raise _wrapped(instance)
    call = next(vars(cls)["__call__"] for cls in kind.__mro__ if "__call__" in vars(cls))
    if hasattr(call, "__get__"):
        call = call.__get__(instance, kind)
    if isinstance(call, types.MethodType | types.FunctionType | functools.partial):
        return call
    raise SourceError(
        f"{called} is compiled code ({kind.__name__}): it has no Python source",
        hint=f"Wrap it in a function that calls it, as in `lambda x: {_name(instance)}(x)`.",
    )


def _wrapped(function: object) -> SourceError:
    code = getattr(function, "__code__", None)
    where = f" at {os.path.basename(code.co_filename)}:{code.co_firstlineno}" if code else ""
    return SourceError(
        f"{quoted(function)} is wrapped by a decorator: what runs is {type(function).__name__}{where}, not its source",
        hint="Put the srcdiff decorator below the other one, or pass `.__wrapped__` if the wrapper changes no value.",
    )


def quoted(function: object) -> str:
    return repr(_name(function))


def _name(function: object) -> str:
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _package(cls: type) -> str:
    return str(cls.__module__).partition(".")[0]


def _prepend(first: Sequence[object], rest: list[object]) -> list[object]:
    """The positional arguments of a partial, then those given to it; the latter fill placeholders (Python 3.14)."""
    rest = list(rest)
    return [rest.pop(0) if _is_placeholder(value) and rest else value for value in first] + rest


def _is_placeholder(value: object) -> bool:
    return value is getattr(functools, "Placeholder", functools)


def bind(function: types.FunctionType, args: list[object], keywords: dict[str, object]) -> Mapping[str, object]:
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    if len(args) > len(positional):
        raise SourceError(
            f"{quoted(function)} has {len(positional)} positional parameters, but {len(args)} are already fixed"
            " by functools.partial or a bound method",
            hint="Arguments collected by *args cannot be fixed in advance: write a function that passes them.",
        )
    bound = {name: value for name, value in zip(positional, args) if not _is_placeholder(value)}
    named = code.co_varnames[code.co_posonlyargcount : code.co_argcount + code.co_kwonlyargcount]
    for name, value in keywords.items():
        if name not in named or name in bound:
            why = "is fixed twice" if name in bound else "is not a parameter that can be given by name"
            raise SourceError(f"functools.partial fixes {name!r} of {quoted(function)}, which {why}")
        bound[name] = value
    return types.MappingProxyType(bound)
