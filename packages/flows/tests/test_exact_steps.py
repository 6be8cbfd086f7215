"""Single moves against their equations, solved here by other means, to six digits."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from epitaxy.flows import AbsorbingDiffusion, DiscretisedGaussianBFN, KineticDiffusion, KineticState
from epitaxy.flows.testing import sample
from epitaxy.geometry import Centered, RowRng, Segments, wrapped_normal_information
from epitaxy.geometry.testing import FAILURE_RATE, SIGMAS

ROWS, CPU = 5, torch.device("cpu")


def covariance(u: float, initial: float) -> Tensor:
    """Covariance of (r, v) after noise time u, by Runge and Kutta on dP/du = F P + P F^T + Q."""
    drift = torch.tensor([[0.0, 1.0], [0.0, -1.0]], dtype=torch.float64)
    heat = torch.diag(torch.tensor([0.0, 2.0], dtype=torch.float64))
    p = torch.diag(torch.tensor([0.0, initial**2], dtype=torch.float64))
    steps = 2000
    h = u / steps

    def slope(p: Tensor) -> Tensor:
        return drift @ p + p @ drift.T + heat

    for _ in range(steps):
        a = slope(p)
        b = slope(p + h / 2 * a)
        c = slope(p + h / 2 * b)
        p = p + h / 6 * (a + 2 * b + 2 * c + slope(p + h * c))
    return p


def states(rows: int = ROWS) -> KineticState:
    """Positions within 0.01 radians of the data at 0, so that nothing wraps, and velocities of any size."""
    rng = torch.Generator().manual_seed(0)
    r, v = torch.randn(2, rows, 1, generator=rng, dtype=torch.float64)
    return KineticState(position=(0.01 * r / (2 * math.pi)).remainder(1.0), velocity=v)


def times(t: float) -> Tensor:
    return torch.full((ROWS,), t, dtype=torch.float64)


def displacement(state: KineticState) -> Tensor:
    return ((state.position + 0.5).remainder(1.0) - 0.5) * 2 * math.pi


@pytest.mark.parametrize("initial", [0.0, 0.5])
@pytest.mark.parametrize("u", [0.1, 0.3])
@pytest.mark.parametrize("eta", [0.25, 2.0])
def test_the_corrector_solves_its_langevin_equation(u: float, initial: float, eta: float) -> None:
    """For data at 0 and a narrow kernel the law of v given r is normal, N(m, s^2).

    The exact solution keeps it: v - m shrinks by e^-eta, and gains noise of variance (1 - e^(-2 eta)) s^2.
    """
    flow = KineticDiffusion(sampler="predictor_corrector", initial_velocity=initial, corrector_step=eta)
    state, t = states(), times(1 - u / flow.horizon)
    p = covariance(u, initial)
    r = displacement(state)
    mean, variance = p[0, 1] / p[0, 0] * r, p[1, 1] - p[0, 1] ** 2 / p[0, 0]
    spread = p[0, 0] - p[0, 1] ** 2 / p[1, 1]
    pull = (r - p[0, 1] / p[1, 1] * state.velocity) / spread
    output = pull / wrapped_normal_information(spread.sqrt()[None]).sqrt()
    moved = flow.correct(state, output, t, t, rng=RowRng(torch.arange(ROWS)))
    noise = RowRng(torch.arange(ROWS)).normal((ROWS, 1), dtype=torch.float64, device=CPU)
    wanted = mean + math.exp(-eta) * (state.velocity - mean)
    wanted = wanted + (-math.expm1(-2 * eta) * variance).sqrt() * noise
    torch.testing.assert_close(moved.velocity, wanted, rtol=1e-6, atol=1e-7)
    assert torch.equal(moved.position, state.position)


@pytest.mark.parametrize("sampler", ["exponential", "probability_flow"])
@pytest.mark.parametrize(("t", "s"), [(0.2, 0.3), (0.5, 0.9)])
def test_steps_solve_their_equation_with_the_score_held(sampler: Any, t: float, s: float) -> None:
    """dv = (v + 2 score) du + sqrt(2) dW, or dv = (v + score) du, backwards in u, in fine steps."""
    flow = KineticDiffusion(sampler=sampler, parametrisation="direct")
    state, score = states(), torch.linspace(-2, 2, ROWS, dtype=torch.float64)[:, None]
    moved = flow.step(state, score, times(t), times(s), rng=RowRng(torch.arange(ROWS)))
    factor, heat = (2, 2) if sampler == "exponential" else (1, 0)
    steps = 4000
    h = flow.horizon * (s - t) / steps
    velocity, variance = state.velocity, 0.0
    for _ in range(steps):  # the midpoint rule, of second order
        middle = velocity + h / 2 * (velocity + factor * score)
        velocity = velocity + h * (middle + factor * score)
        variance += h * (2 * (variance + h / 2 * (2 * variance + heat)) + heat)
    noise = RowRng(torch.arange(ROWS)).normal((ROWS, 1), dtype=torch.float64, device=CPU)
    wanted = velocity + math.sqrt(variance) * noise
    torch.testing.assert_close(moved.velocity, wanted, rtol=1e-6, atol=1e-6)
    travelled = -flow.horizon * (s - t) * moved.velocity
    arrived = (displacement(state) + travelled) / (2 * math.pi)
    gap = (moved.position - arrived + 0.5).remainder(1.0) - 0.5
    torch.testing.assert_close(gap, torch.zeros_like(gap), rtol=0.0, atol=1e-12)


class ToldRng(RowRng):
    """A source whose normal numbers are these, one for each call, everywhere."""

    def __init__(self, *numbers: float) -> None:
        super().__init__(torch.arange(ROWS))
        self.numbers = list(numbers)

    def normal(self, shape: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return the next number."""
        return torch.full(tuple(shape), self.numbers.pop(0), dtype=dtype, device=device)


