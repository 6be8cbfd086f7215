"""The recipe of a model of asymmetric units."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from epitaxy import flows, models
from epitaxy.apps.config.base import Config
from epitaxy.apps.config.bayesian import CategoricalBFNConfig, PeriodicGaussianBFNConfig
from epitaxy.apps.config.conditioning import ConditioningConfig
from epitaxy.apps.config.diffusions import VPConfig
from epitaxy.apps.config.lattice_form import KVectorFormConfig
from epitaxy.apps.config.modalities import LatticeConfig, OrbitSpeciesConfig
from epitaxy.apps.config.network import OrbitNetConfig, WyckoffNetConfig
from epitaxy.apps.config.recipe import Recipe, check_grids
from epitaxy.geometry import symmetry


class WyckoffWeights(Config):
    """Weight of each modality's loss; each loss is first averaged over its rows and components."""

    positions: NonNegativeFloat = 1.0
    lattice: NonNegativeFloat = 1.0
    species: NonNegativeFloat = 1.0
    symmetry: NonNegativeFloat = 1.0


class WyckoffRecipe(Recipe):
    """Flows on the asymmetric unit: its points, elements and site symmetries, and the free part of its cell.

    Where the composition is given (csp), every orbit's element and Wyckoff position are, and there are flows
    on the points and the cell alone: a composition is kept by construction only if the positions are known
    before, as an orbit's multiplicity is its position's.

    ``symprec``, in angstrom, is how far atoms may be from where the space group of a training crystal has
    them.
    """

    model: Literal["symmbfn"]
    positions: PeriodicGaussianBFNConfig
    lattice: LatticeConfig
    lattice_form: KVectorFormConfig = KVectorFormConfig()
    species: Annotated[
        OrbitSpeciesConfig | None, Field(description="null where the composition is given (csp)")
    ]
    symmetry: Annotated[
        CategoricalBFNConfig | None, Field(description="null where the composition is given (csp)")
    ]
    conditioning: ConditioningConfig = ConditioningConfig()
    network: OrbitNetConfig = WyckoffNetConfig()
    weights: WyckoffWeights = WyckoffWeights()
    symprec: PositiveFloat = 0.1

    @model_validator(mode="after")
    def _task_and_grids_agree(self) -> "WyckoffRecipe":
        labels = [flow for flow in (self.species, self.symmetry) if flow is not None]
        if len(labels) != (2 if self.task == "dng" else 0):
            raise ValueError(
                "the task 'dng' needs flows for species and symmetry and the task 'csp' has none"
            )
        check_grids(*(flow.grid for flow in (self.positions, self.lattice, *labels)))
        if isinstance(self.lattice, VPConfig):  # Bayesian flows never move what is fixed
            _check_pins(self.lattice)
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

    def build_flow(self, classes: int) -> "flows.ProductFlow":
        """Return the product of the modalities' flows, for a vocabulary of ``classes`` elements."""
        parts: dict[str, flows.Flow[Any]] = {
            "positions": self.positions.build(),
            "lattice": self.lattice.build(),
        }
        if self.species is not None and self.symmetry is not None:
            parts["species"] = self.species.build(classes)
            parts["symmetry"] = self.symmetry.build(len(symmetry.SITE_CLASSES))
        return flows.ProductFlow(
            flows=parts, levels={name: "graph" if name == "lattice" else "atom" for name in parts}
        )

    def build_network(self, classes: int, properties: int) -> "models.OrbitNet":
        """Return a fresh network for so many elements and properties."""
        return self.network.build(species=classes, properties=properties, labels=self.task == "dng")


def _check_pins(lattice: VPConfig) -> None:
    """Raise a ValueError if a cell's flow would move what a space group fixes."""
    import torch

    from epitaxy.apps.asymmetric_units.pinned_cell import pinned_cell

    cell = torch.zeros(0, 6)
    try:
        pinned_cell(lattice.build(), free=cell > 0, value=cell)
    except ValueError as error:
        raise ValueError(f"lattice.sampler: {error}") from None
