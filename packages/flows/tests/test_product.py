"""The product of flows."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from epitaxy.flows import (
    CategoricalBFN,
    CircularBFN,
    EntropySchedule,
    GaussianBFN,
    KineticDiffusion,
    MassCentred,
    Pinned,
    ProductFlow,
)
from epitaxy.flows.kinetic import Sampler
from epitaxy.flows.product import Level
from epitaxy.flows.protocol import Correcting, Flow
from epitaxy.geometry import Segments, SharedRng, StructureRng

SEGMENTS = Segments.from_counts([2, 1, 4])


def product(grid: int = 8) -> ProductFlow:
    return ProductFlow(
        flows={
            "positions": CircularBFN(schedule=EntropySchedule(100.0, grid), sampler="end_back", bank_size=16),
            "lattice": GaussianBFN(grid=grid),
            "species": CategoricalBFN(classes=3, beta1=1.0, grid=grid),
        },
        levels={"positions": "atom", "lattice": "graph", "species": "atom"},
    )


def data(segments: Segments, generator: torch.Generator) -> dict[str, Tensor]:
    return {
        "positions": torch.rand(segments.num_atoms, 3, generator=generator),
        "lattice": torch.randn(segments.num_graphs, 3, 3, generator=generator),
        "species": torch.randint(3, (segments.num_atoms,), generator=generator),
    }


def outputs(x: dict[str, Tensor]) -> dict[str, Tensor]:
    """A stand-in for a network that treats every row alike."""
    zeros = torch.zeros(x["species"].shape[0], 3)
    return {"positions": torch.zeros_like(x["positions"]), "lattice": x["lattice"], "species": zeros}


def generate(segments: Segments, seeds: list[int]) -> dict[str, Tensor]:
    flow, source = product(), StructureRng(torch.tensor(seeds), segments)
    like = {name: torch.zeros_like(x) for name, x in data(segments, torch.Generator()).items()}
    states = flow.prior(like, segments=segments, source=source)
    for i in range(8):
        t, s = torch.full((len(seeds),), i / 8), torch.full((len(seeds),), (i + 1) / 8)
        features = flow.features(states, t, segments=segments)
        out = outputs(like) | {"species": features["species"].value}
        if i < 7:
            states = flow.step(states, out, t, s, segments=segments, source=source)
    return flow.decode(states, out, t, segments=segments, source=source)


def test_a_structure_does_not_depend_on_its_batch() -> None:
    """The same seed gives the same structure to the bit, whatever comes with it and in whatever order."""
    together = generate(SEGMENTS, [5, 6, 7])
    alone = generate(Segments.from_counts([4]), [7])
    swapped = generate(Segments.from_counts([4, 2]), [7, 5])
    for name, atoms in (("positions", True), ("lattice", False), ("species", True)):
        last, first = (slice(3, 7), slice(0, 2)) if atoms else (slice(2, 3), slice(0, 1))
        count = 4 if atoms else 1
        assert torch.equal(together[name][last], alone[name])
        assert torch.equal(together[name][last], swapped[name][:count])
        assert torch.equal(together[name][first], swapped[name][count:])


def test_every_row_has_its_graphs_time() -> None:
    """At t = 0 a state knows nothing, also beside graphs at other times; losses have one value a row."""
    flow, generator = product(), torch.Generator().manual_seed(0)
    x, source = data(SEGMENTS, generator), SharedRng(generator)
    t = torch.tensor([0.0, 0.5, 0.0])
    states = flow.corrupt(x, t, segments=SEGMENTS, source=source)
    informed = SEGMENTS.expand(t) > 0
    assert torch.equal(states["positions"].concentration[:, 0] > 0, informed)
    assert torch.equal(states["lattice"].abs().sum((1, 2)) > 0, t > 0)
    assert torch.equal(states["species"].diff(dim=1).abs().sum(1) > 0, informed)
    losses = flow.loss(outputs(x), x, states, t, segments=SEGMENTS, source=source)
    assert {name: tuple(loss.shape) for name, loss in losses.items()} == {
        "positions": (7,), "lattice": (3,), "species": (7,),
    }  # fmt: skip


CONTINUOUS = GaussianBFN(grid=None, loss_kind="continuous")


def moving(sampler: Sampler = "published_pc") -> ProductFlow:
    """Points that move together in a graph; and graphs' own, which have nobody to move with."""
    return ProductFlow(
        flows={
            "positions": KineticDiffusion(sampler=sampler),
            "angles": KineticDiffusion(sampler=sampler),
            "lattice": CONTINUOUS,
        },
        levels={"positions": "atom", "angles": "graph", "lattice": "graph"},
    )


