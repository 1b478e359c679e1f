"""What a compiled derivative depends on, as one hash, computed from the function itself and not from its text.

The hash covers the function's bytecode, constants, defaults, annotations and closure cells, the values of the globals
that it reads, the attributes that it reads of modules, classes and instances, and every Python function that it can
reach, in the same way. What cannot be hashed for certain raises `Uncacheable`: such a function is compiled in each
process. Comments, and where the function stands in its file, are not covered: they do not change what is computed.

>>> def area(r):
...     return 3.0 * r**2
>>> def same(r):
...     return 3.0 * r**2
>>> same.__name__ = "area"
>>> same.__code__ = same.__code__.replace(co_name="area")
>>> fingerprint(area) == fingerprint(same)
True
>>> same.__code__ = same.__code__.replace(co_consts=(None, 4.0, 2))
>>> fingerprint(area) == fingerprint(same)
False
"""

from __future__ import annotations

import functools
import os
import sys
import types
from collections import namedtuple
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from opcode import opmap
from typing import Any

__all__ = ["Uncacheable", "digest", "fingerprint"]


class Uncacheable(Exception):
    """A function depends on something whose value cannot be hashed for certain."""


def digest(*parts: bytes) -> bytes:
    """A hash of byte strings; their boundaries count.

    >>> digest(b"ab", b"c") == digest(b"a", b"bc")
    False
    """
    lengths = ",".join([str(len(part)) for part in parts])
    return blake2b(b"".join((lengths.encode(), b":", *parts)), digest_size=20).digest()


def fingerprint(function: object, *more: object) -> bytes:
    """Hash of a function with all that it reads, and of further values; Uncacheable if that cannot be told."""
    names: set[str] = {"__call__"}
    while True:
        walk = _Walk(names)
        try:
            for value in (function, *more):
                walk.visit(value)
        except Uncacheable:
            raise
        except Exception as error:  # of an object that cannot be looked at, or values nested too deeply
            raise Uncacheable(f"{type(error).__name__}: {error}") from error
        if not walk.looked or walk.names == names:
            return digest(*walk.parts)
        names = walk.names


_LOAD_GLOBAL = tuple(opmap[name] for name in ("LOAD_GLOBAL",) if name in opmap)
_LOAD_NAME = tuple(opmap[name] for name in ("LOAD_NAME",) if name in opmap)
_IMPORT_NAME = opmap["IMPORT_NAME"]
_EXTENDED_ARG = opmap["EXTENDED_ARG"]


def _instructions(code: types.CodeType) -> Iterator[tuple[int, int]]:
    """(operation, argument) of the instructions that read globals or import."""
    extended = 0
    text = code.co_code
    for i in range(0, len(text), 2):
        operation, argument = text[i], text[i + 1] | extended
        if operation == _EXTENDED_ARG:
            extended = argument << 8
            continue
        extended = 0
        if operation in _LOAD_GLOBAL:
            yield operation, argument >> 1
        elif operation in _LOAD_NAME or operation == _IMPORT_NAME:
            yield operation, argument


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A code object and those of the functions defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)


def _strings(constant: object) -> Iterator[str]:
    """Strings among constants: names that `getattr(object, "name")` may read."""
    if type(constant) is str:
        yield constant
    elif type(constant) is tuple:
        for item in constant:
            yield from _strings(item)


_STDLIB = os.path.dirname(os.__file__) + os.sep
_LIBRARIES = {"numpy", "scipy", "numba", "srcdiff"}


def _is_library(name: object) -> bool:
    """Whether a module is of the standard library or of the libraries whose versions are part of every key."""
    if not isinstance(name, str):
        return False
    if name in sys.builtin_module_names:
        return True
    module = sys.modules.get(name)
    root = name.partition(".")[0]
    path = getattr(module, "__file__", None)
    if not isinstance(path, str):
        return False
    if root in _LIBRARIES:
        base = getattr(sys.modules.get(root), "__file__", None)
        return isinstance(base, str) and path.startswith(os.path.dirname(base) + os.sep)
    return root in sys.stdlib_module_names and path.startswith(_STDLIB) and "-packages" not in path


