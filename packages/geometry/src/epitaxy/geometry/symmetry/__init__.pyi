from epitaxy.geometry.symmetry._frozen import TABLE_CHECKSUM, TABLE_VERSION
from epitaxy.geometry.symmetry.assignment import Assignment, assign_wyckoff
from epitaxy.geometry.symmetry.batch import WyckoffBatch
from epitaxy.geometry.symmetry.groups import (
    CrystalSystem,
    SpaceGroup,
    WyckoffPosition,
    crystal_system,
    lattice_points,
    space_group,
)
from epitaxy.geometry.symmetry.kvector import (
    HEXAGONAL_K1,
    constrain_k,
    lattice_bias,
    lattice_from_k,
    lattice_mask,
    lattice_to_k,
    symmetrize_metric,
)
from epitaxy.geometry.symmetry.occupations import (
    MAX_ATOMS,
    count_occupations,
    draw_occupation,
    occupation_possible,
)
from epitaxy.geometry.symmetry.orbits import Orbits, expand_orbits, expand_points
from epitaxy.geometry.symmetry.projection import Projection, project_to_wyckoff
from epitaxy.geometry.symmetry.site_symmetry import SITE_AXES, SITE_CLASSES, site_symmetry_matrix
from epitaxy.geometry.symmetry.symbols import plain_symbol, space_group_number
from epitaxy.geometry.symmetry.table import WyckoffTable, wyckoff_table

__all__ = [
    "HEXAGONAL_K1",
    "MAX_ATOMS",
    "SITE_AXES",
    "SITE_CLASSES",
    "TABLE_CHECKSUM",
    "TABLE_VERSION",
    "Assignment",
    "CrystalSystem",
    "Orbits",
    "Projection",
    "SpaceGroup",
    "WyckoffBatch",
    "WyckoffPosition",
    "WyckoffTable",
    "assign_wyckoff",
    "constrain_k",
    "count_occupations",
    "crystal_system",
    "draw_occupation",
    "expand_orbits",
    "expand_points",
    "lattice_bias",
    "lattice_from_k",
    "lattice_mask",
    "lattice_points",
    "lattice_to_k",
    "occupation_possible",
    "plain_symbol",
    "project_to_wyckoff",
    "site_symmetry_matrix",
    "space_group",
    "space_group_number",
    "symmetrize_metric",
    "wyckoff_table",
]
