"""Metrics for generated molecules: bonds from distances, stability, validity, uniqueness, novelty.

Works on a `MoleculeBatch` of `epitaxy.geometry`, or on anything of its form. What names molecules needs
RDKit, the extra ``molecules``; what measures their properties needs tblite, the extra ``xtb``.
"""

from epitaxy.eval.molecules.b3lyp import PROPERTY_UNITS, PropertyLabels, property_labels
from epitaxy.eval.molecules.bonds import Bonds, UnknownPairs, bond_orders
from epitaxy.eval.molecules.evaluate import evaluate_molecules, reference_smiles
from epitaxy.eval.molecules.graphs import BondGraph, Identity, canonical_smiles, identify
from epitaxy.eval.molecules.measured import XTB_LIMIT, MeasuredProperties, measure_properties
from epitaxy.eval.molecules.properties import PropertyResult, evaluate_property
from epitaxy.eval.molecules.ragged import Molecules, RaggedIndex, RaggedMolecules
from epitaxy.eval.molecules.result import MoleculeResult
from epitaxy.eval.molecules.stability import Stability, measure_stability
from epitaxy.eval.molecules.tables import BOND_TABLES, EDM, SULFUR, BondTable, bond_table
from epitaxy.eval.molecules.xtb import ElectronicStructure, electronic_structure

__all__ = [
    "BOND_TABLES",
    "EDM",
    "PROPERTY_UNITS",
    "SULFUR",
    "XTB_LIMIT",
    "BondGraph",
    "BondTable",
    "Bonds",
    "ElectronicStructure",
    "Identity",
    "MeasuredProperties",
    "MoleculeResult",
    "Molecules",
    "PropertyLabels",
    "PropertyResult",
    "RaggedIndex",
    "RaggedMolecules",
    "Stability",
    "UnknownPairs",
    "bond_orders",
    "bond_table",
    "canonical_smiles",
    "electronic_structure",
    "evaluate_molecules",
    "evaluate_property",
    "identify",
    "measure_properties",
    "measure_stability",
    "property_labels",
    "reference_smiles",
]
