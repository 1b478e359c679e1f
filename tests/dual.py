"""Dual numbers with many directions: the tests' own, independent reference for derivatives.

Runs an ordinary numerical function by operator overloading, in 50 digits unless told otherwise. The function is rebuilt
with its globals and closure replaced: `math`, `cmath`, `np` and a few builtins become stand-ins that know `Dual`,
helpers are rebuilt in the same way. Shares no code with srcdiff. Branches are decided by values; `near_ties` counts the
decisions that rounding could turn.

>>> import math
>>> def area(radius, height):
...     return 2.0 * math.pi * radius * (radius + height)
>>> value, jacobian = value_and_jacobian(area, (1.0, 3.0))
>>> jacobian[1] == 2.0 * math.pi
True
"""

import builtins
import cmath
import contextlib
import functools
import math
import types

import mpmath
import numpy as np

DIGITS = 50

_context = mpmath.mp
near_ties = 0


@contextlib.contextmanager
def arithmetic(digits=DIGITS):
    """Evaluate in `digits` decimal digits; with None in float64, as compiled code does."""
    global _context
    before = _context
    _context = mpmath.fp if digits is None else mpmath.mp
    try:
        with mpmath.workdps(digits or mpmath.mp.dps):
            yield
    finally:
        _context = before


def _number(x):
    if isinstance(x, Dual):
        return x.value
    if isinstance(x, (complex, np.complexfloating)):
        return _context.mpc(complex(x))
    if isinstance(x, (mpmath.mpf, mpmath.mpc)):
        return x
    if isinstance(x, (bool, np.bool_, int, np.integer)):
        return _context.mpf(int(x))
    return _context.mpf(float(x))


def _is_complex(value):
    return isinstance(value, (complex, mpmath.mpc))


def _nan():
    return _context.mpf("nan")


def _inf(sign=1):
    return _context.mpf("inf") if sign >= 0 else -_context.mpf("inf")


def _divide(a, b):
    try:
        return a / b
    except ZeroDivisionError:
        return _nan() if a == 0 or a != a or _is_complex(a) else _inf(1 if a > 0 else -1)


def _nearest(value):
    return _context.mpf(round(value)) if _context is mpmath.fp else _context.nint(value)


def _floor(value):
    """The floor as a value of the context; a note where rounding could turn it."""
    if not _context.isfinite(value):
        return value
    nearest = _nearest(value)
    _note_tie(value, nearest)
    return _context.floor(value)


def _note_tie(a, b):
    global near_ties
    try:
        if not (_context.isfinite(a) and _context.isfinite(b)):
            return
        if a == b and float(a) == a:
            return  # exact in float64 as well
        if abs(a - b) <= 1e-10 * max(abs(a), abs(b), 1e-2):
            near_ties += 1
    except TypeError:
        return


class Dual:
    """A value and its tangents, one for each direction; an absent direction is a structural zero.

    >>> x = Dual(3.0, {0: 1.0})
    >>> (x * x).tangents[0] == 6
    True
    """

    __slots__ = ("tangents", "value")
    __hash__ = None

    def __init__(self, value, tangents=None):
        self.value = _number(value)
        self.tangents = {k: _number(v) for k, v in (tangents or {}).items()}

    def __repr__(self):
        return f"Dual({self.value}, {self.tangents})"

    def __add__(self, other):
        return _binary(_add, self, other)

    def __radd__(self, other):
        return _binary(_add, other, self)

    def __sub__(self, other):
        return _binary(_subtract, self, other)

    def __rsub__(self, other):
        return _binary(_subtract, other, self)

    def __mul__(self, other):
        return _binary(_multiply, self, other)

    def __rmul__(self, other):
        return _binary(_multiply, other, self)

    def __truediv__(self, other):
        return _binary(_true_divide, self, other)

    def __rtruediv__(self, other):
        return _binary(_true_divide, other, self)

    def __floordiv__(self, other):
        return _binary(_floor_divide, self, other)

    def __rfloordiv__(self, other):
        return _binary(_floor_divide, other, self)

    def __mod__(self, other):
        return _binary(_modulo, self, other)

    def __rmod__(self, other):
        return _binary(_modulo, other, self)

    def __divmod__(self, other):
        return self // other, self % other

    def __rdivmod__(self, other):
        return other // self, other % self

    def __pow__(self, other):
        return _binary(_power, self, other)

    def __rpow__(self, other):
        return _binary(_power, other, self)

    def __neg__(self):
        return _chain(-self.value, (self, -1))

    def __pos__(self):
        return self

    def __abs__(self):
        return _absolute(self)

    def __lt__(self, other):
        return _compare(self, other, lambda a, b: a < b)

    def __le__(self, other):
        return _compare(self, other, lambda a, b: a <= b)

    def __gt__(self, other):
        return _compare(self, other, lambda a, b: a > b)

    def __ge__(self, other):
        return _compare(self, other, lambda a, b: a >= b)

    def __eq__(self, other):
        return _compare(self, other, lambda a, b: a == b)

    def __ne__(self, other):
        return _compare(self, other, lambda a, b: a != b)

    def __bool__(self):
        _note_tie(self.value, _context.mpf(0))
        return bool(self.value != 0)

    def __int__(self):
        whole = _floor(abs(self.value))
        return int(whole if self.value >= 0 else -whole)

    __trunc__ = __int__

    def __floor__(self):
        return int(_floor(self.value))

    def __ceil__(self):
        return -int(_floor(-self.value))

    def __round__(self, digits=None):
        scale = 10 ** (digits or 0)
        _note_tie(self.value * scale * 2, 2 * _context.floor(self.value * scale) + 1)
        rounded = _nearest(self.value * scale)
        return int(rounded) if digits is None else Dual(rounded / scale)

    @property
    def real(self):
        return Dual(_real(self.value), {k: _real(v) for k, v in self.tangents.items()})

    @property
    def imag(self):
        return Dual(_imag(self.value), {k: _imag(v) for k, v in self.tangents.items()})

    def conjugate(self):
        if not _is_complex(self.value):
            return self
        return Dual(_context.conj(self.value), {k: _context.conj(v) for k, v in self.tangents.items()})

    def item(self):
        return self


