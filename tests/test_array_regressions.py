"""What random array programs found, reduced: each gave a wrong number, failed or was refused once."""

import dual
import numpy as np
import pytest
from random_programs import directions, run_compiled, run_emitted

import srcdiff
from srcdiff.errors import UnsupportedSyntax, UnsupportedType

Y = np.array([0.3, -0.8, 0.5])
Z = np.array([1.1, 0.4, -0.7])
A = np.arange(9.0).reshape(3, 3) / 7 - 0.3


def arrays_of_a_comprehension(y, z):
    w = [x for x in (y, y[::-1], z)]  # noqa: C416
    return w[0] * w[1] + w[2]


def a_comprehension_whose_variable_has_a_namesake(y, z):
    x = y * 2.0
    w = [x * 1.5 for x in (y, z)]
    return w[0] * w[1] + x


def pairs_of_a_comprehension(y, z):
    w = [(x, x[1:]) for x in (y[1:], z[:-1])]
    return w[0][0] * w[1][0], w[0][1] * w[1][1]


def a_tuple_made_of_another_that_a_loop_changes(y):
    t = (y * 1.0,)
    u = (t[0],)
    for _ in range(2):
        t = (t[0] * 2.0,)
    return u[0] * t[0]


def a_loop_through_an_item_of_a_tuple_that_changes(y):
    t = (y * 1.0, y * 3.0)
    s = 0.0
    for v in t[0]:
        t = (t[0] * 2.0, t[1])
        s += v * v
    return s * t[0]


def a_tuple_turned_on_one_path(y, c):
    t = (y * 1.0, y * 3.0)
    u = (t[1], t[0])
    if c > 0.5:
        t = (t[1] * 2.0, t[0])
    else:
        t = (t[1], t[0])
    return t[0] * t[1] + u[0] * u[1] * u[1]


def a_turned_tuple_that_a_loop_carries(y, z, n):
    t = (y * 1.0, z * 1.0)
    t = (t[1], t[0])
    for _ in range(n):
        t = (t[1] + y, t[1])
    t[1][0] = 0.5
    return t[0] * t[1]


def two_names_of_a_list_after_a_branch(y, z, c):
    first = [y * 1.0, z * 1.0]
    second = first
    if c > 0.5:
        first[0] = y * 2.0
    first[1] = z * 3.0
    return second[1] + second[0]


def two_names_of_a_list_of_numbers_after_a_branch(y, c):
    first = [1.0, c]
    second = first
    if c > 0.5:
        first[0] = c * c
    first[1] = c**3
    return second[1] * y + second[0]


def two_names_of_a_list_that_a_loop_changes(y, c, n):
    first = [1.0, c]
    second = first
    for _ in range(n):
        first[0] = first[0] * c
    first[1] = c**3
    return second[1] * y + second[0]


def a_pair_of_the_same_pair(y, z, c, n):
    p = (y, z)
    t = (p, p)
    for _ in range(n):
        t = (t[1], (t[0][0] * c, t[1][1]))
    return t[0][0] * t[0][1] * t[1][0] * t[1][1]


def a_tuple_that_is_another_on_either_path(y, z, c, n):
    t = (y * 1.0, (z * 2.0, c), c * c)
    u = t if c > 1.05 else t  # noqa: RUF034
    for _ in range(n):
        t = (t[1][0], (t[0], t[2] * 2.0), t[1][1])
    return u[0] * t[0] * t[2] * u[1][0] * u[1][1] * u[2] * t[1][1]


def two_tuples_that_change_places(y, z, c, n):
    t = (z, y, z[0])
    u = t
    u = (u[1], u[0], u[2] * c)
    for _ in range(n):
        t, u = u, t
    for _ in range(2):
        u = t
    return t[1] * u[2]


def a_tuple_of_small_arrays_under_two_names(z, c, n):
    t = (np.array([c, 2.0, 3.0]), z * 2.0)
    u = t
    for _ in range(n):
        t = (t[0] * 2.0, t[0] * t[1])
    return u[1] * t[0] * u[0] * t[1]


