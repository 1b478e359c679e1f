"""Tangents of matrix products and of `numpy.linalg`, for K directions at once: functions that emitted modules copy.

Each takes the arguments, their tangents, then the results; `srcdiff.rules.arrays` says which function serves which
call. A tangent `a_dot` has the shape of `a` and a last axis of K directions, in C order; `None` stands for the
tangent of an argument that does not vary. Arguments and results may be any views. Nothing widens: the tangents have
the dtype of the arguments.

Numba removes a branch on `a_dot is None` where `a_dot` is None, and keeps both sides where it is an array. So what
stands below `a_dot is None` must compile for an array too, with `b_dot` None: that is what the innermost tests of
`matmul_22_tangent` and its like are for.

As in `srcdiff.rules.support` the text is copied as it stands, runs as plain Python, and is compiled by Numba, which
multiplies matrices of at most two axes: all directions go through one product or one factorisation where they can.
Where the function is not differentiable (eigenvalues that coincide, columns that depend on each other, up to
rounding) the tangent is nan. A nan or inf in a tangent makes nan, and never raises.
"""

# The copied text carries no annotations: it serves every dtype.
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["ARRAY_SUPPORT"]


def left_product(a, b_dot):
    """a @ b_dot[:, :, k] for every direction k, in one product."""
    n, p, size = b_dot.shape
    return (np.ascontiguousarray(a) @ b_dot.reshape(n, p * size)).reshape(a.shape[0], p, size)


def right_product(a_dot, b):
    """a_dot[:, :, k] @ b for every direction k, one row of a_dot at a time."""
    m, _, size = a_dot.shape
    b = np.ascontiguousarray(b)
    # The dtype of the product, which NumPy's result_type would give, had Numba one.
    dtype = (a_dot.reshape(a_dot.size)[:1] * b.reshape(b.size)[:1]).dtype
    tangent = np.empty((m, b.shape[1], size), dtype)
    for i in range(m):
        np.dot(b.T, a_dot[i], tangent[i])
    return tangent


def add_directions(x, y):
    """x + y, as flat arrays: Numba compiles that many times faster than with three axes."""
    return (x.reshape(x.size) + y.reshape(y.size)).reshape(x.shape)


def swap_axes(a_dot):
    """The transpose of every direction."""
    return np.ascontiguousarray(a_dot.transpose((1, 0, 2)))


def mirror_lower(a_dot):
    """Each direction with its lower triangle mirrored to the upper one: cholesky and eigh read no more."""
    tangent = a_dot.copy()
    for i in range(a_dot.shape[0]):
        tangent[i, i + 1 :] = a_dot[i + 1 :, i]
    return tangent


def solve_columns(a, columns):
    """np.linalg.solve with nan for each column that is not finite, for which Numba would raise."""
    finite = np.isfinite(columns)
    known = columns.copy()
    if not finite.all():
        for j in range(columns.shape[1]):
            if not finite[:, j].all():
                known[:, j] = 0.0
    solution = np.ascontiguousarray(np.linalg.solve(a, known))
    if not finite.all():
        for j in range(columns.shape[1]):
            if not finite[:, j].all():
                solution[:, j] = np.nan
    return solution


def matmul_12_tangent(a, b, a_dot, b_dot, out):
    """a_dot @ b + a @ b_dot: Giles 2008, An extended collection of matrix derivative results, section 2.2.1."""
    if b_dot is None:
        if a_dot is None:
            raise ValueError("no argument varies")
        return np.ascontiguousarray(b).T @ a_dot
    row = np.ascontiguousarray(a).reshape(1, a.shape[0])
    tangent = left_product(row, b_dot).reshape(b_dot.shape[1], b_dot.shape[2])
    if a_dot is None:
        return tangent
    return np.ascontiguousarray(b).T @ a_dot + tangent


def matmul_21_tangent(a, b, a_dot, b_dot, out):
    """a_dot @ b + a @ b_dot: Giles 2008, An extended collection of matrix derivative results, section 2.2.1."""
    if a_dot is None:
        if b_dot is None:
            raise ValueError("no argument varies")
        return np.ascontiguousarray(a) @ b_dot
    column = np.ascontiguousarray(b).reshape(b.shape[0], 1)
    tangent = right_product(a_dot, column).reshape(a_dot.shape[0], a_dot.shape[2])
    if b_dot is None:
        return tangent
    return tangent + np.ascontiguousarray(a) @ b_dot


