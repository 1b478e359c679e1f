"""The intermediate representation: every guard of `verify` fires, equal expressions are one, the algebra folds."""

import math

import pytest

from srcdiff.ir.expr import (
    MINUS_ONE,
    ONE,
    ZERO,
    Call,
    Compare,
    Const,
    Load,
    Logic,
    Op,
    Opaque,
    Select,
    Var,
    add,
    as_mask,
    atoms,
    div,
    has_zero_arm,
    interning,
    is_one,
    is_zero,
    literal_type,
    mul,
    neg,
    power,
    rebuild,
    scale,
    select,
    sub,
    topological,
    unmasked,
)
from srcdiff.ir.statements import (
    Assign,
    Break,
    CallHelper,
    Comment,
    Continue,
    For,
    If,
    Raise,
    Return,
    While,
    statements,
)
from srcdiff.ir.types import (
    BOOL,
    COMPLEX128,
    FLOAT32,
    FLOAT64,
    INT64,
    STRING,
    WEAK_COMPLEX,
    WEAK_FLOAT,
    join,
    promote,
)
from srcdiff.ir.verify import MalformedError, verify


@pytest.fixture(autouse=True)
def table():
    with interning():
        yield


def var(name, kind=FLOAT64):
    return Var(name, kind)


def assign(name="a", value=ONE):
    return Assign((var(name),), (value,))


def positive():
    return Compare((">",), (var("x"), ZERO))


# verify


def malformed():
    x, y, condition = var("x"), var("y"), positive()
    undefined = Opaque("?", FLOAT64)
    jump_then_code = (Break(), assign())
    i, bounds = var("i", INT64), (Const(3),)
    return {
        "more targets than values": ((Assign((x, y), (ONE,)),), "2 targets for 1 values"),
        "more values than targets": ((Assign((x,), (ONE, ONE)),), "1 targets for 2 values"),
        "no targets": ((Assign((), ()),), "0 targets for 0 values"),
        "one target twice": ((Assign((x, x), (ONE, ZERO)),), "a variable is assigned twice in parallel"),
        "one name with two types": (
            (Assign((x, var("x", FLOAT32)), (ONE, ZERO)),),
            "a variable is assigned twice in parallel",
        ),
        "an undefined element is assigned": ((assign("a", undefined),), "an element without a value is read"),
        "an undefined element is read": ((assign("a", add(x, undefined)),), "an element without a value is read"),
        "an undefined element is passed": (
            (CallHelper((x,), None, (mul(y, undefined),)),),
            "an element without a value is read",
        ),
        "break outside of a loop": ((Break(),), "Break outside of a loop"),
        "continue outside of a loop": ((Continue(),), "Continue outside of a loop"),
        "break in a branch outside of a loop": ((If(condition, (Break(),), ()),), "Break outside of a loop"),
        "continue in an else outside of a loop": ((If(condition, (), (Continue(),)),), "Continue outside of a loop"),
        "break in the else of a for": ((For(i, bounds, (), (Break(),)),), "Break outside of a loop"),
        "continue in the else of a while": ((While(condition, (), (Continue(),)),), "Continue outside of a loop"),
        "code after return": ((Return((x,)), assign()), "code after Return"),
        "code after break": ((For(i, bounds, jump_then_code, ()),), "code after Break"),
        "code after continue": ((While(condition, (Continue(), assign()), ()),), "code after Continue"),
        "code after return in a branch": ((If(condition, (Return((x,)), assign()), ()),), "code after Return"),
        "code after return in an else": ((If(condition, (), (Return((x,)), assign())),), "code after Return"),
        "code after break in a nested loop": (
            (While(condition, (For(i, bounds, jump_then_code, ()),), ()),),
            "code after Break",
        ),
    }


with interning():
    NAMES = list(malformed())


@pytest.mark.parametrize("name", NAMES)
def test_verify_refuses(name):
    body, message = malformed()[name]
    with pytest.raises(MalformedError) as raised:
        verify(body)
    assert str(raised.value) == message


def test_verify_is_an_assertion():
    assert issubclass(MalformedError, AssertionError)


