"""The categorical Bayesian flow."""

import dataclasses
import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from jaxtyping import TypeCheckError
from torch import Tensor

from epitaxy.flows import CategoricalBFN
from epitaxy.flows.testing import FlowLaws
from epitaxy.geometry import RowRng
from epitaxy.geometry.testing import SIGMAS, Tolerance


class CategoricalLaws(FlowLaws):
    classes = 5

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.randint(self.classes, (self.rows,), generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, self.classes, generator=generator)


class TestBayesDiscrete(CategoricalLaws):
    def flow(self) -> CategoricalBFN:
        return CategoricalBFN(classes=5, beta1=3.0, grid=10)


class TestEndBackContinuous(CategoricalLaws):
    def flow(self) -> CategoricalBFN:
        return CategoricalBFN(classes=5, beta1=0.4, grid=None, loss_kind="continuous", sampler="end_back")


class TestOneClass(CategoricalLaws):
    classes = 1

    def flow(self) -> CategoricalBFN:
        return CategoricalBFN(classes=1, beta1=0.4)


class TestManyClasses(CategoricalLaws):
    classes = 89

    def flow(self) -> CategoricalBFN:
        return CategoricalBFN(classes=89, beta1=0.4, guess="sampled", sampler="end_back")


class TestEvidenceAndResiduals(CategoricalLaws):
    classes = 89

    def flow(self) -> CategoricalBFN:
        return CategoricalBFN(classes=89, beta1=0.75, reads="evidence", parametrisation="residual")


class AxesLaws(FlowLaws):
    """Several labels a row, as site symmetries have one an axis."""

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.randint(13, (self.rows, 15), generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 15, 13, generator=generator)


class TestAxesDiscrete(AxesLaws):
    def flow(self) -> CategoricalBFN:
        return CategoricalBFN(classes=13, beta1=2.0, grid=10, draws=2)


class TestAxesContinuous(AxesLaws):
    def flow(self) -> CategoricalBFN:
        return CategoricalBFN(classes=13, beta1=2.0, grid=None, loss_kind="continuous", final="mode")


class TestAxesEndBack(AxesLaws):
    def flow(self) -> CategoricalBFN:
        return CategoricalBFN(classes=13, beta1=2.0, sampler="end_back")


class TestMatricesOfLabels(CategoricalLaws):
    def flow(self) -> CategoricalBFN:
        return CategoricalBFN(classes=5, beta1=2.0, grid=10, final="mode")

    def data(self, generator: torch.Generator) -> Tensor:
        return torch.randint(self.classes, (self.rows, 2, 3), generator=generator)

    def output(self, generator: torch.Generator) -> Tensor:
        return torch.randn(self.rows, 2, 3, self.classes, generator=generator)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def at(t: float, rows: int = 1) -> Tensor:
    return torch.full((rows,), t, dtype=torch.float64)


@given(st.integers(1, 2000))
def test_accuracies_of_the_grid(n: int) -> None:
    """alpha_i = beta1 (2i - 1) / n^2 (Alg. 1, line 20), which sum to beta1."""
    flow = CategoricalBFN(classes=3, beta1=0.7, grid=n)
    grid = torch.arange(n + 1, dtype=torch.float64) / n
    i = torch.arange(1, n + 1)
    alpha = flow.accuracy(grid[:-1], grid[1:])
    torch.testing.assert_close(alpha, 0.7 * (2 * i - 1).double() / n**2, rtol=1e-9, atol=0.0)
    assert float(alpha.sum()) == pytest.approx(0.7)


