"""C function pointers to a function, its Jacobian, or both: for solvers in C, C++ and Fortran.

The prototype decides what is passed how; parameters are matched by name. `_Binding` works out what each one means,
writes the wrapper as text, and Numba's `cfunc` compiles it.
"""

from __future__ import annotations

import ctypes
import functools
import inspect
from collections.abc import Mapping
from types import FunctionType
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.core.registry import cpu_target

from ..errors import ArgumentError
from ..frontend.parameters import ArraySpec, ConstantSpec, ScalarSpec, Spec, TupleSpec, guess_specs
from ..ir.types import ScalarType
from .lengths import Length, plus, times
from .prototype import TYPES, Parameter, Prototype, parse

__all__ = ["CFunction", "make_cfunc"]

_CTYPES = {
    "float64": ctypes.c_double, "float32": ctypes.c_float, "int32": ctypes.c_int32, "uint32": ctypes.c_uint32,
    "int64": ctypes.c_int64, "uint64": ctypes.c_uint64, "uintp": ctypes.c_size_t, "intp": ctypes.c_ssize_t,
    "boolean": ctypes.c_bool,
}  # fmt: skip
_KINDS = {"f": "float", "i": "int", "u": "int", "b": "bool"}


class CFunction:
    """A compiled C function. It lives as long as this object, which the form it was made from keeps.

    Attributes
    ----------
    prototype
        The C prototype, such as `"void (double out[3][3], double t, const double y[3])"`.
    address
        Of the function, an integer.
    ctypes
        The same as a function of `ctypes`.
    capsule
        The same as a PyCapsule. Its name is the prototype without names, as SciPy has it: `"double (double, void *)"`.
    user_data_dtype
        Layout of what `void *user_data` points to: a C struct of the parameters that the prototype does not name, in
        their order. None where it names them all.
    """

    def __init__(self, prototype: Prototype, compiled: Any, layout: np.dtype[Any] | None):
        self.prototype = str(prototype)
        self.address: int = compiled.address
        self.user_data_dtype = layout
        self._parsed = prototype
        self._compiled = compiled

    def __repr__(self) -> str:
        return f"<C function {self.prototype} at {self.address:#x}>"

    @functools.cached_property
    def ctypes(self) -> Any:
        result = TYPES[self._parsed.result]
        kinds = [_ctype(p) for p in self._parsed.parameters]
        returned: Any = None if result == "void" else _CTYPES[result]
        function: Any = ctypes.CFUNCTYPE(returned, *kinds)(self.address)
        function.owner = self
        return function

    @functools.cached_property
    def capsule(self) -> Any:
        parts = (f"{p.ctype} *" if p.pointer else p.ctype for p in self._parsed.parameters)
        self._name = f"{self._parsed.result} ({', '.join(parts)})".encode()
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(self.address, self._name, None)

    def pack(self, *values: Any) -> np.ndarray[Any, Any]:
        """What `user_data` must point to, for these values of the parameters that the prototype does not name."""
        if self.user_data_dtype is None:
            raise ArgumentError(f"{self.prototype} names all parameters", hint="There is no user_data to pack.")
        names = self.user_data_dtype.names or ()
        if len(values) != len(names):
            raise ArgumentError(f"user_data holds {', '.join(names)}", hint=f"Pass {len(names)} values.")
        packed = np.zeros(1, self.user_data_dtype)
        for name, value in zip(names, values):
            packed[name][0] = value
        return packed

    def low_level_callable(self, *values: Any) -> Any:
        """`scipy.LowLevelCallable` of the function; `values` are those of the parameters in `user_data`."""
        from scipy import LowLevelCallable

        if not values:
            return LowLevelCallable(self.ctypes)
        data = self.pack(*values)
        pointer: Any = ctypes.c_void_p(data.ctypes.data)
        pointer.owner = data
        return LowLevelCallable(self.ctypes, pointer)


def make_cfunc(primal: Any, jacobian: Any, mode: str, prototype: str | None, order: str) -> CFunction:
    """`mode` is "primal", "jacobian" or "value_and_jacobian"; both dispatchers are of the same function."""
    if order not in ("C", "F"):
        raise ArgumentError(f"order must be 'C' or 'F', not {order!r}", hint="C: row by row; F: column by column.")
    binding = _Binding(primal, jacobian, mode, None if prototype is None else parse(prototype))
    options = jacobian.origin.options.numba()
    compiled = numba.cfunc(binding.signature(), **options)(binding.wrapper(order))
    return CFunction(binding.prototype, compiled, binding.layout)


