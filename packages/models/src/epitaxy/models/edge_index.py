"""The ordered edges of fully connected graphs, self-edges included, cut into blocks."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from epitaxy.geometry import Pairs, Segments

_BLOCK_BYTES = 2 * 2**20  # of one float32 tensor of a block on a CPU: a few of them fit its last-level cache


class PairRows(NamedTuple):
    """The pairs of a block."""

    which: slice
    entries: Int[Tensor, "edges 2"]
    """For each edge two rows of a table `[x; y; -y]` of atoms: x_i and x_j, then y_i and -y_j."""


class Block(NamedTuple):
    """Edges worked on together: both directions of some pairs, or some atoms' edges with themselves.

    Of n pairs it has 2 n edges: first each pair as seen from its atom i (receiver i, sender j), then each
    as seen from j. The two halves' terms differ only by signs; see `EdgeBlock`.
    """

    receiver: Int[Tensor, " edges"]
    sender: Int[Tensor, " edges"]
    pairs: PairRows | None
    """None for self-edges."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EdgeIndex:
    """Which atoms each edge joins."""

    blocks: tuple[Block, ...]
    degree: Int[Tensor, " atoms"]
    """Edges that an atom receives, its own included: the number of atoms of its graph."""

    @classmethod
    def of(cls, segments: Segments, pairs: Pairs, *, channels: int) -> "EdgeIndex":
        """Return the edges of these graphs, for layers of this many channels.

        On a CPU they are cut into what fits its cache, on other devices only into pairs and self-edges. It
        never waits for the device.
        """
        number, atoms = pairs.i.shape[0], segments.num_atoms
        most = 2 * number + atoms
        if segments.device.type == "cpu":
            most = max(_BLOCK_BYTES // (4 * channels), 2)
        own = torch.arange(atoms, device=segments.device)
        blocks = [_pair_block(pairs, piece, atoms) for piece in _cut(number, most // 2)]
        blocks += [Block(own[piece], own[piece], None) for piece in _cut(atoms, most)]
        return cls(blocks=tuple(blocks), degree=segments.expand(segments.counts))


def _pair_block(pairs: Pairs, piece: slice, atoms: int) -> Block:
    i, j = pairs.i[piece], pairs.j[piece]
    mean, half_difference = torch.stack([i, j], dim=1), torch.stack([i + atoms, j + 2 * atoms], dim=1)
    return Block(torch.cat([i, j]), torch.cat([j, i]), PairRows(piece, torch.cat([mean, half_difference])))


def _cut(number: int, most: int) -> list[slice]:
    """Cut into pieces of nearly the same size, none above `most`."""
    pieces = -(-number // most)
    edges = [number * piece // pieces for piece in range(pieces + 1)] if pieces else []
    return [slice(start, stop) for start, stop in pairwise(edges)]
