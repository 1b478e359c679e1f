"""Derivative of garch (golden_arrays.py:42-48, sha256 22460024a6b0),
by srcdiff 0.1.0.

forward mode   inputs omega, alpha, beta; constant r
varying        h, total
returns        (d/domega, d/dalpha, d/dbeta)
"""

import numpy as np


def garch_jacobian(omega, alpha, beta, r):
    h = np.var(r)  # L43
    dtotal_domega, dtotal_dalpha, dtotal_dbeta = 0.0, 0.0, 0.0
    dh_domega, dh_dalpha, dh_dbeta = 0.0, 0.0, 0.0
    for i in range(len(r)):  # L45
        total_by_h = 1.0 / h - r[i]**2 / h / h
        dtotal_domega = dtotal_domega + total_by_h * dh_domega
        dtotal_dalpha = dtotal_dalpha + total_by_h * dh_dalpha
        dtotal_dbeta = dtotal_dbeta + total_by_h * dh_dbeta
        dh_domega = beta * dh_domega + 1.0
        dh_dalpha = beta * dh_dalpha + r[i]**2
        dh_dbeta = beta * dh_dbeta + h
        h = omega + alpha * r[i] ** 2 + beta * h  # L47
    return (0.5 * dtotal_domega, 0.5 * dtotal_dalpha, 0.5 * dtotal_dbeta)
