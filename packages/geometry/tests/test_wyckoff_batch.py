import pickle
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy.geometry import FlatTorus, Segments, WyckoffBatch, gram
from epitaxy.geometry.symmetry import (
    constrain_k,
    expand_points,
    lattice_from_k,
    project_to_wyckoff,
    space_group,
    wyckoff_table,
)

TABLE = wyckoff_table()
DTYPES = st.sampled_from([torch.float32, torch.float64])


@st.composite
def wyckoff_batches(draw: st.DrawFn, max_graphs: int = 3) -> WyckoffBatch:
    """Random groups, cells and sites; points anywhere on their sites, the first member or another."""
    groups = torch.tensor(draw(st.lists(st.integers(1, 230), min_size=1, max_size=max_graphs)))
    rng = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    dtype = draw(DTYPES)
    graphs = len(groups)
    segments = Segments.from_counts(torch.randint(1, 4, (graphs,), generator=rng))
    k = 0.2 * torch.randn(graphs, 6, generator=rng, dtype=torch.float64)
    lattice = lattice_from_k(constrain_k(k + torch.tensor([0, 0, 0, 0, 0, 1.8]), groups).to(dtype))
    first, end = (segments.expand(TABLE.position_first[groups - 1 + i]) for i in (0, 1))
    uniform = torch.rand(segments.num_atoms, generator=rng, dtype=torch.float64)
    sites = first + (uniform * (end - first)).long()
    anywhere = torch.rand(segments.num_atoms, 3, generator=rng, dtype=dtype)
    placed = project_to_wyckoff(TABLE, sites, anywhere, segments.expand(gram(lattice)))
    energy = torch.randn(graphs, generator=rng, dtype=dtype)
    energy[torch.rand(graphs, generator=rng) < 0.3] = torch.nan
    return WyckoffBatch(
        segments=segments,
        space_groups=groups,
        sites=sites,
        positions=placed.coordinates,
        lattice=lattice,
        numbers=torch.randint(1, 119, (segments.num_atoms,), generator=rng),
        ids=tuple(f"w{i}" for i in range(graphs)),
        properties={"energy": energy},
    )


def same(first: WyckoffBatch, second: WyckoffBatch) -> bool:
    """Equal to the bit, unknown properties included."""
    names = ("space_groups", "sites", "positions", "lattice", "numbers")
    return (
        torch.equal(first.segments.counts, second.segments.counts)
        and all(torch.equal(getattr(first, name), getattr(second, name)) for name in names)
        and first.ids == second.ids
        and first.properties.keys() == second.properties.keys()
        and all(
            torch.equal(values.nan_to_num(1e9), second.properties[name].nan_to_num(1e9))
            for name, values in first.properties.items()
        )
    )


@settings(max_examples=25)
@given(wyckoff_batches(), st.data())
def test_selecting_one_by_one_and_concatenating_is_selecting(batch: WyckoffBatch, data: st.DataObject):
    positions = data.draw(st.lists(st.integers(-len(batch), len(batch) - 1), min_size=1, max_size=6))
    chosen = batch.select(positions)
    assert chosen.ids == tuple(batch.ids[i] for i in positions)
    assert same(chosen, WyckoffBatch.cat([batch.select([i]) for i in positions]))
    assert same(chosen, batch.select(torch.tensor(positions)))


@settings(max_examples=25)
@given(wyckoff_batches())
def test_batches_survive_pickling_and_a_move(batch: WyckoffBatch):
    assert same(batch, pickle.loads(pickle.dumps(batch)))
    assert same(batch, batch.to("cpu"))


@settings(max_examples=40)
@given(wyckoff_batches())
def test_an_expanded_cell_is_invariant_under_every_operator_of_its_group(batch: WyckoffBatch):
    cells = batch.expand()
    tolerance = 1e-4 if batch.positions.dtype == torch.float32 else 1e-9
    torus = FlatTorus()
    for graph, group in enumerate(batch.space_groups.tolist()):
        atoms = cells.segments.index == graph
        points, numbers = cells.positions[atoms], cells.numbers[atoms]
        symmetry = space_group(group)
        rotations = symmetry.rotations.to(points.dtype)
        shifts = symmetry.translations.to(points.dtype) / 24
        images = points @ rotations.transpose(-1, -2) + shifts[:, None, :]
        apart = torus.log(images[:, :, None], points[None, None]).abs().amax(-1)
        close = (apart < tolerance) & (numbers[:, None] == numbers)
        assert bool(close.any(-1).all())


@settings(max_examples=25)
@given(wyckoff_batches())
def test_an_orbit_has_its_multiplicity_and_is_that_of_all_operators(batch: WyckoffBatch):
    cells = batch.expand()
    counts = batch.segments.sum(TABLE.multiplicity[batch.sites])
    assert torch.equal(cells.segments.counts, counts)
    assert cells.positions.dtype == batch.positions.dtype
    assert bool(((cells.positions >= 0) & (cells.positions < 1)).all())
    assert torch.equal(cells.numbers, batch.numbers.repeat_interleave(TABLE.multiplicity[batch.sites]))
    assert torch.equal(cells.lattice, batch.lattice)
    assert cells.ids == batch.ids
    # Points of a position may lie so near a more special one that images coincide within a tolerance.
    metric = batch.segments.expand(gram(batch.lattice)).double()
    group = batch.segments.expand(batch.space_groups)
    every = expand_points(TABLE, group, batch.positions.double(), metric, 1e-3)
    owner = torch.arange(len(batch.sites)).repeat_interleave(TABLE.multiplicity[batch.sites])
    for orbit in range(len(batch.sites)):
        ours = cells.positions[owner == orbit].double()
        theirs = every.coordinates[every.segments.index == orbit]
        apart = FlatTorus().log(theirs[:, None], ours[None]).abs().amax(-1)
        assert float(apart.amin(1).max()) < 1e-3
        assert float(apart.amin(0).max()) < 1e-3


