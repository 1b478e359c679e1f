"""The forms of a derivative as the user holds them, before and after Numba is needed.

A form that an earlier process compiled is linked from the store, without Numba and without reading the source
(`native`). All else goes to the form's dispatcher: other argument types, compiled callers, and whatever the linked
code does not take. In both cases the callable that serves the call becomes the `__call__` of the object's own class,
so that later calls go to it directly.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Callable, Collection
from types import FunctionType
from typing import Any

from ..frontend.unwrap import bind, unwrap
from ..modes import FILLS, OF_JACOBIAN, OWN, suffix_of
from ..places import Origin, reduce_form
from .environment import artefact_key, environment
from .key import Uncacheable, digest, fingerprint
from .overlap import refuse_overlaps
from .store import Artefact, default_store
from .subclasses import refuse_subclasses

__all__ = ["Form", "JacobianForm", "base_key", "form_name", "plain_and_parameters"]


def plain_and_parameters(function: Callable[..., Any]) -> tuple[FunctionType, list[str]]:
    """The plain function inside, and the names of the parameters that a call passes."""
    plain, args, keywords = unwrap(function)
    code = plain.__code__
    bound = bind(plain, args, keywords)
    first, last = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    star = code.co_varnames[last : last + 1] if code.co_flags & inspect.CO_VARARGS else ()
    every = (*code.co_varnames[:first], *star, *code.co_varnames[first:last])
    return plain, [name for name in every if name not in bound]


def form_name(plain: FunctionType, mode: str) -> str:
    """The name of a mode of a function.

    >>> form_name(len.__class__ and plain_and_parameters, "into")
    'plain_and_parameters_jacobian_into'
    """
    base = "lambda_" if plain.__name__ == "<lambda>" else plain.__name__
    return base + suffix_of(mode)


def own_parameters(mode: str, names: Collection[str]) -> tuple[str, ...]:
    """What a call passes before the user's arguments."""
    found: list[str] = []
    for name in OWN.get(mode, ()):
        while name in names:
            name += "_"
        found.append(name)
    return tuple(found)


def base_key(function: Callable[..., Any], options: Any) -> bytes:
    """Hash of a function with its options."""
    effective = {name: value for name, value in vars(options).items() if name not in ("given", "cache", "types")}
    return fingerprint(function, effective)


_SET_CLASS: Any = vars(object)["__class__"].__set__

BATCHED = ("primal", "jacobian", "value_and_jacobian")
"""Modes whose forms have `batch`."""

PATIENCE = 1000
"""Calls that linked code does not take before all go to the dispatcher; a hundred times as many before Numba is
imported for them, which takes as long as a hundred thousand calls."""


def describe(value: Any) -> str | None:
    """A value's type as Numba writes it, for those types that linked code takes.

    >>> describe((1.0, (2, True)))
    'Tuple(float64, Tuple(int64, bool))'
    """
    kind = type(value)
    if kind is float:
        return "float64"
    if kind is int:
        return "int64" if -(1 << 63) <= value < 1 << 63 else None
    if kind is bool:
        return "bool"
    if kind is complex:
        return "complex128"
    if kind is tuple:
        parts = [describe(item) for item in value]
        if None in parts:
            return None
        same = len(set(parts)) == 1
        return f"UniTuple({parts[0]} x {len(parts)})" if same else f"Tuple({', '.join(parts)})"  # type: ignore[arg-type]
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if kind is numpy.float64:
        return "float64"
    if kind is not numpy.ndarray or not value.ndim:
        return None
    flags = value.flags
    if not (flags.aligned and flags.writeable and value.dtype.isnative):
        return None
    layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
    return f"array({value.dtype.name}, {value.ndim}d, {layout})" if value.dtype.kind in "fic" else None


def _call_parameters(plain: FunctionType, names: list[str], mode: str) -> tuple[tuple[str, ...] | None, dict[str, Any]]:
    """Names of a call's arguments in order, and what they are when left out; no names if it takes any number."""
    if mode == "jvp":
        return OWN[mode], {}
    code = plain.__code__
    if code.co_flags & inspect.CO_VARARGS:
        return None, {}
    given = plain.__defaults__ or ()
    defaults = dict(zip(code.co_varnames[code.co_argcount - len(given) : code.co_argcount], given))
    defaults |= plain.__kwdefaults__ or {}
    return (*own_parameters(mode, names), *names), defaults


