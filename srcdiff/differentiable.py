"""The object that decorated functions become, and the functions that make it.

Nothing heavy is imported here: Numba and libcst come with the first call, as `jacobian` and the other attributes
are looked up for the first time.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, overload

from .errors import ArgumentError, WrtError

__all__ = ["Differentiable", "emit", "jacobian", "jacobian_compiled"]

Shapes = Mapping[str, int | Sequence[int]]


class _Lazy:
    """An attribute made on first use, by the method that it decorates.

    Not a `functools.cached_property`: that takes a lock in Python 3.11, which threads could hold in the opposite order
    to Numba's, and knows no slots. The first thread to finish wins.
    """

    def __init__(self, make: Callable[[Any], Any]):
        self.make = make
        self.name = make.__name__
        self.__doc__ = make.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        made = self.make(instance)
        if self.name not in instance._made:
            setattr(instance, self.name, made)
            instance._made.add(self.name)
        return getattr(instance, self.name)


class _WithJacobian:
    """Where an object keeps its Jacobian: of all kinds of attributes a slot is looked up fastest."""

    __slots__ = ("jacobian",)
    jacobian: Any


class Differentiable(_WithJacobian):
    """A function with its derivatives, all compiled on first use.

    Attributes
    ----------
    jacobian
        The Jacobian as a function of the same arguments, in the structure of the function's result; each leaf has the
        shape of the output followed by that of the input. It has the further forms `matrix`, `into`, `into_with`
        and `scratch`.
    value_and_jacobian
        `(f(*args), f.jacobian(*args))` from one pass.
    jvp
        `jvp(primals, tangents)`: the value and its derivative in the direction `tangents`.
    batch
        The function at many points in one call; so have `jacobian` and `value_and_jacobian`.
    """

    __qualname__: str

    def __init__(self, function: Callable[..., Any], options: Options):
        functools.update_wrapper(self, function, updated=())
        self.__srcdiff_function__ = function
        self.__wrapped__ = function
        self._made: set[str] = set()
        self._options = options
        if options.types is not None:
            self.jacobian.compile(options.signature())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._primal(*args, **kwargs)

    @_Lazy
    def _primal(self) -> Any:
        return self._form("primal", face=self)

    @_Lazy
    def batch(self) -> Any:
        return self._primal.batch

    @_Lazy
    def _numba_type_(self) -> Any:
        """How Numba types this object in compiled code: `f(x)`, `f.jacobian(x)`, `f.jacobian.into(out, x)`."""
        if self._options.target == "cuda":
            from .compile.cuda_types import DeviceDifferentiableType

            return DeviceDifferentiableType(self)
        from .compile.nopython import DifferentiableType

        return DifferentiableType(self)

    @_Lazy
    def value_and_jacobian(self) -> Any:
        return self._form("value_and_jacobian")

    @_Lazy
    def jvp(self) -> Any:
        return self._form("jvp")

    def emit(self, mode: str = "jacobian", types: Any = None) -> str:
        """The generated source of one mode: "jacobian", "value_and_jacobian", "matrix", "into", "into_with", "scratch",
        "jvp" or "primal".
        """
        return self._options.emit(self.__srcdiff_function__, mode, types)

    def cfunc(self, prototype: str | None = None, *, order: str = "C") -> Any:
        """The function as a C function; `f.jacobian.cfunc` and `f.value_and_jacobian.cfunc` take the same.

        Parameters
        ----------
        prototype
            A C prototype with names, such as `"void (double t, const double *y, double *out, void *user_data)"`.
            Parameters of the function are found by name. Results go to `out` (`out_` if the function has a parameter of
            this name), values to `value` where there are both, and a single number may be returned. Lengths stand in
            brackets, `y[3]` or `y[n]` with a parameter `int n`, or follow from the function. What the prototype does
            not name is read from `user_data`, in order, as from a C struct, or takes its default. An `int` that is
            returned is 0, or -1 where the function raises; results are nan then. Without a prototype: the results,
            then the parameters, as of `into`.
        order
            "C" for a Jacobian row by row, "F" for columns, as Fortran and LAPACK have it.

        Returns
        -------
        CFunction
            With `prototype`, `address`, `ctypes`, `capsule`, and `low_level_callable(*values of user_data)`.

        Raises
        ------
        ArgumentError
            The prototype does not fit the function.
        """
        if self._options.target == "cuda":
            raise ArgumentError(f"{self.__qualname__} is for CUDA, which has no C pointers", hint="Leave target= out.")
        return self._primal.cfunc(prototype, order=order)

    def _form(self, mode: str, face: Any = None) -> Any:
        if self._options.target == "cuda":
            from .compile.cuda import device_form

            return device_form(self.__srcdiff_function__, mode, self._options)
        from .compile.tiers import Form, JacobianForm

        cls = JacobianForm if mode == "jacobian" else Form
        return cls(self.__srcdiff_function__, mode, self._options, face=face)

    def __reduce__(self) -> Any:
        import sys

        found: Any = sys.modules.get(self.__module__)
        for part in self.__qualname__.split("."):
            found = getattr(found, part, None)
        if found is self:
            return self.__qualname__
        from .places import Origin, file_of, find, place_of, rebuild

        place = place_of(Origin(self.__srcdiff_function__, self._options, "object"))
        if place is not None:
            return find, (place, "object")
        function = self.__srcdiff_function__
        return rebuild, (function, self._options, "object", file_of(function))

    def __repr__(self) -> str:
        return f"<differentiable {self.__qualname__}{inspect.signature(self.__wrapped__)}>"

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if instance is None:
            return self
        raise ArgumentError(
            f"{self.__qualname__} is a method: its instance must be known when compiling",
            hint="Differentiate the bound method: jacobian(instance.method).",
        )


def _named(cls: type) -> Any:
    """Users see one class, `Differentiable`, whatever state its objects are in."""
    cls.__name__ = cls.__qualname__ = "Differentiable"
    cls.__module__ = __name__
    return cls


@_named
class _Fresh(Differentiable):
    """Until its Jacobian is first looked up; after that `f.jacobian` is the slot."""

    @_Lazy
    def jacobian(self) -> Any:
        made = self._form("jacobian")
        cls = type(self)
        if cls is not _Fresh and _Fresh in cls.__bases__:
            cls.__bases__ = (Differentiable,)
        elif cls is _Fresh:
            object.__setattr__(self, "__class__", Differentiable)
        return made


class Options:
    """The options of `jacobian_compiled`, checked."""

    def __init__(
        self,
        *,
        wrt: Any = None,
        of: str | Iterable[str] | None = None,
        strict: bool | None = None,
        shapes: Shapes | None = None,
        types: Any = None,
        fastmath: Any = None,
        chunk: int | None = None,
        cache: bool = True,
        target: str | None = None,
    ):
        if target not in (None, "cpu", "cuda"):
            raise ArgumentError(f"target={target!r} is not known", hint="It is 'cpu' or 'cuda'.")
        given = {"wrt": wrt, "of": of, "strict": strict, "shapes": shapes, "types": types, "fastmath": fastmath}
        given["target"] = target
        self.given: dict[str, Any] = {k: v for k, v in given.items() if v is not None}
        if chunk is not None:
            if isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1:
                raise ArgumentError(f"chunk={chunk!r} is no number of directions", hint="Give 8, 16, 32 or 64.")
            self.given["chunk"] = chunk
        self.chunk = chunk
        if not cache:
            self.given["cache"] = False
        self.wrt = wrt if wrt is None or isinstance(wrt, (str, int)) else tuple(wrt)
        self.of = (of,) if isinstance(of, str) else tuple(of or ())
        self.strict = bool(strict)
        self.shapes: dict[str, tuple[int, ...]] = {}
        for name, shape in (shapes or {}).items():
            lengths = (shape,) if isinstance(shape, int) else tuple(shape)
            if not all(isinstance(n, int) and n >= 0 for n in lengths):
                raise ArgumentError(f"shapes={{{name!r}: {shape!r}}} is no shape", hint="Give lengths as integers.")
            self.shapes[name] = lengths
        self.types = types
        self.target = target or "cpu"
        self.fastmath = {"contract"} if fastmath is None else fastmath
        self.cache = bool(cache)

    def numba(self) -> dict[str, Any]:
        """What `numba.njit` is given."""
        return {"error_model": "numpy", "fastmath": self.fastmath}

    def signature(self) -> Any:
        """The eager signature as Numba takes it."""
        from .frontend.parameters import split_types

        if isinstance(self.types, str) and "->" not in self.types:
            parts = split_types(self.types)
            return self.types if len(parts) == 1 and parts[0].startswith("(") else f"({', '.join(parts)},)"
        return self.types

    def emit(self, function: Callable[..., Any], mode: str, types: Any = None) -> str:
        from .frontend.parameters import guess_specs, parameter_names, parse_type, spec_of_type, split_types
        from .frontend.source import find_source
        from .pipeline import build

        source = find_source(function)
        given = types if types is not None else self.types
        names = parameter_names(source)
        if given is None:
            known = {}
        elif isinstance(given, Mapping):
            known = {name: spec_of_type(kind) for name, kind in given.items()}
        else:
            parts = split_types(given) if isinstance(given, str) else [str(t) for t in given]
            if len(parts) == 1 and parts[0].startswith("(") and len(names) > 1:
                parts = split_types(parts[0][1:-1])
            known = dict(zip(names, map(parse_type, parts)))
        for name in (*known, *self.shapes):
            if name not in names:
                raise WrtError(f"{name!r} is no parameter of {source.name}", hint=f"It has {', '.join(names)}.")
        specs, assumed = guess_specs(source, known, self.shapes)
        if self.target == "cuda":
            from .compile.device import build_device

            return build_device(source, specs, self, mode).text
        module = build(
            source,
            specs,
            mode=mode,
            wrt=self.wrt,
            of=self.of,
            shapes=self.shapes,
            strict=self.strict,
            assumed=assumed,
            chunk=self.chunk,
        )
        return module.text


@overload
def jacobian_compiled(function: Callable[..., Any], /) -> Differentiable: ...
@overload
def jacobian_compiled(
    *,
    wrt: str | int | Sequence[str | int] | None = None,
    of: str | Sequence[str] | None = None,
    strict: bool = False,
    shapes: Shapes | None = None,
    types: Any = None,
    fastmath: Any = None,
    chunk: int | None = None,
    cache: bool = True,
    target: str | None = None,
) -> Callable[[Callable[..., Any]], Differentiable]: ...
def jacobian_compiled(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Compile a function together with its derivatives. Use it bare or with options.

    Parameters
    ----------
    wrt
        Names or positions of the parameters to differentiate by; one name alone drops the inner tuple of the result.
        By default every parameter that is not discrete by the text: annotated `int`, `bool` or `str`, or used as a
        range, index or shape, compared with a string, or tested for None.
    of
        Names of the arguments that the function fills, when it returns nothing: `def rhs(t, y, dy)`.
    strict
        Raise if an output cannot depend on an input, and for integers passed to be differentiated.
    shapes
        Lengths of small arrays where the text does not tell them, such as `{"y": 3, "R": (3, 3)}`.
    types
        A signature in Numba's spelling, to compile at once: `"float64, float64[:]"`.
    chunk
        How many directions an array program carries at once, by default 32; a multiple of 8 fills vector registers.
    fastmath
        Numba's flags for floating-point transformations; by default `{"contract"}`, as C compilers do.
    cache
        Whether compiled code is kept on disk for later processes.
    target
        `"cuda"`: the function and its derivatives are device functions, for use in `@cuda.jit` kernels, and `batch`
        launches kernels. Needs the extra `srcdiff[cuda]`.

    Raises
    ------
    SourceError
        The source cannot be had, or is not the code that runs.
    Unsupported
        A construct that cannot be differentiated, with its place. Raised on the first use.
    WrtError
        `wrt` or `of` names something that is not differentiable.

    Examples
    --------
    >>> from srcdiff import jacobian_compiled
    >>> @jacobian_compiled
    ... def f(x1, x2, x3):
    ...     return x1 + x2, x3 * x1, x2**3
    >>> f.jacobian(3.0, 4.0, 5.0)
    ((1.0, 1.0, 0.0), (5.0, 0.0, 3.0), (0.0, 48.0, 0.0))
    """
    checked = Options(**options)
    if function is None:
        return lambda f: _differentiable(f, checked)
    return _differentiable(function, checked)


