"""What the hash of a function covers, and what it refuses."""

import enum
import functools
import math
import re
import sys
import types
from collections import namedtuple

import numba
import numpy as np
import pytest

from srcdiff import jacobian_compiled
from srcdiff.compile.key import Uncacheable, fingerprint


def define(text, **names):
    """The last function that a text defines; names are its globals."""
    space = {"__name__": "tests_key", "np": np, "math": math, **names}
    exec(text, space)
    return [value for value in space.values() if isinstance(value, types.FunctionType)][-1]


BASE = "def f(x, n=2):\n    return x * 2.0 + G * n\n"


def test_the_same_twice():
    assert fingerprint(define(BASE, G=1.0)) == fingerprint(define(BASE, G=1.0))


def test_place_and_comments_do_not_count():
    moved = "# a comment\n\n" + BASE.replace("    return", "    # another\n    return")
    assert fingerprint(define(moved, G=1.0)) == fingerprint(define(BASE, G=1.0))


@pytest.mark.parametrize(
    "text, names",
    [
        (BASE.replace("2.0", "3.0"), {"G": 1.0}),
        (BASE.replace("2.0", "2"), {"G": 1.0}),
        (BASE.replace("2.0", "-0.0"), {"G": 1.0}),
        (BASE.replace("n=2", "n=3"), {"G": 1.0}),
        (BASE.replace("n=2", "n=2.0"), {"G": 1.0}),
        (BASE.replace("n=2", "n=True"), {"G": 1.0}),
        (BASE.replace("n=2", "*, n=2"), {"G": 1.0}),
        (BASE.replace("n=2", "n: int=2"), {"G": 1.0}),
        (BASE.replace("x", "y"), {"G": 1.0}),
        (BASE.replace("def f", "def g"), {"G": 1.0}),
        (BASE, {"G": 1}),
        (BASE, {"G": -1.0}),
        (BASE, {"G": np.float64(1.0)}),
        (BASE, {"G": np.float32(1.0)}),
        (BASE, {}),
    ],
)
def test_each_of_these_counts(text, names):
    assert fingerprint(define(text, **names)) != fingerprint(define(BASE, G=1.0))


