import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import Tolerance, counts

COUNTS = counts(max_graphs=6, max_atoms=9)


def slices(sizes: list[int]) -> list[range]:
    """The atoms of each graph."""
    ends = list(itertools.accumulate(sizes))
    return [range(end - size, end) for size, end in zip(sizes, ends, strict=True)]


@given(COUNTS)
def test_the_index_says_the_same_three_times(sizes: list[int]):
    segments = Segments.from_counts(sizes)
    assert segments.num_graphs == len(sizes)
    assert segments.num_atoms == sum(sizes)
    assert segments.counts.tolist() == sizes
    assert segments.index.tolist() == [g for g, size in enumerate(sizes) for _ in range(size)]
    assert segments.rank.tolist() == [r for size in sizes for r in range(size)]
    assert segments.offsets.tolist() == [0, *itertools.accumulate(sizes)]


@given(st.integers(0, 5), st.integers(1, 6))
def test_graphs_of_one_size_need_no_counts(graphs: int, size: int):
    made, expected = Segments.alike(graphs, size), Segments.from_counts([size] * graphs)
    for name in ("counts", "index", "offsets"):
        assert torch.equal(getattr(made, name), getattr(expected, name))
    assert (made.longest, made.num_pairs) == (expected.longest, expected.num_pairs)


def test_graphs_of_no_atoms_are_refused():
    with pytest.raises(ValueError, match="at least one atom, not 0"):
        Segments.alike(2, 0)


@given(COUNTS)
def test_pairs_are_those_of_itertools(sizes: list[int]):
    pairs = Segments.from_counts(sizes).pairs()
    expected = [
        (i, j, g) for g, atoms in enumerate(slices(sizes)) for i, j in itertools.combinations(atoms, 2)
    ]
    assert list(zip(*(part.tolist() for part in pairs), strict=True)) == expected


@given(sizes=COUNTS, rest=st.sampled_from([(), (3,), (2, 3)]), seed=st.integers(0, 99))
def test_reductions_are_those_of_a_loop(sizes: list[int], rest: tuple[int, ...], seed: int):
    segments = Segments.from_counts(sizes)
    x = torch.randn(sum(sizes), *rest, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    parts = [x[atoms.start : atoms.stop] for atoms in slices(sizes)]
    Tolerance.EXACT64.assert_close(segments.sum(x), torch.stack([part.sum(0) for part in parts]))
    Tolerance.EXACT64.assert_close(segments.mean(x), torch.stack([part.mean(0) for part in parts]))
    Tolerance.EXACT64.assert_close(segments.center(x), torch.cat([part - part.mean(0) for part in parts]))
    assert torch.equal(segments.expand(segments.sum(x)), segments.sum(x)[segments.index])


@given(COUNTS)
def test_sums_and_expansions_are_adjoint(sizes: list[int]):
    segments = Segments.from_counts(sizes)
    x = torch.zeros(sum(sizes), 2, requires_grad=True)
    weight = torch.arange(2.0 * len(sizes)).view(-1, 2)
    (gradient,) = torch.autograd.grad((segments.sum(x) * weight).sum(), x)
    assert torch.equal(gradient, segments.expand(weight))


def test_cells_of_one_atom_have_no_pairs():
    pairs = Segments.from_counts([1, 1, 1]).pairs()
    assert [part.shape for part in pairs] == [(0,)] * 3
    assert all(part.dtype == torch.int64 for part in pairs)
    x = torch.ones(3, 3, requires_grad=True)
    (x[pairs.i] - x[pairs.j]).sum().backward()
    assert x.grad is not None
    assert (x.grad == 0).all()


def test_no_graphs_at_all():
    segments = Segments.from_counts([])
    assert segments.sum(torch.ones(0, 3)).shape == (0, 3)
    assert segments.pairs().i.shape == (0,)


@pytest.mark.parametrize("bad", [[0], [2, 0, 1], [-1]])
def test_empty_graphs_are_refused(bad: list[int]):
    with pytest.raises(ValueError, match="at least one atom"):
        Segments.from_counts(bad)


@pytest.mark.parametrize("bad", [torch.ones(2), torch.ones(2, dtype=torch.bool), torch.ones(2, 2).long()])
def test_counts_must_be_a_vector_of_integers(bad: torch.Tensor):
    with pytest.raises(ValueError, match="vector of integers"):
        Segments.from_counts(bad)