def matmul_22_tangent(a, b, a_dot, b_dot, out):
    """a_dot @ b + a @ b_dot: Giles 2008, An extended collection of matrix derivative results, section 2.2.1."""
    if a_dot is None:
        if b_dot is None:
            raise ValueError("no argument varies")
        return left_product(a, b_dot)
    if b_dot is None:
        return right_product(a_dot, b)
    return add_directions(right_product(a_dot, b), left_product(a, b_dot))


def solve_21_tangent(a, b, a_dot, b_dot, out):
    """solve(a, b_dot - a_dot @ out), by one factorisation: Giles 2008, section 2.3.1."""
    if a_dot is None:
        if b_dot is None:
            raise ValueError("no argument varies")
        return solve_columns(a, b_dot)
    product = matmul_21_tangent(a, out, a_dot, None, out)
    if b_dot is None:
        return solve_columns(a, -product)
    return solve_columns(a, b_dot - product)


def solve_22_tangent(a, b, a_dot, b_dot, out):
    """solve(a, b_dot - a_dot @ out), by one factorisation: Giles 2008, section 2.3.1."""
    n, p = out.shape
    if a_dot is None:
        if b_dot is None:
            raise ValueError("no argument varies")
        return solve_columns(a, b_dot.reshape(n, p * b_dot.shape[2])).reshape(n, p, b_dot.shape[2])
    size = a_dot.shape[2]
    product = right_product(a_dot, out).reshape(n, p * size)
    if b_dot is None:
        return solve_columns(a, -product).reshape(n, p, size)
    return solve_columns(a, b_dot.reshape(n, p * size) - product).reshape(n, p, size)


def inv_2_tangent(a, a_dot, out):
    """-out @ a_dot @ out: Giles 2008, section 2.2.3."""
    return left_product(-out, right_product(a_dot, out))


def cofactors(a):
    """The transposed adjugate of a, from its singular values: it exists where the inverse does not.

    G. W. Stewart, On the adjugate matrix, Linear Algebra and its Applications 283 (1998).
    """
    u, values, v = np.linalg.svd(a)
    left = np.conj(np.ascontiguousarray(u))
    right = np.conj(np.ascontiguousarray(v))
    products = np.ones_like(values)
    for i in range(values.shape[0]):
        for j in range(values.shape[0]):
            if j != i:
                products[i] *= values[j]
    left *= products
    left *= np.linalg.det(u) * np.linalg.det(v)
    return left @ right


def det_2_tangent(a, a_dot, out):
    """trace(adjugate(a) @ a_dot): Jacobi's formula, Giles 2008, section 2.2.4; det(a) * inv(a) is the adjugate.

    It is taken from the inverse only where that keeps two thirds of the digits, else from the singular values.
    """
    n, _, size = a_dot.shape
    directions = a_dot.reshape(n * n, size)
    if not np.isfinite(a).all():
        return np.full(size, np.nan, a_dot.dtype)
    a = np.ascontiguousarray(a)
    if out != 0.0 and np.isfinite(out):
        inverse = np.ascontiguousarray(np.linalg.inv(a))
        condition = float(np.linalg.norm(a, 1)) * float(np.linalg.norm(inverse, 1))
        if condition * condition * condition * np.finfo(a.dtype).eps < 1.0:
            gradient = np.ascontiguousarray(inverse.T)
            gradient *= out
            return gradient.reshape(n * n) @ directions
    return cofactors(a).reshape(n * n) @ directions


def slogdet_2_tangents(a, a_dot, sign, logdet):
    """Of the sign 0, of the logarithm trace(inv(a) @ a_dot): Giles 2008, section 2.2.4; nan where a is singular."""
    n, _, size = a_dot.shape
    directions = a_dot.reshape(n * n, size)
    if not np.isfinite(logdet):
        return np.zeros(size, a_dot.dtype), np.full(size, np.nan, a_dot.dtype)
    gradient = np.ascontiguousarray(np.linalg.inv(a).T)
    return np.zeros(size, a_dot.dtype), gradient.reshape(n * n) @ directions


