"""Asymmetric units to train on."""

from pathlib import Path

from epitaxy.apps.generative.dataset import load_prepared
from epitaxy.data.wyckoff import WyckoffDataset


def load_asymmetric_units(
    name_or_path: str, split: str, *, symprec: float, root: Path | None = None
) -> WyckoffDataset:
    """Load one split as asymmetric units, preparing it (with progress) the first time.

    Raises:
        UsageError: a word that is no split.
        DataError: no such dataset or split, or nothing in it can be used.
    """
    return load_prepared(WyckoffDataset.load, name_or_path, split, root=root, symprec=symprec)
