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
from ..ir.types import FLOAT64
from ..pipeline import Module, build, choose_inputs
from ..places import Origin
from .cpu import GeneratedDispatcher, make_stub, spec_of

__all__ = ["JacobianDispatcher", "dispatcher"]


class _Emitter:
    """Emits one mode of a function for the argument types of a call."""

    def __init__(self, source: Source, mode: str, options: Any):
        self.source = source
        self.mode = mode
        self.options = options
        self.names = parameter_names(source)
        self.wrt, self.single = choose_inputs(source, options.wrt, options.of)

    def __call__(self, specs: dict[str, Spec], checked: bool = True) -> Module:
        out = next(iter(specs.values())) if self.mode == "into" else None
        if self.mode == "jvp":
            specs = self._primals(specs)
        else:
            specs = {name: specs[name] for name in self.names}
        for name in self.wrt:
            if self.mode != "primal":
                _check_input(name, specs[name], self.options.strict)
            specs[name] = _varying(name, specs[name])
        if self.mode == "into":
            _check_out(out)
        module = build(
            self.source,
            specs,
            mode=self.mode,
            wrt=self.options.wrt,
            of=self.options.of,
            shapes=self.options.shapes,
            strict=self.options.strict,
            checked=checked,
        )
        if isinstance(out, ArraySpec) and out.dtype != module.dtype:
            raise ArgumentError(
                f"the Jacobian of {self.source.name} for these arguments is {module.dtype}, and out is {out.dtype}",
                hint=f"Pass an out of dtype {module.dtype}.",
            )
        return module

    def _primals(self, specs: dict[str, Spec]) -> dict[str, Spec]:
        """The types of the arguments of a JVP, whose tangents must match them."""
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
        found = dict(zip(self.names, primals.items))
        given = (tangents,) if self.single or not isinstance(tangents, TupleSpec) else tangents.items
        for name, tangent in zip(self.wrt, given):
            _check_tangent(name, found[name], tangent)
        return found


def _check_tangent(name: str, primal: Spec, tangent: Spec) -> None:
    """A tangent has the structure of what it is a direction of, and is made of floats as wide."""
    if isinstance(primal, TupleSpec):
        if not isinstance(tangent, TupleSpec) or len(tangent.items) != len(primal.items):
            raise _mismatch(name, tangent, f"a tuple of {len(primal.items)}")
        for i, (one, other) in enumerate(zip(primal.items, tangent.items)):
            _check_tangent(f"{name}[{i}]", one, other)
        return
    kind = primal.dtype if isinstance(primal, ArraySpec) else primal.type if isinstance(primal, ScalarSpec) else FLOAT64
    kind = kind if kind.is_differentiable else FLOAT64
    if isinstance(primal, ArraySpec):
        if not isinstance(tangent, ArraySpec) or (tangent.ndim, tangent.dtype) != (primal.ndim, kind):
            raise _mismatch(name, tangent, f"a {primal.ndim}-d array of {kind}")
    elif not isinstance(tangent, ScalarSpec) or tangent.type != kind:
        raise _mismatch(name, tangent, f"a number, {kind}")


def _mismatch(name: str, tangent: Spec, wanted: str) -> ArgumentError:
    if isinstance(tangent, TupleSpec):
        given = f"a tuple of {len(tangent.items)}"
    elif isinstance(tangent, ArraySpec):
        given = f"a {tangent.ndim}-d array of {tangent.dtype}"
    else:
        given = str(tangent.type) if isinstance(tangent, ScalarSpec) else "None"
    return ArgumentError(
        f"the tangent of {name} is {given}, and must be {wanted}",
        hint="A tangent has the structure, the shape and the type of its argument.",
    )


def _check_out(spec: Any) -> None:
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
    """The Jacobian as a function, and its other forms.

    `matrix` gives the m x n matrix: all outputs, flattened, as rows; all inputs as columns; C order. `into(out, *args)`
    fills `out`, of shape (m, n), with the matrix and allocates nothing.
    """

    matrix: Any
    into: Any

    def cfunc(self, prototype: str | None = None, *, order: str = "C") -> Any:
        """The Jacobian as a C function. See `Differentiable.cfunc`."""
        return _cfunc(self, dispatcher(self.origin.function, "primal", self.origin.options), self, prototype, order)

    @property
    def source(self) -> str:
        """The generated source: for the argument types of the first call, or assumed types before it."""
        for module in self.modules.values():
            return module.text
        text: str = self.origin.options.emit(self.origin.function, "jacobian")
        return text


class _FreshJacobian(JacobianDispatcher):
    """Until another form is first looked up; after that no descriptor of the class slows `jacobian.into` down."""

    @functools.cached_property
    def matrix(self) -> Any:
        return self._other_forms()["matrix"]

    @functools.cached_property
    def into(self) -> Any:
        return self._other_forms()["into"]

    def _other_forms(self) -> dict[str, Any]:
        for mode in ("matrix", "into"):
            self.__dict__.setdefault(mode, dispatcher(self.origin.function, mode, self.origin.options))
        self.__class__ = JacobianDispatcher
        return self.__dict__


class PairDispatcher(GeneratedDispatcher):
    """The value and the Jacobian."""

    def cfunc(self, prototype: str | None = None, *, order: str = "C") -> Any:
        """Value and Jacobian as a C function. See `Differentiable.cfunc`."""
        primal = dispatcher(self.origin.function, "primal", self.origin.options)
        jacobian = dispatcher(self.origin.function, "jacobian", self.origin.options)
        return _cfunc(self, primal, jacobian, prototype, order)


class PrimalDispatcher(GeneratedDispatcher):
    """The function itself."""

    def cfunc(self, prototype: str | None = None, *, order: str = "C") -> Any:
        """The function as a C function. See `Differentiable.cfunc`."""
        jacobian = dispatcher(self.origin.function, "jacobian", self.origin.options)
        return _cfunc(self, self, jacobian, prototype, order)


def _cfunc(form: Any, primal: Any, jacobian: Any, prototype: str | None, order: str) -> Any:
    """Compiled once for each prototype, and kept as long as the form."""
    from .cfunc import make_cfunc

    kept = vars(form).setdefault("_cfuncs", {})
    if (prototype, order) not in kept:
        kept[prototype, order] = make_cfunc(primal, jacobian, form.origin.mode, prototype, order)
    return kept[prototype, order]


_CLASSES = {"primal": PrimalDispatcher, "jacobian": _FreshJacobian, "value_and_jacobian": PairDispatcher}


def dispatcher(function: Callable[..., Any], mode: str, options: Any) -> Any:
    """The dispatcher of one mode."""
    source = find_source(function)
    emitter = _Emitter(source, mode, options)
    base = "lambda_" if source.name == "<lambda>" else source.name
    suffix = {"primal": "", "matrix": "_jacobian_matrix", "into": "_jacobian_into"}.get(mode, f"_{mode}")
    stub = _stub(source, base + suffix, mode, emitter.names)
    return _CLASSES.get(mode, GeneratedDispatcher)(stub, emitter, Origin(function, options, mode))


def _stub(source: Source, name: str, mode: str, names: Sequence[str]) -> FunctionType:
    if mode == "jvp":
        return make_stub(_jvp_signature, name, ["primals", "tangents"])
    out = "out"
    while out in names:
        out += "_"
    return make_stub(source.function, name, list(names), (out,) if mode == "into" else ())


def _jvp_signature(primals: Any, tangents: Any) -> Any:
    """Value and directional derivative."""
    raise NotImplementedError

