"""Patterns of aliasing and mutation: each right, as plain NumPy is, or refused; never a wrong number.

The functions are small; their first argument is an array of six numbers unless the table says otherwise. The reference
runs them as they stand, on arrays of NumPy, so that views are NumPy's views.
"""

import aliasing_containers
import numpy as np
from corpus_arrays import array, case

# Overlapping writes


def shift_right(a):
    a[1:] = a[:-1]
    return a * a[1]


def shift_left(a):
    a[:-1] = a[1:]
    return a * a[1]


def shift_right_of_copy(y):
    a = y.copy()
    a[1:] = a[:-1]
    return a * y


def add_left_neighbour(y):
    """A loop forwards would accumulate."""
    a = y.copy()
    a[1:] += a[:-1]
    return a**2


def add_right_neighbour(y):
    a = y.copy()
    a[:-1] += a[1:]
    return a**2


def multiply_by_left_neighbour(y):
    a = y.copy()
    a[1:] *= a[:-1]
    return a


def smooth_in_place(y):
    a = y.copy()
    a[1:-1] = 0.25 * a[:-2] + 0.5 * a[1:-1] + 0.25 * a[2:]
    return a**2


def smooth_in_place_repeatedly(y):
    a = y.copy()
    for _ in range(3):
        a[1:-1] += 0.1 * (a[:-2] - 2.0 * a[1:-1] + a[2:]) * a[1:-1]
    return a


def reverse_in_place(y):
    a = y.copy()
    a[:] = a[::-1]
    return a * y


def add_reversed(y):
    a = y.copy()
    a += a[::-1]
    return a**2


def even_from_odd(y):
    a = y.copy()
    a[::2] = a[1::2]
    return a * y


def overlap_through_views(y):
    a = y.copy()
    left = a[:-1]
    right = a[1:]
    right[:] = left
    return a * y


def overlap_in_place_through_views(y):
    a = y.copy()
    left = a[:-1]
    right = a[1:]
    right += left * 2.0
    return a**2


def transpose_in_place(A):
    B = A.copy()
    B[:, :] = B.T
    return B * A


def add_transpose_in_place(A):
    B = A.copy()
    B += B.T
    return B**2


def row_from_rows(A):
    B = A.copy()
    B[1:] = B[:-1]
    return B * A


def column_from_row(A):
    B = A.copy()
    B[:, 0] = B[0, :]
    return B**2


def product_into_operand(A):
    B = A.copy()
    B[:] = B @ B
    return B


def first_into_all(y):
    """`a[0]` is read before it is overwritten."""
    a = y.copy()
    a[:] = a[0] * a[1]
    return a * y


def scale_by_first(y):
    a = y.copy()
    a *= a[0]
    return a


def divide_by_last(y):
    a = y.copy()
    a /= a[-1]
    return a


def divide_by_last_in_loop(y):
    """Here the divisor changes within the loop, at its last trip."""
    a = y.copy()
    for i in range(len(a)):
        a[i] = a[i] / a[-1]
    return a * y


def normalise_in_loop(y):
    """The first element changes before the others are divided."""
    a = y.copy()
    for i in range(len(a)):
        a[i] /= a[0]
    return a * y


# Names for one array


def second_name(y):
    a = y.copy()
    b = a
    b[0] = 2.0 * y[1]
    return a * y


def second_name_of_argument(y):
    b = y
    b[0] = y[1] * y[2]
    return y * b


def name_before_rebinding(y):
    a = y.copy()
    b = a
    a = a * 2.0
    b[0] = y[1] ** 2
    return a + b


def name_before_augmented(y):
    """An augmented assignment changes the array, not the name."""
    a = y.copy()
    b = a
    a *= y[0]
    return a + b * y


def chained_names(y):
    a = b = np.zeros_like(y)
    a[:] = y
    b[0] = y[1] ** 2
    return a * b


def value_read_before_write(y):
    first = y[0]
    y[0] = y[1] * 3.0
    return y * first


