"""Diffusions with the exact posterior mean of a known law in place of the network.

Measured on the mixture below, 10 000 samples, Kolmogorov's distance of the first component from the law
(chance alone makes it about 0.009, and 0.027 with the failure rate of these tests):

    steps                 20      100     400
    ancestral             0.059   0.017   0.006
    euler_maruyama        0.030   0.011   0.006
    exponential           0.027   0.010   0.005
    probability_flow      0.042   0.014   0.014
    published_pc          0.34    0.39    0.41
      of six components   0.041   0.048   0.065

The published corrector's step depends on the state that it moves, so more of its steps make it no better.
"""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from epitaxy.flows import (
    AbsorbingDiffusion,
    CategoricalBFN,
    CodebookDiffusion,
    GaussianBFN,
    ProductFlow,
    VariancePreserving,
)
from epitaxy.flows.testing import kolmogorov_bound, kolmogorov_distance, sample
from epitaxy.geometry import Segments, StructureRng
from epitaxy.geometry.testing import SIGMAS

pytestmark = pytest.mark.statistical
WEIGHTS = torch.tensor([0.3, 0.7], dtype=torch.float64)
MEANS = torch.tensor([-1.0, 0.8], dtype=torch.float64)
WIDTHS = torch.tensor([0.2, 0.4], dtype=torch.float64)
LAW = torch.tensor([0.4, 0.3, 0.2, 0.07, 0.03], dtype=torch.float64)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mixture(rows: int, dim: int, rng: torch.Generator) -> Tensor:
    k = torch.multinomial(WEIGHTS, rows, replacement=True, generator=rng)[:, None]
    return (MEANS[k] + WIDTHS[k] * torch.randn(rows, dim, dtype=torch.float64, generator=rng)).float()


def posterior_mean(flow: VariancePreserving, state: Tensor, t: Tensor) -> Tensor:
    """The network's output that stands for the posterior mean of the data under the mixture."""
    u, x = flow.noise_time(t), state.double()[..., None]
    alpha, sigma = (f(u)[:, None, None] for f in (flow.schedule.alpha, flow.schedule.sigma))  # type: ignore[attr-defined] # the schedule is LinearBeta here
    variance = alpha**2 * WIDTHS**2 + sigma**2
    gap = x - alpha * MEANS
    log_density = -(gap.square() / variance + variance.log()).sum(1, keepdim=True) / 2
    weight = torch.softmax(WEIGHTS.log() + log_density, -1)
    x0 = (weight * (MEANS + alpha * WIDTHS**2 / variance * gap)).sum(-1)
    out = x0 if flow.prediction == "x0" else (x[..., 0] - alpha[..., 0] * x0) / sigma[..., 0]
    return out.float()


@pytest.mark.parametrize("sampler", ["ancestral", "euler_maruyama", "exponential", "probability_flow"])
@pytest.mark.parametrize("prediction", ["x0", "epsilon"])
def test_every_sampler_returns_the_mixture(sampler: str, prediction: Literal["x0", "epsilon"]) -> None:
    rows, rng = 10000, generator()
    flow = VariancePreserving(prediction=prediction).with_sampler(sampler)
    found = sample(flow, lambda x, t: posterior_mean(flow, x, t), torch.zeros(rows, 1), 200, rng=rng)
    distance = kolmogorov_distance(found[:, 0], mixture(100000, 1, rng)[:, 0])
    assert distance < kolmogorov_bound(rows, 100000)


def test_the_published_corrector_comes_near() -> None:
    """Six components, as a lattice has: both modes, nearly in proportion, and no runaway."""
    rows, rng = 2000, generator()
    flow = VariancePreserving(sampler="published_pc")
    found = sample(flow, lambda x, t: posterior_mean(flow, x, t), torch.zeros(rows, 6), 100, rng=rng)
    heavy = float((found.mean(1) > -0.2).float().mean())
    assert abs(heavy - 0.7) < SIGMAS * math.sqrt(0.21 / rows) + 0.02
    distance = kolmogorov_distance(found[:, 0], mixture(100000, 6, rng)[:, 0])
    assert distance < kolmogorov_bound(rows, 100000) + 0.05


