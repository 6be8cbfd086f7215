"""A generative model: the one place where flows and a network meet.

The trainer asks it for losses, the sampler for a network's answers and for the structures that decoded
variables stand for. Both are written against this class alone: what is generated (crystals, asymmetric units,
molecules), and what a recipe puts inside (which flow on which modality), changes neither.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epitaxy.apps.config import Recipe
from epitaxy.apps.requests.request import Request
from epitaxy.apps.requests.sample import Sample
from epitaxy.data import Vocabulary
from epitaxy.flows import ProductFlow
from epitaxy.geometry import RngSource, Segments

States = Mapping[str, Any]
"""The state of each modality's flow, by field name."""


@runtime_checkable
class Given(Protocol):
    """What is not generated: the rows of each structure, and whatever else a model is told."""

    @property
    def segments(self) -> Segments:
        """Which row belongs to which structure."""
        ...


@runtime_checkable
class Batch(Protocol):
    """Training structures side by side."""

    @property
    def segments(self) -> Segments:
        """Which row belongs to which structure."""
        ...

    @property
    def ids(self) -> tuple[str, ...]:
        """The structures' names."""
        ...


@runtime_checkable
class ModelStatistics(Protocol):
    """What a model keeps of its training data."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The elements that the model knows."""
        ...

    def to_json(self) -> str:
        """Return it as text."""
        ...


B = TypeVar("B", bound=Batch)
G = TypeVar("G", bound=Given)
Q = TypeVar("Q", bound=Request)


class GenerativeModel(nn.Module, ABC, Generic[B, G, Q]):
    """Flows on the variables of a structure, and the network that predicts them together.

    Generic in its training batch, in what it is given, and in the requests that sampling makes to it.
    """

    recipe: Recipe
    statistics: ModelStatistics
    flow: ProductFlow
    network: nn.Module
    components: Mapping[str, int]
    """How many numbers a field's loss is a sum over, for a row."""
    least_steps: int = 1
    """Network evaluations below which nothing can come of sampling."""

    @abstractmethod
    def targets(self, batch: B) -> dict[str, Tensor]:
        """Return the variables that the flows corrupt, by field name."""

    @abstractmethod
    def given(self, batch: B, *, source: RngSource) -> G:
        """Return what the network is told of training structures."""

    @abstractmethod
    def given_for(self, requests: Sequence[Q], device: torch.device) -> G:
        """Return what the network is told of structures to be made."""

    @abstractmethod
    def blank(self, given: G) -> dict[str, Tensor]:
        """Return targets of the right shapes and kinds, with no content: what a prior is drawn like."""

    @abstractmethod
    def predict(self, states: States, time: Float[Tensor, " graphs"], given: G) -> dict[str, Tensor]:
        """Return the network's raw output for each field at ``time``: 0 at the prior and 1 at the data."""

    @abstractmethod
    def samples(
        self, targets: Mapping[str, Tensor], outputs: Mapping[str, Tensor], given: G, requests: Sequence[Q]
    ) -> list[Sample]:
        """Return the structures that decoded variables stand for, or why there are none, in order.

        Args:
            targets: the variables that the flows have decoded.
            outputs: the network's last outputs, as ``read`` gives them.
            given: what ``given_for`` returned.
            requests: the same as there.
        """

    def answer(self, states: States, time: Float[Tensor, " graphs"], given: G) -> dict[str, Tensor]:
        """Return the outputs that sampling goes by: the network's own, unless a model steers them."""
        return self.predict(states, time, given)

    def read(self, outputs: Mapping[str, Tensor], states: States) -> Mapping[str, Tensor]:  # noqa: ARG002 - for those that need it
        """Return what outputs stand for, where ``samples`` needs more of them than the flows decode."""
        return outputs

    def flow_on(self, flow: ProductFlow, given: G) -> ProductFlow:  # noqa: ARG002 - for those that have any
        """Return ``flow`` under the constraints of what is given, if there are any."""
        return flow

    def losses(
        self, batch: B, time: Float[Tensor, " graphs"], *, source: RngSource
    ) -> dict[str, Float[Tensor, ""]]:
        """Return each field's loss at ``time``, averaged over rows and components as published runs do."""
        targets, given = self.targets(batch), self.given(batch, source=source)
        flow, segments = self.flow_on(self.flow, given), batch.segments
        states = flow.corrupt(targets, time, segments=segments, source=source)
        outputs = self.predict(states, time, given)
        rows = flow.loss(outputs, targets, states, time, segments=segments, source=source)
        return {name: loss.mean() / self.components[name] for name, loss in rows.items()}

    def weighted(self, losses: Mapping[str, Float[Tensor, ""]]) -> Float[Tensor, ""]:
        """Return the sum of ``losses`` under the recipe's weights."""
        weights = self.recipe.loss_weights
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
