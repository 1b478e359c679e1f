"""Robertson's chemical kinetics: three species, rate constants from 0.04 to 3e7, eleven decades of time.

Problem ROBER of F. Mazzia and C. Magherini, Test Set for Initial Value Problem Solvers, release 2.4 (2008).
The Jacobian goes to SciPy's implicit solvers as it stands: ``jac=robertson.jacobian``.
"""

import numpy as np
from scipy.integrate import solve_ivp

from srcdiff import jacobian_compiled

RATES = (0.04, 3e7, 1e4)
INITIAL = np.array([1.0, 0.0, 0.0])
T_END = 1e11
REFERENCE = np.array([0.2083340149701255e-07, 0.8333360770334713e-13, 0.9999999791665050])


@jacobian_compiled(wrt="y")
def robertson(t, y, k1, k2, k3):
    a, b, c = y
    return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])


def solve(method, rtol=1e-9):
    """Integrate to ``T_END`` with SciPy's ``Radau`` or ``BDF``."""
    return solve_ivp(
        robertson,
        (0.0, T_END),
        INITIAL,
        method=method,
        jac=robertson.jacobian,
        args=RATES,
        rtol=rtol,
        atol=[1e-16, 1e-22, 1e-16],
    )


def main():
    print("Robertson's kinetics, Jacobian at y = (0.9, 2e-5, 0.1):")
    print(robertson.jacobian(0.0, np.array([0.9, 2e-5, 0.1]), *RATES))
    for method in ("Radau", "BDF"):
        solution = solve(method)
        error = np.max(np.abs(solution.y[:, -1] / REFERENCE - 1.0))
        print(
            f"{method:5}  t = {T_END:.0e}  steps {solution.t.size - 1:5}  Jacobians {solution.njev:4}  "
            f"largest relative error against the published solution {error:.1e}"
        )


if __name__ == "__main__":
    main()
