"""The definition that a running function comes from: by its line, checked against its bytecode."""

from __future__ import annotations

import ast
import dis
import math
import types
from collections.abc import Sequence

from srcdiff.errors import SourceError

from .files import EDITED, Definition, File, nested
from .unwrap import quoted

__all__ = ["locate"]


def locate(function: types.FunctionType, file: File, shown: str) -> Definition:
    """The definition of a function.

    On the line where its code says it starts, else anywhere in the file: lines may have been inserted above it.
    """
    code = function.__code__
    # The flag of `from __future__ import annotations`, which exec and notebooks pass on to code that lacks the line.
    flags = code.co_flags & annotations.compiler_flag
    here = file.definitions(code.co_name, code.co_firstlineno)
    rewritten = _rewritten(code)

    def compiled(each: Definition, optimize: int = -1, whole: bool = False) -> Sequence[types.CodeType]:
        return file.codes(each, flags, optimize, whole)

    found = (
        [each for each in here if any(_same(code, other) for other in compiled(each))]
        or [each for each in here if rewritten and any(_asserts(code, other) for other in compiled(each, optimize=1))]
        or [each for each in here if any(_same(code, other) for other in compiled(each, whole=True))]
    )
    if len(found) > 1:
        owner = _innermost(code, found)
        found = [owner] if owner else found
    if not found:
        moved = file.definitions(code.co_name)
        found = [each for each in moved if any(_same(code, other) for other in compiled(each))]
        found.sort(key=lambda each: abs(each.code_line - code.co_firstlineno))
    if not found:
        raise SourceError(f"{shown} no longer holds the code of {quoted(function)} that runs", hint=EDITED)
    if len({file.text(each) for each in found}) > 1:
        lines = ", ".join(sorted({str(each.node.lineno) for each in found}))
        raise SourceError(
            f"{shown} holds {len(found)} definitions that {quoted(function)} may come from (line {lines})",
            hint="Put each on a line of its own, and import the file again.",
        )
    return found[0]


def _innermost(code: types.CodeType, lambdas: Sequence[Definition]) -> Definition | None:
    """The lambda that a code object belongs to, by the columns of its instructions.

    Instructions of an outer lambda never lie in the body of an inner one.
    """
    owner = None
    for line, end_line, column, end_column in code.co_positions():
        if line is None or end_line is None or column is None or end_column is None:
            continue
        start, end = (line, column), (end_line, end_column)
        for each in lambdas:
            if isinstance(each.node, ast.Lambda) and each.body[0] <= start < end <= each.body[1]:
                owner = each if owner is None else max(owner, each, key=lambda one: one.body[0])
    return owner


def _same(code: types.CodeType, other: types.CodeType) -> bool:
    """Whether two code objects do the same, wherever they stand."""
    return _key(code) == _key(other)


def _key(value: object) -> object:
    """A constant so that equal keys mean equal constants: `1`, `1.0` and `True` differ, and `0.0` from `-0.0`."""
    if isinstance(value, types.CodeType):
        names = value.co_names, value.co_varnames
        return _head(value), value.co_code, value.co_exceptiontable, names, _key(value.co_consts)
    if isinstance(value, tuple):
        return tuple(map(_key, value))
    if isinstance(value, frozenset):
        return frozenset(map(_key, value))
    if isinstance(value, slice):
        return "slice", _key((value.start, value.stop, value.step))
    if isinstance(value, complex):
        return "complex", _key((value.real, value.imag))
    if isinstance(value, float):
        return "float", "nan" if math.isnan(value) else value.hex()
    return type(value).__name__, value


# The flags that a compiled function differs by; the others tell how it is nested and which features were on.
_KIND_FLAGS = 0x04 | 0x08 | 0x20 | 0x80 | 0x200  # *args, **kwargs, generator, coroutine, asynchronous generator


def _head(code: types.CodeType) -> object:
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
    return code.co_qualname, counts, code.co_flags & _KIND_FLAGS, code.co_freevars, code.co_cellvars


def _rewritten(code: types.CodeType) -> bool:
    """Whether pytest has rewritten an `assert` of the function, or of one inside it."""
    return any({"@pytest_ar", "@py_builtins"} & set(each.co_names) for each in (code, *nested(code)))


def _asserts(code: types.CodeType, other: types.CodeType) -> bool:
    """Whether `code` is what pytest makes of `other`, which is compiled without its `assert` statements.

    pytest rewrites these in test files and leaves every other statement where it is: all that those name and compute
    must be there. Function by function, as only those that hold an `assert` are rewritten.
    """
    if not _rewritten(code):
        return _same(code, other)
    return (
        _head(code) == _head(other)
        and set(other.co_names) <= set(code.co_names)
        and set(other.co_varnames) <= set(code.co_varnames)
        and _operations(other) <= _operations(code)
        and all(any(_assert_constant(one, two) for one in code.co_consts) for two in other.co_consts)
    )


def _operations(code: types.CodeType) -> set[object]:
    kinds = "BINARY_", "COMPARE_", "CONTAINS_", "IS_", "UNARY_", "CALL"
    return {
        (each.positions, each.opname, each.arg) for each in dis.get_instructions(code) if each.opname.startswith(kinds)
    }


def _assert_constant(value: object, other: object) -> bool:
    if isinstance(value, types.CodeType) and isinstance(other, types.CodeType):
        return _asserts(value, other)
    return _key(value) == _key(other)
