"""From any cell of a crystal to the conventional cell of its space group."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import spglib
from jaxtyping import Float, Int

from epitaxy.data._crystal import Crystal
from epitaxy.data.errors import UnusableRecordError
from epitaxy.data.wyckoff._crowded import refuse_crowded
from epitaxy.geometry.symmetry import space_group


class Standard(NamedTuple):
    """One atom of each orbit in the conventional cell of the group's standard setting.

    Attributes:
        number: of the space group.
        lattice: angstrom; rows are lattice vectors, idealised and right-handed.
        letters: Wyckoff letter of each orbit.
        multiplicities: atoms of each orbit in the cell.
        positions: fractional coordinates of the orbit's first atom there, idealised.
        numbers: atomic numbers.
        orbits: which of the orbits each atom of the given cell belongs to, in its order.

    """

    number: int
    lattice: Float[np.ndarray, "3 3"]
    letters: tuple[str, ...]
    multiplicities: Int[np.ndarray, " orbits"]
    positions: Float[np.ndarray, "orbits 3"]
    numbers: Int[np.ndarray, " orbits"]
    orbits: Int[np.ndarray, " atoms"]


def standardise(crystal: Crystal, symprec: float, max_atoms: int) -> Standard:
    """Find a crystal's space group by spglib, and its cell in the setting of `SpaceGroup`.

    Raises:
        UnusableRecordError: if spglib finds no symmetry or would look for it too long, or the conventional
            cell has too many atoms.

    """
    refuse_crowded(crystal, symprec)
    found = _dataset(crystal, symprec, None)
    setting = space_group(found.number).hall_number
    if found.hall_number != setting:
        found = _dataset(crystal, symprec, setting)
    numbers = np.asarray(found.std_types, dtype=np.int64)
    if len(numbers) > max_atoms:
        raise UnusableRecordError(
            f"its conventional cell has {len(numbers)} atoms, more than the limit of {max_atoms}; raise "
            f"max_atoms"
        )
    # Atoms of the standard cell and of the given one are matched through the primitive cell of both.
    given, source = np.unique(found.mapping_to_primitive, return_index=True)
    source = source[np.searchsorted(given, found.std_mapping_to_primitive)]
    orbit = np.asarray(found.crystallographic_orbits)
    known, first, multiplicities = np.unique(orbit[source], return_index=True, return_counts=True)
    letters: Sequence[str] = found.wyckoffs
    return Standard(
        number=int(found.number),
        lattice=np.array(found.std_lattice, dtype=np.float64),
        letters=tuple(letters[i] for i in source[first]),
        multiplicities=multiplicities.astype(np.int64),
        positions=np.array(found.std_positions, dtype=np.float64)[first],
        numbers=numbers[first],
        orbits=np.searchsorted(known, orbit),
    )


def _dataset(crystal: Crystal, symprec: float, setting: int | None) -> Any:
    """Return spglib's SpglibDataset, a class whose name its releases have moved."""
    # spglib's library says on the terminal what it tries again; what fails is raised.
    os.environ.setdefault("SPGLIB_WARNING", "OFF")
    cell = (crystal.lattice.tolist(), crystal.positions.tolist(), crystal.numbers.tolist())
    try:
        found = spglib.get_symmetry_dataset(cell, symprec=symprec, hall_number=setting or 0)
    except Exception:  # what spglib returned None for, later versions raise for, by classes of their own
        found = None
    if found is None:
        raise UnusableRecordError(
            f"spglib finds no space group for it at symprec {symprec}; use a smaller symprec"
        )
    return found
