"""Levenberg-Marquardt on a curve whose model has a matrix exponential inside.

Three compartments exchange a drug; concentrations in the first one are measured. The state moves from one sample to
the next by the exponential of the rates' matrix, itself ordinary NumPy: a Pade approximant with a linear solve, and
repeated squaring (Higham, "The scaling and squaring method for the matrix exponential revisited", 2005).
"""

import numpy as np

from srcdiff import jacobian_compiled

TIMES = np.array([0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0])
START = np.log(np.array([1.0, 1.0, 1.0, 0.2, 0.2, 1.0]))
TRUE = np.log(np.array([0.6, 1.2, 0.8, 0.3, 0.15, 1.5]))  # elimination, four exchange rates, volume


def expm(A):
    """The Pade approximant of order 5, scaled by 2**6 at most."""
    squarings = 0
    norm = np.sum(np.abs(A))
    while norm > 0.5 and squarings < 12:
        norm *= 0.5
        squarings += 1
    B = A / 2.0**squarings
    identity = np.eye(A.shape[0])
    B2 = B @ B
    B4 = B2 @ B2
    odd = B @ (15120.0 * identity + 420.0 * B2 + B4)
    even = 30240.0 * identity + 3360.0 * B2 + 30.0 * B4
    E = np.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        E = E @ E
    return E


@jacobian_compiled(wrt="log_rates")
def concentrations(log_rates, times, dose):
    out, to_2, from_2, to_3, from_3, volume = np.exp(log_rates)
    A = np.array([[-out - to_2 - to_3, from_2, from_3], [to_2, -from_2, 0.0], [to_3, 0.0, -from_3]])
    amount = np.array([dose, 0.0, 0.0])
    measured = np.empty(len(times))
    now = 0.0
    for i in range(len(times)):
        amount = expm(A * (times[i] - now)) @ amount
        now = times[i]
        measured[i] = amount[0] / volume
    return measured


def levenberg_marquardt(function, p, target, tolerance=1e-12):
    """The parameters, and (cost, damping) of every accepted step."""
    damping, history = 1e-2, []
    value, J = function.value_and_jacobian(p, TIMES, 10.0)
    for _ in range(100):
        r = value - target
        normal = J.T @ J
        change = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -J.T @ r)
        trial, trial_J = function.value_and_jacobian(p + change, TIMES, 10.0)
        if np.sum((trial - target) ** 2) < r @ r:
            p, value, J = p + change, trial, trial_J
            history.append((np.sum((value - target) ** 2), damping))
            damping *= 0.2
            if np.max(np.abs(change)) < tolerance:
                break
        elif np.max(np.abs(change)) < tolerance:
            break
        else:
            damping *= 5.0
    return p, history


def main():
    data = concentrations(TRUE, TIMES, 10.0)
    found, history = levenberg_marquardt(concentrations, START, data)
    print(f"three compartments, {len(TIMES)} samples, {len(history)} accepted steps")
    print("  sum of squares ", "  ".join(f"{cost:.0e}" for cost, _ in history))
    print("  true           ", np.exp(TRUE).round(6))
    print("  found          ", np.exp(found).round(6))


if __name__ == "__main__":
    main()
