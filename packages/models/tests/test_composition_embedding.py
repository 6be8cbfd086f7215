"""CompositionEmbedding: shares of elements and numbers of atoms, and that orbits of many atoms weigh more."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from epitaxy.geometry import Segments
from epitaxy.models import WyckoffNet
from epitaxy.models.composition_embedding import CompositionEmbedding

CLASSES = 5
crystals = st.lists(
    st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(1, 48)), min_size=1, max_size=6),
    min_size=1,
    max_size=4,
)


def embedding() -> CompositionEmbedding:
    torch.manual_seed(0)
    return CompositionEmbedding(CLASSES, 6, time_dim=4).double()


def inputs(orbits: list[list[tuple[int, int]]], strength: float = 100.0) -> dict[str, Any]:
    """Evidence and multiplicities of crystals whose orbits are (element, atoms)."""
    flat = [orbit for crystal in orbits for orbit in crystal]
    elements, atoms = torch.tensor(flat).unbind(1)
    return {
        "segments": Segments.from_counts([len(crystal) for crystal in orbits]),
        "species": strength * torch.nn.functional.one_hot(elements, CLASSES).double(),
        "multiplicity": atoms.double(),
        "of_time": torch.zeros(len(orbits), 4).double(),
    }


@given(orbits=crystals)
def test_of_known_elements_it_is_the_composition(orbits: list[list[tuple[int, int]]]) -> None:
    found = embedding().shares(**inputs(orbits))
    for row, crystal in zip(found.tolist(), orbits, strict=True):
        total = sum(atoms for _, atoms in crystal)
        shares = [sum(n for z, n in crystal if z == element) / total for element in range(CLASSES)]
        assert row == pytest.approx([torch.tensor(float(total)).log().item(), *shares], abs=1e-6)


@given(orbits=crystals, seed=st.integers(0, 2**32 - 1))
def test_an_orbit_of_many_atoms_is_as_many_orbits_of_one(
    orbits: list[list[tuple[int, int]]], seed: int
) -> None:
    """Whatever is believed of it; and shares add up to one."""
    rng, net = torch.Generator().manual_seed(seed), embedding()
    words = inputs(orbits)
    words["species"] = torch.randn(words["species"].shape, generator=rng, dtype=torch.float64)
    found = net.shares(**words)
    atoms = words["multiplicity"].long()
    single = words | {
        "segments": Segments.from_counts(words["segments"].sum(atoms)),
        "species": words["species"].repeat_interleave(atoms, 0),
        "multiplicity": torch.ones(int(atoms.sum())).double(),
    }
    torch.testing.assert_close(found, net.shares(**single))
    torch.testing.assert_close(found[:, 1:].sum(1), torch.ones(len(orbits)).double())


def test_time_sharpens() -> None:
    """At a sharpness of e the belief is that of evidence e times as strong."""
    net = embedding()
    torch.nn.init.ones_(net.sharpness.bias)
    words = inputs([[(0, 2), (1, 1)], [(3, 4)]], strength=0.7)
    sharp = net.shares(**words)
    torch.nn.init.zeros_(net.sharpness.bias)
    e = torch.tensor(1.0).double().exp()
    torch.testing.assert_close(sharp, net.shares(**words | {"species": e * words["species"]}))


def test_it_begins_as_nothing_and_learns() -> None:
    net, words = embedding(), inputs([[(0, 2), (1, 1)], [(3, 4)]], strength=1.0)
    assert not net(**words).any()
    net(**words).sum().backward()
    assert net.perceptron[2].weight.grad.any()
    torch.nn.init.normal_(net.perceptron[2].weight)
    net(**words | {"of_time": torch.ones(2, 4).double()}).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert net.sharpness.weight.grad.any()


def test_crystals_of_a_batch_do_not_meet() -> None:
    net, orbits = embedding(), [[(0, 2), (1, 1)], [(3, 4)], [(2, 8), (2, 1), (4, 6)]]
    torch.nn.init.normal_(net.perceptron[2].weight)
    together = net(**inputs(orbits, 0.8))
    torch.testing.assert_close(together, torch.cat([net(**inputs([one], 0.8)) for one in orbits]))


def test_without_numbers_of_atoms_there_is_no_composition() -> None:
    with pytest.raises(ValueError, match="wants multiplicities"):
        WyckoffNet(
            species=CLASSES, hidden=8, layers=1, frequencies=2, embedding=4, time_dim=4, composition=True
        )


def test_a_network_tells_all_orbits_what_one_is() -> None:
    """An orbit's output depends on how many atoms another stands for, by the composition alone."""
    torch.manual_seed(0)
    net = WyckoffNet(
        species=CLASSES, hidden=8, layers=1, frequencies=2, embedding=4, time_dim=4,
        multiplicities=True, composition=True,
    ).double()  # fmt: skip
    part = net.composition_embedding
    assert part is not None
    seen: list[Tensor] = []
    part.register_forward_hook(lambda _, given, __: seen.append(given[2]))
    words: dict[str, Any] = {
        "segments": Segments.from_counts([2]),
        "space_groups": torch.tensor([225]),
        "positions": torch.rand(2, 3).double(),
        "lattice": torch.randn(1, 6).double(),
        "species": torch.randn(2, CLASSES).double(),
        "symmetry": torch.randn(2, 15, 13).double(),
        "time": torch.tensor([0.5]).double(),
    }
    first = net(**words).species
    torch.nn.init.normal_(part.perceptron[2].weight)
    assert (net(**words).species - first).abs().max() > 1e-3
    assert seen[0].shape == (2,)
    assert ((seen[0] >= 1) & (seen[0] <= 48)).all()
