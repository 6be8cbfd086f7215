"""RotaryNet keeps the symmetries it states, whatever it is fed."""

from functools import lru_cache

import torch

from epitaxy.models import RotaryNet
from epitaxy.models.testing import EquivarianceLaws


@lru_cache
def build(dtype: torch.dtype, **words: object) -> RotaryNet:
    torch.manual_seed(0)
    network = RotaryNet(species=7, **words, hidden=24, layers=2, heads=3, time_dim=8)
    for layer in network.layers:  # a modulation that begins at zero would hide what it multiplies
        torch.nn.init.normal_(layer.modulation.weight, std=0.2)
    for linear in (network.atom_embedding, network.of_crystal[0]):  # and so would an effect of properties
        if linear.told is not None:
            torch.nn.init.normal_(linear.told, std=0.2)
    return network.to(dtype)


class TestKnownSpecies(EquivarianceLaws):
    def network(self, dtype: torch.dtype) -> RotaryNet:
        return build(dtype, species_input="index")


class TestUncertainSpecies(EquivarianceLaws):
    probabilities = True

    def network(self, dtype: torch.dtype) -> RotaryNet:
        return build(dtype, species_input="probabilities", species_output=7)


class TestVelocitiesAndParameters(EquivarianceLaws):
    channels, lattice, velocities = 0, "parameters", True

    def network(self, dtype: torch.dtype) -> RotaryNet:
        return build(
            dtype,
            species_input="index",
            species_output=6,
            position_conditions=0,
            lattice="parameters",
            velocities=True,
            time_embedding="gaussian",
            position_head="two_layer",
        )


class TestVelocitiesAndMatrix(EquivarianceLaws):
    probabilities, velocities = True, True

    def network(self, dtype: torch.dtype) -> RotaryNet:
        return build(dtype, species_input="probabilities", species_output=7, velocities=True)


class TestProperties(EquivarianceLaws):
    probabilities, properties = True, 2

    def network(self, dtype: torch.dtype) -> RotaryNet:
        return build(dtype, species_input="probabilities", species_output=7, properties=2)
