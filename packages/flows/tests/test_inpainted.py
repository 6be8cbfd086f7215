"""Known rows of any flow."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from epitaxy.flows import (
    AbsorbingDiffusion,
    CategoricalBFN,
    CircularBFN,
    CodebookDiffusion,
    DiscretisedGaussianBFN,
    Flow,
    GaussianBFN,
    Inpainted,
    KineticDiffusion,
    MassCentred,
    ProductFlow,
    VariancePreserving,
)
from epitaxy.flows.protocol import Collective, Correcting, Tempered
from epitaxy.flows.schedules import EntropySchedule
from epitaxy.geometry import RowRng, Segments, StructureRng

SEGMENTS = Segments.from_counts([4, 1, 3])
FREE = torch.tensor([True, False, True, False, True, False, True, True])
CIRCULAR = CircularBFN(schedule=EntropySchedule(50.0, 5), draw="tabulated")
REAL = VariancePreserving()
CASES: list[tuple[Flow[Any], str, int]] = [
    (CIRCULAR, "torus", 3),
    (KineticDiffusion(), "torus", 3),
    (GaussianBFN(grid=5), "real", 3),
    (REAL, "real", 3),
    (MassCentred(flow=GaussianBFN(grid=5)), "real", 3),
    (MassCentred(flow=REAL), "real", 3),
    (CategoricalBFN(classes=6, beta1=2.0, grid=5), "label", 6),
    (AbsorbingDiffusion(classes=6), "label", 6),
    (AbsorbingDiffusion(classes=6, reads="evidence", remasking=0.5), "label", 6),
    (CodebookDiffusion(codes="one_hot", classes=6), "label", 6),
    (CodebookDiffusion(codes="bits", classes=6), "label", 3),
    (DiscretisedGaussianBFN(bins=6, sigma1=0.1), "label", 2),
]
EACH = [
    pytest.param(flow.with_sampler(name), kind, channels, id=f"{type(flow).__name__}-{kind}-{name}")
    for flow, kind, channels in CASES
    for name in flow.samplers
]


def data(kind: str) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    if kind == "label":
        return torch.randint(6, (8,), generator=rng)
    return torch.rand(8, 3, generator=rng) if kind == "torus" else 3 * torch.randn(8, 3, generator=rng)


def walked(flow: Flow[Any], outputs: list[Tensor], like: Tensor, segments: Segments, seeds: Tensor) -> Tensor:
    """Sample with these outputs; states are looked at on the way."""
    product = ProductFlow(flows={"x": flow}, levels={"x": "atom"})
    source, n = StructureRng(seeds, segments), len(outputs)
    words: dict[str, Any] = {"segments": segments, "source": source}
    state = product.prior({"x": like}, **words)
    for i, output in enumerate(outputs):
        t, s = torch.full((len(seeds),), i / n), torch.full((len(seeds),), (i + 1) / n)
        for _ in range(product.corrections):
            state = product.correct(state, {"x": output}, t, s, **words)
        if i < n - 1:
            state = product.step(state, {"x": output}, t, s, **words)
        assert all(bool(tensor.isfinite().all()) for tensor in tensors(state["x"]))
    return product.decode(state, {"x": outputs[-1]}, t, **words)["x"]


def tensors(state: Any) -> list[Tensor]:
    return [getattr(state, f.name) for f in fields(state)] if is_dataclass(state) else [state]


@pytest.mark.parametrize(("flow", "kind", "channels"), EACH)
def test_known_rows_stay_to_the_bit(flow: Flow[Any], kind: str, channels: int) -> None:
    """Whatever the network says of them; the others are no copy of what the data say of them."""
    value, rng = data(kind), torch.Generator().manual_seed(0)
    outputs = [torch.randn(8, channels, generator=rng) for _ in range(5)]
    kept = Inpainted(flow=flow, free=FREE, value=value)
    found = walked(kept, outputs, torch.zeros_like(value), SEGMENTS, torch.arange(3))
    assert torch.equal(found[~FREE], value[~FREE])
    assert not torch.equal(found[FREE], value[FREE])
    assert found.dtype == value.dtype
    other = torch.where(FREE.view(-1, *[1] * (value.ndim - 1)), value.flip(0), value)
    again = walked(
        Inpainted(flow=flow, free=FREE, value=other),
        outputs,
        torch.zeros_like(value),
        SEGMENTS,
        torch.arange(3),
    )
    assert torch.equal(found, again)
    rows = SEGMENTS.index == 2
    alone = walked(
        Inpainted(flow=flow, free=FREE[rows], value=value[rows]),
        [output[rows] for output in outputs],
        torch.zeros_like(value[rows]),
        Segments.from_counts([3]),
        torch.tensor([2]),
    )
    assert torch.allclose(alone, found[rows], atol=1e-5)


@pytest.mark.parametrize(("flow", "kind", "channels"), EACH)
def test_free_rows_of_a_flow_of_independent_rows_draw_what_they_would(
    flow: Flow[Any], kind: str, channels: int
) -> None:
    """All rows free: a step is the flow's own."""
    if isinstance(flow, MassCentred):
        pytest.skip("its rows are not independent")
    value, rng = data(kind), torch.Generator().manual_seed(0)
    output, t = torch.randn(8, channels, generator=rng), torch.full((8,), 0.4)
    state = flow.corrupt(value, t, rng=RowRng(torch.arange(8)))
    every = Inpainted(flow=flow, free=torch.ones(8, dtype=torch.bool), value=value)
    ends = [f.step(state, output, t, t + 0.2, rng=RowRng(torch.arange(8))) for f in (flow, every)]
    for a, b in zip(tensors(ends[0]), tensors(ends[1]), strict=True):
        assert torch.equal(a, b)
    assert isinstance(every, Correcting)


