"""The scalar rules in mpmath, the points at which they are swept, and the measure of error.

A `Reference` states a primitive and its partials at high precision, independently of the rules' own formulas.
`evaluate` computes the rules as emitted code does: by Numba, each name under its own spelling, in either precision.
"""

from __future__ import annotations

import functools
import inspect
import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp
import numba
import numpy as np

from srcdiff.rules.scalar import RULES, Rule
from srcdiff.rules.support import SUPPORT, needed

PRECISION = 140
mp.mp.prec = PRECISION

INF = math.inf
REAL = (-INF, INF)
POSITIVE = (0.0, INF)


def words(text: str) -> list[str]:
    return text.split()


@dataclass(frozen=True)
class Reference:
    """`sizes[k]`, where given, is the size of the terms of partial k: the unit within 1 % of one of its zeros."""

    value: Callable | None
    partials: tuple[Callable, ...]
    domain: tuple[tuple[float, float], ...] = (REAL,)
    edges: tuple[float, ...] = (0.0,)
    sizes: tuple[Callable | None, ...] = ()
    integers: tuple[int, ...] = ()  # parameters that are whole numbers


def ref(value, *partials, domain=None, edges=(0.0,), sizes=(), integers=()):
    domain = domain or (REAL,) * len(partials)
    return Reference(value, partials, domain, edges, sizes or (None,) * len(partials), integers)


def constant(*partials):
    """A rule whose partials are constants: nothing to compare but the constants."""
    return ref(None, *[lambda *_, p=p: mp.mpf(p) for p in partials])


def one(*args):
    return mp.mpf(1)


def zero(*args):
    return mp.mpf(0)


def digamma(x):
    return mp.psi(0, x)


def trigamma(x):
    if x < 0.5:
        return (mp.pi / mp.sinpi(x)) ** 2 - trigamma(1 - x)
    return mp.psi(1, x)


def logistic(x):
    return 1 / (1 + mp.exp(-x))


def sign(x):
    return mp.mpf((x > 0) - (x < 0))


def choose(x, y):
    return mp.mpf(1) if x > y else mp.mpf(0) if x < y else mp.mpf(0.5)


def hypot(x, y):
    return mp.sqrt(x * x + y * y)


