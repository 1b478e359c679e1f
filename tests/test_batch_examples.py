"""The examples with many points: they reach the noise, the closed formulas, and the solution of the equations."""

import re

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from examples import black_scholes, bundle_adjustment, ensemble, option_book, robertson


def test_bundle_adjustment_of_100000_observations_reaches_the_noise(capsys):
    bundle_adjustment.main()
    printed = capsys.readouterr().out
    assert printed.startswith("100000 observations")
    reached = float(re.search(r"rms.* (\S+)\n", printed)[1])
    expected = float(re.search(r"expected.* (\S+)\n", printed)[1])
    # The sum of squares is that of chi squared with some 170,000 degrees of freedom: 0.2 % is one standard deviation.
    assert abs(reached / expected - 1.0) < 0.01


def test_jacobians_of_a_bundle_adjustment_are_those_of_single_calls():
    (cams, points), _, observations = bundle_adjustment.scene(n_cameras=12, n_points=40)
    camera_of, point_of, features = observations
    residuals, (by_camera, by_point) = bundle_adjustment.evaluate(cams, points, observations)
    for i in (0, 15, 16, 203, 399):
        args = cams[camera_of[i]], points[point_of[i]], features[i]
        value, single = bundle_adjustment.misfit.value_and_jacobian(*args)
        np.testing.assert_allclose(residuals[i], value, rtol=1e-10)
        np.testing.assert_allclose(by_camera[i], single[0], rtol=1e-10, atol=1e-9)
        np.testing.assert_allclose(by_point[i], single[1], rtol=1e-10, atol=1e-9)


def test_a_step_of_bundle_adjustment_solves_the_normal_equations():
    _, guess, observations = bundle_adjustment.scene(n_cameras=3, n_points=7, views=3)
    camera_of, point_of, _ = observations
    residuals, (by_camera, by_point) = bundle_adjustment.evaluate(*guess, observations)
    J = np.zeros((len(camera_of), 2, 3 * 11 + 7 * 3))
    for i, (c, p) in enumerate(zip(camera_of, point_of)):
        J[i, :, 11 * c : 11 * c + 11] = by_camera[i]
        J[i, :, 33 + 3 * p : 36 + 3 * p] = by_point[i]
    J = J.reshape(-1, J.shape[2])
    A = J.T @ J
    A[np.diag_indices(len(A))] *= 1.0 + 1e-3
    change = np.linalg.solve(A, -J.T @ residuals.ravel())
    d_cams, d_points = bundle_adjustment.step(residuals, by_camera, by_point, observations, (3, 7), 1e-3)
    np.testing.assert_allclose(np.concatenate([d_cams.ravel(), d_points.ravel()]), change, rtol=1e-5, atol=1e-7)


def test_greeks_of_a_million_options():
    *options, quantity = option_book.book()
    spot, strike, volatility, maturity = options
    prices, greeks = option_book.greeks(*options)
    assert len(prices) == 1_000_000
    assert np.max(np.abs(option_book.residual(prices, greeks, options))) < 1e-12
    for i in (0, 17, 99_991, 999_999):
        exact = black_scholes.closed_form(1, spot[i], strike[i], option_book.RATE, volatility[i], maturity[i])
        np.testing.assert_allclose([g[i] for g in greeks], exact, rtol=1e-9)
    estimate = option_book.shock(greeks, options, quantity, 1e-4, 1e-4, 0.1)
    moved = spot * (1.0 + 1e-4), strike, option_book.RATE, volatility + 1e-4, maturity - 0.1 / 365.0
    change = quantity @ (black_scholes.call.batch(*moved) - prices)
    np.testing.assert_allclose(estimate, change, rtol=2e-2)


def test_an_ensemble_of_stiff_kinetics_is_that_of_each_reactor():
    y, rates = ensemble.reactors(300)
    found = ensemble.integrate(y, rates, steps=8)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)
    for i in (0, 299):
        alone = ensemble.integrate(y[i : i + 1], [k[i : i + 1] for k in rates], steps=8)
        np.testing.assert_allclose(found[i], alone[0], rtol=1e-9)


def test_an_ensemble_of_stiff_kinetics_follows_the_solution():
    """Implicit Euler is of first order: the error of half as long steps is half as large."""
    y, rates = ensemble.reactors(1)
    options = {"method": "Radau", "jac": robertson.robertson.jacobian, "rtol": 1e-10, "atol": 1e-14}
    exact = solve_ivp(robertson.robertson, (0.0, 40.0), y[0], args=tuple(k[0] for k in rates), **options).y[:, -1]
    errors = [np.abs(ensemble.integrate(y, rates, steps=n)[0] - exact).max() for n in (101, 201)]
    assert errors[0] < 0.02 and 1.8 < errors[0] / errors[1] < 2.2


def test_the_same_ensemble_on_a_cluster(capsys):
    pytest.importorskip("distributed", reason="DASK IS NOT TESTED: it is not installed (pip install '.[dask]')")
    ensemble.main()
    assert "largest difference from one process 0.0e+00" in capsys.readouterr().out


def test_the_book_prints(capsys):
    option_book.main()
    assert "1000000 options" in capsys.readouterr().out
