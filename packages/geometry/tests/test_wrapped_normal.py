"""The wrapped normal law against many images and waves in 50 digits, and against its own integrals."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import (
    FlatTorus,
    RowRng,
    WrappedNormal,
    wrapped_normal_information,
    wrapped_normal_score,
)
from epitaxy.geometry.testing import FAILURE_RATE, Tolerance

mpmath = pytest.importorskip("mpmath")  # torch brings it, by way of sympy

TURN = 2.0 * math.pi
PERIODS = [TURN, 1.0, 7.3]
DTYPES = [torch.float32, torch.float64]
# In radians, on both sides of where the images give way to the waves (sqrt(pi)) and the quadrature begins.
SCALES = [1e-4, 1e-3, 0.03, 0.2513, 0.2514, 0.6, 1.2, 1.7724, 1.7725, 2.5, 5.0, 10.0]
SCALE = st.one_of(st.sampled_from(SCALES), st.floats(math.log(1e-4), math.log(10.0)).map(math.exp))
# As shares of the period: zeros of the score and their neighbourhoods, many periods away too.
SHARE = st.one_of(
    st.sampled_from([0.0, 0.5, -0.5, 1.0, 1e-12, 0.5 - 1e-9, -0.5 + 1e-6, 2.5, 1000.3]), st.floats(-1.0, 1.0)
)


def exact(displacement: float, scale: float, period: float) -> tuple[float, float, float]:
    """The log density and its first two derivatives at the very numbers given, rounded to float64."""
    with mpmath.workdps(50):
        d, s, period_ = mpmath.mpf(displacement), mpmath.mpf(scale), mpmath.mpf(period)
        d -= period_ * mpmath.nint(d / period_)
        p, p1, p2 = _waves(d, s, period_) if s > period_ / 3 else _images(d, s, period_)
        return float(mpmath.log(p)), float(p1 / p), float(p2 / p - (p1 / p) ** 2)


def _images(d, s, period):
    shifted = [d + k * period for k in range(-8, 9)]
    weights = [mpmath.exp(-r * r / (2 * s * s)) / (s * mpmath.sqrt(2 * mpmath.pi)) for r in shifted]
    first = [-w * r / s**2 for w, r in zip(weights, shifted, strict=True)]
    second = [w * (r * r / s**4 - 1 / s**2) for w, r in zip(weights, shifted, strict=True)]
    return sum(weights), sum(first), sum(second)


def _waves(d, s, period):
    a, numbers = 2 * mpmath.pi / period, range(1, 16)
    power = [2 * mpmath.exp(-((n * a * s) ** 2) / 2) / period for n in numbers]
    density = 1 / period + sum(w * mpmath.cos(n * a * d) for n, w in zip(numbers, power, strict=True))
    first = sum(-w * n * a * mpmath.sin(n * a * d) for n, w in zip(numbers, power, strict=True))
    second = sum(-w * (n * a) ** 2 * mpmath.cos(n * a * d) for n, w in zip(numbers, power, strict=True))
    return density, first, second


def on_the_circle(scale: float, period: float, dtype: torch.dtype) -> float:
    """A scale given in radians, as a number of the dtype in the period's unit."""
    return torch.tensor(scale * period / TURN, dtype=dtype).item()


def relative(dtype: torch.dtype) -> float:
    return 1e-12 if dtype == torch.float64 else 2e-7


def law(mean: float, scale: float, period: float = TURN, dtype: torch.dtype = torch.float64) -> WrappedNormal:
    return WrappedNormal(torch.tensor(mean, dtype=dtype), torch.tensor(scale, dtype=dtype), period)


