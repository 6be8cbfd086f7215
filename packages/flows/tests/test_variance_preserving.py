"""The variance-preserving diffusion: laws, kernels, steps."""

import dataclasses
import math
from itertools import pairwise
from typing import Any, Literal

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from jaxtyping import TypeCheckError
from torch import Tensor

from epitaxy.flows import LinearBeta, VariancePreserving
from epitaxy.flows.testing import FlowLaws, sample
from epitaxy.geometry.testing import SIGMAS, Tolerance

SAMPLERS = VariancePreserving().samplers
Prediction = Literal["x0", "epsilon"]
PREDICTIONS: tuple[Prediction, ...] = ("x0", "epsilon")


class DiffusionLaws(FlowLaws):
    prior_is_exact = False
    sampler = "ancestral"
    prediction: Prediction = "x0"

    def flow(self) -> VariancePreserving:
        return VariancePreserving(prediction=self.prediction).with_sampler(self.sampler)

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 6, generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 6, generator=generator)


class TestAncestral(DiffusionLaws):
    pass


class TestAncestralEpsilon(DiffusionLaws):
    prediction: Prediction = "epsilon"


class TestEulerMaruyama(DiffusionLaws):
    sampler = "euler_maruyama"
    prediction: Prediction = "epsilon"


class TestExponential(DiffusionLaws):
    sampler = "exponential"


class TestProbabilityFlow(DiffusionLaws):
    sampler = "probability_flow"
    prediction: Prediction = "epsilon"


class TestPublished(DiffusionLaws):
    sampler = "published_pc"


class TestPublishedEpsilonOfMatrices(DiffusionLaws):
    sampler = "published_pc"
    prediction: Prediction = "epsilon"

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 3, 3, generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 3, 3, generator=generator)


class TestScalars(DiffusionLaws):
    sampler = "published_pc"

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, generator=generator)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def at(t: float, rows: int = 1) -> Tensor:
    return torch.full((rows,), t, dtype=torch.float64)


def assert_normal(x: Tensor, mean: float, variance: float, bias: float = 0.0) -> None:
    """Mean and variance of independent numbers, to SIGMAS standard errors and a bias."""
    n = x.numel()
    assert abs(float(x.mean()) - mean) < SIGMAS * math.sqrt(variance / n) + bias
    assert float(x.var()) == pytest.approx(variance, rel=SIGMAS * math.sqrt(2 / n) + bias)


@pytest.mark.statistical
@pytest.mark.parametrize("u", [0.05, 0.3])
def test_kernel_is_that_of_the_forward_equation(u: float) -> None:
    """dx = -beta x / 2 du + beta^(1/2) dW in 500 steps, whose own error is below 0.005 here."""
    rows, steps, schedule, rng = 20000, 500, LinearBeta(), generator()
    x = torch.full((rows, 1), 1.5, dtype=torch.float64)
    ours = VariancePreserving().corrupt(x, at(1 - u, rows), rng=rng)
    h = u / steps
    for i in range(steps):
        rate = float(schedule.beta(at((i + 0.5) * h)))
        noise = torch.randn(rows, 1, dtype=torch.float64, generator=rng)
        x = x - rate * h / 2 * x + math.sqrt(rate * h) * noise
    mean, variance = 1.5 * float(schedule.alpha(at(u))), float(schedule.sigma(at(u)).square())
    assert_normal(ours, mean, variance)
    assert_normal(x, mean, variance, bias=0.005)


@pytest.mark.statistical
def test_ancestral_steps_walk_through_the_kernels() -> None:
    """With the data as prediction, states have the forward law at every time, and pairs its covariance."""
    rows, flow, rng = 20000, VariancePreserving(), generator()
    x = torch.full((rows, 1), 1.5, dtype=torch.float64)
    state = flow.corrupt(x, at(0.0, rows), rng=rng)
    for t, s in pairwise([0.0, 0.3, 0.31, 0.9, 0.999, 1.0]):
        later = flow.step(state, x, at(t, rows), at(s, rows), rng=rng)
        u, v = flow.noise_time(at(t)), flow.noise_time(at(s))
        alpha, sigma = float(flow.schedule.alpha(v)), float(flow.schedule.sigma(v))
        if s == 1.0:
            Tolerance.LOOSE64.assert_close(later, x)
            break
        assert_normal(later, 1.5 * alpha, sigma**2)
        share = float(flow.schedule.alpha(u)) / alpha
        covariance = float(((state - state.mean()) * (later - later.mean())).mean())
        error = sigma * float(flow.schedule.sigma(u)) * math.sqrt(2 / rows)
        assert abs(covariance - share * sigma**2) < SIGMAS * error
        state = later


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("n", [1, 3, 10])
def test_one_point(prediction: Prediction, n: int) -> None:
    """An oracle that knows the data returns them, in float32, whatever the sampler."""
    x = torch.randn(50, 6, generator=generator())
    for sampler in SAMPLERS:
        flow = VariancePreserving(prediction=prediction, corrector_step=0.1).with_sampler(sampler)
        found = sample(flow, exact(flow, x), torch.zeros_like(x), n, rng=generator(1))
        # At the prior one float32 rounding of the state is divided by alpha = 0.0066.
        torch.testing.assert_close(found, x, rtol=1e-3, atol=1e-3)


