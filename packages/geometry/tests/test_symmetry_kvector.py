import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import gram, is_right_handed, lattice_matrix, lattice_parameters, volume
from epitaxy.geometry.symmetry import (
    HEXAGONAL_K1,
    constrain_k,
    lattice_bias,
    lattice_from_k,
    lattice_mask,
    lattice_to_k,
    space_group,
    symmetrize_metric,
)
from epitaxy.geometry.testing import Tolerance, lattices, random_orthogonal

# One group of each family: triclinic, monoclinic, orthorhombic, tetragonal, hexagonal (trigonal too), cubic.
FAMILIES = [2, 14, 62, 139, 166, 194, 225]
EVERY = torch.arange(1, 231)
DTYPES = [torch.float32, torch.float64]


def cell(*parameters: float) -> Tensor:
    values = torch.tensor(parameters, dtype=torch.float64)
    return lattice_matrix(values[:3], torch.deg2rad(values[3:]))


# Half the logarithm of the metric, from the notes on SymmCD, whose own code gives other values for the last.
KNOWN = [
    ((4, 4, 4, 90, 90, 90), [0, 0, 0, 0, 0, 1.38629]),
    ((4, 4, 6, 90, 90, 90), [0, 0, 0, 0, -0.13516, 1.52145]),
    ((3, 4, 5, 90, 90, 90), [0, 0, 0, -0.14384, -0.12233, 1.36478]),
    ((3, 3, 5, 90, 90, 120), [-0.27465, 0, 0, 0, -0.19425, 1.22094]),
    ((4, 5, 6, 80, 75, 70), [0.16762, 0.11839, 0.07230, -0.12252, -0.10653, 1.56207]),
]


@pytest.mark.parametrize(("parameters", "k"), KNOWN)
def test_known_cells(parameters: tuple[float, ...], k: list[float]):
    found = lattice_to_k(cell(*parameters))
    torch.testing.assert_close(found, torch.tensor(k, dtype=torch.float64), rtol=0, atol=6e-6)


# The cells that SymmCD's map does not bring back, and one of each other system.
CELLS = [
    (5, 6, 7, 90, 100, 90),
    (5, 6, 7, 90, 120, 90),
    (4, 5, 6, 80, 75, 70),
    (4, 4, 4, 60, 60, 60),
    (3, 4, 5, 90, 90, 90),
    (4, 4, 6, 90, 90, 90),
    (3, 3, 5, 90, 90, 120),
    (4, 4, 4, 90, 90, 90),
]