class Form:
    """One form of a function. `face` is an object that calls it."""

    def __init__(self, function: Callable[..., Any], mode: str, options: Any, *, face: Any = None):
        plain, self._parameters = plain_and_parameters(function)
        self.__name__ = self.__qualname__ = form_name(plain, mode)
        self.__module__ = plain.__module__
        self.__doc__ = plain.__doc__
        self._function = function
        self._mode = mode
        self._options = options
        self.origin = Origin(function, options, mode)
        self._face = face
        self._links: dict[str, Any] = {}
        self._kept: list[Artefact] = []
        self._passed_on = 0
        self._names, self._defaults = _call_parameters(plain, self._parameters, mode)
        self.checked = self._known()
        if not self.checked:
            self._dispatcher  # noqa: B018  raises what is wrong with the source or the options

    def _known(self) -> bool:
        """Whether an earlier process found nothing wrong with the source and the options."""
        if not self._options.cache:
            return False
        try:
            return default_store().read(self._note_key()) is not None
        except Uncacheable:
            return False

    def _note_key(self) -> str:
        return digest(environment(), base_key(self._function, self._options), b"checked").hex()

    @property
    def _dispatcher(self) -> Any:
        # No functools.cached_property: it takes a lock in Python 3.11, and a thread that holds Numba's may wait for it.
        made = self.__dict__.get("_numba")
        return self.__dict__.setdefault("_numba", self._make()) if made is None else made

    def _make(self) -> Any:
        from .forms import dispatcher

        made = dispatcher(self._function, self._mode, self._options, self)
        for artefact in self._kept:  # what was linked before, so that both tiers know the same signatures
            made.adopt(artefact)
        if self._options.cache and not self.checked:
            with contextlib.suppress(Uncacheable):
                default_store().write(self._note_key(), Artefact({"checked": b""}))
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._refuse(args, kwargs)
        positional, signature = self._describe(args, kwargs) if self.checked else (args, None)
        linked = self._link(signature) if signature is not None else None
        if linked is not None:
            self._become(linked)
            return linked(*positional)
        target = self._dispatching()
        result = target(*args, **kwargs)
        self._become(self._dispatching())
        if self._options.cache:  # linked code takes half the time of a dispatcher's call
            signature = self._describe(args, kwargs)[1]
            linked = self._link(signature) if signature is not None else None
            if linked is not None:
                self._become(linked)
        return result

    def _refuse(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        refuse_subclasses(self, args, kwargs)
        refuse_overlaps(self, args, kwargs)

    def _beyond(self, tried: str, *args: Any, **kwargs: Any) -> Any:
        """A call that the code linked for the types `tried` does not take, or fails on."""
        self._refuse(args, kwargs)
        self._passed_on += 1
        dispatching = "_numba" in self.__dict__
        if self._passed_on > (PATIENCE if dispatching else 100 * PATIENCE):
            self._become(self._dispatching())
        elif not dispatching:
            positional, signature = self._describe(args, kwargs)
            if signature is not None and (kwargs or signature != tried):
                linked = self._link(signature)
                if linked is not None:
                    return linked(*positional)
        return self._dispatcher(*args, **kwargs)

    def _dispatching(self) -> Any:
        """The dispatcher, with a look at what it does not see: classes of arrays, memory that is shared and written."""
        dispatcher = self._dispatcher
        config: Any = sys.modules["numba"].config
        if config.DISABLE_JIT:
            dispatcher = dispatcher.interpreted
        modules = self._dispatcher.modules
        writes = self._mode in FILLS or bool(self._options.of)
        known = 0

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal writes, known
            refuse_subclasses(self, args, kwargs)
            if not writes and known != len(modules):  # for other types it may write; new ones are looked at there
                known, writes = len(modules), any(module.apart for module in list(modules.values()))
            if writes:
                refuse_overlaps(self, args, kwargs)
            return dispatcher(*args, **kwargs)

        return call

    def _link(self, signature: str) -> Any:
        """The linked code for argument types, if the store has it and this process can run it."""
        if signature not in self._links:
            try:
                key = artefact_key(base_key(self._function, self._options), self.__name__, signature)
                found = default_store().read(key)
                if found is None or "native" not in found.sections:
                    return None
                from .link import link

                fallback = functools.partial(self._beyond, signature)
                linked = link(key, found.sections["native"], self.__name__, fallback)
            except Exception:  # whatever it is, a dispatcher can do without
                return None
            if linked is None:
                return None
            self._links[signature] = linked
            self._kept.append(found)
        return self._links[signature]

    def _describe(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], str | None]:
        """Arguments in order, and their types as Numba writes them; None for types that only a dispatcher takes."""
        names = self._names
        if names is None or len(args) > len(names):
            return args, None
        rest = names[len(args) :]
        named = 0
        while rest and rest[0] in kwargs:
            args, rest, named = (*args, kwargs[rest[0]]), rest[1:], named + 1
        if named != len(kwargs):
            return args, None
        parts = [describe(arg) for arg in args]
        for name in rest:
            parts.append(f"omitted(default={self._defaults[name]!r})" if name in self._defaults else None)
        return args, None if None in parts else ", ".join(parts)  # type: ignore[arg-type]

    def _become(self, target: Any) -> None:
        """Let `target` be the `__call__` of this object and of its face."""
        for thing in (self, self._face) if self._face is not None else (self,):
            base = next(cls for cls in type(thing).__mro__ if "_own_call" not in vars(cls))
            space = {"__call__": staticmethod(target), "__module__": base.__module__, "_own_call": True}
            own = type(base.__name__, (base,), space)
            own.__qualname__ = base.__qualname__
            _SET_CLASS(thing, own)

    @property
    def _numba_type_(self) -> Any:
        return self._dispatcher._numba_type_

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """That of a dispatcher where Numba is imported: it asks so where a function type is declared."""
        numba = sys.modules.get("numba.core.dispatcher")
        return type(self) if numba is None else numba.Dispatcher

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._dispatcher.py_func)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        if name == "batch" and self._mode in BATCHED:
            from ..evaluate.batch import BatchEvaluator

            return self.__dict__.setdefault(name, BatchEvaluator(self._function, self._mode, self._options))
        return getattr(self._dispatcher, name)

    def __reduce__(self) -> Any:
        return reduce_form(self.origin)

    def __repr__(self) -> str:
        return f"<{self.origin}{self.__signature__}>"


class JacobianForm(Form):
    """The Jacobian as a function, and its other forms.

    `matrix` gives the m x n matrix: all outputs, flattened, as rows; all inputs as columns; C order. `into(out, *args)`
    fills `out`, of shape (m, n), with the matrix. What a function of arrays of any length needs for that, above all
    tangents, it allocates once a call; `scratch(*args)` makes it beforehand, a tuple of arrays, and
    `into_with(scratch, out, *args)` uses that, for arguments of the same types and lengths.
    """

    def __getattr__(self, name: str) -> Any:
        if name not in OF_JACOBIAN:
            return super().__getattr__(name)
        # Kept among the object's own attributes, with no descriptor of the class that slows `jacobian.into` down.
        return self.__dict__.setdefault(name, Form(self._function, name, self._options))
