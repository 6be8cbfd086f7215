"""A declared volume: that of the cell, up to what the digits written leave open, in every form of CIF."""

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from epitaxy.data import Record, prepare, read_structures
from epitaxy.data._cif import parse_cif
from epitaxy.data._plain_cif import read_plain_cif
from epitaxy.data._volume import CLOSEST, FARTHEST, doubt, other_volume
from epitaxy.data.errors import UnusableRecordError

PLAIN = (
    "# generated using pymatgen\ndata_NaCl\n_symmetry_space_group_name_H-M   'P 1'\n"
    "_cell_length_a   {a:.8f}\n_cell_length_b   {b:.8f}\n_cell_length_c   {c:.8f}\n"
    "_cell_angle_alpha   {alpha:.8f}\n_cell_angle_beta   {beta:.8f}\n_cell_angle_gamma   {gamma:.8f}\n"
    "_symmetry_Int_Tables_number   1\n_chemical_formula_structural   NaCl\n"
    "_chemical_formula_sum   'Na1 Cl1'\n_cell_volume   {volume:.8f}\n_cell_formula_units_Z   1\n"
    "loop_\n _symmetry_equiv_pos_site_id\n _symmetry_equiv_pos_as_xyz\n  1  'x, y, z'\n"
    "loop_\n _atom_site_type_symbol\n _atom_site_label\n _atom_site_symmetry_multiplicity\n"
    " _atom_site_fract_x\n _atom_site_fract_y\n _atom_site_fract_z\n _atom_site_occupancy\n"
    "  Na  Na0  1  0.00000000  0.00000000  0.00000000  1\n"
    "  Cl  Cl1  1  0.50000000  0.50000000  0.50000000  1\n"
)
LENGTHS = st.tuples(*[st.floats(3.0, 30.0)] * 3)
ANGLES = st.tuples(*[st.floats(50.0, 130.0)] * 3)


def volume_of(lengths, angles) -> float:
    a, b, c = (math.cos(math.radians(x)) for x in angles)
    return math.prod(lengths) * math.sqrt(max(0.0, 1 - a * a - b * b - c * c + 2 * a * b * c))


@given(LENGTHS, ANGLES, st.integers(1, 6), st.integers(0, 4))
def test_rounding_contradicts_nothing(lengths, angles, places, volume_places):
    """What is rounded is right, wherever the last digits of the cell and of the volume are."""
    whole = volume_of(lengths, angles)
    assume(whole > 0.2 * math.prod(lengths))
    written = [f"{x:.{places}f}" for x in (*lengths, *angles)]
    rounded = volume_of([float(x) for x in written[:3]], [float(x) for x in written[3:]])
    assume(abs(whole - rounded) < 0.9 * FARTHEST * rounded and rounded > 0.19 * math.prod(lengths))
    assert not other_volume(f"{whole:.{volume_places}f}", written, rounded)


@given(LENGTHS, ANGLES, st.floats(1.0007, 100.0), st.booleans())
@example((4.0, 4.0, 4.0), (90.0, 90.0, 90.0), 1.25, False)
def test_another_volume_is_refused_in_every_form(lengths, angles, factor, smaller):
    volume = volume_of(lengths, angles)
    assume(volume > 0.2 * math.prod(lengths))
    named = dict(zip(("a", "b", "c", "alpha", "beta", "gamma"), (*lengths, *angles), strict=True))
    whole = PLAIN.format(**named, volume=volume)
    assert read_plain_cif(whole) is not None
    assert len(parse_cif(whole + "#\n").numbers) == 2  # a comment makes it no plain form
    other = PLAIN.format(**named, volume=volume / factor if smaller else volume * factor)
    for text in (other + "#\n", other.replace("_cell_volume", "_cell.volume")):
        with pytest.raises(UnusableRecordError, match="_cell_volume is"):
            parse_cif(text)
    remarks: list[str] = []
    if factor < 1.2:  # of the plain form the cell is taken, and that is said
        assert len(parse_cif(other, remarks).numbers) == 2
        assert "_cell_volume is" in remarks[0]
    elif factor > 1.5:
        with pytest.raises(UnusableRecordError, match="_cell_volume is"):
            parse_cif(other, remarks)


def test_edited_cells_are_told_of_once(tmp_path):
    """As public reports have them: a length was replaced in the text, and with it digits of the volume."""
    for n in range(4):
        text = PLAIN.format(a=4, b=4, c=4, alpha=90, beta=90, gamma=90, volume=64)
        (tmp_path / f"g{n}.cif").write_text(text.replace("4.00000000", f"4.{n}0000000"))
    notes: list[str] = []
    assert all(isinstance(one, Record) for one in read_structures(tmp_path, notes=notes))
    sentence = "g1: its _cell_volume is 64.10000000 where the cell has 68.921 Å3; the cell is taken"
    assert notes == [f"{sentence} (so it is with 3 records)"]
    assert prepare(tmp_path).notes == tuple(notes)


@pytest.mark.parametrize(
    ("stated", "length", "wrong"),
    [
        ("64", "4.0", False), ("66.0", "4.0", True), ("64.9", "4.0", False), ("70.24(3)", "4.1261(2)", False),
        ("70.3", "4.1261(2)", False), ("70.5", "4.1261(2)", True), ("125", "5", False), ("130", "5", True),
        ("?", "4", False), (None, "4", False), ("1.6(9)E2", "5.43090", False), ("163", "5.43090", True),
    ],
)  # fmt: skip
def test_digits_and_uncertainties_say_what_is_off(stated, length, wrong):
    side = float(length.partition("(")[0])
    assert other_volume(stated, [length] * 3 + ["90"] * 3, side**3) == wrong


@pytest.mark.parametrize(
    ("written", "off"),
    [("5", 0.5), ("5.43", 0.005), ("5.4309(2)", 6.5e-4), ("1.50e2", 0.5), ("2D-3", 5e-4), ("1/3", 0.0)],
)
def test_a_number_is_off_by_half_its_last_place_or_its_uncertainty(written, off):
    assert doubt(written) == pytest.approx(off)


def test_bounds_are_what_the_readme_says():
    assert (CLOSEST, FARTHEST) == (5e-4, 0.02)
