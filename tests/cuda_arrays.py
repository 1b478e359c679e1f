"""Functions of arrays on devices, compared with dual numbers in the simulator, and compiled and linked.

    export PYTHONPATH=.:tests
    NUMBA_ENABLE_CUDASIM=1 python tests/cuda_arrays.py simulator
    python tests/cuda_arrays.py ptx

Each function has its arguments at one point, and what derivatives are taken by. Lengths are those of the arguments.
Prints a line for each, and exits with 1 if one fails.
"""

import sys

import dual
import numpy as np

from srcdiff import jacobian_compiled
from srcdiff.differentiable import Options
from srcdiff.evaluate.cuda import CudaBatch

N = 6


def ring(y, at, k):
    """Indices that are data, and computed ones."""
    n = len(y)
    dy = np.zeros(n)
    for i in range(n):
        dy[i] = k * y[at[i]] - y[i] * y[(i + 1) % n]
    return dy


def diffusion(u, kappa, steps: int):
    """Array expressions; an array that is made anew in every step."""
    for _ in range(steps):
        flux = kappa * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u = u.copy()
        u[1:-1] += flux
    return u, np.sum(u**2)


def marched(u, dt, steps: int):
    """The step reads the array that the step before made."""
    for _ in range(steps):
        new = np.empty_like(u)
        for i in range(len(u)):
            left = u[i - 1]
            new[i] = u[i] + dt * (left - u[i]) * u[i]
        u = new
    return u


def swapped(u, dt, steps: int):
    """Two arrays that the loop exchanges."""
    old, new = u.copy(), np.zeros_like(u)
    for _ in range(steps):
        for i in range(len(u)):
            new[i] = old[i] + dt * np.sin(old[(i + 1) % len(u)])
        old, new = new, old
    return old


def filled(t, y, rate, dy):
    """An argument that is filled."""
    n = len(y)
    for i in range(n):
        dy[i] = -rate * y[i]
    dy[0] += t * y[n - 1]
    for i in range(1, n):
        dy[i] += y[i - 1] * y[i - 1]


def changed(y, k):
    """An argument that is written to."""
    for i in range(1, len(y)):
        y[i] = y[i] + k * y[i - 1]
    return np.sum(y * y)


def quadratic(A, x):
    """Matrices: products, transposes, rows."""
    y = A @ x
    z = A.T @ y
    total = 0.0
    for i in range(len(x)):
        row = A[i]
        total += np.sum(row * z)
    return z, total * np.dot(x, y)


def branched(y, limit):
    """Branches by value, `where`, extrema."""
    total = 0.0
    for v in y:
        if v > limit:
            total += v * v
        elif v < -limit:
            total -= v
    return np.where(y > limit, y**2, 0.5 * y), total, np.max(y), np.maximum(y, limit)


def early(y, limit):
    """A return within a loop."""
    total = 0.0
    for i in range(len(y)):
        total += y[i] ** 2
        if total > limit:
            return total * y[i], y * 2.0
    return total, y * total


def scattered(y, at, weight):
    """Writes at places that are data."""
    bins = np.zeros(4)
    for i in range(len(y)):
        bins[at[i] % 4] += weight * y[i]
    return bins


def fill_forces(x, force):
    """A helper that fills an array that it is given."""
    for i in range(len(x)):
        force[i] = -np.sin(x[i]) + 0.1 * x[(i + 1) % len(x)]


def spring(a, b):
    return (a - b) ** 3


def chain(x, v, h):
    """Helpers of numbers and of arrays, and several arrays."""
    force = np.zeros(len(x))
    fill_forces(x, force)
    for i in range(1, len(x)):
        force[i] -= spring(x[i], x[i - 1])
    return x + h * v, v + h * force


def shooting(p, y, steps: int):
    """Tuples of numbers beside an array."""
    a, b = p
    z = y.copy()
    for _ in range(steps):
        for i in range(len(z)):
            z[i] = z[i] + a * z[(i + 2) % len(z)] - b * z[i]
    return z


def table(x, knots, values):
    """A table that does not vary."""
    total = values[0]
    for i in range(1, len(knots)):
        if x > knots[i - 1]:
            total += (x - knots[i - 1]) * values[i]
    return total * x


def raised(y, limit):
    """What raises gives nan."""
    total = 0.0
    for v in y:
        if v < limit:
            raise ValueError("too small")
        total += np.sqrt(v - limit)
    return total * y


Y = np.array([0.5, -1.2, 0.8, 2.0, -0.3, 1.1])
AT = np.array([2, 0, 5, 1, 4, 3])

