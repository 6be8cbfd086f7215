"""The entropy schedule: its equations, the published values, its cost."""

import math
import time
from decimal import Decimal, localcontext

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from epitaxy.flows import EntropySchedule
from epitaxy.flows._quadrature import expected_length
from epitaxy.flows.schedules import _known
from epitaxy.geometry import bessel_ratio, von_mises_entropy

# notes, section 7: solved by quadrature, to six decimals.
CONCENTRATIONS_10 = [
    1.478033, 2.702499, 4.995999, 10.113934, 21.307108, 45.620087, 98.379943, 212.849622, 461.198072, 1000.0,
]  # fmt: skip
ACCURACIES_10 = [
    1.478033, 1.587010, 2.628131, 5.384110, 11.437746,
    24.549623, 52.993109, 114.701416, 248.579498, 539.032661,
]  # fmt: skip
# The published files' alpha_1, alpha_2, alpha_n and sum, and the most that their noise can be.
PUBLISHED = {
    10: ((1.478033, 1.587197, 539.032654, None), 3e-4),
    50: ((0.573520, 0.548819, 143.85666, 1021.902), 2.9e-3),
    100: ((0.399422, 0.399995, 74.956764, 1045.143), 5.1e-3),
    500: ((0.176527, 0.192724, 15.865657, 1204.378), 2.6e-2),
    1000: ((0.124641, 0.139225, 8.223639, 1374.944), 2.6e-2),
}


def brute_force_length(a: Tensor, c: Tensor) -> Tensor:
    """E |c + a exp(iu)| by the midpoint rule on 2^16 nodes where the density is, without any substitution."""
    end = torch.acos((1 - 40 / a).clamp(min=-1.0))[:, None]
    nodes = 2**16
    u = end * (torch.arange(nodes, dtype=torch.float64) + 0.5) / nodes
    weight = torch.exp(-2 * a[:, None] * torch.sin(u / 2) ** 2)
    length = torch.hypot(c[:, None] + a[:, None] * torch.cos(u), a[:, None] * torch.sin(u))
    return (weight * length).sum(1) / weight.sum(1)


@given(
    st.floats(-4, 5).map(lambda e: 10.0**e),
    st.one_of(st.just(0.0), st.floats(-5, 5).map(lambda e: 10.0**e)),
    st.one_of(st.none(), st.floats(-9, -1).map(lambda e: 10.0**e)),
)
@settings(max_examples=30)
def test_expected_length_is_the_integral(accuracy: float, concentration: float, gap: float | None) -> None:
    """Also where accuracy and concentration nearly agree and the integrand has nearly a kink."""
    a = torch.tensor([accuracy], dtype=torch.float64)
    c = a * (1 + gap) if gap is not None else torch.tensor([concentration], dtype=torch.float64)
    mean, slope = expected_length(a, c)
    torch.testing.assert_close(mean, brute_force_length(a, c), rtol=1e-9, atol=0.0)
    h = a * 1e-4
    # Near the kink the second derivative is large: this is no place for many figures.
    difference = (expected_length(a + h, c)[0] - expected_length(a - h, c)[0]) / (2 * h)
    torch.testing.assert_close(slope, difference, rtol=1e-3, atol=1e-5)


@given(st.floats(-2, 5).map(lambda e: 10.0**e), st.integers(1, 300))
@settings(max_examples=25)
def test_any_schedule_solves_its_equations(final: float, steps: int) -> None:
    schedule = EntropySchedule(final, steps)
    c, alpha = schedule.concentrations(), schedule.accuracies()
    assert c.shape == alpha.shape == (steps,)
    assert bool((alpha > 0).all())
    assert bool((c.diff() > 0).all())
    start, end = von_mises_entropy(torch.zeros(1, dtype=torch.float64)), von_mises_entropy(c[-1:])
    line = start + (end - start) * torch.arange(1, steps + 1) / steps
    torch.testing.assert_close(von_mises_entropy(c), line, rtol=0.0, atol=1e-12)
    before = torch.cat([c.new_zeros(1), c[:-1]])
    torch.testing.assert_close(expected_length(alpha, before)[0], c, rtol=1e-11, atol=0.0)
    assert alpha[0] == pytest.approx(float(c[0]), rel=1e-12)
    torch.testing.assert_close(schedule.weights(), steps * alpha * bessel_ratio(alpha))