def views_chosen_by_a_condition(y, z, c):
    v = y[::-1] if c > 0.5 else z
    w = y[1:] if c > 0.7 else z[:-1]
    v[0] = c
    w[1] = y[2]
    return v * y, w * z[1:]


def arrays_chosen_by_a_condition(y, z, c):
    v = y * 2.0 if c > 0.5 else z
    v[0] = c
    w = np.zeros(3) if c > 0.7 else y
    t = (y * z, c) if c > 0.7 else (z[:], c * c)
    w[1] = c
    return v * w + t[0] * t[1] * z


def masks_of_masks(y, z, c):
    m = (y > 0.0) & (y < 0.4)
    y[m | ~(z > 0.0)] = c
    z[~m ^ (z > 1.0)] *= 2.0
    z[(y > 0.2) * (z > 0.1)] += c
    k = np.concatenate((m, np.invert(m)))
    return np.where(~m, y, z) * np.sum(m) + np.sum(k) + np.sum(z[np.bitwise_and(m, y < 1.0)])


def buffers_at_an_index_of_a_loop(y, z, c, n):
    buffers = [y * 1.0, z * 1.0]
    for k in range(n):
        now, after = buffers[k % 2], buffers[(k + 1) % 2]
        for i in range(len(now)):
            after[i] = now[i] * c + after[i]
    return buffers[0] * buffers[1], buffers[n % 2]


def items_from_either_end(y, z, c, n):
    t = (y, z, y * z)
    for k in range(n):
        t[k][0] = c
        t[-1 - k][1] *= c
    return t[0] * t[1] * t[2]


def rows_and_columns_under_masks(A, y, c):
    A[y > 0.0] += y
    A[:, y > 0.4] *= c
    A[~(y > 0.0), 1] = c
    chosen = A[y > 0.0]
    chosen[0] = c
    return A[0] * chosen[1] + A[1:, y > 0.0].sum()


def lists_of_one_item_repeated(y, c):
    a, b, d = (y * c,) * 2, [np.zeros(3)] * 2, [[c, c * c]] * 2
    a[0][0] = c
    b[0][1] = c * c
    d[0][0] = y[0]
    return a[1] * b[1] * d[1][0] + a[0]


def reductions_that_may_be_skipped(y, z, n):
    k = 0
    while k < n and np.max(np.abs(y)) > 0.1 and not (k == 2 and y.sum() > 3.0):
        y = y * 0.5
        k += 1
    if k > 5 or 1.0 < np.sum(z) < 2.0 or np.min(z) > 0.0:
        y = y * 3.0
    return y * z * k


def arrays_that_a_conditional_binds(y, z, c):
    v = z
    w = (v := y) if c > 5.0 else z
    u = z * 1.0
    if c > 5.0 and (u := y)[0] > 0.0:
        u = u * 2.0
    return w * v + u


def an_integer_that_sets_a_sum_back(y, c, n):
    s = 0.0
    for i in range(n):
        k = 0
        for j in range(len(y)):
            k = k + y[j] * c
        s += k * i
    return s


def an_integer_on_one_path(y, c):
    k = c * c
    if y[0] > 0.0:
        k = 1
    if y[1] > 0.0:
        c = 2
    return k * y * c


def integers_that_change_places_with_numbers(y, c):
    k, m = c, 1
    for v in y:
        k, m = m, k * v
        if m > 0.0:
            m = 2
    return k * y * m


def a_count_named_like_a_number(y, c, n):
    k = c * c
    s = 0.0
    for _ in range(n):
        s += k * y[0]
        for k in range(len(y)):
            s += y[k] * k
        k = k * c
    return k * y * s


def a_count_that_is_a_number_afterwards(y, c):
    k = c
    for k in range(len(y)):
        c = c * y[k]
    return k * y * c


def a_parameter_that_becomes_an_integer(y, c):
    c = 3
    return y * c


