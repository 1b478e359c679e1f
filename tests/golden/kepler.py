"""Derivative of kepler (golden_cases.py:42-48, sha256 cb2e65985572),
by srcdiff 0.1.0.

forward mode   inputs mean_anomaly, eccentricity
varying        E, step
returns        value, (d/dmean_anomaly, d/deccentricity)
branches       L47: derivative of the branch taken
assumed        mean_anomaly, eccentricity: float64, or as given by default
"""

import math


def kepler_value_and_jacobian(mean_anomaly, eccentricity):
    E = mean_anomaly  # L43
    dE_dmean_anomaly, dE_deccentricity = 1.0, 0.0
    while True:  # L44
        cos_E = math.cos(E)
        inv_difference = 1.0 / (1.0 - eccentricity * cos_E)
        sin_E = math.sin(E)
        product = (E - eccentricity * sin_E - mean_anomaly) / (1.0 - eccentricity * cos_E) * inv_difference
        step_by_E = (
            inv_difference
            - product * eccentricity * sin_E
            - eccentricity * inv_difference * cos_E
        )
        dstep_dmean_anomaly = step_by_E * dE_dmean_anomaly - inv_difference
        dstep_deccentricity = (
            step_by_E * dE_deccentricity
            + (product * cos_E - sin_E * inv_difference)
        )
        step = (E - eccentricity * math.sin(E) - mean_anomaly) / (1.0 - eccentricity * math.cos(E))  # L45
        dE_dmean_anomaly = dE_dmean_anomaly - dstep_dmean_anomaly
        dE_deccentricity = dE_deccentricity - dstep_deccentricity
        E -= step  # L46
        if abs(step) < 1e-14:  # L47
            return E, (dE_dmean_anomaly, dE_deccentricity)
