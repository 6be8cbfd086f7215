"""What the flows of real variables that treat every component alike have in common."""

from abc import ABC, abstractmethod

from epitaxy.flows._rows import total
from epitaxy.flows._types import PerRow, Values
from epitaxy.geometry import AnyRng


class SummedLoss(ABC):
    """A flow whose loss is the sum of what its components lose, see `protocol.Componentwise`."""

    __slots__ = ()

    @abstractmethod
    def component_losses(self, output: Values, x: Values, state: Values, t: PerRow) -> Values:
        """Return each component's part of the loss."""

    def loss(self, output: Values, x: Values, state: Values, t: PerRow, *, rng: AnyRng) -> PerRow:
        """Return the loss at t: the sum of `component_losses` over each row. Nothing is drawn."""
        return total(self.component_losses(output, x, state, t))
