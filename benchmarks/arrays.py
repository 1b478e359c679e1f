"""Arrays of any length: dense Jacobians, tangents through a time loop, compile times, memory. Ratios come first.

``python -m benchmarks.arrays [--quick] [--json FILE]``. The code by hand is a K-wide tangent loop in Numba: values and
partials first, then one loop over K directions, as often as the unknowns need. Peers run where they are installed.
"""

import argparse
import inspect
import json
import math
import resource
import subprocess
import sys
import time

import numpy as np
from numba import njit

from benchmarks import timing
from srcdiff import jacobian_compiled

WIDTHS = (8, 16, 32, 64)
HAND = "by hand, Numba"
COLUMNS = (
    ("problem", 22, "{}"),
    ("contestant", 24, "{}"),
    ("ratio", 8, "{:.2f}"),
    ("us", 12, "{:.1f}"),
    ("setup_s", 9, "{:.2f}"),
    ("emit_ms", 9, "{:.1f}"),
    ("note", 0, "{}"),
)
jitted = njit(error_model="numpy", fastmath={"contract"})


# The functions, as users write them


def lorenz96(x, forcing):
    n = len(x)
    dx = np.empty_like(x)
    for i in range(n):
        dx[i] = (x[(i + 1) % n] - x[i - 2]) * x[i - 1] - x[i] + forcing
    return dx


def brusselator(y, c):
    """u and v alternate; the ends are fixed at 1 and 3."""
    u, v = y[::2], y[1::2]
    dy = np.empty_like(y)
    dy[::2] = 1.0 + u * u * v - 4.0 * u - 2.0 * c * u
    dy[1::2] = 3.0 * u - u * u * v - 2.0 * c * v
    dy[2:] += c * y[:-2]
    dy[:-2] += c * y[2:]
    dy[0] += c
    dy[1] += 3.0 * c
    dy[-2] += c
    dy[-1] += 3.0 * c
    return dy


def chain(theta, torque):
    """A ring of coupled pendulums, overdamped."""
    n = len(theta)
    d = np.empty_like(theta)
    for i in range(n):
        d[i] = torque[i % len(torque)] - math.sin(theta[i]) + math.sin(theta[i - 1] - theta[i])
    return d


def chain_rk4(theta, torque, dt, steps: int):
    for _ in range(steps):
        k1 = chain(theta, torque)
        k2 = chain(theta + 0.5 * dt * k1, torque)
        k3 = chain(theta + 0.5 * dt * k2, torque)
        k4 = chain(theta + dt * k3, torque)
        theta = theta + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return theta


# By hand


def lorenz96_wide(x, forcing, x_dot, dx_dot):
    n, K = x_dot.shape
    for i in range(n):
        right, left, two = i + 1 if i + 1 < n else 0, i - 1 if i > 0 else n - 1, i - 2 if i > 1 else n + i - 2
        slope, middle = x[right] - x[two], x[left]
        for k in range(K):
            dx_dot[i, k] = middle * (x_dot[right, k] - x_dot[two, k]) + slope * x_dot[left, k] - x_dot[i, k]


def brusselator_wide(y, c, y_dot, dy_dot):
    n, K = y_dot.shape
    for i in range(0, n, 2):
        u, v = y[i], y[i + 1]
        uv, uu = 2.0 * u * v, u * u
        for k in range(K):
            du, dv = y_dot[i, k], y_dot[i + 1, k]
            change = uv * du + uu * dv
            dy_dot[i, k] = change - (4.0 + 2.0 * c) * du
            dy_dot[i + 1, k] = 3.0 * du - change - 2.0 * c * dv
        for j in (i - 2, i + 2):
            if 0 <= j < n:
                for k in range(K):
                    dy_dot[i, k] += c * y_dot[j, k]
                    dy_dot[i + 1, k] += c * y_dot[j + 1, k]


def dense_by_hand(wide, K):
    """``into(out, x, parameter)`` by passes of K directions."""
    wide = jitted(wide)

    @jitted
    def passes(out, x, parameter, x_dot, value_dot):
        n = len(x)
        for start in range(0, n, K):
            here = min(K, n - start)
            x_dot[:] = 0.0
            for k in range(here):
                x_dot[start + k, k] = 1.0
            wide(x, parameter, x_dot, value_dot)
            for i in range(n):
                for k in range(here):
                    out[i, start + k] = value_dot[i, k]

    def into(out, x, parameter):
        passes(out, x, parameter, work[0], work[1])

    work = []

    def prepared(n):
        work[:] = [np.zeros((n, K)), np.zeros((n, K))]
        return into

    return prepared


