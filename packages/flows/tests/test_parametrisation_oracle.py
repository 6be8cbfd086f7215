"""Samplers with exact posteriors: Gaussian by data, noise and residual, categorical with axes.

With draws from the posterior every number of steps is exact (see test_oracle.py); with its mean, as a trained
network answers, the error falls with the number of steps. The parametrisations are one sampler.
"""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from epitaxy.flows import CategoricalBFN, GaussianBFN
from epitaxy.flows.testing import kolmogorov_bound, kolmogorov_distance, sample
from epitaxy.geometry.testing import SIGMAS

pytestmark = pytest.mark.statistical
WEIGHTS = torch.tensor([0.3, 0.7], dtype=torch.float64)
MEANS = torch.tensor([-1.0, 0.8], dtype=torch.float64)
WIDTHS = torch.tensor([0.2, 0.4], dtype=torch.float64)
SLOW = pytest.mark.slow


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mixture(rows: int, rng: torch.Generator) -> Tensor:
    k = torch.multinomial(WEIGHTS, rows, replacement=True, generator=rng)
    return MEANS[k] + WIDTHS[k] * torch.randn(rows, dtype=torch.float64, generator=rng)


def flows(parametrisation: str, **options: Any) -> GaussianBFN:
    t_min = 1e-4 if parametrisation == "noise" else 0.0
    return GaussianBFN(sigma1=0.02, parametrisation=parametrisation, t_min=t_min, **options)  # type: ignore[arg-type]  # a word from a list


def posterior(flow: GaussianBFN, state: Tensor, t: Tensor, rng: torch.Generator | None) -> Tensor:
    """Draw data given the belief's mean, "rows 1"; without a generator, return their mean."""
    gamma = float(flow.gamma(t[:1].double()))
    share = WIDTHS.square() * gamma + 1 - gamma
    gap = state.double() - gamma * MEANS
    variance = (gamma * share).clamp(min=1e-30)
    weight = torch.softmax(WEIGHTS.log() - gap.square() / (2 * variance) - variance.log() / 2, -1)
    centre = MEANS + WIDTHS.square() / share * gap
    if rng is None:
        return (weight * centre).sum(-1, keepdim=True).to(state.dtype)
    k = torch.multinomial(weight, 1, generator=rng)
    spread = (WIDTHS.square() / share * (1 - gamma)).sqrt()[k]
    noise = torch.randn(k.shape, dtype=torch.float64, generator=rng)
    return (centre.gather(1, k) + spread * noise).to(state.dtype)


def found(flow: GaussianBFN, n: int, rows: int, *, draws: bool) -> Tensor:
    rng = generator(n)

    def oracle(state: Tensor, t: Tensor) -> Tensor:
        x = posterior(flow, state, t, rng if draws else None)
        return flow.output_of(x, state, t)

    return sample(flow, oracle, torch.zeros(rows, 1), n, rng=rng)[:, 0].double()


@pytest.mark.parametrize("sampler", ["bayes", "end_back"])
@pytest.mark.parametrize("parametrisation", ["data", "noise", "residual"])
@pytest.mark.parametrize(("n", "rows"), [(10, 10000), (100, 4000), pytest.param(1000, 1000, marks=SLOW)])
def test_mixture_by_posterior_draws(sampler: Any, parametrisation: str, n: int, rows: int) -> None:
    """Exact for every n."""
    samples = found(flows(parametrisation, sampler=sampler), n, rows, draws=True)
    law = mixture(100000, generator())
    assert kolmogorov_distance(samples, law) < kolmogorov_bound(rows, 100000)


@pytest.mark.parametrize("parametrisation", ["data", "noise", "residual"])
@pytest.mark.parametrize(
    ("n", "rows", "bias"), [(10, 10000, 0.08), (100, 4000, 0.01), pytest.param(1000, 1000, 1e-3, marks=SLOW)]
)
def test_mixture_by_posterior_mean(parametrisation: str, n: int, rows: int, bias: float) -> None:
    """The bias of `bayes` falls with n."""
    samples = found(flows(parametrisation), n, rows, draws=False)
    law = mixture(100000, generator())
    assert kolmogorov_distance(samples, law) < kolmogorov_bound(rows, 100000) + bias


@pytest.mark.parametrize("kind", ["noise", "residual"])
@pytest.mark.parametrize("n", [10, 100])
def test_the_parametrisations_are_one_sampler(n: int, kind: str) -> None:
    """With the same numbers, the same samples, to the rounding of a noise at the first steps."""
    one, two = (found(flows(name), n, 500, draws=False) for name in ("data", kind))
    torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("parametrisation", ["data", "noise", "residual"])