CASES = {
    ring: (("y", "k"), (Y, AT, 0.7)),
    diffusion: (("u", "kappa"), (Y, 0.2, 3)),
    marched: (("u", "dt"), (Y, 0.1, 4)),
    swapped: (("u", "dt"), (Y, 0.1, 3)),
    filled: (("y", "rate"), (0.3, Y, 0.4, np.zeros(N))),
    changed: (("y", "k"), (Y, 0.4)),
    quadratic: (("A", "x"), (np.arange(12.0).reshape(3, 4)[:, :3] / 7 + 0.1, np.array([1.0, -2.0, 0.5]))),
    branched: (("y", "limit"), (Y, 0.6)),
    early: (("y", "limit"), (Y, 3.0)),
    scattered: (("y", "weight"), (Y, AT, 1.5)),
    chain: (("x", "v"), (Y, Y[::-1].copy(), 0.1)),
    shooting: (("p", "y"), ((0.2, 0.3), Y, 2)),
    table: ("x", (1.3, np.array([0.0, 0.5, 1.0, 2.0]), np.array([1.0, -0.5, 2.0, 0.25]))),
    raised: (("y", "limit"), (Y + 2.0, 0.5)),
}
OF = {filled: "dy"}

POINTS = 3


def points(args):
    """The arguments at several points: floats in arrays differ."""
    rows = []
    for p in range(POINTS):
        scale = 1.0 + 0.1 * p
        rows.append(tuple(a * scale if isinstance(a, np.ndarray) and a.dtype == float else a for a in args))
    return rows


def stacked(rows):
    """Arrays with an axis of points, and where they have it."""
    columns = list(zip(*rows))
    batched = [isinstance(c[0], np.ndarray) for c in columns]
    values = [np.stack(c) if b else c[0] for c, b in zip(columns, batched)]
    return values, tuple(0 if b else None for b in batched)


def narrow(value):
    if isinstance(value, tuple):
        return tuple(map(narrow, value))
    if isinstance(value, float):
        return np.float32(value)
    return value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype == float else value


def flat(result):
    if isinstance(result, tuple):
        return [n for r in result for n in flat(r)]
    return [] if result is None else [np.asarray(result)]


def compare(found, expected, tolerance, what):
    assert len(found) == len(expected), what
    for a, b in zip(found, expected):
        assert a.shape == b.shape, (what, a.shape, b.shape)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=what)


def options(function, **more):
    return {"wrt": CASES[function][0], "of": OF.get(function), **more}


def simulate(function, single):
    """As a kernel in each mode, and as device functions, against dual numbers."""
    wrt, of = CASES[function][0], OF.get(function)
    tolerance = 2e-4 if single else 1e-11
    cuda = jacobian_compiled(function, **options(function, target="cuda"))
    rows = points(CASES[function][1])
    values, axes = stacked([narrow(row) for row in rows] if single else rows)
    expected = [dual.value_and_jacobian(function, fresh(row), wrt, of) for row in rows]

    def launch(batch):
        """The result, and what became of the last argument."""
        given = fresh(values)
        return batch(*given, in_axes=axes), given[-1]

    def check(result, last, wanted, what):
        for p in range(POINTS):
            if of is None or what != "the value's batch":
                compare([a[p] for a in flat(result)], flat(wanted(p)), tolerance, what)
            if of is not None:
                compare([last[p]], [expected[p][0]], tolerance, f"filled by {what}")

    both, last = launch(cuda.value_and_jacobian.batch)
    check(both if of is None else both[1], last, lambda p: expected[p][of is not None :], "value_and_jacobian.batch")
    check(*launch(cuda.jacobian.batch), lambda p: expected[p][1], "jacobian.batch")
    check(*launch(cuda.batch), lambda p: expected[p][0], "the value's batch")
    if single:
        return
    shapes = {name: a.shape for name, a in zip(names(function), rows[0]) if isinstance(a, np.ndarray)}
    device = jacobian_compiled(function, **options(function, target="cuda", shapes=shapes))
    value, jacobian = expected[0]
    matrix = dual.matrix(jacobian, value)
    returned = None if of is not None else value
    found = in_kernel(device.jacobian, *fresh(rows[0]))
    compare(flat(numbers(found, jacobian)), flat(jacobian), tolerance, "jacobian")
    pair = in_kernel(device.value_and_jacobian, *fresh(rows[0]))
    compare(flat(numbers(pair, (returned, jacobian))), flat((returned, jacobian)), tolerance, "value_and_jacobian")
    out = np.full(matrix.shape, 9.0)
    in_kernel(device.jacobian.into, out, *fresh(rows[0]))
    compare([out], [matrix], tolerance, "into")
    inputs = dict(zip(names(function), rows[0]))
    dots = tuple(direction(inputs[n]) for n in ((wrt,) if isinstance(wrt, str) else wrt))
    wanted = matrix @ np.concatenate([np.ravel(d) for d in flat(dots)])
    found = in_kernel(device.jvp, tuple(fresh(rows[0])), dots[0] if isinstance(wrt, str) else dots)
    tangent = np.concatenate([np.ravel(a) for a in flat(numbers(found[1], value))])
    compare([tangent], [wanted], tolerance, "jvp")


def fresh(args):
    return [a.copy() if isinstance(a, np.ndarray) else a for a in args]


