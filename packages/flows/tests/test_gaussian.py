"""The Gaussian Bayesian flow."""

import dataclasses
import math
from itertools import pairwise

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from jaxtyping import TypeCheckError
from torch import Tensor

from epitaxy.flows import GaussianBFN
from epitaxy.flows.testing import FlowLaws
from epitaxy.geometry import RowRng
from epitaxy.geometry.testing import SIGMAS, Tolerance

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


def test_rotations_carry_through() -> None:
    """Turning data and noise turns the state: the flow knows no axis."""
    flow, t = GaussianBFN(), at(0.4, 4)
    x = torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    q = torch.linalg.qr(x[0])[0]
    noise = flow.corrupt(torch.zeros_like(x), t, rng=RowRng(torch.arange(4)))
    state = flow.corrupt(x, t, rng=RowRng(torch.arange(4)))
    turned = flow.gamma(t)[:, None, None] * (x @ q) + noise @ q
    Tolerance.LOOSE64.assert_close(state @ q, turned)


def test_float32_at_the_ends_of_time() -> None:
    """gamma near 0 and the last accuracy agree with float64."""
    flow = GaussianBFN()
    for t, s in ((0.0, 1e-3), (1e-7, 2e-7), (0.999, 1.0)):
        low = flow.accuracy(torch.tensor([t]), torch.tensor([s]))
        high = flow.accuracy(torch.tensor([t]).double(), torch.tensor([s]).double())
        torch.testing.assert_close(low.double(), high, rtol=1e-4, atol=0.0)
        gamma = flow.gamma(torch.tensor([s])).double()
        torch.testing.assert_close(gamma, flow.gamma(torch.tensor([s]).double()), rtol=1e-6, atol=0.0)


def test_flows_that_do_not_exist() -> None:
    for wrong in ({"sigma1": 0.0}, {"sigma1": 1.0}, {"grid": 0}, {"grid": None}):
        with pytest.raises(ValueError, match=r"sigma1|grid"):
            GaussianBFN(**wrong)
    for option in ({"sampler": "euler"}, {"loss_kind": "l1"}):
        with pytest.raises((ValueError, TypeCheckError)):
            GaussianBFN(**option)
    continuous = GaussianBFN(grid=None, loss_kind="continuous")
    assert continuous.with_steps(5) is continuous
