"""NumPy's array functions: elementwise, reductions, rearrangement, products."""

import numpy as np

from corpus_arrays import array, between, case, made

INCREASING = made(np.cumsum, 0.3, 1.0, 6)


def elementwise(x, y):
    return np.sin(x) * np.exp(-(y**2)) + np.sqrt(x**2 + 1.0) / (1.0 + np.tanh(y) ** 2)


def ufuncs(x, y):
    return np.arctan2(x, y) + np.hypot(x, y) + np.log1p(x**2) + np.expm1(x) - np.cosh(y) + np.power(y, x)


def logistic(y, r, k):
    return r * y * (1.0 - y / k)


def square_root_of_sum(y):
    return np.sqrt(np.sum(y**2) + 1.0)


def gaussian_likelihood(y, mean, log_sigma):
    z = (y - mean) / np.exp(log_sigma)
    return -0.5 * np.sum(z**2) - len(y) * log_sigma


def cross_entropy(w, X, labels):
    p = 1.0 / (1.0 + np.exp(-np.dot(X, w)))
    return -np.mean(labels * np.log(p) + (1.0 - labels) * np.log(1.0 - p))


def reductions(y):
    return np.sum(y) * np.mean(y) + np.prod(y), np.var(y), np.std(y)


def methods(y):
    return y.sum() + y.mean() * y.std(), y.prod() - y.var()


def extremes(y):
    return np.max(y) * y - np.min(y), y.max() - y.min() ** 2


def along_axes(A):
    return np.sum(A**2, axis=0), A.sum(axis=1)


def picked_by_argument(y):
    return y[np.argmax(y)] * y[np.argmin(y)] + y[y.argmax() - 1]


def peak_to_peak(y):
    return np.ptp(y) ** 2


def median_of(y):
    return np.median(y) ** 2


def sorted_weights(y, w):
    return np.sum(np.sort(y) * w)


def running_sums(y):
    return np.cumsum(y) * y


def running_products(y):
    return np.cumprod(y) + y


def differences(y):
    return np.diff(y) ** 2


def rolled(y):
    return np.roll(y, 1) - 2.0 * y + np.roll(y, -1)


def rolled_lattice(u):
    return np.roll(u, 1, axis=0) + np.roll(u, -1, axis=1) - 2.0 * u


def selected(y, threshold):
    return np.where(y > threshold, y**2, -0.1 * y)


def clipped(y):
    return np.clip(y, -0.5, 0.5) * y


def larger_and_smaller(x, y):
    return np.maximum(x, y) * np.minimum(x, 0.3) + np.maximum(y, 0.0)


def absolute(y):
    return np.abs(y) + np.fabs(y) * np.sign(y)


def interpolated(x, nodes, values):
    return np.interp(x, nodes, values)


def joined(x, y):
    return np.concatenate((x, y, x * 2.0)) ** 2


def padded(u):
    big = np.concatenate((u[-1:], u, u[:1]))
    return big[2:] - 2.0 * u + big[:-2]


def stacked(x, y):
    return np.stack((x * y, y)), np.column_stack((x, y)), np.vstack((x, y)), np.hstack((x, y * y))


def reshaped(y):
    A = y.reshape(2, -1)
    return A[0] * A[1]


def reshaped_and_back(A, B):
    return (A.reshape(-1) * B.ravel()).reshape(A.shape)


def flattened(A):
    return A.flatten() * A.ravel()[::-1]


def transposed(A, B):
    return A.T @ B + np.transpose(B) @ A


def transposed_elements(A):
    out = np.zeros(A.shape)
    T = A.T
    for i in range(T.shape[0]):
        for j in range(T.shape[1]):
            out[j, i] = T[i, j] ** 2 * T[i, 0]
    return out


def products(A, x):
    return A @ x, np.dot(x, A), x @ x


def quadratic_form(x, A):
    return x @ A @ x


def residual_sum(A, x, b):
    r = A @ x - b
    return np.dot(r, r)


def matrix_chain(A, B, C):
    return A @ B @ C


def matrix_power_loop(A, n: int):
    P = np.eye(len(A))
    for _ in range(n):
        P = P @ A
    return P


def outer_product(x, y):
    return np.outer(x, y) + np.outer(x**2, y)


