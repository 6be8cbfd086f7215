"""What lets EGNN tell a molecule from its mirror image."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

_SOFT = 0.1  # length below which a vector counts for less: there its direction is noise


class Handedness(nn.Module):
    """A pseudo-scalar and a pseudo-vector of each atom, from three vectors that sums over its edges give.

    With `v_k = sum_j (x_i - x_j) / (|x_i - x_j| + 1) phi_k,ij` and `u = v / sqrt(v.v + 0.01)`, the triple
    product `u_1 x u_2 . u_3` goes through a linear layer into the atom's features, and `u_1 x u_2`, shorter
    than 1, times a linear function of the features, psi, into its position. Both change sign in a mirror, and
    turn with the molecule. Not in EDM or GeoBFN: their networks, like all of EGNN, cannot tell mirror images
    apart. It costs sums over edges, none over triples.

    Args:
        hidden: channels of an atom, and of the edge activations that the `phi_k` are linear functions of.
        reach: bounds psi to `reach tanh(psi)`; None for no bound.

    """

    def __init__(self, hidden: int, *, reach: float | None = None) -> None:
        super().__init__()
        self.reach = reach
        self.vectors = nn.Linear(hidden, 3, bias=False)
        self.scalar = nn.Linear(1, hidden, bias=False)
        self.step = nn.Linear(hidden, 1, bias=False)
        nn.init.xavier_uniform_(self.step.weight, gain=0.001)

    def forward(
        self, atoms: Float[Tensor, "atoms hidden"], vectors: Float[Tensor, "3 atoms 3"]
    ) -> tuple[Float[Tensor, "atoms hidden"], Float[Tensor, "atoms 3"]]:
        """What to add to features and positions."""
        first, second, third = vectors / (vectors.square().sum(2, keepdim=True) + _SOFT**2).sqrt()
        across = torch.linalg.cross(first, second)
        length = self.step(atoms)
        if self.reach is not None:
            length = self.reach * length.tanh()
        return self.scalar((across * third).sum(1, keepdim=True)), length * across
