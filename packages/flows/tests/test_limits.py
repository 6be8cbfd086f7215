"""Limits on labels: every flow and sampler obeys them, and what they leave has the law that it should."""

import itertools
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from epitaxy.flows import (
    AbsorbingDiffusion,
    CategoricalBFN,
    CodebookDiffusion,
    DiscretisedGaussianBFN,
    Flow,
    GaussianBFN,
    LabelValues,
    Limitable,
    Limits,
    VariancePreserving,
)
from epitaxy.flows.protocol import Correcting
from epitaxy.geometry import RowRng, Segments
from epitaxy.geometry.testing import SIGMAS

CLASSES = 6
COUNTS = [1, 2, 5, 3]
SEGMENTS = Segments.from_counts(COUNTS)


def each_sampler(flow: Flow[Any]) -> list[Flow[Any]]:
    return [flow.with_sampler(name) for name in flow.samplers]


def flows() -> list[Flow[Any]]:
    epsilon = VariancePreserving(prediction="epsilon")
    made: list[list[Flow[Any]]] = [
        *(
            each_sampler(CategoricalBFN(classes=CLASSES, beta1=2.0, guess=guess, final=final))
            for guess in ("expectation", "sampled")
            for final in ("mode", "sampled")
        ),
        *(
            each_sampler(AbsorbingDiffusion(classes=CLASSES, decode_kind=kind))
            for kind in ("argmax", "sampled")
        ),
        each_sampler(CodebookDiffusion(codes="one_hot", classes=CLASSES)),
        each_sampler(CodebookDiffusion(codes="one_hot", classes=CLASSES, process=epsilon, scale=0.25)),
        each_sampler(CodebookDiffusion(codes="bits", classes=CLASSES, clip=True)),
        each_sampler(CodebookDiffusion(codes="bits", classes=CLASSES, scale=2.0)),
        *(
            each_sampler(DiscretisedGaussianBFN(bins=CLASSES, sigma1=0.1, legal=(0, 1, 3, 5), guess=guess))
            for guess in ("nearest", "sampled", "expectation", "published")
        ),
    ]
    return [one for some in made for one in some]


def channels(flow: Flow[Any]) -> int:
    if isinstance(flow, CodebookDiffusion):
        return flow.channels
    return 2 if isinstance(flow, DiscretisedGaussianBFN) else CLASSES


def sampled(flow: Flow[Any], outputs: list[Tensor], keys: Tensor) -> Tensor:
    """Run a sampler through as many steps as there are outputs."""
    rng, n = RowRng(keys), len(outputs)
    state = flow.prior(torch.zeros(len(keys), dtype=torch.long), rng=rng)
    for i, output in enumerate(outputs):
        t, s = torch.full((len(keys),), i / n), torch.full((len(keys),), (i + 1) / n)
        if isinstance(flow, Correcting):
            for _ in range(flow.corrections):
                state = flow.correct(state, output, t, s, rng=rng)
        if i < n - 1:
            state = flow.step(state, output, t, s, rng=rng)
    return flow.decode(state, outputs[-1], t, rng=rng)


