"""Every row of the scalar rules: present, in the grammar, swept against mpmath, exact at special points."""

from __future__ import annotations

import ast
import inspect
import math
import random

import mpmath as mp
import numpy as np
import pytest
import rule_reference as reference
import scipy.special
from rule_reference import LOOSE, REFERENCES, words

import srcdiff
from srcdiff.rules.scalar import BY_SPELLING, COMPLEX, CONSTANTS, PAIRS, RULES
from srcdiff.rules.support import SUPPORT, needed

POINTS = 120

# What Numba compiles of `math`, and of NumPy's ufuncs.
MATH = words("""
    acos acosh asin asinh atan atan2 atanh ceil copysign cos cosh degrees erf erfc exp exp2 expm1 fabs floor
    frexp gamma gcd hypot isfinite isinf isnan ldexp lgamma log log10 log1p log2 nextafter pow radians sin sinh
    sqrt tan tanh trunc
""")
UFUNCS = words("""
    abs absolute acos acosh add arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2 atanh
    cbrt ceil conj conjugate copysign cos cosh deg2rad degrees divide divmod equal exp exp2 expm1 fabs
    float_power floor floor_divide fmax fmin fmod greater greater_equal hypot isfinite isinf isnan less
    less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor maximum
    minimum mod multiply negative nextafter not_equal positive pow power rad2deg radians reciprocal remainder
    rint sign signbit sin sinh spacing sqrt square subtract tan tanh true_divide trunc
""")
SPECIAL = words("""
    beta betaln boxcox boxcox1p cbrt cosdg cosm1 cotdg digamma entr erf erfc erfcinv erfcx erfinv exp10 exp2
    expit expm1 exprel gamma gammaln huber inv_boxcox inv_boxcox1p kl_div log1p log_expit log_ndtr loggamma
    logit ndtr ndtri pseudo_huber psi radian rel_entr round sindg tandg xlog1py xlogy
""")
QUALIFIED = [f"math.{n}" for n in MATH] + [f"numpy.{n}" for n in UFUNCS] + [f"scipy.special.{n}" for n in SPECIAL]


@pytest.mark.parametrize("name", [*QUALIFIED, "numpy.sinc", "builtins.abs"])
def test_every_target_has_a_rule(name):
    paired = {spelling for pair in PAIRS.values() for spelling in pair.spellings}
    assert name in BY_SPELLING or name in paired


def test_every_spelling_exists():
    for spelling, rule in BY_SPELLING.items():
        module, _, name = spelling.rpartition(".")
        found = getattr(__import__(module, fromlist=["_"]), name, None)
        # `numpy.asin` and its like are of NumPy 2.
        assert callable(found) or module == "numpy", spelling
        assert rule.name == RULES[rule.name].name


def test_every_rule_has_a_reference():
    assert set(REFERENCES) == set(RULES)
    for name, row in REFERENCES.items():
        assert len(row.partials) == len(RULES[name].partials)


def test_rules_have_a_spelling_or_a_support_function():
    for rule in RULES.values():
        assert rule.name in SUPPORT or not rule.spellings[0].startswith("scipy."), rule.name
        assert rule.result in ("float", "int", "bool")


def test_loose_rules_say_so():
    for name in LOOSE:
        assert RULES[name].note, name


GRAMMAR = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Call, ast.Name, ast.Constant,
    ast.Load,

    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Pow, ast.USub, ast.And, ast.Or,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq,
)  # fmt: skip


@pytest.mark.parametrize("rule", [*RULES.values(), *COMPLEX.values()], ids=lambda rule: rule.name)
def test_partials_are_in_the_grammar(rule):
    for partial in rule.partials:
        tree = ast.parse(partial, mode="eval")
        called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call)}
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - called
        assert names <= {*rule.params, *CONSTANTS, "out"}
        assert called <= {*RULES, *SUPPORT}
        assert all(isinstance(node, GRAMMAR) for node in ast.walk(tree))
        assert all(len(node.ops) == 1 for node in ast.walk(tree) if isinstance(node, ast.Compare))
        if rule.holomorphic:
            assert not any(isinstance(node, ast.Compare | ast.FloorDiv) for node in ast.walk(tree))
            assert all(RULES[name].holomorphic or name in COMPLEX for name in called)


def test_support_is_plain_math():
    for name, function in SUPPORT.items():
        tree = ast.parse(inspect.getsource(function))
        assert not any(isinstance(node, ast.Try | ast.Raise | ast.Import | ast.Lambda) for node in ast.walk(tree))
        unknown = set(function.__code__.co_names) - {*dir(math), *SUPPORT, "math", "abs", "max", "range"}
        assert not unknown, (name, unknown)
        order = needed([name])
        assert order[-1] == name and len(set(order)) == len(order)


