"""Flows with pinned components."""

import dataclasses
import math
from typing import Any

import pytest
import torch
from jaxtyping import Int, TypeCheckError
from torch import Tensor

from epitaxy.flows import GaussianBFN, Pinned, ProductFlow, VariancePreserving
from epitaxy.flows.protocol import Componentwise
from epitaxy.flows.testing import FlowLaws, kolmogorov_bound, kolmogorov_distance, sample
from epitaxy.geometry import RowRng, Segments, SharedRng

# As the k-vector of lattices has them: two rows of each pattern of free components.
FREE = torch.tensor([[1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1]], dtype=torch.bool).repeat(
    2, 1
)
VALUE = torch.tensor([-math.log(3) / 4, 0.0, 0.0, 0.0, 0.0, 0.0]).expand(6, 6)


def noisy(**options: Any) -> GaussianBFN:
    return GaussianBFN(sigma1=0.02, parametrisation="noise", t_min=1e-4, loss_kind="continuous", **options)


class PinnedLaws(FlowLaws):
    def inner(self) -> Componentwise:
        raise NotImplementedError

    def flow(self) -> Pinned:
        return Pinned(flow=self.inner(), free=FREE, value=VALUE)

    def flow_of(self, rows: Int[Tensor, " picked"]) -> Pinned:
        return Pinned(flow=self.inner(), free=FREE[rows], value=VALUE[rows])

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 6, generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 6, generator=generator)

    def test_pins_hold_in_every_verb(self) -> None:
        """To the bit, and the network sees them, whatever it and the data say there."""
        flow, rng = self.flow(), torch.Generator().manual_seed(0)
        x, out = self.data(rng), self.output(rng).masked_fill(~FREE, torch.inf)
        t, s = torch.full((6,), 0.4), torch.full((6,), 0.6)
        state = flow.corrupt(x, t, rng=rng)
        for tensor in (
            flow.prior(x, rng=rng),
            state,
            flow.features(state, t).value,
            flow.features(x, t).value,
            flow.step(state, out, t, s, rng=rng),
            flow.decode(state, out, t, rng=rng),
        ):
            assert torch.equal(tensor[~FREE], VALUE[~FREE])
            assert not bool((tensor[FREE] == VALUE[0, 0]).any())
            assert bool(tensor.isfinite().all())

    def test_pinned_components_have_no_loss_and_no_slope(self) -> None:
        """Even if the output there is infinite; free ones have that of the flow without pins."""
        flow, rng = self.flow(), torch.Generator().manual_seed(0)
        x, t = self.data(rng), torch.full((6,), 0.4)
        out = self.output(rng).masked_fill(~FREE, torch.inf).requires_grad_()
        state = flow.corrupt(x, t, rng=rng)
        losses = flow.component_losses(out, x, state, t)
        (slope,) = torch.autograd.grad(flow.loss(out, x, state, t, rng=rng).sum(), out)
        assert bool((losses[~FREE] == 0).all() & (slope[~FREE] == 0).all())
        assert bool((slope[FREE] != 0).all() & slope.isfinite().all())
        plain = self.inner().component_losses(out, x, state, t)
        assert torch.equal(losses[FREE], plain[FREE])

    def test_free_components_draw_what_they_would_without_pins(self) -> None:
        flow, inner, rng = self.flow(), self.inner(), torch.Generator().manual_seed(0)
        x, out, t = self.data(rng), self.output(rng), torch.full((6,), 0.4)
        ends = []
        for either in (flow, inner):
            source = RowRng(torch.arange(6))
            state = either.corrupt(x, t, rng=source)
            ends.append(either.step(state, out, t, t + 0.1, rng=source))
        assert torch.equal(ends[0][FREE], ends[1][FREE])


class TestData(PinnedLaws):
    def inner(self) -> GaussianBFN:
        return GaussianBFN(grid=10)


class TestNoise(PinnedLaws):
    def inner(self) -> GaussianBFN:
        return noisy(clamp=10.0)


class TestEndBack(PinnedLaws):
    def inner(self) -> GaussianBFN:
        return noisy(sampler="end_back", grid=None)


class TestDiffusion(PinnedLaws):
    prior_is_exact = False

    def inner(self) -> VariancePreserving:
        return VariancePreserving(prediction="epsilon")


class TestDiffusionOfData(PinnedLaws):
    prior_is_exact = False

    def inner(self) -> VariancePreserving:
        return VariancePreserving(sampler="probability_flow")


# Two normal clouds in the plane, of correlated coordinates only through the cloud.
WEIGHTS = torch.tensor([0.4, 0.6], dtype=torch.float64)
MEANS = torch.tensor([[-0.8, -0.5], [0.6, 0.4]], dtype=torch.float64)
WIDTHS = torch.tensor([[0.2, 0.6], [0.3, 0.5]], dtype=torch.float64)
KNOWN = 0.4


