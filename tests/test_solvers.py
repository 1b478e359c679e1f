"""SciPy's solvers take our objects as they stand, with `args`."""

import math

import numpy as np
import pytest
from scipy import integrate, optimize

from srcdiff import jacobian, jacobian_compiled


@jacobian_compiled(wrt="y")
def van_der_pol(t, y, mu, forcing):
    x, v = y
    return np.array([v, mu * (1.0 - x * x) * v - x + forcing * math.cos(t)])


@jacobian_compiled(wrt="x")
def circle_and_line(x, radius, slope):
    a, b = x
    return np.array([a * a + b * b - radius**2, a - slope * b])


@jacobian_compiled(wrt="p", shapes={"p": 3, "observed": 4})
def misfit(p, observed, step):
    r = np.empty(4)
    for i in range(4):
        r[i] = p[0] * math.exp(-p[1] * i * step) + p[2] - observed[i]
    return r


@jacobian_compiled(wrt="x")
def rosenbrock(x, height):
    a, b = x
    return (1.0 - a) ** 2 + height * (b - a * a) ** 2


class Counted:
    """Counts the calls of a Jacobian, so that a solver that ignores it does not pass."""

    def __init__(self, function):
        self.function = function
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)


@pytest.mark.parametrize("method", ["BDF", "Radau", "LSODA"])
def test_solve_ivp(method):
    args = {"args": (50.0, 1.0), "method": method, "rtol": 1e-8, "atol": 1e-10}
    solution = integrate.solve_ivp(van_der_pol, (0.0, 20.0), [2.0, 0.0], jac=van_der_pol.jacobian, **args)
    plain = integrate.solve_ivp(van_der_pol.__wrapped__, (0.0, 20.0), [2.0, 0.0], **args)
    assert solution.success and solution.njev > 0
    np.testing.assert_allclose(solution.y[:, -1], plain.y[:, -1], rtol=1e-6)


def test_odeint():
    times = np.array([0.0, 5.0, 20.0])
    given = {"args": (50.0, 1.0), "tfirst": True, "rtol": 1e-9, "atol": 1e-11, "mxstep": 5000}
    counted = Counted(van_der_pol.jacobian)
    solution = integrate.odeint(van_der_pol, [2.0, 0.0], times, Dfun=counted, **given)
    assert counted.calls > 0
    np.testing.assert_allclose(solution[-1], integrate.odeint(van_der_pol, [2.0, 0.0], times, **given)[-1], rtol=1e-6)


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_root(method):
    solution = optimize.root(
        circle_and_line, [1.0, 1.0], jac=circle_and_line.jacobian, args=(2.0, 3.0), method=method, tol=1e-13
    )
    assert solution.success and solution.njev > 0
    np.testing.assert_allclose(solution.x, [6.0 / math.sqrt(10.0), 2.0 / math.sqrt(10.0)], rtol=1e-12)


@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
def test_least_squares(method):
    observed = 2.5 * np.exp(-1.3 * 0.5 * np.arange(4)) + 0.5
    fit = optimize.least_squares(
        misfit, [1.0, 1.0, 0.0], jac=misfit.jacobian, args=(observed, 0.5), method=method, xtol=1e-14, ftol=1e-14
    )
    assert fit.njev > 0
    np.testing.assert_allclose(fit.x, [2.5, 1.3, 0.5], rtol=1e-8)


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG", "TNC", "SLSQP", "Newton-CG"])
def test_minimize(method):
    counted = Counted(rosenbrock.jacobian)
    found = optimize.minimize(rosenbrock, [-1.2, 1.0], jac=counted, args=(100.0,), method=method, tol=1e-10)
    assert counted.calls > 5
    np.testing.assert_allclose(found.x, [1.0, 1.0], rtol=1e-4)


def test_minimize_with_value_and_gradient_from_one_call():
    found = optimize.minimize(rosenbrock.value_and_jacobian, [-1.2, 1.0], jac=True, args=(100.0,), method="BFGS")
    np.testing.assert_allclose(found.x, [1.0, 1.0], rtol=1e-5)


def test_constraints():
    constraint = {"type": "eq", "fun": lambda x: circle_and_line(x, 1.0, 1.0)[0],
                  "jac": lambda x: circle_and_line.jacobian(x, 1.0, 1.0)[0]}  # fmt: skip
    found = optimize.minimize(
        rosenbrock, [0.5, 0.5], jac=rosenbrock.jacobian, args=(1.0,), method="SLSQP", constraints=[constraint]
    )
    assert found.success and math.isclose(np.hypot(*found.x), 1.0, rel_tol=1e-7)


def test_scalar_roots():
    kepler = jacobian_compiled(wrt="E")(lambda E, M, e: E - e * math.sin(E) - M)
    solution = optimize.root_scalar(kepler, args=(1.0, 0.3), x0=1.0, fprime=kepler.jacobian, method="newton")
    assert solution.converged and abs(kepler(solution.root, 1.0, 0.3)) < 1e-14
    assert optimize.newton(kepler, 1.0, fprime=kepler.jacobian, args=(1.0, 0.3)) == solution.root
    fused = optimize.root_scalar(kepler.value_and_jacobian, args=(1.0, 0.3), x0=1.0, fprime=True, method="newton")
    assert fused.root == solution.root


def test_the_jacobian_of_a_plain_function():
    def cosine(x):
        return math.cos(x) - x

    assert math.isclose(optimize.newton(cosine, 1.0, fprime=jacobian(cosine)), 0.7390851332151607, rel_tol=1e-14)