# The accuracy of the values: SciPy's own is a few units of 1e-15.
RANGES = {
    "digamma": (-20, 40), "erfcx": (-5, 60), "erfcinv": (0, 2), "erfinv": (-1, 1), "exp10": (-300, 300),
    "ndtri": (0, 1),
    "logit": (0, 1), "entr": (0, 5), "ndtr": (-5, 5), "log_ndtr": (-50, 5), "radian": (0, 60), "beta": (0, 30),
    "betaln": (5, 50), "boxcox": (0, 3), "boxcox1p": (0, 3), "inv_boxcox": (0.5, 3), "inv_boxcox1p": (0.5, 3),
    "rel_entr": (0, 9), "kl_div": (0, 9), "xlogy": (0, 9), "xlog1py": (0, 9), "huber": (0, 5), "pseudo_huber": (0, 5),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in SUPPORT if hasattr(scipy.special, name)])
def test_support_agrees_with_scipy(name):
    rng = random.Random(name)
    low, high = RANGES.get(name, (-30, 30))
    for _ in range(100):
        args = [rng.uniform(low, high) for _ in inspect.signature(SUPPORT[name]).parameters]
        expected = getattr(scipy.special, name)(*args)
        assert SUPPORT[name](*args) == pytest.approx(expected, rel=2e-13, abs=2e-15), args


@pytest.mark.parametrize("name", [name for name, row in REFERENCES.items() if row.value])
def test_references_are_derivatives_of_their_values(name):
    row = REFERENCES[name]
    for point in reference.points(row, 6, np.float64, name)[1::3]:
        for k, partial in enumerate(row.partials):
            if k in row.integers or row.domain[k][0] == row.domain[k][1]:
                continue

            def along(t, k=k, point=point):
                return row.value(*[t if j == k else mp.mpf(x) for j, x in enumerate(point)])

            with mp.workprec(500):
                step = mp.mpf(abs(point[k])) * mp.mpf(2) ** -100
                x = mp.mpf(point[k])
                slope = (along(x + step) - along(x - step)) / (2 * step)
                exact = partial(*map(mp.mpf, point))
            scale = max(abs(exact), abs(row.value(*map(mp.mpf, point)) / x) * mp.mpf(2) ** -20)
            assert abs(slope - exact) <= mp.mpf(10) ** -9 * scale, (point, slope, exact)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sweep(dtype):
    rules = reference.varying()
    samples = {rule.name: reference.points(REFERENCES[rule.name], POINTS, dtype, rule.name) for rule in rules}
    got = reference.evaluate(rules, samples, dtype)
    failures = []
    for rule in rules:
        bound = LOOSE.get(rule.name, (4.0, 4.0))[dtype is np.float32]
        for k in range(len(rule.partials)):
            for point, value in zip(samples[rule.name], got[rule.name][k]):
                ulps = reference.error(REFERENCES[rule.name], k, point, float(value), dtype)
                if not ulps <= bound:
                    failures.append((rule.name, rule.params[k], point, float(value), ulps))
    assert not failures, "\n".join(map(str, failures[:10]))


inf, nan = math.inf, math.nan
TINY, SMALL, HUGE = 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308
ABOVE = math.nextafter(1.0, 2.0)
BELOW = math.nextafter(1.0, 0.0)

