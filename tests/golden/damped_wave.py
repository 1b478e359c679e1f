"""Derivative of damped_wave (golden_cases.py:149-150, sha256 65be6e31c214),
by srcdiff 0.1.0.

forward mode   inputs t, omega, zeta
returns        (d/dt, d/domega, d/dzeta)
assumed        t, omega, zeta: float64, or as given by default
"""

import cmath


def damped_wave_jacobian(t, omega, zeta):
    complex_value = complex(-zeta, omega)
    exp_complex_value_t = cmath.exp(complex_value * t)
    dz_dt = exp_complex_value_t * complex_value
    dz_domega = 1j * exp_complex_value_t * t
    dz_dzeta = -exp_complex_value_t * t
    dreal_value_dt = dz_dt.real
    dreal_value_domega = dz_domega.real
    dreal_value_dzeta = dz_dzeta.real
    return (dreal_value_dt, dreal_value_domega, dreal_value_dzeta)
