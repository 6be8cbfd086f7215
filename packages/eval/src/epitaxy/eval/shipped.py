"""What is known of the crystals of well-known test sets, which comes with the package.

Fingerprints, validity and space groups of a reference, so that an evaluation begins with the samples. They
are found by the crystals' content alone: a file with one number another bit away is computed as ever.
``scripts/freeze_references.py`` makes the file.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

FILE = "references.npz"


def shipped(task: str, version: int, keys: Sequence[str]) -> dict[str, Any]:
    """Return what a task of that version gives for the crystals known, by :func:`structure_key`.

    Args:
        task: Its name, as :func:`resume_map` has it. Of another task nothing is known.
        version: Its version; of another version nothing is known.
        keys: The crystals.

    Returns:
        Results by key, for :func:`resume_map`'s ``known``. Fingerprints are rounded to float32.

    """
    place, results = _places(), _results(task, version)
    return {key: results[place[key]] for key in keys if key in place} if results else {}


@cache
def _places() -> dict[str, int]:
    return {key.tobytes().hex(): n for n, key in enumerate(_column("keys"))}


@cache
def _results(task: str, version: int) -> list[Any]:
    """Load one task's results, one for each key; none where the file has none of that version."""
    held = _column(f"{task}-v{version}")
    if held.dtype == np.uint8 and held.ndim == 1:
        return list(json.loads(held.tobytes() or b"[]"))
    return list(held.tolist())


def _column(name: str) -> np.ndarray:
    file = files("epitaxy.eval").joinpath(FILE)
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
        return np.asarray(held[name]) if name in held.files else np.zeros(0, dtype=np.uint8)