@pytest.mark.parametrize("sampler", ["ancestral", "published_pc"])
def test_every_field_does_what_its_flow_does_alone(sampler: Sampler) -> None:
    """With its graph's time a row, its own numbers and, of atoms, who moves together: to the bit."""
    product, rng = moving(sampler), torch.Generator().manual_seed(0)
    t, s, rows = torch.tensor([0.2, 0.4, 0.6]), torch.tensor([0.3, 0.7, 0.8]), {"atom": 7, "graph": 3}
    x = {name: torch.rand(rows[level], 3, generator=rng) for name, level in product.levels.items()}
    outputs = {name: torch.randn(like.shape, generator=rng) for name, like in x.items()}

    def drawn(verb: Callable[..., Any], *words: Any) -> Any:
        return verb(*words, segments=SEGMENTS, source=StructureRng(torch.tensor([5, 6, 7]), SEGMENTS))

    states = drawn(product.corrupt, x, t)
    found = {
        "prior": drawn(product.prior, x),
        "corrupt": states,
        "features": product.features(states, t, segments=SEGMENTS),
        "loss": drawn(product.loss, outputs, x, states, t),
        "step": drawn(product.step, states, outputs, t, s),
        "correct": drawn(product.correct, states, outputs, t, s),
        "decode": drawn(product.decode, states, outputs, t),
    }
    for name, level in product.levels.items():
        flow, at, then = product.flows[name], t, s
        if level == "atom":
            assert isinstance(flow, KineticDiffusion)
            flow, at, then = flow.on(SEGMENTS), SEGMENTS.expand(t), SEGMENTS.expand(s)
        expected = alone(flow, x[name], states[name], outputs[name], at, then, name, level)
        for verb, value in expected.items():
            assert_same(found[verb][name], value)


def alone(
    flow: Flow[Any], x: Tensor, state: Any, output: Tensor, t: Tensor, s: Tensor, name: str, level: Level
) -> dict[str, Any]:
    """What each verb of one flow gives with the numbers of its field."""

    def drawn(verb: Callable[..., Any], *words: Any) -> Any:
        return verb(*words, rng=StructureRng(torch.tensor([5, 6, 7]), SEGMENTS).rows(name, level))

    corrects = isinstance(flow, Correcting) and flow.corrections
    return {
        "prior": drawn(flow.prior, x),
        "corrupt": drawn(flow.corrupt, x, t),
        "features": flow.features(state, t),
        "loss": drawn(flow.loss, output, x, state, t),
        "step": drawn(flow.step, state, output, t, s),
        "correct": drawn(flow.correct, state, output, t, s) if corrects else state,
        "decode": drawn(flow.decode, state, output, t),
    }


def assert_same(a: Any, b: Any) -> None:
    """To the bit."""
    if is_dataclass(a):
        for part in fields(a):
            assert_same(getattr(a, part.name), getattr(b, part.name))
    else:
        assert a is b or torch.equal(a, b)


def test_corrections_are_the_most_that_a_flow_asks_for() -> None:
    """Of flows that correct, that do not, and that know no corrections at all."""
    none, one = KineticDiffusion(), KineticDiffusion(sampler="published_pc")
    many: list[tuple[dict[str, Flow[Any]], int]] = [
        ({"a": none}, 0), ({"a": CONTINUOUS}, 0), ({"a": one, "b": none, "c": CONTINUOUS}, 1),
    ]  # fmt: skip
    for flows, most in many:
        assert ProductFlow(flows=flows, levels=dict.fromkeys(flows, "atom")).corrections == most


