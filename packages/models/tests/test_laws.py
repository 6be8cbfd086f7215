"""CSPNet keeps the symmetries it states, whatever it is fed."""

from functools import lru_cache

import torch

from epitaxy.models import CSPNet
from epitaxy.models.testing import EquivarianceLaws


@lru_cache
def build(dtype: torch.dtype, **words: object) -> CSPNet:
    torch.manual_seed(0)
    return CSPNet(species=7, **words, hidden=16, layers=2, frequencies=10, time_dim=8).to(dtype)


@lru_cache
def told(network: CSPNet) -> CSPNet:
    """Let it listen: an effect that begins at zero would hide what it multiplies."""
    torch.nn.init.normal_(network.atom_embedding.told, std=0.2)
    return network


class TestKnownSpecies(EquivarianceLaws):
    def network(self, dtype: torch.dtype) -> CSPNet:
        return build(dtype, species_input="index")


class TestUncertainSpecies(EquivarianceLaws):
    probabilities = True

    def network(self, dtype: torch.dtype) -> CSPNet:
        return build(dtype, species_input="probabilities", species_output=7)


class TestVelocitiesAndParameters(EquivarianceLaws):
    channels, lattice, velocities = 0, "parameters", True

    def network(self, dtype: torch.dtype) -> CSPNet:
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

    def network(self, dtype: torch.dtype) -> CSPNet:
        return build(dtype, species_input="probabilities", species_output=7, velocities=True)


class TestProperties(EquivarianceLaws):
    probabilities, properties = True, 2

    def network(self, dtype: torch.dtype) -> CSPNet:
        return told(build(dtype, species_input="probabilities", species_output=7, properties=2))


class TestConditionsAndParameters(EquivarianceLaws):
    lattice = "parameters"

    def network(self, dtype: torch.dtype) -> CSPNet:
        return build(dtype, species_input="index", lattice="parameters")
