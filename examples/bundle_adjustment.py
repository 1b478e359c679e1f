"""Bundle adjustment of 100,000 observations: 20 cameras, 10,000 points, one batch of Jacobians a step.

The observations look their camera and their point up by index; nothing is gathered beforehand. Levenberg-Marquardt on
the normal equations, with the points eliminated (Schur complement: Triggs et al., "Bundle adjustment - a modern
synthesis", 2000, section 6). The camera model is that of ``examples.reprojection``.
"""

import time

import numpy as np

from examples.reprojection import project
from srcdiff import jacobian_compiled

CAMERAS, POINTS, VIEWS = 20, 10_000, 10
NOISE = 0.5
"""Standard deviation of the features, in pixels."""


@jacobian_compiled(wrt=("cam", "X"), shapes={"cam": 11, "X": 3, "feature": 2})
def misfit(cam, X, feature):
    return project(cam, X) - feature


def scene(n_cameras=CAMERAS, n_points=POINTS, views=VIEWS, seed=0):
    """Cameras on a ring around a cloud of points, each of which is seen by some of them.

    Returns the truth and a first guess, both as (cameras, points), and for every observation the number of its camera,
    that of its point, and its feature. Observations of one point follow each other.
    """
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1.0, 1.0, (n_points, 3))
    angle = np.linspace(-0.9, 0.9, n_cameras)
    cams = np.zeros((n_cameras, 11))
    cams[:, 1] = angle  # rotation about the vertical
    cams[:, 3:6] = 6.0 * np.stack([np.sin(angle), rng.uniform(-0.2, 0.2, n_cameras), -np.cos(angle)], axis=1)
    cams[:, 6:] = [900.0, 320.0, 240.0, -0.12, 0.02]
    cams[:, 6] += rng.uniform(-20.0, 20.0, n_cameras)
    camera_of = rng.random((n_points, n_cameras)).argsort(axis=1)[:, :views].ravel()
    point_of = np.repeat(np.arange(n_points), views)
    nothing = np.zeros((len(point_of), 2))
    features = misfit.batch(cams, points, nothing, indices={"cam": camera_of, "X": point_of})
    features = features + rng.normal(0.0, NOISE, nothing.shape)
    guess_cams = cams + rng.uniform(-1.0, 1.0, cams.shape) * [*[0.01] * 3, *[0.05] * 3, 10.0, 3.0, 3.0, 0.02, 0.005]
    guess_points = points + rng.uniform(-0.03, 0.03, points.shape)
    return (cams, points), (guess_cams, guess_points), (camera_of, point_of, features)


def evaluate(cams, points, observations):
    """Residuals of all observations, and their derivatives by camera and point."""
    camera_of, point_of, features = observations
    return misfit.value_and_jacobian.batch(cams, points, features, indices={"cam": camera_of, "X": point_of})


def step(residuals, by_camera, by_point, observations, shape, damping):
    """One step of Levenberg-Marquardt for cameras and points."""
    camera_of, point_of, _ = observations
    n_cameras, n_points = shape
    starts = np.flatnonzero(np.diff(point_of, prepend=-1))  # of each point's observations
    J_point = by_point.transpose(0, 2, 1)
    V = np.add.reduceat(J_point @ by_point, starts)
    g_point = np.add.reduceat((J_point @ residuals[:, :, None])[:, :, 0], starts)
    U, g_camera = np.zeros((n_cameras, 11, 11)), np.zeros((n_cameras, 11))
    for c in range(n_cameras):
        J = by_camera[camera_of == c].reshape(-1, 11)
        U[c] = J.T @ J
        g_camera[c] = J.T @ residuals[camera_of == c].ravel()
    W = np.zeros((n_cameras, 11, n_points, 3))
    W[camera_of, :, point_of] = by_camera.transpose(0, 2, 1) @ by_point

    for blocks in (U, V):
        diagonal = np.einsum("kii->ki", blocks)
        diagonal *= 1.0 + damping
    inverse = np.linalg.inv(V)
    Y = np.einsum("cikp,kpq->cikq", W, inverse, optimize=True).reshape(11 * n_cameras, -1)
    W = W.reshape(11 * n_cameras, -1)
    reduced = -(Y @ W.T)
    for c in range(n_cameras):
        reduced[11 * c : 11 * c + 11, 11 * c : 11 * c + 11] += U[c]
    d_camera = np.linalg.solve(reduced, Y @ g_point.ravel() - g_camera.ravel())
    d_point = -(inverse @ (g_point + (W.T @ d_camera).reshape(n_points, 3))[:, :, None])[:, :, 0]
    return d_camera.reshape(n_cameras, 11), d_point


def adjust(guess, observations, steps=12, damping=1e-3):
    """Cameras, points, the root mean square residual before each step and at the end, and the seconds in batches."""
    cams, points = guess
    start = time.perf_counter()
    residuals, (by_camera, by_point) = evaluate(cams, points, observations)
    seconds = time.perf_counter() - start
    history = [np.sqrt(np.mean(residuals**2))]
    for _ in range(steps):
        change = step(residuals, by_camera, by_point, observations, (len(cams), len(points)), damping)
        start = time.perf_counter()
        found = evaluate(cams + change[0], points + change[1], observations)
        seconds += time.perf_counter() - start
        error = np.sqrt(np.mean(found[0] ** 2))
        if error >= history[-1]:
            damping *= 10.0
            continue
        gain = history[-1] - error
        history.append(error)
        cams, points, damping = cams + change[0], points + change[1], damping / 10.0
        residuals, (by_camera, by_point) = found
        if gain < 1e-9 * error:
            break
    return cams, points, history, seconds


def expected(observations, cams, points):
    """The root mean square residual that noise leaves: seven degrees of freedom, those of the frame, fit nothing."""
    count = observations[2].size
    return NOISE * np.sqrt((count - cams.size - points.size + 7) / count)


def main():
    _, guess, observations = scene()
    count = len(observations[0])
    cams, points, history, seconds = adjust(guess, observations)
    print(f"{count} observations, {cams.size + points.size} unknowns, {len(history) - 1} steps")
    print("  rms residual, pixels  " + "  ".join(f"{error:.4f}" for error in history))
    print(f"  expected from noise   {expected(observations, cams, points):.4f}")
    print(f"  all batches together  {seconds:.2f} s, the first of them with compilation")


if __name__ == "__main__":
    main()