@pytest.mark.parametrize(("n", "rows"), [(10, 10000), (100, 4000), pytest.param(1000, 1000, marks=SLOW)])
def test_points_on_the_circle_by_posterior_draws(parametrisation: str, n: int, rows: int) -> None:
    """Fractional coordinates at 0.02 and 0.97, in the Euclidean belief: exact too, and in the cell.

    Each draw comes in a random image of the cell, so the wrap before the messages is what makes it exact.
    """
    flow, rng = flows(parametrisation, period=1.0), generator(n)
    points = torch.tensor([0.02, 0.97], dtype=torch.float64)

    def oracle(state: Tensor, t: Tensor) -> Tensor:
        gamma = float(flow.gamma(t[:1].double()))
        gap = (state.double() - gamma * points).square() / max(2 * gamma * (1 - gamma), 1e-30)
        k = torch.multinomial(torch.softmax(WEIGHTS.log() - gap, -1), 1, generator=rng)
        x = (points[k] + torch.randint(-3, 4, k.shape, generator=rng)).to(state.dtype)
        return flow.output_of(x, state, t)

    samples = sample(flow, oracle, torch.zeros(rows, 1), n, rng=rng)
    gap = (samples.double() - points).abs()
    assert float(gap.amin(1).max()) < 1e-4
    share = float((gap[:, 0] < gap[:, 1]).double().mean())
    assert abs(share - 0.3) < SIGMAS * math.sqrt(0.21 / rows)


LAWS = torch.tensor([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
JOINT = torch.tensor([[0.4, 0.1, 0.05], [0.02, 0.2, 0.03], [0.1, 0.04, 0.06]])
STEPS = [(10, 10000), (100, 4000), pytest.param(1000, 1000, marks=SLOW)]


def assert_shares(found: Tensor, law: Tensor) -> None:
    shares = found.bincount(minlength=law.numel()) / len(found)
    assert bool(((shares - law).abs() < SIGMAS * (law * (1 - law) / len(found)).sqrt()).all())


@pytest.mark.parametrize("sampler", ["bayes", "end_back"])
@pytest.mark.parametrize(("n", "rows"), STEPS)
def test_labels_with_a_law_an_axis(sampler: Any, n: int, rows: int) -> None:
    """Exact for every n: with the posterior of each axis, its law, and the axes independent."""
    flow = CategoricalBFN(classes=3, beta1=2.0, sampler=sampler, guess="sampled")
    like = torch.zeros(rows, 2, dtype=torch.long)
    labels = sample(flow, lambda state, _: state + LAWS.log(), like, n, rng=generator(n))
    assert labels.shape == like.shape
    assert_shares(3 * labels[:, 0] + labels[:, 1], (LAWS[0][:, None] * LAWS[1]).flatten())


@pytest.mark.parametrize("final", ["sampled", "mode"])
@pytest.mark.parametrize(("n", "rows"), STEPS)
def test_labels_with_a_joint_law(final: Any, n: int, rows: int) -> None:
    """Exact for every n by posterior draws of both axes together; a mode that is certain is a draw."""
    flow, rng = CategoricalBFN(classes=3, beta1=2.0, final=final), generator(n)

    def oracle(state: Tensor, _: Tensor) -> Tensor:
        both = JOINT.log() + state[:, 0, :, None] + state[:, 1, None, :]
        pair = torch.multinomial(both.flatten(1).softmax(-1), 1, generator=rng)[:, 0]
        labels = torch.stack([pair // 3, pair % 3], 1)
        return 1000.0 * torch.nn.functional.one_hot(labels, 3).float()

    labels = sample(flow, oracle, torch.zeros(rows, 2, dtype=torch.long), n, rng=rng)
    assert_shares(3 * labels[:, 0] + labels[:, 1], JOINT.flatten())


def test_marginals_of_a_joint_law_need_many_steps() -> None:
    """As a network answers, one law an axis: of few steps the axes come out too independent."""
    rows, like = 10000, torch.zeros(10000, 2, dtype=torch.long)
    flow = CategoricalBFN(classes=3, beta1=4.0)

    def oracle(state: Tensor, _: Tensor) -> Tensor:
        both = (JOINT.log() + state[:, 0, :, None] + state[:, 1, None, :]).flatten(1).softmax(-1)
        both = both.view(rows, 3, 3)
        return torch.stack([both.sum(2).log(), both.sum(1).log()], 1)

    errors = []
    for n in (1, 10, 100):
        labels = sample(flow, oracle, like, n, rng=generator(n))
        shares = (3 * labels[:, 0] + labels[:, 1]).bincount(minlength=9) / rows
        errors.append(float((shares - JOINT.flatten()).abs().sum()) / 2)
    assert errors[0] > 2 * errors[1] > 2 * errors[2]
    assert errors[2] < 0.03