def _real(value):
    return value.real if _is_complex(value) else value


def _imag(value):
    return value.imag if _is_complex(value) else _context.mpf(0)


def _compare(a, b, relation):
    if b is None or isinstance(b, str):
        return NotImplemented
    if isinstance(b, np.ndarray):
        return np.frompyfunc(lambda y: _compare(a, y, relation), 1, 1)(b)
    a, b = _number(a), _number(b)
    _note_tie(a, b)
    return bool(relation(a, b))


def _chain(value, *terms):
    """The chain rule: terms are (operand, partial). A structural zero is never multiplied."""
    result = Dual.__new__(Dual)
    result.value = value
    tangents = {}
    for operand, partial in terms:
        if isinstance(operand, Dual):
            for direction, tangent in operand.tangents.items():
                term = partial * tangent
                tangents[direction] = tangents[direction] + term if direction in tangents else term
    result.tangents = tangents
    return result


def _binary(rule, a, b):
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.frompyfunc(lambda x, y: _binary(rule, x, y), 2, 1)(a, b)
    if isinstance(a, (str, tuple, list)) or isinstance(b, (str, tuple, list)) or a is None or b is None:
        return NotImplemented
    return rule(a, b)


def _active(x):
    return isinstance(x, Dual) and bool(x.tangents)


def _add(a, b):
    return _chain(_number(a) + _number(b), (a, 1), (b, 1))


def _subtract(a, b):
    return _chain(_number(a) - _number(b), (a, 1), (b, -1))


def _multiply(a, b):
    x, y = _number(a), _number(b)
    return _chain(x * y, (a, y), (b, x))


def _true_divide(a, b):
    x, y = _number(a), _number(b)
    quotient = _divide(x, y)
    return _chain(quotient, (a, _divide(_context.mpf(1), y)), (b, -_divide(quotient, y) if _active(b) else 0))


def _floor_divide(a, b):
    return Dual(_floor(_divide(_number(a), _number(b))))


def _modulo(a, b):
    x, y = _number(a), _number(b)
    if y == 0:
        return _chain(_nan(), (a, 1), (b, _nan()))
    whole = _floor(x / y)
    return _chain(x - y * whole, (a, 1), (b, -whole))


def _fmod(a, b):
    x, y = _number(a), _number(b)
    if y == 0:
        return _chain(_nan(), (a, 1), (b, _nan()))
    whole = _floor(abs(x / y)) * (1 if x / y >= 0 else -1)
    return _chain(x - y * whole, (a, 1), (b, -whole))


def _remainder(a, b):
    x, y = _number(a), _number(b)
    _note_tie(2 * x / y, 2 * _context.floor(x / y) + 1)
    whole = _nearest(x / y)
    return _chain(x - y * whole, (a, 1), (b, -whole))


def _real_power(x, p):
    """`x**p` as NumPy's float64 has it: inf or nan where Python raises or leaves the real line."""
    if x == 0:
        if p == 0:
            return _context.mpf(1)
        return _context.mpf(0) if p > 0 else _inf()
    if _is_complex(x) or _is_complex(p):
        return x**p
    if x < 0 and p != _context.floor(p):
        return _nan()
    return x ** int(p) if p == _context.floor(p) and abs(p) < 1e6 else x**p


def _power(a, b):
    x, p = _number(a), _number(b)
    value = _real_power(x, p)
    if x == 0 and not _is_complex(p):
        by_base = _context.mpf(1) if p == 1 else 0 if p > 1 or p == 0 else _inf(p)
        by_exponent = 0 if p > 0 else _nan()
    else:
        by_base = p * _real_power(x, p - 1) if p != 0 else 0
        by_exponent = 0
        if _active(b):
            by_exponent = value * _context.log(x) if _is_complex(x) or x > 0 else _nan()
    return _chain(value, (a, by_base), (b, by_exponent))


def _absolute(a):
    x = _number(a)
    if _is_complex(x):
        size = abs(x)
        if size == 0:
            return Dual(0.0)
        parts = {k: (_real(x) * _real(v) + _imag(x) * _imag(v)) / size for k, v in a.tangents.items()}
        return Dual(size, parts)
    _note_tie(x, _context.mpf(0))
    return _chain(abs(x), (a, 1 if x > 0 else -1 if x < 0 else 0))


def _hypot(*sides):
    values = [_number(s) for s in sides]
    size = _context.sqrt(sum((v * v for v in values), _context.mpf(0)))
    return _chain(size, *((s, v / size if size != 0 else 0) for s, v in zip(sides, values)))


