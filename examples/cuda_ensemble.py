"""An ensemble of stiff reactors in one CUDA kernel: each thread integrates its own, with the exact Jacobian.

Robertson's kinetics with rate constants that differ from reactor to reactor. A step of ROS2, an L-stable Rosenbrock
method of second order (J. G. Verwer, E. J. Spee, J. G. Blom, W. Hundsdorfer, SIAM J. Sci. Comput. 20 (1999) 1456),
solves two linear systems with the matrix I - gamma*h*J; J comes from ``kinetics.jacobian``, called in the kernel.

Without a GPU: ``NUMBA_ENABLE_CUDASIM=1 python examples/cuda_ensemble.py``, which takes few reactors.
"""

import math
import time

import numpy as np
from numba import cuda
from scipy.integrate import solve_ivp

from srcdiff import jacobian_compiled

SIMULATED = bool(cuda.config.ENABLE_CUDASIM)
RATES = np.array([0.04, 3e7, 1e4])
T_END = 1e4
STEPS = 1000
GAMMA = 1.0 + 1.0 / math.sqrt(2.0)


@jacobian_compiled(target="cuda", wrt="y", shapes={"y": 3})
def kinetics(t, y, k1, k2, k3):
    a, b, c = y
    return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])


@cuda.jit(device=True)
def eliminate(matrix):
    """The LU decomposition of a 3x3 matrix in its own place; I - gamma*h*J needs no pivots here."""
    for k in range(2):
        for i in range(k + 1, 3):
            matrix[i, k] /= matrix[k, k]
            for j in range(k + 1, 3):
                matrix[i, j] -= matrix[i, k] * matrix[k, j]


@cuda.jit(device=True)
def substitute(matrix, x):
    for i in range(3):
        for j in range(i):
            x[i] -= matrix[i, j] * x[j]
    for i in range(2, -1, -1):
        for j in range(i + 1, 3):
            x[i] -= matrix[i, j] * x[j]
        x[i] /= matrix[i, i]


@cuda.jit
def integrate(y, rates, times):
    """One reactor a thread: y[i] goes from times[0] to times[-1]."""
    i = cuda.grid(1)
    if i >= y.shape[0]:
        return
    k1, k2, k3 = rates[i, 0], rates[i, 1], rates[i, 2]
    now = cuda.local.array(3, np.float64)
    first = cuda.local.array(3, np.float64)
    second = cuda.local.array(3, np.float64)
    matrix = cuda.local.array((3, 3), np.float64)
    for r in range(3):
        now[r] = y[i, r]
    for step in range(times.shape[0] - 1):
        t, h = times[step], times[step + 1] - times[step]
        kinetics.jacobian.into(matrix, t, now, k1, k2, k3)
        for r in range(3):
            for s in range(3):
                matrix[r, s] = (1.0 if r == s else 0.0) - GAMMA * h * matrix[r, s]
        eliminate(matrix)
        first[0], first[1], first[2] = kinetics(t, now, k1, k2, k3)
        substitute(matrix, first)
        for r in range(3):
            now[r] += h * first[r]
        second[0], second[1], second[2] = kinetics(t + h, now, k1, k2, k3)
        for r in range(3):
            second[r] -= 2.0 * first[r]
        substitute(matrix, second)
        for r in range(3):
            now[r] += 0.5 * h * (first[r] + second[r])
    for r in range(3):
        y[i, r] = now[r]


def ensemble(n):
    """Initial concentrations, rate constants within a fifth of Robertson's, and steps that grow with time."""
    rates = RATES * np.random.default_rng(0).uniform(0.8, 1.2, (n, 3))
    times = np.concatenate([[0.0], np.geomspace(1e-6, T_END, STEPS)])
    return np.tile([1.0, 0.0, 0.0], (n, 1)), rates, times


def march(n, threads=128):
    """The reactors at T_END, and their rate constants."""
    y, rates, times = ensemble(n)
    integrate[-(-n // threads), min(n, threads)](y, rates, times)
    return y, rates


def reference(rates):
    """The same reactor with SciPy's Radau, and the same function on the processor."""
    function = jacobian_compiled(kinetics.__srcdiff_function__, wrt="y")
    solution = solve_ivp(
        function, (0.0, T_END), [1.0, 0.0, 0.0], method="Radau", jac=function.jacobian, args=tuple(rates),
        rtol=1e-8, atol=[1e-12, 1e-16, 1e-12],
    )  # fmt: skip
    return solution.y[:, -1]


def main():
    if not cuda.is_available():
        raise SystemExit("No CUDA device here: set NUMBA_ENABLE_CUDASIM=1 to simulate one.")
    n = 4 if SIMULATED else 100_000
    march(1)
    start = time.perf_counter()
    y, rates = march(n)
    seconds = time.perf_counter() - start
    print(f"{n} reactors, {STEPS} steps each, {'simulated, ' if SIMULATED else ''}{seconds:.2f} s")
    print("      k1         k2         k3       a at the end   b at the end   c at the end   error")
    for row, k in zip(y[:4], rates):
        error = np.max(np.abs(row / reference(k) - 1.0))
        print(f"{k[0]:10.5f} {k[1]:10.3e} {k[2]:10.3e} {row[0]:14.6e} {row[1]:14.6e} {row[2]:14.6e}   {error:.0e}")


if __name__ == "__main__":
    main()
