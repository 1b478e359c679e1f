"""Batches of Dask arrays: lazy, in the blocks of the arguments, on a cluster of processes."""

import math
import pickle

import numpy as np
import pytest

from srcdiff import ArgumentError, jacobian_compiled

da = pytest.importorskip("dask.array", reason="DASK IS NOT TESTED: it is not installed (pip install '.[dask]')")


@jacobian_compiled(wrt="q", shapes={"q": 3})
def turned(q, scale):
    c, s = math.cos(q[2]), math.sin(q[2])
    return scale * np.array([c * q[0] - s * q[1], s * q[0] + c * q[1]]), q[2] * scale


Q = np.linspace(0.0, 3.0, 3 * 40).reshape(40, 3)
CHUNKS = (16, 16, 8)


def lazy(array):
    return da.from_array(array, chunks=(CHUNKS, *((n,) for n in array.shape[1:])))


def equal(found, expected):
    for a, b in zip(found, expected):
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-14, atol=1e-15)


def test_lazy_with_the_blocks_and_meta_of_the_arguments():
    found = turned.jacobian.batch(lazy(Q), 2.0)
    assert found[0].shape == (40, 2, 3) and found[0].chunks == (CHUNKS, (2,), (3,))
    assert found[0].dtype == np.float64 and found[0]._meta.shape == (0, 0, 0)
    assert found[1].chunks == (CHUNKS, (3,))
    equal(found, turned.jacobian.batch(Q, 2.0))


def test_arrays_in_memory_are_split():
    scale = np.linspace(1.0, 2.0, 40)
    value, jacobian = turned.value_and_jacobian.batch(lazy(Q), scale)
    expected = turned.value_and_jacobian.batch(Q, scale)
    equal(value, expected[0])
    equal(jacobian, expected[1])
    equal(turned.jacobian.batch(Q, lazy(scale)), expected[1])


def test_indices():
    at = np.arange(40)[::-1].copy()
    found = turned.jacobian.batch(Q, 2.0, indices={"q": lazy(at)})
    equal(found, turned.jacobian.batch(Q[::-1].copy(), 2.0))


def test_pickled_evaluators_are_compiled_once():
    batch = turned.jacobian.batch
    assert pickle.loads(pickle.dumps(batch)) is batch


@pytest.mark.parametrize(
    "args, options, message",
    [
        ((da.ones((40, 3), chunks=(20, 1)), 2.0), {}, "several blocks along other axes"),
        ((lazy(Q), da.ones(40, chunks=10)), {}, "different blocks"),
        ((lazy(Q), np.ones(39)), {}, "39 points"),
        ((lazy(Q), 2.0), {"in_axes": (0, None)}, "along the first axis"),
        ((lazy(Q), 2.0), {"out": np.empty(3)}, "take no out"),
        ((da.ones(3), lazy(np.ones(40))), {}, "different blocks|must be in memory"),
    ],
)
def test_refusals(args, options, message):
    with pytest.raises(ArgumentError, match=message):
        turned.jacobian.batch(*args, **options)


def test_a_cluster_of_processes():
    distributed = pytest.importorskip("distributed", reason="DASK IS NOT TESTED: distributed is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        found = turned.jacobian.batch(lazy(Q), 2.0)
        equal([a.compute() for a in found], turned.jacobian.batch(Q, 2.0))
