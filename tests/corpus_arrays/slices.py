"""Slices on both sides, strides, broadcasting, rows and columns."""

import numpy as np

from corpus_arrays import array, between, case


def heat(t, u, kappa, dx):
    du = np.zeros_like(u)
    du[1:-1] = kappa * (u[:-2] - 2.0 * u[1:-1] + u[2:]) / dx**2
    return du


def heat_insulated(t, u, kappa, dx):
    du = np.empty(len(u))
    du[1:-1] = u[:-2] - 2 * u[1:-1] + u[2:]
    du[0] = 2 * (u[1] - u[0])
    du[-1] = 2 * (u[-2] - u[-1])
    return kappa / dx**2 * du


def advection(u, speed):
    return -speed * (u[1:] - u[:-1])


def central_differences(y, dx):
    return (y[2:] - y[:-2]) / (2.0 * dx)


def wave(t, z, c):
    """Displacements, then velocities."""
    n = len(z) // 2
    u, v = z[:n], z[n:]
    dz = np.zeros(len(z))
    dz[:n] = v
    dz[n + 1 : -1] = c**2 * (u[:-2] - 2.0 * u[1:-1] + u[2:])
    return dz


def brusselator(t, y, a, b, d):
    """Interleaved species with fixed ends."""
    u, v = y[::2], y[1::2]
    dy = np.empty_like(y)
    du = dy[::2]
    dv = dy[1::2]
    du[:] = a + u * u * v - (b + 1.0) * u
    dv[:] = b * u - u * u * v
    du[1:-1] += d * (u[:-2] - 2.0 * u[1:-1] + u[2:])
    dv[1:-1] += d * (v[:-2] - 2.0 * v[1:-1] + v[2:])
    return dy


def burgers(u, nu, dx):
    du = np.zeros_like(u)
    du[1:-1] = -u[1:-1] * (u[2:] - u[:-2]) / (2 * dx) + nu * (u[2:] - 2 * u[1:-1] + u[:-2]) / dx**2
    return du


def conservative(u):
    flux = 0.5 * u**2
    faces = 0.5 * (flux[1:] + flux[:-1])
    du = np.zeros(u.shape)
    du[1:-1] = faces[:-1] - faces[1:]
    return du


def even_and_odd(y):
    return y[::2].sum() * y[1::2]


def reversed_product(y):
    return y * y[::-1]


def haar(y):
    half = y.shape[0] // 2
    out = np.zeros(y.shape[0])
    out[:half] = (y[0::2] + y[1::2]) / np.sqrt(2.0)
    out[half:] = (y[0::2] - y[1::2]) / np.sqrt(2.0)
    return out


def laplacian(u, h):
    out = np.zeros_like(u)
    out[1:-1, 1:-1] = (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1]) / h**2
    return out


def gray_scott(u, v, feed, kill):
    du = np.zeros_like(u)
    dv = np.zeros_like(v)
    uvv = u[1:-1, 1:-1] * v[1:-1, 1:-1] ** 2
    du[1:-1, 1:-1] = 0.2 * (u[:-2, 1:-1] + u[2:, 1:-1] - 2.0 * u[1:-1, 1:-1]) - uvv + feed * (1.0 - u[1:-1, 1:-1])
    dv[1:-1, 1:-1] = 0.1 * (v[1:-1, :-2] + v[1:-1, 2:] - 2.0 * v[1:-1, 1:-1]) + uvv - (feed + kill) * v[1:-1, 1:-1]
    return du, dv


def periodic_2d(u):
    n, m = u.shape
    big = np.zeros((n + 2, m + 2))
    big[1:-1, 1:-1] = u
    big[0, 1:-1] = u[-1]
    big[-1, 1:-1] = u[0]
    big[1:-1, 0] = u[:, -1]
    big[1:-1, -1] = u[:, 0]
    return big[:-2, 1:-1] + big[2:, 1:-1] + big[1:-1, :-2] * big[1:-1, 2:]


def rows_and_columns(a):
    return a[0] * a[-1] + a[:, 0][: a.shape[1]] * a[1, 1]


def column_scaled(A, scale):
    out = A.copy()
    for j in range(A.shape[1]):
        out[:, j] = A[:, j] * scale[j]
    return out


def row_sums(A):
    out = np.zeros(A.shape[0])
    for i in range(A.shape[0]):
        out[i] = np.sum(A[i] ** 2)
    return out


def broadcast_rows(A, b):
    return A * b + b


