import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import FlatTorus, Segments, gram
from epitaxy.geometry.symmetry import (
    assign_wyckoff,
    constrain_k,
    expand_orbits,
    lattice_from_k,
    project_to_wyckoff,
    site_symmetry_matrix,
    space_group,
    wyckoff_table,
)

TABLE = wyckoff_table()
EVERY = torch.arange(1731)
DTYPES = [torch.float32, torch.float64]


def cells(number: Tensor, rng: torch.Generator) -> Tensor:
    """Metric tensors of random cells of the form of each group."""
    k = 0.2 * torch.randn(*number.shape, 6, generator=rng, dtype=torch.float64)
    return gram(lattice_from_k(constrain_k(k + torch.tensor([0, 0, 0, 0, 0, 1.6]), number)))


def sharp(position: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Log-probabilities of predictions that are nearly sure of a position's classes."""
    return (0.99 * site_symmetry_matrix(TABLE.site_class[position], dtype) + 0.01 / 13).log()


def one_after_the_other(
    number: Tensor, segments: Segments, x: Tensor, scores: Tensor, metric: Tensor
) -> tuple[list[int], list[float]]:
    """The rule of the docstring, one atom at a time."""
    positions, distances = [], []
    for atom in range(segments.num_atoms):
        graph = int(segments.index[atom])
        group = int(number[graph])
        taken = {p for p, g in zip(positions, segments.index.tolist(), strict=False) if g == graph}
        options = torch.arange(int(TABLE.position_first[group - 1]), int(TABLE.position_first[group]))
        metrics = metric[graph].expand(len(options), 3, 3)
        moved = project_to_wyckoff(TABLE, options, x[atom].expand(len(options), 3), metrics).distance
        picked = scores[atom].gather(-1, TABLE.site_class[options].T).sum(0)
        _, distance, position = min(
            (-round(float(score), 6), round(float(distance), 9), p)
            for p, score, distance in zip(options.tolist(), picked, moved, strict=True)
            if p not in taken or TABLE.freedom[p] > 0
        )
        positions.append(position)
        distances.append(distance)
    return positions, distances


@pytest.mark.parametrize("dtype", DTYPES)
def test_sure_predictions_are_followed_on_every_position(dtype: torch.dtype):
    rng = torch.Generator().manual_seed(0)
    metric = cells(TABLE.number, rng).to(dtype)
    x = torch.rand(1731, 3, generator=rng, dtype=dtype)
    there = project_to_wyckoff(TABLE, EVERY, x, metric)
    segments = Segments.from_counts([1] * 1731)
    found = assign_wyckoff(TABLE, segments, TABLE.number, there.coordinates, sharp(EVERY, dtype), metric)
    # Ties between positions with the same classes go to the one that the coordinates are on.
    assert torch.equal(found.position, EVERY)
    assert found.projection.distance.max() < 1e-5
    apart = FlatTorus().log(found.projection.coordinates, there.coordinates).abs()
    assert apart.max() < 1e-5


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.sampled_from([2, 47, 99, 123, 166, 191, 216, 221, 225, 227]))
def test_atoms_are_served_in_their_order(seed: int, group: int):
    rng = torch.Generator().manual_seed(seed)
    segments = Segments.from_counts(torch.randint(1, 7, (3,), generator=rng))
    number = torch.tensor([group, int(torch.randint(1, 231, (), generator=rng)), group])
    metric = cells(number, rng)
    x = torch.rand(segments.num_atoms, 3, generator=rng, dtype=torch.float64)
    # Predictions of few positions, so that atoms compete.
    first, counts = TABLE.position_first[:-1], TABLE.position_first.diff()
    share = torch.rand(segments.num_atoms, generator=rng) * 0.4
    wanted = segments.expand(first[number - 1]) + (share * segments.expand(counts[number - 1])).long()
    noise = torch.randn(segments.num_atoms, 15, 13, generator=rng, dtype=torch.float64)
    scores = (sharp(wanted, torch.float64) + 0.3 * noise).log_softmax(-1)
    found = assign_wyckoff(TABLE, segments, number, x, scores, metric)
    positions, distances = one_after_the_other(number, segments, x, scores, metric)
    assert found.position.tolist() == positions
    assert found.projection.distance.tolist() == pytest.approx(distances, abs=1e-8)
    # What is reported is the projection on what is assigned.
    again = project_to_wyckoff(TABLE, found.position, x, segments.expand(metric))
    torch.testing.assert_close(again.coordinates, found.projection.coordinates)
    assert torch.equal(again.member, found.projection.member)


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.sampled_from(DTYPES))
def test_no_two_atoms_share_a_position_without_freedom(seed: int, dtype: torch.dtype):
    rng = torch.Generator().manual_seed(seed)
    number = torch.randint(1, 231, (20,), generator=rng)
    segments = Segments.from_counts(torch.randint(1, 12, (20,), generator=rng))
    wanted = segments.expand(TABLE.position_first[number - 1])  # letter a, all of them
    x = torch.rand(segments.num_atoms, 3, generator=rng, dtype=dtype)
    metric = cells(number, rng).to(dtype)
    found = assign_wyckoff(TABLE, segments, number, x, sharp(wanted, dtype), metric)
    assert torch.equal(TABLE.number[found.position], segments.expand(number))
    fixed = TABLE.freedom[found.position] == 0
    sites = torch.stack([segments.index, found.position], dim=-1)[fixed]
    assert len(sites.unique(dim=0)) == len(sites)
    orbits = expand_orbits(TABLE, found.position, found.projection.coordinates, found.projection.member)
    assert orbits.segments.num_atoms == int(TABLE.multiplicity[found.position].sum())


