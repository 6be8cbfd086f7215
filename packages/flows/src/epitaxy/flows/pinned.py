"""A flow of which some components are known (SymmBFN, the masked lattice of Sec. 3)."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool
from torch import Tensor

from epitaxy.flows._summed_loss import SummedLoss
from epitaxy.flows._types import PerRow, Values
from epitaxy.flows._wrapped import AroundComponents
from epitaxy.flows.protocol import Features
from epitaxy.geometry import AnyRng


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pinned(SummedLoss, AroundComponents):
    """A flow whose components outside `free` have a known value at every time.

    The prior, corrupted states, steps and samples have that value to the bit, the network sees it, no noise
    enters, nothing is lost there, and what the data or the network say of it is never read. The free
    components go through `flow`, which draws the same numbers for them as it would without pins. With exact
    outputs, which know the pinned value, samples have the law given that value.

    SymmBFN masks the lattice's k-vector so. (It says "masking after Bayesian updates and network calls";
    SymmCD zeroes the masked components, though of hexagonal cells one is -ln(3) / 4, and trains the network
    to put out 0 there.)

    Args:
        flow: the flow of the free components; its sampler must make no corrections.
        free: which components are not known, one a component of the data.
        value: the known ones, in units of the flow's data; what it says of free ones does not matter.

    """

    free: Bool[Tensor, " rows *event"] = field(repr=False)
    value: Values = field(repr=False)

    def __post_init__(self) -> None:
        if self.free.shape != self.value.shape:
            shapes = f"{tuple(self.free.shape)} and {tuple(self.value.shape)}"
            raise ValueError(f"free and value must both have the data's shape, not {shapes}")
        self._check_uncorrected("pinned components")

    def prior(self, like: Values, *, rng: AnyRng) -> Values:
        """Draw the free components from the flow's prior.

        Raises:
            ValueError: if `like` has not the shape of `value`.

        """
        if like.shape != self.value.shape:
            raise ValueError(f"data of shape {tuple(like.shape)} for pins of shape {tuple(self.value.shape)}")
        return self._set(self.flow.prior(like, rng=rng))

    def corrupt(self, x: Values, t: PerRow, *, rng: AnyRng) -> Values:
        """Draw the free components at t."""
        return self._set(self.flow.corrupt(self._set(x), t, rng=rng))

    def features(self, state: Values, t: PerRow) -> Features:
        """Return what the network sees: of pinned components their value."""
        seen = self.flow.features(state, t)
        return replace(seen, value=self._set(seen.value))

    def component_losses(self, output: Values, x: Values, state: Values, t: PerRow) -> Values:
        """Return each component's part of the loss: 0, without slope, where it is pinned."""
        losses = self.flow.component_losses(self._unread(output), self._set(x), state, t)
        return losses.masked_fill(~self.free, 0.0)

    def step(self, state: Values, output: Values, t: PerRow, s: PerRow, *, rng: AnyRng) -> Values:
        """Draw the free components at s > t."""
        return self._set(self.flow.step(state, self._unread(output), t, s, rng=rng))

    def decode(self, state: Values, output: Values, t: PerRow, *, rng: AnyRng) -> Values:
        """Return the sample."""
        return self._set(self.flow.decode(state, self._unread(output), t, rng=rng))

    def _set(self, x: Values) -> Values:
        return torch.where(self.free, x, self.value.to(x.dtype))

    def _unread(self, output: Values) -> Values:
        """Put 0 where the output is for a pinned component: it may be anything, an infinity too."""
        return output.masked_fill(~self.free, 0.0)
