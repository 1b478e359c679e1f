"""Kernels as users write them, with our forms in them: run in the simulator, or compiled to PTX."""

import sys
from types import SimpleNamespace

import numpy as np
from numba import cuda

from examples import cuda_ensemble
from srcdiff import ArgumentError, jacobian_compiled


@jacobian_compiled(target="cuda", wrt=("x", "y"))
def wave(x, y, k):
    return np.sin(k * x) * y, np.array([x * y, k])


@jacobian_compiled(target="cuda", wrt="y", shapes={"y": 3})
def robertson(t, y, k1, k2, k3):
    a, b, c = y
    return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])


@cuda.jit
def every_form(x, out, matrix):
    i = cuda.grid(1)
    if i < x.shape[0]:
        value, jacobian = wave.value_and_jacobian(x[i], 2.0, 3.0)
        again = wave.jacobian(x[i], 2.0, 3.0)
        pushed = wave.jvp((x[i], 2.0, 3.0), (1.0, 0.0))
        wave.jacobian.into(matrix[i], x[i], 2.0, 3.0)
        out[i, 0] = value[0]
        out[i, 1] = jacobian[0][0]
        out[i, 2] = again[1][0][0]
        out[i, 3] = pushed[1][0]
        out[i, 4] = wave(x[i], 2.0, 3.0)[1][0]


def simulate():
    x = np.linspace(0.0, 1.0, 5)
    out, matrix = np.zeros((5, 5)), np.zeros((5, 3, 2))
    every_form[1, 8](x, out, matrix)
    slope = 6.0 * np.cos(3.0 * x)
    np.testing.assert_allclose(out, np.stack([2.0 * np.sin(3.0 * x), slope, x * 0 + 2.0, slope, 2.0 * x], 1))
    np.testing.assert_allclose(matrix[:, 0, 0], slope)
    np.testing.assert_allclose(matrix[:, 1, 1], x)
    batches()
    print("same")


def batches():
    """What a batch does beside computing: shared arguments, indices, outputs of the caller, chunks, device arrays."""
    from srcdiff.evaluate import cuda as evaluate

    evaluate.CHUNK = 4
    x = np.linspace(0.0, 1.0, 9)
    at = np.array([3, 0, -1, 2, 2, 2, 8, 1, 0])
    out = ((np.zeros(9), np.zeros(9)), (np.zeros((9, 2)), np.zeros((9, 2))))
    found = wave.jacobian.batch(x, 2.0, 3.0, indices={"x": at}, out=out)
    np.testing.assert_allclose(found[0][0], 6.0 * np.cos(3.0 * x[at]))
    np.testing.assert_allclose(found[0][0], out[0][0])
    on_device = cuda.to_device(x)
    found = wave.jacobian.batch(on_device, 2.0, 3.0)
    assert type(found[0][0]) is type(on_device)
    np.testing.assert_allclose(found[0][0].copy_to_host(), 6.0 * np.cos(3.0 * x))
    found = wave.jacobian.batch(x, 2.0, 3.0, stream=cuda.stream())
    np.testing.assert_allclose(found[1][0][:, 0], 2.0)
    for bad in (np.array([9]), np.array([-10])):
        try:
            wave.jacobian.batch(x, 2.0, 3.0, indices={"x": bad})
        except ArgumentError:
            continue
        raise AssertionError("an index out of bounds was taken")
    assert wave.jacobian.batch(np.empty(0), 2.0, 3.0)[0][0].shape == (0,)
    shared_memory()


def shared_memory():
    """Results may not lie where arguments or other results do, on the host and on the device."""
    for place in (np.asarray, cuda.to_device):
        store = place(np.linspace(0.0, 1.0, 63))
        x, one, two, pair, other = store[:9], store[9:18], store[18:27], store[27:45], store[45:]
        good = ((one, two), (pair.reshape(9, 2), other.reshape(9, 2)))
        wave.jacobian.batch(x, 2.0, 3.0, out=good)
        for first, second in ((x, two), (one, one)):
            try:
                wave.jacobian.batch(x, 2.0, 3.0, out=((first, second), good[1]))
            except ArgumentError as error:
                assert "shares memory" in str(error)
                continue
            raise AssertionError("arrays that share memory were taken")


def ptx(kernel, signature, capability=(9, 0)):
    import numba.cuda.dispatcher

    numba.cuda.dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    text, _ = cuda.compile(kernel.py_func, signature, cc=capability, abi="numba", device=False)
    return text


def compile_all():
    from numba import types

    d1, d2, d3 = (types.Array(types.float64, n, "C") for n in (1, 2, 3))
    for capability in ((7, 5), (9, 0), (10, 0)):
        assert "fma.rn.f64" in ptx(every_form, (d1, d2, d3), capability)
        assert "fma.rn.f64" in ptx(cuda_ensemble.integrate, (d2, d2, d1), capability)
    print("compiled")


@cuda.jit
def narrow_robertson(y, out, k1, k2, k3):
    i = cuda.grid(1)
    if i < y.shape[0]:
        J = robertson.jacobian(np.float32(0.0), y[i], k1, k2, k3)
        for j in range(3):
            out[i, j] = J[1][j]


def properties():
    """A float32 kernel without a float64 instruction, and without local memory."""
    from numba import types

    f2 = types.Array(types.float32, 2, "C")
    text = ptx(narrow_robertson, (f2, f2, types.float32, types.float32, types.float32))
    print(f"float64={text.count('.f64')}", f"local={text.count('.local')}")


if __name__ == "__main__":
    {"simulator": simulate, "ptx": compile_all, "properties": properties}[sys.argv[1]]()
