"""Sites, counts and syntax of CIFs: what is said is read, what is doubtful is refused by name."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.data._cif import parse_cif
from epitaxy.data._crystal import Crystal, check
from epitaxy.data.errors import UnusableRecordError

CELL = """_cell_length_a 5
_cell_length_b 6
_cell_length_c 7
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
"""
XYZ = ("fract_x", "fract_y", "fract_z")


def cif(rows: str, *tags: str, head: str = "") -> str:
    """A P1 cell with these rows of label, these tags and x, y, z."""
    loop = "".join(f"_atom_site_{tag}\n" for tag in ("label", *tags))
    return f"data_x\n{head}{CELL}loop_\n{loop}{rows}\n"


def numbers(text: str) -> list[int]:
    crystal = parse_cif(text)
    check(crystal, max_atoms=100)
    return sorted(crystal.numbers.tolist())


def refused(text: str, reason: str) -> None:
    with pytest.raises(UnusableRecordError, match=re.escape(reason)) as caught:
        numbers(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("label", "number"),
    [("C1A", 6), ("Ca", 20), ("O1W", 8), ("D1", 1), ("Ho1", 67), ("Fe_2", 26), ("Na+", 11)],
)
def test_an_unambiguous_label_is_an_element(label, number):
    assert numbers(cif(f"{label} 0.1 0.2 0.3", *XYZ)) == [number]


@pytest.mark.parametrize(
    "label",
    [
        "W1",
        "CO",
        "Cn1",
        "No1",
        "Fe1Mn2",
        "HO1",
        "OH",
        "T1",
        "Wat",
        "Ow",
        "NO3",
        "M1",
        "CU1",
        "X",
        "1",
        "Fe1/Mn1",
        "ca1",
    ],
)
def test_a_label_that_may_mean_something_else_is_refused_by_name(label):
    refused(cif(f"{label} 0.1 0.2 0.3", *XYZ), f"unknown element {label}")


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("Ca++", 20),
        ("Fe(III)", 26),
        ("57Fe", 26),
        ("C_R", 6),
        ("W", 74),
        ("Fe3+", 26),
        ("O2-", 8),
        ("Cu+2", 29),
        ("CU", 29),
        ("cu", 29),
        ("D", 1),
        ("H1+", 1),
        ("No", 102),
    ],
)
def test_a_type_symbol_is_an_element_whatever_the_label(kind, number):
    assert numbers(cif(f"X1 {kind} 0.1 0.2 0.3", "type_symbol", *XYZ)) == [number]


@pytest.mark.parametrize("kind", ["CO", "OH", "NO", "HO", "T", "Wat", "M", "0.8Nb + 0.2Zr", "Xx"])
def test_a_type_symbol_that_is_no_element_is_refused(kind):
    refused(cif(f"X1 '{kind}' 0.1 0.2 0.3", "type_symbol", *XYZ), "unknown element " + kind)


NACL = "Na1 0.1 0.1 0.1 {}\nCl1 0.6 0.6 0.6 1"


@pytest.mark.parametrize(
    ("value", "found"),
    [("?", [11, 17]), (".", [11, 17]), ("1(2)", [11, 17]), ("0", [17]), ("0.999", [11, 17])],
)
def test_occupancies_that_mean_an_atom_or_none(value, found):
    assert numbers(cif(NACL.format(value), *XYZ, "occupancy")) == found


@pytest.mark.parametrize(
    ("value", "reason"), [("0.99", "partial"), ("1.2", "of Na1 is 1.2"), ("-1", "of Na1")]
)
def test_other_occupancies_are_refused(value, reason):
    refused(cif(NACL.format(value), *XYZ, "occupancy"), reason)


def shared(first: str, second: str, share: str) -> str:
    rows = f"A1 {first} 0 0 0 0.5\nA2 {second} 0 0 0 {share}\nO1 O2- 0.5 0.5 0.5 1"
    return cif(rows, "type_symbol", *XYZ, "occupancy")


def test_one_element_in_two_states_on_one_spot_is_one_atom():
    assert numbers(shared("Fe2+", "Fe3+", "0.5")) == [8, 26]
    refused(shared("Fe2+", "Mn2+", "0.5"), "partial occupancies")
    refused(shared("Fe2+", "Fe3+", "0.3"), "partial occupancies")
    refused(shared("Fe2+", "Fe3+", "0.9"), "sum to more than 1")


@pytest.mark.parametrize("value", [".", "?", "x", "inf", "nan", "1e9", "0.1.2", "1" * 200])
def test_coordinates_that_are_not_given_are_refused_by_the_site(value):
    refused(cif(f"Na1 0 0 0\nCl1 0.5 {value} 0.5", *XYZ), "the coordinates of Cl1 are")


@pytest.mark.parametrize(
    ("value", "y"), [("1/3", 1 / 3), ("0.3333(2)", 1 / 3), ("5.0e-1", 0.5), (".25(10)", 0.25)]
)
def test_numbers_as_cifs_write_them(value, y):
    crystal = parse_cif(cif(f"Na1 0 {value} 0", *XYZ))
    np.testing.assert_allclose(crystal.positions, [[0, y, 0]], atol=1e-12)


def test_hydrogens_and_dummies_are_named():
    refused(cif("O1 0 0 0 2", *XYZ, "attached_hydrogens"), "its site O1 has 2 attached hydrogens")
    refused(cif("O1 0 0 0 dum", *XYZ, "calc_flag"), "its site O1 is a dummy atom")
    assert numbers(cif("O1 0 0 0 calc", *XYZ, "calc_flag")) == [8]


def test_alternatives_without_occupancies_are_disorder():
    groups = (*XYZ, "disorder_assembly", "disorder_group")
    refused(cif("O1A 0.5 0.5 0.5 A 1\nO1B 0.5 0.5 0.6 A 2", *groups), "O1A and O1B are alternatives")
    assert numbers(cif("O1A 0.5 0.5 0.5 A 1\nO2A 0.1 0.5 0.6 A 1", *groups)) == [8, 8]


def test_cartesian_coordinates_are_along_a_and_c_star():
    rows = "Na1 0 0 0\nCl1 2.5 3.0 3.5"
    tags = ("Cartn_x", "Cartn_y", "Cartn_z")
    np.testing.assert_allclose(parse_cif(cif(rows, *tags)).positions[1], 0.5)
    turned = "_atom_sites_Cartn_tran_matrix_11 0\n_atom_sites_Cartn_tran_matrix_12 5\n"
    refused(cif(rows, *tags, head=turned), "axes of their own")


ROCK = cif("Na1 0 0 0\nCl1 0.5 0.5 0.5", *XYZ)


@pytest.mark.parametrize(
    "text",
    [
        ROCK.upper().replace("NA1", "Na1").replace("CL1", "Cl1"),
        ROCK.replace("_cell_length", "_cell.length").replace("_atom_site_", "_atom_site."),
        "#\\#CIF_2.0\n"
        + ROCK.replace("data_x\n", "data_x\n_a '''A 'b' '''\n_list [1 [2 'x'] 3]\n_t {'k':1}\n"),
        "\ufeff" + ROCK,
        "global_\n_x 1\n" + ROCK,
        ROCK.replace("data_x\n", "data_x\n_text\n;\ndata_fake\nloop_\n_cell_length_a\n;\n"),
        ROCK.replace("_length_a 5", "_length_a 5.0(3)"),
    ],
    ids=["capitals", "DDLm", "CIF 2", "mark", "global", "text", "uncertainty"],
)
def test_legal_spellings_are_read(text):
    np.testing.assert_allclose(parse_cif(text).lattice, parse_cif(ROCK).lattice)
    assert numbers(text) == [11, 17]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("_length_a 5", "_length_a -5", "a length of -5"),
        ("_length_a 5", "_length_a 4,00", "_cell_length_a is 4,00"),
        ("_length_a 5\n", "_length_b 5\n", "duplicate tag"),
        ("_angle_alpha 90", "_angle_alpha 200", "its cell angles"),
        (
            "_length_a 5\n",
            "_cell.length_a 6\n_cell_length_a 5\n".replace("_cell_length_a 5", "_length_a 5"),
            "",
        ),
        ("data_x\n", "data_x\n_cell_volume 0.21\n", "its _cell_volume is 0.21"),
    ],
)
def test_cells_that_are_none_are_refused(old, new, reason):
    refused(ROCK.replace(old, new), reason)


def test_a_cell_in_nanometres_and_an_empty_one_are_refused():
    small = re.sub(r"(length_\w) (\d)", r"\1 0.\2", ROCK)
    refused(small, "its density is 462 g/cm3")
    refused(re.sub(r"(length_\w) (\d)", r"\1 \g<2>0", ROCK), "Å3 for each atom")
    one = Crystal(1.6 * np.eye(3), np.zeros((1, 3)), np.array([76]))
    with pytest.raises(UnusableRecordError, match="density is 77"):
        check(one, max_atoms=1)


def test_two_blocks_are_never_one():
    refused(ROCK + ROCK, "duplicate block name")
    refused(ROCK + ROCK.replace("data_x", "data_y").replace("0.5 0.5 0.5", "? ? ?"), "holds 2 structures")


STRUCTURES = {
    "alloy": Structure(
        Lattice.from_parameters(3, 4, 5, 85, 95, 105), ["C", "Na", "C"], [[0] * 3, [0.5] * 3, [0.2] * 3]
    ),
    "carbon": Structure(Lattice.hexagonal(2.5, 6.7), ["C"] * 4, [[0, 0, z] for z in (0, 0.25, 0.5, 0.75)]),
    "rocksalt": Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0] * 3, [0.5] * 3]),
}
WHOLE = {
    f"{name} {tolerance}": s.to(fmt="cif", symprec=tolerance)
    for name, s in STRUCTURES.items()
    for tolerance in (None, 0.01)
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_cif_cut_at_any_byte_is_refused_or_whole(name):
    text = WHOLE[name]
    whole = parse_cif(text)
    for end in range(len(text)):
        try:
            found = parse_cif(text[:end])
        except UnusableRecordError:
            continue
        for one, other in zip(found, whole, strict=True):
            np.testing.assert_allclose(one, other)


@given(st.integers(0, len(ROCK) - 1))
def test_a_cif_without_formula_is_not_cut_in_a_line(end):
    if ROCK[end - 1] == "\n":
        return  # between two lines nothing shows: no formula, no Z
    with pytest.raises(UnusableRecordError):
        parse_cif(ROCK[:end])


@pytest.mark.parametrize(
    ("formula", "units", "good"),
    [
        ("'Na Cl'", 1, True),
        ("'NA CL'", 1, True),
        ("'Cl Na'", "?", True),
        ("'Na Cl'", 2, False),
        ("'Na2 Cl2'", 2, False),
        ("'Na Cl2'", 1, False),
        ("'Na0 Cl0'", 1, False),
        ("'C12 H22 O11, H2 O'", 1, True),  # no sum formula: not compared
    ],
)
def test_counts_are_compared_in_full(formula, units, good):
    text = ROCK.replace(
        "data_x\n", f"data_x\n_chemical_formula_sum {formula}\n_cell_formula_units_Z {units}\n"
    )
    if good:
        assert numbers(text) == [11, 17]
    else:
        refused(text, "truncated or incomplete")


GOOD = (4 * np.eye(3), np.array([[0.0] * 3, [0.5] * 3]), np.array([11, 17]))


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, np.ones((2, 3)), "shape"),
        (0, 1e39 * np.eye(3), "beyond"),
        (0, np.full((3, 3), np.nan), "not a finite number"),
        (1, np.zeros((2, 6)), "shape"),
        (1, np.zeros((3, 3)), "3 positions for 2 elements"),
        (1, np.full((2, 3), 1e308), "beyond"),
        (1, np.full((2, 3), np.inf), "not a finite number"),
        (2, np.array([11, 0]), "none of 1 to 118"),
        (2, np.array([11, 119]), "none of 1 to 118"),
    ],
)
def test_a_crystal_checks_its_arrays_when_made(place, value, reason):
    assert len(Crystal(*GOOD).numbers) == 2
    arrays = list(GOOD)
    arrays[place] = value
    with pytest.raises(UnusableRecordError, match=reason):
        Crystal(*arrays)
