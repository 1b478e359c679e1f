"""Derivative of stencil_2d (golden_arrays.py:138-141, sha256 302806984b97),
by srcdiff 0.1.0.

forward mode   inputs u; constant r
varying        out
returns        d/du
directions     up to 64 at once, chunk by chunk: the length of u is known at run time
               rows of tangents that no direction of a chunk reaches are not computed
"""

import numpy as np


def stencil_2d_tangents(u, u_dot, u_active, r):
    """Values of stencil_2d and their tangents in many directions."""
    directions = u_dot.shape[-1]
    out_dot = u_dot.copy()
    out_active = u_active.copy()
    out = u.copy()  # L139
    for i in range(u.shape[0] - 2):  # L140: out[1:-1, 1:-1] += r * (u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1])
        for j in range(u.shape[1] - 2):
            out[i + 1, j + 1] += r * (
                u[i, j + 1]
                + u[i + 2, j + 1]
                + u[i + 1, j]
                + u[i + 1, j + 2]
                - 4.0 * u[i + 1, j + 1]
            )
            if (
                u_active[i, j + 1]
                or u_active[i + 2, j + 1]
                or u_active[i + 1, j]
                or u_active[i + 1, j + 2]
                or u_active[i + 1, j + 1]
            ):
                for k in range(directions):
                    out_dot[i + 1, j + 1, k] = (
                        out_dot[i + 1, j + 1, k]
                        + r * u_dot[i, j + 1, k]
                        + r * u_dot[i + 2, j + 1, k]
                        + r * u_dot[i + 1, j, k]
                        + r * u_dot[i + 1, j + 2, k]
                        - 4.0 * r * u_dot[i + 1, j + 1, k]
                    )
                out_active[i + 1, j + 1] = True
    return out, out_dot


def stencil_2d_jacobian(u, r):
    columns = u.size
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    u_dot = np.zeros((u.size, directions))
    u_active = np.zeros(u.size, np.bool_)
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, u.size)):
            u_dot[column, column - first] = 1.0
            u_active[column] = True
        value, value_dot = stencil_2d_tangents(
            u, u_dot.reshape(u.shape + (directions,)), u_active.reshape(u.shape), r,
        )
        if first == 0:
            jac = np.empty((value.size, u.size))
        value_dot_rows = np.ascontiguousarray(value_dot).reshape((value.size, directions))
        for row in range(value.size):
            for column in range(first, min(first + directions, u.size)):
                jac[row, column] = value_dot_rows[row, column - first]
        for column in range(first, min(first + directions, u.size)):
            u_dot[column, column - first] = 0.0
            u_active[column] = False
    return jac.reshape(value.shape + u.shape)
