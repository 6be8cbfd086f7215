"""A time limit on work that is not ours to interrupt otherwise."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType

from epitaxy.data.errors import UnusableRecordError


class _OutOfTime(BaseException):
    """Raised by the alarm: no parser's `except Exception` swallows it."""


Limited = Callable[[float], AbstractContextManager[None]]
"""Limits the seconds of a block."""


@contextmanager
def alarms() -> Iterator[Limited]:
    """Prepare for many time limits, one after another: the handler, which is what costs, is set once.

    They work by the alarm signal, so in a process's main thread, where the workers of `ordered_map` work, and
    where the system has it (Linux, macOS). They cannot stop what runs in another thread or on Windows, nor
    compiled code before that returns to Python. An alarm that someone else has set is kept, and rings in
    between.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield lambda _: nullcontext()
        return
    watching = False

    def ring(number: int, frame: FrameType | None) -> None:
        if watching:
            raise _OutOfTime
        if callable(handler):
            handler(number, frame)

    @contextmanager
    def limited(seconds: float) -> Iterator[None]:
        nonlocal watching
        started = time.monotonic()
        left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
        watching = True
        try:
            yield
        except _OutOfTime:
            raise UnusableRecordError(
                f"it takes longer than {seconds:g} seconds to read; give it in a plainer form or drop the "
                f"record"
            ) from None
        finally:
            watching = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            if left:
                rest = max(1e-3, left - (time.monotonic() - started))
                signal.setitimer(signal.ITIMER_REAL, rest, interval)

    handler = signal.signal(signal.SIGALRM, ring)
    try:
        yield limited
    finally:
        signal.signal(signal.SIGALRM, handler)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Stop what takes longer, as far as `alarms` can.

    Raises:
        UnusableRecordError: if the time is over.

    """
    with alarms() as limited, limited(seconds):
        yield
