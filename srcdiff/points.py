"""Points: arguments as trees of numbers and arrays, taken apart, copied, converted, or drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .differentiable import Options, Shapes
from .errors import ArgumentError

__all__ = [
    "SEED",
    "contents",
    "copied",
    "in_double",
    "in_single",
    "is_float",
    "leaves_of",
    "mapped",
    "no_list",
    "random_arguments",
    "read_only",
    "rows_of",
    "strided",
    "vector_of",
    "with_numbers",
]

SEED = 20240229


def no_list(value: Any, name: str) -> Any:
    if isinstance(value, list):
        raise ArgumentError(f"{name} is a list", hint=f"Pass an array, np.array({name}), or a tuple.")
    return value


def leaves_of(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for item in value:
            yield from leaves_of(item)
    elif value is not None:
        yield value


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, tuple):
        items = [mapped(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return change(value)


def copied(value: Any) -> Any:
    """A copy with the same memory order."""
    return mapped(value, lambda leaf: leaf.copy(order="K") if hasattr(leaf, "strides") and leaf.ndim else leaf)


def contents(value: Any) -> Any:
    return [leaf.tobytes() if hasattr(leaf, "tobytes") else repr(leaf) for leaf in leaves_of(value)]


def is_float(leaf: Any) -> bool:
    return isinstance(leaf, float) or getattr(getattr(leaf, "dtype", None), "kind", "") == "f"


def in_double(leaf: Any) -> Any:
    if isinstance(leaf, complex):
        return leaf
    if getattr(leaf, "ndim", 0):
        return leaf.astype("complex128" if leaf.dtype.kind == "c" else "float64")
    if hasattr(leaf, "dtype") and leaf.dtype.kind == "c":
        return complex(leaf)
    return float(leaf)


def in_single(leaf: Any) -> Any:
    import numpy as np

    if getattr(leaf, "ndim", 0):
        return leaf.astype("float32") if leaf.dtype.kind == "f" else leaf
    return np.float32(leaf) if isinstance(leaf, float) else leaf


def strided(a: Any) -> Any:
    import numpy as np

    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1] + 1), a.dtype)
    view = wide[..., 1::2]
    view[...] = a
    return view


def read_only(a: Any) -> Any:
    a.flags.writeable = False
    return a


def vector_of(leaves: Sequence[Any]) -> Any:
    import numpy as np

    parts = [np.asarray(leaf).reshape(-1) for leaf in leaves]
    whole = np.concatenate(parts) if parts else np.zeros(0)
    return whole.astype("complex128" if whole.dtype.kind == "c" else "float64")


def with_numbers(leaf: Any, numbers: Iterator[Any]) -> Any:
    import numpy as np

    if getattr(leaf, "ndim", 0):
        new = np.empty_like(leaf)
        flat = [next(numbers) for _ in range(leaf.size)]
        new[...] = np.array(flat).reshape(leaf.shape)
        return new
    number = next(numbers)
    return complex(number) if isinstance(leaf, complex) else float(number.real)


def rows_of(nested: Any, sizes: Sequence[int]) -> Any:
    """A Jacobian in its own structure as a list of rows, or None where it does not fit."""
    import numpy as np

    columns = sum(sizes)
    rows: list[Any] = []

    def block(parts: Sequence[Any]) -> bool:
        """The leaves of one output, one for each leaf of the inputs."""
        arrays = [np.asarray(p) for p in parts]
        counts = [a.size // n if n else 0 for a, n in zip(arrays, sizes)]
        if len(set(counts)) != 1 or any(a.size != counts[0] * n for a, n in zip(arrays, sizes)):
            return False
        rows.append(np.concatenate([a.reshape(counts[0], n) for a, n in zip(arrays, sizes)], axis=1))
        return True

    leaves = list(leaves_of(nested))
    if len(leaves) % len(sizes):
        return None
    for i in range(0, len(leaves), len(sizes)):
        if not block(leaves[i : i + len(sizes)]):
            return None
    return np.concatenate(rows) if rows else np.zeros((0, columns))


def random_arguments(
    function: Callable[..., Any], *, wrt: Any = None, of: Any = None, shapes: Shapes | None = None, seed: int = SEED
) -> tuple[Any, ...]:
    """A point for a function that comes without one: numbers between 0.5 and 1.5, the same for the same seed."""
    import numpy as np

    from .assembly.inputs import choose_inputs
    from .frontend.entry import lower_entry
    from .frontend.parameters import ArraySpec, ConstantSpec, ScalarSpec, TupleSpec, guess_specs
    from .frontend.source import find_source
    from .ir.expr import interning

    source = find_source(function)
    options = Options(wrt=wrt, of=of, shapes=shapes)
    specs, _ = guess_specs(source, {}, options.shapes)
    inputs, _ = choose_inputs(source, options.wrt, options.of)
    with interning(), source.deep():
        lowered = lower_entry(source, specs, inputs, options.of, options.shapes, promote=True)
    known: Mapping[str, tuple[int, ...]] = {**dict(lowered.guards), **options.shapes}
    generator = np.random.default_rng(seed)

    def make(name: str, spec: Any) -> Any:
        if isinstance(spec, ConstantSpec):
            return spec.value
        if isinstance(spec, TupleSpec):
            items = [make(f"{name}[{i}]", item) for i, item in enumerate(spec.items)]
            return spec.record(*items) if spec.record is not None else tuple(items)
        if isinstance(spec, ArraySpec):
            if name not in known:
                shape = "x".join("3" * spec.ndim)
                raise ArgumentError(
                    f"the length of {name} is not known", hint=f"Pass a point, or the shape: {name}={shape}."
                )
            return draw(spec.dtype, known[name])
        assert isinstance(spec, ScalarSpec)
        if spec.type.kind == "str":
            raise ArgumentError(f"{name} is a string, for which there is no random value", hint="Pass a point.")
        return draw(spec.type, ())

    def draw(kind: Any, shape: tuple[int, ...]) -> Any:
        if kind.kind == "bool":
            made: Any = np.ones(shape, bool)
        elif kind.kind == "int":
            made = np.full(shape, 3)
        else:
            made = generator.uniform(0.5, 1.5, shape)
            if kind.kind == "complex":
                made = made + 1j * generator.uniform(0.5, 1.5, shape)
            made = np.asarray(made).astype(kind.numpy)
        if shape:
            return made
        item = np.asarray(made)[()]
        return item if kind.bits == 32 and kind.is_differentiable else item.item()

    return tuple(make(name, spec) for name, spec in specs.items())