def inner_product(x, y):
    return np.vdot(x, y) * np.dot(x, x)


def inner_of(x, y):
    return np.inner(x, y)


def kronecker(A, B):
    return np.kron(A, B)


def traces(A, B):
    return np.trace(A @ B) * np.trace(A)


def diagonals(A, d):
    return np.diag(A) * d, np.diag(d) @ A


def triangles(A):
    return np.tril(A) @ np.triu(A)


def created(y, n: int):
    grid = np.linspace(0.0, 1.0, n)
    ramp = np.arange(n) * 0.1
    return np.ones(n) * y + grid**2 * y[0] + np.full(n, y[-1]) * ramp + np.zeros_like(y) + np.full_like(y, 2.0)


def linspace_of(a, b, n: int):
    return np.linspace(a, b, n) ** 2


def filled_with(x, n: int):
    return np.full(n, x) * np.arange(n)


def identity_plus(A, h):
    return np.eye(A.shape[0]) - h * A + np.identity(len(A))


def indexed(y, index):
    return y[index] ** 2


def repeated_index(y, index):
    return np.sum(y[index] * y[index[::-1]])


def taken(y, index):
    return np.take(y, index) * 3.0


def repeated(y):
    return np.repeat(y, 2) * 0.5


def tiled(y):
    return np.tile(y, 2) ** 2


def flipped(A):
    return np.flip(A) * A, np.fliplr(A) - np.flipud(A)


def convolved(x, kernel):
    return np.convolve(x, kernel)


def polynomial_by_matrix(x, c):
    return np.vander(x, len(c)) @ c


def polynomial_value(c, x):
    p = np.zeros_like(x)
    for k in range(len(c)):
        p = p * x + c[k]
    return p


def einstein(A, x):
    return np.einsum("ij,j->i", A, x)


def einstein_product(A, B):
    return np.einsum("ik,kj->ij", A, B)


def contracted(A, B):
    return np.tensordot(A, B, 1)


def area_under(x, y):
    return np.trapezoid(y, x)


def expanded(x, y):
    return np.expand_dims(x, 1) * y


def atleast(x):
    return np.atleast_1d(x) * 2.0


def copied(x):
    y = np.copy(x)
    y[0] = 0.0
    return y * x


def broadcast_to_rows(x, n: int):
    return np.broadcast_to(x, (n, len(x))) ** 2


def ascontiguous(A):
    return np.ascontiguousarray(A.T) @ A


def split_in_two(y):
    left, right = np.split(y, 2)
    return left * right


def modulo(x, y):
    return x % y + np.mod(x, 0.7) - np.floor(x)


def rounded(x):
    return np.floor(x) + x * np.ceil(x) + np.rint(x)


def power_both(x, p):
    return x**p + 2.0**x + x**-2