def exact(flow: VariancePreserving, x: Tensor) -> Any:
    """The network's output that predicts x."""

    def oracle(state: Tensor, t: Tensor) -> Tensor:
        as_x0 = dataclasses.replace(flow, prediction="x0")
        return x if flow.prediction == "x0" else as_x0.epsilon_of(x, state, t)

    return oracle


@given(st.sampled_from(SAMPLERS), st.floats(0.0, 0.99), st.floats(0.0, 1.0), st.floats(-3.0, 3.0))
def test_both_predictions_say_the_same(sampler: str, t: float, gap: float, x: float) -> None:
    """Converted into each other they give the same data, noise, score, correction, step and sample."""
    by_noise = VariancePreserving(prediction="epsilon").with_sampler(sampler)
    by_data = dataclasses.replace(by_noise, prediction="x0")
    state = torch.tensor([[x, 0.3]], dtype=torch.float64)
    noise = torch.tensor([[0.7, -1.1]], dtype=torch.float64)
    start, end = at(t), at(t + gap * (1 - t) + 1e-6)
    data = by_noise.x0_of(noise, state, start)
    Tolerance.LOOSE64.assert_close(by_data.epsilon_of(data, state, start), noise)
    Tolerance.LOOSE64.assert_close(by_data.score(data, state, start), by_noise.score(noise, state, start))
    one = by_data.step(state, data, start, end, rng=generator())
    two = by_noise.step(state, noise, start, end, rng=generator())
    torch.testing.assert_close(one, two, rtol=1e-8, atol=1e-8)
    one = by_data.correct(state, data, start, end, rng=generator())
    two = by_noise.correct(state, noise, start, end, rng=generator())
    torch.testing.assert_close(one, two, rtol=1e-8, atol=1e-8)
    assert torch.equal(by_data.decode(state, data, start, rng=generator()), data)


@given(st.floats(0.0, 0.999))
def test_score_is_the_gradient_of_the_kernel(t: float) -> None:
    """For data at one point, of ln N(x | alpha x0, sigma^2)."""
    flow, x0 = VariancePreserving(), torch.tensor([[0.4, -1.0]], dtype=torch.float64)
    x = torch.tensor([[0.2, 0.9]], dtype=torch.float64, requires_grad=True)
    u = flow.noise_time(at(t))
    mean, sigma = float(flow.schedule.alpha(u)) * x0, float(flow.schedule.sigma(u))
    (slope,) = torch.autograd.grad(torch.distributions.Normal(mean, sigma).log_prob(x).sum(), x)
    Tolerance.LOOSE64.assert_close(flow.score(x0, x.detach(), at(t)), slope)


def test_loss_is_the_squared_error_of_what_is_predicted() -> None:
    x, noise = torch.randn(2, 4, 6, generator=generator())
    t = torch.tensor([0.0, 0.4, 0.99, 1.0])
    flow = VariancePreserving(prediction="epsilon")
    u = flow.noise_time(t)
    state = (flow.schedule.alpha(u)[:, None] * x + flow.schedule.sigma(u)[:, None] * noise).float()
    loss = flow.loss(noise + 1, x, state, t, rng=generator())
    torch.testing.assert_close(loss[:3], torch.full((3,), 6.0), rtol=1e-3, atol=0.0)
    assert bool(loss.isfinite().all())  # at t = 1 the noise cannot be known
    by_data = VariancePreserving().loss(x + 2, x, state, t, rng=generator())
    Tolerance.EXACT32.assert_close(by_data, torch.full((4,), 24.0))


@given(st.floats(0.0, 0.99), st.floats(0.01, 1.0))
def test_euler_and_probability_flow_are_their_formulas(t: float, gap: float) -> None:
    """With the score of a predicted noise, and the same numbers for the step's own noise."""
    s, shape = t + gap * (1 - t), (4, 3)
    state, out = torch.randn(2, *shape, generator=generator(), dtype=torch.float64)
    flow = VariancePreserving(prediction="epsilon", sampler="euler_maruyama")
    beta = float(flow.schedule.beta(at(1 - t)))
    (alpha, sigma), (next_alpha, next_sigma) = (
        (float(LinearBeta().alpha(at(1 - time))), float(LinearBeta().sigma(at(1 - time)))) for time in (t, s)
    )
    noise = torch.randn(shape, generator=generator(1), dtype=torch.float64)
    h, score = s - t, -out / sigma
    expected = state + (beta * state / 2 + beta * score) * h + math.sqrt(beta * h) * noise
    found = flow.step(state, out, at(t, 4), at(s, 4), rng=generator(1))
    Tolerance.LOOSE64.assert_close(found, expected)
    x0 = (state - sigma * out) / alpha
    found = flow.with_sampler("probability_flow").step(state, out, at(t, 4), at(s, 4), rng=generator(1))
    Tolerance.LOOSE64.assert_close(found, next_alpha * x0 + next_sigma * out)


