"""How blocks of points store their results: as whole vectors, and past the cache where there are many.

The emitted text moves numbers from the rows of the work array, one number a point, to arrays of points, one by one. A
store for every number takes as long as much of the arithmetic, so such loops are compiled as transpositions in vector
registers:

    for k in range(16):                          _put_0(out, start, work, ())
        i = start + k
        out[i, 0] = work[k]
        out[i, 1] = work[16 + k]

A store into a line that is not in the cache first reads the line. Where the results are more than the cache holds they
are stored past it, in whole lines (see `lines`).
"""

from __future__ import annotations

import ast
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .lines import fence, put

__all__ = ["FROM", "Streams", "streamed"]

FROM = 4 * 2**20
"""Bytes of results from which on they are taken to leave the cache before anybody reads them."""


@dataclass(frozen=True)
class Streams:
    """The arrays that a function fills entirely, block by block, each with the shape that it has for one point."""

    function: str
    arrays: tuple[tuple[str, tuple[int, ...]], ...]
    points: int
    """Points of the arrays from which on they are stored past the cache."""
    work: str
    start: str
    width: int


def streamed(text: str, streams: Streams) -> tuple[ast.Module, dict[str, Any]]:
    """The module with vectors stored, and the functions of ours that it calls."""
    tree = ast.parse(text)
    blocks = _Blocks(streams)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == streams.function:
            blocks.visit(node)
        elif isinstance(node, ast.FunctionDef) and node.name == streams.function.removesuffix("_block") + "_batch":
            node.body.append(ast.parse("_fence()").body[0])
    return ast.fix_missing_locations(tree), {"_fence": fence, **blocks.names}


class _Blocks(ast.NodeTransformer):
    """Loops that store all elements of an array."""

    def __init__(self, streams: Streams):
        self.streams = streams
        self.names: dict[str, Any] = {}

    def visit_For(self, node: ast.For) -> Any:
        s = self.streams
        if not isinstance(node.target, ast.Name) or ast.unparse(node.iter) != f"range({s.width})":
            return self.generic_visit(node)
        k = node.target.id
        first = node.body[0]
        if not isinstance(first, ast.Assign) or ast.unparse(first.value) != f"{s.start} + {k}":
            return node
        i = ast.unparse(first.targets[0])
        calls: dict[str, ast.stmt] = {}
        for name, shape in s.arrays:
            stores = [n for n in node.body if isinstance(n, ast.Assign) and _stores_into(n, name)]
            values = {ast.unparse(n.targets[0]): n.value for n in stores}
            call = self._call(name, shape, [values.get(f"{name}[{at}]") for at in _places(i, shape)], k)
            if call is not None and len(values) == math.prod(shape):
                calls[name] = call
        node.body = [n for n in node.body if not any(_stores_into(n, name) for name in calls)]
        return [*([node] if len(node.body) > 1 else []), *calls.values()]

    def _call(self, name: str, shape: Sequence[int], values: Sequence[ast.expr | None], k: str) -> ast.stmt | None:
        """What stores these values of a block; None where one is missing, or neither a row nor the same for all."""
        work = self.streams.work
        rows: list[int | None] = []
        shared: list[ast.expr] = []
        for value in values:
            row = None if value is None else _row(ast.unparse(value), work, k)
            if value is None or (row is None and any(isinstance(n, ast.Name) and n.id == k for n in ast.walk(value))):
                return None
            rows.append(row)
            if row is None:
                shared.append(value)
        function = f"_put_{len(self.names)}"
        self.names[function] = put(tuple(rows), tuple(shape), self.streams.points, self.streams.width)
        load = ast.Load()
        arguments = [*(ast.Name(n, load) for n in (name, self.streams.start, work)), ast.Tuple(shared, load)]
        return ast.Expr(ast.Call(ast.Name(function, load), arguments, []))


def _stores_into(node: ast.stmt, name: str) -> bool:
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return isinstance(target, ast.Subscript) and ast.unparse(target.value) == name


def _places(i: str, shape: Sequence[int]) -> list[str]:
    """The index of every element of a point, in C order."""
    return [", ".join((i, *map(str, at))) for at in itertools.product(*map(range, shape))]


def _row(text: str, work: str, k: str) -> int | None:
    """Where the row begins that an expression reads."""
    found = re.fullmatch(rf"{re.escape(work)}\[(?:(\d+) \+ )?{re.escape(k)}\]", text)
    return int(found[1] or 0) if found else None
