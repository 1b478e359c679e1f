"""Matrix products as loops, for where there is no BLAS.

    y = A @ x     becomes     y = np.empty(A.shape[0])
                              for i in range(A.shape[0]):
                                  total = 0.0
                                  for j in range(A.shape[1]):
                                      total = total + A[i, j] * x[j]
                                  y[i] = total
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..ir.expr import Const, Element, Expr, Op, Opaque, Var
from ..ir.statements import Allocate, ArrayCall, Assign, Block, For, If, Statement, Store, While
from ..ir.types import INT64

__all__ = ["products_as_loops"]

_RANKS = {"matmul_12": (1, 2), "matmul_21": (2, 1), "matmul_22": (2, 2)}


def products_as_loops(block: Block, fresh: Callable[[str], str]) -> Block:
    """The same statements with loops for `@`."""
    out: list[Statement] = []
    for s in block:
        if isinstance(s, ArrayCall) and s.function in _RANKS and all(isinstance(a, Var) for a in s.args):
            out += _loops(s, fresh)
        elif isinstance(s, (If, For, While)):
            body, orelse = products_as_loops(s.body, fresh), products_as_loops(s.orelse, fresh)
            out.append(replace(s, body=body, orelse=orelse))
        else:
            out.append(s)
    return tuple(out)


def _loops(s: ArrayCall, fresh: Callable[[str], str]) -> list[Statement]:
    a, b = s.args
    assert isinstance(a, Var) and isinstance(b, Var)
    target = s.targets[0]
    kind = target.type.dtype  # type: ignore[attr-defined]
    ranks = _RANKS[s.function]
    i, j, k = (Var(fresh(name), INT64) for name in ("i", "j", "k"))
    left = (i, k) if ranks[0] == 2 else (k,)
    right = (k, j) if ranks[1] == 2 else (k,)
    place = ((i,) if ranks[0] == 2 else ()) + ((j,) if ranks[1] == 2 else ())
    rows, inner, columns = _length(a, 0), _length(a, ranks[0] - 1), _length(b, ranks[1] - 1)
    shape = ((rows,) if ranks[0] == 2 else ()) + ((columns,) if ranks[1] == 2 else ())
    total = Var(fresh("total"), kind)
    term = Op("*", Element(a.name, left, a.type.dtype), Element(b.name, right, b.type.dtype))  # type: ignore[attr-defined]
    body: tuple[Statement, ...] = (
        Assign((total,), (Const(0.0, type=kind),)),
        For(k, (inner,), (Assign((total,), (Op("+", total, term),)),), ()),
        Store(target.name, place, total),
    )
    for index, length in reversed(list(zip(place, shape))):
        body = (For(index, (length,), body, ()),)
    return [Allocate(target, shape, "empty", origin=s.origin), *(replace(x, origin=s.origin) for x in body)]


def _length(array: Var, axis: int) -> Expr:
    ndim = array.type.ndim  # type: ignore[attr-defined]
    text = f"len({array.name})" if ndim == 1 else f"{array.name}.shape[{axis}]"
    return Opaque(text, INT64, (), (array.name,))
