"""Derivative of diffuse (golden_arrays.py:10-17, sha256 62a8fd624c2d),
by srcdiff 0.1.0.

forward mode   inputs u; constant kappa, dx, steps
varying        left, flux
returns        d/du
directions     up to 64 at once, chunk by chunk: the length of u is known at run time
"""

import numpy as np


def diffuse_tangents(u, u_dot, kappa, dx, steps):
    """Values of diffuse and their tangents in many directions."""
    directions = u_dot.shape[-1]
    left_dot = np.zeros(directions)
    for _ in range(steps):  # L11
        left = u[0]  # L12
        for k in range(directions):
            left_dot[k] = u_dot[0, k]
        for i in range(1, len(u) - 1):  # L13
            kappa_over_dx_sq = kappa / dx**2
            flux = kappa * (left - 2.0 * u[i] + u[i + 1]) / dx**2  # L14
            left = u[i]  # L15
            u[i] += flux  # L16
            for k in range(directions):
                flux_dot = (
                    kappa_over_dx_sq * left_dot[k]
                    - 2.0 * kappa_over_dx_sq * u_dot[i, k]
                    + kappa_over_dx_sq * u_dot[i + 1, k]
                )
                left_dot[k] = u_dot[i, k]
                u_dot[i, k] += flux_dot
    return u, u_dot


def diffuse_jacobian(u, kappa, dx, steps):
    columns = len(u)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    u_dot = np.zeros((len(u), directions))
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(u))):
            u_dot[column, column - first] = 1.0
        value, value_dot = diffuse_tangents(u.copy(), u_dot.copy(), kappa, dx, steps)
        if first == 0:
            jac = np.empty((len(value), len(u)))
        for row in range(len(value)):
            for column in range(first, min(first + directions, len(u))):
                jac[row, column] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(u))):
            u_dot[column, column - first] = 0.0
    return jac
