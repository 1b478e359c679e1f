"""A GARCH(1,1) model by maximum likelihood: three parameters, a loop over a series, an exact gradient.

T. Bollerslev, "Generalized autoregressive conditional heteroskedasticity", Journal of Econometrics 31 (1986). The
information matrix is the Jacobian of the contributions of single days, squared (outer product of gradients).
"""

import numpy as np
from scipy.optimize import minimize

from srcdiff import jacobian_compiled

TRUE = np.array([0.05, 0.1, 0.85])  # omega, alpha, beta


@jacobian_compiled(wrt="p")
def contributions(p, returns):
    """Negative log likelihood of each day, up to a constant."""
    omega, alpha, beta = p[0], p[1], p[2]
    variance = 0.0
    for r in returns:
        variance += r * r / len(returns)
    out = np.empty(len(returns))
    for t in range(len(returns)):
        out[t] = 0.5 * (np.log(variance) + returns[t] ** 2 / variance)
        variance = omega + alpha * returns[t] ** 2 + beta * variance
    return out


@jacobian_compiled(wrt=("omega", "alpha", "beta"))
def likelihood(omega, alpha, beta, returns):
    """Negative log likelihood a day, up to a constant."""
    variance = np.mean(returns**2)
    total = 0.0
    for r in returns:
        total += 0.5 * (np.log(variance) + r**2 / variance)
        variance = omega + alpha * r**2 + beta * variance
    return total / len(returns)


def simulate(days=5000, seed=7):
    omega, alpha, beta = TRUE
    rng = np.random.default_rng(seed)
    returns = np.empty(days)
    variance = omega / (1.0 - alpha - beta)
    for t in range(days):
        returns[t] = np.sqrt(variance) * rng.standard_normal()
        variance = omega + alpha * returns[t] ** 2 + beta * variance
    return returns


def fit(returns):
    """The optimiser's result, and the parameters' standard errors."""

    def value_and_gradient(p):
        value, gradient = likelihood.value_and_jacobian(p[0], p[1], p[2], returns)
        return value, np.array(gradient)

    bounds = [(1e-6, None), (0.0, 1.0), (0.0, 1.0)]
    options = {"ftol": 1e-15, "gtol": 1e-9}
    result = minimize(value_and_gradient, [0.1, 0.05, 0.8], jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    scores = contributions.jacobian(result.x, returns)
    return result, np.sqrt(np.diag(np.linalg.inv(scores.T @ scores)))


def main():
    returns = simulate()
    result, errors = fit(returns)
    print(f"GARCH(1,1), {len(returns)} days, {result.nfev} likelihoods with gradients")
    for name, true, found, error in zip(("omega", "alpha", "beta"), TRUE, result.x, errors):
        print(f"  {name:5}  true {true:.3f}   found {found:.4f} +- {error:.4f}")
    print(f"  largest gradient {np.max(np.abs(result.jac)):.1e}")


if __name__ == "__main__":
    main()