@pytest.mark.statistical
@pytest.mark.parametrize(
    ("classes", "beta1", "means"),
    [
        (89, 0.5, (0.107, 0.707, 0.984, 0.9999)),
        (94, 0.75, (0.218, 0.914, 0.9994, 1.0)),
        (13, 2.0, (0.233, 0.703, 0.955, 0.997)),
    ],
)
@pytest.mark.parametrize("quarter", [1, 2, 3, 4])
def test_published_confidence(classes: int, beta1: float, means: tuple[float, ...], quarter: int) -> None:
    """notes, section 7, of CrysBFN and of SymmBFN: the mean probability of the right class."""
    rows, t, mean = 20000, quarter / 4, means[quarter - 1]
    flow = CategoricalBFN(classes=classes, beta1=beta1)
    state = flow.corrupt(torch.full((rows,), 7), torch.full((rows,), t), rng=generator())
    theta = state.exp()[:, 7]
    assert float(theta.mean()) == pytest.approx(
        mean, abs=1e-3 + SIGMAS * float(theta.std()) / math.sqrt(rows)
    )


def test_features_are_scaled_probabilities() -> None:
    flow = CategoricalBFN(classes=4, beta1=1.0)
    prior = flow.prior(torch.zeros(2, dtype=torch.long), rng=generator())
    torch.testing.assert_close(flow.features(prior, torch.zeros(2)).value, torch.full((2, 4), -0.5))


@given(st.integers(2, 89), st.floats(0.0, 1.0), st.integers(0, 2**31))
@settings(max_examples=30)
def test_residuals_and_logits_say_the_same(classes: int, t: float, seed: int) -> None:
    """The same loss, step and sample, to rounding."""
    whole = CategoricalBFN(classes=classes, beta1=0.75, grid=20)
    rest = dataclasses.replace(whole, parametrisation="residual")
    rng = torch.Generator().manual_seed(seed)
    x, time = torch.randint(classes, (4,), generator=rng), at(t, 4)
    state = whole.corrupt(x, time, rng=rng).double()
    logits = torch.randn(4, classes, generator=rng, dtype=torch.float64)
    output = rest.output_of(logits, state)
    torch.testing.assert_close(rest.logits(output, state), logits)
    ends = []
    for flow, out in ((whole, logits), (rest, output)):
        source = generator()
        loss = flow.loss(out, x, state, time, rng=source)
        step = flow.step(state, out, 0.9 * time, time, rng=source)
        ends.append((loss, step, flow.decode(state, out, time, rng=source)))
    for a, b in zip(*ends, strict=True):
        torch.testing.assert_close(a, b)


def test_a_temperature_divides_the_logits_of_samples_alone() -> None:
    cold = CategoricalBFN(classes=4, beta1=1.0, loss_kind="continuous", temperature=0.5)
    warm, out = dataclasses.replace(cold, temperature=1.0), torch.randn(6, 4, generator=generator())
    x, t, state = torch.arange(6) % 4, at(0.3, 6), torch.randn(6, 4, generator=generator()).log_softmax(-1)
    a, b = (f.step(state, o, t, 2 * t, rng=generator()) for f, o in ((cold, out), (warm, 2 * out)))
    assert torch.equal(a, b)
    a, b = (f.decode(state, o, t, rng=generator()) for f, o in ((cold, out), (warm, 2 * out)))
    assert torch.equal(a, b)
    a, b = (f.loss(out, x, state, t, rng=generator()) for f in (cold, warm))
    assert torch.equal(a, b)
    with pytest.raises(ValueError, match="temperature"):
        dataclasses.replace(cold, temperature=0.0)


def test_a_residual_of_nothing_is_bayes_rule() -> None:
    """Labels have a law of their own: the exact posterior is the belief times it, whatever the belief."""
    law = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    flow = CategoricalBFN(classes=4, beta1=1.0, parametrisation="residual")
    state = flow.corrupt(torch.tensor([0, 1, 2, 3]), at(0.7, 4), rng=generator()).double()
    exact = state.exp() * law / (state.exp() * law).sum(-1, keepdim=True)
    torch.testing.assert_close(flow.logits(law.log().expand(4, 4), state).softmax(-1), exact)


