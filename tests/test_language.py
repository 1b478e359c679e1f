"""One small function for each construct of the language, against plain Python and finite differences.

The emitted text is executed as plain Python; a few are compiled too.
"""

# The functions here hold what people write, not what linters like.
# ruff: noqa: B002, B007, C417, E501, PIE790, PIE804, RET504, RET506, RUF021, SIM201

import builtins
import cmath
import enum
import functools
import inspect
import math
import math as m
from collections import namedtuple
from math import sin

import numpy
import numpy as np
import numpy as xp
import pytest
from numpy.linalg import norm

from srcdiff import emit, jacobian_compiled
from srcdiff.frontend.parameters import (
    ArraySpec,
    ConstantSpec,
    ScalarSpec,
    TupleSpec,
    discrete_parameters,
    parameter_names,
    parse_type,
)
from srcdiff.frontend.source import find_source
from srcdiff.pipeline import build

CASES = []


def case(*args, wrt=None, of=(), shapes=None, compiled=False):
    """Register a function with a point; once for each decorator."""

    def register(function):
        name = getattr(function, "__name__", "object")
        CASES.append(pytest.param(function, args, wrt, of, shapes, compiled, id=f"{name}-{len(CASES)}"))
        return function

    return register


def spec_of(value):
    if value is None or isinstance(value, (bool, str)):
        return ConstantSpec(value)
    if isinstance(value, tuple):
        record = type(value) if hasattr(value, "_fields") else None
        return TupleSpec(tuple(map(spec_of, value)), record)
    if isinstance(value, np.ndarray):
        return ArraySpec(parse_type(str(value.dtype)).type, value.ndim)
    if isinstance(value, np.generic):
        return ScalarSpec(parse_type(str(value.dtype)).type)
    return parse_type(type(value).__name__)


def run(function, args, wrt=None, of=(), shapes=None, mode="value_and_jacobian"):
    """What the emitted module returns; the module must not change its arguments."""
    source = find_source(function)
    specs = {name: spec_of(arg) for name, arg in zip(parameter_names(source), args)}
    module = build(source, specs, mode=mode, wrt=wrt, of=of, shapes=shapes)
    scope = {"__name__": "emitted"}
    exec(compile(module.text, "<emitted>", "exec"), scope)
    given = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    with np.errstate(all="ignore"):
        result = scope[module.entry](*given)
    names = list(inspect.signature(function).parameters)
    for name, before, after in zip(names, args, given):
        if isinstance(before, np.ndarray) and name not in of:
            np.testing.assert_array_equal(before, after)
    if of:
        outputs = tuple(given[names.index(name)] for name in of)
        result = (outputs[0] if len(of) == 1 else outputs), result[1]
    return module.text, result


def plain_call(function, args, of=()):
    given = [np.copy(a) if isinstance(a, np.ndarray) else a for a in args]
    with np.errstate(all="ignore"):
        value = function(*given)
    if of:
        names = list(inspect.signature(function).parameters)
        outputs = tuple(given[names.index(name)] for name in of)
        return outputs[0] if len(of) == 1 else outputs
    return value


def leaves(structure):
    if isinstance(structure, (tuple, list)):
        return [leaf for item in structure for leaf in leaves(item)]
    return [] if structure is None else [structure]


def flat(structure):
    parts = [np.ravel(np.asarray(leaf)) for leaf in leaves(structure)]
    return np.concatenate(parts) if parts else np.zeros(0)


def matrix_of(value, jacobian):
    """The m x n matrix from the nested result."""
    if isinstance(value, (tuple, list)):
        assert type(value) is not list and len(value) == len(jacobian)
        return np.concatenate([matrix_of(v, j) for v, j in zip(value, jacobian)])
    rows = np.size(value)
    return np.concatenate([np.reshape(part, (rows, -1)) for part in leaves(jacobian)], axis=1)


def shifted(arg, index, step):
    """The argument with its `index`-th number moved."""
    if isinstance(arg, tuple):
        items = list(arg)
        for i, item in enumerate(items):
            count = np.size(flat(item))
            if index < count:
                items[i] = shifted(item, index, step)
                return type(arg)(*items) if hasattr(arg, "_fields") else tuple(items)
            index -= count
    if isinstance(arg, np.ndarray):
        moved = arg.astype(float)
        moved.ravel()[index] += step
        return moved
    return float(arg) + step


def differences(function, args, positions, of=()):
    columns = []
    for position in positions:
        for index in range(np.size(flat(args[position]))):
            h = 2e-4

            def at(step, position=position, index=index):
                moved = [*args[:position], shifted(args[position], index, step), *args[position + 1 :]]
                return flat(plain_call(function, moved, of))

            columns.append((8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h))
    return np.stack(columns, axis=1)


def completed(function, args):
    """The arguments with the defaults of those that are left out."""
    rest = parameter_names(find_source(function))[len(args) :]
    return (*args, *(inspect.signature(function).parameters[name].default for name in rest))


def inputs_of(function, args):
    """What the tests differentiate by: floats, tuples and arrays of floats."""
    discrete = discrete_parameters(find_source(function))
    fixed = (int, bool, str, type(None))
    return [
        name
        for name, arg in zip(inspect.signature(function).parameters, args)
        if name not in discrete and not isinstance(arg, fixed)
    ]


def positions_of(function, wrt):
    names = list(inspect.signature(function).parameters)
    return [names.index(n) for n in ([wrt] if isinstance(wrt, str) else wrt)]


def same_structure(a, b):
    if isinstance(a, (tuple, list)):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(same_structure, a, b))
    return np.shape(a) == np.shape(b)


def check(function, args, wrt, of, result):
    value, jacobian = result
    expected = plain_call(function, args, of)
    assert same_structure(expected, value)
    np.testing.assert_allclose(flat(value), flat(expected), rtol=1e-12, atol=1e-14)
    positions = positions_of(function, wrt)
    np.testing.assert_allclose(
        matrix_of(value, jacobian), differences(function, args, positions, of), rtol=1e-7, atol=1e-8
    )


# -- assignments ---------------------------------------------------------------------------------------------------


@case(1.5, 0.7, compiled=True)
def chained_augmented_unpacked(x, y):
    a = b = x * y
    a += x
    b -= y
    a *= b
    b /= 2.0
    a **= 2
    (c, d), e = (a, b), x
    c, d = d, c
    z: float = c * d
    w: float
    w = z + e
    return a, w


@case(1.5)
def walrus(x):
    if (y := x * x) > 2.0:
        return y * x
    return y


@case(1.5)
def walrus_in_loop(x):
    total = 0.0
    while (x := x * 0.5) > 0.1:
        total = total + x * x
    return total + x


@case(1.5)
def walrus_in_call(x):
    return math.sin(y := x * x) * y


@case(1.2, 0.4)
def rebound_to_other_types(x, y):
    v = x * y
    v = (v, x)
    v = v[0] * v[1]
    v = np.array([v, y])
    v = v[0] + v[1]
    return v


@case(1.2)
def parameter_rebound(x):
    x = x * x
    x = np.array([x, 2.0 * x])
    return x[0] * x[1]


@case(2.0, 3.0)
def parallel_swap(x, y):
    for _ in range(3):
        x, y = y, x * y
    return x, y


