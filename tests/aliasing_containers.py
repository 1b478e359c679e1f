"""Aliasing in tuples and lists, and of names that loops and branches bind again; see aliasing_patterns.py."""

import numpy as np
from corpus_arrays import array, case

# Tuples


def tuple_carried_by_loop(y):
    state = (y * 1.0, y * 2.0)
    for _ in range(3):
        state = (state[1], 0.5 * state[0] * state[1])
    return state[0] * state[1]


def tuple_items_exchanged(y):
    pair = (y.copy(), y * 2.0)
    for _ in range(3):
        pair = (pair[1], pair[0])
        pair[0][1] = pair[1][0] ** 2
    return pair[0] * pair[1]


def item_kept_in_another_tuple(y):
    t = (y * 1.0,)
    kept = (t[0],)
    for _ in range(2):
        t = (t[0] * 2.0,)
    kept[0][0] = 0.5
    return t[0] * kept[0]


def two_names_of_a_tuple(y):
    now = (y * 1.0, y * 2.0)
    before = now
    for _ in range(3):
        before = now
        now = (now[1], now[0] * y)
    before[0][0] = 0.3
    return now[0] * now[1] * before[0] * before[1]


def tuple_parts_from_its_second_name(y):
    t = (y * 1.0, y * 3.0)
    u = t
    t = (t[1], t[0])
    for _ in range(3):
        t = (t[1] * y, t[0])
    return u[0] * t[0] * u[1] * t[1]


def pair_of_the_same_pair(y):
    p = (y * 1.0, y * 2.0)
    t = (p, p)
    for _ in range(3):
        t = (t[1], (t[0][0] * y, t[1][1]))
    t[0][1][0] = 0.7
    return t[0][0] * t[0][1] * t[1][0] * t[1][1]


def nested_tuple_written(y):
    a = y.copy()
    t = ((a, y * 2.0), a)
    t[0][0][0] = y[1] ** 2
    t[1][1] *= 2.0
    return t[0][0] * t[0][1] * a


def tuple_chosen(y, c):
    t = (y.copy(), y * 2.0)
    u = t if c > 0.0 else (t[1], t[0])
    u[0][0] = y[1] ** 2
    return t[0] * u[1]


def tuple_turned_on_one_path(y, c):
    t = (y * 1.0, y * 3.0)
    u = (t[1], t[0])
    if c > 0.0:
        t = (t[1] * 2.0, t[0])
    t[1][0] = y[2]
    return t[0] * t[1] + u[0] * u[1] ** 2


def unpacked_and_exchanged(y):
    t = (y * 1.0, y * 2.0)
    a, b = t
    for _ in range(3):
        a, b = b, a
        a[0] = b[1] * 0.5
    return t[0] * a + t[1] * b


def small_arrays_under_two_names(y):
    t = (np.array([y[0], 2.0, 3.0]), y[:3] * 2.0)
    u = t
    for _ in range(2):
        t = (t[0] * 2.0, t[0] * t[1])
    return u[1] * t[0] * u[0] * t[1]


# Lists


def second_name_of_a_list(y):
    first = [y * 1.0, y * 2.0]
    second = first
    second[0] = y**2
    first[1] = second[0] * y
    return first[0] * second[1]


def copied_list(y):
    first = [y * 1.0, y * 2.0]
    second = first[:]
    second[0] = y**2
    second[1][0] = 0.5
    return first[0] * first[1] + second[0]


def second_name_of_a_list_after_a_branch(y, c):
    first = [y * 1.0, y * 2.0]
    second = first
    if c > 0.0:
        first[0] = y**2
    first[1] = y**3
    return second[1] + second[0]


def list_that_may_be_another(y, c):
    first, second = [y * 1.0, y * 2.0], [y * 3.0, y**2]
    if c > 0.0:
        second = first
    first[1] = y**3
    return second[0] * second[1]


def list_that_becomes_another(y):
    first, second = [y * 1.0], [y * 2.0]
    for _ in range(2):
        first[0] = first[0] * 2.0
        second = first
    first[0] = y**2
    return second[0]


def lists_exchanged(y):
    first, second = [y * 1.0], [y * 2.0]
    for _ in range(3):
        first[0] = first[0] * y
        first, second = second, first
    second[0][0] = 0.4
    return first[0] + second[0]


def list_items_exchanged(y):
    items = [y * 1.0, y * 2.0, y**2]
    for k in range(4):
        items[k % 3], items[(k + 1) % 3] = items[(k + 1) % 3], items[k % 3]
        items[0][k] = y[k + 1] ** 2
    return items[0] * items[1] + items[2]


def buffers_in_a_list(y):
    buffers = [y * 1.0, np.zeros_like(y)]
    for k in range(4):
        now, after = buffers[k % 2], buffers[(k + 1) % 2]
        for i in range(len(y)):
            after[i] = now[i] * now[i - 1] + after[i]
    return buffers[0] + buffers[1] ** 2


def list_changed_while_gone_through(y):
    items = [y * 1.0, y * 2.0]
    total = 0.0
    for item in items:
        items[1] = item * items[1]
        total += item.sum()
    return total


def list_repeated(y):
    items = [y * 1.0, y * 2.0] * 2
    items[3][0] = y[1] ** 2
    items[0] = items[2] * y
    return items[0] * items[1] * items[2]