@st.composite
def limits(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Draw what graphs may have and must have: the latter is a part of the former that fits."""
    allowed, required = torch.zeros(4, CLASSES, dtype=torch.bool), torch.zeros(4, CLASSES, dtype=torch.bool)
    for graph, count in enumerate(COUNTS):
        may = draw(st.sets(st.integers(0, CLASSES - 1), min_size=1))
        must = draw(st.sets(st.sampled_from(sorted(may)), max_size=count))
        allowed[graph, list(may)], required[graph, list(must)] = True, True
    return allowed, required


@pytest.mark.parametrize("flow", flows(), ids=lambda flow: f"{type(flow).__name__}")
@settings(max_examples=6)
@given(limits(), st.sampled_from([0.0, 1.0, 100.0, 1e30]), st.booleans(), st.integers(0, 2**31))
def test_no_sample_breaks_its_limits(
    flow: Flow[Any], drawn: tuple[Tensor, Tensor], scale: float, broken: bool, seed: int
) -> None:
    """Whatever the network says, numbers or not; and all that must be is there."""
    allowed, required = drawn
    assert isinstance(flow, Limitable)
    flow = flow.limited(Limits.of(SEGMENTS.expand(allowed), required, SEGMENTS))
    rng = torch.Generator().manual_seed(seed)
    outputs = [scale * torch.randn(11, channels(flow), generator=rng) for _ in range(4)]
    if broken:
        outputs[1][::3], outputs[-1][1::3], outputs[-1][:, 0] = torch.nan, torch.inf, -torch.inf
    labels = sampled(flow, outputs, torch.arange(11) + seed)
    assert bool(allowed[SEGMENTS.index, labels].all())
    present = SEGMENTS.sum(torch.nn.functional.one_hot(labels, CLASSES)) > 0
    assert bool((present | ~required).all())


@pytest.mark.parametrize("flow", flows(), ids=lambda flow: f"{type(flow).__name__}")
def test_a_graph_is_limited_alike_alone_and_in_company(flow: Flow[Any]) -> None:
    allowed = torch.ones(4, CLASSES, dtype=torch.bool)
    allowed[:, 0] = False
    required = torch.zeros_like(allowed)
    required[1, 1] = required[2, [1, 3, 5]] = required[3, [3, 1]] = True
    rng, keys = torch.Generator().manual_seed(3), torch.arange(11)
    outputs = [torch.randn(11, channels(flow), generator=rng) for _ in range(5)]
    assert isinstance(flow, Limitable)
    limited = flow.limited(Limits.of(SEGMENTS.expand(allowed), required, SEGMENTS))
    together = sampled(limited, outputs, keys)
    for graph in range(4):
        rows = SEGMENTS.index == graph
        alone = Segments.from_counts([COUNTS[graph]])
        own = Limits.of(alone.expand(allowed[graph][None]), required[graph][None], alone)
        found = sampled(flow.limited(own), [output[rows] for output in outputs], keys[rows])
        assert torch.equal(found, together[rows])


@pytest.mark.parametrize("flow", flows(), ids=lambda flow: f"{type(flow).__name__}")
def test_limits_that_limit_nothing_change_nothing(flow: Flow[Any]) -> None:
    """But rounding, with predictions that are classes: of bits, all that there are are the classes'."""
    legal = torch.ones(11, CLASSES, dtype=torch.bool)
    if isinstance(flow, DiscretisedGaussianBFN):
        if flow.guess in ("expectation", "published", "nearest"):
            pytest.skip("expectations are over allowed bins, legal ones alone")
        legal[:, [2, 4]] = False
    if isinstance(flow, CodebookDiffusion):
        pytest.skip("predictions that are no mixture of codes are read as one")
    rng = torch.Generator().manual_seed(3)
    outputs = [torch.randn(11, channels(flow), generator=rng) for _ in range(5)]
    assert isinstance(flow, Limitable)
    free = sampled(flow, outputs, torch.arange(11))
    assert torch.equal(free, sampled(flow.limited(Limits(allowed=legal)), outputs, torch.arange(11)))


@pytest.mark.parametrize("flow", flows(), ids=lambda flow: f"{type(flow).__name__}")
def test_limits_are_no_part_of_what_a_flow_is(flow: Flow[Any]) -> None:
    """It equals itself under limits, and under others: which model it is they do not say."""
    assert isinstance(flow, Limitable)
    made = [flow.limited(Limits(allowed=torch.ones(11, CLASSES, dtype=torch.bool))) for _ in range(2)]
    assert made[0] == made[1] == flow
    assert repr(made[0]) == repr(flow)


def test_all_codes_allowed_mix_to_the_prediction() -> None:
    """One-hot codes that are probabilities, and all 2^b bits, are read as they are."""
    rng = torch.Generator().manual_seed(0)
    for codes, output in (("one_hot", torch.rand(7, 8, generator=rng)), ("bits", torch.rand(7, 3) * 2 - 1)):
        if codes == "one_hot":
            output = output / output.sum(1, keepdim=True)
        flow = CodebookDiffusion(codes=codes, classes=8)  # type: ignore[arg-type]
        limited = flow.limited(Limits(allowed=torch.ones(7, 8, dtype=torch.bool)))
        state, t = torch.randn(7, output.shape[1], generator=rng), torch.full((7,), 0.3)
        ends = [f.step(state, output, t, t + 0.1, rng=RowRng(torch.arange(7))) for f in (flow, limited)]
        torch.testing.assert_close(ends[0], ends[1], rtol=1e-4, atol=1e-5)


def joint(log_p: Tensor, required: list[int]) -> dict[tuple[int, ...], float]:
    """Return the law of all labelings in which every required class occurs, by going through all."""
    law = {
        labels: float(sum(log_p[i, k] for i, k in enumerate(labels)).exp())
        for labels in itertools.product(range(log_p.shape[1]), repeat=len(log_p))
        if set(required) <= set(labels)
    }
    total = sum(law.values())
    return {labels: p / total for labels, p in law.items()}


@settings(max_examples=25)
@given(st.integers(1, 4), st.sets(st.integers(0, 3), max_size=3), st.integers(0, 2**31))
def test_required_classes_by_brute_force(rows: int, required: set[int], seed: int) -> None:
    """Marginals and the mode are those of all labelings in which the required classes occur."""
    must = sorted(required)[:rows]
    rng = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(rows + 2, 4, generator=rng)
    needed = torch.zeros(2, 4, dtype=torch.bool)
    needed[1, must] = True
    segments = Segments.from_counts([2, rows])
    made = Limits.of(torch.ones(rows + 2, 4, dtype=torch.bool), needed, segments)
    log_p = logits.double().log_softmax(-1)
    law = joint(log_p[2:], must)
    marginals = made.log_probabilities(logits).exp()
    torch.testing.assert_close(marginals[:2], log_p[:2].exp())
    for i in range(rows):
        for k in range(4):
            expected = sum(p for labels, p in law.items() if labels[i] == k)
            assert float(marginals[2 + i, k]) == pytest.approx(expected, abs=1e-9)
    assert tuple(made.mode(logits)[2:].tolist()) == max(law, key=lambda labels: law[labels])


def test_a_logit_that_is_no_number_counts_as_0() -> None:
    """And one beyond float32's range as the last number in it: of two infinities neither is likelier."""
    nan, inf = torch.nan, torch.inf
    logits = torch.tensor([[nan, 0.0, 1.0], [inf, inf, 3.0], [-inf, nan, 0.0], [-inf, -inf, -inf]])
    read = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -inf], [-inf, 0.0, 0.0], [0.0, 0.0, 0.0]])
    made = Limits(allowed=torch.ones(4, 3, dtype=torch.bool))
    torch.testing.assert_close(made.probabilities(logits), read.softmax(1))


