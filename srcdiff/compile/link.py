"""Links what `native` made, with llvmlite alone, and makes a Python function of it."""

from __future__ import annotations

import ctypes
import functools
import marshal
import sys
import threading
from collections.abc import Callable
from typing import Any

from .store import unpack

__all__ = ["link"]

_FASTCALL_WITH_KEYWORDS = 0x0080 | 0x0002

_lock = threading.Lock()
_alive: list[Any] = []
"""Linked code and what it points to: Python functions may hold it as long as the process lives."""


class _Method(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def link(key: str, data: bytes, name: str, fallback: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function in `data`, as a builtin function of Python; None where objects are not laid out as it assumes.

    `fallback` is called with the arguments that the code does not take, or that it fails on. Raises RuntimeError or
    AttributeError where a symbol is missing.
    """
    found = unpack(data)
    if found is None or not _layout_is_known():
        return None
    names, unused = marshal.loads(found["head"])
    addresses = [_address(what) for what in names]
    with _lock:
        tracker = _load(key, (found["kernel"], found["entry"]), unused)
    table = (ctypes.c_size_t * len(names))(*addresses)
    ctypes.memmove(tracker["srcdiff_table"], table, ctypes.sizeof(table))
    method = _Method(name.encode(), tracker["srcdiff_entry"], _FASTCALL_WITH_KEYWORDS, None)
    kind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    make = kind(_function_address(ctypes.pythonapi.PyCFunction_NewEx))
    _alive.append((tracker, method))
    function: Callable[..., Any] = make(ctypes.addressof(method), fallback, None)
    return function


def _load(key: str, objects: tuple[bytes, ...], unused: tuple[str, ...]) -> Any:
    import llvmlite.binding as llvm

    abort = _function_address(ctypes.CDLL(None).abort)
    library = llvm.JITLibraryBuilder().add_current_process()
    for image in objects:
        library.add_object_img(image)
    for symbol in unused:  # of code that is never run: Numba's own way in from Python
        library.import_symbol(symbol, abort)
    library.export_symbol("srcdiff_entry").export_symbol("srcdiff_table")
    return library.link(_linker(), f"{key}.{len(_alive)}")


@functools.cache
def _linker() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.create_lljit_compiler()


def _function_address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _address(what: str) -> int:
    """The address of a thing by its name in the table."""
    import numpy as np

    place, _, name = what.partition(":")
    if place == "type":
        return id({"float": float, "int": int, "bool": bool, "complex": complex, "tuple": tuple}[name])
    if place == "object":
        return id({"True": True, "None": None}[name])
    if place == "numpy":
        return id({"ndarray": np.ndarray, "float64": np.float64}[name])
    if place == "dtype":
        return id(np.dtype(name))
    if place == "array":
        return _array_functions()[int(name)] or 0
    return _function_address(getattr(ctypes.pythonapi, name))


@functools.cache
def _array_functions() -> Any:
    """NumPy's table of C functions."""
    import numpy as np

    core: Any = getattr(np, "_core", None) or np.core
    kind = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
    get = kind(_function_address(ctypes.pythonapi.PyCapsule_GetPointer))
    return (ctypes.c_void_p * 128).from_address(get(core._multiarray_umath._ARRAY_API, None))


@functools.cache
def _layout_is_known() -> bool:
    """Whether objects of this Python and this NumPy are laid out as the code assumes."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8 or sys.platform == "win32":
        return False
    if getattr(sys, "abiflags", "") or object.__basicsize__ != 16 or float.__basicsize__ != 24:
        return False
    import numpy as np

    def word(thing: object, offset: int) -> int:
        return ctypes.c_uint64.from_address(id(thing) + offset).value

    number, wide, array = 0.1, np.float64(0.1), np.zeros((2, 3))[:, :2]
    bits = int(np.array(0.1).view(np.uint64))
    shape, strides = ((ctypes.c_int64 * 2).from_address(word(array, offset)) for offset in (32, 40))
    return bool(
        word(number, 8) == id(float)
        and word(wide, 8) == id(np.float64)
        and word(number, 16) == word(wide, 16) == bits
        and (word(0.1j, 16), word(0.1j, 24)) == (0, bits)
        and word(array, 8) == id(np.ndarray)
        and word(array, 16) == array.ctypes.data
        and word(array, 24) & 0xFFFFFFFF == 2
        and (tuple(shape), tuple(strides)) == (array.shape, array.strides)
        and word(array, 56) == id(array.dtype) == id(np.dtype("float64"))
        and word(array, 64) & 0x503 == 0x500
        and word(np.zeros((2, 3)), 64) & 0x503 == 0x501
        and word(np.zeros((2, 3)).T, 64) & 0x503 == 0x502
    )
