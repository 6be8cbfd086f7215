"""Crystals to train on, and the compositions of known ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from epitaxy.apps.generative.dataset import draw, load_prepared
from epitaxy.data import CrystalDataset


def load_crystals(
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
    dataset = load_prepared(CrystalDataset.load, name_or_path, split, root=root, workers=workers)
    return dataset if limit is None else draw(dataset, limit)


def compositions(dataset: CrystalDataset) -> Mapping[str, Sequence[int]]:
    """Return each crystal's atomic numbers by material id."""
    cells = torch.split(dataset.numbers, dataset.counts.tolist())
    return {name: numbers.tolist() for name, numbers in zip(dataset.ids, cells, strict=True)}
