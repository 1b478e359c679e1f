"""functional.jacobian against the function of PyTorch that it stands for."""

import functools
import math
import time

import numpy as np
import pytest

import srcdiff
from srcdiff import ArgumentError, HigherOrderError, IndependentOutputError, UnsupportedCall, WrtError
from srcdiff.functional import jacobian


def three(x1, x2, x3):
    return x1 + x2, x3 * x1, x2**3


def scale(x):
    return 3.0 * x


# Nesting


def test_the_example_of_the_documentation():
    assert jacobian(three, (3.0, 4.0, 5.0)) == ((1.0, 1.0, 0.0), (5.0, 0.0, 3.0), (0.0, 48.0, 0.0))
    assert jacobian(three, (3, 4, 5)) == ((1.0, 1.0, 0.0), (5.0, 0.0, 3.0), (0.0, 48.0, 0.0))


def test_one_input_and_one_output_give_one_value():
    result = jacobian(lambda x: x**2, 3.0)
    assert result == 6.0 and type(result) is float


def test_a_tuple_of_inputs_gives_a_tuple():
    assert jacobian(lambda x: x**2, (3.0,)) == (6.0,)
    assert jacobian(lambda x, y: x * y, (3.0, 4.0)) == (4.0, 3.0)


def test_a_tuple_of_outputs_gives_a_tuple_of_those():
    assert jacobian(lambda x: (x, x**2), 3.0) == (1.0, 6.0)
    assert jacobian(lambda x: (x**2,), (3.0,)) == ((6.0,),)


def test_leaves_have_the_shape_of_output_then_input():
    def f(A, x, s):
        return A @ x * s, np.sum(x)

    A, x = np.arange(6.0).reshape(2, 3), np.array([1.0, -1.0, 2.0])
    (dA, dx, ds), (zA, zx, zs) = jacobian(f, (A, x, 2.0))
    assert dA.shape == (2, 2, 3) and dx.shape == (2, 3) and ds.shape == (2,)
    assert zA.shape == (2, 3) and zx.shape == (3,) and zs == 0.0
    np.testing.assert_array_equal(dx, 2.0 * A)
    np.testing.assert_array_equal(ds, A @ x)
    np.testing.assert_array_equal(dA[0, 0], 2.0 * x)
    np.testing.assert_array_equal(zx, np.ones(3))


def test_shapes_follow_the_arrays():
    def f(x):
        return x * x

    for n in (2, 3):
        np.testing.assert_array_equal(jacobian(f, np.arange(1.0, n + 1)), np.diag(2.0 * np.arange(1.0, n + 1)))


def test_collected_arguments():
    assert jacobian(lambda *xs: xs[0] * xs[1], (3.0, 4.0)) == (4.0, 3.0)
    assert jacobian(lambda a, *xs: (a * xs[0], a + xs[1]), (2.0, 3.0, 4.0)) == ((3.0, 2.0, 0.0), (1.0, 0.0, 1.0))
    assert jacobian(lambda *xs: xs[0] ** 2, 3.0) == 6.0


def test_parameters_with_defaults_keep_them():
    assert jacobian(lambda x, k=2.0: k * x, 3.0) == 2.0


# Options


def test_create_graph_is_refused():
    with pytest.raises(HigherOrderError, match="create_graph=True") as caught:
        jacobian(scale, 1.0, create_graph=True)
    assert isinstance(caught.value, NotImplementedError)


def test_vectorize_changes_nothing():
    assert jacobian(three, (3.0, 4.0, 5.0), vectorize=True) == jacobian(three, (3.0, 4.0, 5.0))


def test_strict():
    with pytest.raises(IndependentOutputError, match="output 0 of three cannot depend on x3"):
        jacobian(three, (3.0, 4.0, 5.0), strict=True)
    with pytest.raises(RuntimeError):
        jacobian(lambda x: 2.0, 1.0, strict=True)
    assert jacobian(lambda x, y: (x * y, x + y), (3.0, 4.0), strict=True) == ((4.0, 3.0), (1.0, 1.0))
    assert jacobian(lambda x: x * x, 3, strict=True) == 6.0
    with pytest.raises(IndependentOutputError, match="cannot depend on x"):  # stricter than PyTorch: x * 0.0 is zero
        jacobian(lambda x, y: x * 0.0 + y, (1.0, 2.0), strict=True)


# Refusals


def test_every_input_must_be_differentiable():
    def repeat(x, n):
        for _ in range(n):
            x = x * 2.0
        return x

    with pytest.raises(WrtError, match="'n', which is discrete"):
        jacobian(repeat, (1.0, 3))
    assert jacobian(functools.partial(repeat, n=3), 1.0) == 8.0


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((), "inputs is empty"),
        ([1.0, 2.0], "inputs is a list"),
        (([1.0],), r"inputs\[0\] is a list"),
        ((True,), r"inputs\[0\] is True, which cannot vary"),
        ("a", "inputs is 'a', which cannot vary"),
        ((None,), r"inputs\[0\] is None"),
        ((1.0, 2.0), "scale takes 1 argument, but there are 2 inputs"),
    ],
)
def test_inputs_that_cannot_vary(inputs, message):
    with pytest.raises(ArgumentError, match=message):
        jacobian(scale, inputs)


# The cache


