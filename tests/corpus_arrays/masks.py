"""Boolean masks: read, written, counted; branches on whole arrays."""

import numpy as np

from corpus_arrays import array, between, case


def rectified(y):
    out = y.copy()
    out[out < 0.0] = 0.0
    return out


def masked_sum(y):
    return np.sum(y[y > 0.0] ** 2)


def kept(y, level):
    return y[y > level] * level


def mask_into(x, y):
    out = x * y
    mask = x > y
    out[mask] = x[mask] ** 2
    return out


def upwind(u, dx):
    backward = np.zeros_like(u)
    forward = np.zeros_like(u)
    backward[1:] = (u[1:] - u[:-1]) / dx
    forward[:-1] = (u[1:] - u[:-1]) / dx
    return -u * np.where(u > 0.0, backward, forward)


def huber(residual, delta):
    size = np.abs(residual)
    return np.sum(np.where(size < delta, 0.5 * residual**2, delta * (size - 0.5 * delta)))


def counted(y):
    n = np.sum(y > 0.0)
    return y * n + np.count_nonzero(y < 0.0)


def any_and_all(y):
    if np.any(y > 0.9):
        return y * 2.0
    if np.all(y > -2.0):
        return y**2
    return y**3


def where_indices(y):
    index = np.where(y > 0.0)[0]
    total = 0.0
    for i in index:
        total += y[i] * y[i - 1]
    return total


def nonzero_sum(y, mask):
    total = 0.0
    for i in np.nonzero(mask)[0]:
        total += y[i] ** 2
    return total


def nested_where(y):
    return np.where(y < -0.3, -1.0, np.where(y > 0.3, y**2, y / 0.3))


def given_mask(y, mask):
    return np.where(mask, np.exp(y), y)


def flagged_loop(y, active):
    out = np.zeros_like(y)
    for i in range(len(y)):
        if active[i]:
            out[i] = y[i] * y[i - 1]
    return out


def extreme_values(y):
    """Winsorised mean."""
    low, high = -0.6, 0.6
    out = y.copy()
    for i in range(len(out)):
        if out[i] < low:
            out[i] = low
        elif out[i] > high:
            out[i] = high
    return out.mean()


FLAGS = np.array([True, False, True, True, False, True])

CASES = [
    case(rectified, array(-1, 1, 7), tags=("kink",)),
    case(masked_sum, array(-1, 1, 9), tags=("kink",)),
    case(kept, array(-1, 1, 7), between(0.1, 0.2), tags=("kink",)),
    case(mask_into, array(-1, 1, 6), array(-1, 1, 6), tags=("kink",)),
    case(upwind, array(-1, 1, 7), between(0.2, 0.5), tags=("kink",)),
    case(huber, array(-1, 1, 7), between(0.3, 0.6), tags=("kink",)),
    case(counted, array(-1, 1, 6), tags=("kink",)),
    case(any_and_all, array(-1, 0.8, 5), tags=("kink",)),
    case(where_indices, array(-1, 1, 7), tags=("kink",)),
    case(nonzero_sum, array(-1, 1, 6), FLAGS, wrt="y"),
    case(nested_where, array(-1, 1, 9), tags=("kink",)),
    case(given_mask, array(-1, 1, 6), FLAGS, wrt="y"),
    case(flagged_loop, array(-1, 1, 6), FLAGS, wrt="y"),
    case(extreme_values, array(-1, 1, 7), tags=("kink",)),
]
