"""Derivative of first_above (golden_cases.py:163-171, sha256 d9ec382247fa),
by srcdiff 0.1.0.

forward mode   inputs x, limit
varying        total
returns        value, (d/dx, d/dlimit)
branches       L167: derivative of the branch taken
assumed        x, limit: float64, or as given by default
"""


def first_above_value_and_jacobian(x, limit):
    total = 0.0  # L164
    # L165: for weight in 0.2, 0.3, 0.5
    dtotal_dx, dtotal_dlimit = 0.0, 0.0
    for _once in range(1):  # left by break
        dtotal_dx = dtotal_dx + 0.2
        # L166: total += weight * x
        total = total + 0.2 * x
        if total > limit:  # L167
            break
        dtotal_dx = dtotal_dx + 0.3
        # L166: total += weight * x
        total = total + 0.3 * x
        if total > limit:  # L167
            break
        dtotal_dx = dtotal_dx + 0.5
        # L166: total += weight * x
        total = total + 0.5 * x
        if total > limit:  # L167
            break
        total = limit  # L170
        dtotal_dx, dtotal_dlimit = 0.0, 1.0
    return total, (dtotal_dx, dtotal_dlimit)
