"""Machine code that needs no Numba to run: a compiled function, and a C function that Python calls.

The compiled function is Numba's object code as it is. Beside it goes a second, small object: an entry that takes
Python's arguments, checks that each is exactly of the type that the function was compiled for, calls it, and makes the
Python result. Whatever does not fit, and every error, is left to a fallback, which is called with the same arguments.
`link` puts the two together in a process that has not imported Numba.
"""

from __future__ import annotations

import ctypes
import itertools
import marshal
import re
from collections.abc import Iterable, Sequence
from typing import Any

from llvmlite import binding as llvm
from llvmlite import ir
from numba.core import cgutils, types
from numba.np.arrayobj import make_array, populate_array

from ..module import Module
from .restart import gives_back, restartable
from .runtime import PROVIDED, add_runtime
from .store import pack

__all__ = ["native"]

_BYTE = ir.IntType(8)
_POINTER = _BYTE.as_pointer()
_WORD = ir.IntType(64)
_INT = ir.IntType(32)
_NONE = ir.Constant(_POINTER, None)

# Offsets in the objects of CPython and NumPy; `link` makes sure of them before it runs any code.
_TYPE, _FLOAT_VALUE = 8, 16
_DATA, _NDIM, _SHAPE, _STRIDES, _DESCR, _FLAGS = 16, 24, 32, 40, 56, 64
_C, _F, _ALIGNED, _WRITEABLE = 0x1, 0x2, 0x100, 0x400
_NEW_ARRAY = 93  # PyArray_New in NumPy's table of functions


class _NotNative(Exception):
    """The function needs Numba's runtime, or a type that the entry does not take."""


def native(result: Any, module: Module, *, fills_first: bool) -> bytes | None:
    """The objects of a compiled function for `link.link`; None where it cannot do without Numba.

    `fills_first` says that the first argument is there to be written.
    """
    names = [name.lstrip("*").partition("=")[0] for name in module.parameters]
    arrays = {name for name, kind in zip(names, result.fndesc.argtypes) if _holds_arrays(kind)}
    name = result.fndesc.llvm_func_name
    arrays -= set(names[:1] if fills_first else ())
    if not restartable(module, arrays) and not _never_fails(str(result.library._final_module), name):
        return None
    if _holds_arrays(result.fndesc.restype) and gives_back(module, arrays):  # what `need_own` leaves to the fallback
        return None
    try:
        unused = _unused_symbols(result.library, name)
        builder = _Entry(result, name, names, module.apart)
        text = builder.build()
    except (_NotNative, NotImplementedError):
        return None
    codegen = result.target_context.codegen()
    compiled = llvm.parse_assembly(text)
    compiled.verify()
    entry = codegen._tm.emit_object(compiled)
    head = marshal.dumps((tuple(builder.table), tuple(unused)))
    return pack({"head": head, "kernel": result.library._get_compiled_object(), "entry": entry})


def _holds_arrays(kind: Any) -> bool:
    return isinstance(kind, types.Array) or any(map(_holds_arrays, getattr(kind, "types", ())))


def _never_fails(text: str, name: str) -> bool:
    r"""Whether every way out of a compiled function returns the status of success: 0, or -2 for None.

    >>> _never_fails('define i32 @"f x"(i8) {\n  ret i32 0\n}\ndefine i32 @g() {\n  ret i32 1\n}\n', "f x")
    True
    >>> _never_fails('define i32 @f() {\n  ret i32 %status\n}\n', "f")
    False
    """
    start = re.search(rf'^define [^\n]*@"?{re.escape(name)}"?\(', text, re.MULTILINE)
    if start is None:
        return False
    returned = re.findall(r"^\s+ret i32 (\S+)", text[start.start() : text.index("\n}", start.start())], re.MULTILINE)
    return bool(returned) and set(returned) <= {"0", "-2"}


