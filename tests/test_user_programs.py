"""What programs written as users write them found: each gave a wrong number, failed or was refused once."""

import math

import array_reference
import dual
import numpy as np
import pytest
from random_programs import run_emitted

import srcdiff
from srcdiff.errors import UnsupportedCall, UnsupportedType, WrtError

Y = np.array([0.3, -0.8, 0.5])
A = np.arange(9.0).reshape(3, 3) / 7 - 0.3
VALUES = {"y": Y, "z": np.array([1.1, 0.4, -0.7]), "A": A, "c": 0.6, "x": 1.3}

ORDER = [2, 0]
TRUTHS = [True, False, True]
TABLE = np.array([[0, 2], [1, 1]])
NESTED = [[0, 2], [1, 1]]


def an_array_renamed_beside_its_element(y):
    a, b = y, 2.0
    a, b = b * a, a[0]
    return a * b


def an_array_and_a_number_exchanged(y, c):
    a, b = c, y
    a, b = b * a, a
    return a * b


def an_array_shortened_beside_its_length(y, c):
    a, t = y * 1.0, (c, 1.0)
    for _ in range(2):
        a, t = a[1:], (a[0], t[0] * a[1] * len(a))
    return a * t[0] * t[1]


def rows_turned_beside_an_element(A):
    a, b = A, A[0]
    for _ in range(2):
        a, b, c = a.T, a[0] * a[1, 1], a[2, 1]
    return a * c + b


def rows_of_a_constant_list(A):
    (a, b, c), _, _ = A
    return A[ORDER] * a + b * c


def places_of_constant_lists(A):
    _, _, (a, b, c) = A
    return A[ORDER, ORDER] * a, A[ORDER, 1], A[1, ORDER] * b * c


def places_of_a_table(y):
    a, b, c = y
    v = np.array([a * b, b * c, c * a])
    return v[TABLE] * y[NESTED] + v[[[0, 1], [1, 2]]]


def masks_of_known_length(y):
    a, b, c = y
    v = np.array([a * b, b * c, c * a])
    return v[TRUTHS] * y[np.array(TRUTHS)] + v[[True, False, True]]


def a_tuple_beside_an_index(A):
    B = np.stack((A, 2.0 * A))
    return B[(0, 1), 1]


def powers_of_integers_in_arrays_of_floats(y, c):
    a, _, _ = y
    z = np.zeros(3)
    z[0], z[1], z[2] = 1, 2, 4
    v = np.array((4, 2), dtype=np.float64)
    return z**-1 * c, v[0] ** -1 * a, np.full(2, 2, np.float64) ** -1 * c, (np.ones(len(y)) + 3) ** -1 * y


def arrays_filled_with_what_they_round(y):
    a, _, _ = y
    w = np.full(3, 2.7, int)
    u = np.full_like(w, fill_value=1.5)
    return w * y, u * a, np.zeros_like(y, int) + np.array([1.0, 0.0, 2.0]).astype(bool) * y, np.eye(3, dtype=int)[0] * a


def arrays_filled_with_what_they_round_of_any_length(y):
    n = len(y)
    w = np.full(n, 2.7, int)
    return w * y, np.full_like(w, 1.5) * y, np.where(np.ones(n, dtype=bool), y, 2.0 * y)


def filled_by_a_helper(out, v):
    for i in range(len(out)):
        out[i] = v[i] ** (i + 1)


def an_array_that_a_helper_fills(y):
    a, _, _ = y
    w = np.empty(3)
    filled_by_a_helper(w, y)
    filled_by_a_helper(w[1:], y[:2] * w[:2])
    return w * a


def numbers_that_are_all_true(y, c):
    a, b, _ = y
    return y.all() * c, all([a, b]) * y, any((a, c)) * c


RIGHT = [
    numbers_that_are_all_true,
    powers_of_integers_in_arrays_of_floats,
    arrays_filled_with_what_they_round,
    arrays_filled_with_what_they_round_of_any_length,
    an_array_that_a_helper_fills,
    an_array_renamed_beside_its_element,
    an_array_and_a_number_exchanged,
    an_array_shortened_beside_its_length,
    rows_turned_beside_an_element,
    rows_of_a_constant_list,
    places_of_constant_lists,
    places_of_a_table,
    masks_of_known_length,
    a_tuple_beside_an_index,
]


