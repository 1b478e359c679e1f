"""Room for expressions of many hundred terms, which Python nests: `a + b + c` is `(a + b) + c`."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

__all__ = ["TOO_DEEP", "deep"]

LIMIT = 4000
"""Python's limit is 1000. What calls itself here is Python code, which needs no stack of C for that."""

TOO_DEEP = "Split a long sum or product into several statements, or write a loop."

_lock = threading.Lock()
_usual: list[int] = []
"""The limit before, once for each that is inside."""


@contextlib.contextmanager
def deep() -> Iterator[None]:
    """Let functions call themselves more often than usual. The limit is that of the process, whichever thread asks."""
    with _lock:
        _usual.append(_usual[-1] if _usual else sys.getrecursionlimit())
        sys.setrecursionlimit(max(LIMIT, _usual[-1]))
    try:
        yield
    finally:
        with _lock:
            usual = _usual.pop()
            if not _usual:
                sys.setrecursionlimit(usual)