@pytest.mark.parametrize("dtype", DTYPES)
@given(share=SHARE, scale=SCALE, period=st.sampled_from(PERIODS))
def test_density_and_score_in_fifty_digits(share: float, scale: float, period: float, dtype: torch.dtype):
    s = on_the_circle(scale, period, dtype)
    x = torch.tensor(share * period, dtype=dtype, requires_grad=True)
    log_prob = law(0.0, s, period, dtype).log_prob(x)
    score = wrapped_normal_score(x, torch.tensor(s, dtype=dtype), period)
    expected, slope, curvature = exact(x.item(), s, period)
    assert log_prob.dtype == score.dtype == dtype
    assert log_prob.item() == pytest.approx(expected, rel=relative(dtype), abs=relative(dtype))
    # Next to a zero the score may be off by what its slope makes of float64's last digit of the period.
    slack = 4 * 2.0**-52 * period * abs(curvature)
    assert score.item() == pytest.approx(slope, rel=relative(dtype), abs=slack)
    (by_autograd,) = torch.autograd.grad(log_prob, x)
    assert by_autograd.item() == pytest.approx(slope, rel=relative(dtype), abs=slack)


@pytest.mark.parametrize("dtype", DTYPES)
@given(share=st.floats(-0.5, 0.5), scale=SCALE)
def test_curvature_in_fifty_digits(share: float, scale: float, dtype: torch.dtype):
    s = on_the_circle(scale, TURN, dtype)
    x = torch.tensor(share * TURN, dtype=dtype, requires_grad=True)
    (curvature,) = torch.autograd.grad(wrapped_normal_score(x, torch.tensor(s, dtype=dtype)), x)
    _, slope, expected = exact(x.item(), s, TURN)
    # Where it changes its sign it is a difference.
    assert curvature.item() == pytest.approx(expected, rel=1e-6, abs=1e-6 * slope**2)


@pytest.mark.parametrize("scale", SCALES)
def test_the_score_keeps_its_digits_next_to_its_zeros(scale: float):
    share = torch.tensor([1e-12, 1e-7, 1e-3, 0.5 - 1e-3, 0.5 - 1e-7], dtype=torch.float64)
    score = wrapped_normal_score(share, torch.tensor(scale / TURN, dtype=torch.float64), 1.0)
    for ours, at in zip(score.tolist(), share.tolist(), strict=True):
        assert ours == pytest.approx(exact(at, scale / TURN, 1.0)[1], rel=1e-7 if at > 0.4999 else 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("x", "scale", "score"), [(0.5, 0.3, 5.5555556), (3.0, 1.0, 1.1704529)])
def test_published_scores(x: float, scale: float, score: float, dtype: torch.dtype):
    p = law(0.0, scale, dtype=dtype)
    point = torch.tensor(x, dtype=dtype)
    assert p.score_of_mean(point).item() == pytest.approx(score, abs=5e-7)
    assert p.score(point).item() == -p.score_of_mean(point).item()


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("period", PERIODS)
def test_density_and_information_are_integrals(scale: float, period: float):
    s = scale * period / TURN
    reach, nodes = min(period / 2, 12.0 * s), 4096
    # The circle's trapezoidal rule, or that of a line beyond whose ends nothing is left.
    step = torch.arange(-nodes, nodes, dtype=torch.float64) * (reach / nodes)
    p = law(0.0, s, period)
    mass = p.log_prob(step).exp() * (reach / nodes)
    assert mass.sum().item() == pytest.approx(1.0, rel=1e-11)
    information = (mass * wrapped_normal_score(step, p.scale, period).square()).sum()
    assert p.information().item() == pytest.approx(information.item(), rel=1e-10)


@pytest.mark.parametrize("scale", [0.3, 0.6, 1.0, 1.7, 1.8, 3.0, 8.0])
def test_information_in_fifteen_digits(scale: float):
    def integrand(x):
        log_prob, score, _ = exact(x, scale, TURN)
        return math.exp(log_prob) * score**2

    # 400 nodes of the circle: an error below exp(-60).
    half = sum(integrand(TURN * k / 400) for k in range(1, 200)) * TURN / 400
    ours = wrapped_normal_information(torch.tensor(scale, dtype=torch.float64)).item()
    assert ours == pytest.approx(2 * half, rel=1e-12)