@pytest.mark.parametrize("initial", [0.0, 0.5])
@pytest.mark.parametrize(("u", "w"), [(0.3, 0.1), (1.2, 0.9)])
def test_an_ancestral_step_has_the_law_given_both_ends(u: float, w: float, initial: float) -> None:
    """Of (r, v) at noise time w given (r, v) at u and data at 0, by conditioning the joint normal law."""
    flow = KineticDiffusion(initial_velocity=initial, parametrisation="direct")
    state, t, s = states(), times(1 - u / flow.horizon), times(1 - w / flow.horizon)
    before, after = covariance(w, initial), covariance(u, initial)
    evolved = torch.tensor([[1.0, 1 - math.exp(w - u)], [0.0, math.exp(w - u)]], dtype=torch.float64)
    gain = before @ evolved.T @ torch.linalg.inv(after)
    noise = before - gain @ evolved @ before
    here = torch.cat([displacement(state), state.velocity], 1)
    score = -(here @ torch.linalg.inv(after))[:, 1:]  # of v: that of the joint law at u
    moved = [flow.step(state, score, t, s, rng=ToldRng(*e)) for e in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))]
    mean, *columns = [torch.cat([displacement(one), one.velocity], 1) for one in moved]
    torch.testing.assert_close(mean, here @ gain.T, rtol=1e-6, atol=1e-9)
    root = torch.stack([column - mean for column in columns], 2)
    torch.testing.assert_close(root @ root.mT, noise.expand(ROWS, 2, 2), rtol=1e-6, atol=1e-9)


def test_the_published_corrector_and_step_are_algorithm_4() -> None:
    """v + tau / mean(score^2) score + (2 tau / mean(score^2))^(1/2) noise, of each graph; and both move r."""
    segments = Segments.from_counts([2, 3])
    flow = KineticDiffusion(sampler="published_pc", parametrisation="direct", corrector_step=0.3).on(segments)
    state, score = states(), torch.tensor([[0.5], [-0.5], [0.5], [1.5], [-2.0]], dtype=torch.float64)
    state = KineticState(position=state.position, velocity=segments.center(state.velocity))
    t, s = times(0.4), times(0.5)
    size = 0.3 / torch.tensor([[0.25], [0.25], [6.5 / 3], [6.5 / 3], [6.5 / 3]], dtype=torch.float64)
    noise = Centered(segments).normal(1, rng=RowRng(torch.arange(ROWS)), dtype=torch.float64, device=CPU)
    moved = flow.correct(state, score, t, s, rng=RowRng(torch.arange(ROWS)))
    torch.testing.assert_close(moved.velocity, state.velocity + size * score + (2 * size).sqrt() * noise)
    h = flow.horizon * 0.1
    std = [float(covariance(flow.horizon * (1 - time), 0.0)[1, 1]) ** 0.5 for time in (0.4, 0.5)]
    later = flow.step(state, score, t, s, rng=RowRng(torch.arange(ROWS)))
    growth = math.exp(h)
    velocity = growth * state.velocity + (growth * std[0] - std[1]) * std[0] * score
    torch.testing.assert_close(later.velocity, velocity, rtol=1e-6, atol=1e-8)
    for one in (moved, later):
        gap = displacement(one) - displacement(state) + h * one.velocity
        torch.testing.assert_close(gap, torch.zeros_like(gap), rtol=0.0, atol=1e-7)


