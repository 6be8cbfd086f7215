"""The Gaussian Bayesian flow."""

import dataclasses
import math
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from jaxtyping import TypeCheckError
from torch import Tensor

from epitaxy.flows import GaussianBFN
from epitaxy.flows.testing import FlowLaws
from epitaxy.geometry import RowRng
from epitaxy.geometry.testing import SIGMAS, Tolerance, TurnedRng, random_orthogonal

TIMES = st.floats(0.0, 0.99)


class GaussianLaws(FlowLaws):
    def data(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 3, 3, generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 3, 3, generator=generator)


class TestBayes(GaussianLaws):
    def flow(self) -> GaussianBFN:
        return GaussianBFN(grid=10)


class TestEndBack(GaussianLaws):
    def flow(self) -> GaussianBFN:
        return GaussianBFN(sampler="end_back")


class TestContinuous(GaussianLaws):
    def flow(self) -> GaussianBFN:
        return GaussianBFN(grid=None, loss_kind="continuous")


class TestNoise(GaussianLaws):
    def flow(self) -> GaussianBFN:
        return GaussianBFN(grid=10, parametrisation="noise", t_min=1e-4, clamp=10.0)


class TestResidual(GaussianLaws):
    def flow(self) -> GaussianBFN:
        return GaussianBFN(grid=None, loss_kind="continuous", parametrisation="residual")


class TestContinuousNoise(GaussianLaws):
    def flow(self) -> GaussianBFN:
        return noisy(grid=None, sampler="end_back")


class TestPeriodicNoise(GaussianLaws):
    def flow(self) -> GaussianBFN:
        return noisy(period=1.0)

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.rand(self.rows, 3, generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 3, generator=generator)


class TestPeriodicScalars(GaussianLaws):
    def flow(self) -> GaussianBFN:
        return GaussianBFN(period=1.0, sampler="end_back")

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.rand(self.rows, generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, generator=generator)


class TestWrappedMean(TestPeriodicNoise):
    def flow(self) -> GaussianBFN:
        return noisy(period=1.0, wrapped=True, clamp=10.0)


def noisy(sigma1: float = 0.02, **options: Any) -> GaussianBFN:
    return GaussianBFN(sigma1=sigma1, parametrisation="noise", t_min=1e-4, loss_kind="continuous", **options)


def at(t: float, rows: int = 1) -> Tensor:
    return torch.full((rows,), t, dtype=torch.float64)


def test_published_constants() -> None:
    """notes, section 7, sigma1^2 = 1e-3: alpha_1, alpha_n, the sum, gamma and the loss weights."""
    flow = GaussianBFN()
    grid = torch.arange(1001, dtype=torch.float64) / 1000
    alpha = flow.accuracy(grid[:-1], grid[1:])
    assert float(alpha[0]) == pytest.approx(0.0069316689, rel=1e-7)
    assert float(alpha[-1]) == pytest.approx(6.8839516, rel=1e-7)
    assert 1 + float(alpha.sum()) == pytest.approx(1000.0, rel=1e-10)
    assert float(flow.gamma(at(0.5))) == pytest.approx(0.9683772, abs=1e-7)
    assert float(flow.gamma(at(0.25))) == pytest.approx(0.8221721, abs=1e-7)
    ten = flow.with_steps(10)
    assert float(ten.accuracy(at(0.0), at(0.1))) == pytest.approx(0.9952623, abs=1e-7)
    assert float(ten.accuracy(at(0.9), at(1.0))) == pytest.approx(498.81277, rel=1e-7)
    x = torch.zeros(1, 1, dtype=torch.float64)
    for t, weight in ((0.0, 3.4658344), (0.999, 3441.97579)):
        loss = flow.loss(x + 1, x, x, at(t), rng=torch.Generator())
        assert float(loss) == pytest.approx(weight, rel=1e-7)


