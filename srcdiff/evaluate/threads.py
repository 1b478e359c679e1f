"""Chunks of points on several threads.

The threads are kept: starting one takes longer than thousands of points. Every thread takes the next chunk when it is
done with one, in order, so that the first point at which something is raised does not depend on the threads.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import numba

__all__ = ["WORTH", "in_threads", "progress_bar", "thread_count"]

WORTH = 400e-6
"""Seconds of work from which on threads are used: ten times what it takes to wake one and to wait for it, so that they
cost little where another process has the second core."""

_pools: list[ThreadPoolExecutor] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)


def thread_count() -> int:
    """Numba's number of threads. Asking Numba would start its threads, which some processes do not survive to fork."""
    from numba.np.ufunc import parallel

    return int(numba.get_num_threads() if parallel._is_initialized else numba.config.NUMBA_NUM_THREADS)


@contextlib.contextmanager
def progress_bar(total: int) -> Iterator[Callable[[int], None]]:
    """Takes note of points that are done, from any thread."""
    from rich.progress import Progress

    with Progress() as bar:
        yield functools.partial(bar.advance, bar.add_task("points", total=total))


def in_threads(chunk: Callable[[int], None], starts: Iterable[int], threads: int) -> None:
    """All chunks on so many threads, this one among them.

    What the first chunk raises that raises is raised when all threads have stopped.
    """
    remaining = iter(starts)
    failures: list[tuple[int, BaseException]] = []

    def work() -> None:
        while not failures:  # asked before a chunk is taken: those that were taken are done
            first = next(remaining, None)
            if first is None:
                return
            try:
                chunk(first)
            except BaseException as error:
                failures.append((first, error))

    others = [_pool().submit(work) for _ in range(threads - 1)]
    try:
        work()
    except BaseException as error:  # an interrupt between two chunks
        failures.append((-1, error))
    while running := [one for one in others if not one.cancel()]:
        try:
            wait(running)
            break
        except BaseException as error:
            failures.append((-1, error))
    if failures:
        raise min(failures, key=lambda failure: failure[0])[1]


def _pool() -> ThreadPoolExecutor:
    """The threads of this process; they do not survive a fork."""
    if not _pools:
        _pools.append(ThreadPoolExecutor(max(int(numba.config.NUMBA_NUM_THREADS) - 1, 1), "srcdiff"))
    return _pools[0]
