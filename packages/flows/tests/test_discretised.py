"""The discretised Bayesian flow."""

import dataclasses
import math
from itertools import pairwise
from typing import Literal

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from jaxtyping import TypeCheckError
from torch import Tensor

from epitaxy.flows import DiscretisedGaussianBFN
from epitaxy.flows._bins import bin_centres, bin_expectation, log_bin_masses
from epitaxy.flows.testing import FlowLaws
from epitaxy.geometry.testing import SIGMAS

CHARGES = (0, 5, 6, 7, 8)
"""H, C, N, O, F of GeoBFN's nine bins."""
GUESSES = ("nearest", "sampled", "expectation", "published")
Guess = Literal["nearest", "sampled", "expectation", "published"]
ANY_FLOAT = st.floats(allow_nan=False, width=32)


class DiscretisedLaws(FlowLaws):
    def data(self, generator: torch.Generator) -> Tensor:
        return torch.tensor(CHARGES)[torch.randint(5, (self.rows,), generator=generator)]

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 2, generator=generator)


class TestNearest(DiscretisedLaws):
    def flow(self) -> DiscretisedGaussianBFN:
        return DiscretisedGaussianBFN(bins=9, sigma1=0.15, legal=CHARGES, guess="nearest")


class TestSampledDiscrete(DiscretisedLaws):
    def flow(self) -> DiscretisedGaussianBFN:
        return DiscretisedGaussianBFN(
            bins=9, sigma1=0.15, grid=10, loss_kind="discrete", guess="sampled", draws=3
        )


class TestExpectation(DiscretisedLaws):
    def flow(self) -> DiscretisedGaussianBFN:
        flow = DiscretisedGaussianBFN(bins=9, sigma1=0.15, legal=CHARGES)
        assert flow.guess == "expectation"
        return flow


class TestExpectationEndBack(DiscretisedLaws):
    def flow(self) -> DiscretisedGaussianBFN:
        return DiscretisedGaussianBFN(bins=9, sigma1=0.15, grid=7, guess="expectation", sampler="end_back")


class TestPublishedManyBins(DiscretisedLaws):
    def flow(self) -> DiscretisedGaussianBFN:
        return DiscretisedGaussianBFN(bins=256, sigma1=0.001, guess="published", legal=CHARGES)


def geobfn(guess: Guess = "nearest") -> DiscretisedGaussianBFN:
    return DiscretisedGaussianBFN(bins=9, sigma1=0.15, legal=CHARGES, guess=guess)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def one(x: float) -> Tensor:
    return torch.tensor([x], dtype=torch.float64)


def test_published_constants() -> None:
    """notes, section 7, sigma1 = 0.15: centres, gamma, accuracies, and r at t_min."""
    flow = geobfn()
    assert flow.centre(torch.tensor(CHARGES), torch.float64).tolist() == pytest.approx(
        [-8 / 9, 2 / 9, 4 / 9, 6 / 9, 8 / 9]
    )
    assert float(flow.belief.gamma(one(0.5))) == pytest.approx(0.85)
    assert float(flow.belief.gamma(one(1.0))) == pytest.approx(0.9775)
    grid = torch.arange(1001, dtype=torch.float64) / 1000
    alpha = flow.belief.accuracy(grid[:-1], grid[1:])
    assert float(alpha[0]) == pytest.approx(0.0038014472, abs=1e-10)
    assert float(alpha[-1]) == pytest.approx(0.1683133750, abs=1e-9)
    assert 1 + float(alpha.sum()) == pytest.approx(44.4444, abs=1e-4)
    for t in (0.0, 5e-5, 1e-4):
        output = torch.tensor([[-0.01, -10.0]], dtype=torch.float64)
        mean, sigma = flow.gaussian(output, one(0.0), one(t))
        assert float(mean) / 0.01 == pytest.approx(51.33, abs=5e-3)
        assert float(sigma) == pytest.approx(51.33 * math.exp(-10), rel=1e-4)


def test_published_masses() -> None:
    """notes, section 7: nine bins, mean 0, sigma 0.1 and 4; of the latter only the ends are given there."""
    narrow, wide = (log_bin_masses(one(0.0), one(sigma), 9).exp()[0].tolist() for sigma in (0.1, 4.0))
    assert narrow == pytest.approx([0, 0, 0.000429, 0.132831, 0.733479, 0.132831, 0.000429, 0, 0], abs=6e-7)
    assert (wide[0], wide[-1]) == pytest.approx((0.422914, 0.422914), abs=6e-7)
    edges = [math.erf((2 * k / 9 - 1) / (4 * math.sqrt(2))) / 2 for k in range(1, 9)]
    assert wide[1:-1] == pytest.approx([b - a for a, b in pairwise(edges)], rel=1e-12)
    for sigma in (0.1, 4.0):
        assert float(bin_expectation(one(0.0), one(sigma), 9)) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize(
    ("guess", "legal", "expected"), [("nearest", CHARGES, 5), ("published", CHARGES, 5), ("nearest", None, 4)]
)
def test_the_centre_bin_is_no_element(guess: Guess, legal: tuple[int, ...] | None, expected: int) -> None:
    """An expectation of 0 is in bin 4, beryllium: it leaves as carbon, which is nearer than hydrogen."""
    flow = dataclasses.replace(geobfn(guess), legal=legal)
    state, t = torch.zeros(3), torch.full((3,), 0.5)
    output = torch.tensor([[0.0, 9.0], [0.0, -1.0], [0.0, -9.0]])
    assert flow.decode(state, output, t, rng=generator()).tolist() == [expected] * 3


