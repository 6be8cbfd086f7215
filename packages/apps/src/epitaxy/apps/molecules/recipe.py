"""The recipe of a model of molecules."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import NonNegativeFloat, PositiveFloat, model_validator

from epitaxy import flows
from epitaxy.apps.config.base import Config
from epitaxy.apps.config.bayesian import GaussianBFNConfig
from epitaxy.apps.config.conditioning import ConditioningConfig
from epitaxy.apps.config.network import AnyMoleculeNet, MoleculeNetConfig
from epitaxy.apps.config.recipe import Recipe
from epitaxy.apps.molecules.atoms import AtomsConfig


class MoleculeWeights(Config):
    """Weight of each modality's loss; each is first averaged over its rows and components."""

    positions: NonNegativeFloat = 3.0
    charges: NonNegativeFloat = 1.0
    types: NonNegativeFloat = 1.0


class MoleculeRecipe(Recipe):
    """Flows on the positions, about their mean, and the elements of molecules, and their network.

    Positions are in units of ``position_scale`` angstrom: 2 in the published code. ``hydrogens`` says whether
    training molecules keep theirs.
    """

    model: Literal["geobfn"]
    task: Literal["dng"]
    positions: GaussianBFNConfig
    position_scale: PositiveFloat = 2.0
    atoms: AtomsConfig = AtomsConfig()
    conditioning: ConditioningConfig = ConditioningConfig()
    network: AnyMoleculeNet = MoleculeNetConfig()
    weights: MoleculeWeights = MoleculeWeights()
    hydrogens: bool = True

    @model_validator(mode="after")
    def _time_is_continuous(self) -> "MoleculeRecipe":
        if self.positions.grid is not None:
            raise ValueError("positions.grid: the flows of elements have continuous time; give null")
        return self

    @property
    def loss_weights(self) -> Mapping[str, float]:
        """Return each modality's weight."""
        weights = self.weights
        return {"positions": weights.positions, "charges": weights.charges, "types": weights.types}

    def build_flow(self, numbers: tuple[int, ...]) -> "flows.ProductFlow":
        """Return the product of the modalities' flows, for molecules of these elements."""
        parts: dict[str, flows.Flow[Any]] = {"positions": flows.MassCentred(flow=self.positions.build())}
        parts |= self.atoms.build(numbers)
        levels: dict[str, flows.Level] = dict.fromkeys(parts, "atom")
        return flows.ProductFlow(flows=parts, levels=levels)
