"""The tabulated law of sums of messages: against what is known of it exactly, and against summed messages."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from epitaxy.flows import CircularBFN, EntropySchedule
from epitaxy.flows._random_walk import bessel_j0
from epitaxy.flows.resultant_law import FEWEST, resultant_law
from epitaxy.flows.testing import kolmogorov_bound, kolmogorov_distance
from epitaxy.geometry import FlatTorus, RowRng, bessel_ratio
from epitaxy.geometry.bessel import log_i0e

CPU = torch.device("cpu")
SCHEDULES = [EntropySchedule(1000.0, 100), EntropySchedule(1000.0, 60), EntropySchedule(10.0, 200)]
"""The second is nearly too steep to be tabulated; of the third, beliefs at the end are still wide."""
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(1000)
SHARE = torch.from_numpy((_NODES + 1) / 2)
WEIGHT = torch.from_numpy(_WEIGHTS / 2)
"""Of the integral over all shares u of sums, in which E f(c) is that of f(length(u))."""


def lengths(schedule: EntropySchedule, count: int) -> Tensor:
    law = resultant_law(schedule, CPU)
    assert law is not None
    return law.length(torch.tensor([count]), SHARE[None])[0]


def log_i0(x: Tensor) -> Tensor:
    return log_i0e(x) + x


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 1.0])
def test_moments_are_those_of_independent_messages(schedule: EntropySchedule, part: float) -> None:
    """E cos, given c and of each message, is A: so E c A(c) = sum a A(a), and E c^2 is known as well."""
    count = FEWEST + round(part * (schedule.steps - FEWEST))
    c, a = lengths(schedule, count), schedule.accuracies()[:count]
    ratio = bessel_ratio(a)
    along = float((a * ratio).sum())
    square = along**2 + float((a.square() * (1 - ratio.square())).sum())
    # The quantiles' tails are no polynomials: the quadrature over shares, not the law, is what errs by 1e-5.
    assert float((WEIGHT * c * bessel_ratio(c)).sum()) == pytest.approx(along, rel=2e-5)
    assert float((WEIGHT * c.square()).sum()) == pytest.approx(square, rel=2e-5)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("tilt", [-1.0, -0.3, 0.3])
def test_the_nodes_have_the_transform_of_the_law(schedule: EntropySchedule, part: float, tilt: float) -> None:
    """E I0(l c) / I0(c) = prod I0(l a) / I0(a) for every l, to 1e-8 (seen: 1e-8 at most, mostly 1e-10)."""
    count = FEWEST + round(part * (schedule.steps - FEWEST))
    law, a = resultant_law(schedule, CPU), schedule.accuracies()[:count]
    assert law is not None
    row = count - FEWEST
    gap, density = law.gap[row], law.density[row]
    c = law.low[row] + gap * torch.arange(density.shape[0])
    scale = 1 + tilt / max(1.0, math.sqrt(float(a.sum())))
    values = density * (log_i0(scale * c) - log_i0(c)).exp()
    slope = (-25 * values[0] + 48 * values[1] - 36 * values[2] + 16 * values[3] - 3 * values[4]) / 12
    found = float(gap * (values.sum() - values[0] / 2 + slope / 12))
    assert found == pytest.approx(float((log_i0(scale * a) - log_i0(a)).sum().exp()), rel=3e-8)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_lengths_invert_the_distribution_function(schedule: EntropySchedule) -> None:
    """At nodes to rounding; rising throughout; whatever the share, finite and within reach."""
    law = resultant_law(schedule, CPU)
    assert law is not None
    counts = torch.arange(FEWEST, schedule.steps + 1)
    u = torch.tensor([0.0, 1e-300, 1e-12, 0.5, 1 - 1e-9, 1 - 2.0**-53], dtype=torch.float64)
    found = law.length(counts, u.expand(len(counts), -1))
    assert bool(found.isfinite().all() & (found >= 0).all() & (found.diff(dim=1) >= 0).all())
    assert bool((found <= schedule.accuracies().cumsum(0)[FEWEST - 1 :, None] * (1 + 1e-12)).all())
    inner = (law.mass > 1e-6) & (law.mass < 1 - 1e-6)
    nodes = law.low[:, None] + law.gap[:, None] * torch.arange(law.mass.shape[1])
    again = law.length(counts, law.mass.clamp(max=1 - 2.0**-53))
    assert float(((again - nodes) / law.gap[:, None]).abs()[inner].max()) < 1e-6


@pytest.mark.statistical
@pytest.mark.parametrize(("n", "i"), [(100, FEWEST - 1), (100, FEWEST), (100, 50), (100, 100), (60, 40)])
def test_draws_have_the_law_of_summed_messages(n: int, i: int) -> None:
    """Distribution functions of m - x, c, and c cos(m - x), which ties them; one false alarm in 1e6."""
    rows = 20_000
    flow = CircularBFN(schedule=EntropySchedule(1000.0, n), sampler="end_back", draw="all_at_once")
    samples = []
    for seed, draw in enumerate(("tabulated", "all_at_once")):
        drawer = replace(flow, draw=draw)
        x = torch.full((rows, 1), 0.3, dtype=torch.float64)
        state = drawer.corrupt(x, torch.full((rows,), i / n), rng=RowRng(torch.arange(rows) + seed * rows))
        turn = FlatTorus().log(x, state.direction).flatten() * 2 * math.pi
        c = state.concentration.flatten()
        samples.append((turn, c, c * turn.cos()))
    for ours, definition in zip(*samples, strict=True):
        assert kolmogorov_distance(ours, definition) < kolmogorov_bound(rows, rows)


@pytest.mark.statistical
def test_end_back_has_the_law_that_summed_messages_give() -> None:
    """The whole sampler, 60 steps towards a prediction that follows the belief: one false alarm in 1e6."""
    rows, n = 2_000, 60
    ends = []
    for seed, draw in enumerate(("bank", "all_at_once")):
        flow = CircularBFN(schedule=EntropySchedule(1000.0, n), sampler="end_back", draw=draw, bank_size=16)
        rng = RowRng(torch.arange(rows) + seed * rows)
        state = flow.prior(torch.zeros(rows, 1, dtype=torch.float64), rng=rng)
        for k in range(n):
            # Towards the nearer of 0 and 1/2, half way: what is drawn at every step matters for the next.
            output = -torch.sin(4 * math.pi * state.direction) / 4
            t, s = torch.full((rows,), k / n), torch.full((rows,), (k + 1) / n)
            state = flow.step(state, output, t, s, rng=rng)
        ends.append(state.direction.flatten())
    assert kolmogorov_distance(*ends) < kolmogorov_bound(rows, rows)


def test_rows_with_few_and_many_messages_share_a_batch() -> None:
    """Each row has the numbers that it has alone."""
    flow = CircularBFN(schedule=SCHEDULES[0], draw="tabulated")
    x, t = torch.rand(5, 3), torch.tensor([0.0, 0.1, 0.23, 0.24, 1.0])
    whole = flow.corrupt(x, t, rng=RowRng(torch.arange(5)))
    for row in range(5):
        one = slice(row, row + 1)
        alone = flow.corrupt(x[one], t[one], rng=RowRng(torch.arange(5)[one]))
        assert torch.equal(alone.concentration, whole.concentration[one])
        assert torch.equal(alone.direction, whole.direction[one])


def test_short_and_steep_schedules_sum_their_messages() -> None:
    assert resultant_law(EntropySchedule(1000.0, FEWEST), CPU) is None
    assert resultant_law(EntropySchedule(1e6, 40), CPU) is None
    flow = CircularBFN(schedule=EntropySchedule(1e6, 40), draw="tabulated")
    x, t = torch.rand(3, 2), torch.ones(3)
    same = replace(flow, draw="all_at_once")
    a, b = (f.corrupt(x, t, rng=RowRng(torch.arange(3))) for f in (flow, same))
    assert torch.equal(a.concentration, b.concentration)


def test_the_bessel_function_of_the_walk() -> None:
    """Tables (Abramowitz & Stegun 9.1) and both sides of where its two forms meet."""
    x = torch.tensor(
        [0.0, 1.0, 2.404825557695773, 10.0, 25.0 - 1e-9, 25.0 + 1e-9, 100.0], dtype=torch.float64
    )
    expected = [1.0, 0.7651976865579666, 0.0, -0.2459357644513483, 0.0962667832759582, 0.0962667832759582]
    expected += [0.0199858503042231]
    assert bessel_j0(x).tolist() == pytest.approx(expected, abs=1e-9)
