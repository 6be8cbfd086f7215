"""The two-layer perceptron of an edge of EGNN, applied to all edges without an edge list."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epitaxy.models._egnn_edges import EdgeSums, EdgeValues, Plan
from epitaxy.models._parts import compute_dtype
from epitaxy.models.egnn_index import PairIndex


class EdgePerceptron(nn.Module):
    """`silu(second(silu(first([atoms_i | atoms_j | d2_ij | initial_ij]))))` of each ordered pair (i, j).

    What a layer does with it is given here in one piece: sum it over j, or take from it a few numbers an
    edge. Atom i receives the edge. `first` is applied in parts, to atoms once an atom and role. The
    parameters are those of the edge-list form. Gradients can be taken once, not twice.

    Args:
        atoms: channels of an atom.
        hidden: width of both layers.

    """

    def __init__(self, *, atoms: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(2 * atoms + 2, hidden)
        self.second = nn.Linear(hidden, hidden)

    def sums(
        self,
        atoms: Float[Tensor, "atoms channels"],
        squared: Float[Tensor, " pairs"],
        initial: Float[Tensor, " pairs"],
        index: PairIndex,
        gate: nn.Linear | None = None,
    ) -> Float[Tensor, "atoms hidden"]:
        """Sum over the edges that each atom receives.

        Args:
            atoms: features of the atoms.
            squared: current squared distances.
            initial: squared distances of the input.
            index: the edges.
            gate: a linear layer to one number, whose sigmoid multiplies the edge's message; None for 1.

        """
        plan, parts = self._parts(atoms, squared, initial, index)
        gates = (None, None) if gate is None else (gate.weight, gate.bias)
        result: Tensor = EdgeSums.apply(plan, *gates, *parts)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return result

    def values(
        self,
        atoms: Float[Tensor, "atoms channels"],
        squared: Float[Tensor, " pairs"],
        initial: Float[Tensor, " pairs"],
        index: PairIndex,
        last: Float[Tensor, "values hidden"],
    ) -> Float[Tensor, "values 2 pairs"]:
        """Products with `last`, of the edges that the pairs' atoms i receive, then of the others."""
        plan, parts = self._parts(atoms, squared, initial, index)
        result: Tensor = EdgeValues.apply(plan, last, *parts)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return result

    def _parts(
        self, atoms: Tensor, squared: Tensor, initial: Tensor, index: PairIndex
    ) -> tuple[Plan, tuple[Tensor, ...]]:
        wide = torch.promote_types(atoms.dtype, torch.float32)
        one = torch.ones_like(squared, dtype=wide)
        multipliers = torch.stack([one, one, squared.detach().to(wide), initial.detach().to(wide)], dim=1)
        plan = Plan(index, multipliers, compute_dtype(atoms), torch.is_grad_enabled())
        first, second = self.first, self.second
        return plan, (atoms, squared, initial, first.weight, first.bias, second.weight, second.bias)
