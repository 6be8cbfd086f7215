"""A crystal to start from, by its asymmetric unit."""

from pathlib import Path

from ase import Atoms
from pymatgen.core import Structure

from epitaxy.apps.crystals.start import given_crystal
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.requests.pins import Pins
from epitaxy.apps.requests.start import Start
from epitaxy.data.wyckoff import WyckoffDataset


def wyckoff_start(
    like: str | Path | Structure | Atoms, strength: float, pins: Pins | None, *, symprec: float
) -> Start:
    """Return a crystal to start from by its asymmetric unit.

    Raises:
        UsageError: no file of one crystal.
        DataError: a crystal that cannot be used.
    """
    if pins is not None:
        raise UsageError("--fix: this model makes asymmetric units; keep atoms with a CrysBFN or a KLDM")
    structure = given_crystal(like)
    batch = WyckoffDataset.from_structures([structure], symprec=symprec).batch([0])
    return Start(structure=structure, batch=batch, strength=strength)
