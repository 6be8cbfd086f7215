"""Molecules in ragged form, as numpy arrays, and what can be read as such."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64


@runtime_checkable
class RaggedIndex(Protocol):
    """Atoms of each molecule, in order; `epitaxy.geometry.Segments` is one."""

    @property
    def counts(self) -> Any:
        """How many atoms each molecule has."""


@runtime_checkable
class RaggedMolecules(Protocol):
    """What `epitaxy.geometry.MoleculeBatch` has; eval needs neither torch nor geometry to read one."""

    @property
    def segments(self) -> RaggedIndex:
        """Which atoms belong to which molecule."""

    @property
    def positions(self) -> Any:
        """Cartesian, angstrom, of shape (atoms, 3)."""

    @property
    def numbers(self) -> Any:
        """Atomic numbers, of shape (atoms,)."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The molecules' names."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Molecules:
    """Molecules side by side, atoms sorted by molecule.

    Attributes:
        counts: Atoms of each molecule, at least one.
        numbers: Atomic numbers; one that is no element's (a sampler's empty class) is allowed and judged.
        positions: Cartesian, angstrom; numbers that are not finite are allowed and judged.
        ids: One name a molecule.

    Raises:
        ValueError: If the shapes do not agree or a molecule has no atom.

    """

    counts: Int64[np.ndarray, " molecules"]
    numbers: Int64[np.ndarray, " atoms"]
    positions: Float64[np.ndarray, "atoms 3"]
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        atoms = int(self.counts.sum())
        if self.numbers.shape != (atoms,) or self.positions.shape != (atoms, 3):
            raise ValueError(
                f"the counts sum to {atoms} atoms, but numbers have shape {self.numbers.shape} and positions "
                f"{self.positions.shape}; give (atoms,) and (atoms, 3)"
            )
        if len(self.ids) != len(self.counts):
            raise ValueError(f"{len(self.ids)} ids for {len(self.counts)} molecules; give one each")
        if (self.counts < 1).any():
            raise ValueError("a molecule has no atom; leave it out, or name it among the unreadable")

    @classmethod
    def of(cls, source: "RaggedMolecules | Molecules") -> "Molecules":
        """Read a `MoleculeBatch`, on whatever device, or anything else of its form."""
        if isinstance(source, Molecules):
            return source
        return cls(
            counts=_array(source.segments.counts).astype(np.int64),
            numbers=_array(source.numbers).astype(np.int64),
            positions=_array(source.positions).astype(np.float64),
            ids=tuple(source.ids),
        )

    @classmethod
    def from_pairs(cls, molecules: "Iterable[tuple[object, object]]") -> "Molecules":
        """Put (atomic numbers, positions in angstrom) of each molecule side by side; ids are "0", "1", ..."""
        pairs = [
            (np.asarray(z, dtype=np.int64).reshape(-1), np.asarray(x, dtype=np.float64).reshape(-1, 3))
            for z, x in molecules
        ]
        return cls(
            counts=np.array([len(z) for z, _ in pairs], dtype=np.int64),
            numbers=np.concatenate([np.zeros(0, dtype=np.int64), *(z for z, _ in pairs)]),
            positions=np.concatenate([np.zeros((0, 3)), *(x for _, x in pairs)]),
            ids=tuple(str(n) for n in range(len(pairs))),
        )

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def offsets(self) -> Int64[np.ndarray, " ends"]:
        """Where each molecule's atoms begin, and where the last one's end."""
        return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(self.counts)])

    @property
    def index(self) -> Int64[np.ndarray, " atoms"]:
        """The molecule of each atom."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @property
    def lacks_hydrogens(self) -> bool:
        """Whether there are atoms, and none is a hydrogen: what a model of heavy atoms makes."""
        return len(self.numbers) > 0 and not bool((self.numbers == 1).any())

    def heavy(self) -> "Molecules":
        """Leave out all hydrogens, and molecules that have nothing else."""
        kept = self.numbers != 1
        counts = self.sums(kept)
        return Molecules(
            counts=counts[counts > 0],
            numbers=self.numbers[kept],
            positions=self.positions[kept],
            ids=tuple(name for name, count in zip(self.ids, counts.tolist(), strict=True) if count),
        )

    def select(self, places: Sequence[int]) -> "Molecules":
        """Return these molecules alone, in the order given."""
        ends = self.offsets
        atoms = [np.arange(ends[n], ends[n + 1]) for n in places]
        chosen = np.concatenate([np.zeros(0, dtype=np.int64), *atoms])
        return Molecules(
            counts=self.counts[list(places)],
            numbers=self.numbers[chosen],
            positions=self.positions[chosen],
            ids=tuple(self.ids[n] for n in places),
        )

    def sums(self, values: np.ndarray) -> Int64[np.ndarray, " molecules"]:
        """Add up one whole number (or truth value) an atom over each molecule."""
        return np.bincount(self.index, weights=values, minlength=len(self)).astype(np.int64)

    def pairs(self, most: int) -> "Iterator[tuple[np.ndarray, np.ndarray]]":
        """Yield the pairs i < j of atoms of the same molecule, some `most` at a time and a molecule at least.

        Memory is bounded by `most` and by the largest molecule, not by the number of molecules.
        """
        offsets = self.offsets
        block = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(self.counts * (self.counts - 1) // 2)])
        first = 0
        while first < len(self):
            end = max(first + 1, int(np.searchsorted(block, block[first] + most, side="right")) - 1)
            atoms = np.arange(offsets[first], offsets[end])
            partners = np.repeat(offsets[first + 1 : end + 1], self.counts[first:end]) - 1 - atoms
            i = np.repeat(atoms, partners)
            start = np.cumsum(partners) - partners
            yield i, i + 1 + np.arange(len(i)) - np.repeat(start, partners)
            first = end


def _array(values: Any) -> np.ndarray:
    """Give a torch tensor, on whatever device, or anything array-like as a numpy array."""
    held = values.detach().cpu() if hasattr(values, "detach") else values
    return np.asarray(held)
