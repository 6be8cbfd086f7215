"""Crystals in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from pymatgen.core.structure import Structure
from torch import Tensor

from epitaxy.data import _cache
from epitaxy.data._cells import Cell, check_cell, to_cell
from epitaxy.data._crystal import check, from_structure
from epitaxy.data._ragged import RaggedDataset, named, values_of
from epitaxy.data.convert import positions_as, to_structures
from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.preparation import Prepared, prepare, to_arrays
from epitaxy.data.progress import Progress
from epitaxy.data.readers import MAX_ATOMS, RawRecord
from epitaxy.geometry import CrystalBatch

if TYPE_CHECKING:
    from epitaxy.data.pyg import PygCrystals


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CrystalDataset(RaggedDataset):
    """Crystals as ragged arrays: atoms sorted by crystal. Nothing in it changes.

    Attributes:
        ids: one name a crystal, each used once.
        counts: atoms of each crystal.
        numbers: atomic numbers.
        positions: fractional coordinates in [0, 1), float64.
        lattice: angstrom, rows are lattice vectors, float64.
        properties: numbers that came with the crystals; NaN where unknown.
        prepared: where it was loaded from; None if it was made in memory.
        note: what to tell the user about its splits; empty if there is nothing to tell.

    Raises:
        ValueError: if the shapes do not agree.

    """

    COLUMNS = CrystalBatch.COLUMNS
    RECORDS = "crystals"

    lattice: Float[Tensor, "records 3 3"]
    prepared: Prepared | None = None

    @classmethod
    def load(
        cls,
        name_or_path: str | Path,
        split: str = "train",
        *,
        root: str | Path | None = None,
        cell: Cell = "niggli",
        max_atoms: int = MAX_ATOMS,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> "CrystalDataset":
        """Load one split of a dataset by name or of files by path, prepared and cached first where needed.

        The arguments are those of `prepare`.

        Raises:
            DataError: if there is no such dataset or split, or nothing in it can be used.

        """
        prepared = prepare(
            name_or_path,
            split=split,
            root=root,
            cell=cell,
            max_atoms=max_atoms,
            workers=workers,
            progress=progress,
        )
        whole = cls._from_arrays(_cache.read(prepared.folder), prepared)
        return whole._hashed_split(split) if prepared.location.hashed else whole

    @classmethod
    def from_structures(
        cls,
        structures: Iterable[Structure],
        ids: Sequence[str] | None = None,
        *,
        properties: Mapping[str, Sequence[int | float | None]] | None = None,
        cell: Cell = "niggli",
        max_atoms: int = MAX_ATOMS,
    ) -> "CrystalDataset":
        """Make a dataset of pymatgen Structures; ids count from 000000 unless given.

        A property that is NaN or None is missing.

        Raises:
            DataError: if a structure cannot be used, naming it; if ids or properties do not fit.

        """
        check_cell(cell)
        listed = list(structures)
        names = named(len(listed), "structures", ids, properties)
        columns = values_of(names, properties)
        records = []
        for i, (name, structure) in enumerate(zip(names, listed, strict=True)):
            try:
                crystal = from_structure(structure)
                check(crystal, max_atoms)
                crystal = to_cell(crystal, cell)
            except UnusableRecordError as error:
                raise DataError(f"structure {name} cannot be used: {error}") from error
            records.append(RawRecord(name, "memory", crystal, {k: v[i] for k, v in columns.items()}))
        return cls._from_arrays(to_arrays(records), None)

    @classmethod
    def _from_arrays(cls, arrays: _cache.Arrays, prepared: Prepared | None) -> "CrystalDataset":
        return cls(
            ids=tuple(arrays.ids.tolist()),
            counts=torch.from_numpy(arrays.counts),
            numbers=torch.from_numpy(arrays.numbers),
            positions=torch.from_numpy(arrays.positions),
            lattice=torch.from_numpy(arrays.lattice),
            properties={name: torch.from_numpy(values) for name, values in arrays.properties.items()},
            prepared=prepared,
        )

    def batch(
        self, indices: Sequence[int] | Int[Tensor, " graphs"], *, dtype: torch.dtype = torch.float32
    ) -> CrystalBatch:
        """Return these crystals, in this order, as one batch on the CPU; positions lie in [0, 1) in `dtype`.

        Raises:
            IndexError: if an index is outside the dataset.
            ValueError: if given a mask, or what is no vector of whole numbers.

        """
        return self._batch(CrystalBatch, indices, dtype, positions_as)

    def structure(self, index: int) -> Structure:
        """One crystal as a pymatgen Structure."""
        return to_structures(self.batch([index], dtype=torch.float64))[0]

    def structures(self) -> list[Structure]:
        """All crystals as pymatgen Structures, in order."""
        return to_structures(self.batch(range(len(self)), dtype=torch.float64))

    def to_pyg(self) -> "PygCrystals":
        """Return a view as a `torch_geometric` Dataset, for its DataLoader."""
        from epitaxy.data.pyg import PygCrystals

        return PygCrystals(self)
