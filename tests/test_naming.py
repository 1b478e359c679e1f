"""Names of shared subexpressions."""

import pytest

from srcdiff.ir.expr import Call, Const, Expr, Op, Var, interning
from srcdiff.ir.types import FLOAT64
from srcdiff.optimize.naming import describe


def x(name: str) -> Expr:
    return Var(name, FLOAT64)


def c(value: float) -> Expr:
    return Const(value)


def product(a: str, b: str) -> Expr:
    return Op("*", x(a), x(b))


def cases():
    long = x("a_rather_long_name_of_a_variable")
    crossed = Op("-", product("a_1", "b_2"), product("a_2", "b_1"))
    turned = Op("-", product("a_2", "b_1"), product("a_1", "b_2"))
    return {
        "u_v": product("u", "v"),
        "u_sq": product("u", "u"),
        "u_over_v": Op("*", x("u"), x("inv_v")),
        "twice_u": Op("*", c(2.0), x("u")),
        "scaled_u": Op("*", c(2.7), x("u")),
        "inv_u": Op("/", c(1.0), x("u")),
        "two_over_u": Op("/", c(2.0), x("u")),
        "scaled_inv_u": Op("/", c(7.5), x("u")),
        "one_minus_cos_u": Op("-", c(1.0), Call("cos", (x("u"),), FLOAT64, "math.cos")),
        "exp_minus_u": Call("exp", (Op("neg", x("u")),), FLOAT64, "math.exp"),
        "a_dot_b": Op("+", product("a_0", "b_0"), product("a_1", "b_1")),
        "a_cross_b_0": crossed,
        "u_over_sum": Op("/", x("u"), Op("+", long, long)),
        "product": Op("*", long, long),
        "a_2_b_1_minus_a_1_b_2": turned,
    }


@pytest.mark.parametrize("name", cases())
def test_names(name):
    with interning():
        assert describe(cases()[name]) == name


def test_what_is_known_of_a_partial_comes_before_the_kind_of_operation():
    with interning():
        assert describe(cases()["product"], "out_by_u") == "out_by_u"
        assert describe(cases()["u_v"], "out_by_u") == "u_v"