def cholesky_2_tangent(a, a_dot, out):
    """out @ phi(inv(out) @ a_dot @ inv(out).T), phi: lower triangle, half the diagonal: Giles 2008, section 3.3.

    Seeger et al. 2017, Auto-differentiating linear algebra, section 4.1, have it for all of a symmetric a.
    """
    out = np.ascontiguousarray(out)
    inverse = np.ascontiguousarray(np.linalg.inv(out))
    tangent = left_product(inverse, right_product(mirror_lower(a_dot), np.ascontiguousarray(inverse.T)))
    for i in range(a_dot.shape[0]):
        tangent[i, i] *= 0.5
        tangent[i, i + 1 :] = 0.0
    tangent = left_product(out, tangent)
    for i in range(a_dot.shape[0]):
        tangent[i, i + 1 :] = 0.0
    return tangent


def dependent_columns(r, rows):
    """Whether a column of the triangular factor of a matrix with so many rows depends on those before it."""
    for j in range(min(r.shape[0], r.shape[1])):
        if not abs(r[j, j]) > 8 * rows * np.finfo(r.dtype).eps * np.abs(r[: j + 1, j]).max():
            return True
    return False


def qr_2_tangents(a, a_dot, q, r):
    """q @ w and q.T @ a_dot - w @ r; w is antisymmetric, below its diagonal q.T @ a_dot @ inv(r).

    Walter and Lehmann 2010, Algorithmic differentiation of linear algebra functions, section 2.3. For more rows than
    columns q_dot gains the part of a_dot @ inv(r) outside of q's columns; for fewer, r is its leading square there.
    """
    m, n, size = a_dot.shape
    p = min(m, n)
    if dependent_columns(r, m):
        q_dot = np.empty((m, p, size), a_dot.dtype)
        r_dot = np.empty((p, n, size), a_dot.dtype)
        q_dot[:] = np.nan
        r_dot[:] = np.nan
        return q_dot, r_dot
    q = np.ascontiguousarray(q)
    r = np.ascontiguousarray(r)
    across = np.ascontiguousarray(q.T)
    inverse = np.ascontiguousarray(np.linalg.inv(np.ascontiguousarray(r[:, :p])))
    scaled = right_product(np.ascontiguousarray(a_dot[:, :p]), inverse)
    projected = left_product(across, scaled)
    turn = np.zeros_like(projected)
    for i in range(p):
        turn[i, :i] = projected[i, :i]
        turn[:i, i] = -projected[i, :i]
    q_dot = left_product(q, turn)
    if m > n:
        q_dot = add_directions(q_dot, add_directions(scaled, left_product(-q, projected)))
    r_dot = add_directions(left_product(across, a_dot), right_product(turn, -r))
    for j in range(p):
        r_dot[j + 1 :, j] = 0.0
    return q_dot, r_dot


def eigh_2_tangents(a, a_dot, w, v):
    """The diagonal of v.T @ a_dot @ v, and v times the rest of it over w[j] - w[i]: Giles 2008, section 3.1.

    Both are nan for an eigenvalue that coincides with another up to rounding: neither is differentiable there.
    """
    n, _, size = a_dot.shape
    v = np.ascontiguousarray(v)
    turned = right_product(left_product(np.ascontiguousarray(v.T), mirror_lower(a_dot)), v)
    w_dot = np.empty((n, size), a_dot.dtype)
    for i in range(n):
        w_dot[i] = turned[i, i]
        turned[i, i] = 0.0
    for i in range(n):
        # Eigenvalues that coincide were computed up to 10 units apart, for n up to 100.
        close = 32 * np.finfo(a_dot.dtype).eps * max(abs(w[0]), abs(w[n - 1]))
        for j in range(n):
            if j != i:
                gap = w[j] - w[i]
                if abs(gap) > close:
                    turned[i, j] /= gap
                else:
                    turned[i, j] = np.nan
                    w_dot[i] = np.nan
    return w_dot, left_product(v, turned)


def tall_pinv_tangent(a, a_dot, out):
    """The tangent of pinv for independent columns: out @ a = 1, and so the third term of pinv_2_tangent is 0."""
    transposed = swap_axes(a_dot)
    # (1 - a @ out) in the second term is symmetric.
    outside = add_directions(transposed, right_product(right_product(transposed, a), -out))
    return add_directions(left_product(out @ out.T, outside), right_product(left_product(-out, a_dot), out))


