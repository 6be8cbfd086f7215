"""The circular flow on a device that is not waited for: of the same sources the CPU's draws, to the bit."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from epitaxy.flows import CircularBFN, EntropySchedule, ProductFlow
from epitaxy.flows.circular import CircularState, Draw
from epitaxy.geometry import AnyRng, RowRng, Segments, StructureRng, filled, von_mises_draws
from epitaxy.geometry.testing.pretended import PRETENDED, PretendedGenerator, Watching, put, values

ROWS = 60
STEPS: dict[Draw, int] = {"bank": 8, "tabulated": 60, "all_at_once": 8, "stepwise": 4}
"""Of the tabulated law enough that there is one; its first sums are not tabulated."""


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are summed block by block."""
    monkeypatch.setattr("epitaxy.flows.circular_messages._BUDGET", 2000)


def source(kind: str, device: torch.device) -> AnyRng:
    if kind == "rows":
        keys = torch.arange(ROWS)
        return RowRng(put(keys) if device == PRETENDED else keys)
    made = PretendedGenerator() if device == PRETENDED else torch.Generator()
    return made.manual_seed(5)


def moved(x: Tensor, device: torch.device) -> Tensor:
    return put(x) if device == PRETENDED else x


def both(draw: Draw, *, sampler: str = "bayes") -> Iterator[tuple[torch.device, CircularBFN]]:
    """Yield the CPU and the device, each with its flow, whose tables are there."""
    for device in (torch.device("cpu"), PRETENDED):
        flow = CircularBFN(
            schedule=EntropySchedule(1000.0, STEPS[draw]), draw=draw, sampler=sampler, bank_size=64
        )
        with Watching():
            x = moved(torch.zeros(ROWS, 3), device)
            flow.corrupt(x, moved(torch.full((ROWS,), 0.5), device), rng=source("rows", device))
        yield device, flow


def close(one: CircularState, other: CircularState) -> None:
    assert torch.equal(values(one.direction), values(other.direction))
    assert torch.equal(values(one.concentration), values(other.concentration))


@pytest.mark.parametrize("kind", ["rows", "generator"])
@pytest.mark.parametrize("draw", STEPS)
def test_states_are_drawn_without_waiting(draw: Draw, kind: str, monkeypatch: pytest.MonkeyPatch):
    """At times that differ from row to row and that only the device knows."""
    x, n, found = torch.rand(ROWS, 3, generator=torch.Generator().manual_seed(0)), STEPS[draw], []
    t = torch.arange(ROWS) % (n + 1) / n
    if kind == "generator":  # of whose numbers the CPU takes only as many as it needs
        monkeypatch.setattr(von_mises_draws, "_by_rounds", von_mises_draws._by_bounds)
    for device, flow in both(draw):
        rng, there = source(kind, device), (moved(x, device), moved(t, device))
        with Watching() as seen:
            found.append(flow.corrupt(*there, rng=rng))
        assert not seen.waits
        assert not seen.mixed
    close(*found)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("begin", "end"), [("first", "second"), ("quarter", "three quarters"), ("half", "half")]
)
@pytest.mark.parametrize(
    ("draw", "sampler"),
    [
        ("stepwise", "bayes"),
        ("all_at_once", "bayes"),
        ("all_at_once", "end_back"),
        ("tabulated", "end_back"),
    ],
)
def test_steps_wait_only_where_the_time_is_not_known(
    draw: Draw, sampler: str, begin: str, end: str, known: bool
):
    """One step, several, and none."""
    n = STEPS[draw]
    at = {"first": 0, "second": 1, "quarter": n // 4, "half": n // 2, "three quarters": 3 * n // 4}
    x, found = torch.rand(ROWS, 3, generator=torch.Generator().manual_seed(0)), []
    for device, flow in both(draw, sampler=sampler):
        there = moved(x, device)
        rng = source("rows", device)
        with Watching() as seen:
            t, s = (
                filled(at[word] / n, ROWS, device=device)
                if known
                else moved(torch.full((ROWS,), at[word] / n), device)
                for word in (begin, end)
            )
            state = flow.prior(there, rng=rng)
            found.append(flow.step(state, torch.zeros_like(there), t, s, rng=rng))
        assert bool(seen.waits) == (device == PRETENDED and sampler == "bayes" and not known)
        assert not seen.mixed
    close(*found)


def test_a_product_keeps_the_times_known():
    """Each atom has its graph's time, of which its flow still knows the number."""
    flow = ProductFlow(
        flows={"x": CircularBFN(schedule=EntropySchedule(1000.0, 8), draw="all_at_once")},
        levels={"x": "atom"},
    )
    with Watching():
        segments = Segments.from_counts([2, 3]).to(PRETENDED)
        state = put(torch.rand(5, 3))
        source = StructureRng(put(torch.arange(2)), segments)
        words = {"segments": segments, "source": source}
        states = flow.prior({"x": state}, **words)
        for i in range(2):
            t, s = (filled((i + k) / 8, 2, device=PRETENDED) for k in (0, 1))
            with Watching() as seen:
                states = flow.step(states, {"x": torch.zeros_like(state)}, t, s, **words)
    assert not seen.waits
