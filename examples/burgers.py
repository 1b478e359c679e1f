"""Burgers' equation with upwind fluxes: implicit steps through a shock and a rarefaction.

Godunov's flux is made of branches: which side the wind comes from, and whether a sonic point lies between. The
derivative is that of the branch taken. Backward Euler steps, longer than an explicit scheme allows, are solved by
Newton's method with the exact Jacobian.
"""

import numpy as np

from srcdiff import jacobian_compiled


def godunov(left, right):
    """The flux of u**2/2 between two states."""
    if left > right:  # a shock
        if left + right > 0.0:
            return 0.5 * left * left
        return 0.5 * right * right
    if left > 0.0:  # a rarefaction
        return 0.5 * left * left
    if right < 0.0:
        return 0.5 * right * right
    return 0.0


@jacobian_compiled(wrt="u")
def residual(u, before, dt, dx):
    """Zero where u is one step of backward Euler after `before`; the ends keep their values."""
    out = u - before
    for i in range(len(u) - 1):
        flux = dt / dx * godunov(u[i], u[i + 1])
        if i > 0:
            out[i] += flux
        if i < len(u) - 2:
            out[i + 1] -= flux
    return out


def advance(u, dt, dx):
    """One step, and the number of Newton iterations."""
    after = u.copy()
    for iteration in range(1, 30):
        r, J = residual.value_and_jacobian(after, u, dt, dx)
        change = np.linalg.solve(J, -r)
        after += change
        if np.max(np.abs(change)) < 1e-12:
            return after, iteration
    raise RuntimeError("Newton's method does not converge")


def solve(left, right, n=100, t_end=0.8, courant=2.0):
    """A jump at x = 0 on [-1, 1] up to t_end: the grid, the solution, and Newton iterations a step."""
    dx = 2.0 / n
    x = -1.0 + dx * (np.arange(n) + 0.5)
    u = np.where(x < 0.0, left, right)
    steps = int(np.ceil(t_end / (courant * dx)))
    iterations = 0
    for _ in range(steps):
        u, count = advance(u, t_end / steps, dx)
        iterations += count
    return x, u, iterations / steps


def main():
    x, u, iterations = solve(1.0, 0.0)
    place = x[0] + np.sum(u) * (x[1] - x[0]) - 0.5 * (x[1] - x[0])
    print("Burgers' equation, 100 cells, implicit upwind steps at Courant number 2")
    print(f"  shock       at {place:6.4f} (exact 0.4), {iterations:.1f} Newton iterations a step")
    x, u, iterations = solve(-1.0, 1.0)
    exact = np.clip(x / 0.8, -1.0, 1.0)
    print(f"  rarefaction mean error {np.mean(np.abs(u - exact)):.4f}, {iterations:.1f} Newton iterations a step")


if __name__ == "__main__":
    main()
