import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import (
    gram,
    is_right_handed,
    lattice_matrix,
    lattice_parameters,
    reciprocal,
    volume,
)
from epitaxy.geometry.testing import Tolerance, lattices, random_orthogonal

# What pymatgen's Lattice.from_parameters gives (2026.5): parameters with angles in degrees, matrix.
KNOWN = [
    (
        [3.0, 4.0, 5.0, 80.0, 95.0, 110.0],
        [
            [2.98858409427524, 0.0, -0.261467228242975],
            [-1.31253743088773, 3.71413333885658, 0.694592710667722],
            [0.0, 0.0, 5.0],
        ],
    ),
    (
        [2.5, 2.5, 2.5, 60.0, 60.0, 60.0],
        [[2.1650635094611, 0.0, 1.25], [0.721687836487032, 2.04124145231931, 1.25], [0.0, 0.0, 2.5]],
    ),
    (
        [4.0, 4.0, 6.0, 90.0, 90.0, 120.0],
        [[4.0, 0.0, 2.44929359829471e-16], [-2.0, 3.46410161513775, 2.44929359829471e-16], [0.0, 0.0, 6.0]],
    ),
    (
        [5.0, 6.0, 7.0, 100.0, 70.0, 169.0],
        [
            [4.69846310392954, 0.0, 1.71010071662834],
            [-5.88853836946684, 0.489472211124531, -1.04188906600158],
            [0.0, 0.0, 7.0],
        ],
    ),
]


@pytest.mark.parametrize(("parameters", "matrix"), KNOWN)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_matrices_are_those_of_pymatgen(
    parameters: list[float], matrix: list[list[float]], dtype: torch.dtype
):
    p = torch.tensor(parameters, dtype=dtype)
    ours = lattice_matrix(p[:3], torch.deg2rad(p[3:]))
    torch.testing.assert_close(ours, torch.tensor(matrix, dtype=dtype), rtol=1e-6, atol=1e-6)
    if dtype == torch.float64:
        Tolerance.LOOSE64.assert_close(ours, torch.tensor(matrix, dtype=dtype))


@given(lattices(2, flatness=1e-6))
def test_parameters_round_trip(matrix: Tensor):
    lengths, angles = lattice_parameters(matrix)
    Tolerance.LOOSE64.assert_close(lattice_matrix(lengths, angles), matrix)


@given(lattices(1, flatness=1e-4, dtype=torch.float32))
def test_parameters_round_trip_in_float32(matrix: Tensor):
    lengths, angles = lattice_parameters(matrix)
    again, _ = lattice_parameters(lattice_matrix(lengths, angles))
    Tolerance.LOOSE32.assert_close(again, lengths)


@given(lattices(1), st.integers(0, 99))
def test_invariants_under_rotation_and_reflection(matrix: Tensor, seed: int):
    orthogonal = random_orthogonal(rng=torch.Generator().manual_seed(seed), reflections=True)
    turned = matrix @ orthogonal
    assert is_right_handed(turned).item() == (torch.linalg.det(orthogonal) > 0).item()
    size = gram(matrix).diagonal(dim1=-2, dim2=-1).max()
    Tolerance.LOOSE64.assert_close(gram(turned) / size, gram(matrix) / size)
    Tolerance.LOOSE64.assert_close(volume(turned) / size**1.5, volume(matrix) / size**1.5)
    for ours, theirs in zip(lattice_parameters(turned), lattice_parameters(matrix), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@given(lattices(3))
def test_reciprocal_vectors_are_dual(matrix: Tensor):
    products = matrix @ reciprocal(matrix).transpose(-1, -2)
    torch.testing.assert_close(products, torch.eye(3).double().expand(3, 3, 3), rtol=0, atol=1e-7)


@given(lattices(1))
def test_volume_is_the_root_of_grams_determinant(matrix: Tensor):
    torch.testing.assert_close(volume(matrix).square(), torch.linalg.det(gram(matrix)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("gamma", [60.0, 179.0, 1.0, 120.0, 100.0])
def test_gradients_are_finite_also_for_flat_and_impossible_cells(gamma: float):
    # alpha = beta = 60: gamma = 120 is flat, 179 impossible.
    lengths = torch.tensor([3.0, 4.0, 5.0], requires_grad=True)
    angles = torch.deg2rad(torch.tensor([60.0, 60.0, gamma])).requires_grad_()
    matrix = lattice_matrix(lengths, angles)
    measured = torch.cat(lattice_parameters(matrix))
    gradients = torch.autograd.grad(measured.sum() + volume(matrix), (lengths, angles))
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_impossible_angles_give_a_flat_cell():
    angles = torch.deg2rad(torch.tensor([60.0, 60.0, 150.0], dtype=torch.float64))
    matrix = lattice_matrix(torch.ones(3, dtype=torch.float64), angles)
    assert volume(matrix).item() == 0.0
    Tolerance.EXACT64.assert_close(lattice_parameters(matrix)[0], torch.ones(3, dtype=torch.float64))


def test_nearly_straight_angles_keep_their_digits():
    small = 1e-6
    matrix = torch.tensor([[1.0, 0.0, 0.0], [math.cos(small), math.sin(small), 0.0], [0.0, 0.0, 1.0]])
    _, angles = lattice_parameters(matrix)
    Tolerance.EXACT32.assert_close(angles[2] / small, torch.tensor(1.0))
