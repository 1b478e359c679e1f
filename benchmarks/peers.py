"""Other libraries, each at its best mode: ``contestant(problem, args) -> call``, ``call()`` gives the Jacobian.

All are optional (the extra ``peers``). ``PACKAGES`` says what each one needs; the table says what is missing.
"""

import ctypes
import os
import shutil
import subprocess
import tempfile
import types

import numpy as np
from numba import njit

from benchmarks import timing


def jax_jacfwd(problem, args):
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    function = problem.flat(args, jnp)
    jitted = jax.jit(jax.jacfwd(function))
    x = jnp.asarray(problem.vector(args))
    return lambda: jitted(x).block_until_ready()


def torch_functional_jacobian(problem, args):
    torch, function, x = _torch(problem, args)
    return lambda: torch.autograd.functional.jacobian(function, x)


def torch_func_jacfwd(problem, args):
    torch, function, x = _torch(problem, args)
    jacobian = torch.func.jacfwd(function)
    return lambda: jacobian(x)


def _torch(problem, args):
    import torch

    torch.set_num_threads(1)
    xp = types.SimpleNamespace(
        array=lambda values: torch.stack(list(values)),
        dot=torch.dot,
        cross=torch.linalg.cross,
        sqrt=torch.sqrt,
        sin=torch.sin,
        cos=torch.cos,
    )
    constants = tuple(torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in args)
    return torch, problem.flat(constants, xp), torch.from_numpy(problem.vector(args))


def casadi_c(problem, args):
    """C code by CasADi, compiled with optimisation; the call goes through its buffer interface."""
    return casadi_call(casadi_library(problem, args)[0], problem, args)


def casadi_vm(problem, args):
    return casadi_call(_casadi_function(problem, args), problem, args)


def casadi_call(function, problem, args):
    x = problem.vector(args)
    out = np.zeros(problem.shape, order="F")
    buffer, call = function.buffer()
    buffer.set_arg(0, memoryview(x))
    buffer.set_res(0, memoryview(out.T))

    def run():
        call()
        return out

    run.keep = (buffer, x)
    return run


def _casadi_function(problem, args):
    import casadi

    xp = types.SimpleNamespace(
        array=lambda values: casadi.vertcat(*values),
        dot=casadi.dot,
        cross=casadi.cross,
        sqrt=casadi.sqrt,
        sin=casadi.sin,
        cos=casadi.cos,
    )
    function = problem.flat(args, xp)
    symbols = casadi.SX.sym("x", problem.shape[1])
    # Unpacking iterates; a CasADi column does not, a list of its entries does.
    value = function(casadi.vertsplit(symbols) if len(problem.wrt) == 1 else symbols)
    return casadi.Function("F", [symbols], [casadi.densify(casadi.jacobian(value, symbols))])


def c_compiler():
    return next((c for c in ("gcc", "clang", "cc") if shutil.which(c)), None)


def casadi_library(problem, args):
    """(external function, path of the shared library)."""
    import casadi

    function = _casadi_function(problem, args)
    folder = tempfile.mkdtemp(prefix="casadi_")
    generator = casadi.CodeGenerator("F.c")
    generator.add(function)
    generator.generate(folder + os.sep)
    library = os.path.join(folder, "F.so")
    flags = ["-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC"]
    subprocess.run([c_compiler(), *flags, os.path.join(folder, "F.c"), "-o", library], check=True)
    return casadi.external("F", library), library


def casadi_in_compiled_code(problem, args, stage):
    """``run(n)``: the generated C called n times from a compiled loop."""
    function, path = casadi_library(problem, args)
    library = ctypes.CDLL(path)
    address = ctypes.cast(library.F, ctypes.c_void_p).value
    run = timing.c_function_in_compiled_code(address, stage, (function.sz_iw(), function.sz_w()))
    run.keep = library
    return run


def autograd_jacobian(problem, args):
    import autograd
    import autograd.numpy

    x = problem.vector(args)
    jacobian = autograd.jacobian(problem.flat(args, autograd.numpy))
    return lambda: jacobian(x)


def scipy_differences(problem, args):
    """Two-point differences of the function, which Numba compiles."""
    from scipy.optimize._numdiff import approx_derivative

    compiled = _njit_with_helpers(problem.function)
    x = problem.vector(args)

    def of_vector(v):
        return np.asarray(compiled(*problem.unflatten(args, v)))

    return lambda: approx_derivative(of_vector, x, method="2-point")


def _njit_with_helpers(function):
    namespace = dict(function.__globals__)
    for name, value in function.__globals__.items():
        if name in function.__code__.co_names and isinstance(value, types.FunctionType):
            namespace[name] = _njit_with_helpers(value)
    return njit(types.FunctionType(function.__code__, namespace, function.__name__))


PACKAGES = {
    "CasADi, C": "casadi",
    "CasADi, interpreter": "casadi",
    "JAX jit(jacfwd)": "jax",
    "torch.func.jacfwd": "torch",
    "torch functional.jacobian": "torch",
    "autograd.jacobian": "autograd",
    "SciPy differences": "scipy.optimize",
}
PEERS = {
    "CasADi, C": casadi_c,
    "CasADi, interpreter": casadi_vm,
    "JAX jit(jacfwd)": jax_jacfwd,
    "torch.func.jacfwd": torch_func_jacfwd,
    "torch functional.jacobian": torch_functional_jacobian,
    "autograd.jacobian": autograd_jacobian,
    "SciPy differences": scipy_differences,
}
