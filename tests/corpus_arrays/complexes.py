"""Complex values between real inputs and outputs; holomorphic functions of complex arrays."""

import numpy as np

from corpus_arrays import array, between, case, complexes


def power_spectrum(y):
    """By the definition of the discrete transform."""
    n = len(y)
    power = np.zeros(n)
    for k in range(n):
        s = 0j
        for t in range(n):
            s += y[t] * np.exp(-2j * np.pi * k * t / n)
        power[k] = s.real**2 + s.imag**2
    return power


def transform_matrix(y):
    n = len(y)
    k = np.arange(n)
    F = np.exp(-2j * np.pi * np.outer(k, k) / n)
    z = F @ y.astype(np.complex128)
    return np.abs(z)


def gains(frequency, cutoff):
    h = 1.0 / (1.0 + 1j * frequency / cutoff)
    return np.abs(h), np.angle(h)


def real_and_imaginary(x, y):
    z = x + 1j * y
    w = z * z + 1.0 / z
    return w.real, w.imag


def conjugate_product(x, y):
    z = x + 1j * y
    return (z * np.conj(z)).real, (z**2).conj().imag


def ladder(resistance, capacitance, w):
    """Impedance of a chain of RC sections."""
    z = 0.0 + 0.0j
    for i in range(len(resistance)):
        z = resistance[i] + 1.0 / (1j * w * capacitance[i] + (1.0 / z if i > 0 else 0.0))
    return abs(z), z.imag


def mandelbrot(c, steps: int):
    z = np.zeros_like(c)
    for _ in range(steps):
        z = z * z + c
    return z


def holomorphic_loop(z, a):
    out = np.empty_like(z)
    for i in range(len(z)):
        out[i] = np.exp(a * z[i]) + z[i - 1] ** 2
    return out


def complex_polynomial(c, z):
    value = np.zeros_like(z)
    for k in range(len(c)):
        value = value * z + c[k]
    return value


def schroedinger(psi, potential):
    """i psi' = -psi''/2 + V psi."""
    d = np.zeros_like(psi)
    d[1:-1] = -1j * (-0.5 * (psi[:-2] - 2.0 * psi[1:-1] + psi[2:]) + potential[1:-1] * psi[1:-1])
    return d


def complex_system(A, b):
    return np.linalg.solve(A, b)


def real_from_complex_buffer(y):
    z = np.zeros(len(y), dtype=np.complex128)
    for i in range(len(y)):
        z[i] = y[i] * (1.0 + 1j * y[i - 1])
    return z.real * z.imag


CASES = [
    case(power_spectrum, array(-1, 1, 6)),
    case(transform_matrix, array(-1, 1, 5), float32=False),
    case(gains, array(0.5, 2, 5), between(0.5, 2)),
    case(real_and_imaginary, array(0.5, 1, 5), array(0.5, 1, 5)),
    case(conjugate_product, array(-1, 1, 6), array(-1, 1, 6)),
    case(ladder, array(0.5, 2, 5), array(0.5, 2, 5), between(0.5, 2)),
    case(mandelbrot, complexes(-0.5, 0.5, 5), 4),
    case(holomorphic_loop, complexes(-1, 1, 5), complexes(0.5, 1), wrt="z"),
    case(complex_polynomial, complexes(-1, 1, 4), complexes(-1, 1, 5)),
    case(schroedinger, complexes(-1, 1, 6), array(0, 1, 6), wrt="psi"),
    case(complex_system, complexes(1, 2, 3, 3), complexes(-1, 1, 3), tags=("lapack",)),
    case(real_from_complex_buffer, array(-1, 1, 6)),
]
