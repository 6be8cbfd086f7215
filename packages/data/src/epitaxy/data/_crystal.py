"""One crystal as three arrays: the form between files and the ragged dataset."""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from pymatgen.core.periodic_table import DummySpecies, Element
from pymatgen.core.structure import IStructure, Structure

from epitaxy.data._distances import limit, overlapping_pair, thickness, volume
from epitaxy.data.errors import UnusableRecordError

MIN_THICKNESS = 0.02
"""Angstrom: a cell whose lattice planes lie closer than this has no volume worth the name."""

DENSEST = 30.0
"""Grams per cubic centimetre: osmium has 22.6; a cell in nanometres, or atoms written twice, have more."""

EMPTIEST = 1000.0
"""Cubic angstrom per atom: solid xenon has 58; more means atoms lost or a length misread."""

FARTHEST = 1e6
"""No fractional coordinate is larger than this: its digits after the point are lost."""

LONGEST = 1e4
"""Angstrom: no lattice vector is longer."""

GRAMS = 1.66053906892
"""Grams per cubic centimetre of one atomic mass unit per cubic angstrom."""


class _Arrays(NamedTuple):
    lattice: Float[np.ndarray, "3 3"]
    positions: Float[np.ndarray, "atoms 3"]
    numbers: Int[np.ndarray, " atoms"]


class Crystal(_Arrays):
    """A fully ordered crystal.

    Attributes:
        lattice: angstrom; rows are lattice vectors.
        positions: fractional coordinates.
        numbers: atomic numbers.

    """

    __slots__ = ()

    def __new__(
        cls,
        lattice: Float[np.ndarray, "..."],
        positions: Float[np.ndarray, "..."],
        numbers: Int[np.ndarray, "..."],
    ) -> "Crystal":
        """Check that the arrays belong together.

        Raises:
            UnusableRecordError: for other shapes, numbers that are not finite, none of 1 to 118 or beyond
                `FARTHEST` or `LONGEST`.

        """
        if lattice.shape != (3, 3) or positions.shape != (len(positions), 3):
            raise UnusableRecordError(
                f"its lattice has shape {lattice.shape} and its positions {positions.shape}, not (3, 3) and "
                f"(atoms, 3); correct the record"
            )
        if numbers.shape != positions.shape[:1]:
            raise UnusableRecordError(
                f"it has {len(positions)} positions for {numbers.size} elements; give one for each"
            )
        if numbers.dtype.kind not in "iu" or positions.dtype.kind not in "fiu":
            raise UnusableRecordError(
                f"its atomic numbers are {numbers.dtype} and its positions {positions.dtype}, not whole and "
                "real numbers; correct the record"
            )
        farthest = np.abs(positions).max(initial=0.0)
        longest = np.abs(lattice).max()
        if not (math.isfinite(farthest) and math.isfinite(longest)):
            raise UnusableRecordError(
                "a lattice or position entry is not a finite number; correct or drop the record"
            )
        if farthest > FARTHEST or longest > LONGEST:
            raise UnusableRecordError(
                f"it has a coordinate beyond {FARTHEST:g} cells or a lattice entry beyond {LONGEST:g} Å; "
                "correct or drop the record"
            )
        if len(numbers) and not (numbers.min() >= 1 and numbers.max() <= 118):
            raise UnusableRecordError("an atomic number is none of 1 to 118; correct or drop the record")
        return super().__new__(cls, lattice, positions, numbers)

    def structure(self) -> Structure:
        """As a pymatgen Structure, without oxidation states or site properties."""
        return Structure(self.lattice, self.numbers.tolist(), self.positions)


def from_structure(structure: Structure) -> Crystal:
    """Return the arrays of a pymatgen Structure.

    Raises:
        UnusableRecordError: for what is no Structure, or not periodic in all directions, for partial
            occupancies and for species that are no elements.

    """
    if not isinstance(structure, IStructure):
        raise UnusableRecordError(f"it is a {type(structure).__name__}; give a pymatgen Structure")
    if not all(structure.lattice.pbc):
        raise UnusableRecordError("it is not periodic in three directions; write one that is")
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
        UnusableRecordError: no atoms, a flat cell, more than `max_atoms` atoms, a density above `DENSEST`,
            more than `EMPTIEST` for an atom, or two atoms within `OVERLAP` of each other.

    """
    lattice, positions, numbers = crystal
    if len(numbers) == 0:
        raise UnusableRecordError("it has no atoms; drop the record")
    if thickness(lattice) < MIN_THICKNESS:
        raise UnusableRecordError("its cell has zero volume; give three independent lattice vectors")
    if len(numbers) > max_atoms:
        raise UnusableRecordError(
            f"it has {len(numbers)} atoms, more than the limit of {max_atoms}; raise max_atoms"
        )
    pair = overlapping_pair(lattice, positions, numbers)
    if pair is not None:
        i, j, distance = pair
        allowed = limit(int(numbers[i]), int(numbers[j]))
        raise UnusableRecordError(
            f"two atoms on one spot: atoms {i} and {j} (counted from 0) are {distance:.4f} Å apart, closer "
            f"than {allowed} Å; remove one of them"
        )
    _check_density(lattice, numbers)


def _check_density(lattice: Float[np.ndarray, "3 3"], numbers: Int[np.ndarray, " atoms"]) -> None:
    space = volume(lattice)
    if space > EMPTIEST * len(numbers):
        raise UnusableRecordError(
            f"its cell has {space / len(numbers):.0f} Å3 for each atom, more than {EMPTIEST:g}; check that "
            "no atoms are missing and lengths are in Å"
        )
    density = GRAMS * float(masses()[numbers].sum()) / space
    if density > DENSEST:
        raise UnusableRecordError(
            f"its density is {density:.3g} g/cm3, more than {DENSEST:g}; check that lengths are in Å and no "
            "atom is listed twice"
        )


@lru_cache(maxsize=1)
def masses() -> Float[np.ndarray, " numbers"]:
    """Atomic masses by atomic number, in atomic mass units."""
    return np.array([0.0, *(float(Element.from_Z(z).atomic_mass) for z in range(1, 119))])
