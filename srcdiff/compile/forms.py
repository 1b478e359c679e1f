"""The forms of a derivative as dispatchers: the Jacobian with its matrix and `into`, JVPs, the function itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numba

from ..errors import ArgumentError, SourceError, WrtError
from ..frontend.specs import ArraySpec, ConstantSpec, ScalarSpec, Spec, TupleSpec
from ..module import Module
from .cpu import GeneratedDispatcher, make_stub, spec_of
from .tiers import base_key, form_name, plain_and_parameters

if TYPE_CHECKING:
    from ..frontend.source import Source

__all__ = ["JacobianDispatcher", "dispatcher"]


class _Emitter:
    """Emits one mode of a function for the argument types of a call. The source is read when it is first needed."""

    def __init__(self, function: Callable[..., Any], mode: str, options: Any):
        self.function = function
        self.mode = mode
        self.options = options
        self.names = plain_and_parameters(function)[1]

    @functools.cached_property
    def source(self) -> Source:
        from ..frontend.source import find_source

        return find_source(self.function)

    @functools.cached_property
    def inputs(self) -> tuple[list[str], bool]:
        from ..pipeline import choose_inputs

        return choose_inputs(self.source, self.options.wrt, self.options.of)

    @property
    def wrt(self) -> list[str]:
        return self.inputs[0]

    @property
    def single(self) -> bool:
        return self.inputs[1]

    def __call__(self, specs: dict[str, Spec], checked: bool = True) -> Module:
        from ..pipeline import build

        if self.mode == "jvp":
            specs = self._primals(specs)
        else:
            if self.mode == "into":
                _check_out(next(iter(specs.values())))
            specs = {name: specs[name] for name in self.names}
        for name in self.wrt:
            if self.mode != "primal":
                _check_input(name, specs[name], self.options.strict)
            specs[name] = _varying(name, specs[name])
        return build(
            self.source,
            specs,
            mode=self.mode,
            wrt=self.options.wrt,
            of=self.options.of,
            shapes=self.options.shapes,
            strict=self.options.strict,
            checked=checked,
        )

    def _primals(self, specs: dict[str, Spec]) -> dict[str, Spec]:
        primals = specs["primals"]
        if not isinstance(primals, TupleSpec) or len(primals.items) != len(self.names):
            raise ArgumentError(
                f"jvp takes a tuple of the {len(self.names)} arguments of {self.source.name}, then their tangents",
                hint=f"jvp(({', '.join(self.names)}{',' if len(self.names) == 1 else ''}), tangents)",
            )
        tangents = specs["tangents"]
        if not self.single and (not isinstance(tangents, TupleSpec) or len(tangents.items) != len(self.wrt)):
            raise ArgumentError(
                f"jvp takes one tangent for each of {', '.join(self.wrt)}, in a tuple",
                hint="Tangents follow wrt.",
            )
        return dict(zip(self.names, primals.items))


def _check_out(spec: Spec) -> None:
    """Derivatives are not rounded to integers."""
    if not isinstance(spec, ArraySpec) or spec.ndim != 2 or not spec.dtype.is_differentiable:
        raise ArgumentError(
            "into fills a matrix of floats, with a row an output and a column an input",
            hint="Pass an array such as np.empty((m, n)).",
        )


def _check_input(name: str, spec: Spec, strict: bool) -> None:
    """Integers are promoted; truth values, strings and None cannot vary."""
    if isinstance(spec, ConstantSpec) and (spec.value is None or isinstance(spec.value, (bool, str))):
        raise WrtError(f"{name} is {spec.value!r}, which cannot vary", hint="Leave it out: name the others in wrt=.")
    if isinstance(spec, ScalarSpec) and spec.type.kind in ("bool", "str"):
        kind = "a truth value" if spec.type.kind == "bool" else "a string"
        raise WrtError(f"{name} is {kind}, which cannot vary", hint="Leave it out: name the others in wrt=.")
    if strict and isinstance(spec, ScalarSpec) and spec.type.kind == "int":
        raise ArgumentError(f"{name} is an integer, and strict=True", hint="Pass a float.")


def _varying(name: str, spec: Spec) -> Spec:
    """A default that the call leaves out varies as a value that it passes."""
    return spec_of(numba.typeof(spec.value), name) if isinstance(spec, ConstantSpec) else spec


class JacobianDispatcher(GeneratedDispatcher):
    """The Jacobian as a function, and its other forms."""

    _function: Callable[..., Any]
    _settings: Any
    _form: Any

    @functools.cached_property
    def _numba_type_(self) -> Any:
        from .nopython import JacobianType

        return JacobianType(self)

    @property
    def matrix(self) -> Any:
        """The m x n matrix: all outputs, flattened, as rows; all inputs as columns; C order."""
        return self._form.matrix

    @property
    def into(self) -> Any:
        """`into(out, *args)` fills `out`, of shape (m, n), with the matrix and allocates nothing."""
        return self._form.into

    @property
    def source(self) -> str:
        """The generated source: for the argument types of the first call, or assumed types before it.

        It is emitted from the file as it is now: a kept text may show the line numbers and comments of another day.
        """
        for args, module in self.modules.items():
            try:
                specs = {name: spec_of(kind, name) for name, kind in zip(self._names, args)}
                return self._emit(specs, self._checked).text
            except SourceError:
                return module.text
        text: str = self._settings.emit(self._function, "jacobian")
        return text


def dispatcher(function: Callable[..., Any], mode: str, options: Any, form: Any = None) -> Any:
    """The dispatcher of one mode. With `form`, the light object that stands for it, what is wrong was told before."""
    emitter = _Emitter(function, mode, options)
    if form is None or not form.checked:
        emitter.inputs  # noqa: B018  raises what is wrong with the source, wrt or of
    plain = plain_and_parameters(function)[0]
    stub = _stub(plain, form_name(plain, mode), mode, emitter.names)
    cls = JacobianDispatcher if mode == "jacobian" else GeneratedDispatcher
    key = functools.partial(base_key, function, options) if options.cache else None
    made = cls(stub, emitter, options.numba(), key=key, mode=mode)
    made._function, made._settings, made._form = function, options, form
    return made


def _stub(function: FunctionType, name: str, mode: str, names: Sequence[str]) -> FunctionType:
    if mode == "jvp":
        return make_stub(_jvp_signature, name, ["primals", "tangents"])
    out = "out"
    while out in names:
        out += "_"
    return make_stub(function, name, list(names), (out,) if mode == "into" else ())


def _jvp_signature(primals: Any, tangents: Any) -> Any:
    """Value and directional derivative."""
    raise NotImplementedError
