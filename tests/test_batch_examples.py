"""Batches as users need them: bundle adjustment, Greeks of a portfolio, an ensemble of reactors."""

import math

import numpy as np
import pytest

from examples.reprojection import reprojection_error
from srcdiff import jacobian_compiled


def normal_cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@jacobian_compiled(wrt=("spot", "rate", "volatility", "expiry"))
def call_price(spot, strike, rate, volatility, expiry):
    deviation = volatility * math.sqrt(expiry)
    d = (math.log(spot / strike) + rate * expiry) / deviation + 0.5 * deviation
    return spot * normal_cdf(d) - strike * math.exp(-rate * expiry) * normal_cdf(d - deviation)


@jacobian_compiled(wrt="y", shapes={"y": 3})
def robertson(t, y, k1, k2, k3):
    a, b, c = y
    return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])


def test_normal_equations_of_100000_observations():
    """The camera part of the normal equations, J'J and J'r, summed over all observations."""
    n, rng = 100_000, np.random.default_rng(0)
    cameras = np.array([0.3, -0.3, 0.1, 2.0, 1.5, -5.5, 910.0, 325.0, 236.0, -0.14, 0.03])
    cameras = cameras + rng.uniform(-0.05, 0.05, (40, 11))
    points, weights = rng.uniform(-1.0, 1.0, (5000, 3)), rng.uniform(0.5, 1.0, n)
    camera_of, point_of = rng.integers(0, 40, n), rng.integers(0, 5000, n)
    features = rng.uniform(0.0, 600.0, (n, 2))
    residuals, (by_camera, by_point, by_weight) = reprojection_error.value_and_jacobian.batch(
        cameras, points, weights, features, indices={"cam": camera_of, "X": point_of}
    )
    assert by_camera.shape == (n, 2, 11) and by_point.shape == (n, 2, 3) and by_weight.shape == (n, 2)
    for i in (0, 15, 16, 54321, n - 1):
        args = cameras[camera_of[i]], points[point_of[i]], weights[i], features[i]
        value, single = reprojection_error.value_and_jacobian(*args)
        np.testing.assert_allclose(residuals[i], value, rtol=1e-12)
        for found, expected in zip((by_camera, by_point, by_weight), single):
            np.testing.assert_allclose(found[i], expected, rtol=1e-10, atol=1e-9)
    mine = camera_of == 7
    hessian = np.einsum("nki,nkj->ij", by_camera[mine], by_camera[mine])
    assert np.all(np.linalg.eigvalsh(hessian) >= -1e-6 * np.trace(hessian))


def test_greeks_of_a_million_options():
    n = 1_000_000
    spot = np.linspace(50.0, 150.0, n)
    delta, rho, vega, theta = call_price.jacobian.batch(spot, 100.0, 0.02, 0.3, 1.0)
    # Delta is the cumulative normal, and the equation of Black and Scholes ties the others to it.
    d = (np.log(spot[::99991] / 100.0) + 0.02) / 0.3 + 0.15
    density = np.exp(-0.5 * d * d) / math.sqrt(2.0 * math.pi)
    np.testing.assert_allclose(delta[::99991], [normal_cdf(x) for x in d], rtol=1e-12)
    np.testing.assert_allclose(vega[::99991], spot[::99991] * density, rtol=1e-9)
    np.testing.assert_allclose(theta, 0.02 * rho + 0.5 * 0.3 * vega, rtol=1e-9)


def implicit_euler(y, k1, k2, k3, h, steps):
    """An ensemble of stiff reactors, all at once: Newton's method with a batch of Jacobians."""
    f, dy = robertson, np.eye(3)
    for _ in range(steps):
        new = y.copy()
        for _ in range(4):
            value, jacobian = f.value_and_jacobian.batch(0.0, new, k1, k2, k3)
            new += np.linalg.solve(dy - h * jacobian, (y + h * value - new)[..., None])[..., 0]
        y = new
    return y


def ensemble(n):
    spread = np.linspace(0.8, 1.2, n)
    return np.tile([1.0, 0.0, 0.0], (n, 1)), 0.04 * spread, 3e7 * spread, 1e4 * spread


def test_an_ensemble_of_stiff_kinetics():
    y, *rates = ensemble(300)
    found = implicit_euler(y, *rates, 0.1, 10)
    np.testing.assert_allclose(found.sum(1), 1.0, rtol=1e-12)
    for i in (0, 299):
        alone = implicit_euler(y[i : i + 1], *(k[i : i + 1] for k in rates), 0.1, 10)
        np.testing.assert_allclose(found[i], alone[0], rtol=1e-9)


def test_the_same_ensemble_on_dask():
    da = pytest.importorskip("dask.array", reason="DASK IS NOT TESTED: it is not installed (pip install '.[dask]')")
    y, *rates = ensemble(40)
    lazy = [da.from_array(a, chunks=(16, *a.shape[1:])) for a in (y, *rates)]
    found = robertson.jacobian.batch(0.0, *lazy)
    np.testing.assert_allclose(found.compute(), robertson.jacobian.batch(0.0, y, *rates), rtol=1e-14)
