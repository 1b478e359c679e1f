"""Kinematics, vision and control."""

import math
from collections import namedtuple
from typing import NamedTuple

import numpy as np

from corpus import array, between, case

Pose = namedtuple("Pose", "x y theta")


class Gains(NamedTuple):
    p: float
    i: float
    d: float


def two_link_arm(q1, q2, l1=1.0, l2=0.7):
    x = l1 * math.cos(q1) + l2 * math.cos(q1 + q2)
    y = l1 * math.sin(q1) + l2 * math.sin(q1 + q2)
    return x, y


def rotation(axis, angle):
    """Rodrigues' formula as a matrix."""
    x, y, z = axis / np.linalg.norm(axis)
    c, s = np.cos(angle), np.sin(angle)
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + s * k + (1.0 - c) * (k @ k)


def project(camera, point, observed):
    """The reprojection error of bundle adjustment."""
    w = camera[:3]
    theta = np.linalg.norm(w)
    if theta > 1e-12:
        axis = w / theta
        p = (
            point * np.cos(theta)
            + np.cross(axis, point) * np.sin(theta)
            + axis * np.dot(axis, point) * (1.0 - np.cos(theta))
        )
    else:
        p = point + np.cross(w, point)
    p = p + camera[3:6]
    u = -p[:2] / p[2]
    r2 = u @ u
    distortion = 1.0 + r2 * (camera[7] + camera[8] * r2)
    return camera[6] * distortion * u - observed


def quaternion_product(a, b):
    w1, x1, y1, z1 = a
    w2, x2, y2, z2 = b
    return np.array(
        [
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ]
    )


def quaternion_to_euler(q):
    w, x, y, z = q
    n = math.sqrt(w * w + x * x + y * y + z * z)
    w, x, y, z = w / n, x / n, y / n, z / n
    roll = math.atan2(2.0 * (w * x + y * z), 1.0 - 2.0 * (x * x + y * y))
    pitch = math.asin(min(1.0, max(-1.0, 2.0 * (w * y - z * x))))
    yaw = math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    return roll, pitch, yaw


def unicycle(pose, speed, turn, dt):
    """Exact motion along an arc; the straight line is the limit."""
    if abs(turn) < 1e-9:
        return Pose(pose.x + speed * dt * math.cos(pose.theta), pose.y + speed * dt * math.sin(pose.theta), pose.theta)
    radius = speed / turn
    theta = pose.theta + turn * dt
    return Pose(
        pose.x + radius * (math.sin(theta) - math.sin(pose.theta)),
        pose.y - radius * (math.cos(theta) - math.cos(pose.theta)),
        theta,
    )


