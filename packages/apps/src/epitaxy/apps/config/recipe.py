"""The recipe: everything that makes a run what it is, and nothing else."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from epitaxy.apps.config.base import Config
from epitaxy.apps.config.flows import LatticeConfig, PositionsConfig, SpeciesConfig
from epitaxy.apps.config.network import CSPNetConfig
from epitaxy.apps.config.training import TrainingConfig
from epitaxy.apps.errors import UsageError
from epitaxy.flows import Flow, ProductFlow

FORMAT: Literal[1] = 1
"""Version of ``recipe.json``; a change that old files do not meet raises it and adds a migration."""

MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""``MIGRATIONS[k]`` turns a file of format k into one of format k + 1."""

Task = Literal["csp", "dng"]


class LossWeights(Config):
    """Weight of each modality's loss; each loss is first averaged over its rows and components."""

    positions: NonNegativeFloat = 1.0
    lattice: NonNegativeFloat = 1.0
    species: NonNegativeFloat = 1.0


class SamplingConfig(Config):
    """What ``sample`` does unless told otherwise."""

    steps: PositiveInt = 100
    batch_size: PositiveInt = 256


class Recipe(Config):
    """A model, its task, its flows, its network and its training."""

    format: Literal[1] = FORMAT
    model: Literal["crysbfn"]
    task: Task
    dataset: str
    positions: PositionsConfig = PositionsConfig()
    lattice: LatticeConfig = LatticeConfig()
    species: Annotated[SpeciesConfig | None, Field(description="null where the composition is given (csp)")]
    network: CSPNetConfig = CSPNetConfig()
    weights: LossWeights = LossWeights()
    training: TrainingConfig
    sampling: SamplingConfig = SamplingConfig()

    @model_validator(mode="after")
    def _task_and_grids_agree(self) -> "Recipe":
        if (self.task == "dng") == (self.species is None):
            raise ValueError("the task 'dng' needs a flow for species and the task 'csp' has none")
        grids = {flow.grid for flow in (self.positions, self.lattice, self.species) if flow is not None}
        if len(grids) > 1:
            raise ValueError(f"the flows of one recipe share one time grid, these have {sorted(grids)} steps")
        return self

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
