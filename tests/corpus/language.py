"""One function for each construct that real numerical code holds, and the inactive ones beside them."""

import math
import math as m
from functools import reduce

import numpy
import numpy as xp
from numpy import sin

from corpus import array, between, case

try:
    from typing import TypeAlias

    Scalar: TypeAlias = float
except ImportError:
    Scalar = float

TABLE = {"low": 0.5, "high": 2.0}
NESTED = ((1.0, 2.0), (3.0, 4.0))
MODE = "smooth"


class Settings:
    order = 3
    scale = 1.5


def annotations(x: float, y: "float" = 2.0) -> float:
    z: float = x * y
    w: float
    w = z + x
    return z * w


def optional_argument(x, scale=None):
    if scale is None:
        scale = 2.0
    return scale * x * x


def several_returns(x, y):
    if x > y:
        return x * y
    if x > 0.0:
        return x + y * y
    return y**3


def raises(x, limit=100.0):
    if x < 0 or not x < limit:
        raise ValueError(f"x out of range: {x}")
    assert x > 0, "positive"
    return math.sqrt(x)


def chained_everything(x, y):
    a = b = x * y
    a += 1.0
    if 0.0 < a < 2.0 <= 2.0:
        b *= a
    elif 2.0 <= a <= 5.0:
        b -= a
    return a * b


def keyword_calls(x, y):
    return scaled(x, factor=y) + scaled(factor=x, value=y, offset=1.0) + scaled(y)


def scaled(value, factor=3.0, *, offset=0.0):
    return value * value * factor + offset * value


def comprehension(x):
    powers = [x**k / math.gamma(k + 1.0) for k in range(6)]
    return sum(powers)


def filtered_comprehension(x, y):
    values = [x, y, x * y, x + y]
    return sum([v * v for v in values[1:]]) + min(values) - max(values)


def appended(x):
    terms = []
    for k in range(4):
        terms.append(x**k)
    return terms[0] + terms[2] * terms[3]


def mode_switch(x, mode="fast"):
    if mode == "fast":
        return x * x
    elif mode in ("slow", "careful"):
        return x**3
    raise ValueError(mode)


def global_mode(x):
    return sin(x) if MODE == "smooth" else abs(x)


def dictionary_constant(x):
    return TABLE["low"] * x + TABLE["high"] * x**2


def nested_tuples(p, q):
    (a, b), c = p
    d, (e, f) = q, NESTED[1]
    return ((a * d, b * e), (c * f, a))


def star_arguments(x, y):
    return weighted(x, y, 2.0) + weighted(y) * reduce_product(x, y)


def weighted(first, *rest):
    total = first
    for r in rest:
        total = total + 0.5 * r * first
    return total


def reduce_product(a, b):
    return a * b


def closure_of_helper(x, k):
    def shift(u):
        return u + k * x

    def twice(u):
        return shift(shift(u))

    return twice(x) * shift(1.0)


def lambdas(x, y):
    square = lambda u: u * u  # noqa: E731
    combine = lambda u, v=2.0: square(u) + v * y  # noqa: E731
    return combine(x) * combine(y, x)


def factorial_power(x, n):
    if n < 1:
        return 1.0
    return x * factorial_power(x, n - 1) / n


def even_odd(x, n: int):
    """Mutual recursion."""
    if n == 0:
        return x
    return odd_even(x * 1.1, n - 1)


def odd_even(x, n: int):
    if n == 0:
        return -x
    return even_odd(x + 0.5 * x * x, n - 1)


def walrus(x):
    if (y := x * x) > 1.0:
        return y
    return (z := y + 1.0) * z


def instance_check(x, n=2):
    if isinstance(n, int):
        return x**n
    return x


def integer_arithmetic(x, n: int):
    half = n // 2
    rest = n % 2
    sign = -1 if rest else 1
    return sign * x**half + (n << 1) * x


def boolean_flags(x, y, normalise: bool = True):
    both = x > 0 and y > 0
    if both or not normalise:
        return x / y
    flag = not both
    return x * y if flag else x


def loop_else(x, limit):
    for k in range(1, 6):  # noqa: B007 (read after the loop)
        x *= 1.3
        if x > limit:
            break
    else:
        x = x * x
        return -x
    return x * k


def continue_loop(x):
    total = 0.0
    for k in range(8):
        if k % 3 == 0:
            continue
        total += x**k / (k + 1)
    return total


def nested_loops(x, y):
    total = 0.0
    for i in range(4):
        for j in range(i, 4):
            if i == j:
                continue
            total += x**i * y**j / (1 + i + j)
            if total > 5.0:
                break
    return total


def swap_sort(a, b, c):
    if a > b:
        a, b = b, a
    if b > c:
        b, c = c, b
    if a > b:
        a, b = b, a
    return a, b, c