def differences_by_numba(function):
    primal = jitted(function)

    @jitted
    def into(out, x, parameter):
        at = x.copy()
        value = primal(at, parameter)
        for j in range(len(x)):
            h = 1.5e-8 * max(abs(x[j]), 1.0)
            at[j] = x[j] + h
            moved = primal(at, parameter)
            for i in range(len(x)):
                out[i, j] = (moved[i] - value[i]) / h
            at[j] = x[j]

    return into


# Peers: the functions as their users write them


def jax_functions():
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    return {
        "lorenz96": lambda x, f: (jnp.roll(x, -1) - jnp.roll(x, 2)) * jnp.roll(x, 1) - x + f,
        "brusselator": lambda y, c: _brusselator(y, c, jnp.concatenate, jnp.stack, jnp.ones_like),
    }


def torch_functions():
    import torch

    torch.set_num_threads(1)
    return {
        "lorenz96": lambda x, f: (torch.roll(x, -1) - torch.roll(x, 2)) * torch.roll(x, 1) - x + f,
        "brusselator": lambda y, c: _brusselator(y, c, torch.cat, torch.stack, torch.ones_like),
    }


def _brusselator(y, c, concatenate, stack, ones_like):
    u, v = y[::2], y[1::2]
    one = ones_like(u[:1])
    wide_u, wide_v = concatenate((one, u, one)), concatenate((3.0 * one, v, 3.0 * one))
    du = 1.0 + u * u * v - 4.0 * u + c * (wide_u[:-2] - 2.0 * u + wide_u[2:])
    dv = 3.0 * u - u * u * v + c * (wide_v[:-2] - 2.0 * v + wide_v[2:])
    return stack((du, dv), 1).reshape(-1)


def jax_call(transform):
    def contestant(name, x, parameter):
        import jax

        function = jax_functions()[name]
        compiled = jax.jit(getattr(jax, transform)(lambda x: function(x, parameter)))
        at = jax.numpy.asarray(x)
        return lambda: np.asarray(compiled(at).block_until_ready())

    return contestant


def torch_call(name, x, parameter):
    import torch

    function = torch_functions()[name]
    jacobian = torch.func.jacfwd(lambda x: function(x, parameter))
    at = torch.from_numpy(x.copy())
    return lambda: jacobian(at).numpy()


PEERS = {
    "JAX jit(jacfwd)": ("jax", jax_call("jacfwd")),
    "JAX jit(jacrev)": ("jax", jax_call("jacrev")),
    "torch.func.jacfwd": ("torch", torch_call),
}


# Measurements


def clocked(action):
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def failure(error):
    return f"FAILED: {type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def installed(package):
    try:
        __import__(package)
    except ImportError:
        return False
    return True


def differentiable(function, wrt):
    """A fresh object, that finds nothing in a cache."""
    options = {"cache": False} if "cache" in inspect.signature(jacobian_compiled).parameters else {}
    return jacobian_compiled(function, wrt=wrt, **options)


