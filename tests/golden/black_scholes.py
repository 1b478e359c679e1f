"""Derivative of black_scholes (golden_cases.py:51-56, sha256 0f93baea0a80),
by srcdiff 0.1.0.

forward mode   inputs spot, strike, rate, sigma, maturity
varying        d1, d2, n1, n2
returns        value, (d/dspot, d/dstrike, d/drate, d/dsigma, d/dmaturity)
order          blocks accumulated: values, then partials, then the chain rule
assumed        spot, strike, rate, sigma, maturity: float64, or as given by default
"""

import math


def exp_square(x, a):
    """exp(a*x*x) for a = +-1, +-0.5, without the rounding of x*x: x is split so that the square of its head is exact.

    W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969).
    """
    if not abs(x) < 40.0:
        return math.exp(a * x * x)
    head = math.floor(x * 1048576.0) / 1048576.0
    return math.exp(a * head * head) * math.exp(a * (x - head) * (x + head))


def black_scholes_value_and_jacobian(spot, strike, rate, sigma, maturity):
    # values
    spot_over_strike = spot / strike
    rate_plus_half_sigma_sq = rate + 0.5 * sigma**2
    sqrt_maturity = math.sqrt(maturity)
    sigma_sqrt_maturity = sigma * sqrt_maturity
    # L52: d1 = (math.log(spot / strike) + (rate + 0.5 * sigma**2) * maturity) / (sigma ...
    d1 = (math.log(spot_over_strike) + rate_plus_half_sigma_sq * maturity) / sigma_sqrt_maturity
    # L53: d2 = d1 - sigma * math.sqrt(maturity)
    d2 = d1 - sigma_sqrt_maturity
    sqrt_two = math.sqrt(2.0)
    d1_over_sqrt_two = d1 / sqrt_two
    # L54: n1 = 0.5 * (1.0 + math.erf(d1 / math.sqrt(2.0)))
    n1 = 0.5 * (1.0 + math.erf(d1_over_sqrt_two))
    d2_over_sqrt_two = d2 / sqrt_two
    # L55: n2 = 0.5 * (1.0 + math.erf(d2 / math.sqrt(2.0)))
    n2 = 0.5 * (1.0 + math.erf(d2_over_sqrt_two))
    # partials
    two_over_sqrt_math_pi = 2.0 / math.sqrt(math.pi)
    exp_minus_rate_maturity = math.exp(-rate * maturity)
    out_by_sigma_sqrt_maturity = 0.5 * strike * exp_minus_rate_maturity * two_over_sqrt_math_pi * exp_square(d2_over_sqrt_two, -1.0) / sqrt_two
    out_by_d1_over_sigma_sqrt_maturity = (
        0.5 * spot * two_over_sqrt_math_pi * exp_square(d1_over_sqrt_two, -1.0) / sqrt_two
        - out_by_sigma_sqrt_maturity
    ) / sigma_sqrt_maturity
    out_by_spot = out_by_d1_over_sigma_sqrt_maturity / spot_over_strike / strike
    product_n2 = strike * exp_minus_rate_maturity * n2
    out_by_sigma_sqrt_maturity_2 = (
        out_by_sigma_sqrt_maturity
        - out_by_d1_over_sigma_sqrt_maturity * d1
    )
    # derivatives
    return (
        spot * n1 - product_n2,
        (
            n1 + out_by_spot,
            -(n2 * exp_minus_rate_maturity + out_by_spot * spot_over_strike),
            product_n2 * maturity + out_by_d1_over_sigma_sqrt_maturity * maturity,
            out_by_sigma_sqrt_maturity_2 * sqrt_maturity + maturity * sigma * out_by_d1_over_sigma_sqrt_maturity,
            product_n2 * rate + out_by_d1_over_sigma_sqrt_maturity * rate_plus_half_sigma_sq + sigma * (0.5 / sqrt_maturity) * out_by_sigma_sqrt_maturity_2,
        ),
    )
