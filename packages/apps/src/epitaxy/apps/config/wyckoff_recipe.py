"""The recipe of a model of asymmetric units."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import NonNegativeFloat, PositiveFloat, model_validator

from epitaxy.apps.config.base import Config
from epitaxy.apps.config.bayesian import CategoricalBFNConfig, GaussianBFNConfig
from epitaxy.apps.config.conditioning import ConditioningConfig
from epitaxy.apps.config.lattice_form import KVectorFormConfig
from epitaxy.apps.config.modalities import LatticeConfig
from epitaxy.apps.config.network import WyckoffNetConfig
from epitaxy.apps.config.recipe import Recipe, check_grids
from epitaxy.flows import Flow, ProductFlow
from epitaxy.geometry.symmetry import SITE_CLASSES


class WyckoffWeights(Config):
    """Weight of each modality's loss; each loss is first averaged over its rows and components."""

    positions: NonNegativeFloat = 1.0
    lattice: NonNegativeFloat = 1.0
    species: NonNegativeFloat = 1.0
    symmetry: NonNegativeFloat = 1.0


class WyckoffRecipe(Recipe):
    """Flows on the asymmetric unit: its points, elements and site symmetries, and the free part of its cell.

    ``symprec``, in angstrom, is how far atoms may be from where the space group of a training crystal has
    them.
    """

    model: Literal["symmbfn"]
    task: Literal["dng"]
    positions: GaussianBFNConfig
    lattice: LatticeConfig
    lattice_form: KVectorFormConfig = KVectorFormConfig()
    species: CategoricalBFNConfig
    symmetry: CategoricalBFNConfig
    conditioning: ConditioningConfig = ConditioningConfig()
    network: WyckoffNetConfig = WyckoffNetConfig()
    weights: WyckoffWeights = WyckoffWeights()
    symprec: PositiveFloat = 0.1

    @model_validator(mode="after")
    def _grids_agree(self) -> "WyckoffRecipe":
        check_grids(*(flow.grid for flow in (self.positions, self.lattice, self.species, self.symmetry)))
        return self

    @property
    def loss_weights(self) -> Mapping[str, float]:
        """Return each modality's weight."""
        weights = self.weights
        return {
            "positions": weights.positions,
            "lattice": weights.lattice,
            "species": weights.species,
            "symmetry": weights.symmetry,
        }

    def build_flow(self, classes: int) -> ProductFlow:
        """Return the product of the modalities' flows, for a vocabulary of ``classes`` elements."""
        flows: dict[str, Flow[Any]] = {
            "positions": self.positions.build(period=1.0),
            "lattice": self.lattice.build(),
            "species": self.species.build(classes),
            "symmetry": self.symmetry.build(len(SITE_CLASSES)),
        }
        return ProductFlow(
            flows=flows,
            levels={"positions": "atom", "lattice": "graph", "species": "atom", "symmetry": "atom"},
        )