def numbers_that_become_arrays(y, c):
    s, n = c * c, 2
    t = s
    s = s + y * c
    n = np.zeros(n + len(y))[:-n] + n
    k = 0
    for v in (s, y):
        k = k + v * t
    return s * n * k


def a_parameter_that_becomes_an_array(y, c):
    c = c * y
    return c * y


RIGHT = [
    arrays_of_a_comprehension,
    a_comprehension_whose_variable_has_a_namesake,
    pairs_of_a_comprehension,
    a_tuple_made_of_another_that_a_loop_changes,
    a_loop_through_an_item_of_a_tuple_that_changes,
    a_tuple_turned_on_one_path,
    a_turned_tuple_that_a_loop_carries,
    two_names_of_a_list_after_a_branch,
    two_names_of_a_list_of_numbers_after_a_branch,
    two_names_of_a_list_that_a_loop_changes,
    a_pair_of_the_same_pair,
    a_tuple_that_is_another_on_either_path,
    two_tuples_that_change_places,
    a_tuple_of_small_arrays_under_two_names,
    views_chosen_by_a_condition,
    arrays_chosen_by_a_condition,
    masks_of_masks,
    lists_of_one_item_repeated,
    buffers_at_an_index_of_a_loop,
    items_from_either_end,
    rows_and_columns_under_masks,
    reductions_that_may_be_skipped,
    arrays_that_a_conditional_binds,
    an_integer_that_sets_a_sum_back,
    an_integer_on_one_path,
    integers_that_change_places_with_numbers,
    a_count_named_like_a_number,
    a_count_that_is_a_number_afterwards,
    a_parameter_that_becomes_an_integer,
    numbers_that_become_arrays,
    a_parameter_that_becomes_an_array,
]


@pytest.mark.parametrize("function", RIGHT, ids=lambda f: f.__name__)
def test_right(function):
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    args = tuple({"y": Y, "z": Z, "A": A, "c": 0.6, "n": 3}[name] for name in names)
    wrt = tuple(name for name in names if name != "n")
    wrt = wrt if len(wrt) > 1 else wrt[0]
    expected = dual.value_and_jacobian(function, args, wrt)
    assert dual.mismatch(run_emitted(function, args, wrt=wrt), expected, 1e-12) is None
    direction = np.array(dual.leaves(directions(function, args, wrt)[0]), dtype=float)
    along = dual.matrix(expected[1], expected[0]) @ direction
    np.testing.assert_allclose(run_emitted(function, args, "jvp", wrt=wrt)[1], along, rtol=1e-12, atol=1e-14)


def test_small_arrays_that_a_conditional_binds():
    shapes = {"y": 3, "z": 3}
    expected = dual.value_and_jacobian(arrays_that_a_conditional_binds, (Y, Z, 0.6))
    actual = run_emitted(arrays_that_a_conditional_binds, (Y, Z, 0.6), shapes=shapes)
    assert dual.mismatch(actual, expected, 1e-12) is None


def a_list_that_its_loop_changes(y, z):
    items = [y, z]
    for item in items:
        items[1] = item * items[1]
    return items[0] * items[1]


def a_list_that_its_loop_extends(y):
    items = [y]
    for item in items:
        if len(items) < 4:
            items.append(item * 2.0)
    return items[0] * items[-1]


def a_list_that_is_another_in_later_trips(y, z):
    first, second = [y * 1.0], [z * 1.0]
    for _ in range(2):
        first[0] = first[0] * 2.0
        second = first
    first[0] = y * z
    return second[0]


def a_list_written_at_an_index_of_a_loop(y, z, n):
    items = [y, z]
    for k in range(n):
        items[k % 2] = items[(k + 1) % 2] * 2.0
    return items[0]


def a_list_that_may_be_another(y, z, c):
    first, second = [y * 1.0, z * 2.0], [z * 1.0, y * 2.0]
    if c > 0.5:
        second = first
    first[1] = y * c
    return second[0] * second[1]


