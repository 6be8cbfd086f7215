import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import (
    gram,
    lattice_from_log,
    lattice_matrix,
    lattice_parameters,
    lattice_to_log,
    volume,
)
from epitaxy.geometry.testing import Tolerance, lattices, random_orthogonal


@given(lattices(3, flatness=1e-6))
def test_round_trip(matrix: Tensor):
    again = lattice_from_log(lattice_to_log(matrix))
    lengths, angles = lattice_parameters(matrix)
    # Beside the lengths' products, and over sin(beta), by which the standard form divides.
    scale = lengths[:, :, None] * lengths[:, None, :] / angles[:, 1].sin()[:, None, None]
    torch.testing.assert_close(gram(again) / scale, gram(matrix) / scale, rtol=0, atol=1e-14)
    # `lattices` gives the standard form, which is what comes back.
    Tolerance.LOOSE64.assert_close(again, matrix)


@given(lattices(1, flatness=1e-3, dtype=torch.float32))
def test_round_trip_in_float32(matrix: Tensor):
    vector = lattice_to_log(matrix)
    assert vector.dtype == torch.float32
    again = lattice_from_log(vector)
    size = gram(matrix).diagonal(dim1=-2, dim2=-1).max()
    # The standard form divides by sin(beta), and beta is 5 degrees or more: 10 last places over that.
    atol = 10 * 2.0**-23 / math.sin(math.radians(5.0))
    torch.testing.assert_close(gram(again) / size, gram(matrix) / size, rtol=0, atol=atol)


@given(
    logs=st.lists(st.floats(-1.0, 4.0), min_size=3, max_size=3),
    tangents=st.lists(st.floats(-0.55, 0.55), min_size=3, max_size=3),
)
def test_round_trip_of_vectors(logs: list[float], tangents: list[float]):
    # 61 to 119 degrees: not every such triple is a cell, but all whose sum is below 357 degrees are.
    vector = torch.tensor(logs + tangents, dtype=torch.float64)
    if math.fsum(math.atan(t) for t in tangents) < math.radians(87.0):
        Tolerance.LOOSE64.assert_close(lattice_to_log(lattice_from_log(vector)), vector)


@given(lattices(1), st.integers(0, 99))
def test_rotations_and_reflections_change_nothing(matrix: Tensor, seed: int):
    orthogonal = random_orthogonal(rng=torch.Generator().manual_seed(seed), reflections=True)
    torch.testing.assert_close(
        lattice_to_log(matrix @ orthogonal), lattice_to_log(matrix), rtol=1e-9, atol=1e-12
    )


@given(lattices(2))
def test_it_is_logarithms_and_tangents(matrix: Tensor):
    lengths, angles = lattice_parameters(matrix)
    expected = torch.cat([lengths.log(), torch.tan(angles - math.pi / 2)], dim=-1)
    torch.testing.assert_close(lattice_to_log(matrix), expected, rtol=1e-9, atol=1e-12)


def test_right_angles_are_exact():
    vector = lattice_to_log(torch.diag(torch.tensor([1.0, math.e, 2.0])))
    assert vector[3:].abs().tolist() == [0.0, 0.0, 0.0]
    Tolerance.EXACT32.assert_close(vector[:3], torch.tensor([0.0, 1.0, math.log(2.0)]))


@pytest.mark.parametrize("small", [1e-3, 1e-6, -1e-6])
def test_digits_near_90_0_and_180_degrees(small: float):
    def gamma(cosine: float, sine: float) -> float:
        matrix = torch.tensor([[1.0, 0.0, 0.0], [cosine, sine, 0.0], [0.0, 0.0, 1.0]])
        return lattice_to_log(matrix)[5].item()

    # gamma = 90 + small; then, small being positive, gamma = small and 180 - small.
    assert gamma(-math.sin(small), math.cos(small)) == pytest.approx(math.tan(small), rel=1e-6)
    if small > 0:
        assert gamma(math.cos(small), math.sin(small)) == pytest.approx(-1 / math.tan(small), rel=1e-6)
        assert gamma(-math.cos(small), math.sin(small)) == pytest.approx(1 / math.tan(small), rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_angles_that_no_cell_has_give_volume_zero(dtype: torch.dtype):
    tangents = torch.tan(torch.deg2rad(torch.tensor([60.0, 60.0, 150.0], dtype=dtype)) - math.pi / 2)
    matrix = lattice_from_log(torch.cat([torch.zeros(3, dtype=dtype), tangents]))
    assert matrix.dtype == dtype
    assert volume(matrix).item() == 0.0
    Tolerance.exact(dtype).assert_close(lattice_parameters(matrix)[0], torch.ones(3, dtype=dtype))


@given(
    logs=st.lists(st.floats(-5.0, 5.0, width=32), min_size=3, max_size=3),
    tangents=st.lists(st.floats(-100.0, 100.0, width=32), min_size=3, max_size=3),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_any_vector_is_a_lattice_with_finite_gradients(
    logs: list[float], tangents: list[float], dtype: torch.dtype
):
    vector = torch.tensor(logs + tangents, dtype=dtype, requires_grad=True)
    matrix = lattice_from_log(vector)
    assert matrix.isfinite().all()
    (gradient,) = torch.autograd.grad(matrix.sum() + volume(matrix), vector)
    assert gradient.isfinite().all()


@given(lattices(2))
def test_gradients_of_the_vector_are_finite(matrix: Tensor):
    matrix = matrix.requires_grad_()
    (gradient,) = torch.autograd.grad(lattice_to_log(matrix).sum(), matrix)
    assert gradient.isfinite().all()


def test_gradients_by_differences():
    degrees = torch.tensor([[80.0, 95.0, 110.0], [90.0, 90.0, 90.0]], dtype=torch.float64)
    matrix = lattice_matrix(torch.tensor([[3.0, 4.0, 5.0]]).double().expand(2, 3), torch.deg2rad(degrees))
    assert torch.autograd.gradcheck(lattice_to_log, matrix.requires_grad_())
    assert torch.autograd.gradcheck(lattice_from_log, lattice_to_log(matrix).detach().requires_grad_())


def test_leading_dimensions():
    vector = torch.zeros(2, 5, 6)
    assert lattice_from_log(vector).shape == (2, 5, 3, 3)
    assert lattice_to_log(lattice_from_log(vector)).shape == (2, 5, 6)
    assert lattice_to_log(torch.zeros(0, 3, 3)).shape == (0, 6)
