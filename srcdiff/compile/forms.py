"""The forms of a derivative as dispatchers: the Jacobian with its matrix and `into`, JVPs, the function itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import numba

from ..errors import ArgumentError, WrtError
from ..frontend.parameters import ArraySpec, ConstantSpec, ScalarSpec, Spec, TupleSpec, parameter_names
from ..frontend.source import Source, find_source
from ..pipeline import Module, build, choose_inputs
from .cpu import GeneratedDispatcher, make_stub, spec_of

__all__ = ["Emitter", "JacobianDispatcher", "check_input", "dispatcher", "stub_of", "varying"]


class Emitter:
    """Emits one mode of a function for the argument types of a call."""

    def __init__(self, source: Source, mode: str, options: Any):
        self.source = source
        self.mode = mode
        self.options = options
        self.names = parameter_names(source)
        self.wrt, self.single = choose_inputs(source, options.wrt, options.of)

    def __call__(self, specs: dict[str, Spec], checked: bool = True) -> Module:
        return build(
            self.source,
            self.prepared(specs),
            mode=self.mode,
            wrt=self.options.wrt,
            of=self.options.of,
            shapes=self.options.shapes,
            strict=self.options.strict,
            checked=checked,
        )

    def prepared(self, specs: dict[str, Spec]) -> dict[str, Spec]:
        """The types of the function's own arguments, checked."""
        if self.mode == "jvp":
            specs = self._primals(specs)
        else:
            if self.mode == "into":
                _check_out(next(iter(specs.values())))
            specs = {name: specs[name] for name in self.names}
        for name in self.wrt:
            if self.mode != "primal":
                check_input(name, specs[name], self.options.strict)
            specs[name] = varying(name, specs[name])
        return specs

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


def check_input(name: str, spec: Spec, strict: bool) -> None:
    """Integers are promoted; truth values, strings and None cannot vary."""
    if isinstance(spec, ConstantSpec) and (spec.value is None or isinstance(spec.value, (bool, str))):
        raise WrtError(f"{name} is {spec.value!r}, which cannot vary", hint="Leave it out: name the others in wrt=.")
    if isinstance(spec, ScalarSpec) and spec.type.kind in ("bool", "str"):
        kind = "a truth value" if spec.type.kind == "bool" else "a string"
        raise WrtError(f"{name} is {kind}, which cannot vary", hint="Leave it out: name the others in wrt=.")
    if strict and isinstance(spec, ScalarSpec) and spec.type.kind == "int":
        raise ArgumentError(f"{name} is an integer, and strict=True", hint="Pass a float.")


def varying(name: str, spec: Spec) -> Spec:
    """A default that the call leaves out varies as a value that it passes."""
    return spec_of(numba.typeof(spec.value), name) if isinstance(spec, ConstantSpec) else spec


class BatchedDispatcher(GeneratedDispatcher):
    """A form that takes many points at once, too."""

    _function: Callable[..., Any]
    _settings: Any
    _form: str

    @functools.cached_property
    def batch(self) -> Any:
        """The same at many points: arrays gain a leading axis. See `srcdiff.evaluate.batch.BatchEvaluator`."""
        from ..evaluate.batch import BatchEvaluator

        return BatchEvaluator(self._function, self._form, self._settings)


class JacobianDispatcher(BatchedDispatcher):
    """The Jacobian as a function, and its other forms."""

    @functools.cached_property
    def _numba_type_(self) -> Any:
        from .nopython import JacobianType

        return JacobianType(self)

    @functools.cached_property
    def matrix(self) -> Any:
        """The m x n matrix: all outputs, flattened, as rows; all inputs as columns; C order."""
        return dispatcher(self._function, "matrix", self._settings)

    @functools.cached_property
    def into(self) -> Any:
        """`into(out, *args)` fills `out`, of shape (m, n), with the matrix and allocates nothing."""
        return dispatcher(self._function, "into", self._settings)

    @property
    def source(self) -> str:
        """The generated source: for the argument types of the first call, or assumed types before it."""
        for module in self.modules.values():
            return module.text
        text: str = self._settings.emit(self._function, "jacobian")
        return text


def dispatcher(function: Callable[..., Any], mode: str, options: Any) -> Any:
    """The dispatcher of one mode."""
    source = find_source(function)
    emitter = Emitter(source, mode, options)
    stub = stub_of(source, mode, emitter.names)
    batched = BatchedDispatcher if mode in ("primal", "value_and_jacobian") else GeneratedDispatcher
    cls = JacobianDispatcher if mode == "jacobian" else batched
    made = cls(stub, emitter, options.numba())
    made._function, made._settings, made._form = function, options, mode
    return made


def stub_of(source: Source, mode: str, names: Sequence[str]) -> FunctionType:
    """A function with the signature of one mode."""
    base = "lambda_" if source.name == "<lambda>" else source.name
    name = base + {"primal": "", "matrix": "_jacobian_matrix", "into": "_jacobian_into"}.get(mode, f"_{mode}")
    if mode == "jvp":
        return make_stub(_jvp_signature, name, ["primals", "tangents"])
    out = "out"
    while out in names:
        out += "_"
    return make_stub(source.function, name, list(names), (out,) if mode == "into" else ())


def _jvp_signature(primals: Any, tangents: Any) -> Any:
    """Value and directional derivative."""
    raise NotImplementedError