@given(TIMES, st.integers(1, 2000))
def test_discrete_loss_is_the_divergence_of_the_messages(t: float, n: int) -> None:
    """n KL(N(x, 1/alpha) || N(x_hat, 1/alpha)), summed over components; in the limit the continuous loss."""
    flow = GaussianBFN(grid=n)
    i = min(round(t * n), n - 1)
    x, x_hat = (
        torch.tensor([[0.1, -2.0]], dtype=torch.float64),
        torch.tensor([[0.3, 1.0]], dtype=torch.float64),
    )
    alpha = float(flow.accuracy(at(i / n), at((i + 1) / n)))
    loss = float(flow.loss(x_hat, x, x, at(i / n), rng=torch.Generator()))
    assert loss == pytest.approx(n * alpha / 2 * (0.2**2 + 3.0**2), rel=1e-9)
    limit = GaussianBFN(grid=None, loss_kind="continuous")
    fine = GaussianBFN(grid=10**6)
    at_limit = limit.loss(x_hat, x, x, at(t), rng=torch.Generator())
    torch.testing.assert_close(
        fine.loss(x_hat, x, x, at(t), rng=torch.Generator()), at_limit, rtol=2e-5, atol=0.0
    )


@given(TIMES, TIMES)
def test_two_messages_are_one(t: float, s: float) -> None:
    """Accuracies add up, and the update with a perfect message has the precision-weighted mean."""
    flow = GaussianBFN()
    early, late = sorted((t, s))
    whole = flow.accuracy(at(early), at(1.0))
    torch.testing.assert_close(
        flow.accuracy(at(early), at(late)) + flow.accuracy(at(late), at(1.0)), whole, rtol=1e-9, atol=1e-12
    )
    mean, y = torch.tensor([[2.0]], dtype=torch.float64), torch.tensor([[3.0]], dtype=torch.float64)
    rho, alpha = flow.precision(at(early)), flow.accuracy(at(early), at(1.0))
    expected = (rho * 2.0 + alpha * 3.0) / (rho + alpha)
    torch.testing.assert_close(flow.bayesian_update(mean, y, alpha, rho).flatten(), expected)


@pytest.mark.statistical
def test_steps_compose_to_the_flow_distribution() -> None:
    """With the data as the network's output both samplers walk through N(gamma x, gamma (1 - gamma))."""
    rows = 20000
    x = torch.full((rows, 1), 1.5, dtype=torch.float64)
    times = [0.0, 0.001, 0.1, 0.11, 0.6, 1.0]
    for sampler in ("bayes", "end_back"):
        flow = dataclasses.replace(GaussianBFN(), sampler=sampler)
        rng = torch.Generator().manual_seed(0)
        mean = flow.prior(x, rng=rng)
        for t, s in pairwise(times):
            mean = flow.step(mean, x, at(t, rows), at(s, rows), rng=rng)
            gamma = float(flow.gamma(at(s)))
            variance = gamma * (1 - gamma)
            assert abs(float(mean.mean()) - gamma * 1.5) < SIGMAS * math.sqrt(variance / rows)
            assert float(mean.var()) == pytest.approx(variance, rel=SIGMAS * math.sqrt(2 / rows))


