"""The absorbing diffusion."""

import dataclasses
import math
from itertools import pairwise
from typing import Any, Literal

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from jaxtyping import TypeCheckError
from torch import Tensor

from epitaxy.flows import AbsorbingDiffusion, CategoricalBFN
from epitaxy.flows.testing import FlowLaws, sample
from epitaxy.geometry.testing import SIGMAS

Schedule = Literal["linear", "poly2", "cosine"]
SCHEDULES: tuple[Schedule, ...] = ("linear", "poly2", "cosine")
LAW = torch.tensor([0.5, 0.3, 0.15, 0.05])


class AbsorbingLaws(FlowLaws):
    prior_is_exact = False
    state_dtype = torch.int64
    classes = 5

    def flow(self) -> AbsorbingDiffusion:
        return AbsorbingDiffusion(classes=self.classes)

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.randint(self.classes, (self.rows,), generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, self.classes, generator=generator)


class TestLinear(AbsorbingLaws):
    pass


class TestPoly(AbsorbingLaws):
    classes = 89

    def flow(self) -> AbsorbingDiffusion:
        return AbsorbingDiffusion(classes=89, schedule="poly2", decode_kind="sampled")


class TestCosine(AbsorbingLaws):
    def flow(self) -> AbsorbingDiffusion:
        return AbsorbingDiffusion(classes=5, schedule="cosine", loss_kind="cross_entropy")


class TestOneClass(AbsorbingLaws):
    classes = 1


class TestEvidence(AbsorbingLaws):
    seen_dtype = torch.float32

    def flow(self) -> AbsorbingDiffusion:
        return AbsorbingDiffusion(classes=5, reads="evidence", remasking=0.4, temperature=0.7)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def at(t: float, rows: int = 1) -> Tensor:
    return torch.full((rows,), t, dtype=torch.float64)


def within(share: float, expected: float, rows: int, bias: float = 0.0) -> bool:
    if expected in (0.0, 1.0):
        return share == expected
    return abs(share - expected) < SIGMAS * math.sqrt(expected * (1 - expected) / rows) + bias


