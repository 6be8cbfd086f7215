"""The laws of networks on the orbits of asymmetric units, as a suite to subclass."""

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from torch import Tensor

from epitaxy.geometry import Segments
from epitaxy.geometry.testing import Tolerance
from epitaxy.models.orbit_net import OrbitNet, WyckoffNetOutput
from epitaxy.models.testing.laws import DTYPES, EquivarianceLaws, law
from epitaxy.models.testing.wyckoff import WyckoffInput, random_asymmetric_units, wyckoff_inputs


@dataclass(frozen=True, kw_only=True)
class _OneFieldOfLogits:
    """The output with both kinds of logits in one field, as the laws of crystals know three."""

    positions: Tensor
    lattice: Tensor
    species: Tensor


def orbit_fields(output: WyckoffNetOutput) -> list[Tensor]:
    """Return points, cells and, of a network that predicts labels, species and site symmetries."""
    fields = (output.positions, output.lattice, output.species, output.symmetry)
    return [field for field in fields if field is not None]


class OrbitLaws(EquivarianceLaws):
    """The laws of an `OrbitNet`. Subclass it under a name that pytest collects.

    >>> class TestWyckoffNet(OrbitLaws):
    ...     def network(self, dtype):
    ...         return WyckoffNet(species=self.species, hidden=16).to(dtype)

    Those of crystals hold but for periodic translation, whose place `test_whole_periods` takes: orbits see
    absolute coordinates, by design. Weights that begin at zero hide what they multiply: fill them.
    """

    species = 5
    lattice = "parameters"
    test_periodic_translation = None  # type: ignore[assignment]  # so pytest collects none

    def network(self, dtype: torch.dtype) -> OrbitNet:
        """Return the network, with labels; the same one at every call for a dtype."""
        raise NotImplementedError

    def draw(self, data: st.DataObject, dtype: torch.dtype) -> WyckoffInput:
        """Draw an input for the network."""
        return data.draw(wyckoff_inputs(dtype=dtype, species=self.species, properties=self.properties))

    def inputs(self, *orbits: int) -> WyckoffInput:
        """Return crystals of so many orbits, the same at every call, all their properties known."""
        rng = torch.Generator().manual_seed(0)
        x = random_asymmetric_units(
            Segments.from_counts(list(orbits)), rng=rng, species=self.species, properties=self.properties
        )
        return x if x.properties is None else replace(x, properties=x.properties.nan_to_num(0.5))

    def run(self, x: WyckoffInput) -> _OneFieldOfLogits:  # type: ignore[override]  # of orbits alone
        """Run the network."""
        y = self.network(x.lattice.dtype)(**x.words())
        logits = torch.cat([y.species, y.symmetry.flatten(1)], dim=1)
        return _OneFieldOfLogits(positions=y.positions, lattice=y.lattice, species=logits)

    @law
    @given(data=st.data(), dtype=DTYPES, seed=st.integers(0, 2**32 - 1))
    def test_whole_periods(self, data: st.DataObject, dtype: torch.dtype, seed: int) -> None:
        """Nothing but the linear map of the raw mean, and the residual, sees a whole period."""
        x = self.draw(data, dtype)
        network = deepcopy(self.network(dtype))
        if network.raw_positions:
            network.position_embedding.weight.data[:, -3:] = 0
        rng = torch.Generator().manual_seed(seed)
        periods = torch.randint(-2, 3, x.positions.shape, generator=rng).to(dtype)
        after = network(**replace(x, positions=x.positions + periods).words())
        if network.residual_noise:
            after = replace(after, positions=after.positions - periods)
        for actual, expected in zip(orbit_fields(after), orbit_fields(network(**x.words())), strict=True):
            Tolerance.loose(dtype).assert_close(actual, expected)

    def test_absolute_coordinates_are_seen(self) -> None:
        """Moving all orbits of a crystal alike is another crystal in the same frame."""
        x = self.inputs(2, 3)
        moved = self.run(replace(x, positions=x.positions + 0.3))
        assert not torch.allclose(self.run(x).species, moved.species, atol=1e-3)

    def test_the_raw_mean_is_seen(self) -> None:
        """Where it is given, a period farther is not the same."""
        if not self.network(torch.float32).raw_positions:
            return
        x = self.inputs(2, 3)
        outside = self.run(replace(x, positions=x.positions + 1))
        assert not torch.allclose(self.run(x).species, outside.species, atol=1e-3)

    def test_a_lone_orbit_sees_its_crystal(self) -> None:
        """The cell, the space group, the time and the properties, each its own crystal's and no other's."""
        x = self.inputs(1, 1)
        second = torch.tensor([[0.0], [1.0]])
        others: dict[str, Any] = {
            "lattice": x.lattice + second,
            "space_groups": torch.stack([x.space_groups[0], x.space_groups[1] % 230 + 1]),
            "time": x.time + second.squeeze(1) / 10,
        }
        if x.properties is not None:
            others["properties"] = x.properties + second
        before = self.run(x).species
        for name, other in others.items():
            after = self.run(replace(x, **{name: other})).species
            assert torch.equal(before[0], after[0]), name
            assert (before[1] - after[1]).abs().max() > 1e-5, name

    def test_shapes(self) -> None:
        """Three numbers an orbit, six a crystal, logits of elements and of 13 classes on 15 axes."""
        y = self.network(torch.float32)(**self.inputs(3, 1, 2).words())
        shapes = [(6, 3), (3, 6), (6, self.species), (6, 15, 13)]
        assert [tuple(field.shape) for field in orbit_fields(y)] == shapes

    def test_pairs_may_be_given(self) -> None:
        """They change nothing, to the bit."""
        x, network = self.inputs(3, 1, 7), self.network(torch.float32)
        found = orbit_fields(network(**x.words(), pairs=x.segments.pairs()))
        for actual, expected in zip(found, orbit_fields(network(**x.words())), strict=True):
            assert torch.equal(actual, expected)

    @pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
    def test_autocast(self, half: torch.dtype) -> None:
        """Half-precision matrix products give the result to that precision."""
        x, network = self.inputs(3, 1, 7), self.network(torch.float32)
        with torch.autocast("cpu", dtype=half):
            found = orbit_fields(network(**x.words()))
        for actual, expected in zip(found, orbit_fields(network(**x.words())), strict=True):
            assert (actual.float() - expected).abs().max() < 0.1 * expected.abs().max()

    def test_what_it_was_not_built_for_is_refused(self) -> None:
        """Other numbers of classes and properties, and space groups that do not exist."""
        x, network = self.inputs(2, 1), self.network(torch.float32)
        classes, told = self.species, self.properties
        wrong: dict[str, dict[str, Any]] = {
            f"species have {classes - 1} classes, the network has {classes}": {"species": x.species[:, 1:]},
            f"{told + 1} properties are given, the network has {told}": {
                "properties": torch.zeros(2, told + 1)
            },
            "space groups have the numbers 1 to 230": {"space_groups": torch.tensor([1, 231])},
        }
        for sentence, words in wrong.items():
            with pytest.raises(ValueError, match=sentence):
                network(**replace(x, **words).words())
