import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import Centered, Euclidean, FlatTorus, Manifold, RowRng, Segments, Simplex
from epitaxy.geometry.testing import ManifoldLaws, Tolerance, fractional_coordinates

TORI = [FlatTorus(1.0), FlatTorus(2.0 * math.pi), FlatTorus(0.1)]
DTYPES = [torch.float32, torch.float64]


class TestUnitTorus(ManifoldLaws):
    manifold = FlatTorus(1.0)


class TestCircles(ManifoldLaws):
    manifold = FlatTorus(2.0 * math.pi)
    scale = 20.0


class TestSimplex(ManifoldLaws):
    manifold = Simplex()
    point_shape = (5,)


class TestEuclidean(ManifoldLaws):
    manifold = Euclidean()
    bounded = False


class TestCentered(ManifoldLaws):
    segments = Segments.from_counts([1, 3, 2])
    manifold = Centered(segments)
    point_shape = (6, 3)
    bounded = False

    def norm(self, v: Tensor) -> Tensor:
        return self.segments.sum(v.square().sum(-1)).sqrt()


@pytest.mark.parametrize("manifold", [*TORI, Simplex(), Euclidean(), Centered(Segments.from_counts([1]))])
def test_every_manifold_answers_the_verbs(manifold: Manifold):
    assert isinstance(manifold, Manifold)


@pytest.mark.parametrize("torus", TORI)
@pytest.mark.parametrize("dtype", DTYPES)
@given(x=st.lists(st.one_of(st.sampled_from([-1e-27, -1e-9, 1 - 2**-24]), st.floats(-1e3, 1e3, width=32))))
def test_representatives_are_inside_their_ranges(torus: FlatTorus, dtype: torch.dtype, x: list[float]):
    period = torch.tensor(torus.period, dtype=dtype)
    point = torus.project(torch.tensor(x, dtype=dtype))
    assert ((point >= 0) & (point < period)).all()
    step = torus.wrap(torch.tensor(x, dtype=dtype))
    assert ((step >= -period / 2) & (step < period / 2)).all()


@pytest.mark.parametrize("torus", TORI)
@given(x=fractional_coordinates(3), y=fractional_coordinates(3))
def test_displacements_change_sign_with_direction(torus: FlatTorus, x: Tensor, y: Tensor):
    there, back = torus.log(x, y), torus.log(y, x)
    at_cut = there == -torch.tensor(torus.period) / 2
    assert torch.equal(there[~at_cut], -back[~at_cut])
    assert torch.equal(there[at_cut], back[at_cut])


@given(x=fractional_coordinates(4), cells=st.lists(st.integers(-8, 8), min_size=3, max_size=3))
def test_whole_cells_do_not_matter(x: Tensor, cells: list[int]):
    torus, x = FlatTorus(), x.double()
    assert (torus.dist(x, x + torch.tensor(cells)) <= 1e-14).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_torus_at_the_edges(dtype: torch.dtype):
    torus = FlatTorus()
    below_one = 1.0 - torch.finfo(dtype).eps / 2
    x = torch.tensor([-1e-27, below_one, 0.5, -0.5, 1.0, -1.0, 0.0], dtype=dtype)
    assert torus.project(x).tolist() == [0.0, below_one, 0.5, 0.5, 0.0, 0.0, 0.0]
    wrapped = torus.wrap(x)
    assert wrapped[1:].tolist() == [below_one - 1.0, -0.5, -0.5, 0.0, 0.0, 0.0]
    assert -2e-27 < wrapped[0] < 0


def test_torus_derivatives_are_one_on_both_sides_of_the_cut():
    x = torch.tensor([-1e-27, 0.0, 0.3, 0.5, -0.5, 1.0, 7.25], requires_grad=True)
    for verb in (FlatTorus().project, FlatTorus().wrap):
        (gradient,) = torch.autograd.grad(verb(x).sum(), x)
        assert (gradient == 1).all()


@pytest.mark.parametrize("period", [0.0, -1.0, math.inf, math.nan])
def test_torus_refuses_a_bad_period(period: float):
    with pytest.raises(ValueError, match="period must be positive"):
        FlatTorus(period)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_simplex_projection_is_the_nearest_point(x: list[float], seed: int):
    simplex, ambient = Simplex(), torch.tensor(x, dtype=torch.float64)
    nearest = simplex.project(ambient)
    others = simplex.sample_uniform(
        (50, len(x)), rng=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    # Nearest to a convex set: the direction to every other point is at an obtuse angle to the residual.
    assert ((others - nearest) @ (ambient - nearest) <= 1e-9 * (1 + ambient.abs().max())).all()
    assert (nearest >= 0).all()
    Tolerance.LOOSE64.assert_close(nearest.sum(), torch.ones((), dtype=torch.float64))


def test_simplex_of_one_class_is_a_point():
    sample = Simplex().sample_uniform((1000, 1), rng=RowRng(torch.arange(1000)))
    assert (sample == 1).all()
