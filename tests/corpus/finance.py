"""Options, bonds and rates."""

import math

import numpy as np
from numpy import exp, log, sqrt

from corpus import array, between, case

SQRT2 = math.sqrt(2.0)


def normal_cdf(x):
    return 0.5 * (1.0 + math.erf(x / SQRT2))


def normal_pdf(x):
    return math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def black_scholes(spot, strike, rate, volatility, expiry, kind="call"):
    d1 = (math.log(spot / strike) + (rate + 0.5 * volatility**2) * expiry) / (volatility * math.sqrt(expiry))
    d2 = d1 - volatility * math.sqrt(expiry)
    if kind == "call":
        return spot * normal_cdf(d1) - strike * math.exp(-rate * expiry) * normal_cdf(d2)
    return strike * math.exp(-rate * expiry) * normal_cdf(-d2) - spot * normal_cdf(-d1)


def implied_volatility(price, spot, strike, rate, expiry):
    """Newton's iteration on the price, with helpers."""
    sigma = 0.3
    for _ in range(40):
        root = sigma * math.sqrt(expiry)
        d1 = (math.log(spot / strike) + (rate + 0.5 * sigma * sigma) * expiry) / root
        value = spot * normal_cdf(d1) - strike * math.exp(-rate * expiry) * normal_cdf(d1 - root)
        vega = spot * normal_pdf(d1) * math.sqrt(expiry)
        step = (value - price) / vega
        sigma -= step
        if abs(step) < 1e-12:
            return sigma
    return sigma


def binomial_tree(spot, strike, rate, volatility, expiry, steps: int = 4):
    """An American put on a small tree kept in an array of known size."""
    dt = expiry / steps
    up = math.exp(volatility * math.sqrt(dt))
    p = (math.exp(rate * dt) - 1.0 / up) / (up - 1.0 / up)
    values = np.zeros(5)
    for i in range(5):
        values[i] = max(strike - spot * up ** (2 * i - 4), 0.0)
    for level in range(3, -1, -1):
        for i in range(level + 1):
            hold = math.exp(-rate * dt) * (p * values[i + 1] + (1.0 - p) * values[i])
            values[i] = max(hold, strike - spot * up ** (2 * i - level))
    return values[0]


def bond_price(yield_rate, coupon, face=100.0, years: int = 5, frequency: int = 2):
    price = 0.0
    for k in range(1, years * frequency + 1):
        price += coupon * face / frequency / (1.0 + yield_rate / frequency) ** k
    return price + face / (1.0 + yield_rate / frequency) ** (years * frequency)


def yield_to_maturity(price, coupon):
    """Bisection, finished by Newton so that the derivative is that of the root."""
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        if bond_price(middle, coupon) > price:
            low = middle
        else:
            high = middle
    y = 0.5 * (low + high)
    for _ in range(5):
        y0 = y
        slope = (bond_price(y0 + 1e-5, coupon) - bond_price(y0 - 1e-5, coupon)) / 2e-5
        y = y0 - (bond_price(y0, coupon) - price) / slope
    return y


def nelson_siegel(maturity, b0, b1, b2, tau):
    x = maturity / tau
    loading = (1 - exp(-x)) / x
    return b0 + b1 * loading + b2 * (loading - exp(-x))


def sabr(f, k, t, alpha, beta, rho, nu):
    """Hagan's lognormal volatility."""
    z_log = log(f / k)
    mean = (f * k) ** ((1 - beta) / 2)
    z = nu / alpha * mean * z_log
    chi = log((sqrt(1 - 2 * rho * z + z * z) + z - rho) / (1 - rho))
    ratio = z / chi if abs(z) > 1e-8 else 1.0 - 0.5 * rho * z
    scale = alpha / (mean * (1 + (1 - beta) ** 2 / 24 * z_log**2 + (1 - beta) ** 4 / 1920 * z_log**4))
    correction = (1 - beta) ** 2 / 24 * alpha**2 / mean**2 + rho * beta * nu * alpha / (4 * mean)
    return scale * ratio * (1 + (correction + (2 - 3 * rho**2) / 24 * nu**2) * t)


def portfolio(weights, covariance, returns, aversion):
    """Mean-variance utility of three assets."""
    variance = weights @ covariance @ weights
    return np.dot(weights, returns) - 0.5 * aversion * variance


def net_present_value(rate, flows):
    total = 0.0
    for t, flow in enumerate(flows):
        total += flow / (1 + rate) ** t
    return total


def progressive_tax(income, allowance=10_000.0):
    tax = 0.0
    remaining = income - allowance
    for width, rate in ((20_000.0, 0.1), (30_000.0, 0.25), (50_000.0, 0.4)):
        if remaining <= 0.0:
            break
        tax += rate * min(remaining, width)
        remaining -= width
    else:
        tax += 0.5 * max(remaining, 0.0)
    return tax


def garch_likelihood(omega, alpha, beta, returns):
    variance = omega / (1.0 - alpha - beta)
    total = 0.0
    for r in returns:
        total -= 0.5 * (math.log(variance) + r * r / variance)
        variance = omega + alpha * r * r + beta * variance
    return total


def annuity(rate, years: int, payment=1.0, due: bool = False):
    factor = (1.0 - (1.0 + rate) ** -years) / rate
    if due:
        factor *= 1.0 + rate
    return payment * factor


PRICES = between(80.0, 120.0)
CASES = [
    case(black_scholes, PRICES, PRICES, between(0.0, 0.1), between(0.1, 0.5), between(0.2, 2.0), "call", float32=True),
    case(black_scholes, PRICES, PRICES, between(0.0, 0.1), between(0.1, 0.5), between(0.2, 2.0), "put", wrt="spot"),
    case(implied_volatility, between(9.0, 12.0), between(98.0, 102.0), between(98.0, 102.0), between(0.0, 0.03),
         between(0.8, 1.2)),
    case(binomial_tree, between(90.0, 110.0), PRICES, between(0.01, 0.05), between(0.2, 0.5), between(0.5, 2.0)),
    case(bond_price, between(0.01, 0.1), between(0.01, 0.1), 100.0, 5, 2, wrt=("yield_rate", "coupon")),
    case(yield_to_maturity, between(90.0, 110.0), between(0.02, 0.08), relative=1e-7),
    case(nelson_siegel, between(0.5, 20.0), *[between(0.01, 0.05)] * 3, between(1.0, 4.0), float32=True),
    case(sabr, between(0.9, 1.0), between(1.01, 1.1), between(0.5, 2.0), between(0.2, 0.4), between(0.3, 0.8),
         between(-0.5, 0.5), between(0.2, 0.6)),
    case(portfolio, array(0.1, 0.5, 3), array(0.1, 0.5, 3, 3), array(0.0, 0.1, 3), between(1.0, 5.0),
         shapes={"weights": 3, "covariance": (3, 3), "returns": 3}),
    case(net_present_value, between(0.01, 0.2), tuple(between(-100.0, 100.0) for _ in range(5))),
    case(progressive_tax, between(5e3, 2e5), wrt="income"),
    case(garch_likelihood, between(0.01, 0.1), between(0.05, 0.2), between(0.5, 0.7), array(-1.0, 1.0, 6),
         wrt=("omega", "alpha", "beta"), shapes={"returns": 6}),
    case(annuity, between(0.01, 0.1), 20, between(0.5, 2.0), True),
]  # fmt: skip