def value_kept_across_loop(y):
    a = y.copy()
    before = a[0]
    for i in range(1, len(a)):
        now = a[i]
        a[i] = before * a[i]
        before = now
    return a


def row_read_before_write(A):
    """A row is a view, not a value."""
    B = A.copy()
    row = B[0]
    B[0, 1] = A[1, 1] * A[2, 2]
    return row * A[1]


def copied_row_before_write(A):
    B = A.copy()
    row = B[0].copy()
    B[0] = A[1] ** 2
    return row * B[0]


# Views


def write_through_view(y):
    a = y.copy()
    b = a[1:3]
    b[0] = y[4] ** 2
    return a * y


def write_under_view(y):
    a = y.copy()
    b = a[1:4]
    a[2] = y[0] ** 2
    return b * y[1:4]


def view_kept_across_writes(y):
    a = np.zeros(len(y))
    tail = a[2:]
    a[:] = y
    tail *= 2.0
    a[3] = y[0] * y[1]
    return a, tail * tail


def view_of_view(y):
    a = y.copy()
    b = a[1:]
    c = b[1:-1]
    c[0] = y[0] * y[5]
    b[2] = c[0] ** 2
    return a


def two_overlapping_views(y):
    a = y.copy()
    b, c = a[:4], a[2:]
    for i in range(len(b)):
        b[i] = c[i] * y[0]
    return a


def reversed_view(y):
    a = y.copy()
    back = a[::-1]
    back[0] = y[1] * y[2]
    back[1:3] *= 2.0
    return a * back


def strided_views(y):
    a = np.empty_like(y)
    even, odd = a[::2], a[1::2]
    even[:] = y[:3] ** 2
    odd[:] = even * y[3:]
    return a


def ravel_view(A):
    B = A.copy()
    flat = B.ravel()
    flat[1] = A[0, 0] * A[2, 2]
    return B * A


def reshape_view(y):
    a = y.copy()
    M = a.reshape(2, 3)
    M[1] = M[0] * M[1]
    M[0, 2] = y[5] ** 2
    return a * y


def flatten_copy(A):
    B = A.copy()
    flat = B.flatten()
    flat[1] = A[0, 0] * A[2, 2]
    return B * A, flat**2


def transposed_view(A):
    B = A.copy()
    T = B.T
    T[0, 1] = A[2, 2] ** 2
    T[1] *= A[0]
    return B


def diagonal_by_loop(A):
    B = A.copy()
    for i in range(len(B)):
        B[i, i] += B[i - 1, i] * B[i, i]
    return B


def rows_of_loop(A):
    B = A.copy()
    for row in B:
        row[0] = row[1] * row[2]
        row *= 2.0
    return B


def column_view(A):
    B = A.copy()
    column = B[:, 1]
    column[:] = B[:, 0] * column
    B[0, 1] = A[2, 2]
    return B, column**2


def newaxis_view(y):
    a = y.copy()
    column = a[:, np.newaxis]
    column[2, 0] = y[0] * y[1]
    return a * y


def swap_views(y):
    a = y.copy()
    left, right = a[:3], a[3:]
    left, right = right, left
    left[0] = y[1] ** 2
    right[0] = y[2] ** 2
    return a


def swap_view_contents(y):
    """The right side holds views: the second is read after the first was written."""
    a = y.copy()
    a[:3], a[3:] = a[3:], a[:3]
    return a * y


def swap_view_contents_with_copy(y):
    a = y.copy()
    a[:3], a[3:] = a[3:].copy(), a[:3].copy()
    return a * y


