"""Whether a crystal has the symmetry that it was asked to have.

A generator conditioned on a space group must give crystals that every operation of the group maps onto
themselves; they may have more symmetry than that. The crystal is taken in the cell it is given in, which is
to be the conventional cell of the group's standard setting: that of International Tables A with unique axis b
and cell choice 1, origin choice 2 and hexagonal axes, the one of
``epitaxy.geometry.symmetry.space_group``.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import spglib
from jaxtyping import Float, Int
from pymatgen.core.structure import Structure

SPACE_GROUPS = 230
"""Numbers of space groups run from 1 to this."""

SYMPREC = 0.01
"""How far, in angstrom, atoms may be from where a symmetry puts them: as is usual for exact crystals."""

_HALL_NUMBERS = 530
_STANDARD = frozenset({"", "b", "b1", "2", "H"})  # spglib's words for the choices of the standard setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SymmetryMatch:
    """A crystal's symmetry against the space group it was asked to have.

    Attributes:
        asked: The number asked for.
        detected: The number that spglib finds, whatever the cell; None if it finds none.
        contained: Whether every operation of the group asked for is one of the crystal's.

    """

    asked: int
    detected: int | None
    contained: bool

    @property
    def exact(self) -> bool:
        """Whether the crystal has the group asked for and no more symmetry than that."""
        return self.contained and self.detected == self.asked


def has_symmetry(structure: Structure, number: int, *, symprec: float = SYMPREC) -> bool:
    """Whether spglib's operations of a crystal include every operation of a space group.

    Args:
        structure: The crystal, in the conventional cell of the group's standard setting. In another cell it
            may well be found to lack operations that it has in that one.
        number: The group, 1 to 230.
        symprec: In angstrom, how far atoms may be from where an operation puts them, and how far a
            translation may be from the group's.

    Raises:
        ValueError: If there is no such space group, or ``symprec`` is not positive.

    """
    return match_symmetry(structure, number, symprec=symprec).contained


def detected_group(structure: Structure, *, symprec: float = SYMPREC) -> int | None:
    """Find a crystal's space group with spglib, 1 to 230, whatever its cell; None where spglib finds none.

    Lattice, elements and positions decide; oxidation states and magnetic moments play no part.

    Raises:
        ValueError: If ``symprec`` is not positive.

    """
    found = _dataset(structure, symprec)
    return None if found is None else int(found.number)


def match_symmetry(structure: Structure, number: int, *, symprec: float = SYMPREC) -> SymmetryMatch:
    """Compare a crystal's symmetry with a space group; see :func:`has_symmetry`.

    Raises:
        ValueError: If there is no such space group, or ``symprec`` is not positive.

    """
    rotations, translations = standard_operations(number)
    found = _dataset(structure, symprec)
    if found is None:
        return SymmetryMatch(asked=number, detected=None, contained=False)
    contained = _included(
        rotations,
        translations,
        np.asarray(found.rotations),
        np.asarray(found.translations),
        np.asarray(structure.lattice.matrix),
        symprec,
    )
    return SymmetryMatch(asked=number, detected=int(found.number), contained=contained)


def standard_operations(number: int) -> tuple[Int[np.ndarray, "n 3 3"], Float[np.ndarray, "n 3"]]:
    """List a space group's operations x -> R x + t on fractional coordinates (columns), centrings included.

    Raises:
        ValueError: If there is no such space group.

    """
    if not 1 <= number <= SPACE_GROUPS:
        raise ValueError(f"space groups have the numbers 1 to {SPACE_GROUPS}, not {number}")
    return _standard_settings()[number]


@cache
def _standard_settings() -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Look up every group's rotations and translations in the standard setting, by the group's number."""
    settings = {}
    with _quiet():
        for hall in range(1, _HALL_NUMBERS + 1):
            kind: Any = spglib.get_spacegroup_type(hall)
            if kind.choice in _STANDARD:
                found: Any = spglib.get_symmetry_from_database(hall)
                settings[kind.number] = np.asarray(found["rotations"]), np.asarray(found["translations"])
    return settings


@contextmanager
def _quiet() -> Iterator[None]:
    """Without spglib's word, at each call, on how it is going to report errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _dataset(structure: Structure, symprec: float) -> Any:
    """Call spglib; None where it finds no symmetry, as of atoms that coincide."""
    if symprec <= 0:
        raise ValueError(f"symprec must be a positive number of angstrom, not {symprec:g}")
    numbers = [site.specie.Z for site in structure]
    cell = (structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), numbers)
    with _quiet():
        try:
            return spglib.get_symmetry_dataset(cell, symprec=symprec)
        except spglib.SpglibError:  # what it reports them by from version 3 on; until then it returns None
            return None


def _included(
    rotations: Int[np.ndarray, "n 3 3"],
    translations: Float[np.ndarray, "n 3"],
    found_rotations: Int[np.ndarray, "m 3 3"],
    found_translations: Float[np.ndarray, "m 3"],
    lattice: Float[np.ndarray, "3 3"],
    symprec: float,
) -> bool:
    """Whether each operation is among those found, its translation within ``symprec`` of a found one's."""
    same = (rotations[:, None] == found_rotations[None]).all(axis=(2, 3))
    apart = translations[:, None] - found_translations[None]
    distance = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=2)
    return bool((same & (distance <= symprec)).any(axis=1).all())