@pytest.mark.parametrize("sampler", ["ancestral", "euler_maruyama", "exponential", "probability_flow"])
@pytest.mark.parametrize("codes", ["one_hot", "bits"])
def test_codebooks_return_the_law_of_classes(codes: Literal["one_hot", "bits"], sampler: str) -> None:
    """With the posterior mean of the codes; within chance and a bias below 0.01."""
    rows = 4000
    flow = CodebookDiffusion(codes=codes, classes=5).with_sampler(sampler)
    book = flow.codebook(torch.float64)

    def oracle(state: Tensor, t: Tensor) -> Tensor:
        u, schedule = flow.process.noise_time(t), VariancePreserving().schedule
        integral = schedule.integral(u)[:, None]
        alpha, variance = torch.exp(-integral / 2), -torch.expm1(-integral)
        gap = (state.double()[:, None] - alpha[..., None] * book).square().sum(-1)
        return (torch.softmax(LAW.log() - gap / (2 * variance), -1) @ book).float()

    found = sample(flow, oracle, torch.zeros(rows, dtype=torch.long), 200, rng=generator())
    for share, expected in zip((found.bincount(minlength=5) / rows).tolist(), LAW.tolist(), strict=True):
        assert abs(share - expected) < SIGMAS * math.sqrt(expected * (1 - expected) / rows) + 0.01


def mixed(sampler: str) -> ProductFlow:
    return ProductFlow(
        flows={
            "lattice": VariancePreserving(),
            "cell": GaussianBFN(grid=8),
            "species": AbsorbingDiffusion(classes=3),
            "bits": CodebookDiffusion(codes="bits", classes=6),
            "labels": CategoricalBFN(classes=3, beta1=1.0, grid=8),
        },
        levels={"lattice": "graph", "cell": "graph", "species": "atom", "bits": "atom", "labels": "atom"},
    ).with_sampler(sampler)


def generate(sampler: str, counts: list[int], seeds: list[int]) -> dict[str, Tensor]:
    """The sampler's loop, with a stand-in for the network that treats every row alike."""
    segments = Segments.from_counts(counts)
    atoms, graphs = segments.num_atoms, segments.num_graphs
    flow, source = mixed(sampler), StructureRng(torch.tensor(seeds), segments)
    labels = torch.zeros(atoms, dtype=torch.long)
    like = {"lattice": torch.zeros(graphs, 6), "cell": torch.zeros(graphs, 3, 3)}
    like |= dict.fromkeys(("species", "bits", "labels"), labels)
    states = flow.prior(like, segments=segments, source=source)
    for i in range(8):
        t, s = torch.full((graphs,), i / 8), torch.full((graphs,), (i + 1) / 8)
        for correcting in (*[True] * flow.corrections, False):
            seen = flow.features(states, t, segments=segments)
            out = {name: 0.5 * seen[name].value for name in ("lattice", "cell", "bits", "labels")}
            out["species"] = torch.eye(4)[seen["species"].value][:, :3]
            if correcting:
                states = flow.correct(states, out, t, s, segments=segments, source=source)
        if i < 7:
            states = flow.step(states, out, t, s, segments=segments, source=source)
    return flow.decode(states, out, t, segments=segments, source=source)


@pytest.mark.parametrize(("sampler", "corrections"), [("ancestral", 0), ("published_pc", 1), ("end_back", 0)])
def test_diffusions_go_with_bayesian_flows(sampler: str, corrections: int) -> None:
    """In one product, on its grid; a structure does not depend on its batch."""
    flow = mixed(sampler)
    assert flow.corrections == corrections
    assert flow.with_steps(20).grid == 20
    together, alone = generate(sampler, [2, 1, 4], [5, 6, 7]), generate(sampler, [4], [7])
    for name, level in flow.levels.items():
        assert bool(together[name].isfinite().all())
        assert torch.equal(together[name][slice(3, 7) if level == "atom" else slice(2, 3)], alone[name])
    for name, classes in (("species", 3), ("bits", 6), ("labels", 3)):
        assert bool(((together[name] >= 0) & (together[name] < classes)).all())
