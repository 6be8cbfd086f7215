"""MoleculeTransformer keeps EGNN's symmetries, tells bonds and angles, and refuses what it cannot be."""

from functools import lru_cache
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.geometry import Segments
from epitaxy.models import MoleculeNet, MoleculeTransformer
from epitaxy.models.molecule_attention import RadialBasis
from epitaxy.models.testing import MoleculeLaws


@lru_cache
def build(dtype: torch.dtype, **words: object) -> MoleculeNet:
    torch.manual_seed(0)
    network = MoleculeNet(
        hidden=24, layers=2, time="sinusoidal", time_dim=8, transformer={"heads": 3, "radial": 8}, **words
    )
    for layer in network.transformer.layers:  # a modulation that begins at zero would hide what it multiplies
        torch.nn.init.normal_(layer.modulation.weight, std=0.2)
    return network.to(dtype)


class TestCharges(MoleculeLaws):
    def network(self, dtype: torch.dtype) -> MoleculeNet:
        return build(dtype)


class TestTypesAndProperties(MoleculeLaws):
    words: ClassVar = {"types": 5, "properties": 2}

    def network(self, dtype: torch.dtype) -> MoleculeNet:
        return build(dtype, types=5, charge="value", charge_outputs=1, properties=2, property_dim=8)


@given(distance=st.floats(0.0, 40.0))
def test_radial_functions_are_bumps_around_their_centres(distance: float):
    basis = RadialBasis(16, 8.0)
    features = basis(torch.tensor(distance, dtype=torch.float64))
    place = torch.exp(torch.tensor(-distance / 2, dtype=torch.float64)).clamp(min=float(basis.centres[0]))
    nearest = int((basis.centres.double() - place).abs().argmin())
    assert features[nearest] == features.max()
    assert features.max() > 0.4  # wherever the distance is, some bump is near
    assert float(features.min()) >= 0
    assert float(features.max()) <= 1


def test_a_bond_is_told_from_one_a_twentieth_longer():
    features = RadialBasis(32, 8.0)(torch.tensor([1.20, 1.26, 1.54, 1.62]))
    assert (features[0] - features[1]).norm() > 0.2
    assert (features[2] - features[3]).norm() > 0.2


def test_three_atoms_in_a_row_are_told_from_an_angle():
    """The centre's distances are the same in both: what differs is the angle, which vectors tell."""
    network = build(torch.float64)
    straight = torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [-1.2, 0, 0]], dtype=torch.float64)
    bent = torch.tensor([[0.0, 0, 0], [1.2, 0, 0], [0, 1.2, 0]], dtype=torch.float64)
    one_layer = MoleculeNet(hidden=24, layers=1, transformer={"heads": 3}).double()
    for net in (network, one_layer):
        told = [
            net(
                segments=Segments.from_counts([3]),
                positions=x,
                charges=torch.zeros(3, 1, dtype=torch.float64),
                time=torch.zeros(1, dtype=torch.float64),
            ).charges[0]
            for x in (straight, bent)
        ]
        assert (told[0] - told[1]).abs().max() > 1e-6


@pytest.mark.parametrize(
    ("words", "match"),
    [({"hidden": 20, "heads": 8}, "multiple of the 8 heads"), ({"radial": 1}, "two radial functions")],
    ids=str,
)
def test_shapes_that_it_cannot_have_are_refused(words: dict, match: str):
    with pytest.raises(ValueError, match=match):
        MoleculeTransformer(features=1, outputs=1, conditions=1, **words)
