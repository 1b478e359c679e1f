"""Bundle adjustment: cameras, points and the weights of the observations, all from where points appear in images.

The reprojection error of the ADBench suite (Srajer, Kukelova & Fitzgibbon, "A benchmark of selected algorithmic
differentiation tools on some problems in computer vision and machine learning", 2018): 15 inputs, 2 outputs, and
the lifted robust kernel of Zach, "Robust bundle adjustment revisited" (2014): each observation has a weight that
the optimiser may lower, at a price of (1 - weight**2)**2.
"""

import numpy as np
from scipy.optimize import least_squares

from srcdiff import jacobian_compiled

SMALL_ANGLE = 1e-8


def rodrigues_rotate(w, X):
    """Rotate X about the axis w by the angle |w|."""
    theta2 = np.dot(w, w)
    if theta2 > SMALL_ANGLE**2:
        theta = np.sqrt(theta2)
        axis = w / theta
        cos_theta = np.cos(theta)
        return X * cos_theta + np.cross(axis, X) * np.sin(theta) + axis * (np.dot(axis, X) * (1.0 - cos_theta))
    return X + np.cross(w, X)


def radial_distort(radial, p):
    r2 = np.dot(p, p)
    return p * (1.0 + radial[0] * r2 + radial[1] * r2 * r2)


def project(cam, X):
    """Pixel at which a camera (rotation 3, centre 3, focal length, principal point 2, radial distortion 2) sees X."""
    P = rodrigues_rotate(cam[0:3], X - cam[3:6])
    return radial_distort(cam[9:11], P[:2] / P[2]) * cam[6] + cam[7:9]


@jacobian_compiled(wrt=("cam", "X", "weight"), shapes={"cam": 11, "X": 3, "feature": 2})
def reprojection_error(cam, X, weight, feature):
    return weight * (project(cam, X) - feature)


class BundleAdjustment:
    """Residuals and Jacobian over all observations, for ``scipy.optimize.least_squares``.

    The unknowns are the cameras (11 each), the points that no survey has measured (3 each), and one weight for each
    observation. The first ``len(surveyed)`` points are known, which fixes the frame and the scale.
    """

    def __init__(self, n_cameras, n_points, surveyed, observations, features):
        self.n_cameras = n_cameras
        self.n_points = n_points
        self.surveyed = surveyed
        self.observations = observations  # rows: camera, point
        self.features = features  # rows: pixel

    def pack(self, cams, points, weights):
        return np.concatenate([cams.ravel(), points[len(self.surveyed) :].ravel(), weights])

    def unpack(self, x):
        n = 11 * self.n_cameras
        m = n + 3 * (self.n_points - len(self.surveyed))
        return x[:n].reshape(-1, 11), np.vstack([self.surveyed, x[n:m].reshape(-1, 3)]), x[m:]

    def residuals(self, x):
        cams, points, weights = self.unpack(x)
        errors = [
            reprojection_error(cams[c], points[p], weight, feature)
            for (c, p), weight, feature in zip(self.observations, weights, self.features)
        ]
        return np.concatenate([*errors, 1.0 - weights**2])

    def jacobian(self, x):
        cams, points, weights = self.unpack(x)
        rows = len(self.observations)
        first_point = 11 * self.n_cameras - 3 * len(self.surveyed)
        first_weight = len(x) - rows
        J = np.zeros((3 * rows, len(x)))
        for i, (c, p) in enumerate(self.observations):
            d_cam, d_point, d_weight = reprojection_error.jacobian(cams[c], points[p], weights[i], self.features[i])
            row = slice(2 * i, 2 * i + 2)
            J[row, 11 * c : 11 * c + 11] = d_cam
            if p >= len(self.surveyed):
                J[row, first_point + 3 * p : first_point + 3 * p + 3] = d_point
            J[row, first_weight + i] = d_weight
            J[2 * rows + i, first_weight + i] = -2.0 * weights[i]
        return J


def scene(seed=1):
    """Three cameras around 24 points, 10 of them surveyed; one feature is matched wrongly, by 300 pixels.

    Returns the problem, the truth and a first guess, the last two as (cameras, points, weights).
    """
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1.0, 1.0, (24, 3))
    cams = np.array(
        [
            # rotation            centre              focal  principal point  radial distortion
            [0.00, 0.00, 0.00, +0.0, +0.0, -6.0, 900.0, 320.0, 240.0, -0.12, 0.02],
            [0.02, 0.35, 0.05, -2.0, +0.2, -5.5, 880.0, 316.0, 244.0, -0.10, 0.01],
            [0.30, -0.30, 0.1, +2.0, +1.5, -5.5, 910.0, 325.0, 236.0, -0.14, 0.03],
        ]
    )
    observations = [(c, p) for c in range(len(cams)) for p in range(len(points))]
    features = np.array([project(cams[c], points[p]) for c, p in observations])
    features[40] += [240.0, 180.0]
    problem = BundleAdjustment(len(cams), len(points), points[:10], observations, features)

    weights = np.ones(len(observations))
    weights[40] = 0.0
    guess_cams = cams + rng.uniform(-1.0, 1.0, cams.shape) * [*[0.02] * 3, *[0.1] * 3, 20.0, 5.0, 5.0, 0.05, 0.01]
    guess_points = points + rng.uniform(-0.05, 0.05, points.shape)
    return problem, (cams, points, weights), (guess_cams, guess_points, np.ones(len(observations)))


def adjust(problem, guess):
    return least_squares(
        problem.residuals,
        problem.pack(*guess),
        jac=problem.jacobian,
        x_scale="jac",
        method="trf",
        ftol=1e-15,
        xtol=1e-15,
        gtol=1e-15,
        max_nfev=200,
    )


def main():
    problem, (cams, points, _), guess = scene()
    result = adjust(problem, guess)
    found_cams, found_points, weights = problem.unpack(result.x)
    camera_error = np.abs(found_cams - cams).max()
    point_error = np.abs(found_points - points).max()
    print(f"bundle adjustment: {len(result.x)} unknowns, {len(result.fun)} residuals, {result.njev} Jacobians")
    print(f"  focal lengths   {found_cams[:, 6].round(6)}  true {cams[:, 6]}")
    print(f"  largest error   cameras {camera_error:.1e}, points {point_error:.1e}")
    print(f"  weights         wrong match {weights[40]:.1e}, all others at least {np.delete(weights, 40).min():.6f}")


if __name__ == "__main__":
    main()
