"""check: it passes what is right, catches what is wrong, and says when it cannot tell."""

import math

import numpy as np
import pytest

from srcdiff import ArgumentError, check, jacobian_compiled
from srcdiff.check import Report, Row, _differences, random_arguments
from srcdiff.compile import forms


def robertson(t, y, k1, k2, k3):
    a, b, c = y
    return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])


def spiral(x, y):
    return math.exp(-x) * math.sin(y), x * y


def rows(report):
    return {row.name: row.passed for row in report.rows}


def details(report):
    return {row.name: row.detail for row in report.rows}


def test_a_right_derivative_passes_every_row():
    report = check(robertson, 0.0, np.array([0.9, 2e-5, 0.1]), 0.04, 3e7, 1e4, wrt="y")
    assert report
    assert all(row.passed for row in report.rows)
    names = list(rows(report))
    assert {"value", "forms", "Taylor remainder", "arguments", "strided", "read-only", "float32"} <= set(names)
    assert {"direction 1", "d/dy[0]", "d/dy[2]"} <= set(names)
    assert details(report)["value"] == "equal to Numba's, bit for bit"


def test_options_of_decorated_functions_are_used():
    decorated = jacobian_compiled(wrt="y")(robertson)
    report = check(decorated, 0.0, np.array([0.9, 2e-5, 0.1]), 0.04, 3e7, 1e4)
    assert report and "d/dy[1]" in rows(report) and "d/dt" not in rows(report)


def test_the_report_is_a_table():
    report = check(spiral, 0.5, 1.2)
    text = str(report)
    assert text.splitlines()[0].startswith("spiral (test_check.py:")
    assert text.splitlines()[-1].strip() == "no mismatch"
    assert len({line.index("ok") for line in text.splitlines()[1:-1]}) == 1
    assert bool(Report("nothing")) and not bool(Report("one", [Row("a", False, "")]))
    assert bool(Report("unknown", [Row("a", None, "")]))


@pytest.mark.parametrize("wrong", [1e-6, 1e-2, math.nan])
def test_a_wrong_derivative_is_caught(monkeypatch, wrong):
    right = forms.dispatcher

    def dispatcher(function, mode, options):
        inner = right(function, mode, options)

        def matrix(*args):
            found = inner(*args)
            found[0, 1] += wrong
            return found

        return matrix if mode == "matrix" else inner

    monkeypatch.setattr(forms, "dispatcher", dispatcher)
    report = check(spiral, 0.5, 1.2)
    assert not report
    assert rows(report)["d/dy"] is False and rows(report)["d/dx"] is True
    assert rows(report)["forms"] is False
    assert "MISMATCH" in str(report) and "mismatch" in str(report).splitlines()[-1]
    if wrong == 1e-2:
        assert rows(report)["Taylor remainder"] is False
        assert "differences give" in details(report)["d/dy"]


def test_an_equality_branch_is_a_mismatch_with_its_reason():
    def f(x):
        if x == 0.0:
            return 1.0
        return math.exp(3.0 * x)

    report = check(f, 0.0)
    assert not report and rows(report)["d/dx"] is False
    assert "special branch" in report.rows[-1].detail and report.rows[-1].name.startswith("line ")
    assert check(f, 0.5)


@pytest.mark.parametrize("kink", [lambda x: max(0.0, x), lambda x: math.floor(x) + 2.0 * x])
def test_kinks_and_jumps_at_the_point_raise_no_alarm(kink):
    report = check(kink, 0.0)
    assert report and rows(report)["d/dx"] is None
    report = check(kink, 0.7)
    assert report and rows(report)["d/dx"] is True


def test_points_at_the_edge_of_the_domain_raise_no_alarm():
    report = check(lambda x: math.sqrt(x), 0.0)
    assert report and rows(report)["d/dx"] is None


@pytest.mark.parametrize("large", [1e9, 1e12, 1e14])
def test_badly_conditioned_functions_raise_no_alarm(large):
    report = check(lambda x: (1.3 * x + large) - large, 1.0)
    assert report


