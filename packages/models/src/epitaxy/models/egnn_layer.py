"""One layer of EGNN."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epitaxy.models._egnn_geometry import Directions, WeighedDirections
from epitaxy.models.egnn_handedness import Handedness
from epitaxy.models.egnn_index import PairIndex
from epitaxy.models.egnn_perceptron import EdgePerceptron


class EGNNState(NamedTuple):
    """What layers pass on."""

    atoms: Float[Tensor, "atoms hidden"]
    displacement: Float[Tensor, "atoms 3"]
    """From the input positions."""


class EGNNLayer(nn.Module):
    """One equivariant block: a sum of messages that updates each atom's features, then a step of each atom.

        m_ij = messages([h_i | h_j | d2_ij | initial_ij]),  h_i <- h_i + update([h_i | sum_j m_ij]),
        x_i <- x_i + sum_j (x_i - x_j) / (|x_i - x_j| + 1) phi_ij,  phi = last(steps([h_i | h_j | ...])),

    over all other atoms j of the graph, distances being those before the step and `|v| = sqrt(v.v + 1e-8)`.
    `last` starts with Xavier's law at gain 0.001, so that an untrained network hardly moves an atom.

    Args:
        hidden: width of all its layers.
        attention: whether a message is multiplied by the sigmoid of a linear function of itself.
        reach: bounds phi to `reach tanh(phi)`, and the step of `Handedness` likewise; None for no bound.
        chiral: whether `Handedness` follows.

    """

    def __init__(
        self, *, hidden: int, attention: bool = False, reach: float | None = None, chiral: bool = False
    ) -> None:
        super().__init__()
        self.reach = reach
        self.messages = EdgePerceptron(atoms=hidden, hidden=hidden)
        self.attention = nn.Linear(hidden, 1) if attention else None
        self.update = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.steps = EdgePerceptron(atoms=hidden, hidden=hidden)
        self.last = nn.Linear(hidden, 1, bias=False)
        nn.init.xavier_uniform_(self.last.weight, gain=0.001)
        self.handedness = Handedness(hidden, reach=reach) if chiral else None

    def forward(
        self,
        state: EGNNState,
        positions: Float[Tensor, "atoms 3"],
        initial: Float[Tensor, " pairs"],
        index: PairIndex,
    ) -> EGNNState:
        """Update features and displacements; `initial` are squared distances of the input `positions`."""
        atoms, displacement = state
        direction, squared = Directions.apply(positions + displacement, index)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        received = self.messages.sums(atoms, squared, initial, index, self.attention)
        atoms = self.updated(atoms, received)
        values = self.bounded(self.steps.values(atoms, squared, initial, index, self.readout()))
        vectors = WeighedDirections.apply(direction, values, index)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return self.moved(atoms, displacement, vectors)

    def updated(
        self, atoms: Float[Tensor, "atoms hidden"], received: Float[Tensor, "atoms hidden"]
    ) -> Float[Tensor, "atoms hidden"]:
        """Features after the messages."""
        updated: Tensor = atoms + self.update(torch.cat([atoms, received], dim=1))
        return updated

    def readout(self) -> Float[Tensor, "values hidden"]:
        """Rows that give an edge's step, and its parts of the vectors of `Handedness`."""
        if self.handedness is None:
            return self.last.weight
        return torch.cat([self.last.weight, self.handedness.vectors.weight])

    def bounded(self, values: Float[Tensor, "values ..."]) -> Float[Tensor, "values ..."]:
        """Numbers of edges, the step's within its bound."""
        return values if self.reach is None else torch.cat([self.reach * values[:1].tanh(), values[1:]])

    def moved(
        self,
        atoms: Float[Tensor, "atoms hidden"],
        displacement: Float[Tensor, "atoms 3"],
        vectors: Float[Tensor, "values atoms 3"],
    ) -> EGNNState:
        """State after the step, from the sums over edges."""
        displacement = displacement + vectors[0]
        if self.handedness is not None:
            more_features, more_displacement = self.handedness(atoms, vectors[1:])
            atoms, displacement = atoms + more_features, displacement + more_displacement
        return EGNNState(atoms, displacement)