def density(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def cumulative(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def mills(x):
    return density(x) / cumulative(x)


def exprel(x):
    return mp.expm1(x) / x if x else mp.mpf(1)


def exprel_slope(x):
    if abs(x) < 1e-3:
        return mp.fsum((k + 1) * x**k / mp.factorial(k + 2) for k in range(14))
    return (mp.exp(x) * (x - 1) + 1) / x**2


def inv_boxcox(y, p):
    return mp.exp(mp.log1p(p * y) / p) if p else mp.exp(y)


def inv_boxcox_slope(y, p):
    z = p * y
    if abs(z) < 1e-3:
        return -mp.fsum((-z) ** k * (k + 1) / (k + 2) for k in range(15)) * y * y
    return (z / (1 + z) - mp.log1p(z)) / z**2 * y * y


def erfcinv(x):
    return mp.erfinv(1 - x) if x > 1e-20 else mp.findroot(lambda y: mp.log(mp.erfc(y)) - mp.log(x), 7)


def sinc_slope(x):
    if abs(x) < 1e-6:
        return -(mp.pi**2) * x / 3 * (1 - (mp.pi * x) ** 2 / 10)
    return (mp.cospi(x) - mp.sinpi(x) / (mp.pi * x)) / x


def pseudo_huber_slope(d, r):
    # At a precision that survives the cancellation in 2*(s - 1) - u**2/s.
    with mp.workprec(600):
        u = r / d
        s = hypot(1, u)
        return +(d * (2 * (s - 1) - u * u / s))


def pseudo_huber(d, r):
    with mp.workprec(600):
        return d * d * (hypot(1, r / d) - 1)


DEGREE = mp.pi / 180
UNIT = ((-1.0, 1.0),)
BETA = ((0.0, 1e3), (0.0, 1e3))
BOXCOX = (POSITIVE, (-20.0, 20.0))


def sind(x):
    return mp.sinpi(x / 180)


def cosd(x):
    return mp.cospi(x / 180)


REFERENCES: dict[str, Reference] = {
    "add": ref(lambda x, y: x + y, one, one),
    "subtract": ref(lambda x, y: x - y, one, lambda x, y: mp.mpf(-1)),
    "multiply": ref(lambda x, y: x * y, lambda x, y: y, lambda x, y: x),
    "divide": ref(lambda x, y: x / y, lambda x, y: 1 / y, lambda x, y: -x / y**2),
    "negative": ref(lambda x: -x, lambda x: mp.mpf(-1)),
    "positive": ref(lambda x: x, one),
    "conjugate": ref(lambda x: x, one),
    "reciprocal": ref(lambda x: 1 / x, lambda x: -1 / x**2),
    "square": ref(lambda x: x * x, lambda x: 2 * x),
    "remainder": ref(lambda x, y: x - y * mp.floor(x / y), one, lambda x, y: -mp.floor(x / y)),
    "fmod": ref(lambda x, y: x - y * int(x / y), one, lambda x, y: mp.mpf(-int(x / y))),
    "nextafter": constant(1, 0),
    "ldexp": ref(
        lambda x, i: x * mp.mpf(2) ** i, lambda x, i: mp.mpf(2) ** i, zero, domain=(REAL, (-60.0, 60.0)), integers=(1,)
    ),
    "pow": ref(
        lambda x, y: x**y,
        lambda x, y: y * x ** (y - 1),
        lambda x, y: x**y * mp.log(x),
        domain=(POSITIVE, (-40.0, 40.0)),
        edges=(0.0, 1.0),
    ),
    "sqrt": ref(mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), domain=(POSITIVE,)),
    "cbrt": ref(lambda x: sign(x) * mp.cbrt(abs(x)), lambda x: 1 / (3 * mp.cbrt(abs(x)) ** 2)),
    "hypot": ref(hypot, lambda x, y: x / hypot(x, y), lambda x, y: y / hypot(x, y)),
    "exp": ref(mp.exp, mp.exp),
    "exp2": ref(lambda x: mp.mpf(2) ** x, lambda x: mp.mpf(2) ** x * mp.log(2)),
    "expm1": ref(mp.expm1, mp.exp),
    "log": ref(mp.log, lambda x: 1 / x, domain=(POSITIVE,), edges=(0.0, 1.0)),
    "log2": ref(lambda x: mp.log(x, 2), lambda x: 1 / (x * mp.log(2)), domain=(POSITIVE,), edges=(0.0, 1.0)),
    "log10": ref(mp.log10, lambda x: 1 / (x * mp.log(10)), domain=(POSITIVE,), edges=(0.0, 1.0)),
    "log1p": ref(mp.log1p, lambda x: 1 / (1 + x), domain=((-1.0, INF),), edges=(-1.0, 0.0)),
    "logaddexp": ref(
        lambda x, y: mp.log(mp.exp(x) + mp.exp(y)), lambda x, y: logistic(x - y), lambda x, y: logistic(y - x)
    ),
    "logaddexp2": ref(
        lambda x, y: mp.log(mp.mpf(2) ** x + mp.mpf(2) ** y, 2),
        lambda x, y: 1 / (1 + mp.mpf(2) ** (y - x)),
        lambda x, y: 1 / (1 + mp.mpf(2) ** (x - y)),
    ),
    "logaddexp_share": ref(
        lambda x, y: logistic(x - y),
        lambda x, y: logistic(x - y) * logistic(y - x),
        lambda x, y: -logistic(x - y) * logistic(y - x),
    ),
    "logaddexp2_share": ref(
        lambda x, y: logistic(mp.log(2) * (x - y)),
        lambda x, y: mp.log(2) * logistic(mp.log(2) * (x - y)) * logistic(mp.log(2) * (y - x)),
        lambda x, y: -mp.log(2) * logistic(mp.log(2) * (x - y)) * logistic(mp.log(2) * (y - x)),
    ),
    "sin": ref(mp.sin, mp.cos, edges=(0.0, math.pi / 2)),
    "cos": ref(mp.cos, lambda x: -mp.sin(x), edges=(0.0, math.pi)),
    "tan": ref(mp.tan, lambda x: mp.sec(x) ** 2, edges=(0.0, math.pi / 2)),
    "asin": ref(mp.asin, lambda x: 1 / mp.sqrt(1 - x * x), domain=UNIT, edges=(-1.0, 0.0, 1.0)),
    "acos": ref(mp.acos, lambda x: -1 / mp.sqrt(1 - x * x), domain=UNIT, edges=(-1.0, 0.0, 1.0)),
    "atan": ref(mp.atan, lambda x: 1 / (1 + x * x), edges=(0.0, 1.0)),
    "atan2": ref(mp.atan2, lambda y, x: x / (x * x + y * y), lambda y, x: -y / (x * x + y * y)),
    "degrees": ref(mp.degrees, lambda x: 1 / DEGREE),
    "radians": ref(mp.radians, lambda x: DEGREE),
    "sinc": ref(
        lambda x: mp.sincpi(x), sinc_slope, edges=(0.0, 0.5, 1.0, 2.0), sizes=(lambda x: abs(mp.cospi(x) / x),)
    ),
    "sinh": ref(mp.sinh, mp.cosh),
    "cosh": ref(mp.cosh, mp.sinh),
    "tanh": ref(mp.tanh, lambda x: mp.sech(x) ** 2),
    "sech_squared": ref(lambda x: mp.sech(x) ** 2, lambda x: -2 * mp.sech(x) ** 2 * mp.tanh(x)),
    "asinh": ref(mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x)),
    "acosh": ref(mp.acosh, lambda x: 1 / mp.sqrt(x * x - 1), domain=((1.0, INF),), edges=(1.0,)),
    "atanh": ref(mp.atanh, lambda x: 1 / (1 - x * x), domain=UNIT, edges=(-1.0, 0.0, 1.0)),
    "fabs": ref(abs, sign),
    "absolute": ref(abs, sign),
    "copysign": ref(lambda x, y: abs(x) * sign(y), lambda x, y: sign(x) * sign(y), zero),
    "maximum": ref(max, choose, lambda x, y: choose(y, x)),
    "minimum": ref(min, lambda x, y: choose(y, x), choose),
    "gamma": ref(
        mp.gamma,
        lambda x: mp.gamma(x) * digamma(x),
        domain=((-170.0, INF),),
        edges=(0.0, 1.0, -1.0),
        sizes=(lambda x: abs(mp.gamma(x)) * (1 + abs(digamma(1 - x if x < 0 else x))),),
    ),
    "lgamma": ref(
        mp.loggamma,
        digamma,
        edges=(0.0, 1.0, -1.0, 1.4616321449683622),
        sizes=(lambda x: abs(digamma(1 - x)) if x < 0 else 1 / x,),
    ),
    "digamma": ref(digamma, trigamma, edges=(0.0, 1.0, -1.0)),
    "beta": ref(
        mp.beta,
        lambda a, b: mp.beta(a, b) * (digamma(a) - digamma(a + b)),
        lambda a, b: mp.beta(a, b) * (digamma(b) - digamma(a + b)),
        domain=BETA,
    ),
    "betaln": ref(
        lambda a, b: mp.log(mp.beta(a, b)),
        lambda a, b: digamma(a) - digamma(a + b),
        lambda a, b: digamma(b) - digamma(a + b),
        domain=BETA,
    ),
    "digamma_rise": ref(
        lambda x, h: digamma(x + h) - digamma(x),
        lambda x, h: trigamma(x + h) - trigamma(x),
        lambda x, h: trigamma(x + h),
        domain=BETA,
    ),
    "erf": ref(mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)),
    "erfc": ref(mp.erfc, lambda x: -2 / mp.sqrt(mp.pi) * mp.exp(-x * x)),
    "erfcx": ref(
        lambda x: mp.exp(x * x) * mp.erfc(x),
        lambda x: 2 * x * mp.exp(x * x) * mp.erfc(x) - 2 / mp.sqrt(mp.pi),
        domain=((-26.0, 100.0),),
    ),
    "erfinv": ref(
        mp.erfinv, lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(mp.erfinv(x) ** 2), domain=UNIT, edges=(-1.0, 0.0, 1.0)
    ),
    "erfcinv": ref(
        erfcinv,
        lambda x: -mp.sqrt(mp.pi) / 2 * mp.exp(erfcinv(x) ** 2),
        domain=((0.0, 2.0),),
        edges=(0.0, 1.0, 2.0),
    ),
    "ndtr": ref(cumulative, density),
    "log_ndtr": ref(lambda x: mp.log(cumulative(x)), mills, domain=((-1e4, INF),)),
    "ndtri": ref(
        lambda p: -mp.sqrt(2) * erfcinv(2 * p),
        lambda p: mp.sqrt(2 * mp.pi) * mp.exp(erfcinv(2 * p) ** 2),
        domain=((0.0, 1.0),),
        edges=(0.0, 0.5, 1.0),
    ),
    "inverse_mills": ref(mills, lambda x: -mills(x) * (x + mills(x)), domain=((-1e4, INF),)),
    "exp_square": ref(
        lambda x, a: mp.exp(a * x * x),
        lambda x, a: 2 * a * x * mp.exp(a * x * x),
        lambda x, a: x * x * mp.exp(a * x * x),
        domain=(REAL, (-1.0, -1.0)),
    ),
    "expit": ref(logistic, lambda x: logistic(x) * logistic(-x)),
    "logit": ref(lambda x: mp.log(x / (1 - x)), lambda x: 1 / (x * (1 - x)), domain=((0.0, 1.0),), edges=(0.0, 1.0)),
    "log_expit": ref(lambda x: mp.log(logistic(x)), lambda x: logistic(-x)),
    "entr": ref(
        lambda x: -x * mp.log(x),
        lambda x: -1 - mp.log(x),
        domain=(POSITIVE,),
        edges=(0.0, 1.0, math.exp(-1)),
        sizes=(one,),
    ),
    "rel_entr": ref(
        lambda x, y: x * mp.log(x / y),
        lambda x, y: 1 + mp.log(x / y),
        lambda x, y: -x / y,
        domain=(POSITIVE, POSITIVE),
        sizes=(one, None),
    ),
    "kl_div": ref(
        lambda x, y: x * mp.log(x / y) - x + y,
        lambda x, y: mp.log(x / y),
        lambda x, y: 1 - x / y,
        domain=(POSITIVE, POSITIVE),
    ),
    "log_plus_one": ref(lambda x: mp.log(x) + 1, lambda x: 1 / x, domain=(POSITIVE,)),
    "log_ratio": ref(lambda x, y: mp.log(x / y), lambda x, y: 1 / x, lambda x, y: -1 / y, domain=(POSITIVE, POSITIVE)),
    "xlogy": ref(
        lambda x, y: x * mp.log(y),
        lambda x, y: mp.log(y),
        lambda x, y: x / y,
        domain=(REAL, POSITIVE),
        edges=(0.0, 1.0),
    ),
    "xlog1py": ref(
        lambda x, y: x * mp.log1p(y),
        lambda x, y: mp.log1p(y),
        lambda x, y: x / (1 + y),
        domain=(REAL, (-1.0, INF)),
        edges=(0.0, -1.0),
    ),
    "huber": ref(
        lambda d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2),
        lambda d, r: mp.mpf(0) if abs(r) <= d else abs(r) - d,
        lambda d, r: r if abs(r) <= d else d * sign(r),
        domain=(POSITIVE, REAL),
    ),
    "pseudo_huber": ref(
        pseudo_huber,
        pseudo_huber_slope,
        lambda d, r: r / hypot(1, r / d),
        domain=(POSITIVE, REAL),
    ),
    "exp10": ref(lambda x: mp.mpf(10) ** x, lambda x: mp.mpf(10) ** x * mp.log(10)),
    "exprel": ref(exprel, exprel_slope),
    "cosm1": ref(lambda x: mp.cos(x) - 1, lambda x: -mp.sin(x), edges=(0.0, math.pi)),
    "sindg": ref(sind, lambda x: DEGREE * cosd(x), edges=(0.0, 90.0, 180.0)),
    "cosdg": ref(cosd, lambda x: -DEGREE * sind(x), edges=(0.0, 90.0, 180.0)),
    "tandg": ref(lambda x: sind(x) / cosd(x), lambda x: DEGREE / cosd(x) ** 2, edges=(0.0, 90.0, 180.0)),
    "cotdg": ref(lambda x: cosd(x) / sind(x), lambda x: -DEGREE / sind(x) ** 2, edges=(0.0, 90.0, 180.0)),
    "radian": ref(
        lambda d, m, s: DEGREE * (d + m / 60 + s / 3600),
        lambda d, m, s: DEGREE,
        lambda d, m, s: DEGREE / 60,
        lambda d, m, s: DEGREE / 3600,
    ),
    "boxcox": ref(
        lambda x, p: mp.log(x) * exprel(p * mp.log(x)),
        lambda x, p: x ** (p - 1),
        lambda x, p: mp.log(x) ** 2 * exprel_slope(p * mp.log(x)),
        domain=BOXCOX,
    ),
    "boxcox1p": ref(
        lambda x, p: mp.log1p(x) * exprel(p * mp.log1p(x)),
        lambda x, p: (1 + x) ** (p - 1),
        lambda x, p: mp.log1p(x) ** 2 * exprel_slope(p * mp.log1p(x)),
        domain=((-1.0, INF), (-20.0, 20.0)),
        edges=(0.0, -1.0),
    ),
    "inv_boxcox": ref(
        inv_boxcox,
        lambda y, p: inv_boxcox(y, p) / (1 + p * y),
        lambda y, p: inv_boxcox(y, p) * inv_boxcox_slope(y, p),
        domain=((0.0, 20.0), (0.0, 20.0)),
    ),
    "inv_boxcox1p": ref(
        lambda y, p: inv_boxcox(y, p) - 1,
        lambda y, p: inv_boxcox(y, p) / (1 + p * y),
        lambda y, p: inv_boxcox(y, p) * inv_boxcox_slope(y, p),
        domain=((0.0, 20.0), (0.0, 20.0)),
    ),
}
REFERENCES["float_power"] = REFERENCES["pow"]
REFERENCES["fmax"] = REFERENCES["maximum"]
REFERENCES["fmin"] = REFERENCES["minimum"]
STEPS = words("""
    floor ceil trunc rint around sign spacing floor_divide floor_int ceil_int trunc_int round_int gcd lcm
    bitwise_and bitwise_or bitwise_xor left_shift right_shift invert isfinite isinf isnan isposinf isneginf
    signbit equal not_equal less less_equal greater greater_equal logical_and logical_or logical_xor logical_not
""")
for _name in STEPS:
    REFERENCES[_name] = constant(*[0] * len(RULES[_name].params))