REFUSED = [
    (a_list_written_at_an_index_of_a_loop, UnsupportedType, "must be known when compiling"),
    (a_list_that_its_loop_changes, UnsupportedSyntax, "changes the list"),
    (a_list_that_its_loop_extends, UnsupportedSyntax, "changes the list"),
    (a_list_that_is_another_in_later_trips, UnsupportedType, "from one iteration to the next"),
    (a_list_that_may_be_another, UnsupportedType, "may be another one"),
]


@pytest.mark.parametrize(("function", "kind", "message"), REFUSED, ids=lambda v: getattr(v, "__name__", ""))
def test_refused(function, kind, message):
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    types = {name: {"c": "float", "n": "int"}.get(name, "float64[:]") for name in names}
    with pytest.raises(kind, match=message):
        srcdiff.emit(function, types=types)


def an_argument_whose_name_becomes_a_number(y, c):
    w = y
    y = 2.0 * c
    w[0] = y
    return w


def an_argument_that_is_not_read(y, c):
    y = 2.0 * c
    return y  # noqa: RET504


def an_argument_whose_name_becomes_another_array(y, z, c):
    w = y
    for _ in range(2):
        y = z * c
        y, z = z, y
    w[0] = c
    return w * y * z


BOUND_AGAIN = [
    (an_argument_whose_name_becomes_a_number, (Y, 0.6), {}),
    (an_argument_that_is_not_read, (Y, 0.6), {}),
    (an_argument_whose_name_becomes_another_array, (Y, Z, 0.6), {}),
    (an_argument_whose_name_becomes_another_array, (Y, Z, 0.6), {"y": 3}),
    (an_argument_whose_name_becomes_another_array, (Y, Z, 0.6), {"z": 3}),
]


@pytest.mark.parametrize(("function", "args", "shapes"), BOUND_AGAIN, ids=lambda v: getattr(v, "__name__", ""))
def test_arguments_whose_names_are_bound_again(function, args, shapes):
    """`run_emitted` sees to it that no argument is written to."""
    expected = dual.value_and_jacobian(function, args)
    assert dual.mismatch(run_emitted(function, args, shapes=shapes), expected, 1e-12) is None


def a_slice_that_is_empty(y):
    w = np.zeros(1)
    w[1:] = y[1:]
    w[:1] += y
    return w * y


def test_writing_no_element():
    args = (np.array([0.7]),)
    expected = dual.value_and_jacobian(a_slice_that_is_empty, args)
    assert dual.mismatch(run_emitted(a_slice_that_is_empty, args, shapes={"y": 1}), expected, 1e-12) is None


def chosen_and_written(y, z, c):
    b = y if c > 0.5 else z
    b[0] = c
    return y * z


def chosen_and_its_source_written(y, z, c):
    b = y[::-1] if c > 0.5 else z
    y[0] = c
    return b * z


def one_of_two(a, b, c):
    if c > 0.5:
        return a
    return b


def chosen_by_a_helper_and_written(y, z, c):
    b = one_of_two(y, z, c)
    b[0] = c
    return y * z


def chosen_and_read(y, z, c):
    b = y if c > 0.5 else z
    return b * y * z


CHOSEN = [chosen_and_written, chosen_and_its_source_written, chosen_by_a_helper_and_written]


@pytest.mark.parametrize("function", [*CHOSEN, chosen_and_read], ids=lambda f: f.__name__)
def test_chosen_arrays_are_the_same_memory(function):
    """Arrays stay arrays: names for one memory. As scalars they cannot be, and writing is refused."""
    args = (Y, Z, 0.6)
    expected = dual.value_and_jacobian(function, args)
    assert dual.mismatch(run_emitted(function, args), expected, 1e-12) is None
    if function is chosen_and_read:
        assert dual.mismatch(run_emitted(function, args, shapes={"y": 3, "z": 3}), expected, 1e-12) is None
    else:
        with pytest.raises(UnsupportedType, match="share memory"):
            run_emitted(function, args, shapes={"y": 3, "z": 3})


