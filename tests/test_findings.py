"""What random programs found, reduced; each gave a wrong number once."""

import math
from fractions import Fraction

import dual
import numpy as np
import pytest

import srcdiff
from srcdiff.errors import UnsupportedSyntax


def floor_division_under_a_minus(a, b):
    return a % b**2


def a_sign_before_a_remainder(a, b, c):
    return -(a % b * c) - (a // b) * c


def scale(x: float, y: float) -> float:
    y *= x
    return y


def same(x, y):
    return x


def a_partial_named_like_a_tangent(a, b, c):
    for _ in range(2):
        b += c
    c -= -c
    v = same(b, 0.5)
    w = [v, b, 0.88]
    b = scale(c, a)
    return (a, np.linalg.norm(w) * b), b


def a_scaled_tangent_that_is_overwritten(a, b, c):
    c = a / b
    b, c = (c, b)
    v = b
    b = 0.5 * b
    d, b = (b, a if 1.09 < v <= 0.8 else b)
    return d, b


def a_tangent_that_is_a_reassigned_variable(x, c0, c1, c2, c3):
    result = 0.0
    for c in [c3, c2, c1, c0]:
        result = result * x + c
    return result


def a_store_beside_a_conditional(a, b):
    w = np.zeros(3)
    for i in range(3):
        w[i] += a if a < b else 0.76
    return w


def numbers_that_and_and_or_give(x, c):
    low = x > 0.0 and x
    high = x > 1.0 or c
    return low * c + (not x > 0.0 or c) * x, high * x


def numbers_of_integers(x, c, n: int = 0):
    return (n or x) * x + sum((k and x) * c for k in (0, 1, n))


def integers_that_loops_count_give(x, c):
    s = 0.0
    for i in range(3):
        s += (i and x) * c + (i > 1 or c) * x
    return s


def with_its_square(x):
    return x, x * x


def helpers_that_and_and_or_may_skip(x, c):
    return (x > 0.0 and with_its_square(x * c)[1]) + (x < 0.0 or with_its_square(c)[1]) * c


RIGHT = [
    (floor_division_under_a_minus, (2.1682, 1.8076)),
    (floor_division_under_a_minus, (9.3, 1.8076)),
    (a_sign_before_a_remainder, (7.7, 2.1, 1.3)),
    (a_partial_named_like_a_tangent, (-0.2395, 1.2859, 1.8325)),
    (a_scaled_tangent_that_is_overwritten, (0.7, 1.9, 0.4)),
    (a_tangent_that_is_a_reassigned_variable, (0.4, 1.0, 2.0, 3.0, 4.0)),
    (a_store_beside_a_conditional, (0.4, 0.6)),
    (numbers_that_and_and_or_give, (0.4, 0.6)),
    (numbers_that_and_and_or_give, (1.4, 0.6)),
    (numbers_that_and_and_or_give, (-0.4, 0.6)),
    (numbers_of_integers, (0.4, 0.6)),
    (helpers_that_and_and_or_may_skip, (0.4, 0.6)),
    (helpers_that_and_and_or_may_skip, (-0.4, 0.6)),
    (integers_that_loops_count_give, (0.4, 0.6)),
]


@pytest.mark.parametrize(("function", "args"), RIGHT, ids=lambda v: getattr(v, "__name__", ""))
def test_right(function, args):
    space = {}
    exec(srcdiff.emit(function, mode="value_and_jacobian"), space)
    actual = space[f"{function.__name__}_value_and_jacobian"](*args)
    assert dual.mismatch(actual, dual.value_and_jacobian(function, args), 1e-12) is None


def written_in_an_inner_loop(a, b):
    w = np.array([a, b, a])
    v = b
    for _, q in enumerate(w):
        for _ in range(3):
            v = q
            w[-1] = a * b
    return v


def written_as_a_whole(a):
    w = np.ones(3) * a
    for q in w:
        w -= q
    return w


def written_before_a_break(a):
    w = np.ones(3) * a
    for q in w:
        k = 0
        while True:
            if k >= 3:
                break
            k += 1
            w -= q * q
    return w


@pytest.mark.parametrize(
    "function", [written_in_an_inner_loop, written_as_a_whole, written_before_a_break], ids=lambda f: f.__name__
)
def test_refused(function):
    with pytest.raises(UnsupportedSyntax, match="still has to go through"):
        srcdiff.emit(function)


def reassigned_result_of_a_helper(a, b):
    w = pair(a, b * a)
    v = pair(0.3, 1.5)
    v[0] = w @ v
    return np.dot(v, w) * np.ones(2)


def pair(x, y):
    return np.array([y, x + y])


def distance_at_zero(a, b):
    u = np.array([a, b, a])
    v = u - a
    return np.linalg.norm(v) * np.linalg.norm(u) + np.linalg.norm(v[::2])


def guarded_division(a, b):
    x = math.log(a) * b + b / a if a > 0.0 else b
    y = (b + 1.0) / a + math.log(a) if a > 0.0 else 2.0 * b
    return x * y, x + y


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (reassigned_result_of_a_helper, (0.7, 1.2)),
        (distance_at_zero, (0.5, 0.5)),
        (guarded_division, (0.0, 0.5)),
        (guarded_division, (1.5, 0.5)),
    ],
    ids=lambda v: getattr(v, "__name__", ""),
)
def test_right_as_plain_python(function, args):
    test_right(function, args)


