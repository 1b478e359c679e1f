"""The modes in which a function is emitted: names of what comes out, and parameters that stand beside the user's.

Imports nothing, so that whatever must be light can ask.
"""

from __future__ import annotations

__all__ = ["FILLS", "MODES", "OF_JACOBIAN", "OWN", "suffix_of"]

MODES = ("jacobian", "value_and_jacobian", "matrix", "into", "into_with", "scratch", "jvp", "primal")

OWN = {"jvp": ("primals", "tangents"), "into": ("out",), "into_with": ("scratch", "out")}
"""Parameters that stand before the user's; those of a JVP stand for them."""

OF_JACOBIAN = ("matrix", "into", "into_with", "scratch")
"""Modes that are attributes of the Jacobian."""

FILLS = ("into", "into_with")
"""Modes that fill a matrix of the caller's."""


def suffix_of(mode: str) -> str:
    """What the emitted function's name ends in.

    >>> [f"decay{suffix_of(mode)}" for mode in ("jacobian", "into", "primal")]
    ['decay_jacobian', 'decay_jacobian_into', 'decay']
    """
    if mode == "primal":
        return ""
    return f"_jacobian_{mode}" if mode in OF_JACOBIAN else f"_{mode}"