def counted(y, z):
    m = y > 0.0
    k = m & (z > 0.0)
    counts = np.sum(m) + np.mean(~k) + np.cumsum(m)[-1] + np.var(m) + sum([y[0] > 0.0, z[0] > 0.0, z[1] > 0.0])
    return counts * y + sum(v > 0.0 for v in y) * z + np.cumsum(m)


@pytest.mark.parametrize("shapes", [{}, {"y": 3, "z": 3}], ids=["open", "known"])
def test_truth_values_are_counted(shapes):
    """Elements that NumPy compares give its truth values, of which a sum is true."""
    expected = dual.value_and_jacobian(counted, (Y, Z))
    assert dual.mismatch(run_emitted(counted, (Y, Z), shapes=shapes), expected, 1e-12) is None


@pytest.mark.parametrize(
    "function",
    [reductions_that_may_be_skipped, buffers_at_an_index_of_a_loop, masks_of_masks],
    ids=lambda f: f.__name__,
)
def test_compiled(function):
    args = (Y, Z, 0.6, 3)[: function.__code__.co_argcount]
    if function is reductions_that_may_be_skipped:
        args = (Y, Z, 3)
    wrt = tuple(name for name in dual.parameter_names(function) if name != "n")
    expected = dual.value_and_jacobian(function, args, wrt)
    assert dual.mismatch(run_compiled(function, args, wrt=wrt), expected, 1e-12) is None


def arrays_exchanged_for_new_ones(y, z):
    y, z = z, y * 2
    y, z = z, y * 3
    y, z = z, y * y
    return y * z


def arrays_exchanged_while_gone_through(y, z):
    for a, b in zip(y, z):
        y, z = z, y * a * b
    return y * z


def tuples_exchanged_for_new_ones(y, z):
    t, u = (y, z[0]), (z, y[0])
    t, u = u, (t[0] * 2, t[1] * 3)
    t, u = u, (t[0] * 2, t[1] * 3)
    t, u = u, (t[0] * t[0], t[1] * 3)
    return t[0] * u[0] * t[1] * u[1]


def lists_exchanged_for_new_ones(y, z):
    a, b = [1.0, y[0]], [2.0, z[2]]
    a, b = b, [a[0] * 2, a[1] * y[2]]
    a, b = b, [a[0] * 2, a[1] * y[2]]
    return a[0] * b[1] * a[1] * b[0]


KNOWN = [
    arrays_exchanged_for_new_ones,
    arrays_exchanged_while_gone_through,
    tuples_exchanged_for_new_ones,
    lists_exchanged_for_new_ones,
]


@pytest.mark.parametrize("shapes", [{}, {"y": 3, "z": 3}], ids=["open", "known"])
@pytest.mark.parametrize("function", KNOWN, ids=lambda f: f.__name__)
def test_exchanged(function, shapes):
    args = (Y, Z, 0.6, 3)[: function.__code__.co_argcount]
    wrt = tuple(name for name in dual.parameter_names(function) if name != "n")
    expected = dual.value_and_jacobian(function, args, wrt)
    assert dual.mismatch(run_emitted(function, args, wrt=wrt, shapes=shapes), expected, 1e-12) is None


def written_at_an_index_of_a_loop(y, z, c, n):
    for k in range(n):
        w = y if k % 2 == 0 else z
        w[k % 3] = c
    return y * z


def test_a_chosen_array_that_becomes_one_of_the_program_is_not_written():
    with pytest.raises(UnsupportedType, match="share memory"):
        run_emitted(written_at_an_index_of_a_loop, (Y, Z, 0.6, 3), wrt=("y", "z"), shapes={"y": 3, "z": 3})


def number_that_comes_to_vary(y, c):
    for i in range(len(y)):
        c = c * y[i] + y[i]
    return c


def folded(y, c):
    for v in y:
        c = c * v + v
    return c


