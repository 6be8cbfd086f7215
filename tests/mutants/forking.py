"""Work in a fork, with a limit of processor seconds, and how it ended."""

import contextlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from records import Fate

_WALL = 20
"""Wall seconds allowed for a processor second: the machine may be busy, the work may sleep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a fork ended: its fate as a mutant, its exit code, its processor seconds, what it printed."""

    fate: Fate
    code: int
    seconds: float
    output: str


def forked(work: Callable[[], int], seconds: float, output: Path) -> Verdict:
    """Do work in a fork that exits with what it returns."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setsid()
            sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            limited(seconds)
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    verdict = waited(child, seconds)
    text = output.read_text(errors="replace") if output.is_file() else ""
    return Verdict(fate=verdict.fate, code=verdict.code, seconds=verdict.seconds, output=text)


def limited(seconds: float) -> None:
    """Let this process have so many processor seconds from its start, not more."""
    resource.setrlimit(
        resource.RLIMIT_CPU, (max(1, round(seconds)), resource.getrlimit(resource.RLIMIT_CPU)[1])
    )


def waited(child: int, seconds: float) -> Verdict:
    """Wait for a child that leads a session of its own; it and what it started are gone by then."""
    deadline, before = time.monotonic() + _WALL * seconds, _spent()
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            _end(child)
            ended = os.waitpid(child, 0)
            break
        time.sleep(0.02)
    _end(child)
    code = os.waitstatus_to_exitcode(ended[1])
    fate: Fate = "survived" if code == 0 else "killed"
    if -code in (signal.SIGXCPU, signal.SIGKILL):
        fate = "timed out"
    return Verdict(fate=fate, code=code, seconds=_spent() - before, output="")


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _end(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
