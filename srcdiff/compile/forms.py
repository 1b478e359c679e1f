"""The forms of a derivative as dispatchers: the Jacobian with its matrix and `into`, JVPs, the function itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numba

from ..errors import ArgumentError, SourceError, WrtError
from ..frontend.specs import ArraySpec, ConstantSpec, ScalarSpec, Spec, TupleSpec
from ..ir.types import FLOAT64
from ..modes import FILLS, OWN
from ..module import Module
from ..places import Origin
from .cpu import GeneratedDispatcher, make_stub, spec_of
from .tiers import form_name, own_parameters, plain_and_parameters

if TYPE_CHECKING:
    from ..frontend.source import Source

__all__ = ["Emitter", "JacobianDispatcher", "check_input", "dispatcher", "stub_of", "varying"]


class Emitter:
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
        from ..assembly.inputs import choose_inputs

        return choose_inputs(self.source, self.options.wrt, self.options.of)

    @property
    def wrt(self) -> list[str]:
        return self.inputs[0]

    @property
    def single(self) -> bool:
        return self.inputs[1]

    def __call__(self, specs: dict[str, Spec], checked: bool = True) -> Module:
        from ..pipeline import build

        module = build(
            self.source,
            self.prepared(specs),
            mode=self.mode,
            wrt=self.options.wrt,
            of=self.options.of,
            shapes=self.options.shapes,
            strict=self.options.strict,
            checked=checked,
            chunk=self.options.chunk,
        )
        out = self._own(specs).get("out")
        if isinstance(out, ArraySpec) and out.dtype != module.dtype:
            raise ArgumentError(
                f"the Jacobian of {self.source.name} for these arguments is {module.dtype}, and out is {out.dtype}",
                hint=f"Pass an out of dtype {module.dtype}.",
            )
        if self.mode == "into_with":
            self._check_scratch(self._own(specs)["scratch"], module)
        return module

    def _own(self, specs: dict[str, Spec]) -> dict[str, Spec]:
        """What stands before the function's own arguments, by its usual name."""
        return dict(zip(OWN.get(self.mode, ()), specs.values()))

    def _check_scratch(self, scratch: Spec, module: Module) -> None:
        items = scratch.items if isinstance(scratch, TupleSpec) else None
        given = [(i.dtype, i.ndim) if isinstance(i, ArraySpec) else None for i in items] if items is not None else None
        if given is None or len(given) != len(module.scratch) or not all(
            one is not None and one[1] == ndim and dtype in (None, one[0])
            for one, (dtype, ndim) in zip(given, module.scratch)
        ):
            name = self.source.name
            raise ArgumentError(
                f"this is no scratch for {name} and arguments of these types",
                hint=f"Make it with {name}.jacobian.scratch and the same arguments.",
            )

    def prepared(self, specs: dict[str, Spec]) -> dict[str, Spec]:
        """The types of the function's own arguments, checked."""
        own = self._own(specs)
        if self.mode == "jvp":
            specs = self._primals(specs)
        else:
            specs = {name: specs[name] for name in self.names}
        for name in self.wrt:
            if self.mode != "primal":
                check_input(name, specs[name], self.options.strict)
            specs[name] = varying(name, specs[name])
        if self.mode in FILLS:
            _check_out(own["out"])
        return specs

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

    @functools.cached_property
    def batch(self) -> Any:
        """The same at many points: arrays gain a leading axis. See `srcdiff.evaluate.batch.BatchEvaluator`."""
        if self.form is not None:
            return self.form.batch
        from ..evaluate.batch import BatchEvaluator

        return BatchEvaluator(self.origin.function, self.origin.mode, self.origin.options)


class JacobianDispatcher(BatchedDispatcher):
    """The Jacobian as a function, and its other forms.

    `matrix` gives the m x n matrix: all outputs, flattened, as rows; all inputs as columns; C order. `into(out, *args)`
    fills `out`, of shape (m, n), with the matrix. What a function of arrays of any length needs for that, above all
    tangents, it allocates once a call; `scratch(*args)` makes it beforehand, a tuple of arrays, and
    `into_with(scratch, out, *args)` uses that, for arguments of the same types and lengths.
    """

    @functools.cached_property
    def matrix(self) -> Any:
        return self._other("matrix")

    @functools.cached_property
    def into(self) -> Any:
        return self._other("into")

    @functools.cached_property
    def into_with(self) -> Any:
        return self._other("into_with")

    @functools.cached_property
    def scratch(self) -> Any:
        return self._other("scratch")

    def _other(self, mode: str) -> Any:
        if self.form is not None:
            return getattr(self.form, mode)
        return dispatcher(self.origin.function, mode, self.origin.options)

    def cfunc(self, prototype: str | None = None, *, order: str = "C") -> Any:
        """The Jacobian as a C function. See `Differentiable.cfunc`."""
        return _cfunc(self, dispatcher(self.origin.function, "primal", self.origin.options), self, prototype, order)

    @property
    def source(self) -> str:
        """The generated source: for the argument types of the first call, or assumed types before it.

        It is emitted from the file as it is now: a kept text may show the line numbers and comments of another day.
        """
        for args, module in self.modules.items():
            try:
                return self._module(args, self._checked).text
            except SourceError:
                return module.text
        text: str = self.origin.options.emit(self.origin.function, "jacobian")
        return text


class PairDispatcher(BatchedDispatcher):
    """The value and the Jacobian."""

    def cfunc(self, prototype: str | None = None, *, order: str = "C") -> Any:
        """Value and Jacobian as a C function. See `Differentiable.cfunc`."""
        primal = dispatcher(self.origin.function, "primal", self.origin.options)
        jacobian = dispatcher(self.origin.function, "jacobian", self.origin.options)
        return _cfunc(self, primal, jacobian, prototype, order)


class PrimalDispatcher(BatchedDispatcher):
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


_CLASSES = {"primal": PrimalDispatcher, "jacobian": JacobianDispatcher, "value_and_jacobian": PairDispatcher}


def dispatcher(function: Callable[..., Any], mode: str, options: Any, form: Any = None) -> Any:
    """The dispatcher of one mode. With `form`, the light object that stands for it, what is wrong was told before."""
    emitter = Emitter(function, mode, options)
    if form is None or not form.checked:
        emitter.inputs  # noqa: B018  raises what is wrong with the source, wrt or of
    stub = stub_of(function, mode)
    made = _CLASSES.get(mode, GeneratedDispatcher)(stub, emitter, Origin(function, options, mode))
    made.form = form
    return made


def stub_of(function: Callable[..., Any], mode: str) -> FunctionType:
    """A function with the signature of one mode."""
    plain, names = plain_and_parameters(function)
    name = form_name(plain, mode)
    if mode == "jvp":
        return make_stub(_jvp_signature, name, [*OWN[mode]])
    return make_stub(plain, name, names, own_parameters(mode, names))


def _jvp_signature(primals: Any, tangents: Any) -> Any:
    """Value and directional derivative."""
    raise NotImplementedError
