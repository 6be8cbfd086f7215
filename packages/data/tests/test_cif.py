import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.data._cif import parse_cif
from epitaxy.data._crystal import check
from epitaxy.data._plain_cif import read_plain_cif
from epitaxy.data.errors import UnusableRecordError

LENGTH = r"_cell_length_a +\S+"


@st.composite
def cif_texts(draw):
    """CIFs of random P1 structures, with the coordinates readers stumble over, as pymatgen writes them."""
    atoms = draw(st.integers(1, 8))
    special = st.sampled_from([0.0, 1 / 3, 2 / 3, 0.33335, 0.5, 0.99999999, -0.25, 1.0, -1e-9])
    coordinate = st.one_of(special, st.floats(-1.0, 2.0))
    # distinct first coordinates, apart from their multiples of 1, keep atoms off each other
    positions = [[(i + 0.2) / atoms, draw(coordinate), draw(coordinate)] for i in range(atoms)]
    symbols = draw(
        st.lists(st.sampled_from(["O", "Fe", "Sr", "C", "Yb", "H"]), min_size=atoms, max_size=atoms)
    )
    lengths = [draw(st.floats(3.0, 12.0)) for _ in range(3)]
    angles = [draw(st.floats(65.0, 110.0)) for _ in range(3)]
    return str(Structure(Lattice.from_parameters(*lengths, *angles), symbols, positions).to(fmt="cif"))


@given(cif_texts())
def test_the_plain_reader_reads_what_pymatgen_reads(text):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = Structure.from_str(text, fmt="cif")
    crystal = read_plain_cif(text)
    assert crystal is not None
    assert crystal.numbers.tolist() == list(expected.atomic_numbers)
    np.testing.assert_allclose(crystal.positions, expected.frac_coords, atol=1e-14)
    np.testing.assert_allclose(crystal.lattice, expected.lattice.matrix, atol=1e-12)


@given(cif_texts(), st.data())
def test_a_cif_cut_anywhere_is_rejected_or_complete(text, data):
    """Cutting blanks at the end, or the title, loses nothing; any other cut is noticed."""
    cut = data.draw(st.integers(0, len(text)))
    try:
        found = parse_cif(text[:cut])
    except UnusableRecordError:
        return
    assert sorted(found.numbers.tolist()) == sorted(parse_cif(text).numbers.tolist())
    np.testing.assert_allclose(found.lattice, parse_cif(text).lattice, atol=1e-12)


def test_only_the_plain_form_takes_the_fast_path(rocksalt, rocksalt_cif):
    assert read_plain_cif(rocksalt_cif) is not None
    symmetric = rocksalt.to(fmt="cif", symprec=0.01)
    assert read_plain_cif(symmetric) is None
    assert len(parse_cif(symmetric).numbers) == 8
    assert len(parse_cif(rocksalt_cif.replace("\n", "\r\n")).numbers) == 2


FAULTS = {
    "empty": (lambda _: " \n", "its CIF is empty"),
    "no CIF": (lambda _: "hello world", "truncated or unparseable CIF"),
    "cut in a line": (lambda t: t[:-8], "truncated or unparseable CIF"),
    "cut between lines": (lambda t: t[: t.rindex("  Na  Na1")], "truncated or incomplete"),
    "half occupied": (lambda t: t.replace("0.00000000  1\n", "0.00000000  0.5\n"), "partial occupancies"),
    "one spot": (lambda t: t.replace("0.50000000", "0.00000000"), "two atoms on one spot"),
    "nearly one spot": (lambda t: t.replace("0.50000000", "0.00090000"), "two atoms on one spot"),
    "dummy": (lambda t: t.replace("  Na  Na1", "  Xx  Na1"), "unknown element Xx"),
    "unknown element": (lambda t: t.replace("  Na  Na1", "  Nx  Na1"), "unknown element Nx"),
    "no volume": (lambda t: re.sub(LENGTH, "_cell_length_a 0.0", t), "zero volume"),
    "impossible angles": (
        lambda t: re.sub(r"_cell_angle_alpha +\S+", "_cell_angle_alpha 170.0", t),
        "zero volume",
    ),
    "angle of zero": (
        lambda t: re.sub(r"_cell_angle_alpha +\S+", "_cell_angle_alpha 0.0", t),
        "not a finite number",
    ),
    "length not a number": (lambda t: re.sub(LENGTH, "_cell_length_a nan", t), "not a finite number"),
    "infinite": (lambda t: t.replace("0.50000000", "inf", 1), "truncated or unparseable CIF"),
    "unknown coordinate": (lambda t: t.replace("0.50000000", "?", 1), "truncated or unparseable CIF"),
    "two structures": (lambda t: t + t.replace("data_", "data_b"), "holds 2 structures"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_has_its_reason(fault, rocksalt_cif):
    spoil, reason = FAULTS[fault]
    spoiled = spoil(rocksalt_cif)
    assert spoiled != rocksalt_cif
    with pytest.raises(UnusableRecordError, match=re.escape(reason)) as caught:
        check(parse_cif(spoiled), max_atoms=256)
    assert "\n" not in str(caught.value)


def test_too_many_atoms_names_the_limit(rocksalt_cif):
    with pytest.raises(UnusableRecordError, match="2 atoms, more than the limit of 1; raise max_atoms"):
        check(parse_cif(rocksalt_cif), max_atoms=1)