@pytest.mark.statistical
def test_draws_have_the_joint_law() -> None:
    """Each labeling as often as it should be, within 5 standard deviations."""
    copies, log_p = 20000, torch.tensor([[2.0, 0.0, -1.0], [1.0, 0.5, -2.0], [0.0, 0.0, 0.0]]).log_softmax(-1)
    segments = Segments.from_counts([3] * copies)
    needed = torch.tensor([[False, True, True]]).expand(copies, 3)
    made = Limits.of(torch.ones(3 * copies, 3, dtype=torch.bool), needed, segments)
    drawn = made.draw(log_p.repeat(copies, 1), torch.Generator().manual_seed(0)).view(copies, 3)
    seen = dict.fromkeys(itertools.product(range(3), repeat=3), 0)
    for labels in drawn.tolist():
        seen[tuple(labels)] += 1
    law = joint(log_p, [1, 2])
    for labels, count in seen.items():
        p = law.get(labels, 0.0)
        assert abs(count / copies - p) <= SIGMAS * (p * (1 - p) / copies) ** 0.5


@pytest.mark.parametrize("sampler", ["bayes", "end_back"])
@settings(max_examples=20)
@given(limits(), st.integers(0, 2**31))
def test_values_of_labels(sampler: str, drawn: tuple[Tensor, Tensor], seed: int) -> None:
    """Numbers that stand for labels end on those of what is allowed, to the bit."""
    allowed, required = drawn
    inner = GaussianBFN(
        sigma1=0.1, grid=None, loss_kind="continuous", parametrisation="noise", t_min=1e-4, clamp=10.0
    )
    values = torch.linspace(-0.9, 0.8, CLASSES)
    made = Limits.of(SEGMENTS.expand(allowed), required, SEGMENTS)
    flow = LabelValues(flow=inner, values=values, limits=made).with_sampler(sampler)
    rng = torch.Generator().manual_seed(seed)
    state = flow.prior(torch.zeros(11, 1), rng=rng)
    for i in range(5):
        t, output = torch.full((11,), i / 5), torch.randn(11, 1, generator=rng)
        state = flow.step(state, output, t, t + 0.2, rng=rng)
        assert bool(state.isfinite().all())
    found = flow.decode(state, output, t, rng=rng)
    labels = (found == values).long().argmax(1)
    assert torch.equal(values[labels], found[:, 0])
    assert bool(allowed[SEGMENTS.index, labels].all())
    present = SEGMENTS.sum(torch.nn.functional.one_hot(labels, CLASSES)) > 0
    assert bool((present | ~required).all())


def test_a_step_goes_by_the_mean_of_what_is_allowed() -> None:
    """Of -v and v told x at a spread r it is v tanh(v x / r^2); of one value, that value whatever is told."""
    inner = GaussianBFN(
        sigma1=0.3, grid=None, loss_kind="continuous", parametrisation="data", t_min=1e-4, clamp=None
    )
    values, t = torch.tensor([-0.8, 0.8, 0.3]), torch.tensor([0.2, 0.2, 0.6, 0.6])
    state, told = torch.tensor([[0.1], [-0.2], [0.3], [0.5]]), torch.tensor([[0.4], [0.4], [-0.1], [-0.1]])
    left = 0.3 ** (2 * t)  # 1 - gamma
    mean = 0.8 * torch.tanh(0.8 * told[:, 0] * (1 - left) / left)
    mean[1::2] = 0.3
    two, one = [True, True, False], [False, False, True]
    made = Limits(allowed=torch.tensor([two, one, two, one]))
    flow = LabelValues(flow=inner, values=values, limits=made)
    seen, wanted = (
        each.step(state, x, t, t + 0.3, rng=torch.Generator().manual_seed(0))
        for each, x in ((flow, told), (inner, mean[:, None]))
    )
    torch.testing.assert_close(seen, wanted)


def test_limits_that_do_not_exist() -> None:
    none, every = torch.zeros(4, CLASSES, dtype=torch.bool), torch.ones(11, CLASSES, dtype=torch.bool)
    with pytest.raises(ValueError, match="every row needs a class"):
        Limits.of(SEGMENTS.expand(none), none, SEGMENTS)
    with pytest.raises(ValueError, match="fewer rows than classes"):
        Limits.of(every, ~none, SEGMENTS)
    wide = Segments.from_counts([12])
    with pytest.raises(ValueError, match="at most 10 classes"):
        Limits.of(torch.ones(12, 11, dtype=torch.bool), torch.ones(1, 11, dtype=torch.bool), wide)