def softmax_of_rows(A):
    e = np.exp(A - A.max(axis=1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True) * A.sum(keepdims=True)


def means_of_known_length(y):
    a, b, c = y
    M = np.array([[a, b], [b * c, c]])
    return M / np.sum(M, axis=0, keepdims=True) + M.mean(axis=(1,)) - np.linalg.norm(M, axis=1, keepdims=True)


def a_system_of_three_diagonals(y):
    n = len(y)
    T = np.diag(y) + np.diag(2.0 * y[:-1], 1) - np.diag(y[1:], k=-1) + np.eye(n, k=2)
    return T @ y, np.diag(T, 1), np.diag(T, -2)


def diagonals_of_known_length(y):
    a, b, c = y
    M = np.array([[a, b], [c, a * b]])
    return np.diag(M, 1), np.diag(M[0], -1) * c, np.eye(2, k=1) * M, M.diagonal(-1)


def deviations_of_samples(y):
    a, b, _ = y
    v = np.array([a, b * a, b])
    return y.std(ddof=1) * y, np.var(v, ddof=1), v.std(ddof=2)


def sorted_in_every_way(y, c):
    w = 2.0 * y
    w.sort()
    lowest, *_, highest = sorted([c, y[0], y[1]])
    a, b, _ = y
    v = np.array([a * b, b, a])
    v.sort()
    return w * lowest, v[np.argsort(-v)] * highest, sorted((a, b), reverse=True)[0] * y.take([0, 2]), w.argsort() * y


def rows_that_are_taken(A):
    M = np.array([[A[0, 0], A[0, 1]], [A[1, 0], A[1, 1]]])
    return np.take(A, ORDER, axis=1) * A[0, 0], np.take(M, [1, 0], axis=0) @ M


def numbers_from_a_generator(x, c):
    a, b = (t * t for t in (x, c))
    z = complex(x, c)
    return a - b, np.angle(z)


RIGHT += [
    softmax_of_rows,
    means_of_known_length,
    a_system_of_three_diagonals,
    diagonals_of_known_length,
    deviations_of_samples,
    sorted_in_every_way,
    rows_that_are_taken,
    numbers_from_a_generator,
]


def places_named_twice(y):
    a, b, c = y
    sums = np.zeros(3)
    sums[[0, 0, 1]] += y
    sums[[2, 2]] = [a * b, b * c]
    y2 = 2.0 * y
    y2[0], y2[0] = c, a
    return sums, y2


def slices_of_slices(y, A):
    n = len(y)
    w = 3.0 * y
    w[::2][1:] *= y[0]
    w[::-1][:2] += A[::2][1:, ::2][0]
    return w, y[n // 2 :][1:], y[::-1][::2][1:], A[:, ::-1][1:].T[::2]


RIGHT += [places_named_twice, slices_of_slices]


def copies_of_chosen_elements(y, A):
    a, b, c = y
    v = np.array([a, b * c, c, a * b])
    w, u = v[[0, 1]], v[np.array([True, False, True, False])]
    w[0] = 9.0 * a
    u *= 3.0
    rows = A[[0, 1]]
    rows[0] = y
    return v, w, u, A * a, rows


def reshaped_views_and_copies(y, A):
    a, b, c = y
    M = np.array([[a, b], [c, a * b]])
    turned, straight, flat, copied = M.T.reshape(4), M.reshape(-1), M.ravel(), M.flatten()
    turned[1], straight[3], flat[2], copied[0] = 7.0 * a, 5.0 * b, 3.0 * c, 0.0
    B = 2.0 * A
    back = B[::-1].reshape(-1)
    back[1] = 4.0 * a
    return M * 1.0, turned, straight, flat, copied, B, back


def views_that_functions_give(y):
    a, b, c = y
    v = np.array([a, b * c, c, a * b])
    turned, deep, same, thin = np.flip(v), np.expand_dims(v, 0), np.real(v), np.squeeze(v[:, None])
    first, second = np.split(v, 2)
    v[0], deep[0, 1], thin[2], second[1] = 3.0 * b, a * a, c * c, b * b
    return v, turned, deep, same, first


def views_that_functions_give_of_any_length(y):
    v = 2.0 * y
    turned, deep, same, thin = np.flip(v), np.expand_dims(v, 0), np.real(v), np.squeeze(v.reshape(3, 1))
    v[0], deep[0, 1], thin[2] = 3.0 * y[1], y[0] * y[0], y[2] ** 3
    return v, turned * y, np.flipud(v), deep, same


RIGHT += [
    copies_of_chosen_elements,
    reshaped_views_and_copies,
    views_that_functions_give,
    views_that_functions_give_of_any_length,
]


def chosen_among_integers_and_numbers(y):
    a, b, c = y
    v = np.array([a, b, c])
    chosen = np.where(np.array([True, False, True]), np.array([0, 1, 2]), v)
    raised = v ** np.array([0, 1, 2])
    raised[0] = a * b
    return chosen, raised, np.maximum([0, 1, 0], v) * b


RIGHT += [chosen_among_integers_and_numbers]


NODES = np.array([0.0, 0.5, 1.0, 1.5, 2.0])


def read_from_a_table(A, x, c):
    i = np.searchsorted(NODES, x) - 1
    k = min(int(np.searchsorted([0.0, 0.4, 1.0], c, side="right")), 2)
    w = (x - NODES[i]) / 0.5
    places = np.searchsorted(NODES, 1.0), np.searchsorted(NODES, 1.0, "right")
    return A[k] * (1.0 - w) * i + A[k - 1] * w, places[0] * x, places[1] * c


RIGHT += [read_from_a_table]


class Settings:
    gain = 3.5
    weights = (1.5, 2.5)


LEVELS = {"low": 4.5, 2: 0.5}


def with_its_own_namesakes(v):
    ORDER_0 = v * 2.0
    Settings_weights_1 = v * v
    return ORDER[0] * ORDER_0 + Settings.weights[1] * Settings_weights_1


def variables_named_like_constants(x, c):
    Settings_gain, LEVELS_low = x * 2.0, x * c
    infinite = c * 5.0
    helped = with_its_own_namesakes(x) * with_its_own_namesakes(c)
    return Settings.gain * Settings_gain, LEVELS["low"] * LEVELS_low, min(infinite, float("inf")), helped


def parameters_named_like_constants(LEVELS_2, Settings_weights_0):
    return LEVELS[2] * LEVELS_2 * Settings.weights[0] * Settings_weights_0


def numbers_read_from_text(x, c):
    return float("2.5") * x, bool(2) * c, bool(0.0) * x, float("-1e1") * c


RIGHT += [variables_named_like_constants, parameters_named_like_constants, numbers_read_from_text]
VALUES |= {"LEVELS_2": 1.2, "Settings_weights_0": 0.7}


def arguments_of(function):
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return tuple(VALUES[name] for name in names)


@pytest.mark.parametrize("function", RIGHT, ids=lambda f: f.__name__)
def test_right(function):
    args = arguments_of(function)
    wrt = tuple(range(len(args))) if len(args) > 1 else 0
    expected = array_reference.value_and_jacobian(function, args)
    assert dual.mismatch(run_emitted(function, args, wrt=wrt), expected, 1e-9) is None


COMPILED = [powers_of_integers_in_arrays_of_floats, places_of_a_table]


@pytest.mark.parametrize("function", COMPILED, ids=lambda f: f.__name__)
def test_compiled(function):
    args = arguments_of(function)
    expected = dual.value_and_jacobian(function, args)
    found = srcdiff.jacobian_compiled(function).value_and_jacobian(*args)
    assert dual.mismatch(found, expected, 1e-9) is None


def exchanged_from_both_ends(y):
    w = y.copy()
    for i in range(len(w) // 2):
        w[i], w[-1 - i] = w[-1 - i], w[i] * w[i]
    return w


def test_a_loop_over_places_may_change_the_array_that_it_counts():
    expected = array_reference.value_and_jacobian(exchanged_from_both_ends, (Y,))
    assert dual.mismatch(run_emitted(exchanged_from_both_ends, (Y,), shapes={"y": 3}), expected, 1e-9) is None


def stepped(y, c):
    state = y

    def step(s, h):
        return s + np.array([s[1] - s[0], s[0] * s[2], -s[2]]) * h

    for _ in range(2):
        state = step(state, c)
    return state


def test_an_array_outside_of_wrt_meets_one_of_known_length_in_a_helper():
    expected = array_reference.value_and_jacobian(stepped, (Y, 0.3), "c")
    assert dual.mismatch(run_emitted(stepped, (Y, 0.3), wrt="c"), expected, 1e-9) is None


def with_a_mask(y, mask):
    return np.where(mask, y, 2.0 * y)


def of_a_settings_tuple(x, t):
    return x * t[0] if t[1] else x


@pytest.mark.parametrize(
    ("function", "args", "types", "named"),
    [
        (with_a_mask, (Y, Y > 0.0), "float64[:], bool[:]", "mask is an array of truth values"),
        (of_a_settings_tuple, (1.0, (2.0, True)), "float64, (float64, bool)", r"t\[1\] is a truth value"),
    ],
)
def test_truth_values_cannot_vary(function, args, types, named):
    with pytest.raises(WrtError, match=rf"test_user_programs.py:\d+:\d+: {named}"):
        srcdiff.jacobian(function)(*args)
    with pytest.raises(WrtError, match=named):
        srcdiff.emit(function, types=types)


def without_its_last_element(y):
    a, b, _ = y
    w = np.empty(3)
    w[0], w[1] = a, b
    return 2.0 * w


def summed_without_its_last_element(y):
    a, b, _ = y
    w = np.empty(3)
    w[:2] = a, b
    s = w.sum()
    return s * a


@pytest.mark.parametrize("function", [without_its_last_element, summed_without_its_last_element])
def test_elements_that_have_no_value(function):
    with pytest.raises(UnsupportedType, match=r"test_user_programs.py:\d+:\d+: an element of .* value"):
        srcdiff.emit(function)


def of_bytes(y):
    return np.array([300.0, 2.0]).astype(np.uint8) * y


def test_integers_that_wrap_are_refused():
    with pytest.raises(UnsupportedType, match="an array of uint8, whose numbers wrap"):
        srcdiff.emit(of_bytes, types="float64[:]")


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (lambda A: np.trace(A, 1), "np.trace does not take 1 here"),
        (lambda A: np.trace(A, offset=1), "np.trace"),
        (lambda A: np.ravel(A, "F"), "np.ravel does not take 'F' here"),
        (lambda A: A.flatten("F"), "the method flatten does not take 'F' here"),
        (lambda A: np.linalg.norm(A, 2), "np.linalg.norm with another ord than 2"),
        (lambda A: A.sum(axis=(0, 1)), "a reduction over several axes"),
        (lambda A: np.copy(A, "F"), "np.copy does not take 'F' here"),
    ],
)
@pytest.mark.parametrize("shapes", [None, {"A": (3, 3)}], ids=["open", "known"])
def test_arguments_that_would_be_ignored(function, named, shapes):
    with pytest.raises(UnsupportedCall, match=named):
        srcdiff.emit(function, types="float64[:, :]", shapes=shapes)


def logarithms_to_a_base(x, c):
    return math.log(x, 3.0), math.log(5.0, c)


def test_logarithms_to_a_base():
    value, ((dx, _), (_, dc)) = run_emitted(logarithms_to_a_base, (1.3, 0.6))
    assert value == logarithms_to_a_base(1.3, 0.6)
    assert dx == pytest.approx(1 / (1.3 * math.log(3.0)), rel=1e-14)
    assert dc == pytest.approx(-math.log(5.0) / (0.6 * math.log(0.6) ** 2), rel=1e-14)


def stencil_of_integers(y):
    out = np.zeros_like(y)
    for i in range(1, len(y) - 1):
        out[i] = y[i - 1] - 2 * y[i] + y[i + 1]
        out[i] += i * y[i]
    return out * y.mean()


@pytest.mark.parametrize("shapes", [None, {"y": 3}], ids=["open", "known"])
def test_integers_do_not_widen_single_precision(shapes):
    y = Y.astype(np.float32)
    space = {}
    exec(srcdiff.emit(stencil_of_integers, types="float32[:]", shapes=shapes, mode="value_and_jacobian"), space)
    value, jacobian = space["stencil_of_integers_value_and_jacobian"](y)
    assert value.dtype == jacobian.dtype == np.float32
    np.testing.assert_array_equal(value, stencil_of_integers(y))
    expected = array_reference.value_and_jacobian(stencil_of_integers, (Y,))[1]
    np.testing.assert_allclose(jacobian, expected, rtol=1e-5, atol=1e-6)


def a_diagonal_before_a_write(A, c):
    B = 2.0 * A
    d = np.diag(B)
    B[0, 0] = c
    return d * c


def diagonals_of_what_a_loop_writes(A, c):
    total = np.zeros(len(A))
    for k in range(2):
        L = 1.0 * A
        L[k, k] = c
        d = np.diag(L).copy()
        L[0, 1] = d[0]
        total = total + np.diag(L).sum() * d * L[0]
    return total


def test_a_copy_of_a_diagonal_does_not_bind_its_matrix():
    expected = array_reference.value_and_jacobian(diagonals_of_what_a_loop_writes, (A, 0.6))
    assert dual.mismatch(run_emitted(diagonals_of_what_a_loop_writes, (A, 0.6), wrt=(0, 1)), expected, 1e-9) is None


def a_row_repeated_before_a_write(A, c):
    v = 1.0 * A[0]
    w = np.broadcast_to(v, (2, 3))
    v[0] = c
    return w * c


@pytest.mark.parametrize("function", [a_diagonal_before_a_write, a_row_repeated_before_a_write])
def test_views_that_are_not_followed(function):
    with pytest.raises(UnsupportedType, match=r"an array is written, but np\.\w+ gives a view of it"):
        srcdiff.emit(function, types="float64[:, :], float64")
    args = (A, 0.6)
    expected = array_reference.value_and_jacobian(function, args)
    assert dual.mismatch(run_emitted(function, args, shapes={"A": (3, 3)}), expected, 1e-9) is None
