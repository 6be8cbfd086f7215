"""Which prediction the others speak for: exact sums, and what does not count."""

import math

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from epitaxy.eval import agreement

ROCK_SALT = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
CHLORIDE = Structure(Lattice.cubic(3.9), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def shaken(structure: Structure, seed: int, distance: float = 0.05) -> Structure:
    moved = structure.copy()
    moved.perturb(distance, seed=seed)
    return moved


def test_the_same_crystal_speaks_with_one_whatever_its_cell() -> None:
    """Primitive, conventional, larger, turned, moved; oxidation states are not looked at."""
    turned = Structure(
        Lattice.cubic(5.6).matrix @ np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
        [site.species_string for site in ROCK_SALT],
        ROCK_SALT.frac_coords + 0.2,
    )
    charged = ROCK_SALT.copy().add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    larger = ROCK_SALT.copy()
    larger.apply_strain(0.05)
    forms = [ROCK_SALT, ROCK_SALT.get_primitive_structure(), turned, charged, larger]
    assert agreement(forms) == pytest.approx([4.0] * 5, abs=1e-6)


def test_the_largest_cluster_wins_and_its_middle_within_it() -> None:
    unlike = CHLORIDE * (2, 2, 1)  # of 8 atoms too
    near, between, far = (ROCK_SALT.copy().translate_sites([0], [step, 0, 0]) for step in (0.04, 0.08, 0.12))
    cells = [unlike, near, between, far, shaken(unlike, 3)]
    spoken = agreement(cells)
    assert max(range(5), key=spoken.__getitem__) == 2
    assert 0.9 < spoken[0] <= 1
    assert spoken[4] == spoken[0]


def test_it_follows_an_order_and_knows_nobody_where_there_is_none() -> None:
    cells = [ROCK_SALT, None, shaken(ROCK_SALT, 1), CHLORIDE, None]
    spoken = agreement(cells)
    assert spoken[1] == spoken[4] == spoken[3] == 0
    order = [3, 2, 4, 0, 1]
    assert agreement([cells[k] for k in order]) == pytest.approx([spoken[k] for k in order])
    assert agreement([]) == []
    assert agreement([ROCK_SALT]) == [0.0]


def test_a_match_counts_by_its_distance() -> None:
    """One atom of two away by u of the body diagonal: both move by half of it about their middle."""
    moved = Structure(Lattice.cubic(4.0), ["Na", "Cl"], [[0, 0, 0], [0.6, 0.6, 0.6]])
    straight = Structure(Lattice.cubic(4.0), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    step = 0.1 * 4.0 * 3**0.5 / 2
    distance = step / (64 / 2) ** (1 / 3)
    assert agreement([moved, straight]) == pytest.approx([math.exp(-((distance / 0.4) ** 2))] * 2, abs=1e-6)