@pytest.mark.parametrize(
    ("schedule", "half", "slope"),
    [
        ("linear", 0.5, 1.0),
        ("poly2", 0.75, 1.0),
        ("cosine", 1 - math.sqrt(0.5), math.pi / 2 * math.sqrt(0.5)),
    ],
)
def test_schedules(schedule: Schedule, half: float, slope: float) -> None:
    """notes, section 3: t, 1 - (1 - t)^2 and 1 - cos(pi t / 2), drawn in by 1e-4 at both ends."""
    flow = AbsorbingDiffusion(classes=3, schedule=schedule)
    inner = 1 - 2e-4
    assert float(flow.alpha(at(0.0))) == pytest.approx(1e-4, rel=1e-9)
    assert float(flow.masked(at(1.0))) == pytest.approx(1e-4, rel=1e-9)
    assert float(flow.alpha(at(0.5))) == pytest.approx(inner * half + 1e-4, rel=1e-12)
    assert float(flow.alpha_slope(at(0.5))) == pytest.approx(inner * slope, rel=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_times_beyond_the_ends_are_the_ends(schedule: Schedule) -> None:
    """As sums of steps, rounded, may be."""
    flow = AbsorbingDiffusion(classes=3, schedule=schedule)
    for verb in (flow.masked, flow.alpha, flow.alpha_slope):
        assert torch.equal(verb(at(1.0 + 1e-6)), verb(at(1.0)))
        assert torch.equal(verb(at(-1e-6)), verb(at(0.0)))


@given(st.sampled_from(SCHEDULES), st.floats(0.0, 1.0))
def test_the_slope_is_the_derivative(schedule: Schedule, t: float) -> None:
    flow, time = AbsorbingDiffusion(classes=3, schedule=schedule), at(t).requires_grad_()
    (slope,) = torch.autograd.grad(flow.alpha(time).sum(), time)
    assert float(slope) == pytest.approx(float(flow.alpha_slope(at(t))), abs=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_bound_integrates_to_the_entropy(schedule: Schedule) -> None:
    """With the exact posterior, here the law itself: all of it but what never is masked, a share of 2e-4."""
    flow, points = AbsorbingDiffusion(classes=4, schedule=schedule), 2000
    t = (torch.arange(points, dtype=torch.float64) + 0.5) / points
    law, hidden = LAW.double(), torch.full((points,), flow.mask)
    logits = law.log().expand(points, 4)
    expected = torch.zeros(points, dtype=torch.float64)
    for k, weight in enumerate(law.tolist()):
        x = torch.full((points,), k)
        expected += weight * flow.masked(t) * flow.loss(logits, x, hidden, t, rng=generator())
        assert not flow.loss(logits, x, x, t, rng=generator()).any()
    entropy = -float((law * law.log()).sum())
    assert float(expected.mean()) == pytest.approx((1 - 2e-4) * entropy, rel=1e-6)


def test_cross_entropy_is_not_weighted() -> None:
    flow = AbsorbingDiffusion(classes=4, loss_kind="cross_entropy")
    x, state = torch.tensor([1, 1]), torch.tensor([4, 1])
    loss = flow.loss(LAW.log().expand(2, 4), x, state, torch.tensor([0.9, 0.9]), rng=generator())
    torch.testing.assert_close(loss, torch.tensor([-math.log(0.3), 0.0]))


@pytest.mark.statistical
@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("remasking", [0.0, 0.3, 0.9])
def test_steps_walk_through_the_shares_of_masks(schedule: Schedule, remasking: float) -> None:
    """From a corrupted state, as many masks as there should be; classes by probability."""
    rows, flow = 40000, AbsorbingDiffusion(classes=4, schedule=schedule, remasking=remasking)
    rng = generator()
    logits = LAW.log().expand(rows, 4)
    x = torch.multinomial(LAW, rows, replacement=True, generator=rng)
    state = flow.corrupt(x, at(0.1, rows), rng=rng)
    shown = state != flow.mask
    assert torch.equal(state[shown], x[shown])
    for t, s in pairwise([0.1, 0.11, 0.6, 0.95, 1.0]):
        later = flow.step(state, logits, at(t, rows), at(s, rows), rng=rng)
        shown = state != flow.mask
        kept = later[shown] == state[shown]
        assert bool((kept | (later[shown] == flow.mask)).all())
        again = remasking * min(1.0, float(flow.masked(at(s)) / flow.alpha(at(t))))
        assert within(float((~kept).float().mean()), again, int(shown.sum()))
        state = later
        masked = float(flow.masked(at(s)))
        assert within(float((state == flow.mask).float().mean()), masked, rows)
        for k, weight in enumerate(LAW.tolist()):
            assert within(float((state == k).float().mean()), (1 - masked) * weight, rows)


@pytest.mark.statistical
@pytest.mark.parametrize(("decode_kind", "n"), [("sampled", 1), ("sampled", 10), ("argmax", 200)])
@pytest.mark.parametrize(("schedule", "remasking"), [("linear", 0.0), ("linear", 0.5), ("cosine", 0.0)])
def test_the_law_of_samples(schedule: Schedule, remasking: float, decode_kind: Any, n: int) -> None:
    """Exact for every n if the last classes are drawn; else off by at most what the last step unmasks."""
    rows = 20000
    flow = AbsorbingDiffusion(classes=4, schedule=schedule, remasking=remasking, decode_kind=decode_kind)
    like, logits = torch.zeros(rows, dtype=torch.long), LAW.log().expand(rows, 4)
    found = sample(flow, lambda *_: logits, like, n, rng=generator(n))
    bias = float(flow.masked(at(1 - 1 / n))) if decode_kind == "argmax" else 0.0
    assert bias < 0.01
    for share, expected in zip(found.bincount(minlength=4) / rows, LAW, strict=True):
        assert within(float(share), float(expected), rows, bias)


@given(
    st.integers(1, 5), st.integers(1, 4), st.sampled_from(SCHEDULES), st.sampled_from(["sampled", "argmax"])
)
def test_no_mask_is_left(classes: int, n: int, schedule: Schedule, decode_kind: Any) -> None:
    flow = AbsorbingDiffusion(classes=classes, schedule=schedule, decode_kind=decode_kind)
    logits = torch.randn(50, classes, generator=generator())
    found = sample(flow, lambda *_: logits, torch.zeros(50, dtype=torch.long), n, rng=generator())
    assert bool(((found >= 0) & (found < classes)).all())


@pytest.mark.parametrize("n", [1, 3, 10])
def test_one_point(n: int) -> None:
    x = torch.randint(4, (50,), generator=generator())
    logits = 200 * torch.nn.functional.one_hot(x, 4).float()
    assert torch.equal(sample(AbsorbingDiffusion(classes=4), lambda *_: logits, x, n, rng=generator()), x)


def test_prior_and_features_are_masks() -> None:
    flow = AbsorbingDiffusion(classes=7)
    prior = flow.prior(torch.zeros(3, dtype=torch.long), rng=generator())
    assert torch.equal(flow.features(prior, torch.zeros(3)).value, torch.full((3,), 7))
    assert flow.mask == 7


@pytest.mark.parametrize("classes", [1, 2, 88])
def test_evidence_is_what_beliefs_show_of_certainty(classes: int) -> None:
    """In proportion: of a message of boundless accuracy its mean; and nothing of a mask."""
    flow = AbsorbingDiffusion(classes=classes, reads="evidence")
    state, beta1 = torch.arange(classes + 1), 1e6
    seen = flow.features(state, torch.zeros(classes + 1)).value
    belief = CategoricalBFN(classes=classes, beta1=beta1, reads="evidence")
    message = beta1 * (classes * torch.eye(classes) - 1)
    certain = belief.features(message.log_softmax(-1), torch.ones(classes)).value
    torch.testing.assert_close(seen[:classes] * math.sqrt(beta1), certain, rtol=1e-4, atol=1e-2)
    assert not seen[classes].any()
    assert flow.features(state, torch.zeros(classes + 1).double()).value.dtype == torch.float64


def test_logits_are_certain_of_what_shows() -> None:
    flow, output = AbsorbingDiffusion(classes=4), torch.randn(5, 4, generator=generator())
    state = torch.tensor([4, 0, 3, 4, 1])
    logits = flow.logits(output, state)
    assert torch.equal(logits[[0, 3]], output[[0, 3]])
    chosen = logits.softmax(-1)[[1, 2, 4], [0, 3, 1]]
    torch.testing.assert_close(chosen, torch.ones(3))
    assert torch.equal(flow.output_of(output, state), output)


@pytest.mark.statistical
@pytest.mark.parametrize("temperature", [0.5, 2.0])
@pytest.mark.parametrize("n", [1, 7])
def test_at_a_temperature_labels_have_the_power_of_their_law(temperature: float, n: int) -> None:
    rows, flow = 20000, AbsorbingDiffusion(classes=4).with_temperature(temperature)
    like, logits = torch.zeros(rows, dtype=torch.long), LAW.log().expand(rows, 4)
    found = sample(flow, lambda *_: logits, like, n, rng=generator(n))
    law = LAW ** (1 / temperature)
    for share, expected in zip(found.bincount(minlength=4) / rows, law / law.sum(), strict=True):
        assert within(float(share), float(expected), rows)


def test_the_loss_has_no_temperature() -> None:
    x, state, t = torch.tensor([1, 2]), torch.tensor([4, 4]), torch.tensor([0.2, 0.7])
    logits = torch.randn(2, 4, generator=generator())
    cold, usual = (AbsorbingDiffusion(classes=4, temperature=value) for value in (0.1, 1.0))
    losses = [flow.loss(logits, x, state, t, rng=generator()) for flow in (cold, usual)]
    assert torch.equal(*losses)


def test_flows_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match="classes must be positive"):
        AbsorbingDiffusion(classes=0)
    fine = AbsorbingDiffusion(classes=3)
    options = ({"schedule": "sqrt"}, {"loss_kind": "l1"}, {"decode_kind": "mode"}, {"reads": "masks"})
    for option in options:
        with pytest.raises((ValueError, TypeCheckError)):
            dataclasses.replace(fine, **option)  # type: ignore[arg-type] # that is the test
    for remasking in (-0.1, 1.0, math.nan):
        with pytest.raises(ValueError, match="remasking must be"):
            dataclasses.replace(fine, remasking=remasking)
    for temperature in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="temperature must be"):
            dataclasses.replace(fine, temperature=temperature)
    with pytest.raises(ValueError, match="sampler must be one of ancestral"):
        fine.with_sampler("bayes")
    assert fine.with_sampler("ancestral") is fine
    assert fine.with_steps(9) is fine