def modulo_and_floor(x, y):
    return x % y + (x // y) * y * y + math.floor(x) * x + round(y) * y + int(x) * x


def power_forms(x, p):
    return x**2 + x**-1 + x**0.5 + x**p + 2**x + p**3.0 + pow(x, 3) + math.pow(x, p) + x**0 + x**1


def extrema(x, y, z):
    return max(x, y, z) * min(x, y) + np_extrema(x, y) + abs(z - x)


def np_extrema(x, y):
    return xp.maximum(x, y) * 2.0 - xp.fmin(x, y)


def casts(x, n: int):
    return float(n) * xp.float64(x) + float(x) ** 2 + bool(n) * x


def module_aliases(x):
    return m.exp(-x) * numpy.cos(x) + xp.hypot(x, 2.0) * m.pi


def class_attributes(x):
    return Settings.scale * x**Settings.order


def docstring_and_pass(x):
    """A docstring."""
    if x > 10.0:
        pass
    else:
        x = x * 2.0
    return x


def element_stores(y, k):
    w = xp.empty(3)
    w[0] = y[0]
    w[1:] = y[1:] * k
    w[-1] += w[0] ** 2
    for i in range(3):
        w[i] *= 1.0 + i * y[i]
    return w


def copy_then_write(y):
    w = y.copy()
    w[0] = w[1] * w[2]
    w += 1.0
    w *= y
    return w


def matrix_products(a, b, x):
    c = a @ b.T - xp.dot(b, a)
    return c @ x, xp.trace(c), (c * a).sum()


def row_operations(a):
    rows = xp.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            rows[i, j] = a[i, j] / (1.0 + a[j, i] ** 2)
    return rows[0] @ rows[1], rows[:, 2], rows.T[1]


def early_return_in_loops(x):
    for i in range(5):
        for j in range(3):
            x = x * 1.1 + 0.01 * i * j
            if x > 2.0:
                return x * x
    return x


def while_else(x):
    n = 0
    while x < 3.0:
        x *= 1.5
        n += 1
        if n > 4:
            break
    else:
        x += 1.0 / x
    return x * n


def unused_result(x, y):
    z = math.sin(x)
    z = y
    return z * 2.0


def constant_result(x):
    return 1.0, x


def enumerate_zip_reversed(x, y):
    total = 0.0
    for k, (u, v) in enumerate(zip((x, y, 2.0), (y, 1.0, x)), start=1):
        total += k * u * v
    for k in reversed(range(3)):
        total = total * x + k
    return total


def compose(x):
    return reduce(lambda u, v: u * v, [x, x + 1.0, x + 2.0])


def tuple_slices(values):
    head, tail = values[0], values[1:]
    return head * tail[-1] + len(values) * values[:2][1]


def ternary_chain(x):
    return -x if x < -0.5 else x * x if x < 0.5 else math.log(x + 1.0)


def in_place_sum(y, out):
    out[0] = y[0] * y[1]
    out[1] = out[0] + y[1] ** 2


REAL, POSITIVE = between(-2.0, 2.0), between(0.3, 2.5)
CASES = [
    case(annotations, REAL, REAL, float32=True),
    case(optional_argument, REAL),
    case(several_returns, REAL, REAL),
    case(raises, POSITIVE, wrt="x"),
    case(chained_everything, POSITIVE, POSITIVE),
    case(keyword_calls, REAL, REAL),
    case(comprehension, REAL),
    case(filtered_comprehension, REAL, REAL),
    case(appended, REAL),
    case(mode_switch, REAL, "fast"),
    case(mode_switch, REAL, "careful"),
    case(global_mode, REAL),
    case(dictionary_constant, REAL),
    case(nested_tuples, ((REAL, REAL), REAL), REAL),
    case(star_arguments, REAL, REAL),
    case(closure_of_helper, REAL, REAL),
    case(lambdas, REAL, REAL),
    case(factorial_power, REAL, 4, wrt="x"),
    case(even_odd, POSITIVE, 3),
    case(walrus, REAL),
    case(instance_check, REAL, 3, wrt="x"),
    case(integer_arithmetic, REAL, 5),
    case(boolean_flags, REAL, POSITIVE, True),
    case(loop_else, between(0.5, 1.5), between(2.0, 6.0)),
    case(continue_loop, REAL),
    case(nested_loops, REAL, REAL),
    case(swap_sort, REAL, REAL, REAL),
    case(modulo_and_floor, between(2.1, 2.9), between(0.6, 0.9)),
    case(power_forms, POSITIVE, between(0.5, 3.0), float32=True),
    case(extrema, REAL, REAL, REAL),
    case(casts, REAL, 3),
    case(module_aliases, REAL),
    case(class_attributes, REAL),
    case(docstring_and_pass, REAL),
    case(element_stores, array(-1.0, 1.0, 3), REAL, shapes={"y": 3}),
    case(copy_then_write, array(-1.0, 1.0, 3), shapes={"y": 3}),
    case(matrix_products, array(-1.0, 1.0, 3, 3), array(-1.0, 1.0, 3, 3), array(-1.0, 1.0, 3),
         shapes={"a": (3, 3), "b": (3, 3), "x": 3}),
    case(row_operations, array(-1.0, 1.0, 3, 3), shapes={"a": (3, 3)}),
    case(early_return_in_loops, between(0.5, 2.5)),
    case(while_else, between(0.3, 2.9)),
    case(unused_result, REAL, REAL),
    case(constant_result, REAL),
    case(enumerate_zip_reversed, REAL, REAL),
    case(tuple_slices, (REAL, REAL, REAL, REAL)),
    case(ternary_chain, REAL),
    case(in_place_sum, array(-1.0, 1.0, 2), xp.zeros(2), of="out", shapes={"y": 2, "out": 2}),
]  # fmt: skip