@case(2.0, 3.0, 4.0)
def rotation(x, y, z):
    x, y, z = y, z, x
    x, (y, z) = z, (x, y)
    return x * y, z


@case(1.1)
def starred_target(x):
    first, *middle, last = x, x * x, x**3, x**4
    return first * last + sum(middle)


@case(1.1)
def chained_with_subscript(x):
    a = np.zeros(3)
    a[0] = b = x * x
    a[1] = a[2] = b * x
    return a


@case(1.1, 2.1)
def chained_array(x, y):
    a = b = np.array([x, y])
    b[0] = x * y
    return a * b


@case(1.1)
def chained_list(x):
    a = b = [x, 2.0]
    b[1] = x * x
    b.append(x**3)
    return a[0] * a[1] * a[2]


@case(1.1)
def semicolons(x):
    y = x * x; z = y * x  # noqa: E702
    return y + z


@case(1.1)
def one_line_bodies(x):
    if x > 1.0: x = x * x  # noqa: E701
    else: x = -x  # noqa: E701
    for _ in range(2): x = x * 1.5 + x * x  # noqa: E701
    return x


@case(1.3, 0.2)
def slots_read_after_write(x, y):
    a = np.array([x, y])
    a[0], a[1] = a[1], a[0]
    t = a[0]
    a[0] = 5.0 * x
    return t * a[0] * a[1]


@case(1.3)
def index_changes_in_tuple_target(x):
    a = np.array([x, x * x, x**3])
    i = 0
    i, a[i] = 2, 7.0 * x
    return a * i


# -- control flow --------------------------------------------------------------------------------------------------


@case(0.5)
@case(1.5)
@case(2.5)
def elif_chain(x):
    if x < 1.0:
        y = x
    elif x < 2.0:
        y = x * x
    else:
        y = x**3
    return y * x


@case(0.5)
@case(1.5)
@case(3.5, compiled=True)
def early_returns(x):
    if x < 1.0:
        return x * x
    for i in range(4):
        if x > 3.0 + i:
            return x * i + x**2
        x = x * 1.1
    return x**3


@case(1.5, 4)
@case(1.5, 0)
def while_else(x, n):
    i = 0
    while i < n:
        x = x * 1.1
        i += 1
    else:
        x = x * x
    return x


@case(1.5, 2)
@case(1.5, 9)
def while_else_break(x, n):
    i = 0
    while i < 5:
        if i == n:
            break
        x = x * x * 0.5
        i += 1
    else:
        x = x + 10.0 * x * x
    return x


@case(1.5, 2)
@case(1.5, 9)
def for_else_break(x, n):
    for i in range(5):
        if i == n:
            x = 2.0 * x
            break
        x = x * x * 0.5
    else:
        x = x + 10.0 * x * x
    return x


@case(1.5, 2)
@case(1.5, 9)
def unrolled_for_else_break(x, n):
    a = np.array([x, 2.0, x * x, 4.0])
    for i in range(4):
        if i == n:
            break
        x = x * a[i]
    else:
        x = x + 10.0 * x * x
    return x


@case(1.5, 3)
@case(1.5, 0)
def nested_breaks(x, n):
    total = 0.0
    for i in range(4):
        for j in range(4):
            if j > n:
                break
            if j == 1:
                continue
            total = total + x * (i + j)
        if i == n:
            break
        total = total * x
    return total


@case(1.5, 2)
def continue_rolled(x, n):
    total = 0.0
    for i in range(5):
        if i == n:
            x = x * 1.5
            continue
        total += x**i
    return total * x


@case(1.5, 2)
def continue_unrolled(x, n):
    a = np.array([x, x * x, 3.0, x**3])
    total = x
    for i in range(4):
        if i == n:
            total = total * 2.0
            continue
        total += a[i] * total
    return total


@case(1.5)
def unrolled_known_continue(x):
    a = np.array([x, x * x, 3.0, x**3])
    total = x
    for i in range(4):
        if i == 1:
            continue
        if i == 3:
            break
        total += a[i] * total
    return total


@case(1.5, 2)
def break_and_continue_unrolled(x, n):
    a = np.array([x, x * x, 3.0, x**3])
    total = x
    for v in a:
        if v > 10.0:
            break
        if v < 0.5 * n:
            continue
        total += v * total
    return total


@case(1.5)
def loop_variable_after(x):
    for i in range(4):
        x = x * 1.1
    for j in (1.0, 2.0, x):
        x = x + j
    return x * i * j


@case(1.5, 0)
@case(1.5, 3)
def zero_trip(x, n):
    i = 7
    for i in range(n):
        x = x * x * 0.9
    return x * i


@case(1.5)
def zero_trip_literal(x):
    y = x
    for i in range(3, 3):
        y = y * i
    for _ in ():
        y = 0.0
    return y * x


@case(1.5, 5)
def loop_variable_changed(x, n):
    for i in range(n):
        x = x * (1.0 + 0.1 * i)
        i = 10
        x = x + i
    return x


@case(1.5, 5)
def step_and_reverse(x, n):
    total = 0.0
    for i in range(n, 0, -2):
        total = total * x + i
    for i in reversed(range(n)):
        total = total * x + i
    for i in reversed(range(1, n)):
        total = total + i * x
    return total


@case(0.8, 0.3, compiled=True)
def newton(mean, e):
    x = mean
    while True:
        step = (x - e * math.sin(x) - mean) / (1.0 - e * math.cos(x))
        x = x - step
        if abs(step) < 1e-13:
            break
    return x


@case(1.3)
def while_counts(x):
    n = 3
    while n:
        x = x * x * 0.7
        n -= 1
    return x


@case(1.3, 2.0)
def while_not(x, y):
    done = False
    k = 0
    while not done and k < 10:
        x = x + y * 0.1
        k += 1
        done = x > 2.0
    return x * k


@case(1.3)
def infinite_with_return(x):
    i = 0
    while True:
        x = x * x
        i += 1
        if x > 5.0:
            return x * i


@case(1.4, 1.2)
def conditions(x, y):
    a = 0.0
    if 1.0 < x < 2.0 and (y < 1.0 or y > 1.1) and not x == y:
        a = x * y
    if not (x < y):
        a += x
    if x and y:
        a += y
    return a


@case(1.4, True)
@case(1.4, False)
def truth_values(x, flag):
    big = x > 1.0
    both = big and flag
    return x * x if both else x * big + flag


@case(1.4, -0.5)
def conditional_expressions(x, y):
    z = (x if x > y else y) * (1.0 if y > 0 else -x)
    w = x if x > 5 else y if y > 0 else z
    return z * w


@case(0.5, 2.0)
def or_default(x, y):
    return (x or y) * y + (x and y * x)


@case(1.4, 3)
def asserts_and_raises(x, n):
    assert n > 0, f"n is {n}"
    assert x > 0
    if x < 0:
        raise ValueError("negative")
    elif n > 100:
        raise ArithmeticError
    if n < 0:
        raise KeyError(f"bad {n}")
    return x**n


@case(1.4)
def docstring_pass(x):
    """Says something."""
    "and this"
    pass
    ...
    if x > 0:
        pass
    else:
        pass
    return x * x


@case(1.3, 0.4)
def branch_defines(x, y):
    if x > y:
        a, b = x * x, y
    else:
        a, b = y, x
    if y > 1.0:
        a = 1
    return a * b


