"""Arrays of length 0 and 1, single directions, and lengths about a row of eight."""

import numpy as np

from corpus_arrays import array, between, case
from corpus_arrays.inplace import diffuse, in_place_cumulative, swapped_buffers
from corpus_arrays.loops import cumulative_sum, heat_periodic, scaled, sum_of_squares, weighted_sum
from corpus_arrays.slices import heat, outer_difference, reversed_product, row_sums


def nothing_varies(y, x):
    return np.zeros(3) + x


def constant_part(y):
    out = np.zeros(4)
    out[1] = y[0]
    return out


def identity(y):
    return y


def scalar_from_one(x):
    return x**2


def total(y):
    return y.sum()


def product(y):
    return np.prod(y)


def length_times(y, x):
    return len(y) * x


def first_of_two(a, b):
    return a * 2.0


EMPTY = np.zeros(0)
CASES = [
    case(identity, array(-1, 1, 5)),
    case(scaled, EMPTY, 2.0),
    case(scaled, array(-1, 1, 1), 2.0),
    case(scaled, array(-1, 1, 7), between(0.5, 2), wrt="a"),
    case(scaled, array(-1, 1, 8), between(0.5, 2)),
    case(scaled, array(-1, 1, 16), between(0.5, 2), wrt="y"),
    case(scaled, array(-1, 1, 17), between(0.5, 2), wrt="y"),
    case(scaled, array(-1, 1, 33), between(0.5, 2)),
    case(sum_of_squares, EMPTY),
    case(sum_of_squares, array(-1, 1, 1)),
    case(weighted_sum, EMPTY, EMPTY),
    case(heat_periodic, array(-1, 1, 1), 0.5),
    case(heat_periodic, array(-1, 1, 2), 0.5),
    case(cumulative_sum, EMPTY),
    case(diffuse, array(-1, 1, 1), 0.5, 3),
    case(diffuse, array(-1, 1, 2), 0.5, 3),
    case(swapped_buffers, array(-1, 1, 3), 0.2, 0),
    case(in_place_cumulative, array(-1, 1, 1)),
    case(heat, 0.0, array(0, 1, 2), 1.0, 0.5, wrt="u"),
    case(outer_difference, array(-1, 1, 1), array(-1, 1, 1)),
    case(reversed_product, array(-1, 1, 1)),
    case(row_sums, np.zeros((0, 4))),
    case(row_sums, np.zeros((3, 0))),
    case(row_sums, array(-1, 1, 1, 1)),
    case(scalar_from_one, array(-1, 1, 1)),
    case(total, EMPTY),
    case(product, array(0.5, 1.5, 1)),
    case(nothing_varies, array(-1, 1, 5), between(0.5, 1), wrt="y"),
    case(constant_part, array(-1, 1, 1)),
    case(length_times, array(-1, 1, 5), between(0.5, 1)),
    case(first_of_two, array(-1, 1, 5), array(-1, 1, 3)),
]