# Rules whose note says that they miss 4 ulp, and the bounds that the sweep holds them to, in float64 and in float32.
LOOSE: dict[str, tuple[float, float]] = {
    "pow": (50, 50),
    "float_power": (50, 4),
    "sech_squared": (6, 4),
    "logaddexp_share": (6, 4),
    "logaddexp2_share": (6, 4),
    "tandg": (6, 4),
    "cbrt": (9, 4),
    "sinc": (10, 4),
    "gamma": (10, 6),
    "lgamma": (6, 4),
    "digamma": (6, 4),
    "digamma_rise": (INF, INF),
    "beta": (1e5, 4),
    "betaln": (7, 4),
    "erfcx": (INF, INF),
    "erfinv": (100, 4),
    "erfcinv": (100, 4),
    "ndtri": (200, 4),
    "log_ndtr": (7, 4),
    "inverse_mills": (INF, INF),
    "exp_square": (1000, 20),
    "rel_entr": (1000, 1000),
    "pseudo_huber": (7, 7),
    "cotdg": (6, 4),
    "boxcox": (2000, 200),
    "boxcox1p": (2000, 200),
    "inv_boxcox": (100, 100),
    "inv_boxcox1p": (100, 100),
}


def points(reference: Reference, count: int, dtype, seed: str) -> list[tuple[float, ...]]:
    """Points in the domain: a third by magnitude from 1e-12 to 1e8, a third within 20, a third hugging edges."""
    rng = random.Random(seed)

    def draw(k: int, kind: int) -> float:
        low, high = reference.domain[k]
        if low == high:
            return low
        if k in reference.integers:
            return float(rng.randint(int(low), int(high)))
        for _ in range(1000):
            if kind == 0:
                x = math.copysign(10.0 ** rng.uniform(-12, 8), rng.uniform(-1, 1))
            elif kind == 1:
                x = rng.uniform(max(low, -20.0), min(high, 20.0))
            else:
                edge = rng.choice(reference.edges)
                x = edge + math.copysign(10.0 ** rng.uniform(-15, -1), rng.uniform(-1, 1)) * max(1.0, abs(edge))
            x = float(dtype(x))
            if low < x < high and x not in reference.edges:
                return x
        return float(dtype(rng.uniform(max(low, -20.0), min(high, 20.0))))

    parameters = range(len(reference.domain))
    return [tuple(draw(k, (i + rng.randrange(3) * (k > 0)) % 3) for k in parameters) for i in range(count)]


