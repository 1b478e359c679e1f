"""Mechanics, fluids and heat."""

import math

import numpy as np

from corpus import array, between, case

GRAVITY = 9.81


class Earth:
    mu = 3.986004418e5
    radius = 6378.137
    j2 = 1.08263e-3


def drag(v, k, n):
    total = 0.0
    for _ in range(n):
        if v > 1.0:  # turbulent
            total = total + k * v * v
        else:
            total = total + k * v
        v = v - 0.1 * math.sin(total)
    return total


def pendulum(t, y, length, damping):
    angle, speed = y
    return np.array([speed, -GRAVITY / length * math.sin(angle) - damping * speed])


def double_pendulum(y, m1, m2, l1, l2):
    a1, a2, w1, w2 = y
    delta = a2 - a1
    d1 = (m1 + m2) * l1 - m2 * l1 * np.cos(delta) ** 2
    d2 = l2 / l1 * d1
    s1, s2 = np.sin(a1), np.sin(a2)
    acc1 = (
        m2 * l1 * w1**2 * np.sin(delta) * np.cos(delta)
        + m2 * GRAVITY * s2 * np.cos(delta)
        + m2 * l2 * w2**2 * np.sin(delta)
        - (m1 + m2) * GRAVITY * s1
    ) / d1
    acc2 = (
        -m2 * l2 * w2**2 * np.sin(delta) * np.cos(delta)
        + (m1 + m2) * (GRAVITY * s1 * np.cos(delta) - l1 * w1**2 * np.sin(delta) - GRAVITY * s2)
    ) / d2
    return np.array([w1, w2, acc1, acc2])


def kepler(mean_anomaly, eccentricity):
    """Kepler's equation by Newton's iteration."""
    e = mean_anomaly if eccentricity < 0.8 else math.pi
    while True:
        step = (e - eccentricity * math.sin(e) - mean_anomaly) / (1.0 - eccentricity * math.cos(e))
        e -= step
        if abs(step) < 1e-13:
            break
    return e


def orbit_acceleration(r, j2=Earth.j2):
    """Two-body acceleration with the oblateness of the Earth."""
    x, y, z = r
    d = np.linalg.norm(r)
    factor = 1.5 * j2 * Earth.mu * Earth.radius**2 / d**5
    ratio = 5.0 * z**2 / d**2
    return -Earth.mu / d**3 * r + factor * np.array([x * (ratio - 1.0), y * (ratio - 1.0), z * (ratio - 3.0)])


def colebrook(reynolds, roughness, max_iterations=50):
    """The friction factor of a pipe, laminar or turbulent."""
    if reynolds < 2300.0:
        return 64.0 / reynolds
    x = 2.0
    for _ in range(max_iterations):
        new = -2.0 * math.log10(roughness / 3.7 + 2.51 * x / reynolds)
        if abs(new - x) < 1e-14:
            break
        x = new
    return 1.0 / x**2


def projectile(speed: float, angle: float, drag_coefficient: float = 0.02, steps: int = 30) -> float:
    """Height after a fixed number of Euler steps."""
    vx, vy = speed * math.cos(angle), speed * math.sin(angle)
    x = y = 0.0
    dt = 0.02
    for _ in range(steps):
        v = math.hypot(vx, vy)
        vx, vy = vx - dt * drag_coefficient * v * vx, vy - dt * (GRAVITY + drag_coefficient * v * vy)
        x += dt * vx
        y += dt * vy
    return y + 0.1 * x


def norm2(v):
    return v[0] * v[0] + v[1] * v[1]


def three_body(p1, p2, p3):
    """Potential energy of three equal masses in the plane."""
    energy = 0.0
    for a, b in ((p1, p2), (p1, p3), (p2, p3)):
        dx = a[0] - b[0]
        dy = a[1] - b[1]
        energy -= 1.0 / math.sqrt(norm2((dx, dy)) + 1e-3)
    return energy


def lennard_jones(r, epsilon, sigma, cutoff=2.5):
    if r > cutoff * sigma:
        return 0.0
    s6 = (sigma / r) ** 6
    return 4.0 * epsilon * (s6 * s6 - s6)


def rigid_body(omega, inertia, torque):
    """Euler's equations."""
    return (torque - np.cross(omega, inertia * omega)) / inertia


