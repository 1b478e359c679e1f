"""The examples run as they stand, and reach published or closed-form values."""

import math

import numpy as np
import pytest

from examples import black_scholes, ekf, hires, kepler, pollu, quickstart, reprojection, robertson


def differences(function, x, step):
    """Jacobian by central differences with one Richardson step."""

    def central(h):
        columns = []
        for j in range(x.size):
            d = np.zeros(x.size)
            d[j] = h[j]
            columns.append((np.asarray(function(x + d)) - np.asarray(function(x - d))) / (2.0 * h[j]))
        return np.stack(columns, axis=-1)

    return (4.0 * central(step / 2.0) - central(step)) / 3.0


@pytest.mark.parametrize("method", ["Radau", "BDF"])
@pytest.mark.parametrize(
    ("example", "digits"), [(robertson, 1e-7), (hires, 1e-7), (pollu, 1e-7)], ids=["robertson", "hires", "pollu"]
)
def test_stiff_problems_reach_the_published_solutions(example, digits, method):
    solution = example.solve(method)
    assert solution.success
    np.testing.assert_allclose(solution.y[:, -1], example.REFERENCE, rtol=digits, atol=0.0)


def test_stiff_jacobians_are_those_of_the_function():
    """The right-hand sides are quadratic, so central differences of any step are exact up to rounding."""
    y = np.array([0.9, 2e-5, 0.1])
    k1, k2, k3 = robertson.RATES
    exact = [
        [-k1, k3 * y[2], k3 * y[1]],
        [k1, -2.0 * k2 * y[1] - k3 * y[2], -k3 * y[1]],
        [0.0, 2.0 * k2 * y[1], 0.0],
    ]
    np.testing.assert_allclose(robertson.robertson.jacobian(0.0, y, k1, k2, k3), exact, rtol=1e-15)

    y = hires.REFERENCE
    numeric = differences(lambda y: hires.hires(0.0, y), y, np.maximum(y, 1e-3))
    np.testing.assert_allclose(hires.hires.jacobian(0.0, y), numeric, rtol=1e-9, atol=1e-10)

    y = pollu.REFERENCE
    J = pollu.pollu.jacobian(0.0, y, pollu.RATES)
    numeric = differences(lambda y: pollu.pollu(0.0, y, pollu.RATES), y, np.maximum(y, 1e-6))
    assert np.count_nonzero(J) == np.count_nonzero(numeric)
    np.testing.assert_allclose(J, numeric, rtol=1e-6, atol=1e-6)


def test_bundle_adjustment_recovers_the_scene():
    problem, (cams, points, weights), guess = reprojection.scene()
    result = reprojection.adjust(problem, guess)
    found_cams, found_points, found_weights = problem.unpack(result.x)
    np.testing.assert_allclose(found_points, points, atol=1e-8)
    np.testing.assert_allclose(found_cams, cams, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(found_weights, weights, atol=1e-7)
    assert result.njev < 30


@pytest.mark.parametrize("rotation", [(0.3, -0.2, 0.5), (1e-3, 2e-3, -1e-3), (0.0, 0.0, 0.0)])
def test_reprojection_jacobian(rotation):
    cam = np.array([*rotation, 0.5, 0.3, -4.0, 2.5, 0.1, -0.2, -0.15, 0.05])
    X = np.array([0.4, -0.7, 0.6])
    feature = np.array([0.1, 0.2])
    J = reprojection.reprojection_error.jacobian.matrix(cam, X, 0.8, feature)
    assert J.shape == (2, 15)
    numeric = differences(
        lambda v: reprojection.reprojection_error(v[:11], v[11:14], v[14], feature),
        np.array([*cam, *X, 0.8]),
        np.full(15, 2e-3 if any(rotation) else 1e-9),
    )
    # At rotation zero only steps inside the small-angle branch see its first-order formula without truncation.
    np.testing.assert_allclose(J, numeric, atol=1e-9 if any(rotation) else 1e-5)


@pytest.mark.parametrize("e", [0.0, 0.0167, 0.2056, 0.6, 0.9])
@pytest.mark.parametrize("mean_anomaly", [0.05, 1.0, 2.5, 3.1, 6.0])
def test_kepler_agrees_with_the_implicit_function_theorem(e, mean_anomaly):
    E, derivative = kepler.eccentric_anomaly.value_and_jacobian(mean_anomaly, e)
    assert math.isclose(E - e * math.sin(E), mean_anomaly, rel_tol=1e-14)
    np.testing.assert_allclose(derivative, kepler.implicit_derivative(mean_anomaly, e), rtol=1e-11, atol=1e-11)


def test_kalman_filter_tracks_and_knows_its_error():
    errors, normalised = ekf.simulate()
    assert errors[:, 0].mean() < 0.1
    assert errors[:, 0].mean() < 0.1 * errors[:, 1].mean()
    assert 2.0 < normalised.mean() < 4.0


@pytest.mark.parametrize("turn_rate", [0.4, 1e-9])
def test_kalman_filter_jacobians(turn_rate):
    state, control = np.array([0.3, -0.2, 0.5]), np.array([1.2, turn_rate])
    F, V = ekf.move.jacobian(state, control, ekf.DT)
    step = np.full(3, 1e-2)
    np.testing.assert_allclose(F, differences(lambda s: ekf.move(s, control, ekf.DT), state, step), atol=1e-9)
    step = np.array([1e-2, 1e-2 if turn_rate > 1e-2 else 1e-6])
    np.testing.assert_allclose(V, differences(lambda u: ekf.move(state, u, ekf.DT), control, step), atol=1e-8)
    landmark = ekf.LANDMARKS[0]
    numeric = differences(lambda s: ekf.measure(s, landmark), state, np.full(3, 1e-2))
    np.testing.assert_allclose(ekf.measure.jacobian(state, landmark), numeric, atol=1e-9)


@pytest.mark.parametrize("market", [(100.0, 105.0, 0.03, 0.25, 0.75), (42.0, 40.0, 0.1, 0.2, 0.5)])
def test_greeks_match_the_closed_formulas(market):
    for price, kind in ((black_scholes.call, 1), (black_scholes.put, -1)):
        np.testing.assert_allclose(price.jacobian(*market), black_scholes.closed_form(kind, *market), rtol=1e-9)
    # Hull, Options, Futures, and Other Derivatives, example 15.6: 4.76 and 0.81.
    if market[0] == 42.0:
        assert round(black_scholes.call(*market), 2) == 4.76
        assert round(black_scholes.put(*market), 2) == 0.81


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (robertson, "Radau"),
        (hires, "BDF"),
        (pollu, "400 entries"),
        (reprojection, "focal lengths"),
        (kepler, "implicit function theorem"),
        (ekf, "odometry alone"),
        (black_scholes, "vega"),
        (quickstart, "robertson.jacobian"),
    ],
    ids=lambda value: value.__name__.rpartition(".")[2] if hasattr(value, "main") else "",
)
def test_main_prints(example, expected, capsys):
    example.main()
    printed = capsys.readouterr().out
    assert expected in printed
    assert "nan" not in printed
