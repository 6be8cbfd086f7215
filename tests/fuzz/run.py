"""Read damaged files for as long as asked: ``nox -s fuzz -- 5m`` or ``nox -s fuzz -- 20000``.

Inputs are numbered and reproducible; a second word is the first number: ``run.py 1 12345`` reads input 12345.
They are read in a process that is replaced when an input hangs or kills it. Exit 1 if anything is found.
"""

import logging
import multiprocessing
import shutil
import sys
import tempfile
import time
import warnings
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from reading import MEGABYTES, SECONDS, trial

_EVERY = 10.0  # seconds between two lines of progress


def work(first: int, count: int, at: "Synchronized[int]", found: "Queue[tuple[int, str, str]]") -> None:
    """Read inputs one after another; `at` tells the parent which one."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    folder = Path(tempfile.mkdtemp(prefix="epitaxy-fuzz-"))
    try:
        for number in range(first, first + count):
            at.value = number
            for finding in trial(folder, number):
                found.put((number, *finding))
            if number % 500 == 0:
                shutil.rmtree(folder / "cache", ignore_errors=True)
        at.value = first + count
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(words: list[str]) -> int:
    """Parse the words, read, and report."""
    amount = words[0] if words else "1m"
    first = int(words[1]) if len(words) > 1 else 1
    minutes = float(amount[:-1]) if amount.endswith("m") else None
    count = 10**9 if minutes is not None else int(amount)
    deadline = time.monotonic() + 60 * minutes if minutes is not None else float("inf")
    found: Queue[tuple[int, str, str]] = multiprocessing.get_context("spawn").Queue()
    done, bad = watch(first, count, deadline, found)
    while not found.empty():
        bad.append(found.get())
    for number, name, what in bad:
        print(f"input {number} ({name}): {what}")
    print(f"{done} inputs: {len(bad)} findings (tracebacks, beyond {SECONDS:g} s, beyond {MEGABYTES} MB)")
    return 1 if bad else 0


def watch(
    first: int, count: int, deadline: float, found: "Queue[tuple[int, str, str]]"
) -> tuple[int, list[tuple[int, str, str]]]:
    """Run workers, replacing one that hangs or dies; return how many inputs were read, and these findings."""
    context = multiprocessing.get_context("spawn")
    bad: list[tuple[int, str, str]] = []
    next_one, end, told = first, first + count, time.monotonic()
    while next_one < end and time.monotonic() < deadline:
        at: Synchronized[int] = context.Value("q", next_one - 1)
        worker = context.Process(target=work, args=(next_one, end - next_one, at, found), daemon=True)
        worker.start()
        seen, since = at.value, time.monotonic()
        while worker.is_alive() and time.monotonic() < deadline:
            worker.join(0.5)
            if at.value != seen:
                seen, since = at.value, time.monotonic()
            elif (
                seen >= next_one and time.monotonic() - since > 3 * SECONDS
            ):  # two readers, and a busy machine
                bad.append((seen, "?", "hangs"))
                break
            if time.monotonic() - told > _EVERY:
                told = time.monotonic()
                print(f"{at.value - first + 1} inputs read", flush=True)
        if not worker.is_alive() and worker.exitcode:
            bad.append((at.value, "?", f"the process died, exit code {worker.exitcode}"))
        worker.kill()
        worker.join()
        next_one = max(at.value, seen) + (0 if at.value >= end else 1)
    return next_one - first, bad


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
