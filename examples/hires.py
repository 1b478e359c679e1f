"""HIRES: how light makes a plant grow, in eight species ("high irradiance responses", Schäfer 1975).

Problem HIRES of F. Mazzia and C. Magherini, Test Set for Initial Value Problem Solvers, release 2.4 (2008).
"""

import numpy as np
from scipy.integrate import solve_ivp

from srcdiff import jacobian_compiled

INITIAL = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057])
T_END = 321.8122
REFERENCE = np.array(
    [
        0.7371312573325668e-3,
        0.1442485726316185e-3,
        0.5888729740967575e-4,
        0.1175651343283149e-2,
        0.2386356198831331e-2,
        0.6238968252742796e-2,
        0.2849998395185769e-2,
        0.2850001604814231e-2,
    ]
)


@jacobian_compiled(wrt="y")
def hires(t, y):
    y1, y2, y3, y4, y5, y6, y7, y8 = y
    return np.array(
        [
            -1.71 * y1 + 0.43 * y2 + 8.32 * y3 + 0.0007,
            1.71 * y1 - 8.75 * y2,
            -10.03 * y3 + 0.43 * y4 + 0.035 * y5,
            8.32 * y2 + 1.71 * y3 - 1.12 * y4,
            -1.745 * y5 + 0.43 * y6 + 0.43 * y7,
            -280.0 * y6 * y8 + 0.69 * y4 + 1.71 * y5 - 0.43 * y6 + 0.69 * y7,
            280.0 * y6 * y8 - 1.81 * y7,
            -280.0 * y6 * y8 + 1.81 * y7,
        ]
    )


def solve(method, rtol=1e-9):
    """Integrate to ``T_END`` with SciPy's ``Radau`` or ``BDF``."""
    return solve_ivp(hires, (0.0, T_END), INITIAL, method=method, jac=hires.jacobian, rtol=rtol, atol=1e-14)


def main():
    print("HIRES, 8 species")
    for method in ("Radau", "BDF"):
        solution = solve(method)
        error = np.max(np.abs(solution.y[:, -1] / REFERENCE - 1.0))
        print(
            f"{method:5}  t = {T_END}  steps {solution.t.size - 1:5}  Jacobians {solution.njev:4}  "
            f"largest relative error against the published solution {error:.1e}"
        )


if __name__ == "__main__":
    main()