def dh_transform(theta, d, a, alpha):
    ct, st = np.cos(theta), np.sin(theta)
    ca, sa = np.cos(alpha), np.sin(alpha)
    return np.array(
        [
            [ct, -st * ca, st * sa, a * ct],
            [st, ct * ca, -ct * sa, a * st],
            [0.0, sa, ca, d],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )


def arm_tip(q):
    """Three joints by products of transforms."""
    t = dh_transform(q[0], 0.4, 0.0, 0.5 * math.pi)
    t = t @ dh_transform(q[1], 0.0, 0.8, 0.0)
    t = t @ dh_transform(q[2], 0.0, 0.6, 0.0)
    return t[:3, 3]


def range_bearing(state, landmark):
    dx = landmark[0] - state[0]
    dy = landmark[1] - state[1]
    bearing = math.atan2(dy, dx) - state[2]
    while bearing > math.pi:
        bearing -= 2.0 * math.pi
    while bearing < -math.pi:
        bearing += 2.0 * math.pi
    return np.array([math.hypot(dx, dy), bearing])


def pid(gains, error, integral, previous, dt, limit=10.0):
    integral = integral + error * dt
    derivative = (error - previous) / dt
    output = gains.p * error + gains.i * integral + gains.d * derivative
    if output > limit:
        output = limit
    elif output < -limit:
        output = -limit
    return output, integral


def kalman_gain(p, h, r):
    """The scalar-measurement update of a 2-state covariance."""
    s = h @ p @ h + r
    k = p @ h / s
    updated = p - s * np.outer(k, k)
    return k, updated


def damped_least_squares(j, error, damping):
    """A step of inverse kinematics with a 2 x 2 system solved by hand."""
    a = j[0, 0] ** 2 + j[0, 1] ** 2 + damping
    b = j[0, 0] * j[1, 0] + j[0, 1] * j[1, 1]
    d = j[1, 0] ** 2 + j[1, 1] ** 2 + damping
    determinant = a * d - b * b
    y = np.array([d * error[0] - b * error[1], a * error[1] - b * error[0]]) / determinant
    return j.T @ y


def quintic(t, start, end, duration=1.0):
    s = t / duration
    blend = s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
    return start + (end - start) * blend


def bicycle(state, steer, acceleration):
    _, _, heading, speed = state
    wheelbase = 2.7
    slip = np.arctan(0.5 * np.tan(steer))
    return np.array(
        [
            speed * np.cos(heading + slip),
            speed * np.sin(heading + slip),
            speed / wheelbase * np.cos(slip) * np.tan(steer),
            acceleration - 0.01 * speed * abs(speed),
        ]
    )


def signed_distance(point, centre, radius, box):
    """A sphere joined smoothly with a box."""
    sphere = np.linalg.norm(point - centre) - radius
    q0, q1, q2 = abs(point[0]) - box[0], abs(point[1]) - box[1], abs(point[2]) - box[2]
    outside = math.sqrt(max(q0, 0.0) ** 2 + max(q1, 0.0) ** 2 + max(q2, 0.0) ** 2 + 1e-12)
    cube = outside + min(max(q0, q1, q2), 0.0)
    h = np.maximum(0.5 - abs(sphere - cube), 0.0)
    return np.minimum(sphere, cube) - h * h * 0.5


def latitude_of(x, y, z):
    """Geodetic latitude and height by fixed-point iteration."""
    a, e2 = 6378137.0, 6.69437999014e-3
    p = math.hypot(x, y)
    latitude = math.atan2(z, p * (1.0 - e2))
    height = 0.0
    for _ in range(12):
        n = a / math.sqrt(1.0 - e2 * math.sin(latitude) ** 2)
        height = p / math.cos(latitude) - n
        latitude = math.atan2(z, p * (1.0 - e2 * n / (n + height)))
    return latitude, height


ANGLE = between(-1.4, 1.4)
CASES = [
    case(two_link_arm, ANGLE, ANGLE, 1.0, 0.7, wrt=("q1", "q2"), float32=True),
    case(rotation, array(0.3, 1.0, 3), ANGLE, shapes={"axis": 3}, float32=True),
    case(project, array(0.1, 0.9, 9), array(1.0, 3.0, 3), array(-1.0, 1.0, 2),
         shapes={"camera": 9, "point": 3, "observed": 2}),
    case(quaternion_product, array(-1.0, 1.0, 4), array(-1.0, 1.0, 4)),
    case(quaternion_to_euler, (between(0.6, 0.9), ANGLE, ANGLE, between(0.1, 0.3))),
    case(unicycle, Pose(ANGLE, ANGLE, ANGLE), between(0.5, 2.0), between(0.1, 1.0), between(0.05, 0.2)),
    case(dh_transform, ANGLE, ANGLE, ANGLE, ANGLE, float32=True),
    case(arm_tip, array(-1.4, 1.4, 3), shapes={"q": 3}),
    case(range_bearing, (ANGLE, ANGLE, between(3.0, 6.0)), (between(-5.0, -2.0), between(-5.0, 5.0))),
    case(pid, Gains(between(0.5, 4.0), between(0.1, 1.0), between(0.01, 0.2)), ANGLE, ANGLE, ANGLE, between(0.05, 0.2),
         10.0, wrt=("gains", "error", "integral")),
    case(kalman_gain, array(0.5, 2.0, 2, 2), array(0.5, 1.0, 2), between(0.1, 1.0), shapes={"p": (2, 2), "h": 2}),
    case(damped_least_squares, array(-1.0, 1.0, 2, 2), array(-1.0, 1.0, 2), between(0.1, 1.0),
         shapes={"j": (2, 2), "error": 2}),
    case(quintic, between(0.0, 1.0), ANGLE, ANGLE, between(0.8, 1.2)),
    case(bicycle, (ANGLE, ANGLE, ANGLE, between(1.0, 9.0)), between(-0.4, 0.4), ANGLE),
    case(signed_distance, array(-2.0, 2.0, 3), array(-0.5, 0.5, 3), between(0.3, 1.0), (0.5, 0.6, 0.7),
         wrt=("point", "radius"), shapes={"point": 3, "centre": 3}),
    case(latitude_of, between(3e6, 4e6), between(3e6, 4e6), between(3e6, 4e6), relative=1e-7),
]  # fmt: skip
