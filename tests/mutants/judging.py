"""Whether the tests see a mutant: a copy of the repository, and a warm process that is forked for each one.

The checkout is never touched. The heavy libraries are imported once, before forking; what is mutated is
imported by the fork alone, from the copy, as the tests would. A fork's limit is of processor seconds, so that
a busy machine kills no mutant.
"""

import contextlib
import importlib
import importlib.util
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from drawing import Mutant
from records import Fate

_WARM = (
    "torch", "numpy", "scipy.stats", "hypothesis", "beartype", "jaxtyping", "lightning", "pydantic",
    "pymatgen.core", "torch_geometric", "safetensors.torch", "typer", "rich.progress", "plotly",
)  # fmt: skip
_QUIET = ["-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-m", "not slow and not gpu"]
_WALL = 8
"""Wall seconds allowed for a processor second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a run of tests ended, and the processor seconds that it took."""

    fate: Fate
    seconds: float
    output: str


def copied(root: Path, to: Path) -> Path:
    """Copy what git tracks, or would (new tests), to a folder; return it."""
    words = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(words, check=True, capture_output=True, text=True).stdout.split("\0"):
        if name and (root / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, to / name)
    return to


class Judge:
    """Runs tests against mutants in a copy of the repository.

    Args:
        copy: the copy, which this process then imports `epitaxy` from, and its forks too.
        sources: the folders of the copy to import from.
    """

    def __init__(self, copy: Path, sources: Sequence[str], warm: Iterable[str] = _WARM) -> None:
        self.copy, self._stamp = copy, time.time()
        folders = [str(copy / source) for source in sources]
        sys.path[:0] = folders
        os.environ.update(
            PYTHONPATH=os.pathsep.join(folders), CI="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"
        )
        os.environ.pop("EPITAXY_DATA", None)  # what a mutant's fate is may not hang on whose machine it is
        for name in warm:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)

    def origin(self, package: str) -> Path | None:
        """Return the file that a package would be imported from."""
        spec = importlib.util.find_spec(package)
        sys.modules.pop(package.split(".")[0], None)  # which jaxtyping's hook must be the first to import
        return None if spec is None or spec.origin is None else Path(spec.origin)

    def judge(self, mutant: Mutant, tests: Sequence[str], seconds: float) -> Verdict:
        """Run tests, for so many processor seconds at most, with the mutant in its module's place."""
        with self._standing(mutant):
            return self.run(tests, seconds)

    def run(self, tests: Sequence[str], seconds: float) -> Verdict:
        """Run tests in a fork, until one fails."""
        output = self.copy / "mutant-output.txt"
        child = os.fork()
        if child == 0:
            self._become_pytest(tests, seconds, output)
        started, usage = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        status = _waited(child, started + _WALL * seconds)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - usage.ru_utime - usage.ru_stime
        return Verdict(fate=_fate(status), seconds=spent, output=output.read_text(errors="replace"))

    def _become_pytest(self, tests: Sequence[str], seconds: float, output: Path) -> None:
        code = 99
        try:
            os.setsid()
            limit = max(1, round(seconds))
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
            sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            os.chdir(self.copy)
            code = int(pytest.main([*_QUIET, *tests]))
            sys.stdout.flush()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    @contextlib.contextmanager
    def _standing(self, mutant: Mutant) -> Iterator[None]:
        """Put a mutant in its module's place, with a time of its own: a .pyc of that second is trusted."""
        path = self.copy / mutant.module
        original, times = path.read_bytes(), path.stat()
        self._stamp += 10
        path.write_text(mutant.source)
        os.utime(path, (self._stamp, self._stamp))
        try:
            yield
        finally:
            path.write_bytes(original)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _waited(child: int, deadline: float) -> int:
    """Return the child's status; it and what it started are gone by then."""
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    return status


def _fate(status: int) -> Fate:
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL):
        return "timed out"
    return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
