"""The circular Bayesian flow."""

import dataclasses
import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from jaxtyping import TypeCheckError
from torch import Tensor

from epitaxy.flows import CircularBFN, CircularState, EntropySchedule, circular
from epitaxy.flows.circular import Draw
from epitaxy.flows.testing import FlowLaws
from epitaxy.geometry import FlatTorus, RowRng, VonMises
from epitaxy.geometry.testing import Tolerance

ANGLES = FlatTorus(2 * math.pi)
SMALL = EntropySchedule(1000.0, 12)


class CircularLaws(FlowLaws):
    def data(self, generator: torch.Generator) -> Tensor:
        return torch.rand(self.rows, 3, generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 3, generator=generator)


class TestEndBackFromBank(CircularLaws):
    def flow(self) -> CircularBFN:
        return CircularBFN(schedule=SMALL, sampler="end_back", bank_size=64)


class TestEndBackAllAtOnce(CircularLaws):
    def flow(self) -> CircularBFN:
        return CircularBFN(schedule=SMALL, sampler="end_back", draw="all_at_once", loss_kind="squared")


class TestBayesStepwise(CircularLaws):
    def flow(self) -> CircularBFN:
        return CircularBFN(schedule=SMALL, draw="stepwise")


class TestThousandSteps(CircularLaws):
    def flow(self) -> CircularBFN:
        return CircularBFN(draw="all_at_once")


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(-1, 1)


def test_bayesian_update_example() -> None:
    """notes, section 7: m = 0.3, c = 2, y = -1, alpha = 1.5."""
    flow = CircularBFN(manifold=ANGLES)
    state = CircularState(direction=column(0.3), concentration=column(2.0))
    after = flow.bayesian_update(state, column(-1.0), torch.tensor([1.5], dtype=torch.float64))
    assert float(after.direction) == pytest.approx(2 * math.pi - 0.2418233, abs=1e-6)
    assert float(after.concentration) == pytest.approx(2.8026760, abs=1e-6)


@given(*[st.floats(0, 0.999) for _ in range(3)], *[st.floats(0, 500) for _ in range(3)])
def test_messages_commute(m: float, y: float, z: float, c: float, a: float, b: float) -> None:
    """The order of messages does not matter: their vectors add (Eq. 44-45)."""
    flow = CircularBFN()
    start = CircularState(direction=column(m), concentration=column(c))
    both = [((y, a), (z, b)), ((z, b), (y, a))]
    ends = []
    for order in both:
        state = start
        for message, accuracy in order:
            state = flow.bayesian_update(
                state, column(message), torch.tensor([accuracy], dtype=torch.float64)
            )
        angle = state.direction * 2 * math.pi
        ends.append(torch.cat([state.concentration * angle.cos(), state.concentration * angle.sin()]))
    total = [
        c * f(2 * math.pi * m) + a * f(2 * math.pi * y) + b * f(2 * math.pi * z) for f in (math.cos, math.sin)
    ]
    for end in ends:
        torch.testing.assert_close(end, column(*total), rtol=1e-9, atol=1e-9)


def test_a_message_without_accuracy_changes_nothing() -> None:
    flow = CircularBFN()
    for c in (0.0, 3.0):
        state = CircularState(direction=column(0.25), concentration=column(c))
        after = flow.bayesian_update(state, column(0.8), torch.zeros(1, dtype=torch.float64))
        assert float(after.direction) == pytest.approx(0.25)
        assert float(after.concentration) == c