def spring_contact(x, v, stiffness, damping):
    """A one-sided spring: no pull."""
    force = -stiffness * x - damping * v if x < 0.0 else 0.0
    return max(force, 0.0)


def van_der_pol(t, y, mu):
    return [y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]]


def lorenz(t, y, dy):
    dy[0] = 10.0 * (y[1] - y[0])
    dy[1] = y[0] * (28.0 - y[2]) - y[1]
    dy[2] = y[0] * y[1] - 8.0 / 3.0 * y[2]


def reynolds_regime(density, speed, diameter, viscosity):
    re = density * speed * diameter / viscosity
    if re < 2300:
        return 64 / re
    elif re < 4000:
        t = (re - 2300) / 1700
        return (1 - t) * 64 / 2300 + t * 0.316 * 4000**-0.25
    return 0.316 * re**-0.25


def rk4_step(y, h, k):
    """One Runge-Kutta step of a damped oscillator, with a local function as right-hand side."""

    def rate(state):
        p, v = state
        return v, -k * p - 0.1 * v

    p, v = y
    a1, b1 = rate((p, v))
    a2, b2 = rate((p + 0.5 * h * a1, v + 0.5 * h * b1))
    a3, b3 = rate((p + 0.5 * h * a2, v + 0.5 * h * b2))
    a4, b4 = rate((p + h * a3, v + h * b3))
    return p + h / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4), v + h / 6.0 * (b1 + 2.0 * b2 + 2.0 * b3 + b4)


def black_body(wavelength, temperature):
    """Planck's law in micrometres and kelvins."""
    c1, c2 = 1.191042972e8, 1.438776877e4
    return c1 / wavelength**5 / math.expm1(c2 / (wavelength * temperature))


def antoine(t, a=8.07131, b=1730.63, c=233.426):
    return 10.0 ** (a - b / (c + t))


CASES = [
    case(drag, between(0.8, 2.0), between(0.1, 0.6), 6, float32=True),
    case(pendulum, 0.0, array(-1.5, 1.5, 2), between(0.5, 2.0), between(0.0, 0.5), wrt="y", float32=True),
    case(pendulum, 0.0, array(-1.5, 1.5, 2), between(0.5, 2.0), between(0.0, 0.5), wrt=("y", "length")),
    case(double_pendulum, array(-1.5, 1.5, 4), *[between(0.5, 2.0)] * 4),
    case(kepler, between(0.3, 3.0), between(0.05, 0.9)),
    case(orbit_acceleration, array(4500.0, 8000.0, 3), wrt="r", shapes={"r": 3}),
    case(colebrook, between(4e3, 1e6), between(1e-5, 1e-2)),
    case(colebrook, between(500.0, 2200.0), between(1e-5, 1e-2)),
    case(projectile, between(10.0, 40.0), between(0.3, 1.2), between(0.01, 0.05)),
    case(three_body, *[(between(-2.0, 2.0), between(-2.0, 2.0))] * 3),
    case(lennard_jones, between(0.9, 2.0), between(0.5, 2.0), between(0.9, 1.2), float32=True),
    case(lennard_jones, between(4.0, 5.0), between(0.5, 2.0), between(0.9, 1.2)),
    case(rigid_body, array(-1.0, 1.0, 3), array(1.0, 3.0, 3), array(-1.0, 1.0, 3), wrt=("omega", "torque"),
         shapes={"omega": 3, "inertia": 3, "torque": 3}),
    case(spring_contact, between(-1.0, 1.0), between(-1.0, 1.0), between(1.0, 5.0), between(0.1, 0.5)),
    case(van_der_pol, 0.0, array(-2.0, 2.0, 2), between(0.5, 5.0), wrt="y"),
    case(lorenz, 0.0, array(-10.0, 10.0, 3), np.zeros(3), wrt="y", of="dy", shapes={"y": 3, "dy": 3}),
    case(reynolds_regime, between(900.0, 1100.0), between(0.5, 2.0), between(0.001, 0.01), between(1e-3, 3e-3)),
    case(rk4_step, (between(-1.0, 1.0), between(-1.0, 1.0)), between(0.01, 0.2), between(0.5, 4.0)),
    case(black_body, between(0.5, 10.0), between(500.0, 6000.0)),
    case(antoine, between(10.0, 90.0), wrt="t"),
]  # fmt: skip
