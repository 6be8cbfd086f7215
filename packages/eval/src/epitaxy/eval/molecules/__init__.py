"""Metrics for generated molecules: bonds from distances, stability, validity, uniqueness, novelty.

Works on a `MoleculeBatch` of `epitaxy.geometry`, or on anything of its form. What names molecules needs
RDKit, the extra ``molecules``.
"""

from epitaxy.eval.molecules.bonds import Bonds, UnknownPairs, bond_orders
from epitaxy.eval.molecules.evaluate import evaluate_molecules, reference_smiles
from epitaxy.eval.molecules.graphs import BondGraph, Identity, canonical_smiles, identify
from epitaxy.eval.molecules.properties import PropertyResult, evaluate_property
from epitaxy.eval.molecules.ragged import Molecules, RaggedIndex, RaggedMolecules
from epitaxy.eval.molecules.result import MoleculeResult
from epitaxy.eval.molecules.stability import Stability, measure_stability
from epitaxy.eval.molecules.tables import BOND_TABLES, EDM, SULFUR, BondTable, bond_table

__all__ = [
    "BOND_TABLES",
    "EDM",
    "SULFUR",
    "BondGraph",
    "BondTable",
    "Bonds",
    "Identity",
    "MoleculeResult",
    "Molecules",
    "PropertyResult",
    "RaggedIndex",
    "RaggedMolecules",
    "Stability",
    "UnknownPairs",
    "bond_orders",
    "bond_table",
    "canonical_smiles",
    "evaluate_molecules",
    "evaluate_property",
    "identify",
    "measure_stability",
    "reference_smiles",
]