def test_verify_accepts():
    x, y, i, condition = var("x"), var("y"), var("i", INT64), positive()
    body = (
        Assign((x, y), (y, x)),
        Assign((x, x), (y, y)),
        Comment("# a comment"),
        For(i, (Const(3),), (If(condition, (Break(),), (Continue(),)),), (assign(),)),
        While(condition, (If(condition, (Raise("ValueError"),), ()), Continue()), ()),
        If(condition, (Return((x,)),), ()),
        Return((x, y)),
    )
    verify(body)
    assert sum(isinstance(s, (Break, Continue)) for s in statements(body)) == 3


def test_verify_accepts_an_empty_block():
    verify(())


# interning


def test_equal_expressions_are_one_object():
    x, y = var("x"), var("y")
    pairs = [
        (x, var("x")),
        (Const(2.5), Const(2.5)),
        (Load("u", (0, x), FLOAT64), Load("u", (0, x), FLOAT64)),
        (Op("*", x, y), Op("*", x, y)),
        (Call("sin", (x,), FLOAT64, "math.sin"), Call("sin", (x,), FLOAT64, "math.sin")),
        (Compare(("<", "<="), (x, y, x)), Compare(("<", "<="), (x, y, x))),
        (Logic("not", Compare(("<",), (x, y))), Logic("not", Compare(("<",), (x, y)))),
        (Select(positive(), x, y), Select(positive(), x, y)),
        (Opaque("len(u)", INT64, (), ("u",)), Opaque("len(u)", INT64, (), ("u",))),
    ]
    for first, second in pairs:
        assert first is second


def test_different_expressions_are_not():
    x, y = var("x"), var("y")
    different = [
        (x, var("x", FLOAT32)),
        (Const(2.0), Const(2)),
        (Const(1.0), Const(1.0, "1e0")),
        (Const(math.pi), Const(math.pi, "math.pi", named=True)),
        (Const(0.0), Const(-0.0)),
        (Const(True), Const(1)),
        (Op("-", x, y), Op("-", y, x)),
        (Load("u", (0,), FLOAT64), Load("v", (0,), FLOAT64)),
        (Call("sin", (x,), FLOAT64, "math.sin"), Call("sin", (x,), FLOAT64, "np.sin")),
    ]
    for first, second in different:
        assert first is not second


def test_a_table_ends_with_its_compilation():
    outside = var("x")
    with interning():
        inside = var("x")
        assert inside is var("x")
    assert outside is var("x")
    assert inside is not outside


def test_a_table_ends_with_an_error_too():
    outside = var("x")
    with pytest.raises(RuntimeError), interning():
        var("x")
        raise RuntimeError
    assert var("x") is outside


def test_zero_and_one_are_the_same_in_every_table():
    x = var("x")
    with interning():
        assert mul(x, ZERO) is ZERO and sub(x, x) is ZERO and div(ZERO, x) is ZERO
        assert power(x, 0) is ONE and add(Const(0.25), Const(0.75)) is ONE


def test_literal_types():
    literals = {True: BOOL, 3: INT64, 0.5: WEAK_FLOAT, 2j: WEAK_COMPLEX, "a": STRING}
    assert [literal_type(v) for v in literals] == list(literals.values())
    with pytest.raises(TypeError, match="no scalar type for None"):
        literal_type(None)


# types


def test_literals_do_not_widen():
    assert promote(FLOAT32, WEAK_FLOAT) == FLOAT32
    assert promote(FLOAT32, FLOAT64) == FLOAT64
    assert promote(FLOAT32, INT64) == FLOAT64
    assert promote(FLOAT64, WEAK_COMPLEX) == COMPLEX128
    assert promote(BOOL, BOOL) == INT64
    assert Op("/", Const(1), Const(2)).type == FLOAT64


def test_types_join():
    assert join(INT64, INT64) == INT64
    assert join(INT64, FLOAT64) == FLOAT64
    assert join(STRING, FLOAT64) is None


# algebra


def test_zeros_vanish():
    x = var("x")
    for zero in (ZERO, Const(0), Const(0j)):
        assert is_zero(zero)
        assert add(x, zero) is x and add(zero, x) is x and sub(x, zero) is x
        assert mul(x, zero) is ZERO and mul(zero, x) is ZERO
        assert div(zero, x) is ZERO
    assert neg(ZERO) is not ONE and is_zero(neg(ZERO))
    assert scale(0.0, x) is ZERO
    assert not is_zero(Const("0"))


def test_nothing_is_divided_by_a_known_zero():
    quotient = div(ONE, ZERO)
    assert isinstance(quotient, Op) and quotient.op == "/"


