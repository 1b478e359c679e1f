"""Writes in place: filled arguments, scratch arrays, swapped buffers, time loops, sweeps, sorting."""

import math

import numpy as np

from corpus_arrays import array, between, case, dominant, spd


def fills_argument(t, y, dy):
    for i in range(len(y)):
        dy[i] = -y[i] * y[i - 1]


def fills_by_slice(t, u, du, kappa):
    du[:] = 0.0
    du[1:-1] = kappa * (u[:-2] - 2.0 * u[1:-1] + u[2:])


def fills_two(x, v, dx, dv):
    dx[:] = v
    dv[:] = -np.sin(x)
    dv[0] -= 0.1 * v[0]


def fills_matrix(x, out):
    for i in range(len(x)):
        for j in range(len(x)):
            out[i, j] = x[i] * x[j] ** 2


def scales_input(y, a):
    """Writes to its own argument; a Jacobian must not."""
    for i in range(len(y)):
        y[i] *= a
    return y


def doubles_slices(y):
    y[1:] *= 2.0
    y += y[0]
    return y * y


def diffuse(u, kappa, steps: int):
    for _ in range(steps):
        left = u[0]
        for i in range(1, len(u) - 1):
            flux = kappa * (left - 2.0 * u[i] + u[i + 1])
            left = u[i]
            u[i] += flux
    return u


def swapped_buffers(u, kappa, steps: int):
    old = u.copy()
    new = u.copy()
    for _ in range(steps):
        for i in range(1, len(u) - 1):
            new[i] = old[i] + kappa * (old[i - 1] - 2.0 * old[i] + old[i + 1])
        old, new = new, old
    return old


def three_buffers(u, c, steps: int):
    """Leapfrog for the wave equation."""
    before = u.copy()
    now = u.copy()
    after = np.zeros_like(u)
    for _ in range(steps):
        after[1:-1] = 2.0 * now[1:-1] - before[1:-1] + c**2 * (now[2:] - 2.0 * now[1:-1] + now[:-2])
        before, now, after = now, after, before
    return now


def rebound_in_time_loop(u, kappa, steps: int):
    for _ in range(steps):
        new = u.copy()
        new[1:-1] = u[1:-1] + kappa * (u[:-2] - 2.0 * u[1:-1] + u[2:])
        u = new
    return u


def copied_back(u, kappa, steps: int):
    work = np.empty_like(u)
    for _ in range(steps):
        for i in range(len(u)):
            work[i] = u[i] + kappa * (u[i - 1] - u[i]) * u[i]
        u[:] = work
    return u


def runge_kutta(y, rate, dt, steps: int):
    """Lotka-Volterra by RK4, with arrays as stages."""
    for _ in range(steps):
        k1 = rate * y * (1.0 - y[::-1])
        z = y + 0.5 * dt * k1
        k2 = rate * z * (1.0 - z[::-1])
        z = y + 0.5 * dt * k2
        k3 = rate * z * (1.0 - z[::-1])
        z = y + dt * k3
        k4 = rate * z * (1.0 - z[::-1])
        y = y + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return y


def euler_in_place(y, dt, steps: int):
    y = y.copy()
    dy = np.zeros_like(y)
    for _ in range(steps):
        dy[0] = -y[0] * y[-1]
        dy[1:] = y[:-1] - y[1:]
        y += dt * dy
    return y


def trajectory(y, dt, steps: int):
    """Every step is kept as a row."""
    path = np.zeros((steps + 1, len(y)))
    path[0] = y
    for k in range(steps):
        for i in range(len(y)):
            path[k + 1, i] = path[k, i] + dt * math.sin(path[k, i - 1])
    return path


def gauss_seidel(A, b, sweeps: int):
    x = np.zeros(len(b))
    for _ in range(sweeps):
        for i in range(len(b)):
            s = b[i]
            for j in range(len(b)):
                if j != i:
                    s -= A[i, j] * x[j]
            x[i] = s / A[i, i]
    return x