@case(1.3, 0.4)
@case(0.3, 0.4)
def array_in_branches(x, y):
    if x > y:
        a = np.array([x * x, y])
    else:
        a = np.zeros(2)
        a[1] = y * y
    return a * x


@case(1.3, 0.4)
@case(0.3, 0.4)
def array_written_in_branch(x, y):
    a = np.array([x, y])
    b = a
    if x > y:
        a[0] = x * y
    else:
        b[1] = x + y
    return a * b


@case(1.3, 0.4)
@case(0.3, 0.4)
def array_rebound_in_branch(x, y):
    a = np.array([x, y])
    b = a
    if x > y:
        a = a * 2.0
    return a[0] * b[1] + a[1] * b[0]


@case(1.3, 3)
def int_float_join(x, n):
    total = 0
    for _ in range(n):
        total = total + x
    count = 1
    if x > 1.0:
        count = 2.5
    return total * count


@case(1.3, 3)
def accumulator_int_then_float(x, n):
    total = 0
    last = 0
    for i in range(n):
        last, total = total, total + x * i
    return total * last


# -- arithmetic ----------------------------------------------------------------------------------------------------


@case(1.3, 7, -3)
def integer_arithmetic(x, n, k):
    return x * (n // k) + x**2 * (n % k) + (n / k) * x + (n & 3) + (n << 1) * x + (n ^ 5) + (~n) * x + (n | 8)


@case(1.3)
def known_integers(x):
    n = 7
    k = -3
    return x * (n // k) + x**2 * (n % k) + n / k * x + (n & 3) + (n << 1) * x + (n ^ 5) + (~n) * x + (n | 8) + 2**3 * x


@case(5.3, 0.7)
def float_modulo(x, y):
    return x % y, -x % y, x // y * x, builtins.divmod(x, y)[1] * y, x - x // y


@case(1.3, 2.1)
def powers(x, y):
    return x**2, x**-2, x**0.5, x**y, 2**x, x**0, (-x) ** 3, pow(x, y), x**-0.5


@case(1.3)
def truth_arithmetic(x):
    return x * (x > 1.0) + True * x + (x > 2.0) + (x < 9) * 2


@case(1.3, -0.7)
def builtin_numbers(x, y):
    return abs(y) * x, max(x, y), min(x, y, 0.5), max([x, y]), sum((x, y, x * y)), sum([x, y], 1.0), round(x) * x, int(x) * y, float(x), bool(x) * y


@case(1.3)
def unary(x):
    return -x, +x, --x, -(-x) * x, -x**2, not_of(x)


def not_of(x):
    return x * (not x > 5.0)


@case(0.3, 0.8)
def complex_numbers(x, y):
    z = x + 1j * y
    w = cmath.exp(z) * z.conjugate() / (2.0 - z)
    u = complex(x, y) ** 2
    return w.real, w.imag, abs(u), (z * 1j).real, np.conj(u).imag


@case(0.3, 0.8, 3)
def complex_loop(x, y, n):
    z = 0j
    for _ in range(n):
        z = z * z + complex(x, y)
    return z.real * z.imag


@case(0.6)
def casts(x):
    return np.float64(x) * x, float(x) * 2, np.float64(2) * x, int(2.7) * x, np.int64(3) * x, float("inf") > x, float(True) * x


@case(0.6)
def strings(x):
    mode = "fast"
    name = f"mode {mode}"
    label = "a" "b"
    if mode == "fast" and label != "c" and mode in ("fast", "slow"):
        return x * x
    raise ValueError(name)


# -- names ---------------------------------------------------------------------------------------------------------

GRAVITY = 9.81
COUNT = 3
WEIGHTS = np.array([0.5, 1.5, 2.5])
GRID = np.array([[1.0, 2.0], [3.0, 4.0]])
TABLE = {"low": 0.5, "high": 2.0, "pair": (1.0, 2.0)}
KEYS = {1: 2.0, 2: 4.0}
PAIRS = ((1.0, 2.0), (3.0, 4.0))
MODE = "smooth"
Pair = namedtuple("Pair", "first second")
Triple = namedtuple("Triple", "a b c", defaults=(2.0,))
UNIT = Pair(1.5, 2.5)


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 3


class Constants:
    scale = 1.5
    order = 2

    @staticmethod
    def stretch(x):
        return x * Constants.scale


class Spring:
    damping = 0.25

    def __init__(self, k):
        self.k = k
        self.name = "spring"
        self.table = (1.0, k)

    def force(self, x):
        if self.name != "spring":
            return 0.0
        return -self.k * x * self.damping + self.shift(x) * self.table[1]

    def shift(self, x):
        return x * x + self.k

    def __call__(self, x):
        return self.k * x**2


@case(1.3)
def global_constants(x):
    return x * GRAVITY + COUNT * x * UNIT.first + UNIT[1] + math.pi * m.e * xp.pi * x


@case(1.3)
def constant_tables(x):
    total = TABLE["low"] * x + TABLE["pair"][1] * x**2 + PAIRS[1][0] + KEYS[2] * x
    for a, b in PAIRS:
        total = total + a * x**b
    for key in TABLE:
        if key == "low":
            total = total * x
    return total + sum(WEIGHTS) * x + WEIGHTS[-1] * x + (GRID @ np.array([x, 1.0]))[0]


@case(1.3, 2)
def table_in_loop(x, n):
    total = 0.0
    for i in range(3):
        total += WEIGHTS[i] * x**i
    return total * n


@case(1.3)
def enums(x):
    color = Color.RED
    if color == Color.RED and color is not Color.BLUE:
        x = x * Level.HIGH
    return x * (2.0 if Level.LOW == 1 else 3.0)


@case(1.3, compiled=True)
def class_constants(x):
    return x**Constants.order * Constants.scale + Constants.stretch(x)


@case(1.3)
def modules_and_aliases(x):
    return math.sin(x) + m.cos(x) + np.exp(x) + xp.log(x) + numpy.sqrt(x) + sin(x) + norm(np.array([x, 1.0])) + np.linalg.norm([x, 2.0])


@case(1.3)
def import_inside(x):
    import math as mm
    from math import cos as cosine

    import numpy.linalg

    return mm.sin(x) * cosine(x) * numpy.linalg.norm(np.array([x, x]))


def divmod(x, y):
    """Not the builtin."""
    return 2 * x * y


@case(1.3, 0.2)
def shadowed_builtin(x, y):
    return divmod(x, y) + divmod(y, 3.0)


@case(-1.3, 0.2)
def shadowing_parameter(abs, len):
    return abs * len + abs**2


@case(1.3)
def shadowed_module(x):
    math = 2.0
    np = x * math
    return np * x


@case(1.3)
def shadowing_local_function(x):
    def sin(u):
        return u * u

    max = lambda a, b: a + b  # noqa: E731
    return sin(x) + max(x, x * x)


@case(1.3)
def emitted_name_clash(x):
    x_dot = x * x
    jac = x_dot + 1.0
    dx = jac * x
    dx_dot_dx = dx
    out = dx_dot_dx * 2.0
    value = out
    return value * x_dot


@case(1.3, 0.3)
def indexed_name_clash(x, y):
    a_0 = x * x
    a_1 = y
    a = np.array([x * y, y * y])
    a[0] = a[0] * a_0
    return a * a_1


@case(1.3)
def cross_prefix_clash(x):
    a = np.zeros((2, 2))
    a_0 = np.zeros(2)
    a[0] = [x, x * x]
    a_0[1] = x**3
    a[1, 0] = 3.0 * x
    return a[0] * a_0 + a[1]


# -- helpers -------------------------------------------------------------------------------------------------------


def scaled(value, factor=3.0, *, offset=0.0):
    return value * value * factor + offset * value


@case(1.3, 0.2, compiled=True)
def keyword_calls(x, y):
    return scaled(x, factor=y) + scaled(factor=x, value=y, offset=1.0) + scaled(y) + scaled(*(x, y)) + scaled(x, **{"offset": 2.0})


def with_default(x, y=GRAVITY * 2, z=None, w=(1.0, 2.0)):
    if z is None:
        z = y
    return x * y * z * w[1]


@case(1.3, 0.2)
def defaults_evaluated(x, y):
    return with_default(x) + with_default(x, y) + with_default(x, z=y) + with_default(x, w=(y, x))


@case(1.3, 0.2)
def default_is_bound_early(x, y):
    k = x * x

    def f(u, c=k):
        return u * c

    before = f(y)
    k = 5.0
    return before + f(y) + k


def spread(first, *rest):
    total = first
    for i, r in enumerate(rest):
        total = total + (i + 1) * r * first
    return total


@case(1.3, 0.2)
def star_arguments(x, y):
    return spread(x) + spread(x, y, x * y) + spread(*np.array([x, y]))


@case(1.3, 0.2)
def closures(x, y):
    k = x * y

    def shift(u):
        return u + k * x

    def twice(u):
        return shift(shift(u))

    return twice(x) * shift(1.0)


@case(1.3, 0.2)
def closure_sees_later_value(x, y):
    k = x

    def f(u):
        return u * k

    a = f(y)
    k = x * x
    return a + 10.0 * f(y)


@case(1.3)
def closure_of_loop_variable(x):
    fs = []
    for i in (1.0, 2.0, 3.0):
        fs.append(lambda u: u * i)  # noqa: B023
    return fs[0](x) + fs[1](x * x) + fs[2](x)


@case(1.3)
def closure_with_default_of_loop_variable(x):
    fs = [lambda u, i=i: u**i for i in range(1, 4)]
    return fs[0](x) + fs[1](x * x) + fs[2](x)


@case(1.3, 0.2)
def closure_captures_array(x, y):
    a = np.array([x, y])

    def f(i):
        return a[i] * x

    before = f(0)
    a[0] = x * y
    return before + f(0) + f(1)


@case(1.3, 0.2)
def closure_writes_array(x, y):
    a = np.array([x, y])

    def put(i, v):
        a[i] = v

    put(0, x * y)
    put(1, a[0] * x)
    return a


@case(1.3, 0.2)
def nested_early_returns(x, y):
    def f(u):
        if u > 1.0:
            return u * u
        for i in range(3):
            if u * i > 0.3:
                return u * i
        return u

    return f(x) + f(y) + f(0.01 * x)


def newton_solve(f, x0):
    x = x0
    for _ in range(20):
        h = 1e-6
        slope = (f(x + h) - f(x - h)) / (2 * h)
        x = x - f(x) / slope
    return x


@case(1.3, 0.4)
def lambda_argument(x, y):
    return apply(lambda u: u * x + y, x) + apply(scaled, y) + apply(math.sin, x) + apply(np.cos, y)


def apply(f, u):
    return f(u) * f(2.0 * u)


@case(1.3, 0.4)
def lambda_passed_twice(x, y):
    def compose(f, g):
        return f(g(x))

    return compose(lambda u: u * u, lambda u: u + y) + compose(lambda u: u + y, lambda u: u * u)


@case(1.3, 0.4)
def partials(x, y):
    f = functools.partial(scaled, factor=y)
    g = functools.partial(scaled, x)
    return f(x) + g(y)


def factorial_power(x, n):
    if n < 1:
        return 1.0
    return x * factorial_power(x, n - 1) / n


@case(1.3, 4, compiled=True)
def recursion(x, n):
    return factorial_power(x, n) + factorial_power(x * x, 2)


def even(x, n):
    if n == 0:
        return x
    return odd(x * 1.1, n - 1)


def odd(x, n):
    if n == 0:
        return -x
    return even(x * x * 0.5, n - 1)


@case(1.3, 5)
def mutual_recursion(x, n):
    return even(x, n)


def adaptive(a, b, depth):
    c = 0.5 * (a + b)
    if depth == 0 or b - a < 0.3:
        return math.sin(c) * (b - a)
    return adaptive(a, c, depth - 1) + adaptive(c, b, depth - 1)


@case(0.3, 1.6)
def double_recursion(a, b):
    return adaptive(a, b, 4)


@case(0.4, 3)
def recursion_in_conditional(x, n):
    return 1.0 if n <= 0 else x * recursion_in_conditional(x + 0.1, n - 1)


@case(1.4)
def conditional_helper(x):
    return (factorial_power(x, 2) if x > 1 else even(x, 2)) * (x if x > 2 else scaled(x))


def two_results(x, y):
    if x > y:
        return x * y, x
    return x + y, y


@case(1.4, 0.2)
def tuple_results(x, y):
    a, b = two_results(x, y)
    c = two_results(y, x)
    return a * c[1] + b * two_results(x, y)[0], c


def fill(a, v):
    a[0] = v
    a[1] *= v


@case(1.4, 0.2)
def helper_writes(x, y):
    a = np.array([x, y])
    fill(a, x * y)
    b = np.zeros((2, 2))
    fill(b[1], x)
    fill(b[:, 0], y)
    return a, b


def bump(a):
    a[0] += 1.0
    return a


@case(1.4, 0.2)
def helper_returns_argument(x, y):
    a = np.array([x, y])
    b = bump(a)
    b[1] = x * x
    return a * b


def first_row(a):
    return a[0]


@case(1.4, 0.2)
def helper_returns_view(x, y):
    a = np.array([[x, y], [y, x * x]])
    r = first_row(a)
    r[0] = 7.0 * y
    return a[0, 0] * r[1] + a[1, 1]


def swap(a, b):
    return b, a


@case(1.4, 0.2)
def helper_swaps(x, y):
    a = np.array([x, y])
    b = np.array([y, x * y])
    a, b = swap(a, b)
    a[0] = 3.0 * x
    return a * b


def both(a, b):
    a[0] = 2.0 * b[0]
    b[1] = 3.0 * a[0]


@case(1.4, 0.2)
def helper_with_aliased_arguments(x, y):
    a = np.array([x, y])
    both(a, a)
    return a


def unit(v):
    return v / np.linalg.norm(v)


@case(1.4, 0.2)
def helper_of_arrays(x, y):
    u = unit(np.array([x, y, 1.0]))
    return np.cross(u, unit(np.array([y, 2.0, x])))


@case(1.3)
def immediately_called(x):
    return (lambda u, v=2.0: u * v)(x) + (lambda: x * x)()


@case(1.3, 0.4)
def isinstance_and_none(x, scale=None):
    if scale is None:
        scale = 2.0
    if isinstance(x, (int, float)) and not isinstance(x, str):
        return x * x * (scale if scale is not None else 1.0)
    return 0.0


@case(1.3)
@case(1.3, None)
@case(1.3, "cubic")
def optional_argument(x, mode=None, scale=None):
    s = scale if scale is not None else 1.0
    if mode == "cubic":
        return x**3
    return x * x * s


# -- containers ----------------------------------------------------------------------------------------------------


@case((1.0, (2.0, 3.0)), 0.5, compiled=True)
def nested_tuple_argument(p, q):
    a, (b, c) = p
    return (a * b, (c * q, p[1][0] * q)), a


@case(Pair(1.2, 0.4))
def namedtuple_argument(p):
    return Pair(p.first * p.second, p[0] + p.second**2)


@case(1.2, 0.4)
def namedtuple_values(x, y):
    p = Pair(x, second=y)
    q = p._replace(first=x * y)
    t = Triple(x, y)
    a, b = q
    return Pair(a * p.first, b), t.c * t.a, len(p)


@case(1.2, 3)
def tuple_in_loop(x, n):
    state = (x, 1.0)
    for i in range(n):
        state = (state[1] * x, state[0] + i)
    return state


@case(1.2, 3)
def namedtuple_in_loop(x, n):
    p = Pair(x, 1.0)
    for _ in range(n):
        p = Pair(p.second, p.first * x)
    return p.first * p.second


@case(1.2)
def comprehensions(x):
    i = 5.0
    squares = [i * x for i in range(3)]
    pairs = [a * b for a in squares for b in (x, 2.0) if True]
    odd_ones = [k * x for k in range(6) if k % 2 == 1]
    return i * x + sum(squares) + sum(pairs) + sum(k * x for k in odd_ones) + max(v for v in squares)


@case(1.2)
def comprehension_captures(x):
    y = x
    values = [y * k for k in range(3)]
    y = 10.0 * x
    return values[1] * y + values[2]


@case(1.2)
def lists(x):
    items = [x]
    for k in range(3):
        items.append(items[-1] * x)
    items.extend([1.0, x])
    items.insert(0, 2.0 * x)
    last = items.pop()
    items[0] = items[0] * last
    items += [x**2]
    total = 0.0
    for v in items:
        total += v
    return total * len(items), items[1:3][0], items[-1]


@case(1.2)
def list_captures_scalar(x):
    items = []
    t = x
    for _ in range(3):
        items.append(t)
        t = t * x
    return items[0] + 10.0 * items[1] + 100.0 * items[2] + t


@case(1.2)
def tuple_captures_scalar(x):
    t = x
    p = (t, t * 2.0)
    t = t * x
    q = (t, p)
    t = 5.0
    return q[0] * t + q[1][0] * p[1]


@case(1.2)
def array_captures_scalar(x):
    t = x
    a = np.array([t, t * 2.0])
    t = t * x
    b = np.array([t, a[0]])
    t = 7.0
    a[0] = t
    return a * b


@case(1.2)
def array_in_tuple_aliases(x):
    a = np.array([x, 2.0])
    p = (a, a)
    p[0][0] = x * x
    lst = [a, np.zeros(2)]
    lst[1] = a
    lst[1][1] = x**3
    return a, p[1][0] * lst[0][1]


@case(1.2)
def list_aliases(x):
    a = [x, 2.0]
    b = a
    b[0] = x * x
    c = list(a)
    c[1] = 9.0
    d = a.copy()
    d[0] = 0.0
    e = a[:]
    e.append(1.0)
    return a[0] * a[1] + c[1] * len(a)


@case(1.2)
def iteration_tools(x):
    total = 0.0
    for i, v in enumerate((x, x * x, 2.0)):
        total += i * v
    for i, v in enumerate([x], start=3):
        total += i * v
    for a, b in zip((x, 2.0), [3.0, x]):
        total += a * b
    for v in reversed([x, 2.0, x**3]):
        total = total * x + v
    for (a, b), c in zip([(1.0, x), (x, 2.0)], (x, 4.0)):
        total += a * b * c
    for i, (a, b) in enumerate(zip((x, 1.0), (2.0, x))):
        total += i * a * b
    for name, value in {"a": x, "b": 2.0}.items():
        total += value if name == "a" else x * value
    for v in map(lambda u: u * x, (1.0, 2.0)):
        total += v
    return total


@case(1.2)
def any_all(x):
    if any(v > 1.0 for v in (x, 0.5)) and all([x > 0, True]):
        return x * x
    return x


@case(1.2)
def dicts(x):
    table = {"a": x, "b": x * x}
    options = {"n": 2, "mode": "fast"}
    total = table["a"] * table.get("b") + table.get("missing", 3.0) * x + len(table)
    if "a" in table and "z" not in table and options["mode"] == "fast":
        total *= options["n"]
    return total


@case(1.2, "b")
def dict_by_argument(x, key):
    return {"a": x, "b": x * x}[key] * TABLE["low" if key == "b" else "high"]


# -- arrays of known shape -----------------------------------------------------------------------------------------

Y3 = np.array([1.1, 0.4, 2.3])
R3 = np.array([[1.0, 0.2, -0.3], [0.1, 0.9, 0.5], [-0.4, 0.3, 1.1]])


@case(Y3, compiled=True)
def unpacked(y):
    a, b, c = y
    return np.array([a * b, b * c, c * a])


@case(Y3, shapes={"y": (3,)})
def indexed(y):
    total = y[0] * y[-1]
    for i in range(3):
        total += y[i] ** i
    for v in y:
        total *= v
    return total


@case(Y3, R3, compiled=True)
def matrix_vector(y, r):
    return r @ y + np.dot(r.T, y) * np.sum(y) + np.cross(y, r[0])


@case(Y3, shapes={"y": (3,)})
def views(y):
    a = y.copy()
    b = a[1:]
    b[0] = y[0] * y[1]
    c = b[::-1]
    c[0] = 3.0 * y[2] * a[1]
    a[:2] = a[1:]
    return a


@case(Y3, shapes={"y": (3,)})
def overlapping_writes(y):
    a = y * 2.0
    a[1:] = a[:-1]
    b = y * 3.0
    b[:-1] = b[1:]
    c = y.copy()
    c[:] = c[::-1]
    d = y.copy()
    d[1:] += d[:-1]
    return a, b, c, d


@case(R3, shapes={"r": (3, 3)})
def rows_are_views(r):
    a = r.copy()
    row = a[1]
    row[0] = r[0, 0] * r[2, 2]
    column = a[:, 2]
    column *= 2.0
    a[2] = a[0]
    a.T[0, 1] = 5.0 * r[1, 1]
    a[0, :] += row
    b = a.reshape(9)
    b[4] = r[0, 1]
    d = a.ravel()
    d[8] = 1.5
    e = a.flatten()
    e[0] = 100.0
    return a


@case(Y3, shapes={"y": (3,)})
def slice_is_view_until_copied(y):
    a = np.array([y[0], y[1]])
    b = a[:].copy()
    c = a + 0.0
    d = np.array(a)
    e = np.asarray(a)
    a[0] = 9.0 * y[2]
    return b[0] + c[0] + d[0] * e[0]


@case(1.2, 0.3, 3)
def swapped_arrays(x, y, n):
    a = np.array([x, y])
    b = np.array([y * y, x])
    for _ in range(n):
        a, b = b, a
        a = a + 0.1 * b
    return a[0] * b[1], a[1]


@case(1.2, 0.3)
def swapped_arrays_unrolled(x, y):
    a = np.array([x, y])
    b = np.array([y * y, x])
    for i in range(2):
        a, b = b, a
        a[i] = a[i] * x
        b[i] = b[i] + y
    return a[0] * b[1], a[1]


@case(1.2, 3)
def array_updated_in_rolled_loop(x, n):
    a = np.array([x, 1.0])
    b = a
    for i in range(n):
        a[0] = a[0] * a[1] + i
        b[1] = b[1] + x
    return a, b[0]


@case(1.2, 3)
def array_rebound_in_rolled_loop(x, n):
    a = np.array([x, 1.0])
    for _ in range(n):
        new = np.zeros(2)
        new[0] = a[1] * x
        new[1] = a[0]
        a = new
    return a


@case(1.2, 3)
def aliased_then_rebound_in_loop(x, n):
    a = np.array([x, 1.0])
    b = a
    for _ in range(n):
        a = a * x
    return a, b


@case(1.2, 4)
def last_and_current(x, n):
    current = np.array([x, 1.0])
    previous = current
    for _ in range(n):
        previous = current
        current = current * x + previous[1]
    return previous, current


@case(1.2)
def new_arrays(x):
    a = np.zeros(3)
    a[1] = x
    b = np.ones((2, 2)) * x
    c = np.full(2, x)
    d = np.eye(2) * x
    e = np.array([[x, 1], [2, x * x]])
    f = np.zeros_like(a)
    f[2] = x
    g = np.array([1, 2]) * x
    h = np.arange(3) * x
    return a, b + e, c, d, f, g, h, np.linspace(0.0, x, 3), np.concatenate((a, c)), np.vstack((c, c)), np.stack([c, g])


@case(1.2)
def empty_array(x):
    a = np.empty(2)
    a[0] = x
    a[1] = x * x
    return a


@case(Y3, shapes={"y": (3,)})
def reductions(y):
    return (
        np.sum(y), y.sum(), np.prod(y), y.mean(), np.max(y), y.min(), np.linalg.norm(y), np.dot(y, y), np.var(y),
        y.std(), np.cumsum(y), np.diff(y), np.trace(np.outer(y, y)), np.linalg.det(np.diag(y)),
    )  # fmt: skip


@case(R3, shapes={"r": (3, 3)})
def axis_reductions(r):
    return np.sum(r, axis=0), r.sum(axis=1), np.max(r, axis=-1), r.mean(0), np.linalg.norm(r, axis=1), r.sum()


@case(Y3, R3, shapes={"y": (3,), "r": (3, 3)})
def elementwise_functions(y, r):
    return np.sin(y) * np.exp(-y), np.where(y > 1.0, y * y, -y), np.maximum(y, 1.0), np.clip(y, 0.5, 2.0), y[None, :] * r, r / y, -y, y**2, 2.0**y, np.hypot(y, 1.0)


@case(Y3, shapes={"y": (3,)})
def fancy_indices(y):
    return y[[2, 0]], y[np.array([1, 1])], y[..., 0], y[-2:], y[::2], y[:, None].shape[1] * y[0]


@case(Y3, shapes={"y": (3,)})
def shapes_and_sizes(y):
    n = len(y)
    k = y.shape[0] + y.size + y.ndim
    a = np.zeros(n)
    for i in range(n):
        a[i] = y[n - 1 - i] * k
    return a


@case(Y3)
def argument_element_written(y):
    y[0] = y[1] * y[2]
    y[1] += y[0]
    return y[0] + y[1] * y[2]


@case(Y3, shapes={"y": (3,)})
def argument_written(y):
    y[0] = y[1] * y[2]
    y[1] += y[0]
    y *= 2.0
    return y[0] + y[1] * y[2]


@case(1.5, np.array([0.3, 0.8]), np.zeros(2), wrt="y", of=("dy",))
def fills_argument(t, y, dy):
    dy[0] = y[0] * y[1] * t
    dy[1] = dy[0] - y[1] ** 2


@case(1.5, np.array([0.3, 0.8]), np.zeros(2), wrt="y", of=("dy",))
def fills_argument_by_helper(t, y, dy):
    a, b = y
    dy[:] = np.array([a * b, t * b])
    fill(dy, a)


@case(0.3)
def rotation_matrix(t):
    c, s = np.cos(t), np.sin(t)
    r = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return (r @ r) @ np.array([1.0, t, 2.0])


@case(1.5, 0.5)
def matmul_augmented(x, y):
    a = np.array([[x, y], [1.0, x * y]])
    v = np.array([x, 1.0])
    v = a @ v
    v -= a[0] * y
    return v.dot(v), a @ a


@case(1.2, np.array([1, 2, 3]), 3, wrt="x")
def integer_array_stays(x, k, n):
    total = 0.0
    for i in range(n):
        total += k[i] * x
    return total


@case(np.array([1.5, 2.5, 3.0]), np.array([2.0, 1.0, 4.0]), 3, wrt="x", shapes={"x": (3,)})
def inactive_array(x, w, n):
    total = 0.0
    for i in range(3):
        total += w[i] * x[i]
    for i in range(n):
        total *= w[i]
    return total + np.sum(w) * len(w)


@case(np.array([[1.0, 2.0], [3.0, 4.0]]))
def matrix_unpacked(p):
    (a, b), (c, d) = p
    return a * d - b * c


@case(1.2, 3)
def array_of_loop(x, n):
    a = np.zeros(3)
    for k in range(n):
        t = x * k
        for i in range(3):
            a[i] += t * i
    return a


@case(1.2)
def array_of_comprehension(x):
    return np.array([x**k for k in range(4)]), np.array([[i * j * x for j in range(2)] for i in range(2)])


@case(1.2)
def nested_array_of_rows(x):
    rows = [np.array([x, 1.0]), np.array([2.0, x * x])]
    a = np.array(rows)
    rows[0][0] = 50.0
    return a


# -- aliasing, once more -------------------------------------------------------------------------------------------


@case(1.2, 0.4)
def row_views_in_a_loop(x, y):
    a = np.array([[x, y], [y, x * x]])
    for row in a:
        row[0] = row[1] * x
        row *= 2.0
    return a


@case(1.2, 0.4)
def view_of_view(x, y):
    a = np.array([x, y, x * y, 1.0])
    b = a[1:]
    c = b[1:]
    c[0] = 5.0 * x
    b[1] *= y
    d = a[::2][::-1]
    d[0] = x**3
    return a * c[0]


@case(1.2, 0.4, 3)
def view_written_in_a_rolled_loop(x, y, n):
    a = np.array([x, y, 1.0])
    tail = a[1:]
    for i in range(n):
        tail[0] = tail[0] * x + tail[1] + i
        a[0] = tail[0] * y
    return a, tail


@case(1.2, 0.4)
def array_through_containers(x, y):
    a = np.array([x, y])
    pair = Pair(a, 2.0)
    pair.first[0] = x * y
    table = {"a": a}
    table["a"][1] = 3.0 * x
    rows = [a, a]
    for r in rows:
        r += 1.0
    return a * pair.second


@case(1.2, 0.4)
def augmented_alias(x, y):
    a = np.array([x, y])
    b = a
    b += x
    c = a
    c = c + y
    c[0] = 0.0
    return a, c


@case(1.2, 0.4)
@case(0.2, 0.4)
def view_chosen_in_branch(x, y):
    a = np.array([[x, y], [y, x * x]])
    if x > y:
        r = a[0]
    else:
        r = a[1]
    return r * x


@case(1.2, 0.4)
@case(0.2, 0.4)
def both_branches_write(x, y):
    a = np.zeros(3)
    b = a[1:]
    if x > y:
        b[0] = x
        a[0] = b[0] * y
    else:
        a[1] = y
        b[1] = a[1] * x
    return a, b


@case(1.2, 0.4, 3)
@case(1.2, 0.4, 0)
def array_in_tuple_in_loop(x, y, n):
    a = np.array([x, y])
    state = (a, x)
    for _ in range(n):
        u, v = state
        state = (u * v, v + 0.1 * u[0])
    return state


@case(1.2, 0.4, 3)
def history(x, y, n):
    old = np.array([x, y])
    older = np.array([y, x])
    for _ in range(n):
        new = 2.0 * old - older * x
        older = old
        old = new
    return old, older


@case(1.2, 0.4, 3)
def scalar_history(x, y, n):
    a, b, c = x, y, x * y
    for _ in range(n):
        a, b, c = b, c, a + b * c * 0.1
    return a, b, c


@case(1.2, 0.4, 3)
def element_captured_across_iterations(x, y, n):
    a = np.array([x, y])
    saved = a[0]
    total = 0.0
    for _ in range(n):
        total += saved
        saved = a[0] * a[1]
        a[0] = a[0] * 1.1
    return total, saved


@case(1.2, 0.4)
def list_of_elements(x, y):
    a = np.array([x, y])
    kept = [a[0], a[1]]
    a[0] = 9.0
    kept2 = tuple(a)
    a[1] = kept[1] * 3.0
    return kept[0] * kept2[1] + a[1] + kept2[0]


@case(1.2, 0.4)
def array_from_list_is_a_copy(x, y):
    items = [x, y]
    a = np.array(items)
    items[0] = 7.0
    a[1] = x * x
    return a * items[1]


@case(1.2, 0.4)
def unpacked_rows_are_views(x, y):
    a = np.array([[x, y], [1.0, 2.0]])
    first, second = a
    first[0] = y * y
    second += first
    return a


@case(1.2, 0.4)
def helper_of_a_view(x, y):
    a = np.zeros((2, 3))
    fill(a[1, 1:], x * y)
    fill(a[:, 0], y)
    fill(a.T[2], x)
    return a


def first_two(a):
    return a[:2]


def same(a):
    return a


def maybe_same(a, x):
    if x > 1.0:
        return a
    return a * 2.0


@case(1.2, 0.4)
def helper_views_nested(x, y):
    a = np.array([x, y, x * y])
    b = same(first_two(same(a)))
    b[1] = 4.0 * x
    c = maybe_same(a, x)
    return a * c


def scale_all(arrays, factor):
    for a in arrays:
        a *= factor


@case(1.2, 0.4)
def helper_of_arrays_in_a_tuple(x, y):
    a = np.array([x, y])
    b = np.array([y, 1.0])
    scale_all((a, b, a), x)
    return a, b


def normalise_in_place(v):
    n = math.sqrt(v[0] ** 2 + v[1] ** 2)
    v /= n
    return n


@case(1.2, 0.4)
def helper_writes_and_returns(x, y):
    v = np.array([x, y])
    n = normalise_in_place(v)
    return v * n, n


def accumulate(a, i, value):
    a[i] += value


@case(1.2, 0.4)
def helper_with_known_index(x, y):
    a = np.zeros(3)
    for i in range(3):
        accumulate(a, i, x * i)
        accumulate(a, 0, y)
    return a


@case(1.2, 0.4, 3)
def helper_writes_in_a_rolled_loop(x, y, n):
    a = np.array([x, y])
    for _ in range(n):
        fill(a, a[1] * x)
    return a


def outer_writer(a, x):
    fill(a, x)
    fill(a, a[0] * 2.0)


@case(1.2, 0.4)
def helper_writes_through_helper(x, y):
    a = np.array([x, y])
    outer_writer(a, x * y)
    return a


@case(1.2, 0.4)
def closure_over_later_branch(x, y):
    k = x

    def f(u):
        return u * k

    if x > y:
        k = k * 2.0
    for _ in range(3):
        k = k + y
    return f(x) + k


@case(1.2, 0.4)
def nested_recursion(x, y):
    def power(u, n, scale=x * y):
        if n == 0:
            return scale
        return u * power(u, n - 1) + y

    return power(x, 3) + power(y, 2, 1.0)


@case(1.2, 0.4)
def nested_in_nested(x, y):
    def outer(u):
        def inner(v):
            return v * u + k

        k = u * x
        return inner(y) * inner(u)

    return outer(x) + outer(2.0)


@case(1.2, 0.4)
def local_of_helper_named_alike(x, y):
    total = x * y

    def add(u):
        total = u * 2.0
        total = total + x
        return total

    return add(y) * total


@case(1.2, 0.4)
def helper_locals_clash(x, y):
    def f(a):
        a_0 = a[0] * 2.0
        a[0] = a_0 * a[1]
        a_1 = 3.0
        return a_0 * a_1 * a[0]

    return f(np.array([x, y])) * f(np.array([y, x]))


@case(np.array([1.5, 0.5]), 2.0)
def argument_locals_clash(y, x):
    y_0 = y[0] * x
    y[0] = y_0 * y[1]
    y_1 = 3.0
    return y_0 * y_1 * y[0] + y[1]


@case(1.2, 0.4)
@case(0.2, 0.4)
def unrolled_with_returns(x, y):
    a = np.array([x, y, x * y])
    for i in range(3):
        if a[i] > 1.0:
            return a[i] * i
        a[i] = a[i] + x
    return a[0] * a[2]


@case(1.2, 0.4)
@case(0.2, 0.4)
@case(0.2, 3.4)
def unrolled_break_continue_carry(x, y):
    a = np.array([x, y, x * y, 2.0])
    last = 0.0
    count = 0
    for i, v in enumerate(a):
        if v < 0.3:
            count += 1
            continue
        if v > 1.5:
            last = v * i
            break
        last = last + v * v
        a[i] = last
    else:
        last = last * 10.0
    return last * count + last, a


@case(1.2, 3)
def break_in_nested_unrolled(x, n):
    a = np.array([[x, 2.0], [x * x, 3.0]])
    total = 0.0
    for i in range(2):
        for j in range(2):
            if j == n - 2:
                continue
            if a[i, j] > 2.5:
                break
            total += a[i, j]
        total = total * x
    return total


@case(1.2, 3)
def rolled_around_unrolled(x, n):
    a = np.array([x, 2.0])
    total = 0.0
    for k in range(n):
        for i in range(2):
            if total > 20.0:
                break
            total += a[i] * k
        a[0] = a[0] * 0.9
        if k == 1:
            continue
        total *= 1.1
    return total


@case(1.2, 3)
def while_with_walrus_and_break(x, n):
    k = 0
    while (k := k + 1) < 10:
        if k > n:
            break
        if k == 2:
            continue
        x = x * x * 0.8
    return x * k


@case(1.2)
def while_with_arrays(x):
    a = np.array([x, 1.0])
    k = 0
    while a[0] < 50.0 and k < 20:
        a[0], a[1] = a[0] * 1.5 + a[1], a[0]
        k += 1
    return a


@case(1.2, 0.5)
def while_calls_helper(x, y):
    k = 0
    while residual(x, y) > 1e-3 and k < 30:
        x = x - 0.3 * residual(x, y)
        k += 1
    return x


def residual(x, y):
    if x > 0:
        return x * x - y
    return -y


@case(1.2, 0.5)
def short_circuit(x, y):
    if x > 1.0 and residual(x, y) > 0.0 or residual(y, x) > 1.0:
        return residual(x, y) * y
    return x


@case(1.2, 3, 2)
def int_state_machine(x, n, k):
    sign = 1
    i = 0
    while i < n:
        sign = -sign
        x = x + sign * x**2 * 0.1
        i += k
        k = i % 2 + 1
    return x * sign


@case(1.2)
def float_becomes_complex(x):
    z = x
    for _ in range(2):
        z = z * (1.0 + 0.5j)
    return z.real, z.imag


@case(1.2)
def typed_constants(x):
    a = np.array([1, 2, 3])
    b = np.zeros(2, dtype=int)
    b[1] = 3
    return x * a[1] ** 2 + b[1] * x + a.sum() * x + (a / 2)[0] * x


@case(1.2)
def swapped_rows(x):
    a = np.array([[x, 1.0], [2.0, x * x]])
    a[[0, 1]] = a[[1, 0]]
    a[0], a[1] = a[1].copy(), a[0].copy()
    return a * x


@case(1.2)
def tuple_assignment_of_views_is_sequential(x):
    a = np.array([[x, 1.0], [2.0, x * x]])
    a[0], a[1] = a[1], a[0]
    return a * x


@case(1.2, 0.4)
def conditional_arrays(x, y):
    a = np.array([x, y])
    b = a if x > y else a * 2.0
    c = np.array([y, x]) if x > 5.0 else a + 1.0
    c[0] = 2.0
    return b * c


@case(1.2, 0.4)
def default_list_argument(x, y):
    return with_list(x) + with_list(y, [x, 2.0])


def with_list(u, weights=(1.0, 3.0)):
    return u * weights[0] + u * u * weights[1]


@case(1.2, 0.4)
def mutated_default_is_refused_elsewhere(x, y):
    values = [x, y]
    first, second = (v * v for v in values) if False else (x * x, y)
    return first * second


@case(1.3, 2)
def string_mode_helper(x, n):
    return by_mode(x, "square") + by_mode(x, mode="cube") + by_mode(x)


def by_mode(x, mode="linear"):
    powers = {"linear": 1, "square": 2, "cube": 3}
    if mode not in powers:
        raise ValueError(f"unknown mode {mode!r}")
    return x ** powers[mode]


@case(1.3)
def boolean_masks(x):
    a = np.array([x, 2.0, x * x])
    return a[[True, False, True]], a[np.array([False, True, True])]


@case(1.2, 0.4)
def copies_in_containers(x, y):
    a = np.array([x, y])
    kept = []
    for i in range(2):
        kept.append(a.copy())
        a[i] = a[i] * x + i
    table = {"x": x, "xx": x * x, "a": a.copy()}
    x = y
    a[0] = 8.0
    f = lambda u, w=a + 1.0, s=x: u * w[0] * s  # noqa: E731
    a[0] = 9.0
    x = 3.0
    return kept[0] * kept[1] * table["x"] + table["a"] * table["xx"], f(2.0) * x


@case(1.2, 0.4)
def targets_from_left_to_right(x, y):
    a = np.array([x, y, 1.0])
    i = 0
    a[i], i = x * y, 1
    x, a[i] = a[0], x
    a[1], x = x * 3.0, a[1]
    (a[0], y), a[2] = (y, x), a[0]
    return a, x, y


@case(1.2, 0.4)
def list_swaps(x, y):
    items = [x, y, x * y]
    items[0], items[1] = items[1], items[0]
    items[2] += items[0]
    items[-1], z = 2.0 * items[2], items[2]
    return items[0] * items[2] + z, items[1]


def swirl(u, v):
    a, b = v
    return np.array([u * a, b * u])


def outer_swirl(x, w, mode):
    return swirl(x, w).sum() if mode == "fast" else x * w[1]


def test_types_are_guessed_through_helpers():
    """`w` is an array because a function that it is passed to unpacks it."""
    scope = {}
    exec(emit(lambda x, w: outer_swirl(x, w, "fast"), shapes={"w": 2}, mode="value_and_jacobian"), scope)
    value, (by_x, by_w) = scope["lambda__value_and_jacobian"](2.0, np.array([3.0, 4.0]))
    assert value == 14.0
    assert by_x == 7.0
    assert by_w.tolist() == [2.0, 2.0]


def test_float32_arrays_take_literals():
    def f(x):
        a = np.zeros(2, dtype=np.float32)
        a[0] = 0.5
        a[1] = x
        return a * np.float32(2.0)

    _, (value, jacobian) = run(f, (np.float32(1.5),))
    assert value.dtype == jacobian.dtype == np.float32
    assert value.tolist() == [1.0, 3.0]
    assert jacobian.tolist() == [0.0, 2.0]


@pytest.mark.parametrize(("function", "args", "wrt", "of", "shapes", "compiled"), CASES)
def test_emitted(function, args, wrt, of, shapes, compiled):
    args = completed(function, args)
    wrt = wrt or inputs_of(function, args)
    _, result = run(function, args, wrt, of, shapes)
    check(function, args, wrt, of, result)


@pytest.mark.parametrize(
    ("function", "args", "wrt", "of", "shapes", "compiled"), [case for case in CASES if case.values[5]]
)
def test_compiled(function, args, wrt, of, shapes, compiled):
    wrt = wrt or inputs_of(function, args)
    derivative = jacobian_compiled(function, wrt=wrt, of=of, shapes=shapes)
    check(function, args, wrt, of, derivative.value_and_jacobian(*args))


SPRING = Spring(3.0)


@pytest.mark.parametrize(
    "function", [SPRING.force, SPRING, functools.partial(scaled, factor=2.5), lambda x: x * SPRING.k], ids=["method", "instance", "partial", "lambda"]
)
def test_objects(function):
    _, (value, jacobian) = run(function, completed(function, (1.3,)), wrt=0)
    assert math.isclose(value, function(1.3))
    assert math.isclose(jacobian, (function(1.3 + 1e-6) - function(1.3 - 1e-6)) / 2e-6, rel_tol=1e-8)


def test_large_arrays_stay_arrays():
    def ramp(x, y):
        a = np.zeros(100_000)
        for i in range(len(a)):
            a[i] = x * i
        return a.sum() * y

    text = emit(ramp)
    assert len(text.splitlines()) < 80
    assert jacobian_compiled(ramp).jacobian(0.5, 2.0) == (9999900000.0, 2499975000.0)