def spacing(x: mp.mpf, dtype) -> mp.mpf:
    """One unit in the last place of x, of the subnormals at least."""
    digits, least = (53, -1074) if dtype is np.float64 else (24, -149)
    if not x:
        return mp.ldexp(1, least)
    return mp.ldexp(1, max(mp.frexp(x)[1] - digits, least))


def error(reference: Reference, k: int, point: tuple[float, ...], got: float, dtype) -> float:
    """Error of partial k at a point, in units in the last place."""
    try:
        exact = reference.partials[k](*map(mp.mpf, point))
    except (ValueError, ZeroDivisionError):  # mpmath raises at poles
        exact = mp.nan
    if mp.isnan(exact) or mp.isinf(exact):
        return 0.0 if math.isnan(got) or math.isinf(got) else INF
    limit = mp.mpf(float(np.finfo(dtype).max))
    if abs(exact) > limit:
        return 0.0 if math.isinf(got) and (got > 0) == (exact > 0) else INF
    if not math.isfinite(got):
        return 0.0 if abs(exact) > limit * (1 - mp.mpf(10) ** -6) else INF
    unit = spacing(exact, dtype)
    ulps = abs(mp.mpf(got) - exact) / unit
    if ulps > 4 and reference.sizes[k] is not None and _near_zero(reference, k, point):
        ulps = abs(mp.mpf(got) - exact) / spacing(reference.sizes[k](*map(mp.mpf, point)), dtype)
    return float(ulps)