def number_that_comes_to_vary_in_a_helper(y, c):
    return folded(y, c) * y


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("function", [number_that_comes_to_vary, number_that_comes_to_vary_in_a_helper])
def test_a_number_outside_of_wrt_that_comes_to_vary(function, dtype):
    """The derivative of the recurrence, by the recurrence of complex steps."""
    f = srcdiff.jacobian_compiled(wrt="y")(function)
    y, c, direction = np.array([0.5, 2.0, 3.0], dtype), dtype(1.5), np.array([1.0, -2.0, 0.5], dtype)
    expected = np.imag(function(y + 1e-30j * direction.astype(complex), complex(c))) / 1e-30
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    value, tangent = f.jvp((y, c), direction)
    np.testing.assert_allclose(value, function(y, c), rtol=tolerance)
    np.testing.assert_allclose(tangent, expected, rtol=tolerance)
    np.testing.assert_allclose(f.jacobian(y, c) @ direction, expected, rtol=tolerance)
    np.testing.assert_allclose(f.value_and_jacobian(y, c)[1] @ direction, expected, rtol=tolerance)


def a_number_that_comes_to_vary(y, c):
    for i in range(len(y)):
        c = c * y[i] + y[i]
    return c


def a_number_that_is_read_and_starts_again(y, c):
    s = 0.0
    for i in range(len(y)):
        s += c * y[i]
    c = 1.0
    for i in range(len(y)):
        c = c * y[i]
    return s + c


def powers_in(v, a):
    for i in range(len(v)):
        a = a * v[i] + v[i]
    return a


def a_number_that_comes_to_vary_in_a_helper(y, c):
    return powers_in(y, c) * c * y


def a_number_that_varies_on_one_path(y, c):
    d = c * 2.0
    if c > 0.5:
        c, d = d * y[0], c
    for v in y:
        d, c = c * d * v, d
    return c, d


COMING = [
    a_number_that_comes_to_vary,
    a_number_that_is_read_and_starts_again,
    a_number_that_comes_to_vary_in_a_helper,
    a_number_that_varies_on_one_path,
]


def tangents_of(run, function, args, direction):
    """Value and tangent along a direction; the reference is the dual numbers' Jacobian times it."""
    value, jacobian = dual.value_and_jacobian(function, args, "y")
    expected = tuple(dual.matrix(jacobian, value) @ direction)
    found = run(args, direction)
    assert dual.mismatch(tuple(dual.leaves(found[0])), tuple(dual.leaves(value)), 1e-12) is None
    assert dual.mismatch(tuple(dual.leaves(found[1])), expected, 1e-12) is None


@pytest.mark.parametrize("c", [0.7, 0.2])
@pytest.mark.parametrize("function", COMING, ids=lambda f: f.__name__)
def test_a_number_outside_of_wrt_comes_to_vary(function, c):
    """Its tangent starts with zero: what it was when it was passed does not vary."""
    args = (Y, c)
    expected = dual.value_and_jacobian(function, args, "y")
    assert dual.mismatch(run_emitted(function, args, wrt="y"), expected, 1e-12) is None
    for mode in ("jvp", "jacobian"):
        scope = {}
        exec(srcdiff.emit(function, wrt="y", mode=mode, types={"y": "float64[:]", "c": "float"}), scope)
        derivative = scope[f"{function.__name__}_{mode}"]
        if mode == "jvp":
            tangents_of(derivative, function, args, np.array([1.0, -2.0, 0.5]))
        else:
            assert dual.mismatch(derivative(*args), expected[1], 1e-12) is None


def test_a_number_outside_of_wrt_comes_to_vary_in_compiled_code():
    function = a_number_that_comes_to_vary_in_a_helper
    compiled = srcdiff.jacobian_compiled(function, wrt="y")
    tangents_of(compiled.jvp, function, (Y, 0.7), np.array([1.0, -2.0, 0.5]))
    expected = dual.value_and_jacobian(function, (Y, 0.7), "y")
    assert dual.mismatch(compiled.value_and_jacobian(Y, 0.7), expected, 1e-12) is None