@pytest.mark.statistical
@pytest.mark.parametrize("t", [0.05, 0.2, 0.4, 1.0])
def test_evidence_of_wrong_classes_has_at_most_unit_deviation(t: float) -> None:
    """K beta / (1 + K beta) of variance, the share that noise has; nothing is seen of the prior."""
    rows, classes = 2000, 88
    flow = CategoricalBFN(classes=classes, beta1=0.75, reads="evidence")
    time = torch.full((rows,), t, dtype=torch.float64)
    state = flow.corrupt(torch.zeros(rows, dtype=torch.long), time, rng=generator()).double()
    seen = flow.features(state, time).value
    noise = 0.75 * t * t * classes
    variance = float(seen[:, 1:].var())
    assert variance == pytest.approx(noise / (1 + noise), rel=SIGMAS * math.sqrt(2 / (rows * classes)) + 0.01)
    gap = float((seen[:, 0] - seen[:, 1:].mean(-1)).mean())
    deviation = math.sqrt(noise / (1 + noise) * (1 + 1 / (classes - 1)) / rows)
    assert abs(gap - noise / math.sqrt(1 + noise)) < SIGMAS * deviation
    prior = flow.prior(torch.zeros(3, dtype=torch.long), rng=generator())
    torch.testing.assert_close(flow.features(prior, torch.zeros(3)).value, torch.zeros(3, classes))


def test_order_of_messages_does_not_matter() -> None:
    flow = CategoricalBFN(classes=4, beta1=1.0)
    a, b = torch.randn(2, 3, 4, generator=generator(), dtype=torch.float64)
    state = torch.log_softmax(torch.zeros(3, 4, dtype=torch.float64), -1)
    one = flow.bayesian_update(flow.bayesian_update(state, a), b)
    two = flow.bayesian_update(flow.bayesian_update(state, b), a)
    torch.testing.assert_close(one, two)
    torch.testing.assert_close(one.exp().sum(-1), torch.ones(3, dtype=torch.float64))


@pytest.mark.statistical
def test_two_messages_are_one() -> None:
    """Messages of accuracies 0.3 and 0.5 move the belief as one of 0.8 does: mean and variance."""
    rows, flow = 20000, CategoricalBFN(classes=3, beta1=2.0)
    x, rng = torch.zeros(rows, dtype=torch.long), generator()
    twice = flow.sender(x, at(0.3, rows), rng=rng) + flow.sender(x, at(0.5, rows), rng=rng)
    mean = torch.tensor([1.6, -0.8, -0.8], dtype=torch.float64)
    assert bool(((twice.mean(0) - mean).abs() < SIGMAS * math.sqrt(2.4 / rows)).all())
    torch.testing.assert_close(
        twice.var(0), torch.full((3,), 2.4).double(), rtol=SIGMAS * math.sqrt(2 / rows), atol=0.0
    )


@pytest.mark.statistical
@pytest.mark.parametrize("i", [0, 300, 999])
def test_discrete_loss_tends_to_the_continuous_one(i: int) -> None:
    """In expectation, for n = 1000 at the middle of the step; the next order is below 1 % here."""
    rows, n = 4000, 1000
    flow = CategoricalBFN(classes=4, beta1=0.5, grid=n, draws=8)
    limit = dataclasses.replace(flow, loss_kind="continuous")
    out = torch.tensor([[0.5, -1.0, 0.3, 2.0]], dtype=torch.float64).expand(rows, 4)
    x, state = torch.zeros(rows, dtype=torch.long), torch.zeros(rows, 4, dtype=torch.float64)
    loss = flow.loss(out, x, state, at(i / n, rows), rng=generator())
    expected = limit.loss(out, x, state, at((i + 0.5) / n, rows), rng=generator())
    error = float(loss.std()) / math.sqrt(rows)
    assert abs(float(loss.mean() - expected.mean())) < SIGMAS * error + 0.01 * float(expected.mean())