def pinv_2_tangent(a, a_dot, out):
    """Golub and Pereyra 1973, equation 4.12, for full rank; nan for less.

    -out @ a_dot @ out + out @ out.T @ a_dot.T @ (1 - a @ out) + (1 - out @ a) @ a_dot.T @ out.T @ out
    """
    m, n, _ = a_dot.shape
    if np.linalg.matrix_rank(a) < min(m, n):
        tangent = swap_axes(a_dot)
        tangent[:] = np.nan
        return tangent
    a = np.ascontiguousarray(a)
    out = np.ascontiguousarray(out)
    if m < n:
        a = np.ascontiguousarray(a.T)
        out = np.ascontiguousarray(out.T)
        return swap_axes(tall_pinv_tangent(a, swap_axes(a_dot), out))
    return tall_pinv_tangent(a, a_dot, out)


def lstsq_columns(a, fitted, outside):
    """inv(r) @ (q.T @ fitted + inv(r).T @ outside) with a = q @ r, for two matrices of columns; nan if rank is lost.

    Golub and Pereyra 1973, section 4: fitted is b_dot - a_dot @ x, outside is a_dot.T @ (b - a @ x).
    """
    a = np.ascontiguousarray(a)
    q, r = np.linalg.qr(a)
    r = np.ascontiguousarray(r)
    right = np.ascontiguousarray(q.T) @ fitted
    if np.linalg.matrix_rank(a) < a.shape[1]:
        tangent = np.empty((a.shape[1], right.shape[1]), right.dtype)
        tangent[:] = np.nan
        return tangent
    if outside is None:
        return solve_columns(r, right)
    return solve_columns(r, right + solve_columns(np.ascontiguousarray(r.T), outside))


def lstsq_21_tangent(a, b, a_dot, b_dot, out):
    """Golub and Pereyra 1973, The differentiation of pseudo-inverses, applied to b; see lstsq_columns."""
    if a_dot is None:
        if b_dot is None:
            raise ValueError("no argument varies")
        return lstsq_columns(a, b_dot, None)
    row = np.ascontiguousarray(b - np.ascontiguousarray(a) @ np.ascontiguousarray(out)).reshape(1, b.shape[0])
    outside = left_product(row, a_dot).reshape(a_dot.shape[1], a_dot.shape[2])
    product = matmul_21_tangent(a, out, a_dot, None, b)
    if b_dot is None:
        return lstsq_columns(a, -product, outside)
    return lstsq_columns(a, b_dot - product, outside)


def lstsq_22_tangent(a, b, a_dot, b_dot, out):
    """Golub and Pereyra 1973, The differentiation of pseudo-inverses, applied to b; see lstsq_columns."""
    m = a.shape[0]
    n, p = out.shape
    if a_dot is None:
        if b_dot is None:
            raise ValueError("no argument varies")
        return lstsq_columns(a, b_dot.reshape(m, p * b_dot.shape[2]), None).reshape(n, p, b_dot.shape[2])
    size = a_dot.shape[2]
    a = np.ascontiguousarray(a)
    out = np.ascontiguousarray(out)
    residual = b - a @ out
    outside = right_product(swap_axes(a_dot), residual).reshape(n, p * size)
    product = right_product(a_dot, out).reshape(m, p * size)
    if b_dot is None:
        return lstsq_columns(a, -product, outside).reshape(n, p, size)
    return lstsq_columns(a, b_dot.reshape(m, p * size) - product, outside).reshape(n, p, size)


ARRAY_SUPPORT: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        left_product, right_product, add_directions, swap_axes, mirror_lower, solve_columns,
        matmul_12_tangent, matmul_21_tangent, matmul_22_tangent, solve_21_tangent, solve_22_tangent, inv_2_tangent,
        cofactors, det_2_tangent, slogdet_2_tangents, cholesky_2_tangent, dependent_columns, qr_2_tangents,
        eigh_2_tangents, tall_pinv_tangent, pinv_2_tangent, lstsq_columns, lstsq_21_tangent, lstsq_22_tangent,
    )
}  # fmt: skip
