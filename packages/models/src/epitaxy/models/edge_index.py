"""The ordered edges of fully connected graphs, self-edges included, as rows that blocks can be cut from."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from epitaxy.geometry import Pairs, Segments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EdgeIndex:
    """Which atoms each edge joins.

    Edges are rows: row `2 p` is pair `p` as seen from its atom `i` (receiver i, sender j), row `2 p + 1`
    the same pair as seen from `j`, and the last rows are the atoms' edges with themselves. The two
    directions lie side by side because their terms differ only by a sign; see `EdgeBlock`.
    """

    receiver: Int[Tensor, " edges"]
    sender: Int[Tensor, " edges"]
    degree: Int[Tensor, " atoms"]
    """Edges that an atom receives, its own included: the number of atoms of its graph."""
    entries: Int[Tensor, "directions 2"]
    """For each row of a pair two rows of a table `[x; y; -y]` of atoms: x_i and x_j, then y_i and -y_j."""

    @classmethod
    def of(cls, segments: Segments, pairs: Pairs) -> "EdgeIndex":
        """Return the edges of these graphs; pairs may come in any order. Never waits for the device."""
        i, j, atoms = pairs.i, pairs.j, segments.num_atoms
        own = torch.arange(atoms, device=segments.device)
        return cls(
            receiver=torch.cat([torch.stack([i, j], dim=1).flatten(), own]),
            sender=torch.cat([torch.stack([j, i], dim=1).flatten(), own]),
            degree=segments.expand(segments.counts),
            entries=torch.stack([i, j, i + atoms, j + 2 * atoms], dim=1).view(-1, 2),
        )

    @property
    def num_pairs(self) -> int:
        """Number of unordered pairs."""
        return self.entries.shape[0] // 2