@pytest.mark.statistical
@pytest.mark.parametrize("initial", [0.0, 1.0])
@pytest.mark.parametrize("horizon", [0.5, 2.0])
def test_the_prior_has_the_velocities_of_its_time(initial: float, horizon: float) -> None:
    """Their mean square over 300,000, within the bounds of Laurent and Massart (2000): 1.1 % at most."""
    count = 300_000
    flow = KineticDiffusion(horizon=horizon, initial_velocity=initial)
    prior = flow.prior(torch.zeros(count // 3, 3), rng=torch.Generator().manual_seed(0))
    square = float(prior.velocity.double().square().sum()) / float(covariance(horizon, initial)[1, 1])
    rare = math.log(2 / FAILURE_RATE)
    slack = 2 * math.sqrt(count * rare)
    assert count - slack < square < count + slack + 2 * rare


@pytest.mark.parametrize("initial", [0.0, 1.0])
def test_the_marginal_prior_is_data_at_the_start(initial: float) -> None:
    """With the same numbers the same, to the bit."""
    flow = KineticDiffusion(prior_kind="marginal", initial_velocity=initial)
    x = torch.rand(ROWS, 1, generator=torch.Generator().manual_seed(0))
    prior = flow.prior(x, rng=RowRng(torch.arange(ROWS)))
    made = flow.corrupt(x, torch.zeros(ROWS), rng=RowRng(torch.arange(ROWS)))
    assert torch.equal(prior.position, made.position)
    assert torch.equal(prior.velocity, made.velocity)


def test_sigma_is_kept_in_its_range() -> None:
    """GeoBFN's code has 1e-6 and 4."""
    flow = DiscretisedGaussianBFN(bins=9, sigma1=0.15)
    assert flow.sigma_range == (1e-6, 4.0)
    # The scale r is 51.33 at t_min and before; with sigma1 = 1e-4 it is 1e-4 at the end.
    late = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    output = torch.tensor([[0.0, -10.0], [0.0, 10.0], [0.0, math.log(3.0 / 51.33)]], dtype=torch.float64)
    narrow = DiscretisedGaussianBFN(bins=9, sigma1=1e-4)
    mean = torch.zeros(3, dtype=torch.float64)
    assert float(narrow.gaussian(output, mean, late)[1][0]) == 1e-6
    _, sigma = flow.gaussian(output, mean, late)
    assert float(sigma[1]) == 4.0
    assert float(sigma[2]) == pytest.approx(3.0, rel=1e-3)
    tight = DiscretisedGaussianBFN(bins=9, sigma1=0.15, sigma_range=(0.5, 0.75))
    assert tight.gaussian(output, mean, late)[1].tolist() == [0.5, 0.75, 0.75]


@pytest.mark.statistical
@pytest.mark.parametrize("n", [1, 2, 10])
def test_few_steps_keep_the_law_of_classes(n: int) -> None:
    """By default, at any number of steps; the likeliest class for what is left does not (0.55 for 0.5)."""
    law, rows = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), 40_000
    logits, like = law.log().float().expand(rows, 3), torch.zeros(rows, dtype=torch.long)
    for kind, exact in (("sampled", True), ("argmax", False)):
        flow = (
            AbsorbingDiffusion(classes=3, decode_kind=kind)
            if kind == "argmax"
            else AbsorbingDiffusion(classes=3)
        )
        found = sample(flow, lambda *_: logits, like, n, rng=torch.Generator().manual_seed(n))
        gap = (found.bincount(minlength=3) / rows - law).abs()
        error = SIGMAS * (law * (1 - law) / rows).sqrt()
        assert bool((gap < error).all()) == exact