@pytest.mark.parametrize(("flow", "kind", "channels"), EACH)
def test_the_loss_is_the_flows_own_of_free_rows_and_nothing_of_known_ones(
    flow: Flow[Any], kind: str, channels: int
) -> None:
    value, rng = data(kind), torch.Generator().manual_seed(0)
    output, t = torch.randn(8, channels, generator=rng), torch.full((8,), 0.4)
    flow = flow.on(SEGMENTS) if isinstance(flow, Collective) else flow
    kept = Inpainted(flow=flow, free=FREE, value=value)
    state = kept.corrupt(value, t, rng=RowRng(torch.arange(8)))
    plain = flow.loss(output, value, state, t, rng=RowRng(torch.arange(8)))
    found = kept.loss(output, value, state, t, rng=RowRng(torch.arange(8)))
    assert torch.equal(found, torch.where(FREE, plain, 0.0))


@pytest.mark.parametrize(("flow", "kind", "channels"), EACH)
def test_known_rows_start_with_the_law_of_data_at_the_start(
    flow: Flow[Any],
    kind: str,
    channels: int,
) -> None:
    value, start = data(kind), torch.zeros(8)
    flow = flow.on(SEGMENTS) if isinstance(flow, Collective) else flow
    rng = RowRng(torch.arange(8))
    prior = flow.prior(value, rng=rng)
    made = flow.corrupt(value, start, rng=rng)
    found = Inpainted(flow=flow, free=FREE, value=value).prior(value, rng=RowRng(torch.arange(8)))
    for a, b, c in zip(*map(tensors, (found, prior, made)), strict=False):  # made has its noise, too
        assert torch.equal(a[FREE], b[FREE])
        if not isinstance(flow, MassCentred):  # whose data are elsewhere until they are predicted
            assert torch.equal(a[~FREE], c[~FREE])


def test_a_centred_sample_is_put_where_the_known_atoms_are() -> None:
    """Where the prediction is right up to a translation the sample is right, if only one atom is known."""
    flow, rng = MassCentred(flow=GaussianBFN(grid=5)), torch.Generator().manual_seed(0)
    x = 3 * torch.randn(8, 3, generator=rng) + 10.0
    moved = x + SEGMENTS.expand(torch.randn(3, 3, generator=rng))
    kept = Inpainted(flow=flow.on(SEGMENTS), free=FREE, value=x.masked_fill(FREE[:, None], torch.nan))
    t = torch.full((8,), 0.4)
    state = kept.corrupt(x, t, rng=RowRng(torch.arange(8)))
    found = kept.decode(state, moved, t, rng=RowRng(torch.arange(8)))
    alone = SEGMENTS.index == 1  # of which nothing is known
    torch.testing.assert_close(found, x.masked_fill(alone[:, None], 0.0), rtol=0.0, atol=1e-5)


def test_corrections_are_the_flows() -> None:
    value = data("torus")
    for flow, number in (
        (GaussianBFN(), 0),
        (KineticDiffusion(), 0),
        (KineticDiffusion(sampler="published_pc"), 1),
    ):
        assert Inpainted(flow=flow, free=FREE, value=value).corrections == number


@pytest.mark.parametrize(("flow", "kind", "_"), CASES)
def test_kept_rows_do_not_keep_their_flow_from_a_temperature(flow: Flow[Any], kind: str, _: int) -> None:
    """It is the flow's inside, where that has one; a flow that has none has none around it."""
    kept = Inpainted(flow=Inpainted(flow=flow, free=FREE, value=data(kind)), free=FREE, value=data(kind))
    product = ProductFlow(flows={"x": kept}, levels={"x": "atom"})
    inner = flow.flow if isinstance(flow, MassCentred) else flow
    if not isinstance(inner, Tempered):
        with pytest.raises(ValueError, match="no flow of this model has one"):
            product.with_temperature(0.25)
        return
    found: Any = product.with_temperature(0.25).flows["x"]
    while hasattr(found, "flow"):
        found = found.flow
    assert found == replace(inner, temperature=0.25)  # type: ignore[type-var]  # they are dataclasses
