"""Conductivities of a rod from temperatures, through implicit steps with `np.linalg.solve` inside.

The forward model takes steps of backward Euler, each a linear system whose matrix depends on the unknowns. The
derivative of `solve` needs one factorisation, whatever the number of unknowns.
"""

import numpy as np

from srcdiff import jacobian_compiled


def system(kappa, dt, dx):
    """Backward Euler's matrix; kappa[i] conducts between cells i - 1 and i, the outermost to the surroundings at 0."""
    n = len(kappa) - 1
    A = np.eye(n)
    for i in range(n):
        A[i, i] += dt / dx**2 * (kappa[i] + kappa[i + 1])
        if i > 0:
            A[i, i - 1] -= dt / dx**2 * kappa[i]
        if i < n - 1:
            A[i, i + 1] -= dt / dx**2 * kappa[i + 1]
    return A


@jacobian_compiled(wrt=("u", "kappa"))
def implicit_step(u, kappa, dt, dx):
    return np.linalg.solve(system(kappa, dt, dx), u)


@jacobian_compiled(wrt="log_kappa")
def temperatures(log_kappa, u, dt, dx, steps: int):
    """All temperatures after each step, one after the other."""
    kappa = np.exp(log_kappa)
    A = system(kappa, dt, dx)
    history = np.zeros((steps, len(u)))
    for k in range(steps):
        u = np.linalg.solve(A, u)
        history[k] = u
    return history.ravel()


def problem(n=12, noise=1e-5, seed=3):
    """A heated rod whose middle conducts badly: truth, initial temperatures, step, cell size, steps, measurements."""
    x = np.linspace(0.0, 1.0, n + 1)
    truth = 1.0 - 0.7 * np.exp(-(((x - 0.5) / 0.15) ** 2))
    u = np.where(np.arange(n) < n // 2, 1.0, 0.4)
    dt, dx, steps = 2e-3, 1.0 / n, 40
    rng = np.random.default_rng(seed)
    measured = temperatures(np.log(truth), u, dt, dx, steps)
    return truth, u, dt, dx, steps, measured + noise * rng.standard_normal(measured.size)


def identify(u, dt, dx, steps, measured, iterations=12):
    """Gauss-Newton steps from a uniform rod; the conductivities and the residuals' norms."""
    log_kappa = np.zeros(len(u) + 1)
    norms = []
    for _ in range(iterations):
        value, J = temperatures.value_and_jacobian(log_kappa, u, dt, dx, steps)
        norms.append(np.linalg.norm(value - measured))
        log_kappa = log_kappa + np.clip(np.linalg.lstsq(J, measured - value, rcond=None)[0], -1.0, 1.0)
    return np.exp(log_kappa), norms


def main():
    truth, u, dt, dx, steps, measured = problem()
    kappa, norms = identify(u, dt, dx, steps, measured)
    print(f"{len(kappa)} conductivities from {len(measured)} temperatures")
    print("  residual norm  ", "  ".join(f"{norm:.1e}" for norm in norms[:7]))
    print("  true           ", truth.round(3))
    print("  found          ", kappa.round(3))


if __name__ == "__main__":
    main()