# rule: {point: partials}, each exact to the last bit, the sign of a zero aside.
EXACT = {
    "sin": {(0.0,): (1.0,), (inf,): (nan,), (TINY,): (1.0,)},
    "cos": {(0.0,): (0.0,), (inf,): (nan,), (TINY,): (-TINY,), (SMALL,): (-SMALL,)},
    "tan": {(0.0,): (1.0,), (inf,): (nan,)},
    "asin": {(1.0,): (inf,), (-1.0,): (inf,), (0.0,): (1.0,), (TINY,): (1.0,), (ABOVE,): (nan,), (2.0,): (nan,)},
    "acos": {(1.0,): (-inf,), (-1.0,): (-inf,), (0.0,): (-1.0,), (2.0,): (nan,)},
    "atan": {(0.0,): (1.0,), (inf,): (0.0,), (-inf,): (0.0,), (1e200,): (0.0,), (HUGE,): (0.0,)},
    "atan2": {
        (0.0, 0.0): (nan, nan), (0.0, 1.0): (1.0, 0.0), (1.0, 0.0): (0.0, -1.0),
        (0.0, -1.0): (-1.0, 0.0),
        (2.0**600, 0.0): (0.0, -(2.0**-600)), (0.0, 2.0**600): (2.0**-600, 0.0),
        (1.0, inf): (nan, 0.0), (inf, 1.0): (0.0, nan),
    },
    "asinh": {(0.0,): (1.0,), (1e200,): (1e-200,), (inf,): (0.0,), (-inf,): (0.0,)},
    "acosh": {(1.0,): (inf,), (1e200,): (1e-200,), (inf,): (0.0,), (BELOW,): (nan,), (-2.0,): (nan,)},
    "atanh": {(1.0,): (inf,), (-1.0,): (inf,), (0.0,): (1.0,), (TINY,): (1.0,)},
    "sinh": {(0.0,): (1.0,), (1e3,): (inf,), (inf,): (inf,), (-inf,): (inf,)},
    "cosh": {(0.0,): (0.0,), (1e3,): (inf,), (-1e3,): (-inf,), (-inf,): (-inf,)},
    "tanh": {(0.0,): (1.0,), (1e3,): (0.0,), (-1e3,): (0.0,), (inf,): (0.0,), (-inf,): (0.0,)},
    "exp": {(0.0,): (1.0,), (inf,): (inf,), (-inf,): (0.0,), (1e3,): (inf,), (-1e3,): (0.0,)},
    "exp2": {(inf,): (inf,), (-inf,): (0.0,), (0.0,): (math.log(2.0),)},
    "expm1": {(0.0,): (1.0,), (-1e3,): (0.0,), (-inf,): (0.0,), (inf,): (inf,)},
    "log": {(0.0,): (inf,), (inf,): (0.0,), (1.0,): (1.0,), (TINY,): (inf,), (SMALL,): (1 / SMALL,)},
    "log2": {(0.0,): (inf,), (inf,): (0.0,)},
    "log10": {(0.0,): (inf,), (inf,): (0.0,)},
    "log1p": {(-1.0,): (inf,), (0.0,): (1.0,), (inf,): (0.0,), (-BELOW,): (2.0**53,)},
    "sqrt": {(0.0,): (inf,), (inf,): (0.0,), (4.0,): (0.25,), (-1.0,): (nan,), (TINY,): (2.0**536,)},
    "cbrt": {(0.0,): (inf,), (inf,): (0.0,), (-inf,): (0.0,)},
    "hypot": {
        (0.0, 0.0): (0.0, 0.0), (1e200, 0.0): (1.0, 0.0), (1e-200, 0.0): (1.0, 0.0),
        (1.0, inf): (0.0, nan), (TINY, 0.0): (1.0, 0.0),
    },
    "fabs": {
        (0.0,): (0.0,), (TINY,): (1.0,), (-TINY,): (-1.0,), (inf,): (1.0,), (-inf,): (-1.0,),
        (HUGE,): (1.0,),
    },
    "absolute": {(0.0,): (0.0,), (TINY,): (1.0,), (-inf,): (-1.0,)},
    "copysign": {
        (2.0, -0.0): (-1.0, 0.0), (-2.0, -0.0): (1.0, 0.0), (-2.0, 3.0): (-1.0, 0.0), (0.0, 1.0): (0.0, 0.0),
        (inf, -1.0): (-1.0, 0.0),
    },
    "maximum": {
        (1.0, 1.0): (0.5, 0.5), (0.0, 0.0): (0.5, 0.5), (2.0, 1.0): (1.0, 0.0), (1.0, 2.0): (0.0, 1.0),
        (inf, inf): (0.5, 0.5), (inf, 1.0): (1.0, 0.0), (nan, 1.0): (nan, nan), (1.0, nan): (nan, nan),
    },
    "minimum": {
        (1.0, 1.0): (0.5, 0.5), (2.0, 1.0): (0.0, 1.0), (1.0, 2.0): (1.0, 0.0), (-inf, -inf): (0.5, 0.5),
        (nan, 1.0): (nan, nan),
    },
    "fmax": {(1.0, 1.0): (0.5, 0.5), (nan, 1.0): (0.0, 1.0), (1.0, nan): (1.0, 0.0), (2.0, 1.0): (1.0, 0.0)},
    "fmin": {(1.0, 1.0): (0.5, 0.5), (nan, 1.0): (0.0, 1.0), (1.0, nan): (1.0, 0.0), (2.0, 1.0): (0.0, 1.0)},
    "remainder": {
        (7.0, 2.0): (1.0, -3.0), (-7.0, 2.0): (1.0, 4.0), (7.0, -2.0): (1.0, 4.0), (6.0, 2.0): (1.0, -3.0),
        (1.0, 0.1): (1.0, -9.0), (0.7, 0.1): (1.0, -6.0), (0.0, 2.0): (1.0, 0.0),
    },
    "fmod": {
        (7.0, 2.0): (1.0, -3.0), (-7.0, 2.0): (1.0, 3.0), (7.0, -2.0): (1.0, 3.0), (1.0, 0.1): (1.0, -9.0),
        (0.0, 2.0): (1.0, 0.0), (1.0, inf): (1.0, 0.0),
    },
    "pow": {
        (0.0, 2.5): (0.0, 0.0), (0.0, 2.0): (0.0, 0.0), (0.0, 1.0): (1.0, 0.0),
        (0.0, 0.75): (inf, 0.0), (0.0, 0.25): (inf, 0.0), (0.0, 0.0): (0.0, nan),
        (0.0, -0.5): (-inf, nan), (0.0, -1.0): (-inf, nan), (0.0, -2.0): (-inf, nan),
        (2.0, 3.0): (12.0, 8 * math.log(2.0)), (-2.0, 3.0): (12.0, nan), (-2.0, 0.0): (0.0, nan),
        (1.0, 5.0): (5.0, 0.0),
        (-2.0, -1.0): (-0.25, nan), (2.0, 0.0): (0.0, math.log(2.0)),
        (inf, 2.0): (inf, inf), (inf, 0.25): (0.0, inf), (inf, -1.0): (0.0, nan),
        (-2.0, 2.5): (nan, nan), (-8.0, 1 / 3): (nan, nan), (inf, 0.0): (0.0, inf),
    },
    "multiply": {(0.0, inf): (inf, 0.0)},
    "divide": {(1.0, 0.0): (inf, -inf), (1e200, 1e200): (1e-200, -1e-200), (1.0, inf): (0.0, 0.0)},
    "reciprocal": {(0.0,): (-inf,), (inf,): (0.0,), (-inf,): (0.0,), (1e200,): (0.0,), (2.0,): (-0.25,)},
    "square": {(0.0,): (0.0,), (HUGE,): (inf,), (TINY,): (2 * TINY,)},
    "ldexp": {(1.0, 3.0): (8.0, 0.0), (0.0, -2.0): (0.25, 0.0)},
    "logaddexp": {(0.0, 0.0): (0.5, 0.5), (0.0, 1e3): (0.0, 1.0), (1e300, 0.0): (1.0, 0.0), (-inf, 0.0): (0.0, 1.0)},
    "logaddexp2": {(0.0, 0.0): (0.5, 0.5), (0.0, 1e4): (0.0, 1.0), (-inf, 0.0): (0.0, 1.0), (inf, 0.0): (1.0, 0.0)},
    "sinc": {(0.0,): (0.0,), (1.0,): (-1.0,), (2.0,): (0.5,), (1e8 + 1,): (-1 / (1e8 + 1),)},
    "erf": {(0.0,): (2 / math.sqrt(math.pi),), (inf,): (0.0,), (-inf,): (0.0,), (1e200,): (0.0,)},
    "erfc": {(0.0,): (-2 / math.sqrt(math.pi),), (inf,): (0.0,), (-inf,): (0.0,)},
    "gamma": {(-1.0,): (nan,), (inf,): (inf,)},
    "lgamma": {(-1.0,): (nan,), (0.0,): (-inf,), (inf,): (inf,)},
    "digamma": {(0.0,): (inf,), (inf,): (0.0,)},
    "expit": {(0.0,): (0.25,), (1e3,): (0.0,), (-1e3,): (0.0,), (inf,): (0.0,), (-inf,): (0.0,)},
    "log_expit": {(0.0,): (0.5,), (1e3,): (0.0,), (-1e3,): (1.0,), (inf,): (0.0,), (-inf,): (1.0,)},
    "logit": {(0.0,): (inf,), (1.0,): (inf,), (0.5,): (4.0,)},
    "entr": {(0.0,): (inf,), (1.0,): (-1.0,), (-1.0,): (nan,)},
    "rel_entr": {(1.0, 1.0): (1.0, -1.0), (0.0, 1.0): (-inf, 0.0)},
    "kl_div": {(1.0, 1.0): (0.0, 0.0), (0.0, 1.0): (-inf, 1.0)},
    "xlogy": {(0.0, 0.0): (-inf, 0.0), (2.0, 1.0): (0.0, 2.0), (0.0, 2.0): (math.log(2.0), 0.0)},
    "xlog1py": {(0.0, -1.0): (-inf, 0.0), (2.0, 0.0): (0.0, 2.0)},
    "ndtr": {(inf,): (0.0,), (-inf,): (0.0,)},
    "log_ndtr": {(inf,): (0.0,), (1e3,): (0.0,)},
    "huber": {(1.0, 1.0): (0.0, 1.0), (1.0, -3.0): (2.0, -1.0), (1.0, 0.5): (0.0, 0.5), (1.0, inf): (inf, 1.0)},
    "pseudo_huber": {(1.0, 0.0): (0.0, 0.0)},
    "erfinv": {(0.0,): (math.sqrt(math.pi) / 2,), (1.0,): (inf,), (-1.0,): (inf,)},
    "sindg": {(90.0,): (0.0,), (0.0,): (math.pi / 180,), (180.0,): (-math.pi / 180,)},
    "cosdg": {(0.0,): (0.0,), (180.0,): (0.0,), (90.0,): (-math.pi / 180,)},
    "exprel": {(0.0,): (0.5,)},
}  # fmt: skip

