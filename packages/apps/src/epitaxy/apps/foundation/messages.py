"""Lines for the user, on standard error so that standard output stays for results; rank 0 speaks alone."""

import os
import sys
from functools import cache


def is_main_process() -> bool:
    """Whether this is the first of the processes that torchrun or Lightning's launcher started."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def notify(text: str) -> None:
    """Print one line."""
    if is_main_process():
        print(text, file=sys.stderr, flush=True)  # noqa: T201


@cache
def notify_once(text: str) -> None:
    """Print one line, unless this process has printed it."""
    notify(text)
