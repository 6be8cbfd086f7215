"""The schedule of the variance-preserving diffusions."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torch import Tensor

from epitaxy.flows import LinearBeta, NoiseSchedule
from epitaxy.geometry.testing import Tolerance


def at(u: float) -> Tensor:
    return torch.tensor([u], dtype=torch.float64)


@pytest.mark.parametrize(
    ("u", "integral", "alpha", "sigma"),
    [
        (0.001, 1.0995e-4, 0.9999450265, 0.0104854163),
        (0.1, 0.1095, 0.9467217988, 0.3220525355),
        (0.5, 2.5375, 0.2811828808, 0.9596542021),
        (1.0, 10.05, 0.0065715865, 0.9999784069),
    ],
)
def test_published_constants(u: float, integral: float, alpha: float, sigma: float) -> None:
    """notes, section 7."""
    schedule = LinearBeta()
    assert float(schedule.integral(at(u))) == pytest.approx(integral, rel=1e-12)
    assert float(schedule.alpha(at(u))) == pytest.approx(alpha, abs=1e-10)
    assert float(schedule.sigma(at(u))) == pytest.approx(sigma, abs=1e-10)


@given(st.floats(0.0, 1.0), st.floats(0.01, 10.0), st.floats(0.01, 40.0))
def test_integral_is_that_of_the_rate(u: float, low: float, high: float) -> None:
    """Simpson's rule is exact for a linear rate."""
    schedule = LinearBeta(low=low, high=high)
    assert isinstance(schedule, NoiseSchedule)
    ends = float(schedule.beta(at(0.0)) + 4 * schedule.beta(at(u / 2)) + schedule.beta(at(u)))
    assert float(schedule.integral(at(u))) == pytest.approx(u / 6 * ends, rel=1e-12)


@given(st.floats(1e-4, 1.0))
def test_derivatives_and_identities(u: float) -> None:
    schedule, time = LinearBeta(), at(u).requires_grad_()
    (rate,) = torch.autograd.grad(schedule.integral(time).sum(), time)
    torch.testing.assert_close(rate, schedule.beta(time).detach())
    (slope,) = torch.autograd.grad(schedule.log_snr(time).sum(), time)
    torch.testing.assert_close(slope, schedule.log_snr_slope(time).detach(), rtol=1e-9, atol=0.0)
    alpha, sigma = schedule.alpha(at(u)), schedule.sigma(at(u))
    torch.testing.assert_close(alpha.square() + sigma.square(), torch.ones_like(alpha))
    ratio = (alpha / sigma).log() * 2
    torch.testing.assert_close(schedule.log_snr(at(u)), ratio, rtol=1e-9, atol=1e-9)


@given(st.floats(0.0, 1.0, width=32))
def test_float32_is_right_near_the_data(u: float) -> None:
    low, high, schedule = torch.tensor([u]), at(u), LinearBeta()
    for f in (schedule.integral, schedule.sigma, schedule.alpha):
        Tolerance.EXACT32.assert_close(f(low).double(), f(high))


def test_data_have_no_noise() -> None:
    schedule = LinearBeta()
    assert float(schedule.sigma(at(0.0))) == 0.0
    assert float(schedule.alpha(at(0.0))) == 1.0
    assert float(schedule.log_snr(at(0.0))) == float("inf")


@pytest.mark.parametrize("wrong", [{"low": 0.0}, {"high": -1.0}, {"high": float("inf")}])
def test_schedules_that_do_not_exist(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="low and high must be positive and finite"):
        LinearBeta(**wrong)


def test_the_mean_rate_has_bounds() -> None:
    """The arithmetic mean, at least 1e-3 and less than 100: each end from both sides."""
    for low, high in [(1e-3, 1e-3), (1e-4, 2e-3), (0.1, 199.8)]:
        LinearBeta(low=low, high=high)
    for low, high in [(9.9e-4, 9.9e-4), (1e-4, 1.8e-3), (0.1, 199.9)]:
        with pytest.raises(ValueError, match="the mean of low and high"):
            LinearBeta(low=low, high=high)
