"""Derivative of pendulum (golden_cases.py:82-84, sha256 8df2b06b0329),
by srcdiff 0.1.0.

forward mode   inputs state, dt, damping
varying        acceleration
returns        for each result (d/dstate, d/ddt, d/ddamping)
assumed        dt, damping: float64, or as given by default
"""

import math

GRAVITY = 9.81


def pendulum_jacobian(state, dt, damping=0.1):
    dacceleration_dstate_0 = -GRAVITY * math.cos(state[0])
    # L83: acceleration = -GRAVITY * math.sin(state.position) - damping * state.velocity
    acceleration = -GRAVITY * math.sin(state[0]) - damping * state[1]
    return (
        ((1.0, dt), state[1], 0.0),
        ((dt * dacceleration_dstate_0, 1.0 - dt * damping), acceleration, -dt * state[1]),
    )