def _arctan2(a, b):
    y, x = _number(a), _number(b)
    square = x * x + y * y
    if square == 0:
        return _chain(_context.mpf(0), (a, _nan()), (b, _nan()))
    return _chain(_context.atan2(y, x), (a, x / square), (b, -y / square))


def _extremum(pick_first):
    def extremum(a, b):
        x, y = _number(a), _number(b)
        _note_tie(x, y)
        if x == y:
            return _chain(x, (a, _context.mpf(0.5)), (b, _context.mpf(0.5)))
        first = pick_first(x, y)
        return _chain(x if first else y, (a, 1 if first else 0), (b, 0 if first else 1))

    return extremum


def _fextremum(extremum):
    def ignoring_nan(a, b):
        if _context.isnan(_number(a)):
            return b
        if _context.isnan(_number(b)):
            return a
        return extremum(a, b)

    return ignoring_nan


_maximum = _extremum(lambda x, y: x > y)
_minimum = _extremum(lambda x, y: x < y)


def _copysign(a, b):
    x, y = _number(a), _number(b)
    negative = y < 0 or math.copysign(1.0, float(y)) < 0
    flipped = (x < 0) != negative
    return _chain(-x if flipped else x, (a, (-1 if flipped else 1) if x != 0 else 0))


def _log_of(x):
    if x == 0 and not _is_complex(x):
        return -_inf()
    return _context.log(x)


def _logaddexp(a, b):
    x, y = _number(a), _number(b)
    top = max(x, y)
    value = top + _context.log(_context.exp(x - top) + _context.exp(y - top))
    return _chain(value, (a, _context.exp(x - value)), (b, _context.exp(y - value)))


def _logaddexp2(a, b):
    two = _context.log(_context.mpf(2))
    scaled = _logaddexp(_multiply(a, two), _multiply(b, two))
    return _true_divide(scaled, two)


def _log(a, base=None):
    return UNARY["log"](a) if base is None else _true_divide(UNARY["log"](a), UNARY["log"](base))


def _fma(a, b, c):
    return _add(_multiply(a, b), c)


def _ldexp(a, exponent):
    return _multiply(a, _context.mpf(2) ** int(exponent))


def _modf(a):
    x = _number(a)
    whole = _floor(abs(x)) * (1 if x >= 0 else -1)
    return _chain(x - whole, (a, 1)), Dual(whole)


def _fsum(items):
    return functools.reduce(_add, list(items), 0.0)


def _prod(items, start=1):
    return functools.reduce(_multiply, list(np.ravel(np.array(list(items), dtype=object))), start)


def _dist(p, q):
    return _hypot(*(_subtract(a, b) for a, b in zip(p, q)))


def _unary(value, partial):
    def rule(a):
        x = _number(a)
        try:
            y = value(x)
        except (ValueError, ZeroDivisionError):
            y = _nan()
        if _is_complex(y) and not _is_complex(x):
            y = _nan()
        if not _active(a):
            return Dual(y)
        try:
            slope = partial(x, y)
        except ZeroDivisionError:
            slope = _inf()
        except OverflowError:
            slope = _context.mpf(0)  # only 1 / cosh(x)**2 in float64
        if _is_complex(slope) and not _is_complex(x):
            slope = _nan()
        return _chain(y, (a, slope))

    return rule


def _flat(value):
    """A rule for the functions that are constant between their jumps."""

    def rule(a):
        return Dual(value(_number(a)))

    return rule


def _rint(x):
    _note_tie(2 * x, 2 * _context.floor(x) + 1)
    return _nearest(x)


def _sign(x):
    _note_tie(x, _context.mpf(0))
    return _context.mpf(0 if x == 0 else 1 if x > 0 else -1)


def _sinc_slope(x, y):
    if abs(x) < 1e-12:
        return -(_context.pi**2) * x / 3
    angle = _context.pi * x
    return (_context.cos(angle) - y) / x


def _sinc(x):
    return _context.mpf(1) if x == 0 else _context.sin(_context.pi * x) / (_context.pi * x)


def _ln(base):
    return _context.log(_context.mpf(base))


