"""Derivative of drag (golden_cases.py:16-24, sha256 581429531ba3),
by srcdiff 0.1.0.

forward mode   inputs v, k; constant n
varying        total, v
returns        value, (d/dv, d/dk)
branches       L19: derivative of the branch taken
assumed        v, k: float64, or as given by default
"""

import math


def drag_value_and_jacobian(v, k, n):
    total = 0.0  # L17
    dtotal_dv, dtotal_dk = 0.0, 0.0
    dv_dv, dv_dk = 1.0, 0.0
    for i in range(n):  # L18
        if v > 1.0:  # L19 turbulent
            dtotal_dv = dtotal_dv + 2.0 * k * v * dv_dv
            dtotal_dk = dtotal_dk + v * v + 2.0 * k * v * dv_dk
            total = total + k * v * v  # L20
        else:
            dtotal_dv = dtotal_dv + k * dv_dv
            dtotal_dk = dtotal_dk + v + k * dv_dk
            total = total + k * v  # L22
        cos_total = math.cos(total)
        dv_dv = dv_dv - 0.1 * cos_total * dtotal_dv
        dv_dk = dv_dk - 0.1 * cos_total * dtotal_dk
        v = v - 0.1 * math.sin(total)  # L23
    return total, (dtotal_dv, dtotal_dk)
