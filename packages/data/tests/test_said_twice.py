"""What a file says of one thing in two places, and differently: no one of them is taken without a word."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from epitaxy.data import Record, Reject, read_structures
from epitaxy.data._volume import other_volume_of_vectors

CELL = "".join(f"_cell_length_{x} 5.64\n" for x in "abc") + "".join(
    f"_cell_angle_{x} 90\n" for x in ("alpha", "beta", "gamma")
)
SITES = (
    "_symmetry_space_group_name_H-M 'F m -3 m'\nloop_\n_atom_site_label\n_atom_site_type_symbol\n"
    "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\nNa1 Na 0 0 0\nCl1 Cl 0.5 0.5 0.5\n"
)


def only(path, text: str) -> Record | Reject:
    path.write_text(text)
    (found,) = read_structures(path)
    return found


def reason(path, text: str) -> str:
    found = only(path, text)
    assert isinstance(found, Reject)
    return found.reason


def test_a_loop_of_cells_is_no_cell(tmp_path):
    several = "data_x\nloop_\n_cell_length_a\n5.64\n5.90\n" + CELL.replace("_cell_length_a 5.64\n", "")
    said = reason(tmp_path / "a.cif", several + SITES)
    assert said == "the CIF gives 2 values of _cell_length_a (5.64, 5.90); leave that of its structure"
    alike = several.replace("5.90", "5.64")
    assert isinstance(only(tmp_path / "b.cif", alike + SITES), Record)


@pytest.mark.parametrize(
    "waves",
    [
        "loop_\n_atom_site_Fourier_wave_vector_seq_id\n_atom_site_Fourier_wave_vector_x\n1 0.3\n",
        "loop_\n_cell_wave_vector_seq_id\n_cell_wave_vector_x\n1 0.3\n",
        "_space_group_ssg_name 'Fm-3m(0,0,g)'\n",
    ],
)
def test_waves_without_a_dimension_are_a_modulation(tmp_path, waves):
    assert "it is modulated" in reason(tmp_path / "a.cif", f"data_x\n{CELL}{waves}{SITES}")
    plain = f"data_x\n_cell_modulation_dimension 0\n{CELL}{waves}{SITES}"
    assert isinstance(only(tmp_path / "b.cif", plain), Record)
    missing = f"data_x\n{CELL}_space_group_ssg_name ?\n{SITES}"
    assert isinstance(only(tmp_path / "c.cif", missing), Record)


FRAME = '2\nLattice="4 0 0 0 4 0 0 0 4" {}\nNa 0 0 0\nCl 2 2 2\n'


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ('lattice="5 0 0 0 5 0 0 0 5"', "its comment has lattice 2 times"),
        ("coords=fractional", "its coords are fractional; write pos in angstrom"),
        ("positions=Direct", "its positions are Direct"),
    ],
)
def test_frames(tmp_path, words, said):
    assert said in reason(tmp_path / "a.extxyz", FRAME.format(words))
    for sound in ("config_type=direct", "id=Direct", "a=1 A=2"):
        assert isinstance(only(tmp_path / "b.extxyz", FRAME.format(sound)), Record)


CRYSTAL: dict[str, Any] = {
    "@module": "pymatgen.core.structure",
    "@class": "Structure",
    "lattice": {"matrix": [[4, 0, 0], [0, 4, 0], [0, 0, 4]]},
    "sites": [
        {"species": [{"element": "Na", "occu": 1}], "abc": [0, 0, 0]},
        {"species": [{"element": "Cl", "occu": 1}], "abc": [0.5, 0.5, 0.5]},
    ],
}
JARVIS = {
    "lattice_mat": [[4, 0, 0], [0, 4, 0], [0, 0, 4]],
    "coords": [[0, 0, 0], [0.5, 0.5, 0.5]],
    "elements": ["Na", "Cl"],
    "cartesian": False,
}


CUBE = (
    "".join(f"_cell_length_{x} 4.0\n" for x in "abc")
    + "".join(f"_cell_angle_{x} 90\n" for x in ("alpha", "beta", "gamma"))
    + "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
    + "Na1 0 0 0\nCl1 0.5 0.5 0.5\n"
)
HELD: dict[str, dict[str, Any]] = {
    "structure": {"structure": CRYSTAL},
    "atoms": {"atoms": JARVIS},
    "flat": CRYSTAL,
    "cif": {"cif": f"data_x\n_space_group_name_H-M_alt 'P 1'\n{CUBE}"},
    "cif within": {"structure": {"cif": f"data_x\n_space_group_name_H-M_alt 'P 1'\n{CUBE}"}},
}


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
@pytest.mark.parametrize(
    ("beside", "sound"),
    [
        ({"nsites": 3}, False),
        ({"nelements": 3}, False),
        ({"elements": ["K", "Cl"]}, False),
        ({"chemsys": "Cl-K"}, False),
        ({"formula_pretty": "KCl"}, False),
        ({"formula": "Na2Cl"}, False),
        ({"composition": {"Na": 1, "Cl": 2}}, False),
        ({"composition_reduced": {"K": 1, "Cl": 1}}, False),
        ({"nsites": 8, "formula": "Na4Cl4"}, True),  # of the conventional cell
        ({"nsites": 1}, True),
        ({"nelements": 2, "elements": ["Cl", "Na"], "chemsys": "Cl-Na", "formula_pretty": "NaCl"}, True),
        ({"formula": "rock salt", "elements": "NaCl", "chemsys": None, "nsites": None}, True),
        ({"formula": None, "elements": [1, 2], "nelements": 2.0, "composition": {"Na": "1"}}, True),
        ({"ntypes": 1}, False),
        ({"natoms": 3}, False),
        ({"volume": 64}, True),
        ({"volume": "64.0"}, True),
        ({"volume": 0.064}, False),  # nm3
        ({"volume": 432}, False),  # bohr3
        ({"volume": 0}, False),
        ({"volume": -64.0}, False),
        ({"volume": "70(1)"}, False),
        ({"volume": 256.0, "nsites": 8}, True),
        ({"volume": 256.0}, False),
        ({"volume": 64.0, "nsites": 8}, False),
        ({"volume": None, "density": None}, True),
        ({"volume": "large", "density": "high"}, True),
        ({"density": 1.516}, True),
        ({"density": 1.55}, True),
        ({"density": 1516.0}, False),  # kg/m3
        ({"density": 0.0315}, False),  # atoms per Å3
        ({"density": 0}, True),  # none
    ],
)
def test_entries(tmp_path, held, beside, sound):
    found = only(tmp_path / "a.json", json.dumps([{"id": "x", **held, **beside}]))
    assert isinstance(found, Record) == sound
    assert sound or f"its {next(iter(beside))} is" in found.reason  # type: ignore[union-attr]


VECTORS = st.lists(st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3), min_size=3, max_size=3)


@given(
    vectors=VECTORS, digits=st.integers(3, 12), more=st.integers(0, 4), cells=st.sampled_from([1.0, 2.0, 4.0])
)
def test_what_is_rounded_contradicts_no_volume(vectors, digits, more, cells):
    whole = 5.0 * np.eye(3) + np.array(vectors)
    volume = abs(float(np.linalg.det(whole)))
    assume(volume > 20.0)
    found = np.round(whole, digits)
    assert not other_volume_of_vectors(f"{cells * volume:.{more}f}", found, cells)
    assert other_volume_of_vectors(f"{1.2 * cells * volume:.{more}f}", found, cells)


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ({"volume": 70}, "its volume is 70 where its structure has 64 Å3: correct either"),
        ({"volume": 70, "nsites": 8}, "its volume is 70 where its structure has 256 Å3: correct either"),
        ({"density": 2.1}, "its density is 2.1 where its structure has 1.516 g/cm3: correct either"),
    ],
)
def test_both_sizes_are_named(tmp_path, beside, said):
    assert said in reason(tmp_path / "a.json", json.dumps([{"id": "x", "structure": CRYSTAL, **beside}]))
    (found,) = read_structures(tmp_path / "a.json")
    assert (found.id, found.source) == ("x", f"{tmp_path / 'a.json'}: item-1")  # type: ignore[union-attr]


def test_a_volume_is_that_of_what_was_relaxed(tmp_path):
    first = {"initial_structure": CRYSTAL, "volume": 70.0}
    assert isinstance(only(tmp_path / "a.json", json.dumps([first])), Record)
    both = {**first, "final_structure": CRYSTAL}
    assert isinstance(only(tmp_path / "b.json", json.dumps([both])), Reject)


def test_heavy_hydrogen_is_as_heavy_as_it_may_be(tmp_path):
    ice = json.loads(json.dumps(CRYSTAL).replace('"Na"', '"D"').replace('"Cl"', '"D"'))
    for density, sound in ((0.0523, True), (0.1045, True), (0.045, False), (0.115, False)):
        found = only(tmp_path / "a.json", json.dumps([{"structure": ice, "density": density}]))
        assert isinstance(found, Record) == sound, density


def test_heavy_hydrogen_is_hydrogen_in_both(tmp_path):
    ice = json.loads(json.dumps(CRYSTAL).replace('"Cl"', '"D"'))
    assert isinstance(only(tmp_path / "a.json", json.dumps([{"structure": ice, "formula": "NaH"}])), Record)
    assert isinstance(only(tmp_path / "b.json", json.dumps([{"structure": ice, "formula": "NaD"}])), Record)


@pytest.mark.parametrize(("word", "sound"), [("no", False), (2, False), (None, True), ("False", True)])
def test_what_coordinates_are_is_true_or_false(tmp_path, word, sound):
    found = only(tmp_path / "a.json", json.dumps([{"atoms": {**JARVIS, "cartesian": word}}]))
    assert isinstance(found, Record) == sound
