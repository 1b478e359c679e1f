"""Helpers that take, return and fill arrays."""

import math

import numpy as np
from numba import njit

from corpus_arrays import array, between, case


def square(values):
    return values * values


def energy(y):
    return np.sum(square(y)) + square(y[0])


def laplacian(u):
    out = np.zeros_like(u)
    out[1:-1] = u[:-2] - 2.0 * u[1:-1] + u[2:]
    return out


def reaction_diffusion(u, d, r):
    return d * laplacian(u) + r * u * (1.0 - u)


def fill_fluxes(u, flux):
    for i in range(len(u) - 1):
        flux[i] = 0.5 * (u[i] ** 2 + u[i + 1] ** 2) - 0.1 * (u[i + 1] - u[i])


def finite_volumes(u, dx):
    flux = np.zeros(len(u) - 1)
    fill_fluxes(u, flux)
    du = np.zeros(len(u))
    for i in range(1, len(u) - 1):
        du[i] = (flux[i - 1] - flux[i]) / dx
    return du


def derivative(y, p):
    d = np.empty_like(y)
    for i in range(len(y)):
        d[i] = p * math.sin(y[i - 1]) - y[i]
    return d


def rk4_step(y, p, h):
    k1 = derivative(y, p)
    k2 = derivative(y + 0.5 * h * k1, p)
    k3 = derivative(y + 0.5 * h * k2, p)
    k4 = derivative(y + h * k3, p)
    return y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


def integrate(y, p, h, steps: int):
    for _ in range(steps):
        y = rk4_step(y, p, h)
    return y


def derivative_into(t, y, p, dy):
    dy[0] = -p * y[0]
    for i in range(1, len(y)):
        dy[i] = p * (y[i - 1] - y[i]) + 0.1 * t


def heun(y, p, h, steps: int):
    """The same work arrays in every step."""
    y = y.copy()
    k1 = np.zeros_like(y)
    k2 = np.zeros_like(y)
    stage = np.zeros_like(y)
    t = 0.0
    for _ in range(steps):
        derivative_into(t, y, p, k1)
        stage[:] = y + h * k1
        derivative_into(t + h, stage, p, k2)
        for i in range(len(y)):
            y[i] += 0.5 * h * (k1[i] + k2[i])
        t += h
    return y


def moments(y):
    centre = y.mean()
    return centre, y - centre


def standardised(y):
    centre, rest = moments(y)
    return rest / np.sqrt(np.mean(rest**2)) + centre


def split(z):
    n = len(z) // 2
    return z[:n], z[n:]


def pendulums(t, z):
    angle, speed = split(z)
    return np.concatenate((speed, -np.sin(angle)))


def scale_in_place(a, factor):
    a *= factor
    return a


def returned_argument(y, c):
    z = y.copy()
    w = scale_in_place(z, c)
    w[0] = 1.0
    return z + w


def halve(y):
    for i in range(len(y)):
        y[i] = 0.5 * y[i]


def written_by_helper(y):
    total = y.sum()
    halve(y)
    return total * y


@njit
def compiled_norm(y):
    s = 0.0
    for i in range(len(y)):
        s += y[i] ** 2
    return np.sqrt(s)


def unit(y):
    return y / compiled_norm(y)


def power_iteration(A, x, steps: int):
    for _ in range(steps):
        x = unit(A @ x)
    return x @ A @ x


def activation(x, slope=0.1):
    return np.where(x > 0.0, x, slope * x)


def layer(W, b, x, slope=0.2):
    return activation(W @ x + b, slope=slope)


def perceptron(x, W1, b1, W2, b2):
    return layer(W2, b2, layer(W1, b1, x))


def with_closure(y, k):
    weights = k * np.ones(len(y))

    def force(x):
        return weights * x**2

    return force(y) + force(2.0 * y)


def lambda_of_arrays(y):
    shift = lambda a, b: a[1:] * b - a[:-1]  # noqa: E731
    return shift(y, y[0])


def element(y, i):
    return y[i] * y[i - 1]


def by_element(y):
    out = np.zeros(len(y))
    for i in range(len(y)):
        out[i] = element(y, i) + element(y, -i)
    return out


def newton(y, c, tolerance):
    x = y.copy()
    for _ in range(30):
        residual = x**3 + x - c
        x = x - residual / (3.0 * x**2 + 1.0)
        if np.max(np.abs(residual)) < tolerance:
            break
    return x


def implicit_euler(y, h):
    return newton(y, y * h + y, 1e-12)


def swap_halves(a):
    n = len(a) // 2
    left = a[:n].copy()
    a[:n] = a[-n:]
    a[-n:] = left


def swapped_by_helper(y):
    z = y.copy()
    swap_halves(z)
    return z * y


def same_twice(a, b):
    a[0] = 2.0 * b[1]
    return a[0] * b[0] + b[-1]


def copies_to_helper(y):
    return same_twice(y.copy(), y)


CASES = [
    case(energy, array(-1, 1, 5)),
    case(reaction_diffusion, array(0, 1, 7), between(0.5, 1), between(0.5, 2)),
    case(finite_volumes, array(-1, 1, 6), between(0.2, 0.5)),
    case(rk4_step, array(-1, 1, 5), between(0.5, 2), 0.1, wrt=("y", "p")),
    case(integrate, array(-1, 1, 5), between(0.5, 2), 0.1, 3, wrt=("y", "p")),
    case(heun, array(-1, 1, 5), between(0.5, 2), 0.1, 4, wrt=("y", "p"), float32=False),
    case(standardised, array(-1, 1, 7)),
    case(pendulums, 0.0, array(-1, 1, 6), wrt="z"),
    case(returned_argument, array(-1, 1, 5), between(0.5, 2)),
    case(written_by_helper, array(-1, 1, 6)),
    case(unit, array(0.2, 1, 5)),
    case(power_iteration, array(0.2, 1, 4, 4), array(0.2, 1, 4), 3),
    case(
        perceptron,
        array(-1, 1, 3),
        array(-1, 1, 5, 3),
        array(-1, 1, 5),
        array(-1, 1, 2, 5),
        array(-1, 1, 2),
        tags=("kink",),
    ),
    case(with_closure, array(-1, 1, 5), between(0.5, 2)),
    case(lambda_of_arrays, array(-1, 1, 6)),
    case(by_element, array(-1, 1, 5)),
    case(implicit_euler, array(0.2, 1, 5), between(0.1, 0.3), float32=False),
    case(swapped_by_helper, array(-1, 1, 7)),
    case(copies_to_helper, array(-1, 1, 5)),
]
