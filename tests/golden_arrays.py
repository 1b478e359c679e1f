"""Functions on arrays of any length whose emitted text is kept, read, and compared."""

import math

import numpy as np

rng = np.random.default_rng(7)


def diffuse(u, kappa, dx, steps):
    for _ in range(steps):
        left = u[0]
        for i in range(1, len(u) - 1):
            flux = kappa * (left - 2.0 * u[i] + u[i + 1]) / dx**2
            left = u[i]
            u[i] += flux
    return u


def lorenz96(t, y, F):
    n = len(y)
    dy = np.empty(n)
    for i in range(n):
        dy[i] = (y[(i + 1) % n] - y[i - 2]) * y[i - 1] - y[i] + F
    return dy


def heat(t, y, k):
    dy = np.zeros_like(y)
    dy[1:-1] = k * (y[:-2] - 2.0 * y[1:-1] + y[2:])
    return dy


def brusselator(t, y, dy):
    n = len(y) // 2
    for i in range(1, n - 1):
        u, v = y[2 * i], y[2 * i + 1]
        dy[2 * i] = 1.0 + u * u * v - 4.0 * u + 0.02 * (y[2 * i - 2] - 2.0 * u + y[2 * i + 2])
        dy[2 * i + 1] = 3.0 * u - u * u * v + 0.02 * (y[2 * i - 1] - 2.0 * v + y[2 * i + 3])


def garch(omega, alpha, beta, r):
    h = np.var(r)
    total = 0.0
    for i in range(len(r)):
        total += math.log(h) + r[i] ** 2 / h
        h = omega + alpha * r[i] ** 2 + beta * h
    return 0.5 * total


def upwind(u, c, dx):
    du = np.zeros(len(u))
    for i in range(1, len(u) - 1):
        if u[i] > 0.0:  # to the right
            du[i] = -c * u[i] * (u[i] - u[i - 1]) / dx
        else:
            du[i] = -c * u[i] * (u[i + 1] - u[i]) / dx
    return du


def thomas(a, b, c, d):
    """A tridiagonal system."""
    n = len(d)
    cp = np.zeros(n)
    x = d.copy()
    cp[0] = c[0] / b[0]
    x[0] = d[0] / b[0]
    for i in range(1, n):
        m = b[i] - a[i] * cp[i - 1]
        cp[i] = c[i] / m
        x[i] = (d[i] - a[i] * x[i - 1]) / m
    for i in range(n - 2, -1, -1):
        x[i] -= cp[i] * x[i + 1]
    return x


def pendulums(y, k):
    n = len(y) // 2
    angle, speed = y[:n], y[n:]
    pull = np.zeros(n)
    pull[1:] += k * (angle[:-1] - angle[1:])
    pull[:-1] += k * (angle[1:] - angle[:-1])
    return np.concatenate((speed, pull - np.sin(angle)))


def rhs(y, p):
    d = np.empty_like(y)
    for i in range(len(y)):
        d[i] = p * math.sin(y[i - 1]) - y[i]
    return d


def midpoint(y, p, h, steps):
    for _ in range(steps):
        half = y + 0.5 * h * rhs(y, p)
        y = y + h * rhs(half, p)
    return y


def swapped(u, steps):
    old = u.copy()
    new = np.zeros_like(u)
    for _ in range(steps):
        for i in range(1, len(u) - 1):
            new[i] = 0.5 * old[i] + 0.25 * old[i - 1] * old[i + 1]
        old, new = new, old
    return old


def residuals(p, x, y):
    a, b = p
    return a * np.exp(-b * x) - y


def layers(x, W1, b1, W2, b2):
    hidden = np.tanh(W1 @ x + b1)
    return W2 @ hidden + b2


def implicit_step(u, A, dt):
    n = len(u)
    M = np.eye(n) - dt * A
    return np.linalg.solve(M, u)


def network(y, source, target, w):
    dy = -y
    for k in range(len(source)):
        dy[target[k]] += w[k] * math.tanh(y[source[k]])
    return dy


def softmax(z):
    e = np.exp(z - np.max(z))
    return e / np.sum(e)


