"""Kepler's equation M = E - e sin E, solved by Newton's method in a ``while`` loop, and differentiated through it.

The compiler knows nothing of implicit functions: it differentiates the iteration. At convergence that agrees with
dE/dM = 1 / (1 - e cos E) and dE/de = sin E / (1 - e cos E).
"""

import math

from srcdiff import jacobian_compiled


@jacobian_compiled(wrt=("mean_anomaly", "e"))
def eccentric_anomaly(mean_anomaly, e):
    E = mean_anomaly if e < 0.8 else math.pi
    step = 1.0
    while abs(step) > 1e-12:
        step = (E - e * math.sin(E) - mean_anomaly) / (1.0 - e * math.cos(E))
        E = E - step
    return E


def implicit_derivative(mean_anomaly, e):
    """(dE/dM, dE/de) by the implicit function theorem."""
    E = eccentric_anomaly(mean_anomaly, e)
    slope = 1.0 - e * math.cos(E)
    return 1.0 / slope, math.sin(E) / slope


def main():
    print("Kepler's equation: derivatives through Newton's iteration, and by the implicit function theorem")
    print(f"{'e':>7} {'M':>5} {'E':>18} {'dE/dM':>20} {'dE/de':>20} {'difference':>11}")
    for e, mean_anomaly in ((0.0167, 1.0), (0.2056, 2.5), (0.6, 0.3), (0.967, 0.05), (0.995, 3.0)):
        E, (dE_dM, dE_de) = eccentric_anomaly.value_and_jacobian(mean_anomaly, e)
        exact_dM, exact_de = implicit_derivative(mean_anomaly, e)
        difference = max(abs(dE_dM / exact_dM - 1.0), abs(dE_de / exact_de - 1.0))
        print(f"{e:7.4f} {mean_anomaly:5.2f} {E:18.14f} {dE_dM:20.15f} {dE_de:20.15f} {difference:11.1e}")


if __name__ == "__main__":
    main()