class _Walk:
    """Turns values into bytes, each object with attributes seen through the attribute names that any code uses."""

    def __init__(self, names: set[str]):
        self.known = names
        self.names = set(names)
        self.parts: list[bytes] = []
        self.seen: dict[int, int] = {}
        self.kept: list[object] = []
        self.looked = False

    def put(self, *parts: str) -> None:
        self.parts.extend(part.encode("utf-8", "surrogatepass") for part in parts)

    def visit(self, value: Any) -> None:
        kind = type(value)
        plain = _PLAIN.get(kind)
        if plain is not None:
            self.put(kind.__name__, plain(value))
        elif kind is tuple:
            self.put("tuple", str(len(value)))
            for item in value:
                self.visit(item)
        elif kind is types.CodeType:
            self.code(value)
        elif kind is frozenset or kind is set:
            self.unordered(kind.__name__, value)
        elif id(value) in self.seen:
            self.put("seen", str(self.seen[id(value)]))
        else:
            self.seen[id(value)] = len(self.seen)
            self.kept.append(value)
            self.other(value, kind)

    def unordered(self, title: str, values: Iterable[object]) -> None:
        found = []
        for value in values:
            if type(value) not in _PLAIN and type(value) is not tuple:
                raise Uncacheable(f"a set that holds a {type(value).__name__}")
            inner = _Walk(self.known)
            inner.visit(value)
            found.append(digest(*inner.parts))
        self.put(title, str(len(found)))
        self.parts.extend(sorted(found))

    def other(self, value: Any, kind: type) -> None:
        if kind is types.FunctionType:
            self.function(value)
        elif kind is types.ModuleType:
            self.module(value)
        elif kind is list:
            self.put("list", str(len(value)))
            for item in value:
                self.visit(item)
        elif kind is dict or kind is types.MappingProxyType:
            self.put("dict", str(len(value)))
            for key, item in value.items():
                self.visit(key)
                self.visit(item)
        elif kind is types.MethodType:
            self.several("method", value.__func__, value.__self__)
        elif kind is functools.partial:
            self.several("partial", value.func, value.args, value.keywords)
        elif kind in (staticmethod, classmethod) or kind is functools._lru_cache_wrapper:
            self.several(kind.__name__, value.__wrapped__)
        elif kind is property:
            self.several("property", value.fget)
        elif kind is types.BuiltinFunctionType:
            self.builtin(value)
        elif isinstance(value, type):
            self.cls(value)
        elif self.known_library_object(value, kind):
            pass
        elif "__srcdiff_function__" in getattr(value, "__dict__", ()):
            self.several("differentiable", value.__srcdiff_function__)
        elif _is_dispatcher(kind):
            self.several("dispatcher", value.py_func)
        else:
            self.instance(value, kind)

    def several(self, title: str, *values: object) -> None:
        self.put(title)
        for value in values:
            self.visit(value)

    def code(self, code: types.CodeType) -> None:
        counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        self.put("code", code.co_name, repr(counts), repr(names))
        self.parts += [code.co_code, code.co_exceptiontable]
        self.names.update(code.co_names)
        self.names.update(_strings(code.co_consts))
        for constant in code.co_consts:
            self.visit(constant)

    def function(self, function: types.FunctionType) -> None:
        name: Any = function.__globals__.get("__name__")
        if _is_library(name) and vars(sys.modules[name]) is function.__globals__:
            self.put("library", name, function.__qualname__)
            self.version(name)
            return
        self.put("function", function.__name__)
        self.visit(function.__code__)
        self.several("defaults", function.__defaults__, function.__kwdefaults__)
        self.annotations(function)
        for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            self.put("cell", variable)
            try:
                contents = cell.cell_contents
            except ValueError:
                self.put("empty")
            else:
                self.visit(contents)
        self.globals(function)
        if "__signature__" in function.__dict__:
            raise Uncacheable(f"{function.__name__}, whose signature is not that of its code")
        if function.__dict__:
            self.attributes(function.__dict__)

    def annotations(self, function: types.FunctionType) -> None:
        try:
            notes = dict(function.__annotations__)
        except Exception:
            raise Uncacheable(f"annotations of {function.__name__} that cannot be evaluated") from None
        for name, note in notes.items():
            self.put("note", name)
            if isinstance(note, type) and type(note) is type:
                self.put("type", note.__module__, note.__qualname__)
                continue
            text = note if isinstance(note, str) else repr(note)
            if not isinstance(note, str) and " at 0x" in text:
                raise Uncacheable(f"the annotation {text}")
            self.put(type(note).__name__, text)

    def globals(self, function: Any) -> None:
        for code in _codes(function.__code__):
            for operation, argument in _instructions(code):
                name = code.co_names[argument]
                if operation == _IMPORT_NAME:
                    self.put("import", name)
                    if name in sys.modules:
                        self.visit(sys.modules[name])
                        root = name.partition(".")[0]
                        self.visit(sys.modules.get(root))
                    elif name.partition(".")[0] not in sys.stdlib_module_names:
                        raise Uncacheable(f"{name}, which is imported within the function")
                elif name in function.__globals__:
                    self.put("global", name)
                    self.visit(function.__globals__[name])
                elif name in function.__builtins__:
                    self.put("builtins", name)
                    self.visit(function.__builtins__[name])
                else:
                    self.put("unbound", name)

    def module(self, module: types.ModuleType) -> None:
        name, space = module.__name__, vars(module)
        self.put("module", name)
        if _is_library(name) and sys.modules.get(name) is module:
            self.version(name)
            self.looked = True
            for attribute in sorted(self.known & space.keys()):  # a constant, or what somebody put in its place
                found = space[attribute]
                if type(found) in _PLAIN or type(found) is types.FunctionType:
                    self.put("attribute", attribute)
                    self.visit(found)
            return
        if "__getattr__" in space:
            raise Uncacheable(f"the module {name}, which computes its attributes")
        self.attributes(space)

    def version(self, name: str) -> None:
        """SciPy's version counts where SciPy is used; the others are part of every key."""
        root = name.partition(".")[0]
        if root == "scipy":
            self.put("scipy", str(getattr(sys.modules[root], "__version__", "")))

    def attributes(self, space: Any) -> None:
        """Those attributes of an object whose names occur in any of the code."""
        self.looked = True
        for name in sorted(self.known.intersection(space)):
            self.put("attribute", name)
            self.visit(space[name])

    def builtin(self, function: Any) -> None:
        owner = function.__self__
        self.put("builtin", str(function.__module__), function.__qualname__)
        if owner is not None and type(owner) is not types.ModuleType:
            self.visit(owner)
        elif function.__module__ not in sys.stdlib_module_names and not _is_library(function.__module__):
            raise Uncacheable(f"the compiled function {function.__qualname__}")

    def cls(self, cls: type) -> None:
        self.put("class", str(cls.__module__), cls.__qualname__)
        if cls.__module__ == "builtins" or _is_library(cls.__module__):
            self.version(cls.__module__)
            return
        if type(cls).__module__ not in ("builtins", "abc", "enum"):
            raise Uncacheable(f"the class {cls.__qualname__}, whose metaclass is {type(cls).__name__}")
        if issubclass(cls, tuple):
            self.several("fields", getattr(cls, "_fields", None), getattr(cls, "_field_defaults", None))
        for base in cls.__bases__:
            self.visit(base)
        self.attributes(vars(cls))

    def known_library_object(self, value: Any, kind: type) -> bool:
        """Arrays, numbers, dtypes and functions of NumPy; descriptors of builtin types; enum members."""
        module = kind.__module__
        if module == "enum" or any(base.__module__ == "enum" for base in kind.__mro__[1:]):
            self.several("member", kind, value.name, value.value)
            return True
        if kind in _DESCRIPTORS:
            self.several("descriptor", value.__objclass__, value.__name__)
            return True
        if kind is _FIELD:  # of a namedtuple, whose fields are part of its class
            return True
        if kind in (range, slice):
            self.put(kind.__name__, repr(value))
            return True
        if module.partition(".")[0] != "numpy":
            return False
        import numpy as np

        if kind is np.ndarray:
            if value.dtype.hasobject or value.nbytes > 1 << 24:
                raise Uncacheable(f"an array of {value.nbytes} bytes of {value.dtype}")
            flags = value.flags
            self.put("array", repr(value.dtype), repr((value.shape, flags.c_contiguous, flags.f_contiguous)))
            self.parts.append(value.tobytes())
        elif isinstance(value, np.generic) and not value.dtype.hasobject:
            self.put("number", repr(value.dtype))
            self.parts.append(value.tobytes())
        elif isinstance(value, np.dtype):
            self.put("dtype", repr(value))
        elif kind is np.ufunc:
            modules = [name for name in ("numpy", "scipy.special") if name in sys.modules]
            places = [name for name in modules if vars(sys.modules[name]).get(value.__name__) is value]
            if not places:
                raise Uncacheable(f"the ufunc {value.__name__}")
            self.put("ufunc", places[0], value.__name__)
            self.version(places[0])
        elif kind.__name__ == "_ArrayFunctionDispatcher":
            self.put("numpy", value.__module__, value.__qualname__)
        else:
            return False
        return True

    def instance(self, value: Any, kind: type) -> None:
        if kind.__module__ == "builtins" or _is_library(kind.__module__):
            raise Uncacheable(f"a value of type {kind.__name__}")
        own = [base for base in kind.__mro__ if base.__module__ != "builtins"]
        if any(name in vars(base) for base in own for name in ("__getattribute__", "__getattr__")):
            raise Uncacheable(f"{kind.__name__}, which computes its attributes")
        if isinstance(value, (tuple, list, dict, set, frozenset, int, float, complex, str, bytes)):
            if not (isinstance(value, tuple) and hasattr(kind, "_fields")):
                raise Uncacheable(f"{kind.__name__}, which extends a builtin type")
            self.several("record", kind, tuple(value))
            return
        slots = {name for base in kind.__mro__ for name in _slots(base)}
        if _holds_more(kind, slots):
            raise Uncacheable(f"{kind.__name__}, which is compiled code")
        self.several("instance", kind)
        self.attributes(getattr(value, "__dict__", {}))
        for name in sorted(slots & self.known):
            if hasattr(value, name):
                self.put("slot", name)
                self.visit(getattr(value, name))


