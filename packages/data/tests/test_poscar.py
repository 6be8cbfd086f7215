"""POSCAR as VASP reads it, and nothing that VASP would pass over in silence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure
from pymatgen.io.vasp.inputs import Poscar

from epitaxy.data._poscar import parse_poscar
from epitaxy.data.errors import UnusableRecordError


def poscar(
    scale="1.0",
    cell=("4 0 0", "0 4 0", "0 0 5"),
    names="Na Cl",
    counts="1 1",
    mode="Direct",
    rest="0 0 0\n.5 .5 .5\n",
) -> str:
    return "\n".join(["title", scale, *cell, *([names] if names else []), counts, mode, rest])


@given(
    seed=st.integers(0, 10**6),
    sites=st.lists(st.sampled_from(["Na", "Cl", "O", "Ti"]), min_size=1, max_size=6),
)
def test_what_pymatgen_writes_is_read_back(seed, sites):
    rng = np.random.default_rng(seed)
    structure = Structure(
        Lattice.from_parameters(4, 5, 6, 80, 95, 110), sites, rng.uniform(-1, 2, (len(sites), 3))
    )
    found = parse_poscar(Poscar(structure, sort_structure=False).get_str(significant_figures=14))
    np.testing.assert_allclose(found.lattice, structure.lattice.matrix, atol=1e-10)
    np.testing.assert_allclose(found.positions, structure.frac_coords, atol=1e-10)
    assert found.numbers.tolist() == list(structure.atomic_numbers)


@given(scale=st.floats(0.1, 10), mode=st.sampled_from(["Cartesian", "cart", "K"]))
def test_a_scale_multiplies_the_cell_and_cartesian_positions_alike(scale, mode):
    one = parse_poscar(poscar("1.0", mode=mode, rest="0 0 0\n1 2 3\n"))
    other = parse_poscar(poscar(repr(scale), mode=mode, rest="0 0 0\n1 2 3\n"))
    np.testing.assert_allclose(other.lattice, scale * one.lattice, rtol=1e-12)
    np.testing.assert_allclose(other.positions, one.positions, atol=1e-12)
    same_shape = parse_poscar(poscar(repr(-80.0 * scale**3), mode=mode, rest="0 0 0\n1 2 3\n"))
    np.testing.assert_allclose(same_shape.lattice, other.lattice, rtol=1e-12)
    np.testing.assert_allclose(same_shape.positions, one.positions, atol=1e-12)


def test_a_negative_scale_is_the_volume():
    """By hand: (80 / 1.25)^(1/3) = 4."""
    cell = ("1 0 0", "0 1 0", "0 0 1.25")
    found = parse_poscar(poscar("-80.0", cell, mode="Cartesian", rest="0 0 0\n.41 .33 .52\n"))
    np.testing.assert_allclose(found.lattice, np.diag([4, 4, 5]), rtol=1e-12)
    np.testing.assert_allclose(found.positions[1], [0.41, 0.33, 0.416], rtol=1e-12)


LEGAL = {
    "three scales": poscar("1 1 0.5", ("4 0 0", "0 4 0", "0 0 10"), mode="Cart", rest="0 0 0\n2 2 5\n"),
    "comments": poscar(
        "1.0 ! scale", names="Na Cl # species", counts="1 1 ! counts", rest="0 0 0 # a\n.5 .5 .5 !b\n"
    ),
    "lower case": poscar(names="na cl", mode="direct"),
    "upper case": poscar(names="NA CL"),
    "signs of a printer": poscar(rest="0 0 0\n\uff10.5 5e\u22121 .5\n"),
    "numbered names": poscar(names="Na1 Cl2"),
    "potentials": poscar(names="Na_pv Cl/0123abcd"),
    "Fortran": poscar("1.0D0", rest="0.0D0 0 0\n5.0d-1 .5 .5\n"),
    "flags and labels": poscar(mode="Selective\nDirect", rest="0 0 0 Na T T F\n.5 .5 .5 F F F Cl\n"),
    "a count of none": poscar(names="Na K Cl", counts="1 0 1"),
    "names on two lines": poscar(names="Na\nCl", counts="1\n1"),
    "labels instead of names": poscar(names="", rest="0 0 0 Na\n.5 .5 .5 Cl\n"),
    "velocities": poscar(rest="0 0 0\n.5 .5 .5\n\n0 0 .1\n0 .1 0\n\n1\n0.5E+00\n1. 1. 1.\n"),
    "velocities with a mode": poscar(rest="0 0 0\n.5 .5 .5\nCartesian\n0 0 .1\n0 .1 0\n"),
    "a cell's velocities": poscar(
        rest="0 0 0\n.5 .5 .5\nLattice velocities and vectors\n1\n" + "0 0 0\n" * 6 + "\n0 0 .1\n0 .1 0\n"
    ),
}


@pytest.mark.parametrize("name", LEGAL)
def test_what_is_legal_is_read(name):
    found = parse_poscar(LEGAL[name])
    np.testing.assert_allclose(found.lattice, np.diag([4, 4, 5]), rtol=1e-12)
    np.testing.assert_allclose(found.positions, [[0, 0, 0], [0.5, 0.5, 0.5]], atol=1e-12)
    assert found.numbers.tolist() == [11, 17]


REFUSED = {
    "scale 0": (poscar("0"), "scale"),
    "two scales": (poscar("1 1"), "scale"),
    "a negative scale of three": (poscar("1 1 -1"), "scale"),
    "no volume": (poscar("-64", ("1 0 0", "1 0 0", "0 0 1")), "zero volume"),
    "surplus names": (poscar(names="Na Cl O"), "3 names of elements and 2 counts"),
    "surplus counts": (poscar(counts="1 1 1"), "Direct or Cartesian|2 names"),
    "surplus positions": (poscar(rest="0 0 0\n.5 .5 .5\n.1 .1 .1\n"), "goes on after its 2 positions"),
    "surplus positions after a blank": (
        poscar(rest="0 0 0\n.5 .5 .5\n\n.1 .1 .1\n"),
        "no block of velocities",
    ),
    "another POSCAR": (poscar() + poscar(), "goes on after"),
    "another POSCAR after a blank": (poscar() + "\n" + poscar(), "no block of velocities|goes on after"),
    "too few": (poscar(counts="1 2"), "where a position belongs"),
    "cut": (poscar()[:40], "cut short|belongs"),
    "no mode": (poscar(mode="0 0 0"), "Direct or Cartesian"),
    "no names": (poscar(names=""), "name its elements"),
    "unknown": (poscar(names="Na Qq"), "unknown element Qq"),
    "water or tungsten": (poscar(names="W1 Cl"), "unknown element W1"),
    "holmium or hydrogen": (poscar(names="HO1 Cl"), "unknown element HO1"),
    "contradiction": (poscar(rest="0 0 0 Cl\n.5 .5 .5 Na\n"), "another element"),
    "glued": (poscar(rest="0.0000000-0.0000000 0.0\n.5 .5 .5\n"), "position"),
    "not finite": (poscar(rest="0 0 nan\n.5 .5 .5\n"), "not a finite number"),
    "infinite": (poscar(rest="0 0 1e400\n.5 .5 .5\n"), "not a finite number"),
    "digits": (poscar(counts="1" * 5000 + " 1"), "no count"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_belong_together_is_refused(name):
    text, reason = REFUSED[name]
    with pytest.raises(UnusableRecordError, match=reason) as caught:
        parse_poscar(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
