"""What the user's functions raise is raised by their derivatives, whether or not anything reads what they return."""

import numpy as np
import pytest

import srcdiff


def check(x):
    if x < 0:
        raise ValueError("negative")


def checked(x):
    assert x >= 0, "negative"
    return 2.0 * x


def checks_inside(x):
    check(x)
    return x


def calls_for_nothing(x, n):
    check(x)
    return x * x * n


def result_unread(x, n):
    y = checked(x)  # noqa: F841
    return x * x * n


def constant_unread(x, n):
    y = 3.0 * checked(n)  # noqa: F841
    return x * x * abs(n)


def indirectly(x, n):
    y = checks_inside(x)  # noqa: F841
    return x * x * n


def in_a_block_worth_accumulating(x, n):
    y = checked(n)
    y = (x + n) * (x - n)
    u, v = y * x * n, y * n * n
    w = u * v * x * n
    return w * u, w * v, w * y


def elements(u):
    for i in range(len(u)):
        if u[i] < 0:
            raise ValueError("negative")


def arrays(u):
    elements(u)
    s = 0.0
    for i in range(len(u)):
        t = checked(u[i])  # noqa: F841
        s += u[i]
    return s


def ways(differentiated, arguments, tangents):
    yield lambda: differentiated(*arguments)
    yield lambda: differentiated.jacobian(*arguments)
    yield lambda: differentiated.value_and_jacobian(*arguments)
    yield lambda: differentiated.jacobian.matrix(*arguments)
    yield lambda: differentiated.jvp(arguments, tangents)


@pytest.mark.parametrize(
    "function",
    [calls_for_nothing, result_unread, constant_unread, indirectly, in_a_block_worth_accumulating],
)
def test_checks_in_helpers_of_numbers(function):
    differentiated = srcdiff.jacobian_compiled(function)
    for way in ways(differentiated, (2.0, 3.0), (1.0, 1.0)):
        way()
    for way in ways(differentiated, (-2.0, -3.0), (1.0, 1.0)):
        with pytest.raises((ValueError, AssertionError), match="negative"):
            way()


def test_checks_in_helpers_of_arrays():
    differentiated = srcdiff.jacobian_compiled(arrays)
    np.testing.assert_array_equal(differentiated.jacobian(np.array([1.0, 2.0])), [1.0, 1.0])
    for way in ways(differentiated, (np.array([-1.0, 2.0]),), np.ones(2)):
        with pytest.raises((ValueError, AssertionError), match="negative"):
            way()


def test_calls_without_results_are_those_of_the_function_itself():
    text = srcdiff.emit(calls_for_nothing)
    assert "    check(x)  #" in text and "check_jacobian" not in text
