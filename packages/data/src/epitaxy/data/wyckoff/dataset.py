"""Crystals in memory as space groups and occupied Wyckoff positions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from pymatgen.core.structure import Structure
from torch import Tensor

from epitaxy.data import _cache
from epitaxy.data._ragged import RaggedDataset
from epitaxy.data.convert import positions_as
from epitaxy.data.dataset import CrystalDataset
from epitaxy.data.errors import DataError
from epitaxy.data.preparation import Prepared
from epitaxy.data.progress import Progress
from epitaxy.data.readers import MAX_ATOMS
from epitaxy.data.wyckoff.preparation import SYMPREC, check_symprec, convert, prepare_wyckoff
from epitaxy.geometry import WyckoffBatch


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class WyckoffDataset(RaggedDataset):
    """Asymmetric units as ragged arrays: orbits sorted by crystal. Nothing in it changes.

    Each crystal is described in the conventional cell of its space group, in the setting of
    `epitaxy.geometry.symmetry.SpaceGroup`, with the symmetry that spglib finds made exact. One point stands
    for each orbit: of all its points in the cell, the one whose fractional coordinates are nearest to
    (1/2, 1/2, 1/2); of those equally near to 1e-6, the one with the smallest x, then y, then z. So
    coordinates keep away from the cell's faces, where 0 and 1 are the same. (SymmCD's code takes the nearest
    to a middle that it moves by random numbers, drawn when it is imported.) Orbits are sorted by site, then
    element, then position. Neither depends on the order of atoms in the file; which of the equivalent origins
    of the cell is taken is spglib's choice, and may.

    Attributes:
        ids: one name a crystal, each used once.
        counts: orbits of each crystal.
        space_groups: 1 to 230.
        sites: Wyckoff position of each orbit, 0 to 1730, as `wyckoff_table` numbers them.
        numbers: atomic number of each orbit.
        positions: fractional coordinates in [0, 1), float64, exactly on the sites.
        lattice: angstrom, rows are lattice vectors, float64, in the form that `lattice_from_k` gives.
        properties: numbers that came with the crystals; NaN where unknown.
        prepared: where it was loaded from; None if it was made in memory.
        note: what to tell the user about its splits; empty if there is nothing to tell.

    Raises:
        ValueError: if the shapes do not agree.

    """

    COLUMNS = WyckoffBatch.COLUMNS
    RECORDS = "crystals"

    space_groups: Int[Tensor, " records"]
    sites: Int[Tensor, " atoms"]
    lattice: Float[Tensor, "records 3 3"]
    prepared: Prepared | None = None

    @classmethod
    def load(
        cls,
        name_or_path: str | Path,
        split: str = "train",
        *,
        root: str | Path | None = None,
        symprec: float = SYMPREC,
        max_atoms: int = MAX_ATOMS,
        workers: int | None = None,
        progress: Progress | None = None,
    ) -> "WyckoffDataset":
        """Load one split of a dataset by name or of files by path, prepared and cached first where needed.

        The arguments are those of `prepare_wyckoff`.

        Raises:
            DataError: if there is no such dataset or split, or nothing in it can be used.

        """
        prepared = prepare_wyckoff(
            name_or_path,
            split=split,
            root=root,
            symprec=symprec,
            max_atoms=max_atoms,
            workers=workers,
            progress=progress,
        )
        whole = cls._from_arrays(_cache.read(prepared.folder), prepared, "")
        return whole._hashed_split(split) if prepared.location.hashed else whole

    @classmethod
    def from_structures(
        cls,
        structures: Iterable[Structure],
        ids: Sequence[str] | None = None,
        *,
        properties: Mapping[str, Sequence[int | float | None]] | None = None,
        symprec: float = SYMPREC,
        max_atoms: int = MAX_ATOMS,
    ) -> "WyckoffDataset":
        """Make a dataset of pymatgen Structures; ids count from 000000 unless given.

        A property that is NaN or None is missing.

        Raises:
            DataError: if a structure cannot be used, naming it; if ids or properties do not fit.

        """
        crystals = CrystalDataset.from_structures(
            structures, ids, properties=properties, max_atoms=max(max_atoms, MAX_ATOMS)
        )
        return cls.from_crystals(crystals, symprec=symprec, max_atoms=max_atoms)

    @classmethod
    def from_crystals(
        cls, crystals: CrystalDataset, *, symprec: float = SYMPREC, max_atoms: int = MAX_ATOMS
    ) -> "WyckoffDataset":
        """Find the asymmetric units of crystals in memory.

        Raises:
            DataError: if a crystal has none, naming it.

        """
        check_symprec(symprec)
        arrays = _cache.Arrays(
            ids=np.array(crystals.ids, dtype=np.str_),
            counts=crystals.counts.numpy(),
            numbers=crystals.numbers.numpy(),
            positions=crystals.positions.numpy(),
            lattice=crystals.lattice.numpy(),
            properties={name: values.numpy() for name, values in crystals.properties.items()},
        )
        result = convert(arrays, symprec, max_atoms, workers=1)
        if result.refused or result.arrays is None:
            index, reason = result.refused[0]
            raise DataError(f"structure {crystals.ids[index]} cannot be used: {reason}")
        return cls._from_arrays(result.arrays, None, crystals.note)

    @classmethod
    def _from_arrays(cls, arrays: _cache.Arrays, prepared: Prepared | None, note: str) -> "WyckoffDataset":
        return cls(
            ids=tuple(arrays.ids.tolist()),
            counts=torch.from_numpy(arrays.counts),
            space_groups=torch.from_numpy(arrays.more["space_groups"]),
            sites=torch.from_numpy(arrays.more["sites"]),
            numbers=torch.from_numpy(arrays.numbers),
            positions=torch.from_numpy(arrays.positions),
            lattice=torch.from_numpy(arrays.lattice),
            properties={name: torch.from_numpy(values) for name, values in arrays.properties.items()},
            prepared=prepared,
            note=note,
        )

    def batch(
        self, indices: Sequence[int] | Int[Tensor, " graphs"], *, dtype: torch.dtype = torch.float32
    ) -> WyckoffBatch:
        """Return these crystals, in this order, as one batch on the CPU; positions lie in [0, 1) in `dtype`.

        Raises:
            IndexError: if an index is outside the dataset.
            ValueError: if given a mask, or what is no vector of whole numbers.

        """
        return self._batch(WyckoffBatch, indices, dtype, positions_as)
