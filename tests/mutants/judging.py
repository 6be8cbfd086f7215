"""Whether the tests see a mutant: a copy of the repository, and a warm process that is forked for each one.

The checkout is never touched. The heavy libraries are imported once, before forking; what is mutated is
imported by forks alone, from the copy. A fork's limit is of processor seconds, so that a busy machine kills
no mutant.
"""

import contextlib
import importlib
import importlib.util
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import pytest
from drawing import Mutant
from forking import Verdict, forked, limited, waited
from quick_first import QuickFirst
from serving import Collected, Order

_WARM = (
    "torch", "numpy", "scipy.stats", "hypothesis", "beartype", "jaxtyping", "lightning", "pydantic",
    "pymatgen.core", "torch_geometric", "safetensors.torch", "typer", "rich.progress", "plotly",
)  # fmt: skip
_QUIET = ["-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-m", "not slow and not gpu"]
_NOT_THIS_WAY = 77
_TESTS_FAILED = int(pytest.ExitCode.TESTS_FAILED)
_HOUR = 3600.0


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
        copy: the copy, which this process's forks then import `epitaxy` from.
        sources: the folders of the copy to import from.
        warm: what is imported before forking.
    """

    def __init__(self, copy: Path, sources: Sequence[str], warm: Iterable[str] = _WARM) -> None:
        self.copy, self._stamp = copy, time.time()
        self._served: dict[tuple[str, ...], Connection] = {}
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
        quick = self.quick(tests, (self.copy / mutant.module, mutant.source), seconds)
        if quick is not None and (quick.code == _TESTS_FAILED or quick.fate == "timed out"):
            return quick
        with self._standing(mutant):
            return self.run(tests, seconds)

    def clean(self, tests: Sequence[str]) -> Verdict:
        """Run tests without a mutant, in the way that is quick once tests are collected."""
        return self.quick(tests, "as it is", _HOUR) or self.run(tests, _HOUR)

    def run(self, tests: Sequence[str], seconds: float) -> Verdict:
        """Run tests in a fork, until one fails."""
        output = self.copy / "mutant-output.txt"
        return forked(lambda: self._pytest(tests), seconds, output)

    def _pytest(self, tests: Sequence[str], *plugins: object) -> int:
        os.chdir(self.copy)
        words = [*_QUIET, f"--basetemp={self.copy / 'pytest'}", *tests]
        return int(pytest.main(words, plugins=[QuickFirst(self.copy / "test-seconds.json"), *plugins]))

    def quick(self, tests: Sequence[str], order: Order, seconds: float) -> Verdict | None:
        """Try in a fork of the process that has collected these tests; None where it says nothing."""
        key = tuple(tests)
        if key not in self._served:
            self._served[key] = self._serve(key)
        served = self._served[key]
        try:
            served.send((order, seconds))
            verdict: Verdict = served.recv()
        except (EOFError, OSError):
            return None
        return None if verdict.code == _NOT_THIS_WAY else verdict

    def _serve(self, tests: tuple[str, ...]) -> Connection:
        here, there = multiprocessing.Pipe()
        if os.fork() == 0:
            here.close()
            for other in self._served.values():
                other.close()
            with contextlib.suppress(BaseException):
                self._be_served(there, tests)
            os._exit(0)
        there.close()
        return here

    def _be_served(self, orders: Connection, tests: tuple[str, ...]) -> None:
        def obey() -> Order | None:
            """Fork for each order; return it in the fork, None in the parent at the end."""
            while True:
                try:
                    order, seconds = orders.recv()
                except EOFError:
                    return None
                if (child := os.fork()) == 0:
                    os.setsid()
                    limited(seconds)
                    return cast(Order, order)
                orders.send(waited(child, seconds))

        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        os._exit(self._pytest(tests, Collected(self.copy, obey, lambda: os._exit(_NOT_THIS_WAY))))

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
