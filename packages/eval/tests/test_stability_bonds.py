"""Distances that no bond has, which potentials take for deep minima, are told from bonds."""

import pytest
from pymatgen.core import Lattice, Structure

from epitaxy.eval.stability import impossible_bond

BONDS = [
    ("H", "H", 0.74),
    ("N", "N", 1.10),
    ("O", "H", 0.96),
    ("Cr", "Cr", 1.83),
    ("W", "O", 1.7),
    ("C", "C", 1.2),
]
HOLES = [("O", "W", 0.97), ("Na", "Cl", 1.2), ("Cs", "Cs", 2.5), ("O", "O", 0.7)]


def pair(one: str, other: str, distance: float) -> Structure:
    return Structure(Lattice.cubic(12.0), [one, other], [[0, 0, 0], [0, 0, distance / 12.0]])


@pytest.mark.parametrize(("one", "other", "distance"), BONDS)
def test_bonds_are_let_be(one: str, other: str, distance: float):
    assert impossible_bond(pair(one, other, distance)) is None


@pytest.mark.parametrize(("one", "other", "distance"), HOLES)
def test_holes_are_named(one: str, other: str, distance: float):
    reason = impossible_bond(pair(one, other, distance))
    assert reason is not None
    assert f"{min(one, other)}-{max(one, other)} of {distance:.2f} angstrom" in reason


def test_an_atom_meets_its_own_image():
    assert impossible_bond(Structure(Lattice.cubic(1.0), ["Na"], [[0, 0, 0]])) is not None
    assert impossible_bond(Structure(Lattice.cubic(4.0), ["Na"], [[0, 0, 0]])) is None
