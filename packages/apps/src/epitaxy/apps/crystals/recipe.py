"""The recipe of a crystal model: positions, lattice and (de novo) species of the atoms of a cell."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, model_validator

from epitaxy import flows, models
from epitaxy.apps.config.base import Config
from epitaxy.apps.config.bayesian import CircularBFNConfig, GaussianBFNConfig
from epitaxy.apps.config.conditioning import CompositionConditioningConfig
from epitaxy.apps.config.lattice_form import LatticeFormConfig, MatrixFormConfig
from epitaxy.apps.config.modalities import LatticeConfig, PositionsConfig, SpeciesConfig
from epitaxy.apps.config.network import CrystalNetConfig, CSPNetConfig
from epitaxy.apps.config.recipe import CompositionSamplingConfig, Recipe, check_grids
from epitaxy.apps.config.species_form import SpeciesForm


class LossWeights(Config):
    """Weight of each modality's loss; each loss is first averaged over its rows and components."""

    positions: NonNegativeFloat = 1.0
    lattice: NonNegativeFloat = 1.0
    species: Annotated[
        NonNegativeFloat | None, Field(description="null: the one published with the species' flow")
    ] = None


class CrystalRecipe(Recipe):
    """Flows on the positions, the lattice and (de novo) the species of crystals, and their network."""

    model: Literal["crysbfn", "kldm"]
    positions: PositionsConfig = CircularBFNConfig()
    lattice: LatticeConfig = GaussianBFNConfig()
    lattice_form: LatticeFormConfig = MatrixFormConfig()
    species: Annotated[SpeciesConfig | None, Field(description="null where the composition is given (csp)")]
    conditioning: CompositionConditioningConfig = CompositionConditioningConfig()
    network: CrystalNetConfig = CSPNetConfig()
    weights: LossWeights = LossWeights()
    sampling: CompositionSamplingConfig = CompositionSamplingConfig()

    @model_validator(mode="after")
    def _task_and_grids_agree(self) -> "CrystalRecipe":
        if (self.task == "dng") == (self.species is None):
            raise ValueError("the task 'dng' needs a flow for species and the task 'csp' has none")
        if self.task == "dng" and self.conditioning.hide_elements:
            raise ValueError(
                "conditioning.hide_elements hides given elements, and the task 'dng' is given none"
            )
        if self.sampling.composition_guidance and not self.conditioning.hide_elements:
            raise ValueError(
                "sampling.composition_guidance compares with hidden elements, and training hides none: set "
                "conditioning.hide_elements=0.1 (for the task csp)"
            )
        check_grids(*(f.grid for f in (self.positions, self.lattice, self.species) if f is not None))
        return self

    @property
    def loss_weights(self) -> Mapping[str, float]:
        """Return each modality's weight."""
        own = self.weights.species
        published = 1.0 if self.species is None else self.species.weight
        species = published if own is None else own
        return {"positions": self.weights.positions, "lattice": self.weights.lattice, "species": species}

    def species_form(self, classes: int) -> SpeciesForm:
        """Return how the network sees and predicts ``classes`` elements."""
        if self.species is None:
            return SpeciesForm(kind="index", channels=classes, outputs=0, components=1)
        return self.species.form(classes)

    def numbers_elements(self, classes: int) -> bool:
        """Whether elements are analog bits, which number them."""
        form = self.species_form(classes)
        return form.kind == "probabilities" and form.channels != classes

    def build_network(self, classes: int, properties: int) -> "models.CrystalNet":
        """Return a fresh network for the recipe's flows, so many elements and so many properties."""
        return self.network.build(
            species=self.species_form(classes),
            lattice=self.lattice_form.kind,
            conditions=self.positions.conditions,
            velocities=self.positions.velocities,
            properties=properties,
        )

    def build_flow(self, classes: int) -> "flows.ProductFlow":
        """Return the product of the modalities' flows, for a vocabulary of ``classes`` elements."""
        parts: dict[str, flows.Flow[Any]] = {
            "positions": self.positions.build(),
            "lattice": self.lattice.build(),
        }
        if self.species is not None:
            parts["species"] = self.species.build(classes)
        levels: dict[str, Literal["atom", "graph"]] = {
            "positions": "atom", "lattice": "graph", "species": "atom",
        }  # fmt: skip
        return flows.ProductFlow(flows=parts, levels={name: levels[name] for name in parts})
