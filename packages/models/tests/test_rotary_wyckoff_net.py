"""RotaryWyckoffNet: the laws of networks on orbits, what it sees, its sizes and refusals."""

from dataclasses import dataclass, replace
from functools import lru_cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import Tolerance
from epitaxy.models import RotaryWyckoffNet, WyckoffNet, WyckoffNetOutput
from epitaxy.models.testing import (
    EquivarianceLaws,
    WyckoffInput,
    random_asymmetric_units,
    wyckoff_inputs,
)

SPECIES = 5
SIZES = {"hidden": 24, "layers": 2, "frequencies": 4, "embedding": 8, "time_dim": 16}


@lru_cache
def network(dtype: torch.dtype = torch.float32, properties: int = 0) -> RotaryWyckoffNet:
    torch.manual_seed(1)
    net = RotaryWyckoffNet(species=SPECIES, heads=3, properties=properties, **SIZES)
    for layer in net.layers:  # a modulation that begins at zero would hide what it multiplies
        torch.nn.init.normal_(layer.modulation.weight, std=0.2)
    torch.nn.init.normal_(net.space_group_embedding.own.weight)
    return net.to(dtype)


def inputs(orbits: list[int], *, properties: int = 0, seed: int = 0) -> WyckoffInput:
    segments = Segments.from_counts(orbits)
    rng = torch.Generator().manual_seed(seed)
    return random_asymmetric_units(segments, rng=rng, species=SPECIES, properties=properties)


def fields(output: WyckoffNetOutput) -> list[torch.Tensor]:
    return [output.positions, output.lattice, output.species, output.symmetry]


@dataclass(frozen=True, kw_only=True)
class Flat:
    """The output with both kinds of logits in one field, as the shared laws know three."""

    positions: torch.Tensor
    lattice: torch.Tensor
    species: torch.Tensor


class Laws(EquivarianceLaws):
    lattice = "parameters"
    told = 0

    def network(self, dtype: torch.dtype) -> RotaryWyckoffNet:
        return network(dtype, self.told)

    def draw(self, data: st.DataObject, dtype: torch.dtype) -> WyckoffInput:
        return data.draw(wyckoff_inputs(dtype=dtype, species=SPECIES, properties=self.told))

    def run(self, x: WyckoffInput) -> Flat:
        y = super().run(x)
        logits = torch.cat([y.species, y.symmetry.flatten(1)], dim=1)
        return Flat(positions=y.positions, lattice=y.lattice, species=logits)

    test_periodic_translation = None
    """Its place takes `test_whole_periods`: absolute coordinates are seen."""


class TestUntold(Laws):
    pass


class TestProperties(Laws):
    told = 2


del Laws


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_whole_periods(data: st.DataObject, seed: int) -> None:
    """Nothing but the linear map of the raw mean sees a whole period; the attention's phases do not."""
    x = data.draw(wyckoff_inputs(dtype=torch.float64, species=SPECIES))
    net = RotaryWyckoffNet(species=SPECIES, heads=3, **SIZES).double()
    net.position_embedding.weight.data[:, -3:] = 0
    periods = torch.randint(-2, 3, x.positions.shape, generator=torch.Generator().manual_seed(seed)).double()
    after = net(**replace(x, positions=x.positions + periods).words())
    for actual, expected in zip(fields(after), fields(net(**x.words())), strict=True):
        Tolerance.loose(torch.float64).assert_close(actual, expected)


def test_points_are_seen_absolutely_and_relatively() -> None:
    """Without its maps of absolute coordinates, displacements alone are left, and they are seen."""
    x, net = inputs([2, 3]), RotaryWyckoffNet(species=SPECIES, heads=3, **SIZES)
    moved = replace(x, positions=x.positions + 0.3)
    apart = replace(x, positions=torch.cat([x.positions[:1] + 0.3, x.positions[1:]]))
    assert not torch.allclose(net(**x.words()).species, net(**moved.words()).species, atol=1e-3)
    net.position_embedding.weight.data.zero_()
    expected = net(**x.words()).species
    torch.testing.assert_close(net(**moved.words()).species, expected, rtol=0, atol=1e-5)
    assert not torch.allclose(net(**apart.words()).species[1], expected[1], atol=1e-4)


@pytest.mark.parametrize("name", ["lattice", "space_groups", "properties", "time"])
def test_one_orbit_sees_its_crystal(name: str) -> None:
    net, x = network(properties=2), inputs([1, 1], properties=2)
    x = replace(x, properties=x.properties.nan_to_num(0.5))
    others = {
        "lattice": x.lattice + torch.tensor([[0.0], [1.0]]),
        "space_groups": torch.stack([x.space_groups[0], x.space_groups[1] % 230 + 1]),
        "properties": x.properties + torch.tensor([[0.0], [1.0]]),
        "time": x.time + torch.tensor([0.0, 0.1]),
    }
    first, second = net(**x.words()), net(**replace(x, **{name: others[name]}).words())
    assert torch.equal(first.species[0], second.species[0])
    assert (first.species[1] - second.species[1]).abs().max() > 1e-5


def test_it_stands_for_wyckoffnet() -> None:
    """The same words in and the same shapes out, with labels and without; pairs are not looked at."""
    x = inputs([3, 1, 2])
    for labels in (True, False):
        one, other = (
            kind(species=SPECIES, labels=labels, **SIZES, **words)(**x.words(), pairs=x.segments.pairs())
            for kind, words in ((WyckoffNet, {}), (RotaryWyckoffNet, {"heads": 3}))
        )
        shapes = [[None if y is None else tuple(y.shape) for y in fields(z)] for z in (one, other)]
        assert shapes[0] == shapes[1]
    again = network()(**x.words(), pairs=x.segments.pairs())
    for actual, expected in zip(fields(again), fields(network()(**x.words())), strict=True):
        assert torch.equal(actual, expected)


def test_bfloat16_autocast_stays_close() -> None:
    x = inputs([1, 7, 20])
    expected = fields(network()(**x.words()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = fields(network()(**x.words()))
    for value, wanted in zip(actual, expected, strict=True):
        assert (value.float() - wanted).abs().max() < 0.06 * wanted.abs().max()


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="hidden = 20 is no multiple of twice the 3 heads"):
        RotaryWyckoffNet(species=SPECIES, heads=3, **{**SIZES, "hidden": 20})
    x = inputs([2, 1])
    with pytest.raises(ValueError, match="species have 4 classes, the network has 5"):
        network()(**replace(x, species=x.species[:, :4]).words())