def dense(function, wide, size, parameter, budget, widths=WIDTHS):
    """Rows of one problem: the best width by hand is 1.00."""
    name = f"{function.__name__} {size}"
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 2.0, size)
    out, reference = np.full((size, size), np.nan), np.full((size, size), np.nan)
    by_hand = {f"{HAND}, K = {K}": dense_by_hand(wide, K)(size) for K in widths}
    rows, runs = {}, {}
    for contestant, into in by_hand.items():
        taken, _ = clocked(lambda into=into: into(reference, x, parameter))
        rows[contestant] = {"problem": name, "contestant": contestant, "setup_s": taken, "note": ""}
        runs[contestant] = timing.from_python(into, out, x, parameter)

    def enter(contestant, first, tolerance=1e-12):
        """Add a contestant; ``first()`` sets it up and returns its call and what that gave."""
        row = rows[contestant] = {"problem": name, "contestant": contestant, "note": ""}
        try:
            row["setup_s"], (call, J) = clocked(first)
        except Exception as error:
            row["note"] = failure(error)
            return
        if np.shape(J) != reference.shape or not np.max(np.abs(J - reference)) <= tolerance * np.max(np.abs(reference)):
            row["note"] = "WRONG: differs from the Jacobian by hand"
            return
        runs[contestant] = timing.from_python(call)

    first_argument = next(iter(inspect.signature(function).parameters))
    ours = differentiable(function, first_argument)

    def ours_into():
        ours.jacobian.into(out, x, parameter)
        return lambda: ours.jacobian.into(out, x, parameter), out.copy()

    def ours_matrix():
        return lambda: ours.jacobian.matrix(x, parameter), ours.jacobian.matrix(x, parameter)

    def differences():
        into = differences_by_numba(function)
        into(out, x, parameter)
        return lambda: into(out, x, parameter), out.copy()

    enter("srcdiff into", ours_into)
    enter("srcdiff matrix", ours_matrix)
    enter("differences, Numba", differences, 1e-5)
    for contestant, (package, make) in PEERS.items():
        if not installed(package):
            rows[contestant] = {"problem": name, "contestant": contestant, "note": f"{package} is not installed"}
            continue

        def first(make=make):
            call = make(function.__name__, x, parameter)
            return call, call()

        enter(contestant, first)
    times = timing.interleaved(runs, budget)
    best = min(by_hand, key=lambda contestant: times[contestant][1])
    for contestant, (taken, ratio) in times.items():
        rows[contestant].update(us=1e6 * taken, ratio=ratio / times[best][1])
    return list(rows.values())


def time_loop(budget, steps=1000):
    """Tangents of RK4's steps in 16 and 64 directions, against the steps alone."""
    rng = np.random.default_rng(1)
    theta, torque = rng.uniform(-1.0, 1.0, 64), rng.uniform(0.5, 1.5, 16)
    names = {"chain": jitted(chain)}
    primal = jitted(rebound(chain_rk4, names))
    primal(theta, torque, 0.01, steps)
    runs = {"the steps alone, Numba": timing.from_python(primal, theta, torque, 0.01, steps)}
    rows = {"the steps alone, Numba": {"note": ""}}
    for wrt, directions in (("torque", 16), ("theta", 64)):
        contestant = f"srcdiff, {directions} directions"
        row = rows[contestant] = {"note": ""}
        try:
            ours = differentiable(chain_rk4, wrt)
            out = np.full((64, directions), np.nan)
            row["setup_s"], _ = clocked(lambda ours=ours, out=out: ours.jacobian.into(out, theta, torque, 0.01, steps))
            expected = along_ones(primal, wrt, theta, torque, steps)
            if not np.max(np.abs(out.sum(axis=1) - expected)) <= 1e-6 * np.max(np.abs(expected)):
                row["note"] = "WRONG: differs from finite differences"
                continue
            runs[contestant] = timing.from_python(ours.jacobian.into, out, theta, torque, 0.01, steps)
        except Exception as error:
            row["note"] = failure(error)
    for contestant, (taken, ratio) in timing.interleaved(runs, budget).items():
        rows[contestant].update(us=1e6 * taken, ratio=ratio)
    return [{"problem": f"rk4, {steps} steps", "contestant": name, **row} for name, row in rows.items()]


def along_ones(primal, wrt, theta, torque, steps, h=1e-5):
    """The derivative with all entries moved alike, by central differences."""
    shift = (h, 0.0) if wrt == "theta" else (0.0, h)
    ends = [primal(theta + s * shift[0], torque + s * shift[1], 0.01, steps) for s in (1.0, -1.0)]
    return (ends[0] - ends[1]) / (2.0 * h)


def rebound(function, names):
    """The function with some of its globals replaced."""
    return type(function)(function.__code__, {**function.__globals__, **names}, function.__name__)


ONCE = "def once(y):\n    for _ in range(1):\n        y = y + 0.1 * np.sin(y * y[0])\n    return y\n"


