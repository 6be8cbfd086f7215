"""An ordered map over processes that holds little in memory and stops cleanly."""

import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from epitaxy.data.errors import DataError

T = TypeVar("T")
R = TypeVar("R")

_CHUNK = 64
_WORTH_A_POOL = 500


def choose_workers(workers: int | None, total: int | None) -> int:
    """How many processes to use: those asked for, else one for few records and at most eight otherwise."""
    if workers is not None:
        return max(1, workers)
    if total is not None and total < _WORTH_A_POOL:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(8, cores)


def ordered_map(function: Callable[[list[T]], list[R]], items: Iterable[T], *, workers: int) -> Iterator[R]:
    """Apply a picklable function to chunks of items; the results come one by one, in order.

    Ctrl-C stops the caller; the workers end with the chunks they have.

    Raises:
        DataError: if a worker process dies.

    """
    iterator = iter(items)
    chunks = iter(lambda: list(islice(iterator, _CHUNK)), [])
    if workers == 1:
        for chunk in chunks:
            yield from function(chunk)
        return
    # Linux forks, as torch's DataLoader does: a script then needs no `if __name__ == "__main__"` guard
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupts)
    try:
        yield from _windowed(executor, function, chunks, 4 * workers)
    except BrokenProcessPool as error:
        raise DataError(
            "a worker process died, perhaps for want of memory; try again with workers=1"
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _windowed(
    executor: ProcessPoolExecutor,
    function: Callable[[list[T]], list[R]],
    chunks: Iterator[list[T]],
    window: int,
) -> Iterator[R]:
    """Results in order, with at most `window` chunks under way."""
    waiting: deque[Future[list[R]]] = deque()
    for chunk in chunks:
        waiting.append(executor.submit(function, chunk))
        if len(waiting) >= window:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the parent, which shuts the pool down."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
