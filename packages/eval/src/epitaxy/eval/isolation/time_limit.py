"""A limit on the processor time of one call in this process.

The time of a wall clock says how busy the machine is; processor time says how hard the call is. Only a
call that uses no processor at all, because it waits for what never comes, is judged by the wall clock.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

IDLE_SHARE = 0.005
"""Share of the wall-clock time below which a process counts as idle: far below what the busiest machine
gives."""


class TimeLimitReached(BaseException):
    """The limit of :func:`time_limit` was reached.

    Not an ``Exception``, so that a library's own broad ``except Exception`` cannot swallow it.

    Attributes:
        idle: Whether the call was stopped because it had used no processor time for as long as the limit.

    """

    def __init__(self, *, idle: bool) -> None:
        super().__init__()
        self.idle = idle


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise :class:`TimeLimitReached` in the body once it has used ``seconds`` of processor time.

    None sets no limit. The time is that of all threads of this process. A body that is idle for ``seconds``
    of wall-clock time is stopped as well. Works by interval timers, so only in a process's main thread, on
    POSIX, and between two Python instructions: a call stuck in compiled code is stopped only by the parent
    of a worker (:mod:`epitaxy.eval.isolation.worker`). Elsewhere there is no limit. The timers and handlers
    that were set before are put back afterwards.
    """
    if (
        seconds is None
        or threading.current_thread() is not threading.main_thread()
        or not hasattr(signal, "setitimer")
    ):
        yield
        return
    spent = time.process_time()

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
        raise TimeLimitReached(idle=False)

    def look(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
        nonlocal spent
        now = time.process_time()
        if now - spent < IDLE_SHARE * seconds:
            raise TimeLimitReached(idle=True)
        spent = now

    with (
        _timer(signal.ITIMER_PROF, signal.SIGPROF, stop, seconds),
        _timer(signal.ITIMER_REAL, signal.SIGALRM, look, seconds),
    ):
        yield


@contextmanager
def _timer(kind: int, number: int, handler: "signal._HANDLER", seconds: float) -> Iterator[None]:
    """Call ``handler`` every ``seconds`` of a timer's time in the body."""
    old_handler = signal.signal(number, handler)
    old_timer = signal.setitimer(kind, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(kind, 0)
        signal.signal(number, old_handler)
        signal.setitimer(kind, *old_timer)