@pytest.mark.parametrize("parametrisation", ["data", "noise", "residual"])
@pytest.mark.parametrize("sampler", ["bayes", "end_back"])
@given(seed=st.integers(0, 2**31))
def test_rotations_carry_through(parametrisation: Any, sampler: Any, seed: int) -> None:
    """Turning data, outputs and noise turns states, steps and samples, and no loss: it knows no axis."""
    flow = GaussianBFN(sampler=sampler, parametrisation=parametrisation, t_min=1e-4)
    t, rng = at(0.4, 4), torch.Generator().manual_seed(seed)
    x, output = torch.randn(2, 4, 3, 3, generator=rng, dtype=torch.float64)
    ends = []
    q = random_orthogonal(rng=rng, reflections=True)
    for matrix in (torch.eye(3, dtype=torch.float64), q):
        source = TurnedRng(torch.Generator().manual_seed(seed), matrix)
        state = flow.corrupt(x @ matrix, t, rng=source)
        later = flow.step(state, output @ matrix, t, t + 0.1, rng=source)
        sample = flow.decode(later, output @ matrix, t + 0.1, rng=source)
        ends.append((state, later, sample, flow.loss(output @ matrix, x @ matrix, state, t, rng=source)))
    (*vectors, loss), (*turned, turned_loss) = ends
    for one, two in zip(vectors, turned, strict=True):
        Tolerance.LOOSE64.assert_close(two, one @ q)
    Tolerance.LOOSE64.assert_close(turned_loss, loss)


def test_float32_at_the_ends_of_time() -> None:
    """gamma near 0 and the last accuracy agree with float64."""
    flow = GaussianBFN()
    for t, s in ((0.0, 1e-3), (1e-7, 2e-7), (0.999, 1.0)):
        low = flow.accuracy(torch.tensor([t]), torch.tensor([s]))
        high = flow.accuracy(torch.tensor([t]).double(), torch.tensor([s]).double())
        torch.testing.assert_close(low.double(), high, rtol=1e-4, atol=0.0)
        gamma = flow.gamma(torch.tensor([s])).double()
        torch.testing.assert_close(gamma, flow.gamma(torch.tensor([s]).double()), rtol=1e-6, atol=0.0)


@pytest.mark.parametrize(("t", "gamma"), [(0.25, 0.8585786), (0.5, 0.98), (1.0, 0.9996)])
def test_gamma_of_symmbfn(t: float, gamma: float) -> None:
    """notes, SymmBFN, section 7, sigma = 0.02."""
    assert float(noisy().gamma(at(t))) == pytest.approx(gamma, abs=5e-8)


@pytest.mark.parametrize(
    ("t", "weight"), [(0.0, 5002), (1e-4, 5002), (0.01, 51.98), (0.5, 3.992), (1.0, 3.914)]
)
def test_weights_of_a_predicted_noise(t: float, weight: float) -> None:
    """notes, SymmBFN, section 1: -ln(sigma) / gamma, that of t_min before it, in both precisions."""
    for dtype, rel in ((torch.float64, 2e-4), (torch.float32, 3e-4)):
        time = at(t).to(dtype)
        state = torch.zeros(1, 1, dtype=dtype)
        out = noisy().noise_of(state, state, time) + 1
        loss = noisy().loss(out, state, state, time, rng=torch.Generator())
        assert float(loss) == pytest.approx(weight, rel=rel)


def test_constants_of_geobfn_and_of_a_hundred_steps() -> None:
    """notes, section 7 of both."""
    flow, grid = noisy(grid=100), torch.arange(101, dtype=torch.float64) / 100
    alpha = flow.accuracy(grid[:-1], grid[1:])
    assert float(alpha[0]) == pytest.approx(0.0813827, rel=1e-6)
    assert float(alpha[-1]) == pytest.approx(188.1449, rel=1e-6)
    assert 1 + float(alpha.sum()) == pytest.approx(2500.0, rel=1e-10)
    assert float(noisy(0.001).gamma(at(0.25))) == pytest.approx(0.9683772, abs=5e-8)
    # From a mean of 0 a noise of 1 is data at minus the factor.
    one, zero = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64)
    assert float(noisy(0.001).data_of(one, zero, at(1e-4))) == pytest.approx(-26.89, abs=5e-3)
    assert float(noisy(0.001).data_of(one, zero, at(0.0))) == pytest.approx(-26.89, abs=5e-3)


