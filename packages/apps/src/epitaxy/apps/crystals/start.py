"""A crystal to start from."""

from pathlib import Path

from ase import Atoms
from pymatgen.core import Structure

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.requests.pins import Pins
from epitaxy.apps.requests.start import Start, only_record
from epitaxy.data import Cell, CrystalDataset, Record, read_structures


def crystal_start(like: str | Path | Structure | Atoms, strength: float, pins: Pins | None) -> Start:
    """Return a crystal to start from, in its reduced cell, or as it is where atoms are kept.

    Raises:
        UsageError: no file of one crystal.
        DataError: a crystal that cannot be used.
    """
    structure = given_crystal(like)
    cell: Cell = "niggli" if pins is None else "as_given"
    batch = CrystalDataset.from_structures([structure], cell=cell).batch([0])
    return Start(structure=structure, batch=batch, strength=strength, pins=pins)


def given_crystal(like: str | Path | Structure | Atoms) -> Structure:
    """Return the crystal that is given, as itself or as a file of it.

    Raises:
        UsageError: something else.
    """
    if isinstance(like, Atoms):
        raise UsageError("like: this model makes crystals; give pymatgen's Structure or a file")
    if isinstance(like, Structure):
        return like
    return only_record(like, read_structures, Record, "crystal").structure
