"""Crystals that have no symmetry worth the search: refused at once, and no others."""

import time

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from epitaxy.data import DataError
from epitaxy.data.wyckoff import WyckoffDataset


def grid(atoms: int, spacing: float, elements: tuple[str, ...] = ("C",)) -> Structure:
    """A simple cubic lattice of atoms, as a cell of `atoms` cubed."""
    points = np.stack(np.meshgrid(*[np.arange(atoms) / atoms] * 3), -1).reshape(-1, 3)
    names = [elements[i % len(elements)] for i in range(len(points))]
    return Structure(Lattice.cubic(atoms * spacing), names, points)


def flat(thickness: float) -> Structure:
    return Structure(Lattice.tetragonal(4.0, thickness), ["C"], [[0, 0, 0]])


HYDROGEN = Structure.from_spacegroup("Fm-3m", Lattice.cubic(0.62), ["H"], [[0, 0, 0]])
"""Nearly too dense, as far apart as hydrogen may be, and each atom with twelve neighbours."""


@pytest.mark.parametrize(
    ("crystal", "why"),
    [
        (grid(3, 0.2), "on one spot"),
        (grid(4, 0.3), "on one spot"),
        (flat(0.03), "on one spot"),
        (
            HYDROGEN * 2,
            r"symmetry cannot be told at symprec 0\.1",
        ),
    ],
)
def test_a_crowd_is_refused_at_once(crystal, why):
    began = time.process_time()
    with pytest.raises(DataError, match=why):
        WyckoffDataset.from_structures([crystal])
    assert time.process_time() - began < 1  # spglib takes 6 seconds for the first, minutes for others


@pytest.mark.parametrize(
    ("crystal", "group"),
    [(grid(2, 1.5), 221), (flat(0.6), 123), (Structure(Lattice.cubic(0.5), ["H"], [[0, 0, 0]]), 221)],
)
def test_small_cells_have_their_group(crystal, group):
    assert WyckoffDataset.from_structures([crystal]).space_groups.tolist() == [group]


def test_a_large_tolerance_refuses_no_metal():
    iron = Structure(Lattice.cubic(2.87), ["Fe"] * 2, [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert WyckoffDataset.from_structures([iron], symprec=0.6).space_groups.tolist() == [229]


def test_garbage_is_a_unit_without_symmetry():
    rng = np.random.default_rng(0)
    names = ["Li", "Tb", "Sc", "Be", "Zn", "In", "Ga", "Sb", "Ar", "B", "N", "He", "C", "Li", "Li", "Be"]
    lattice = Lattice([[6.5436, 0, 10.3912], [2.574, 5.5448, 10.4192], [0, 0, 19.08]])
    unit = WyckoffDataset.from_structures([Structure(lattice, names, rng.random((16, 3)))])
    assert (unit.space_groups.tolist(), unit.counts.tolist()) == ([1], [16])
