"""The edge layer of networks on fully connected graphs: mean messages, but no edge list."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from epitaxy.models._messages import MeanMessages
from epitaxy.models._parts import compute_dtype
from epitaxy.models.edge_index import EdgeIndex
from epitaxy.models.pair_features import PairFeatures


class EdgeBlock(nn.Module):
    """Mean over each atom's incoming edges of a two-layer perceptron of the edge's features.

    Computes what this edge-list form computes, over all ordered pairs (i, j) of a graph, i = j included:

        mean_j silu(second(silu(first([atoms_i | atoms_j | own_i | odd_ij | even_ij | lift(x_j - x_i)]))))

    but applies `first` in parts: to atoms once an atom and role, and to pair features once an unordered
    pair, as the two directions' pre-activations are `even part + odd part` and `even part - odd part`.
    `first` and `lift` in a row are one small matrix, applied to `x` once an atom. The parameters are those
    of the edge-list form: `first`, of width `2 atoms + own + odd + even` and of what `lift` gives, `second`
    and `lift`. The pair features of a forward pass are shared by all of a network's layers. Gradients can
    be taken once, not twice.

    Args:
        atoms: channels that an edge has of both its atoms.
        own: channels that it has of its receiver alone, such as features of the graph.
        odd: pair features that change sign with the direction.
        even: pair features that do not.
        hidden: width of both layers.
        lift: a linear layer of what an edge has of its atoms' difference in a quantity `x`, such as their
            velocities; None for no such quantity.

    """

    def __init__(
        self, *, atoms: int, own: int, odd: int, even: int, hidden: int, lift: nn.Linear | None = None
    ) -> None:
        super().__init__()
        self.widths = (atoms, atoms, own, odd, even, 0 if lift is None else lift.out_features)
        self.lift = lift
        self.first = nn.Linear(sum(self.widths), hidden)
        self.second = nn.Linear(hidden, hidden)

    def forward(
        self,
        atoms: Float[Tensor, "atoms channels"],
        own: Float[Tensor, "atoms own_channels"],
        pairs: PairFeatures,
        index: EdgeIndex,
        differing: Float[Tensor, "atoms components"] | None = None,
    ) -> Float[Tensor, "atoms hidden"]:
        """Mean message to each atom.

        Args:
            atoms: features of the atoms.
            own: further features of receivers.
            pairs: features of pairs.
            index: the graphs' edges.
            differing: the quantity `x` of which edges see the difference.

        Raises:
            ValueError: if `differing` is given and the block has no `lift`, or the other way round.

        """
        if (differing is None) != (self.lift is None):
            raise ValueError("give `differing` to an EdgeBlock that was built with `lift`, and to no other")
        receiver_weight, sender_weight, own_weight, odd, even, lifted = self._weights()
        receiver = functional.linear(atoms, receiver_weight, self.first.bias)
        receiver = receiver + functional.linear(own, own_weight)
        sender = functional.linear(atoms, sender_weight)
        if self.lift is not None and differing is not None:
            term = functional.linear(differing, lifted @ self.lift.weight)
            # What `lift` gives for no difference, its bias, is part of every edge, of self-edges too.
            constant = lifted @ self.lift(differing.new_zeros(differing.shape[1]))
            receiver, sender = receiver - term + constant, sender + term
        terms = receiver, sender, functional.linear(pairs.even_self, even)
        tensors = (*terms, pairs.odd, pairs.even, odd, even, self.second.weight, self.second.bias)
        dtype = compute_dtype(atoms)
        result: Tensor = MeanMessages.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
            *(x.to(dtype) for x in tensors), index
        )
        return result

    def _weights(self) -> tuple[Tensor, ...]:
        return torch.split(self.first.weight, list(self.widths), dim=1)