@given(st.floats(0, 0.999), st.sampled_from(["bank", "all_at_once", "stepwise"]), st.integers(0, 5))
@settings(max_examples=15)
def test_translation_carries_through(shift: float, draw: str, i: int) -> None:
    """Moving the data, or the state before a step, moves directions and leaves concentrations."""
    torus = FlatTorus()
    flow = CircularBFN(schedule=EntropySchedule(1000.0, 5), draw=draw, bank_size=16)  # type: ignore[arg-type]
    x = torch.rand(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = torch.full((5,), i / 5, dtype=torch.float64)
    here, there = (flow.corrupt(p, t, rng=RowRng(torch.arange(5))) for p in (x, torus.project(x + shift)))
    assert torch.equal(here.concentration, there.concentration)
    if i == 0:
        return
    Tolerance.LOOSE64.assert_close(torus.log(here.direction + shift, there.direction), torch.zeros_like(x))
    out, before = torch.ones_like(x), t - 1 / 5
    for sampler in ("bayes", "end_back"):
        walker = dataclasses.replace(flow, sampler=sampler)
        a, b = (walker.step(s, out, before, t, rng=RowRng(torch.arange(5))) for s in (here, there))
        Tolerance.LOOSE64.assert_close(torus.log(a.direction + shift, b.direction), torch.zeros_like(x))
        torch.testing.assert_close(a.concentration, b.concentration, rtol=1e-6, atol=1e-6)


@given(st.floats(-1.5, 1.5))
@settings(max_examples=20)
def test_noise_does_not_depend_on_the_prediction(turn: float) -> None:
    """A prediction that is off by a rounding error gives a state that is: no stream runs differently."""
    flow = CircularBFN(schedule=SMALL, sampler="end_back")
    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    state = flow.prior(x, rng=RowRng(torch.arange(4)))
    t, s = torch.zeros(4, dtype=torch.float64), torch.full((4,), 1 / 12, dtype=torch.float64)
    out = torch.full_like(x, turn)
    a, b = (flow.step(state, o, t, s, rng=RowRng(torch.arange(4))) for o in (out, out + 1e-9))
    assert torch.equal(a.concentration, b.concentration)
    assert float(FlatTorus().log(a.direction, b.direction).abs().max()) < 1e-9


def test_every_row_has_its_own_accuracy() -> None:
    """Rows updated together, with an accuracy each, are what they are alone, with one a component."""
    flow, rng = CircularBFN(), torch.Generator().manual_seed(0)
    m, c, y = torch.rand(3, 3, 3, generator=rng, dtype=torch.float64)
    alpha = torch.tensor([0.5, 2.0, 30.0], dtype=torch.float64)
    together = flow.bayesian_update(CircularState(direction=m, concentration=c), y, alpha)
    for row in range(3):
        own = CircularState(direction=m[row, :, None], concentration=c[row, :, None])
        alone = flow.bayesian_update(own, y[row, :, None], alpha[row].expand(3, 1))
        torch.testing.assert_close(together.direction[row, :, None], alone.direction)
        torch.testing.assert_close(together.concentration[row, :, None], alone.concentration)


@pytest.mark.parametrize(
    ("draw", "corrupted", "stepped"),
    [("bank", 0, 1), ("tabulated", 1, 1), ("all_at_once", 0, 0), ("stepwise", 0, 0)],
)
def test_who_reads_the_table(
    draw: Draw, corrupted: int, stepped: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The laws are one; how they are drawn from is what was asked for."""
    read: list[EntropySchedule] = []
    monkeypatch.setattr(circular, "resultant_law", lambda schedule, _: read.append(schedule))
    flow = CircularBFN(schedule=SMALL, sampler="end_back", draw=draw, bank_size=16)
    x, t = torch.rand(4, 3), torch.full((4,), 0.25)
    state = flow.corrupt(x, t, rng=RowRng(torch.arange(4)))
    assert read == corrupted * [SMALL]
    flow.step(state, x, t, 2 * t, rng=RowRng(torch.arange(4)))
    assert read == (corrupted + stepped) * [SMALL]


def test_the_bank_is_renewed_in_at_most_sixteen_blocks() -> None:
    sizes = (1, 24, 4096)
    assert [CircularBFN(bank_size=size).bank.blocks for size in sizes] == [1, 8, 16]


def test_several_steps_at_once_take_all_messages() -> None:
    """From a belief that knows nothing, a leap to s has the concentration law of the flow distribution."""
    flow = CircularBFN(schedule=SMALL)
    rows = 2000
    x = torch.full((rows, 1), 0.5)
    zero, s = torch.zeros(rows), torch.full((rows,), 6 / 12)
    state = flow.prior(x, rng=torch.Generator().manual_seed(0))
    towards = FlatTorus().log(state.direction, x) * 2 * math.pi
    leap = flow.step(state, towards, zero, s, rng=RowRng(torch.arange(rows)))
    exact = dataclasses.replace(flow, sampler="end_back").step(
        state, towards, zero, s, rng=RowRng(torch.arange(rows) + rows)
    )
    spread = float(exact.concentration.std()) * math.sqrt(2 / rows)
    assert abs(float(leap.concentration.mean() - exact.concentration.mean())) < 6 * spread


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_kl_loss_is_the_divergence_of_the_messages(n: int) -> None:
    """n KL(vM(x, alpha_i) || vM(x_hat, alpha_i)), at the first and the last step."""
    flow = CircularBFN(schedule=EntropySchedule(1000.0, n))
    x, x_hat = (
        torch.tensor([[0.1, 0.95], [0.2, 0.3]]).double(),
        torch.tensor([[0.3, 0.05], [0.2, 0.8]]).double(),
    )
    state = CircularState(direction=x_hat, concentration=torch.ones_like(x))
    t = torch.tensor([0.0, 1 - 1 / n], dtype=torch.float64)
    alpha = flow.accuracy(t)[:, None].expand_as(x)
    sent, expected = VonMises(x * 2 * math.pi, alpha), VonMises(x_hat * 2 * math.pi, alpha)
    loss = flow.loss(torch.zeros_like(x), x, state, t, rng=torch.Generator())
    torch.testing.assert_close(loss, n * sent.kl(expected).sum(1), rtol=1e-9, atol=1e-12)


def test_squared_loss_example() -> None:
    """notes, section 7: at d = 0.5 and alpha = 10, KL 1.1612516 and the published version 2.3714996."""
    ten = EntropySchedule(10.0, 1)
    for kind, expected in (("kl", 1.1612516), ("squared", 2.3714996)):
        flow = CircularBFN(manifold=ANGLES, schedule=ten, loss_kind=kind)  # type: ignore[arg-type]
        state = CircularState(direction=column(0.0), concentration=column(1.0))
        zero = torch.zeros(1, dtype=torch.float64)
        loss = flow.loss(column(0.5), column(0.0), state, zero, rng=torch.Generator())
        assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_condition_is_the_published_scale() -> None:
    flow = CircularBFN()
    c = torch.tensor([[0.0, 1.0, 10.0, 1000.0]])
    seen = flow.features(CircularState(direction=torch.zeros(1, 4), concentration=c), torch.zeros(1))
    expected = (torch.log(c.double() + 1e-7) - math.log(1e-7)) / (math.log(1000) - math.log(1e-7))
    assert seen.condition is not None
    torch.testing.assert_close(seen.condition.double(), expected, rtol=0.0, atol=1e-6)
    torch.testing.assert_close(seen.condition[0, :3], torch.tensor([0.0, 0.7, 0.8]), rtol=0.0, atol=1e-5)


def test_sender_and_receiver_agree_on_a_right_prediction() -> None:
    flow, x, alpha = CircularBFN(), torch.rand(8, 3), torch.full((8,), 50.0)
    sent, received = (f(x, alpha, rng=RowRng(torch.arange(8))) for f in (flow.sender, flow.receiver))
    assert torch.equal(sent, received)
    assert float(FlatTorus().dist(x, sent).max()) < 0.5


def test_one_period_is_like_another() -> None:
    """In radians the same numbers give the same belief, times 2 pi."""
    unit, angles = CircularBFN(schedule=SMALL), CircularBFN(manifold=ANGLES, schedule=SMALL)
    x = torch.rand(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    t = torch.full((5,), 0.5, dtype=torch.float64)
    a = unit.corrupt(x, t, rng=RowRng(torch.arange(5)))
    b = angles.corrupt(x * 2 * math.pi, t, rng=RowRng(torch.arange(5)))
    Tolerance.LOOSE64.assert_close(a.direction * 2 * math.pi, b.direction)
    assert torch.equal(a.concentration, b.concentration)


def test_flows_are_values_and_switch_samplers() -> None:
    flow = CircularBFN(schedule=SMALL)
    assert flow == CircularBFN(schedule=SMALL)
    assert hash(flow) == hash(CircularBFN(schedule=SMALL))
    assert dataclasses.replace(flow, sampler="end_back").sampler == "end_back"
    assert flow.with_steps(50).schedule == EntropySchedule(1000.0, 50)
    for wrong in ({"sampler": "euler"}, {"loss_kind": "l1"}, {"draw": "cache"}):
        with pytest.raises((ValueError, TypeCheckError)):
            dataclasses.replace(flow, **wrong)
