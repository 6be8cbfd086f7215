"""One crystal as three arrays: the form between files and the ragged dataset."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from pymatgen.core.periodic_table import DummySpecies
from pymatgen.core.structure import Structure
from scipy.spatial import KDTree

from epitaxy.data.errors import UnusableRecordError

OVERLAP = 0.01
"""Angstrom: two atoms closer than this are taken for one atom written twice."""

MIN_THICKNESS = 0.02
"""Angstrom: a cell whose lattice planes lie closer than this has no volume worth the name."""

_FEW = 512  # atoms up to which all pairs are looked at; beyond, a tree is faster and takes no memory


class Crystal(NamedTuple):
    """A fully ordered crystal.

    Attributes:
        lattice: angstrom; rows are lattice vectors.
        positions: fractional coordinates.
        numbers: atomic numbers.

    """

    lattice: Float[np.ndarray, "3 3"]
    positions: Float[np.ndarray, "atoms 3"]
    numbers: Int[np.ndarray, " atoms"]

    def structure(self) -> Structure:
        """As a pymatgen Structure, without oxidation states or site properties."""
        return Structure(self.lattice, self.numbers.tolist(), self.positions)


def from_structure(structure: Structure) -> Crystal:
    """Return the arrays of a pymatgen Structure.

    Raises:
        UnusableRecordError: for partial occupancies and for species that are no elements.

    """
    if not structure.is_ordered:
        raise UnusableRecordError(
            "it has partial occupancies; replace it by an ordered approximant or drop the record"
        )
    dummies = {str(s.specie) for s in structure if isinstance(s.specie, DummySpecies)}
    if dummies:
        raise UnusableRecordError(unknown_elements(dummies))
    return Crystal(
        np.array(structure.lattice.matrix, dtype=np.float64),
        np.array(structure.frac_coords, dtype=np.float64).reshape(-1, 3),
        np.array(structure.atomic_numbers, dtype=np.int64),
    )


def unknown_elements(symbols: set[str]) -> str:
    """Return the reason to refuse these symbols."""
    return f"unknown element {', '.join(sorted(symbols))}; correct the symbol or drop the record"


def check(crystal: Crystal, max_atoms: int) -> None:
    """Refuse what no model can learn from.

    Raises:
        UnusableRecordError: no atoms, numbers that are not finite, a flat cell, more than `max_atoms` atoms,
            or two atoms within `OVERLAP` of each other.

    """
    lattice, positions, numbers = crystal
    if len(numbers) == 0:
        raise UnusableRecordError("it has no atoms; drop the record")
    if not (np.isfinite(lattice).all() and np.isfinite(positions).all()):
        raise UnusableRecordError(
            "a lattice or position entry is not a finite number; correct or drop the record"
        )
    if _thickness(lattice) < MIN_THICKNESS:
        raise UnusableRecordError("its cell has zero volume; give three independent lattice vectors")
    if len(numbers) > max_atoms:
        raise UnusableRecordError(
            f"it has {len(numbers)} atoms, more than the limit of {max_atoms}; raise max_atoms"
        )
    pair = _overlapping_pair(lattice, positions)
    if pair is not None:
        i, j, distance = pair
        raise UnusableRecordError(
            f"two atoms on one spot: atoms {i} and {j} (counted from 0) are {distance:.4f} Å apart, closer "
            f"than {OVERLAP} Å; remove one of them"
        )


def _thickness(lattice: Float[np.ndarray, "3 3"]) -> float:
    """Smallest distance between neighbouring lattice planes (100), (010), (001), angstrom."""
    try:
        reciprocal = np.linalg.inv(lattice)
    except np.linalg.LinAlgError:
        return 0.0
    return float(1.0 / np.sqrt(np.square(reciprocal).sum(axis=0)).max())


@lru_cache(maxsize=64)
def _pairs(atoms: int) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    return np.triu_indices(atoms, k=1)


def _near_pairs(
    lattice: Float[np.ndarray, "3 3"], positions: Float[np.ndarray, "atoms 3"]
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """All pairs that may be within `OVERLAP`, and few others: those near in each fractional coordinate."""
    reach = OVERLAP / _thickness(lattice)
    wrapped = positions % 1.0
    wrapped[wrapped >= 1.0] = 0.0
    pairs = KDTree(wrapped, boxsize=np.ones(3)).query_pairs(reach, p=np.inf, output_type="ndarray")
    return pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64)


def _overlapping_pair(
    lattice: Float[np.ndarray, "3 3"], positions: Float[np.ndarray, "atoms 3"]
) -> tuple[int, int, float] | None:
    """Return the closest pair, if it is closer than `OVERLAP`.

    Rounding fractional differences finds the nearest image of every pair this close, however skew the cell,
    because lattice planes are at least `MIN_THICKNESS` = 2 `OVERLAP` apart: such a difference is below 1/2 in
    every entry.
    """
    i, j = _pairs(len(positions)) if len(positions) <= _FEW else _near_pairs(lattice, positions)
    if len(i) == 0:
        return None
    difference = positions[i] - positions[j]
    difference -= np.round(difference)
    squared = np.square(difference @ lattice).sum(axis=1)
    closest = int(squared.argmin())
    distance = math.sqrt(squared[closest])
    return (int(i[closest]), int(j[closest]), distance) if distance < OVERLAP else None