class _Binding:
    """What each parameter of a prototype means for a function."""

    def __init__(self, primal: Any, jacobian: Any, mode: str, prototype: Prototype | None):
        self.primal, self.jacobian, self.mode = primal, jacobian, mode
        emitter = jacobian._emit
        self.source, self.names, options = emitter.source, emitter.names, jacobian.origin.options
        self.filled = [name for name in options.of if name in self.names]
        self.out = "out"
        while self.out in self.names:
            self.out += "_"
        known = {} if prototype is None else self._given(prototype, options.shapes)
        if options.types is not None and prototype is None:
            raise ArgumentError("cfunc does not read types=", hint="Give cfunc a prototype.")
        specs, _ = guess_specs(self.source, known, options.shapes)
        if prototype is not None:
            specs = {name: self._spec(name, spec, prototype) for name, spec in specs.items()}
        self.specs: dict[str, Spec] = {name: specs[name] for name in self.names}
        given = {} if prototype is None else {p.name: p for p in prototype.parameters}
        self.args = tuple(_numba_type(name, spec, given.get(name)) for name, spec in self.specs.items())
        self.wrt = [name for name in emitter.wrt if name in self.specs]
        self.shapes, known_matrix, self.dtype = self._shapes()
        self.matrix: tuple[Length, Length] = known_matrix or (0, 0)
        self.prototype = prototype if prototype is not None else self._default(known_matrix)
        self.is_open = known_matrix is None
        """Whether the shape of the matrix follows from the lengths of the arguments."""
        if self.is_open:
            self.matrix = self._open_matrix()
        self.layout = self._layout()

    # -- what the function's parameters are -------------------------------------------------------------------------

    def _given(self, prototype: Prototype, shapes: Mapping[str, Any]) -> dict[str, Spec]:
        """Types of the parameters that the prototype names."""
        lengths = {n for p in prototype.parameters for n in p.dims}
        outputs = ("value", self.out) if self.mode == "value_and_jacobian" else (self.out,)
        known: dict[str, Spec] = {}
        for p in prototype.parameters:
            if p.name in self.names:
                if p.ctype == "void":
                    raise ArgumentError(f"{p.name} is void in the prototype", hint="Give it its type.")
                kind = _scalar_type(p)
                if not p.pointer:
                    known[p.name] = ScalarSpec(kind)
                elif p.dims:
                    known[p.name] = ArraySpec(kind, len(p.dims))
            elif p.name not in (*outputs, *lengths, "user_data") and not p.name.startswith("_"):
                raise ArgumentError(
                    f"{p.name} is no parameter of {self.source.name}",
                    hint=f"Its parameters are {', '.join(self.names)}; results go to {', '.join(outputs)}; names of "
                    "parameters that are not used begin with an underscore.",
                )
        return known

    def _spec(self, name: str, guess: Spec, prototype: Prototype) -> Spec:
        """A pointer without lengths has the rank that the function's text tells."""
        given = prototype[name]
        if given is None and prototype["user_data"] is None:
            default = _default(self.source.function, name)
            if default is None:
                raise ArgumentError(
                    f"the prototype does not name {name}, and has no user_data to read it from",
                    hint=f"Add a parameter named {name}, or `void *user_data`.",
                )
            return ConstantSpec(default[0])
        if given is None or not given.pointer or given.dims:
            return guess
        return ArraySpec(_scalar_type(given), guess.ndim if isinstance(guess, ArraySpec) else 1)

    def _shapes(self) -> tuple[dict[str, tuple[int, ...]], tuple[int, int] | None, ScalarType]:
        """Shapes of the arrays; shape and dtype of the matrix. What depends on lengths at run time is left out."""
        into = self.jacobian.into
        kind = self.jacobian._module(self.args, False).dtype
        out = types.Array(getattr(types, kind.numpy), 2, "C")
        module = into._module((out, *self.args), False)
        shapes = dict(module.shapes)
        matrix = shapes.pop(module.parameters[0], None)
        return shapes, None if matrix is None else (matrix[0], matrix[1]), module.dtype

    def _open_matrix(self) -> tuple[Length, Length]:
        """Rows and columns by the lengths that the prototype gives, which `_checks` compares and `into` checks."""
        columns = plus(self._count(name) for name in self.wrt)
        rows = self._rows()
        if rows is None:
            wanted = "a length" if self.mode == "primal" else "two lengths"
            raise ArgumentError(
                f"how many results {self.source.name} has depends on the lengths of its arguments",
                hint=f"Give {self.out} {wanted} in the prototype: "
                f"{_c_name(self.dtype)} {self.out}[n]{'' if self.mode == 'primal' else f'[{columns}]'}.",
            )
        return rows, columns

    def _rows(self) -> Length | None:
        """How many results there are, as far as the prototype says."""
        if self.filled:
            return plus(self._count(name) for name in self.filled)
        if isinstance(self._returned(self.primal), types.Float):
            return 1
        value, out = self._outputs()
        if value is not None and value.dims:
            return times(value.dims)
        return out.dims[0] if out is not None and len(out.dims) == 2 else None

    def _count(self, name: str) -> Length:
        spec = self.specs[name]
        return times(self._shape(name, self.prototype[name])) if isinstance(spec, ArraySpec) else 1

    # -- the prototype ----------------------------------------------------------------------------------------------

    def _default(self, matrix: tuple[int, int] | None) -> Prototype:
        """Results first, as in `into`, then the function's parameters; a single number is returned."""
        if matrix is None:
            raise ArgumentError(
                f"{self.source.name} takes arrays of any length, which a C function is told",
                hint="Give a prototype with lengths, such as "
                f'"int (int n, const double {self.wrt[0]}[n], ..., double {self.out}[n][n])".',
            )
        parameters: list[Parameter] = []
        results: tuple[Parameter, ...]
        for name, spec in self.specs.items():
            if isinstance(spec, ArraySpec):
                const = name not in self.filled
                parameters.append(Parameter(name, _c_name(spec.dtype), True, self._shape(name, None), const))
            elif isinstance(spec, ScalarSpec):
                parameters.append(Parameter(name, _c_name(spec.type)))
        m, n = matrix
        number = _c_name(self.dtype)
        value, out = Parameter("value", number, True, (m,)), Parameter(self.out, number, True, (m, n))
        if self.mode == "value_and_jacobian":
            results = (out,) if self.filled else (value, out)
        elif self.mode == "primal":
            if isinstance(self._returned(self.primal), types.Float):
                return Prototype(number, tuple(parameters))
            results = () if self.filled else (Parameter(self.out, number, True, (m,)),)
        elif isinstance(self._returned(self.jacobian), types.Float):
            return Prototype(number, tuple(parameters))
        else:
            results = (out,)
        return Prototype("void", (*results, *parameters))

    def _returned(self, form: Any) -> Any:
        """Numba's type of what a form returns."""
        return form._numba_type_.get_call_type(cpu_target.typing_context, self.args, {}).return_type

    def _layout(self) -> np.dtype[Any] | None:
        fields: list[Any] = []
        for name, spec in self.specs.items():
            if self.prototype[name] is not None or isinstance(spec, ConstantSpec):
                continue
            if isinstance(spec, ArraySpec):
                fields.append((name, spec.dtype.numpy, self._shape(name, None)))
            elif isinstance(spec, ScalarSpec):
                fields.append((name, spec.type.numpy))
        return np.dtype(fields, align=True) if fields else None

    def _shape(self, name: str, given: Parameter | None) -> tuple[int | str, ...]:
        """The shape of an array: of the prototype, or else of the function's text."""
        known = self.shapes.get(name)
        if known is None and (given is None or not given.dims):
            raise ArgumentError(
                f"the length of {name} is not known",
                hint=f'Write it in the prototype, double {name}[3], or fix it with shapes={{"{name}": 3}}.',
            )
        if known is not None and given is not None and given.dims:
            for one, other in zip(known, given.dims):
                if isinstance(other, int) and one != other:
                    raise ArgumentError(
                        f"the prototype gives {name} the shape {given.dims}, and it has the shape {known}",
                        hint=f"Write {''.join(f'[{n}]' for n in known)}.",
                    )
        return known if known is not None else given.dims  # type: ignore[union-attr]

    def signature(self) -> Any:
        result = getattr(types, TYPES[self.prototype.result])
        return result(*(_pointer_type(p) for p in self.prototype.parameters))

    # -- the wrapper ------------------------------------------------------------------------------------------------

    def wrapper(self, order: str) -> FunctionType:
        """What is compiled. In its text `$` begins names that are not the user's."""
        space: dict[str, Any] = {"carray": numba.carray, "farray": numba.farray, "np": np, "layout": self.layout}
        prefix = "_"
        while any(name.startswith(prefix) for name in (*self.names, *(p.name for p in self.prototype.parameters))):
            prefix += "_"
        views, checks, failed, body = self._views(order), self._checks(), self._failure(), self._body(space)
        status = "return 0" if TYPES[self.prototype.result].startswith("int") else "return"
        ends = body[-1].startswith("return ")
        text = [
            f"def $wrapper({', '.join(_raw(p) for p in self.prototype.parameters)}):",
            *("    " + line for line in (*checks, *views, "try:")),
            *("        " + line for line in body),
            "    except Exception:",
            *("        " + line for line in failed),
            *([] if ends else [f"    {status}"]),
        ]
        names = {prefix + key: value for key, value in space.items()}
        exec("\n".join(text).replace("$", prefix), names)
        wrapper: FunctionType = names[f"{prefix}wrapper"]
        return wrapper

    def _views(self, order: str) -> list[str]:
        """Arrays over what the pointers point to."""
        lines = []
        m, n = self.matrix
        for p in self.prototype.parameters:
            if p.name in self.specs and p.pointer:
                lines.append(f"{p.name} = $carray({_raw(p)}, {_tuple(self._shape(p.name, p))})")
        value, out = self._outputs()
        if value is not None:
            self._check_size(value, m)
            lines.append(f"{value.name} = $carray({_raw(value)}, ({m},))")
        if out is not None:
            self._check_size(out, times((m, n)))
            lines.append(f"{out.name} = ${'carray' if order == 'C' else 'farray'}({_raw(out)}, ({m}, {n}))")
        user_data = self.prototype["user_data"]
        if self.layout is not None and user_data is not None:
            lines.append(f"$data = $carray({_raw(user_data)}, 1, $layout)[0]")
            lines += [f"{name} = $data.{name}" for name in self.layout.names or ()]
        return lines

    def _outputs(self) -> tuple[Parameter | None, Parameter | None]:
        """Where the values go, and where the matrix goes."""
        if self.mode == "primal":
            return self.prototype[self.out], None
        return self.prototype["value"] if self.mode == "value_and_jacobian" else None, self.prototype[self.out]

    def _check_size(self, p: Parameter, size: Length) -> None:
        if not p.pointer or _scalar_type(p) != self.dtype:
            number = _c_name(self.dtype)
            raise ArgumentError(f"{p.name} must point to {number}", hint=f"{number} *{p.name}")
        given = times(p.dims)
        if p.dims and isinstance(size, int) and isinstance(given, int) and given != size:
            raise ArgumentError(
                f"{p.name} takes {size} numbers, and the prototype gives it {given}",
                hint=f"Write {_c_name(self.dtype)} *{p.name}, or the right lengths.",
            )

    def _checks(self) -> list[str]:
        """Lengths that are passed, where the text knows them. No more is written than is said to be there."""
        value, out = self._outputs()
        m, n = self.matrix
        expected = {name: self.shapes[name] for name in self.shapes if self.prototype[name] is not None}
        results = [p for p in (value, out) if p is not None]
        written = [*results, *(p for p in map(self.prototype.__getitem__, self.filled) if p is not None)]
        tests = [
            f"{passed} != {known}"
            for name, shape in expected.items()
            for known, passed in zip(shape, self.prototype[name].dims)  # type: ignore[union-attr]
            if isinstance(passed, str)
        ]
        for p, size in ((value, m), (out, times((m, n)))):
            if p is not None and p.dims and times(p.dims) != size and not (_is_known(p.dims) and isinstance(size, int)):
                tests.append(f"{times(p.dims)} != {size}")
        if not tests:
            return []
        lines = [f"if {' or '.join(dict.fromkeys(tests))}:"]
        for p in written:
            if p.dims and not (_is_known(p.dims) and self.prototype.result != "void"):
                lines.append(f"    $carray({_raw(p)}, ({times(p.dims)},))[:] = $np.nan")
            elif self.prototype.result == "void":
                raise ArgumentError(
                    f"nothing could say that the lengths passed for {self.source.name} are wrong",
                    hint=f"Let the prototype return int, or give {p.name} its lengths by the same parameters.",
                )
        return [*lines, f"    {self._fail()}"]

    def _fail(self) -> str:
        result = TYPES[self.prototype.result]
        return "return $np.nan" if result.startswith("float") else "return -1" if "int" in result else "return"

    def _failure(self) -> list[str]:
        """Nan everywhere and a status below zero: C has no exceptions."""
        names = [*(p.name for p in self._outputs() if p is not None), *self.filled]
        return [*(f"{name}[:] = $np.nan" for name in names), self._fail()]

    def _body(self, space: dict[str, Any]) -> list[str]:
        call = ", ".join(name for name, spec in self.specs.items() if not isinstance(spec, ConstantSpec))
        if self._skips_a_default():
            call = ", ".join(f"{name}={name}" for name, s in self.specs.items() if not isinstance(s, ConstantSpec))
        value, out = self._outputs()
        returns = TYPES[self.prototype.result].startswith("float")
        lines: list[str] = []
        if out is not None:
            space["into"] = self.jacobian.into
            first = "" if not self._skips_a_default() else f"{self.jacobian.into._names[0]}="
            lines.append(f"$into({first}{out.name}, {call})")
        elif self.mode != "primal" and not (self.mode == "jacobian" and returns):
            message = f"the prototype has no {self.out} for the Jacobian of {self.source.name}"
            raise ArgumentError(message, hint=f"Add double *{self.out}.")
        if self.mode == "jacobian" and not returns:
            return lines
        space["form"] = form = self.jacobian if self.mode == "jacobian" else self.primal
        kind = self._returned(form)
        if returns:
            if not isinstance(kind, types.Float):
                what = "the Jacobian" if self.mode == "jacobian" else "the result"
                raise ArgumentError(
                    f"{what} of {self.source.name} is not a number that {self.prototype.result} could return",
                    hint=f"Let the prototype return void, and have `double *{self.out}`.",
                )
            return [*lines, f"return $form({call})"]
        if self.filled:
            return lines if out is not None else [f"$form({call})"]
        if value is None:
            raise ArgumentError(
                f"the prototype has nothing for the result of {self.source.name}",
                hint=f"Let it return double, or have `double *{self.out if self.mode == 'primal' else 'value'}`.",
            )
        lines.append(f"$result = $form({call})")
        if isinstance(kind, types.Array):
            if self.is_open:
                lines += [f"if $result.size != {value.name}.size:", "    raise ValueError"]
            lines += ["for $k in range($result.size):", f"    {value.name}[$k] = $result.flat[$k]"]
        else:
            _flatten(lines, "$result", kind, value.name, [0])
        return lines

    def _skips_a_default(self) -> bool:
        """Whether a parameter comes after one that is left out."""
        left_out = False
        for spec in self.specs.values():
            if isinstance(spec, ConstantSpec):
                left_out = True
            elif left_out:
                return True
        return False


