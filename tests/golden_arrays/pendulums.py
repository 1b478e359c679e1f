"""Derivative of pendulums (golden_arrays.py:77-83, sha256 fe7603126ed2),
by srcdiff 0.1.0.

forward mode   inputs y; constant k
varying        angle, speed, pull
returns        d/dy
directions     up to 64 at once, chunk by chunk: the length of y is known at run time
               rows of tangents that no direction of a chunk reaches are not computed
"""

import numpy as np


def pendulums_tangents(
    y, y_dot, y_active, k, pull, pull_dot, pull_active, factor, factor_dot, factor_active, values,
    values_dot, values_active, array, array_dot, array_active,
):
    """Values of pendulums and their tangents in many directions."""
    directions = y_dot.shape[-1]
    n = len(y) // 2  # L78
    angle_dot, speed_dot = y_dot[:n], y_dot[n:]
    angle_active, speed_active = y_active[:n], y_active[n:]
    angle, speed = y[:n], y[n:]  # L79
    # L80: pull = np.zeros(n)
    pull[:] = 0.0
    pull_dot[pull_active] = 0.0
    pull_active[:] = False
    if max(n - 1, 0) != max(len(angle) - 1, 0):
        raise ValueError("arrays of different lengths meet (line 81); write x[:1] to repeat one element")
    for i in range(n - 1):  # L81: pull[1:] += k * (angle[:-1] - angle[1:])
        pull[i + 1] += k * (angle[i] - angle[i + 1])
        if angle_active[i] or angle_active[i + 1]:
            for k_2 in range(directions):
                pull_dot[i + 1, k_2] = (
                    pull_dot[i + 1, k_2]
                    + k * angle_dot[i, k_2]
                    - k * angle_dot[i + 1, k_2]
                )
            pull_active[i + 1] = True
    for i in range(n - 1):  # L82: pull[:-1] += k * (angle[1:] - angle[:-1])
        pull[i] += k * (angle[i + 1] - angle[i])
        if angle_active[i + 1] or angle_active[i]:
            for k_2 in range(directions):
                pull_dot[i, k_2] = (
                    pull_dot[i, k_2]
                    + k * angle_dot[i + 1, k_2]
                    - k * angle_dot[i, k_2]
                )
            pull_active[i] = True
    if n != len(angle):
        raise ValueError("arrays of different lengths meet (line 83); write x[:1] to repeat one element")
    for i in range(len(factor)):  # L83: return np.concatenate((speed, pull - np.sin(angle)))
        factor_by_angle = np.cos(angle[i])
        factor[i] = np.sin(angle[i])
        if angle_active[i]:
            for k_2 in range(directions):
                factor_dot[i, k_2] = factor_by_angle * angle_dot[i, k_2]
            factor_active[i] = True
        elif factor_active[i]:
            factor_dot[i, :] = 0.0
            factor_active[i] = False
    for i in range(n):
        values[i] = pull[i] - factor[i]
        if pull_active[i] or factor_active[i]:
            for k_2 in range(directions):
                values_dot[i, k_2] = pull_dot[i, k_2] - factor_dot[i, k_2]
            values_active[i] = True
        elif values_active[i]:
            values_dot[i, :] = 0.0
            values_active[i] = False
    for i in range(len(speed)):
        array[i] = speed[i]
        if speed_active[i]:
            for k_2 in range(directions):
                array_dot[i, k_2] = speed_dot[i, k_2]
            array_active[i] = True
        elif array_active[i]:
            array_dot[i, :] = 0.0
            array_active[i] = False
    for i in range(n):
        at = len(speed) + i
        array[at] = values[i]
        if values_active[i]:
            for k_2 in range(directions):
                array_dot[at, k_2] = values_dot[i, k_2]
            array_active[at] = True
        elif array_active[at]:
            array_dot[at, :] = 0.0
            array_active[at] = False
    return array, array_dot


def pendulums_jacobian(y, k):
    columns = len(y)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    y_dot = np.zeros((len(y), directions))
    y_active = np.zeros(len(y), np.bool_)
    pull = np.empty(len(y) // 2)
    pull_dot = np.zeros((len(y) // 2, directions))
    pull_active = np.zeros(len(y) // 2, np.bool_)
    factor = np.empty(len(y[:len(y) // 2]))
    factor_dot = np.zeros((len(y[:len(y) // 2]), directions))
    factor_active = np.zeros(len(y[:len(y) // 2]), np.bool_)
    values = np.empty(len(y) // 2)
    values_dot = np.zeros((len(y) // 2, directions))
    values_active = np.zeros(len(y) // 2, np.bool_)
    array = np.empty(len(y[len(y) // 2:]) + len(y) // 2)
    array_dot = np.zeros((len(y[len(y) // 2:]) + len(y) // 2, directions))
    array_active = np.zeros(len(y[len(y) // 2:]) + len(y) // 2, np.bool_)
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 1.0
            y_active[column] = True
        value, value_dot = pendulums_tangents(
            y, y_dot, y_active, k, pull, pull_dot, pull_active, factor, factor_dot, factor_active,
            values, values_dot, values_active, array, array_dot, array_active,
        )
        if first == 0:
            jac = np.zeros((len(value), len(y)))
        for row in range(len(value)):
            if array_active[row]:
                for column in range(first, min(first + directions, len(y))):
                    jac[row, column] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(y))):
            y_dot[column, column - first] = 0.0
            y_active[column] = False
    return jac
