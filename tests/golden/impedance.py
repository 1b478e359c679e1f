"""Derivative of impedance (golden_cases.py:144-146, sha256 494369e614e8),
by srcdiff 0.1.0.

forward mode   inputs resistance, inductance, frequency
varying        z
returns        (value, value), for each result (d/dresistance, d/dinductance, d/dfrequency)
assumed        resistance, inductance, frequency: float64, or as given by default
"""

import math


def impedance_value_and_jacobian(resistance, inductance, frequency):
    dz_dinductance = 2j * math.pi * frequency
    dz_dfrequency = 2j * inductance * math.pi
    z = complex(resistance, 2.0 * math.pi * frequency * inductance)  # L145
    real_z = z.real
    abs_z_2 = abs(z)
    quotient = 1.0 / (abs_z_2 if abs_z_2 != 0.0 else 1.0)
    imag_z = z.imag
    dabs_z_dresistance = real_z * quotient
    dabs_z_dinductance = (real_z * dz_dinductance.real + imag_z * dz_dinductance.imag) * quotient
    dabs_z_dfrequency = (real_z * dz_dfrequency.real + imag_z * dz_dfrequency.imag) * quotient
    abs_z = abs(z)
    inv_z_over_z = 1.0 / z / z
    dz_2_dresistance = -inv_z_over_z
    dz_2_dinductance = -inv_z_over_z * dz_dinductance
    dz_2_dfrequency = -inv_z_over_z * dz_dfrequency
    z_2 = 1.0 / z
    dreal_value_dresistance = dz_2_dresistance.real
    dreal_value_dinductance = dz_2_dinductance.real
    dreal_value_dfrequency = dz_2_dfrequency.real
    real_value = z_2.real
    return (
        (abs_z, real_value),
        (
            (dabs_z_dresistance, dabs_z_dinductance, dabs_z_dfrequency),
            (dreal_value_dresistance, dreal_value_dinductance, dreal_value_dfrequency),
        ),
    )
