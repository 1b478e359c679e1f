"""The order of sums and products in accumulated derivatives, and quotients that are eliminated in two steps."""

import math

import numpy as np
import pytest

import srcdiff
from srcdiff.emitter.printer import expression
from srcdiff.ir.expr import Call, Compare, Const, Op, Select, Var, interning
from srcdiff.ir.types import FLOAT32, FLOAT64, INT64
from srcdiff.optimize.order import in_order


@pytest.fixture(autouse=True)
def _table():
    with interning():
        yield


def _late(x):
    return Call("cos", (x,), FLOAT64, "math.cos")


def _variables(names="xyz", kind=FLOAT64):
    return tuple(Var(name, kind) for name in names)


def _ordered(e, fixed=()):
    return expression(in_order([e], fixed)[e])


def test_what_is_ready_last_stands_last():
    x, y, z = _variables()
    assert _ordered(Op("+", Op("+", _late(x), y), z)) == "y + z + math.cos(x)"
    assert _ordered(Op("*", Op("*", _late(x), y), z)) == "y * z * math.cos(x)"


def test_a_sum_starts_with_a_term_that_is_added():
    x, y, z = _variables()
    assert _ordered(Op("-", Op("-", _late(x), y), z)) == "math.cos(x) - y - z"


def test_parts_that_are_ready_together_stay_in_order():
    x, y, z = _variables()
    assert _ordered(Op("-", Op("-", z, y), x)) == "z - y - x"


def test_literal_factors_are_one():
    x, y, z = _variables()
    product = Op("*", Op("*", Const(0.5), x), Op("*", Const(4.0), y))
    assert _ordered(product) == "2.0 * x * y"
    assert _ordered(Op("*", Op("*", Const(0.5), x), Op("*", Const(2.0), y))) == "x * y"
    three = Op("*", Op("*", Const(2.0), x), Op("*", Op("*", Const(0.5), y), Op("*", Const(2.0), z)))
    assert _ordered(three) == "2.0 * x * y * z"


def test_a_term_that_stands_twice_is_doubled():
    x, y, _ = _variables()
    assert _ordered(Op("+", Op("+", x, y), x)) == "y + 2.0 * x"


def test_terms_that_are_needed_elsewhere_stay_whole():
    x, y, z = _variables()
    shared = Op("+", _late(x), y)
    roots = [Op("+", shared, z), shared]
    changed = in_order(roots, ())
    assert [expression(changed[e]) for e in roots] == ["math.cos(x) + y + z", "math.cos(x) + y"]


def test_values_of_the_user_stay():
    x, y, z = _variables()
    value = Op("+", Op("+", _late(x), y), z)
    assert _ordered(value, [value]) == "math.cos(x) + y + z"


def test_what_decides_a_comparison_stays():
    x, y, z = _variables()
    total = Op("+", Op("+", _late(x), y), z)
    chosen = Select(Compare((">",), (total, Const(0.0))), x, y)
    assert _ordered(chosen) == "x if math.cos(x) + y + z > 0.0 else y"


def test_mixed_types_stay():
    x, _, _ = _variables()
    narrow, n = Var("a", FLOAT32), Var("n", INT64)
    mixed = Op("+", Op("+", _late(x), narrow), n)
    assert _ordered(mixed) == "math.cos(x) + a + n"


def test_long_sums_do_not_recurse():
    terms = [Var(f"x{i}", FLOAT64) for i in range(3000)]
    total = terms[0]
    for term in terms[1:]:
        total = Op("+", total, term)
    assert in_order([total], ())[total].type is FLOAT64


def quotients(a, b, c):
    r = math.sqrt(a * a + b * b + c * c)
    u, v, w = a / r, b / r, c / r
    p = u * v + v * w + w * u
    q = u * u - v * w
    return p * q / (1.0 + p), q / (2.0 + q) + p, u * p / (3.0 + v)


def test_quotients():
    """Numerators and quotients are vertices of their own: the result is that of the quotient rule."""
    point = 0.7, -1.3, 2.1
    assert "accumulated" in srcdiff.emit(quotients, mode="into")
    jacobian = np.array(srcdiff.jacobian(quotients)(*point))
    step = 1e-6
    columns = []
    for i in range(3):
        ends = [quotients(*point[:i], point[i] + d, *point[i + 1 :]) for d in (step, -step)]
        columns.append((np.array(ends[0]) - np.array(ends[1])) / (2.0 * step))
    np.testing.assert_allclose(jacobian, np.array(columns).T, atol=1e-9)