def test_a_sampler_and_a_temperature_go_to_the_flows_that_have_them() -> None:
    before = moving()
    after = before.with_sampler("exponential").with_temperature(0.5)
    kinetic, cool = KineticDiffusion(sampler="exponential", temperature=0.5), CONTINUOUS.with_temperature(0.5)
    assert after == replace(before, flows={"positions": kinetic, "angles": kinetic, "lattice": cool})
    back = after.with_sampler("end_back")
    assert back == after.replacing(lattice=cool.with_sampler("end_back"))
    with pytest.raises(
        ValueError, match=r"sampler must be one of ancestral, bayes, end_back, .* not 'magic'"
    ):
        before.with_sampler("magic")
    with pytest.raises(ValueError, match="no flow of this model has one"):
        ProductFlow(flows={"a": CircularBFN()}, levels={"a": "atom"}).with_temperature(0.5)


def test_a_temperature_goes_through_what_is_around_a_flow() -> None:
    """To the flow within, whatever is around it; and what has none stays as it is, alone or within."""
    segments = Segments.from_counts([2])
    for around in (
        MassCentred(flow=CONTINUOUS, segments=segments),
        Pinned(flow=CONTINUOUS, free=torch.ones(2, 3, dtype=torch.bool), value=torch.zeros(2, 3)),
    ):
        flows: dict[str, Flow[Any]] = {"a": around, "b": CircularBFN()}
        after = ProductFlow(flows=flows, levels=dict.fromkeys(flows, "atom")).with_temperature(0.5).flows
        assert after["a"] is not around
        assert isinstance(after["a"], type(around))
        assert after["a"].flow == CONTINUOUS.with_temperature(0.5)
        assert after["b"] is flows["b"]


def test_with_steps_reaches_every_flow() -> None:
    flow = product().with_steps(20)
    assert flow.grid == 20
    assert {part.grid for part in flow.flows.values()} == {20}


def test_flows_are_replaced_by_name() -> None:
    """The others stay, the product stays as it was, and the new product is checked like any."""
    before = product()
    after = before.replacing(lattice=GaussianBFN(sigma1=0.5, grid=8))
    assert after.flows["lattice"] == GaussianBFN(sigma1=0.5, grid=8)
    assert before.flows["lattice"] == GaussianBFN(grid=8)
    assert after.flows["species"] is before.flows["species"]
    assert after.levels == before.levels
    with pytest.raises(ValueError, match="field must be one of lattice, positions, species, not 'cell'"):
        before.replacing(cell=GaussianBFN(grid=8))
    with pytest.raises(ValueError, match="share one grid"):
        before.replacing(lattice=GaussianBFN(grid=9))


def test_refresh_reaches_the_bank() -> None:
    flow = product()
    flow.refresh(3)
    positions = flow.flows["positions"]
    assert isinstance(positions, CircularBFN)
    assert positions.bank.round == 3


def test_a_continuous_flow_goes_with_any_grid() -> None:
    continuous = GaussianBFN(grid=None, loss_kind="continuous")
    assert ProductFlow(flows={"a": continuous}, levels={"a": "graph"}).grid is None
    both = ProductFlow(flows={"a": continuous, "b": GaussianBFN(grid=7)}, levels={"a": "graph", "b": "atom"})
    assert both.grid == 7


def test_products_that_do_not_exist() -> None:
    a, b = GaussianBFN(grid=5), GaussianBFN(grid=6)
    with pytest.raises(ValueError, match="same fields"):
        ProductFlow(flows={"a": a}, levels={"b": "atom"})
    with pytest.raises(ValueError, match="same fields"):
        ProductFlow(flows={}, levels={})
    with pytest.raises(ValueError, match="share one grid"):
        ProductFlow(flows={"a": a, "b": b}, levels={"a": "atom", "b": "atom"})
    wrong: Any = {"a": "atom", "b": "atoms"}
    with pytest.raises(ValueError, match="level of b must be one of atom, graph, not 'atoms'"):
        ProductFlow(flows={"a": a, "b": a}, levels=wrong)


def test_rows_are_checked_at_the_prior() -> None:
    like = data(SEGMENTS, torch.Generator()) | {"lattice": torch.zeros(2, 3, 3)}
    with pytest.raises(ValueError, match="lattice has 2 rows for 3 graphs"):
        product().prior(like, segments=SEGMENTS, source=SharedRng(torch.Generator()))
