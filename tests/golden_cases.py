"""Functions whose emitted text is kept, read, and compared."""

import cmath
import math
from collections import namedtuple

import numpy as np

GRAVITY = 9.81
RATES = {"slow": 0.5, "fast": 2.0}
COUPLING = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]])

State = namedtuple("State", "position velocity")


def drag(v, k, n):
    total = 0.0
    for i in range(n):
        if v > 1.0:  # turbulent
            total = total + k * v * v
        else:
            total = total + k * v
        v = v - 0.1 * math.sin(total)
    return total


def three(x1, x2, x3):
    return x1 + x2, x3 * x1, x2**3


def robertson(t, y, k1, k2, k3):
    a, b, c = y
    return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])


def lotka_volterra(t, y, dy):
    # Prey and predator.
    dy[0] = 1.5 * y[0] - y[0] * y[1]
    dy[1] = y[0] * y[1] - 3.0 * y[1]


def kepler(mean_anomaly, eccentricity):
    E = mean_anomaly
    while True:
        step = (E - eccentricity * math.sin(E) - mean_anomaly) / (1.0 - eccentricity * math.cos(E))
        E -= step
        if abs(step) < 1e-14:
            return E


def black_scholes(spot, strike, rate, sigma, maturity):
    d1 = (math.log(spot / strike) + (rate + 0.5 * sigma**2) * maturity) / (sigma * math.sqrt(maturity))
    d2 = d1 - sigma * math.sqrt(maturity)
    n1 = 0.5 * (1.0 + math.erf(d1 / math.sqrt(2.0)))
    n2 = 0.5 * (1.0 + math.erf(d2 / math.sqrt(2.0)))
    return spot * n1 - strike * math.exp(-rate * maturity) * n2


def rosenbrock(x):
    a, b = x
    return (1.0 - a) ** 2 + 100.0 * (b - a**2) ** 2


def hypotenuse(x, y):
    return math.hypot(x, y)


def softplus(x):
    if x > 30.0:
        return x
    return math.log1p(math.exp(x))


def piecewise(x, mode="linear"):
    if mode == "linear":
        return 2.0 * x
    elif mode == "cubic":
        return x**3
    raise ValueError(f"unknown mode {mode}")


def pendulum(state, dt, damping=0.1):
    acceleration = -GRAVITY * math.sin(state.position) - damping * state.velocity
    return State(state.position + dt * state.velocity, state.velocity + dt * acceleration)


def series(x, terms):
    """exp(x) by its series."""
    total, term = 1.0, 1.0
    for n in range(1, terms):
        term *= x / n
        total += term
    return total


def swap(a, b):
    if a < b:
        a, b = b, a
    return a * math.exp(b)


def power(x, n: int):
    if n == 0:
        return 1.0
    return x * power(x, n - 1)


def smooth_max(x, y, sharpness):
    return sharpness * math.log(math.exp(x / sharpness) + math.exp(y / sharpness))


def saturate(x, low, high):
    return np.maximum(low, np.minimum(x, high))


def spring_chain(x):
    return COUPLING @ x


def rotate(q, v):
    """A vector turned by a quaternion."""
    u = q[1:]
    return v + 2.0 * np.cross(u, np.cross(u, v) + q[0] * v)


def rotation(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def distance(p, q):
    return np.linalg.norm(p - q)


def accumulate_in_place(y):
    w = np.zeros(3)
    for i in range(3):
        w[i] = y[i] ** 2
        if i > 0:
            w[i] += w[i - 1]
    return w


def impedance(resistance, inductance, frequency):
    z = complex(resistance, 2.0 * math.pi * frequency * inductance)
    return abs(z), (1.0 / z).real


def damped_wave(t, omega, zeta):
    return (cmath.exp(complex(-zeta, omega) * t)).real


def bisect(target, low, high):
    for _ in range(60):
        middle = 0.5 * (low + high)
        if middle**3 < target:
            low = middle
        else:
            high = middle
    return middle


def first_above(x, limit):
    total = 0.0
    for weight in (0.2, 0.3, 0.5):
        total += weight * x
        if total > limit:
            break
    else:
        total = limit
    return total


def arrhenius(temperature, kind="slow"):
    return RATES[kind] * math.exp(-5000.0 / temperature)


def scaled(x, factor):
    def gain(z):
        return factor * math.tanh(z)

    return gain(x) + gain(2.0 * x)


def van_der_pol(t, y, mu):
    return y[1], mu * (1.0 - y[0] ** 2) * y[1] - y[0]


def tank(level, inflow, area):
    assert area > 0.0, "a tank has a cross-section"
    outflow = math.sqrt(2.0 * GRAVITY * level) if level > 0.0 else 0.0
    return (inflow - outflow) / area


def project(point, focal):
    x, y, z = point
    u, v = focal * x / z, focal * y / z
    r2 = u * u + v * v
    return np.array([u, v]) * (1.0 + 0.1 * r2)


# Function, options of `emit`.
CASES = {
    "drag": (drag, {"mode": "value_and_jacobian"}),
    "three": (three, {}),
    "robertson": (robertson, {"wrt": "y"}),
    "robertson_into": (robertson, {"wrt": "y", "mode": "into"}),
    "robertson_primal": (robertson, {"wrt": "y", "mode": "primal"}),
    "lotka_volterra": (lotka_volterra, {"wrt": "y", "of": "dy"}),
    "kepler": (kepler, {"mode": "value_and_jacobian"}),
    "black_scholes": (black_scholes, {"mode": "value_and_jacobian"}),
    "rosenbrock": (rosenbrock, {"mode": "value_and_jacobian"}),
    "hypotenuse": (hypotenuse, {}),
    "softplus": (softplus, {}),
    "piecewise": (piecewise, {}),
    "pendulum": (pendulum, {}),
    "series": (series, {"mode": "value_and_jacobian"}),
    "series_jvp": (series, {"mode": "jvp"}),
    "swap": (swap, {"mode": "value_and_jacobian"}),
    "power": (power, {"mode": "value_and_jacobian"}),
    "smooth_max": (smooth_max, {"mode": "value_and_jacobian"}),
    "saturate": (saturate, {}),
    "spring_chain": (spring_chain, {}),
    "rotate": (rotate, {"types": {"q": "float64[:]", "v": "float64[:]"}, "shapes": {"q": 4, "v": 3}, "mode": "matrix"}),
    "rotation": (rotation, {"mode": "value_and_jacobian"}),
    "distance": (distance, {"types": {"p": "float64[:]", "q": "float64[:]"}, "shapes": {"p": 3, "q": 3}}),
    "accumulate_in_place": (accumulate_in_place, {"mode": "value_and_jacobian"}),
    "impedance": (impedance, {"mode": "value_and_jacobian"}),
    "damped_wave": (damped_wave, {}),
    "bisect": (bisect, {"mode": "value_and_jacobian"}),
    "first_above": (first_above, {"mode": "value_and_jacobian"}),
    "arrhenius": (arrhenius, {"mode": "value_and_jacobian"}),
    "scaled": (scaled, {"mode": "value_and_jacobian"}),
    "van_der_pol": (van_der_pol, {"wrt": "y"}),
    "tank": (tank, {"mode": "value_and_jacobian"}),
    "project": (project, {"mode": "value_and_jacobian"}),
}