@pytest.mark.statistical
@pytest.mark.parametrize(("t", "s"), [(0.2, 0.5), (0.5, 0.9), (0.9, 1.0)])
def test_exponential_solves_the_equation_with_the_noise_held(t: float, s: float) -> None:
    """Against the reverse equation in 500 steps; the published noise is too small by far in such a step."""
    rows, steps, rng = 20000, 500, generator()
    flow = VariancePreserving(prediction="epsilon", sampler="exponential")
    x = torch.zeros(rows, 1, dtype=torch.float64)
    held = torch.full_like(x, 0.8)
    ours = flow.step(x, held, at(t, rows), at(s, rows), rng=rng)
    # Times so that the log of sigma, which the score is divided by, moves evenly until near the data.
    times = 1 - (1 - t) * (torch.linspace(1, ((1 - s) / (1 - t)) ** 0.5, steps + 1).double() ** 2)
    for a, b in pairwise(times.tolist()):
        u, h = flow.noise_time(at((a + b) / 2)), b - a
        rate, sigma = float(flow.schedule.beta(u)), float(flow.schedule.sigma(u))
        drift = rate * h * (x / 2 - 0.8 / sigma)
        x = x + drift + math.sqrt(rate * h) * torch.randn(rows, 1, dtype=torch.float64, generator=rng)
    decay = float((flow.schedule.integral(1 - at(t)) - flow.schedule.integral(1 - at(s))).sum())
    variance = math.expm1(decay)
    assert_normal(ours, float(ours.mean()), variance)
    assert_normal(x, float(ours.mean()), variance, bias=0.02)
    snr = [float(flow.schedule.log_snr(1 - at(time))) for time in (t, s)]
    published = float(flow.schedule.sigma(1 - at(s)).square()) * -math.expm1(snr[0] - snr[1])
    assert published < 0.7 * variance


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_everything_is_finite_at_the_ends_of_time(prediction: Prediction, sampler: str) -> None:
    flow = VariancePreserving(prediction=prediction).with_sampler(sampler)
    x, out = torch.randn(2, 6, 3, generator=generator())
    for a, b in ((0.0, 1e-7), (0.0, 1.0), (1 - 2.0**-24, 1.0), (1.0, 1.0)):
        t, s = torch.full((6,), a), torch.full((6,), b)
        state = flow.corrupt(x, t, rng=generator())
        for y in (
            state,
            flow.x0_of(out, state, t),
            flow.score(out, state, t),
            flow.correct(state, out, t, s, rng=generator()),
            flow.step(state, out, t, s, rng=generator()),
            flow.loss(out, x, state, t, rng=generator()),
        ):
            assert y.dtype == torch.float32
            assert bool(y.isfinite().all())


def test_a_score_of_zero_makes_a_bounded_correction() -> None:
    flow = VariancePreserving(sampler="published_pc")
    zero = torch.zeros(1000, 6)
    moved = flow.correct(zero, zero, torch.full((1000,), 0.5), torch.ones(1000), rng=generator())
    assert float(moved.abs().max()) < SIGMAS * math.sqrt(2 * 0.25 / 0.01)


@pytest.mark.statistical
def test_correction_is_as_published() -> None:
    """delta = tau / mean(score^2), one a row: mean and variance of the move."""
    flow, rows = VariancePreserving(sampler="published_pc", prediction="epsilon"), 10000
    out = torch.tensor([1.0, 2.0], dtype=torch.float64).expand(rows, 2)
    state, t = torch.zeros_like(out), at(0.5, rows)
    sigma = float(flow.schedule.sigma(at(0.5)))
    delta = 0.25 / (2.5 / sigma**2)
    moved = flow.correct(state, out, t, t, rng=generator())
    for k in (0, 1):
        assert_normal(moved[:, k], -delta * float(out[0, k]) / sigma, 2 * delta)


def test_flows_that_do_not_exist() -> None:
    for wrong in ({"corrector_step": 0.0}, {"corrector_step": float("inf")}):
        with pytest.raises(ValueError, match="corrector_step"):
            VariancePreserving(**wrong)
    for option in ({"sampler": "euler"}, {"prediction": "v"}):
        with pytest.raises((ValueError, TypeCheckError)):
            VariancePreserving(**option)
    with pytest.raises(ValueError, match="sampler must be one of ancestral"):
        VariancePreserving().with_sampler("bayes")
    flow = VariancePreserving()
    assert flow.with_steps(5) is flow
    assert [flow.with_sampler(name).corrections for name in SAMPLERS] == [0, 0, 0, 0, 1]