def _differentiable(function: Callable[..., Any], options: Options) -> Differentiable:
    """Options given again to a decorated function replace those that it has."""
    if isinstance(function, Differentiable):
        options = Options(**{**function._options.given, **options.given})
        function = function.__srcdiff_function__
    return _Fresh(function, options)


def jacobian(function: Callable[..., Any], **options: Any) -> Any:
    """The Jacobian of a function as a function, as `jax.jacfwd` gives it. Takes the options of `jacobian_compiled`.

    Works on functions, lambdas, `@njit` dispatchers, bound methods and `functools.partial`.

    >>> from srcdiff import jacobian
    >>> jacobian(lambda x, y: x * y**2)(3.0, 2.0)
    (4.0, 12.0)
    """
    if isinstance(function, Differentiable) and not options:
        return function.jacobian
    return _differentiable(function, Options(**options)).jacobian


def emit(
    function: Callable[..., Any],
    *,
    wrt: Any = None,
    mode: str = "jacobian",
    types: Any = None,
    of: Any = None,
    shapes: Shapes | None = None,
    strict: bool | None = None,
    chunk: int | None = None,
) -> str:
    """The generated source: a complete module that needs only `math` and `numpy`.

    `mode` is "jacobian", "value_and_jacobian", "matrix" (the m x n matrix), "into" (the same, filled in), "into_with"
    (that with scratch of the caller's), "scratch" (which makes it), "jvp" or "primal". Where neither `types` nor
    annotations say otherwise, arguments are taken to be float64.

    >>> from srcdiff import emit
    >>> def cube(x):
    ...     return x**3
    >>> print(emit(cube).partition("def ")[2])
    cube_jacobian(x):
        return 3.0 * x**2
    <BLANKLINE>
    """
    options = Options(wrt=wrt, of=of, shapes=shapes, strict=strict, chunk=chunk)
    return _differentiable(function, options).emit(mode, types)