# The same at a negative zero, which as a key would be equal to zero.
MINUS_ZERO = {
    "sin": {(-0.0,): (1.0,)}, "cos": {(-0.0,): (0.0,)}, "log": {(-0.0,): (-inf,)}, "sqrt": {(-0.0,): (-inf,)},
    "cbrt": {(-0.0,): (inf,)}, "fabs": {(-0.0,): (0.0,)}, "absolute": {(-0.0,): (0.0,)}, "sinc": {(-0.0,): (0.0,)},
    "lgamma": {(-0.0,): (inf,)}, "digamma": {(-0.0,): (inf,)}, "hypot": {(-0.0, 0.0): (0.0, 0.0)},
    "atan2": {(0.0, -0.0): (nan, nan)}, "maximum": {(0.0, -0.0): (0.5, 0.5)}, "minimum": {(-0.0, 0.0): (0.5, 0.5)},
    "pow": {(-0.0, 1.0): (1.0, 0.0), (-0.0, 0.25): (inf, 0.0), (-0.0, 3.0): (0.0, 0.0), (-0.0, -2.0): (inf, nan)},
}  # fmt: skip

# A nan argument that the value ignores: x**0, 1**y, hypot(inf, nan), copysign's second, and fmax, fmin.
NAN_IGNORED = {"fmax", "fmin", "copysign", "ldexp"}


