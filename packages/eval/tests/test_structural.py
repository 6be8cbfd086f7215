from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymatgen.core.lattice import Lattice
from pymatgen.core.structure import Structure

from epitaxy.eval import structural_validity

ENTRIES = st.floats(-3, 3, width=32)
MATRICES = arrays(np.float64, (3, 3), elements=ENTRIES).filter(lambda m: abs(np.linalg.det(m)) > 0.3)
POSITIONS = st.integers(1, 5).flatmap(
    lambda n: arrays(np.float64, (n, 3), elements=st.floats(-2, 2, width=32))
)


def brute_force_distance(matrix: np.ndarray, positions: np.ndarray, reach: float) -> float:
    """The least periodic distance, self-images included, by listing every image within reach."""
    heights = 1 / np.linalg.norm(np.linalg.inv(matrix), axis=0)
    spread = np.ptp(positions, axis=0)
    turns = np.ceil(reach / heights + spread).astype(int)
    assume(np.prod(2 * turns + 1) < 50_000)
    shifts = np.array(list(product(*(range(-n, n + 1) for n in turns))))
    difference = positions[:, None] - positions[None, :]
    distance = np.linalg.norm((difference[:, :, None] + shifts) @ matrix, axis=-1)
    rows = np.arange(len(positions))
    distance[rows, rows, np.flatnonzero((shifts == 0).all(1))[0]] = np.inf
    return float(distance.min())


@given(MATRICES, POSITIONS, st.sampled_from([0.1, 0.5, 1.5]))
def test_agrees_with_listing_every_image(matrix, positions, cutoff):
    least = brute_force_distance(matrix, positions, cutoff)
    assume(abs(least - cutoff) > 1e-6)
    verdict = structural_validity(
        Structure(Lattice(matrix), ["H"] * len(positions), positions), min_distance=cutoff
    )
    assert bool(verdict) == (least > cutoff), verdict.reason


@given(MATRICES, POSITIONS, st.lists(st.integers(-3, 3), min_size=3, max_size=3))
def test_does_not_depend_on_the_choice_of_cell(matrix, positions, shear):
    basis = np.array([[1, shear[0], shear[1]], [0, 1, shear[2]], [0, 0, 1]])
    assume(abs(brute_force_distance(matrix, positions, 0.5) - 0.5) > 1e-6)
    first = Structure(Lattice(matrix), ["H"] * len(positions), positions)
    second = Structure(Lattice(basis @ matrix), ["H"] * len(positions), positions @ np.linalg.inv(basis))
    assert bool(structural_validity(first)) == bool(structural_validity(second))


def two_atoms(distance: float, edge: float = 10.0) -> Structure:
    return Structure(Lattice.cubic(edge), ["H", "H"], [[0, 0, 0], [distance / edge, 0, 0]])


def test_exactly_the_least_distance_is_valid():
    assert structural_validity(two_atoms(0.5, edge=8.0))
    assert not structural_validity(two_atoms(0.4999, edge=8.0))


def test_distance_through_the_boundary():
    close = Structure(Lattice.cubic(10), ["H", "H"], [[0.01, 0.5, 0.5], [0.99, 0.5, 0.5]])
    assert structural_validity(close).reason == "atoms 0 and 1 are 0.200 A apart (less than 0.5 A)"


def test_short_cell_meets_its_own_image():
    needle = Structure(Lattice.orthorhombic(0.4, 10, 10), ["H"], [[0, 0, 0]])
    assert "own image" in structural_validity(needle).reason
    oblique = Structure(Lattice([[10, 0, 0], [10.3, 0.3, 0], [0, 0, 10]]), ["H"], [[0.2, 0.3, 0.4]])
    assert "own image" in structural_validity(oblique).reason


def test_coincident_atoms():
    assert "0.000 A" in structural_validity(two_atoms(0.0)).reason


def test_volume():
    flat = Structure(Lattice.orthorhombic(1, 1, 0.09), ["H"], [[0, 0, 0]])
    assert "volume" in structural_validity(flat).reason
    assert "volume" in structural_validity(Structure(Lattice(np.zeros((3, 3))), ["H"], [[0, 0, 0]])).reason


def test_left_handed_cells_have_a_positive_volume(perovskite):
    mirrored = Structure(Lattice(-perovskite.lattice.matrix), perovskite.species, perovskite.frac_coords)
    assert structural_validity(mirrored)


def test_longest_side(perovskite):
    long = Structure(Lattice.orthorhombic(4, 4, 40.1), perovskite.species, perovskite.frac_coords)
    assert structural_validity(long)
    assert "above 40 A" in structural_validity(long, max_length=40.0).reason
    assert structural_validity(Structure(Lattice.cubic(40), ["H"], [[0, 0, 0]]), max_length=40.0)


@pytest.mark.parametrize("edge", [1e4, 1e300])
def test_huge_cells_are_judged_not_measured_forever(edge):
    verdict = structural_validity(Structure(Lattice.cubic(edge), ["H", "H"], [[0, 0, 0], [0.5, 0, 0]]))
    assert bool(verdict) == (edge == 1e4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none(bad):
    assert "finite" in structural_validity(Structure(Lattice.cubic(3), ["H"], [[0, 0, bad]])).reason
    assert (
        "finite"
        in structural_validity(
            Structure(Lattice([[bad, 0, 0], [0, 1, 0], [0, 0, 1]]), ["H"], [[0] * 3])
        ).reason
    )


def test_positions_far_outside_the_cell(perovskite):
    moved = perovskite.frac_coords + np.array([1e12, -7, 0])
    assert structural_validity(Structure(perovskite.lattice, perovskite.species, moved))
    assert structural_validity(Structure(perovskite.lattice, ["H"], [[1e300, 0, 0]]))


def test_nothing_there():
    assert structural_validity(None).reason == "no structure: it could not be read"
    assert structural_validity(Structure(Lattice.cubic(3), [], [])).reason == "no atoms"


def test_many_atoms_take_no_pairwise_table():
    grid = np.stack(np.meshgrid(*[np.arange(30) / 30] * 3), axis=-1).reshape(-1, 3)
    assert structural_validity(Structure(Lattice.cubic(60), ["H"] * len(grid), grid))
