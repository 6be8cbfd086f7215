"""One worker process, and what its parent knows of it."""

import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Generic, Literal, TypeVar

import psutil

from epitaxy.eval.isolation.attempt import Done, Failed, attempt, stopped
from epitaxy.eval.isolation.time_limit import IDLE_SHARE

Item = TypeVar("Item")
Result = TypeVar("Result")

START_LIMIT = 120.0
"""Seconds within which a worker must have imported what it needs."""

GRACE = 2.0
"""Seconds beyond an item's limit after which a worker that did not stop by itself is ended."""


class _Clock:
    """Tells when a process has used more processor time than it may, or is idle for as long.

    Without a word on the process's time (it has just died, or the system says nothing) the wall clock serves.
    """

    def __init__(self, pid: int, limit: float) -> None:
        self.pid, self.limit = pid, limit
        self.start = self.mark = self._spent()
        self.marked = time.monotonic()

    def _spent(self) -> float | None:
        with suppress(psutil.Error):
            used = psutil.Process(self.pid).cpu_times()
            return float(used.user + used.system)
        return None

    def verdict(self) -> Literal["busy", "idle"] | None:
        """Return how the limit is exceeded, if it is: by work, or by none."""
        spent, waited = self._spent(), time.monotonic() - self.marked
        if spent is None or self.start is None or self.mark is None:
            return "idle" if waited > self.limit else None
        if spent - self.start > self.limit:
            return "busy"
        if waited > self.limit:
            if spent - self.mark < IDLE_SHARE * waited:
                return "idle"
            self.mark, self.marked = spent, time.monotonic()
        return None


def _work(channel: Connection, task: Callable[[Any], Any], limit: float | None) -> None:
    """Live as a worker: report ready, then answer each item with a message, until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    try:
        channel.send(None)
        while True:
            for number, pickled in channel.recv():
                channel.send((number, attempt(lambda item: task(pickle.loads(item)), pickled, limit)))
    except (EOFError, OSError):
        return


class Worker(Generic[Item, Result]):
    """A process, the chunk it has in hand, and the clock by which it must have spoken again.

    It sends one message an item, in order, so the head of ``chunk`` is always the item it is working on.
    """

    def __init__(self, task: Callable[[Item], Result], limit: float | None) -> None:
        context = get_context(
            "spawn"
        )  # fork is unsafe beside threads (torch, BLAS) and absent on some systems
        self.limit = limit
        self.chunk: deque[tuple[int, Item]] = deque()
        self.channel, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, task, limit), daemon=True)
        self.process.start()
        theirs.close()
        self.deadline = time.monotonic() + START_LIMIT
        self.clock: _Clock | None = None
        self.started = False

    def give(self, chunk: Sequence[tuple[int, Item]]) -> None:
        """Hand over a chunk. The worker must be idle, so that neither side waits for the other to read.

        Items are pickled one by one, so that one that cannot be unpickled is caught as that item's failure.
        """
        self.chunk.extend(chunk)
        try:
            self.channel.send([(number, pickle.dumps(item)) for number, item in chunk])
        except OSError:  # it died idle: no item's fault, the pool takes the chunk back
            self.stop()
        self._restart_clock()

    def receive(self) -> tuple[int, Done[Result] | Failed] | None:
        """Take the message that is waiting; None when it says only that the worker has started."""
        try:
            message: tuple[int, Done[Result] | Failed] | None = self.channel.recv()
        except (EOFError, OSError):
            return self._end("crash", "its worker process died")
        if message is None:
            self.started = True
        else:
            self.chunk.popleft()
            self._restart_clock()
        return message

    def expire(self) -> tuple[int, Failed]:
        """End a worker that is overdue; the item in hand is the cause."""
        idle = self.clock is not None and self.clock.verdict() == "idle"
        return self._end("time", f"{stopped(self.limit, idle=idle)} together with its worker process")

    @property
    def idle(self) -> bool:
        """Whether it waits for a chunk."""
        return self.started and not self.chunk

    @property
    def stopped(self) -> bool:
        """Whether the parent has given it up."""
        return self.channel.closed

    @property
    def overdue(self) -> bool:
        """Whether it should have spoken by now."""
        if not self.started:
            return time.monotonic() > self.deadline
        return self.clock is not None and self.clock.verdict() is not None

    def stop(self) -> None:
        """End the process, however stuck it is."""
        self.process.kill()
        self.process.join()
        self.channel.close()

    def _restart_clock(self) -> None:
        self.clock = None
        if self.limit is not None and self.chunk and self.process.pid is not None:
            self.clock = _Clock(self.process.pid, self.limit + GRACE)

    def _end(self, kind: Literal["time", "crash"], reason: str) -> tuple[int, Failed]:
        self.stop()
        if not self.started:
            raise RuntimeError(
                "a worker process could not start: the task must be importable, and a script that uses "
                "workers needs its own work under `if __name__ == '__main__':`"
            )
        number, _ = self.chunk.popleft()
        return number, Failed(kind=kind, reason=f"{reason} (exit status {self.process.exitcode})")
