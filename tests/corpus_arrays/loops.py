"""Loops over elements: reads and writes by index, accumulation, branches, data-dependent trip counts."""

import math

import numpy as np
from numba import prange

from corpus_arrays import array, between, case


def scaled(y, a):
    out = np.empty_like(y)
    for i in range(len(y)):
        out[i] = a * y[i]
    return out


def sum_of_squares(y):
    total = 0.0
    for i in range(y.shape[0]):
        total += y[i] * y[i]
    return total


def weighted_sum(w, y):
    total = 0.0
    for wi, yi in zip(w, y):
        total += wi * math.sin(yi)
    return total


def sum_over_values(y):
    total = 0.0
    for value in y:
        total = total + value**3
    return total


def alternating(y):
    total = 0.0
    for i, value in enumerate(y):
        total += (-1.0) ** i * value * value
    return total


def horner(coefficients, x):
    value = 0.0
    for c in coefficients[::-1]:
        value = value * x + c
    return value


def log_sum_exp(y):
    biggest = y[0]
    for i in range(1, y.size):
        if y[i] > biggest:
            biggest = y[i]
    total = 0.0
    for i in range(y.size):
        total += np.exp(y[i] - biggest)
    return biggest + np.log(total)


def mean_and_variance(y):
    n = len(y)
    mean = 0.0
    for i in range(n):
        mean += y[i] / n
    variance = 0.0
    for i in range(n):
        variance += (y[i] - mean) ** 2 / (n - 1)
    return mean, variance


def heat(t, u, kappa, dx):
    du = np.zeros(len(u))
    for i in range(1, len(u) - 1):
        du[i] = kappa * (u[i - 1] - 2.0 * u[i] + u[i + 1]) / dx**2
    return du


def heat_periodic(u, kappa):
    n = len(u)
    du = np.empty(n)
    for i in range(n):
        du[i] = kappa * (u[i - 1] - 2.0 * u[i] + u[(i + 1) % n])
    return du


def lorenz96(t, x, forcing):
    n = x.shape[0]
    dx = np.zeros_like(x)
    for i in range(n):
        dx[i] = (x[(i + 1) % n] - x[i - 2]) * x[i - 1] - x[i] + forcing
    return dx


def cumulative_sum(y):
    out = np.zeros(len(y))
    total = 0.0
    for i in range(len(y)):
        total += y[i]
        out[i] = total
    return out


def prefix_products(y):
    out = np.ones(len(y) + 1)
    for i in range(len(y)):
        out[i + 1] = out[i] * y[i]
    return out


def suffix_sums(y):
    out = np.empty_like(y)
    running = 0.0
    for i in range(len(y) - 1, -1, -1):
        running = running + y[i] ** 2
        out[i] = running
    return out


def convolution(signal, kernel):
    n, m = len(signal), len(kernel)
    out = np.zeros(n + m - 1)
    for i in range(n):
        for j in range(m):
            out[i + j] += signal[i] * kernel[j]
    return out


def simpson(y, dx):
    total = y[0] + y[-1]
    for i in range(1, len(y) - 1, 2):
        total += 4.0 * y[i]
    for i in range(2, len(y) - 1, 2):
        total += 2.0 * y[i]
    return total * dx / 3.0


def palindrome(y):
    total = 0.0
    for i in range(1, len(y) + 1):
        total += y[-i] * y[i - 1] ** 2
    return total


def exponential_smoothing(y, alpha):
    level = y[0]
    out = np.empty(len(y))
    for i in range(len(y)):
        level = alpha * y[i] + (1.0 - alpha) * level
        out[i] = level
    return out


def autoregression(y, mean, phi, sigma):
    """Gaussian AR(1) log likelihood, conditional on the first value."""
    total = 0.0
    for t in range(1, len(y)):
        e = y[t] - mean - phi * (y[t - 1] - mean)
        total -= 0.5 * (math.log(2.0 * math.pi * sigma**2) + (e / sigma) ** 2)
    return total


def garch(returns, omega, alpha, beta):
    """Negative Gaussian log likelihood of a GARCH(1,1) model."""
    variance = 0.0
    for r in returns:
        variance += r * r
    variance /= len(returns)
    total = 0.0
    for t in range(len(returns)):
        total += 0.5 * (np.log(2.0 * np.pi * variance) + returns[t] ** 2 / variance)
        variance = omega + alpha * returns[t] ** 2 + beta * variance
    return total


