"""Jacobians of array functions by differences in extended precision: knows no rule for any derivative.

The plain Python function runs on arrays of `np.longdouble` (64 bits of mantissa on x86), with NumPy's makers of
arrays, `math` and `np.linalg` replaced by ones that keep that precision. Central differences of order six with a step
of 2**-12 err by about 1e-23 of the seventh derivative and, by rounding, 1e-15 of the value. Complex inputs are moved
along the real axis: the functions that take them are holomorphic.

>>> import numpy as np
>>> def double_squares(y):
...     return 2.0 * y**2
>>> value, jacobian = value_and_jacobian(double_squares, (np.array([1.0, 3.0]),))
>>> jacobian
array([[ 4.,  0.],
       [ 0., 12.]])
"""

import cmath
import math

import dual
import numpy as np
from rebound import Rebind, Standin, replacements

REAL, COMPLEX = np.longdouble, np.clongdouble
STEP = 2.0**-12
# Sixth-order central difference: Fornberg, Mathematics of Computation 51 (1988), table 1.
STENCIL = ((1, 45 / 60), (2, -9 / 60), (3, 1 / 60))


def widened(x):
    """The same value in extended precision; what is not floating stays."""
    if isinstance(x, tuple):
        return type(x)(*map(widened, x)) if hasattr(x, "_fields") else tuple(map(widened, x))
    if isinstance(x, np.ndarray) and x.dtype.kind in "fc":
        return x.astype(REAL if x.dtype.kind == "f" else COMPLEX, copy=False)
    if isinstance(x, (float, np.floating)):
        return REAL(x)
    return COMPLEX(x) if isinstance(x, (complex, np.complexfloating)) else x


def _wide_type(dtype):
    kind = np.dtype(dtype).kind
    return {"f": REAL, "c": COMPLEX}.get(kind, dtype)


def _maker(make, place):
    """A maker of arrays whose default type and whose float64 are wide; `place` is where a dtype may stand."""

    def made(*args, dtype=None, **keywords):
        if len(args) > place:
            args, dtype = args[:place], args[place]
        if dtype is not None:
            return make(*args, dtype=_wide_type(dtype), **keywords)
        return widened(np.asarray(make(*args, **keywords)))

    return made


def _range(*args, dtype=None):
    return widened(np.arange(*args)) if dtype is None else np.arange(*args, dtype=_wide_type(dtype))


def _linspace(start, stop, num=50):
    return REAL(start) + (REAL(stop) - REAL(start)) * np.arange(num) / REAL(max(num - 1, 1))


def _interp(x, nodes, values):
    x = np.asarray(x)
    i = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, len(nodes) - 2)
    w = np.clip((x - nodes[i]) / (nodes[i + 1] - nodes[i]), 0, 1)
    return values[i] + w * (values[i + 1] - values[i])


def _eliminated(A, B):
    """Solution and determinant by Gaussian elimination with pivots."""
    A, B = np.array(A, dtype=np.result_type(A, B, REAL)), np.array(B, dtype=np.result_type(A, B, REAL))
    n = len(A)
    determinant = A.dtype.type(1)
    for k in range(n):
        p = k + int(np.argmax(np.abs(A[k:, k])))
        if p != k:
            A[[k, p]], B[[k, p]] = A[[p, k]], B[[p, k]]
            determinant = -determinant
        determinant *= A[k, k]
        for i in range(k + 1, n):
            factor = A[i, k] / A[k, k]
            A[i] -= factor * A[k]
            B[i] -= factor * B[k]
    for k in reversed(range(n)):
        B[k] = (B[k] - A[k, k + 1 :] @ B[k + 1 :]) / A[k, k]
    return B, determinant


def _solve(A, B):
    return _eliminated(A, B)[0]


def _inv(A):
    return _solve(A, np.eye(len(A), dtype=REAL))


def _det(A):
    return _eliminated(A, np.zeros(len(A), dtype=REAL))[1]


def _slogdet(A):
    determinant = _det(A)
    size = np.abs(determinant)
    return determinant / size, np.log(size)


def _cholesky(A):
    """Reads the lower triangle, as LAPACK does; a real matrix."""
    L = np.zeros(A.shape, dtype=REAL)
    for j in range(len(A)):
        L[j, j] = np.sqrt(A[j, j] - np.sum(L[j, :j] ** 2))
        L[j + 1 :, j] = (A[j + 1 :, j] - L[j + 1 :, :j] @ L[j, :j]) / L[j, j]
    return L


def _qr(A):
    """Householder's reflections with LAPACK's signs: the diagonal of R is opposite to what it eliminates."""
    m, n = A.shape
    R, Q = np.array(A, dtype=REAL), np.eye(m, dtype=REAL)
    for k in range(min(m - 1, n)):
        x = R[k:, k].copy()
        x[0] += np.copysign(np.sqrt(x @ x), x[0])
        H = np.eye(m - k, dtype=REAL) - 2 * np.outer(x, x) / (x @ x)
        R[k:] = H @ R[k:]
        Q[:, k:] = Q[:, k:] @ H
    r = min(m, n)
    return Q[:, :r], np.triu(R[:r])


def _eigh(A):
    """Jacobi's rotations; eigenvalues ascend. Eigenvectors have the signs of float64's LAPACK."""
    D = np.tril(A) + np.tril(A, -1).T
    V = np.eye(len(A), dtype=REAL)
    for _ in range(30):
        for p in range(len(A)):
            for q in range(p + 1, len(A)):
                if D[p, q] == 0:
                    continue
                theta = (D[q, q] - D[p, p]) / (2 * D[p, q])
                t = (1 if theta >= 0 else -1) / (np.abs(theta) + np.sqrt(theta * theta + 1))
                G = np.eye(len(A), dtype=REAL)
                G[p, p] = G[q, q] = 1 / np.sqrt(t * t + 1)
                G[p, q], G[q, p] = t * G[p, p], -t * G[p, p]
                D, V = G.T @ D @ G, V @ G
    order = np.argsort(np.diag(D))
    V = V[:, order]
    signs = np.sign(np.sum(V * np.linalg.eigh(A.astype(np.float64))[1], axis=0))
    return np.diag(D)[order], V * signs


