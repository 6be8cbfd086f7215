"""What a CIF says of its atoms besides listing them: each statement is held to the list."""

import pytest

from epitaxy.data._cif import parse_cif
from epitaxy.data.errors import UnusableRecordError

HEAD = """data_x
{head}_cell_length_a 5
_cell_length_b 5
_cell_length_c 5
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
"""
SITES = "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
ROWS = "Na1 0 0 0\nCl1 0.5 0.5 0.5\n"
TYPES = "loop_\n_atom_type_symbol\n_atom_type_oxidation_number\nNa+ 1\n{} -1\n"
BONDS = "loop_\n_geom_bond_atom_site_label_1\n_geom_bond_atom_site_label_2\n_geom_bond_distance\nNa1 {} 2.8\n"


def text(head: str = "", tail: str = "", rows: str = ROWS) -> str:
    return HEAD.format(head=head) + SITES + rows + tail


@pytest.mark.parametrize(
    "head",
    [
        "", TYPES.format("Cl-"), TYPES.format("CL"), TYPES.format("X"), BONDS.format("Cl1"),
        BONDS.format("?"),
        "_cell_modulation_dimension 0\n", "_cell_subsystems_number 1\n", "_cell_modulation_dimension ?\n",
        "_chemical_formula_sum 'Na Cl'\n_exptl_crystal_density_diffrn 0.776\n",
        "_chemical_formula_sum 'Na Cl'\n" + TYPES.format("H"),  # an element that was looked for
    ],
)  # fmt: skip
def test_what_agrees_is_read(head):
    assert sorted(parse_cif(text(head)).numbers.tolist()) == [11, 17]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (TYPES.format("K+"), r"mentions K\+ and lists no such atom"),
        (BONDS.format("K1"), "mentions K1 and lists no such atom"),
        ("_cell_modulation_dimension 1\n", "modulated or composite"),
        ("_cell_subsystems_number 2\n", "modulated or composite"),
        (
            "_chemical_formula_sum 'Na Cl'\n_exptl_crystal_density_diffrn 1.55\n",
            "_exptl_crystal_density_diffrn",
        ),
        ("_cell_volume 1e999\n", "_cell_volume is 1e999"),
    ],
)
def test_what_is_mentioned_and_not_listed_is_refused(head, reason):
    with pytest.raises(UnusableRecordError, match=reason):
        parse_cif(text(head))


@pytest.mark.parametrize(
    "tail",
    [
        "loop_\n",
        "loop_\n_atom_site_aniso_label\n_atom_site_aniso_U_11\n",
        "loop_\n_geom_bond_atom_site_label_1",
        "_refine_ls_R_factor\n",
        "_publ_x\n;\nabc\n",
        "_publ_x 'abc\n",
        "loop_\n_a\n_b\n1 2 3\n",
    ],
)
def test_an_end_within_something_is_refused(tail):
    with pytest.raises(UnusableRecordError, match="truncated or unparseable"):
        parse_cif(text(tail=tail))


@pytest.mark.parametrize(
    "rows", ["Na1 0 0 0\nCl1 .5 .5\n", "Na1 0 0 0\nCl1\n", ROWS[:-1], "Na1 0 0 0\nCl1 0.5 0.5 0."]
)
def test_a_row_with_too_few_values_or_digits_is_refused(rows):
    with pytest.raises(UnusableRecordError, match="truncated or unparseable"):
        parse_cif(text(rows=rows))


def test_a_loop_without_values_is_no_end_where_the_formula_says_that_all_is_there():
    head = "_chemical_formula_sum 'Na Cl'\n_cell_formula_units_Z 1\n"
    assert len(parse_cif(text(head, tail="loop_\n_geom_bond_atom_site_label_1\n")).numbers) == 2
