"""Molecules in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from ase import Atoms
from jaxtyping import Int
from torch import Tensor

from epitaxy.data._ragged import RaggedDataset, named, values_of
from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.molecules import _store
from epitaxy.data.molecules._molecule import MAX_ATOMS, Molecule, prepared, split_key
from epitaxy.data.molecules.preparation import PreparedMolecules, prepare_molecules
from epitaxy.data.progress import Progress
from epitaxy.geometry import MoleculeBatch

if TYPE_CHECKING:
    from epitaxy.data.molecules.pyg import PygMolecules


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MoleculeDataset(RaggedDataset):
    """Molecules as ragged arrays: atoms sorted by molecule. Nothing in it changes.

    What `load` gives of a split's own file is mapped from the cache: a collection larger than memory can be
    batched. A part of a collection, also by the hash of ids where there are no files of splits, is a copy in
    memory.

    Attributes:
        ids: one name a molecule, each used once.
        counts: atoms of each molecule.
        numbers: atomic numbers, int8.
        positions: Cartesian, angstrom, float32, in the frame of the file.
        properties: numbers that came with the molecules, float64; NaN where unknown.
        prepared: where it was loaded from; None if it was made in memory.
        note: what to tell the user about its splits; empty if there is nothing to tell.

    Raises:
        ValueError: if the shapes do not agree.

    """

    RECORDS = "molecules"
    NOTE = f"{RaggedDataset.NOTE}, conformers together"

    prepared: PreparedMolecules | None = None

    @classmethod
    def load(
        cls,
        name_or_path: str | Path,
        split: str = "train",
        *,
        root: str | Path | None = None,
        hydrogens: bool = True,
        max_atoms: int = MAX_ATOMS,
        progress: Progress | None = None,
    ) -> "MoleculeDataset":
        """Load one split of a dataset by name or of files by path, prepared and cached first where needed.

        The arguments are those of `prepare_molecules`.

        Raises:
            DataError: if there is no such dataset or split, or nothing in it can be used.

        """
        prepared = prepare_molecules(
            name_or_path,
            split=split,
            root=root,
            hydrogens=hydrogens,
            max_atoms=max_atoms,
            progress=progress,
        )
        arrays = _store.read(prepared.folder)
        whole = cls(
            ids=arrays.ids,
            counts=torch.from_numpy(arrays.counts),
            numbers=torch.from_numpy(arrays.numbers),
            positions=torch.from_numpy(arrays.positions),
            properties={name: torch.from_numpy(values) for name, values in arrays.properties.items()},
            prepared=prepared,
        )
        return whole._hashed_split(split, split_key) if prepared.location.hashed else whole

    @classmethod
    def from_atoms(
        cls,
        molecules: Iterable[Atoms],
        ids: Sequence[str] | None = None,
        *,
        properties: Mapping[str, Sequence[int | float | None]] | None = None,
        hydrogens: bool = True,
        max_atoms: int = MAX_ATOMS,
    ) -> "MoleculeDataset":
        """Make a dataset of ASE's Atoms; ids count from 000000 unless given.

        A property that is NaN or None is missing. The cells of Atoms that are not periodic are ignored.

        Raises:
            DataError: if a molecule cannot be used, naming it; if ids or properties do not fit.

        """
        listed = list(molecules)
        names = named(len(listed), "molecules", ids, properties)
        usable = []
        for name, atoms in zip(names, listed, strict=True):
            try:
                found = _molecule(atoms)
                usable.append(prepared(found, hydrogens=hydrogens, max_atoms=max_atoms))
            except UnusableRecordError as error:
                raise DataError(f"molecule {name} cannot be used: {error}") from error
        return cls(
            ids=tuple(names),
            counts=torch.tensor([len(molecule.numbers) for molecule in usable]),
            numbers=torch.from_numpy(np.concatenate([m.numbers for m in usable]).astype(np.int8)),
            positions=torch.from_numpy(np.concatenate([m.positions for m in usable]).astype(np.float32)),
            properties={
                name: torch.tensor(values, dtype=torch.float64)
                for name, values in values_of(names, properties).items()
            },
        )

    def batch(
        self, indices: Sequence[int] | Int[Tensor, " graphs"], *, dtype: torch.dtype = torch.float32
    ) -> MoleculeBatch:
        """Return these molecules, in this order, as one batch on the CPU, where the file has them in space.

        Raises:
            IndexError: if an index is outside the dataset.
            ValueError: if given a mask, or what is no vector of whole numbers.

        """
        return self._batch(MoleculeBatch, indices, dtype)

    def molecule(self, index: int) -> Atoms:
        """One molecule as ASE's Atoms."""
        return self._atoms([index])[0]

    def molecules(self) -> list[Atoms]:
        """All molecules as ASE's Atoms, in order."""
        return self._atoms(range(len(self)))

    def _atoms(self, indices: Sequence[int]) -> list[Atoms]:
        batch = self.batch(indices, dtype=torch.float64)
        numbers, positions = batch.numbers.numpy(), batch.positions.numpy()
        return [
            Atoms(numbers=numbers[first:end], positions=positions[first:end])
            for first, end in pairwise(batch.segments.offsets.tolist())
        ]

    def to_pyg(self) -> "PygMolecules":
        """Return a view as a `torch_geometric` Dataset, for its DataLoader."""
        from epitaxy.data.molecules.pyg import PygMolecules

        return PygMolecules(self)


def _molecule(atoms: Atoms) -> Molecule:
    if not isinstance(atoms, Atoms):
        raise UnusableRecordError(f"it is a {type(atoms).__name__}; give ASE's Atoms")
    if atoms.pbc.any():
        raise UnusableRecordError("it is periodic; read it as a crystal, or set its pbc to False")
    return Molecule(atoms.numbers.astype(np.int64), atoms.positions.astype(np.float64))
