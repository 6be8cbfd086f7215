"""Flows of configurations without net translation."""

import dataclasses
import math
from typing import Any

import pytest
import torch
from jaxtyping import Int
from torch import Tensor

from epitaxy.flows import GaussianBFN, MassCentred, ProductFlow, VariancePreserving
from epitaxy.flows.protocol import Componentwise
from epitaxy.flows.testing import FlowLaws, sample
from epitaxy.geometry import RowRng, Segments, SharedRng
from epitaxy.geometry.testing import SIGMAS, Tolerance, TurnedRng, random_orthogonal

SEGMENTS = Segments.from_counts([1, 2, 3])


def noisy(**options: Any) -> GaussianBFN:
    return GaussianBFN(sigma1=0.001, parametrisation="noise", t_min=1e-4, loss_kind="continuous", **options)


def residual() -> GaussianBFN:
    """As in the small preset, but for its sigma1."""
    return GaussianBFN(sigma1=0.001, parametrisation="residual", grid=None, loss_kind="continuous")


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class CentredLaws(FlowLaws):
    """Rows depend on the rows of their graph, and on no others."""

    def inner(self) -> Componentwise:
        raise NotImplementedError

    def flow(self) -> Any:
        return MassCentred(flow=self.inner()).on(SEGMENTS)

    def flow_of(self, rows: Int[Tensor, " picked"]) -> Any:
        _, counts = torch.unique_consecutive(SEGMENTS.index[rows], return_counts=True)
        return MassCentred(flow=self.inner()).on(Segments.from_counts(counts))

    def picks(self) -> list[Int[Tensor, " picked"]]:
        return [torch.tensor([3, 4, 5, 0, 1, 2]), torch.tensor([3, 4, 5]), torch.tensor([0, 1, 2])]

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 3, generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 3, generator=generator)

    def test_nothing_has_a_net_translation(self) -> None:
        """To rounding, after every verb and a walk of steps, in both precisions; an atom alone is at 0."""
        for dtype in (torch.float32, torch.float64):
            flow, rng = self.flow(), generator()
            x, out = (5 + torch.randn(2, 6, 3, generator=rng, dtype=dtype)).unbind()
            states = [flow.prior(x, rng=rng), flow.corrupt(x, self._at(0.4), rng=rng)]
            for i in range(10):
                state = flow.step(states[-1], out, self._at(i / 10), self._at((i + 0.9) / 10), rng=rng)
                states += [state, flow.features(state, self._at(0.5)).value]
                states.append(flow.decode(state, out, self._at(0.5), rng=rng))
            for state in states:
                scale = float(state.abs().max()) + 1.0
                assert float(SEGMENTS.sum(state).abs().max()) <= 10 * torch.finfo(dtype).eps * scale
                assert bool((state[0] == 0).all())

    def test_where_the_molecule_is_does_not_matter(self) -> None:
        """Data and outputs moved: states, losses, steps and samples stay."""
        flow, rng = self.flow(), generator()
        x, out = torch.randn(2, 6, 3, generator=rng, dtype=torch.float64)
        away = SEGMENTS.expand(torch.randn(3, 3, generator=rng, dtype=torch.float64))
        ends, t = [], self._at(0.5).double()
        for data, output in ((x, out), (x + away, out - 2 * away)):
            source = RowRng(torch.arange(6))
            state = flow.corrupt(data, t, rng=source)
            loss = flow.loss(output, data, state, t, rng=source)
            later = flow.step(state, output, t, t + 0.1, rng=source)
            ends.append((state, loss, later, flow.decode(later, output, t, rng=source)))
        for one, two in zip(*ends, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)


class TestData(CentredLaws):
    def inner(self) -> GaussianBFN:
        return GaussianBFN(grid=10)


class TestNoise(CentredLaws):
    def inner(self) -> GaussianBFN:
        return noisy(clamp=10.0)


class TestResidual(CentredLaws):
    def inner(self) -> GaussianBFN:
        return residual()


class TestEndBack(CentredLaws):
    def inner(self) -> GaussianBFN:
        return noisy(grid=None, sampler="end_back")


class TestDiffusion(CentredLaws):
    prior_is_exact = False

    def inner(self) -> VariancePreserving:
        return VariancePreserving(prediction="epsilon")


