"""What is known of the crystals of well-known test sets, which comes with the package.

Fingerprints, validity and space groups of a reference, so that an evaluation begins with the samples. They
are found by the crystals' content alone, to eight decimals: a file with another number is computed as ever.
``scripts/freeze_references.py`` makes the file.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from pymatgen.core.structure import Structure

from epitaxy.eval.resumable import structure_key

FILE = "references.npz"


DECIMALS = 8
"""That count of the known crystals' numbers: on all processors they have the same :func:`structure_key`."""


def shipped(task: str, version: int, crystals: Mapping[str, Structure | None]) -> dict[str, Any]:
    """Return what a task of that version gives for the crystals known.

    Args:
        task: Its name, as :func:`resume_map` has it. Of another task nothing is known.
        version: Its version; of another version nothing is known.
        crystals: The crystals, by their :func:`structure_key` of all decimals; of None nothing is known.

    Returns:
        Results by the same keys, for :func:`resume_map`'s ``known``. Fingerprints are rounded to float32.

    """
    place, results = _places(), _results(task, version)
    if not results:
        return {}
    named = ((key, structure_key(crystal, decimals=DECIMALS)) for key, crystal in crystals.items())
    return {key: results[place[name]] for key, name in named if name in place}


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
