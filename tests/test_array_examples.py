"""The examples with arrays of any length reach certified, published or closed-form values."""

import numpy as np
import pytest
from test_examples import differences

from examples import (
    brusselator,
    burgers,
    garch,
    implicit_heat,
    lorenz96,
    neural_ode,
    nist_data,
    nist_strd,
    pharmacokinetics,
)


@pytest.mark.parametrize("problem", nist_data.PROBLEMS, ids=lambda problem: problem.name)
def test_nist_data_have_the_certified_sum_of_squares(problem):
    """Eleven digits of it, so that no datum is wrong."""
    assert len(problem.x) == len(problem.y)
    r = nist_strd.MODELS[problem.name](np.array(problem.certified), problem.x, problem.y)
    np.testing.assert_allclose(r @ r, problem.residual_sum, rtol=6e-11)


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("problem", nist_data.PROBLEMS, ids=lambda problem: problem.name)
def test_nist_problems_reach_the_certified_digits(problem, start):
    b, total, _ = nist_strd.solve(problem, problem.starts[start])
    assert nist_strd.digits(b, problem.certified) > 9.5
    assert nist_strd.digits([total], [problem.residual_sum]) > 9.5


def test_brusselator_jacobians():
    """The right-hand sides are cubic, so one Richardson step makes central differences exact up to rounding."""
    y = brusselator.line_start(7)
    numeric = differences(lambda y: brusselator.line(0.0, y, 0.02), y, np.full(y.size, 0.1))
    np.testing.assert_allclose(brusselator.line.jacobian(0.0, y, 0.02), numeric, atol=1e-10)
    y = brusselator.plane_start(3) + 0.1
    numeric = differences(lambda y: brusselator.plane(0.0, y, 3, 0.1), y, np.full(y.size, 0.1))
    np.testing.assert_allclose(brusselator.plane.jacobian(0.0, y, 3, 0.1), numeric, atol=1e-9)


def test_brusselator_takes_the_same_steps_as_with_differences():
    start = brusselator.line_start(20)
    exact = brusselator.solve(brusselator.line, start, (0.02,), 2.0)
    numeric = brusselator.solve(brusselator.line, start, (0.02,), 2.0, exact=False)
    assert exact.success
    assert abs(exact.t.size - numeric.t.size) <= 3
    np.testing.assert_allclose(exact.y[:, -1], numeric.y[:, -1], rtol=1e-5)


def test_lyapunov_exponents_of_lorenz96():
    exponents = lorenz96.lyapunov_exponents(lorenz96.attractor(steps=500), steps=600)
    assert abs(exponents.sum() + 40.0) < 0.1
    assert 1.2 < exponents[0] < 2.1
    assert 24.0 < lorenz96.kaplan_yorke(exponents) < 30.0


def test_lorenz96_step():
    x = lorenz96.attractor(n=7, steps=50)
    numeric = differences(lambda x: lorenz96.step(x, 8.0, 0.05), x, np.full(7, 0.02))
    np.testing.assert_allclose(lorenz96.step.jacobian(x, 8.0, 0.05), numeric, atol=1e-9)


def test_burgers():
    x, u, iterations = burgers.solve(1.0, 0.0, n=50)
    dx = x[1] - x[0]
    assert abs(-1.0 + dx * np.sum(u) - 0.4) < 1e-3
    assert iterations < 10.0
    x, u, _ = burgers.solve(-1.0, 1.0, n=50)
    assert np.all(np.diff(u) > -1e-12)
    assert np.mean(np.abs(u - np.clip(x / 0.8, -1.0, 1.0))) < 0.12


def test_implicit_heat_step_has_the_inverse_as_its_jacobian():
    truth, u, dt, dx, _, _ = implicit_heat.problem()
    by_u, by_kappa = implicit_heat.implicit_step.jacobian(u, truth, dt, dx)
    A = implicit_heat.system(truth, dt, dx)
    np.testing.assert_allclose(A @ by_u, np.eye(len(u)), atol=1e-14)
    after = implicit_heat.implicit_step(u, truth, dt, dx)
    for k in range(len(truth)):
        unit = np.zeros(len(truth))
        unit[k] = 1.0
        change = implicit_heat.system(unit, dt, dx) - np.eye(len(u))
        np.testing.assert_allclose(A @ by_kappa[:, k], -change @ after, atol=1e-14)


def test_conductivities_are_recovered():
    truth, u, dt, dx, steps, measured = implicit_heat.problem()
    kappa, norms = implicit_heat.identify(u, dt, dx, steps, measured)
    np.testing.assert_allclose(kappa, truth, rtol=0.02)
    assert norms[-1] < 1.2 * 1e-5 * np.sqrt(len(measured))


def test_garch_reaches_the_maximum():
    returns = garch.simulate(1500)
    result, errors = garch.fit(returns)
    np.testing.assert_array_less(np.abs(result.x - garch.TRUE), 4.0 * errors)
    numeric = differences(lambda p: garch.likelihood(p[0], p[1], p[2], returns), result.x, np.full(3, 1e-4))
    gradient = garch.likelihood.jacobian(result.x[0], result.x[1], result.x[2], returns)
    np.testing.assert_allclose(gradient, numeric, atol=1e-8)
    np.testing.assert_allclose(garch.contributions.jacobian(result.x, returns).mean(axis=0), gradient, atol=1e-12)
    assert np.max(np.abs(gradient)) < 1e-5


def test_rates_of_three_compartments_are_recovered():
    data = pharmacokinetics.concentrations(pharmacokinetics.TRUE, pharmacokinetics.TIMES, 10.0)
    found, history = pharmacokinetics.levenberg_marquardt(pharmacokinetics.concentrations, pharmacokinetics.START, data)
    np.testing.assert_allclose(found, pharmacokinetics.TRUE, atol=1e-10)
    assert len(history) < 20


def test_neural_field_learns_the_spiral():
    samples = neural_ode.spiral()
    result = neural_ode.train(samples)
    assert np.sqrt(np.mean(result.fun**2)) < 3e-3
    J = neural_ode.misfit.jacobian(result.x, samples[:4], 0.1)
    numeric = differences(lambda w: neural_ode.misfit(w, samples[:4], 0.1), result.x, np.full(result.x.size, 1e-3))
    np.testing.assert_allclose(J, numeric, atol=1e-7)
