"""Molecules to train on."""

from pathlib import Path

from epitaxy.apps.generative.dataset import load_prepared
from epitaxy.data.molecules import MoleculeDataset


def load_molecules(
    name_or_path: str, split: str, *, hydrogens: bool = True, root: Path | None = None
) -> MoleculeDataset:
    """Load one split of molecules, preparing it (with progress) the first time.

    Raises:
        UsageError: a word that is no split.
        DataError: no such dataset or split, or nothing in it can be used.
    """
    return load_prepared(MoleculeDataset.load, name_or_path, split, root=root, hydrogens=hydrogens)