@given(st.sampled_from([0.02, 0.001]), TIMES, st.integers(0, 2**31))
def test_noise_and_data_say_the_same(sigma1: float, t: float, seed: int) -> None:
    """Converted into each other, outputs have the same losses, steps and samples."""
    by_noise = noisy(sigma1)
    by_data = dataclasses.replace(by_noise, parametrisation="data")
    rng = torch.Generator().manual_seed(seed)
    x, noise = torch.randn(2, 4, 3, generator=rng, dtype=torch.float64)
    time = at(t, 4)
    state = by_noise.corrupt(x, time, rng=rng)
    data = by_noise.data_of(noise, state, time)
    Tolerance.LOOSE64.assert_close(by_noise.noise_of(data, state, time), noise)
    losses = [
        flow.component_losses(out, x, state, time) for flow, out in ((by_noise, noise), (by_data, data))
    ]
    Tolerance.LOOSE64.assert_close(losses[0], losses[1])
    Tolerance.LOOSE64.assert_close(by_noise.loss(noise, x, state, time, rng=rng), losses[0].sum(1))
    later = at(t + (1 - t) / 2, 4)
    steps = [
        flow.step(state, out, time, later, rng=RowRng(torch.arange(4)))
        for flow, out in ((by_noise, noise), (by_data, data))
    ]
    Tolerance.LOOSE64.assert_close(steps[0], steps[1])
    assert torch.equal(by_noise.decode(state, noise, time, rng=rng), data)


@given(st.sampled_from([0.02, 0.001]), st.floats(1e-4, 1.0))
def test_the_noise_is_the_one_that_made_the_mean(sigma1: float, t: float) -> None:
    """The right output has no loss, and the loss of another is -ln(sigma) / gamma |eps - eps_hat|^2."""
    flow, time = noisy(sigma1), at(t, 5)
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    noise = RowRng(torch.arange(5)).normal(x.shape, dtype=x.dtype, device=x.device)
    state = flow.corrupt(x, time, rng=RowRng(torch.arange(5)))
    torch.testing.assert_close(flow.noise_of(x, state, time), noise, rtol=1e-7, atol=1e-7)
    weight = -math.log(sigma1) / flow.gamma(time)
    found = flow.loss(noise + 0.5, x, state, time, rng=torch.Generator())
    torch.testing.assert_close(found, weight * 0.5, rtol=1e-6, atol=0.0)


@given(st.sampled_from([0.02, 0.001]), st.one_of(st.floats(0.0, 2e-4), st.floats(0.0, 1.0)))
def test_loss_of_a_predicted_noise_in_float32(sigma1: float, t: float) -> None:
    """Losses and slopes agree with float64 for the very same numbers, near t_min as at the end."""
    flow, time = noisy(sigma1), torch.full((6,), t)
    x, out = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(2))
    state = flow.corrupt(x, time, rng=RowRng(torch.arange(6)))
    results = []
    for dtype in (torch.float32, torch.float64):
        output = out.to(dtype).requires_grad_()
        loss = flow.loss(output, x.to(dtype), state.to(dtype), time.to(dtype), rng=torch.Generator())
        (slope,) = torch.autograd.grad(loss.sum(), output)
        results.append((loss.detach().double(), slope.double()))
    (low, low_slope), (high, high_slope) = results
    torch.testing.assert_close(low, high, rtol=2e-3, atol=0.0)
    torch.testing.assert_close(low_slope, high_slope, rtol=2e-3, atol=float(high_slope.abs().max()) * 1e-3)


@given(st.floats(-3.0, 3.0), st.floats(0.0, 0.999))
def test_periodic_loss_goes_the_short_way(x_hat: float, x: float) -> None:
    """It is that of the nearest image of the prediction; the sample is in the cell."""
    flow = GaussianBFN(period=1.0, loss_kind="continuous")
    out, data = (torch.tensor([[value]], dtype=torch.float64) for value in (x_hat, x))
    gap = abs(x_hat - x) % 1.0
    found = flow.component_losses(out, data, data, at(0.3))
    expected = -math.log(flow.sigma1) * float(flow.precision(at(0.3))) * min(gap, 1 - gap) ** 2
    assert float(found) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    sample = flow.decode(data, out.float(), at(0.3).float(), rng=torch.Generator())
    assert 0.0 <= float(sample) < 1.0