@pytest.mark.statistical
def test_discrete_loss_is_the_definition() -> None:
    """Eq. 24 written out with Gaussian densities, for one large step, in expectation."""
    rows, classes = 20000, 3
    flow = CategoricalBFN(classes=classes, beta1=0.8, grid=1)
    out = torch.tensor([[0.2, -0.4, 0.9]], dtype=torch.float64)
    x = torch.ones(rows, dtype=torch.long)
    alpha = at(0.8, rows)
    y = flow.sender(x, alpha, rng=generator())
    means = 0.8 * (classes * torch.eye(classes, dtype=torch.float64) - 1)
    log_density = -((y[:, None] - means) ** 2).sum(-1) / (2 * 0.8 * classes)
    direct = log_density[:, 1] - torch.logsumexp(out.log_softmax(-1) + log_density, -1)
    ours = flow.loss(out.expand(rows, 3), x, out.expand(rows, 3), at(0.0, rows), rng=generator())
    error = math.sqrt((float(direct.var()) + float(ours.var())) / rows)
    assert abs(float(direct.mean() - ours.mean())) < SIGMAS * error


@given(st.lists(st.floats(-80, 80), min_size=3, max_size=3), st.sampled_from([0, 500, 999]))
@settings(max_examples=40)
def test_discrete_loss_is_stable_in_float32(logits: list[float], i: int) -> None:
    """Whatever the confidence, finite, with finite slopes, and 0 for a certain and right prediction."""
    flow = CategoricalBFN(classes=3, beta1=3.0)
    out = torch.tensor([logits]).requires_grad_()
    x, t = torch.zeros(1, dtype=torch.long), torch.tensor([i / 1000])
    loss = flow.loss(out, x, out, t, rng=generator())
    (slope,) = torch.autograd.grad(loss.sum(), out)
    assert bool(loss.isfinite().all() & slope.isfinite().all())
    certain = torch.tensor([[100.0, -100.0, -100.0]])
    assert float(flow.loss(certain, x, certain, t, rng=generator())) == 0.0


def test_one_class_has_nothing_to_learn() -> None:
    for kind in ("discrete", "continuous"):
        flow = CategoricalBFN(classes=1, beta1=0.4, loss_kind=kind)  # type: ignore[arg-type]
        x, out = torch.zeros(4, dtype=torch.long), torch.randn(4, 1, generator=generator())
        loss = flow.loss(out, x, out, torch.full((4,), 0.5), rng=generator())
        assert torch.equal(loss, torch.zeros(4))


@given(
    st.sampled_from(["bayes", "end_back"]), st.sampled_from(["discrete", "continuous"]), st.integers(0, 99)
)
@settings(max_examples=20)
def test_one_label_a_row_is_an_event_of_one(sampler: str, kind: str, seed: int) -> None:
    """Labels " rows" and "rows 1" have the same numbers to the bit."""
    flow = CategoricalBFN(classes=5, beta1=2.0, grid=10, sampler=sampler, loss_kind=kind, draws=2)  # type: ignore[arg-type] # names of options, as strings
    seen = dataclasses.replace(flow, reads="evidence" if seed % 2 else "probabilities").features
    rng = torch.Generator().manual_seed(seed)
    x, out = torch.randint(5, (4,), generator=rng), torch.randn(4, 5, generator=rng)
    t, ends = torch.full((4,), 0.3), []
    for labels, logits in ((x, out), (x[:, None], out[:, None])):
        source = RowRng(torch.arange(4))
        state = flow.corrupt(labels, t, rng=source)
        loss = flow.loss(logits, labels, state, t, rng=source)
        state = flow.step(state, logits, t, t + 0.1, rng=source)
        sample = flow.decode(state, logits, t, rng=source)
        ends.append((state.view(4, 5), loss, sample.view(4), seen(state, t).value.view(4, 5)))
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def test_numbers_of_one_label_a_row_stay() -> None:
    """Those of the published flow, before labels could have axes: draws, loss, step and sample."""
    flow = CategoricalBFN(classes=3, beta1=2.0, grid=10)
    x, out = torch.tensor([0, 2]), torch.tensor([[0.5, -1.0, 0.3], [0.0, 1.0, 2.0]])
    t, rng = torch.tensor([0.3, 0.6]), RowRng(torch.arange(2))
    state = flow.corrupt(x, t, rng=rng)
    loss = flow.loss(out, x, state, t, rng=rng)
    later = flow.step(state, out, t, t + 0.1, rng=rng)
    assert torch.equal(
        state,
        torch.tensor([[-0.287112504, -2.1528821, -2.01422453], [-4.32202768, -1.09240007, -0.428759515]]),
    )
    Tolerance.EXACT32.assert_close(loss, torch.tensor([1.28603721, -1.5259347]))
    assert torch.equal(
        later,
        torch.tensor([[-0.148648709, -2.26236153, -3.38069487], [-5.7972436, -1.65302122, -0.216300085]]),
    )
    assert flow.decode(later, out, t, rng=rng).tolist() == [0, 2]