def _lstsq(A, b, rcond=None):
    """Full column rank."""
    solution = _solve(A.T @ A, A.T @ b)
    return solution, np.sum((A @ solution - b) ** 2), A.shape[1], None


def _pinv(A):
    return _solve(A.T @ A, A.T) if A.shape[0] >= A.shape[1] else _solve(A @ A.T, A).T


def _matrix_power(A, n):
    if n < 0:
        A, n = _inv(A), -n
    P = np.eye(len(A), dtype=REAL)
    for _ in range(n):
        P = P @ A
    return P


LINALG = Standin(
    np.linalg,
    {
        "solve": _solve, "inv": _inv, "det": _det, "slogdet": _slogdet, "cholesky": _cholesky, "qr": _qr,
        "eigh": _eigh, "eigvalsh": lambda A: _eigh(A)[0], "lstsq": _lstsq, "pinv": _pinv,
        "matrix_power": _matrix_power,
    },
)  # fmt: skip
NUMPY = Standin(
    np,
    {
        **{name: _maker(getattr(np, name), 1) for name in ("zeros", "ones", "empty", "array", "asarray", "identity",
                                                           "ascontiguousarray")},
        "full": _maker(np.full, 2), "eye": _maker(np.eye, 3), "arange": _range, "linspace": _linspace,
        "interp": _interp, "float64": REAL, "complex128": COMPLEX, "linalg": LINALG,
    },
)  # fmt: skip


def _of_math(function):
    def evaluated(*args):
        return function(*map(widened, args))

    return evaluated


MATH = Standin(
    math,
    {
        **{name: _of_math(getattr(np, name)) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "expm1",
                                                          "log1p", "log2", "log10", "sqrt", "hypot", "fabs")},
        **{f"a{name}": _of_math(getattr(np, f"arc{name}")) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
        "log": _of_math(np.log), "atan2": _of_math(np.arctan2), "pow": _of_math(np.power),
    },
)  # fmt: skip
CMATH = Standin(cmath, {name: _of_math(getattr(np, name)) for name in ("sin", "cos", "exp", "sqrt", "log")})
BUILTINS = {"float": lambda x: REAL(x), "complex": lambda a, b=0: COMPLEX(a) + 1j * REAL(b)}
REPLACED = replacements([(math, MATH), (cmath, CMATH), (np.linalg, LINALG), (np, NUMPY)])


def evaluator(function, of=None):
    """The function in extended precision: of wide arguments, its outputs."""
    rebuilt = Rebind(REPLACED, BUILTINS, widened)(function)
    names = dual.parameter_names(function)

    def evaluate(args):
        given = tuple(a.copy() if isinstance(a, np.ndarray) else a for a in args)
        with np.errstate(all="ignore"):
            value = rebuilt(*given)
        if of is None:
            return value
        filled = [given[names.index(name)] for name in ([of] if isinstance(of, str) else of)]
        return filled[0] if isinstance(of, str) else tuple(filled)

    return evaluate


def _entries(argument):
    """The indices of an argument's numbers; nested tuples are not moved."""
    return list(np.ndindex(np.shape(argument)))


def _moved(argument, index, shift):
    if not isinstance(argument, np.ndarray):
        return argument + shift
    moved = argument.copy()
    moved[index] += shift
    return moved


def _numbers(value):
    if isinstance(value, (tuple, list)):
        return [x for item in value for x in _numbers(item)]
    return list(np.ravel(value))


def _column(evaluate, args, place, index, step):
    h = REAL(step) * max(1, float(np.abs(args[place][index] if index else args[place])))
    column = 0
    for k, weight in STENCIL:
        up, down = (
            np.array(_numbers(evaluate([*args[:place], _moved(args[place], index, s * k * h), *args[place + 1 :]])))
            for s in (1, -1)
        )
        column = column + REAL(weight) * (up - down) / h
    return column


def value_and_jacobian(function, args, wrt=None, of=None, step=STEP):
    """`(value, jacobian)`, structured as srcdiff's; arguments in `wrt` are numbers and arrays."""
    args = tuple(widened(a) for a in dual.completed(function, args))
    evaluate = evaluator(function, of)
    value = evaluate(args)
    places, single = dual.selected(function, args, wrt, of)
    columns = {p: [_column(evaluate, args, p, index, step) for index in _entries(args[p])] for p in places}
    rows = len(_numbers(value))
    blocks = {p: np.array(columns[p]).reshape(len(columns[p]), rows).T for p in places}

    def nested(value, start):
        if isinstance(value, (tuple, list)):
            parts = []
            for item in value:
                part, start = nested(item, start)
                parts.append(part)
            return tuple(parts), start
        stop = start + np.size(value)
        leaf = [_leaf(blocks[p][start:stop], np.shape(value) + np.shape(args[p])) for p in places]
        return (leaf[0] if single else tuple(leaf)), stop

    return _narrow(value), nested(value, 0)[0]


def _leaf(block, shape):
    return _narrow(block.reshape(shape) if shape else block[0, 0])


def _narrow(value):
    """In double precision, tuples for lists."""
    if isinstance(value, (tuple, list)):
        return tuple(map(_narrow, value))
    value = np.asarray(value)
    value = value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)
    return value if value.ndim else value.item()
