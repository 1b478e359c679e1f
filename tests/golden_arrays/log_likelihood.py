"""Derivative of log_likelihood (golden_arrays.py:153-156, sha256 9361029701dd),
by srcdiff 0.1.0.

forward mode   inputs mean, cov; constant x
varying        d, _, logdet
returns        (d/dmean, d/dcov)
directions     up to 64 at once, chunk by chunk: the length of mean, cov is known at run time
"""

import numpy as np


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


def slogdet_2_tangents(a, a_dot, sign, logdet):
    """Of the sign 0, of the logarithm trace(inv(a) @ a_dot): Giles 2008, section 2.2.4; nan where a is singular."""
    n, _, size = a_dot.shape
    directions = a_dot.reshape(n * n, size)
    if not np.isfinite(logdet):
        return np.zeros(size, a_dot.dtype), np.full(size, np.nan, a_dot.dtype)
    gradient = np.ascontiguousarray(np.linalg.inv(a).T)
    return np.zeros(size, a_dot.dtype), gradient.reshape(n * n) @ directions


def log_likelihood_tangents(x, mean, mean_dot, cov, cov_dot, d, d_dot):
    """Values of log_likelihood and their tangents in many directions."""
    directions = mean_dot.shape[-1]
    logdet_dot = np.zeros(directions)
    if len(x) != len(mean):
        raise ValueError("arrays of different lengths meet (line 154); write x[:1] to repeat one element")
    for i in range(len(x)):  # L154: d = x - mean
        d[i] = x[i] - mean[i]
        for k in range(directions):
            d_dot[i, k] = -mean_dot[i, k]
    if cov.shape[0] != cov.shape[1]:
        raise ValueError("np.linalg.slogdet takes a square matrix (line 155)")
    # L155: _, logdet = np.linalg.slogdet(cov)
    logdet_2, logdet_3 = np.linalg.slogdet(cov)
    logdet_2_dot, logdet_3_dot = slogdet_2_tangents(cov, np.ascontiguousarray(cov_dot), logdet_2, logdet_3)
    _, logdet = logdet_2, logdet_3
    for k in range(directions):
        logdet_dot[k] = logdet_3_dot[k]
    if cov.shape[0] != len(x):
        raise ValueError("arrays of different lengths meet (line 156)")
    # L156: return -0.5 * (d @ np.linalg.solve(cov, d) + logdet)
    solution = np.linalg.solve(cov, d)
    solution_dot = solve_21_tangent(cov, d, np.ascontiguousarray(cov_dot), d_dot, solution)
    total_dot = np.zeros(directions)
    total = 0.0
    for i in range(len(x)):
        total_by_d = solution[i]
        total_by_solution = d[i]
        total = total + d[i] * solution[i]
        for k in range(directions):
            total_dot[k] = (
                total_dot[k]
                + total_by_d * d_dot[i, k]
                + total_by_solution * solution_dot[i, k]
            )
    value_dot = np.empty(directions)
    for k in range(directions):
        value_dot[k] = -(0.5 * total_dot[k] + 0.5 * logdet_dot[k])
    return -0.5 * (total + logdet), value_dot


def log_likelihood_jacobian(x, mean, cov):
    columns = len(mean) + cov.size
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    mean_dot = np.zeros((len(mean), directions))
    cov_dot = np.zeros((cov.size, directions))
    d = np.empty(len(x))
    d_dot = np.empty((len(x), directions))
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(mean))):
            mean_dot[column, column - first] = 1.0
        for column in range(max(first, len(mean)), min(first + directions, len(mean) + cov.size)):
            cov_dot[column - len(mean), column - first] = 1.0
        value, value_dot_2 = log_likelihood_tangents(
            x, mean, mean_dot, cov, cov_dot.reshape(cov.shape + (directions,)), d, d_dot,
        )
        if first == 0:
            jac = np.empty((1, len(mean)))
            jac_2 = np.empty((1, cov.size))
        for column in range(first, min(first + directions, len(mean))):
            jac[0, column] = value_dot_2[column - first]
        for column in range(max(first, len(mean)), min(first + directions, len(mean) + cov.size)):
            jac_2[0, column - len(mean)] = value_dot_2[column - first]
        for column in range(first, min(first + directions, len(mean))):
            mean_dot[column, column - first] = 0.0
        for column in range(max(first, len(mean)), min(first + directions, len(mean) + cov.size)):
            cov_dot[column - len(mean), column - first] = 0.0
    return (jac.reshape(mean.shape), jac_2.reshape(cov.shape))
