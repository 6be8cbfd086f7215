"""The folder that sampling writes: the structures (see ``writers``) and ``samples.json``."""

import json
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.files import write_text
from epitaxy.apps.foundation.folders import MARKER, check_free
from epitaxy.apps.foundation.messages import is_main_process
from epitaxy.apps.generative.kind import kind_of
from epitaxy.apps.generative.model_dir import LoadedModel
from epitaxy.apps.requests.sample import Sample
from epitaxy.apps.sampling.writers import CIFS, SDFS

SUMMARY = "samples.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRecord:
    """How the samples came about, for ``samples.json``."""

    model: LoadedModel
    steps: int
    sampler: str | None
    temperature: float | None
    consensus: int
    seed: int
    seconds: float
    requested: int
    interrupted: bool = False


@contextmanager
def claimed_folder(out: Path) -> Iterator[None]:
    """Hold a folder for one sampling, as long as the context lasts.

    What a sampling that was killed has left is removed: a marker, written first, says whose it is.

    Raises:
        UsageError: the folder holds something else, or another process samples into it.
    """
    if not is_main_process():
        yield
        return
    check_free(out)
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / MARKER)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(f"--out {out}: another process is sampling there; choose another folder") from None
    except (OSError, NotImplementedError):
        (out / MARKER).touch()  # a file system without locks: then it is the user who takes care
    try:
        _clear(out)
        yield
    finally:
        lock.release()  # nothing, where it is not held
        (out / MARKER).unlink(missing_ok=True)
        with suppress(OSError):
            out.rmdir()  # only if nothing was written


def _clear(out: Path) -> None:
    """Remove what an earlier sampling left unfinished; its summary, which comes last, is not there."""
    if (out / SUMMARY).exists():
        raise UsageError(f"--out {out} is not empty: choose another folder")
    for left in out.iterdir():
        if left.is_dir() and left.name in (CIFS, SDFS):
            shutil.rmtree(left)
        elif left.is_file() and left.name != MARKER:
            left.unlink()


def write_folder(out: Path, samples: Sequence[Sample], record: SamplingRecord) -> None:
    """Write the folder; each file appears whole or not at all, ``samples.json`` last."""
    kind_of(record.model.model.recipe.model).write(out, samples)
    write_text(out / SUMMARY, json.dumps(_summary(samples, record), indent=1) + "\n")


def read_summary(folder: Path) -> dict[str, Any] | None:
    """Return ``samples.json`` of a sample folder, or None where there is none.

    Raises:
        UsageError: a damaged one.
    """
    file = folder / SUMMARY
    if not file.is_file():
        return None
    try:
        summary: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        written, rejected, ids = (summary[name] for name in ("written", "rejected", "ids"))
        numbers = [entry["number"] for entry in rejected]
        known = all(entry["id"] in ids and isinstance(entry["reason"], str) for entry in rejected)
        counts = all(isinstance(count, int) and count >= 0 for count in (written, *numbers))
        sound = known and counts and all(isinstance(name, str) for name in ids)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(f"{file} is damaged ({error}): sample again") from error
    if not sound:
        raise UsageError(f"{file} is damaged, its samples do not add up: sample again")
    return summary


def _summary(samples: Sequence[Sample], record: SamplingRecord) -> dict[str, Any]:
    done = len(samples)
    return {
        "model": {
            "name": record.model.model.recipe.model,
            "path": str(record.model.path),
            "sha256": record.model.checksum,
        },
        "command": " ".join(sys.argv),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "steps": record.steps,
        "sampler": record.sampler or "as in the recipe",
        "temperature": record.temperature or "as in the recipe",
        "consensus": record.consensus,
        "seed": record.seed,
        "requested": record.requested,
        "drawn_anew": sum(sample.draws > 1 for sample in samples),
        "written": sum(sample.structure is not None for sample in samples),
        "interrupted": record.interrupted,
        "seconds": round(record.seconds, 3),
        "seconds_per_sample": round(record.seconds / done, 5) if done else None,
        "ids": list(dict.fromkeys(sample.request.id for sample in samples)),
        "rejected": [
            {
                "number": number,
                "id": s.request.id,
                "seed": s.request.seed,
                "draws": s.draws,
                "reason": s.reason,
            }
            for number, s in enumerate(samples)
            if s.reason
        ],
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("epitaxy-apps", "torch", "pymatgen")},
        },
    }