UNARY = {
    "sin": _unary(lambda x: _context.sin(x), lambda x, y: _context.cos(x)),
    "cos": _unary(lambda x: _context.cos(x), lambda x, y: -_context.sin(x)),
    "tan": _unary(lambda x: _context.tan(x), lambda x, y: 1 + y * y),
    "asin": _unary(lambda x: _context.asin(x), lambda x, y: 1 / _context.sqrt(1 - x * x)),
    "acos": _unary(lambda x: _context.acos(x), lambda x, y: -1 / _context.sqrt(1 - x * x)),
    "atan": _unary(lambda x: _context.atan(x), lambda x, y: 1 / (1 + x * x)),
    "sinh": _unary(lambda x: _context.sinh(x), lambda x, y: _context.cosh(x)),
    "cosh": _unary(lambda x: _context.cosh(x), lambda x, y: _context.sinh(x)),
    "tanh": _unary(lambda x: _context.tanh(x), lambda x, y: 1 / _context.cosh(x) ** 2),
    "asinh": _unary(lambda x: _context.asinh(x), lambda x, y: 1 / _context.sqrt(1 + x * x)),
    "acosh": _unary(lambda x: _context.acosh(x), lambda x, y: 1 / _context.sqrt(x - 1) / _context.sqrt(x + 1)),
    "atanh": _unary(lambda x: _context.atanh(x), lambda x, y: 1 / (1 - x * x)),
    "exp": _unary(lambda x: _context.exp(x), lambda x, y: y),
    "exp2": _unary(lambda x: _context.mpf(2) ** x, lambda x, y: y * _ln(2)),
    "expm1": _unary(lambda x: _context.expm1(x), lambda x, y: _context.exp(x)),
    "log": _unary(_log_of, lambda x, y: 1 / x),
    "log2": _unary(lambda x: _log_of(x) / _ln(2), lambda x, y: 1 / (x * _ln(2))),
    "log10": _unary(lambda x: _log_of(x) / _ln(10), lambda x, y: 1 / (x * _ln(10))),
    "log1p": _unary(lambda x: _context.log1p(x), lambda x, y: 1 / (1 + x)),
    "sqrt": _unary(lambda x: _context.sqrt(x), lambda x, y: 1 / (2 * y)),
    "cbrt": _unary(lambda x: abs(x) ** (_context.mpf(1) / 3) * (1 if x >= 0 else -1), lambda x, y: 1 / (3 * y * y)),
    "square": _unary(lambda x: x * x, lambda x, y: 2 * x),
    "reciprocal": _unary(lambda x: _divide(_context.mpf(1), x), lambda x, y: -y * y),
    "degrees": _unary(lambda x: x * 180 / _context.pi, lambda x, y: 180 / _context.pi),
    "radians": _unary(lambda x: x * _context.pi / 180, lambda x, y: _context.pi / 180),
    "erf": _unary(lambda x: _context.erf(x), lambda x, y: 2 * _context.exp(-x * x) / _context.sqrt(_context.pi)),
    "erfc": _unary(lambda x: _context.erfc(x), lambda x, y: -2 * _context.exp(-x * x) / _context.sqrt(_context.pi)),
    "gamma": _unary(lambda x: _context.gamma(x), lambda x, y: y * _context.psi(0, x)),
    "lgamma": _unary(lambda x: _context.loggamma(x).real, lambda x, y: _context.psi(0, x)),
    "sinc": _unary(_sinc, _sinc_slope),
    "negative": _unary(lambda x: -x, lambda x, y: -1),
    "positive": _unary(lambda x: x, lambda x, y: 1),
    "sign": _flat(_sign),
    "rint": _flat(_rint),
    "spacing": _flat(lambda x: np.spacing(float(x))),
}

BINARY = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _true_divide,
    "true_divide": _true_divide,
    "floor_divide": _floor_divide,
    "mod": _modulo,
    "remainder": _modulo,
    "fmod": _fmod,
    "power": _power,
    "pow": _power,
    "float_power": _power,
    "hypot": _hypot,
    "arctan2": _arctan2,
    "atan2": _arctan2,
    "maximum": _maximum,
    "minimum": _minimum,
    "fmax": _fextremum(_maximum),
    "fmin": _fextremum(_minimum),
    "copysign": _copysign,
    "logaddexp": _logaddexp,
    "logaddexp2": _logaddexp2,
    "heaviside": lambda a, b: b if _number(a) == 0 else Dual(1 if _number(a) > 0 else 0),
}

PREDICATES = {
    "isnan": lambda a: bool(_context.isnan(_number(a))),
    "isinf": lambda a: bool(_context.isinf(_number(a))),
    "isfinite": lambda a: bool(_context.isfinite(_number(a))),
    "signbit": lambda a: bool(_number(a) < 0),
}


def _scalar_function(rule, plain):
    """The rule for Dual arguments, the function itself for plain numbers."""

    @functools.wraps(rule)
    def function(*args):
        if any(isinstance(a, Dual) for a in args):
            return rule(*args)
        return plain(*args)

    return function


def _elementwise(rule, plain):
    scalar = _scalar_function(rule, plain)

    def function(*args, **keywords):
        if any(isinstance(a, (np.ndarray, list, tuple)) for a in args):
            arrays = (_array(a) if isinstance(a, (list, tuple)) else a for a in args)
            return np.frompyfunc(scalar, len(args), 1)(*arrays)
        return scalar(*args)

    return function


class Cast:
    """Stands for `float`, `complex`, `np.float64` and the like, called or used as a dtype."""

    def __init__(self, kind):
        self.kind = kind
        self.is_complex = kind is complex or (kind is not float and issubclass(kind, np.complexfloating))

    def __call__(self, *args):
        if any(isinstance(a, (Dual, np.ndarray)) for a in args):
            if not self.is_complex:
                return args[0]
            real, imag = (*args, 0.0)[:2]
            return _add(_multiply(real, _context.mpc(1)), _multiply(imag, _context.mpc(0, 1)))
        return self.kind(*args)

    def __eq__(self, other):
        return other is self or other is self.kind

    def __hash__(self):
        return hash(self.kind)

    def __instancecheck__(self, instance):
        return _isinstance(instance, self)


FLOAT, COMPLEX = Cast(float), Cast(complex)


def _isinstance(instance, kinds):
    for kind in kinds if isinstance(kinds, tuple) else (kinds,):
        kind = kind.kind if isinstance(kind, Cast) else kind
        if isinstance(instance, Dual):
            numpy_kind = isinstance(kind, type) and issubclass(kind, np.generic)
            if kind is (complex if _is_complex(instance.value) else float):
                return True
            if not numpy_kind and kind is not int and isinstance(0.5, kind):
                return True
        elif isinstance(instance, kind):
            return True
    return False