def test_published_information():
    # At t = 0.5 and 1 of KLDM's clock, with the 1e-6 that its code adds to the variance.
    scale = torch.tensor([math.sqrt(0.0203253504 + 1e-6), 0.3892715902], dtype=torch.float64)
    expected = torch.tensor([49.1972234, 6.5992500], dtype=torch.float64)
    torch.testing.assert_close(wrapped_normal_information(scale), expected, rtol=2e-9, atol=0)


def test_information_at_both_ends():
    scale = torch.logspace(-4, -1, 50, dtype=torch.float64)
    torch.testing.assert_close(
        wrapped_normal_information(scale), scale.square().reciprocal(), rtol=1e-14, atol=0
    )
    wide = torch.linspace(5, 25, 50, dtype=torch.float64)
    torch.testing.assert_close(
        wrapped_normal_information(wide), 2 * torch.exp(-wide.square()), rtol=1e-9, atol=0
    )


def test_information_falls_smoothly_over_the_whole_range():
    scale = torch.logspace(-4, 1, 10_000, dtype=torch.float64)
    information = wrapped_normal_information(scale)
    assert (information.diff() < 0).all()
    Tolerance.LOOSE64.assert_close(
        wrapped_normal_information(scale.view(100, 100) / TURN, 1.0) / TURN**2, information.view(100, 100)
    )
    single = wrapped_normal_information(scale[::100].float())
    assert single.dtype == torch.float32
    rounded = wrapped_normal_information(scale[::100].float().double())
    torch.testing.assert_close(single.double(), rounded, rtol=1e-6, atol=1e-45)


@given(share=SHARE, scale=SCALE, turns=st.integers(-3, 3))
def test_whole_turns_and_reflections(share: float, scale: float, turns: int):
    s = torch.tensor(scale / TURN, dtype=torch.float64)
    d = torch.tensor(share, dtype=torch.float64)
    if share % 1 != 0.5:  # there both displacements are -1/2
        assert wrapped_normal_score(-d, s, 1.0).item() == -wrapped_normal_score(d, s, 1.0).item()
    moved = torch.tensor(round(share * 2**20) / 2**20 + turns, dtype=torch.float64)
    assert wrapped_normal_score(moved, s, 1.0).item() == wrapped_normal_score(moved - turns, s, 1.0).item()
    # The unit of length is free.
    torch.testing.assert_close(
        wrapped_normal_score(d * 4, s * 4, 4.0) * 4, wrapped_normal_score(d, s, 1.0), rtol=1e-15, atol=1e-300
    )


@pytest.mark.parametrize("dtype", DTYPES)
@given(share=SHARE, scale=st.one_of(SCALE, st.sampled_from([1e-6, 30.0, 1e3, 1e6])))
def test_nothing_overflows(share: float, scale: float, dtype: torch.dtype):
    x = torch.tensor(share * TURN, dtype=dtype, requires_grad=True)
    mean = torch.zeros((), dtype=dtype, requires_grad=True)
    s = torch.tensor(scale, dtype=dtype, requires_grad=True)
    p = WrappedNormal(mean, s)
    for value in (p.log_prob(x), p.score(x), p.score_of_mean(x)):
        gradients = torch.autograd.grad(value, (x, mean, s))
        assert value.isfinite()
        if scale >= 1e-4:  # the score's derivatives are of the order of 1 / scale^4
            assert all(gradient.isfinite() for gradient in gradients)
    assert p.information().isfinite()


@pytest.mark.parametrize("scale", [0.05, 0.9, 1.76, 1.78, 3.0])
def test_gradients_by_differences(scale: float):
    def values(x: Tensor, mean: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        p = WrappedNormal(mean, scale)
        return p.log_prob(x), p.score_of_mean(x)

    points = torch.tensor([0.0, 0.1, 1.5, 3.1, -9.0], dtype=torch.float64, requires_grad=True)
    mean, s = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.02, scale))
    assert torch.autograd.gradcheck(values, (points, mean, s), eps=1e-7, rtol=1e-4, atol=1e-4)
    assert torch.autograd.gradgradcheck(values, (points, mean, s), eps=1e-7, rtol=1e-3, atol=1e-2)


