"""An ensemble of stiff reactors on a Dask cluster: Robertson's kinetics, uncertain rate constants.

Every reactor takes the same steps of the implicit Euler method; Newton's method takes the Jacobians of all reactors
from one batch. On NumPy arrays this runs here; on Dask arrays it builds a graph, of which each worker computes blocks.
"""

import numpy as np

from examples.robertson import INITIAL, RATES, robertson


def euler_step(y, rates, h, iterations=3):
    """One implicit step of all reactors: y of shape (reactors, 3), rates three arrays."""
    new = y
    for _ in range(iterations):
        value, jacobian = robertson.value_and_jacobian.batch(0.0, new, *rates)
        A, b = np.eye(3) - h * jacobian, (y + h * value - new)[..., None]
        if isinstance(b, np.ndarray):
            change = np.linalg.solve(A, b)
        else:
            change = A.map_blocks(np.linalg.solve, b, chunks=b.chunks, dtype=b.dtype)
        new = new + change[..., 0]
    return new


def reactors(n, seed=0):
    """Initial states, and rate constants that scatter by 10 %."""
    rng = np.random.default_rng(seed)
    return np.tile(INITIAL, (n, 1)), [k * rng.lognormal(0.0, 0.1, n) for k in RATES]


def integrate(y, rates, t_end=40.0, steps=10):
    """States at ``t_end``, with steps that grow by a fixed factor."""
    times = np.concatenate([[0.0], np.geomspace(1e-4, t_end, steps)])
    for h in np.diff(times):
        y = euler_step(y, rates, h)
        if not isinstance(y, np.ndarray):
            y = y.persist()  # else the graph of all steps is sent at once
    return y


def on_cluster(n, blocks, **options):
    """The ensemble on a cluster of processes on this machine; a cluster elsewhere takes the same calls."""
    import dask.array as da
    from dask.distributed import Client, LocalCluster

    y, rates = reactors(n)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        size = -(-n // blocks)
        return integrate(
            da.from_array(y, chunks=(size, 3)), [da.from_array(k, chunks=size) for k in rates], **options
        ).compute()


def main():
    n = 1000
    y = on_cluster(n, blocks=2)
    alone = integrate(*reactors(n))
    print(f"{n} reactors in 2 blocks on 2 processes, {y.shape[1]} species at t = 40")
    for name, column in zip("abc", y.T):
        low, middle, high = np.quantile(column, [0.05, 0.5, 0.95])
        print(f"  {name}  median {middle:.4e}   90 % between {low:.4e} and {high:.4e}")
    print(f"  mass is kept to {np.max(np.abs(y.sum(axis=1) - 1.0)):.1e}")
    print(f"  largest difference from one process {np.max(np.abs(y - alone)):.1e}")


if __name__ == "__main__":
    main()