@pytest.mark.statistical
@pytest.mark.parametrize("t", [0.0, 0.2, 0.7])
def test_the_law_is_that_of_projected_noise(t: float) -> None:
    """Mean gamma x and covariance gamma (1 - gamma) (I - 11^T / 3) of three atoms, after any steps."""
    graphs, x = 20000, torch.tensor([[-2.0], [0.5], [1.5]], dtype=torch.float64)
    inner = noisy()
    flow = MassCentred(flow=inner).on(Segments.from_counts([3] * graphs))
    data, rng = x.repeat(graphs, 1), generator()
    start, time = torch.full((3 * graphs,), t).double(), torch.full((3 * graphs,), t + 0.1).double()
    state = flow.corrupt(data + 7.0, start, rng=rng)
    walked = flow.step(state, inner.noise_of(data, state, start), start, time, rng=rng)
    fresh = flow.corrupt(data, time, rng=rng)
    gamma = float(inner.gamma(time[:1]))
    covariance = gamma * (1 - gamma) * (torch.eye(3, dtype=torch.float64) - 1 / 3)
    for found in (walked, fresh):
        found = found.view(graphs, 3)
        error = SIGMAS * (covariance.diagonal() / graphs).sqrt()
        assert bool(((found.mean(0) - gamma * x[:, 0]).abs() < error + 1e-12).all())
        spread = covariance.diagonal()[:, None] * covariance.diagonal() + covariance.square()
        assert bool(
            ((torch.cov(found.T) - covariance).abs() < SIGMAS * (spread / graphs).sqrt() + 1e-12).all()
        )


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize(
    "inner", [noisy(), noisy(sampler="end_back"), GaussianBFN(), residual(), VariancePreserving()]
)
def test_rotations_carry_through(inner: Componentwise, mirror: bool) -> None:
    """With noise and data turned and an equivariant oracle, a whole sample turns; reflections too."""
    flow, like = MassCentred(flow=inner).on(SEGMENTS), torch.zeros(6, 3, dtype=torch.float64)
    anchor = torch.randn(6, 3, generator=generator(1), dtype=torch.float64)
    matrix = random_orthogonal(rng=generator(2), reflections=False) * (-1.0 if mirror else 1.0)
    ends = []
    for q in (torch.eye(3, dtype=torch.float64), matrix):

        def oracle(state: Tensor, t: Tensor, q: Tensor = q) -> Tensor:
            length = state.square().sum(-1, keepdim=True)
            return 0.3 * state / (1 + length) + t[:, None] * (anchor @ q)

        found = sample(flow, oracle, like, 10, rng=TurnedRng(generator(), q))
        x = anchor @ q
        state = flow.corrupt(x, torch.full((6,), 0.3).double(), rng=TurnedRng(generator(), q))
        loss = flow.loss(0.1 * state, x, state, torch.full((6,), 0.3).double(), rng=generator())
        ends.append((found, state, loss))
    torch.testing.assert_close(ends[0][0] @ matrix, ends[1][0], rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(ends[0][1] @ matrix, ends[1][1], rtol=1e-10, atol=1e-10)
    Tolerance.LOOSE64.assert_close(ends[0][2], ends[1][2])


def bounded_case() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Data, state, output and times of which the noises go beyond a bound of 1 here and there."""
    x, state, output = torch.randn(3, 6, 3, generator=generator(3), dtype=torch.float64)
    return x, state, 2 * output, torch.full((6,), 0.05, dtype=torch.float64)


def test_a_bounded_noise_moves_no_prediction() -> None:
    """The loss is the weight times the square of what the sample misses the data by, which adds up to 0."""
    inner = noisy(clamp=1.0)
    flow, (x, state, output, t) = MassCentred(flow=inner).on(SEGMENTS), bounded_case()
    plain = SEGMENTS.center(state), SEGMENTS.center(output)
    moved = SEGMENTS.mean(inner.data_of(plain[1], plain[0], t))
    assert float(moved.abs().max()) > 0.05  # the bound does move the mean
    gap = flow.decode(state, output, t, rng=generator()) - SEGMENTS.center(x)
    weight = -math.log(inner.sigma1) * inner.precision(t)
    Tolerance.LOOSE64.assert_close(flow.component_losses(output, x, state, t), weight[:, None] * gap.square())


def test_a_bound_that_is_not_reached_changes_nothing() -> None:
    x, state, output, t = bounded_case()
    losses = [
        MassCentred(flow=noisy(clamp=clamp)).on(SEGMENTS).component_losses(output, x, state, t)
        for clamp in (None, 100.0)
    ]
    Tolerance.LOOSE64.assert_close(*losses)


def test_a_bound_knows_the_axes() -> None:
    """Published: where it acts a turned molecule has another loss, and where it does not, the same."""
    x, state, output, t = bounded_case()
    q = random_orthogonal(rng=generator(4), reflections=False)
    for clamp, least, most in ((1.0, 0.01, math.inf), (100.0, 0.0, 1e-9)):
        flow = MassCentred(flow=noisy(clamp=clamp)).on(SEGMENTS)
        one, two = (
            flow.component_losses(output @ m, x @ m, state @ m, t).sum()
            for m in (torch.eye(3, dtype=torch.float64), q)
        )
        assert least <= abs(float(two / one) - 1) < most


# Two molecules of three atoms, of which the first comes with probability 0.3; neither is centred.
SHAPES = torch.tensor(
    [[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[3.0, 1.0], [1.0, 3.0], [2.0, 2.0]]], dtype=torch.float64
)
LAW = torch.tensor([0.3, 0.7], dtype=torch.float64)


@pytest.mark.statistical
@pytest.mark.parametrize(
    "inner", [GaussianBFN(sigma1=0.001), noisy(), residual()], ids=lambda x: x.parametrisation
)
@pytest.mark.parametrize(
    ("n", "graphs"), [(10, 4000), (100, 2000), pytest.param(1000, 500, marks=pytest.mark.slow)]
)
def test_the_law_of_molecules(inner: GaussianBFN, n: int, graphs: int) -> None:
    """Exact for every n with posterior draws, which need not be centred themselves."""
    segments, shapes = Segments.from_counts([3] * graphs), SHAPES - SHAPES.mean(1, keepdim=True)
    flow, rng = MassCentred(flow=inner).on(segments), generator(n)

    def oracle(state: Tensor, t: Tensor) -> Tensor:
        gamma = float(inner.gamma(t[:1].double()))
        gap = (state.view(graphs, 1, 3, 2) - gamma * shapes).square().sum((-2, -1))
        weight = torch.softmax(LAW.log() - gap / max(2 * gamma * (1 - gamma), 1e-30), -1)
        x = shapes[torch.multinomial(weight, 1, generator=rng)[:, 0]].view(-1, 2)
        return 2.0 + inner.output_of(x, state, t)

    found = sample(flow, oracle, torch.zeros(3 * graphs, 2, dtype=torch.float64), n, rng=rng)
    gap = (found.view(graphs, 1, 3, 2) - shapes).abs().amax((-2, -1))
    assert float(gap.amin(1).max()) < 1e-6
    share = float((gap[:, 0] < gap[:, 1]).double().mean())
    assert abs(share - 0.3) < SIGMAS * (0.21 / graphs) ** 0.5


def test_a_product_tells_it_its_graphs() -> None:
    product = ProductFlow(flows={"positions": MassCentred(flow=noisy())}, levels={"positions": "atom"})
    x, source = {"positions": torch.randn(6, 3, generator=generator())}, SharedRng(generator())
    t = torch.tensor([0.2, 0.5, 0.8])
    state = product.corrupt(x, t, segments=SEGMENTS, source=source)["positions"]
    assert float(SEGMENTS.sum(state).abs().max()) < 1e-5
    flow = product.with_steps(7).with_sampler("end_back").flows["positions"]
    assert isinstance(flow, MassCentred)
    assert flow.grid == 7
    assert flow.flow == dataclasses.replace(noisy(), grid=7, sampler="end_back")


def test_flows_that_do_not_exist() -> None:
    x = torch.zeros(6, 3)
    with pytest.raises(ValueError, match="must be told its graphs"):
        MassCentred(flow=GaussianBFN()).prior(x, rng=generator())
    with pytest.raises(ValueError, match="no centre of mass"):
        MassCentred(flow=GaussianBFN(period=1.0))
    with pytest.raises(ValueError, match="centred configurations take no corrections"):
        MassCentred(flow=VariancePreserving(sampler="published_pc"))
