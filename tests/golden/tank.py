"""Derivative of tank (golden_cases.py:189-192, sha256 b026038b77b9),
by srcdiff 0.1.0.

forward mode   inputs level, inflow, area
varying        outflow
returns        value, (d/dlevel, d/dinflow, d/darea)
assumed        level, inflow, area: float64, or as given by default
"""

import math

GRAVITY = 9.81


def tank_value_and_jacobian(level, inflow, area):
    assert area > 0.0, 'a tank has a cross-section'
    doutflow_dlevel = GRAVITY / math.sqrt(2.0 * GRAVITY * level) if level > 0.0 else 0.0
    outflow = math.sqrt(2.0 * GRAVITY * level) if level > 0.0 else 0.0  # L191
    inv_area = 1.0 / area
    return (
        (inflow - outflow) / area,
        (-doutflow_dlevel * inv_area, inv_area, -(inflow - outflow) / area * inv_area),
    )
