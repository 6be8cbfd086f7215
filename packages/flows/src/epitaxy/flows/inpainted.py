"""A flow of which some rows are known: any flow, of whatever state."""

from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from epitaxy.flows._types import PerRow
from epitaxy.flows._wrapped import AroundFlow
from epitaxy.flows.mass_centred import MassCentred
from epitaxy.flows.protocol import Collective, Correcting, Features
from epitaxy.geometry import AnyRng, Segments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inpainted(AroundFlow):
    """A flow whose rows outside `free` have known data: their samples are these, to the bit.

    At every time the known rows' state is a fresh draw of the flow's law given the data there, whatever the
    sampler: what training showed a network of data at that time. What the network says of them is not read.
    `Pinned`, whose components have their value at all times, is for networks that were trained so; this is
    for those that were not (the replacement of Song et al. 2021, App. I.2), and it serves circular and
    kinetic states and labels. Nothing tells the free rows of the known ones' data but the network.

    Molecules without net translation (`MassCentred`) are put where the known atoms are: the mean that is
    taken out of the data is that of the known atoms and of the others as they are predicted.

    Args:
        flow: the flow of all rows.
        free: which rows are not known.
        value: data; what it says of free rows does not matter.

    """

    free: Bool[Tensor, " rows"] = field(repr=False)
    value: Shaped[Tensor, " rows *event"] = field(repr=False)

    @property
    def corrections(self) -> int:
        """Return the flow's number of corrections."""
        return self.flow.corrections if isinstance(self.flow, Correcting) else 0

    def on(self, segments: Segments) -> "Inpainted":
        """Return the flow for rows that are the atoms of these graphs."""
        return replace(self, flow=self.flow.on(segments)) if isinstance(self.flow, Collective) else self

    def prior(self, like: Shaped[Tensor, " rows *event"], *, rng: AnyRng) -> Any:
        """Draw the free rows from the flow's prior."""
        state, start = self.flow.prior(like, rng=rng), torch.zeros(len(like), device=like.device)
        data = self._placed(torch.zeros_like(self.value))
        return self._merged(state, self.flow.corrupt(data, start, rng=rng))

    def corrupt(self, x: Shaped[Tensor, " rows *event"], t: PerRow, *, rng: AnyRng) -> Any:
        """Draw the state at t, of known rows given their own data."""
        return self.flow.corrupt(self._placed(x), t, rng=rng)

    def features(self, state: Any, t: PerRow) -> Features:
        """Return what the network sees of the state."""
        return self.flow.features(state, t)

    def loss(
        self,
        output: Float[Tensor, " rows *output"],
        x: Shaped[Tensor, " rows *event"],
        state: Any,
        t: PerRow,
        *,
        rng: AnyRng,
    ) -> PerRow:
        """Return the flow's loss of the free rows, 0 of the others."""
        return self.flow.loss(output, x, state, t, rng=rng).masked_fill(~self.free, 0.0)

    def step(
        self, state: Any, output: Float[Tensor, " rows *output"], t: PerRow, s: PerRow, *, rng: AnyRng
    ) -> Any:
        """Draw the state at s > t."""
        data = self._data(state, output, t, rng)
        return self._known(self.flow.step(state, output, t, s, rng=rng), data, s, rng)

    def correct(
        self, state: Any, output: Float[Tensor, " rows *output"], t: PerRow, s: PerRow, *, rng: AnyRng
    ) -> Any:
        """Draw another state at t; the same where the flow corrects nothing."""
        if not isinstance(self.flow, Correcting):
            return state
        data = self._data(state, output, t, rng)
        return self._known(self.flow.correct(state, output, t, s, rng=rng), data, t, rng)

    def decode(
        self, state: Any, output: Float[Tensor, " rows *output"], t: PerRow, *, rng: AnyRng
    ) -> Shaped[Tensor, " rows *event"]:
        """Return the sample: the known rows' data as they are."""
        return self._placed(self.flow.decode(state, output, t, rng=rng))

    def _data(self, state: Any, output: Tensor, t: Tensor, rng: AnyRng) -> Tensor:
        """Return the known rows' data, and for the others what is predicted where that matters."""
        if not isinstance(self.flow, MassCentred):
            return self.value
        return self._placed(self.flow.decode(state, output, t, rng=rng))

    def _known(self, state: Any, data: Tensor, t: Tensor, rng: AnyRng) -> Any:
        """Return the state with known rows as the flow has them at t given the data."""
        return self._merged(state, self.flow.corrupt(data, t, rng=rng))

    def _placed(self, x: Tensor) -> Tensor:
        """Put the known data in; where the origin is nobody's, other rows are moved to where these are."""
        known = ~self.free.view(-1, *[1] * (x.ndim - 1))
        segments = self.flow.segments if isinstance(self.flow, MassCentred) else None
        if segments is not None:
            off = segments.sum(torch.where(known, self.value - x, 0.0))
            number = segments.sum(known.to(x.dtype)).clamp(min=1.0)
            x = x + segments.expand(off / number)
        return torch.where(known, self.value.to(x.dtype), x)

    def _merged(self, state: Any, kept: Any) -> Any:
        """Return a state whose known rows are those of another."""
        if is_dataclass(state) and not isinstance(state, type):
            names = [part.name for part in fields(state)]
            parts = {name: self._merged(getattr(state, name), getattr(kept, name)) for name in names}
            return replace(state, **parts)
        return torch.where(self.free.view(-1, *[1] * (state.ndim - 1)), state, kept.to(state.dtype))
