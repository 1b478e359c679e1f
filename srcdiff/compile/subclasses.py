"""Arguments whose class is not NumPy's array but a descendant: refused, since it may compute in its own way.

Masked arrays leave elements out, `np.matrix` multiplies matrices, quantities have units. Numba takes all of them for
plain arrays.
"""

from __future__ import annotations

import sys
from typing import Any

from ..errors import ArgumentError

__all__ = ["refuse_subclass", "refuse_subclasses"]


def refuse_subclasses(form: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """ArgumentError if an argument of a call is an array of a class of its own."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return
    plain = numpy.ndarray
    for i, value in enumerate(args):
        if type(value) is not plain and isinstance(value, (plain, tuple)):
            names = form._names or ()
            refuse_subclass(names[i] if i < len(names) else f"argument {i}", value)
    for name, value in kwargs.items():
        refuse_subclass(name, value)


def refuse_subclass(name: str, value: Any) -> None:
    """The same for one argument; memory maps are plain arrays in this."""
    numpy: Any = sys.modules["numpy"]
    if isinstance(value, tuple):
        for i, item in enumerate(value):
            refuse_subclass(f"{name}[{i}]", item)
    elif isinstance(value, numpy.ndarray) and type(value) not in (numpy.ndarray, numpy.memmap):
        raise ArgumentError(
            f"{name} is a {type(value).__name__}, which may compute in a way of its own",
            hint=f"Pass a plain array: np.asarray({name}) drops masks and units.",
        )
