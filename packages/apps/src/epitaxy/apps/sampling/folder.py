"""The folder that sampling writes: the structures (see ``writers``) and ``samples.json``."""

import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from epitaxy.apps.errors import UsageError
from epitaxy.apps.families import FAMILIES
from epitaxy.apps.files import write_text
from epitaxy.apps.model_dir import LoadedModel
from epitaxy.apps.sampling.sample import Sample

SUMMARY = "samples.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """How the samples came about, for ``samples.json``."""

    model: LoadedModel
    steps: int
    sampler: str | None
    seed: int
    seconds: float
    requested: int
    interrupted: bool = False


def claim_folder(out: Path) -> None:
    """Refuse a folder that holds something already.

    Raises:
        UsageError: naming the folder.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file: name a folder")
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(f"--out {out} is not empty: choose another folder")


def write_folder(out: Path, samples: Sequence[Sample], circumstances: Circumstances) -> None:
    """Write the folder; each file appears whole or not at all, ``samples.json`` last."""
    FAMILIES[circumstances.model.model.recipe.model].write(out, samples)
    write_text(out / SUMMARY, json.dumps(_summary(samples, circumstances), indent=1) + "\n")


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


def _summary(samples: Sequence[Sample], circumstances: Circumstances) -> dict[str, Any]:
    done = len(samples)
    return {
        "model": {
            "name": circumstances.model.model.recipe.model,
            "path": str(circumstances.model.path),
            "sha256": circumstances.model.checksum,
        },
        "command": " ".join(sys.argv),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "steps": circumstances.steps,
        "sampler": circumstances.sampler or "as in the recipe",
        "seed": circumstances.seed,
        "requested": circumstances.requested,
        "written": sum(sample.structure is not None for sample in samples),
        "interrupted": circumstances.interrupted,
        "seconds": round(circumstances.seconds, 3),
        "seconds_per_sample": round(circumstances.seconds / done, 5) if done else None,
        "ids": list(dict.fromkeys(sample.request.id for sample in samples)),
        "rejected": [
            {"number": number, "id": s.request.id, "seed": s.request.seed, "reason": s.reason}
            for number, s in enumerate(samples)
            if s.reason
        ],
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("epitaxy-apps", "torch", "pymatgen")},
        },
    }