def _is_discrete(dtype):
    dtype = dtype.kind if isinstance(dtype, Cast) else dtype
    return dtype is not None and np.dtype(dtype).kind in "iub"


def _has_dtype(args, keywords, place):
    return keywords.get("dtype", args[place] if len(args) > place else None)


def _array(items, dtype=None, **_):
    if _is_discrete(dtype):
        return np.array(items, dtype=dtype)
    array = np.array(items, dtype=object)
    if array.size and dtype is None and all(isinstance(x, (int, np.integer, bool, np.bool_)) for x in array.ravel()):
        return np.array(items)
    if dtype is not None and dtype in (complex, np.complex128):
        return array * Dual(1 + 0j)
    return array


def _filled(maker):
    def make(shape, *args, **keywords):
        dtype = _has_dtype(args, keywords, 0)
        if _is_discrete(dtype):
            return maker(shape, dtype=dtype)
        return maker(shape).astype(object)

    return make


def _like(value):
    def make(array, *args, **keywords):
        template = np.array(array, dtype=object)
        return np.full(template.shape, value).astype(object)

    return make


def _full(shape, fill, dtype=None):
    out = np.empty(shape, dtype=object)
    out[...] = fill
    return out


def _eye(n, m=None, k=0, dtype=None):
    return np.eye(n, m, k).astype(object)


def _norm(x, ord=None, axis=None, keepdims=False):
    x = np.array(x, dtype=object)
    if axis is not None:
        return np.apply_along_axis(lambda row: _norm(row, ord), axis, x)
    if ord in (None, 2, "fro") and (ord != 2 or x.ndim == 1):
        flat = [abs(v) if _is_complex(_number(v)) else v for v in x.ravel()]
        return _hypot(*flat)
    if x.ndim == 1 and ord == 1:
        return _fsum(abs(v) for v in x)
    if x.ndim == 1 and ord == np.inf:
        return max(abs(v) for v in x)
    raise NotImplementedError(f"norm with ord={ord}")


def _dot(a, b):
    return np.dot(np.array(a, dtype=object), np.array(b, dtype=object))


def _cross(a, b):
    (a0, a1, a2), (b0, b1, b2) = a, b
    return _array([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0])


def _reduction(fold):
    def reduce(array, axis=None, **_):
        array = np.array(array, dtype=object)
        if axis is None:
            return fold(list(array.ravel()))
        moved = np.moveaxis(array, axis, -1)
        out = np.empty(moved.shape[:-1], dtype=object)
        for index in np.ndindex(out.shape):
            out[index] = fold(list(moved[index]))
        return out

    return reduce


def _mean(items):
    return _fsum(items) / len(items)


def _variance(items):
    center = _mean(items)
    return _mean([(x - center) * (x - center) for x in items])


def _where(condition, a, b):
    def choose(c, x, y):
        return x if c else y

    if any(isinstance(v, np.ndarray) for v in (condition, a, b)):
        return np.frompyfunc(choose, 3, 1)(condition, a, b)
    return choose(condition, a, b)


def _clip(a, low, high):
    out = a
    if low is not None:
        out = BINARY_NUMPY["maximum"](out, low)
    return out if high is None else BINARY_NUMPY["minimum"](out, high)


def _eliminate(matrix, right):
    """Gaussian elimination with pivoting by magnitude: the solution and the determinant."""
    a = np.array(matrix, dtype=object).copy()
    b = np.array(right, dtype=object).copy()
    n = len(a)
    determinant = 1.0
    for k in range(n):
        pivot = max(range(k, n), key=lambda r: abs(_number(a[r, k])))
        if pivot != k:
            a[[k, pivot]] = a[[pivot, k]]
            b[[k, pivot]] = b[[pivot, k]]
            determinant = -determinant
        determinant = determinant * a[k, k]
        for r in range(k + 1, n):
            factor = a[r, k] / a[k, k]
            a[r] = a[r] - factor * a[k]
            b[r] = b[r] - factor * b[k]
    for k in reversed(range(n)):
        for j in range(k + 1, n):
            b[k] = b[k] - a[k, j] * b[j]
        b[k] = b[k] / a[k, k]
    return b, determinant


class Standin:
    """A module's stand-in: our functions first, then the module itself."""

    def __init__(self, module, table):
        self._module = module
        self._table = table

    def __getattr__(self, name):
        if name in self._table:
            return self._table[name]
        return getattr(self._module, name)


def _math_table():
    table = {name: _scalar_function(rule, getattr(math, name)) for name, rule in UNARY.items() if hasattr(math, name)}
    pairs = {"atan2": _arctan2, "pow": _power, "fmod": _fmod, "remainder": _remainder, "copysign": _copysign}
    pairs |= {"hypot": _hypot, "log": _log, "modf": _modf, "fabs": _absolute}
    pairs |= {name: PREDICATES[name] for name in ("isnan", "isinf", "isfinite")}
    table |= {name: _scalar_function(rule, getattr(math, name)) for name, rule in pairs.items()}
    return table | {"fsum": _fsum, "prod": _prod, "dist": _dist, "ldexp": _ldexp, "fma": _fma}


CIRCULAR = ("sin", "cos", "tan", "sinh", "cosh", "tanh")
CMATH_NAMES = (*CIRCULAR, *(f"a{name}" for name in CIRCULAR), "exp", "log", "log10", "sqrt")


