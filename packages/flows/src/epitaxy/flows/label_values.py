"""A flow of numbers of which each stands for a label, under limits (GeoBFN's continuous charges)."""

from dataclasses import dataclass, field, replace

from jaxtyping import Float
from torch import Tensor

from epitaxy.flows._types import PerRow
from epitaxy.flows._wrapped import AroundFlow
from epitaxy.flows.gaussian import GaussianBFN
from epitaxy.flows.limits import Limits
from epitaxy.flows.protocol import Features
from epitaxy.geometry import AnyRng


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelValues(AroundFlow):
    """A real flow of one number a row, whose data are the values of labels.

    Sampling alone knows the limits: a predicted number x_hat is replaced by the mean of the allowed values
    under weights exp(-(x_hat - value)^2 / 2 r^2), r = ((1 - gamma) / gamma)^(1/2) being the state's own
    uncertainty of the data at that time, and a sample is the allowed value nearest to what is predicted.

    Args:
        flow: the flow of the numbers; of no period.
        values: what each label has, in its units.
        limits: which labels may be, and which must.

    """

    flow: GaussianBFN
    values: Float[Tensor, " classes"] = field(repr=False)
    limits: Limits = field(repr=False)

    def prior(self, like: Float[Tensor, "rows 1"], *, rng: AnyRng) -> Float[Tensor, "rows 1"]:
        """Draw from the flow's prior."""
        return self.flow.prior(like, rng=rng)

    def corrupt(self, x: Float[Tensor, "rows 1"], t: PerRow, *, rng: AnyRng) -> Float[Tensor, "rows 1"]:
        """Draw the flow's state at t."""
        return self.flow.corrupt(x, t, rng=rng)

    def features(self, state: Float[Tensor, "rows 1"], t: PerRow) -> Features:
        """Return what the network sees of the flow's state."""
        return self.flow.features(state, t)

    def loss(
        self,
        output: Float[Tensor, "rows 1"],
        x: Float[Tensor, "rows 1"],
        state: Float[Tensor, "rows 1"],
        t: PerRow,
        *,
        rng: AnyRng,
    ) -> PerRow:
        """Return the flow's loss."""
        return self.flow.loss(output, x, state, t, rng=rng)

    def step(
        self,
        state: Float[Tensor, "rows 1"],
        output: Float[Tensor, "rows 1"],
        t: PerRow,
        s: PerRow,
        *,
        rng: AnyRng,
    ) -> Float[Tensor, "rows 1"]:
        """Draw the flow's state at s > t, around a mean of allowed values."""
        off = self._squares(output, state, t) / self.flow.spread(t)[:, None].square().double()
        mean = (self.limits.probabilities(-off / 2) * self.values.double()).sum(1, keepdim=True)
        of_data = replace(self.flow, parametrisation="data", clamp=None)
        return of_data.step(state, mean.to(state.dtype), t, s, rng=rng)

    def decode(
        self, state: Float[Tensor, "rows 1"], output: Float[Tensor, "rows 1"], t: PerRow, *, rng: AnyRng
    ) -> Float[Tensor, "rows 1"]:
        """Return allowed values, the nearest to the predicted numbers."""
        label = self.limits.mode(-self._squares(output, state, t))
        return self.values[label][:, None].to(state.dtype)

    def _squares(
        self, output: Float[Tensor, "rows 1"], state: Float[Tensor, "rows 1"], t: PerRow
    ) -> Float[Tensor, "rows classes"]:
        """Return the square of what is between the predicted number and each value, in float64."""
        return (self.flow.data_of(output, state, t).double() - self.values.double()).square()
