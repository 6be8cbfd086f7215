"""The network's shape."""

from typing import Literal

from pydantic import NonNegativeInt, PositiveInt

from epitaxy.apps.config.base import Config
from epitaxy.models import CSPNet


class CSPNetConfig(Config):
    """CSPNet with entropy conditioning; the defaults are the paper's (App. C)."""

    kind: Literal["cspnet"] = "cspnet"
    hidden: PositiveInt = 512
    layers: PositiveInt = 6
    frequencies: PositiveInt = 128
    time_dim: PositiveInt = 128

    def build(self, *, species: int, given_species: bool, position_conditions: NonNegativeInt) -> CSPNet:
        """Return a freshly initialised network.

        Args:
            species: size of the element vocabulary.
            given_species: True where the composition is the input (CSP), False where it is generated.
            position_conditions: channels of extra conditioning that the positions' flow supplies per atom.
        """
        return CSPNet(
            species=species,
            species_input="index" if given_species else "probabilities",
            predict_species=not given_species,
            hidden=self.hidden,
            layers=self.layers,
            frequencies=self.frequencies,
            time_dim=self.time_dim,
            position_conditions=position_conditions,
        )
