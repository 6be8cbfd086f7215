"""Crystals for evaluation: samples from anywhere, and known crystals by dataset or file."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from pymatgen.core import Structure

from epitaxy.apps.config.base import suggest
from epitaxy.apps.data import SUBSET_SEED, check_split, load_split
from epitaxy.apps.errors import UsageError
from epitaxy.apps.predictions import Predictions, read_predictions
from epitaxy.apps.progress import reporting
from epitaxy.apps.say import say
from epitaxy.data import DATASETS, SPLITS, Record, read_structures, split_paths

Name = TypeVar("Name")

_NAMED = 5
"""Rejected records named on the terminal; the JSON file names them all."""


def divide(word: str, split: str) -> tuple[str, str]:
    """Return a dataset's name or path and its split: ``mp_20:val`` names the split itself."""
    name, colon, given = word.rpartition(":")
    if colon and not Path(word).exists() and (name in DATASETS or given in SPLITS):
        return name, check_split(given)
    return word, check_split(split)


def has_splits(name: str) -> bool:
    """Whether this is a dataset, or a folder with files called train, val and test."""
    return name in DATASETS or bool(split_paths(Path(name)))


def check_there(name: str) -> None:
    """Refuse what is neither a dataset nor a path.

    Raises:
        UsageError: with what may have been meant.
    """
    if name not in DATASETS and not Path(name).exists():
        raise UsageError(f"{name} is neither a dataset's name nor a path{suggest(name, list(DATASETS))}")


def known_crystals(word: str, split: str, root: Path | None) -> dict[str, Structure]:
    """Return known crystals by id: one split of a dataset, or all of any other file or folder.

    Raises:
        UsageError: no such dataset or path, or nothing usable in it.
        DataError: no such split, or a file that cannot be read at all.
    """
    name, part = divide(word, split)
    check_there(name)
    if has_splits(name):
        dataset = load_split(name, part, root=root)
        return dict(zip(dataset.ids, dataset.structures(), strict=True))
    with reporting(f"reading {name}") as progress:
        found = {}
        for n, record in enumerate(read_structures(name), start=1):
            if isinstance(record, Record):
                found[record.id] = record.structure
            else:
                say(f"{record.source}: {record.reason}")
            progress(n, None, "records")
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
    if name in DATASETS:
        dataset = load_split(name, part, root=root)
        return Predictions(by_id={n: [s] for n, s in zip(dataset.ids, dataset.structures(), strict=True)})
    with reporting(f"reading {name}") as progress:
        found = read_predictions(name, progress=progress)
    announce(name, found.rejects())
    return found


def announce(name: str, rejects: dict[str, str]) -> None:
    """Say how many records cannot be used, and name the first of them."""
    if rejects:
        say(f"{name}: {len(rejects)} records cannot be used and count as failures")
        for record, reason in list(rejects.items())[:_NAMED]:
            say(f"  {record}: {reason}")
        if len(rejects) > _NAMED:
            say(f"  and {len(rejects) - _NAMED} more; --json names them all")


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
    for length in range(1, max(len(p) for p in parts) + 1):
        names = ["/".join(p[-length:]) for p in parts]
        if len(set(names)) == len(names):
            return names
    raise UsageError(f"{next(p for p in paths if paths.count(p) > 1)} is given twice: name each set once")
