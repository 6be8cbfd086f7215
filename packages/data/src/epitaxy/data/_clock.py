"""A time limit on work that is not ours to interrupt otherwise."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from epitaxy.data.errors import UnusableRecordError


class _OutOfTime(BaseException):
    """Raised by the alarm: no parser's `except Exception` swallows it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Stop what takes longer.

    It works by the alarm signal, so in a process's main thread, where the workers of `ordered_map` work, and
    where the system has it (Linux, macOS). It cannot stop what runs in another thread or on Windows, nor
    compiled code before that returns to Python. An alarm that someone else has set is kept.

    Raises:
        UnusableRecordError: if the time is over.

    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    watching = True

    def ring(_number: int, _frame: FrameType | None) -> None:
        if watching:
            raise _OutOfTime

    handler = signal.signal(signal.SIGALRM, ring)
    started = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    except _OutOfTime:
        raise UnusableRecordError(
            f"it takes longer than {seconds:g} seconds to read; give it in a plainer form or drop the record"
        ) from None
    finally:
        watching = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(1e-3, left - (time.monotonic() - started)), interval)