def _unused_symbols(library: Any, name: str) -> list[str]:
    """Symbols that Numba's own wrappers refer to and the function itself does not."""
    module = library._final_module
    declared = {item.name for item in (*module.functions, *module.global_variables) if item.is_declaration}
    declared = {symbol for symbol in declared if not symbol.startswith("llvm.")}
    reached, open_ = {name}, [name]
    uses = _uses(str(module))
    while open_:
        for symbol in uses.get(open_.pop(), ()):
            if symbol not in reached:
                reached.add(symbol)
                open_.append(symbol)
    process = ctypes.CDLL(None)
    for symbol in reached & declared:
        if symbol not in PROVIDED and (symbol.startswith("numba_") or not hasattr(process, symbol)):
            raise _NotNative(symbol)
    return sorted(symbol for symbol in declared - reached - set(PROVIDED) if not hasattr(process, symbol))


def _uses(text: str) -> dict[str, set[str]]:
    r"""For each function and global of a module, the names in its definition.

    >>> _uses('@a = global i8* @b\ndefine void @"f x"(i8) {\n  call void @g()\n}\n')
    {'a': {'b'}, 'f x': {'g'}}
    """
    uses: dict[str, set[str]] = {}
    current = None
    for line in text.split("\n"):
        names = [quoted or bare for quoted, bare in re.findall(r'@(?:"([^"]+)"|([\w.$-]+))', line)]
        if line.startswith(("@", "define ")):
            uses[names[0]] = set(names[1:])
            current = names[0] if line.startswith("define ") else None
        elif line == "}":
            current = None
        elif current is not None:
            uses[current].update(names)
    return uses


