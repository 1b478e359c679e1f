"""At which point of a batch something was raised: compiled loops do not say."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from numba.core.errors import NumbaError

__all__ = ["DIFFER", "at_point"]

DIFFER = "the function gives results of another shape at this point than at the first"
_INTO = "must have a row an output and a column an input"
"""How what `into` raises ends, where the matrix of a point has another shape."""


def at_point(error: Exception, points: Iterable[int], run: Callable[[int], None]) -> Exception:
    """`error`, raised somewhere among `points`, with the first point that raises; `run` computes one point again."""
    ran = not isinstance(error, NumbaError)
    for point in points if ran else ():
        try:
            run(point)
        except Exception as found:
            if isinstance(found, ValueError) and (str(found) == DIFFER or str(found).endswith(_INTO)):
                return ValueError(DIFFER.replace("this point", f"point {point}"))
            found.add_note(f"At point {point} of the batch.")
            return found
    return error
