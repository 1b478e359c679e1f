"""Derivative of bisect (golden_cases.py:153-160, sha256 36df01f018e6),
by srcdiff 0.1.0.

forward mode   inputs target, low, high
varying        middle, low, high
returns        value, (d/dtarget, d/dlow, d/dhigh)
branches       L156: derivative of the branch taken
assumed        target, low, high: float64, or as given by default
"""


def bisect_value_and_jacobian(target, low, high):
    dmiddle_dlow, dmiddle_dhigh = 0.0, 0.0
    dlow_dlow, dlow_dhigh = 1.0, 0.0
    dhigh_dlow, dhigh_dhigh = 0.0, 1.0
    for _ in range(60):  # L154
        dmiddle_dlow = 0.5 * dlow_dlow + 0.5 * dhigh_dlow
        dmiddle_dhigh = 0.5 * dlow_dhigh + 0.5 * dhigh_dhigh
        middle = 0.5 * (low + high)  # L155
        if middle**3 < target:  # L156
            low = middle  # L157
            dlow_dlow, dlow_dhigh = dmiddle_dlow, dmiddle_dhigh
        else:
            high = middle  # L159
            dhigh_dlow, dhigh_dhigh = dmiddle_dlow, dmiddle_dhigh
    return middle, (0.0, dmiddle_dlow, dmiddle_dhigh)
