"""Molecules in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import torch
from ase import Atoms
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.data._ragged import check_ragged
from epitaxy.data._splits import hashed_part, random_parts
from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.molecules import _store
from epitaxy.data.molecules._molecule import MAX_ATOMS, Molecule, prepared, split_key
from epitaxy.data.molecules.preparation import PreparedMolecules, prepare_molecules
from epitaxy.data.progress import Progress
from epitaxy.geometry import MoleculeBatch, Segments

if TYPE_CHECKING:
    from epitaxy.data.molecules.pyg import PygMolecules


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MoleculeDataset:
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

    ids: tuple[str, ...]
    counts: Int[Tensor, " molecules"]
    numbers: Int[Tensor, " atoms"]
    positions: Float[Tensor, "atoms 3"]
    properties: Mapping[str, Float[Tensor, " molecules"]]
    prepared: PreparedMolecules | None = None
    note: str = ""
    _offsets: Int[Tensor, " molecules"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_ragged(
            self.ids,
            self.counts,
            rows={"numbers": (self.numbers, ()), "positions": (self.positions, (3,))},
            records={},
            properties=self.properties,
        )
        object.__setattr__(self, "_offsets", self.counts.cumsum(0) - self.counts)
        object.__setattr__(self, "properties", MappingProxyType(dict(self.properties)))

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
        return whole._hashed_split(split) if prepared.location.hashed else whole

    @classmethod
    def from_atoms(
        cls,
        molecules: Iterable[Atoms],
        ids: Sequence[str] | None = None,
        *,
        properties: Mapping[str, Sequence[int | float]] | None = None,
        hydrogens: bool = True,
        max_atoms: int = MAX_ATOMS,
    ) -> "MoleculeDataset":
        """Make a dataset of ASE's Atoms, whose cells are ignored; ids count from 000000 unless given.

        Raises:
            DataError: if a molecule cannot be used, naming it; if ids or properties do not fit.

        """
        listed = list(molecules)
        names = [f"{i:06d}" for i in range(len(listed))] if ids is None else [str(i) for i in ids]
        columns = dict(properties or {})
        if (
            not listed
            or len(set(names)) != len(listed)
            or any(len(values) != len(listed) for values in columns.values())
        ):
            raise DataError(
                f"{len(listed)} molecules need at least one, each with one id of its own and one value a "
                f"property"
            )
        usable = []
        for name, atoms in zip(names, listed, strict=True):
            try:
                found = Molecule(atoms.numbers.astype(np.int64), atoms.positions.astype(np.float64))
                usable.append(prepared(found, hydrogens=hydrogens, max_atoms=max_atoms))
            except UnusableRecordError as error:
                raise DataError(f"molecule {name} cannot be used: {error}") from error
        return cls(
            ids=tuple(names),
            counts=torch.tensor([len(molecule.numbers) for molecule in usable]),
            numbers=torch.from_numpy(np.concatenate([m.numbers for m in usable]).astype(np.int8)),
            positions=torch.from_numpy(np.concatenate([m.positions for m in usable]).astype(np.float32)),
            properties={
                name: torch.tensor([float(x) for x in values], dtype=torch.float64)
                for name, values in columns.items()
            },
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} molecules)"

    def batch(
        self, indices: Sequence[int] | Int[Tensor, " graphs"], *, dtype: torch.dtype = torch.float32
    ) -> MoleculeBatch:
        """Return these molecules, in this order, as one batch on the CPU, where the file has them in space.

        Raises:
            IndexError: if an index is outside the dataset.

        """
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        segments = Segments.from_counts(self.counts[chosen])
        atoms = segments.expand(self._offsets[chosen]) + segments.rank
        return MoleculeBatch(
            segments=segments,
            positions=self.positions[atoms].to(dtype),
            numbers=self.numbers[atoms].to(torch.int64),
            ids=tuple(self.ids[i] for i in chosen.tolist()),
            properties={name: values[chosen].to(dtype) for name, values in self.properties.items()},
        )

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

    def subset(self, indices: Sequence[int] | Int[Tensor, " chosen"]) -> "MoleculeDataset":
        """Return these molecules, in this order, as a dataset.

        Raises:
            DataError: if there are none.

        """
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        if len(chosen) == 0:
            raise DataError("a dataset of no molecules was asked for; choose at least one")
        part = self.batch(chosen)
        return MoleculeDataset(
            ids=part.ids,
            counts=part.segments.counts,
            numbers=part.numbers.to(self.numbers.dtype),
            positions=part.positions,
            properties={name: values[chosen] for name, values in self.properties.items()},
            prepared=self.prepared,
            note=self.note,
        )

    def split(self, fractions: Sequence[int | float], seed: int) -> tuple["MoleculeDataset", ...]:
        """Split at random into parts of these sizes, relative to each other.

        Raises:
            DataError: if a part would be empty.

        """
        return tuple(self.subset(part) for part in random_parts(len(self), fractions, seed))

    def to_pyg(self) -> "PygMolecules":
        """Return a view as a `torch_geometric` Dataset, for its DataLoader."""
        from epitaxy.data.molecules.pyg import PygMolecules

        return PygMolecules(self)

    def _hashed_split(self, split: str) -> "MoleculeDataset":
        chosen = hashed_part(self.ids, split, "molecules", split_key)
        note = "split 80/10/10 into train, val and test by a hash of each id, conformers together"
        part = self.subset(chosen)
        object.__setattr__(part, "note", note)
        return part
