"""One process that uses a kernel of a batch and a device function, and prints what it emitted and compiled.

    python tests/cuda_store.py [CAPABILITY [DTYPE]]

There need be no GPU: the kernel is compiled and linked for the capability that the driver is taken to report.
"""

import sys
from types import SimpleNamespace

import numba
import numba.cuda.codegen
import numba.cuda.dispatcher as dispatcher
import numpy as np
from numba import cuda, types

import srcdiff.compile.cuda as compile_cuda
import srcdiff.evaluate.cuda as evaluate
from srcdiff import jacobian_compiled


@jacobian_compiled(target="cuda", wrt="y", shapes={"y": 3})
def robertson(t, y, k1, k2, k3):
    a, b, c = y
    return np.array([-k1 * a + k3 * b * c, k1 * a - k2 * b * b - k3 * b * c, k2 * b * b])


@cuda.jit
def user(y, out):
    i = cuda.grid(1)
    out[i] = robertson.jacobian(0.0, y[i], 0.04, 3e7, 1e4)[0][0]


counts = {"emitted": 0, "compiled": 0}


def counted(function, name):
    def call(*args, **kwargs):
        counts[name] += 1
        return function(*args, **kwargs)

    return call


def main(capability=(9, 0), dtype=np.float64):
    device = SimpleNamespace(compute_capability=capability)
    dispatcher.get_current_device = lambda: device
    library = numba.cuda.codegen.CUDACodeLibrary
    library._ensure_cc = lambda self, cc: (*capability, "") if cc is None else cc
    dispatcher._Kernel.bind = lambda self: self._codelibrary.get_cubin()
    compile_cuda.build_device = counted(compile_cuda.build_device, "emitted")
    evaluate.build_kernel = counted(evaluate.build_kernel, "emitted")

    y = np.tile([1.0, 1e-5, 0.1], (8, 1)).astype(dtype)
    rates = [dtype(k) for k in (0.0, 0.04, 3e7, 1e4)]
    batch = robertson.jacobian.batch
    given = batch.given((rates[0], y, *rates[1:]), {}, "rank", {})
    found, kernel = batch.compile(given.plan, False)
    made = dispatcher._Kernel.__init__
    dispatcher._Kernel.__init__ = counted(made, "compiled")
    outs = [types.Array(numba.from_dtype(np.dtype(t.dtype.numpy)), len(t.shape) + 1, "C") for t in found.targets]
    signature = (types.int64, types.int64, *outs, *(numba.typeof(v) for v in given.values))
    compiled = kernel.compile(signature)
    cubin = compiled._codelibrary.get_cubin()
    assert bytes(cubin.code[:4]) == b"\x7fELF" and ".entry" in compiled._codelibrary.get_asm_str()
    dispatcher._Kernel.__init__ = made
    array = types.Array(types.float64, 2, "C"), types.Array(types.float64, 1, "C")
    user.compile(array)
    print(f"emitted {counts['emitted']}, compiled {counts['compiled']}")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*((tuple(map(int, given[0].split("."))),) if given else ()), *(getattr(np, name) for name in given[1:]))
