"""Functions that emitted modules need and that neither `math` nor `numpy` has.

Each is plain Python over `math` and other functions of this file, so that its source text can be copied as it
stands, run, and compiled by Numba with `error_model="numpy"`. `needed` gives the names to copy, in order.
"""

# The copied text carries no annotations: it serves floats of either precision.
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

__all__ = ["SUPPORT", "needed"]


def digamma(x):
    """Logarithmic derivative of gamma.

    Boost's rational approximation on [1, 2], around the root; recurrence up to 10; then DLMF 5.11.2.
    Negative x by reflection, DLMF 5.5.4.
    """
    total = 0.0
    if x < 0.0:
        if x < -4503599627370496.0:
            return math.nan
        r = x - math.floor(x + 0.5)
        if r == 0.0:
            return math.nan
        if abs(r) <= 0.25:
            total = -math.pi / math.tan(math.pi * r)
        elif r > 0.0:
            total = -math.pi * math.tan(math.pi * (0.5 - r))
        else:
            total = math.pi * math.tan(math.pi * (0.5 + r))
        x = 1.0 - x
    if x >= 10.0:
        w = 1.0 / (x * x)
        tail = 691.0 / 32760.0 - w * (1.0 / 12.0)
        tail = 1.0 / 12.0 - w * (1.0 / 120.0 - w * (1.0 / 252.0 - w * (1.0 / 240.0 - w * (1.0 / 132.0 - w * tail))))
        return total + (math.log(x) - 0.5 / x - w * tail)
    while x > 2.0:
        x = x - 1.0
        total = total + 1.0 / x
    while x < 1.0:
        total = total - 1.0 / x
        x = x + 1.0
    t = x - 1.0
    p = ((((-0.0020713321167745952 * t - 0.045251321448739056) * t - 0.28919126444774784) * t
          - 0.65031853770896507) * t - 0.32555031186804491) * t + 0.25479851061131551  # fmt: skip
    q = (((((-0.55789841821675513e-6 * t + 0.0021284987017821144) * t + 0.054151797245674225) * t
           + 0.43593529692665969) * t + 1.4606242909763515) * t + 2.0767117023730469) * t + 1.0  # fmt: skip
    # The root 1.4616321449683623..., in three parts.
    g = x - 1569415565.0 / 1073741824.0 - 381566830.0 / 1152921504606846976.0 - 9.016312093258695918615325266959e-20
    return total + g * (0.99558162689208984 + p / q)


def trigamma(x):
    """Second logarithmic derivative of gamma: recurrence up to 10, then DLMF 5.15.8; reflection, DLMF 5.15.6."""
    total = 0.0
    sign = 1.0
    if x < -0.5:
        if x < -4503599627370496.0:
            return math.nan
        s = math.sin(math.pi * (x - math.floor(x + 0.5)))
        total = (math.pi / s) * (math.pi / s)
        sign = -1.0
        x = 1.0 - x
    partial = 0.0
    while x < 10.0:
        partial = partial + 1.0 / (x * x)
        x = x + 1.0
    w = 1.0 / (x * x)
    tail = 5.0 / 66.0 - w * (691.0 / 2730.0 - w * (7.0 / 6.0 - w * (3617.0 / 510.0)))
    tail = 1.0 / 6.0 - w * (1.0 / 30.0 - w * (1.0 / 42.0 - w * (1.0 / 30.0 - w * tail)))
    return total + sign * (partial + (0.5 * w + (w * tail + 1.0) / x))


def digamma_rise(x, h):
    """digamma(x + h) - digamma(x) for positive x, without cancellation.

    The recurrence and the asymptotic series of digamma, DLMF 5.5.2 and 5.11.2, differenced term by term; the series
    by Horner's rule for a divided difference. In double precision: the caller's x + h would round in single.
    """
    x = 1.0 * x
    h = 1.0 * h
    total = 0.0
    while x < 10.0:
        total = total + h / x / (x + h)
        x = x + 1.0
    y = x + h
    w = 1.0 / (x * x)
    v = 1.0 / (y * y)
    p = 0.0
    slope = 0.0
    for c in (1.0 / 12.0, -691.0 / 32760.0, 1.0 / 132.0, -1.0 / 240.0, 1.0 / 252.0, -1.0 / 120.0, 1.0 / 12.0):
        slope = slope * w + p
        p = p * v + c
    slope = slope * w + p
    return total + (math.log1p(h / x) + 0.5 * h / x / y + (h / x) * ((x + y) / x) * v * slope)


