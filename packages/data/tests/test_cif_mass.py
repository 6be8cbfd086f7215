"""A CIF that was cut between two atoms and has no formula still says what it weighs."""

import pytest

from epitaxy.data._cif import parse_cif
from epitaxy.data.errors import UnusableRecordError

TEXT = """data_x
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F m -3 m'
{}loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 Na 0 0 0
"""
LAST = "Cl1 Cl 0.5 0.5 0.5\n"


@pytest.mark.parametrize(
    "line",
    ["_chemical_formula_weight 58.44\n_cell_formula_units_Z 4\n", "_exptl_crystal_density_diffrn 2.16(3)\n"],
)
def test_atoms_lost_show_in_the_weight(line: str) -> None:
    assert len(parse_cif(TEXT.format(line) + LAST).numbers) == 8
    with pytest.raises(UnusableRecordError, match="where the atoms it lists give"):
        parse_cif(TEXT.format(line))


def test_atoms_lost_show_in_their_displacements() -> None:
    displaced = "loop_\n_atom_site_aniso_label\n_atom_site_aniso_U_11\nNa1 0.01\nCl1 0.01\n"
    assert len(parse_cif(TEXT.format("") + LAST + displaced).numbers) == 8
    with pytest.raises(UnusableRecordError, match="displacement parameters of Cl1 and no such atom site"):
        parse_cif(TEXT.format("") + displaced)
