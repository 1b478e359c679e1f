"""Stores of results that go to memory past the cache, where there are more of them than the cache holds.

A store into a line that is not in the cache first reads the line. A loop that writes much and never reads it again is
several times faster with stores that do not (`nontemporal` in LLVM, `movnti` on x86). The emitted text has ordinary
assignments; those in the loops that write results are compiled in both ways:

    for k in range(16):                          if len(out) >= 17476:
        out[start + k, 0] = work[k]                  for k in range(16):
                                                         _stream(out, (start + k, 0), work[k])
                                                 else:
                                                     for k in range(16):
                                                         out[start + k, 0] = work[k]
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

__all__ = ["FROM", "Streams", "names", "streamed"]

FROM = 4 * 2**20
"""Bytes of results from which on they are taken to leave the cache before anybody reads them."""


@dataclass(frozen=True)
class Streams:
    """The arrays that a function fills entirely, in loops, and the points from which on this goes past the cache."""

    function: str
    arrays: tuple[str, ...]
    points: int


def streamed(text: str, streams: Streams) -> ast.Module:
    """The module with both ways of storing."""
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == streams.function:
            _Loops(streams).visit(node)
        elif isinstance(node, ast.FunctionDef) and node.name == streams.function.removesuffix("_block") + "_batch":
            node.body.append(ast.Expr(ast.Call(ast.Name("_fence", ast.Load()), [], [])))
    return ast.fix_missing_locations(tree)


class _Loops(ast.NodeTransformer):
    def __init__(self, streams: Streams):
        self.streams = streams

    def visit_For(self, node: ast.For) -> ast.AST:
        stores = _Stores(self.streams.arrays)
        changed = stores.visit(copy.deepcopy(node))
        if not stores.found:
            return node
        count = ast.Call(ast.Name("len", ast.Load()), [ast.Name(self.streams.arrays[0], ast.Load())], [])
        test = ast.Compare(count, [ast.GtE()], [ast.Constant(self.streams.points)])
        return ast.copy_location(ast.If(test, [changed], [node]), node)


class _Stores(ast.NodeTransformer):
    def __init__(self, arrays: Collection[str]):
        self.arrays = arrays
        self.found = False

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        target = node.targets[0]
        if not (isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name)):
            return node
        if target.value.id not in self.arrays:
            return node
        self.found = True
        index = target.slice if isinstance(target.slice, ast.Tuple) else ast.Tuple([target.slice], ast.Load())
        array = ast.Name(target.value.id, ast.Load())
        call = ast.Call(ast.Name("_stream", ast.Load()), [array, _loaded(index), node.value], [])
        return ast.copy_location(ast.Expr(call), node)


def _loaded(index: ast.Tuple) -> ast.Tuple:
    return ast.Tuple(index.elts, ast.Load())


@intrinsic
def _stream(context: Any, array: Any, index: Any, value: Any) -> Any:
    """`array[index] = value`, past the cache where the array has no gaps: lines are written when they are whole."""
    signature = types.void(array, index, value)

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, places, given = signature.args
        view = make_array(kind)(target, builder, arguments[0])
        indices = [
            target.cast(builder, i, t, types.intp)
            for i, t in zip(cgutils.unpack_tuple(builder, arguments[1], len(places)), places)
        ]
        place = cgutils.get_item_pointer(target, builder, kind, view, indices, wraparound=False)
        number = target.cast(builder, arguments[2], given, kind.dtype)
        if kind.layout != "C" or not isinstance(kind.dtype, types.Float):
            target.pack_value(builder, kind.dtype, number, place)
        else:
            done = builder.store(number, place)
            one = ir.Constant(ir.IntType(32), 1)
            done.set_metadata("nontemporal", builder.module.add_metadata([one]))
        return target.get_dummy_value()

    return signature, generate


@intrinsic
def _fence(context: Any) -> Any:
    """What was stored past the cache is seen by whoever sees that the loop is done."""

    def generate(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return target.get_dummy_value()

    return types.void(), generate


def names() -> dict[str, Any]:
    """What the text with both ways of storing calls."""
    return {"_stream": _stream, "_fence": _fence}
