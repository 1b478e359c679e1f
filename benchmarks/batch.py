"""Many reprojection errors at once, as bundle adjustment needs them: `python -m benchmarks.batch`.

1.00 is a compiled loop over the Jacobian written by hand (`handwritten.reprojection`), one observation after the other.
All contestants take turns and fill the same arrays, which they get as `out`. `--stream N` sends N points (10 million
by default with `--stream` alone) from memory maps through a batch into a memory map, and prints the memory used.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numba
import numpy as np

from benchmarks import handwritten
from benchmarks.problems import PROBLEMS
from benchmarks.timing import interleaved
from srcdiff import jacobian_compiled
from srcdiff.evaluate import batch as batches

CAMERAS, PROBLEM = 50, PROBLEMS[-1]
OPTIONS = {"error_model": "numpy", "fastmath": {"contract"}}


def observations(n, seed=0):
    """Cameras, points, and for each of n observations its camera, point, weight and feature."""
    rng = np.random.default_rng(seed)
    cams = np.array([PROBLEM.point(rng)[0] for _ in range(CAMERAS)])
    points = rng.uniform(-1.0, 1.0, (max(n // 10, 1), 3))
    at = rng.integers(0, CAMERAS, n), rng.integers(0, len(points), n)
    return cams, points, at, rng.uniform(0.5, 1.0, n), rng.uniform(0.0, 600.0, (n, 2))


def by_hand():
    into = numba.njit(**OPTIONS)(handwritten.reprojection)

    @numba.njit(**OPTIONS)
    def loop(out, cams, points, cam_at, point_at, weight, feature):
        for i in range(len(out)):
            into(out[i], cams[cam_at[i]], points[point_at[i]], weight[i], feature[i])

    return loop


def jax_vmap(cams, points, at, weight, feature):
    """jit(vmap(jacfwd)) of the function without its branch; arguments on the device beforehand."""
    import jax
    import jax.numpy as jnp

    from benchmarks.problems import rebound

    jax.config.update("jax_enable_x64", True)
    function = rebound(PROBLEM.function, jnp)
    compiled = jax.jit(jax.vmap(jax.jacfwd(function, argnums=(0, 1, 2))))
    args = [jnp.asarray(a) for a in (cams[at[0]], points[at[1]], weight, feature)]
    return lambda: jax.block_until_ready(compiled(*args))


def torch_vmap(cams, points, at, weight, feature):
    """vmap(jacfwd) of the function without its branch."""
    import torch

    from benchmarks.problems import rebound

    torch.set_num_threads(numba.get_num_threads())
    function = torch.vmap(torch.func.jacfwd(rebound(PROBLEM.function, torch), argnums=(0, 1, 2)))
    args = [torch.from_numpy(a) for a in (cams[at[0]], points[at[1]], weight, feature)]
    return lambda: function(*args)


def contestants(n):
    cams, points, at, weight, feature = observations(n)
    f = jacobian_compiled(wrt=PROBLEM.wrt, shapes=PROBLEM.shapes)(PROBLEM.function)
    batch = f.jacobian.batch
    indices = {"cam": at[0], "X": at[1]}
    args = (cams, points, weight, feature)
    whole = np.zeros((n, 2, 15))
    out = whole[:, :, :11], whole[:, :, 11:14], whole[:, :, 14]
    dense = tuple(np.zeros((n, *shape)) for shape in ((2, 11), (2, 3), (2,)))
    hand = by_hand()

    def run_hand():
        hand(whole, cams, points, *at, weight, feature)

    given = batch.given(args, {}, "rank", indices)
    _, single = batch.compile(given.plan, False)
    blocked, loop = batch.compile(given.plan, True)
    work = blocked.workspace()

    def point_by_point():
        single(0, n, *dense, *given.values, *given.indices)

    def in_blocks():
        loop(0, n, *work, *dense, *given.values, *given.indices)

    def blocks(parallel):
        return lambda: batch(*args, out=dense, indices=indices, parallel=parallel)

    run_hand()
    batch(*args, out=out, indices=indices)
    copy = whole.copy()
    run_hand()
    np.testing.assert_allclose(copy, whole, rtol=1e-9, atol=1e-9 * np.abs(whole).max())
    found = {
        "by hand, Numba loop": run_hand,
        "srcdiff, point by point": point_by_point,
        "srcdiff, in blocks": in_blocks,
        "srcdiff batch, one thread": blocks(False),
        f"srcdiff batch, {numba.get_num_threads()} threads": blocks(True),
        "srcdiff batch, by default": blocks(None),
    }
    for name, make in (("JAX jit(vmap(jacfwd))", jax_vmap), ("torch vmap(jacfwd)", torch_vmap)):
        try:
            found[name] = make(*observations(n))
        except ImportError as error:
            print(f"{name}: {error.name} is not installed (the extra `peers` has it)")
    return found


def measure(n, budget):
    runs = {name: _repeated(run) for name, run in contestants(n).items()}
    times = interleaved(runs, budget=budget, sample=1e-3)
    one = next(t for name, t in times.items() if "one thread" in name)
    for name, (seconds, ratio) in times.items():
        print(f"{n:>9}  {name:<28} {ratio:8.2f} {seconds / one[0]:8.2f} {seconds / n * 1e9:10.1f}")


def _repeated(run):
    def times(n):
        for _ in range(n):
            run()

    return times


def stream(n):
    """n points through memory maps: time, and how much the resident set grew beside the pages of the maps."""
    f = jacobian_compiled(lambda x, y: np.array([x * y, np.sin(x) + y]))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in "xyab"]
        x, y = (np.memmap(path, np.float64, "w+", shape=(n,)) for path in paths[:2])
        out = tuple(np.memmap(path, np.float64, "w+", shape=(n, 2)) for path in paths[2:])
        for first in range(0, n, 10**6):
            x[first : first + 10**6] = np.linspace(0.0, 1.0, len(x[first : first + 10**6]))
            y[first : first + 10**6] = 2.0
        f.jacobian.batch(x[:1000], y[:1000])
        before = _anonymous()
        start = time.perf_counter()
        f.jacobian.batch(x, y, out=out)
        seconds = time.perf_counter() - start
        assert np.array_equal(out[0][-1], f.jacobian(x[-1], y[-1])[0])
        print(f"{n} points in {seconds:.2f} s; memory of the process's own grew by {_anonymous() - before:.1f} MiB")


def _anonymous():
    """Resident memory without the pages of mapped files, in MiB."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one size, short")
    parser.add_argument("--stream", type=int, nargs="?", const=10**7, metavar="N", help="memory maps instead")
    options = parser.parse_args()
    if options.stream:
        stream(options.stream)
        return 0
    print(f"numba {numba.__version__}, {numba.get_num_threads()} threads, chunks of {batches.CHUNK} points")
    print(f"{'points':>9}  {'contestant':<28} {'to hand':>8} {'to one':>8} {'ns a point':>10}")
    for n in (10_000,) if options.quick else (4_096, 10_000, 100_000):
        measure(n, 1.0 if options.quick else 4.0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
