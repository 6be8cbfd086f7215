"""The edge layer of a network on fully connected graphs: each atom's mean message, edge lists never written out."""

from dataclasses import dataclass

import torch
from epitaxy.models._messages import MeanMessages
from epitaxy.models.edge_index import EdgeIndex
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFeatures:
    """What an edge knows of its two atoms together, given once for both directions.

    `odd` changes sign when the two atoms change places, `even` does not (sines and cosines of a displacement).
    On an atom's edge with itself the odd features are zero and the even ones are the constants `even_self`.
    """

    odd: Float[Tensor, "pairs odd"]
    even: Float[Tensor, "pairs even"]
    even_self: Float[Tensor, " even"]

    def to(self, dtype: torch.dtype) -> "PairFeatures":
        """The same features in another floating-point type."""
        return PairFeatures(
            odd=self.odd.to(dtype), even=self.even.to(dtype), even_self=self.even_self.to(dtype)
        )


class EdgeBlock(nn.Module):
    """Mean over each atom's incoming edges of a two-layer perceptron of the edge's features.

    Computes exactly what this edge-list form computes, over all ordered pairs (i, j) of a graph, i = j included:

        mean_j silu(second(silu(first([atoms_i | atoms_j | graph | odd_ij | even_ij]))))

    but `first` is applied in parts: to atoms once per atom and role, to graphs once per graph, to pair features once
    per unordered pair, where the pre-activations of the two directions are `even part + odd part` and `even part -
    odd part`. Its parameters are those of the edge-list form: `first`, of width `2 atoms + graphs + odd + even`, and
    `second`. The pair features of one forward pass are shared by all of a network's layers.
    """

    def __init__(self, *, atoms: int, graphs: int, odd: int, even: int, hidden: int) -> None:
        super().__init__()
        self.widths = (atoms, atoms, graphs, odd, even)
        self.first = nn.Linear(sum(self.widths), hidden)
        self.second = nn.Linear(hidden, hidden)

    def forward(
        self,
        atoms: Float[Tensor, "atoms channels"],
        graphs: Float[Tensor, "atoms graph_channels"],
        pairs: PairFeatures,
        index: EdgeIndex,
    ) -> Float[Tensor, "atoms hidden"]:
        """Each atom's mean message. `graphs` are the graph's features, already given to each atom."""
        receiver, sender, graph, odd, even = self.first.weight.split(self.widths, dim=1)
        received = functional.linear(
            torch.cat([atoms, graphs], 1), torch.cat([receiver, graph], 1), self.first.bias
        )
        sent = functional.linear(atoms, sender)
        at_self = functional.linear(pairs.even_self, even)
        tensors = (received, sent, at_self, pairs.odd, pairs.even, odd, even)
        dtype = _compute_dtype(received)
        result: Tensor = MeanMessages.apply(
            *(x.to(dtype) for x in (*tensors, self.second.weight, self.second.bias)), index
        )
        return result


def _compute_dtype(like: Tensor) -> torch.dtype:
    """Autocast's type for matrix products where it is on, which a function of our own must ask for itself."""
    kind = like.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype
