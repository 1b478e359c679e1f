"""Lyapunov exponents of the Lorenz-96 model, from the Jacobian of a time step.

E. Lorenz, "Predictability: a problem partly solved" (1996): 40 sites, forcing 8. A step of the fourth-order
Runge-Kutta method is differentiated as it stands, helper and all. The exponents sum to the divergence of the flow,
-40; the largest is about 1.7, and the Kaplan-Yorke dimension about 27.
"""

import numpy as np

from srcdiff import jacobian_compiled


def tendency(x, forcing):
    n = x.shape[0]
    dx = np.zeros_like(x)
    for i in range(n):
        dx[i] = (x[(i + 1) % n] - x[i - 2]) * x[i - 1] - x[i] + forcing
    return dx


@jacobian_compiled(wrt="x")
def step(x, forcing, dt):
    k1 = tendency(x, forcing)
    k2 = tendency(x + 0.5 * dt * k1, forcing)
    k3 = tendency(x + 0.5 * dt * k2, forcing)
    k4 = tendency(x + dt * k3, forcing)
    return x + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


def attractor(n=40, forcing=8.0, dt=0.05, steps=2000):
    """A state on the attractor."""
    x = np.full(n, forcing)
    x[0] += 0.01
    for _ in range(steps):
        x = step(x, forcing, dt)
    return x


def lyapunov_exponents(x, forcing=8.0, dt=0.05, steps=4000):
    """By repeated QR factorisation (Benettin et al. 1980); the largest first."""
    Q = np.eye(x.size)
    total = np.zeros(x.size)
    for _ in range(steps):
        x, J = step.value_and_jacobian(x, forcing, dt)
        Q, R = np.linalg.qr(J @ Q)
        total += np.log(np.abs(np.diag(R)))
    return np.sort(total / (steps * dt))[::-1]


def kaplan_yorke(exponents):
    sums = np.cumsum(exponents)
    k = np.nonzero(sums >= 0.0)[0][-1]
    return k + 1 + sums[k] / abs(exponents[k + 1])


def main():
    exponents = lyapunov_exponents(attractor())
    print("Lorenz-96, 40 sites, forcing 8")
    print(f"  largest exponent       {exponents[0]:8.3f}")
    print(f"  positive exponents     {np.sum(exponents > 0.0):8}")
    print(f"  sum of all             {exponents.sum():8.3f}  (divergence of the flow: -40)")
    print(f"  Kaplan-Yorke dimension {kaplan_yorke(exponents):8.1f}")


if __name__ == "__main__":
    main()