def list_in_a_tuple(y):
    t = ([y * 1.0, y * 2.0], y[0])
    inner = t[0]
    for _ in range(3):
        t[0][1] = inner[0] * y
        inner[0] = t[0][1]
    return t[0][0] * inner[1] * t[1]


def comprehension_of_views(y):
    a = y.copy()
    parts = [v for v in (a[1:], a[:-1])]  # noqa: C416
    parts[0][0] = y[5] ** 2
    return parts[1] * parts[0], a


def comprehension_with_a_namesake(y):
    x = y * 2.0
    parts = [x * 1.5 for x in (y, x)]
    return parts[0] * parts[1] + x


def history(y):
    states, u = [], y
    for _ in range(3):
        u = np.sin(u)
        states.append(u)
    u[0] = 0.5
    return states[0] * states[1] + states[-1]


# Names bound again


def array_gone_through_is_bound_again(y):
    total = 0.0
    for i, v in enumerate(y):
        y = y * 0.5
        total += v * y[i]
    return total * y


def item_gone_through_is_bound_again(y):
    t = (y * 1.0, y * 3.0)
    total = 0.0
    for v in t[0]:
        t = (t[0] * 0.5, t[1])
        total += v**2
    return total * t[0]


def both_of_a_zip_are_bound_again(y):
    z = y * 2.0
    total = 0.0
    for a, b in zip(y, z):
        y, z = z, y * a
        total += a * b
    return total * y * z


def view_of_what_is_bound_again(y):
    v = y[1:]
    for _ in range(3):
        y = y * 0.5
        v[0] = y[0] * v[1]
        v = y[1:]
    return v * y[:-1]


def view_that_becomes_its_base(y):
    a = y.copy()
    for k in range(3):
        part = a[1:]
        part[0] = a[0] * part[1]
        a = part if k == 5 else a
    return a * y


def previous_is_kept(y):
    before, now = y, np.sin(y)
    for _ in range(4):
        before, now = now, np.sin(before) * now
        before[0] = now[1]
    return before * now


def array_returned_from_a_loop(y, c):
    u = y
    for _ in range(4):
        v = u * 0.5
        if v[0] * v[0] < 0.01 * c + 0.01:
            v[1] = u[2]
            return u * v
        u = v
    return u


def views_chosen(y, c):
    a = y.copy()
    v = a[::-1] if c > 0.0 else a
    v[0] = y[2] ** 2
    return v * y, a


def mask_of_what_changed(y):
    a = y.copy()
    high = a > 0.9
    a = a[::-1]
    a[high] *= 2.0
    a[~high] = a[high].sum()
    return a * y


def rows_in_a_list(A):
    B = A.copy()
    rows = [B[0], B[1], B[2]]
    rows[0], rows[1] = rows[1], rows[0]
    rows[0][0] = A[2, 2] ** 2
    rows[1] = rows[2]
    rows[1][1] = A[0, 0]
    return B * rows[0] * rows[1]


def transpose_gone_through(A):
    B = A.copy()
    for i, row in enumerate(B.T):
        B[i] = row * A[0]
    return B


# Helpers


def crossed(pair):
    a, b = pair
    return b, np.sin(a) * b


def stepped(pair):
    for i in range(len(pair[0])):
        pair[0][i] = 0.5 * pair[1][i] * pair[0][i]
    return pair


def either(pair):
    for value in pair[0]:
        if value > 1.2:
            return pair
    return pair[1], pair[0] * 2.0


def helper_turns_a_tuple(y):
    t = (y.copy(), y * 2.0)
    for _ in range(3):
        t = crossed(t)
    t[0][0] = 0.5
    return t[0] * t[1]


def helper_returns_its_tuple(y):
    a = y.copy()
    t = stepped((a, y))
    u = stepped((t[1] * 2.0, t[0]))
    t[0][0] = y[1] ** 2
    return a * u[0] * u[1]


def helper_returns_early(y):
    a, b = y.copy(), y * 0.5
    t = either((a, b))
    t[0][1] = y[0] ** 2
    return a * b * t[1]


def helper_is_given_one_array_twice(y):
    a = y.copy()
    t = stepped((a, a))
    t[1][0] = y[1]
    return a * t[0]


MATRICES = ("rows_in_a_list", "transpose_gone_through")
CONDITIONAL = (
    "tuple_chosen", "tuple_turned_on_one_path", "second_name_of_a_list_after_a_branch", "list_that_may_be_another",
    "array_returned_from_a_loop", "views_chosen",
)  # fmt: skip
HELPERS = ("crossed", "stepped", "either")


def table():
    """The patterns by name."""
    cases = {}
    for name, function in globals().items():
        if getattr(function, "__module__", None) != __name__ or name in (*HELPERS, "table"):
            continue
        if name in MATRICES:
            cases[name] = case(function, array(-1, 1, 3, 3))
        elif name in CONDITIONAL:
            cases[name] = case(function, array(0.5, 1.5, 6), 0.5, wrt="y")
            cases[f"{name}-2"] = case(function, array(0.5, 1.5, 6), -0.5, wrt="y")
        else:
            cases[name] = case(function, array(0.5, 1.5, 6))
    return {f"aliasing.{name}": one for name, one in cases.items()}


CASES = table()