def test_messages_are_about_wrapped_predictions() -> None:
    """A prediction and its image in another cell make the same step, with either sampler."""
    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for sampler in ("bayes", "end_back"):
        flow = dataclasses.replace(GaussianBFN(period=1.0), sampler=sampler)
        one, two = (
            flow.step(x, out, at(0.3, 4), at(0.5, 4), rng=RowRng(torch.arange(4))) for out in (x, x - 2.0)
        )
        Tolerance.LOOSE64.assert_close(one, two)


@pytest.mark.parametrize("sampler", ["bayes", "end_back"])
def test_a_wrapped_mean_is_the_mean_in_the_cell(sampler: Any) -> None:
    """SymmBFN's published code: in training and after every step, `% 1.0`, and nothing else."""
    free, wrapped = (noisy(period=1.0, sampler=sampler, wrapped=w) for w in (False, True))
    x, output = torch.rand(500, 3, generator=torch.Generator().manual_seed(1)), torch.zeros(500, 3)
    t, s = torch.full((500,), 0.1), torch.full((500,), 0.2)
    pairs = []
    for flow in (free, wrapped):
        rng = torch.Generator().manual_seed(2)
        mean = flow.corrupt(x, t, rng=rng)
        pairs.append((mean, flow.step(x, output, t, s, rng=rng)))
    for mean, inside in zip(*pairs, strict=True):
        assert bool((mean < 0).any())
        assert bool(((inside >= 0) & (inside < 1)).all())
        torch.testing.assert_close(mean.remainder(1.0), inside)
    with pytest.raises(ValueError, match="give a period"):
        noisy(wrapped=True)


def test_clamped_noise() -> None:
    """What lies beyond the bound counts as the bound, in the loss, in steps and in samples."""
    flow = noisy(clamp=2.0)
    x, t = torch.randn(3, 2, generator=torch.Generator().manual_seed(0)), torch.full((3,), 0.4)
    out = torch.tensor([[5.0, 1.0], [-3.0, -2.0], [torch.inf, 0.0]])
    same, rng = out.clamp(-2.0, 2.0), torch.Generator()
    assert torch.equal(flow.loss(out, x, x, t, rng=rng), flow.loss(same, x, x, t, rng=rng))
    assert torch.equal(flow.decode(x, out, t, rng=rng), noisy().decode(x, same, t, rng=rng))
    steps = [flow.step(x, o, t, t + 0.1, rng=RowRng(torch.arange(3))) for o in (out, same)]
    assert torch.equal(steps[0], steps[1])


def test_the_state_knows_the_true_time() -> None:
    """t_min is for outputs only: at t = 0 the mean is 0 to the bit, before t_min it has its own law."""
    flow, x = noisy(), torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert bool((flow.corrupt(x, torch.zeros(4), rng=torch.Generator()) == 0).all())
    early = torch.full((4,), 1e-6)
    plain = GaussianBFN(sigma1=0.02).corrupt(x, early, rng=RowRng(torch.arange(4)))
    assert torch.equal(flow.corrupt(x, early, rng=RowRng(torch.arange(4))), plain)