def test_later_calls_are_fast():
    def f(x, y):
        return math.sin(x) * y

    jacobian(f, (1.0, 2.0))
    start = time.perf_counter()
    for _ in range(100):
        jacobian(f, (1.0, 2.0))
    assert (time.perf_counter() - start) / 100 < 5e-3


def test_a_lambda_made_anew_is_compiled_once():
    def power(p):
        return lambda x: x**p

    def compiled():
        return len(srcdiff.functional._cache)

    assert jacobian(power(2), 3.0) == 6.0
    before = compiled()
    assert [jacobian(power(2), float(x)) for x in range(3)] == [0.0, 2.0, 4.0]
    assert compiled() == before
    assert jacobian(power(3), 3.0) == 27.0


FACTOR = 2.0


def times(x):
    return FACTOR * x


def twice(x):
    return times(times(x))


def test_constants_that_change_are_seen(monkeypatch):
    class Model:
        def __init__(self, gain):
            self.gain = gain

        def value(self, x):
            return self.gain * x

    assert jacobian(times, 1.0) == 2.0 and jacobian(twice, 1.0) == 4.0
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert jacobian(times, 1.0) == 3.0 and jacobian(twice, 1.0) == 9.0
    model = Model(2.0)
    assert jacobian(model.value, 1.0) == 2.0
    model.gain = 5.0
    assert jacobian(model.value, 1.0) == 5.0


# PyTorch


def case_square(xp):
    return lambda x: x**2, (1,)


def case_product(xp):
    return lambda x, y: x * y + x, (1, 1)


def case_three(xp):
    return three, (1, 1, 1)


def case_exp(xp):
    return lambda x: xp.exp(x) * xp.sin(x), (1,)


def case_vector(xp):
    return lambda x: x * x + 2.0, (3,)


def case_sum(xp):
    return lambda x: (x * x).sum(), (3,)


def case_matmul(xp):
    return lambda A, x: A @ x, ((2, 3), 3)


def case_mixed(xp):
    return lambda A, x, s: (A @ x * s, x.sum() * s, s), ((2, 3), 3, 1)


def case_matrix(xp):
    return lambda A: xp.tanh(A) * A, ((2, 2),)


def case_dot(xp):
    return lambda x, y: (xp.dot(x, y), x - y), (3, 3)


def case_index(xp):
    return lambda x: (x[0] * x[1], x[2]), (3,)


def case_branch(xp):
    def f(x, y):
        if x > y:
            return x * y
        return x + y

    return f, (1, 1)


def case_loop(xp):
    def f(x, y):
        for _ in range(3):
            x = x * y + 1.0
        return x, y

    return f, (1, 1)


def case_transposed(xp):
    return lambda A: A.T @ A, ((2, 2),)


CASES = [value for name, value in list(globals().items()) if name.startswith("case_")]


def tensors(torch, shapes, dtype):
    generator = torch.Generator().manual_seed(7)
    return tuple(
        torch.rand(() if s == 1 else s, generator=generator, dtype=torch.float64).to(dtype) + 0.5 for s in shapes
    )


def assert_same(ours, theirs, torch, rtol):
    assert type(ours) is type(theirs)
    if isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            assert_same(a, b, torch, rtol)
    else:
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.device == theirs.device
        assert not ours.requires_grad
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CASES, ids=[c.__name__[5:] for c in CASES])
def test_against_pytorch(case, dtype, single):
    torch = pytest.importorskip("torch", reason="compares with torch.autograd.functional.jacobian")
    theirs, shapes = case(torch)
    inputs = tensors(torch, shapes, getattr(torch, dtype))
    if single:
        if len(inputs) > 1:
            return
        inputs = inputs[0]
    expected = torch.autograd.functional.jacobian(theirs, inputs)
    ours, _ = case(np)
    assert_same(jacobian(ours, inputs), expected, torch, 1e-12 if dtype == "float64" else 1e-5)


def independent(x, y):
    return x * y, x * 2.0


def dependent(x, y):
    return x * y, x - y


@pytest.mark.parametrize("function", [independent, dependent])
def test_strict_as_in_pytorch(function):
    torch = pytest.importorskip("torch", reason="compares with torch.autograd.functional.jacobian")
    inputs = tensors(torch, (1, 1), torch.float64)
    try:
        expected = torch.autograd.functional.jacobian(function, inputs, strict=True)
    except RuntimeError:
        with pytest.raises(RuntimeError, match="cannot depend on"):
            jacobian(function, inputs, strict=True)
    else:
        assert_same(jacobian(function, inputs, strict=True), expected, torch, 1e-12)


def test_tensors_that_require_gradients_and_integers():
    torch = pytest.importorskip("torch", reason="compares with torch.autograd.functional.jacobian")
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    assert not jacobian(lambda x: x * x, x).requires_grad
    with pytest.raises(ArgumentError, match=r"tensor of torch\.int64"):
        jacobian(lambda x: x * x, torch.tensor([1, 2]))
    with pytest.raises(TypeError):
        torch.autograd.functional.jacobian(lambda x: x, [x])
    with pytest.raises(TypeError):
        jacobian(lambda x: x, [x])


def test_functions_of_pytorch_are_refused():
    torch = pytest.importorskip("torch", reason="needs a function of PyTorch")
    with pytest.raises(UnsupportedCall, match=r"no derivative is known for torch\.exp"):
        jacobian(lambda x: torch.exp(x), torch.tensor(1.0))
