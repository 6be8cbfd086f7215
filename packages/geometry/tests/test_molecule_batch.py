import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy.geometry import MoleculeBatch, Segments
from epitaxy.geometry.testing import counts


@st.composite
def molecule_batches(draw: st.DrawFn, max_graphs: int = 4) -> MoleculeBatch:
    sizes = draw(counts(max_graphs=max_graphs, max_atoms=6))
    rng = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    segments = Segments.from_counts(sizes)
    energy = torch.randn(segments.num_graphs, generator=rng)
    energy[torch.rand(energy.shape, generator=rng) < 0.3] = torch.nan
    return MoleculeBatch(
        segments=segments,
        positions=torch.randn(segments.num_atoms, 3, generator=rng),
        numbers=torch.randint(1, 119, (segments.num_atoms,), generator=rng),
        ids=tuple(f"m{i}" for i in range(segments.num_graphs)),
        properties={"energy": energy},
    )


def same(first: MoleculeBatch, second: MoleculeBatch) -> bool:
    """Equal to the bit, unknown properties included."""
    return (
        torch.equal(first.segments.counts, second.segments.counts)
        and torch.equal(first.positions, second.positions)
        and torch.equal(first.numbers, second.numbers)
        and first.ids == second.ids
        and first.properties.keys() == second.properties.keys()
        and all(
            torch.equal(values.nan_to_num(1e9), second.properties[name].nan_to_num(1e9))
            for name, values in first.properties.items()
        )
    )


@settings(max_examples=25)
@given(molecule_batches())
def test_pyg_round_trip(batch: MoleculeBatch):
    assert same(batch, MoleculeBatch.from_pyg(batch.to_pyg()))
    assert same(batch, MoleculeBatch.from_pyg(batch.to_pyg().to_data_list()))


@settings(max_examples=25)
@given(molecule_batches(), st.data())
def test_selecting_one_by_one_and_concatenating_is_selecting(batch: MoleculeBatch, data: st.DataObject):
    positions = data.draw(st.lists(st.integers(-len(batch), len(batch) - 1), min_size=1, max_size=6))
    chosen = batch.select(positions)
    assert chosen.ids == tuple(batch.ids[i] for i in positions)
    assert same(chosen, MoleculeBatch.cat([batch.select([i]) for i in positions]))
    assert same(chosen, batch.select(torch.tensor(positions)))


@settings(max_examples=25)
@given(molecule_batches())
def test_batches_survive_pickling_and_a_move(batch: MoleculeBatch):
    assert same(batch, pickle.loads(pickle.dumps(batch)))
    assert same(batch, batch.to("cpu"))


@settings(max_examples=25)
@given(molecule_batches())
def test_centering_keeps_the_shape_and_moves_the_mean(batch: MoleculeBatch):
    moved = batch.centered()
    assert float(moved.segments.mean(moved.positions).abs().max()) < 1e-5
    pairs = batch.segments.pairs()
    differences = (b.positions[pairs.i] - b.positions[pairs.j] for b in (batch, moved))
    torch.testing.assert_close(*differences, atol=1e-5, rtol=0)
    assert same(moved, moved.select(range(len(moved))))


def test_missing_properties_become_unknown():
    first, second = example(), example(properties={})
    gap = MoleculeBatch.cat([first, second]).properties["gap"]
    assert gap[:2].tolist() == [5.0, 0.0]
    assert bool(gap[2:].isnan().all())


def example(**changes: object) -> MoleculeBatch:
    fields: dict[str, object] = {
        "segments": Segments.from_counts([3, 2]),
        "positions": torch.arange(15.0).view(5, 3),
        "numbers": torch.tensor([8, 1, 1, 7, 7]),
        "ids": ("water", "nitrogen"),
        "properties": {"gap": torch.tensor([5.0, 0.0])},
    }
    return MoleculeBatch(**fields | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": torch.zeros(4, 3)}, r"positions must have shape \(5, 3\)"),
        ({"numbers": torch.tensor([1, 2])}, r"numbers must have shape \(5,\)"),
        ({"ids": ("water",)}, "1 ids for 2 molecules"),
        ({"properties": {"gap": torch.zeros(3)}}, r"property 'gap' must have shape \(2,\)"),
    ],
)
def test_shapes_must_agree(changes: dict[str, object], message: str):
    # Where the tests run with the shape hook, it may speak first.
    with pytest.raises((ValueError, TypeError), match=f"{message}|Type-check"):
        example(**changes)


def test_what_cannot_be_selected():
    with pytest.raises(IndexError, match="within a batch of 2 molecules"):
        example().select([2])
    with pytest.raises((ValueError, TypeError), match=r"positions, not a mask|Type-check"):
        example().select(torch.tensor([True, False]))
    assert len(example().select([])) == 0
    with pytest.raises(ValueError, match="no batch"):
        MoleculeBatch.cat([])


def test_foreign_pyg_data():
    from torch_geometric.data import Data

    data = Data(pos=torch.zeros(1, 3), z=torch.tensor([2], dtype=torch.int32), num_nodes=1)
    batch = MoleculeBatch.from_pyg([data, data])
    assert batch.ids == ("0", "1")
    assert batch.numbers.dtype == torch.int64
    with pytest.raises(ValueError, match="no z"):
        MoleculeBatch.from_pyg(Data(pos=data.pos, num_nodes=1))


def test_a_missing_pyg_names_the_command(monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch_geometric.data", None)
    monkeypatch.delitem(sys.modules, "epitaxy.geometry.molecule_pyg", raising=False)
    monkeypatch.delattr("epitaxy.geometry.molecule_pyg", raising=False)
    with pytest.raises(ImportError, match=r"pip install torch-geometric"):
        example().to_pyg()