def kalman_likelihood(y, q, r):
    """A random walk seen through noise."""
    m, p, total = 0.0, 1.0, 0.0
    for i in range(len(y)):
        p = p + q
        s = p + r
        k = p / s
        v = y[i] - m
        total += 0.5 * (math.log(s) + v * v / s)
        m = m + k * v
        p = (1.0 - k) * p
    return total, m


def iir_filter(x, b, a):
    """Direct form of a difference equation."""
    y = np.zeros_like(x)
    for n in range(len(x)):
        for k in range(len(b)):
            if n - k >= 0:
                y[n] += b[k] * x[n - k]
        for k in range(1, len(a)):
            if n >= k:
                y[n] -= a[k] * y[n - k]
    return y


def matrix_vector(A, x):
    rows, columns = A.shape
    y = np.zeros(rows)
    for i in range(rows):
        for j in range(columns):
            y[i] += A[i, j] * x[j]
    return y


def matrix_product(A, B):
    n, m = A.shape
    p = B.shape[1]
    C = np.zeros((n, p))
    for i in range(n):
        for j in range(p):
            s = 0.0
            for k in range(m):
                s += A[i, k] * B[k, j]
            C[i, j] = s
    return C


def pairwise_energy(x, charge):
    energy = 0.0
    for i in range(x.shape[0]):
        for j in range(i):
            r2 = 0.0
            for k in range(3):
                d = x[i, k] - x[j, k]
                r2 += d * d
            energy += charge[i] * charge[j] / math.sqrt(r2)
    return energy


def lennard_jones(x):
    """Forces between points of a plane."""
    n = len(x)
    force = np.zeros((n, 2))
    for i in range(n):
        for j in range(i + 1, n):
            dx = x[i, 0] - x[j, 0]
            dy = x[i, 1] - x[j, 1]
            r2 = dx * dx + dy * dy
            s6 = 1.0 / r2**3
            f = 24.0 * s6 * (2.0 * s6 - 1.0) / r2
            force[i, 0] += f * dx
            force[i, 1] += f * dy
            force[j, 0] -= f * dx
            force[j, 1] -= f * dy
    return force


def laplacian_2d(u):
    rows, columns = u.shape
    out = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            up = u[i - 1, j] if i > 0 else 0.0
            down = u[i + 1, j] if i < rows - 1 else 0.0
            left = u[i, j - 1] if j > 0 else 0.0
            right = u[i, j + 1] if j < columns - 1 else 0.0
            out[i, j] = up + down + left + right - 4.0 * u[i, j] + u[i, j] ** 2
    return out


def xy_model(theta, coupling):
    """Energy of a periodic lattice of rotors."""
    n, m = theta.shape
    energy = 0.0
    for i in range(n):
        for j in range(m):
            energy -= coupling * math.cos(theta[i, j] - theta[(i + 1) % n, j])
            energy -= coupling * math.cos(theta[i, j] - theta[i, (j + 1) % m])
    return energy


def burgers_upwind(u, dx):
    n = len(u)
    du = np.zeros(n)
    for i in range(1, n - 1):
        if u[i] > 0.0:
            du[i] = -u[i] * (u[i] - u[i - 1]) / dx
        else:
            du[i] = -u[i] * (u[i + 1] - u[i]) / dx
    return du


def minmod_fluxes(u):
    n = u.size
    slope = np.zeros(n)
    for i in range(1, n - 1):
        a, b = u[i] - u[i - 1], u[i + 1] - u[i]
        if a * b <= 0.0:
            continue
        slope[i] = a if abs(a) < abs(b) else b
    return u + 0.5 * slope


def network(y, source, target, weight):
    """Flows along the edges of a graph."""
    dy = np.zeros_like(y)
    for e in range(len(source)):
        flow = weight[e] * (y[source[e]] - y[target[e]])
        dy[source[e]] -= flow
        dy[target[e]] += flow
    return dy


def reactions(c, k, first, second, product):
    """Mass action: first + second -> product."""
    dc = np.zeros(len(c))
    for r in range(len(k)):
        rate = k[r] * c[first[r]] * c[second[r]]
        dc[first[r]] -= rate
        dc[second[r]] -= rate
        dc[product[r]] += rate
    return dc


