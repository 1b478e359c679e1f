"""numba-cuda, NVIDIA's compiler and the driver: what is there, and what to do where it is not or does not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..errors import SrcdiffError, UnsupportedCall

__all__ = ["check_device", "cuda_module", "device_errors", "simulated"]

OLDEST = (0, 30)
"""The first version of numba-cuda that srcdiff works with."""

INSTALL = "pip install 'srcdiff[cuda]', which brings numba-cuda with its compiler."

_DRIVER = (
    "`nvidia-smi` shows the CUDA version that the driver takes, which must be that of the toolkit or later. For one of"
    " CUDA 12, pip install 'numba-cuda[cu12]'; for one of CUDA 13, 'numba-cuda[cu13]'."
)


def cuda_module() -> Any:
    """The module `numba.cuda` of the package numba-cuda."""
    try:
        import numba_cuda  # noqa: F401
    except ImportError:
        raise UnsupportedCall("target='cuda' needs the package numba-cuda", hint=INSTALL) from None
    try:
        found = version("numba-cuda")
    except PackageNotFoundError:
        found = ""
    numbers = tuple(int(n) for n in re.findall(r"\d+", found)[:2])
    if numbers and numbers < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise UnsupportedCall(f"numba-cuda {found} is too old: srcdiff works with {wanted} or later", hint=INSTALL)
    try:
        from numba import cuda
    except Exception as error:
        raise UnsupportedCall(
            f"numba-cuda {found} does not load with this Numba: {_shortened(error)}",
            hint="Its release notes say which Numba it works with; " + INSTALL,
        ) from error
    return cuda


def simulated() -> bool:
    """Whether kernels run in the simulator."""
    return bool(cuda_module().config.ENABLE_CUDASIM)


def check_device() -> None:
    """Raise what a user can act on if no kernel can be launched."""
    cuda = cuda_module()
    if simulated():
        return
    try:
        cuda.get_current_device()
    except Exception as error:
        raise UnsupportedCall(
            f"no CUDA device can be used: {_shortened(error)}",
            hint="A machine with an NVIDIA GPU and its driver is needed; NUMBA_ENABLE_CUDASIM=1 simulates one slowly.",
        ) from error


@contextmanager
def device_errors() -> Iterator[None]:
    """What the compiler, the linker or the driver raise, in words that say what to do."""
    try:
        yield
    except SrcdiffError:
        raise
    except Exception as error:
        hint = _hint(error)
        if hint is None:
            raise
        raise UnsupportedCall(f"CUDA failed: {_shortened(error)}", hint=hint) from error


def _hint(error: Exception) -> str | None:
    """What to do about an error of NVIDIA's or of numba-cuda's about them; None for any other."""
    kinds = {(cls.__module__, cls.__name__) for cls in type(error).__mro__}
    theirs = any(module.startswith(("numba.cuda.cudadrv", "cuda.")) for module, _ in kinds)
    if not theirs:
        return None
    text = str(error)
    if re.search(r"OUT_OF_MEMORY|out of memory", text):
        return "Pass NumPy arrays, which are copied a million points at a time, or fewer points at once."
    if any(name in ("CudaSupportError", "NvvmSupportError", "NvrtcSupportError") for _, name in kinds):
        return f"The compiler or the driver is not found. {INSTALL} The driver comes with the system."
    return _DRIVER


def _shortened(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
