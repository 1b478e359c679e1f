"""PTX to cubin without a GPU: NVIDIA's linker and assembler as a library, nvjitlink of numba-cuda's own wheels.

What the assembler reports for a kernel is what a GPU of that generation would run: its registers, its stack, and
what it spilled to local memory.
"""

import re
from typing import NamedTuple

from cuda.bindings import nvjitlink

__all__ = ["Usage", "link"]

_FUNCTION = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")


class Usage(NamedTuple):
    """What a linked kernel takes."""

    size: int
    """Bytes of the cubin."""
    registers: int
    stack: int
    """Bytes of local memory a thread, spilled or addressed, over all functions."""
    spilled: int
    """Bytes that are stored to and loaded from local memory because registers ran out."""


def link(ptx, capability):
    """The cubin of a kernel's PTX for a compute capability such as (9, 0); raises what the linker says."""
    options = [f"-arch=sm_{capability[0]}{capability[1]}", "-verbose"]
    handle = nvjitlink.create(len(options), options)
    try:
        data = ptx.encode()
        try:
            nvjitlink.add_data(handle, nvjitlink.InputType.PTX, data, len(data), "kernel")
            nvjitlink.complete(handle)
        except nvjitlink.nvJitLinkError as error:
            raise RuntimeError(f"{error}: {_log(handle, 'error')}") from error
        size = nvjitlink.get_linked_cubin_size(handle)
        log = _log(handle, "info")
    finally:
        nvjitlink.destroy(handle)
    functions = [tuple(map(int, found)) for found in _FUNCTION.findall(log)]
    registers = [int(count) for count in re.findall(r"[Uu]sed (\d+) registers", log)]
    assert size > 0 and functions and registers, log
    return Usage(size, max(registers), sum(f[0] for f in functions), sum(f[1] + f[2] for f in functions))


def _log(handle, kind):
    text = bytearray(getattr(nvjitlink, f"get_{kind}_log_size")(handle))
    getattr(nvjitlink, f"get_{kind}_log")(handle, text)
    return text.decode(errors="replace").strip("\0\n ")