def red_black(u, f, omega):
    n, m = u.shape
    for colour in range(2):
        for i in range(1, n - 1):
            for j in range(1, m - 1):
                if (i + j) % 2 == colour:
                    mean = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] - f[i, j])
                    u[i, j] = (1.0 - omega) * u[i, j] + omega * mean
    return u


def in_place_cumulative(y):
    out = y.copy()
    for i in range(1, len(out)):
        out[i] += out[i - 1] * 0.5
    return out


def insertion_sort(y):
    s = y.copy()
    for i in range(1, len(s)):
        key = s[i]
        j = i - 1
        while j >= 0 and s[j] > key:
            s[j + 1] = s[j]
            j -= 1
        s[j + 1] = key
    return s * np.arange(len(s))


def bubble_swap(y):
    s = y.copy()
    for i in range(len(s)):
        for j in range(len(s) - 1 - i):
            if s[j] > s[j + 1]:
                s[j], s[j + 1] = s[j + 1], s[j]
    return s[0] * s[-1], s[len(s) // 2]


def rotate_elements(y):
    out = y.copy()
    for i in range(len(out) - 1):
        out[i], out[i + 1] = out[i + 1] * 0.9, out[i] * 1.1
    return out


def eliminate(A, b):
    """Gaussian elimination in copies, without pivots."""
    A = A.copy()
    x = b.copy()
    n = len(b)
    for k in range(n):
        for i in range(k + 1, n):
            factor = A[i, k] / A[k, k]
            A[i, k:] -= factor * A[k, k:]
            x[i] -= factor * x[k]
    for k in range(n - 1, -1, -1):
        x[k] = (x[k] - np.dot(A[k, k + 1 :], x[k + 1 :])) / A[k, k]
    return x


def cholesky_loops(A):
    n = A.shape[0]
    L = np.zeros((n, n))
    for j in range(n):
        s = A[j, j]
        for k in range(j):
            s -= L[j, k] ** 2
        L[j, j] = math.sqrt(s)
        for i in range(j + 1, n):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            L[i, j] = s / L[j, j]
    return L


def gram_schmidt(A):
    Q = A.copy()
    for j in range(A.shape[1]):
        for k in range(j):
            Q[:, j] -= np.sum(Q[:, k] * A[:, j]) * Q[:, k]
        Q[:, j] /= np.sqrt(np.sum(Q[:, j] ** 2))
    return Q


def thomas_in_place(diagonal, off, x):
    """Overwrites its copies."""
    d = diagonal.copy()
    n = len(d)
    for i in range(1, n):
        w = off[i - 1] / d[i - 1]
        d[i] -= w * off[i - 1]
        x[i] -= w * x[i - 1]
    x[n - 1] /= d[n - 1]
    for i in range(n - 2, -1, -1):
        x[i] = (x[i] - off[i] * x[i + 1]) / d[i]
    return x


def ring_buffer(y, weights):
    """A delay line whose head moves."""
    size = len(weights)
    delay = np.zeros(size)
    head = 0
    out = np.zeros(len(y))
    for t in range(len(y)):
        delay[head] = y[t]
        for k in range(size):
            out[t] += weights[k] * delay[(head - k) % size]
        head = (head + 1) % size
    return out


def histogram(x, edges):
    """Linear (cloud in cell) deposition on a grid."""
    grid = np.zeros(len(edges))
    for p in range(len(x)):
        cell = int(np.floor(x[p]))
        w = x[p] - cell
        grid[cell] += 1.0 - w
        grid[cell + 1] += w * edges[cell]
    return grid


def two_scratches(y):
    a = np.zeros_like(y)
    b = np.zeros_like(y)
    for i in range(len(y)):
        a[i] = y[i] ** 2
    for i in range(len(y)):
        b[i] = a[i] - a[len(y) - 1 - i]
        a[i] = b[i] * y[i]
    a[:] = a + b
    return a


def reused_scratch(A, x):
    out = np.zeros(A.shape[0])
    row = np.empty(A.shape[1])
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            row[j] = A[i, j] * x[j]
        for j in range(1, A.shape[1]):
            row[j] += row[j - 1]
        out[i] = row[-1] * row[0]
    return out


def value_then_overwritten(y):
    first = y[0]
    y[0] = 2.0 * y[1]
    second = y[0]
    y[1] = first * second
    return first + y[1] * y[0]


def row_view_written(A):
    B = A.copy()
    for i in range(B.shape[0]):
        row = B[i]
        row *= row[0]
        row[-1] = 1.0
    return B


def floyd_warshall(distance):
    d = distance.copy()
    n = len(d)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                if d[i, k] + d[k, j] < d[i, j]:
                    d[i, j] = d[i, k] + d[k, j]
    return d


def longest_alignment(a, b, gap):
    """Dynamic programming with a soft score."""
    n, m = len(a), len(b)
    score = np.zeros((n + 1, m + 1))
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            match = score[i - 1, j - 1] + math.exp(-((a[i - 1] - b[j - 1]) ** 2))
            score[i, j] = max(match, score[i - 1, j] - gap, score[i, j - 1] - gap)
    return score[n, m]


CASES = [
    case(fills_argument, 0.0, array(-1, 1, 6), np.zeros(6), wrt="y", of="dy"),
    case(fills_by_slice, 0.0, array(-1, 1, 7), np.ones(7), between(0.5, 2), wrt=("u", "kappa"), of="du"),
    case(fills_two, array(-1, 1, 5), array(-1, 1, 5), np.ones(5), np.ones(5), wrt=("x", "v"), of=("dx", "dv")),
    case(fills_matrix, array(-1, 1, 3), np.ones((3, 3)), wrt="x", of="out"),
    case(scales_input, array(-1, 1, 6), between(0.5, 2)),
    case(doubles_slices, array(-1, 1, 6)),
    case(diffuse, array(0, 1, 7), between(0.1, 0.3), 4),
    case(swapped_buffers, array(0, 1, 6), between(0.1, 0.3), 3),
    case(three_buffers, array(0, 1, 7), between(0.3, 0.8), 4),
    case(rebound_in_time_loop, array(0, 1, 6), between(0.1, 0.3), 3),
    case(copied_back, array(0, 1, 6), between(0.1, 0.3), 3),
    case(runge_kutta, array(0.5, 1.5, 5), between(0.5, 1.5), 0.1, 4, wrt=("y", "rate")),
    case(euler_in_place, array(-1, 1, 5), 0.1, 5, wrt="y"),
    case(trajectory, array(-1, 1, 4), between(0.1, 0.2), 3),
    case(gauss_seidel, dominant(4), array(-1, 1, 4), 3),
    case(red_black, array(-1, 1, 4, 5), array(-1, 1, 4, 5), between(1.1, 1.5)),
    case(in_place_cumulative, array(-1, 1, 7)),
    case(insertion_sort, array(-1, 1, 6), tags=("kink",)),
    case(bubble_swap, array(-1, 1, 5), tags=("kink",)),
    case(rotate_elements, array(-1, 1, 5)),
    case(eliminate, dominant(4), array(-1, 1, 4)),
    case(cholesky_loops, spd(4)),
    case(gram_schmidt, dominant(4)),
    case(thomas_in_place, array(3, 4, 6), array(-1, 1, 5), array(-1, 1, 6)),
    case(ring_buffer, array(-1, 1, 7), array(-1, 1, 3)),
    case(histogram, array(0, 4.9, 6), array(0.5, 1.5, 7)),
    case(two_scratches, array(-1, 1, 5)),
    case(reused_scratch, array(-1, 1, 3, 4), array(-1, 1, 4)),
    case(value_then_overwritten, array(-1, 1, 2)),
    case(row_view_written, array(-1, 1, 3, 4)),
    case(floyd_warshall, array(0.5, 2, 4, 4), tags=("kink",)),
    case(longest_alignment, array(-1, 1, 4), array(-1, 1, 5), between(0.1, 0.2), tags=("kink",)),
]