def test_ties_go_to_the_nearest():
    """4a and 4b of Fm-3m have the same classes, and so do 48h and 48i."""
    labels = [("a", 0.1), ("b", 0.4)]
    for letter, x in labels:
        position = torch.tensor([TABLE.index(225, "a")])
        found = assign_wyckoff(
            TABLE,
            Segments.from_counts([1]),
            torch.tensor([225]),
            torch.full((1, 3), x),
            sharp(position),
            25 * torch.eye(3)[None],
        )
        assert TABLE.label(int(found.position)) == f"4{letter}"
        expected = 5 * min(x, 0.5 - x) * 3**0.5
        assert found.projection.distance.item() == pytest.approx(expected, rel=1e-5)


def test_the_second_atom_on_a_fixed_site_gets_the_next_best():
    number, metric = torch.tensor([225]), 25 * torch.eye(3)[None]
    position = torch.tensor([TABLE.index(225, "a")] * 3)
    x = torch.tensor([[0.1, 0.0, 0.0], [0.0, 0.05, 0.0], [0.2, 0.21, 0.22]])
    found = assign_wyckoff(TABLE, Segments.from_counts([3]), number, x, sharp(position), metric)
    labels = [TABLE.label(p) for p in found.position.tolist()]
    # The first takes 4a, though the second is nearer; the second takes its tie 4b; the third something else.
    assert labels[:2] == ["4a", "4b"]
    assert labels[2] not in ("4a", "4b")
    assert (
        found.position.tolist()
        == one_after_the_other(number, Segments.from_counts([3]), x, sharp(position), metric)[0]
    )
    # In two crystals each has a 4a.
    apart = assign_wyckoff(
        TABLE, Segments.from_counts([1, 2]), number.repeat(2), x, sharp(position), metric.repeat(2, 1, 1)
    )
    assert [TABLE.label(p) for p in apart.position.tolist()][:2] == ["4a", "4a"]


def test_an_evicted_atom_may_evict_a_later_one():
    """P1-bar: three atoms near 1a, 1a and 1b: the second goes to 1b, where the third had been."""
    number, metric = torch.tensor([2]), torch.diag(torch.tensor([81.0, 64.0, 4.0]))[None]
    position = torch.tensor([TABLE.index(2, "a")] * 3)
    x = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.1], [0.0, 0.01, 0.5]])
    found = assign_wyckoff(TABLE, Segments.from_counts([3]), number, x, sharp(position), metric)
    labels = [TABLE.label(p) for p in found.position.tolist()]
    assert labels[:2] == ["1a", "1b"]
    assert space_group(2).position("b").offsets.tolist() == [[0, 0, 12]]
    assert (
        found.position.tolist()
        == one_after_the_other(number, Segments.from_counts([3]), x, sharp(position), metric)[0]
    )