def test_flows_that_do_not_exist() -> None:
    for wrong in ({"sigma1": 0.0}, {"sigma1": 1.0}, {"grid": 0}, {"grid": None}):
        with pytest.raises(ValueError, match=r"sigma1|grid"):
            GaussianBFN(**wrong)
    for wrong, words in (
        ({"parametrisation": "noise"}, "infinite at t = 0: give a t_min"),
        ({"t_min": 1.0}, "t_min must be"),
        ({"t_min": -0.1}, "t_min must be"),
        ({"clamp": 10.0}, "clamp bounds a predicted noise"),
        ({"clamp": 0.0, "parametrisation": "noise", "t_min": 1e-4}, "clamp must be positive"),
        ({"period": 0.0}, "period must be positive"),
    ):
        with pytest.raises(ValueError, match=words):
            GaussianBFN(**wrong)
    for option in ({"sampler": "euler"}, {"loss_kind": "l1"}, {"parametrisation": "v"}):
        with pytest.raises((ValueError, TypeCheckError)):
            GaussianBFN(**option)
    continuous = GaussianBFN(grid=None, loss_kind="continuous")
    assert continuous.with_steps(5) is continuous


@given(t=st.floats(0.0, 1.0), sigma1=st.floats(1e-3, 0.9), seed=st.integers(0, 2**31))
def test_the_loss_of_a_residual_weighs_all_times_alike(t: float, sigma1: float, seed: int) -> None:
    flow = GaussianBFN(sigma1=sigma1, grid=None, loss_kind="continuous", parametrisation="residual")
    rng = torch.Generator().manual_seed(seed)
    x, output = torch.randn(2, 4, 3, generator=rng, dtype=torch.float64)
    times = torch.full((4,), t, dtype=torch.float64)
    state = flow.corrupt(x, times, rng=rng)
    exact = flow.output_of(x, state, times)
    torch.testing.assert_close(flow.data_of(exact, state, times), x)
    expected = -math.log(sigma1) * (output - exact).square().sum(-1)
    torch.testing.assert_close(flow.loss(output, x, state, times, rng=rng), expected)


@pytest.mark.parametrize("sampler", ["bayes", "end_back"])
def test_a_temperature_is_the_share_of_the_noise_s_variance(sampler: Any) -> None:
    """Of samples alone: what is drawn about data, and the loss, are as they were, to the bit."""
    warm = GaussianBFN(sampler=sampler)
    cool, cold = warm.with_temperature(0.25), warm.with_temperature(0.04)
    x, state, output = (torch.randn(6, 3, generator=torch.Generator().manual_seed(i)) for i in range(3))
    t, s = torch.full((6,), 0.3), torch.full((6,), 0.4)

    def rng() -> torch.Generator:
        return torch.Generator().manual_seed(9)

    one, half, fifth = (flow.step(state, output, t, s, rng=rng()) for flow in (warm, cool, cold))
    torch.testing.assert_close(one - fifth, 1.6 * (one - half))
    assert (one - fifth).abs().max() > 1e-2
    assert torch.equal(warm.corrupt(x, t, rng=rng()), cool.corrupt(x, t, rng=rng()))
    assert torch.equal(warm.sender(x, t, rng=rng()), cool.sender(x, t, rng=rng()))
    losses = (flow.loss(output, x, state, t, rng=rng()) for flow in (warm, cool))
    assert torch.equal(*losses)


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_samples_of_a_gaussian_law_have_its_variance_times_the_temperature(temperature: float) -> None:
    """Data N(m, V), and the network that knows it: samples are N(m, temperature V)."""
    m, v, rows, steps = 0.7, 0.5, 20_000, 200
    flow = GaussianBFN(sigma1=0.05, grid=None, loss_kind="continuous", temperature=temperature)
    rng, state = torch.Generator().manual_seed(0), torch.zeros(rows, 1, dtype=torch.float64)

    def known(t: Tensor) -> Tensor:
        rho = flow.precision(t)[:, None]
        return (m / v + rho * state) / (1 / v + rho - 1)

    times = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    for t, s in pairwise(times.tolist()):
        here, there = (torch.full((rows,), time, dtype=torch.float64) for time in (t, s))
        state = flow.step(state, known(here), here, there, rng=rng)
    samples = known(there)
    assert abs(float(samples.mean()) - m) < 0.02
    assert abs(float(samples.var()) / (temperature * v) - 1) < 0.04