@given(share=SHARE, scale=st.floats(0.02, 10.0))
def test_the_scale_obeys_the_heat_equation(share: float, scale: float):
    # dp / d(scale^2) = p'' / 2, hence d log p / d scale = scale (score' + score^2).
    s = torch.tensor(scale, dtype=torch.float64, requires_grad=True)
    x = torch.tensor(share * TURN, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(WrappedNormal(torch.zeros_like(x), s).log_prob(x), s)
    _, slope, curvature = exact(x.item(), scale, TURN)
    terms = scale * (abs(curvature) + slope**2)
    assert gradient.item() == pytest.approx(scale * (curvature + slope**2), rel=1e-9, abs=1e-10 * terms)


@pytest.mark.statistical
@pytest.mark.parametrize("scale", [1e-3, 0.5, 1.5, 4.0])
@pytest.mark.parametrize("period", PERIODS)
def test_samples_have_the_distribution(scale: float, period: float):
    size, s = 200_000, scale * period / TURN
    p = law(0.9 * period, s, period)
    x = p.sample(torch.Generator().manual_seed(3), shape=(size,))
    # Displacements in (-1/2, 1/2) of a period; their distribution function is a sum over the images'.
    u = (p.manifold.wrap(x - p.mean) / period).sort().values
    images = torch.arange(-8, 9, dtype=torch.float64)
    normal = torch.distributions.Normal(torch.zeros((), dtype=torch.float64), s / period)
    cumulative = (normal.cdf(u[:, None] + images) - normal.cdf(images - 0.5)).sum(1)
    empirical = torch.arange(size, dtype=torch.float64) / size
    distance = torch.maximum(
        (cumulative - empirical).abs().max(), (cumulative - empirical - 1 / size).abs().max()
    )
    # Dvoretzky, Kiefer, Wolfowitz and Massart: failure rate 1e-6.
    assert distance < math.sqrt(math.log(2 / FAILURE_RATE) / (2 * size))


@given(mean=st.floats(-10.0, 10.0, width=32), scale=SCALE, period=st.sampled_from(PERIODS))
def test_samples_are_inside_the_circle(mean: float, scale: float, period: float):
    for dtype in DTYPES:
        x = law(mean, scale, period, dtype).sample(torch.Generator().manual_seed(0), shape=(50,))
        assert x.dtype == dtype
        assert ((x >= 0) & (x < torch.tensor(period, dtype=dtype))).all()


def test_a_row_does_not_know_the_others():
    p = WrappedNormal(torch.zeros(3, 2), torch.tensor(0.3), 1.0)
    many = p.sample(RowRng(torch.tensor([5, 6, 7])))
    few = WrappedNormal(torch.zeros(1, 2), torch.tensor(0.3), 1.0).sample(RowRng(torch.tensor([6])))
    assert torch.equal(many[1:2], few)


def test_parameters_broadcast():
    p = WrappedNormal(torch.zeros(4, 3), torch.ones(3), 1.0)
    assert p.manifold == FlatTorus(1.0)
    assert p.shape == p.information().shape == (4, 3)
    assert p.log_prob(torch.zeros(2, 4, 3)).shape == p.score(torch.zeros(2, 1, 1)).shape == (2, 4, 3)
    rng = torch.Generator().manual_seed(0)
    assert p.sample(rng).shape == (4, 3)
    assert p.sample(rng, shape=(5, 4, 3)).shape == (5, 4, 3)
    assert wrapped_normal_score(torch.zeros(4, 3), torch.ones(4, 1)).shape == (4, 3)
    assert wrapped_normal_information(torch.ones(0)).shape == (0,)
    assert wrapped_normal_information(torch.ones(())).shape == ()


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_bad_parameters_are_refused(bad: float):
    with pytest.raises(ValueError, match="scale of a wrapped normal law must be positive"):
        WrappedNormal(torch.zeros(2), torch.tensor([1.0, bad]))
    with pytest.raises(ValueError, match="period must be positive"):
        WrappedNormal(torch.zeros(2), torch.ones(2), bad)
