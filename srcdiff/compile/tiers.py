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
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ..frontend.unwrap import bind, unwrap
from .environment import environment
from .key import Uncacheable, digest, fingerprint
from .store import Artefact, default_store

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
    return base + {"primal": "", "matrix": "_jacobian_matrix", "into": "_jacobian_into"}.get(mode, f"_{mode}")


def base_key(function: Callable[..., Any], options: Any) -> bytes:
    """Hash of a function with its options."""
    effective = {name: value for name, value in vars(options).items() if name not in ("given", "cache", "types")}
    return fingerprint(function, effective)


class Form:
    """One form of a function. `origin` is the object and the attribute that it is, `face` an object that calls it."""

    def __init__(
        self, function: Callable[..., Any], mode: str, options: Any, *, origin: tuple[Any, str], face: Any = None
    ):
        plain, self._parameters = plain_and_parameters(function)
        self.__name__ = self.__qualname__ = form_name(plain, mode)
        self.__module__ = plain.__module__
        self.__doc__ = plain.__doc__
        self._function = function
        self._mode = mode
        self._options = options
        self._origin = origin
        self._face = face
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

    @functools.cached_property
    def _dispatcher(self) -> Any:
        from .forms import dispatcher

        made = dispatcher(self._function, self._mode, self._options, self)
        if self._options.cache and not self.checked:
            with contextlib.suppress(Uncacheable):
                default_store().write(self._note_key(), Artefact({"checked": b""}))
        return made

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self._dispatcher(*args, **kwargs)
        self._become(self._dispatcher)
        return result

    def _become(self, target: Any) -> None:
        """Let `target` be the `__call__` of this object and of its face."""
        for thing in (self, self._face) if self._face is not None else (self,):
            base = next(cls for cls in type(thing).__mro__ if "_own_call" not in vars(cls))
            space = {"__call__": staticmethod(target), "__module__": base.__module__, "_own_call": True}
            own = type(base.__name__, (base,), space)
            own.__qualname__ = base.__qualname__
            object.__setattr__(thing, "__class__", own)

    @property
    def _numba_type_(self) -> Any:
        return self._dispatcher._numba_type_

    @property
    def __signature__(self) -> inspect.Signature:
        if self._mode == "jvp":
            names, given = ["primals", "tangents"], {}
        else:
            given = dict(inspect.signature(plain_and_parameters(self._function)[0]).parameters)
            names = self._parameters
        plain = [given.get(n) or inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
        out = "out"
        while out in names:
            out += "_"
        first = [inspect.Parameter(out, inspect.Parameter.POSITIONAL_OR_KEYWORD)] if self._mode == "into" else []
        return inspect.Signature([p.replace(annotation=inspect.Parameter.empty) for p in first + plain])

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self._dispatcher, name)

    def __reduce__(self) -> Any:
        return getattr, self._origin

    def __repr__(self) -> str:
        return f"<{self.__name__}{self.__signature__}>"


class JacobianForm(Form):
    """The Jacobian as a function, and its other forms."""

    @functools.cached_property
    def matrix(self) -> Form:
        """The m x n matrix: all outputs, flattened, as rows; all inputs as columns; C order."""
        return Form(self._function, "matrix", self._options, origin=(self, "matrix"))

    @functools.cached_property
    def into(self) -> Form:
        """`into(out, *args)` fills `out`, of shape (m, n), with the matrix and allocates nothing."""
        return Form(self._function, "into", self._options, origin=(self, "into"))
