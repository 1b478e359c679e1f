"""Linear algebra inside a model."""

import numpy as np

from corpus_arrays import array, between, case, dominant, spd


def linear_system(A, b):
    return np.linalg.solve(A, b)


def several_right_sides(A, B):
    return np.linalg.solve(A, B)


def implicit_heat(u, kappa, dt):
    """A step of backward Euler."""
    n = len(u)
    A = np.eye(n)
    for i in range(1, n - 1):
        A[i, i - 1] -= dt * kappa
        A[i, i] += 2.0 * dt * kappa
        A[i, i + 1] -= dt * kappa
    return np.linalg.solve(A, u)


def inverse(A):
    return np.linalg.inv(A)


def determinant(A):
    return np.linalg.det(A)


def log_determinant(A):
    sign, logdet = np.linalg.slogdet(A)
    return sign * logdet


def length(x):
    return np.linalg.norm(x)


def normalised(x):
    return x / np.linalg.norm(x)


def frobenius(A):
    return np.linalg.norm(A) ** 3


def norms(x):
    return np.linalg.norm(x, 1) * np.linalg.norm(x, np.inf) + np.linalg.norm(x, 2)


def factor(A):
    return np.linalg.cholesky(A @ A.T + np.eye(len(A)))


def multivariate_normal(x, mean, spread):
    L = np.linalg.cholesky(spread @ spread.T + 0.5 * np.eye(len(x)))
    z = np.linalg.solve(L, x - mean)
    return -0.5 * np.dot(z, z) - np.sum(np.log(np.diag(L)))


def gaussian_process(x, y, scale, noise):
    """Marginal likelihood."""
    n = len(x)
    K = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            K[i, j] = np.exp(-0.5 * ((x[i] - x[j]) / scale) ** 2)
        K[i, i] += noise
    alpha = np.linalg.solve(K, y)
    return -0.5 * np.dot(y, alpha) - 0.5 * np.linalg.slogdet(K)[1]


def orthogonal_triangular(A):
    Q, R = np.linalg.qr(A)
    return Q, R


def symmetric_eigenvalues(A):
    return np.linalg.eigvalsh(A + A.T)


def eigenprojection(A):
    w, v = np.linalg.eigh(A @ A.T)
    return w * w, np.outer(v[:, -1], v[:, -1])


def least_squares(A, b):
    return np.linalg.lstsq(A, b)[0]


def pseudoinverse(A):
    return np.linalg.pinv(A)


def normal_equations(X, y, ridge):
    return np.linalg.solve(X.T @ X + ridge * np.eye(X.shape[1]), X.T @ y)


def kalman_update(m, P, H, R, y):
    S = H @ P @ H.T + R
    K = P @ H.T @ np.linalg.inv(S)
    return m + K @ (y - H @ m), P - K @ S @ K.T


def newton_system(x, c):
    for _ in range(6):
        f = x**2 + np.sum(x) - c
        J = np.diag(2.0 * x) + np.ones((len(x), len(x)))
        x = x - np.linalg.solve(J, f)
    return x


def matrix_exponential(A):
    """Pade approximation of order 3, with two squarings."""
    B = A / 4.0
    I = np.eye(A.shape[0])  # noqa: E741
    B2 = B @ B
    U = B @ (60.0 * I + B2)
    V = 120.0 * I + 12.0 * B2
    E = np.linalg.solve(V - U, V + U)
    E = E @ E
    return E @ E


def markov_stationary(rates):
    """Steady state of a chain of states, by elimination."""
    n = rates.shape[0]
    Q = rates.copy()
    for i in range(n):
        Q[i, i] = 0.0
        Q[i, i] = -np.sum(Q[i])
    A = Q.T.copy()
    A[-1, :] = 1.0
    b = np.zeros(n)
    b[-1] = 1.0
    return np.linalg.solve(A, b)


def truss(stiffness, load):
    """A chain of springs between walls."""
    n = len(load)
    K = np.zeros((n, n))
    for e in range(n + 1):
        if e > 0:
            K[e - 1, e - 1] += stiffness[e]
        if e < n:
            K[e, e] += stiffness[e]
        if 0 < e < n:
            K[e - 1, e] -= stiffness[e]
            K[e, e - 1] -= stiffness[e]
    u = np.linalg.solve(K, load)
    return u, 0.5 * u @ load


def power_of_matrix(A):
    return np.linalg.matrix_power(A, 3)


LAPACK = {"tags": ("lapack",)}
CASES = [
    case(length, array(-1, 1, 5), **LAPACK),
    case(normalised, array(-1, 1, 6), **LAPACK),
    case(frobenius, array(-1, 1, 3, 4), **LAPACK),
    case(norms, array(-1, 1, 6), **LAPACK),
    case(linear_system, dominant(5), array(-1, 1, 5), **LAPACK),
    case(several_right_sides, dominant(4), array(-1, 1, 4, 3), **LAPACK),
    case(implicit_heat, array(0, 1, 6), between(0.5, 1.5), between(0.1, 0.5), **LAPACK),
    case(inverse, dominant(4), **LAPACK),
    case(determinant, dominant(4), **LAPACK),
    case(log_determinant, dominant(5), **LAPACK),
    case(factor, array(-1, 1, 4, 4), **LAPACK),
    case(multivariate_normal, array(-1, 1, 4), array(-1, 1, 4), array(-1, 1, 4, 4), **LAPACK),
    case(gaussian_process, array(-2, 2, 5), array(-1, 1, 5), between(0.5, 1), between(0.1, 0.3), **LAPACK),
    case(normal_equations, array(-1, 1, 6, 3), array(-1, 1, 6), between(0.1, 1), **LAPACK),
    case(kalman_update, array(-1, 1, 3), spd(3), array(-1, 1, 2, 3), spd(2), array(-1, 1, 2), **LAPACK),
    case(newton_system, array(1, 2, 5), array(5, 9, 5), float32=False, **LAPACK),
    case(matrix_exponential, array(-1, 1, 4, 4), **LAPACK),
    case(markov_stationary, array(0.5, 1.5, 4, 4), **LAPACK),
    case(truss, array(1, 2, 6), array(-1, 1, 5), **LAPACK),
    case(power_of_matrix, array(-1, 1, 3, 3), **LAPACK),
    case(orthogonal_triangular, dominant(4), **LAPACK),
    case(symmetric_eigenvalues, array(-1, 1, 4, 4), **LAPACK),
    case(eigenprojection, dominant(4), **LAPACK),
    case(least_squares, array(-1, 1, 6, 3), array(-1, 1, 6), float32=False, **LAPACK),
    case(pseudoinverse, array(-1, 1, 5, 3), float32=False, **LAPACK),
]
