"""Black-Scholes: the Greeks of a European call and put, from the prices alone, against the closed formulas."""

import math

from srcdiff import jacobian_compiled

GREEKS = ("delta", "rho", "vega", "-theta")
INPUTS = ("spot", "rate", "volatility", "maturity")


def normal_cdf(x):
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))


def d1_d2(spot, strike, rate, volatility, maturity):
    spread = volatility * math.sqrt(maturity)
    d1 = (math.log(spot / strike) + (rate + 0.5 * volatility**2) * maturity) / spread
    return d1, d1 - spread


@jacobian_compiled(wrt=INPUTS)
def call(spot, strike, rate, volatility, maturity):
    d1, d2 = d1_d2(spot, strike, rate, volatility, maturity)
    return spot * normal_cdf(d1) - strike * math.exp(-rate * maturity) * normal_cdf(d2)


@jacobian_compiled(wrt=INPUTS)
def put(spot, strike, rate, volatility, maturity):
    d1, d2 = d1_d2(spot, strike, rate, volatility, maturity)
    return strike * math.exp(-rate * maturity) * normal_cdf(-d2) - spot * normal_cdf(-d1)


def closed_form(kind, spot, strike, rate, volatility, maturity):
    """Delta, rho, vega and minus theta of a call (kind = 1) or put (kind = -1): Hull, Options, Futures, ch. 19."""
    d1, d2 = d1_d2(spot, strike, rate, volatility, maturity)
    density = math.exp(-0.5 * d1**2) / math.sqrt(2.0 * math.pi)
    present = strike * math.exp(-rate * maturity)
    delta = kind * normal_cdf(kind * d1)
    rho = kind * maturity * present * normal_cdf(kind * d2)
    vega = spot * density * math.sqrt(maturity)
    decay = 0.5 * spot * density * volatility / math.sqrt(maturity) + kind * rate * present * normal_cdf(kind * d2)
    return delta, rho, vega, decay


def main():
    market = (100.0, 105.0, 0.03, 0.25, 0.75)
    print("spot 100, strike 105, rate 3 %, volatility 25 %, nine months")
    print(f"{'':>5} {'price':>10} " + " ".join(f"{name:>12}" for name in GREEKS) + "   largest difference")
    for name, price, kind in (("call", call, 1), ("put", put, -1)):
        value, greeks = price.value_and_jacobian(*market)
        exact = closed_form(kind, *market)
        difference = max(abs(ours - theirs) for ours, theirs in zip(greeks, exact))
        print(f"{name:>5} {value:10.6f} " + " ".join(f"{greek:12.8f}" for greek in greeks) + f"   {difference:.1e}")


if __name__ == "__main__":
    main()