@pytest.mark.parametrize("parameters", CELLS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_cells_of_every_system_come_back(parameters: tuple[float, ...], dtype: torch.dtype, tolerance: float):
    lattice = cell(*parameters).to(dtype)
    back = lattice_from_k(lattice_to_k(lattice))
    assert back.dtype == dtype
    for there, here in zip(lattice_parameters(back), lattice_parameters(lattice), strict=True):
        torch.testing.assert_close(there, here, rtol=tolerance, atol=0)


@given(lattices(3, flatness=0.05))
def test_any_cell_comes_back(lattice: Tensor):
    back = lattice_from_k(lattice_to_k(lattice))
    scale = gram(lattice).diagonal(dim1=-2, dim2=-1).sum(-1)[:, None, None]
    torch.testing.assert_close(gram(back) / scale, gram(lattice) / scale, rtol=0, atol=1e-10)


@given(st.integers(0, 2**31), st.sampled_from(FAMILIES), st.sampled_from(DTYPES))
def test_k_comes_back_and_fixed_components_stay(seed: int, number: int, dtype: torch.dtype):
    rng = torch.Generator().manual_seed(seed)
    numbers = torch.full((4,), number)
    k = constrain_k(torch.randn(4, 6, generator=rng, dtype=dtype) / 4, numbers)
    back = lattice_to_k(lattice_from_k(k))
    atol = 1e-10 if dtype == torch.float64 else 1e-5
    torch.testing.assert_close(back, k, rtol=0, atol=atol)
    assert torch.equal(constrain_k(back, numbers)[~lattice_mask(numbers)], k[~lattice_mask(numbers)])


@given(lattices(2, flatness=0.05), st.integers(0, 2**31))
def test_k_knows_no_orientation(lattice: Tensor, seed: int):
    rng = torch.Generator().manual_seed(seed)
    turned = lattice @ random_orthogonal(2, rng=rng, reflections=True)
    torch.testing.assert_close(lattice_to_k(turned), lattice_to_k(lattice), rtol=0, atol=1e-9)
    torch.testing.assert_close(lattice_to_k(lattice)[:, 5], volume(lattice).log() / 3, rtol=0, atol=1e-9)


def test_masks_are_those_of_the_papers_table():
    rows = {(1, 2): "111111", (3, 15): "010111", (16, 74): "000111", (75, 142): "000011",
            (143, 194): "000011", (195, 230): "000001"}  # fmt: skip
    for (first, last), free in rows.items():
        mask = lattice_mask(torch.arange(first, last + 1))
        assert torch.equal(mask, torch.tensor([digit == "1" for digit in free]).expand_as(mask))
    bias = lattice_bias(EVERY, torch.float64)
    hexagonal = (EVERY >= 143) & (EVERY <= 194)
    assert (bias[hexagonal, 0] == -math.log(3) / 4).all()
    assert not bias[~hexagonal].any()
    assert not bias[:, 1:].any()
    assert math.tanh(2 * HEXAGONAL_K1) == pytest.approx(-0.5, abs=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_constrained_cells_have_the_symmetry_of_every_operator(dtype: torch.dtype):
    rng = torch.Generator().manual_seed(0)
    k = constrain_k(torch.randn(230, 6, generator=rng, dtype=dtype) / 2, EVERY)
    lattice = lattice_from_k(k)
    assert is_right_handed(lattice).all()
    metric = gram(lattice)
    for number in range(1, 231):
        rotations = space_group(number).rotations.to(dtype)
        own = metric[number - 1]
        moved = rotations.transpose(-1, -2) @ own @ rotations
        size = own.diagonal().max()
        Tolerance.loose(dtype).assert_close(moved / size, (own / size).expand_as(moved))
    Tolerance.loose(dtype).assert_close(symmetrize_metric(metric, EVERY), metric)


def test_masks_leave_nothing_out():
    """The metrics that a group keeps have as many dimensions as k has free components."""
    rows, columns = torch.triu_indices(3, 3)
    for number in range(1, 231):
        rotations = space_group(number).rotations.double()
        basis = torch.zeros(6, 3, 3, dtype=torch.float64)
        basis[torch.arange(6), rows, columns] = 1
        basis = (basis + basis.transpose(-1, -2)) / 2
        mean = (rotations.transpose(-1, -2) @ basis[:, None] @ rotations).mean(1)
        dimensions = torch.linalg.matrix_rank(mean.flatten(1), atol=1e-9, rtol=0.0)
        assert int(dimensions) == int(lattice_mask(torch.tensor(number)).sum()), number


def test_symmetrized_metrics_are_averages_over_the_lattices_point_group():
    rng = torch.Generator().manual_seed(1)
    # Groups with the full symmetry of their family's lattice.
    for number in [2, 10, 47, 123, 191, 221]:
        metric = gram(torch.randn(3, 3, generator=rng, dtype=torch.float64))
        rotations = space_group(number).rotations.double()
        mean = (rotations.transpose(-1, -2) @ metric @ rotations).mean(0)
        Tolerance.EXACT64.assert_close(symmetrize_metric(metric, torch.tensor(number)), mean)


@pytest.mark.parametrize("parameters", CELLS)
def test_gradients_are_right_also_where_singular_values_coincide(parameters: tuple[float, ...]):
    lattice = cell(*parameters).requires_grad_()
    assert torch.autograd.gradcheck(lattice_to_k, (lattice,), atol=1e-6)
    k = lattice_to_k(lattice.detach()).requires_grad_()
    assert torch.autograd.gradcheck(lattice_from_k, (k,), atol=1e-6)


def test_leading_dimensions_broadcast():
    lattice = cell(4, 5, 6, 80, 75, 70).expand(2, 3, 3, 3)
    k = lattice_to_k(lattice)
    assert k.shape == (2, 3, 6)
    assert lattice_from_k(k).shape == (2, 3, 3, 3)
    assert constrain_k(k, torch.ones(2, 3, dtype=torch.int64)).shape == (2, 3, 6)
    assert lattice_to_k(lattice[:0]).shape == (0, 3, 6)


def test_flat_cells_are_refused():
    with pytest.raises(ValueError, match="flat or not finite"):
        lattice_to_k(torch.ones(2, 3, 3))
    with pytest.raises(ValueError, match="flat or not finite"):
        lattice_to_k(torch.full((3, 3), torch.nan))


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match="numbers 1 to 230, not 231"):
        lattice_mask(torch.tensor([225, 231]))
