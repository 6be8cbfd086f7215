"""Map a task over structures so that one bad structure costs only itself.

``concurrent.futures`` breaks a whole pool when a worker dies and cannot stop one that hangs. Here the parent
knows which item each worker has in hand: when a worker dies or falls silent it ends that worker alone, and
what is left of its chunk goes to a fresh one. The item in hand when a worker died may not have been the cause
(the machine's memory may have been short), so it is tried once more at the end, alone.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from typing import Generic, TypeVar

from epitaxy.eval.isolation.attempt import Done, Failed, attempt
from epitaxy.eval.isolation.worker import Worker

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]
"""Called as ``progress(done, total)`` after each item."""

POLL = 0.2
"""Seconds between two looks at the workers' deadlines when none of them speaks."""

LARGEST_CHUNK = 32
"""Items a worker is handed at once: enough to hide the hand-over, few enough to share the work evenly."""


def map_isolated(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int = 0,
    limit: float | None = None,
    progress: Progress | None = None,
) -> list[Done[Result] | Failed]:
    """Apply ``task`` to every item; an item that raises, hangs or kills its process fails alone.

    Args:
        task: A picklable callable (importable by name) when there are workers.
        items: What to apply it to; picklable when there are workers.
        workers: Number of worker processes; 0 works in this process, where a limit stops only Python code in
            the main thread and a crash is a crash. The outcomes do not depend on it.
        limit: Seconds of processor time for one item, and of the wall clock while it is idle; None for no
            limit.
        progress: Called after each item.

    Returns:
        One outcome an item, in the items' order.

    Raises:
        ValueError: If ``workers`` is negative or ``limit`` is not positive.
        RuntimeError: If a worker process cannot start.

    """
    outcomes: dict[int, Done[Result] | Failed] = {}
    for number, outcome in stream_isolated(task, items, workers=workers, limit=limit):
        outcomes[number] = outcome
        if progress is not None:
            progress(len(outcomes), len(items))
    return [outcomes[number] for number in range(len(items))]


def stream_isolated(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int = 0,
    limit: float | None = None,
    bench: "list[Worker[Item, Result]] | None" = None,
    until: float | None = None,
) -> Iterator[tuple[int, Done[Result] | Failed]]:
    """Do the work of :func:`map_isolated`, giving (number of the item, outcome) as they come, each item once.

    Args:
        task: As there.
        items: As there.
        workers: As there.
        limit: As there.
        bench: Workers of the same task and limit left from an earlier call, to be used first; those idle at
            the end are left in it, and stopping them is up to the caller. None starts and stops its own.
        until: Time of :func:`time.monotonic` at which the work ends, with what is done by then; what a worker
            has in hand is given up with it, what this process has in hand is finished.

    Raises:
        ValueError: As there.
        RuntimeError: As there.

    """
    if workers < 0 or (limit is not None and limit <= 0):
        raise ValueError(f"workers must be 0 or more and the limit positive, not {workers} and {limit}")
    if workers:
        return _Pool(task, items, workers, limit, bench, until).run()
    return ((number, attempt(task, item, limit)) for number, item in enumerate(items) if not _is_past(until))


def _is_past(until: float | None) -> bool:
    return until is not None and time.monotonic() >= until


class _Pool(Generic[Item, Result]):
    """Workers, and the queue of numbered items that none of them has in hand."""

    def __init__(
        self,
        task: Callable[[Item], Result],
        items: Sequence[Item],
        workers: int,
        limit: float | None,
        bench: list[Worker[Item, Result]] | None,
        until: float | None = None,
    ) -> None:
        self.task, self.limit, self.until = task, limit, until
        self.items = items
        self.queue: deque[tuple[int, Item]] = deque(enumerate(items))
        self.lost: deque[tuple[int, Item]] = deque()
        self.last_try = False
        self.size = min(workers, len(items))
        self.chunk = max(1, min(LARGEST_CHUNK, len(items) // (8 * max(1, self.size))))
        self.keep = bench is not None
        self.workers: list[Worker[Item, Result]] = [] if bench is None else bench

    def run(self) -> Iterator[tuple[int, Done[Result] | Failed]]:
        """Yield (number of the item, outcome) as they come, each item once."""
        try:
            yield from self._work_off()
            if self.lost and not _is_past(self.until):
                for worker in self.workers:
                    worker.stop()
                self._reclaim()
                self.queue, self.size, self.chunk, self.last_try = self.lost, 1, 1, True
                yield from self._work_off()
        finally:
            for worker in self.workers:
                if not (self.keep and worker.idle):
                    worker.stop()
            self.workers[:] = [worker for worker in self.workers if not worker.stopped]

    def _work_off(self) -> Iterator[tuple[int, Done[Result] | Failed]]:
        while self.queue or any(worker.chunk for worker in self.workers):
            if _is_past(self.until):
                return
            self._employ()
            yield from self._listen()
            self._reclaim()

    def _employ(self) -> None:
        """Fill the pool and give every idle worker a chunk, or dismiss it when none is left."""
        waiting = sum(not worker.started for worker in self.workers)
        while len(self.workers) < self.size and waiting * self.chunk < len(self.queue):
            self.workers.append(Worker(self.task, self.limit))
            waiting += 1
        for worker in self.workers:
            if worker.idle and self.queue:
                worker.give([self.queue.popleft() for _ in range(min(self.chunk, len(self.queue)))])
            elif worker.idle and not self.keep:
                worker.stop()

    def _listen(self) -> Iterator[tuple[int, Done[Result] | Failed]]:
        speaking = {worker.channel: worker for worker in self.workers if not worker.stopped}
        ready = wait(list(speaking), timeout=POLL)
        for channel, worker in speaking.items():
            if channel in ready:
                outcome = worker.receive()
            elif worker.overdue:
                outcome = worker.expire()
            else:
                continue
            if outcome is None:
                continue
            number, ended = outcome
            if isinstance(ended, Failed) and ended.kind == "crash" and not self.last_try:
                self.lost.append((number, self.items[number]))
            else:
                yield number, ended

    def _reclaim(self) -> None:
        """Put back what stopped workers had left, in order, and forget them."""
        for worker in [worker for worker in self.workers if worker.stopped]:
            self.queue.extendleft(reversed(worker.chunk))
            self.workers.remove(worker)
