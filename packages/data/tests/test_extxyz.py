"""Extended XYZ: what is legal, what is refused, and that a bad frame costs itself alone."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.data import Record, Reject, read_structures
from epitaxy.data._elements import NAMES
from epitaxy.data._extxyz import frames, parse_frame
from epitaxy.data._words import species
from epitaxy.data.errors import UnusableRecordError

CUBE = 'Lattice="4 0 0 0 4 0 0 0 4"'
PAIR = "Na 0 0 0\nCl 2 2 2\n"


def frame(comment: str = f'{CUBE} pbc="T T T"', atoms: str = PAIR, count: str = "2") -> str:
    return f"{count}\n{comment}\n{atoms}"


def only(text: str):
    (found,) = frames(io.BytesIO(text.encode()))
    return parse_frame(found)


LEGAL = {
    "pbc missing": frame(CUBE),
    "pbc as one word": frame(f"{CUBE} pbc=TTT"),
    "pbc in Python's words": frame(f'{CUBE} pbc="True True True"'),
    "pbc in ones": frame(f'{CUBE} pbc="1 1 1"'),
    "pbc once": frame(f"{CUBE} pbc=T"),
    "three numbers": frame('Lattice="4 4 4"'),
    "six numbers": frame('Lattice="4 4 4 90 90 90"'),
    "ions": frame(atoms="Na+ 0 0 0\nCl1- 2 2 2\n"),
    "labels": frame(atoms="Na1 0 0 0\nCl12 2 2 2\n"),
    "Fortran": frame(atoms="Na 0.0D0 0 0\nCl 2.0d0 2 2\n"),
    "numbers": frame(f"{CUBE} Properties=Z:I:1:pos:R:3", "11 0 0 0\n17 2 2 2\n"),
    "numbers as ASE calls them": frame(f"{CUBE} Properties=numbers:I:1:pos:R:3", "11 0 0 0\n17 2 2 2\n"),
    "position first": frame(f"{CUBE} Properties=pos:R:3:tags:I:1:species:S:1", "0 0 0 1 Na\n2 2 2 1 Cl\n"),
    "stress in six": frame(f'{CUBE} stress="1 1 1 0 0 0"'),
    "carriage returns": frame().replace("\n", "\r\n"),
    "any case": frame(atoms="na 0 0 0\nCL 2 2 2\n"),
    "a printer's minus sign": frame(f"{CUBE} id=\u2212", "Na 0 0 0\nCl \u22122 \uff12 2\n"),
    "quotes of a printer": frame("Lattice=\u201c4 0 0 0 4 0 0 0 4\u201d"),
    "a cell with such signs": frame('Lattice="4 0 0 0 \uff14 0 0 0 4" pbc="T T T"'),
    "blank lines": "\n\n" + frame() + "\n\n",
}


def test_numbers_of_a_comment_in_every_spelling():
    _, _, properties = only(frame(f"{CUBE} a=1.5d0 b=1e3 c=3 d=T e=word f='1 2' g=\u22122.5"))
    assert properties == {"a": 1.5, "b": 1000.0, "c": 3.0, "g": -2.5}


@pytest.mark.parametrize("name", LEGAL)
def test_what_is_legal_is_read(name):
    _, crystal, _ = only(LEGAL[name])
    np.testing.assert_allclose(crystal.lattice, 4 * np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.abs(crystal.positions), [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-12)
    assert crystal.numbers.tolist() == [11, 17]


def test_deuterium_is_hydrogen():
    assert species("D") == 1


@given(st.text("HOTWNaClat0123456789+-_", min_size=1, max_size=5))
def test_a_species_is_an_element_with_a_charge_or_a_number_or_nothing(word):
    letters = word.rstrip("0123456789+-")
    try:
        found = species(word)
    except UnusableRecordError:
        return
    assert found == species(letters)
    assert letters.upper() != "T"
    assert letters not in NAMES


REFUSED = {
    "not periodic": (frame(f'{CUBE} pbc="F F F"'), "not periodic"),
    "a slab": (frame(f'{CUBE} pbc="T T F"'), "not periodic"),
    "no lattice": (frame('pbc="T T T"'), "not periodic"),
    "pbc of something": (frame(f"{CUBE} pbc=maybe"), "pbc is"),
    "four numbers": (frame('Lattice="4 4 4 4"'), "nine finite numbers"),
    "angle 0": (frame('Lattice="4 4 4 90 90 0"'), "angle"),
    "flat": (frame('Lattice="4 0 0 4 0 0 0 0 4"'), "zero volume"),
    "another unit": (frame(f"{CUBE} units=bohr"), "angstrom"),
    "one key twice": (frame(f"{CUBE} energy=-1 energy=-2"), "energy 2 times"),
    "a dummy": (frame(atoms="Na 0 0 0\nX 2 2 2\n"), "unknown element X"),
    "water or tungsten": (frame(atoms="W1 0 0 0\nCl 2 2 2\n"), "unknown element W1"),
    "carbonyl or cobalt": (frame(atoms="CO 0 0 0\nCl 2 2 2\n"), "unknown element CO"),
    "a label that is two elements": (frame(atoms="HO1 0 0 0\nCl 2 2 2\n"), "unknown element HO1"),
    "no number": (frame(atoms="Na 0 0 0\nCl 2 nan 2\n"), "not a finite number"),
    "columns missing": (frame(f"{CUBE} Properties=species:S:1:pos:R:3:forces:R:3"), "fewer columns"),
    "columns beyond belief": (frame(f"{CUBE} Properties=species:S:99999999:pos:R:3"), "correct them"),
    "positions of two": (frame(f"{CUBE} Properties=species:S:1:pos:R:2"), "no species and pos"),
    "Z against species": (
        frame(f"{CUBE} Properties=species:S:1:Z:I:1:pos:R:3", "Na 12 0 0 0\nCl 17 2 2 2\n"),
        "different elements",
    ),
    "brackets without end": (frame("{" * 100_000), "not periodic"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_crystal_is_refused(name):
    text, reason = REFUSED[name]
    with pytest.raises(UnusableRecordError, match=reason):
        only(text)


@given(bad=st.sampled_from(["count+", "count-", "no count", "digits"]), place=st.integers(0, 4))
def test_a_frame_that_is_cut_wrongly_costs_itself_alone(tmp_path_factory, bad, place):
    good = [frame(f"{CUBE} id=f{i}") for i in range(5)]
    good[place] = {
        "count+": frame(f"{CUBE} id=bad", count="3"),
        "count-": frame(f"{CUBE} id=bad", count="1"),
        "no count": frame(f"{CUBE} id=bad", count="two"),
        "digits": frame(f"{CUBE} id=bad", count="9" * 5000),
    }[bad]
    path = tmp_path_factory.mktemp("x") / "x.extxyz"
    path.write_text("".join(good))
    read = [r.id for r in read_structures(path) if isinstance(r, Record)]
    lost = {f"f{place}"} | (
        {f"f{place - 1}"} if bad == "no count" else set()
    )  # its lines follow those before
    assert {f"f{i}" for i in range(5)} - set(read) == {n for n in lost if n != "f-1"}


def test_a_byte_of_another_encoding_spoils_no_frame(tmp_path):
    (tmp_path / "x.extxyz").write_bytes(frame(f'{CUBE} who="M\xfcller"').encode("latin-1") + frame().encode())
    assert [type(r) for r in read_structures(tmp_path / "x.extxyz")] == [Record, Record]


def test_values_that_are_not_finite_are_missing_and_said(tmp_path):
    (tmp_path / "x.extxyz").write_text(frame(f"{CUBE} gap=inf energy=-1.5 stable=T"))
    notes: list[str] = []
    (found,) = read_structures(tmp_path / "x.extxyz", notes=notes)
    assert isinstance(found, Record)
    assert np.isnan(found.properties["gap"])
    assert set(found.properties) == {"gap", "energy"}
    assert notes == ["gap: 1 values are not finite and count as missing"]


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf" + frame().encode(), frame().encode("utf-16")])
def test_byte_order_marks_are_no_part_of_the_text(tmp_path, content):
    (tmp_path / "x.extxyz").write_bytes(content)
    (found,) = read_structures(tmp_path / "x.extxyz")
    assert not isinstance(found, Reject)
