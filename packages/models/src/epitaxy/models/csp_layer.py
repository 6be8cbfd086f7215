"""One layer of CSPNet."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epitaxy.models._parts import Addition
from epitaxy.models.edge_block import EdgeBlock
from epitaxy.models.edge_index import EdgeIndex
from epitaxy.models.pair_features import PairFeatures


class CSPLayer(Addition):
    """One residual layer: the message of all atoms of the crystal, then an update of each atom.

    Args:
        hidden: width of all its layers.
        lattice_channels: features of the lattice that every edge sees.
        pair_channels: sines, and as many cosines, of a displacement.
        velocities: whether edges see velocities, mapped to `2 pair_channels` features by a matrix of the
            layer's own (KLDM).
        aggregation: whether the messages to an atom are averaged or added up.

    """

    last = ("update.2",)

    def __init__(
        self,
        *,
        hidden: int,
        lattice_channels: int,
        pair_channels: int,
        velocities: bool = False,
        aggregation: Literal["mean", "sum"] = "mean",
    ) -> None:
        super().__init__()
        self.aggregation = aggregation
        self.norm = nn.LayerNorm(hidden)
        self.edges = EdgeBlock(
            atoms=hidden,
            own=lattice_channels,
            odd=pair_channels,
            even=pair_channels,
            hidden=hidden,
            lift=nn.Linear(3, 2 * pair_channels) if velocities else None,
        )
        self.update = nn.Sequential(
            nn.Linear(2 * hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU()
        )

    def forward(
        self,
        atoms: Float[Tensor, "atoms hidden"],
        lattice: Float[Tensor, "atoms lattice_channels"],
        features: PairFeatures,
        index: EdgeIndex,
        velocities: Float[Tensor, "atoms 3"] | None = None,
    ) -> Float[Tensor, "atoms hidden"]:
        """Update the atoms' features; `lattice` has the features of each atom's lattice."""
        normed = self.norm(atoms)
        messages = self.edges(normed, lattice, features, index, velocities)
        if self.aggregation == "sum":
            messages = messages * index.degree[:, None]
        updated: Tensor = atoms + self.update(torch.cat([normed, messages], dim=1))
        return updated
