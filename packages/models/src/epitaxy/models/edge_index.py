"""The ordered edges of fully connected graphs, with self-edges, built once per forward pass."""

from dataclasses import dataclass

import torch
from epitaxy.geometry import Segments
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EdgeIndex:
    """Which atoms each edge joins, and each atom's edges.

    Edges are rows: row `2 p` is pair `p` as seen from `i` (receiver i, sender j), row `2 p + 1` the same pair as seen
    from `j`, and the last rows are the atoms' edges with themselves. The two directions lie side by side because
    their terms differ only by a sign; see `EdgeBlock`.
    """

    i: Int[Tensor, " pairs"]
    j: Int[Tensor, " pairs"]
    degree: Int[Tensor, " atoms"]  # edges that an atom receives, its own included: the atoms of its graph
    starts: Int[Tensor, " atoms"]  # where an atom's edges begin in `received` and in `sent`
    received: Int[Tensor, " edges"]  # rows sorted by receiver
    sent: Int[Tensor, " edges"]  # rows sorted by sender
    receiver: Int[Tensor, " edges"]  # the receiver of each row

    @classmethod
    def of(cls, segments: Segments) -> "EdgeIndex":
        """The edges of these graphs. Vectorised; it costs one sort of the edges."""
        pairs = segments.pairs()
        atoms = torch.arange(segments.num_atoms, device=segments.device)
        receiver = torch.cat([torch.stack([pairs.i, pairs.j], dim=1).flatten(), atoms])
        received = receiver.argsort(stable=True)
        # The sender of a row is the receiver of its twin, so the twins of rows sorted by receiver are sorted by sender.
        sent = torch.where(received < 2 * pairs.i.shape[0], received ^ 1, received)
        degree = segments.expand(segments.counts)
        starts = degree.cumsum(0) - degree
        return cls(
            i=pairs.i,
            j=pairs.j,
            degree=degree,
            starts=starts,
            received=received,
            sent=sent,
            receiver=receiver,
        )

    @property
    def num_pairs(self) -> int:
        """Number of unordered pairs, known without asking the device."""
        return self.i.shape[0]

    @property
    def num_atoms(self) -> int:
        """Number of atoms, known without asking the device."""
        return self.degree.shape[0]
