"""EGNN: the equivariant network on fully connected molecules of EDM and GeoBFN."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from epitaxy.geometry import Pairs, Segments
from epitaxy.models._parts import choose
from epitaxy.models.egnn_index import PairIndex
from epitaxy.models.egnn_layer import EGNNLayer, EGNNState

CHIRAL = {"E(3)": False, "SE(3)": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class EGNNOutput:
    """What the network says of a batch of molecules.

    Attributes:
        displacement: how far each atom was moved, final minus input position, in the unit of the input. Not
            centred: a molecule's displacements have any mean.
        features: outputs of each atom.

    """

    displacement: Float[Tensor, "atoms 3"]
    features: Float[Tensor, "atoms outputs"]


class EGNN(nn.Module):
    """Moves a molecule's atoms and maps their features, as E(n)-equivariant layers do.

    The network of Satorras et al. (ICML 2021) in the form of EDM (Hoogeboom et al., ICML 2022) that GeoBFN
    (Song et al., ICLR 2024) uses; `EGNNLayer` has the formulas. The graph of a molecule joins all ordered
    pairs of different atoms. Messages and steps are summed, not averaged. It computes what the edge-list form
    computes (`epitaxy.models.testing.EdgeListEGNN`, which loads the same weights); `EdgePerceptron` tells
    how. Gradients flow through the positions from layer to layer, and into the input's; they can be taken
    once, not twice.

    Symmetries: permuting atoms permutes their outputs; translating a molecule changes nothing; rotating it
    rotates the displacements and changes nothing else; molecules of a batch do not see each other. With
    `equivariance="E(3)"`, the published network, the same holds of reflections, so that mirror images get the
    same features, and it cannot learn which of the two a molecule is. GeoBFN's paper speaks of SE(3), of
    rotations alone: `"SE(3)"` adds `Handedness` to every layer.

    With 17 features, 2 outputs and the defaults it has GeoBFN's 5,338,882 parameters on QM9.

    Args:
        features: channels of the input features of each atom.
        outputs: channels of the output features.
        hidden: width of all hidden layers.
        layers: number of layers.
        equivariance: "E(3)" or "SE(3)".
        attention: whether messages are gated, as EDM's are and GeoBFN's are not.
        tanh: whether each edge's step is bounded by a tanh, as EDM's are and GeoBFN's are not; each atom's
            step by `Handedness` too.
        reach: the bound on all layers' steps along an edge together, in the unit of the positions, and on
            those by `Handedness` together; each layer has an equal share. Read with `tanh` only. EDM: 15.

    Raises:
        ValueError: if `equivariance` is none of the two.

    """

    def __init__(
        self,
        *,
        features: int,
        outputs: int,
        hidden: int = 256,
        layers: int = 9,
        equivariance: Literal["E(3)", "SE(3)"] = "E(3)",
        attention: bool = False,
        tanh: bool = False,
        reach: float = 15.0,
    ) -> None:
        super().__init__()
        chiral = choose("equivariance", equivariance, CHIRAL)
        self.embedding = nn.Linear(features, hidden)
        self.layers = nn.ModuleList(
            EGNNLayer(
                hidden=hidden, attention=attention, reach=reach / layers if tanh else None, chiral=chiral
            )
            for _ in range(layers)
        )
        self.head = nn.Linear(hidden, outputs)

    def forward(
        self,
        *,
        segments: Segments,
        positions: Float[Tensor, "atoms 3"],
        features: Float[Tensor, "atoms channels"],
        pairs: Pairs | None = None,
    ) -> EGNNOutput:
        """Run the network on a batch.

        Args:
            segments: which atoms belong to which graph.
            positions: Cartesian, in any unit of about a bond's length: distances are compared with 1.
            features: input features of each atom.
            pairs: `segments.pairs()`, for a caller that runs the same segments many times.

        """
        pairs = segments.pairs() if pairs is None else pairs
        index = PairIndex.of(pairs, atoms=segments.num_atoms, channels=self.embedding.out_features)
        initial = (positions[pairs.j] - positions[pairs.i]).square().sum(1)
        # Features are added up in full precision under autocast too.
        atoms = self.embedding(features).to(features.dtype)
        state = EGNNState(atoms, torch.zeros_like(positions))
        for layer in self.layers:
            state = layer(state, positions, initial, index)
        return EGNNOutput(displacement=state.displacement, features=self.head(state.atoms))