def _near_zero(reference: Reference, k: int, point: tuple[float, ...]) -> bool:
    """Whether partial k changes sign within 1 % of the point, along some argument."""
    for i in range(len(point)):
        signs = set()
        for power in range(24):
            for side in (-1, 1):
                factor = 1 + side * mp.mpf(2) ** -power / 100
                moved = [mp.mpf(x) * (factor if j == i else 1) for j, x in enumerate(point)]
                signs.add(reference.partials[k](*moved) > 0)
        if len(signs) == 2:
            return True
    return False


def spelled(expression: str) -> str:
    """An expression over canonical names as emitted code writes it."""

    def spell(match: re.Match) -> str:
        name = match[1]
        if name in SUPPORT:
            return f"{name}("
        return RULES[name].spellings[0].removeprefix("builtins.") + "("

    return re.sub(r"\b(nan|pi)\b", r"math.\1", re.sub(r"\b([a-z]\w*)\(", spell, expression))


@functools.cache
def namespace() -> dict:
    """The support functions, compiled from their copied source as an emitted module has them."""
    names = {"math": math, "numpy": np, "numba": numba}
    for name in needed(SUPPORT):
        source = inspect.getsource(SUPPORT[name])
        exec(f"@numba.njit(error_model='numpy')\n{source}", names)
    return names