def test_ones_vanish():
    x = var("x")
    assert mul(x, ONE) is x and mul(ONE, x) is x and div(x, ONE) is x and power(x, 1) is x
    assert is_one(Const(1)) and is_one(Const(1.0))
    assert not is_one(Const(True)) and not is_one(Const(1.0, "SCALE", named=True))


def test_signs_move_outwards():
    x, y = var("x"), var("y")
    assert neg(neg(x)) is x
    assert mul(neg(x), y) is neg(mul(x, y)) is mul(x, neg(y))
    assert mul(neg(x), neg(y)) is mul(x, y)
    assert div(neg(x), y) is neg(div(x, y)) is div(x, neg(y))
    assert div(neg(x), neg(y)) is div(x, y)
    assert mul(MINUS_ONE, x) is neg(x)
    assert mul(Const(-2.0), x) is neg(mul(Const(2.0), x))
    assert add(neg(x), neg(y)) is neg(add(x, y))
    assert add(x, neg(y)) is sub(x, y)
    assert add(neg(y), x) is sub(x, y)
    assert sub(x, neg(y)) is add(x, y)


def test_what_differs_by_its_sign_shares_its_magnitude():
    x, y = var("x"), var("y")
    difference = sub(x, y)
    assert sub(y, x) is neg(difference)
    assert add(x, neg(x)) is ZERO and add(neg(x), x) is ZERO
    assert add(neg(x), neg(x)) is neg(mul(Const(2.0), x))


def test_commutative_operations_are_one_in_the_order_that_came_first():
    x, y = var("x"), var("y")
    product, total = mul(y, x), add(y, x)
    assert mul(x, y) is product and add(x, y) is total
    assert product.args == total.args == (y, x)


def test_sums_count():
    x, y = var("x"), var("y")
    assert add(x, x) is mul(Const(2.0), x)
    assert add(add(y, x), x) is add(y, mul(Const(2.0), x))


def test_coefficients_fold():
    x, y = var("x"), var("y")
    assert add(Const(2.0), Const(3.0)).value == 5.0
    assert mul(Const(2.0), Const(3.0)).value == 6.0
    assert div(Const(3.0), Const(2.0)).value == 1.5
    assert neg(Const(2.0)).value == -2.0
    assert mul(Const(2.0), mul(Const(3.0), x)) is mul(Const(6.0), x)
    assert mul(mul(Const(3.0), x), Const(2.0)) is mul(Const(6.0), x)
    assert mul(mul(Const(2.0), x), mul(Const(3.0), y)) is mul(Const(6.0), mul(x, y))
    assert mul(Const(0.5), mul(Const(2.0), x)) is x
    assert mul(Const(2.0), div(Const(3.0), x)) is div(Const(6.0), x)
    assert mul(div(ONE, x), y) is div(y, x) is mul(y, div(ONE, x))
    assert scale(2.0, x) is mul(Const(2.0), x)


def test_named_constants_keep_their_names():
    pi, x = Const(math.pi, "math.pi", named=True), var("x")
    for result in (mul(Const(2.0), pi), add(pi, pi), neg(pi), div(pi, Const(2.0)), mul(pi, x)):
        assert pi in topological((result,))


def test_a_mask_is_selected_and_never_multiplied():
    x, y = var("x"), var("y")
    condition = positive()
    for mask in (select(condition, ONE, ZERO), select(condition, ZERO, y), select(condition, x, ZERO)):
        assert has_zero_arm(mask)
        for product in (mul(mask, x), mul(x, mask), mul(neg(mask), x), mul(mask, neg(x)), mul(mul(mask, x), y)):
            factors = [n for n in topological((product,)) if isinstance(n, Op) and n.op == "*"]
            assert not any(isinstance(a, Select) for n in factors for a in n.args)
            assert any(isinstance(n, Select) for n in topological((product,)))
    assert mul(select(condition, ONE, ZERO), x) is select(condition, x, ZERO)


def test_nested_masks_are_selected_too():
    inner = select(Compare(("<",), (var("y"), ONE)), ONE, ZERO)
    mask = select(positive(), inner, var("z"))
    product = mul(mask, var("x"))
    assert isinstance(product, Select) and isinstance(product.args[1], Select)
    assert product.args[1].args[1:] == (var("x"), ZERO)


def test_a_conditional_without_a_zero_is_a_factor():
    choice = select(positive(), var("y"), var("z"))
    assert not has_zero_arm(choice)
    assert mul(choice, var("x")) is Op("*", choice, var("x"))


