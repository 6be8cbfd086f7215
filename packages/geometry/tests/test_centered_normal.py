"""The standard normal law on configurations of mean zero. Failure rate 1e-6 a test."""

import math

import pytest
import torch

from epitaxy.geometry import Centered, RowRng, Segments
from epitaxy.geometry.testing import SIGMAS, Tolerance

SIZES = [1, 2, 3, 5]


def draws(number: int) -> tuple[Segments, torch.Tensor]:
    """Many configurations of the same graphs, as the coordinates of one draw: (atoms, number)."""
    segments = Segments.from_counts(SIZES)
    rng = torch.Generator().manual_seed(11)
    return segments, Centered(segments).normal(number, rng=rng, dtype=torch.float64)


@pytest.mark.statistical
def test_covariance_is_the_projection():
    number = 200_000
    segments, x = draws(number)
    same = segments.index[:, None] == segments.index
    expected = torch.eye(segments.num_atoms) - same / segments.counts[segments.index]
    # The product of two normal variables with covariance c has the variance v1 v2 + c^2.
    variance = expected.diagonal()
    deviation = ((variance[:, None] * variance + expected.square()) / number).sqrt()
    assert ((x @ x.T / number - expected).abs() <= SIGMAS * deviation + 1e-6).all()
    assert (x.mean(1).abs() <= SIGMAS * (variance / number).sqrt()).all()


@pytest.mark.statistical
def test_squared_lengths_have_their_degrees_of_freedom():
    # |x|^2 of a graph is chi-squared with n - 1 degrees of freedom: mean n - 1, variance 2 (n - 1).
    number = 200_000
    segments, x = draws(number)
    square, degrees = segments.sum(x.square()), segments.counts.double() - 1
    deviation = (2 * degrees / number).sqrt()
    assert ((square.mean(1) - degrees).abs() <= SIGMAS * deviation).all()
    # The variance of a chi-squared sample's variance is (8 d^2 + 48 d) / number.
    spread = ((8 * degrees.square() + 48 * degrees) / number).sqrt()
    assert ((square.var(1) - 2 * degrees).abs() <= SIGMAS * spread + 1e-12).all()


@pytest.mark.parametrize("atoms", [2, 20, 52, 500])
def test_sums_vanish_to_the_last_digit_of_one_float32(atoms: int):
    segments = Segments.from_counts([atoms] * 300)
    x = Centered(segments).normal(3, rng=torch.Generator().manual_seed(0))
    assert x.dtype == torch.float32
    assert x.shape == (300 * atoms, 3)
    assert segments.sum(x.double()).abs().max() < 2.5e-7


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_points_are_on_the_manifold(dtype: torch.dtype):
    space = Centered(Segments.from_counts(SIZES))
    x = space.normal(3, rng=torch.Generator().manual_seed(1), dtype=dtype)
    assert x.dtype == dtype
    Tolerance.exact(dtype).assert_close(space.project(x), x)


def test_a_lone_atom_does_not_move():
    x = Centered(Segments.from_counts([1, 1, 4, 1])).normal(3, rng=torch.Generator().manual_seed(2))
    assert (x[[0, 1, 6]] == 0).all()
    assert (x[2:6] != 0).all()


def test_a_row_does_not_know_the_others():
    many, few = Segments.from_counts([2, 3, 2]), Segments.from_counts([3])
    together = Centered(many).normal(3, rng=RowRng(torch.arange(7)))
    assert torch.equal(together[2:5], Centered(few).normal(3, rng=RowRng(torch.arange(2, 5))))


def test_two_atoms_move_oppositely():
    x = Centered(Segments.from_counts([2])).normal(1000, rng=torch.Generator().manual_seed(4))
    assert torch.equal(x[0], -x[1])
    assert math.isclose(x[0].double().square().mean().item(), 0.5, rel_tol=SIGMAS * math.sqrt(2 / 1000))
