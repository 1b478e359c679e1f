"""Arrays that all passes and trips of a loop share: which qualify, and that what lives on keeps its values.

The emitted Jacobian, in passes of two columns, is compared with directional derivatives, which make every array afresh.
"""

import re

import numpy as np
import pytest

from srcdiff import jacobian_compiled


def filled(y):
    w = np.empty(len(y))
    for i in range(len(y)):
        w[i] = y[i] ** 2
    return w


def zeroed(y):
    n = len(y)
    w = np.zeros(n)
    w[::2] += y[::2] ** 2
    return w


def zeroed_in_every_trip(y):
    total = 0.0
    for s in range(3):
        w = np.zeros(len(y))
        for i in range(s, len(y)):
            w[i] += y[i] ** (s + 1)
        for i in range(len(y)):
            total += w[i] * (i + 1.0)
    return total


def viewed(y):
    w = np.zeros(len(y))
    v = w[1:]
    for i in range(len(v)):
        v[i] = y[i] * y[i + 1]
    return v


def kept_from_trip_to_trip(y):
    old = y
    for s in range(3):
        new = np.empty(len(y))
        for i in range(len(y)):
            new[i] = old[i] * old[i - 1] + s
        old = new
    return old


def kept_by_a_view(y):
    last = y[1:]
    for _ in range(3):
        w = np.zeros(len(y))
        for i in range(1, len(y)):
            w[i] = last[i - 1] * y[i - 1]
        last = w[1:]
    return last


def kept_by_a_transpose(y):
    last = np.zeros((2, len(y)))
    for s in range(3):
        w = np.zeros((len(y), 2))
        for i in range(len(y)):
            w[i, 0] = y[i] ** 2 + last[1, i]
            w[i, 1] = y[i] * s
        last = w.T
    return last


def same(x):
    return x


def part(x):
    return x[1:]


def doubled(x):
    return 2.0 * x


def kept_by_a_helper(y):
    last = y
    for _ in range(3):
        w = np.empty(len(y))
        for i in range(len(y)):
            w[i] = last[i] * y[i - 1]
        last = same(w)
    return last


def kept_by_part_of_a_helper(y):
    last = y[1:]
    for _ in range(3):
        w = np.zeros(len(y))
        for i in range(1, len(y)):
            w[i] = last[i - 1] * y[i]
        last = part(w)
    return last


def given_to_a_helper(y):
    last = y
    for _ in range(3):
        w = np.empty(len(y))
        for i in range(len(y)):
            w[i] = last[i] * y[i - 1]
        last = doubled(w)
    return last


def exchanged(y):
    pair = (y, y)
    for _ in range(3):
        w = np.empty(len(y))
        for i in range(len(y)):
            w[i] = pair[0][i] * pair[1][i - 1]
        pair = (w, pair[0])
    return pair[0] - pair[1]


def swapped(y):
    old, new = y.copy(), np.empty(len(y))
    for s in range(3):
        for i in range(len(y)):
            new[i] = old[i] * old[i - 1] + s
        old, new = new, old
    return old


def read_after_the_loop(y):
    w = np.zeros(1)
    for s in range(2):
        w = np.empty(len(y))
        for i in range(len(y)):
            w[i] = y[i] ** (s + 1)
    return w


def read_after_a_loop_alone(y):
    for s in range(2):
        w = np.empty(len(y))
        for i in range(len(y)):
            w[i] = y[i] ** (s + 1)
    return w


def returned_from_a_loop(y):
    for s in range(3):
        w = np.empty(len(y))
        for i in range(len(y)):
            w[i] = y[i] ** (s + 1)
        if s == 1:
            return w
    return y


def made_in_a_branch(y):
    result = y
    if y[0] > 0.0:
        w = np.empty(len(y))
        for i in range(len(y)):
            w[i] = y[i] ** 2
        result = w
    return result


def bound_in_both_branches(y):
    if y[0] > 0.0:
        w = np.zeros(len(y))
    else:
        w = np.zeros(2 * len(y))
    w[0] = y[0] * y[1]
    return w


def bound_twice(y):
    w = np.zeros(len(y))
    w[1:] = y[1:] * y[:-1]
    first = w
    w = np.zeros(len(y))
    w[0] = y[1] ** 2
    return first + w


def of_changing_length(y):
    total = 0.0
    n = len(y)
    while n > 1:
        w = np.zeros(n)
        for i in range(n):
            w[i] = y[i] ** 2 * n
        for i in range(len(w)):
            total += w[i]
        n = n - 1
    return total


def of_a_length_that_is_given(y, n: int):
    w = np.zeros(n)
    w[0] = y[0] * y[1]
    return w


def of_a_rebound_name(y):
    y = y[1:] * y[:-1]
    w = np.zeros(len(y))
    w[:] = y**2
    return w


def multiplied(y):
    last = y
    for _ in range(2):
        a = np.zeros((len(y), len(y)))
        for i in range(len(y)):
            a[i, i] = y[i]
            a[i, i - 1] = 1.0
        last = a @ last
    return last


CASES = [
    (filled, ["w"]),
    (zeroed, ["w"]),
    (zeroed_in_every_trip, ["w"]),
    (viewed, ["w"]),
    (kept_from_trip_to_trip, []),
    (kept_by_a_view, []),
    (kept_by_a_transpose, []),
    (kept_by_a_helper, []),
    (kept_by_part_of_a_helper, []),
    (given_to_a_helper, ["w"]),
    (exchanged, []),
    (swapped, []),
    (read_after_the_loop, []),
    (read_after_a_loop_alone, []),
    (returned_from_a_loop, ["w"]),
    (made_in_a_branch, []),
    (bound_in_both_branches, []),
    (bound_twice, []),
    (of_changing_length, []),
    (of_a_length_that_is_given, []),
    (of_a_rebound_name, []),
    (multiplied, []),
]


TYPES = {"y": "float64[:]"}


def emitted(f, mode):
    names = {}
    exec(f.emit(mode, TYPES), names)
    return names[f"{f.__wrapped__.__name__}_{mode}"]


def shared(f):
    """Arrays of the user that are passed from pass to pass, as the emitted text has it."""
    code = f.__wrapped__.__code__
    signature = re.search(r"_tangents\((y, .*)\):\n", f.emit("into", TYPES))
    return [name for name in re.split(r",\s*", signature[1]) if name in code.co_varnames[code.co_argcount :]]


@pytest.mark.parametrize(("function", "expected"), CASES, ids=lambda v: getattr(v, "__name__", ""))
def test_memory_is_shared_where_nothing_lives_on(function, expected):
    f = jacobian_compiled(function, wrt="y", chunk=2)
    assert shared(f) == expected
    for start in (1.5, -0.75):
        y = np.linspace(start, 2.25, 5)
        args = (y, 4) if function is of_a_length_that_is_given else (y,)
        value, jacobian = emitted(f, "value_and_jacobian")(*args)
        np.testing.assert_allclose(value, function(*args), rtol=1e-14)
        columns = [emitted(f, "jvp")(args, unit)[1] for unit in np.eye(len(y))]
        np.testing.assert_allclose(jacobian, np.stack(columns, -1), rtol=1e-13, atol=1e-15)


def test_passes_of_compiled_code_share_memory_too():
    f = jacobian_compiled(zeroed_in_every_trip, wrt="y", chunk=2)
    y = np.linspace(-0.75, 2.25, 7)
    at = np.arange(1.0, 8.0)
    expected = at + 2.0 * y * at * (at > 1.0) + 3.0 * y**2 * at * (at > 2.0)
    np.testing.assert_allclose(f.jacobian(y), expected, rtol=1e-14)
