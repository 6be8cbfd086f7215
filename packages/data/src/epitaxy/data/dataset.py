"""Crystals in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from pymatgen.core.structure import Structure
from torch import Tensor

from epitaxy.data import _cache
from epitaxy.data._cells import Cell, check_cell, to_cell
from epitaxy.data._crystal import check, from_structure
from epitaxy.data._splits import hashed_part, random_parts
from epitaxy.data.convert import positions_as, to_structures
from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.data.prepare import Prepared, prepare, to_arrays
from epitaxy.data.progress import Progress
from epitaxy.data.readers import MAX_ATOMS, RawRecord
from epitaxy.geometry import CrystalBatch, Segments

if TYPE_CHECKING:
    from epitaxy.data.pyg import PygCrystals


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class CrystalDataset:
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

    """

    ids: tuple[str, ...]
    counts: Int[Tensor, " crystals"]
    numbers: Int[Tensor, " atoms"]
    positions: Float[Tensor, "atoms 3"]
    lattice: Float[Tensor, "crystals 3 3"]
    properties: Mapping[str, Float[Tensor, " crystals"]]
    prepared: Prepared | None = None
    note: str = ""
    _offsets: Int[Tensor, " crystals"] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_offsets", self.counts.cumsum(0) - self.counts)
        object.__setattr__(self, "properties", MappingProxyType(dict(self.properties)))

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
        properties: Mapping[str, Sequence[int | float]] | None = None,
        cell: Cell = "niggli",
        max_atoms: int = MAX_ATOMS,
    ) -> "CrystalDataset":
        """Make a dataset of pymatgen Structures; ids count from 000000 unless given.

        Raises:
            DataError: if a structure cannot be used, naming it; if ids or properties do not fit.

        """
        check_cell(cell)
        listed = list(structures)
        names = [f"{i:06d}" for i in range(len(listed))] if ids is None else [str(i) for i in ids]
        columns = dict(properties or {})
        if (
            not listed
            or len(set(names)) != len(listed)
            or any(len(v) != len(listed) for v in columns.values())
        ):
            raise DataError(
                f"{len(listed)} structures need at least one, each with one id of its own and one value "
                f"a property"
            )
        records = []
        for i, (name, structure) in enumerate(zip(names, listed, strict=True)):
            try:
                crystal = from_structure(structure)
                check(crystal, max_atoms)
                crystal = to_cell(crystal, cell)
            except UnusableRecordError as error:
                raise DataError(f"structure {name} cannot be used: {error}") from error
            records.append(RawRecord(name, "memory", crystal, {k: float(v[i]) for k, v in columns.items()}))
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

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} crystals)"

    def batch(
        self, indices: Sequence[int] | Int[Tensor, " graphs"], *, dtype: torch.dtype = torch.float32
    ) -> CrystalBatch:
        """Return these crystals, in this order, as one batch on the CPU; positions lie in [0, 1) in `dtype`.

        Raises:
            IndexError: if an index is outside the dataset.

        """
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        segments = Segments.from_counts(self.counts[chosen])
        atoms = segments.expand(self._offsets[chosen]) + segments.rank
        return CrystalBatch(
            segments=segments,
            positions=positions_as(self.positions[atoms], dtype),
            lattice=self.lattice[chosen].to(dtype),
            numbers=self.numbers[atoms],
            ids=tuple(self.ids[i] for i in chosen.tolist()),
            properties={name: values[chosen].to(dtype) for name, values in self.properties.items()},
        )

    def structure(self, index: int) -> Structure:
        """One crystal as a pymatgen Structure."""
        return to_structures(self.batch([index], dtype=torch.float64))[0]

    def structures(self) -> list[Structure]:
        """All crystals as pymatgen Structures, in order."""
        return to_structures(self.batch(range(len(self)), dtype=torch.float64))

    def subset(self, indices: Sequence[int] | Int[Tensor, " chosen"]) -> "CrystalDataset":
        """Return these crystals, in this order, as a dataset.

        Raises:
            DataError: if there are none.

        """
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        if len(chosen) == 0:
            raise DataError("a dataset of no crystals was asked for; choose at least one")
        part = self.batch(chosen, dtype=torch.float64)
        return CrystalDataset(
            ids=part.ids,
            counts=part.segments.counts,
            numbers=part.numbers,
            positions=part.positions,
            lattice=part.lattice,
            properties=part.properties,
            prepared=self.prepared,
            note=self.note,
        )

    def split(self, fractions: Sequence[int | float], seed: int) -> tuple["CrystalDataset", ...]:
        """Split at random into parts of these sizes, relative to each other.

        Raises:
            DataError: if a part would be empty.

        """
        return tuple(self.subset(part) for part in random_parts(len(self), fractions, seed))

    def to_pyg(self) -> "PygCrystals":
        """Return a view as a `torch_geometric` Dataset, for its DataLoader."""
        from epitaxy.data.pyg import PygCrystals

        return PygCrystals(self)

    def _hashed_split(self, split: str) -> "CrystalDataset":
        chosen = hashed_part(self.ids, split, "crystals")
        note = "split 80/10/10 into train, val and test by a hash of each id"
        part = self.subset(chosen)
        object.__setattr__(part, "note", note)
        return part
