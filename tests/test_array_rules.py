"""Every row of the array rules, as Python and compiled from its own text, against differences in 50 digits.

The arguments are multiples of 2**-10: in single precision the same numbers, and so the same reference.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numba
import numpy as np
import pytest

from srcdiff.rules.array_support import ARRAY_SUPPORT
from srcdiff.rules.arrays import ARRAY_RULES
from srcdiff.rules.support import SUPPORT

DIRECTIONS = 16
TEXT = "\n\n".join(inspect.getsource(function) for function in ARRAY_SUPPORT.values())


def namespace(compiled: bool) -> dict[str, Any]:
    """The support functions, run from their text with what an emitted module imports."""
    names: dict[str, Any] = {"math": math, "np": np}
    exec(TEXT, names)
    if compiled:
        for name in ARRAY_SUPPORT:
            names[name] = numba.njit(error_model="numpy")(names[name])
    return names


PLAIN = namespace(compiled=False)
COMPILED = namespace(compiled=True)


def random(*key: Any) -> np.random.Generator:
    return np.random.default_rng([ord(c) for c in repr(key)])


def grid(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> np.ndarray:
    real = rng.integers(-1024, 1025, shape) / 1024.0
    return real + 1j * rng.integers(-1024, 1025, shape) / 1024.0 if kind == "c" else real


def general(rng, n, kind):
    """Well conditioned, not symmetric."""
    return grid(rng, (n, n), kind) + 2.0 * n**0.5 * np.eye(n)[rng.permutation(n)]


def positive(rng, n, kind):
    """Positive definite with distinct eigenvalues; the upper triangle, which nobody is to read, is something else."""
    lower = np.tril(grid(rng, (n, n), kind), -1) / 4.0
    return lower + np.diag(np.arange(1.0, n + 1.0) + 0.5) + np.triu(grid(rng, (n, n), kind), 1)


def thin(rng, m, n, kind):
    a = grid(rng, (m, n), kind)
    a[: min(m, n), : min(m, n)] += 3.0 * np.eye(min(m, n))
    return a


def symmetric(a: mp.matrix) -> mp.matrix:
    return mp.matrix(a.rows, a.cols) + mp.matrix(
        [[a[max(i, j), min(i, j)] for j in range(a.cols)] for i in range(a.rows)]
    )


def orthogonal_triangular(a: mp.matrix) -> tuple[mp.matrix, mp.matrix]:
    """Gram and Schmidt, with positive diagonal."""
    p = min(a.rows, a.cols)
    q = mp.matrix(a.rows, p)
    for j in range(p):
        column = a[:, j]
        for i in range(j):
            column = column - q[:, i] * (q[:, i].T * a[:, j])[0]
        q[:, j] = column / mp.norm(column)
    return q, q.T * a


def pseudo_inverse(a: mp.matrix) -> mp.matrix:
    if a.rows >= a.cols:
        return (a.T * a) ** -1 * a.T
    return a.T * (a * a.T) ** -1


def scalar(x: Any) -> mp.matrix:
    return mp.matrix([[x]])


@dataclass(frozen=True)
class Case:
    """How to draw the arguments for a size, and the function in mpmath: matrices to matrices, vectors as columns."""

    draw: Callable[..., tuple[np.ndarray, ...]]
    value: Callable[..., tuple[mp.matrix, ...]]
    # For each result: whether its columns, or its rows, are fixed up to their signs.
    signs: tuple[str, ...] = ()


def product(a, b):
    return (a * b,)


CASES = {
    "matmul_12": Case(lambda r, n, k: (grid(r, (n,), k), grid(r, (n, n + 1), k)), lambda a, b: ((a.T * b).T,)),
    "matmul_21": Case(lambda r, n, k: (grid(r, (n + 1, n), k), grid(r, (n,), k)), product),
    "matmul_22": Case(lambda r, n, k: (grid(r, (n + 1, n), k), grid(r, (n, n + 2), k)), product),
    "solve_21": Case(lambda r, n, k: (general(r, n, k), grid(r, (n,), k)), lambda a, b: (a**-1 * b,)),
    "solve_22": Case(lambda r, n, k: (general(r, n, k), grid(r, (n, 3), k)), lambda a, b: (a**-1 * b,)),
    "inv_2": Case(lambda r, n, k: (general(r, n, k),), lambda a: (a**-1,)),
    "det_2": Case(lambda r, n, k: (general(r, n, k),), lambda a: (scalar(mp.det(a)),)),
    "slogdet_2": Case(
        lambda r, n, k: (general(r, n, k),),
        lambda a: (scalar(mp.sign(mp.det(a))), scalar(mp.log(abs(mp.det(a))))),
    ),
    "cholesky_2": Case(lambda r, n, k: (positive(r, n, k),), lambda a: (mp.cholesky(symmetric(a)),)),
    "qr_2": Case(lambda r, n, k: (general(r, n, k),), orthogonal_triangular, ("columns", "rows")),
    "eigh_2": Case(lambda r, n, k: (positive(r, n, k),), lambda a: mp.eigsy(symmetric(a)), ("", "columns")),
    "pinv_2": Case(lambda r, n, k: (thin(r, n + 2, n, k),), lambda a: (pseudo_inverse(a),)),
    "lstsq_21": Case(
        lambda r, n, k: (thin(r, n + 2, n, k), grid(r, (n + 2,), k)), lambda a, b: (pseudo_inverse(a) * b,)
    ),
    "lstsq_22": Case(
        lambda r, n, k: (thin(r, n + 2, n, k), grid(r, (n + 2, 3), k)), lambda a, b: (pseudo_inverse(a) * b,)
    ),
}
# Other shapes of the same rules.
SHAPES = {
    "qr_2 tall": Case(lambda r, n, k: (thin(r, n + 2, n, k),), CASES["qr_2"].value, CASES["qr_2"].signs),
    "qr_2 wide": Case(lambda r, n, k: (thin(r, n, n + 2, k),), CASES["qr_2"].value, CASES["qr_2"].signs),
    "pinv_2 wide": Case(lambda r, n, k: (thin(r, n, n + 2, k),), CASES["pinv_2"].value),
    "pinv_2 square": Case(lambda r, n, k: (general(r, n, k),), CASES["pinv_2"].value),
    "lstsq_21 square": Case(lambda r, n, k: (general(r, n, k), grid(r, (n,), k)), CASES["lstsq_21"].value),
}
ALL = {**CASES, **SHAPES}


def to_mp(a: np.ndarray) -> mp.matrix:
    return mp.matrix(a.reshape(a.shape[0], -1).tolist())


def to_numpy(a: mp.matrix, shape: tuple[int, ...], kind: str) -> np.ndarray:
    values = [complex(x) if kind == "c" else float(x) for x in a]
    return np.array(values).reshape(shape)


def primal(name: str, args: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
    rule = ARRAY_RULES[name.split()[0]]
    value = eval(rule.primal.format("a", "b"), {"np": np, **dict(zip("ab", args))})
    return tuple(value) if rule.results > 1 else (value,)


@functools.cache
def reference(name: str, n: int, kind: str):
    """Arguments, their tangents, and for each argument and result the tangent due to that argument alone."""
    case = ALL[name]
    rng = random(name, n, kind)
    args = case.draw(rng, n, kind)
    dots = tuple(grid(rng, (*arg.shape, DIRECTIONS), kind) for arg in args)
    results = primal(name, args)
    with mp.workdps(50):
        exact = [to_mp(arg) for arg in args]
        step = mp.mpf(10) ** -16
        values = case.value(*exact)
        # The signs that LAPACK chose.
        flips = [np.ones(1)] * len(results)
        for i, along in enumerate(case.signs):
            if along:
                ours, theirs = to_numpy(values[i], results[i].shape, kind), results[i]
                axis = 0 if along == "columns" else 1
                flip = np.sign(np.sum(ours * theirs, axis=axis, keepdims=True))
                flips[i] = flip
        for value, result, flip in zip(values, results, flips):
            np.testing.assert_allclose(to_numpy(value, np.shape(result), kind) * flip, result, rtol=0, atol=1e-12)
        tangents = []
        for position, dot in enumerate(dots):
            columns: list[list[np.ndarray]] = [[] for _ in results]
            for k in range(DIRECTIONS):
                shift = to_mp(dot[..., k]) * step
                ahead = case.value(*[x + shift if j == position else x for j, x in enumerate(exact)])
                behind = case.value(*[x - shift if j == position else x for j, x in enumerate(exact)])
                for i, result in enumerate(results):
                    slope = (ahead[i] - behind[i]) / (2 * step)
                    columns[i].append(to_numpy(slope, np.shape(result), kind) * flips[i])
            tangents.append([np.stack(rows, axis=-1).reshape(*np.shape(r), -1) for rows, r in zip(columns, results)])
    return args, dots, tangents


def laid_out(a: np.ndarray, layout: str) -> np.ndarray:
    """The same numbers as a contiguous array, a transposed view, or a strided one."""
    if layout == "transposed":
        return np.ascontiguousarray(a.T).T
    if layout == "strided":
        big = np.full([2 * s for s in a.shape], np.nan, a.dtype)
        view = big[tuple(slice(None, None, 2) for _ in a.shape)]
        view[...] = a
        return view
    return np.ascontiguousarray(a)


def agree(names: dict[str, Any], name: str, n: int, dtype: Any, layout: str, size: int, varying: tuple[bool, ...]):
    kind = "c" if np.issubdtype(dtype, np.complexfloating) else "f"
    args, dots, expected = reference(name, n, kind)
    rule = ARRAY_RULES[name.split()[0]]
    args = tuple(laid_out(arg.astype(dtype), layout) for arg in args)
    dots = tuple(
        np.ascontiguousarray(dot[..., :size]).astype(dtype) if varies else None for dot, varies in zip(dots, varying)
    )
    results = primal(name, args)
    copies = [x.copy() for x in (*args, *dots, *results) if x is not None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Vector kernels of OpenBLAS raise the flag for lanes that nobody reads (numpy/numpy#24067).
        warnings.filterwarnings("ignore", "invalid value encountered in matmul", RuntimeWarning)
        got = names[rule.tangents](*args, *dots, *results)
    for before, after in zip(copies, (x for x in (*args, *dots, *results) if x is not None)):
        np.testing.assert_array_equal(before, after)
    if rule.results > 1:
        assert isinstance(got, tuple)
    got = got if rule.results > 1 else (got,)
    assert len(got) == rule.results
    tolerance = 1e-11 if np.finfo(dtype).eps < 1e-10 else 1e-4
    for i, (tangent, result) in enumerate(zip(got, results)):
        assert tangent.shape == (*np.shape(result), size)
        assert tangent.dtype == dtype
        assert tangent.flags.c_contiguous
        exact = sum(rows[i] for rows, varies in zip(expected, varying) if varies)[..., :size]
        scale = max(1.0, float(np.abs(exact).max()))
        np.testing.assert_allclose(tangent, exact, rtol=0, atol=tolerance * scale)


def combinations(name: str) -> list[tuple[bool, ...]]:
    count = ARRAY_RULES[name.split()[0]].arguments
    return [some for some in itertools.product((True, False), repeat=count) if any(some)]


def dtypes(name: str) -> list[Any]:
    real = [np.float64, np.float32]
    return [*real, np.complex128, np.complex64] if ARRAY_RULES[name.split()[0]].holomorphic else real


def test_every_rule_is_swept():
    assert set(CASES) == set(ARRAY_RULES)
    assert {name.split()[0] for name in SHAPES} <= set(ARRAY_RULES)
    for name, rule in ARRAY_RULES.items():
        assert rule.name == name
        assert name.split("_")[0] in rule.primal or "@" in rule.primal
        assert ("{1}" in rule.primal) == (rule.arguments == 2)
        parameters = inspect.signature(ARRAY_SUPPORT[rule.tangents]).parameters
        assert len(parameters) == 2 * rule.arguments + rule.results


BUILTINS = ("np", "abs", "range", "min", "max", "float", "ValueError")


def test_support_is_plain_numpy():
    attributes = {
        "linalg", "dtype", "shape", "transpose", "reshape", "copy", "all", "max", "eps",
        "T", "size", "inv", "det", "svd", "qr", "norm", "matrix_rank", "solve",
    }  # fmt: skip
    seen: set[str] = set()
    for name, function in ARRAY_SUPPORT.items():
        unknown = set(function.__code__.co_names) - {*dir(np), *attributes, *seen, *BUILTINS}
        assert not unknown, (name, unknown)
        assert function.__doc__
        seen.add(name)
    # A name is found in a code object by its spelling alone: none may be that of an attribute.
    assert not {*ARRAY_SUPPORT, *SUPPORT} & attributes
    assert not set(ARRAY_SUPPORT) & {*SUPPORT, *dir(np)}


@pytest.mark.parametrize("name", ALL)
def test_python(name):
    for n, dtype, varying in itertools.product((1, 2, 5), dtypes(name), combinations(name)):
        for layout, size in itertools.product(("contiguous", "transposed", "strided"), (1, 3, 16)):
            agree(PLAIN, name, n, dtype, layout, size, varying)


@pytest.mark.parametrize("name", ALL)
def test_compiled(name):
    for varying, n, size in itertools.product(combinations(name), (1, 2, 5), (1, 3, 16)):
        agree(COMPILED, name, n, np.float64, "contiguous", size, varying)


@pytest.mark.parametrize(
    "name, dtype, layout",
    [
        ("matmul_21", np.float32, "strided"),
        ("matmul_22", np.complex128, "strided"),
        ("inv_2", np.complex128, "strided"),
        ("cholesky_2", np.float32, "transposed"),
    ],
)
def test_compiled_types_and_layouts(name, dtype, layout):
    varying = combinations(name)[0]
    for n, size in itertools.product((1, 2, 5), (1, 3, 16)):
        agree(COMPILED, name, n, dtype, layout, size, varying)


def test_none_may_be_a_literal_of_the_caller():
    tangent = COMPILED["matmul_22_tangent"]

    @numba.njit
    def caller(a, b, b_dot):
        c = a @ b
        return tangent(a, b, None, b_dot, c)

    (a, b), (_, b_dot), _ = reference("matmul_22", 2, "f")
    np.testing.assert_array_equal(caller(a, b, b_dot), PLAIN["matmul_22_tangent"](a, b, None, b_dot, a @ b))


@pytest.mark.parametrize("names", [PLAIN, COMPILED], ids=["python", "compiled"])
@pytest.mark.parametrize("name", ARRAY_RULES)
def test_what_is_not_finite_stays_in_its_direction(name, names):
    args, dots, _ = reference(name, 5, "f")
    rule = ARRAY_RULES[name]
    results = primal(name, args)
    dots = [dot[..., :3].copy() for dot in dots]
    clean = names[rule.tangents](*args, *dots, *results)
    for position, value in itertools.product(range(len(dots)), (np.nan, np.inf)):
        spoilt = [dot.copy() for dot in dots]
        spoilt[position][(0,) * (dots[position].ndim - 1)][1] = value
        with np.errstate(invalid="ignore"):
            got = names[rule.tangents](*args, *spoilt, *results)
        pairs = list(zip(got, clean)) if rule.results > 1 else [(got, clean)]
        for tangent, expected in pairs:
            np.testing.assert_allclose(tangent[..., [0, 2]], expected[..., [0, 2]], rtol=0, atol=1e-12)
        assert not all(np.isfinite(tangent[..., 1]).all() for tangent, _ in pairs)


def call(names: dict[str, Any], name: str, *args: np.ndarray) -> Any:
    """The tangents along every entry of the first argument; those of the others are None or 0."""
    dots = [np.eye(args[0].size).reshape(*args[0].shape, -1)]
    dots += [np.zeros((*arg.shape, args[0].size)) for arg in args[1:]]
    return names[ARRAY_RULES[name].tangents](*args, *dots, *primal(name, args))


DEPENDENT = np.array([[1.0, 2.0, 3.0], [0.7, 0.1, 0.8], [0.3, 0.9, 1.2]])
REPEATED = np.array([[5.0, -2.0, -4.0], [-2.0, 8.0, -2.0], [-4.0, -2.0, 5.0]])


@pytest.mark.parametrize("names", [PLAIN, COMPILED], ids=["python", "compiled"])
def test_degenerate_matrices(names):
    # det is a polynomial: differentiable at a singular matrix, of whatever rank.
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    np.testing.assert_allclose(call(names, "det_2", singular), [4.0, -2.0, -2.0, 1.0], atol=1e-14)
    np.testing.assert_allclose(call(names, "det_2", np.ones((3, 3))), np.zeros(9), atol=1e-14)
    np.testing.assert_array_equal(call(names, "det_2", np.zeros((3, 3))), np.zeros(9))
    exact = np.array([-0.6, -0.6, 0.6, 0.3, 0.3, -0.3, 1.3, 1.3, -1.3])
    np.testing.assert_allclose(call(names, "det_2", DEPENDENT), exact, atol=1e-14)
    scaled = np.diag([1e-200, 1.0, 1e200])
    np.testing.assert_allclose(np.diag(call(names, "det_2", scaled).reshape(3, 3)), [1e200, 1.0, 1e-200])

    sign, logdet = call(names, "slogdet_2", np.zeros((2, 2)))
    assert not sign.any() and np.isnan(logdet).all()

    for tangent in call(names, "qr_2", DEPENDENT):
        assert np.isnan(tangent).all()
    for tangent in call(names, "qr_2", np.diag([1.0, 1e-200])):
        assert np.isfinite(tangent).all()
    for tangent in call(names, "eigh_2", np.eye(3)):
        assert np.isnan(tangent).all()

    # Eigenvalues 0 and twice 9, those up to rounding; the eigenvector of 0 is (2, 1, 2)/3.
    w_dot, v_dot = call(names, "eigh_2", REPEATED)
    np.testing.assert_allclose(w_dot[0], np.array([4, 0, 0, 4, 1, 0, 8, 4, 4]) / 9, atol=1e-14)
    assert np.isnan(w_dot[1:]).all() and np.isnan(v_dot[:, 1:]).all()
    assert np.isfinite(v_dot[:, 0]).all()

    assert np.isnan(call(names, "pinv_2", DEPENDENT)).all()
    assert np.isnan(call(names, "pinv_2", DEPENDENT[:, :2] @ np.ones((2, 2)))).all()
    assert np.isnan(call(names, "lstsq_21", DEPENDENT, np.arange(3.0))).all()
    assert np.isnan(call(names, "lstsq_22", DEPENDENT[:2], np.ones((2, 1)))).all()


@pytest.mark.parametrize("name", [name for name in ARRAY_RULES if not name.startswith(("matmul_12", "lstsq"))])
def test_empty_matrices(name):
    args = tuple(np.zeros((0,) * int(rank)) for rank in name.split("_")[1])
    results = primal(name, args)
    got = PLAIN[ARRAY_RULES[name].tangents](*args, *[np.zeros((*arg.shape, 2)) for arg in args], *results)
    for tangent, result in zip(got if len(results) > 1 else (got,), results):
        assert tangent.shape == (*np.shape(result), 2)
        assert not tangent.any()


@pytest.mark.parametrize("names", [PLAIN, COMPILED], ids=["python", "compiled"])
def test_a_singular_system_raises_as_its_value_does(names):
    a, a_dot = np.ones((2, 2)), np.ones((2, 2, 1))
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.solve(a, np.ones(2))
    with pytest.raises(np.linalg.LinAlgError):
        names["solve_21_tangent"](a, np.ones(2), a_dot, None, np.ones(2))


@pytest.mark.parametrize("name", [name for name, rule in ARRAY_RULES.items() if rule.arguments == 2])
def test_one_argument_must_vary(name):
    args, _, _ = reference(name, 2, "f")
    with pytest.raises(ValueError, match="no argument varies"):
        PLAIN[ARRAY_RULES[name].tangents](*args, None, None, *primal(name, args))


def test_a_real_tangent_keeps_a_complex_factor():
    # Numba refuses to mix dtypes; NumPy does not, and nothing may be dropped then.
    a, b, a_dot = np.ones((2, 2)), np.array([[1.0, 2j], [3.0, 4.0]]), np.ones((2, 2, 1))
    np.testing.assert_array_equal(PLAIN["matmul_22_tangent"](a, b, a_dot, None, a @ b)[..., 0], np.ones((2, 2)) @ b)
