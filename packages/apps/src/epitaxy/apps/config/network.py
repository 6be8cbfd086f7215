"""The network's shape."""

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from epitaxy.apps.config.base import Config
from epitaxy.apps.config.species_form import SpeciesForm
from epitaxy.models import CSPNet


class NetworkConfig(Config):
    """What every network has."""

    hidden: PositiveInt
    layers: PositiveInt


class CSPNetConfig(NetworkConfig):
    """CSPNet; the defaults are those of CrysBFN (App. C)."""

    kind: Literal["cspnet"] = "cspnet"
    hidden: PositiveInt = 512
    layers: PositiveInt = 6
    frequencies: PositiveInt = 128
    time_dim: PositiveInt = 128
    time_embedding: Literal["sinusoidal", "gaussian"] = "sinusoidal"
    position_head: Literal["linear", "two_layer"] = "linear"

    def build(
        self,
        *,
        species: SpeciesForm,
        lattice: Literal["matrix", "parameters"],
        conditions: NonNegativeInt,
        velocities: bool,
    ) -> CSPNet:
        """Return a freshly initialised network.

        Args:
            species: how it sees and predicts elements.
            lattice: which numbers stand for a lattice.
            conditions: channels of extra conditioning that the positions' flow supplies for each atom.
            velocities: whether the positions' flow supplies velocities.
        """
        return CSPNet(
            species=species.channels,
            species_input=species.kind,
            species_output=species.outputs,
            lattice=lattice,
            hidden=self.hidden,
            layers=self.layers,
            frequencies=self.frequencies,
            time_dim=self.time_dim,
            time_embedding=self.time_embedding,
            position_conditions=conditions,
            position_head=self.position_head,
            velocities=velocities,
        )
