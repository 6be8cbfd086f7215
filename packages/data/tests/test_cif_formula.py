"""Formulas of a CIF: read for certain or not at all; and what is read is what atoms are counted against."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.data._cif import parse_cif
from epitaxy.data._cif_formula import formula, looser_formula
from epitaxy.data._cif_text import Block, structure_block
from epitaxy.data.errors import UnusableRecordError

SYMBOLS = ("C", "H", "O", "Na", "Cl", "Fe", "Co", "Si", "D")
KINDS = ("moiety", "structural", "iupac", "analytical")
COUNTS = st.dictionaries(st.sampled_from(SYMBOLS), st.integers(1, 40), min_size=1, max_size=4)


def block(**tags: str) -> Block:
    return Block("x", {f"_chemical_formula_{tag}": [text] for tag, text in tags.items()}, False, True)


def amounts(**tags: str):
    found = formula(block(**tags))
    return None if found is None else found.amounts


@given(COUNTS, st.sampled_from(["{}", "{} ", "{} 2+", "{} 1-", "{} +"]), st.booleans())
def test_a_sum_is_its_terms(counts, charged, single):
    text = " ".join(s + (str(n) if n > 1 or not single else "") for s, n in counts.items())
    assert amounts(sum=charged.format(text)) == counts
    assert amounts(sum=text.replace(" ", "")) == counts


@given(
    st.lists(st.tuples(COUNTS, st.integers(1, 4)), min_size=1, max_size=3),
    st.sampled_from([", ", " . ", "\u00b7"]),
)
def test_moieties_add_up(parts, between):
    total: Counter[str] = Counter()
    words = []
    for counts, times in parts:
        text = " ".join(f"{s}{n}" for s, n in counts.items())
        words += [f"{times}({text})" if times > 1 else text]
        for s, n in counts.items():
            total["H" if s == "D" else s] += n * times
    assert amounts(moiety=between.join(words)) == total
    assert amounts(sum="?", moiety=between.join(words)) == total


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2(C6 H6), H2 O", {"C": 12, "H": 14, "O": 1}),
        ("(Cd 2+)3, (C6 N6 Cr 3-)2, 2(H2 O)", {"Cd": 3, "C": 12, "N": 12, "Cr": 2, "H": 4, "O": 2}),
        ("C12 H17 N4 O S 1+, (C6 H2 N3 O7)1-", {"C": 18, "H": 19, "N": 7, "O": 8, "S": 1}),
        ("Na+, Cl-", {"Na": 1, "Cl": 1}),
        ("Na\u207a, Cl\u207b", {"Na": 1, "Cl": 1}),
        ("[Fe (C5 H5)2]", {"Fe": 1, "C": 10, "H": 10}),
        ("CaSO\u2084 \u00b7 2H\u2082O", {"Ca": 1, "S": 1, "O": 6, "H": 4}),
        ("0.5(H2 O), Na Cl", {"H": 1, "O": 0.5, "Na": 1, "Cl": 1}),
    ],
)
def test_moieties_as_they_are_written(text, expected):
    assert amounts(moiety=text) == expected
    if max(expected.values()) % 1 == 0 and "." not in text:
        found = looser_formula(block(analytical=text), frozenset(s for s in expected))
        assert found is not None
        assert found.amounts == expected


UNREAD = [
    "x(H2 O)",
    "Na Cl, x(H2 O)",
    "(C4 H4)n",
    "Ca2+",
    "sodium chloride",
    "CuSO4.5H2O",
    "(Na,K) Cl",
    "Na Cl2-",
]


@pytest.mark.parametrize(
    "text", [*UNREAD, "T2 O", "Na-1 Cl", "Na Cl, solvent", "", "((((", "1" * 900, "C 6 0 1"]
)
def test_what_is_no_formula_for_certain_is_none(text):
    assert amounts(moiety=text) is None
    assert looser_formula(block(structural=text), frozenset(("C", "H"))) is None


@pytest.mark.parametrize("text", ["CO O2 LI", "LI CO O2"])
def test_capitals_are_elements_where_another_word_shows_it(text):
    assert amounts(sum=text) == {"Co": 1, "O": 2, "Li": 1}
    assert amounts(sum="CO O2") is None


@pytest.mark.parametrize(
    "text", ["Nax Cl", "Na nan Cl", "Na Cl2-", "Ca2+", "Na(1) Cl", "(Na,K) Cl", "Na. Cl", "?"]
)
def test_what_is_no_sum_for_certain_is_none(text):
    assert amounts(sum=text) is None


def test_a_trade_name_is_no_formula_of_other_atoms():
    yttrium = frozenset(("Y", "Ba", "Cu", "O"))
    assert looser_formula(block(structural="YBCO"), yttrium) is None
    assert looser_formula(block(structural="KNN", iupac="K Nb O3"), frozenset(("K", "Nb", "O"))).tag.endswith(
        "iupac"
    )
    measured = block(analytical="Fe2.45 Ni1.6 S4")
    assert looser_formula(measured, frozenset(("Fe", "Ni", "S"))) is None


HEAD = """data_x
{tags}_cell_length_a 5
_cell_length_b 6
_cell_length_c 7
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
"""


def text_of(rows: dict[str, int], **tags: str) -> str:
    lines = [f"_chemical_formula_{tag} '{value}'\n" for tag, value in tags.items()]
    places = [f"{s}{i} 0.{i}1 0.2 0.3\n" for s, n in rows.items() for i in range(n)]
    return HEAD.format(tags="".join(lines)) + "".join(
        f"{line.split()[0]} 0.{k:02d} 0.2 0.3\n" for k, line in enumerate(places)
    )


@pytest.mark.parametrize("kind", ["sum", *KINDS])
def test_every_formula_that_is_read_is_counted(kind):
    whole = {"Na": 2, "Cl": 2}
    for stated in ("Na Cl", "Na2 Cl2"):
        assert len(parse_cif(text_of(whole, **{kind: stated})).numbers) == 4
        with pytest.raises(UnusableRecordError, match=f"_chemical_formula_{kind} says .* truncated"):
            parse_cif(text_of({"Na": 2, "Cl": 1}, **{kind: stated}))
    assert len(parse_cif(text_of(whole, **{kind: "?"})).numbers) == 4


@pytest.mark.parametrize(
    ("stated", "good"),
    [
        ("Al0.67 O", True), ("Al.67 O1", True), ("Al2/3 O", True), ("Al0.6667 O", True), ("Al0.7 O", True),
        ("Al0.75 O", False), ("Al0.5 O", False), ("Al2 O3 2+", True), ("Al2 O3.01", False), ("AL2 O3", True),
    ],
)  # fmt: skip
def test_rounded_amounts_are_what_they_round(stated, good):
    text = text_of({"Al": 2, "O": 3}, sum=stated)
    if good:
        assert len(parse_cif(text).numbers) == 5
    else:
        with pytest.raises(UnusableRecordError, match="truncated"):
            parse_cif(text)


def test_one_atom_of_thousands_is_missed():
    with pytest.raises(UnusableRecordError, match="truncated"):
        parse_cif(text_of({"C": 99}, sum="C100"))
    many = text_of({"C": 1}, sum="C2000")
    rows = "".join(f"C{i} {i / 2000:.6f} 0.1 0.1\n" for i in range(1, 1999))
    with pytest.raises(UnusableRecordError, match="truncated"):
        parse_cif(many + rows)


@pytest.mark.parametrize("stated", ["D2 O", "H D O", "H2 O", "T D O", "O D2"])
def test_isotopes_of_hydrogen_are_counted_together(stated):
    assert sorted(parse_cif(text_of({"D": 1, "H": 1, "O": 1}, sum=stated)).numbers.tolist()) == [1, 1, 8]


SET = {
    "minus": ("\u22120.5", 0.5), "dash": ("\u20130.25", 0.75), "wide": ("\uff10.\uff15", 0.5),
    "fraction": ("1\u20442", 0.5), "invisible": ("0.5\u200b", 0.5), "exponent": ("5e\u22121", 0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", SET)
def test_a_number_in_any_typography(name):
    word, expected = SET[name]
    text = (
        HEAD.format(tags="_publ_author_name M\u00fcller\n_x \u201cy z\u201d\n")
        + f"Na1\u00a0{word}\u00a00\u00a00\n"
    )
    assert parse_cif(text).positions.tolist() == [[expected, 0, 0]]


def test_names_keep_their_characters():
    text = (
        "data_\u00c5\n_a \u03b1\u2013\u03b2\n_b '\u2212'\n_c\n;\nna\u00efve\n;\n"
        + HEAD.format(tags="")[7:]
        + "C1 0 0 0\n"
    )
    found = structure_block(text)
    assert [found.one(f"_{x}") for x in "abc"] == ["\u03b1\u2013\u03b2", "\u2212", "\nna\u00efve"]


@pytest.mark.parametrize("word", ["0\u00b75", "\u00bd", "0.5\u00b10.1", "\u00b2", "\u0660.\u0665"])
def test_other_typography_is_no_number(word):
    with pytest.raises(UnusableRecordError, match="the coordinates of Na1 are"):
        parse_cif(HEAD.format(tags="") + f"Na1 {word} 0 0\n")
