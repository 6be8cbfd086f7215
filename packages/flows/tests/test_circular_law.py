"""The circular flow distribution: three ways to draw it, one law."""

import math
from typing import Literal

import pytest
import torch
from torch import Tensor

from epitaxy.flows import CircularBFN, EntropySchedule, TrajectoryBank
from epitaxy.flows.testing import kolmogorov_bound, kolmogorov_distance
from epitaxy.geometry import FlatTorus
from epitaxy.geometry.testing import SIGMAS

pytestmark = pytest.mark.statistical
DRAWS = 2000
BANK = 8192
Draw = Literal["bank", "all_at_once", "stepwise"]

# notes, section 7: mean and standard deviation of c_i over 20 000 chains, n = 100.
SIMULATED = {1: (0.3994, 0.0), 10: (1.275, 0.62), 50: (19.91, 3.5), 100: (996.7, 6.4)}


def deviations(n: int, i: int, draw: Draw, rows: int = DRAWS) -> tuple[Tensor, Tensor]:
    """m - x in radians and c, for random x."""
    rng = torch.Generator().manual_seed(1000 * n + i + {"bank": 0, "all_at_once": 1, "stepwise": 2}[draw])
    flow = CircularBFN(schedule=EntropySchedule(1000.0, n), draw=draw, bank_size=BANK)
    x = torch.rand(rows, 1, generator=rng)
    state = flow.corrupt(x, torch.full((rows,), i / n), rng=rng)
    return (FlatTorus().log(x, state.direction) * 2 * math.pi).flatten(), state.concentration.flatten()


@pytest.mark.parametrize(("n", "i"), [(1, 1), (10, 3), (10, 10), (100, 10), (100, 50), (1000, 100)])
def test_three_ways_one_law(n: int, i: int) -> None:
    """Distribution functions of m - x and c; the bank counts as a sample of its own."""
    samples = {draw: deviations(n, i, draw) for draw in ("bank", "all_at_once", "stepwise")}
    for draw in ("bank", "all_at_once"):
        sizes = (DRAWS, DRAWS, BANK) if draw == "bank" else (DRAWS, DRAWS)
        for ours, definition in zip(samples[draw], samples["stepwise"], strict=True):
            # After one message c is alpha_1 up to rounding, which is no law to be compared.
            if i > 1 or ours is samples[draw][0]:
                assert kolmogorov_distance(ours, definition) < kolmogorov_bound(*sizes)


@pytest.mark.parametrize("draw", ["bank", "all_at_once", "stepwise"])
@pytest.mark.parametrize("i", [10, 40])
def test_moments_are_the_definitions(draw: Draw, i: int) -> None:
    """Means of cos(m - x) and log c within 6 standard errors of the definition's; sin has mean 0."""
    ours, definition = deviations(100, i, draw), deviations(100, i, "stepwise", rows=3000)
    for f in (lambda d, _: d.cos(), lambda _, c: c.log()):
        a, b = f(*ours), f(*definition)
        shared = 1 / BANK if draw == "bank" else 0.0
        error = math.sqrt(float(b.var()) * (1 / len(a) + 1 / len(b) + shared))
        assert abs(float(a.mean() - b.mean())) < SIGMAS * error
    sine = ours[0].sin()
    assert abs(float(sine.mean())) < SIGMAS * float(sine.std()) * math.sqrt(1 / DRAWS + 1 / BANK)


@pytest.mark.parametrize("i", SIMULATED)
def test_concentrations_are_the_simulated_ones(i: int) -> None:
    mean, deviation = SIMULATED[i]
    bank = TrajectoryBank(EntropySchedule(1000.0, 100), size=20000, seed=3, blocks=1)
    c = bank.draw(torch.full((20000,), i), (), rng=torch.Generator().manual_seed(i)).length
    # Three samples of 20 000 (theirs, the bank, the picks from it), and their rounding.
    rounding = 0.05 if mean > 100 else 0.005 if mean > 10 else 0.0006
    assert float(c.mean()) == pytest.approx(mean, abs=SIGMAS * deviation * math.sqrt(3 / 20000) + rounding)
    assert float(c.std()) == pytest.approx(deviation, rel=0.1, abs=1e-5)


def test_the_start_is_the_prior() -> None:
    """A uniform direction and no concentration, however it is drawn."""
    for draw in ("bank", "all_at_once", "stepwise"):
        rng = torch.Generator().manual_seed(0)
        flow = CircularBFN(schedule=EntropySchedule(1000.0, 10), draw=draw, bank_size=16)
        state = flow.corrupt(torch.full((DRAWS, 1), 0.3), torch.zeros(DRAWS), rng=rng)
        assert bool((state.concentration == 0).all())
        uniform = torch.linspace(0, 1, DRAWS)
        distance = kolmogorov_distance(state.direction.flatten(), uniform)
        assert distance < kolmogorov_bound(DRAWS) + 1 / DRAWS
