"""The Brusselator with diffusion, in one and two dimensions, by the method of lines.

Problem BRUSS of E. Hairer and G. Wanner, Solving Ordinary Differential Equations II (1996), section IV.10, and its
two-dimensional form with periodic boundaries. Right-hand sides are written as people write them, one by loops and one
by slices; a stiff solver takes their Jacobians as they are.
"""

import time

import numpy as np
from scipy.integrate import solve_ivp

from srcdiff import jacobian_compiled


@jacobian_compiled(wrt="y")
def line(t, y, alpha):
    """u and v alternate in y; u is 1 and v is 3 at both ends."""
    n = len(y) // 2
    c = alpha * (n + 1) ** 2
    dy = np.empty_like(y)
    for i in range(n):
        u, v = y[2 * i], y[2 * i + 1]
        u_left = y[2 * i - 2] if i > 0 else 1.0
        v_left = y[2 * i - 1] if i > 0 else 3.0
        u_right = y[2 * i + 2] if i < n - 1 else 1.0
        v_right = y[2 * i + 3] if i < n - 1 else 3.0
        dy[2 * i] = 1.0 + u * u * v - 4.0 * u + c * (u_left - 2.0 * u + u_right)
        dy[2 * i + 1] = 3.0 * u - u * u * v + c * (v_left - 2.0 * v + v_right)
    return dy


def line_start(n):
    x = np.arange(1, n + 1) / (n + 1)
    return np.column_stack((1.0 + np.sin(2.0 * np.pi * x), np.full(n, 3.0))).ravel()


def laplacian(w, h):
    """On a periodic grid; w has a border that is filled here."""
    w[0] = w[-2]
    w[-1] = w[1]
    w[:, 0] = w[:, -2]
    w[:, -1] = w[:, 1]
    return (w[:-2, 1:-1] + w[2:, 1:-1] + w[1:-1, :-2] + w[1:-1, 2:] - 4.0 * w[1:-1, 1:-1]) / h**2


@jacobian_compiled(wrt="y")
def plane(t, y, n, alpha):
    """u, then v, on an n by n grid."""
    u = y[: n * n].reshape((n, n))
    v = y[n * n :].reshape((n, n))
    border = np.zeros((n + 2, n + 2))
    border[1:-1, 1:-1] = u
    du = 1.0 + u**2 * v - 4.4 * u + alpha * laplacian(border, 1.0 / n)
    border[1:-1, 1:-1] = v
    dv = 3.4 * u - u**2 * v + alpha * laplacian(border, 1.0 / n)
    return np.concatenate((du.ravel(), dv.ravel()))


def plane_start(n):
    x = np.arange(n) / n
    u = 22.0 * x[:, None] * (1.0 - x[:, None]) ** 1.5 + 0.0 * x
    v = 27.0 * x * (1.0 - x) ** 1.5 + 0.0 * x[:, None]
    return np.concatenate((u.ravel(), v.ravel()))


def solve(function, start, args, t_end, exact=True):
    return solve_ivp(
        function, (0.0, t_end), start, method="Radau", args=args, rtol=1e-6, atol=1e-8,
        jac=function.jacobian if exact else None,
    )  # fmt: skip


def main():
    problems = (
        ("line, 100 points", line, line_start(100), (0.02,), 10.0),
        ("plane, 8 by 8 points", plane, plane_start(8), (8, 0.1), 2.0),
    )
    for name, function, start, args, t_end in problems:
        function.jacobian(0.0, start, *args)  # compiles
        print(f"Brusselator, {name}: {start.size} unknowns")
        for exact in (True, False):
            begun = time.perf_counter()
            solution = solve(function, start, args, t_end, exact)
            seconds = time.perf_counter() - begun
            print(
                f"  {'exact Jacobian' if exact else 'differences':15} {seconds:6.2f} s, {solution.t.size - 1} steps, "
                f"{solution.nfev} right-hand sides, {solution.njev} Jacobians"
            )


if __name__ == "__main__":
    main()