def second_names_of_an_array_that_a_loop_changes(y):
    t = (y,)
    u = y
    for _ in range(2):
        u, y = y, y * 0.5
    return t[0] + 10.0 * u + 100.0 * y


def three_names_that_a_loop_moves(y):
    a = b = d = y
    for _ in range(3):
        a = b
        b = y
        y = y * 0.5
    return a + 10.0 * b + 100.0 * d + 1000.0 * y


def an_array_that_is_twice_in_a_tuple(y):
    z = y * 1.0
    t = (z, z)
    z = y * 2.0
    for _ in range(2):
        t = (t[0] * 0.5, t[1])
    return t[0] + 10.0 * t[1] + 100.0 * z


def an_array_that_is_twice_in_a_list(y):
    z = y * 1.0
    w = [z, z]
    z = y * 2.0
    for _ in range(2):
        w[0] = w[0] * 0.5
    return w[0] + 10.0 * w[1] + 100.0 * z


def an_array_in_two_tuples_of_a_tuple(y):
    z = y * 1.0
    t = ((z, y), (y, z))
    z = y * 2.0
    for _ in range(2):
        t = ((t[0][0] * 0.5, t[0][1]), (t[1][0], t[1][1]))
    return t[0][0] + 10.0 * t[1][1] + 100.0 * t[0][1] + 1000.0 * t[1][0]


def a_name_that_is_read_back_from_a_tuple(y):
    t = (y, y)
    for _ in range(2):
        y = t[1]
        t = (np.sin(y), y)
    return t[0] + 10.0 * y


SHARED_BEFORE = [
    second_names_of_an_array_that_a_loop_changes,
    three_names_that_a_loop_moves,
    an_array_that_is_twice_in_a_tuple,
    an_array_that_is_twice_in_a_list,
    an_array_in_two_tuples_of_a_tuple,
    a_name_that_is_read_back_from_a_tuple,
]


@pytest.mark.parametrize("shapes", [{}, {"y": 3}], ids=["open", "known"])
@pytest.mark.parametrize("function", SHARED_BEFORE, ids=lambda f: f.__name__)
def test_a_loop_changes_one_of_several_names_of_an_array(function, shapes):
    expected = dual.value_and_jacobian(function, (Y,))
    assert dual.mismatch(run_emitted(function, (Y,), shapes=shapes), expected, 1e-12) is None


def without_elements(y, c):
    pair = [y, y]
    k = 0
    while k < len(pair[1]) and pair[1][k] < 0.23:
        k += 1
    return np.full(0, c)


def test_results_without_elements():
    f = srcdiff.jacobian_compiled(wrt="y", shapes={"y": 0})(without_elements)
    for mode in ("jacobian", "matrix", "into", "value_and_jacobian", "jvp"):
        compile(f.emit(mode, "float64[:], float64"), mode, "exec")
    assert f.jacobian(np.zeros(0), 1.0).shape == (0, 0)


def one_of_two_arrays(y, w, c):
    a = w
    if c > 0.0:
        a = y
    return a * 2.0


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
def test_an_array_that_may_be_one_that_varies_has_tangents_of_its_dtype(dtype):
    f = srcdiff.jacobian(one_of_two_arrays, wrt="y")
    for c, expected in ((1.0, 2.0 * np.eye(2)), (-1.0, np.zeros((2, 2)))):
        found = f(np.ones(2, dtype), np.ones(2, dtype), c)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)


def lengths_that_meet_again(x, y):
    total = x * y + y * x
    x = x[x > 0.5]
    return total.sum() * x * y


def test_a_check_of_lengths_is_repeated_only_where_a_name_is_bound_again():
    text = srcdiff.emit(lengths_that_meet_again, wrt="x", types="float64[:], float64[:]")
    assert text.count("if len(x) != len(y):") == 2
    x = np.array([0.2, 0.8, 0.9])
    with pytest.raises(ValueError, match="different lengths"):
        srcdiff.jacobian(lengths_that_meet_again, wrt="x")(x, x)
