"""What compiled functions call of Numba's runtime, written out for processes without Numba.

Memory comes from malloc. The head of a block is Numba's MemInfo: a count of references, a destructor and its argument,
the data, the size, and an allocator.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

__all__ = ["PROVIDED", "add_runtime"]

_POINTER = ir.IntType(8).as_pointer()
_WORD = ir.IntType(64)
_INT = ir.IntType(32)
_NONE = ir.Constant(_POINTER, None)

PROVIDED = (
    "NRT_MemInfo_alloc",
    "NRT_MemInfo_alloc_aligned",
    "NRT_MemInfo_call_dtor",
    "NRT_Allocate",
    "NRT_Free",
    "numba_attempt_nocopy_reshape",
)
"""Functions of Numba that `add_runtime` defines, under their own names."""


def add_runtime(module: ir.Module) -> ir.Function:
    """Define `PROVIDED` in a module; returns a function that gives up one reference to a block."""
    malloc = ir.Function(module, ir.FunctionType(_POINTER, [_WORD]), "malloc")
    free = ir.Function(module, ir.FunctionType(ir.VoidType(), [_POINTER]), "free")
    _allocate(module, malloc)
    for name, callee in (("NRT_MemInfo_call_dtor", free), ("NRT_Free", free), ("NRT_Allocate", malloc)):
        function = ir.Function(module, callee.function_type, name)
        builder = ir.IRBuilder(function.append_basic_block())
        result = builder.call(callee, function.args)
        builder.ret_void() if callee is free else builder.ret(result)
    _reshape(module)
    return _release(module, free)


def _allocate(module: ir.Module, malloc: ir.Function) -> None:
    function = ir.Function(module, ir.FunctionType(_POINTER, [_WORD, _INT]), "NRT_MemInfo_alloc_aligned")
    builder = ir.IRBuilder(function.append_basic_block())
    size, align = function.args[0], builder.zext(function.args[1], _WORD)
    head = _WORD(48)
    block = builder.call(malloc, [builder.add(builder.add(size, align), head)])
    with builder.if_then(builder.icmp_unsigned("==", block, _NONE)):
        builder.ret(_NONE)
    start = builder.add(builder.add(builder.ptrtoint(block, _WORD), head), builder.sub(align, _WORD(1)))
    data = builder.and_(start, builder.neg(align))
    words = builder.bitcast(block, _WORD.as_pointer())
    for i, value in enumerate((_WORD(1), _WORD(0), _WORD(0), data, size, _WORD(0))):
        builder.store(value, builder.gep(words, [_WORD(i)]))
    builder.ret(block)

    plain = ir.Function(module, ir.FunctionType(_POINTER, [_WORD]), "NRT_MemInfo_alloc")
    builder = ir.IRBuilder(plain.append_basic_block())
    builder.ret(builder.call(function, [plain.args[0], _INT(16)]))


def _release(module: ir.Module, free: ir.Function) -> ir.Function:
    function = ir.Function(module, free.function_type, "srcdiff_release")
    builder = ir.IRBuilder(function.append_basic_block())
    count = builder.bitcast(function.args[0], _WORD.as_pointer())
    left = builder.sub(builder.load(count), _WORD(1))
    builder.store(left, count)
    with builder.if_then(builder.icmp_unsigned("==", left, _WORD(0))):
        builder.call(free, function.args)
    builder.ret_void()
    return function


def _reshape(module: ir.Module) -> None:
    """Strides of a C-contiguous array in another shape. For others it says that it cannot: the call fails, and goes to
    the fallback."""
    words = _WORD.as_pointer()
    kind = ir.FunctionType(_INT, [_WORD, words, words, _WORD, words, words, _WORD, _INT])
    function = ir.Function(module, kind, "numba_attempt_nocopy_reshape")
    ndim, shape, strides, new_ndim, new_shape, new_strides, itemsize, fortran = function.args
    builder: Any = ir.IRBuilder(function.append_basic_block())
    with builder.if_then(builder.icmp_signed("!=", fortran, _INT(0))):
        builder.ret(_INT(0))
    size, new_size = cgutils.alloca_once_value(builder, itemsize), cgutils.alloca_once_value(builder, itemsize)
    with cgutils.for_range(builder, ndim) as loop:
        at = builder.sub(builder.sub(ndim, _WORD(1)), loop.index)
        length, stride = builder.load(builder.gep(shape, [at])), builder.load(builder.gep(strides, [at]))
        apart = builder.icmp_signed("!=", stride, builder.load(size))
        with builder.if_then(builder.and_(apart, builder.icmp_signed("!=", length, _WORD(1)))):
            builder.ret(_INT(0))
        builder.store(builder.mul(builder.load(size), length), size)
    with cgutils.for_range(builder, new_ndim) as loop:
        at = builder.sub(builder.sub(new_ndim, _WORD(1)), loop.index)
        builder.store(builder.load(new_size), builder.gep(new_strides, [at]))
        length = builder.load(builder.gep(new_shape, [at]))
        builder.store(builder.mul(builder.load(new_size), length), new_size)
    same = builder.icmp_signed("==", builder.load(size), builder.load(new_size))
    builder.ret(builder.zext(same, _INT))
