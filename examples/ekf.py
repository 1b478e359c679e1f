"""An extended Kalman filter: a robot drives by odometry and corrects itself by ranges and bearings of landmarks.

The filter linearises two models at every step; both Jacobians come from the models as they are written. The whole
simulation is one compiled loop (Thrun, Burgard & Fox, Probabilistic Robotics, 2005, sections 5.4 and 7.4).
"""

import math

import numpy as np
from numba import njit

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


@njit
def wrap(angle):
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


@njit
def predict(state, covariance, control):
    state, (F, V) = move.value_and_jacobian(state, control, DT)
    return state, F @ covariance @ F.T + V @ CONTROL_COVARIANCE @ V.T


@njit
def correct(state, covariance, landmark, measurement):
    expected, H = measure.value_and_jacobian(state, landmark)
    innovation = measurement - expected
    innovation[1] = wrap(innovation[1])
    S = H @ covariance @ H.T + MEASUREMENT_COVARIANCE
    gain = np.ascontiguousarray(np.linalg.solve(S, H @ covariance).T)
    return state + gain @ innovation, covariance - gain @ S @ gain.T


@njit
def track(control_noise, measurement_noise):
    """Drive a figure of eight with the given noise. Returns what `simulate` does."""
    steps = len(control_noise)
    truth = np.zeros(3)
    state, covariance = truth.copy(), np.diag(np.full(3, 1e-4))
    odometry = truth.copy()
    errors = np.empty((steps, 2))
    normalised = np.empty(steps)
    for i in range(steps):
        command = np.array([1.0, 0.4 * math.cos(0.1 * i * DT)])
        truth = move(truth, command + control_noise[i], DT)
        odometry = move(odometry, command, DT)
        state, covariance = predict(state, covariance, command)
        if i % 5 == 0:
            for j in range(len(LANDMARKS)):
                measured = measure(truth, LANDMARKS[j]) + measurement_noise[i, j]
                state, covariance = correct(state, covariance, LANDMARKS[j], measured)
        error = state - truth
        error[2] = wrap(error[2])
        errors[i, 0] = math.hypot(error[0], error[1])
        errors[i, 1] = math.hypot(odometry[0] - truth[0], odometry[1] - truth[1])
        normalised[i] = error @ np.linalg.solve(covariance, error)
    return errors, normalised


def simulate(steps=600, seed=3):
    """Errors of (filter, odometry alone) at each step, and the normalised squared error.

    The normalised squared error averages 3, the dimension of the state, for a filter whose covariance is honest.
    """
    rng = np.random.default_rng(seed)
    control_noise = rng.normal(size=(steps, 2)) * np.sqrt(np.diag(CONTROL_COVARIANCE))
    measurement_noise = rng.normal(size=(steps, len(LANDMARKS), 2)) * np.sqrt(np.diag(MEASUREMENT_COVARIANCE))
    return track(control_noise, measurement_noise)


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
