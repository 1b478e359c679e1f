"""Kernels as users write them, with our forms in them: run in the simulator, or compiled to PTX."""

import sys
from types import SimpleNamespace

import numpy as np
from numba import cuda

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


@cuda.jit
def implicit_euler(y, rates, h, steps):
    """An ensemble of stiff kinetics: one reactor a thread, each step one Newton iteration with the exact Jacobian."""
    i = cuda.grid(1)
    if i < y.shape[0]:
        k1, k2, k3 = rates[i, 0], rates[i, 1], rates[i, 2]
        new = cuda.local.array(3, np.float64)
        for _ in range(steps):
            for j in range(3):
                new[j] = y[i, j]
            for _ in range(4):
                f, J = robertson.value_and_jacobian(0.0, new, k1, k2, k3)
                a, b, c = 1.0 - h * J[0][0], -h * J[0][1], -h * J[0][2]
                d, e, g = -h * J[1][0], 1.0 - h * J[1][1], -h * J[1][2]
                p, q, r = -h * J[2][0], -h * J[2][1], 1.0 - h * J[2][2]
                u, v, w = y[i, 0] + h * f[0] - new[0], y[i, 1] + h * f[1] - new[1], y[i, 2] + h * f[2] - new[2]
                det = a * (e * r - g * q) - b * (d * r - g * p) + c * (d * q - e * p)
                new[0] += (u * (e * r - g * q) - b * (v * r - g * w) + c * (v * q - e * w)) / det
                new[1] += (a * (v * r - g * w) - u * (d * r - g * p) + c * (d * w - v * p)) / det
                new[2] += (a * (e * w - v * q) - b * (d * w - v * p) + u * (d * q - e * p)) / det
            for j in range(3):
                y[i, j] = new[j]


def reference(y, rates, h, steps):
    """The same in plain NumPy, for one reactor."""
    k1, k2, k3 = rates
    y = y.copy()
    for _ in range(steps):
        new = y.copy()
        for _ in range(4):
            a, b, c = new
            f = np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])
            J = np.array([[-k1, k3 * c, k3 * b], [k1, -2 * k2 * b - k3 * c, -k3 * b], [0.0, 2 * k2 * b, 0.0]])
            new = new + np.linalg.solve(np.eye(3) - h * J, y + h * f - new)
        y = new
    return y


def ensemble(n):
    rates = np.array([0.04, 3e7, 1e4]) * np.linspace(0.8, 1.2, n)[:, None]
    return np.tile([1.0, 0.0, 0.0], (n, 1)), rates


def simulate():
    x = np.linspace(0.0, 1.0, 5)
    out, matrix = np.zeros((5, 5)), np.zeros((5, 3, 2))
    every_form[1, 8](x, out, matrix)
    slope = 6.0 * np.cos(3.0 * x)
    np.testing.assert_allclose(out, np.stack([2.0 * np.sin(3.0 * x), slope, x * 0 + 2.0, slope, 2.0 * x], 1))
    np.testing.assert_allclose(matrix[:, 0, 0], slope)
    np.testing.assert_allclose(matrix[:, 1, 1], x)
    y, rates = ensemble(3)
    implicit_euler[1, 4](y, rates, 0.1, 5)
    np.testing.assert_allclose(y, [reference(np.array([1.0, 0.0, 0.0]), r, 0.1, 5) for r in rates], rtol=1e-10)
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
        assert "fma.rn.f64" in ptx(implicit_euler, (d2, d2, types.float64, types.int64), capability)
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