def stencil_2d(u, r):
    out = u.copy()
    out[1:-1, 1:-1] += r * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1])
    return out


def huber(r, delta):
    return np.where(np.abs(r) <= delta, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta))


def clipped_mean(y, low):
    kept = y[y > low]
    return kept.mean()


def log_likelihood(x, mean, cov):
    d = x - mean
    _, logdet = np.linalg.slogdet(cov)
    return -0.5 * (d @ np.linalg.solve(cov, d) + logdet)


def pairs(x, y):
    total = 0.0
    for a, b in zip(x, y):
        total += a * math.exp(-b)
    return total


def newton_root(y, steps):
    x = np.ones_like(y)
    for _ in range(steps):
        x = 0.5 * (x + y / x)
    return x


def first_crossing(y, level):
    i = 0
    while i < len(y) - 1 and y[i] < level:
        i += 1
    return (level - y[i - 1]) / (y[i] - y[i - 1])


def vector(*shape):
    return rng.uniform(0.3, 1.2, shape)


# Function, arguments, options of `emit`.
CASES = {
    "diffuse_jvp": (diffuse, (vector(7), 0.1, 0.7, 3), {"wrt": "u", "mode": "jvp"}),
    "diffuse": (diffuse, (vector(7), 0.1, 0.7, 3), {"wrt": "u"}),
    "lorenz96": (lorenz96, (0.0, vector(9), 8.0), {"wrt": "y"}),
    "lorenz96_into": (lorenz96, (0.0, vector(9), 8.0), {"wrt": "y", "mode": "into"}),
    "lorenz96_primal": (lorenz96, (0.0, vector(9), 8.0), {"wrt": "y", "mode": "primal"}),
    "heat": (heat, (0.0, vector(6), 0.3), {"wrt": "y", "mode": "matrix"}),
    "heat_jvp": (heat, (0.0, vector(6), 0.3), {"wrt": "y", "mode": "jvp"}),
    "brusselator": (brusselator, (0.0, vector(10), np.zeros(10)), {"wrt": "y", "of": "dy"}),
    "garch": (garch, (0.1, 0.2, 0.6, vector(12)), {"wrt": ("omega", "alpha", "beta")}),
    "upwind": (upwind, (vector(6), 0.4, 0.2), {"wrt": "u"}),
    "thomas": (thomas, (vector(5), 3.0 + vector(5), vector(5), vector(5)), {"wrt": ("b", "d")}),
    "pendulums": (pendulums, (vector(8), 0.7), {"wrt": "y"}),
    "midpoint": (midpoint, (vector(5), 0.8, 0.1, 3), {"wrt": ("y", "p")}),
    "swapped": (swapped, (vector(6), 3), {"wrt": "u"}),
    "residuals": (residuals, (np.array([1.2, 0.4]), vector(9), vector(9)), {"wrt": "p"}),
    "layers": (layers, (vector(3), vector(4, 3), vector(4), vector(2, 4), vector(2)), {"wrt": "x"}),
    "implicit_step": (implicit_step, (vector(4), vector(4, 4), 0.1), {"wrt": ("u", "dt")}),
    "network": (
        network,
        (vector(5), np.array([0, 1, 4]), np.array([2, 2, 3]), vector(3)),
        {"wrt": ("y", "w")},
    ),
    "softmax": (softmax, (vector(5),), {}),
    "stencil_2d": (stencil_2d, (vector(4, 5), 0.1), {"wrt": "u"}),
    "huber": (huber, (vector(6), 0.7), {"wrt": "r"}),
    "clipped_mean": (clipped_mean, (vector(7), 0.6), {"wrt": "y"}),
    "log_likelihood": (log_likelihood, (vector(3), vector(3), np.eye(3) + 0.1), {"wrt": ("mean", "cov")}),
    "pairs": (pairs, (vector(4), vector(4)), {}),
    "newton_root": (newton_root, (vector(4), 5), {"wrt": "y"}),
    "first_crossing": (first_crossing, (np.array([0.1, 0.4, 0.9, 1.7]), 0.7), {}),
}
