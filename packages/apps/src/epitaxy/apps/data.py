"""Datasets for the applications: loaded with progress, with what was rejected said aloud."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar, cast, runtime_checkable

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
    with reporting(f"preparing {name_or_path} {split}") as progress:
        dataset = CrystalDataset.load(
            name_or_path,
            check_split(split),
            root=root,
            workers=workers,
            progress=lambda done, total: progress(done, total, "records"),
        )
    _say_rejects(name_or_path, split, dataset.prepared)
    if dataset.note:
        say(f"{name_or_path}: {dataset.note}")
    return dataset if limit is None else draw(dataset, limit)


def load_asymmetric_units(
    name_or_path: str, split: str, *, symprec: float, root: Path | None = None
) -> WyckoffDataset:
    """Load one split as asymmetric units, preparing it (with progress) the first time.

    Raises:
        UsageError: a word that is no split.
        DataError: no such dataset or split, or nothing in it can be used.
    """
    with reporting(f"preparing {name_or_path} {split}") as progress:
        dataset = WyckoffDataset.load(
            name_or_path,
            check_split(split),
            root=root,
            symprec=symprec,
            progress=lambda done, total: progress(done, total, "records"),
        )
    _say_rejects(name_or_path, split, dataset.prepared)
    if dataset.note:
        say(f"{name_or_path}: {dataset.note}")
    return dataset


def load_molecules(
    name_or_path: str, split: str, *, hydrogens: bool = True, root: Path | None = None
) -> MoleculeDataset:
    """Load one split of molecules, preparing it (with progress) the first time.

    Raises:
        UsageError: a word that is no split.
        DataError: no such dataset or split, or nothing in it can be used.
    """
    with reporting(f"preparing {name_or_path} {split}") as progress:
        dataset = MoleculeDataset.load(
            name_or_path,
            check_split(split),
            root=root,
            hydrogens=hydrogens,
            progress=lambda done, total: progress(done, total, "records"),
        )
    _say_rejects(name_or_path, split, dataset.prepared)
    return dataset


@runtime_checkable
class _Prepared(Protocol):
    @property
    def rejects(self) -> int: ...
    @property
    def rejects_path(self) -> Path: ...


def _say_rejects(name: str, split: str, prepared: _Prepared | None) -> None:
    if prepared is not None and prepared.rejects:
        say(f"{name} {split}: {prepared.rejects} records rejected, see {prepared.rejects_path}")


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
