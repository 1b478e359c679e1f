"""A line on the terminal while a compile takes long; nothing where standard error is no terminal."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

__all__ = ["progress"]

AFTER = 1.5
"""Seconds before anything is shown."""

_running = threading.local()


@contextlib.contextmanager
def progress(name: str) -> Iterator[None]:
    """Show what is being compiled and for how long, from `AFTER` seconds on; the line is taken away in the end."""
    stream = sys.stderr
    if getattr(_running, "depth", 0) or stream is None or not stream.isatty():
        yield
        return
    _running.depth = 1
    done = threading.Event()
    thread = threading.Thread(target=_show, args=(stream, name, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        _running.depth = 0
        done.set()
        thread.join()


def _show(stream: TextIO, name: str, done: threading.Event) -> None:
    start, wait, shown = time.perf_counter(), AFTER, False
    while not done.wait(wait):
        wait, shown = 1.0, True
        with contextlib.suppress(OSError, ValueError):
            passed = time.perf_counter() - start
            print(f"\rsrcdiff: compiling {name} ... {passed:.0f} s", end="", file=stream, flush=True)
    if shown:
        with contextlib.suppress(OSError, ValueError):
            print("\r\033[K", end="", file=stream, flush=True)
