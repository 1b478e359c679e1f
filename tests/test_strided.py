"""Views with a step, whose tangents are those of the array: which qualify, and that the columns stay right.

The emitted Jacobian, in rows of directions, is compared with directional derivatives, where views have tangents.
"""

import numpy as np
import pytest

from srcdiff import jacobian_compiled


def pairs(y):
    u, v = y[::2], y[1::2]
    dy = np.zeros(len(y))
    dy[::2] = u * v
    dy[1::2] = u**2 - v
    return dy


def with_ends(y):
    inner = y[1:-1:3]
    total = 0.0
    for i in range(len(inner)):
        total += inner[i] ** 2 * (i + 1)
    return total


def next_ones(y):
    u = y[::2]
    total = 0.0
    for i in range(1, len(u) - 1):
        total += u[i] * u[i + 1] + u[0]
    return total


def written(y):
    w = y.copy()
    u = w[1::2]
    for i in range(len(u)):
        u[i] *= w[2 * i]
        w[0] += u[i] ** 2
    return w


def both_ways(y):
    y[::2] = y[1::2] * y[::2]
    return y


def from_the_end(y):
    u = y[::2]
    return u[-1] * u[0]


def one_before(y):
    u = y[::2]
    total = 0.0
    for i in range(len(u)):
        total += u[i] * u[i - 1]
    return total


def backwards(y):
    u = y[::2]
    total = 0.0
    for i in range(len(u) - 1, -1, -1):
        total = total * u[i] + u[i]
    return total


def looked_up(y):
    u = y[1::2]
    order = np.array([-1, 0, 1])
    total = 0.0
    for i in range(3):
        total += u[order[i]] ** 2 * (i + 1)
    return total


def reversed_view(y):
    u = y[::-2]
    return u * u


def view_of_a_view(y):
    u = y[1::2]
    v = u[1:]
    total = 0.0
    for i in range(len(v)):
        total += v[i] ** 2 + u[i]
    return total


def name_bound_again(y):
    u = y[::2]
    total = 0.0
    for i in range(len(u)):
        total += u[i] ** 2
    u = y[1::2]
    for i in range(len(u)):
        total += u[i] ** 3
    return total


def array_bound_again(y):
    w = 2.0 * y
    u = w[::2]
    w = y**2
    total = 0.0
    for i in range(len(u)):
        total += u[i] * w[i]
    return total


def argument_bound_again(y):
    u = y[::2]
    y = y**2
    total = 0.0
    for i in range(len(u)):
        total += u[i] * y[i]
    return total


def counter_that_is_changed(y):
    u = y[::2]
    i = -1
    total = u[i] ** 2
    for i in range(2):
        total += u[i] ** 2
    return total


def total_of(u):
    total = 0.0
    for i in range(len(u)):
        total += u[i] ** 2 * (i + 1)
    return total


def given_to_a_helper(y):
    u = y[1::2]
    return total_of(u) + u[0]


def returned(y):
    w = y**2
    u = w[::2]
    u[0] = y[1]
    return u


def rows(y):
    A = np.zeros((len(y), 2))
    B = A[::2]
    for i in range(len(B)):
        for j in range(2):
            B[i, j] = y[i] * y[j]
    return A


def in_a_loop(y):
    total = 0.0
    w = y.copy()
    for _ in range(3):
        u = w[1::2]
        for i in range(len(u)):
            total += u[i] ** 2
        w = w * y
    return total


CASES = [
    (pairs, ["u", "v", "dy_part", "dy_part_2"]),
    (with_ends, ["inner"]),
    (next_ones, ["u"]),
    (written, ["u"]),
    (both_ways, ["y_part"]),
    (from_the_end, []),
    (one_before, []),
    (backwards, []),
    (looked_up, []),
    (reversed_view, []),
    (view_of_a_view, []),
    (name_bound_again, []),
    (array_bound_again, []),
    (argument_bound_again, []),
    (counter_that_is_changed, []),
    (given_to_a_helper, []),
    (returned, []),
    (rows, []),
    (in_a_loop, []),
]
TYPES = {"y": "float64[:]"}


def emitted(f, mode):
    names = {}
    exec(f.emit(mode, TYPES), names)
    return names[f"{f.__wrapped__.__name__}_{mode}"]


@pytest.mark.parametrize(("function", "expected"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_elements_of_views_with_a_step(function, expected):
    f = jacobian_compiled(function, wrt="y")
    text = f.emit("value_and_jacobian", TYPES)
    for name in expected:
        assert f"{name} = " in text or f"{name}, " in text
        assert f"{name}_dot" not in text
    if not expected:
        assert "2 * i" not in text
    for size in (6, 8 if function in (pairs, both_ways) else 7):
        y = np.linspace(-0.75, 2.25, size)
        value, jacobian = emitted(f, "value_and_jacobian")(y.copy())
        np.testing.assert_allclose(value, function(y.copy()), rtol=1e-14)
        columns = [emitted(f, "jvp")((y.copy(),), unit)[1] for unit in np.eye(size)]
        np.testing.assert_allclose(jacobian, np.stack(columns, -1), rtol=1e-13, atol=1e-15)


def test_compiled_rows_of_views():
    f = jacobian_compiled(pairs, wrt="y")
    y = np.linspace(-0.75, 2.25, 8)
    expected = np.zeros((8, 8))
    for i in range(0, 8, 2):
        expected[i, i], expected[i, i + 1] = y[i + 1], y[i]
        expected[i + 1, i], expected[i + 1, i + 1] = 2.0 * y[i], -1.0
    np.testing.assert_allclose(f.jacobian(y), expected, rtol=1e-15)
    np.testing.assert_allclose(f.jacobian(np.repeat(y, 2)[::2]), expected, rtol=1e-15)
