"""RotaryWyckoffNet: the laws of networks on orbits, and what is its own."""

from dataclasses import replace
from functools import lru_cache

import pytest
import torch

from epitaxy.geometry import Segments
from epitaxy.models import RotaryWyckoffNet, WyckoffNet
from epitaxy.models.testing import OrbitLaws, WyckoffInput, orbit_fields, random_asymmetric_units

SPECIES = 5
SIZES = {"hidden": 24, "layers": 2, "frequencies": 4, "embedding": 8, "time_dim": 16}


@lru_cache
def network(
    dtype: torch.dtype, properties: int, copies: bool = False, counted: bool = False
) -> RotaryWyckoffNet:
    torch.manual_seed(1)
    words = {"properties": properties, "copies": copies, "multiplicities": counted, "composition": counted}
    net = RotaryWyckoffNet(species=SPECIES, heads=3, **words, **SIZES)
    if net.multiplicity_embedding is not None:
        torch.nn.init.normal_(net.multiplicity_embedding.weight.weight)
    if net.composition_embedding is not None:
        torch.nn.init.normal_(net.composition_embedding.perceptron[2].weight)
    for layer in net.layers:  # a modulation that begins at zero would hide what it multiplies
        torch.nn.init.normal_(layer.modulation.weight, std=0.2)
    torch.nn.init.normal_(net.space_group_embedding.own.weight)
    return net.to(dtype)


def inputs(orbits: list[int]) -> WyckoffInput:
    rng = torch.Generator().manual_seed(0)
    return random_asymmetric_units(Segments.from_counts(orbits), rng=rng, species=SPECIES)


class TestUntold(OrbitLaws):
    species = SPECIES

    def network(self, dtype: torch.dtype) -> RotaryWyckoffNet:
        return network(dtype, self.properties)


class TestProperties(TestUntold):
    properties = 2


class TestCopies(TestUntold):
    def network(self, dtype: torch.dtype) -> RotaryWyckoffNet:
        return network(dtype, 0, copies=True)


class TestCounted(TestUntold):
    """Told of multiplicities and of the composition."""

    def network(self, dtype: torch.dtype) -> RotaryWyckoffNet:
        return network(dtype, 0, counted=True)


def test_displacements_are_seen() -> None:
    """They alone are left without the maps of absolute coordinates."""
    x, net = inputs([2, 3]), RotaryWyckoffNet(species=SPECIES, heads=3, **SIZES)
    moved = replace(x, positions=x.positions + 0.3)
    apart = replace(x, positions=torch.cat([x.positions[:1] + 0.3, x.positions[1:]]))
    net.position_embedding.weight.data.zero_()
    expected = net(**x.words()).species
    torch.testing.assert_close(net(**moved.words()).species, expected, rtol=0, atol=1e-5)
    assert not torch.allclose(net(**apart.words()).species[1], expected[1], atol=1e-4)


def test_it_stands_for_wyckoffnet() -> None:
    """The same words in and the same shapes out, with labels and without; pairs are not looked at."""
    x = inputs([3, 1, 2])
    for labels in (True, False):
        one, other = (
            kind(species=SPECIES, labels=labels, **SIZES, **words)(**x.words(), pairs=x.segments.pairs())
            for kind, words in ((WyckoffNet, {}), (RotaryWyckoffNet, {"heads": 3}))
        )
        shapes = [[tuple(y.shape) for y in orbit_fields(z)] for z in (one, other)]
        assert shapes[0] == shapes[1]


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="hidden = 20 is no multiple of twice the 3 heads"):
        RotaryWyckoffNet(species=SPECIES, heads=3, **{**SIZES, "hidden": 20})