def _as_complex(rule, plain):
    def function(z, *args):
        if isinstance(z, Dual):
            return rule(COMPLEX(z), *args)
        return plain(z, *args)

    return function


def _phase(z):
    return _arctan2(z.imag, z.real)


def _rect(radius, angle):
    return COMPLEX(radius * MATH.cos(angle), radius * MATH.sin(angle))


def _cmath_table():
    table = {name: _as_complex(_log if name == "log" else UNARY[name], getattr(cmath, name)) for name in CMATH_NAMES}
    table["phase"] = _scalar_function(_phase, cmath.phase)
    table["polar"] = lambda z: (abs(z), table["phase"](z))
    table["rect"] = _rect
    return table


def _numpy_scalar_table():
    inverse = {f"arc{n}": f"a{n}" for n in CIRCULAR}
    aliases = {"deg2rad": "radians", "rad2deg": "degrees"} | inverse
    names = [n for n in UNARY if hasattr(np, n)] + list(aliases)
    table = {name: _elementwise(UNARY[aliases.get(name, name)], getattr(np, name)) for name in names}
    table |= {name: _elementwise(rule, getattr(np, name)) for name, rule in PREDICATES.items()}
    table |= {name: _elementwise(_absolute, getattr(np, name)) for name in ("abs", "absolute", "fabs")}
    table |= {
        "floor": _elementwise(_flat(_floor), np.floor),
        "ceil": _elementwise(_flat(lambda x: -_floor(-x)), np.ceil),
        "trunc": _elementwise(_flat(lambda x: _floor(abs(x)) * (1 if x >= 0 else -1)), np.trunc),
        "real": _elementwise(lambda z: z.real, np.real),
        "imag": _elementwise(lambda z: z.imag, np.imag),
        "conj": _elementwise(lambda z: z.conjugate(), np.conj),
        "conjugate": _elementwise(lambda z: z.conjugate(), np.conjugate),
        "angle": _elementwise(_phase, np.angle),
    }
    return table


BINARY_NUMPY = {name: _elementwise(rule, getattr(np, name)) for name, rule in BINARY.items() if hasattr(np, name)}


def _numpy_table():
    table = _numpy_scalar_table() | BINARY_NUMPY
    # At a tie the first extremum counts, as builtin min and max have it.
    largest, smallest = _reduction(max), _reduction(min)
    table |= {
        "array": _array,
        "asarray": lambda a, dtype=None: a if isinstance(a, np.ndarray) and dtype is None else _array(a, dtype),
        "zeros": _filled(np.zeros),
        "ones": _filled(np.ones),
        "empty": _filled(np.zeros),
        "zeros_like": _like(0.0),
        "ones_like": _like(1.0),
        "empty_like": _like(0.0),
        "full": _full,
        "eye": _eye,
        "identity": _eye,
        "dot": _dot,
        "vdot": _dot,
        "inner": lambda a, b: _dot(a, np.transpose(b)),
        "matmul": _dot,
        "outer": lambda a, b: np.multiply.outer(np.array(a, dtype=object), np.array(b, dtype=object)),
        "cross": _cross,
        "sum": _reduction(_fsum),
        "prod": _reduction(_prod),
        "mean": _reduction(_mean),
        "var": _reduction(_variance),
        "std": _reduction(lambda items: UNARY["sqrt"](_variance(items))),
        "max": largest,
        "amax": largest,
        "min": smallest,
        "amin": smallest,
        "where": _where,
        "clip": _clip,
        "trace": lambda a: _fsum(a[i, i] for i in range(len(a))),
        "float64": Cast(np.float64),
        "float32": Cast(np.float32),
        "complex128": Cast(np.complex128),
        "linalg": Standin(
            np.linalg,
            {
                "norm": _norm,
                "det": lambda a: _eliminate(a, np.zeros(len(a)))[1],
                "solve": lambda a, b: _eliminate(a, b)[0],
                "inv": lambda a: _eliminate(a, np.eye(len(a)))[0],
            },
        ),
    }
    return table


MATH = Standin(math, _math_table())
CMATH = Standin(cmath, _cmath_table())
NUMPY = Standin(np, _numpy_table())
BUILTINS = dict(vars(builtins)) | {"float": FLOAT, "complex": COMPLEX, "isinstance": _isinstance}
MODULES = {id(math): MATH, id(cmath): CMATH, id(np): NUMPY, id(np.linalg): NUMPY.linalg}


def _imported_names():
    """`from math import sin` and the like: the functions themselves, by identity."""
    table = {}
    for module, standin in ((math, MATH), (cmath, CMATH), (np.linalg, NUMPY.linalg), (np, NUMPY)):
        table |= {id(getattr(module, name)): value for name, value in standin._table.items() if hasattr(module, name)}
    return table


IMPORTED = _imported_names()


