"""Chemical kinetics, thermodynamics and biology."""

import math
from math import exp, log, sqrt

import numpy as np

from corpus import array, between, case

R = 8.314462618
RATE_CONSTANTS = (0.04, 3e7, 1e4)


def robertson(t, y, k1, k2, k3):
    a, b, c = y
    return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])


def robertson_table(y):
    k1, k2, k3 = RATE_CONSTANTS
    r1, r2, r3 = k1 * y[0], k2 * y[1] * y[1], k3 * y[1] * y[2]
    return -r1 + r3, r1 - r2 - r3, r2


def hires(t, y):
    y1, y2, y3, y4, y5, y6, y7, y8 = y
    dy = np.zeros(8)
    dy[0] = -1.71 * y1 + 0.43 * y2 + 8.32 * y3 + 0.0007
    dy[1] = 1.71 * y1 - 8.75 * y2
    dy[2] = -10.03 * y3 + 0.43 * y4 + 0.035 * y5
    dy[3] = 8.32 * y2 + 1.71 * y3 - 1.12 * y4
    dy[4] = -1.745 * y5 + 0.43 * y6 + 0.43 * y7
    dy[5] = -280.0 * y6 * y8 + 0.69 * y4 + 1.71 * y5 - 0.43 * y6 + 0.69 * y7
    dy[6] = 280.0 * y6 * y8 - 1.81 * y7
    dy[7] = -dy[6]
    return dy


def oregonator(t, y, f=1.0, q=2e-3, eps=0.05):
    """The Belousov-Zhabotinsky reaction."""
    x, z, w = y[0], y[1], y[2]
    dx = (q * z - x * z + x * (1.0 - x)) / eps
    dz = (-q * z - x * z + f * w) / 0.1
    return np.array([dx, dz, x - w])


def brusselator(x, y, a=1.0, b=3.0):
    reaction = x**2 * y
    return a + reaction - (b + 1) * x, b * x - reaction


def arrhenius(temperature, prefactor, energy):
    return prefactor * exp(-energy / (R * temperature))


def modified_arrhenius(T, A, n, Ea, T_ref=298.15):
    return A * (T / T_ref) ** n * np.exp(-Ea / (R * T))


def troe_falloff(T, M, a, t3, t1):
    k0 = 1e3 * T**-1.2
    kinf = 50.0 * T**0.3
    pr = k0 * M / kinf
    fcent = (1.0 - a) * exp(-T / t3) + a * exp(-T / t1)
    log_f = math.log10(fcent)
    c = -0.4 - 0.67 * log_f
    n = 0.75 - 1.27 * log_f
    x = math.log10(pr) + c
    f = log_f / (1.0 + (x / (n - 0.14 * x)) ** 2)
    return kinf * pr / (1.0 + pr) * 10.0**f


def michaelis_menten(s, vmax, km, inhibitor=0.0, ki=1.0):
    return vmax * s / (km * (1.0 + inhibitor / ki) + s)


def hill(x, n, k):
    return x**n / (k**n + x**n)


def nasa_cp(t, low, high):
    """A heat capacity in two ranges of temperature, coefficients as tuples."""
    c = low if t < 1000.0 else high
    result = 0.0
    for k in (4, 3, 2, 1, 0):
        result = result * t / 1000.0 + c[k]
    return R * result


def nernst(ratio, temperature, charge: int = 1):
    return R * temperature / (charge * 96485.33212) * log(ratio)


def van_der_waals(v, t, a, b):
    if v <= b:
        raise ValueError("volume below the covolume")
    return R * t / (v - b) - a / v**2


def peng_robinson(v, t, tc, pc, omega):
    kappa = 0.37464 + 1.54226 * omega - 0.26992 * omega**2
    alpha = (1.0 + kappa * (1.0 - sqrt(t / tc))) ** 2
    a = 0.45724 * R**2 * tc**2 / pc * alpha
    b = 0.07780 * R * tc / pc
    return R * t / (v - b) - a / (v * (v + b) + b * (v - b))


def debye_huckel(ionic_strength, z: int, a=0.509, *, b=0.328, size=3.0):
    root = np.sqrt(ionic_strength)
    return 10 ** (-a * z**2 * root / (1 + b * size * root))


