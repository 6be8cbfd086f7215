"""The law and the independence of what `von_mises_noise` draws. Failure rate 1e-6 a test."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from epitaxy.geometry import AnyRng, RowRng, VonMises, as_rng, bessel_ratio, von_mises_draws, von_mises_noise
from epitaxy.geometry.bessel import bessel_ratio_complement, bessel_ratio_slope
from epitaxy.geometry.testing import FAILURE_RATE, SIGMAS
from epitaxy.geometry.testing.pretended import Watching, put, values

KAPPAS = [0.0, 1e-3, 1.0, 30.0, 1e3, 1e6]
ROWS, WIDTH, BINS = 40_000, 5, 64
KINDS = ("generator", "rows", "device")


def source(kind: str) -> AnyRng:
    return RowRng(torch.arange(ROWS)) if kind == "rows" else torch.Generator().manual_seed(2025)


@pytest.fixture(scope="module", params=[(k, kind) for k in KAPPAS for kind in KINDS])
def drawn(request: pytest.FixtureRequest) -> tuple[float, Tensor]:
    """The concentration and angles; those of "device" drawn as where nothing is waited for."""
    kappa, kind = request.param
    concentration = torch.tensor(kappa, dtype=torch.float32).expand(ROWS, WIDTH)
    if kind == "device":
        concentration = put(concentration)
    with Watching():  # where the device exists
        return kappa, values(von_mises_noise(concentration, rng=source(kind))).double()


def cumulative(kappa: float, nodes: int = 1 << 17) -> tuple[Tensor, Tensor]:
    """A fine grid of angles and the distribution function there, by the midpoint rule."""
    reach = min(math.pi, 12.0 / math.sqrt(max(kappa, 1e-300)))
    edges = torch.linspace(-reach, reach, nodes + 1, dtype=torch.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    mass = torch.exp(-2.0 * kappa * torch.sin(middle / 2).square())
    total = torch.cat([torch.zeros(1, dtype=torch.float64), mass.cumsum(0)])
    return edges, total / total[-1]


@pytest.mark.statistical
def test_bins_fill_as_they_should(drawn: tuple[float, Tensor]):
    kappa, angle = drawn
    edges, probability = cumulative(kappa)
    cuts = torch.searchsorted(probability, torch.linspace(0, 1, BINS + 1, dtype=torch.float64)[1:-1])
    bounds = torch.cat([probability.new_zeros(1), probability[cuts], probability.new_ones(1)])
    expected = bounds.diff() * angle.numel()
    cells = torch.bucketize(angle.flatten(), edges[cuts])
    observed = torch.bincount(cells, minlength=BINS)
    chi_square = float(((observed - expected).square() / expected).sum())
    low, high = stats.chi2.isf([1 - FAILURE_RATE / 2, FAILURE_RATE / 2], BINS - 1)
    assert low < chi_square < high


@pytest.mark.statistical
def test_circular_moments(drawn: tuple[float, Tensor]):
    kappa, angle = drawn
    k = torch.tensor(kappa, dtype=torch.float64)
    # 1 - cos has mean 1 - A and variance A'; sin has mean 0 and variance A / k.
    complement = 2.0 * torch.sin(angle / 2).square()
    size = math.sqrt(angle.numel())
    deviation = bessel_ratio_slope(k).sqrt() / size
    assert abs(complement.mean() - bessel_ratio_complement(k)) < SIGMAS * deviation
    variance = bessel_ratio(k) / k if kappa > 0 else torch.tensor(0.5)
    assert abs(angle.sin().mean()) < SIGMAS * variance.sqrt() / size


@pytest.mark.statistical
def test_neighbours_are_uncorrelated(drawn: tuple[float, Tensor]):
    _, angle = drawn
    standard = angle / angle.square().mean().sqrt()
    for dim in (0, 1):
        first = standard.narrow(dim, 0, standard.shape[dim] - 1)
        second = standard.narrow(dim, 1, standard.shape[dim] - 1)
        assert abs((first * second).mean()) < SIGMAS / math.sqrt(first.numel())


@pytest.mark.statistical
def test_mixed_concentrations_in_one_call():
    kappa = torch.tensor(KAPPAS, dtype=torch.float64)
    angle = von_mises_noise(kappa.expand(20_000, -1), rng=torch.Generator().manual_seed(1))
    deviation = bessel_ratio_slope(kappa).sqrt() / math.sqrt(20_000)
    error = 2.0 * torch.sin(angle / 2).square().mean(0) - bessel_ratio_complement(kappa)
    assert (error.abs() < SIGMAS * deviation).all()


@settings(max_examples=20, deadline=None)
@given(kappa=st.lists(st.sampled_from(KAPPAS), max_size=30), width=st.sampled_from([1, 40]))
def test_a_device_draws_what_the_cpu_draws(kappa: list[float], width: int):
    """To the bit, of rows' own numbers, and nothing waits: the first accepted proposal is the same one."""
    concentration, keys = torch.tensor(kappa).view(-1, 1).expand(-1, width), torch.arange(len(kappa))
    expected = von_mises_noise(concentration, rng=RowRng(keys))
    with Watching() as seen:
        found = von_mises_noise(put(concentration), rng=RowRng(put(keys)))
    assert torch.equal(values(found), expected)
    assert not seen.waits
    assert not seen.mixed


