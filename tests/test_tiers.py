"""Code linked from the store and Numba's dispatchers: one object and one behaviour."""

import contextlib
import gc
import json
import os
import pickle
import subprocess
import sys
import textwrap
import warnings

import numba
import numpy as np
import pytest

import srcdiff
from srcdiff import ArgumentError, jacobian, jacobian_compiled
from srcdiff.compile import link as link_module
from srcdiff.compile import native as native_module
from srcdiff.compile import tiers
from srcdiff.compile.tiers import describe
from srcdiff.module import Module

ROOT = os.path.dirname(os.path.dirname(srcdiff.__file__))


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    path = tmp_path / "cache"
    monkeypatch.setenv("SRCDIFF_CACHE_DIR", str(path))
    return path


def linked(form, *args):
    """A form whose call with these arguments runs linked code."""
    form(*args)
    assert form._links, "the form was not linked"
    return form


def same(a, b):
    if isinstance(a, tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes() and a.flags.writeable
    return type(a) is type(b) and repr(a) == repr(b)


# The same results


def scalars(x, y):
    return x * y, (x**2, 3.0), x > y


def vector(y, k):
    a, b, c = y
    return np.array([a * b * k, np.exp(c) - k])


def mixed(p, n, flag, y):
    total = 0.0
    for _ in range(n):
        total = total + p[0] * y[0]
    return (total if flag else p[1]), np.array([[p[1], total], [y[1], 1.0]])


def complexes(z):
    return z * z + 1.0, z


def fixed(y):
    return np.sum(y) * y[0, 1]


def neighbours(t, y, force):
    n = len(y)
    rate = np.empty(n)
    for i in range(n):
        rate[i] = (y[(i + 1) % n] - y[i - 2]) * y[i - 1] - y[i] + force
    return rate


def stepped(y, steps):
    y = y.copy()
    for _ in range(steps):
        y[1:] += 0.1 * y[:-1] ** 2
    return y, np.sum(y)


def products(A, k):
    return k * A * A, np.sum(A[1:] * A[:-1])


CALLS = [
    (scalars, {}, (2.0, 3.0)),
    (scalars, {"wrt": "x"}, (np.float64(2.0), 3.0)),
    (vector, {"wrt": "y"}, (np.array([1.0, 2.0, 0.5]), 0.3)),
    (vector, {}, (np.array([1.0, 2.0, 0.5]), 0.3)),
    (mixed, {"wrt": ("p", "y"), "shapes": {"y": 2}}, ((1.5, 2.0), 3, True, np.array([0.5, 4.0]))),
    (complexes, {}, (1.0 + 2.0j,)),
    (fixed, {"shapes": {"y": (2, 3)}}, (np.arange(6.0).reshape(2, 3),)),
    (fixed, {"shapes": {"y": (2, 3)}}, (np.arange(6.0).reshape(3, 2).T,)),
    (fixed, {"shapes": {"y": (2, 3)}}, (np.arange(24.0).reshape(4, 6)[::2, ::2],)),
    (fixed, {"shapes": {"y": (2, 3)}}, (np.arange(6, dtype=np.float32).reshape(2, 3),)),
    (fixed, {"shapes": {"y": (2, 3)}}, (np.arange(6).reshape(2, 3),)),
    (neighbours, {"wrt": "y"}, (0.0, np.linspace(0.0, 1.0, 40), 8.0)),
    (neighbours, {"wrt": "y"}, (0.0, np.linspace(0.0, 1.0, 12)[::2], 8.0)),
    (neighbours, {"wrt": "y"}, (0.0, np.linspace(0.0, 1.0, 5, dtype=np.float32), 8.0)),
    (stepped, {"wrt": "y"}, (np.linspace(0.0, 1.0, 6), 3)),
    (stepped, {"wrt": "y"}, (np.array([]), 3)),
    (products, {"wrt": ("A", "k")}, (np.arange(12.0).reshape(3, 4), 0.5)),
    (products, {"wrt": "A"}, (np.arange(12.0).reshape(4, 3).T, 0.5)),
]


@pytest.mark.parametrize("function, options, args", CALLS, ids=[f"{c[0].__name__}-{i}" for i, c in enumerate(CALLS)])
def test_both_tiers_give_the_same(function, options, args):
    f = jacobian_compiled(**options)(function)
    form = linked(f.value_and_jacobian, *args)
    assert same(form(*args), form._dispatcher(*args))


def test_filling_a_matrix():
    f = jacobian_compiled(wrt="y")(vector)
    out, y = np.empty((2, 3)), np.array([1.0, 2.0, 0.5])
    form = linked(f.jacobian.into, out, y, 0.3)
    out[:] = 0.0
    assert form(out, y, 0.3) is None
    assert same(out, f.jacobian.matrix(y, 0.3))


def test_jvp():
    f = jacobian_compiled(vector)
    y = np.array([1.0, 2.0, 0.5])
    form = linked(f.jvp, (y, 0.3), (y, 1.0))
    assert same(form((y, 0.3), (y, 1.0)), form._dispatcher((y, 0.3), (y, 1.0)))


def test_an_argument_that_is_filled():
    def rhs(y, dy):
        dy[0], dy[1] = -y[1], y[0]

    f = jacobian_compiled(of="dy", wrt="y", shapes={"y": 2, "dy": 2})(rhs)
    y, dy = np.array([1.0, 2.0]), np.zeros(2)
    linked(f.jacobian, y, dy)
    dy[:] = 0.0
    assert same(f.jacobian(y, dy), np.array([[0.0, -1.0], [1.0, 0.0]])) and dy.tolist() == [-2.0, 1.0]


def test_arrays_of_any_length_are_filled():
    def heat(u, du):
        for i in range(1, len(u) - 1):
            du[i] = u[i - 1] - 2.0 * u[i] + u[i + 1] ** 2

    f = jacobian_compiled(of="du", wrt="u")(heat)
    u, du, out = np.linspace(0.0, 1.0, 7), np.zeros(7), np.zeros((7, 7))
    linked(f._primal, u, du)
    linked(f.jacobian.into, out, u, du)
    for n in (7, 4):
        u, du, expected, out = np.linspace(0.0, 1.0, n), np.zeros(n), np.zeros(n), np.zeros((n, n))
        heat(u, expected)
        f(u, du)
        np.testing.assert_allclose(du, expected, rtol=1e-15)
        du[:] = 0.0
        f.jacobian.into(out, u, du)
        assert same(out, f.jacobian._dispatcher(u, np.zeros(n)))
        np.testing.assert_allclose(du, expected, rtol=1e-15)
        with pytest.raises(ValueError, match="row an output and a column an input"):
            f.jacobian.into(out[:-1], u, du)


def test_results_that_are_arguments_stay_so():
    """Numba returns the very array that came in; a copy would be another thing to write to."""

    def f(x, y):
        return x

    form = jacobian_compiled(shapes={"x": 2})(f)._primal
    x = np.array([1.0, 2.0])
    first = form(x, 1.0)
    assert same(first, x) and (first is x) == (form._dispatcher(x, 1.0) is x) == (form(x, 1.0) is x)


# The same arguments, the same errors


def test_keywords_and_defaults():
    def f(x, k=2.0, *, p=3.0):
        return k * x**p

    form = linked(jacobian(f, wrt="x"), 2.0)
    for args, kwargs in [((2.0,), {}), ((2.0, 1.0), {}), ((2.0,), {"k": 1.0}), ((), {"x": 2.0}), ((2.0,), {"p": 2.0}),
                         ((), {"k": 1.0, "x": 2.0, "p": 1.0}), ((2.0, 1.0, 2.0), {})]:  # fmt: skip
        assert form(*args, **kwargs) == form._dispatcher(*args, **kwargs)


BAD = [
    (),
    (np.ones(3),),
    (np.ones(3), 1.0, 2.0),
    (np.ones(4), 1.0),
    (np.ones(0), 1.0),
    ([1.0, 2.0, 3.0], 1.0),
    (np.array(1.0), 1.0),
    (None, 1.0),
    ("abc", 1.0),
    (np.ones(3), "k"),
    (np.ones(3), None),
    (np.array([None] * 3), 1.0),
    (np.ones(3, dtype="U3"), 1.0),
    (1.0, 1.0),
]


@pytest.mark.parametrize("args", BAD, ids=range(len(BAD)))
def test_bad_arguments_raise_what_a_dispatcher_raises(args):
    good = np.array([1.0, 2.0, 0.5]), 0.3
    form = linked(jacobian(vector, wrt="y"), *good)
    with pytest.raises(Exception) as expected:
        jacobian(vector, wrt="y", cache=False)(*args)
    with pytest.raises(type(expected.value)) as found:
        form(*args)
    assert str(found.value) == str(expected.value)
    assert same(form(*good), form._dispatcher(*good))


class Sub(np.ndarray):
    pass


def read_only(array):
    array.flags.writeable = False
    return array


OTHER = [
    (np.array([1.0, 2.0, 0.5]), 1),
    (np.array([1.0, 2.0, 0.5]), True),
    (np.array([1.0, 2.0, 0.5]), np.float32(0.5)),
    (np.array([1.0, 2.0, 0.5]), np.int64(1)),
    (np.array([1, 2, 3]), 0.5),
    (np.array([1.0, 2.0, 0.5], dtype=np.float32), 0.5),
    (np.arange(6.0)[::2], 0.5),
    (np.arange(3.0)[::-1], 0.5),
    (read_only(np.arange(3.0)), 0.5),
    (np.arange(3.0).view(Sub), 0.5),
    ((1.0, 2.0, 0.5), 0.5),
    (np.arange(3.0).astype(np.dtype("f8", metadata={"a": 1})), 0.5),
]


@pytest.mark.parametrize("args", OTHER, ids=range(len(OTHER)))
def test_other_types_go_where_they_are_taken(args):
    form = linked(jacobian(vector, wrt="y"), np.array([1.0, 2.0, 0.5]), 0.3)

    def outcome(call):
        try:
            return call(*args)
        except (TypeError, srcdiff.SrcdiffError) as error:
            return type(error), str(error)

    expected = outcome(jacobian(vector, wrt="y", cache=False))
    assert same(outcome(form), expected) and same(outcome(form), expected)


def test_integers_beyond_64_bits():
    def f(x, n):
        return x * n

    form = linked(jacobian(f, wrt="x"), 1.0, 2)
    assert form(1.0, 2**63 - 1) == float(2**63 - 1) and form(1.0, -(2**63)) == -float(2**63)
    with pytest.raises((OverflowError, TypeError, ValueError, srcdiff.SrcdiffError)):
        form(1.0, 2**70)


def test_errors_of_the_function_itself():
    def f(x):
        if x < 0.0:
            raise ValueError("negative")
        return x * x

    form = linked(jacobian(f), 2.0)
    with pytest.raises(ValueError, match="negative"):
        form(-1.0)
    assert form(3.0) == 6.0


@pytest.mark.parametrize(
    "body, arrays, safe",
    [
        ("    y[0] = x\n    for i in range(3):\n        x = x + i\n    return x\n", {"y"}, False),
        ("    y[0] = x\n    for i in range(3):\n        x = x + i\n    return x\n", set(), True),
        ("    for i in range(3):\n        x = x + i\n    y[0] = x\n    y[1] = 1.0\n    return x\n", {"y"}, True),
        ("    for i in range(3):\n        y[i] = x\n", {"y"}, False),
        ("    z = y\n    z[0] = 1.0\n    if x < 0.0:\n        raise ValueError\n", {"y"}, False),
        ("    z = np.empty(3)\n    z[0] = 1.0\n    if x < 0.0:\n        raise ValueError\n", {"y"}, True),
        ("    z = np.empty(3)\n    z = y\n    z[0] = x\n    if x < 0.0:\n        raise ValueError\n", {"y"}, False),
        ("    h(y)\n    if x < 0.0:\n        raise ValueError\n", {"y"}, False),
        ("    h(x)\n    if x < 0.0:\n        raise ValueError\n", {"y"}, True),
        ("    z = g(y)\n    if z < 0.0:\n        raise ValueError\n", {"y"}, True),
        ("    z = y.copy()\n    z[0] = x\n    if x < 0.0:\n        raise ValueError\n", {"y"}, True),
        ("    y = y.copy()\n    y[0] = x\n    if x < 0.0:\n        raise ValueError\n", {"y"}, True),
        ("    for i in range(2):\n        z = y\n    z[0] = x\n    h(x)\n", {"y"}, False),
        ("    z = np.zeros(2)\n    for i in range(2):\n        z[0] = x\n        z = y\n    h(x)\n", {"y"}, False),
        ("    z, w = x, y[1:]\n    z[0] = x\n    h(x)\n", {"y"}, True),
        ("    z, w = x, y[1:]\n    w[0] = x\n    h(x)\n", {"y"}, False),
        ("    z = y.T if x > 0.0 else y\n    z[0] += x\n    h(x)\n", {"y"}, False),
        ("    z = np.zeros_like(y)\n    h(z)\n    h(x)\n    y[:] = z\n    return z\n", {"y"}, True),
        ("    r(y, x)\n    h(x)\n", {"y"}, False),
        ("    np.dot(x, x, y)\n    h(x)\n", {"y"}, False),
    ],
)
def test_what_writes_before_it_may_fail_is_not_linked(body, arrays, safe):
    """Its call could not be made again."""
    helpers = "def h(y):\n    y[0] = 1.0\n\n\ndef g(y):\n    return y[0]\n\n\ndef r(a, b):\n    return r(b, a)\n\n\n"
    module = Module(f"{helpers}def f(x, y):\n{body}", "f", ("x", "y"), {})
    assert native_module.restartable(module, arrays) is safe


def write_and_return(y, z, k):
    y[k] += 1.0
    return z[:k]


def write_and_return_on_a_condition(y, z, k):
    y[0] += 1.0
    u = z
    if y[0] > 5.0 * k:
        u = y
    return u


@pytest.mark.parametrize("function", [write_and_return, write_and_return_on_a_condition])
@pytest.mark.parametrize("mode", ["primal", "matrix"])
def test_arguments_that_are_returned_are_written_once(function, mode):
    """Linked code would leave a result that is an argument to the dispatcher, which would write again."""
    f = jacobian_compiled(function)
    call = f if mode == "primal" else f.jacobian.matrix
    for _ in range(3):
        y, z, expected = np.zeros(3), np.arange(4.0), np.zeros(3)
        function(expected, z, 1)
        found = call(y, z, 1)
        if mode == "primal":
            assert np.array_equal(y, expected) and np.shares_memory(found, z)
        else:
            assert not y.any()


# One object


def test_the_object_in_compiled_code():
    f = jacobian_compiled(lambda x, y: x * y**2)
    linked(f.jacobian, 2.0, 3.0)

    @numba.njit
    def caller(x):
        return f.jacobian(x, 3.0), f(x, 3.0)

    @numba.njit
    def argument(g, x):
        return g(x, 3.0)

    assert caller(2.0) == ((9.0, 12.0), 18.0)
    assert argument(f.jacobian, 2.0) == (9.0, 12.0) == f.jacobian(2.0, 3.0)


def test_where_a_function_type_is_declared():
    f = jacobian_compiled(lambda x: x**3)
    linked(f.jacobian, 2.0)
    kind = numba.types.FunctionType(numba.types.float64(numba.types.float64))

    @numba.njit(numba.types.float64(kind, numba.types.float64))
    def caller(g, x):
        return g(x)

    assert isinstance(f.jacobian, numba.core.dispatcher.Dispatcher)
    assert caller(f.jacobian, 2.0) == 12.0


def test_attributes_of_the_dispatcher():
    f = jacobian_compiled(lambda x, y: x * y**2)
    form = linked(f.jacobian, 2.0, 3.0)
    assert len(form.signatures) == 1 and "jacobian" in repr(form)
    assert str(srcdiff.emit(f, types="float64, float64")) == form.source
    with pytest.raises(AttributeError):
        form.nothing  # noqa: B018
    assert not hasattr(form, "__array__")


def module_level(x):
    return x**3


module_level = jacobian_compiled(module_level)


def test_forms_can_be_pickled():
    for form in (module_level.jacobian, module_level.jacobian.matrix, module_level.jacobian.into, module_level.jvp):
        assert pickle.loads(pickle.dumps(form)) is form
    linked(module_level.jacobian, 2.0)
    assert pickle.loads(pickle.dumps(module_level.jacobian)) is module_level.jacobian
    assert module_level(2.0) == 8.0 and pickle.loads(pickle.dumps(module_level)) is module_level


def test_types_that_alternate(monkeypatch):
    monkeypatch.setattr(tiers, "PATIENCE", 5)
    form = linked(jacobian(lambda x: x * x), 2.0)
    for _ in range(4):
        assert [type(form(x)) for x in (2.0, 3, 1 + 1j)] == [float, float, complex]
    for _ in range(10):
        assert form(np.float32(1.5)) == 3.0
    assert form(2.0) == 4.0 and form(3) == 6.0


def test_no_references_are_lost():
    f = jacobian_compiled(wrt="y")(vector)
    y = np.array([1.0, 2.0, 0.5])
    form = linked(f.value_and_jacobian, y, 0.3)
    other = linked(jacobian(scalars), 2.0, 3.0)
    out = np.empty((2, 3))
    into = linked(f.jacobian.into, out, y, 0.3)

    def counts():
        gc.collect()
        return [sys.getrefcount(thing) for thing in (y, out, None, True, np.ndarray, y.dtype, form, np.float64)]

    for _ in range(2):  # the first round leaves behind what is made once
        before = counts()
        for _ in range(400):
            form(y, 0.3), other(2.0, 3.0), into(out, y, 0.3)
            with contextlib.suppress(ValueError):
                form(y[:2], 0.3)
    assert [a - b for a, b in zip(counts(), before) if abs(a - b) > 100] == []


def test_memory_is_given_back():
    resource = pytest.importorskip("resource")
    f = jacobian_compiled(shapes={"y": 12})(lambda y: np.outer(y, y))
    y = np.ones(12)
    form = linked(f._primal, y)
    for _ in range(100):
        form(y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(20_000):  # 1152 bytes each
        form(y)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_000
    g = jacobian_compiled(wrt="y")(neighbours)
    form = linked(g.value_and_jacobian, 0.0, y, 8.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5_000):  # above 7 kilobytes each
        form(0.0, y, 8.0)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8_000


# A fresh process


def fresh(text, **environment):
    env = {**os.environ, "PYTHONPATH": ROOT, **environment}
    program = textwrap.dedent(text)
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_warm_process_imports_neither_numba_nor_libcst(tmp_path):
    program = tmp_path / "program.py"
    text = """
        import sys
        import numpy as np
        from srcdiff import jacobian_compiled

        @jacobian_compiled(wrt="y")
        def f(t, y, k=2.0):
            a, b = y
            return np.array([k * a * b, a - t * b])

        @jacobian_compiled(wrt="y")
        def g(t, y):
            rate = np.empty(len(y))
            for i in range(len(y)):
                rate[i] = y[i] * y[i - 1] - t
            return rate

        y, out = np.array([2.0, 3.0]), np.empty((2, 2))
        f.jacobian.into(out, 1.0, y)
        results = f(1.0, y), f.jacobian(1.0, y), f.value_and_jacobian(1.0, y), f.jacobian.matrix(1.0, y), out
        g.jacobian.into(out, 1.0, y)
        results = results, g(1.0, y), g.jacobian(1.0, y), g.value_and_jacobian(1.0, y), out
        print(results, {"numba", "libcst"} & set(sys.modules))
        print(f.jacobian(1.0, y.astype(np.float32)).dtype, f.jacobian(1.0, y=y).tolist())
    """
    program.write_text(textwrap.dedent(text))
    run = f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')"
    cold, warm = fresh(run), fresh(run)
    assert "numba" in cold and "set()" in warm
    assert warm.replace("set()", "") == cold.replace("{'numba', 'libcst'}", "").replace("{'libcst', 'numba'}", "")


def test_without_the_layout_that_is_known_all_goes_to_numba(monkeypatch):
    monkeypatch.setattr(link_module, "_layout_is_known", lambda: False)
    form = jacobian(lambda x: x * x * 5.0)
    assert form(2.0) == 20.0 and not form._links


def test_code_that_cannot_be_linked(monkeypatch):
    form = jacobian(lambda x: x * x * 6.0)

    def refuse(*args):
        raise RuntimeError("Symbols not found")

    monkeypatch.setattr(link_module, "_load", refuse)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert form(2.0) == 24.0 and not form._links


def test_disabled_jit(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("from srcdiff import jacobian\ndef f(x):\n    return x * x\nprint(jacobian(f)(3.0))\n")
    run = f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')"
    assert fresh(run) == fresh(run) == "6.0\n"


def test_emitted_text_is_a_file_that_python_runs_where_numba_does_not_compile(tmp_path, place):
    """As debuggers, profilers and coverage see it; helpers too."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent("""
        import cProfile, math, os, pstats, sys
        import numpy as np
        from srcdiff import jacobian_compiled

        def inner(x):
            if x < 0.0:
                raise ValueError("below zero")
            return math.sqrt(x) * x

        @jacobian_compiled(wrt="y")
        def f(t, y, k=2.0):
            rate = np.empty(len(y))
            for i in range(len(y)):
                rate[i] = k * inner(y[i]) * y[i - 1] - t
            return rate

        seen = {}

        def trace(frame, event, arg):
            if frame.f_code.co_filename.startswith(os.environ["SRCDIFF_CACHE_DIR"]):
                seen.setdefault(frame.f_code.co_filename, set()).add(frame.f_code.co_name)
                return trace

        y, out = np.array([1.0, 4.0, 2.0]), np.empty((3, 3))
        f.jacobian(1.0, y)
        sys.settrace(trace)
        matrix = f.jacobian(1.0, y)
        f.jacobian.into(out, 1.0, y=y)
        sys.settrace(None)
        assert (matrix == out).all() and len(seen) == 2 and all(map(os.path.isfile, seen)), seen
        assert all(names & {"f_jacobian", "f_jacobian_into"} and "f_tangents" in names for names in seen.values()), seen
        profile = cProfile.Profile()
        profile.runcall(f.jacobian, 1.0, y)
        assert any(name == "f_tangents" and os.path.isfile(path) for path, _, name in pstats.Stats(profile).stats)
        try:
            f.jacobian(1.0, -y)
        except ValueError as error:
            while error.__traceback__.tb_next:
                error.__traceback__ = error.__traceback__.tb_next
            assert os.path.isfile(error.__traceback__.tb_frame.f_code.co_filename)
        print(matrix.tolist())
    """))
    run = f"import runpy; runpy.run_path({str(program)!r}, run_name='__main__')"
    plain = fresh(run, NUMBA_DISABLE_JIT="1")
    # d/dy of 2 y_i^1.5 y_{i-1} at (1, 4, 2)
    root = np.sqrt([1.0, 4.0, 2.0])
    expected = [[6.0 * root[0], 0.0, 2.0], [16.0, 3.0 * root[1], 0.0], [0.0, 2.0 * 2.0 * root[2], 12.0 * root[2]]]
    np.testing.assert_allclose(json.loads(plain), expected, rtol=1e-14)


# Types in words


TYPED = [
    1.0,
    1,
    True,
    1j,
    np.zeros(3),
    np.zeros((2, 3)).T,
    np.zeros((4, 4))[::2, ::2],
    np.zeros(3, np.float32),
    np.zeros(3, np.int8),
    np.zeros(3, complex),
    (1.0, 2.0),
    (1.0, 2),
    ((1.0,), np.zeros(2)),
    np.float64(1.0),
]


@pytest.mark.parametrize("value", TYPED, ids=range(len(TYPED)))
def test_types_are_written_as_numba_writes_them(value):
    assert describe(value) == str(numba.typeof(value))


@pytest.mark.parametrize(
    "value", [None, "a", [1.0], np.float32(1.0), np.array(1.0), 2**63, (1.0, None), np.zeros(3, ">f8")]
)
def test_types_that_only_dispatchers_take(value):
    assert describe(value) is None


def test_lists_are_refused_as_ever():
    with pytest.raises(ArgumentError, match="list"):
        linked(jacobian(vector, wrt="y"), np.array([1.0, 2.0, 0.5]), 0.3)([1.0, 2.0, 3.0], 0.3)
