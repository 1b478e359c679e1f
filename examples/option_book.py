"""Greeks of 1,000,000 options: prices and sensitivities of a book in one call, and what the book does in a shock.

The price is that of ``examples.black_scholes``; spot, strike, rate, volatility and maturity are arrays, or numbers that
all options share.
"""

import time

import numpy as np

from examples.black_scholes import call

RATE = 0.03


def book(n=1_000_000, seed=0):
    """Spots, strikes, volatilities, maturities and signed quantities of calls."""
    rng = np.random.default_rng(seed)
    spot = rng.uniform(60.0, 140.0, n)
    strike = spot * rng.uniform(0.8, 1.2, n)
    return spot, strike, rng.uniform(0.1, 0.5, n), rng.uniform(0.1, 3.0, n), rng.normal(0.0, 1.0, n)


def greeks(spot, strike, volatility, maturity):
    """Prices, then (delta, rho, vega, minus theta) of all options."""
    return call.value_and_jacobian.batch(spot, strike, RATE, volatility, maturity)


def residual(prices, sensitivities, options):
    """By how much the Greeks miss theta + sigma**2 S**2 gamma / 2 + r S delta - r V = 0, the Black-Scholes equation.

    Gamma does not appear in ``sensitivities``: for a call it is vega / (S**2 sigma T) (Hull, ch. 19).
    """
    spot, _, volatility, maturity = options
    delta, _, vega, decay = sensitivities
    gamma = vega / (spot**2 * volatility * maturity)
    return -decay + 0.5 * volatility**2 * spot**2 * gamma + RATE * spot * delta - RATE * prices


def shock(sensitivities, options, quantity, move, d_volatility, days):
    """First-order change of the book's value: spots by a relative move, volatilities and maturities by a shift."""
    delta, _, vega, decay = sensitivities
    per_option = delta * options[0] * move + vega * d_volatility - decay * days / 365.0
    return quantity @ per_option


def main():
    *options, quantity = book()
    greeks(*(a[:20_000] for a in options))  # compiles
    start = time.perf_counter()
    prices, sensitivities = greeks(*options)
    seconds = time.perf_counter() - start
    each = seconds / len(prices) * 1e9
    print(f"{len(prices)} options, price and 4 Greeks each: {seconds * 1e3:.0f} ms, {each:.0f} ns an option")
    print(f"  book  value {quantity @ prices:14.2f}")
    for name, one in zip(("delta", "rho", "vega", "-theta"), sensitivities):
        print(f"        {name:6} {quantity @ one:13.2f}")
    estimate = shock(sensitivities, options, quantity, 0.001, 0.0005, 1.0)
    spot, strike, volatility, maturity = options
    after = call.batch(spot * 1.001, strike, RATE, volatility + 0.0005, maturity - 1.0 / 365.0)
    change = quantity @ (after - prices)
    print(f"  spot +0.1 %, volatility +0.05 %, a day later: {estimate:.2f} by the Greeks, {change:.2f}")
    print(f"  the Black-Scholes equation holds to {np.max(np.abs(residual(prices, sensitivities, options))):.1e}")


if __name__ == "__main__":
    main()
