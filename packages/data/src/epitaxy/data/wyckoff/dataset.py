"""Crystals in memory as space groups and occupied Wyckoff positions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float, Int
from pymatgen.core.structure import Structure
from torch import Tensor

from epitaxy.data import _cache
from epitaxy.data._ragged import check_ragged
from epitaxy.data._splits import hashed_part, random_parts
from epitaxy.data.convert import positions_as
from epitaxy.data.dataset import CrystalDataset
from epitaxy.data.errors import DataError
from epitaxy.data.prepare import Prepared
from epitaxy.data.progress import Progress
from epitaxy.data.readers import MAX_ATOMS
from epitaxy.data.wyckoff.preparation import SYMPREC, check_symprec, convert, prepare_wyckoff
from epitaxy.geometry import Segments, WyckoffBatch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WyckoffDataset:
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

    ids: tuple[str, ...]
    counts: Int[Tensor, " crystals"]
    space_groups: Int[Tensor, " crystals"]
    sites: Int[Tensor, " orbits"]
    numbers: Int[Tensor, " orbits"]
    positions: Float[Tensor, "orbits 3"]
    lattice: Float[Tensor, "crystals 3 3"]
    properties: Mapping[str, Float[Tensor, " crystals"]]
    prepared: Prepared | None = None
    note: str = ""
    _offsets: Int[Tensor, " crystals"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_ragged(
            self.ids,
            self.counts,
            rows={
                "sites": (self.sites, ()),
                "numbers": (self.numbers, ()),
                "positions": (self.positions, (3,)),
            },
            records={"space_groups": (self.space_groups, ()), "lattice": (self.lattice, (3, 3))},
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
        if not prepared.location.hashed:
            return whole
        part = whole.subset(hashed_part(whole.ids, split, "crystals"))
        object.__setattr__(part, "note", "split 80/10/10 into train, val and test by a hash of each id")
        return part

    @classmethod
    def from_structures(
        cls,
        structures: Iterable[Structure],
        ids: Sequence[str] | None = None,
        *,
        properties: Mapping[str, Sequence[int | float]] | None = None,
        symprec: float = SYMPREC,
        max_atoms: int = MAX_ATOMS,
    ) -> "WyckoffDataset":
        """Make a dataset of pymatgen Structures; ids count from 000000 unless given.

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

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} crystals)"

    def batch(
        self, indices: Sequence[int] | Int[Tensor, " graphs"], *, dtype: torch.dtype = torch.float32
    ) -> WyckoffBatch:
        """Return these crystals, in this order, as one batch on the CPU; positions lie in [0, 1) in `dtype`.

        Raises:
            IndexError: if an index is outside the dataset.

        """
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        segments = Segments.from_counts(self.counts[chosen])
        orbits = segments.expand(self._offsets[chosen]) + segments.rank
        return WyckoffBatch(
            segments=segments,
            space_groups=self.space_groups[chosen],
            sites=self.sites[orbits],
            positions=positions_as(self.positions[orbits], dtype),
            lattice=self.lattice[chosen].to(dtype),
            numbers=self.numbers[orbits],
            ids=tuple(self.ids[i] for i in chosen.tolist()),
            properties={name: values[chosen].to(dtype) for name, values in self.properties.items()},
        )

    def subset(self, indices: Sequence[int] | Int[Tensor, " chosen"]) -> "WyckoffDataset":
        """Return these crystals, in this order, as a dataset.

        Raises:
            DataError: if there are none.

        """
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        if len(chosen) == 0:
            raise DataError("a dataset of no crystals was asked for; choose at least one")
        part = self.batch(chosen, dtype=torch.float64)
        return WyckoffDataset(
            ids=part.ids,
            counts=part.segments.counts,
            space_groups=part.space_groups,
            sites=part.sites,
            numbers=part.numbers,
            positions=part.positions,
            lattice=part.lattice,
            properties=part.properties,
            prepared=self.prepared,
            note=self.note,
        )

    def split(self, fractions: Sequence[int | float], seed: int) -> tuple["WyckoffDataset", ...]:
        """Split at random into parts of these sizes, relative to each other.

        Raises:
            DataError: if a part would be empty.

        """
        return tuple(self.subset(part) for part in random_parts(len(self), fractions, seed))