def test_known_positions_are_kept_and_their_points_taken():
    """Whatever the scores say; other atoms get the best of what is left, as in their order."""
    table = wyckoff_table()
    segments = Segments.from_counts([4, 1])
    first, second = table.index(221, "a"), table.index(221, "b")
    wanted = table.site_class[torch.full((5,), first)]
    scores = 10.0 * torch.nn.functional.one_hot(wanted, 13).double()
    number = torch.tensor([221, 221])
    metric = torch.eye(3, dtype=torch.float64).expand(2, 3, 3) * 16
    points = torch.rand(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    known = torch.tensor([-1, first, -1, second, -1])
    made = assign_wyckoff(table, segments, number, points, scores, metric, known=known)
    assert made.position[[1, 3]].tolist() == [first, second]
    assert not {first, second} & set(made.position[[0, 2]].tolist())
    assert int(made.position[4]) in (first, second)  # another crystal
    torch.testing.assert_close(made.projection.coordinates[1], torch.zeros(3, dtype=torch.float64))
    none = assign_wyckoff(table, segments, number, points, scores, metric, known=torch.full((5,), -1))
    free = assign_wyckoff(table, segments, number, points, scores, metric)
    assert torch.equal(none.position, free.position)
    with pytest.raises(ValueError, match="two known atoms"):
        assign_wyckoff(
            table, segments, number, points, scores, metric, known=torch.tensor([first, first, -1, -1, -1])
        )


def test_probabilities_give_the_rule_of_the_paper():
    """The smallest Frobenius distance between prediction and table is the largest sum of probabilities."""
    rng = torch.Generator().manual_seed(4)
    number = torch.randint(1, 231, (100,), generator=rng)
    probabilities = torch.randn(100, 15, 13, generator=rng, dtype=torch.float64).mul(2).softmax(-1)
    x = torch.rand(100, 3, generator=rng, dtype=torch.float64)
    found = assign_wyckoff(
        TABLE, Segments.from_counts([1] * 100), number, x, probabilities, cells(number, rng)
    )
    for atom in range(100):
        own = TABLE.site_class[TABLE.number == number[atom]]
        apart = (site_symmetry_matrix(own, torch.float64) - probabilities[atom]).square().sum((-1, -2))
        chosen = TABLE.site_class[found.position[atom]]
        assert (own[apart.argmin()] == chosen).all()


def test_slack_lets_the_coordinates_speak():
    # Undecided between 4a and 8c by a hair, the atom sits on 8c.
    a, c = TABLE.index(225, "a"), TABLE.index(225, "c")
    scores = torch.maximum(sharp(torch.tensor([a])), sharp(torch.tensor([c])) - 0.01)
    arguments = (Segments.from_counts([1]), torch.tensor([225]), torch.full((1, 3), 0.24), scores)
    metric = 25 * torch.eye(3)[None]
    assert int(assign_wyckoff(TABLE, *arguments, metric).position) == a
    assert int(assign_wyckoff(TABLE, *arguments, metric, slack=0.2).position) == c


def test_classes_that_are_ruled_out():
    """Zero probability is no number that spoils the sum: the position with fewest such classes is taken."""
    position = torch.tensor([TABLE.index(225, "c"), TABLE.index(225, "l")])
    scores = site_symmetry_matrix(TABLE.site_class[position]).log()
    metric = 25 * torch.eye(3)[None]
    x = torch.tensor([[0.2, 0.2, 0.3], [0.1, 0.2, 0.4]])
    found = assign_wyckoff(TABLE, Segments.from_counts([2]), torch.tensor([225]), x, scores, metric)
    assert torch.equal(found.position, position)


def test_wrong_input_is_refused():
    segments, x, metric = Segments.from_counts([1]), torch.zeros(1, 3), torch.eye(3)[None]
    with pytest.raises(ValueError, match="numbers 1 to 230, not 231"):
        assign_wyckoff(TABLE, segments, torch.tensor([231]), x, torch.zeros(1, 15, 13), metric)
    with pytest.raises(ValueError, match="is NaN"):
        assign_wyckoff(TABLE, segments, torch.tensor([1]), x, torch.full((1, 15, 13), torch.nan), metric)


def test_no_atoms():
    empty = torch.zeros(0, dtype=torch.int64)
    found = assign_wyckoff(
        TABLE,
        Segments.from_counts(empty),
        empty,
        torch.zeros(0, 3),
        torch.zeros(0, 15, 13),
        torch.zeros(0, 3, 3),
    )
    assert found.position.shape == (0,)