def fill_with(a, value):
    for i in range(len(a)):
        a[i] = value * (i + 1.0)


def reads_around_a_write(p, table):
    scratch = table.copy()
    y = p * scratch[0]
    fill_with(scratch, 10.0)
    z = p * p * scratch[0]
    return y + z


def test_an_array_that_a_helper_writes_is_read_where_the_text_reads_it():
    table = np.array([3.0, 5.0])
    assert srcdiff.jacobian(reads_around_a_write, wrt="p")(2.0, table) == 3.0 + 2.0 * 2.0 * 10.0


def meets(y, fixed, flag: bool):
    a = np.zeros(len(fixed))
    b = y.copy()
    if flag:
        a, b = fixed.copy(), a
    a[0] = b[0] * 2.0
    return a + b


def test_arrays_that_vary_and_arrays_that_do_not_are_exchanged():
    y, fixed = np.array([1.5, 2.0]), np.array([4.0, 7.0])
    f = srcdiff.jacobian(meets, wrt="y")
    np.testing.assert_array_equal(f(y, fixed, False), [[3.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(f(y, fixed, True), np.zeros((2, 2)))


def two_sums(y, dy):
    dy[0] = y.sum()
    dy[1] = (y * y).sum()


def test_a_filled_argument_of_known_length_beside_an_array_of_any_length():
    y, dy = np.array([1.0, 2.0, 3.0]), np.zeros(2)
    f = srcdiff.jacobian_compiled(wrt="y", of="dy", shapes={"dy": 2})(two_sums)
    np.testing.assert_array_equal(f.jacobian(y, dy), [[1.0, 1.0, 1.0], [2.0, 4.0, 6.0]])
    np.testing.assert_array_equal(dy, [6.0, 14.0])


def writes_what_it_unpacked(p, y):
    a, b = p
    p[0] = 2.0 * a
    return p[0] * y.sum() + b


def test_the_function_itself_writes_to_its_argument_and_its_jacobian_does_not():
    y, p = np.array([1.0, 2.0, 3.0]), np.array([1.0, 5.0])
    f = srcdiff.jacobian_compiled(wrt=("p", "y"))(writes_what_it_unpacked)
    by_p, by_y = f.jacobian(p, y)
    np.testing.assert_array_equal(by_p, [12.0, 1.0])
    np.testing.assert_array_equal(by_y, [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(p, [1.0, 5.0])
    assert f(p, y) == 17.0
    np.testing.assert_array_equal(p, [2.0, 5.0])


def array_carried_in_a_tuple(y):
    first = y * 1.0
    best = (first,)
    for _ in range(2):
        best = (best[0] * best[0],)
    return best[0] + first


def array_gone_through_while_its_name_is_bound_again(y):
    total = 0.0
    for v in y:
        y = y * 2.0
        total += v
    return total + y[0]


def tuple_kept_under_two_names(y):
    best = (y * 1.0,)
    old = best
    for _ in range(3):
        old = best
        best = (best[0] * best[0],)
    return best[0] * old[0]


def test_arrays_in_tuples_are_carried_through_loops():
    y = np.array([0.3, 0.8])
    value, jacobian = srcdiff.jacobian_compiled(array_carried_in_a_tuple).value_and_jacobian(y)
    np.testing.assert_allclose(value, y**4 + y, rtol=1e-15)
    np.testing.assert_allclose(jacobian, np.diag(4.0 * y**3 + 1.0), rtol=1e-15)


def test_a_loop_goes_through_the_array_that_it_began_with():
    y = np.array([0.3, 0.8])
    f = srcdiff.jacobian_compiled(array_gone_through_while_its_name_is_bound_again)
    assert f(y) == pytest.approx(0.3 + 0.8 + 4.0 * 0.3)
    np.testing.assert_array_equal(f.jacobian(y), [5.0, 1.0])


def test_a_tuple_that_two_names_share_before_a_loop():
    y = np.array([0.3, 0.8])
    value, jacobian = srcdiff.jacobian_compiled(tuple_kept_under_two_names).value_and_jacobian(y)
    np.testing.assert_allclose(value, y**12, rtol=1e-15)
    np.testing.assert_allclose(jacobian, np.diag(12.0 * y**11), rtol=1e-14)


def test_interpolation_of_nan_is_nan():
    def interpolated(x, xp, fp):
        return np.interp(x, xp, fp)

    f = srcdiff.jacobian_compiled(wrt="x")(interpolated)
    assert math.isnan(f(math.nan, np.array([0.0, 1.0]), np.array([2.0, 3.0])))


RATES = {"k0": 2.0, "k1": 3.0}
HALF = Fraction(1, 2)


def formatted_key(x):
    total = 0.0
    for i in range(2):
        total += RATES[f"k{i}"] * x**i
    return total


def formatted_mode(x, y):
    mode = f"{1}"
    return x if mode == "1" and f"{{{mode}}}" in ("{1}", "2") and not f"" else y  # noqa: F541


def formatted_number(x, y):
    return x if f"{x}" == "1.0" else y


def mask_as_a_factor(x, y):
    return x * (x > y) + y * (not x > y)


def inverted_truth(x, y):
    return x if ~(x > y) else y


def list_and_tuple(x, y):
    return x if [1, 2] == (1, 2) else y


def string_before_number(x, y):
    return x if "a" < 1 else y


def fraction_and_number(x, y):
    return x if HALF == 0.5 else y


def test_strings_made_of_what_is_known_are_known():
    assert srcdiff.jacobian(formatted_key)(1.5) == 3.0
    assert srcdiff.jacobian(formatted_mode)(1.5, 0.5) == (1.0, 0.0)


def test_a_truth_value_is_a_factor():
    assert srcdiff.jacobian(mask_as_a_factor)(1.5, 0.5) == (1.0, 0.0)
    assert srcdiff.jacobian(mask_as_a_factor)(0.5, 1.5) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (formatted_number, "is known at run time only"),
        (inverted_truth, "-2 or -1 in Python"),
        (list_and_tuple, "`==` between a list and a tuple"),
        (string_before_number, "a string and a number have no order"),
        (fraction_and_number, "`==` between HALF (a Fraction) and a number"),
    ],
)
def test_what_is_not_decided_when_compiling_is_not_guessed(function, message):
    with pytest.raises(srcdiff.errors.UnsupportedType) as caught:
        srcdiff.emit(function)
    assert message in str(caught.value)


def reshaped_transpose(y, k):
    return y.reshape(2, 2).T.ravel() * k


def crossed_parts(x, y):
    return np.cross(x[:3], y[1:])


def test_what_is_not_contiguous_is_reshaped():
    every_other = np.arange(8.0)[::2]
    expected = 2.0 * np.eye(4)[[0, 2, 1, 3]]
    np.testing.assert_array_equal(srcdiff.jacobian(reshaped_transpose, wrt="y")(every_other, 2.0), expected)


def test_cross_products_of_parts():
    x, y = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 4.0, 6.0, 5.0])
    jacobian = srcdiff.jacobian(crossed_parts, wrt="x")(x, y)
    expected = np.column_stack([np.cross(e, y[1:]) for e in np.eye(3)] + [np.zeros(3)])
    np.testing.assert_array_equal(jacobian, expected)


def test_running_products_and_places_as_methods():
    def products(y):
        return y.cumprod() * (1 + y.argmax())

    def of_known_length(x, y):
        a = np.array([x, y])
        return a.cumprod()[1] * a[a.argmax()]

    np.testing.assert_array_equal(srcdiff.jacobian(products)(np.array([2.0, 3.0])), [[2.0, 0.0], [6.0, 4.0]])
    assert srcdiff.jacobian(of_known_length)(2.0, 3.0) == (9.0, 12.0)


def test_arrays_chosen_by_a_conditional_are_the_arrays():
    def same(y, s):
        b = y if s > 1.0 else y  # noqa: RUF034
        b[0] = 2.0 * y[1]
        return y[0] * y[1]

    def other(y, s):
        z = 2.0 * y
        b = y if s > 1.0 else z
        b[0] = 2.0 * y[1]
        return y[0] * y[1]

    y = np.array([3.0, 4.0])
    for shapes in (None, {"y": 2}):
        found = srcdiff.jacobian_compiled(same, wrt="y", shapes=shapes).value_and_jacobian(y.copy(), 0.5)
        assert found[0] == 32.0 and np.array_equal(found[1], [0.0, 16.0])
        with pytest.raises(srcdiff.errors.UnsupportedType, match="may or may not share memory"):
            srcdiff.jacobian_compiled(other, wrt="y", shapes={"y": 2})(y.copy(), 0.5)