class _Rebuild:
    """Functions rebuilt on the stand-ins, each once, so that recursion finds itself."""

    def __init__(self):
        self.done = {}

    def __call__(self, thing):
        if isinstance(thing, types.ModuleType):
            return MODULES.get(id(thing), thing) if id(thing) in MODULES else self._foreign(thing)
        if id(thing) in IMPORTED:
            return IMPORTED[id(thing)]
        if hasattr(thing, "py_func"):
            thing = thing.py_func
        if isinstance(thing, functools.partial):
            return functools.partial(self(thing.func), *thing.args, **thing.keywords)
        if isinstance(thing, types.MethodType):
            return types.MethodType(self(thing.__func__), thing.__self__)
        if isinstance(thing, np.ndarray) and thing.dtype.kind == "f":
            return thing.astype(object)
        if isinstance(thing, types.FunctionType) and thing.__globals__ is not globals():
            return self.function(thing)
        return thing

    def _foreign(self, module):
        functions = {k: v for k, v in vars(module).items() if isinstance(v, types.FunctionType)}
        return Standin(module, {name: self(f) for name, f in functions.items() if f.__module__ == module.__name__})

    def function(self, function):
        if id(function) in self.done:
            return self.done[id(function)]
        cells = tuple(types.CellType() for _ in function.__closure__ or ())
        scope = {"__builtins__": BUILTINS, "__name__": function.__module__}
        rebuilt = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, cells)
        rebuilt.__kwdefaults__ = function.__kwdefaults__
        self.done[id(function)] = rebuilt
        for name in _names(function.__code__):
            if name in function.__globals__:
                scope[name] = self(function.__globals__[name])
        for cell, original in zip(cells, function.__closure__ or ()):
            with contextlib.suppress(ValueError):
                cell.cell_contents = self(original.cell_contents)
        return rebuilt


def _names(code):
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def rebuild(function):
    """The function on the stand-ins; for arguments that hold `Dual`."""
    return _Rebuild()(function)


def is_differentiable(argument):
    """Whether an argument of this kind takes part by default; the function's text may say otherwise."""
    if isinstance(argument, tuple):
        return bool(argument) and all(is_differentiable(a) for a in argument)
    if isinstance(argument, np.ndarray):
        return argument.dtype.kind in "fc"
    return isinstance(argument, (float, complex, np.floating, np.complexfloating))


def parameter_names(function):
    code = getattr(function, "py_func", function).__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def completed(function, args):
    """The arguments with the defaults of those left out: parameters too, as the function's text says."""
    plain = getattr(function, "py_func", function)
    missing = plain.__code__.co_argcount - len(args)
    return (*args, *(plain.__defaults__ or ())[-missing:]) if missing > 0 else tuple(args)


def selected(function, args, wrt=None, of=None):
    """The positions of the differentiable arguments, and whether the inner tuple is dropped."""
    names = parameter_names(function)
    outputs = (of,) if isinstance(of, str) else tuple(of or ())
    if wrt is None:
        places = [i for i, a in enumerate(args) if is_differentiable(a) and names[i] not in outputs]
        return places, len(places) == 1
    single = isinstance(wrt, (str, int))
    chosen = [wrt] if single else list(wrt)
    return [names.index(w) if isinstance(w, str) else w for w in chosen], single


def _rebuilt_tuple(like, items):
    return type(like)(*items) if hasattr(like, "_fields") else tuple(items)


def _lift(argument, counter=None):
    """The argument as Duals, and the structure of its directions (None where it is constant)."""
    if isinstance(argument, tuple):
        pairs = [_lift(a, counter) for a in argument]
        structure = tuple(s for _, s in pairs) if counter is not None else None
        return _rebuilt_tuple(argument, [v for v, _ in pairs]), structure
    if isinstance(argument, np.ndarray) and argument.dtype.kind in "fc":
        lifted = np.empty(argument.shape, dtype=object)
        directions = np.empty(argument.shape, dtype=int)
        for index in np.ndindex(argument.shape):
            lifted[index], direction = _lift(argument[index], counter)
            directions[index] = -1 if direction is None else direction
        return lifted, (directions if counter is not None else None)
    if is_differentiable(argument):
        if counter is None:
            return Dual(argument), None
        counter.append(len(counter))
        return Dual(argument, {counter[-1]: 1.0}), counter[-1]
    return argument, None


def _plain(value):
    value = _number(value)
    return complex(value) if _is_complex(value) else float(value)


def _lower(value):
    """The value as ordinary tuples, arrays and numbers."""
    if isinstance(value, (tuple, list)):
        return tuple(_lower(v) for v in value)
    if isinstance(value, np.ndarray):
        return np.array([_plain(v) for v in value.ravel()]).reshape(value.shape)
    return _plain(value)


def _tangent(value, direction):
    tangent = value.tangents.get(direction, 0.0) if isinstance(value, Dual) else 0.0
    value = value.value if isinstance(value, Dual) else value
    return complex(tangent) if _is_complex(value) or _is_complex(tangent) else float(tangent)


def _nest(value, directions):
    """The Jacobian's structure: the output's, each leaf replaced by that of the inputs."""
    if isinstance(value, (tuple, list)):
        return tuple(_nest(v, directions) for v in value)
    if isinstance(directions, tuple):
        return tuple(_nest(value, d) for d in directions)
    if isinstance(value, np.ndarray) or isinstance(directions, np.ndarray):
        rows = np.array(value, dtype=object)
        columns = np.array(directions)
        flat = [_tangent(v, d) for v in rows.ravel() for d in columns.ravel()]
        return np.array(flat).reshape(rows.shape + columns.shape)
    return _tangent(value, directions)


def _output(value, lifted, function, of):
    if of is None:
        return value
    names = parameter_names(function)
    if isinstance(of, str):
        return lifted[names.index(of)]
    return tuple(lifted[names.index(name)] for name in of)


