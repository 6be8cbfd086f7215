"""Files that stop short, in every format: what may have lost its end is refused or missing, never taken."""

import json

import pytest

from epitaxy.data import DataError, Record, Reject, read_structures

CELL = "".join(
    f"_cell_{tag} {value}\n"
    for tag, value in zip(
        ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"),
        (5, 5, 5, 90, 90, 90),
        strict=True,
    )
)
SITES = "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
ATOMS = "Na1 0.00 0.00 0.00\nCl1 0.50 0.50 0.50\n"
CIF = f"data_x\n{CELL}_space_group_name_H-M_alt 'P 1'\n{SITES}{ATOMS}"
STRUCTURE = {
    "lattice": {"matrix": [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]]},
    "sites": [
        {"species": [{"element": "Na", "occu": 1}], "abc": [0, 0, 0]},
        {"species": [{"element": "Cl", "occu": 1}], "abc": [0.5, 0.5, 0.5]},
    ],
}


def read(folder, name: str, content: str | bytes):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    notes: list[str] = []
    return list(read_structures(path, notes=notes)), notes


POSCAR = "x\n1.0\n4 0 0\n0 4 0\n0 0 4\nNa Cl\n1 1\nDirect\n0.00 0.00 0.00\n0.50 0.50 0.50\n"
EXTXYZ = '2\nLattice="4 0 0 0 4 0 0 0 4"\nNa 0.00 0.00 0.00\nCl 2.00 2.00 2.25\n'


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("a.vasp", POSCAR),
        ("a.extxyz", EXTXYZ),
        ("a.cif", CIF.replace("_space_", "_chemical_formula_sum NaCl\n_space_", 1)),
    ],
)
def test_a_file_cut_anywhere_gives_its_crystal_or_nothing(tmp_path, name, whole):
    """But for the line end nothing is missing where the last number has as many digits as those before."""
    ((crystal,), _) = read(tmp_path, name, whole)
    assert isinstance(crystal, Record)
    for cut in range(len(whole) - 1):
        try:
            found, _ = read(tmp_path, name, whole[:cut])
        except DataError:
            continue
        assert all(isinstance(one, Reject) for one in found), whole[:cut][-20:]


def test_a_cif_that_declares_nothing_ends_after_a_row_and_its_line_end(tmp_path):
    """A cut between two rows cannot be seen then; one anywhere else is refused, and said."""
    rows = f"{ATOMS}O1 0.25 0.25 0.25\n"
    whole = CIF.replace(ATOMS, rows)
    first, last = whole.index(rows), len(whole)
    ends = {first + rows.index("\n", k) + 1 for k in range(len(rows))}
    for cut in range(first + 1, last + 1):
        ((found,), _) = read(tmp_path, "a.cif", whole[:cut])
        assert isinstance(found, Record) == (cut in ends), whole[first:cut]
    for end, said in (
        ("0.25 0.25\n", "Wrong number of values in loop _atom_site_*"),
        ("0.25 0.2", "Wrong number of values in loop _atom_site_*"),
        ("0.25 0.25 0.25", "it ends within a coordinate; if it is complete, end its last line"),
        ("0.25 0.25 0.25\nloop_\n_atom_site_occupancy\n", "or with a loop without values"),
    ):
        ((found,), _) = read(tmp_path, "a.cif", whole.replace("0.25 0.25 0.25\n", end))
        assert isinstance(found, Reject)
        assert said in found.reason
        assert "restore it" in found.reason


def test_flags_after_a_position_show_that_it_is_whole(tmp_path):
    text = POSCAR.replace("Direct", "Selective\nDirect").replace("0.00\n", "0 T T F\n")
    ((found,), _) = read(tmp_path, "a.vasp", text.replace("0.50 0.50\n", "0.5 0.5 F F F"))
    assert isinstance(found, Record)


@pytest.mark.parametrize(
    ("ending", "value"), [("1.55\n", 1.55), ("1.55", None), ("1.5", None), ('"1.55"', 1.55), ("", None)]
)
def test_a_number_at_the_end_of_a_table_needs_its_line_end(tmp_path, ending, value):
    found, notes = read(tmp_path, "a.csv", f'id,cif,e\na,"{CIF}",1.5\nb,"{CIF}",{ending}')
    assert all(isinstance(one, Record) for one in found)
    last = found[-1].properties["e"]
    assert last == value or (value is None and last != last)
    assert any("ends within e" in note for note in notes) == (ending in ("1.55", "1.5", ""))


def test_an_id_at_the_end_of_a_table_needs_its_line_end(tmp_path):
    (first, second), _ = read(tmp_path, "a.csv", f'cif,id\n"{CIF}",mp-1\n"{CIF}",mp-12')
    assert isinstance(first, Record)
    assert isinstance(second, Reject)
    assert second.id == "row-2"
    assert "within this row's id" in second.reason