@given(st.sampled_from(["discrete", "continuous"]), st.floats(0.0, 0.9))
@settings(max_examples=20)
def test_losses_of_labels_add_up(kind: str, t: float) -> None:
    """In continuous time to rounding; the discrete one is 0 where all labels are certain and right."""
    flow = CategoricalBFN(classes=4, beta1=2.0, grid=10, loss_kind=kind)  # type: ignore[arg-type] # as above
    x = torch.randint(4, (3, 5), generator=generator())
    out = torch.randn(3, 5, 4, generator=generator(), dtype=torch.float64)
    if kind == "continuous":
        parts = [flow.loss(out[:, k], x[:, k], out[:, k], at(t, 3), rng=generator()) for k in range(5)]
        torch.testing.assert_close(
            flow.loss(out, x, out, at(t, 3), rng=generator()), torch.stack(parts).sum(0)
        )
    certain = 2000.0 * torch.nn.functional.one_hot(x, 4).double()
    assert torch.equal(flow.loss(certain, x, certain, at(t, 3), rng=generator()), at(0.0, 3))


def test_the_mode_is_the_likeliest_class_and_draws_nothing() -> None:
    flow = CategoricalBFN(classes=4, beta1=1.0, final="mode")
    out = torch.tensor([[[0.0, 2.0, 1.0, -1.0], [3.0, 0.0, 0.0, 0.0]]])
    rng = generator()
    assert flow.decode(out, out, torch.zeros(1), rng=rng).tolist() == [[1, 0]]
    assert torch.equal(rng.get_state(), generator().get_state())


@pytest.mark.statistical
def test_decoding_draws_by_probability_and_never_what_has_none() -> None:
    rows = 20000
    flow = CategoricalBFN(classes=4, beta1=1.0)
    p = torch.tensor([0.0, 0.2, 0.8, 0.0])
    out = p.log().expand(rows, 4)
    share = flow.decode(out, out, torch.zeros(rows), rng=generator()).bincount(minlength=4) / rows
    assert float(share[0]) == float(share[3]) == 0.0
    assert abs(float(share[1]) - 0.2) < SIGMAS * math.sqrt(0.16 / rows)


def test_flows_that_do_not_exist() -> None:
    fine = CategoricalBFN(classes=3, beta1=1.0)
    for wrong in ({"classes": 0}, {"beta1": 0.0}, {"draws": 0}, {"grid": None}, {"grid": 0}):
        with pytest.raises(ValueError, match=r"positive|grid"):
            dataclasses.replace(fine, **wrong)
    for option in (
        {"sampler": "euler"},
        {"loss_kind": "l1"},
        {"guess": "argmax"},
        {"final": "best"},
        {"reads": "logits"},
        {"parametrisation": "noise"},
    ):
        with pytest.raises((ValueError, TypeCheckError)):
            dataclasses.replace(fine, **option)
    continuous = dataclasses.replace(fine, grid=None, loss_kind="continuous")
    assert continuous.with_steps(5) is continuous
