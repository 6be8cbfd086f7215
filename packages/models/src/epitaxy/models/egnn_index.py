"""The edges of fully connected graphs without self-edges, cut into blocks, and how sums over them run."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from epitaxy.geometry import Pairs

_BLOCK_BYTES = 2 * 2**20  # of one float32 tensor of a block on a CPU: a few of them fit its last-level cache


class Bags(NamedTuple):
    """Groups of rows of a table, one after the other, as `torch.embedding_bag` takes them."""

    rows: Int[Tensor, " entries"]
    starts: Int[Tensor, " bags"]


class PairBlock(NamedTuple):
    """Edges worked on together: of some pairs those that their atoms i receive, then those that j receive."""

    pairs: slice
    edges: slice
    """Of a tensor that has the edges block by block."""
    atoms: slice
    """Atoms between the first and the last of the block's."""
    receiver: Int[Tensor, " edges"]
    """Counted from the first atom of the block."""
    terms: Bags
    """Of each edge four rows of a table of the batch: its receiver, its sender (after all receivers), and the
    last two rows."""
    received: Bags
    """Of each atom of the block the edges that it receives, counted from the block's first."""
    sent: Bags
    """Of each atom of the block the edges that it sends."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairIndex:
    """Which atoms each edge joins."""

    pairs: Pairs
    blocks: tuple[PairBlock, ...]
    received: Bags
    """Of each atom the edges that it receives: pair p as seen from its i is p, from its j it is p + pairs."""

    @classmethod
    def of(cls, pairs: Pairs, *, atoms: int, channels: int) -> "PairIndex":
        """Index the edges of this many atoms for layers of this many channels; pairs may come in any order.

        On a CPU they are cut into what fits its cache; on other devices they are one block, and nothing
        waits for the device.
        """
        number = pairs.i.shape[0]
        most = number
        if pairs.i.device.type == "cpu":
            most = max(_BLOCK_BYTES // (8 * channels), 1)
        blocks = tuple(_block(pairs, piece, atoms) for piece in _cut(number, most))
        return cls(pairs=pairs, blocks=blocks, received=_received(torch.cat([pairs.i, pairs.j]), atoms))


def _block(pairs: Pairs, which: slice, atoms: int) -> PairBlock:
    i, j = pairs.i[which], pairs.j[which]
    receiver, sender = torch.cat([i, j]), torch.cat([j, i])
    edges, half = receiver.shape[0], i.shape[0]
    span = slice(0, atoms)
    if receiver.device.type == "cpu":
        span = slice(int(receiver.min()), int(receiver.max()) + 1)
    last = torch.arange(2 * atoms, 2 * atoms + 2, device=i.device).expand(edges, 2)
    terms = torch.cat([torch.stack([receiver, sender + atoms], dim=1), last], dim=1)
    receiver = receiver - span.start
    received = _received(receiver, span.stop - span.start)
    reverse = torch.where(received.rows < half, received.rows + half, received.rows - half)
    return PairBlock(
        pairs=which,
        edges=slice(2 * which.start, 2 * which.stop),
        atoms=span,
        receiver=receiver,
        terms=Bags(terms.flatten(), torch.arange(0, 4 * edges, 4, device=i.device)),
        received=received,
        sent=Bags(reverse, received.starts),
    )


def _received(receiver: Tensor, atoms: int) -> Bags:
    # Where each atom's edges begin is looked up, not counted: counting waits for the device.
    found, rows = receiver.sort(stable=True)
    return Bags(rows, torch.searchsorted(found, torch.arange(atoms, device=receiver.device)))


def _cut(number: int, most: int) -> list[slice]:
    """Cut into pieces of nearly the same size, none above `most`."""
    pieces = -(-number // most) if number else 0
    edges = [number * piece // pieces for piece in range(pieces + 1)] if pieces else []
    return [slice(start, stop) for start, stop in pairwise(edges)]
