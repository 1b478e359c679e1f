"""The examples whose solvers are the user's own compiled code, with derivatives inside."""

import itertools
import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from examples import ekf, newton, rosenbrock_stepper

ROBERTSON = np.array([0.04, 3e7, 1e4])
START = np.array([1.0, 0.0, 0.0])


def test_newton_finds_the_equilibrium():
    x, steps = newton.newton(newton.equilibrium, np.zeros(3), 1.0, 50.0, 1e-13, 50)
    assert 0 < steps < 20
    h2, o2, h2o = np.exp(x)
    assert math.isclose(h2 + h2o, 1.0, rel_tol=1e-12) and math.isclose(2.0 * o2 + h2o, 1.0, rel_tol=1e-12)
    assert math.isclose(h2o**2 * (h2 + o2 + h2o) / (h2**2 * o2), 50.0, rel_tol=1e-12)


def test_newton_converges_quadratically():
    """Close to the solution the number of right digits doubles with every step."""
    exact, _ = newton.newton(newton.equilibrium, np.zeros(3), 1.0, 50.0, 1e-14, 50)
    errors = []
    for most in range(1, 6):
        x, _ = newton.newton(newton.equilibrium, exact + 0.3, 1.0, 50.0, 0.0, most)
        errors.append(np.abs(x - exact).max())
    ratios = [b / a**2 for a, b in itertools.pairwise(errors) if b > 1e-13]
    assert ratios and max(ratios) < 5.0


def test_the_same_newton_for_another_function():
    supplies = np.linspace(0.1, 5.0, 200)
    voltages = newton.sweep(newton.diode, supplies, 1000.0)
    for supply, v in zip(supplies[::40], voltages[::40]):
        exact = brentq(lambda u, s=supply: u + 1e-9 * math.expm1(u / 0.02585) - s, 0.0, supply, xtol=1e-14)
        assert math.isclose(v, exact, abs_tol=1e-9)


def test_the_stepper_agrees_with_scipy():
    y, steps = rosenbrock_stepper.integrate(rosenbrock_stepper.robertson, START, ROBERTSON, 40.0, 1e-7, 1e-11)
    reference = solve_ivp(
        lambda t, y: rosenbrock_stepper.robertson(t, y, ROBERTSON), (0.0, 40.0), START, "Radau", rtol=1e-10, atol=1e-14
    ).y[:, -1]
    np.testing.assert_allclose(y, reference, rtol=1e-6)
    assert 100 < steps < 3000


def test_the_stepper_with_a_right_hand_side_that_depends_on_time():
    """y' = k (cos t - y) has a closed solution."""
    k, end = 1e3, 2.0
    exact = (k * k * math.cos(end) + k * math.sin(end)) / (1.0 + k * k) - k * k / (1.0 + k * k) * math.exp(-k * end)
    errors = []
    for rtol in (1e-4, 1e-7):
        y, _ = rosenbrock_stepper.integrate(rosenbrock_stepper.driven, np.zeros(1), np.array([k]), end, rtol, 1e-12)
        errors.append(abs(y[0] - exact))
    assert errors[1] < 1e-6 and errors[1] < 0.1 * errors[0]


def test_ten_thousand_sets_of_rates():
    rates = rosenbrock_stepper.scattered(10_000)
    final = rosenbrock_stepper.ensemble(rosenbrock_stepper.robertson, START, rates, 40.0, 1e-3, 1e-8)
    assert np.isfinite(final).all()
    np.testing.assert_allclose(final.sum(axis=1), 1.0, rtol=1e-9)
    for i in (0, 4321, 9999):
        exact, _ = rosenbrock_stepper.integrate(rosenbrock_stepper.robertson, START, rates[i], 40.0, 1e-8, 1e-12)
        np.testing.assert_allclose(final[i], exact, rtol=1e-2)


def test_the_filter_is_compiled_as_a_whole():
    errors, normalised = ekf.simulate(steps=200)
    assert ekf.track.nopython_signatures
    assert errors[:, 0].mean() < errors[:, 1].mean() and np.isfinite(normalised).all()


@pytest.mark.parametrize(("example", "expected"), [(newton, "diode"), (rosenbrock_stepper, "10000 sets")])
def test_main_prints(example, expected, capsys):
    example.main()
    printed = capsys.readouterr().out
    assert expected in printed
    assert "nan" not in printed