def test_what_numba_refuses_is_compared_with_python():
    def chosen(x, mode={"a": 2.0}):  # noqa: B006
        return x * mode["a"]

    report = check(lambda x: chosen(x), 3.0)
    assert report
    assert "plain Python" in details(report)["value"] and "Numba does not compile it" in details(report)["value"]


def helper(x):
    return x * x + outer(x, 1)


def outer(x, depth):
    return x if depth > 3 else math.sin(x) * outer(x, depth + 1)


def test_helpers_are_compiled_by_numba_too():
    report = check(lambda x: helper(x) * 2.0, 0.3)
    assert report and details(report)["value"] == "equal to Numba's, bit for bit"


def test_methods_and_keyword_only_parameters():
    class Model:
        gain = 2.0

        def value(self, x):
            return self.gain * x**2

    def f(x, *, k=2.0):
        return k * x**3

    for function, args in ((Model().value, (1.5,)), (f, (1.5, 2.5))):
        report = check(function, *args)
        assert report and rows(report)["d/dx"] is True
        assert "plain Python" in details(report)["value"]


def test_functions_that_fill_an_argument():
    def rhs(t, y, dy):
        dy[0] = y[1] * t
        dy[1] = -math.sin(y[0])

    dy = np.zeros(2)
    report = check(rhs, 0.5, np.array([0.3, 0.4]), dy, wrt="y", of="dy", shapes={"y": 2, "dy": 2})
    assert report and rows(report)["d/dy[1]"] is True
    assert not dy.any()


def test_layouts_of_matrices():
    def f(A, x):
        return A @ x + A[0, 0] * x

    report = check(f, np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -0.5]), shapes={"A": (2, 2), "x": 2})
    assert report
    assert {"strided", "Fortran order", "read-only", "float32"} <= set(rows(report))


def test_aliased_arrays():
    def f(a, b):
        return a * b

    report = check(f, np.array([1.0, 2.0]), np.array([3.0, 4.0]), shapes={"a": 2, "b": 2})
    assert rows(report)["a is b"] is True


def test_complex_values():
    def f(x, y):
        z = complex(x, y)
        return (z * z + 1.0 / z).imag

    assert check(f, 1.2, 0.7)


def test_tuples_as_arguments():
    def f(p, k):
        return p[0] * p[1] * k

    report = check(f, (2.0, 3.0), 4.0)
    assert report and "d/dp[1]" in rows(report)


def test_arguments_that_are_left_out():
    def f(x, k=2.0, n=3):
        for _ in range(n):
            x = x * k
        return x

    assert "d/dk" in rows(check(f, 1.5))
    with pytest.raises(ArgumentError, match="no value for y"):
        check(spiral, 0.5)
    with pytest.raises(ArgumentError, match="y is a list"):
        check(robertson, 0.0, [1.0, 0.0, 0.0], 0.04, 3e7, 1e4, wrt="y")


def test_random_points():
    first = random_arguments(robertson, wrt="y")
    again = random_arguments(robertson, wrt="y")
    other = random_arguments(robertson, wrt="y", seed=1)
    assert first[1].shape == (3,) and isinstance(first[0], float)
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])
    assert check(robertson, wrt="y")

    def repeat(x: float, n: int, flag: bool):
        return x * n if flag else x

    assert random_arguments(repeat)[1:] == (3, True)

    def named(x, mode: str):
        return x if mode == "a" else -x

    with pytest.raises(ArgumentError, match="mode is a string"):
        random_arguments(named)


def test_arguments_are_never_changed():
    y = np.array([0.9, 2e-5, 0.1])
    check(robertson, 0.0, y, 0.04, 3e7, 1e4, wrt="y")
    assert y.tolist() == [0.9, 2e-5, 0.1]


def test_differences_know_their_accuracy():
    def f(x):
        return np.array([math.exp(x[0]), 1e8 + x[0]])

    x = np.array([0.5])
    estimate, error = _differences(f, x, f(x), np.array([1.0]))
    assert abs(estimate[0] - math.exp(0.5)) < 1e-11 and error[0] < 1e-9
    assert abs(estimate[1] - 1.0) < 20.0 * error[1] < 1e-3