def in_kernel(form, *args):
    """What a device function returns in a kernel of one thread."""
    from numba import cuda

    found = []

    @cuda.jit
    def one():
        found.append(form(*args))

    one[1, 1]()
    return found[0]


def direction(value):
    if isinstance(value, tuple):
        return tuple(map(direction, value))
    return np.cos(1.0 + np.arange(value.size)).reshape(value.shape) if isinstance(value, np.ndarray) else 0.7


def names(function):
    return function.__code__.co_varnames[: function.__code__.co_argcount]


def numbers(result, like):
    """Nested tuples as arrays."""
    if isinstance(like, tuple):
        return tuple(map(numbers, result, like))
    return None if like is None else np.array(result)


def kernel(function, single, mode="value_and_jacobian"):
    """The kernel of a batch, and the types of its arguments."""
    import numba
    from numba import types

    rows = points(CASES[function][1])
    values, axes = stacked([narrow(row) for row in rows] if single else rows)
    batch = CudaBatch(function, mode, Options(**options(function, target="cuda")))
    given = batch.given(values, {}, axes, {})
    found, compiled = batch.compile(given.plan, False)
    outs = [types.Array(numba.from_dtype(np.dtype(t.dtype.numpy)), len(t.shape) + 1, "C") for t in found.targets]
    work = [types.Array(numba.from_dtype(np.dtype(b.dtype.numpy)), len(b.shape) + 1, "C") for b in found.scratch]
    kinds = [numba.typeof(v) for v in given.values]
    return compiled, (types.int64, types.int64, *outs, *kinds, *work)


def compiled(function, single, capability):
    """Compile and link; in single precision no instruction of the text itself works on doubles."""
    from cuda_corpus import is_pure, kernel_text, ptx
    from cuda_link import link

    found, signature = kernel(function, single)
    code = ptx(found, signature, capability)
    usage = link(code, capability)
    assert usage.spilled == 0, usage
    if single and is_pure(kernel_text(found), signature):
        doubles = [line for line in code.splitlines() if ".f64" in line and ".reg" not in line]
        assert not doubles, doubles
    for mode in ("jacobian", "primal"):
        ptx(*kernel(function, single, mode), capability)


def energy(u, dt):
    new = np.empty_like(u)
    for i in range(len(u)):
        new[i] = u[i] + dt * u[i - 1]
    other = new * new
    return np.sum(other)


def handed_in():
    """Scratch that is too much for a thread comes from the launch, a bounded part at a time."""
    from srcdiff import UnsupportedType
    from srcdiff.evaluate import cuda as evaluate

    u = np.linspace(0.0, 1.0, 5 * 400).reshape(5, 400)
    function = jacobian_compiled(energy, wrt="dt", target="cuda")
    batch = function.jacobian.batch
    work = batch.build(batch.given((u, 0.3), {}, (0, None), {}).plan, False).scratch
    assert work and all(b.shape == (400,) for b in work)
    expected = [dual.value_and_jacobian(energy, (row, 0.3), "dt")[1] for row in u]
    for evaluate.SCRATCH in (2 * 8 * 400 * len(work), 2**20):
        np.testing.assert_allclose(batch(u, 0.3, in_axes=(0, None)), expected, rtol=1e-12)
    try:
        fixed = jacobian_compiled(energy, wrt="dt", target="cuda", shapes={"u": 400})
        fixed.emit("jacobian", types="float64[:], float64")
    except UnsupportedType as error:
        assert "numbers of scratch a thread" in str(error)
    else:
        raise AssertionError("too much scratch was taken")


def lengths_change():
    """Another length is another kernel; another number of points is not."""
    function = jacobian_compiled(ring, wrt="y", target="cuda")
    batch = function.jacobian.batch
    for points_, n in ((2, 5), (3, 5), (2, 7)):
        y = np.linspace(0.1, 1.0, points_ * n).reshape(points_, n)
        at = np.arange(n)[::-1].copy()
        found = batch(y, at, 0.7, in_axes=(0, None, None))
        expected = [dual.value_and_jacobian(ring, (row, at, 0.7), "y")[1] for row in y]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert len({b.module.text for _, b in batch._built.values()}) == 2


def main(argv):
    failed = 0
    if argv[0] == "simulator":
        handed_in()
        lengths_change()
    for number, function in enumerate(CASES):
        if "--quick" in argv and number % 4:
            continue
        for single in (False, True):
            try:
                if argv[0] == "simulator":
                    simulate(function, single)
                else:
                    compiled(function, single, ((7, 5), (9, 0), (10, 0))[number % 3])
            except Exception as error:
                failed += 1
                print(f"{function.__name__}: {type(error).__name__}: {' '.join(str(error).split())[:400]}")
                if "-v" in argv:
                    raise
        print(function.__name__, flush=True)
    print(f"{argv[0]}: {len(CASES)} functions of arrays, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