def hodgkin_huxley_rates(v):
    """The sodium gate's rates; the removable singularity has a branch of its own."""
    if abs(v + 40.0) < 1e-7:
        alpha = 1.0 + (v + 40.0) / 20.0
    else:
        alpha = 0.1 * (v + 40.0) / (1.0 - exp(-(v + 40.0) / 10.0))
    beta = 4.0 * exp(-(v + 65.0) / 18.0)
    return alpha, beta


def fitzhugh_nagumo(t, y, current):
    v, w = y
    return np.array([v - v**3 / 3.0 - w + current, 0.08 * (v + 0.7 - 0.8 * w)])


def ph_of_weak_acid(concentration, ka):
    """Newton's iteration on the charge balance."""
    kw = 1e-14
    h = sqrt(ka * concentration)
    for _ in range(60):
        f = h - kw / h - ka * concentration / (ka + h)
        df = 1.0 + kw / h**2 + ka * concentration / (ka + h) ** 2
        step = f / df
        h = h - step
        if abs(step) <= 1e-15 * h:
            break
    return -math.log10(h)


def sir_step(s, i, r, beta, gamma, dt=0.1):
    n = s + i + r
    infections = beta * s * i / n * dt
    recoveries = gamma * i * dt
    s -= infections
    i += infections - recoveries
    r += recoveries
    return s, i, r


def lotka_volterra(t, z, a, b, c, d):
    return np.array([z[0] * (a - b * z[1]), -z[1] * (c - d * z[0])])


CASES = [
    case(robertson, 0.0, array(0.1, 1.0, 3), 0.04, 3e7, 1e4, wrt="y", float32=True),
    case(robertson, 0.0, array(0.1, 1.0, 3), between(0.01, 0.1), 3e7, between(1e3, 1e4), wrt=("k1", "y", "k3")),
    case(robertson_table, array(0.1, 1.0, 3), shapes={"y": 3}),
    case(hires, 0.0, array(0.01, 1.0, 8), wrt="y"),
    case(oregonator, 0.0, array(0.01, 1.0, 3), wrt="y"),
    case(brusselator, between(0.2, 3.0), between(0.2, 3.0), wrt=("x", "y")),
    case(arrhenius, between(300.0, 1500.0), between(1.0, 1e3), between(1e3, 5e4), float32=True),
    case(modified_arrhenius, between(300.0, 1500.0), between(1.0, 1e3), between(-2.0, 2.0), between(1e3, 5e4)),
    case(troe_falloff, between(300.0, 1500.0), between(0.01, 10.0), between(0.4, 0.8), between(80.0, 200.0),
         between(1000.0, 2000.0)),
    case(michaelis_menten, *[between(0.1, 5.0)] * 5),
    case(hill, between(0.2, 3.0), between(0.5, 4.0), between(0.2, 3.0), float32=True),
    case(nasa_cp, between(300.0, 2500.0), (between(1.0, 3.0),) * 5, (between(1.0, 3.0),) * 5),
    case(nernst, between(0.1, 10.0), between(280.0, 320.0), 2),
    case(van_der_waals, between(0.1, 2.0), between(250.0, 400.0), between(0.1, 0.5), between(0.01, 0.05)),
    case(peng_robinson, between(1e-3, 1e-2), between(250.0, 400.0), between(300.0, 500.0), between(3e6, 5e6),
         between(0.0, 0.4)),
    case(debye_huckel, between(1e-3, 0.1), 2, between(0.4, 0.6), wrt=("ionic_strength", "a")),
    case(hodgkin_huxley_rates, between(-80.0, 20.0)),
    case(fitzhugh_nagumo, 0.0, array(-2.0, 2.0, 2), between(0.0, 1.0), wrt=("y", "current")),
    case(ph_of_weak_acid, between(1e-3, 1.0), between(1e-6, 1e-3)),
    case(sir_step, between(50.0, 100.0), between(1.0, 20.0), between(0.0, 10.0), between(0.1, 0.6), between(0.05, 0.2)),
    case(lotka_volterra, 0.0, array(0.2, 4.0, 2), *[between(0.3, 1.5)] * 4, wrt="z"),
]  # fmt: skip