def test_select_folds():
    x, y = var("x"), var("y")
    assert select(Const(True), x, y) is x and select(Const(False), x, y) is y
    assert select(positive(), x, x) is x
    negative = neg(select(positive(), ONE, x))
    assert isinstance(negative, Select) and negative.args[1:] == (MINUS_ONE, neg(x))


def test_constructors_of_nodes_keep_the_users_shape():
    x = var("x")
    for e in (Op("*", x, ONE), Op("+", x, ZERO), Op("neg", Op("neg", x)), Op("*", ONE, x)):
        assert isinstance(e, Op)
    assert Op("+", x, ZERO).args == (x, ZERO)


# traversal


def test_sums_of_masks_are_masks():
    with interning():
        x, y, p = (Var(name, FLOAT64) for name in "xyp")
        first, second = (Compare((">",), (v, Const(0.0))) for v in (x, y))
        same = add(Select(first, x, ZERO), Select(first, y, ZERO))
        assert same is Select(first, add(x, y), ZERO)
        either = sub(Select(first, x, ZERO), Select(second, ZERO, y))
        assert has_zero_arm(either) and not has_zero_arm(add(either, x))
        condition, partial = as_mask(either)
        assert condition is Logic("or", first, Logic("not", second)) and partial is either
        assert mul(either, p) is Select(condition, Op("*", either, p), ZERO)
        nonzero = Compare(("!=",), (p, Const(0.0)))
        assert unmasked(Select(nonzero, p, ZERO)) is p and unmasked(either) is either


def test_sums_of_masks_do_not_recurse():
    with interning():
        total = ZERO
        for i in range(5000):
            test = Compare((">",), (Var(f"x{i}", FLOAT64), Const(0.0)))
            total = add(total, Select(test, Var("p", FLOAT64), ZERO))
        assert has_zero_arm(total)
        assert isinstance(as_mask(total)[0], Logic)


def test_integer_factors_meet_as_floats():
    with interning():
        n, m = Var("n", INT64), Var("m", INT64)
        assert mul(n, m).type is FLOAT64 and mul(Const(2), n).type.kind == "float"


def test_topological_puts_arguments_first_and_each_node_once():
    x, y = var("x"), var("y")
    product = Op("*", x, y)
    total = Op("+", product, product)
    root = Op("-", total, x)
    assert topological((root,)) == [x, y, product, total, root]
    assert topological((y, root)) == [y, x, product, total, root]
    assert topological((root, root, total)) == topological((root,))
    assert topological(()) == []


def test_topological_does_not_recurse():
    e = var("x")
    for _ in range(20_000):
        e = Op("+", e, ONE)
    order = topological((e,))
    assert len(order) == 20_002 and order[-1] is e


def test_atoms_are_variables_and_elements():
    x, i = var("x"), var("i", INT64)
    element = Load("u", (i,), FLOAT64)
    assert atoms(Op("*", Op("+", x, Const(2.0)), element)) == [x, i, element]


@pytest.mark.parametrize("kind", ["Op", "Call", "Select", "Compare", "Logic", "Opaque", "Load"])
def test_rebuild(kind):
    x, y, i, j = var("x"), var("y"), var("i", INT64), var("j", INT64)
    less, more = Compare(("<",), (x, y)), Compare((">",), (x, y))
    before, args, after = {
        "Op": (Op("*", x, y), (y, y), Op("*", y, y)),
        "Call": (Call("sin", (x,), FLOAT64, "np.sin"), (y,), Call("sin", (y,), FLOAT64, "np.sin")),
        "Select": (Select(less, x, y), (more, y, x), Select(more, y, x)),
        "Compare": (less, (y, x), Compare(("<",), (y, x))),
        "Logic": (Logic("and", less, more), (more, less), Logic("and", more, less)),
        "Opaque": (Opaque("f({})", INT64, (i,), ("f",)), (j,), Opaque("f({})", INT64, (j,), ("f",))),
        "Load": (Load("u", (0, i), FLOAT64), (j,), Load("u", (0, j), FLOAT64)),
    }[kind]
    assert rebuild(before, args) is after
    assert rebuild(before, before.args) is before


def test_rebuild_refuses_atoms_with_arguments():
    with pytest.raises(TypeError, match="Var"):
        rebuild(var("x"), (ONE,))
