"""Reprojection errors on a GPU: `python -m benchmarks.cuda`, on a machine with one. Needs `srcdiff[cuda]`.

Checks the device's results against the CPU's, then times batches on arrays that are on the device already, against
JAX's jit(vmap(jacfwd)) and PyTorch's vmap(jacfwd) on the same device where they are installed, and against the time in
which the device copies as many bytes as the batch reads and writes.
"""

import argparse
import json
import platform
import statistics
import sys
import time

import numpy as np

from benchmarks.batch import observations
from benchmarks.problems import PROBLEMS, rebound
from srcdiff import SrcdiffError, jacobian_compiled

PROBLEM = PROBLEMS[-1]
SIZES = (10**4, 10**5, 10**6, 10**7, 10**8)


def arguments(n, dtype):
    """For each observation its camera, point, weight and feature, gathered beforehand."""
    cams, points, at, weight, feature = observations(min(n, 10**6))
    found = (cams[at[0]], points[at[1]], weight, feature)
    repeats = -(-n // len(weight))
    return tuple(np.tile(a, (repeats, *[1] * (a.ndim - 1)))[:n].astype(dtype) for a in found)


def differentiable(target):
    return jacobian_compiled(wrt=PROBLEM.wrt, shapes=PROBLEM.shapes, target=target)(PROBLEM.function)


def seconds(run, wait, repeats=7):
    """The median time of a run that was waited for."""
    run()
    wait()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        wait()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def check(dtype):
    """Results of the device against those of the CPU in double precision."""
    args = arguments(5000, dtype)
    found = differentiable("cuda").jacobian.batch(*args)
    expected = differentiable("cpu").jacobian.batch(*(a.astype(np.float64) for a in args))
    tolerance = 1e-9 if dtype == np.float64 else 2e-3
    for a, e in zip(found, expected):
        np.testing.assert_allclose(a, e, rtol=tolerance, atol=tolerance * np.abs(e).max())


def ours(args, cuda):
    f = differentiable("cuda")
    device = [cuda.to_device(a) for a in args]
    out = f.jacobian.batch(*device)
    return lambda: f.jacobian.batch(*device, out=out)


def copies(args, cuda):
    """The device's own copy of as many bytes as a batch reads and writes (a copy reads and writes each byte)."""
    n = len(args[0])
    total = sum(a.nbytes for a in args) + n * 30 * args[0].itemsize
    source = cuda.device_array(total // 2, np.uint8)
    target = cuda.device_array(total // 2, np.uint8)
    return lambda: target.copy_to_device(source)


def with_jax(args):
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    if jax.default_backend() != "gpu":
        raise ImportError("JAX has no GPU here", name="jax[cuda]")
    compiled = jax.jit(jax.vmap(jax.jacfwd(rebound(PROBLEM.function, jnp), argnums=(0, 1, 2))))
    device = [jnp.asarray(a) for a in args]
    return lambda: jax.block_until_ready(compiled(*device)), lambda: None


def with_torch(args):
    import torch

    if not torch.cuda.is_available():
        raise ImportError("PyTorch has no GPU here", name="torch")
    function = torch.vmap(torch.func.jacfwd(rebound(PROBLEM.function, torch), argnums=(0, 1, 2)))
    device = [torch.from_numpy(a).cuda() for a in args]
    return lambda: function(*device), torch.cuda.synchronize


def measure(n, dtype, cuda):
    args = arguments(n, dtype)
    rows = {
        "srcdiff": seconds(ours(args, cuda), cuda.synchronize),
        "bandwidth": seconds(copies(args, cuda), cuda.synchronize),
    }
    for name, make in (("JAX", with_jax), ("PyTorch", with_torch)):
        try:
            rows[name] = seconds(*make(args), repeats=3)
        except ImportError as error:
            print(f"  {name}: {error.name} is not installed for GPUs")
        except Exception as error:
            print(f"  {name}: {type(error).__name__}: {str(error).splitlines()[0]}")
    for name, value in rows.items():
        print(f"{n:>10} {np.dtype(dtype).name}  {name:<10} {value / n * 1e9:10.3f} ns {value / rows['srcdiff']:8.2f}")
    return {"n": n, "dtype": np.dtype(dtype).name, **rows}


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cuda", description=__doc__)
    parser.add_argument("--largest", type=int, default=10**7, help="10^8 needs 37 GB in double precision")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    try:
        from srcdiff.compile.toolkit import check_device, cuda_module

        check_device()
    except SrcdiffError as error:
        print(error)
        return 1
    cuda = cuda_module()
    name = cuda.get_current_device().name
    print(f"{name.decode() if isinstance(name, bytes) else name}, Python {platform.python_version()}")
    found = []
    for dtype in (np.float64, np.float32):
        check(dtype)
        found += [measure(n, dtype, cuda) for n in SIZES if n <= options.largest]
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"device": str(name), "rows": found}, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
