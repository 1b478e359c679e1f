"""Directional derivative of diffuse (golden_arrays.py:10-17, sha256 62a8fd624c2d),
by srcdiff 0.1.0.

forward mode   inputs u; constant kappa, dx, steps
varying        left, flux
returns        (an array, its tangent)
directions     one: tangents have the shapes of their values
"""


def diffuse_jvp(primals, tangents):
    u, kappa, dx, steps = primals
    u_dot = tangents
    if u_dot.shape != u.shape:
        raise ValueError("the tangent of u must have its shape")
    u = u.copy()
    u_dot = u_dot.copy()
    for _ in range(steps):  # L11
        left_dot = u_dot[0]
        left = u[0]  # L12
        for i in range(1, len(u) - 1):  # L13
            kappa_over_dx_sq = kappa / dx**2
            flux_dot = (
                kappa_over_dx_sq * left_dot
                - 2.0 * kappa_over_dx_sq * u_dot[i]
                + kappa_over_dx_sq * u_dot[i + 1]
            )
            flux = kappa * (left - 2.0 * u[i] + u[i + 1]) / dx**2  # L14
            left_dot = u_dot[i]
            left = u[i]  # L15
            u_dot[i] += flux_dot
            u[i] += flux  # L16
    # L17: return u
    return u, u_dot
