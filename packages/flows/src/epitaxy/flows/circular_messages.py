"""Sums of von Mises messages: what a circular belief accumulates (CrysBFN, Eq. 14-16 and 51-53).

A message y ~ vM(x, a) counts as the vector a exp(iy), and a belief of direction m and concentration c as
c exp(im): a Bayesian update adds the message to the belief (Eq. 44-45). So the sum of any messages is itself
like one message. Everything here is in the frame where x = 0, which is why nothing drawn depends on x.

The paper's Eq. 15, 52 and 63 swap the arguments of atan2; here, as in its Eq. 8, the sine comes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int, Int64
from torch import Tensor

from epitaxy.flows._rows import column
from epitaxy.geometry import Rng, RowRng, Segments, StructureRng, von_mises_noise

# Messages drawn at a time: about 100 MB of intermediate float64 values.
_BUDGET = 2_000_000
_KEYS = 2**63 - 1


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
    return Resultant(
        deviation=first.deviation + torch.atan2(across, along), length=torch.hypot(along, across)
    )


def stepwise(
    accuracies: Float64[Tensor, " n"],
    first: Int[Tensor, " rows"],
    last: Int[Tensor, " rows"],
    event: Sequence[int],
    *,
    rng: Rng,
) -> Resultant:
    """Sum messages first + 1, ..., last of each row by one Bayesian update after another (Eq. 14)."""
    work = RowRng(_keys(first, rng))
    shape = (first.shape[0], *event)
    zero = accuracies.new_zeros(shape)
    total = Resultant(deviation=zero, length=zero)
    for j in range(int(last.max()) if last.numel() else 0):
        noise = von_mises_noise(accuracies[j].expand(shape), rng=work)
        after = add(total, noise, accuracies[j])
        counts = column((first <= j) & (j < last), len(shape))
        total = Resultant(
            deviation=torch.where(counts, after.deviation, total.deviation),
            length=torch.where(counts, after.length, total.length),
        )
    return total


def all_at_once(
    accuracies: Float64[Tensor, " n"],
    first: Int[Tensor, " rows"],
    last: Int[Tensor, " rows"],
    event: Sequence[int],
    *,
    rng: Rng,
) -> Resultant:
    """Sum messages first + 1, ..., last of each row at once: Eq. 52-53. Each row draws only its own messages.

    The sums are in float64, so that the order of summation does not show in float32 states.
    """
    keys = _keys(first, rng)
    sums = accuracies.new_zeros(2, first.shape[0], *event)
    rows = (last > first).nonzero().squeeze(-1)
    if rows.numel():
        most = int((last - first).max()) * max(1, sums[0, 0].numel())
        for block in torch.split(rows, max(1, _BUDGET // most)):
            sums[:, block] = _block(accuracies, first[block], last[block], event, keys[block])
    return Resultant(deviation=torch.atan2(sums[1], sums[0]), length=torch.hypot(sums[0], sums[1]))


def _keys(first: Int[Tensor, " rows"], rng: Rng) -> Int64[Tensor, " rows"]:
    """Draw the key of each row's messages.

    The number of messages differs from row to row. Drawn from streams of their own, they cost the source one
    draw however many they are, and a row's messages do not depend on how many the other rows need.
    """
    return rng.integers(_KEYS, first.shape, device=first.device)


def _block(
    accuracies: Float64[Tensor, " n"],
    first: Int[Tensor, " rows"],
    last: Int[Tensor, " rows"],
    event: Sequence[int],
    keys: Int64[Tensor, " rows"],
) -> Float64[Tensor, " 2 rows *event"]:
    """Return cosine and sine sums, with the messages of a row in place of the atoms of a graph."""
    messages = Segments.from_counts(last - first)
    accuracy = column(accuracies[messages.expand(first) + messages.rank], 1 + len(event))
    rng = StructureRng(keys, messages).rows("message", "atom")
    noise = von_mises_noise(accuracy.expand(-1, *event), rng=rng)
    return torch.stack([messages.sum(accuracy * torch.cos(noise)), messages.sum(accuracy * torch.sin(noise))])
