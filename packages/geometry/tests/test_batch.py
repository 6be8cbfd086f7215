import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy.geometry import CrystalBatch, Segments
from epitaxy.geometry.testing import crystal_batches


def same(first: CrystalBatch, second: CrystalBatch) -> bool:
    """Equal to the bit, unknown properties included."""
    return (
        torch.equal(first.segments.counts, second.segments.counts)
        and torch.equal(first.positions, second.positions)
        and torch.equal(first.lattice, second.lattice)
        and torch.equal(first.numbers, second.numbers)
        and first.ids == second.ids
        and first.properties.keys() == second.properties.keys()
        and all(
            torch.equal(values.nan_to_num(1e9), second.properties[name].nan_to_num(1e9))
            for name, values in first.properties.items()
        )
    )


@settings(max_examples=25)
@given(crystal_batches())
def test_pyg_round_trip(batch: CrystalBatch):
    assert same(batch, CrystalBatch.from_pyg(batch.to_pyg()))
    assert same(batch, CrystalBatch.from_pyg(batch.to_pyg().to_data_list()))


@settings(max_examples=25)
@given(crystal_batches(), st.data())
def test_selecting_one_by_one_and_concatenating_is_selecting(batch: CrystalBatch, data: st.DataObject):
    positions = data.draw(st.lists(st.integers(-len(batch), len(batch) - 1), min_size=1, max_size=6))
    chosen = batch.select(positions)
    assert chosen.ids == tuple(batch.ids[i] for i in positions)
    assert same(chosen, CrystalBatch.cat([batch.select([i]) for i in positions]))
    assert same(chosen, batch.select(torch.tensor(positions)))


@settings(max_examples=25)
@given(crystal_batches())
def test_batches_survive_pickling(batch: CrystalBatch):
    assert same(batch, pickle.loads(pickle.dumps(batch)))


@settings(max_examples=25)
@given(crystal_batches(max_graphs=2), crystal_batches(max_graphs=2))
def test_missing_properties_become_unknown(first: CrystalBatch, second: CrystalBatch):
    without = CrystalBatch(
        segments=second.segments,
        positions=second.positions,
        lattice=second.lattice,
        numbers=second.numbers,
        ids=second.ids,
    )
    energy = CrystalBatch.cat([first, without]).properties["energy"]
    assert energy[len(first) :].isnan().all()
    assert energy.shape == (len(first) + len(second),)


def example(**changes: object) -> CrystalBatch:
    fields: dict[str, object] = {
        "segments": Segments.from_counts([2, 1]),
        "positions": torch.zeros(3, 3),
        "lattice": torch.eye(3).repeat(2, 1, 1),
        "numbers": torch.tensor([11, 17, 26]),
        "ids": ("salt", "iron"),
        "properties": {"gap": torch.tensor([5.0, 0.0])},
    }
    return CrystalBatch(**fields | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": torch.zeros(4, 3)}, r"positions must have shape \(3, 3\)"),
        ({"lattice": torch.zeros(1, 3, 3)}, r"lattice must have shape \(2, 3, 3\)"),
        ({"numbers": torch.tensor([1, 2])}, r"numbers must have shape \(3,\)"),
        ({"ids": ("salt",)}, "1 ids for 2 structures"),
        ({"properties": {"gap": torch.zeros(3)}}, r"property 'gap' must have shape \(2,\)"),
    ],
)
def test_shapes_must_agree(changes: dict[str, object], message: str):
    # Where the tests run with the shape hook, it may speak first.
    with pytest.raises((ValueError, TypeError), match=f"{message}|Type-check"):
        example(**changes)


def test_positions_outside_the_batch_are_refused():
    with pytest.raises(IndexError, match="within a batch of 2 structures"):
        example().select([2])


def test_a_mask_is_no_list_of_positions():
    with pytest.raises((ValueError, TypeError), match=r"positions, not a mask|Type-check"):
        example().select(torch.tensor([True, False]))


def test_an_empty_selection_is_an_empty_batch():
    assert len(example().select([])) == 0


def test_nothing_cannot_be_concatenated():
    with pytest.raises(ValueError, match="no batch"):
        CrystalBatch.cat([])


def test_foreign_pyg_data():
    from torch_geometric.data import Data

    data = Data(
        frac_coords=torch.tensor([[-1e-27, 1.0, -0.25]]),
        lattice=torch.eye(3),
        atom_types=torch.tensor([26], dtype=torch.int32),
        num_nodes=1,
    )
    batch = CrystalBatch.from_pyg([data, data])
    assert batch.positions[0].tolist() == [0.0, 0.0, 0.75]
    assert batch.lattice.shape == (2, 3, 3)
    assert batch.ids == ("0", "1")
    with pytest.raises(ValueError, match="no lattice"):
        CrystalBatch.from_pyg(Data(frac_coords=data.frac_coords, atom_types=data.atom_types, num_nodes=1))


def test_a_missing_pyg_names_the_command(monkeypatch: pytest.MonkeyPatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch_geometric.data", None)
    monkeypatch.delitem(sys.modules, "epitaxy.geometry.pyg", raising=False)
    monkeypatch.delattr("epitaxy.geometry.pyg", raising=False)
    with pytest.raises(ImportError, match=r"pip install torch-geometric"):
        example().to_pyg()


def test_a_batch_is_shown_in_a_line() -> None:
    batch = CrystalBatch(
        segments=Segments.from_counts([2, 1]),
        positions=torch.zeros(3, 3),
        lattice=torch.eye(3).repeat(2, 1, 1),
        numbers=torch.tensor([11, 17, 26]),
        ids=("a", "b"),
        properties={"gap": torch.zeros(2)},
    )
    assert repr(batch) == "CrystalBatch(2 structures, 3 atoms, gap)"
    assert repr(batch.segments) == "Segments(2 graphs, 3 atoms)"
