"""What every evaluation is told besides its structures: where to work, what to write."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from epitaxy.apps.foundation.checks import check_timeout
from epitaxy.apps.foundation.errors import UsageError, WorkError
from epitaxy.apps.foundation.progress import Progress, reporting
from epitaxy.data import cache_root

StageProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """The files that the user asked for."""

    json: Path | None = None
    html: Path | None = None
    card: Path | None = None

    def check(self, sets: int = 1) -> None:
        """Refuse, before any work is done, a file that cannot be written.

        Raises:
            UsageError: naming the option and the path.
        """
        for option, path in (("--json", self.json), ("--html", self.html)):
            if path is not None:
                check_writable(option, path)
        if self.card is not None and not self.card.is_file():
            raise UsageError(f"--card {self.card}: there is no such card; name a model's card.md")
        if self.card is not None and sets > 1:
            raise UsageError("--card takes the figures of one set: score it alone")


def check_writable(option: str, path: Path, *, folder: bool = False) -> None:
    """Refuse a path that no file (or folder) can be written at.

    Raises:
        UsageError: naming the option and the path.
    """
    if path.is_dir() and not folder:
        raise UsageError(f"{option} {path} is a folder: name a file")
    existing = path if path.exists() else next(p for p in path.absolute().parents if p.exists())
    place = existing.parent if existing.is_file() and existing == path and not folder else existing
    if not place.is_dir():
        raise UsageError(f"{option} {path} cannot be written: {place} is not a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UsageError(f"{option} {path} cannot be written: {place} may not be written to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """Where work is done and kept; none of it changes a figure.

    Attributes:
        workers: as typed: a number, a Dask scheduler's address, or None for all cores.
        timeout: seconds of processor time for one structure; None for each stage's own.
        cache: the folder of finished work; None for the user's.
        keep: whether to keep anything at all.
    """

    workers: str | None = None
    timeout: float | None = None
    cache: Path | None = None
    keep: bool = True

    def check(self, default: float) -> None:
        """Refuse, before any work is done, what makes no sense.

        Raises:
            UsageError: naming the option.
        """
        self.where()
        self.limit(default)
        self.folder()

    def processes(self) -> int:
        """Return the number of processes, for what runs on this machine only.

        Raises:
            UsageError: an address or no number.
        """
        chosen = self.where()
        if isinstance(chosen, str):
            raise UsageError(f"--workers {chosen}: this command works on this machine only; give a number")
        return chosen

    def where(self) -> int | str:
        """Return the number of processes or the scheduler's address.

        Raises:
            UsageError: it is neither.
        """
        if self.workers is None:
            return os.cpu_count() or 1
        if "://" in self.workers:
            return self.workers
        if not self.workers.isdecimal():
            raise UsageError(
                f"--workers {self.workers}: give a number of processes or a Dask scheduler's address, such "
                f"as "
                "tcp://host:8786"
            )
        return int(self.workers)

    def limit(self, default: float) -> float:
        """Return the seconds that one structure may take.

        Raises:
            UsageError: not positive.
        """
        seconds = check_timeout(self.timeout)
        return default if seconds is None else seconds

    def folder(self) -> Path | None:
        """Return the folder that finished work is kept in; None keeps nothing.

        Raises:
            UsageError: it cannot be written.
        """
        if not self.keep:
            if self.cache is not None:
                raise UsageError("--cache and --no-cache exclude each other: give one of them")
            return None
        folder = self.cache or cache_root() / "eval"
        check_writable("--cache", folder, folder=True)
        return folder


@contextmanager
def stages() -> Iterator[StageProgress]:
    """Yield a callback that shows one bar, or prints lines, for each stage after the other."""
    with ExitStack() as stack:
        now: list[tuple[str, Progress]] = []

        def report(stage: str, done: int, total: int) -> None:
            if not now or now[0][0] != stage:
                stack.close()
                now[:] = [(stage, stack.enter_context(reporting(stage)))]
            now[0][1](done, total, "")

        yield report


@contextmanager
def sentences() -> Iterator[None]:
    """Turn what is missing on this machine into a sentence: a library, a worker, a scheduler.

    Raises:
        WorkError: in place of an ImportError or RuntimeError.
    """
    try:
        yield
    except (ImportError, RuntimeError) as error:
        raise WorkError(str(error)) from error
