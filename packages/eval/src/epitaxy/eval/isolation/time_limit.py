"""A wall-clock limit for one call in this process."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TimeLimitReached(BaseException):
    """The limit of :func:`time_limit` was reached.

    Not an ``Exception``, so that a library's own broad ``except Exception`` cannot swallow it.
    """


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise :class:`TimeLimitReached` in the body when it has run for ``seconds``; None for no limit.

    Works by an interval timer, so only in a process's main thread, on POSIX, and between two Python
    instructions: a call stuck in compiled code is stopped only by the parent of a worker
        (:mod:`epitaxy.eval.isolation.worker`).
    Elsewhere there is no limit. The timer and handler that were set before are put back afterwards.
    """
    if (
        seconds is None
        or threading.current_thread() is not threading.main_thread()
        or not hasattr(signal, "setitimer")
    ):
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
        raise TimeLimitReached

    handler = signal.signal(signal.SIGALRM, stop)
    timer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)