@pytest.mark.parametrize(
    "first, second",
    [
        (1.0, math.nextafter(1.0, 2.0)),
        (0.0, -0.0),
        ((1.0, 2.0), [1.0, 2.0]),
        ((1, (2, 3)), ((1, 2), 3)),
        ("ab", b"ab"),
        ({"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 1.0}),
        (frozenset((1, 2)), frozenset((1, 3))),
        (np.array([1.0, 2.0]), np.array([1.0, 3.0])),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0], dtype=np.float32)),
        (np.arange(4.0).reshape(2, 2), np.arange(4.0)),
        (math.sin, math.cos),
        (np.sin, np.cos),
        (np.linalg.norm, np.linalg.det),
        (len, sum),
        (functools.partial(math.pow, 2.0), functools.partial(math.pow, 3.0)),
        (range(3), range(4)),
        (complex(0.0, 1.0), complex(-0.0, 1.0)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_globals(first, second):
    def key(value):
        return fingerprint(define(BASE, G=value))

    assert key(first) != key(second)
    assert key(first) == key(first)


def test_nan_equals_itself():
    assert fingerprint(define(BASE, G=math.nan)) == fingerprint(define(BASE, G=float("nan")))


def test_helpers_are_followed():
    def key(helper, constant):
        inner = define("def h(x):\n    return K * x\n", K=constant)
        outer = define("def g(x):\n    return inner(x)\n", inner=helper(inner))
        return fingerprint(define(BASE, G=outer))

    for wrap in (lambda f: f, numba.njit, jacobian_compiled, functools.partial, functools.lru_cache):
        assert key(wrap, 1.0) == key(wrap, 1.0)
        assert key(wrap, 1.0) != key(wrap, 2.0)


def test_cycles():
    space = {"__name__": "tests_key"}
    text = "def even(n, x):\n    return x if n == 0 else odd(n - 1, x)\n"
    text += "def odd(n, x):\n    return C if n == 0 else even(n - 1, x)\n"
    exec(text, space)
    keys = []
    for constant in (1.0, 1.0, 2.0):
        space["C"] = constant
        keys.append(fingerprint(space["even"]))
    assert keys[0] == keys[1] != keys[2]


def test_nested_functions_read_globals_too():
    text = "def f(x):\n    def inner(y):\n        return y * G\n    return inner(x)\n"
    assert fingerprint(define(text, G=1.0)) != fingerprint(define(text, G=2.0))


def test_closures():
    def make(value):
        def f(x):
            return x * value

        return f

    assert fingerprint(make(1.0)) == fingerprint(make(1.0)) != fingerprint(make(2.0))


def test_attributes_of_modules():
    module = types.ModuleType("constants")
    module.K, module.sub, module.unread = 1.0, types.ModuleType("sub"), 5.0
    module.sub.Q = 3.0
    f = define("def f(x):\n    m = constants\n    return x * m.K + constants.sub.Q\n", constants=module)
    first = fingerprint(f)
    module.unread = 6.0
    assert fingerprint(f) == first
    module.K = 2.0
    second = fingerprint(f)
    module.sub.Q = 4.0
    assert len({first, second, fingerprint(f)}) == 3


def test_attributes_read_by_a_helper_alone():
    class Settings:
        def __init__(self):
            self.rate, self.unread = 1.0, 1.0

    settings = Settings()
    helper = define("def h(s):\n    return s.rate\n")
    f = define("def f(x):\n    return x * h(s)\n", h=helper, s=settings)
    first = fingerprint(f)
    settings.unread = 2.0
    assert fingerprint(f) == first
    settings.rate = 2.0
    assert fingerprint(f) != first


def test_attributes_read_by_getattr():
    module = types.ModuleType("constants")
    module.K = 1.0
    f = define("def f(x):\n    return x * getattr(m, 'K')\n", m=module)
    first = fingerprint(f)
    module.K = 2.0
    assert fingerprint(f) != first


class Spring:
    gravity = 9.8

    def __init__(self, k):
        self.k = k

    @property
    def double(self):
        return 2.0 * self.k

    def scaled(self, x):
        return x * self.double

    def force(self, x):
        return -self.k * x + self.gravity + self.scaled(x)


def test_bound_methods(monkeypatch):
    first = fingerprint(Spring(1.0).force)
    assert fingerprint(Spring(1.0).force) == first != fingerprint(Spring(2.0).force)
    monkeypatch.setattr(Spring, "gravity", 1.6)
    assert fingerprint(Spring(1.0).force) != first


def test_methods_called_are_followed(monkeypatch):
    first = fingerprint(Spring(1.0).force)
    monkeypatch.setattr(Spring, "scaled", lambda self, x: x)
    assert fingerprint(Spring(1.0).force) != first


class Colour(enum.Enum):
    RED = 1.0
    BLUE = 2.0


Pair = namedtuple("Pair", "a b")
Other = namedtuple("Pair", "b a")


def test_classes_records_and_enums():
    keys = {
        fingerprint(define(BASE, G=value)) for value in (Pair, Other, Colour.RED, Colour.BLUE, Pair(1, 2), Other(1, 2))
    }
    assert len(keys) == 6


def test_slots():
    class Slotted:
        __slots__ = ("__hidden", "k")

        def __init__(self, k):
            self.k = k
            self.__hidden = k

    f = "def f(x):\n    return x * s.k\n"
    assert fingerprint(define(f, s=Slotted(1.0))) != fingerprint(define(f, s=Slotted(2.0)))
    assert fingerprint(define(f, s=Slotted(1.0))) == fingerprint(define(f, s=Slotted(1.0)))


def test_a_function_put_into_a_library(monkeypatch):
    f = define("def f(x):\n    return math.sin(x) * math.tau\n")
    first = fingerprint(f)
    monkeypatch.setattr(math, "tau", 3.0)
    second = fingerprint(f)
    monkeypatch.setattr(math, "sin", lambda x: x)
    assert len({first, second, fingerprint(f)}) == 3


def test_imports_within_the_function(monkeypatch):
    module = types.ModuleType("tests_key_constants")
    module.K = 1.0
    f = define("def f(x):\n    from tests_key_constants import K\n    return x * K\n")
    with pytest.raises(Uncacheable, match="tests_key_constants"):
        fingerprint(f)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    first = fingerprint(f)
    module.K = 2.0
    assert fingerprint(f) != first


class Computed:
    def __getattr__(self, name):
        return 1.0


class Lazy(types.ModuleType):
    pass


def lazy_module():
    module = types.ModuleType("lazy")
    module.__getattr__ = lambda name: 1.0
    return module


class IntLike(int):
    pass


def nested():
    value = []
    for _ in range(5000):
        value = [value]
    return value


REFUSED = [
    Computed(),
    lazy_module(),
    Lazy("m"),
    re.compile("a"),
    iter([1]),
    IntLike(1),
    np.array([None]),
    np.frompyfunc(abs, 1, 1),
    (x for x in "a"),
    object(),
    {frozenset({1}), "a"},
    nested(),
    sys.stderr,
    np.zeros(1 << 22),
    np.random.default_rng(1),
]


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: type(value).__name__)
def test_what_cannot_be_told_is_refused(value):
    with pytest.raises(Uncacheable):
        fingerprint(define(BASE, G=value))
