"""Molecules: readers, cached datasets, statistics and writers.

`MoleculeDataset.load("qm9" | "g2" | path)` is to molecules what `CrystalDataset.load` is to crystals.
"""

from epitaxy.data.molecules._files import holds_molecules
from epitaxy.data.molecules._molecule import LEAST_DISTANCE, MAX_ATOMS, OVERLAP, Molecule, RawMolecule
from epitaxy.data.molecules.dataset import MoleculeDataset
from epitaxy.data.molecules.edm import edm_split, write_edm_splits
from epitaxy.data.molecules.preparation import PreparedMolecules, prepare_molecules
from epitaxy.data.molecules.records import read_molecules
from epitaxy.data.molecules.statistics import MoleculeStatistics
from epitaxy.data.molecules.writers import write_sdf, write_xyz

__all__ = [
    "LEAST_DISTANCE",
    "MAX_ATOMS",
    "OVERLAP",
    "Molecule",
    "MoleculeDataset",
    "MoleculeStatistics",
    "PreparedMolecules",
    "RawMolecule",
    "edm_split",
    "holds_molecules",
    "prepare_molecules",
    "read_molecules",
    "write_edm_splits",
    "write_sdf",
    "write_xyz",
]
