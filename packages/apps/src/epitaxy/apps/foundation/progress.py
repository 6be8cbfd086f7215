"""Progress: a bar on a terminal, plain lines when piped, nothing when used as a library."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from epitaxy.apps.foundation.messages import is_main_process

Progress = Callable[[int, int | None, str], None]
"""Called with (done, total or None, a few words on how it goes)."""

_SECONDS_BETWEEN_LINES = 10.0


def silent(done: int, total: int | None, words: str = "") -> None:
    """Report nothing."""


@contextmanager
def reporting(description: str) -> Iterator[Progress]:
    """Yield a progress callback that draws a bar if standard error is a terminal, and prints lines if not.

    Of several processes the first alone reports.
    """
    if not is_main_process():
        yield silent
    elif sys.stderr.isatty():
        with _bar(description) as report:
            yield report
    else:
        yield _lines(description)


@contextmanager
def _bar(description: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=None, words="")

        def report(done: int, total: int | None, words: str = "") -> None:
            bar.update(task, completed=done, total=total, words=words)

        yield report


def _lines(description: str) -> Progress:
    started = time.monotonic()
    last = started

    def report(done: int, total: int | None, words: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _SECONDS_BETWEEN_LINES and done != total:
            return
        last = now
        of = "" if total is None else f"/{total}"
        print(  # noqa: T201 - this is the terminal's line
            f"{description}: {done}{of} {words} [{now - started:.0f} s]".replace("  ", " "),
            file=sys.stderr,
            flush=True,
        )

    return report