def test_ten_steps_to_six_figures() -> None:
    schedule = EntropySchedule(1000.0, 10)
    expected = torch.tensor([CONCENTRATIONS_10, ACCURACIES_10], dtype=torch.float64)
    found = torch.stack([schedule.concentrations(), schedule.accuracies()])
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    assert float(schedule.accuracies().sum()) == pytest.approx(1002.371, abs=1e-3)


@pytest.mark.parametrize("steps", PUBLISHED)
def test_published_values_within_their_noise(steps: int) -> None:
    alpha = EntropySchedule(1000.0, steps).accuracies()
    (first, second, last, total), noise = PUBLISHED[steps]
    assert float(alpha[0]) == pytest.approx(first, abs=1e-6)
    assert float(alpha[1]) == pytest.approx(second, rel=noise)
    assert float(alpha[-1]) == pytest.approx(last, rel=noise)
    if total is not None:
        assert float(alpha.sum()) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize(("final", "mean"), [(1e2, 97.3), (1e3, 996.2), (1e4, 9995.0)])
def test_mean_loss_weight(final: float, mean: float) -> None:
    assert float(EntropySchedule(final, 1000).weights().mean()) == pytest.approx(mean, abs=1.0)


def exactly_known(concentration: float) -> float:
    """H(0) - H(c) = c A(c) - ln I0(c), from the Bessel functions' series in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        x = (Decimal(concentration) / 2) ** 2
        i0 = sum(x**k / math.factorial(k) ** 2 for k in range(20))
        c_i1 = 2 * sum(x ** (k + 1) / (math.factorial(k) * math.factorial(k + 1)) for k in range(20))
        return float(c_i1 / i0 - Decimal(i0).ln())


@pytest.mark.parametrize("concentration", [1e-9, 1e-4, 0.01, 0.02, 0.0299999])
def test_what_little_a_weak_belief_knows_has_no_cancellation(concentration: float) -> None:
    """To the last digit, where the entropies' difference has lost up to sixteen."""
    known = float(_known(torch.tensor([concentration], dtype=torch.float64)))
    assert known == pytest.approx(exactly_known(concentration), rel=1e-15, abs=0.0)


@pytest.mark.parametrize("concentration", [0.0300001, 0.1, 1.0])
def test_what_a_belief_knows_is_exact_above_the_series_too(concentration: float) -> None:
    known = float(_known(torch.tensor([concentration], dtype=torch.float64)))
    assert known == pytest.approx(exactly_known(concentration), rel=1e-11, abs=0.0)


def test_accuracies_dip_after_the_start() -> None:
    assert int(EntropySchedule(1000.0, 1000).accuracies().argmin()) == pytest.approx(60, abs=3)


def test_a_thousand_steps_take_under_a_second() -> None:
    begin = time.perf_counter()
    EntropySchedule(999.0, 1000).accuracies()
    assert time.perf_counter() - begin < 1.0


def test_schedules_are_values() -> None:
    assert EntropySchedule(10.0, 5) == EntropySchedule(10.0, 5)
    assert len({EntropySchedule(10.0, 5), EntropySchedule(10.0, 5)}) == 1
    assert EntropySchedule(10.0, 5).accuracies(torch.float32).dtype == torch.float32


@pytest.mark.parametrize(
    ("final", "steps"), [(0.0, 10), (-1.0, 10), (math.inf, 10), (math.nan, 10), (10.0, 0)]
)
def test_schedules_that_do_not_exist(final: float, steps: int) -> None:
    with pytest.raises(ValueError, match=r"must be positive|at least one step"):
        EntropySchedule(final, steps)