def swap_elements(y):
    a = y.copy()
    for i in range(len(a) // 2):
        a[i], a[-1 - i] = a[-1 - i], a[i]
    return a * y


def swap_rows(A):
    B = A.copy()
    B[0], B[1] = B[1].copy(), B[0].copy()
    return B * A


# Buffers


def swap_buffers(y):
    u = y.copy()
    v = np.zeros_like(y)
    for _ in range(3):
        for i in range(len(u)):
            v[i] = u[i] * u[i - 1]
        u, v = v, u
    return u + v


def swap_three(y):
    a, b, c = y.copy(), y * 2.0, y**2
    for _ in range(2):
        a, b, c = b, c, a
        a[0] += c[1] * b[2]
    return a * b + c


def buffer_forgotten_copy(y):
    """`old = new` makes one array of two."""
    old = y.copy()
    new = y.copy()
    for _ in range(2):
        for i in range(1, len(y)):
            new[i] = old[i] + 0.5 * old[i - 1] ** 2
        old = new
    return old


def buffer_copied_into(y):
    old = y.copy()
    new = np.empty_like(y)
    for _ in range(2):
        for i in range(len(y)):
            new[i] = old[i - 1] * old[i]
        old[:] = new
    new[0] = 0.0
    return old


def swap_by_parity(y):
    buffers = np.zeros((2, len(y)))
    buffers[0] = y
    for step in range(3):
        now, after = buffers[step % 2], buffers[(step + 1) % 2]
        for i in range(len(y)):
            after[i] = now[i] * now[i - 1]
    return buffers[1]


def stale_scratch(y):
    """The scratch keeps what the last trip left there."""
    work = np.zeros_like(y)
    total = 0.0
    for i in range(len(y)):
        work[i] = y[i] ** 2
        total += np.sum(work)
    return total


def scratch_cleared(y):
    work = np.zeros_like(y)
    total = 0.0
    for i in range(len(y)):
        work[:] = 0.0
        work[i] = y[i] ** 2
        total += np.sum(work) * work[i]
    return total


def accumulate_into_self(y):
    a = y.copy()
    for i in range(len(a)):
        a[0] += a[i] * a[0]
    return a


# Conditions


def conditional_name(y, c):
    a, d = y.copy(), y**2
    b = a if c > 0.0 else d
    b[0] = y[1] * y[2]
    return a + d * b


def conditional_name_other(y, c):
    a, d = y.copy(), y**2
    if c > 1.0:
        b = a
    else:
        b = d
    b *= y[3]
    return a * d


def sometimes_a_copy(y, c):
    a = y.copy()
    b = a if c > 0.0 else a.copy()
    a[0] = y[1] ** 2
    return b * y


def conditional_view(y, c):
    a = y.copy()
    part = a[:3]
    if c > 0.0:
        part = a[3:]
    part[0] = y[1] * y[2]
    return a * y


def aliased_in_one_trip(y):
    a = y.copy()
    b = np.zeros_like(y)
    for i in range(4):
        if i == 2:
            b = a
        b[i] = y[i] * y[0]
    return a * b


# Helpers


def doubled(a):
    a *= 2.0
    return a


def same(a):
    return a


def tail(a):
    return a[1:]


def add_into(a, b):
    for i in range(len(b)):
        a[i] += b[i] * b[0]


def product_into(out, a, b):
    for i in range(len(out)):
        out[i] = a[i] * b[-1 - i]


def helper_writes_and_returns(y):
    a = y.copy()
    b = doubled(a)
    b[0] = y[1] * y[2]
    return a * b


def helper_returns_its_argument(y):
    a = y.copy()
    b = same(a)
    b[0] = y[1] ** 2
    return a * y


def helper_returns_a_view(y):
    a = y.copy()
    b = tail(a)
    b[0] = y[0] * y[2]
    return a * y


def helper_given_twice(y):
    a = y.copy()
    add_into(a, a)
    return a


def helper_given_overlapping(y):
    a = y.copy()
    add_into(a[1:], a[:-1])
    return a


def helper_output_is_input(y):
    a = y.copy()
    product_into(a, a, a)
    return a


def helper_given_view(y):
    a = y.copy()
    add_into(a[::2], y[3:])
    return a


def helper_given_row(A):
    B = A.copy()
    add_into(B[0], B[1])
    return B


def helper_writes_input(y):
    s = y[0]
    doubled(y)
    return y * s


def nested_function_writes(y):
    a = y.copy()

    def set_first(value):
        a[0] = value

    set_first(y[1] * y[2])
    return a * y


# Copies that look like views, containers, returns


def fancy_copy(y):
    a = y.copy()
    picked = a[np.array([0, 2, 4])]
    picked[0] = y[5] ** 2
    a[2] = y[1] * 3.0
    return a, picked * picked


def fancy_augmented(y):
    """Repeated indices are added once."""
    a = y.copy()
    index = np.array([0, 2, 2])
    a[index] = a[index] + y[3:]
    return a**2


def mask_copy(y):
    a = y.copy()
    positive = a[y > 0.0]
    a[0] = y[1] ** 2
    return np.sum(positive) * a


def where_copy(y):
    a = y.copy()
    b = np.where(y > 0.0, a, 0.0)
    a[:] = 1.0
    return b * y + a


def expression_copy(y):
    a = y.copy()
    b = +a
    c = a * 1.0
    a[0] = y[1] ** 2
    return b + c * a


def asarray_view(y):
    a = y.copy()
    b = np.asarray(a)
    b[0] = y[1] ** 2
    return a * y


def tuple_of_arrays(y):
    a = y.copy()
    pair = (a, y * 2.0)
    pair[0][1] = y[0] ** 2
    return a * pair[1]


def list_of_arrays(y):
    a, b = y.copy(), y**2
    both = [a, b]
    for c in both:
        c[0] = y[1] * y[2]
    return a + b * b


def same_array_returned_twice(y):
    a = y**2
    a[0] = y[1]
    return a, a


def view_returned(y):
    a = y**2
    b = a[1:]
    a[2] = y[0] * y[1]
    return b


def argument_returned(y):
    return y


def argument_and_view_returned(y):
    y[0] *= y[1]
    return y, y[::-1]


def complex_parts(y):
    z = y + 1j * y[::-1]
    z.real[0] = y[1] * y[2]
    return z.imag * z.real


def loop_over_what_changes(y):
    """The loop sees what earlier trips wrote."""
    a = y.copy()
    total = 0.0
    for i, value in enumerate(a):
        total += value
        if i + 1 < len(a):
            a[i + 1] = value * a[i + 1]
    return total


def augmented_element_reads_itself(y):
    a = y.copy()
    a[0] += a[0] * a[1]
    a[1] -= a[0] / a[1]
    a[2] *= a[2]
    a[3] **= 2
    return a


def filled_while_read(y, dy):
    dy[:] = y
    dy[1:] -= dy[:-1]
    dy[0] = dy[-1] * y[0]


def fill_then_view(y, dy):
    half = dy[3:]
    dy[:] = y**2
    half *= y[0]


MATRIX = array(-1, 1, 3, 3)
MATRICES = (
    "transpose_in_place", "add_transpose_in_place", "row_from_rows", "column_from_row", "product_into_operand",
    "row_read_before_write", "copied_row_before_write", "ravel_view", "flatten_copy", "transposed_view",
    "diagonal_by_loop", "rows_of_loop", "column_view", "swap_rows", "helper_given_row",
)  # fmt: skip
CONDITIONAL = ("conditional_name", "conditional_name_other", "sometimes_a_copy", "conditional_view")
FILLED = ("filled_while_read", "fill_then_view")
HELPERS = ("doubled", "same", "tail", "add_into", "product_into")


def table():
    """The patterns by name."""
    cases = {}
    for name, function in globals().items():
        if getattr(function, "__module__", None) != __name__ or name in (*HELPERS, "table"):
            continue
        if name in MATRICES:
            cases[name] = case(function, MATRIX)
        elif name in CONDITIONAL:
            cases[name] = case(function, array(-1, 1, 6), 0.5, wrt="y")
            cases[f"{name}-2"] = case(function, array(-1, 1, 6), -0.5, wrt="y")
        elif name in FILLED:
            cases[name] = case(function, array(0.5, 1.5, 6), np.ones(6), wrt="y", of="dy")
        else:
            cases[name] = case(function, array(0.5, 1.5, 6))
    return {f"aliasing.{name}": one for name, one in cases.items()}


CASES = table() | aliasing_containers.CASES