def value_and_jacobian(function, args, wrt=None, of=None, digits=DIGITS):
    """`(value, jacobian)` of function at args, nested as JAX's `jacfwd` nests it."""
    args = completed(function, args)
    with arithmetic(digits):
        places, single = selected(function, args, wrt, of)
        counter = []
        pairs = {p: _lift(args[p], counter) for p in places}
        lifted = [pairs[i][0] if i in pairs else _lift(a)[0] for i, a in enumerate(args)]
        directions = pairs[places[0]][1] if single else tuple(pairs[p][1] for p in places)
        value = _output(rebuild(function)(*lifted), lifted, function, of)
        return _lower(value), _nest(value, directions)


def dual_jacobian(function, args, wrt=None, of=None, digits=DIGITS):
    """The Jacobian alone; see `value_and_jacobian`."""
    return value_and_jacobian(function, args, wrt, of, digits)[1]


def leaves(structure):
    """The numbers of a nested structure, flat."""
    if isinstance(structure, (tuple, list)):
        return [x for item in structure for x in leaves(item)]
    return [x.item() for x in np.ravel(np.asarray(structure))]


def difference_jacobian(function, args, wrt=None, of=None, digits=80):
    """The m x n matrix by central differences in 80 digits: knows no rule for any derivative.

    The step is 1e-25, so the error is about 1e-50 of the third derivative, and rounding 1e-55 of the value.
    """
    args = completed(function, args)
    with arithmetic(digits):
        places, _ = selected(function, args, wrt, of)
        counter = []
        chosen = {p: _lift(args[p], counter)[0] for p in places}
        lifted = [chosen[i] if i in chosen else _lift(a)[0] for i, a in enumerate(args)]
        step = mpmath.mpf(10) ** -25

        def evaluate(direction, shift):
            moved = [_shifted(a, direction, shift) for a in lifted]
            outcome = _output(rebuild(function)(*moved), moved, function, of)
            return [_number(v) for v in _numbers(outcome)]

        columns = []
        for direction in counter:
            up, down = evaluate(direction, step), evaluate(direction, -step)
            columns.append([(a - b) / (2 * step) for a, b in zip(up, down)])
        rows = [[complex(x) if _is_complex(x) else float(x) for x in row] for row in zip(*columns)]
        return np.array(rows).reshape(-1, len(counter))


def _numbers(structure):
    if isinstance(structure, (tuple, list)):
        return [x for item in structure for x in _numbers(item)]
    return list(structure.ravel()) if isinstance(structure, np.ndarray) else [structure]


def _shifted(argument, direction, shift):
    """The argument without tangents, moved along one direction."""
    if isinstance(argument, tuple):
        return _rebuilt_tuple(argument, [_shifted(a, direction, shift) for a in argument])
    if isinstance(argument, np.ndarray):
        moved = np.empty(argument.shape, dtype=object)
        for index in np.ndindex(argument.shape):
            moved[index] = _shifted(argument[index], direction, shift)
        return moved
    if isinstance(argument, Dual):
        return Dual(argument.value + shift * argument.tangents.get(direction, 0))
    return argument


def matrix(jacobian, value):
    """The nested Jacobian as the m x n matrix: outputs flattened as rows, inputs as columns.

    >>> matrix((1.0, (2.0, 3.0)), 0.5)
    array([[1., 2., 3.]])
    """
    if isinstance(value, (tuple, list)):
        return np.concatenate([matrix(j, v) for j, v in zip(jacobian, value)])
    rows, ndim = np.size(value), np.ndim(value)
    blocks = [block.reshape(rows, math.prod(block.shape[ndim:])) for block in _blocks(jacobian)]
    return np.concatenate(blocks, axis=1)


def _blocks(jacobian):
    if isinstance(jacobian, tuple):
        return [block for item in jacobian for block in _blocks(item)]
    return [np.asarray(jacobian)]


def mismatch(actual, expected, relative=1e-9, scale=None):
    """None where two nested results agree in structure and numbers, else a sentence that says where not.

    Numbers are compared relative to themselves, or to the largest entry of the expected structure times 1e-3.

    >>> mismatch((1.0, 2.0), (1.0, 2.5))
    '[1]: 2.0 where 2.5 is right'
    """
    if scale is None:
        finite = [abs(x) for x in leaves(expected) if np.isfinite(x)]
        scale = 1e-3 * max(finite, default=0.0)
    if isinstance(expected, tuple):
        if not isinstance(actual, tuple) or len(actual) != len(expected):
            return f": {_kind(actual)} where {_kind(expected)} is right"
        for i, (a, e) in enumerate(zip(actual, expected)):
            problem = mismatch(a, e, relative, scale)
            if problem:
                return f"[{i}]{problem}"
        return None
    if isinstance(actual, (tuple, list)) or np.shape(actual) != np.shape(expected):
        return f": {_kind(actual)} where {_kind(expected)} is right"
    for a, e in zip(np.ravel(actual), np.ravel(expected)):
        if np.isnan(e) and np.isnan(a):
            continue
        if a == e:
            continue
        if not abs(a - e) <= relative * max(abs(e), scale):
            return f": {actual} where {expected} is right"
    return None


def _kind(x):
    if isinstance(x, tuple):
        return f"a tuple of {len(x)}"
    return f"an array of shape {np.shape(x)}" if np.shape(x) else f"a {type(x).__name__}"