def test_bounds_leave_none_undrawn():
    """What is taken for late ones suffices, and they are as many as they should be: 0.34^4 of the worst."""
    kappa = torch.full((200_000,), 1e6)
    supply = as_rng(RowRng(torch.arange(len(kappa)))).retries(
        kappa.shape, dtype=torch.float64, device=kappa.device
    )
    _, left = von_mises_draws._first_accepted(kappa, torch.arange(len(kappa)), 0, 4, supply)
    share = float(left.double().mean())
    assert 0.8 * 0.342**4 < share < von_mises_draws._REFUSED**4
    assert torch.equal(von_mises_draws._by_bounds(kappa, supply), von_mises_draws._by_rounds(kappa, supply))


@settings(max_examples=30)
@given(
    keys=st.lists(st.integers(0, 2**62), min_size=2, max_size=6, unique=True),
    kappa=st.lists(st.sampled_from(KAPPAS), min_size=6, max_size=6),
    data=st.data(),
)
def test_a_row_does_not_know_the_others(keys: list[int], kappa: list[float], data: st.DataObject):
    kept = data.draw(st.lists(st.integers(0, len(keys) - 1), min_size=1, max_size=4))
    concentration = torch.tensor(kappa[: len(keys)]).view(-1, 1).expand(-1, 40)
    many, few = RowRng(torch.tensor(keys)), RowRng(torch.tensor(keys)[kept])
    for _ in range(2):  # the second draw shows that the first took as much from each source
        together = von_mises_noise(concentration, rng=many)
        assert torch.equal(together[kept], von_mises_noise(concentration[kept], rng=few))


@given(st.lists(st.sampled_from([*KAPPAS, 1e-30, 1e30]), max_size=20), st.integers(0, 99))
def test_angles_are_inside_the_half_open_circle(kappa: list[float], seed: int):
    for dtype in (torch.float32, torch.float64):
        concentration = torch.tensor(kappa, dtype=dtype)
        angle = von_mises_noise(concentration, rng=torch.Generator().manual_seed(seed))
        assert angle.dtype == dtype
        assert angle.shape == concentration.shape
        half_turn = torch.tensor(math.pi, dtype=dtype)
        assert ((angle >= -half_turn) & (angle < half_turn)).all()


def test_the_mean_only_turns_the_sample():
    kappa = torch.full((100,), 2.0)
    noise = von_mises_noise(kappa, rng=torch.Generator().manual_seed(0))
    sample = VonMises(torch.tensor(3.0), kappa).sample(torch.Generator().manual_seed(0))
    turn = sample - 3.0 - noise
    torch.testing.assert_close(turn, (turn / (2 * math.pi)).round() * (2 * math.pi), rtol=0, atol=1e-6)


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_bad_concentrations_are_refused(bad: float):
    with pytest.raises(ValueError, match="finite and not negative"):
        von_mises_noise(torch.tensor([1.0, bad]), rng=torch.Generator())


def test_a_scalar_concentration():
    assert von_mises_noise(torch.tensor(1.0), rng=torch.Generator().manual_seed(0)).shape == ()