def outer_difference(x, y):
    return (x[:, None] - y[None, :]) ** 2


def distance_matrix(points):
    d = points[:, np.newaxis, :] - points[np.newaxis, :, :]
    return np.sqrt((d**2).sum(axis=2) + 0.1)


def softmax_rows(A):
    shifted = np.exp(A - A[:, :1])
    return shifted / np.sum(shifted, axis=1).reshape(-1, 1)


def last_axis(a):
    return a[..., 0] * a[..., -1]


def trapezoid(x, y):
    return np.sum(0.5 * (x[1:] - x[:-1]) * (y[1:] + y[:-1]))


def moving_average(y, width: int):
    out = np.zeros(len(y) - width + 1)
    for k in range(width):
        out += y[k : len(y) - width + 1 + k]
    return out / width


def block_sums(y, size: int):
    blocks = len(y) // size
    out = np.empty(blocks)
    for b in range(blocks):
        out[b] = np.prod(y[b * size : (b + 1) * size])
    return out


def slice_of_slice(y):
    middle = y[1:-1]
    inner = middle[1:-1]
    return inner * middle[:-2] + inner[::-1]


def constant_into_slice(y):
    out = y.copy()
    out[2:4] = y[0]
    out[0] = 3.0
    out[-2:] = 1.0
    return out * y


def row_into_matrix(y):
    out = np.zeros((3, len(y)))
    out[0] = y
    out[1, :] = y**2
    out[2, ::2] = y[::2]
    return out


def predator_prey(t, z):
    """Two stacked rows."""
    u, v = z
    return np.stack((u * (1.0 - v), v * (u - 1.0)))


def shallow_water(h, q, g, dx):
    u = q / h
    flux_h = q
    flux_q = q * u + 0.5 * g * h**2
    dh = np.zeros_like(h)
    dq = np.zeros_like(q)
    dh[1:-1] = -(flux_h[2:] - flux_h[:-2]) / (2.0 * dx)
    dq[1:-1] = -(flux_q[2:] - flux_q[:-2]) / (2.0 * dx)
    return dh, dq


CASES = [
    case(heat, 0.0, array(0, 1, 6), between(0.5, 2), between(0.2, 0.5), wrt=("u", "kappa")),
    case(heat_insulated, 0.0, array(0, 1, 7), 1.5, 0.3, wrt="u"),
    case(advection, array(-1, 1, 6), between(0.5, 2)),
    case(central_differences, array(-1, 1, 9), 0.1, wrt="y"),
    case(wave, 0.0, array(-1, 1, 10), between(0.5, 2), wrt="z"),
    case(brusselator, 0.0, array(0.5, 3, 10), 1.0, 3.0, 0.02, wrt="y"),
    case(burgers, array(-1, 1, 7), between(0.01, 0.1), between(0.2, 0.5)),
    case(conservative, array(-1, 1, 6)),
    case(even_and_odd, array(-1, 1, 7)),
    case(reversed_product, array(-1, 1, 5)),
    case(haar, array(-1, 1, 6)),
    case(laplacian, array(-1, 1, 4, 5), between(0.2, 0.5)),
    case(gray_scott, array(0, 1, 4, 4), array(0, 1, 4, 4), 0.04, 0.06),
    case(periodic_2d, array(-1, 1, 3, 4)),
    case(rows_and_columns, array(-1, 1, 5, 3)),
    case(column_scaled, array(-1, 1, 4, 3), array(-1, 1, 3)),
    case(row_sums, array(-1, 1, 3, 5)),
    case(broadcast_rows, array(-1, 1, 3, 4), array(-1, 1, 4)),
    case(outer_difference, array(-1, 1, 5), array(-1, 1, 3)),
    case(distance_matrix, array(-1, 1, 4, 2)),
    case(softmax_rows, array(-1, 1, 3, 4)),
    case(last_axis, array(-1, 1, 2, 3, 3)),
    case(trapezoid, array(0, 1, 6), array(-1, 1, 6)),
    case(moving_average, array(-1, 1, 9), 3),
    case(block_sums, array(0.5, 1.5, 9), 3),
    case(slice_of_slice, array(-1, 1, 7)),
    case(constant_into_slice, array(-1, 1, 7)),
    case(row_into_matrix, array(-1, 1, 5)),
    case(predator_prey, 0.0, array(0.5, 1.5, 2, 5), wrt="z"),
    case(shallow_water, array(0.8, 1.2, 6), array(-0.1, 0.1, 6), 9.81, 0.1, wrt=("h", "q")),
]
