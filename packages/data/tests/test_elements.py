"""A word is an element where it can be no other thing, in every format alike."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.periodic_table import Element

from epitaxy.data import Record, read_structures
from epitaxy.data._elements import NAMES, NUMBERS, of_column, of_label, of_type
from epitaxy.data.molecules import read_molecules
from epitaxy.data.readers import Reject

SYMBOLS = st.sampled_from(sorted(NUMBERS))
CHARGES = ["+", "-", "2+", "+2", "3-", "++", "--", "(II)", "(2+)", "2.5+", "\u00b2\u207a"]


@given(SYMBOLS, st.sampled_from(["", *CHARGES]), st.sampled_from(["", "_pv", "_R"]))
def test_a_symbol_is_its_element_with_a_charge_and_a_kind(symbol, charge, kind):
    assert of_type(symbol + charge + kind) == of_column(symbol + charge + kind) == symbol
    assert of_type(symbol.lower() + charge) == symbol
    if symbol.upper() not in NAMES:
        assert of_column(symbol.upper() + charge) == symbol


@given(SYMBOLS, st.integers(0, 999), st.sampled_from(["", "A", "'", "*", "_2", "W"]))
def test_a_numbered_label_is_its_element_if_it_has_crystals(symbol, number, tail):
    expected = None if symbol == "W" or Element(symbol).Z >= 100 else symbol
    assert of_label(f"{symbol}{number}{tail}") == expected
    assert of_column(f"{symbol}{number}") == expected
    assert of_label(f"{symbol}{number}{tail}", frozenset((symbol, "Fe"))) == symbol


@given(st.text("CHNOSFePWTDXMRa1+-_ ", max_size=6))
def test_a_formula_only_ever_gives_an_element_it_has(word):
    formula = frozenset(("C", "H", "O", "Fe"))
    assert of_label(word, formula) in (None, *formula)
    for read in (of_type, of_column, of_label):
        assert read(word) is None or read(word) in NUMBERS


@pytest.mark.parametrize("word", ["CO", "NO", "HO", "CN", "NH", "T", "X", "M", "OH", "OW", "Wat", "", "11"])
def test_what_may_be_something_else_is_no_type(word):
    assert of_type(word) is of_column(word) is of_label(word) is None


@pytest.mark.parametrize("word", ["H2O", "H2O1", "D2O", "Al_Si1", "Al/Si1", "Si1-Al1", "O1-H1", "Fe_Mn"])
def test_what_names_two_elements_is_none(word):
    assert of_type(word) is of_column(word) is of_label(word) is None


@pytest.mark.parametrize(
    ("word", "element"), [("Fe 3+", "Fe"), ("Fe_GW", "Fe"), ("Li_AE_GW", "Li"), ("C_R", "C")]
)
def test_kinds_and_charges_set_apart(word, element):
    assert of_type(word) == element


@pytest.mark.parametrize(
    ("label", "formula", "element"),
    [
        ("HO1", "Ca H O", "H"), ("HO1", "Ho O", "Ho"), ("HO1", "Ho H O", None), ("CU1", "Cu O", "Cu"),
        ("CA1", "C H O", "C"), ("CA1", "Ca O", "Ca"), ("CA1", "C Ca", None), ("OW1", "H O", "O"),
        ("W1", "W O", "W"), ("W1", "H O", None), ("Wat1", "H O", None), ("T1", "Si O", None),
        ("H1O", "C H O", "H"), ("H2O1", "C H O", "H"),
        ("Cn1", "C N", "C"), ("D1", "D O", "H"), ("D1", "H O", "H"), ("Fe1Mn2", "Fe Mn", None),
        ("Na-K1", "Na K", None), ("O(H2)1", "O H", None), ("O(W)1", "O H", "O"), ("Fe(III)1", "Fe", "Fe"),
    ],
)  # fmt: skip
def test_a_formula_decides_between_the_meanings_of_a_label(label, formula, element):
    assert of_label(label, frozenset(formula.split())) == element


CELL = (
    "\n".join(f"_cell_length_{x} {n}" for x, n in zip("abc", (5, 6, 7), strict=True))
    + "\n"
    + "\n".join(f"_cell_angle_{x} 90" for x in ("alpha", "beta", "gamma"))
)
POINTS = "\n".join(f"_atom_site_fract_{x}" for x in "xyz")
MATRIX = [[5, 0, 0], [0, 6, 0], [0, 0, 7]]


def cif(word, kind):
    column = "_atom_site_type_symbol\n" if kind else ""
    rows = f"A1 {word} .1 .1 .1\nB2 Si .6 .6 .6\n" if kind else f"{word} .1 .1 .1\nSi2 .6 .6 .6\n"
    head = f"data_x\n{CELL}\n_symmetry_space_group_name_H-M 'P 1'\nloop_\n_atom_site_label\n"
    return head + column + POINTS + "\n" + rows


def site(symbol, place):
    return {"species": [{"element": symbol, "occu": 1}], "abc": [place] * 3}


FORMATS = {
    "label.cif": lambda w: cif(w, kind=False),
    "type.cif": lambda w: cif(w, kind=True),
    "a.extxyz": lambda w: f'2\nLattice="5 0 0 0 6 0 0 0 7"\n{w} 0 0 0\nSi 3 3 3\n',
    "a.vasp": lambda w: f"t\n1\n5 0 0\n0 6 0\n0 0 7\n{w} Si\n1 1\nDirect\n0 0 0\n.5 .5 .5\n",
    "a.json": lambda w: json.dumps([{"lattice": {"matrix": MATRIX}, "sites": [site(w, 0), site("Si", 0.5)]}]),
    "b.json": lambda w: json.dumps(
        [{"atoms": {"lattice_mat": MATRIX, "coords": [[0] * 3, [0.5] * 3], "elements": [w, "Si"]}}]
    ),
    "mol.xyz": lambda w: f"2\nx\n{w} 0 0 0\nSi 2 2 2\n",
    "mol.sdf": lambda w: (
        "x\n  p                 3D\n\n  2  0  0  0  0  0  0  0  0  0999 V2000\n"
        f"    0.0000    0.0000    0.0000 {w:<3} 0  0\n    2.0000    0.0000    0.5000 Si  0  0\nM  END\n$$$$\n"
    ),
}

# What each format makes of a word: the element, or nothing where it is refused by name.
SAID = {
    "Fe":    ("Fe", "Fe", "Fe", "Fe", "Fe", "Fe", "Fe", "Fe"),
    "fe":    (None, "Fe", "Fe", "Fe", None, None, "Fe", "Fe"),
    "FE":    (None, "Fe", "Fe", "Fe", None, None, "Fe", "Fe"),
    "Fe1":   ("Fe", "Fe", "Fe", "Fe", None, None, "Fe", "Fe"),
    "W":     (None, "W",  "W",  "W",  "W",  "W",  "W",  "W"),
    "W1":    (None, "W",  None, None, None, None, None, None),
    "CO":    (None, None, None, "Co", None, None, None, None),
    "Co":    ("Co", "Co", "Co", "Co", "Co", "Co", "Co", "Co"),
    "HO1":   (None, None, None, None, None, None, None, None),
    "OW":    (None, None, None, None, None, None, None, None),
    "D":     ("H",  "H",  "H",  "H",  "H",  "H",  "H",  "H"),
    "T":     (None, None, None, None, None, None, "H",  "H"),
    "X":     (None, None, None, None, None, None, None, None),
    "M1":    (None, None, None, None, None, None, None, None),
    "R1":    (None, None, None, None, None, None, None, None),
    "Cn1":   (None, "Cn", None, None, None, None, None, None),
    "CA":    (None, "Ca", None, "Ca", None, None, None, None),
    "NO":    (None, None, None, "No", None, None, None, None),
    "Na+":   ("Na", "Na", "Na", "Na", None, None, "Na", "Na"),
    "O--":   ("O",  "O",  "O",  "O",  None, None, "O",  "O"),
    "13C":   (None, "C",  "C",  "C",  None, None, "C",  "C"),
}  # fmt: skip


@pytest.mark.parametrize("word", SAID)
def test_a_word_in_each_format(tmp_path, word):
    for (name, text), expected in zip(FORMATS.items(), SAID[word], strict=True):
        path = tmp_path / name
        path.write_text(text(word))
        if name.startswith("mol"):
            (found,) = read_molecules(path)
            numbers = [] if isinstance(found, Reject) else found.molecule.numbers.tolist()
        else:
            (found,) = read_structures(path)
            numbers = list(found.structure.atomic_numbers) if isinstance(found, Record) else []
        if expected is None:
            assert isinstance(found, Reject), name
            assert word in found.reason, (name, found.reason)
        else:
            assert Counter(numbers) == Counter((NUMBERS[expected], 14)), (name, found)
