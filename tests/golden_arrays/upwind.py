"""Derivative of upwind (golden_arrays.py:51-58, sha256 07e2767ddfeb),
by srcdiff 0.1.0.

forward mode   inputs u; constant c, dx
varying        du
returns        d/du
branches       L54: derivative of the branch taken
directions     up to 64 at once, chunk by chunk: the length of u is known at run time
               rows of tangents that no direction of a chunk reaches are not computed
"""

import numpy as np


def upwind_tangents(u, u_dot, u_active, c, dx, du, du_dot, du_active):
    """Values of upwind and their tangents in many directions."""
    directions = u_dot.shape[-1]
    # L52: du = np.zeros(len(u))
    du[:] = 0.0
    du_dot[du_active] = 0.0
    du_active[:] = False
    for i in range(1, len(u) - 1):  # L53
        if u[i] > 0.0:  # L54 to the right
            product_over_dx = -c * u[i] / dx
            du_by_u = product_over_dx - c * ((u[i] - u[i - 1]) / dx)
            du[i] = -c * u[i] * (u[i] - u[i - 1]) / dx  # L55
            if u_active[i] or u_active[i - 1]:
                for k in range(directions):
                    du_dot[i, k] = du_by_u * u_dot[i, k] - product_over_dx * u_dot[i - 1, k]
                du_active[i] = True
            elif du_active[i]:
                du_dot[i, :] = 0.0
                du_active[i] = False
        else:
            product_over_dx_2 = -c * u[i] / dx
            du_by_u_2 = product_over_dx_2 + c * ((u[i + 1] - u[i]) / dx)
            du[i] = -c * u[i] * (u[i + 1] - u[i]) / dx  # L57
            if u_active[i + 1] or u_active[i]:
                for k in range(directions):
                    du_dot[i, k] = product_over_dx_2 * u_dot[i + 1, k] - du_by_u_2 * u_dot[i, k]
                du_active[i] = True
            elif du_active[i]:
                du_dot[i, :] = 0.0
                du_active[i] = False
    return du, du_dot


def upwind_jacobian(u, c, dx):
    columns = len(u)
    passes = max(1, -(-columns // 64))
    directions = 8 * max(1, -(-columns // (8 * passes)))
    u_dot = np.zeros((len(u), directions))
    u_active = np.zeros(len(u), np.bool_)
    du = np.empty(len(u))
    du_dot = np.zeros((len(u), directions))
    du_active = np.zeros(len(u), np.bool_)
    for first in range(0, max(columns, 1), directions):
        for column in range(first, min(first + directions, len(u))):
            u_dot[column, column - first] = 1.0
            u_active[column] = True
        value, value_dot = upwind_tangents(u, u_dot, u_active, c, dx, du, du_dot, du_active)
        if first == 0:
            jac = np.zeros((len(value), len(u)))
        for row in range(len(value)):
            if du_active[row]:
                for column in range(first, min(first + directions, len(u))):
                    jac[row, column] = value_dot[row, column - first]
        for column in range(first, min(first + directions, len(u))):
            u_dot[column, column - first] = 0.0
            u_active[column] = False
    return jac
