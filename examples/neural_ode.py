"""A small neural differential equation: a network as the right-hand side, trained through the time integration.

The vector field of a damped cubic oscillator (the spiral of Chen et al., "Neural ordinary differential equations",
2018) is learned from samples of trajectories. The whole computation, steps and network, is one function of the
flattened weights; its Jacobian drives Levenberg and Marquardt's method. Another Jacobian, by the state, tells whether
the learned origin is stable.
"""

import numpy as np
from scipy.optimize import least_squares

from srcdiff import jacobian_compiled

HIDDEN = 8
WEIGHTS = 5 * HIDDEN + 2


@jacobian_compiled(wrt="y")
def field(t, y, w):
    """Two layers of weights, packed into w, on the cubes of y."""
    n = HIDDEN
    W1 = w[: 2 * n].reshape((n, 2))
    b1 = w[2 * n : 3 * n]
    W2 = w[3 * n : 5 * n].reshape((2, n))
    b2 = w[5 * n :]
    return W2 @ np.tanh(W1 @ y**3 + b1) + b2


@jacobian_compiled(wrt="w")
def misfit(w, samples, dt):
    """Each sample's successor as the network steps there by RK4, less the true one."""
    out = np.zeros((len(samples) - 1, 2))
    for k in range(len(samples) - 1):
        y = samples[k]
        k1 = field(0.0, y, w)
        k2 = field(0.0, y + 0.5 * dt * k1, w)
        k3 = field(0.0, y + 0.5 * dt * k2, w)
        k4 = field(0.0, y + dt * k3, w)
        out[k] = y + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4) - samples[k + 1]
    return out.ravel()


def spiral(steps=60, dt=0.1):
    """Samples of dy/dt = A y**3, with substeps that make them exact to 1e-10."""
    A = np.array([[-0.1, 2.0], [-2.0, -0.1]])
    y = np.array([2.0, 0.0])
    samples = [y]
    for _ in range(steps):
        for _ in range(50):
            h = dt / 50.0
            k1 = A @ y**3
            k2 = A @ (y + 0.5 * h * k1) ** 3
            k3 = A @ (y + 0.5 * h * k2) ** 3
            k4 = A @ (y + h * k3) ** 3
            y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        samples.append(y)
    return np.array(samples)


def train(samples, dt=0.1, seed=1, evaluations=60):
    start = 0.3 * np.random.default_rng(seed).standard_normal(WEIGHTS)
    return least_squares(misfit, start, jac=misfit.jacobian, args=(samples, dt), max_nfev=evaluations)


def main():
    samples = spiral()
    before = np.sqrt(np.mean(misfit(0.3 * np.random.default_rng(1).standard_normal(WEIGHTS), samples, 0.1) ** 2))
    result = train(samples)
    print(f"neural ODE: {WEIGHTS} weights, {len(samples) - 1} steps, {result.njev} Jacobians")
    print(f"  root mean square misfit  {before:.1e} -> {np.sqrt(np.mean(result.fun**2)):.1e}")
    J = field.jacobian(0.0, np.array([1.0, 0.5]), result.x)
    print(f"  divergence at (1, 0.5)   {np.trace(J):.3f}  (true field: {-0.3 * (1.0 + 0.25):.3f})")


if __name__ == "__main__":
    main()