def sinc_slope(x):
    """Derivative of sin(pi*x)/(pi*x): the power series near 0, else with pi*x reduced exactly."""
    if abs(x) < 0.5:
        w = math.pi * math.pi * x * x
        total = 1.0
        for k in range(12, 0, -1):
            total = 1.0 - w * total / (2.0 * k * (2.0 * k + 3.0))
        return -math.pi * math.pi / 3.0 * x * total
    r = abs(x) % 2.0
    sign = 1.0
    if r > 1.0:
        r = 2.0 - r
        sign = -1.0
    cosine = 1.0
    if r > 0.5:
        r = 1.0 - r
        cosine = -1.0
    if r > 0.25:
        cosine = cosine * math.sin(math.pi * (0.5 - r))
    else:
        cosine = cosine * math.cos(math.pi * r)
    return (cosine - sign * math.sin(math.pi * r) / (math.pi * abs(x))) / x


def sech_squared(x):
    """1/cosh(x)**2, the derivative of tanh: neither cosh's overflow nor twice its error."""
    e = math.exp(-2.0 * abs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


def exp_square(x, a):
    """exp(a*x*x) for a = +-1, +-0.5, without the rounding of x*x: x is split so that the square of its head is exact.

    W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969).
    """
    if not abs(x) < 40.0:
        return math.exp(a * x * x)
    head = math.floor(x * 1048576.0) / 1048576.0
    return math.exp(a * head * head) * math.exp(a * (x - head) * (x + head))


def erfcx(x):
    """exp(x*x)*erfc(x); from 25 on the asymptotic series, DLMF 7.12.1."""
    if x < 25.0:
        return exp_square(x, 1.0) * math.erfc(x)
    w = 0.5 / (x * x)
    total = 1.0
    for k in range(13, 0, -2):
        total = 1.0 - k * w * total
    return total / (math.sqrt(math.pi) * x)


def ndtr(x):
    """Cumulative distribution of the standard normal."""
    return 0.5 * math.erfc(-math.sqrt(0.5) * x)


def log_ndtr(x):
    """log(ndtr(x)), without underflow in the left tail."""
    if x > 0.0:
        return math.log1p(-ndtr(-x))
    if x > -1.0:
        return math.log(ndtr(x))
    return math.log(0.5 * erfcx(-math.sqrt(0.5) * x)) - 0.5 * x * x


def inverse_mills(x):
    """Density over cumulative distribution of the standard normal: the derivative of log_ndtr."""
    if x > 0.0:
        return exp_square(x, -0.5) / (math.sqrt(2.0 * math.pi) * ndtr(x))
    return math.sqrt(2.0 / math.pi) / erfcx(-math.sqrt(0.5) * x)


def erfinv_center(x):
    """Inverse of erf within 1/2: its power series, DLMF 7.17.3, then Halley steps."""
    w = 0.25 * math.pi * x * x
    y = 0.5 * math.sqrt(math.pi) * x * (1.0 + w * (1.0 / 3.0 + w * (7.0 / 30.0 + w * (127.0 / 630.0 + w * 0.2))))
    for _ in range(2):
        step = 0.5 * math.sqrt(math.pi) * (x - math.erf(y)) * exp_square(y, 1.0)
        y = y + step / (1.0 - y * step)
    return y


def erfcinv_tail(x):
    """Inverse of erfc on (0, 1/2]: the leading term of DLMF 7.17.5, then Halley steps."""
    w = -math.log(x) - 0.5 * math.log(math.pi)
    y = math.sqrt(max(w - 0.5 * math.log(max(w, 0.3)), 0.2))
    for _ in range(4):
        # exp(y*y) in two factors: it overflows for the smallest x.
        scaled = x * exp_square(y, 0.5) * exp_square(y, 0.5)
        step = 0.5 * math.sqrt(math.pi) * (erfcx(y) - scaled)
        y = y + step / (1.0 - y * step)
    return y


def erfcinv(x):
    """Inverse of erfc."""
    if x >= 0.5 and x <= 1.5:
        return erfinv_center(1.0 - x)
    if x > 0.0 and x < 0.5:
        return erfcinv_tail(x)
    if x > 1.5 and x < 2.0:
        return -erfcinv_tail(2.0 - x)
    if x == 0.0:
        return math.inf
    if x == 2.0:
        return -math.inf
    return math.nan


def erfinv(x):
    """Inverse of erf."""
    if abs(x) <= 0.5:
        return erfinv_center(x)
    if x > 0.0:
        return erfcinv(1.0 - x)
    return -erfcinv(1.0 + x)


def ndtri(p):
    """Inverse of ndtr."""
    if p > 0.25 and p < 0.75:
        return math.sqrt(2.0) * erfinv(2.0 * (p - 0.5))
    return -math.sqrt(2.0) * erfcinv(2.0 * p)


def expit(x):
    """The logistic function 1/(1 + exp(-x))."""
    if x < 0.0:
        e = math.exp(x)
        return e / (1.0 + e)
    return 1.0 / (1.0 + math.exp(-x))


def logaddexp_share(x, y):
    """Derivative of logaddexp by x: expit(x - y), with the rounding of x - y (Knuth's TwoSum) put back."""
    d = x - y
    if not abs(d) < 1e4:
        return expit(d)
    back = d - x
    lost = (x - (d - back)) - (y + back)
    return expit(d) * (1.0 + lost * expit(-d))


def logaddexp2_share(x, y):
    """Derivative of logaddexp2 by x: 1/(1 + 2**(y - x)), with the rounding of x - y (Knuth's TwoSum) put back."""
    d = x - y
    e = math.exp2(-abs(d))
    near = 1.0 / (1.0 + e)
    far = e * near
    if d < 0.0:
        near, far = far, near
    if not abs(d) < 1e4:
        return near
    back = d - x
    lost = (x - (d - back)) - (y + back)
    return near * (1.0 + lost * math.log(2.0) * far)


def log_expit(x):
    """log(expit(x))."""
    if x < 0.0:
        return x - math.log1p(math.exp(x))
    return -math.log1p(math.exp(-x))


def logit(x):
    """log(x/(1 - x)), by differences around 1/2."""
    if x > 0.3 and x < 0.65:
        s = 2.0 * (x - 0.5)
        return math.log1p(s) - math.log1p(-s)
    return math.log(x / (1.0 - x))


def log_ratio(x, y):
    """log(x/y), by the difference where it is exact, and of logarithms where the quotient has no digits."""
    if x > 0.5 * y and x < 2.0 * y:
        return math.log1p((x - y) / y)
    ratio = x / y
    if ratio > 1e-30 and ratio < 1e30:
        return math.log(ratio)
    return math.log(x) - math.log(y)


def log_plus_one(x):
    """log(x) + 1, around its root 1/e by differences: the root is taken in two parts."""
    if x > 0.18 and x < 0.74:
        return math.log1p(math.e * (x - 0.36787944117144233 - -1.2428753672788363e-17))
    return math.log(x) + 1.0


def entr(x):
    """-x*log(x); 0 at 0, -inf below."""
    if x > 0.0:
        return -x * math.log(x)
    if x == 0.0:
        return 0.0
    if x < 0.0:
        return -math.inf
    return math.nan


def rel_entr(x, y):
    """x*log(x/y); 0 at x = 0, inf outside x, y > 0."""
    if x > 0.0 and y > 0.0:
        return x * log_ratio(x, y)
    if x == 0.0 and y >= 0.0:
        return 0.0
    if x != x or y != y:
        return math.nan
    return math.inf


def kl_div(x, y):
    """x*log(x/y) - x + y; y at x = 0, inf outside x, y > 0."""
    if x > 0.0 and y > 0.0:
        return x * log_ratio(x, y) - x + y
    if x == 0.0 and y >= 0.0:
        return y
    if x != x or y != y:
        return math.nan
    return math.inf


def xlogy(x, y):
    """x*log(y); 0 at x = 0 unless y is nan."""
    if x == 0.0 and y == y:
        return 0.0
    return x * math.log(y)


def xlog1py(x, y):
    """x*log1p(y); 0 at x = 0 unless y is nan."""
    if x == 0.0 and y == y:
        return 0.0
    return x * math.log1p(y)


def huber(delta, r):
    """Half the square of r up to delta, then linear; inf for a negative delta."""
    if delta < 0.0:
        return math.inf
    if abs(r) <= delta:
        return 0.5 * r * r
    return delta * (abs(r) - 0.5 * delta)


def pseudo_huber(delta, r):
    """delta**2*(sqrt(1 + (r/delta)**2) - 1), without the cancellation; inf for a negative delta."""
    if delta < 0.0:
        return math.inf
    if delta == 0.0 or r == 0.0:
        return 0.0 * (delta + r)
    return r * (delta * (r / (delta + math.hypot(delta, r))))


def pseudo_huber_slope(delta, r):
    """Derivative of pseudo_huber by delta: with h = hypot(delta, r), r**4/(h*(delta + h)**2)."""
    h = math.hypot(delta, r)
    ratio = r / (delta + h)
    return ratio * ratio * (r / h) * r


def exp10(x):
    """10**x."""
    return math.pow(10.0, x)


def exprel(x):
    """(exp(x) - 1)/x."""
    if x == 0.0:
        return 1.0
    return math.expm1(x) / x


def exprel_slope(x):
    """Derivative of exprel: the power series, sum of (k + 1)/(k + 2)! * x**k, within 1."""
    if abs(x) < 1.0:
        total = 1.0
        for k in range(17, -1, -1):
            total = 1.0 + x * total * (k + 2.0) / ((k + 1.0) * (k + 3.0))
        return 0.5 * total
    if x < 0.0:
        return (math.exp(x) * (x - 1.0) + 1.0) / x / x
    # The exponential in two factors: it overflows before the quotient does.
    e = math.exp(0.5 * x)
    return e * ((x - 1.0) / x / x) * e + 1.0 / x / x


def cosm1(x):
    """cos(x) - 1."""
    s = math.sin(0.5 * x)
    return -2.0 * s * s


def sindg(x):
    """Sine of an angle in degrees, reduced exactly."""
    r = abs(x) % 360.0
    sign = math.copysign(1.0, x)
    if r > 180.0:
        r = r - 180.0
        sign = -sign
    if r > 90.0:
        r = 180.0 - r
    if r > 45.0:
        return sign * math.cos(math.radians(90.0 - r))
    return sign * math.sin(math.radians(r))


def cosdg(x):
    """Cosine of an angle in degrees, reduced exactly."""
    r = abs(x) % 360.0
    sign = 1.0
    if r > 180.0:
        r = 360.0 - r
    if r > 90.0:
        r = 180.0 - r
        sign = -1.0
    if r > 45.0:
        return sign * math.sin(math.radians(90.0 - r))
    return sign * math.cos(math.radians(r))


def tandg(x):
    """Tangent of an angle in degrees."""
    return sindg(x) / cosdg(x)


def cotdg(x):
    """Cotangent of an angle in degrees."""
    return cosdg(x) / sindg(x)


def radian(d, m, s):
    """An angle given in degrees, minutes and seconds, in radians."""
    return math.radians(d + m / 60.0 + s / 3600.0)


def betaln(a, b):
    """Logarithm of beta, for positive arguments."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def beta(a, b):
    """gamma(a)*gamma(b)/gamma(a + b), for positive arguments."""
    # In double precision: gamma overflows early in single.
    a = 1.0 * a
    b = 1.0 * b
    if a + b < 170.0:
        return math.gamma(a) / math.gamma(a + b) * math.gamma(b)
    return math.exp(betaln(a, b))


def boxcox(x, p):
    """(x**p - 1)/p; log(x) at p = 0."""
    return math.log(x) * exprel(p * math.log(x))


def boxcox1p(x, p):
    """((1 + x)**p - 1)/p; log1p(x) at p = 0."""
    return math.log1p(x) * exprel(p * math.log1p(x))


def inv_boxcox(y, p):
    """(p*y + 1)**(1/p); exp(y) at p = 0."""
    if p == 0.0:
        return math.exp(y)
    return math.exp(math.log1p(p * y) / p)


def inv_boxcox1p(y, p):
    """inv_boxcox(y, p) - 1."""
    if p == 0.0:
        return math.expm1(y)
    return math.expm1(math.log1p(p * y) / p)


def inv_boxcox_slope(z):
    """(z/(1 + z) - log1p(z))/z**2, by its power series within 1/2: inv_boxcox by p is this times out*y*y at z = p*y."""
    if abs(z) < 0.5:
        total = 0.0
        for k in range(48, -1, -1):
            total = (k + 1.0) / (k + 2.0) - z * total
        return -total
    return (z / (1.0 + z) - math.log1p(z)) / (z * z)


SUPPORT: dict[str, Callable[..., float]] = {
    function.__name__: function
    for function in (
        digamma, trigamma, digamma_rise, sinc_slope, sech_squared, exp_square, erfcx, ndtr, log_ndtr, inverse_mills,
        erfinv_center, erfcinv_tail, erfcinv, erfinv, ndtri, expit, logaddexp_share, logaddexp2_share,
        log_expit, logit, log_ratio, log_plus_one, entr, rel_entr, kl_div, xlogy, xlog1py, huber, pseudo_huber,
        pseudo_huber_slope, exp10, exprel, exprel_slope, cosm1, sindg, cosdg, tandg, cotdg, radian, betaln,
        beta, boxcox, boxcox1p, inv_boxcox, inv_boxcox1p, inv_boxcox_slope,
    )
}  # fmt: skip


def needed(names: Iterable[str], table: Mapping[str, Callable[..., Any]] = SUPPORT) -> tuple[str, ...]:
    """The given names of a table of functions and what they call, each after what it calls.

    >>> needed(["inverse_mills"])
    ('exp_square', 'ndtr', 'erfcx', 'inverse_mills')
    """
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        for callee in table[name].__code__.co_names:
            if callee in table and callee not in order:
                visit(callee)
        order[name] = None

    for name in names:
        if name not in order:
            visit(name)
    return tuple(order)