def source(rules: list[Rule]) -> str:
    """One function that evaluates the partials of all rules, each at its own points, into rows of `result`."""
    lines = ["def evaluate(args, result):"]  # its index is `_`, so that it is no parameter's name
    row = column = 0
    for rule in rules:
        lines.append("    for _ in range(args.shape[1]):")
        for param in rule.params:
            whole = REFERENCES[rule.name].integers and param == "i"
            lines.append(f"        {param} = {'int' if whole else ''}(args[{column}, _])")
            column += 1
        if any(re.search(r"\bout\b", partial) for partial in rule.partials):
            call = f"{rule.name}({', '.join(rule.params)})"
            lines.append(f"        out = {spelled(call)}")
        for partial in rule.partials:
            lines.append(f"        result[{row}, _] = {spelled(partial)}")
            row += 1
    return "\n".join(lines)


@functools.cache
def compiled(code: str) -> Callable:
    scope = dict(namespace())
    exec(code, scope)
    return numba.njit(error_model="numpy")(scope["evaluate"])


def evaluate(rules: list[Rule], samples: dict[str, list[tuple[float, ...]]], dtype) -> dict[str, np.ndarray]:
    """The partials of each rule at its samples (all of one length): arrays of shape (partials, points)."""
    columns = [[point[k] for point in samples[rule.name]] for rule in rules for k in range(len(rule.params))]
    args = np.array(columns, dtype=dtype)
    result = np.empty((sum(len(rule.partials) for rule in rules), args.shape[1]), dtype=dtype)
    compiled(source(rules))(args, result)
    arrays = {}
    row = 0
    for rule in rules:
        arrays[rule.name] = result[row : row + len(rule.partials)]
        row += len(rule.partials)
    return arrays


def varying() -> list[Rule]:
    """The rules with a partial that is more than "0", "1" or "-1"."""
    return [rule for rule in RULES.values() if any(p not in ("0", "1", "-1") for p in rule.partials)]
