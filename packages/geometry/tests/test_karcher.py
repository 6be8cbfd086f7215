import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import FlatTorus, Segments, karcher_mean
from epitaxy.geometry.testing import Tolerance, counts, fractional_coordinates

PERIODS = [1.0, 6.283185307179586, 0.1]
SEEDS = st.integers(0, 2**31)


def scatter(atoms: int, seed: int, dim: int = 3) -> Tensor:
    return torch.rand(atoms, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def objective(x: Tensor, point: Tensor, period: float = 1.0) -> Tensor:
    """Sum of squared distances of one graph's atoms to points, by coordinate: (points, dim)."""
    return FlatTorus(period).wrap(x - point[:, None]).square().sum(1)


def rivals(x: Tensor) -> Tensor:
    """The means of all cuts of a graph's circle of length 1, sorted from best to worst: (atoms, dim)."""
    n = x.shape[0]
    lifts = torch.arange(n, dtype=x.dtype)[:, None] / n
    means = FlatTorus().project(x.mean(0) + lifts)
    return means.gather(0, objective(x, means).argsort(0))


def clear_winner(x: Tensor) -> bool:
    """Whether no second point is nearly as good as the best, in any coordinate."""
    if x.shape[0] == 1:
        return True
    best, second = rivals(x)[:2]
    gap = objective(x, second[None]) - objective(x, best[None])
    return bool((gap > 1e-6).all())


@given(sizes=counts(max_atoms=8), seed=SEEDS, period=st.sampled_from(PERIODS))
def test_no_point_of_a_grid_is_better(sizes: list[int], seed: int, period: float):
    segments = Segments.from_counts(sizes)
    x = scatter(segments.num_atoms, seed) * period
    mean = karcher_mean(x, segments, period)
    assert mean.shape == (segments.num_graphs, 3)
    assert ((mean >= 0) & (mean < period)).all()
    grid = torch.linspace(0, period, 400, dtype=torch.float64)[:, None].expand(-1, 3)
    for atoms, point in zip(x.split(sizes), mean, strict=True):
        ours = objective(atoms, point[None], period)
        assert (ours <= objective(atoms, grid, period).amin(0) + 1e-9 * period**2).all()


@given(x=fractional_coordinates())
def test_it_is_the_best_of_all_cuts_for_any_coordinates(x: Tensor):
    # Symmetric configurations, halves and numbers next to whole cells among them.
    x = x.double()
    mean = karcher_mean(x, Segments.from_counts([x.shape[0]]))
    best = rivals(FlatTorus().project(x))[:1]
    assert (objective(x, mean) <= objective(x, best) + 1e-9).all()


@given(sizes=counts(), seed=SEEDS, shift=st.floats(-3.0, 3.0))
def test_it_moves_with_the_atoms(sizes: list[int], seed: int, shift: float):
    segments = Segments.from_counts(sizes)
    x = scatter(segments.num_atoms, seed)
    assume(all(clear_winner(atoms) for atoms in x.split(sizes)))
    torus = FlatTorus()
    error = torus.log(torus.project(karcher_mean(x, segments) + shift), karcher_mean(x + shift, segments))
    assert error.abs().max() < 1e-12


@given(sizes=counts(), seed=SEEDS)
def test_the_order_of_the_atoms_does_not_matter(sizes: list[int], seed: int):
    segments = Segments.from_counts(sizes)
    x = scatter(segments.num_atoms, seed).float()
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.cat(
        [atoms[torch.randperm(atoms.shape[0], generator=generator)] for atoms in x.split(sizes)]
    )
    assert torch.equal(karcher_mean(x, segments), karcher_mean(shuffled, segments))


@given(sizes=counts(), x=st.data())
def test_a_graph_does_not_know_the_others(sizes: list[int], x: st.DataObject):
    atoms = x.draw(fractional_coordinates(sum(sizes)))
    together = karcher_mean(atoms, Segments.from_counts(sizes))
    alone = [karcher_mean(own, Segments.from_counts([own.shape[0]])) for own in atoms.split(sizes)]
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("period", PERIODS)
@given(x=fractional_coordinates())
def test_one_atom_is_its_own_mean(period: float, x: Tensor):
    segments = Segments.from_counts([1] * x.shape[0])
    assert torch.equal(karcher_mean(x, segments, period), FlatTorus(period).project(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_means_across_the_cell_boundary(dtype: torch.dtype):
    x = torch.tensor([0.9, 0.1, 0.95, 0.0, 0.1, 0.4], dtype=dtype)
    mean = karcher_mean(x, Segments.from_counts([2, 2, 2]))
    assert mean.dtype == dtype
    error = FlatTorus().wrap(mean - torch.tensor([0.0, 0.975, 0.25], dtype=dtype))
    Tolerance.exact(dtype).assert_close(error, torch.zeros(3, dtype=dtype))


def test_of_several_best_points_the_one_with_fewest_atoms_moved_up():
    # Two atoms at 0 and 1/2: 1/4 and 3/4 are equally good. Four, evenly spaced: 3/8 is their average.
    x = torch.tensor([0.5, 0.0, 0.75, 0.0, 0.25, 0.5])
    assert karcher_mean(x, Segments.from_counts([2, 4])).tolist() == [0.25, 0.375]


@given(sizes=counts(), seed=SEEDS)
def test_every_atom_pulls_with_the_same_weight(sizes: list[int], seed: int):
    segments = Segments.from_counts(sizes)
    x = scatter(segments.num_atoms, seed).requires_grad_()
    (gradient,) = torch.autograd.grad(karcher_mean(x, segments).sum(), x)
    expected = segments.expand(segments.counts.double().reciprocal())[:, None].expand_as(x)
    Tolerance.EXACT64.assert_close(gradient, expected)


def test_shapes():
    segments = Segments.from_counts([2, 1])
    assert karcher_mean(torch.rand(3), segments).shape == (2,)
    assert karcher_mean(torch.rand(3, 4, 2), segments).shape == (2, 4, 2)
    assert karcher_mean(torch.rand(0, 3), Segments.from_counts([])).shape == (0, 3)


def test_narrow_clusters_of_many_atoms_keep_their_digits():
    # 300 graphs of 52 atoms around 0: their means on a line are known.
    segments = Segments.from_counts([52] * 300)
    step = 0.02 * (scatter(segments.num_atoms, 1) - 0.5)
    mean = karcher_mean(FlatTorus().project(step).float(), segments)
    error = FlatTorus().wrap(mean.double() - segments.mean(step))
    assert error.abs().max() < 1e-7


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="4 rows, but the segments have 3 atoms"):
        karcher_mean(torch.rand(4, 3), Segments.from_counts([3]))
    with pytest.raises(ValueError, match="period must be positive"):
        karcher_mean(torch.rand(3, 3), Segments.from_counts([3]), 0.0)