CASES = [
    case(elementwise, array(-1, 1, 6), array(-1, 1, 6)),
    case(ufuncs, array(0.2, 1, 5), array(0.2, 1, 5)),
    case(logistic, array(0, 1, 7), between(0.5, 2), between(1, 2)),
    case(square_root_of_sum, array(-1, 1, 6)),
    case(gaussian_likelihood, array(-1, 1, 9), between(-0.5, 0.5), between(-0.5, 0.5)),
    case(cross_entropy, array(-1, 1, 3), array(-1, 1, 6, 3), np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0]), wrt="w"),
    case(reductions, array(0.5, 1.5, 6)),
    case(methods, array(0.5, 1.5, 7)),
    case(extremes, array(-1, 1, 6), tags=("kink",)),
    case(along_axes, array(-1, 1, 3, 4)),
    case(picked_by_argument, array(-1, 1, 6), tags=("kink",)),
    case(peak_to_peak, array(-1, 1, 6), tags=("kink",)),
    case(median_of, array(-1, 1, 6), tags=("kink",)),
    case(sorted_weights, array(-1, 1, 6), array(-1, 1, 6), tags=("kink",)),
    case(running_sums, array(-1, 1, 6)),
    case(running_products, array(0.5, 1.5, 7)),
    case(differences, array(-1, 1, 9)),
    case(rolled, array(-1, 1, 6)),
    case(rolled_lattice, array(-1, 1, 3, 4), tags=("lowered",)),
    case(selected, array(-1, 1, 9), between(-0.2, 0.2), tags=("kink",)),
    case(clipped, array(-1, 1, 9), tags=("kink",)),
    case(larger_and_smaller, array(-1, 1, 7), array(-1, 1, 7), tags=("kink",)),
    case(absolute, array(-1, 1, 7), tags=("kink",)),
    case(interpolated, array(1.1, 3.0, 5), INCREASING, array(-1, 1, 6), wrt=("x", "values"), tags=("kink",)),
    case(joined, array(-1, 1, 5), array(-1, 1, 3)),
    case(padded, array(-1, 1, 6)),
    case(stacked, array(-1, 1, 5), array(-1, 1, 5)),
    case(reshaped, array(-1, 1, 6)),
    case(reshaped_and_back, array(-1, 1, 3, 2), array(-1, 1, 3, 2)),
    case(flattened, array(-1, 1, 3, 2)),
    case(transposed, array(-1, 1, 3, 4), array(-1, 1, 3, 4)),
    case(transposed_elements, array(-1, 1, 3, 4)),
    case(products, array(-1, 1, 5, 5), array(-1, 1, 5), tags=("lapack",)),
    case(quadratic_form, array(-1, 1, 5), array(-1, 1, 5, 5)),
    case(residual_sum, array(-1, 1, 5, 3), array(-1, 1, 3), array(-1, 1, 5)),
    case(matrix_chain, array(-1, 1, 2, 3), array(-1, 1, 3, 5), array(-1, 1, 5, 2)),
    case(matrix_power_loop, array(-1, 1, 3, 3), 4),
    case(outer_product, array(-1, 1, 5), array(-1, 1, 3)),
    case(inner_product, array(-1, 1, 6), array(-1, 1, 6)),
    case(inner_of, array(-1, 1, 6), array(-1, 1, 6), tags=("lowered",)),
    case(kronecker, array(-1, 1, 2, 2), array(-1, 1, 2, 3)),
    case(traces, array(-1, 1, 4, 4), array(-1, 1, 4, 4)),
    case(diagonals, array(-1, 1, 4, 4), array(-1, 1, 4)),
    case(triangles, array(-1, 1, 4, 4)),
    case(created, array(-1, 1, 6), 6),
    case(linspace_of, between(-1, 0), between(1, 2), 6),
    case(filled_with, between(-1, 1), 5),
    case(identity_plus, array(-1, 1, 4, 4), between(0.1, 0.5)),
    case(indexed, array(-1, 1, 6), np.array([4, 0, 2, 2, -1]), wrt="y"),
    case(repeated_index, array(-1, 1, 6), np.array([1, 3, 1, 0, 5]), wrt="y"),
    case(taken, array(-1, 1, 6), np.array([4, 0, 2]), wrt="y"),
    case(repeated, array(-1, 1, 5)),
    case(tiled, array(-1, 1, 5), tags=("lowered",)),
    case(flipped, array(-1, 1, 3, 4)),
    case(convolved, array(-1, 1, 7), array(-1, 1, 3)),
    case(polynomial_by_matrix, array(-1, 1, 5), array(-1, 1, 4)),
    case(polynomial_value, array(-1, 1, 4), array(-1, 1, 5)),
    case(einstein, array(-1, 1, 3, 5), array(-1, 1, 5), tags=("lowered",)),
    case(einstein_product, array(-1, 1, 3, 2), array(-1, 1, 2, 4), tags=("lowered",)),
    case(contracted, array(-1, 1, 3, 2), array(-1, 1, 2, 4), tags=("lowered",)),
    case(area_under, array(0, 1, 6), array(-1, 1, 6)),
    case(expanded, array(-1, 1, 5), array(-1, 1, 3)),
    case(atleast, array(-1, 1, 5)),
    case(copied, array(-1, 1, 6)),
    case(broadcast_to_rows, array(-1, 1, 5), 3),
    case(ascontiguous, array(-1, 1, 3, 4)),
    case(split_in_two, array(-1, 1, 6)),
    case(modulo, array(-2, 2, 7), array(0.5, 1.5, 7), tags=("kink",)),
    case(rounded, array(-3, 3, 7), tags=("kink",)),
    case(power_both, array(0.5, 1.5, 6), between(0.5, 2.5)),
]