def _flatten(lines: list[str], text: str, kind: Any, target: str, position: list[int]) -> None:
    """Statements that store the numbers of a tuple in order."""
    if isinstance(kind, types.BaseTuple):
        for i, item in enumerate(kind.types):
            _flatten(lines, f"{text}[{i}]", item, target, position)
    elif isinstance(kind, types.Array):
        raise ArgumentError("a tuple of arrays has no counterpart in C", hint="Return one array.")
    else:
        lines.append(f"{target}[{position[0]}] = {text}")
        position[0] += 1


def _default(function: Any, name: str) -> tuple[Any] | None:
    default = inspect.signature(function).parameters[name].default
    return None if default is inspect.Parameter.empty else (default,)


def _raw(p: Parameter) -> str:
    return f"$at_{p.name}" if p.pointer else p.name


def _is_known(dims: tuple[Length, ...]) -> bool:
    return all(isinstance(d, int) for d in dims)


def _tuple(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(map(str, shape))},)"


def _scalar_type(p: Parameter) -> ScalarType:
    name = TYPES[p.ctype]
    bits = 32 if name == "float32" else 64
    return ScalarType(_KINDS[name[0]], bits)


def _c_name(kind: ScalarType) -> str:
    name = {"float64": "double", "float32": "float", "int64": "int64_t", "bool_": "bool"}.get(kind.numpy)
    if name is None:
        raise ArgumentError(f"{kind} has no counterpart in the C prototypes that are taken", hint="Use real numbers.")
    return name


def _numba_type(name: str, spec: Spec, given: Parameter | None) -> Any:
    if isinstance(spec, (ArraySpec, ScalarSpec)):
        scalar = spec.dtype if isinstance(spec, ArraySpec) else spec.type
        kind = getattr(types, TYPES[given.ctype] if given is not None else scalar.numpy)
        return types.Array(kind, spec.ndim, "C") if isinstance(spec, ArraySpec) else kind
    if isinstance(spec, TupleSpec):
        raise ArgumentError(f"{name} is a tuple, which has no counterpart in C", hint="Pass numbers and arrays.")
    return types.Omitted(spec.value)


def _pointer_type(p: Parameter) -> Any:
    if p.ctype == "void" or p.name == "user_data":
        return types.voidptr
    kind = getattr(types, TYPES[p.ctype])
    return types.CPointer(kind) if p.pointer else kind


def _ctype(p: Parameter) -> Any:
    if p.ctype == "void":
        return ctypes.c_void_p
    kind = _CTYPES[TYPES[p.ctype]]
    return ctypes.POINTER(kind) if p.pointer else kind
