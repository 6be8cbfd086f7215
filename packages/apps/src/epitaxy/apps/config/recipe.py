"""The recipe: everything that makes a run what it is, and nothing else."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from epitaxy.apps.config.base import Config
from epitaxy.apps.config.bayesian import CircularBFNConfig, GaussianBFNConfig
from epitaxy.apps.config.lattice_form import LatticeFormConfig, MatrixFormConfig
from epitaxy.apps.config.modalities import LatticeConfig, PositionsConfig, SpeciesConfig
from epitaxy.apps.config.network import CSPNetConfig
from epitaxy.apps.config.species_form import SpeciesForm
from epitaxy.apps.config.training import TrainingConfig
from epitaxy.apps.errors import UsageError
from epitaxy.apps.names import ModelName, Task
from epitaxy.flows import Flow, ProductFlow
from epitaxy.models import CSPNet

FORMAT: Literal[1] = 1
"""Version of ``recipe.json``; a change that old files do not meet raises it and adds a migration."""

MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""``MIGRATIONS[k]`` turns a file of format k into one of format k + 1."""


class LossWeights(Config):
    """Weight of each modality's loss; each loss is first averaged over its rows and components."""

    positions: NonNegativeFloat = 1.0
    lattice: NonNegativeFloat = 1.0
    species: Annotated[
        NonNegativeFloat | None, Field(description="null: the one published with the species' flow")
    ] = None


class SamplingConfig(Config):
    """What ``sample`` does unless told otherwise."""

    steps: PositiveInt = 100
    batch_size: PositiveInt = 256


class Recipe(Config):
    """A model, its task, its flows, its network and its training.

    ``model`` says whose preset it began as and which command uses it; any flow may be put on any modality.
    """

    format: Literal[1] = FORMAT
    model: ModelName
    task: Task
    dataset: str
    positions: PositionsConfig = CircularBFNConfig()
    lattice: LatticeConfig = GaussianBFNConfig()
    lattice_form: LatticeFormConfig = MatrixFormConfig()
    species: Annotated[SpeciesConfig | None, Field(description="null where the composition is given (csp)")]
    network: CSPNetConfig = CSPNetConfig()
    weights: LossWeights = LossWeights()
    training: TrainingConfig
    sampling: SamplingConfig = SamplingConfig()

    @model_validator(mode="after")
    def _task_and_grids_agree(self) -> "Recipe":
        if (self.task == "dng") == (self.species is None):
            raise ValueError("the task 'dng' needs a flow for species and the task 'csp' has none")
        flows = (self.positions, self.lattice, self.species)
        grids = {flow.grid for flow in flows if flow is not None} - {None}
        if len(grids) > 1:
            raise ValueError(
                f"the flows of one recipe share one time grid, these have {sorted(map(str, grids))} steps"
            )
        return self

    @property
    def loss_weights(self) -> dict[str, float]:
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

    def build_network(self, classes: int) -> CSPNet:
        """Return a fresh network for the recipe's flows and a vocabulary of ``classes`` elements."""
        return self.network.build(
            species=self.species_form(classes),
            lattice=self.lattice_form.kind,
            conditions=self.positions.conditions,
            velocities=self.positions.velocities,
        )

    def build_flow(self, classes: int) -> ProductFlow:
        """Return the product of the modalities' flows, for a vocabulary of ``classes`` elements."""
        flows: dict[str, Flow[Any]] = {"positions": self.positions.build(), "lattice": self.lattice.build()}
        if self.species is not None:
            flows["species"] = self.species.build(classes)
        levels: dict[str, Literal["atom", "graph"]] = {
            "positions": "atom", "lattice": "graph", "species": "atom",
        }  # fmt: skip
        return ProductFlow(flows=flows, levels={name: levels[name] for name in flows})


def read_recipe(values: dict[str, Any], *, source: str) -> Recipe:
    """Validate the content of a ``recipe.json``, migrating an older format first.

    Raises:
        UsageError: a format newer than this version knows, or values that are no recipe.
    """
    version: Any = values.get("format", FORMAT)
    if not isinstance(version, int) or version > FORMAT:
        raise UsageError(
            f"{source} has recipe format {version}; this epitaxy reads up to {FORMAT}: update it"
        )
    while version < FORMAT:
        values = MIGRATIONS[version](values)
        version += 1
    return Recipe.parse(values, source=source)
