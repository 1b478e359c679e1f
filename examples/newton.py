"""Newton's method in compiled code, for any decorated function: `newton(f, x, *args)` is the user's own `@njit`.

Two problems use the one solver: the composition of a gas in chemical equilibrium, and the operating points of a diode
for a sweep of a thousand supply voltages.
"""

import math

import numpy as np
from numba import njit

from srcdiff import jacobian_compiled


@jacobian_compiled(wrt="x")
def equilibrium(x, pressure, k):
    """Hydrogen, oxygen and water: logarithms of amounts; 2 mol of H and 1 mol of O; 2 H2 + O2 = 2 H2O."""
    h2, o2, h2o = math.exp(x[0]), math.exp(x[1]), math.exp(x[2])
    total = h2 + o2 + h2o
    return np.array(
        [
            2.0 * h2 + 2.0 * h2o - 2.0,
            2.0 * o2 + h2o - 1.0,
            2.0 * x[2] - 2.0 * x[0] - x[1] + math.log(total) - math.log(k * pressure),
        ]
    )


@jacobian_compiled(wrt="v")
def diode(v, supply, resistance):
    """Voltage over a diode in series with a resistor, by Shockley's law; `v` has one element."""
    current = 1e-12 * math.expm1(v[0] / 0.02585)
    return np.array([v[0] + resistance * current - supply])


@njit
def newton(f, x, a, b, tolerance, most):
    """Solve f(x, a, b) = 0 by damped Newton steps. Returns the solution and the number of steps, -1 without success."""
    for step in range(most):
        residual, J = f.value_and_jacobian(x, a, b)
        size = np.max(np.abs(residual))
        if size <= tolerance:
            return x, step
        direction = np.linalg.solve(J, residual)
        damping = 1.0
        trial = x - direction
        while not np.max(np.abs(f(trial, a, b))) < size and damping > 1e-6:
            damping *= 0.5
            trial = x - damping * direction
        x = trial
    return x, -1


@njit
def sweep(f, supplies, resistance):
    """Each point starts from the one before it."""
    voltages = np.empty(supplies.size)
    v = np.array([0.5])
    for i in range(supplies.size):
        v, steps = newton(f, v, supplies[i], resistance, 1e-12, 100)
        if steps < 0:
            voltages[i] = np.nan
        else:
            voltages[i] = v[0]
    return voltages


def main():
    x, steps = newton(equilibrium, np.zeros(3), 1.0, 50.0, 1e-13, 50)
    print(f"equilibrium after {steps} steps: H2, O2, H2O = {np.exp(x).round(6)} mol")
    supplies = np.linspace(0.1, 5.0, 1000)
    voltages = sweep(diode, supplies, 1000.0)
    print(f"diode: {voltages[-1]:.6f} V at a supply of {supplies[-1]:.1f} V")


if __name__ == "__main__":
    main()