class _Entry:
    """The text of the second object."""

    def __init__(self, result: Any, name: str, names: Sequence[str], apart: Sequence[tuple[str, str]]):
        if any(name not in names for pair in apart for name in pair):  # a JVP, whose arguments are in tuples
            raise _NotNative("arguments that must not share memory")
        self.names = names
        self.apart = apart
        self.bounds: dict[str, list[tuple[Any, Any]]] = {}
        """Where the memory of the arrays in an argument begins and ends."""
        self.context = result.target_context
        self.descriptor = result.fndesc
        self.name = name
        self.module: Any = self.context.codegen()._create_empty_module("srcdiff_entry")
        self.release = add_runtime(self.module)
        self.table: list[str] = []
        self.builder: Any = None

    def build(self) -> str:
        kind = ir.FunctionType(_POINTER, [_POINTER, _POINTER.as_pointer(), _WORD, _POINTER])
        function = ir.Function(self.module, kind, "srcdiff_entry")
        fallback, arguments, count, names = function.args
        builder = self.builder = ir.IRBuilder(function.append_basic_block("check"))
        self.slots = ir.GlobalVariable(self.module, ir.ArrayType(_POINTER, 64), "srcdiff_table")
        self.slots.initializer = ir.Constant(self.slots.value_type, None)
        self.other = function.append_basic_block("fallback")
        self.failed = function.append_basic_block("failed")

        given = [t for t in self.descriptor.argtypes if not isinstance(t, types.Omitted)]
        self.need(builder.icmp_unsigned("==", names, _NONE))
        self.need(builder.icmp_unsigned("==", count, _WORD(len(given))))
        values: list[Any] = []
        for name, kind in zip(self.names, self.descriptor.argtypes, strict=True):
            if isinstance(kind, types.Omitted):
                values.append(None)
                continue
            self.argument = name
            place = sum(value is not None for value in values)
            pointer = builder.load(builder.gep(arguments, [_WORD(place)]))
            values.append(self.unbox(kind, pointer))
        self.need_apart()
        convention = self.context.call_conv
        callee = ir.Function(
            self.module, convention.get_function_type(self.descriptor.restype, self.descriptor.argtypes), self.name
        )
        status, value = convention.call_function(
            builder, callee, self.descriptor.restype, self.descriptor.argtypes, values
        )
        self.need(builder.not_(status.is_error))
        arrays = list(self.arrays(self.descriptor.restype, value))
        self.need_own(arrays)
        boxed = self.box(self.descriptor.restype, value)
        for array in arrays:
            builder.call(self.release, [array.meminfo])
        builder.ret(boxed)

        builder.position_at_end(self.other)
        kind = ir.FunctionType(_POINTER, [_POINTER, _POINTER.as_pointer(), _WORD, _POINTER])
        builder.ret(self.call("api:PyObject_Vectorcall", kind, [fallback, arguments, count, names]))
        builder.position_at_end(self.failed)
        builder.ret(_NONE)
        return str(self.module)

    # Control

    def need(self, condition: Any) -> None:
        """Go on if a condition holds, and to the fallback otherwise."""
        block = self.builder.append_basic_block("next")
        self.builder.cbranch(condition, block, self.other)
        self.builder.position_at_end(block)

    def need_apart(self) -> None:
        """Arguments that may share memory are looked at by the fallback."""
        builder = self.builder
        for one, other in self.apart:
            for (low, high), (first, last) in itertools.product(self.bounds.get(one, ()), self.bounds.get(other, ())):
                below, above = builder.icmp_unsigned("<=", high, first), builder.icmp_unsigned("<=", last, low)
                self.need(builder.or_(below, above))

    def need_own(self, arrays: Sequence[Any]) -> None:
        """An array that is an argument's goes back as that argument itself, which the fallback sees to."""
        builder = self.builder
        foreign = ir.Constant(ir.IntType(1), 0)
        for array in arrays:
            foreign = builder.or_(foreign, builder.icmp_unsigned("==", array.meminfo, _NONE))
        give_up, block = builder.append_basic_block("give_up"), builder.append_basic_block("own")
        builder.cbranch(foreign, give_up, block)
        builder.position_at_end(give_up)
        for array in arrays:
            with builder.if_then(builder.icmp_unsigned("!=", array.meminfo, _NONE)):
                builder.call(self.release, [array.meminfo])
        builder.branch(self.other)
        builder.position_at_end(block)

    def made(self, pointer: Any) -> Any:
        """A new object; where there is none, memory has run out, and Python's error is set."""
        block = self.builder.append_basic_block("made")
        self.builder.cbranch(self.builder.icmp_unsigned("!=", pointer, _NONE), block, self.failed)
        self.builder.position_at_end(block)
        return pointer

    # What lies outside: one table of addresses, which the linking process fills

    def address(self, what: str) -> Any:
        if what not in self.table:
            self.table.append(what)
        place = self.builder.gep(self.slots, [_WORD(0), _WORD(self.table.index(what))])
        return self.builder.load(place)

    def call(self, what: str, kind: ir.FunctionType, arguments: Sequence[Any]) -> Any:
        return self.builder.call(self.builder.bitcast(self.address(what), kind.as_pointer()), arguments)

    def field(self, pointer: Any, offset: int, kind: ir.Type) -> Any:
        place = self.builder.gep(pointer, [_WORD(offset)])
        return self.builder.load(self.builder.bitcast(place, kind.as_pointer()))

    def is_type(self, pointer: Any, *names: str) -> Any:
        found = self.field(pointer, _TYPE, _POINTER)
        tests = [self.builder.icmp_unsigned("==", found, self.address(name)) for name in names]
        result = tests[0]
        for test in tests[1:]:
            result = self.builder.or_(result, test)
        return result

    # Arguments

    def unbox(self, kind: Any, pointer: Any) -> Any:
        builder = self.builder
        if kind == types.float64:  # numpy.float64 holds its value where float does
            self.need(self.is_type(pointer, "type:float", "numpy:float64"))
            return self.field(pointer, _FLOAT_VALUE, ir.DoubleType())
        if kind == types.int64:
            self.need(self.is_type(pointer, "type:int"))
            overflow = cgutils.alloca_once(builder, _INT)
            convert = ir.FunctionType(_WORD, [_POINTER, _INT.as_pointer()])
            value = self.call("api:PyLong_AsLongLongAndOverflow", convert, [pointer, overflow])
            self.need(builder.icmp_signed("==", builder.load(overflow), _INT(0)))
            return value
        if kind == types.boolean:
            self.need(self.is_type(pointer, "type:bool"))
            return builder.icmp_unsigned("==", pointer, self.address("object:True"))
        if kind == types.complex128:
            self.need(self.is_type(pointer, "type:complex"))
            value = self.context.make_complex(builder, kind)
            value.real = self.field(pointer, _FLOAT_VALUE, ir.DoubleType())
            value.imag = self.field(pointer, _FLOAT_VALUE + 8, ir.DoubleType())
            return value._getvalue()
        if isinstance(kind, types.Array):
            return self.unbox_array(kind, pointer)
        if isinstance(kind, (types.UniTuple, types.Tuple)):
            self.need(self.is_type(pointer, "type:tuple"))
            size = self.call("api:PyTuple_Size", ir.FunctionType(_WORD, [_POINTER]), [pointer])
            self.need(builder.icmp_signed("==", size, _WORD(len(kind))))
            get = ir.FunctionType(_POINTER, [_POINTER, _WORD])
            items = [
                self.unbox(item, self.call("api:PyTuple_GetItem", get, [pointer, _WORD(i)]))
                for i, item in enumerate(kind.types)
            ]
            return self.context.make_tuple(builder, kind, items)
        raise _NotNative(str(kind))

    def unbox_array(self, kind: Any, pointer: Any) -> Any:
        if not kind.mutable or not kind.aligned or kind.ndim == 0 or type(kind) is not types.Array:
            raise _NotNative(str(kind))
        builder = self.builder
        self.need(self.is_type(pointer, "numpy:ndarray"))
        self.need(builder.icmp_signed("==", self.field(pointer, _NDIM, _INT), _INT(kind.ndim)))
        dtype = self.field(pointer, _DESCR, _POINTER)
        self.need(builder.icmp_unsigned("==", dtype, self.address(f"dtype:{kind.dtype}")))
        contiguous = {"C": _C, "F": _F, "A": 0}[kind.layout]
        mask = (_C if kind.layout == "C" else _C | _F) | _ALIGNED | _WRITEABLE
        flags = builder.and_(self.field(pointer, _FLAGS, _INT), _INT(mask))
        self.need(builder.icmp_signed("==", flags, _INT(contiguous | _ALIGNED | _WRITEABLE)))
        shape = self.field(pointer, _SHAPE, _WORD.as_pointer())
        strides = self.field(pointer, _STRIDES, _WORD.as_pointer())
        item = self.context.get_data_type(kind.dtype)
        array = populate_array(
            make_array(kind)(self.context, builder),
            data=builder.bitcast(self.field(pointer, _DATA, _POINTER), item.as_pointer()),
            shape=[builder.load(builder.gep(shape, [_WORD(i)])) for i in range(kind.ndim)],
            strides=[builder.load(builder.gep(strides, [_WORD(i)])) for i in range(kind.ndim)],
            itemsize=self.context.get_constant(types.intp, kind.dtype.bitwidth // 8),
            meminfo=None,
        )
        if any(self.argument in pair for pair in self.apart):
            self.bounds.setdefault(self.argument, []).append(self.extent(array, kind))
        return array._getvalue()

    def extent(self, array: Any, kind: Any) -> tuple[Any, Any]:
        """The addresses of an array's first byte, and of that after its last."""
        builder = self.builder
        low = builder.ptrtoint(array.data, _WORD)
        if kind.layout in "CF":
            return low, builder.add(low, builder.mul(array.nitems, array.itemsize))
        high = builder.add(low, array.itemsize)
        shape, strides = (cgutils.unpack_tuple(builder, part, kind.ndim) for part in (array.shape, array.strides))
        for length, stride in zip(shape, strides):
            span = builder.mul(builder.sub(length, _WORD(1)), stride)
            forward = builder.icmp_signed(">", span, _WORD(0))
            low = builder.select(forward, low, builder.add(low, span))
            high = builder.select(forward, builder.add(high, span), high)
        return low, high

    # Results

    def arrays(self, kind: Any, value: Any) -> Iterable[Any]:
        if isinstance(kind, types.Array):
            if kind.layout not in "CF" or kind.ndim == 0 or type(kind) is not types.Array:
                raise _NotNative(str(kind))
            yield make_array(kind)(self.context, self.builder, value)
        elif isinstance(kind, (types.UniTuple, types.Tuple)):
            for item, part in zip(kind.types, cgutils.unpack_tuple(self.builder, value, len(kind))):
                yield from self.arrays(item, part)

    def box(self, kind: Any, value: Any) -> Any:
        builder, double = self.builder, ir.DoubleType()
        if isinstance(kind, types.Float):
            value = builder.fpext(value, double) if kind.bitwidth == 32 else value
            return self.made(self.call("api:PyFloat_FromDouble", ir.FunctionType(_POINTER, [double]), [value]))
        if kind == types.int64:
            return self.made(self.call("api:PyLong_FromLongLong", ir.FunctionType(_POINTER, [_WORD]), [value]))
        if kind == types.boolean:
            word = builder.zext(value, _WORD)
            return self.made(self.call("api:PyBool_FromLong", ir.FunctionType(_POINTER, [_WORD]), [word]))
        if isinstance(kind, types.Complex):
            parts = cgutils.unpack_tuple(builder, value, 2)
            parts = [builder.fpext(p, double) if kind == types.complex64 else p for p in parts]
            make = ir.FunctionType(_POINTER, [double, double])
            return self.made(self.call("api:PyComplex_FromDoubles", make, parts))
        if isinstance(kind, types.NoneType):
            found = self.address("object:None")
            self.call("api:Py_IncRef", ir.FunctionType(ir.VoidType(), [_POINTER]), [found])
            return found
        if isinstance(kind, types.Array):
            return self.box_array(kind, value)
        if isinstance(kind, (types.UniTuple, types.Tuple)):
            parts = cgutils.unpack_tuple(builder, value, len(kind))
            items = [self.box(item, part) for item, part in zip(kind.types, parts)]
            found = self.call("api:PyTuple_New", ir.FunctionType(_POINTER, [_WORD]), [_WORD(len(items))])
            self.made(found)
            for i, item in enumerate(items):
                fill = ir.FunctionType(_INT, [_POINTER, _WORD, _POINTER])
                self.call("api:PyTuple_SetItem", fill, [found, _WORD(i), item])
            return found
        raise _NotNative(str(kind))

    def box_array(self, kind: Any, value: Any) -> Any:
        """A new NumPy array with a copy of the elements."""
        builder = self.builder
        array = make_array(kind)(self.context, builder, value)
        shape = cgutils.alloca_once(builder, ir.ArrayType(_WORD, kind.ndim))
        builder.store(array.shape, shape)
        words, integers = _WORD.as_pointer(), [_INT, _INT]
        make = ir.FunctionType(_POINTER, [_POINTER, _INT, words, _INT, words, _POINTER, *integers, _POINTER])
        given = [
            self.address("numpy:ndarray"),
            _INT(kind.ndim),
            builder.bitcast(shape, words),
            _INT(_type_number(kind.dtype)),
            ir.Constant(words, None),
            _NONE,
            _INT(0),
            _INT(_F if kind.layout == "F" else 0),
            _NONE,
        ]
        found = self.made(self.call(f"array:{_NEW_ARRAY}", make, given))
        size = builder.mul(array.nitems, array.itemsize)
        data = builder.bitcast(array.data, _POINTER)
        cgutils.raw_memcpy(builder, self.field(found, _DATA, _POINTER), data, size, 1)
        return found


def _type_number(dtype: Any) -> int:
    import numpy as np
    from numba.np.numpy_support import as_dtype

    return int(np.dtype(as_dtype(dtype)).num)
