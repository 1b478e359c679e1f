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
    term = rate + 0.5 * sigma**2
    sqrt_maturity = math.sqrt(maturity)
    term_2 = sigma * sqrt_maturity
    # L52: d1 = (math.log(spot / strike) + (rate + 0.5 * sigma**2) * maturity) / (sigma ...
    d1 = (math.log(spot_over_strike) + term * maturity) / term_2
    # L53: d2 = d1 - sigma * math.sqrt(maturity)
    d2 = d1 - term_2
    sqrt_2 = math.sqrt(2.0)
    d1_over_sqrt_2 = d1 / sqrt_2
    # L54: n1 = 0.5 * (1.0 + math.erf(d1 / math.sqrt(2.0)))
    n1 = 0.5 * (1.0 + math.erf(d1_over_sqrt_2))
    d2_over_sqrt_2 = d2 / sqrt_2
    # L55: n2 = 0.5 * (1.0 + math.erf(d2 / math.sqrt(2.0)))
    n2 = 0.5 * (1.0 + math.erf(d2_over_sqrt_2))
    # partials
    term_3 = 2.0 / math.sqrt(math.pi)
    exp_value = math.exp(-rate * maturity)
    out_by_term_2 = 0.5 * strike * exp_value * (term_3 * exp_square(d2_over_sqrt_2, -1.0)) / sqrt_2
    out_by_d1 = 0.5 * spot * (term_3 * exp_square(d1_over_sqrt_2, -1.0)) / sqrt_2 - out_by_term_2
    term_4 = out_by_d1 / term_2
    term_5 = strike * exp_value * n2
    out_by_term_2_2 = out_by_term_2 - out_by_d1 * (d1 / term_2)
    # derivatives
    return (
        spot * n1 - term_5,
        (
            n1 + term_4 * (1.0 / spot_over_strike / strike),
            -(n2 * exp_value + term_4 * (spot_over_strike / strike / spot_over_strike)),
            term_5 * maturity + term_4 * maturity,
            out_by_term_2_2 * sqrt_maturity + term_4 * (maturity * sigma),
            term_5 * rate + out_by_term_2_2 * (sigma * (0.5 / sqrt_maturity)) + term_4 * term,
        ),
    )
