"""CSPNet keeps the symmetries it states, for both kinds of species."""

from functools import lru_cache

import torch

from epitaxy.models import CSPNet
from epitaxy.models.testing import EquivarianceLaws


@lru_cache
def network(dtype: torch.dtype, species_input: str) -> CSPNet:
    torch.manual_seed(0)
    return CSPNet(
        species=7,
        species_input=species_input,
        predict_species=species_input == "probabilities",
        hidden=16,
        layers=2,
        frequencies=10,
        time_dim=8,
    ).to(dtype)


class TestKnownSpecies(EquivarianceLaws):
    def network(self, dtype: torch.dtype) -> CSPNet:
        return network(dtype, "index")


class TestUncertainSpecies(EquivarianceLaws):
    probabilities = True

    def network(self, dtype: torch.dtype) -> CSPNet:
        return network(dtype, "probabilities")
