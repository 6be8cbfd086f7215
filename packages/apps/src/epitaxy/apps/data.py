"""Datasets for the applications: loaded with progress, with what was rejected said aloud."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import torch

from epitaxy.apps.dataset import Dataset
from epitaxy.apps.errors import UsageError
from epitaxy.apps.progress import reporting
from epitaxy.apps.say import say
from epitaxy.data import SPLITS, CrystalDataset, Split
from epitaxy.data.molecules import MoleculeDataset
from epitaxy.data.wyckoff import WyckoffDataset

D = TypeVar("D", bound=Dataset)

SUBSET_SEED = 0
"""``--limit`` draws the same records in every command, so that sampling and scoring agree."""


def load_split(
    name_or_path: str,
    split: str,
    *,
    root: Path | None = None,
    limit: int | None = None,
    workers: int | None = None,
) -> CrystalDataset:
    """Load one split, preparing it (with progress) the first time; ``limit`` keeps that many records.

    Raises:
        UsageError: a word that is no split.
        DataError: no such dataset or split, or nothing in it can be used.
    """
    dataset = _load(CrystalDataset.load, name_or_path, split, root=root, workers=workers)
    return dataset if limit is None else draw(dataset, limit)


def load_asymmetric_units(
    name_or_path: str, split: str, *, symprec: float, root: Path | None = None
) -> WyckoffDataset:
    """Load one split as asymmetric units, preparing it (with progress) the first time.

    Raises:
        UsageError: a word that is no split.
        DataError: no such dataset or split, or nothing in it can be used.
    """
    return _load(WyckoffDataset.load, name_or_path, split, root=root, symprec=symprec)


def load_molecules(
    name_or_path: str, split: str, *, hydrogens: bool = True, root: Path | None = None
) -> MoleculeDataset:
    """Load one split of molecules, preparing it (with progress) the first time.

    Raises:
        UsageError: a word that is no split.
        DataError: no such dataset or split, or nothing in it can be used.
    """
    return _load(MoleculeDataset.load, name_or_path, split, root=root, hydrogens=hydrogens)


L = TypeVar("L", CrystalDataset, WyckoffDataset, MoleculeDataset)


def _load(load: Callable[..., L], name: str, split: str, **words: Any) -> L:
    """Load with progress, and say what was rejected and how it was split."""
    with reporting(f"preparing {name} {split}") as progress:
        dataset = load(
            name,
            check_split(split),
            progress=lambda done, total: progress(done, total, "records"),
            **words,
        )
    prepared = dataset.prepared
    if prepared is not None and prepared.rejects:
        say(f"{name} {split}: {prepared.rejects} records rejected, see {prepared.rejects_path}")
    if dataset.note:
        say(f"{name}: {dataset.note}")
    return dataset


def draw(dataset: D, limit: int) -> D:
    """Return ``limit`` structures drawn with a fixed seed (all, where there are no more)."""
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(SUBSET_SEED))
    return cast("D", dataset.subset(order[:limit].sort().values))


def compositions(dataset: CrystalDataset) -> Mapping[str, Sequence[int]]:
    """Return each crystal's atomic numbers by material id."""
    cells = torch.split(dataset.numbers, dataset.counts.tolist())
    return {name: numbers.tolist() for name, numbers in zip(dataset.ids, cells, strict=True)}


def check_split(word: str) -> Split:
    """Return ``word`` as a split.

    Raises:
        UsageError: it is none.
    """
    for split in SPLITS:
        if word == split:
            return split
    raise UsageError(f"--split {word}: choose {', '.join(SPLITS)}")
