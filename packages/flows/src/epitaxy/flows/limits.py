"""Which labels may be sampled, and which must be: exact limits on what a network predicts."""

from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from epitaxy.flows._classes import draw_classes
from epitaxy.flows._required import Required
from epitaxy.flows.protocol import Flow
from epitaxy.geometry import AnyRng, Segments, as_rng

State = TypeVar("State")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limits:
    """Which classes each row may have, and which ones must occur in each graph.

    A flow with limits takes the network's word on nothing else: predicted probabilities are 0 outside
    `allowed`, the others in their proportions, before a message, a step or a sample is made of them. Where
    classes are `required`, predictions of a graph's rows, independent as the network gives them, are
    conditioned on the event that each of these classes occurs: by their exact marginals where probabilities
    are used, by a draw from (or the mode of) their exact joint law where labels are. So limits act at every
    step, no sample ever breaks them, and what they do not forbid keeps its odds. A logit that is no number
    says nothing: it counts as 0.

    Args:
        allowed: at least one class a row.
        required: how to see to the required classes; None: there are none. See `Limits.of`.

    """

    allowed: Bool[Tensor, "rows classes"] = field(repr=False)
    required: Required | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        allowed: Bool[Tensor, "rows classes"],
        required: Bool[Tensor, "graphs classes"],
        segments: Segments,
    ) -> "Limits":
        """Make limits of a batch, from masks on the CPU, for the segments' device.

        Raises:
            ValueError: if a row may have no class, or a graph has fewer rows than classes that it must have,
                or more than `Required.MOST` of these.

        """
        if not bool(allowed.any(1).all()):
            raise ValueError("every row needs a class that it may have")
        made = Required.of(required, segments) if bool(required.any()) else None
        return cls(allowed=allowed.to(segments.device), required=made)

    @property
    def each(self) -> "Limits":
        """The limits on each row alone: nothing is required."""
        return Limits(allowed=self.allowed)

    def log_probabilities(self, logits: Float[Tensor, "rows classes"]) -> Float64[Tensor, "rows classes"]:
        """Return the logarithms of each row's probabilities under the limits; -inf is what cannot be."""
        log_p = self._masked(logits)
        return log_p if self.required is None else self.required.marginals(log_p)

    def probabilities(self, logits: Float[Tensor, "rows classes"]) -> Float[Tensor, "rows classes"]:
        """Return each row's probabilities under the limits, in the logits' dtype."""
        return self.log_probabilities(logits).exp().to(logits.dtype)

    def draw(self, logits: Float[Tensor, "rows classes"], rng: AnyRng) -> Int[Tensor, " rows"]:
        """Draw each row's class; those of a graph together, if some are required."""
        log_p, source = self._masked(logits), as_rng(rng)
        return draw_classes(log_p, source) if self.required is None else self.required.draw(log_p, source)

    def mode(self, scores: Float[Tensor, "rows classes"]) -> Int[Tensor, " rows"]:
        """Return the classes of the largest score, its sum over a graph if some are required."""
        masked = self._cut(scores)
        return masked.argmax(-1) if self.required is None else self.required.mode(masked)

    def _masked(self, logits: Float[Tensor, "rows classes"]) -> Float64[Tensor, "rows classes"]:
        return self._cut(logits).log_softmax(-1)

    def _cut(self, scores: Float[Tensor, "rows classes"]) -> Float64[Tensor, "rows classes"]:
        if scores.shape != self.allowed.shape:
            shapes = f"{tuple(self.allowed.shape)}, not {tuple(scores.shape)}"
            raise ValueError(f"these limits are for predictions of shape {shapes}")
        # Scores beyond float32's range are cut to it: their sums stay finite in float64.
        most = torch.finfo(torch.float32).max
        finite = scores.double().nan_to_num(0.0, most, -most).clamp(-most, most)
        return finite.masked_fill(~self.allowed, -torch.inf)


@runtime_checkable
class Limitable(Protocol[State]):
    """A flow of labels, one a row, whose samples can be limited."""

    def limited(self, limits: Limits) -> Flow[State]:
        """Return the same flow under these limits: steps and samples go by them, nothing else does."""
        ...


def drawn(
    logits: Float[Tensor, "rows *event classes"], limits: Limits | None, rng: AnyRng
) -> Int[Tensor, " rows *event"]:
    """Draw classes, under limits if there are any."""
    return draw_classes(logits, as_rng(rng)) if limits is None else limits.draw(logits, rng)


def likeliest(
    scores: Float[Tensor, "rows *event classes"], limits: Limits | None
) -> Int[Tensor, " rows *event"]:
    """Return the classes of largest score, under limits if there are any."""
    return scores.argmax(-1) if limits is None else limits.mode(scores)