@pytest.mark.parametrize(
    ("guess", "target"),
    [("nearest", 2 / 9), ("sampled", 2 / 9), ("published", 0.0), ("expectation", 0.1 - 0.05)],
)
def test_what_messages_are_about(guess: Guess, target: float) -> None:
    """An expectation of 0.05, between bin 4, of no element, and bin 5, in messages of hardly any noise."""
    p = torch.zeros(50, 9, dtype=torch.float64)
    p[:, 4], p[:, 5] = 1 - 0.225, 0.225
    alpha = torch.full((50,), 1e12, dtype=torch.float64)
    y = geobfn(guess).receiver(p.log(), alpha, rng=generator())
    assert y.tolist() == pytest.approx([target] * 50, abs=1e-5)


@given(st.floats(-2.0, 2.0), st.floats(1e-6, 4.0), st.sampled_from([2, 3, 9, 256]), st.sampled_from([32, 64]))
def test_probabilities(mean: float, sigma: float, bins: int, bits: int) -> None:
    """They are finite logarithms and sum to 1, and their expectation is the one summed by parts."""
    dtype = torch.float32 if bits == 32 else torch.float64
    m, s = torch.tensor([mean], dtype=dtype), torch.tensor([sigma], dtype=dtype)
    s = s.clamp(min=1e-6)
    log_p = log_bin_masses(m, s, bins)
    assert bool(log_p.isfinite().all())
    assert float(log_p.exp().sum()) == pytest.approx(1.0, abs=1e-12)
    exact = float((log_p.exp() * bin_centres(bins, log_p)).sum())
    # A float32 mean beside an edge is off by 1e-7, in the narrowest sigma's tenth: with it the probability.
    slack = 1e-9 if bits == 64 else 1e-5 + 1e-7 / float(s) / bins
    assert float(bin_expectation(m, s, bins)) == pytest.approx(exact, abs=slack)


def test_far_bins_keep_their_order() -> None:
    """The logarithm of a mass 1e5 sigma away is right to rounding: legal bins there can be compared."""
    log_p = log_bin_masses(one(-1 / 9), one(1e-6), 9)[0]
    # Next to an edge at distance d the mass is about exp(-d^2 / 2 sigma^2).
    for k, d in ((0, 6 / 9), (5, 2 / 9), (8, 8 / 9)):
        assert float(log_p[k]) == pytest.approx(-(d**2) / 2e-12, rel=1e-9)
    flow = geobfn("sampled")
    output = torch.tensor([[1 / 9 / math.sqrt(0.0225 / 0.9775), -10.0]], dtype=torch.float64)
    assert flow.decode(one(0.0), output, one(1.0), rng=generator()).tolist() == [5]


@given(
    st.lists(ANY_FLOAT, min_size=2, max_size=2),
    st.floats(-10.0, 10.0),
    st.sampled_from([0.0, 1e-7, 1e-4, 0.3, 0.999, 1.0]),
    st.sampled_from(GUESSES),
    st.sampled_from(["continuous", "discrete"]),
)
@settings(max_examples=150)
def test_extreme_outputs(output: list[float], mean: float, t: float, guess: Guess, kind: str) -> None:
    """In float32, whatever the network says: finite losses and slopes, finite messages, legal samples."""
    flow = dataclasses.replace(geobfn(guess), grid=1000, loss_kind=kind)
    out = torch.tensor([output], requires_grad=True)
    state, time, x = torch.tensor([mean]), torch.tensor([t]), torch.tensor([5])
    loss = flow.loss(out, x, state, time.clamp(max=0.999), rng=generator())
    (slope,) = torch.autograd.grad(loss.sum(), out)
    assert bool(loss.isfinite().all() & slope.isfinite().all())
    later = flow.step(state, out.detach(), time, time + 0.001, rng=generator())
    assert bool(later.isfinite().all())
    assert int(flow.decode(state, out.detach(), time, rng=generator())) in CHARGES


