"""The partial derivatives of scalar primitives: one row each.

    rule("atan2(y, x)", "x / hypot(x, y) / hypot(x, y)", "-y / hypot(x, y) / hypot(x, y)", at="math.atan2 ...")

A partial is a Python expression over the parameters, `out` (the value of the call), literals, the constants `pi`
and `nan`, the operators `+ - * / // **`, comparisons, `and`, `or`, conditional expressions, and calls of canonical
names: keys of `RULES`, or functions of `srcdiff.rules.support`. "0", "1" and "-1" are structural: nothing is
multiplied. A leaf `0.0`, `1.0` or `-1.0` of a conditional is to be selected, never multiplied.

A canonical name is written as `spellings[0]` in emitted code, unless it is a key of `SUPPORT` there: then it is
written bare, and its source is copied. Names that differ only in the kind of their result have a row each:
`math.floor` gives an int (`floor_int`), `numpy.floor` a float (`floor`).

Values at kinks are those of subgradients as JAX and PyTorch choose them: 0 for `abs` and `hypot` at 0, one half to
each argument of `maximum` at a tie. Outside its domain the value is nan and the partial is whatever its formula
gives. Functions with two results, `frexp` and `divmod`, are in `PAIRS`; with complex arguments, `COMPLEX` overrides
`RULES` and every other row that is not `holomorphic` is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["BY_SPELLING", "COMPLEX", "CONSTANTS", "PAIRS", "RULES", "Pair", "Rule"]

CONSTANTS = ("pi", "nan")


@dataclass(frozen=True)
class Rule:
    """A primitive, its partials, and the public names under which it is called."""

    name: str
    params: tuple[str, ...]
    partials: tuple[str, ...]
    spellings: tuple[str, ...]
    holomorphic: bool = False
    result: str = "float"
    note: str = ""


@dataclass(frozen=True)
class Pair:
    """A primitive with two results; `partials[i]` belongs to `results[i]`, and may name the results."""

    name: str
    params: tuple[str, ...]
    results: tuple[str, ...]
    partials: tuple[tuple[str, ...], ...]
    spellings: tuple[str, ...]


def rule(
    call: str, *partials: str, at: str = "", holomorphic: bool = False, result: str = "float", note: str = ""
) -> Rule:
    """One row of the table.

    >>> rule("exp2(x)", "out * log(2.0)", at="math.exp2 numpy.exp2").params
    ('x',)
    """
    match = re.fullmatch(r"(\w+)\((\w+(?:, \w+)*)\)", call)
    assert match, call
    params = tuple(match[2].split(", "))
    assert len(params) == len(partials), call
    return Rule(match[1], params, partials, tuple(at.split()), holomorphic, result, note)


def step(call: str, at: str, result: str = "float") -> Rule:
    """A row whose partials are all identically zero."""
    return rule(call, *["0"] * (call.count(",") + 1), at=at, result=result)


# A variable exponent. `y * out / x` spares a second power, and the rounding of y - 1 (exact only above one half),
# which x**(y - 1) would amplify by log(x). `out == x` catches 0 and inf, where the quotient is 0/0 or inf/inf.
_POW_X = "0.0 if y == 0.0 else y * pow(x, y - 1.0) if y > 0.5 or out == x else y * out / x"
_POW_Y = "out * log(x) if x > 0.0 else 0.0 if x == 0.0 and y > 0.0 else nan"

_ABS = "1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0 if x == 0.0 else nan"

_MINUS_ZERO = "-inf at -0.0, since sqrt(-0.0) is -0.0."

# fmt: off
_ROWS = (
    # Arithmetic
    rule("add(x, y)",          "1", "1",                at="numpy.add", holomorphic=True),
    rule("subtract(x, y)",     "1", "-1",               at="numpy.subtract", holomorphic=True),
    rule("multiply(x, y)",     "y", "x",                at="numpy.multiply", holomorphic=True),
    rule("divide(x, y)",       "1.0 / y", "-out / y",   at="numpy.divide numpy.true_divide", holomorphic=True),
    rule("negative(x)",        "-1",                    at="numpy.negative", holomorphic=True),
    rule("positive(x)",        "1",                     at="numpy.positive", holomorphic=True),
    rule("conjugate(x)",       "1",                     at="numpy.conjugate numpy.conj"),
    rule("reciprocal(x)",      "-out * out",            at="numpy.reciprocal", holomorphic=True),
    rule("square(x)",          "2.0 * x",               at="numpy.square", holomorphic=True),
    rule("remainder(x, y)",    "1", "-(x // y)",        at="numpy.remainder numpy.mod"),
    rule("fmod(x, y)",         "1", "-rint((x - out) / y)", at="numpy.fmod",
         note="-trunc(x / y), counted from the remainder so that a quotient rounded up to an integer does no harm."),
    rule("nextafter(x, y)",    "1", "0",                at="math.nextafter numpy.nextafter"),
    rule("ldexp(x, i)",        "ldexp(1.0, i)", "0",    at="math.ldexp numpy.ldexp"),

    # Powers and roots
    rule("pow(x, y)",          _POW_X, _POW_Y,          at="math.pow numpy.power numpy.pow builtins.pow",
         note="Variable exponents. At x = 0 the partial by y is 0 for y > 0, else nan; nan too for x < 0. "
              "Where a power is subnormal its rounding is multiplied by y or by log(x)."),
    rule("float_power(x, y)",  _POW_X, _POW_Y,          at="numpy.float_power", note="As pow."),
    rule("sqrt(x)",            "0.5 / out",             at="math.sqrt numpy.sqrt cmath.sqrt", holomorphic=True,
         note=_MINUS_ZERO),
    rule("cbrt(x)",            "1.0 / (3.0 * out * out)", at="numpy.cbrt math.cbrt scipy.special.cbrt",
         note="One ulp, and twice the error of the C library's cbrt: 3 ulp with glibc."),
    rule("hypot(x, y)",        "x / out if out != 0.0 else 0.0",
                               "y / out if out != 0.0 else 0.0", at="math.hypot numpy.hypot",
         note="nan where the varied argument is infinite."),

    # Exponentials and logarithms
    rule("exp(x)",             "out",                   at="math.exp numpy.exp cmath.exp", holomorphic=True),
    rule("exp2(x)",            "out * log(2.0)",        at="math.exp2 numpy.exp2 scipy.special.exp2", holomorphic=True),
    rule("expm1(x)",           "exp(x)",
         at="math.expm1 numpy.expm1 scipy.special.expm1", holomorphic=True),
    rule("log(x)",             "1.0 / x",               at="math.log numpy.log cmath.log", holomorphic=True),
    rule("log2(x)",            "1.0 / log(2.0) / x",    at="math.log2 numpy.log2", holomorphic=True),
    rule("log10(x)",           "1.0 / log(10.0) / x",   at="math.log10 numpy.log10 cmath.log10", holomorphic=True),
    rule("log1p(x)",           "1.0 / (1.0 + x)",
         at="math.log1p numpy.log1p scipy.special.log1p", holomorphic=True),
    rule("logaddexp(x, y)",    "logaddexp_share(x, y)", "logaddexp_share(y, x)", at="numpy.logaddexp"),
    rule("logaddexp2(x, y)",   "logaddexp2_share(x, y)", "logaddexp2_share(y, x)", at="numpy.logaddexp2"),
    rule("logaddexp_share(x, y)", "out * logaddexp_share(y, x)", "-out * logaddexp_share(y, x)", note="5 ulp."),
    rule("logaddexp2_share(x, y)", "log(2.0) * out * logaddexp2_share(y, x)",
                               "-log(2.0) * out * logaddexp2_share(y, x)", note="5 ulp."),

    # Trigonometric, and their inverses
    rule("sin(x)",             "cos(x)",                at="math.sin numpy.sin cmath.sin", holomorphic=True),
    rule("cos(x)",             "-sin(x)",               at="math.cos numpy.cos cmath.cos", holomorphic=True),
    rule("tan(x)",             "1.0 + out * out",       at="math.tan numpy.tan cmath.tan", holomorphic=True),
    rule("asin(x)",            "1.0 / sqrt((1.0 - x) * (1.0 + x))",
         at="math.asin numpy.arcsin numpy.asin cmath.asin", holomorphic=True),
    rule("acos(x)",            "-1.0 / sqrt((1.0 - x) * (1.0 + x))",
         at="math.acos numpy.arccos numpy.acos cmath.acos", holomorphic=True),
    rule("atan(x)",            "1.0 / (1.0 + x * x)",
         at="math.atan numpy.arctan numpy.atan cmath.atan", holomorphic=True),
    rule("atan2(y, x)",        "x / hypot(x, y) / hypot(x, y)",
                               "-y / hypot(x, y) / hypot(x, y)", at="math.atan2 numpy.arctan2 numpy.atan2",
         note="nan at (0, 0), and where the numerator is infinite."),
    rule("degrees(x)",         "180.0 / pi",            at="math.degrees numpy.degrees numpy.rad2deg"),
    rule("radians(x)",         "pi / 180.0",            at="math.radians numpy.radians numpy.deg2rad"),
    rule("sinc(x)",            "sinc_slope(x)",         at="numpy.sinc",
         note="8 ulp 1 % away from a zero of the partial."),

    # Hyperbolic, and their inverses
    rule("sinh(x)",            "cosh(x)",               at="math.sinh numpy.sinh cmath.sinh", holomorphic=True),
    rule("cosh(x)",            "sinh(x)",               at="math.cosh numpy.cosh cmath.cosh", holomorphic=True),
    rule("tanh(x)",            "sech_squared(x)",       at="math.tanh numpy.tanh cmath.tanh"),
    rule("sech_squared(x)",    "-2.0 * out * tanh(x)", note="5 ulp."),
    rule("asinh(x)",           "1.0 / hypot(1.0, x)",   at="math.asinh numpy.arcsinh numpy.asinh cmath.asinh"),
    rule("acosh(x)",           "1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0))",
         at="math.acosh numpy.arccosh numpy.acosh cmath.acosh", holomorphic=True),
    rule("atanh(x)",           "1.0 / ((1.0 - x) * (1.0 + x))",
         at="math.atanh numpy.arctanh numpy.atanh cmath.atanh", holomorphic=True),

    # Kinks. A tie gives half to each argument; fmax and fmin ignore a nan, as their values do.
    rule("fabs(x)",            _ABS,                    at="math.fabs numpy.fabs"),
    rule("absolute(x)",        _ABS,                    at="builtins.abs numpy.absolute numpy.abs",
         note="Real arguments; keeps an int an int."),
    rule("copysign(x, y)",     "copysign(1.0, y) if x > 0.0 else -copysign(1.0, y) if x < 0.0 "
                               "else 0.0 if x == 0.0 else nan", "0", at="math.copysign numpy.copysign"),
    rule("maximum(x, y)",      "1.0 if x > y else 0.0 if x < y else 0.5 if x == y else nan",
                               "1.0 if y > x else 0.0 if y < x else 0.5 if x == y else nan", at="numpy.maximum"),
    rule("minimum(x, y)",      "1.0 if x < y else 0.0 if x > y else 0.5 if x == y else nan",
                               "1.0 if y < x else 0.0 if y > x else 0.5 if x == y else nan", at="numpy.minimum"),
    rule("fmax(x, y)",         "1.0 if x > y or isnan(y) else 0.0 if x < y or isnan(x) else 0.5",
                               "1.0 if y > x or isnan(x) else 0.0 if y < x or isnan(y) else 0.5", at="numpy.fmax"),
    rule("fmin(x, y)",         "1.0 if x < y or isnan(y) else 0.0 if x > y or isnan(x) else 0.5",
                               "1.0 if y < x or isnan(x) else 0.0 if y > x or isnan(y) else 0.5", at="numpy.fmin"),

    # Steps
    step("floor(x)",           "numpy.floor"),
    step("ceil(x)",            "numpy.ceil"),
    step("trunc(x)",           "numpy.trunc"),
    step("rint(x)",            "numpy.rint scipy.special.round"),
    step("around(x)",          "numpy.round numpy.around"),
    step("sign(x)",            "numpy.sign"),
    step("spacing(x)",         "numpy.spacing"),
    step("floor_divide(x, y)", "numpy.floor_divide"),
    step("floor_int(x)",       "math.floor", "int"),
    step("ceil_int(x)",        "math.ceil", "int"),
    step("trunc_int(x)",       "math.trunc", "int"),
    step("round_int(x)",       "builtins.round", "int"),
    step("gcd(x, y)",          "math.gcd numpy.gcd", "int"),
    step("lcm(x, y)",          "numpy.lcm", "int"),
    step("bitwise_and(x, y)",  "numpy.bitwise_and", "int"),
    step("bitwise_or(x, y)",   "numpy.bitwise_or", "int"),
    step("bitwise_xor(x, y)",  "numpy.bitwise_xor", "int"),
    step("left_shift(x, y)",   "numpy.left_shift numpy.bitwise_left_shift", "int"),
    step("right_shift(x, y)",  "numpy.right_shift numpy.bitwise_right_shift", "int"),
    step("invert(x)",          "numpy.invert numpy.bitwise_not numpy.bitwise_invert", "int"),

    # Predicates
    step("isfinite(x)",        "math.isfinite numpy.isfinite cmath.isfinite", "bool"),
    step("isinf(x)",           "math.isinf numpy.isinf cmath.isinf", "bool"),
    step("isnan(x)",           "math.isnan numpy.isnan cmath.isnan", "bool"),
    step("isposinf(x)",        "numpy.isposinf", "bool"),
    step("isneginf(x)",        "numpy.isneginf", "bool"),
    step("signbit(x)",         "numpy.signbit", "bool"),
    step("equal(x, y)",        "numpy.equal", "bool"),
    step("not_equal(x, y)",    "numpy.not_equal", "bool"),
    step("less(x, y)",         "numpy.less", "bool"),
    step("less_equal(x, y)",   "numpy.less_equal", "bool"),
    step("greater(x, y)",      "numpy.greater", "bool"),
    step("greater_equal(x, y)", "numpy.greater_equal", "bool"),
    step("logical_and(x, y)",  "numpy.logical_and", "bool"),
    step("logical_or(x, y)",   "numpy.logical_or", "bool"),
    step("logical_xor(x, y)",  "numpy.logical_xor", "bool"),
    step("logical_not(x)",     "numpy.logical_not", "bool"),

    # Gamma and its relatives
    rule("gamma(x)",           "out * digamma(x)",      at="math.gamma scipy.special.gamma",
         note="10 ulp: the C library's gamma itself is good to 5."),
    rule("lgamma(x)",          "digamma(x)",            at="math.lgamma scipy.special.gammaln scipy.special.loggamma",
         note="5 ulp at negative arguments."),
    rule("digamma(x)",         "trigamma(x)",           at="scipy.special.digamma scipy.special.psi",
         note="5 ulp at negative arguments."),
    rule("beta(a, b)",         "-out * digamma_rise(a, b)", "-out * digamma_rise(b, a)", at="scipy.special.beta",
         note="a, b > 0. The value, and so the partials, are good to 1e-15 times the logarithms of the gammas."),
    rule("betaln(a, b)",       "-digamma_rise(a, b)",   "-digamma_rise(b, a)", at="scipy.special.betaln",
         note="a, b > 0. 6 ulp; the value is good to 1e-15 of the largest of its terms."),
    rule("digamma_rise(x, h)", "trigamma(x + h) - trigamma(x)", "trigamma(x + h)",
         note="The partial by x cancels for small h."),

    # Error functions and the normal distribution; exp_square(x, a) is exp(a*x*x) without the rounding of x*x
    rule("erf(x)",             "2.0 / sqrt(pi) * exp_square(x, -1.0)",       at="math.erf scipy.special.erf"),
    rule("erfc(x)",            "-2.0 / sqrt(pi) * exp_square(x, -1.0)",      at="math.erfc scipy.special.erfc"),
    rule("erfcx(x)",           "2.0 * x * out - 2.0 / sqrt(pi)",             at="scipy.special.erfcx",
         note="Cancels for x > 1: good to 4 ulp of 2*x*out."),
    rule("erfinv(x)",          "sqrt(pi) / 2.0 * exp_square(out, 1.0)",      at="scipy.special.erfinv",
         note="The rounding of the value is amplified by 2*out**2: up to 100 ulp at the edges."),
    rule("erfcinv(x)",         "-sqrt(pi) / 2.0 * exp_square(out, 1.0)",     at="scipy.special.erfcinv",
         note="As erfinv; 800 ulp at the smallest positive arguments."),
    rule("ndtr(x)",            "exp_square(x, -0.5) / sqrt(2.0 * pi)",       at="scipy.special.ndtr",
         note="The value in the left tail is good to x*x ulp."),
    rule("log_ndtr(x)",        "inverse_mills(x)",                           at="scipy.special.log_ndtr",
         note="6 ulp for x < 0: the errors of erfc, and of two exponentials, add up."),
    rule("ndtri(p)",           "sqrt(2.0 * pi) * exp_square(out, 0.5)",      at="scipy.special.ndtri",
         note="The rounding of the value is amplified by out**2."),
    rule("inverse_mills(x)",   "-out * (x + out)", note="Cancels for x < -1."),
    rule("exp_square(x, a)",   "2.0 * a * x * out", "x * x * out", note="A subnormal value's rounding is multiplied."),

    # Logistic, entropy, losses
    rule("expit(x)",           "out * expit(-x)",       at="scipy.special.expit"),
    rule("logit(x)",           "1.0 / (x * (1.0 - x))", at="scipy.special.logit"),
    rule("log_expit(x)",       "expit(-x)",             at="scipy.special.log_expit"),
    rule("entr(x)",            "-log_plus_one(x)",      at="scipy.special.entr"),
    rule("rel_entr(x, y)",     "1.0 + log_ratio(x, y)", "-x / y", at="scipy.special.rel_entr",
         note="The partial by x cancels around x/y = 1/e: 4 ulp of its terms."),
    rule("log_plus_one(x)",    "1.0 / x"),
    rule("kl_div(x, y)",       "log_ratio(x, y)",       "(y - x) / y", at="scipy.special.kl_div"),
    rule("log_ratio(x, y)",    "1.0 / x",               "-1.0 / y"),
    rule("xlogy(x, y)",        "log(y)",                "x / y if x != 0.0 or y != 0.0 else 0.0",
         at="scipy.special.xlogy"),
    rule("xlog1py(x, y)",      "log1p(y)",              "x / (1.0 + y) if x != 0.0 or y != -1.0 else 0.0",
         at="scipy.special.xlog1py"),
    rule("huber(delta, r)",    "0.0 if fabs(r) <= delta else fabs(r) - delta",
                               "r if fabs(r) <= delta else delta if r > 0.0 else -delta if r < 0.0 else nan",
         at="scipy.special.huber"),
    rule("pseudo_huber(delta, r)", "pseudo_huber_slope(delta, r)", "delta * (r / hypot(delta, r))",
         at="scipy.special.pseudo_huber", note="The partial by delta, with four quotients and powers, to 6 ulp."),

    # Exponentials and angles of scipy.special
    rule("exp10(x)",           "out * log(10.0)",       at="scipy.special.exp10"),
    rule("exprel(x)",          "exprel_slope(x)",       at="scipy.special.exprel"),
    rule("cosm1(x)",           "-sin(x)",               at="scipy.special.cosm1"),
    rule("sindg(x)",           "pi / 180.0 * cosdg(x)", at="scipy.special.sindg"),
    rule("cosdg(x)",           "-pi / 180.0 * sindg(x)", at="scipy.special.cosdg"),
    rule("tandg(x)",           "pi / 180.0 * (1.0 + out * out)", at="scipy.special.tandg",
         note="5 ulp: twice the error of the value."),
    rule("cotdg(x)",           "-pi / 180.0 * (1.0 + out * out)", at="scipy.special.cotdg",
         note="5 ulp: twice the error of the value."),
    rule("radian(d, m, s)",    "pi / 180.0", "pi / 10800.0", "pi / 648000.0", at="scipy.special.radian"),

    # Box-Cox transformations
    rule("boxcox(x, p)",       "pow(x, p - 1.0)", "log(x) ** 2 * exprel_slope(p * log(x))", at="scipy.special.boxcox",
         note="The roundings of p - 1 and of p*log(x) are amplified by |log(x)| and by |p*log(x)|."),
    rule("boxcox1p(x, p)",     "exp((p - 1.0) * log1p(x))", "log1p(x) ** 2 * exprel_slope(p * log1p(x))",
         at="scipy.special.boxcox1p", note="As boxcox, with log1p(x)."),
    rule("inv_boxcox(y, p)",   "out / (1.0 + p * y)", "out * y * y * inv_boxcox_slope(p * y)",
         at="scipy.special.inv_boxcox",
         note="The value's own rounding: |log1p(p*y)/p| ulp."),
    rule("inv_boxcox1p(y, p)", "inv_boxcox(y, p) / (1.0 + p * y)",
                               "inv_boxcox(y, p) * y * y * inv_boxcox_slope(p * y)", at="scipy.special.inv_boxcox1p",
         note="As inv_boxcox."),
)
# fmt: on

RULES: dict[str, Rule] = {row.name: row for row in _ROWS}
BY_SPELLING: dict[str, Rule] = {spelling: row for row in _ROWS for spelling in row.spellings}

# For complex arguments, where the row of RULES compares, or calls a function of reals.
COMPLEX: dict[str, Rule] = {
    row.name: row
    for row in (
        # By the value, which tells the side of a branch cut: cmath.asin(x) for x > 1 runs along one.
        rule("asin(x)", "1.0 / cos(out)", at="cmath.asin numpy.arcsin numpy.asin", holomorphic=True),
        rule("acos(x)", "-1.0 / sin(out)", at="cmath.acos numpy.arccos numpy.acos", holomorphic=True),
        rule("asinh(x)", "1.0 / cosh(out)", at="cmath.asinh numpy.arcsinh numpy.asinh", holomorphic=True),
        rule("acosh(x)", "1.0 / sinh(out)", at="cmath.acosh numpy.arccosh numpy.acosh", holomorphic=True),
        rule("tanh(x)", "(1.0 / cosh(x)) ** 2", at="cmath.tanh numpy.tanh", holomorphic=True),
        rule(
            "pow(x, y)",
            "y * pow(x, y - 1.0)",
            "out * log(x)",
            at="numpy.power numpy.pow builtins.pow",
            holomorphic=True,
        ),
    )
}

PAIRS: dict[str, Pair] = {
    pair.name: pair
    for pair in (
        Pair("frexp", ("x",), ("mantissa", "exponent"), (("ldexp(1.0, -exponent)",), ("0",)), ("math.frexp",)),
        Pair(
            "divmod",
            ("x", "y"),
            ("quotient", "modulus"),
            (("0", "0"), ("1", "-quotient")),
            ("builtins.divmod", "numpy.divmod"),
        ),
    )
}

assert len(RULES) == len(_ROWS), "two rows of one name"
assert len(BY_SPELLING) == sum(len(row.spellings) for row in _ROWS), "two rows of one spelling"