def exactly(got: float, expected: float) -> bool:
    return math.isnan(got) if math.isnan(expected) else got == expected


@pytest.mark.parametrize("table", [EXACT, MINUS_ZERO], ids=["exact", "minus_zero"])
def test_special_points(table):
    rules = reference.varying()
    longest = max(map(len, table.values()))
    samples = {}
    for rule in rules:
        points = list(table.get(rule.name, ())) or [(0.5,) * len(rule.params)]
        samples[rule.name] = points + points[-1:] * (longest - len(points))
    got = reference.evaluate(rules, samples, np.float64)
    failures = []
    for name, row in table.items():
        for i, (point, expected) in enumerate(row.items()):
            found = tuple(float(x) for x in got[name][:, i])
            if not all(map(exactly, found, expected)):
                failures.append((name, point, found, expected))
    assert not failures, "\n".join(map(str, failures))


def test_nan_in_gives_nan_out():
    rules = reference.varying()
    samples = {rule.name: [(nan,) * len(rule.params)] for rule in rules}
    got = reference.evaluate(rules, samples, np.float64)
    for rule in rules:
        if rule.name in NAN_IGNORED:
            continue
        for partial, value in zip(rule.partials, got[rule.name][:, 0]):
            read = {node.id for node in ast.walk(ast.parse(partial)) if isinstance(node, ast.Name)}
            assert math.isnan(value) or not read & {*rule.params, "out"}, (rule.name, partial, value)


def relative_entropy(x, y):
    return scipy.special.rel_entr(x, y)


def test_ratios_that_overflow_have_logarithms():
    for point in ((1.0, 1e-310), (1e-300, 1e10), (3e200, 2e-200)):
        by_x, by_y = srcdiff.jacobian(relative_entropy)(*point)
        assert by_x == pytest.approx(1.0 + math.log(point[0]) - math.log(point[1]), rel=1e-14)
        assert by_y == -point[0] / point[1]
