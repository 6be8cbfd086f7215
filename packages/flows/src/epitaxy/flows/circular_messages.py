"""Sums of von Mises messages: what a circular belief accumulates (CrysBFN, Eq. 14-16 and 51-53).

A message y ~ vM(x, a) counts as the vector a exp(iy), and a belief of direction m and concentration c as
c exp(im): a Bayesian update adds the message to the belief (Eq. 44-45). So the sum of any messages is itself
like one message. Everything here is in the frame where x = 0, which is why nothing drawn depends on x.

The paper's Eq. 15, 52 and 63 swap the arguments of atan2; here, as in its Eq. 8, the sine comes first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int, Int64
from torch import Tensor

from epitaxy.flows._polar import polar
from epitaxy.flows._rows import column
from epitaxy.geometry import Rng, RowRng, Segments, StructureRng, von_mises_noise

# Messages drawn at a time: about 100 MB of intermediate float64 values.
_BUDGET = 2_000_000
_KEYS = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Span:
    """Which messages each row sums: first + 1, ..., last.

    Attributes:
        first: the number of messages before, a row.
        last: the number of the last message, a row; `first` where none is summed.
        alike: first, ..., last - 1 of all rows, where the host knows them and they are the same.
        few: whether rows sum so few of all messages that to wait for a device costs less than to draw all.

    """

    first: Int[Tensor, " rows"]
    last: Int[Tensor, " rows"]
    alike: range | None = None
    few: bool = False

    def bounds(self, n: int) -> range | None:
        """Return a range of n messages that holds those of every row; None if the rows are to be asked."""
        if self.alike is not None or self.few or self.first.device.type == "cpu":
            return self.alike
        return range(n)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resultant:
    """Sums of messages, as polar vectors: the angle from the truth in radians, and the length."""

    deviation: Float[Tensor, "*shape"]
    length: Float[Tensor, "*shape"]


def add(
    first: Resultant, deviation: Float[Tensor, "*shape"], accuracy: Float[Tensor, "*#shape"]
) -> Resultant:
    """Return the sum of a resultant and one message (Eq. 8-9), computed in the frame of the former."""
    turn = deviation - first.deviation
    along, across = first.length + accuracy * torch.cos(turn), accuracy * torch.sin(turn)
    angle, length = polar(along, across)
    return Resultant(deviation=first.deviation + angle, length=length)


def stepwise(accuracies: Float64[Tensor, " n"], span: Span, event: Sequence[int], *, rng: Rng) -> Resultant:
    """Sum each row's messages by one Bayesian update after another (Eq. 14)."""
    first, last = span.first, span.last
    work = RowRng(_keys(first, rng))
    shape = (first.shape[0], *event)
    zero = accuracies.new_zeros(shape)
    total = Resultant(deviation=zero, length=zero)
    bounds = span.bounds(len(accuracies))
    for j in range(bounds.stop if bounds is not None else int(last.max()) if last.numel() else 0):
        noise = von_mises_noise(accuracies[j].expand(shape), rng=work)
        after = add(total, noise, accuracies[j])
        counts = column((first <= j) & (j < last), len(shape))
        total = Resultant(
            deviation=torch.where(counts, after.deviation, total.deviation),
            length=torch.where(counts, after.length, total.length),
        )
    return total


def all_at_once(
    accuracies: Float64[Tensor, " n"], span: Span, event: Sequence[int], *, rng: Rng
) -> Resultant:
    """Sum each row's messages at once: Eq. 52-53. Each row draws only its own messages.

    Where the host does not know how many those are, and may not ask, it draws as many as there may be and
    leaves out the others: the sums are the same. They are in float64, so that the order of summation does not
    show in float32 states.
    """
    keys = _keys(span.first, rng)
    sums = accuracies.new_zeros(2, keys.shape[0], *event)
    bounds = span.bounds(len(accuracies))
    if bounds is None:
        rows = (span.last > span.first).nonzero().squeeze(-1)
        most = int((span.last - span.first).max()) if rows.numel() else 0
    else:
        rows, most = torch.arange(keys.shape[0], device=keys.device), len(bounds)
    for block in torch.split(rows, max(1, _BUDGET // max(1, most * math.prod(event)))) if most else ():
        first, last = span.first[block], span.last[block]
        if bounds is None:
            messages = Segments.from_counts(last - first)
        else:
            messages = Segments.alike(len(block), most, keys.device)
        number = messages.expand(first) + messages.rank
        if bounds is None or span.alike is not None:
            each = accuracies[number]
        else:
            each = accuracies[number.clamp(max=len(accuracies) - 1)].where(
                number < messages.expand(last), 0.0
            )
        sums[:, block] = _block(each, messages, event, keys[block])
    deviation, length = polar(sums[0], sums[1])
    return Resultant(deviation=deviation, length=length)


def _keys(first: Int[Tensor, " rows"], rng: Rng) -> Int64[Tensor, " rows"]:
    """Draw the key of each row's messages.

    The number of messages differs from row to row. Drawn from streams of their own, they cost the source one
    draw however many they are, and a row's messages do not depend on how many the other rows need.
    """
    return rng.integers(_KEYS, first.shape, device=first.device)


def _block(
    each: Float64[Tensor, " messages"],
    messages: Segments,
    event: Sequence[int],
    keys: Int64[Tensor, " rows"],
) -> Float64[Tensor, " 2 rows *event"]:
    """Return cosine and sine sums, with the messages of a row in place of the atoms of a graph."""
    accuracy = column(each, 1 + len(event))
    rng = StructureRng(keys, messages).rows("message", "atom")
    noise = von_mises_noise(accuracy.expand(-1, *event), rng=rng)
    return torch.stack([messages.sum(accuracy * torch.cos(noise)), messages.sum(accuracy * torch.sin(noise))])
