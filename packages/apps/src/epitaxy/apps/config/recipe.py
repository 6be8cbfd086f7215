"""The recipe: everything that makes a run what it is, and nothing else. What the models' recipes share."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from epitaxy.apps.config.base import Config
from epitaxy.apps.config.network import NetworkConfig
from epitaxy.apps.config.training import TrainingConfig
from epitaxy.apps.foundation.names import ModelName, Task

FORMAT: Literal[1] = 1
"""Version of ``recipe.json``; a change that old files do not meet raises it and adds a migration."""


class SamplingConfig(Config):
    """What ``sample`` does unless told otherwise.

    With ``final_call`` the network is asked once more at t = 1, after as many messages as there are steps,
    and its answer there is the sample, as in the published codes of SymmBFN and GeoBFN. Without, the last of
    its answers, at t = 1 - 1/steps, is.
    """

    steps: PositiveInt = 100
    batch_size: PositiveInt = 256
    final_call: bool = False


class CompositionSamplingConfig(SamplingConfig):
    """What ``sample`` does where a composition may be given.

    ``composition_guidance`` exaggerates what the composition changes in the network's answers: with w they
    are ``a + w (a - b)``, where b is the answer to the same structure with its elements hidden
    (classifier-free guidance; Ho and Salimans, 2022), at times from ``guided_from`` to ``guided_until``,
    where it costs as many network evaluations again. Near the noise it narrows what samples begin with, near
    the data what is left to say is where exactly atoms are, which exaggeration distorts; within limits it may
    be stronger (Kynkäänniemi et al., 2024). Beyond the papers.
    """

    composition_guidance: NonNegativeFloat = 0.0
    guided_from: Annotated[float, Field(ge=0, lt=1)] = 0.0
    guided_until: Annotated[float, Field(gt=0, le=1)] = 1.0

    @model_validator(mode="after")
    def _guided_for_a_while(self) -> "CompositionSamplingConfig":
        if self.guided_from >= self.guided_until:
            raise ValueError(
                f"guidance from {self.guided_from} until {self.guided_until} is none: set a smaller "
                "sampling.guided_from or a larger sampling.guided_until"
            )
        return self


class Recipe(Config):
    """A model, its task, its data and its training; each kind of data adds its flows.

    ``model`` says whose preset it began as and which command uses it; any flow may be put on any modality
    whose manifold it fits.
    """

    format: Literal[1] = FORMAT
    model: ModelName
    task: Task
    dataset: str
    network: NetworkConfig
    training: TrainingConfig
    sampling: SamplingConfig = SamplingConfig()

    @property
    @abstractmethod
    def loss_weights(self) -> Mapping[str, float]:
        """Weight of each modality's loss, which is first averaged over its rows and components."""

    def numbers_elements(self, classes: int) -> bool:  # noqa: ARG002 - for those that do
        """Whether the network is told ``classes`` elements by codes that further ones would change."""
        return False


def check_grids(*grids: int | None) -> None:
    """Refuse flows of one recipe with different time grids; None is continuous time, which goes with any.

    Raises:
        ValueError: naming the grids.
    """
    different = set(grids) - {None}
    if len(different) > 1:
        raise ValueError(
            f"the flows of one recipe share one time grid, these have {sorted(map(str, different))} steps"
        )
