"""`jacobian` with the signature and results of `torch.autograd.functional.jacobian`.

>>> from srcdiff.functional import jacobian
>>> jacobian(lambda x, y: (x + y, x * y), (3.0, 4.0))
((1.0, 1.0), (4.0, 3.0))
"""

from __future__ import annotations

import functools
import inspect
import sys
import threading
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from .differentiable import jacobian as _jacobian
from .errors import ArgumentError, HigherOrderError

__all__ = ["jacobian"]


def jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False
) -> Any:
    """The Jacobian of `func` at `inputs`, as `torch.autograd.functional.jacobian` returns it.

    Parameters
    ----------
    func
        A function of as many arguments as there are inputs, which returns a number, an array, or a tuple of them.
    inputs
        One input, or a tuple of them: numbers and NumPy arrays, or PyTorch tensors. Every one is differentiated by.
    create_graph
        True raises HigherOrderError: the result is values, not a graph.
    strict
        Raise if an output cannot depend on an input, instead of giving zeros.
    vectorize
        Accepted and without effect: all directions are always computed in one pass.

    Returns
    -------
    One value if there is one output and one input; a tuple over inputs if `inputs` is a tuple; a tuple over outputs
    of those if the function returns a tuple. The shape of a leaf is that of the output followed by that of the
    input. Tensors in, tensors out, each of the dtype and on the device of its input.

    Raises
    ------
    IndependentOutputError
        Under `strict`: an output that cannot depend on an input.
    HigherOrderError
        For `create_graph=True`.
    WrtError
        An input that is discrete by the text of the function, such as the length of a range.

    Examples
    --------
    >>> from srcdiff.functional import jacobian
    >>> def f(x1, x2, x3):
    ...     return x1 + x2, x3 * x1, x2**3
    >>> jacobian(f, (3.0, 4.0, 5.0))
    ((1.0, 1.0, 0.0), (5.0, 0.0, 3.0), (0.0, 48.0, 0.0))
    """
    del vectorize
    if create_graph:
        raise HigherOrderError(
            "create_graph=True: the result cannot be differentiated again",
            hint="Leave create_graph out; derivatives of derivatives are not available.",
        )
    single = not isinstance(inputs, tuple)
    given = (inputs,) if single else inputs
    if not given:
        raise ArgumentError("inputs is empty", hint="Give one value, or a tuple of at least one.")
    torch = sys.modules.get("torch")
    tensors = [torch is not None and isinstance(value, torch.Tensor) for value in given]
    labels = ["inputs"] if single else [f"inputs[{i}]" for i in range(len(given))]
    values = list(map(_value, given, labels, tensors))
    names = _names(func, len(values))
    shapes = {name: v.shape for name, v in zip(names, values) if getattr(v, "shape", ())}
    collected = next((i for i, name in enumerate(names) if "[" in name), None)
    result = _compiled(func, len(values), single, collected, bool(strict), shapes)(*values)
    if collected is not None:
        result = _flatten(result, collected, single)
    if any(tensors):
        result = _tensors(result, given, single, torch)
    return result


def _value(value: Any, name: str, tensor: bool) -> Any:
    """What is passed to compiled code: floats, or arrays of floats or complex numbers."""
    if tensor:
        if not (value.is_floating_point() or value.is_complex()):
            raise ArgumentError(f"{name} is a tensor of {value.dtype}", hint="Only floating-point tensors can vary.")
        value = value.detach().cpu().numpy()
    if isinstance(value, (bool, str, type(None))):
        raise ArgumentError(f"{name} is {value!r}, which cannot vary", hint="Fix it with functools.partial.")
    if isinstance(value, (list, dict, set, tuple)):
        raise ArgumentError(
            f"{name} is a {type(value).__name__}", hint="Inputs are numbers, arrays or tensors, in one tuple."
        )
    if isinstance(value, int):
        return float(value)
    if hasattr(value, "dtype"):
        if getattr(value, "ndim", 0) == 0 and hasattr(value, "__getitem__"):
            value = value[()]
        if value.dtype.kind in "iu":
            value = value.astype("float64")
    return value


def _names(func: Callable[..., Any], count: int) -> list[str]:
    """How the compiler calls the inputs: `x`, or `xs[1]` where they are collected by `*xs`."""
    try:
        parameters = list(inspect.signature(func).parameters.values())
    except (TypeError, ValueError):
        return []  # finding the source will say why this is no function to differentiate
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(count - len(names))]
        elif parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    if len(names) < count:
        called = getattr(func, "__name__", "func")
        raise ArgumentError(
            f"{called} takes {len(names)} argument{'s' * (len(names) != 1)}, but there are {count} inputs",
            hint="inputs is the tuple of the arguments of the function.",
        )
    return names[:count]


def _flatten(result: Any, first: int, single: bool) -> Any:
    """Join the derivatives by what `*xs` collected, at `first`, to those by the inputs before it."""

    def by_inputs(row: Any) -> Any:
        if first == 0:
            return row[0] if single else row
        return (*row[:first], *row[first])

    def walk(part: Any) -> Any:
        inner = part if first == 0 else part[first] if len(part) == first + 1 else None
        is_row = (
            isinstance(inner, tuple)
            and not any(isinstance(x, tuple) for x in inner)
            and (first == 0 or not any(isinstance(x, tuple) for x in part[:first]))
        )
        return by_inputs(part) if is_row else tuple(walk(x) for x in part)

    return walk(result)