def kuramoto(theta, omega, K):
    n = len(theta)
    d = omega.copy()
    for i in range(n):
        for j in range(n):
            d[i] += K / n * np.sin(theta[j] - theta[i])
    return d


def permuted(y, order):
    out = np.empty(len(y))
    for i in range(len(order)):
        out[order[i]] = y[i] * y[order[i]]
    return out


def thomas(lower, diagonal, upper, right):
    """Solves a tridiagonal system."""
    n = len(diagonal)
    c = np.zeros(n)
    d = np.zeros(n)
    c[0] = upper[0] / diagonal[0]
    d[0] = right[0] / diagonal[0]
    for i in range(1, n):
        pivot = diagonal[i] - lower[i] * c[i - 1]
        c[i] = upper[i] / pivot
        d[i] = (right[i] - lower[i] * d[i - 1]) / pivot
    x = np.zeros(n)
    x[n - 1] = d[n - 1]
    for i in range(n - 2, -1, -1):
        x[i] = d[i] - c[i] * x[i + 1]
    return x


def newton_roots(c, start):
    """Solves x + sin(x)/2 = c for each element by Newton's method."""
    x = start.copy()
    for i in range(len(c)):
        step = 1.0
        while abs(step) > 1e-13:
            step = (x[i] + 0.5 * math.sin(x[i]) - c[i]) / (1.0 + 0.5 * math.cos(x[i]))
            x[i] -= step
    return x


def first_crossing(y, level):
    """Where a series crosses a level, by linear interpolation; the last value where it does not."""
    for i in range(1, len(y)):
        if y[i - 1] < level <= y[i]:
            return i - 1 + (level - y[i - 1]) / (y[i] - y[i - 1])
    return y[-1]


def truncated_sum(y, limit):
    total = 0.0
    for value in y:
        total += value * value
        if total > limit:
            break
    else:
        total = total * 2.0
    return total


def piecewise_linear(x, nodes, values):
    """Interpolation by bisection."""
    out = np.empty(len(x))
    for i in range(len(x)):
        low, high = 0, len(nodes) - 1
        while high - low > 1:
            middle = (low + high) // 2
            if nodes[middle] <= x[i]:
                low = middle
            else:
                high = middle
        w = (x[i] - nodes[low]) / (nodes[high] - nodes[low])
        out[i] = (1.0 - w) * values[low] + w * values[high]
    return out


def hidden_markov(y, transition, means):
    """Scaled forward algorithm."""
    states = len(means)
    belief = np.full(states, 1.0 / states)
    total = 0.0
    for t in range(len(y)):
        predicted = np.zeros(states)
        for j in range(states):
            for i in range(states):
                predicted[j] += belief[i] * transition[i, j]
            predicted[j] *= math.exp(-0.5 * (y[t] - means[j]) ** 2)
        s = 0.0
        for j in range(states):
            s += predicted[j]
        total += math.log(s)
        for j in range(states):
            belief[j] = predicted[j] / s
    return total


def binomial_tree(spot, strikes, sigma, steps: int):
    """Call prices; the tree's last layer is an array that shrinks."""
    dt = 1.0 / steps
    up = math.exp(sigma * math.sqrt(dt))
    p = (1.0 - 1.0 / up) / (up - 1.0 / up)
    prices = np.zeros(len(strikes))
    for s in range(len(strikes)):
        value = np.zeros(steps + 1)
        for i in range(steps + 1):
            value[i] = max(spot * up ** (2 * i - steps) - strikes[s], 0.0)
        for level in range(steps, 0, -1):
            for i in range(level):
                value[i] = p * value[i + 1] + (1.0 - p) * value[i]
        prices[s] = value[0]
    return prices


def parallel_rows(A, x):
    out = np.zeros(A.shape[0])
    for i in prange(A.shape[0]):
        s = 0.0
        for j in range(A.shape[1]):
            s += math.tanh(A[i, j] * x[j])
        out[i] = s
    return out


def largest_and_where(y):
    best = 0
    for i in range(1, len(y)):
        if y[i] > y[best]:
            best = i
    return y[best] ** 2, y[best - 1]


EDGES = (np.array([0, 1, 2, 0, 3]), np.array([1, 2, 3, 4, 4]))