@pytest.mark.parametrize(("units", "is_read"), [(1, True), (2, True), (3, False), (4, False), (0, True)])
def test_a_number_of_formula_units_is_held_to_the_atoms(tmp_path, units, is_read):
    """Where no formula is given; a unit may have half an atom, and pymatgen writes 0 for half an O2."""
    text = CIF.replace("_space_group", f"_cell_formula_units_Z {units}\n_space_group")
    ((found,), _) = read(tmp_path, "a.cif", text)
    assert isinstance(found, Record) == is_read


@pytest.mark.parametrize(
    ("change", "to", "reason"),
    [("units_Z   1", "units_Z   4", "_cell_formula_units_Z 4"), ("64.0000", "0.06400", "_cell_volume")],
)
def test_the_plain_form_adds_up_as_any_other(tmp_path, change, to, reason):
    plain = (
        "# generated using pymatgen\ndata_NaCl\n_symmetry_space_group_name_H-M   'P 1'\n"
        "_cell_length_a   4.00000000\n_cell_length_b   4.00000000\n_cell_length_c   4.00000000\n"
        "_cell_angle_alpha   90.00000000\n_cell_angle_beta   90.00000000\n_cell_angle_gamma   90.00000000\n"
        "_symmetry_Int_Tables_number   1\n_chemical_formula_structural   NaCl\n"
        "_chemical_formula_sum   'Na1 Cl1'\n_cell_volume   64.00000000\n_cell_formula_units_Z   1\n"
        "loop_\n _symmetry_equiv_pos_site_id\n _symmetry_equiv_pos_as_xyz\n  1  'x, y, z'\n"
        "loop_\n _atom_site_type_symbol\n _atom_site_label\n _atom_site_symmetry_multiplicity\n"
        " _atom_site_fract_x\n _atom_site_fract_y\n _atom_site_fract_z\n _atom_site_occupancy\n"
        "  Na  Na0  1  0.00000000  0.00000000  0.00000000  1\n"
        "  Cl  Cl1  1  0.50000000  0.50000000  0.50000000  1\n"
    )
    ((found,), _) = read(tmp_path, "a.cif", plain)
    assert isinstance(found, Record)
    ((refused,), _) = read(tmp_path, "a.cif", plain.replace(change, to))
    assert isinstance(refused, Reject)
    assert reason in refused.reason


def test_a_second_structure_without_coordinates_is_one_all_the_same(tmp_path):
    ((found,), _) = read(tmp_path, "a.cif", f"{CIF}data_y\n_cell_length_a 5\n_atom_site_label Na1\n")
    assert isinstance(found, Reject)
    assert "2 structures" in found.reason


def test_an_entry_too_deep_or_in_another_encoding_costs_itself_alone(tmp_path):
    whole = json.dumps(STRUCTURE)
    deep = '{"x": "]", "y": ' + "[" * 100_000 + "]" * 100_000 + "}"  # Python 3.13 reads some thousands
    found, _ = read(tmp_path, "a.json", f"[{whole}, {deep}\n, {whole}]")
    assert [isinstance(one, Record) for one in found] == [True, False, True]
    assert "nested too deeply" in found[1].reason
    for cut in (f"[{whole}, {deep}, {whole}", f"[{whole}, {deep}"):
        with pytest.raises(DataError, match="no complete JSON"):
            read(tmp_path, "a.json", cut)
    for broken in (
        "[{0} {1}]",
        "[{0}, {1},]",
        "[{0},, {1}]",
        "[,{0}, {1}]",
        "[{0}, {1}] {0}",
        "[{0}; {1}]",
        "[{1} {1}]",
    ):
        with pytest.raises(DataError, match="no complete JSON"):
            read(tmp_path, "a.json", broken.format(whole, deep))
    named = '{"author": "M\xfcller", "id": "b", "structure": ' + whole + "}"
    found, _ = read(tmp_path, "a.json", f"[{whole}, {named}]".encode("latin-1"))
    assert [one.id for one in found if isinstance(one, Record)] == ["item-1", "b"]
    with pytest.raises(DataError, match="no complete JSON"):
        read(tmp_path, "a.json", "[" * 100_000)


@pytest.mark.parametrize(
    ("label", "is_read"), [("B-site", False), ("Y_position", False), ("O=C", False), ("Fe_oct", True)]
)
def test_a_place_of_a_structure_type_is_no_element(tmp_path, label, is_read):
    ((found,), _) = read(tmp_path, "a.cif", CIF.replace("Na1", label))
    assert isinstance(found, Record) == is_read


def test_a_reason_is_a_sentence_whatever_the_file_repeats(tmp_path):
    text = CIF.replace("fract_z\n", "fract_z\n_atom_site_occupancy\n").replace(
        "0.00\n", f"0.00 {'[' * 5000}\n"
    )
    ((found,), _) = read(tmp_path, "a.cif", text.replace("0.50\n", "0.50 1\n"))
    assert isinstance(found, Reject)
    assert len(found.reason) < 900
