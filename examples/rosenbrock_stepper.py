"""A Rosenbrock method in compiled code, and 10,000 stiff problems with it on all cores.

The method is the pair of orders 2 and 3 of L. F. Shampine and M. W. Reichelt, The MATLAB ODE Suite, SIAM J. Sci.
Comput. 18 (1997), known as `ode23s`. It needs the Jacobian at every step, and the derivative by time.
"""

import math

import numpy as np
from numba import njit, prange

from srcdiff import jacobian_compiled

GAMMA = 1.0 / (2.0 + math.sqrt(2.0))
E32 = 6.0 + math.sqrt(2.0)


@jacobian_compiled(wrt=("t", "y"))
def robertson(t, y, k):
    a, b, c = y
    slow, fast, back = k[0] * a, k[1] * b * b, k[2] * b * c
    return np.array([back - slow, slow - fast - back, fast])


@jacobian_compiled(wrt=("t", "y"))
def driven(t, y, k):
    """y' = k (cos t - y): stiff for large k, and it depends on time."""
    return np.array([k[0] * (math.cos(t) - y[0])])


@njit
def factorise(A, pivots):
    """LU in place, with partial pivoting."""
    n = len(A)
    for i in range(n):
        p = i
        for r in range(i + 1, n):
            if abs(A[r, i]) > abs(A[p, i]):
                p = r
        pivots[i] = p
        for j in range(n):
            A[i, j], A[p, j] = A[p, j], A[i, j]
        for r in range(i + 1, n):
            A[r, i] /= A[i, i]
            for j in range(i + 1, n):
                A[r, j] -= A[r, i] * A[i, j]


@njit
def solve(A, pivots, b):
    n = len(A)
    x = b.copy()
    for i in range(n):
        p = pivots[i]
        x[i], x[p] = x[p], x[i]
    for i in range(n):
        for j in range(i):
            x[i] -= A[i, j] * x[j]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            x[i] -= A[i, j] * x[j]
        x[i] /= A[i, i]
    return x


@njit
def integrate(f, y, k, end, rtol, atol):
    """From 0 to `end`. Returns the solution and the number of steps; nan and -1 if steps become too short."""
    n = len(y)
    t, h, steps = 0.0, 1e-6 * end, 0
    pivots = np.empty(n, np.int64)
    while t < end:
        h = min(h, end - t)
        F0, (T, J) = f.value_and_jacobian(t, y, k)
        while True:
            W = np.eye(n) - h * GAMMA * J
            factorise(W, pivots)
            k1 = solve(W, pivots, F0 + h * GAMMA * T)
            F1 = f(t + 0.5 * h, y + 0.5 * h * k1, k)
            k2 = solve(W, pivots, F1 - k1) + k1
            new = y + h * k2
            F2 = f(t + h, new, k)
            k3 = solve(W, pivots, F2 - E32 * (k2 - F1) - 2.0 * (k1 - F0) + h * GAMMA * T)
            error = 0.0
            for i in range(n):
                scale = atol + rtol * max(abs(y[i]), abs(new[i]))
                error = max(error, abs(h / 6.0 * (k1[i] - 2.0 * k2[i] + k3[i])) / scale)
            if error <= 1.0:
                break
            if not h > 1e-14 * end:
                return np.full(n, np.nan), -1
            h *= max(0.2, 0.8 * error ** (-1.0 / 3.0))
        t, y = t + h, new
        h *= min(5.0, 0.8 * max(error, 1e-4) ** (-1.0 / 3.0))
        steps += 1
    return y, steps


@njit(parallel=True)
def ensemble(f, y, rates, end, rtol, atol):
    """The final state for each row of `rates`."""
    result = np.empty((len(rates), len(y)))
    for i in prange(len(rates)):
        result[i] = integrate(f, y, rates[i], end, rtol, atol)[0]
    return result


def scattered(count, seed=1):
    """Robertson's rates with an error of a fifth."""
    noise = np.random.default_rng(seed).normal(size=(count, 3))
    return np.array([0.04, 3e7, 1e4]) * np.exp(0.2 * noise)


def main(count=10_000):
    y, steps = integrate(robertson, np.array([1.0, 0.0, 0.0]), np.array([0.04, 3e7, 1e4]), 40.0, 1e-6, 1e-10)
    print(f"Robertson's problem at t = 40: {y} after {steps} steps")
    final = ensemble(robertson, np.array([1.0, 0.0, 0.0]), scattered(count), 40.0, 1e-3, 1e-8)
    print(f"{count} sets of rates: first species {final[:, 0].mean():.4f} +- {final[:, 0].std():.4f}")


if __name__ == "__main__":
    main()