@given(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0), st.floats(0.0, 1.0), st.floats(-1.5, 1.5))
def test_float32_agrees_with_float64(noise: float, log_scale: float, t: float, mean: float) -> None:
    """To 1e-3 of the expectation's range at any time, t = 0 too."""
    flow = geobfn()
    time = torch.tensor([t])
    state = torch.tensor([mean]) * flow.belief.gamma(time.clamp(min=1e-4)).sqrt()
    out = torch.tensor([[noise, log_scale]])
    low, high = flow.gaussian(out, state, time), flow.gaussian(out.double(), state.double(), time.double())
    for a, b in zip(low, high, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-4, atol=1e-4)
    low_p = flow.log_probabilities(out, state, time).exp()
    high_p = flow.log_probabilities(out.double(), state.double(), time.double()).exp()
    torch.testing.assert_close(low_p, high_p, rtol=0.0, atol=1e-3)


@given(st.floats(0.01, 0.99), st.sampled_from(CHARGES))
def test_the_noise_itself_is_the_right_answer(t: float, charge: int) -> None:
    """A network that says the noise in mu, and is sure, has the data back and no loss."""
    flow, x, time = geobfn(), torch.tensor([charge]), one(t)
    state = flow.corrupt(x, time, rng=generator())
    gamma = flow.belief.gamma(time)
    noise = (state - gamma * flow.centre(x, torch.float64)) / (gamma * (1 - gamma)).sqrt()
    out = torch.stack([noise, torch.full_like(noise, -9.0)], 1)
    assert float(flow.loss(out, x, state, time, rng=generator())) < 1e-12
    assert torch.equal(flow.decode(state, out, time, rng=generator()), x)


@pytest.mark.statistical
@pytest.mark.parametrize("i", [0, 300, 999])
def test_discrete_loss_tends_to_the_continuous_one(i: int) -> None:
    """In expectation, for n = 1000 at the middle of the step; the next order is below 1 % here."""
    rows, n = 4000, 1000
    flow = dataclasses.replace(geobfn(), grid=n, loss_kind="discrete", draws=8)
    limit = dataclasses.replace(flow, loss_kind="continuous")
    out, x = torch.zeros(rows, 2, dtype=torch.float64), torch.full((rows,), 7)
    t, middle = (torch.full((rows,), u / n, dtype=torch.float64) for u in (i, i + 0.5))
    # The Gaussian itself depends on t: a state is chosen whose mean and sigma are the same at both times.
    mean, sigma = limit.gaussian(out, torch.zeros_like(t), middle)
    gamma = flow.belief.gamma(t.clamp(min=1e-4))
    r = ((1 - gamma) / gamma).sqrt()
    same = torch.stack([-mean / r, (sigma / r).log()], 1)
    loss = flow.loss(same, x, torch.zeros_like(t), t, rng=generator())
    expected = limit.loss(out, x, torch.zeros_like(t), middle, rng=generator())
    error = float(loss.std()) / math.sqrt(rows)
    assert abs(float(loss.mean() - expected.mean())) < SIGMAS * error + 0.01 * float(expected.mean())


@pytest.mark.statistical
def test_discrete_loss_is_the_definition() -> None:
    """Written out with Gaussian densities, for one large step, in expectation."""
    rows = 20000
    flow = DiscretisedGaussianBFN(bins=3, sigma1=0.4, grid=1, loss_kind="discrete")
    out, state = (
        torch.tensor([[0.002, -4.0]], dtype=torch.float64).expand(rows, 2),
        torch.zeros(rows).double(),
    )
    x, t = torch.full((rows,), 2), torch.zeros(rows, dtype=torch.float64)
    alpha = flow.belief.accuracy(t, t + 1)
    y = flow.belief.sender(flow.centre(x, torch.float64), alpha, rng=generator())
    log_density = -alpha[:, None] / 2 * (y[:, None] - torch.tensor([-2 / 3, 0, 2 / 3])) ** 2
    mixture = torch.logsumexp(flow.log_probabilities(out, state, t) + log_density, -1)
    direct, ours = log_density[:, 2] - mixture, flow.loss(out, x, state, t, rng=generator())
    error = math.sqrt((float(direct.var()) + float(ours.var())) / rows)
    assert abs(float(direct.mean() - ours.mean())) < SIGMAS * error


def test_flows_that_do_not_exist() -> None:
    fine = geobfn()
    wrong = [{"bins": 1}, {"draws": 0}, {"sigma1": 1.0}, {"legal": ()}, {"legal": (9,)}, {"t_min": 0.0}]
    wrong += [{"sigma_range": (1.0, 0.5)}, {"mean_clamp": 0.0}, {"output_clamp": -1.0}, {"grid": 0}]
    for change in [*wrong, {"loss_kind": "discrete"}]:
        with pytest.raises(ValueError, match=r"bins|draws|sigma1|t_min|clamps|grid"):
            dataclasses.replace(fine, **change)
    for option in ({"sampler": "euler"}, {"guess": "mode"}):
        with pytest.raises((ValueError, TypeCheckError)):
            dataclasses.replace(fine, **option)
    assert fine.with_steps(5) is fine
    assert fine.with_sampler("end_back").sampler == "end_back"
