"""EGNN and MoleculeNet keep the symmetries they state, whatever they are fed."""

from functools import lru_cache
from types import SimpleNamespace
from typing import ClassVar

import torch

from epitaxy.models import EGNN, MoleculeNet
from epitaxy.models.testing import MoleculeInput, MoleculeLaws


def awake(network: torch.nn.Module) -> torch.nn.Module:
    """Steps of the size that training gives them, not of an untrained network, a thousandth."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(("last.weight", "handedness.step.weight")):
                parameter *= 300
    return network


@lru_cache
def build(dtype: torch.dtype, kind: type = MoleculeNet, **words: object) -> torch.nn.Module:
    torch.manual_seed(0)
    return awake(kind(hidden=16, layers=3, **words)).to(dtype)


class TestPublished(MoleculeLaws):
    def network(self, dtype: torch.dtype) -> torch.nn.Module:
        return build(dtype)


class TestRotationsAlone(MoleculeLaws):
    words: ClassVar = {"types": 5, "properties": 2}
    reflections = False

    def network(self, dtype: torch.dtype) -> torch.nn.Module:
        return build(
            dtype,
            types=5,
            charge="value",
            charge_outputs=1,
            properties=2,
            property_dim=8,
            equivariance="SE(3)",
        )


class TestEDM(MoleculeLaws):
    words: ClassVar = {"types": 5, "charges": False}

    def network(self, dtype: torch.dtype) -> torch.nn.Module:
        return build(dtype, types=5, charge="none", time="sinusoidal", time_dim=8, attention=True, tanh=True)


class TestUncentred(MoleculeLaws):
    """The EGNN itself."""

    words: ClassVar = {"types": 5, "charges": False}

    def network(self, dtype: torch.dtype) -> torch.nn.Module:
        return build(dtype, EGNN, features=5, outputs=3)

    def run(self, x: MoleculeInput) -> SimpleNamespace:
        network = self.network(x.positions.dtype)
        output = network(segments=x.segments, positions=x.positions, features=x.types)
        return SimpleNamespace(positions=output.displacement, types=output.features, charges=None)
