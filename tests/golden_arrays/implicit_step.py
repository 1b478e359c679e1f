"""Derivative of implicit_step (golden_arrays.py:120-123, sha256 c106354770a5),
by srcdiff 0.1.0.

forward mode   inputs u, dt; constant A
varying        M
returns        (d/du, d/ddt)
directions     up to 64 at once, chunk by chunk: the length of u is known at run time
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


def implicit_step_tangents(u, u_dot, A, dt, dt_dot, M, M_dot):
    """Values of implicit_step and their tangents in many directions."""
    directions = u_dot.shape[-1]
    n = len(u)  # L121
    if n != A.shape[0]:
        raise ValueError("arrays of different lengths meet (line 122); write x[:1] to repeat one element")
    if n != A.shape[1]:
        raise ValueError("arrays of different lengths meet (line 122); write x[:1] to repeat one element")
    for i in range(n):  # L122: M = np.eye(n) - dt * A
        for j in range(n):
            M_by_dt = A[i, j]
            M[i, j] = (1.0 if i == j else 0.0) - dt * A[i, j]
            for k in range(directions):
                M_dot[i, j, k] = -M_by_dt * dt_dot[k]
    # L123: return np.linalg.solve(M, u)
    solution = np.linalg.solve(M, u)
    solution_dot = solve_21_tangent(M, u, M_dot, np.ascontiguousarray(u_dot), solution)
    return solution, solution_dot


def implicit_step_jacobian(u, A, dt):
    columns = len(u) + 1
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    u_dot = np.zeros((len(u), directions))
    dt_dot = np.zeros(directions)
    M = np.empty((len(u), len(u)))
    M_dot = np.empty((len(u), len(u), directions))
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(u))):
            u_dot[column, column - first] = 1.0
        for column in range(max(first, len(u)), min(first + directions, len(u) + 1)):
            dt_dot[column - first] = 1.0
        value, value_dot = implicit_step_tangents(u, u_dot, A, dt, dt_dot, M, M_dot)
        if first == 0:
            jac = np.empty((len(value), len(u)))
            jac_2 = np.empty((len(value), 1))
        for row in range(len(value)):
            for column in range(first, min(first + directions, len(u))):
                jac[row, column] = value_dot[row, column - first]
            for column in range(max(first, len(u)), min(first + directions, len(u) + 1)):
                jac_2[row, column - len(u)] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(u))):
            u_dot[column, column - first] = 0.0
        for column in range(max(first, len(u)), min(first + directions, len(u) + 1)):
            dt_dot[column - first] = 0.0
    return (jac, jac_2.reshape(value.shape))
