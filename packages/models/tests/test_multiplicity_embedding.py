"""MultiplicityEmbedding: the multiplicities of the table, and what is believed of them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.geometry import Segments
from epitaxy.geometry.symmetry import lattice_points, wyckoff_table
from epitaxy.models.multiplicity_embedding import MultiplicityEmbedding, multiplicities

TABLE = wyckoff_table()
positions = st.lists(st.integers(0, len(TABLE.number) - 1), min_size=1, max_size=8)


def embedding() -> MultiplicityEmbedding:
    torch.manual_seed(0)
    return MultiplicityEmbedding(6, time_dim=4).double()


def belief(net: MultiplicityEmbedding, groups: torch.Tensor, evidence: torch.Tensor) -> torch.Tensor:
    """Of crystals of one orbit each, at the sharpness of an untrained network, 1."""
    segments = Segments.from_counts([1] * len(groups))
    return net.belief(segments, groups, evidence, torch.zeros(len(groups), 4).double())


def evidence_of(sites: torch.Tensor, strength: float) -> torch.Tensor:
    return strength * torch.nn.functional.one_hot(TABLE.site_class[sites], 13).double()


def primitive(site: int) -> int:
    return int(TABLE.multiplicity[site]) // lattice_points(int(TABLE.number[site]))


def test_a_kind_of_site_has_one_multiplicity_in_a_group() -> None:
    sizes, of_row = multiplicities()
    found = sizes[of_row[TABLE.number - 1, TABLE.site_row]]
    assert found.tolist() == [primitive(site) for site in range(len(TABLE.number))]
    assert int((of_row >= 0).sum()) == len(
        {*zip(TABLE.number.tolist(), TABLE.site_row.tolist(), strict=True)}
    )


@given(sites=positions)
def test_a_known_site_has_its_own(sites: list[int]) -> None:
    """Only where a group has two kinds of site of which one looks the other's are classes not enough."""
    index = torch.tensor(sites)
    sizes, _ = multiplicities()
    found = belief(embedding(), TABLE.number[index], evidence_of(index, 100.0))
    assert sizes[found.argmax(-1)].tolist() == [primitive(site) for site in sites]
    torch.testing.assert_close(found.amax(-1), torch.ones(len(sites)).double(), rtol=0, atol=1e-9)


@given(sites=positions, seed=st.integers(0, 2**32 - 1))
def test_it_is_bayes_rule_over_kinds_of_site(sites: list[int], seed: int) -> None:
    """Written out: the product of the axes' probabilities, summed over the kinds that a group has."""
    rng = torch.Generator().manual_seed(seed)
    groups = TABLE.number[torch.tensor(sites)]
    evidence = torch.randn(len(sites), 15, 13, generator=rng, dtype=torch.float64)
    found = belief(embedding(), groups, evidence)
    for row, group in enumerate(groups.tolist()):
        mine = TABLE.number == group
        kinds = {
            tuple(classes): size
            for classes, size in zip(
                TABLE.site_class[mine].tolist(),
                [primitive(site) for site in mine.nonzero()[:, 0].tolist()],
                strict=True,
            )
        }
        weight = {
            size: sum(
                evidence[row, torch.arange(15), torch.tensor(classes)].sum().exp()
                for classes, of in kinds.items()
                if of == size
            )
            for size in kinds.values()
        }
        expected = [weight.get(size, 0.0) / sum(weight.values()) for size in multiplicities()[0].tolist()]
        torch.testing.assert_close(found[row], torch.tensor(expected).double(), rtol=1e-9, atol=1e-12)


def test_it_begins_as_nothing_and_learns() -> None:
    net, sites = embedding(), torch.tensor([0, 700, 1700])
    groups, time = TABLE.number[sites], torch.randn(3, 4, dtype=torch.float64)
    words = (Segments.from_counts([1, 1, 1]), groups, evidence_of(sites, 1.0), time)
    assert not net(net.belief(*words)).any()
    net(net.belief(*words)).square().sum().backward()
    torch.nn.init.normal_(net.weight.weight)
    net(net.belief(*words)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert net.sharpness.weight.grad.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_groups_of_a_batch_do_not_meet(dtype: torch.dtype) -> None:
    net = embedding().to(dtype)
    sites = torch.tensor([3, 500, 900, 1600])
    groups, evidence = TABLE.number[sites], evidence_of(sites, 0.3).to(dtype)
    time = torch.randn(4, 4).to(dtype)
    together = net.belief(Segments.from_counts([1] * 4), groups, evidence, time)
    one = Segments.from_counts([1])
    alone = [net.belief(one, groups[i, None], evidence[i, None], time[i, None]) for i in range(4)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-6)


@given(sites=positions)
def test_of_a_known_site_its_own_is_expected(sites: list[int]) -> None:
    index, net = torch.tensor(sites), embedding()
    found = net.expected(belief(net, TABLE.number[index], evidence_of(index, 100.0)))
    assert found.tolist() == pytest.approx([primitive(site) for site in sites])