def test_expanding_commutes_with_selecting():
    batch = WyckoffBatch.cat([salt(), example(), salt()])
    whole = batch.expand().select([2, 1])
    part = batch.select([2, 1]).expand()
    assert torch.equal(whole.segments.counts, part.segments.counts)
    assert torch.equal(whole.positions, part.positions)
    assert torch.equal(whole.numbers, part.numbers)


def salt() -> WyckoffBatch:
    return WyckoffBatch(
        segments=Segments.from_counts([2]),
        space_groups=torch.tensor([225]),
        sites=torch.tensor([TABLE.index(225, "a"), TABLE.index(225, "b")]),
        positions=torch.tensor([[0.0, 0.5, 0.5], [0.5, 0.5, 0.5]]),
        lattice=5.64 * torch.eye(3)[None],
        numbers=torch.tensor([11, 17]),
        ids=("salt",),
    )


def test_rock_salt():
    cell = salt().expand()
    sodium = {(0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0)}
    assert {tuple(x) for x in cell.positions[:4].tolist()} == sodium
    assert cell.numbers.tolist() == [11] * 4 + [17] * 4


def example(**changes: object) -> WyckoffBatch:
    fields: dict[str, object] = {
        "segments": Segments.from_counts([2, 1]),
        "space_groups": torch.tensor([1, 2]),
        "sites": torch.tensor([0, 0, TABLE.index(2, "a")]),
        "positions": torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.0, 0.0, 0.0]]),
        "lattice": torch.eye(3).repeat(2, 1, 1),
        "numbers": torch.tensor([11, 17, 26]),
        "ids": ("salt", "iron"),
        "properties": {"gap": torch.tensor([5.0, 0.0])},
    }
    return WyckoffBatch(**fields | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": torch.zeros(4, 3)}, r"positions must have shape \(3, 3\)"),
        ({"lattice": torch.zeros(1, 3, 3)}, r"lattice must have shape \(2, 3, 3\)"),
        ({"numbers": torch.tensor([1, 2])}, r"numbers must have shape \(3,\)"),
        ({"sites": torch.tensor([1, 2])}, r"sites must have shape \(3,\)"),
        ({"space_groups": torch.tensor([1])}, r"space_groups must have shape \(2,\)"),
        ({"ids": ("salt",)}, "1 ids for 2 structures"),
        ({"properties": {"gap": torch.zeros(3)}}, r"property 'gap' must have shape \(2,\)"),
    ],
)
def test_shapes_must_agree(changes: dict[str, object], message: str):
    # Where the tests run with the shape hook, it may speak first.
    with pytest.raises((ValueError, TypeError), match=f"{message}|Type-check"):
        example(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space_groups": torch.tensor([1, 231])}, "numbers 1 to 230, not 231"),
        ({"sites": torch.tensor([0, 0, 1731])}, "numbers 0 to 1730"),
        ({"sites": torch.tensor([0, 0, 0])}, "structure iron of space group 2 has site 0, which .* group 1"),
        ({"positions": torch.full((3, 3), 0.25)}, r"structure iron has a point 0\.433 angstrom off .* 1a"),
        ({"space_groups": torch.tensor([1, 225])}, "structure iron of space group 225 has site"),
    ],
)
def test_what_cannot_be_expanded(changes: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        example(**changes).expand()


def test_a_cell_of_another_family_cannot_be_expanded():
    batch = salt()
    lattice = torch.diag(torch.tensor([5.0, 5.0, 6.0]))[None]
    wrong = WyckoffBatch(
        segments=batch.segments,
        space_groups=batch.space_groups,
        sites=batch.sites,
        positions=batch.positions,
        lattice=lattice,
        numbers=batch.numbers,
        ids=batch.ids,
    )
    with pytest.raises(ValueError, match="form of space group 225"):
        wrong.expand()


def test_positions_outside_the_batch_and_masks_are_refused():
    with pytest.raises(IndexError, match="within a batch of 2 structures"):
        example().select([2])
    with pytest.raises((ValueError, TypeError), match=r"positions, not a mask|Type-check"):
        example().select(torch.tensor([True, False]))
    with pytest.raises(ValueError, match="no batch"):
        WyckoffBatch.cat([])


def test_the_edges_of_batches():
    assert len(example().select([])) == 0
    assert len(example().select([]).expand()) == 0
    without = example(properties={})
    gap = WyckoffBatch.cat([example(), without]).properties["gap"]
    assert gap[:2].tolist() == [5.0, 0.0]
    assert bool(gap[2:].isnan().all())


def test_importing_geometry_does_not_read_the_table():
    code = (
        "import sys, epitaxy.geometry, epitaxy.geometry.symmetry._frozen as frozen;"
        "sys.exit(frozen.frozen_table.cache_info().currsize)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
