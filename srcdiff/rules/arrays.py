"""Matrix products and `numpy.linalg`: one row each, naming the function that gives the tangents.

The digits of a name are the ranks of the arguments. `primal` is the right-hand side, with the arguments in the place
of `{0}`, `{1}`. The function `tangents`, of `srcdiff.rules.array_support`, is called as

    TANGENTS(arg_1, ..., arg_n, dot_1, ..., dot_n, result_1, ..., result_m)

and returns the tangent of the result, or a tuple of those of several. A tangent has the shape of its value and a
last axis of K >= 1 directions, in C order; None stands for that of an argument that does not vary.

Conventions. `cholesky` and `eigh` read the lower triangle alone, and so do their tangents: the columns of a Jacobian
that belong to the upper triangle are 0. The signs of `qr` and `eigh` are those that LAPACK chose. Tangents are nan
where there is no derivative: `slogdet` of a singular matrix, `qr` of dependent columns, `eigh` at an eigenvalue that
coincides with another up to rounding, `pinv` and `lstsq` of a matrix whose rank is not full. `det` has one
everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ARRAY_RULES", "STEPS", "ArrayRule"]


@dataclass(frozen=True)
class ArrayRule:
    """A function of arrays, and the support function that gives its tangents.

    A rule that is not `holomorphic` is wrong for complex arguments: these are to be refused.
    """

    name: str
    primal: str
    arguments: int
    results: int
    tangents: str
    holomorphic: bool = False


# fmt: off
_ROWS = (
    ArrayRule("matmul_12",  "{0} @ {1}",                     2, 1, "matmul_12_tangent", holomorphic=True),
    ArrayRule("matmul_21",  "{0} @ {1}",                     2, 1, "matmul_21_tangent", holomorphic=True),
    ArrayRule("matmul_22",  "{0} @ {1}",                     2, 1, "matmul_22_tangent", holomorphic=True),
    ArrayRule("solve_21",   "np.linalg.solve({0}, {1})",     2, 1, "solve_21_tangent",  holomorphic=True),
    ArrayRule("solve_22",   "np.linalg.solve({0}, {1})",     2, 1, "solve_22_tangent",  holomorphic=True),
    ArrayRule("inv_2",      "np.linalg.inv({0})",            1, 1, "inv_2_tangent",     holomorphic=True),
    ArrayRule("det_2",      "np.linalg.det({0})",            1, 1, "det_2_tangent",     holomorphic=True),
    ArrayRule("slogdet_2",  "np.linalg.slogdet({0})",        1, 2, "slogdet_2_tangents"),
    ArrayRule("cholesky_2", "np.linalg.cholesky({0})",       1, 1, "cholesky_2_tangent"),
    ArrayRule("qr_2",       "np.linalg.qr({0})",             1, 2, "qr_2_tangents"),
    ArrayRule("eigh_2",     "np.linalg.eigh({0})",           1, 2, "eigh_2_tangents"),
    ArrayRule("pinv_2",     "np.linalg.pinv({0})",           1, 1, "pinv_2_tangent"),
    ArrayRule("lstsq_21",   "np.linalg.lstsq({0}, {1})[0]",  2, 1, "lstsq_21_tangent"),
    ArrayRule("lstsq_22",   "np.linalg.lstsq({0}, {1})[0]",  2, 1, "lstsq_22_tangent"),
)
# fmt: on

STEPS = {"argsort_1": "np.argsort({0})"}
"""Functions of arrays that give integers: their derivative is zero."""

ARRAY_RULES: dict[str, ArrayRule] = {row.name: row for row in _ROWS}

assert len(ARRAY_RULES) == len(_ROWS), "two rows of one name"
