"""POLLU: the chemistry of an air pollution model, 25 reactions between 20 species (Verwer 1994).

Problem POLLU of F. Mazzia and C. Magherini, Test Set for Initial Value Problem Solvers, release 2.4 (2008).
"""

import numpy as np
from scipy.integrate import solve_ivp

from srcdiff import jacobian_compiled

SPECIES = [
    *("NO2", "NO", "O3P", "O3", "HO2", "OH", "HCHO", "CO", "ALD", "MEO2"),
    *("C2O3", "CO2", "PAN", "CH3O", "HNO3", "O1D", "SO2", "SO4", "NO3", "N2O5"),
]
RATES = np.array(
    [
        *(0.35, 26.6, 1.23e4, 8.6e-4, 8.2e-4),
        *(1.5e4, 1.3e-4, 2.4e4, 1.65e4, 9.0e3),
        *(0.022, 1.2e4, 1.88, 1.63e4, 4.8e6),
        *(3.5e-4, 0.0175, 1.0e8, 4.44e11, 1.24e3),
        *(2.1, 5.78, 0.0474, 1.78e3, 3.12),
    ]
)
INITIAL = np.zeros(20)
INITIAL[[1, 3, 6, 7, 8, 16]] = 0.2, 0.04, 0.1, 0.3, 0.01, 0.007
T_END = 60.0
REFERENCE = np.array(
    [
        0.5646255480022769e-01,
        0.1342484130422339e00,
        0.4139734331099427e-08,
        0.5523140207484359e-02,
        0.2018977262302196e-06,
        0.1464541863493966e-06,
        0.7784249118997964e-01,
        0.3245075353396018e00,
        0.7494013383880406e-02,
        0.1622293157301561e-07,
        0.1135863833257075e-07,
        0.2230505975721359e-02,
        0.2087162882798630e-03,
        0.1396921016840158e-04,
        0.8964884856898295e-02,
        0.4352846369330103e-17,
        0.6899219696263405e-02,
        0.1007803037365946e-03,
        0.1772146513969984e-05,
        0.5682943292316392e-04,
    ]
)


@jacobian_compiled(wrt="y")
def pollu(t, y, k):
    # CO, CO2, HNO3 and SO4 are products only.
    y1, y2, y3, y4, y5, y6, y7, _, y9, y10, y11, _, y13, y14, _, y16, y17, _, y19, y20 = y
    r1 = k[0] * y1
    r2 = k[1] * y2 * y4
    r3 = k[2] * y5 * y2
    r4 = k[3] * y7
    r5 = k[4] * y7
    r6 = k[5] * y7 * y6
    r7 = k[6] * y9
    r8 = k[7] * y9 * y6
    r9 = k[8] * y11 * y2
    r10 = k[9] * y11 * y1
    r11 = k[10] * y13
    r12 = k[11] * y10 * y2
    r13 = k[12] * y14
    r14 = k[13] * y1 * y6
    r15 = k[14] * y3
    r16 = k[15] * y4
    r17 = k[16] * y4
    r18 = k[17] * y16
    r19 = k[18] * y16
    r20 = k[19] * y17 * y6
    r21 = k[20] * y19
    r22 = k[21] * y19
    r23 = k[22] * y1 * y4
    r24 = k[23] * y19 * y1
    r25 = k[24] * y20
    return np.array(
        [
            -r1 - r10 - r14 - r23 - r24 + r2 + r3 + r9 + r11 + r12 + r22 + r25,
            -r2 - r3 - r9 - r12 + r1 + r21,
            -r15 + r1 + r17 + r19 + r22,
            -r2 - r16 - r17 - r23 + r15,
            -r3 + 2.0 * r4 + r6 + r7 + r13 + r20,
            -r6 - r8 - r14 - r20 + r3 + 2.0 * r18,
            -r4 - r5 - r6 + r13,
            r4 + r5 + r6 + r7,
            -r7 - r8,
            -r12 + r7 + r9,
            -r9 - r10 + r8 + r11,
            r9,
            -r11 + r10,
            -r13 + r12,
            r14,
            -r18 - r19 + r16,
            -r20,
            r20,
            -r21 - r22 - r24 + r23 + r25,
            -r25 + r24,
        ]
    )


def solve(method, rtol=1e-8):
    """Integrate to ``T_END`` with SciPy's ``Radau`` or ``BDF``."""
    return solve_ivp(
        pollu, (0.0, T_END), INITIAL, method=method, jac=pollu.jacobian, args=(RATES,), rtol=rtol, atol=1e-20
    )


def main():
    entries = pollu.jacobian(0.0, REFERENCE, RATES)
    print(f"POLLU, 20 species, 25 reactions; {np.count_nonzero(entries)} of the Jacobian's 400 entries are not zero")
    for method in ("Radau", "BDF"):
        solution = solve(method)
        error = np.max(np.abs(solution.y[:, -1] / REFERENCE - 1.0))
        print(
            f"{method:5}  t = {T_END}  steps {solution.t.size - 1:5}  Jacobians {solution.njev:4}  "
            f"largest relative error against the published solution {error:.1e}"
        )
    final = dict(zip(SPECIES, solution.y[:, -1]))
    print("after an hour: " + ", ".join(f"{name} {final[name]:.3e}" for name in ("NO2", "O3", "OH")))


if __name__ == "__main__":
    main()
