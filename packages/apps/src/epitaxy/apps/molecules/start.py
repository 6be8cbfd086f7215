"""A molecule to start from."""

from pathlib import Path

from ase import Atoms
from pymatgen.core import Structure

from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.requests.pins import Pins
from epitaxy.apps.requests.start import Start, only_record
from epitaxy.data.molecules import MoleculeDataset, RawMolecule, read_molecules


def molecule_start(
    like: str | Path | Structure | Atoms, strength: float, pins: Pins | None, *, hydrogens: bool
) -> Start:
    """Return a molecule to start from, with or without its hydrogens.

    Raises:
        UsageError: no file of one molecule.
        DataError: a molecule that cannot be used.
    """
    if isinstance(like, Structure):
        raise UsageError("like: this model makes molecules; give ASE's Atoms or a file")
    if isinstance(like, Atoms):
        atoms = like
    else:
        raw = only_record(like, read_molecules, RawMolecule, "molecule").molecule
        atoms = Atoms(numbers=raw.numbers, positions=raw.positions)
    batch = MoleculeDataset.from_atoms([atoms], hydrogens=hydrogens).batch([0])
    if pins is not None and batch.segments.num_atoms < len(atoms):
        raise UsageError("--fix: this model knows no hydrogens; leave them out of the molecule")
    return Start(structure=atoms, batch=batch, strength=strength, pins=pins)
