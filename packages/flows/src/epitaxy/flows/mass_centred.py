"""A flow of configurations without net translation (GeoBFN, Theorem 3.1)."""

from dataclasses import dataclass, field, replace

from epitaxy.flows._summed_loss import SummedLoss
from epitaxy.flows._types import PerRow, Values
from epitaxy.flows._wrapped import AroundComponents
from epitaxy.flows.gaussian import GaussianBFN
from epitaxy.flows.protocol import Features
from epitaxy.geometry import AnyRng, Segments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MassCentred(SummedLoss, AroundComponents):
    """A flow of atoms in the space in which every graph's mean is zero (all masses equal).

    `on` says which rows are the atoms of one graph; they must have one time. Data, states and outputs are
    centred before use and results after it, so that noise has the law of independent noise projected on the
    space: in a graph of n atoms a coordinate has the covariance I - 11^T / n. The likelihood of a molecule
    then does not depend on where it is, and, with an equivariant network, not on its orientation. An atom
    alone is always at 0.

    GeoBFN's code centres the network's input, the predicted noise and the messages, but not the predicted
    data, nor the last mean, which clamping may have moved; here everything is, the loss's prediction too.

    A `clamp` of the flow acts on the centred noise, component by component, as in that code. Where it acts,
    a turned molecule does not have the turned prediction, for the bound knows the axes, and the bounded noise
    has a net translation, which is taken out of the prediction, not of the noise.

    Args:
        flow: the flow of one coordinate; its sampler must make no corrections, its data must not be periodic.
        segments: set by `on`.

    """

    segments: Segments | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._check_uncorrected("centred configurations")
        if isinstance(self.flow, GaussianBFN) and self.flow.period is not None:
            raise ValueError("points that go around have no centre of mass: leave period=None")

    def on(self, segments: Segments) -> "MassCentred":
        """Return the flow for rows that are the atoms of these graphs."""
        return replace(self, segments=segments)

    def prior(self, like: Values, *, rng: AnyRng) -> Values:
        """Draw from the flow's prior, projected.

        Raises:
            ValueError: here as in every other verb, if `on` has not said which rows belong together.

        """
        return self._centred(self.flow.prior(like, rng=rng))

    def corrupt(self, x: Values, t: PerRow, *, rng: AnyRng) -> Values:
        """Draw the state at t, given the data wherever they are."""
        return self._centred(self.flow.corrupt(self._centred(x), t, rng=rng))

    def features(self, state: Values, t: PerRow) -> Features:
        """Return what the network sees of the state."""
        return self.flow.features(self._centred(state), t)

    def component_losses(self, output: Values, x: Values, state: Values, t: PerRow) -> Values:
        """Return each component's part of the loss of the centred output, its prediction centred too."""
        output, x, state = self._centred(output), self._centred(x), self._centred(state)
        if isinstance(self.flow, GaussianBFN) and self.flow.clamp is not None:
            of_data = replace(self.flow, parametrisation="data", clamp=None)
            x_hat = self._centred(self.flow.data_of(output, state, t))
            return of_data.component_losses(x_hat, x, state, t)
        return self.flow.component_losses(output, x, state, t)

    def step(self, state: Values, output: Values, t: PerRow, s: PerRow, *, rng: AnyRng) -> Values:
        """Draw the state at s > t."""
        return self._centred(self.flow.step(self._centred(state), self._centred(output), t, s, rng=rng))

    def decode(self, state: Values, output: Values, t: PerRow, *, rng: AnyRng) -> Values:
        """Return the sample."""
        return self._centred(self.flow.decode(self._centred(state), self._centred(output), t, rng=rng))

    def _centred(self, x: Values) -> Values:
        if self.segments is None:
            raise ValueError("a flow without net translation must be told its graphs: call on(segments)")
        return self.segments.center(x)
