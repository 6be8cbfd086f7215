"""The product of flows."""

import pytest
import torch
from torch import Tensor

from epitaxy.flows import CategoricalBFN, CircularBFN, EntropySchedule, GaussianBFN, ProductFlow
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


def test_rows_are_checked_at_the_prior() -> None:
    like = data(SEGMENTS, torch.Generator()) | {"lattice": torch.zeros(2, 3, 3)}
    with pytest.raises(ValueError, match="lattice has 2 rows for 3 graphs"):
        product().prior(like, segments=SEGMENTS, source=SharedRng(torch.Generator()))