def _tensors(result: Any, given: tuple[Any, ...], single: bool, torch: Any) -> Any:
    """Numbers and arrays as tensors, each like the input that it is a derivative by."""

    def tensor(leaf: Any, like: Any) -> Any:
        if isinstance(like, torch.Tensor):
            return torch.as_tensor(leaf, dtype=like.dtype, device=like.device)
        return torch.as_tensor(leaf)

    def walk(part: Any) -> Any:
        if not isinstance(part, tuple):
            return tensor(part, given[0])
        if not single and not any(isinstance(x, tuple) for x in part):
            return tuple(map(tensor, part, given))
        return tuple(map(walk, part))

    return walk(result)


# Compiled Jacobians. Functions are told apart by their code and by the constants that they read, not by identity: a
# lambda that is made anew in every step of a loop is compiled once, and one whose constants changed is compiled again.

_SIZE = 128
_cache: OrderedDict[Any, Any] = OrderedDict()
_lock = threading.Lock()


def _compiled(
    func: Callable[..., Any],
    count: int,
    single: bool,
    collected: int | None,
    strict: bool,
    shapes: dict[str, tuple[int, ...]],
) -> Callable[..., Any]:
    key = (_fingerprint(func), count, single, strict, tuple(shapes.items()))
    with _lock:
        if key in _cache:
            _cache.move_to_end(key)
            return _cache[key]  # type: ignore[no-any-return]
    if collected == 0 or single:
        wrt: Any = 0
    else:
        wrt = tuple(range(count if collected is None else collected + 1))
    made: Callable[..., Any] = _jacobian(func, wrt=wrt, strict=strict, shapes=shapes)
    with _lock:
        _cache[key] = made
        if len(_cache) > _SIZE:
            _cache.popitem(last=False)
    return made


class _Same:
    """Equal to another only if it holds the same object, which it keeps alive."""

    __slots__ = ("value",)

    def __init__(self, value: object):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _fingerprint(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """A hashable summary of what compiled code freezes of a value."""
    if isinstance(value, (int, float, complex, str, bytes, type(None))):
        return type(value).__name__, repr(value)
    if id(value) in seen or len(seen) > 12:
        return _Same(value)
    seen = (*seen, id(value))
    if isinstance(value, (tuple, list, frozenset)):
        return type(value).__name__, tuple(_fingerprint(item, seen) for item in value)
    if isinstance(value, dict):
        return "dict", tuple((_fingerprint(k, seen), _fingerprint(v, seen)) for k, v in value.items())
    if isinstance(value, types.FunctionType):
        return _of_function(value, seen)
    if isinstance(value, types.MethodType):
        return _fingerprint(value.__func__, seen), _attributes(value.__self__, _names_of(value.__func__), seen)
    if isinstance(value, functools.partial):
        return "partial", *(_fingerprint(v, seen) for v in (value.func, value.args, value.keywords))
    if hasattr(value, "tobytes") and hasattr(value, "dtype"):
        return str(value.dtype), value.shape, value.tobytes()
    for inner in ("__srcdiff_function__", "py_func"):
        if not isinstance(value, type) and isinstance(getattr(value, inner, None), types.FunctionType):
            return _fingerprint(getattr(value, inner), seen)
    return _Same(value)


def _of_function(function: types.FunctionType, seen: tuple[int, ...]) -> Any:
    code = function.__code__
    names = _names_of(function)
    parts: list[Any] = [code, code.co_filename, _fingerprint(function.__defaults__, seen)]
    parts.append(_fingerprint(function.__kwdefaults__, seen))
    for cell in function.__closure__ or ():
        try:
            parts.append(_attributes(cell.cell_contents, names, seen))
        except ValueError:
            parts.append(None)
    parts += [_attributes(function.__globals__[n], names, seen) for n in names if n in function.__globals__]
    return tuple(parts)


def _names_of(function: Any) -> list[str]:
    """Names of globals and attributes that a function reads, functions inside it included."""
    found: dict[str, None] = {}

    def visit(code: types.CodeType) -> None:
        found.update(dict.fromkeys(code.co_names))
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                visit(constant)

    if isinstance(function, types.FunctionType):
        visit(function.__code__)
    return list(found)


def _attributes(value: Any, names: list[str], seen: tuple[int, ...]) -> Any:
    """A value with those of its attributes that the function may read, such as `self.gain` or `settings.gravity`."""
    summary = _fingerprint(value, seen)
    if not isinstance(summary, _Same) or id(value) in seen:
        return summary
    return summary, tuple(_read(value, names, (*seen, id(value))))


def _read(value: Any, names: list[str], seen: tuple[int, ...]) -> Iterator[Any]:
    library = isinstance(value, types.ModuleType) and value.__name__.partition(".")[0] in ("numpy", "math", "scipy")
    for name in names if not library else ():
        try:
            yield _attributes(inspect.getattr_static(value, name), names, seen)
        except (AttributeError, TypeError):
            continue
