"""Whether emitted code can be compiled without Numba's counting of references.

Code that only reads elements of the arrays it is given, and makes none, holds no reference of its own. Compiled without
the counts a call from Python takes a tenth to a third less time, because no record is made of each array passed.

>>> counts_references("def f(out, y):\\n    out[:, :] = math.sin(y[0])\\n", "f", {"out": 2, "y": 1})
False
>>> counts_references("def f(out, y):\\n    z = y + 1.0\\n    out[0, 0] = z[0]\\n", "f", {"out": 2, "y": 1})
True
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Collection, Mapping

__all__ = ["counts_references"]

_NUMBERS = frozenset({"abs", "bool", "complex", "float", "int", "len", "max", "min", "pow", "range", "round"})
_MAKES = (
    ast.List, ast.Dict, ast.Set, ast.JoinedStr, ast.Lambda, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp,
    ast.Slice, ast.Starred, ast.MatMult, ast.FormattedValue,
)  # fmt: skip


def counts_references(text: str, entry: str, arrays: Mapping[str, int], but: Collection[str] = ()) -> bool:
    """True unless every array is only indexed down to its elements, or asked for its shape, in all of a module.

    `arrays` are the parameters of the function `entry` that are arrays, with their dimensions; its other parameters are
    numbers or tuples of numbers. No array is passed on, so the parameters of the other functions are numbers. Functions
    named in `but` are known to hold no reference.
    """
    module = ast.parse(text)
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef) and node.name not in but}
    constants = [n for node in module.body if isinstance(node, ast.Assign) for n in ast.walk(node.value)]
    if any(isinstance(n, (ast.Call, *_MAKES)) for n in constants):
        return True
    return any(
        _counts(function, arrays if name == entry else {}, frozenset(functions)) for name, function in functions.items()
    )


def _counts(function: ast.FunctionDef, arrays: Mapping[str, int], own: frozenset[str]) -> bool:
    """Whether anything in one function may make an array, a string or a list, or keep one."""
    allowed: set[ast.AST] = set()
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    for statement in body:
        for node in ast.walk(statement):
            array = isinstance(node, ast.Name) and node.id in arrays
            string = isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))
            if (array or string or isinstance(node, _MAKES)) and node not in allowed:
                return True
            if isinstance(node, ast.Raise):
                allowed.update(n for n in ast.walk(node) if isinstance(n, (ast.Call, ast.Constant)))
            elif isinstance(node, ast.Call) and node not in allowed and not _gives_numbers(node.func, own):
                return True
            elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
                indices = len(node.slice.elts) if isinstance(node.slice, ast.Tuple) else 1
                if indices == arrays.get(node.value.id):
                    allowed.add(node.value)
                    if isinstance(node.ctx, ast.Store):
                        allowed.update(n for n in ast.walk(node.slice) if isinstance(n, ast.Slice))
            allowed.update(_asked(node, arrays))
    return False


def _asked(node: ast.AST, arrays: Mapping[str, int]) -> list[ast.AST]:
    """Names of arrays where only a length, a shape, or all elements of a vector are asked for."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len":
        return list(node.args)
    if isinstance(node, ast.Attribute) and node.attr == "shape":
        return [node.value]
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and arrays.get(node.value.id) == 1:
        return [node.value] if all(isinstance(t, ast.Tuple) for t in node.targets) else []
    return []


def _gives_numbers(function: ast.expr, own: frozenset[str]) -> bool:
    if isinstance(function, ast.Name):
        return function.id in _NUMBERS or function.id in own
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and (
        function.value.id in ("math", "cmath") or f"{function.value.id}.{function.attr}" in _scalar_functions()
    )


@functools.cache
def _scalar_functions() -> frozenset[str]:
    """Functions of NumPy that make no array of numbers, under its usual name."""
    from ..rules.scalar import BY_SPELLING

    return frozenset(f"np.{s.rpartition('.')[2]}" for s in BY_SPELLING if s.rpartition(".")[0] == "numpy")
