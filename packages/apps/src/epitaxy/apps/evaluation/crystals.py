"""Crystals for evaluation: samples from anywhere, and known crystals by dataset or file."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from pymatgen.core import Structure

from epitaxy.apps.crystals.data import load_crystals
from epitaxy.apps.evaluation.predictions import Predictions, read_predictions
from epitaxy.apps.foundation.checks import check_there
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.foundation.progress import reporting
from epitaxy.apps.generative.dataset import SUBSET_SEED, check_split
from epitaxy.data import DATASETS, SPLITS, CrystalDataset, split_paths
from epitaxy.geometry.symmetry import space_group_number

Name = TypeVar("Name")

_LABELS = ("id", "seed", "spacegroup", "density", "elements")
"""No properties to compare: they name a sample, were asked of it, or are compared anyway."""

_FAIL = "count as failures"
_NAMED = 5
"""Rejected records named on the terminal; the JSON file names them all."""


def divide(word: str, split: str) -> tuple[str, str]:
    """Return a dataset's name or path and its split: ``mp_20:val`` names the split itself.

    So does ``my.csv:val``: where there are no files of splits, a hash of the ids divides, as in training.
    """
    name, colon, given = word.rpartition(":")
    if colon and not Path(word).exists() and (name in DATASETS or given in SPLITS):
        return name, check_split(given)
    return word, check_split(split)


def has_splits(name: str) -> bool:
    """Whether this is a dataset, or a folder with files called train, val and test."""
    return name in DATASETS or bool(split_paths(Path(name)))


def known_crystals(word: str, split: str, root: Path | None) -> dict[str, Structure]:
    """Return known crystals by id: one split of a dataset, or all of any other file that names no split.

    Raises:
        UsageError: no such dataset or path, or nothing usable in it.
        DataError: no such split, or a file that cannot be read at all.
    """
    name, part = divide(word, split)
    check_there(name)
    if has_splits(name) or name != word:
        return _crystals(load_crystals(name, part, root=root))
    with reporting(f"reading {name}") as progress:
        read = read_predictions(name, repeated=False, progress=progress)
    announce(name, read.rejects(), known=True)
    found = {record: structure for record, structure in read.flat().items() if structure is not None}
    if not found:
        raise UsageError(f"{name}: no structure in it can be used")
    return found


def samples_of(word: str, split: str, root: Path | None) -> Predictions:
    """Read samples; a dataset counts as samples too. What cannot be used is counted and named aloud.

    Raises:
        UsageError: nothing there.
        DataError: a file that cannot be read at all.
    """
    name, part = divide(word, split)
    if has_splits(name) or name != word:
        known = _crystals(load_crystals(name, part, root=root))
        return Predictions(by_id={n: [structure] for n, structure in known.items()})
    with reporting(f"reading {name}") as progress:
        found = read_predictions(name, progress=progress)
    announce(name, found.rejects())
    return found


def _crystals(dataset: CrystalDataset) -> dict[str, Structure]:
    """Return a dataset's crystals by id, each with its numbers among its ``properties``."""
    columns = {name: values.tolist() for name, values in dataset.properties.items()}
    found = dict(zip(dataset.ids, dataset.structures(), strict=True))
    for n, structure in enumerate(found.values()):
        structure.properties |= {name: values[n] for name, values in columns.items()}
    return found


def numbers_of(structures: Mapping[str, Structure | None]) -> dict[str, dict[str, float]]:
    """Return the numeric properties that the structures carry: values by id, by property.

    What names a structure, was asked of it (a space group), or is compared anyway, is none.
    """
    found: dict[str, dict[str, float]] = {}
    for name, structure in structures.items():
        for key, value in ({} if structure is None else structure.properties).items():
            number = _number(value)
            if number is not None and key.split(".")[0] not in _LABELS:
                found.setdefault(key, {})[name] = number
    return found


def asked_groups(structures: Mapping[str, Structure | None]) -> dict[str, int]:
    """Return the space groups that samples were asked to have, by id: what they carry as ``spacegroup``."""
    carried = {
        name: _group(structure.properties.get("spacegroup"))
        for name, structure in structures.items()
        if structure is not None
    }
    return {name: number for name, number in carried.items() if number is not None}


def _group(value: object) -> int | None:
    """Return a space group's number, given as that or as a symbol; None for anything else."""
    number = _number(value)
    try:
        if isinstance(value, str):
            return space_group_number(value)
        return None if number is None or number % 1 else space_group_number(int(number))
    except ValueError:
        return None


def _number(value: object) -> float | None:
    """Return a finite number, numpy's included; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    return float(value) if isfinite(value) else None


def announce(name: str, rejects: dict[str, str], *, known: bool = False) -> None:
    """Say how many records cannot be used, and name the first; known crystals are no failures of anyone."""
    if rejects:
        notify(f"{name}: {len(rejects)} records cannot be used and {'are left out' if known else _FAIL}")
        for record, reason in list(rejects.items())[:_NAMED]:
            notify(f"  {record}: {reason}")
        if len(rejects) > _NAMED:
            notify(f"  and {len(rejects) - _NAMED} more{'' if known else '; --json names them all'}")


def drawn(names: Iterable[Name], limit: int | None) -> list[Name]:
    """Return so many of the names, in order: the same every time."""
    held = list(names)
    if limit is None or limit >= len(held):
        return held
    order = torch.randperm(len(held), generator=torch.Generator().manual_seed(SUBSET_SEED))
    return [held[i] for i in order[:limit].sort().values.tolist()]


def short_names(paths: Sequence[str]) -> list[str]:
    """Return what to call each set: the shortest end of its path that tells it from the others."""
    parts = [Path(path).parts or (path,) for path in paths]
    for length in range(1, max((len(p) for p in parts), default=1) + 1):
        names = ["/".join(p[-length:]) for p in parts]
        if len(set(names)) == len(names):
            return names
    raise UsageError(f"{next(p for p in paths if paths.count(p) > 1)} is given twice: name each set once")
