"""An extended Kalman filter: a robot drives by odometry and corrects itself by ranges and bearings of landmarks.

The filter linearises two models at every step; both Jacobians come from the models as they are written
(Thrun, Burgard & Fox, Probabilistic Robotics, 2005, sections 5.4 and 7.4).
"""

import math

import numpy as np

from srcdiff import jacobian_compiled

DT = 0.1
LANDMARKS = np.array([[6.0, 4.0], [-5.0, 8.0], [0.0, 14.0], [9.0, 11.0]])
CONTROL_COVARIANCE = np.diag([0.15, 0.08]) ** 2  # speed, turn rate
MEASUREMENT_COVARIANCE = np.diag([0.10, 0.02]) ** 2  # range, bearing


@jacobian_compiled(wrt=("state", "control"))
def move(state, control, dt):
    """Drive along a circular arc: state is (x, y, heading), control is (speed, turn rate)."""
    x, y, heading = state
    speed, turn_rate = control
    turn = turn_rate * dt
    if abs(turn) < 1e-6:
        middle = heading + 0.5 * turn
        return np.array([x + speed * dt * math.cos(middle), y + speed * dt * math.sin(middle), heading + turn])
    radius = speed / turn_rate
    return np.array(
        [
            x + radius * (math.sin(heading + turn) - math.sin(heading)),
            y - radius * (math.cos(heading + turn) - math.cos(heading)),
            heading + turn,
        ]
    )


@jacobian_compiled(wrt="state")
def measure(state, landmark):
    """Range and bearing of a landmark."""
    x, y, heading = state
    dx = landmark[0] - x
    dy = landmark[1] - y
    return np.array([math.hypot(dx, dy), math.atan2(dy, dx) - heading])


def wrap(angle):
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


def predict(state, covariance, control):
    state, (F, V) = move.value_and_jacobian(state, control, DT)
    return state, F @ covariance @ F.T + V @ CONTROL_COVARIANCE @ V.T


def correct(state, covariance, landmark, measurement):
    expected, H = measure.value_and_jacobian(state, landmark)
    innovation = measurement - expected
    innovation[1] = wrap(innovation[1])
    S = H @ covariance @ H.T + MEASUREMENT_COVARIANCE
    gain = np.linalg.solve(S, H @ covariance).T
    return state + gain @ innovation, covariance - gain @ S @ gain.T


def simulate(steps=600, seed=3):
    """Drive a figure of eight. Returns the errors of (filter, odometry alone) and the normalised squared error.

    The normalised squared error averages 3, the dimension of the state, for a filter whose covariance is honest.
    """
    rng = np.random.default_rng(seed)
    truth = np.array([0.0, 0.0, 0.0])
    state, covariance = truth.copy(), np.diag([1e-4, 1e-4, 1e-4])
    odometry = truth.copy()
    errors = np.empty((steps, 2))
    normalised = np.empty(steps)
    for i in range(steps):
        command = np.array([1.0, 0.4 * math.cos(0.1 * i * DT)])
        truth = move(truth, command + rng.normal(size=2) * np.sqrt(np.diag(CONTROL_COVARIANCE)), DT)
        odometry = move(odometry, command, DT)
        state, covariance = predict(state, covariance, command)
        if i % 5 == 0:
            for landmark in LANDMARKS:
                noise = rng.normal(size=2) * np.sqrt(np.diag(MEASUREMENT_COVARIANCE))
                state, covariance = correct(state, covariance, landmark, measure(truth, landmark) + noise)
        error = state - truth
        error[2] = wrap(error[2])
        errors[i] = math.hypot(error[0], error[1]), math.hypot(*(odometry - truth)[:2])
        normalised[i] = error @ np.linalg.solve(covariance, error)
    return errors, normalised


def main():
    by_state, by_control = move.jacobian(np.array([0.0, 0.0, 0.5]), np.array([1.0, 0.4]), DT)
    print("extended Kalman filter: Jacobian of the motion model by the state, and by the control")
    print(by_state.round(6))
    print(by_control.round(6))
    errors, normalised = simulate()
    for name, (ours, odometry) in (("mean", errors.mean(axis=0)), ("final", errors[-1])):
        print(f"{name} position error: filter {ours:.3f} m, odometry alone {odometry:.3f} m")
    print(f"mean normalised squared error {normalised.mean():.2f} (3 is expected)")


if __name__ == "__main__":
    main()
