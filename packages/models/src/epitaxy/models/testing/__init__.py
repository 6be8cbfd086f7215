"""What tests of networks need: the laws they obey, and the plain form of what is written fast.

Import it from tests and benchmarks only: it needs the extra `testing`, `./packages/models[testing]`.
"""

from epitaxy.models.testing.edge_list import EdgeListCSPNet, all_ordered_pairs, edge_list_messages
from epitaxy.models.testing.edge_list_egnn import EdgeListEGNN
from epitaxy.models.testing.inputs import CrystalInput, crystal_inputs, random_crystals
from epitaxy.models.testing.laws import CrystalOutput, EquivarianceLaws
from epitaxy.models.testing.molecule_laws import MoleculeLaws, MoleculeOutput
from epitaxy.models.testing.molecules import MoleculeInput, molecule_inputs, random_molecules
from epitaxy.models.testing.orbit_laws import OrbitLaws, orbit_fields
from epitaxy.models.testing.wyckoff import (
    EdgeListWyckoffNet,
    WyckoffInput,
    random_asymmetric_units,
    wyckoff_inputs,
)

__all__ = [
    "CrystalInput",
    "CrystalOutput",
    "EdgeListCSPNet",
    "EdgeListEGNN",
    "EdgeListWyckoffNet",
    "EquivarianceLaws",
    "MoleculeInput",
    "MoleculeLaws",
    "MoleculeOutput",
    "OrbitLaws",
    "WyckoffInput",
    "all_ordered_pairs",
    "crystal_inputs",
    "edge_list_messages",
    "molecule_inputs",
    "orbit_fields",
    "random_asymmetric_units",
    "random_crystals",
    "random_molecules",
    "wyckoff_inputs",
]