def compile_times(folder):
    """Set-up at different sizes: neither the length of an array nor that of a loop may matter."""
    import importlib.util
    from pathlib import Path

    rows = []

    def enter(problem, function, args, mode):
        row = {"problem": problem, "contestant": f"srcdiff {mode}", "note": ""}
        rows.append(row)
        try:
            ours = differentiable(function, next(iter(inspect.signature(function).parameters)))
            row["emit_ms"] = 1e3 * clocked(ours.emit)[0]
            if mode == "jvp":
                row["setup_s"], _ = clocked(lambda: ours.jvp(args, np.ones_like(args[0])))
            else:
                out = np.empty((args[0].size, args[0].size))
                row["setup_s"], _ = clocked(lambda: ours.jacobian.into(out, *args))
            row["ratio"] = row["setup_s"] / rows[-2]["setup_s"] if len(rows) % 2 == 0 else 1.0
        except Exception as error:
            row["note"] = failure(error)

    for size in (20, 20_000):
        enter(f"brusselator {size}", brusselator, (np.linspace(0.5, 2.0, size), 3.0), "jvp")
    for size in (20, 2000):
        enter(f"brusselator {size}", brusselator, (np.linspace(0.5, 2.0, size), 3.0), "into")
    for trips in (1, 5000):
        path = Path(folder) / f"trips_{trips}.py"
        path.write_text("import numpy as np\n\n\n" + ONCE.replace("range(1)", f"range({trips})"))
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        enter(f"a loop of {trips}", module.once, (np.linspace(0.5, 0.6, 8),), "into")
    return rows


def peak_memory():
    """MB that `into` adds to the process: tangents of one chunk, nothing that grows as n squared."""
    rows = []
    for size in (400, 2000):
        row = {"problem": f"memory, brusselator {size}", "contestant": "srcdiff into", "note": ""}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.arrays", "--memory", str(size)], capture_output=True, text=True
        )
        if done.returncode == 0:
            added = float(done.stdout)
            row["note"] = f"{added:.1f} MB beside the output of {8e-6 * size * size:.1f} MB"
        else:
            row["note"] = "FAILED: " + (done.stderr.strip().splitlines() or ["no message"])[-1]
        rows.append(row)
    return rows


def memory_of_one_call(size):
    """The growth of the process's peak by a call at this size, after one at size 20."""
    f = differentiable(brusselator, "y")
    f.jacobian.into(np.zeros((20, 20)), np.linspace(0.5, 2.0, 20), 3.0)
    y, out = np.linspace(0.5, 2.0, size), np.ones((size, size))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    f.jacobian.into(out, y, 3.0)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024.0


def measure(quick, folder):
    """The rows of all measurements."""
    budget, widths = (0.3, WIDTHS[1::2]) if quick else (3.0, WIDTHS)
    rows = dense(lorenz96, lorenz96_wide, 40, 8.0, budget, widths)
    rows += dense(brusselator, brusselator_wide, 200, 3.0, budget, widths)
    if not quick:
        rows += dense(lorenz96, lorenz96_wide, 400, 8.0, budget)
        rows += dense(brusselator, brusselator_wide, 2000, 3.0, budget)
    rows += time_loop(budget, steps=100 if quick else 1000)
    if not quick:
        rows += compile_times(folder) + peak_memory()
    return rows


def show(rows):
    """Ratios first; a new problem starts after an empty line."""
    print("  ".join(pad(heading, width, i) for i, (heading, width, _) in enumerate(COLUMNS)).rstrip())
    problem = None
    for row in rows:
        if row["problem"] != problem:
            print()
            problem = row["problem"]
        cells = (pad("-" if row.get(key) is None else form.format(row[key]), width, i)
                 for i, (key, width, form) in enumerate(COLUMNS))  # fmt: skip
        print("  ".join(cells).rstrip())


def pad(text, width, column):
    return text.ljust(width) if column < 2 or not width else text.rjust(width)


def main():
    import tempfile

    parser = argparse.ArgumentParser(prog="python -m benchmarks.arrays", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smaller problems only, fewer repetitions")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(memory_of_one_call(options.memory))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(options.quick, folder)
    print("Ratios: to the fastest width by hand; of RK4, to the steps alone; of set-up, to the smaller size.\n")
    show(rows)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"quick": options.quick, "rows": rows}, file, indent=1)
    return int(any(row["note"].startswith(("FAILED", "WRONG")) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
