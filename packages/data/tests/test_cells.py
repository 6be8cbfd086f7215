import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from pymatgen.core.lattice import Lattice

from epitaxy.data._cells import check_cell, to_cell, wrap
from epitaxy.data._crystal import Crystal, check
from epitaxy.data.convert import positions_as
from epitaxy.data.errors import DataError, UnusableRecordError
from epitaxy.geometry.testing import fractional_coordinates, lattices


@st.composite
def crystals(draw):
    """Cells that preparation accepts, of either hand."""
    lattice = draw(lattices(flatness=0.05))[0].numpy() * draw(st.sampled_from([1.0, -1.0]))
    positions = draw(fractional_coordinates(dtype=torch.float64)).numpy()
    crystal = Crystal(lattice, positions, np.full(len(positions), 6))
    try:
        check(crystal, max_atoms=256)
    except UnusableRecordError:
        assume(False)
    return crystal


def distances(crystal: Crystal) -> np.ndarray:
    return np.sort(crystal.structure().distance_matrix.ravel())


@given(crystals(), st.sampled_from(["niggli", "as_given"]))
def test_every_cell_describes_the_same_crystal_in_standard_form(crystal, cell):
    found = to_cell(crystal, cell)
    standard = Lattice.from_parameters(*Lattice(found.lattice).parameters).matrix
    np.testing.assert_allclose(found.lattice, standard, atol=1e-6)
    assert np.linalg.det(found.lattice) > 0
    assert ((found.positions >= 0) & (found.positions < 1)).all()
    np.testing.assert_allclose(distances(found), distances(crystal), rtol=1e-6, atol=1e-5)


@given(crystals())
def test_the_niggli_cell_is_reduced_and_found_again(crystal):
    found = to_cell(crystal, "niggli").lattice
    gram = found @ found.T
    tolerance = 1e-4
    assert gram[0, 0] <= gram[1, 1] + tolerance
    assert gram[1, 1] <= gram[2, 2] + tolerance
    assert 2 * abs(gram[1, 2]) <= gram[1, 1] + tolerance
    assert 2 * abs(gram[0, 2]) <= gram[0, 0] + tolerance
    assert 2 * abs(gram[0, 1]) <= gram[0, 0] + tolerance
    again = to_cell(to_cell(crystal, "niggli"), "niggli").lattice
    np.testing.assert_allclose(np.diag(again @ again.T), np.diag(gram), rtol=1e-6, atol=tolerance)


@given(crystals(), st.integers(0, 2**31))
def test_another_basis_has_the_same_niggli_lengths(crystal, seed):
    rng = np.random.default_rng(seed)
    shear = np.eye(3) + np.triu(rng.integers(-2, 3, (3, 3)), k=1)
    shear = shear[rng.permutation(3)]
    other = Crystal(shear @ crystal.lattice, crystal.positions @ np.linalg.inv(shear), crystal.numbers)
    first, second = (Lattice(to_cell(c, "niggli").lattice).abc for c in (crystal, other))
    np.testing.assert_allclose(first, second, rtol=1e-4)


def test_a_chiral_crystal_keeps_its_hand():
    """A left-handed basis (c -> -c) comes out as the basis with a, b -> -a, -b: a rotation of the crystal."""
    lattice = Lattice.from_parameters(4.0, 5.0, 6.0, 80.0, 75.0, 70.0).matrix
    positions = np.array([[0.1, 0.2, 0.3], [0.4, 0.15, 0.8], [0.7, 0.6, 0.05]])
    left = np.diag([1.0, 1.0, -1.0])
    found = to_cell(Crystal(left @ lattice, positions @ left, np.array([6, 7, 8])), "as_given")
    flip = np.diag([-1.0, -1.0, 1.0])
    np.testing.assert_allclose(found.positions, wrap(positions @ flip), atol=1e-12)
    np.testing.assert_allclose(found.lattice @ found.lattice.T, flip @ lattice @ lattice.T @ flip, atol=1e-12)
    rotation = np.linalg.inv(flip @ lattice) @ found.lattice
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0)


def test_primitive_halves_a_doubled_cell(rocksalt):
    doubled = rocksalt * (2, 1, 1)
    crystal = Crystal(doubled.lattice.matrix, doubled.frac_coords, np.array(doubled.atomic_numbers))
    assert len(to_cell(crystal, "primitive").numbers) == 2
    assert len(to_cell(crystal, "niggli").numbers) == 4


def test_an_unknown_cell_names_the_known():
    with pytest.raises(DataError, match="niggli, primitive, as_given"):
        check_cell("conventional")


@given(fractional_coordinates(dtype=torch.float64))
def test_wrapping_never_gives_one(positions):
    wrapped = wrap(positions.numpy())
    assert ((wrapped >= 0) & (wrapped < 1)).all()
    single = positions_as(torch.from_numpy(wrapped), torch.float32)
    assert bool(((single >= 0) & (single < 1)).all())


def test_what_rounds_to_one_in_float32_becomes_zero():
    nearly = torch.tensor([[1.0 - 1e-12, 0.5, 0.0]], dtype=torch.float64)
    assert positions_as(nearly, torch.float32).tolist() == [[0.0, 0.5, 0.0]]
    assert positions_as(nearly, torch.float64).tolist() == nearly.tolist()