def _slots(cls: type) -> Iterable[str]:
    """Names of a class's slots, as they are stored."""
    slots = vars(cls).get("__slots__", ())
    for name in (slots,) if isinstance(slots, str) else slots:
        private = name.startswith("__") and not name.endswith("__")
        yield f"_{cls.__name__.lstrip('_')}{name}" if private else name


_DESCRIPTORS = (
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.MemberDescriptorType,
    types.GetSetDescriptorType,
)
_FIELD = type(vars(namedtuple("_", "a"))["a"])
_COMPILED = (
    types.MethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.BuiltinFunctionType,
)


def _holds_more(cls: type, slots: set[str]) -> bool:
    """Whether instances hold what no attribute shows, as those of extension types do."""
    own = {"__dict__", "__weakref__", *slots}
    for base in cls.__mro__[:-1]:
        for name, value in vars(base).items():
            if isinstance(value, _COMPILED) and name not in own:
                return True
    return cls.__basicsize__ > object.__basicsize__ + 8 * (len(slots) + 2)


def _is_dispatcher(kind: type) -> bool:
    """Whether this is a Numba dispatcher, but none of ours, which stand for derivatives."""
    return kind.__module__.partition(".")[0] in ("numba", "numba_cuda") and any(
        base.__name__.endswith("Dispatcher") for base in kind.__mro__
    )


_PLAIN: dict[type, Any] = {
    type(None): repr,
    type(...): repr,
    bool: repr,
    int: repr,
    float: float.hex,
    complex: lambda z: f"{z.real.hex()},{z.imag.hex()}",
    str: str,
    bytes: bytes.hex,
}