def conditional(rows: int, rng: torch.Generator) -> Tensor:
    """Draw the first coordinate given that the second is KNOWN."""
    k = torch.multinomial(cloud_given(torch.tensor([[KNOWN]])).expand(rows, 2), 1, generator=rng)[:, 0]
    return MEANS[k, 0] + WIDTHS[k, 0] * torch.randn(rows, dtype=torch.float64, generator=rng)


def cloud_given(second: Tensor) -> Tensor:
    """Probabilities of the clouds given the second coordinate alone, "rows 1"."""
    log_density = -((second.double() - MEANS[:, 1]) / WIDTHS[:, 1]).square() / 2 - WIDTHS[:, 1].log()
    return torch.softmax(WEIGHTS.log() + log_density, -1)


def posterior(flow: GaussianBFN, state: Tensor, t: Tensor, rng: torch.Generator) -> Tensor:
    """Draw the first coordinate given the state, whose second is data."""
    gamma, mean = float(flow.gamma(t[:1].double())), state[:, :1].double()
    # gamma x + noise of variance gamma (1 - gamma): for gamma = 0, nothing.
    variance = (gamma * (WIDTHS[:, 0].square() * gamma + 1 - gamma)).clamp(min=1e-30)
    gain = WIDTHS[:, 0].square() / (WIDTHS[:, 0].square() * gamma + 1 - gamma)
    gap = mean - gamma * MEANS[:, 0]
    log_density = -gap.square() / (2 * variance) - variance.log() / 2
    weight = torch.softmax(cloud_given(state[:, 1:]).log() + log_density, -1)
    k = torch.multinomial(weight, 1, generator=rng)
    spread = (gain * (1 - gamma)).sqrt()[k[:, 0]]
    noise = torch.randn(len(mean), dtype=torch.float64, generator=rng)
    first = (MEANS[:, 0] + gain * gap).gather(1, k)[:, 0] + spread * noise
    return torch.stack([first.to(state.dtype), torch.full_like(state[:, 1], torch.nan)], 1)


@pytest.mark.statistical
@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize(
    ("n", "rows"), [(10, 20000), (100, 10000), pytest.param(1000, 1000, marks=pytest.mark.slow)]
)
def test_the_law_given_the_pinned_component(noise: bool, n: int, rows: int) -> None:
    """Exact for every n with posterior draws; outputs for the pinned component are no numbers at all."""
    inner = noisy() if noise else GaussianBFN(sigma1=0.02)
    free = torch.tensor([[True, False]]).expand(rows, 2)
    flow = Pinned(flow=inner, free=free, value=torch.full((rows, 2), KNOWN))
    rng = torch.Generator().manual_seed(n)

    def oracle(state: Tensor, t: Tensor) -> Tensor:
        x = posterior(inner, state, t, rng)
        return inner.noise_of(x, state, t) if noise else x

    found = sample(flow, oracle, torch.zeros(rows, 2), n, rng=rng)
    assert bool((found[:, 1] == KNOWN).all())
    law = conditional(200000, rng)
    assert kolmogorov_distance(found[:, 0].double(), law) < kolmogorov_bound(rows, 200000)
    # The law without the condition is another one.
    assert abs(float(law.mean()) - float((WEIGHTS * MEANS[:, 0]).sum())) > 0.2


def test_pins_go_into_a_product() -> None:
    """In place of a field's flow, for each batch, with its steps and samplers."""
    product = ProductFlow(flows={"lattice": noisy(grid=8)}, levels={"lattice": "graph"})
    pinned = product.replacing(lattice=Pinned(flow=noisy(grid=8), free=FREE, value=VALUE)).with_steps(5)
    assert pinned.grid == 5
    assert product.grid == 8
    segments, x = Segments.from_counts([1, 2, 1, 1, 1, 3]), {"lattice": torch.randn(6, 6)}
    source = SharedRng(torch.Generator())
    state = pinned.prior(x, segments=segments, source=source)
    out = {"lattice": torch.zeros(6, 6)}
    state = pinned.step(state, out, torch.zeros(6), torch.full((6,), 0.2), segments=segments, source=source)
    assert torch.equal(state["lattice"][~FREE], VALUE[~FREE])
    end_back = pinned.with_sampler("end_back").flows["lattice"]
    assert isinstance(end_back, Pinned)
    assert isinstance(end_back.flow, GaussianBFN)
    assert end_back.flow.sampler == "end_back"


def test_flows_that_do_not_exist() -> None:
    flow = Pinned(flow=VariancePreserving(), free=FREE, value=VALUE)
    assert flow.samplers == ("ancestral", "euler_maruyama", "exponential", "probability_flow")
    with pytest.raises(ValueError, match="take no corrections: choose a sampler of ancestral"):
        flow.with_sampler("published_pc")
    with pytest.raises((ValueError, TypeCheckError)):
        dataclasses.replace(flow, value=VALUE[:, :5])
    with pytest.raises(ValueError, match=r"data of shape \(4, 6\) for pins of shape \(6, 6\)"):
        flow.prior(torch.zeros(4, 6), rng=torch.Generator())
