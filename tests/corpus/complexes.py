"""Real inputs that pass through complex values: circuits, filters, waves."""

import cmath
import math

import numpy as np

from corpus import between, case


def impedance(resistance, inductance, capacitance, frequency):
    """The magnitude and phase of a series circuit."""
    w = 2.0 * math.pi * frequency
    z = resistance + 1j * w * inductance + 1.0 / (1j * w * capacitance)
    return abs(z), cmath.phase(z)


def low_pass_gain(frequency, cutoff, quality):
    s = 1j * frequency / cutoff
    h = 1.0 / (1.0 + s / quality + s * s)
    return abs(h)


def fresnel_reflectance(n, k, angle):
    """Reflectance of an absorbing medium, s-polarised."""
    index = complex(n, k)
    cos_t = cmath.sqrt(1.0 - (math.sin(angle) / index) ** 2)
    r = (math.cos(angle) - index * cos_t) / (math.cos(angle) + index * cos_t)
    return r.real**2 + r.imag**2


def quadratic_roots(a, b, c):
    """Real and imaginary part of a root."""
    root = (-b + cmath.sqrt(b * b - 4.0 * a * c)) / (2.0 * a)
    return root.real, root.imag


def mandelbrot_potential(x, y, steps: int = 6):
    z = 0j
    c = complex(x, y)
    for _ in range(steps):
        z = z * z + c
    return math.log(abs(z))


def joukowski(x, y, circulation):
    """The speed on a mapped circle."""
    z = complex(x, y)
    w = 1.0 - 1.0 / (z * z) + 1j * circulation / z
    return np.abs(w * np.conj(w))


def transfer(frequency, a, b):
    z = np.exp(-1j * frequency)
    h = (1.0 + b * z) / (1.0 - a * z)
    return h.real, h.imag


def phasor_sum(a1, p1, a2, p2):
    total = cmath.rect(a1, p1) + cmath.rect(a2, p2)
    return abs(total), total.conjugate().imag


CASES = [
    case(impedance, between(1.0, 10.0), between(1e-3, 1e-2), between(1e-5, 1e-4), between(50.0, 500.0)),
    case(low_pass_gain, between(0.1, 3.0), between(0.5, 2.0), between(0.5, 2.0)),
    case(fresnel_reflectance, between(1.2, 2.5), between(0.1, 2.0), between(0.1, 1.2)),
    case(quadratic_roots, between(0.5, 2.0), between(-1.0, 1.0), between(1.0, 3.0)),
    case(mandelbrot_potential, between(0.4, 0.9), between(0.3, 0.9)),
    case(joukowski, between(0.8, 1.5), between(0.3, 1.5), between(0.0, 1.0)),
    case(transfer, between(0.1, 3.0), between(0.1, 0.9), between(-0.9, 0.9)),
    case(phasor_sum, *[between(0.3, 2.0)] * 4),
]