CASES = [
    case(scaled, array(-1, 1, 6), between(0.5, 2)),
    case(sum_of_squares, array(-1, 1, 7)),
    case(weighted_sum, array(-1, 1, 5), array(-2, 2, 5)),
    case(sum_over_values, array(-1, 1, 11)),
    case(alternating, array(-1, 1, 6)),
    case(horner, array(-1, 1, 5), between(0.5, 1.5)),
    case(log_sum_exp, array(-2, 2, 6), tags=("kink",)),
    case(mean_and_variance, array(-1, 1, 7)),
    case(heat, 0.0, array(0, 1, 6), between(0.5, 2), between(0.2, 0.5), wrt="u"),
    case(heat_periodic, array(0, 1, 6), between(0.5, 2)),
    case(lorenz96, 0.0, array(-2, 8, 9), 8.0, wrt=("x", "forcing")),
    case(cumulative_sum, array(-1, 1, 7)),
    case(prefix_products, array(0.5, 1.5, 6)),
    case(suffix_sums, array(-1, 1, 6)),
    case(convolution, array(-1, 1, 6), array(-1, 1, 3)),
    case(simpson, array(-1, 1, 7), between(0.1, 0.2)),
    case(palindrome, array(-1, 1, 5)),
    case(exponential_smoothing, array(-1, 1, 7), between(0.2, 0.8)),
    case(autoregression, array(-1, 1, 7), between(-0.2, 0.2), between(0.2, 0.8), between(0.5, 1.5)),
    case(
        garch, array(-1, 1, 9), between(0.1, 0.2), between(0.1, 0.3), between(0.4, 0.6), wrt=("omega", "alpha", "beta")
    ),
    case(kalman_likelihood, array(-1, 1, 6), between(0.1, 0.5), between(0.2, 0.5)),
    case(iir_filter, array(-1, 1, 7), array(-1, 1, 3), array(-0.5, 0.5, 2)),
    case(matrix_vector, array(-1, 1, 3, 5), array(-1, 1, 5)),
    case(matrix_product, array(-1, 1, 2, 3), array(-1, 1, 3, 4)),
    case(pairwise_energy, array(-2, 2, 5, 3), array(-1, 1, 5)),
    case(lennard_jones, array(-3, 3, 5, 2), relative=1e-8),
    case(laplacian_2d, array(0, 1, 3, 4)),
    case(xy_model, array(-3, 3, 3, 3), between(0.5, 1.5)),
    case(burgers_upwind, array(-1, 1, 7), between(0.2, 0.5), tags=("kink",)),
    case(minmod_fluxes, array(-1, 1, 7), tags=("kink",)),
    case(network, array(-1, 1, 5), *EDGES, array(0.5, 1.5, 5), wrt=("y", "weight")),
    case(reactions, array(0.1, 1, 5), array(0.5, 2, 5), *EDGES, np.array([2, 4, 0, 3, 1]), wrt=("c", "k")),
    case(kuramoto, array(-3, 3, 5), array(-1, 1, 5), between(0.5, 1.5)),
    case(permuted, array(-1, 1, 5), np.array([3, 1, 4, 0, 2]), wrt="y"),
    case(thomas, array(-1, 1, 6), array(3, 4, 6), array(-1, 1, 6), array(-1, 1, 6)),
    case(newton_roots, array(-1, 1, 5), array(-0.5, 0.5, 5), wrt="c", float32=False),
    case(first_crossing, array(-1, 1, 7), between(-0.2, 0.2), tags=("kink",)),
    case(truncated_sum, array(-1, 1, 7), between(0.5, 1.5), tags=("kink",)),
    case(truncated_sum, array(-0.1, 0.1, 7), between(0.5, 1.5), tags=("kink",)),
    case(
        piecewise_linear,
        array(0, 3.9, 5),
        np.array([0.0, 0.7, 1.6, 2.2, 3.1, 4.0]),
        array(-1, 1, 6),
        wrt=("x", "values"),
        tags=("kink",),
    ),
    case(hidden_markov, array(-1, 1, 5), array(0.2, 0.8, 3, 3), array(-1, 1, 3)),
    case(
        binomial_tree,
        between(90, 110),
        array(90, 110, 3),
        between(0.1, 0.4),
        6,
        wrt=("spot", "strikes", "sigma"),
        tags=("kink",),
    ),
    case(parallel_rows, array(-1, 1, 4, 3), array(-1, 1, 3)),
    case(largest_and_where, array(-1, 1, 7), tags=("kink",)),
]
