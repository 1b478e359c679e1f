"""Numba: dispatchers whose implementation is emitted from the argument types of a call.

A `GeneratedDispatcher` is a real Numba dispatcher. The first call with new argument types asks for the text that is
compiled for them; every later call takes the dispatcher's own fast path, and compiled callers see an ordinary
dispatcher.
"""

from __future__ import annotations

import functools
import inspect
import linecache
import sys
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import numba
from numba.core import types
from numba.core.dispatcher import _FunctionCompiler
from numba.core.errors import NumbaError
from numba.core.registry import CPUDispatcher

from ..errors import ArgumentError, SrcdiffError, UnsupportedType
from ..frontend.specs import ArraySpec, ConstantSpec, ScalarSpec, Spec, TupleSpec
from ..ir.types import BOOL, INT64, STRING, ScalarType
from ..module import Module
from ..places import Origin, reduce_form
from .artefacts import Kept, signature_of
from .emitted import digest, module_name
from .guard import Guard
from .memory import counts_references
from .overlap import refuse_overlaps, types_of
from .progress import progress
from .store import default_store
from .tiers import base_key

if TYPE_CHECKING:
    from .store import Artefact

__all__ = ["GeneratedDispatcher", "load", "make_stub", "spec_of"]


def spec_of(kind: Any, name: str) -> Spec:
    """What the frontend needs to know of a Numba type."""
    kind = types.unliteral(kind)
    if isinstance(kind, types.Omitted):
        return ConstantSpec(kind.value)
    if isinstance(kind, types.NoneType):
        return ConstantSpec(None)
    if isinstance(kind, types.Optional):
        raise ArgumentError(f"{name} may be None or not", hint="Pass one or the other.")
    if isinstance(kind, types.Boolean):
        return ScalarSpec(BOOL)
    if isinstance(kind, types.Integer):
        return ScalarSpec(INT64)
    if isinstance(kind, types.Float):
        if kind.bitwidth < 32:
            raise ArgumentError(f"{name} is of {kind}, which compiled code does not compute with", hint="Use float32.")
        return ScalarSpec(ScalarType("float", kind.bitwidth))
    if isinstance(kind, types.Complex):
        return ScalarSpec(ScalarType("complex", kind.bitwidth // 2))
    if isinstance(kind, types.UnicodeType):
        return ScalarSpec(STRING)
    if isinstance(kind, types.Array):
        inner = spec_of(kind.dtype, name)
        if not isinstance(inner, ScalarSpec):
            raise ArgumentError(f"{name} is an array of {kind.dtype}", hint="Pass an array of numbers.")
        if kind.ndim == 0:
            raise ArgumentError(f"{name} is a 0-d array", hint=f"Pass the number itself: float({name}).")
        return ArraySpec(inner.type, kind.ndim)
    if isinstance(kind, types.BaseNamedTuple):
        items = tuple(spec_of(t, f"{name}.{f}") for f, t in zip(kind.fields, kind.types))
        return TupleSpec(items, kind.instance_class)
    if isinstance(kind, types.BaseTuple):
        return TupleSpec(tuple(spec_of(t, f"{name}[{i}]") for i, t in enumerate(kind.types)))
    if isinstance(kind, (types.List, types.ListType, types.LiteralList)):
        raise ArgumentError(f"{name} is a list", hint=f"Pass an array, np.array({name}), or a tuple.")
    if isinstance(kind, (types.Dispatcher, types.Function)):
        raise ArgumentError(
            f"{name} is a function", hint="Fix functions with functools.partial before differentiating."
        )
    raise ArgumentError(
        f"{name} is of a type that has no derivative: {kind}", hint="Pass numbers, arrays, or tuples of them."
    )


class _GeneratingCompiler(_FunctionCompiler):  # type: ignore[misc]
    generate: Callable[[tuple[Any, ...]], tuple[FunctionType, bool]]

    def _customize_flags(self, flags: Any) -> Any:
        self._flags = flags
        return flags

    def _get_implementation(self, args: tuple[Any, ...], kws: dict[str, Any]) -> FunctionType:
        implementation, self._flags.nrt = self.generate(args)
        return implementation


class GeneratedDispatcher(CPUDispatcher):  # type: ignore[misc]
    """`stub` gives name and signature; `emit(specs, checked)` the module for a call with such arguments.

    Calls from Python check the shapes of arrays. Calls from compiled code go to a variant without these checks, as
    Numba's own indexing is unchecked there: code that cannot raise is inlined, and its callers keep no references.
    With Numba's bounds checks on, compiled callers get the checks too.

    Each is compiled with the one wrapper that its callers need, which saves about 10 ms; first-class functions are the
    variant for compiled code.
    """

    _compiler: Any
    form: Any = None
    """The light object that stands for it, if any."""

    def __init__(
        self,
        stub: FunctionType,
        emit: Callable[[dict[str, Spec], bool], Module],
        origin: Origin,
        *,
        checked: bool = True,
    ):
        self.origin = origin
        self.modules: dict[tuple[Any, ...], Module] = {}
        """The emitted modules by argument types."""
        self._emit = emit
        self._options: dict[str, Any] = dict(origin.options.numba())
        self._checked = checked
        self._names = list(inspect.signature(stub).parameters)
        kept = bool(origin.options.cache)
        wrappers = {"no_cfunc_wrapper": True} if checked else {} if kept else {"no_cpython_wrapper": True}
        super().__init__(stub, targetoptions={"nopython": True, **self._options, **wrappers})
        old = self._compiler
        self._compiler = _GeneratingCompiler(stub, old.targetdescr, old.targetoptions, old.locals, old.pipeline_class)
        self._compiler.generate = self._generate
        if origin.options.cache:
            form = f"{stub.__name__}{'' if checked else ', unchecked'}"
            key = functools.partial(base_key, origin.function, origin.options)
            self._cache = Kept(self, key, form, origin.mode if checked else None)

    @functools.cached_property
    def _numba_type_(self) -> Any:
        from .nopython import FormType

        return FormType(self)

    def __repr__(self) -> str:
        return f"<{self.origin}{inspect.signature(self.py_func)}>"

    def __reduce__(self) -> Any:
        return reduce_form(self.origin)

    def _module(self, args: tuple[Any, ...], checked: bool) -> Module:
        return self._emit({name: spec_of(kind, name) for name, kind in zip(self._names, args)}, checked)

    def _generate(self, args: tuple[Any, ...]) -> tuple[FunctionType, bool]:
        module = self._module(args, self._checked)
        self.modules[args] = module
        arrays = {name: kind.ndim for name, kind in zip(self._names, args) if isinstance(kind, types.Array)}
        plain = all(kind.__class__ is types.Array or _is_plain(kind) for kind in args)
        filename = self._cache.place(args, module) if isinstance(self._cache, Kept) else None
        counts = not plain or counts_references(module.text, module.entry, arrays)
        return load(module, self._options, filename), counts

    def _digest(self, module: Module) -> str:
        """Everything that a compiled caller depends on: the module, and the defaults that calls leave out."""
        return digest(module, self._options, str(inspect.signature(self.py_func)))

    def fingerprint(self, args: tuple[Any, ...], checked: bool) -> str:
        """What a `Guard` of code for these types compares: of the function as it is now."""
        return self._digest(self._module(args, checked))

    def add_overload(self, cres: Any) -> None:
        args = tuple(cres.signature.args)
        if args in self.modules:
            guard = Guard(self.origin, args, self._checked, self._digest(self.modules[args]))
            cres.environment.consts.append(guard)
        super().add_overload(cres)

    def interpreted(self, *args: Any, **kwargs: Any) -> Any:
        """A call that runs the emitted text in Python, from a file in the store: for debuggers, profilers, coverage."""
        given = inspect.signature(self.py_func).bind(*args, **kwargs)
        kinds = types_of(given)
        function = self._plain.get(kinds)
        if function is None:
            module = self._module(kinds, self._checked)
            filename = default_store().write_text(self._digest(module)[:40], module.text)
            function = self._plain[kinds] = load(module, self._options, filename or None)
        return function(*given.args, **given.kwargs)

    @functools.cached_property
    def _plain(self) -> dict[tuple[Any, ...], FunctionType]:
        return {}

    @functools.cached_property
    def _inner(self) -> GeneratedDispatcher:
        """What compiled callers call."""
        return GeneratedDispatcher(self.py_func, self._emit, self.origin, checked=False)

    def _unchecked(self) -> bool:
        return self._checked and not numba.config.BOUNDSCHECK and not self._options.get("boundscheck")

    def get_call_template(self, args: Any, kws: Any) -> Any:
        if self._unchecked():
            return self._inner.get_call_template(args, kws)
        try:
            return super().get_call_template(args, kws)
        except SrcdiffError as error:
            given = ", ".join([*map(str, args), *(f"{name}={kind}" for name, kind in kws.items())])
            error.add_note(f"In compiled code that calls {self.origin}({given}).")
            raise

    def _compile_for_args(self, *args: Any, **kwargs: Any) -> Any:
        """A call with new argument types: whether one of them is written shows now."""
        if self.form is not None:
            refuse_overlaps(self.form, args, kwargs)
        return super()._compile_for_args(*args, **kwargs)

    def get_overload(self, sig: Any) -> Any:
        return self._inner.get_overload(sig) if self._unchecked() else super().get_overload(sig)

    def get_compile_result(self, sig: Any) -> Any:
        return self._inner.get_compile_result(sig) if self._checked else super().get_compile_result(sig)

    def adopt(self, artefact: Artefact) -> None:
        """Take on the argument types of an artefact that runs without this dispatcher."""
        self.compile(signature_of(artefact))

    def compile(self, sig: Any) -> Any:
        try:
            with progress(self.__name__):
                return super().compile(sig)
        except NumbaError as error:
            message = " ".join(str(error.args[0] if error.args else error).split())[:500]
            raise UnsupportedType(
                f"Numba does not compile the code emitted for {self.origin}: {message}",
                hint="Look at the emitted code with emit(); an argument's type may be the cause.",
            ) from error


def _is_plain(kind: Any) -> bool:
    """Whether a value of this type is numbers all through."""
    if isinstance(kind, types.BaseTuple):
        return all(map(_is_plain, kind.types))
    return isinstance(kind, (types.Number, types.Boolean, types.NoneType, types.Omitted))


def load(
    module: Module,
    options: Mapping[str, Any],
    filename: str | None = None,
    code: Any = None,
    names: Mapping[str, Any] | None = None,
) -> FunctionType:
    """Run an emitted module: its helpers become dispatchers, its entry is returned as a plain function.

    `filename` is where the text lies; without it tracebacks and debuggers find the text through `linecache`. `code` is
    a syntax tree of the text to run instead of it, which may use `names`.
    """
    name = module_name(module, options)
    if filename is None:
        filename = f"<srcdiff {module.entry} {name.rpartition('_')[2][:16]}>"
        linecache.cache[filename] = (len(module.text), None, module.text.splitlines(True), filename)
    found = ModuleType(name)
    found.__file__ = filename
    sys.modules[name] = found
    space = found.__dict__
    space.update(names or {})
    exec(compile(module.text if code is None else code, filename, "exec"), space)
    space.update(module.objects)
    for key, value in list(space.items()):
        if isinstance(value, FunctionType) and key != module.entry and value.__module__ == name:
            space[key] = numba.njit(**options, no_cpython_wrapper=True, no_cfunc_wrapper=True)(value)
    entry: FunctionType = space[module.entry]
    return entry


def make_stub(
    function: Callable[..., Any], name: str, parameters: list[str], first: tuple[str, ...] = ()
) -> FunctionType:
    """A function with the user's signature; keyword-only parameters become ordinary ones."""
    signature = inspect.signature(function)
    defaults: dict[str, Any] = {}
    parts = list(first)
    seen_default = False
    for key in parameters:
        parameter = signature.parameters[key]
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            parts.append(f"*{key}")
        elif parameter.default is inspect.Parameter.empty:
            if seen_default:
                message = f"{name}: {key} has no default, but a parameter before it has"
                raise ArgumentError(message, hint="Reorder them.")
            parts.append(key)
        else:
            seen_default = True
            defaults[f"_default_{key}"] = parameter.default
            parts.append(f"{key}=_default_{key}")
    space: dict[str, Any] = {"__name__": getattr(function, "__module__", None) or "srcdiff", **defaults}
    exec(f"def {name}({', '.join(parts)}):\n    raise NotImplementedError\n", space)
    stub: FunctionType = space[name]
    stub.__doc__ = function.__doc__
    return stub
