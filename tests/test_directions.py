"""How many directions a pass carries: as many as a call needs, in passes of the same width."""

import math

import numpy as np
import pytest

from srcdiff import emit, jacobian_compiled


def ring(y, gain):
    dy = np.empty(len(y))
    for i in range(len(y)):
        dy[i] = gain[i % len(gain)] * math.sin(y[i]) - y[i - 1] ** 2
    return dy


def by_hand(y, gain):
    n = len(y)
    matrix = np.zeros((n, n + len(gain)))
    for i in range(n):
        matrix[i, i] += gain[i % len(gain)] * math.cos(y[i])
        matrix[i, (i - 1) % n] -= 2.0 * y[i - 1]
        matrix[i, n + i % len(gain)] += math.sin(y[i])
    return matrix


ring_by_both = jacobian_compiled(ring, wrt=("y", "gain"))
ring_by_fives = jacobian_compiled(ring, wrt=("y", "gain"), chunk=5)
ring_by_tens = jacobian_compiled(ring, wrt=("y", "gain"), chunk=10)


@pytest.mark.parametrize("size", [0, 1, 5, 6, 7, 8, 60, 61, 62, 63, 64, 126, 127, 200])
def test_any_number_of_columns(size):
    y, gain = np.linspace(-1.0, 2.0, size), np.array([0.5, 1.5, -2.0])
    expected = by_hand(y, gain)
    for f in (ring_by_both, ring_by_fives, ring_by_tens):
        out = np.full(expected.shape, np.nan)
        f.jacobian.into(out, y, gain)
        np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-15)
        np.testing.assert_array_equal(f.jacobian.matrix(y, gain), out)


def widths(function, *args):
    """The numbers of directions that the emitted text carries through the function, pass by pass."""
    text = function.emit("into", types={"y": "float64[:]", "gain": "float64[:]"})
    names = {}
    exec(text, names)
    inner, seen = names["ring_tangents"], []

    def counted(y, y_dot, *rest):
        seen.append(y_dot.shape[-1])
        return inner(y, y_dot, *rest)

    names["ring_tangents"] = counted
    names["ring_jacobian_into"](np.empty((len(args[0]), len(args[0]) + len(args[1]))), *args)
    return seen


@pytest.mark.parametrize(
    ("size", "expected"), [(0, [8]), (5, [8]), (6, [16]), (61, [64]), (62, [40, 40]), (197, [56] * 4)]
)
def test_passes_are_of_the_same_width(size, expected):
    assert widths(ring_by_both, np.ones(size), np.ones(3)) == expected


def test_chunk_says_how_many():
    assert widths(ring_by_tens, np.ones(22), np.ones(3)) == [10, 10, 10]


def heights(a, b, x):
    total = np.zeros(len(x))
    for i in range(len(x)):
        total[i] = a * x[i] + b
    return total


def test_few_directions_are_counted_by_literals():
    text = emit(heights, wrt=("a", "b"), types={"x": "float64[:]"})
    assert "for k in range(2):" in text
    assert "directions = " not in text
