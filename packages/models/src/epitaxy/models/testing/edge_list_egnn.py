"""EGNN with its edges written out one by one: oracle of the fast form, yardstick of its benchmark."""

from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from epitaxy.geometry import Pairs, Segments
from epitaxy.models.egnn import EGNN, EGNNOutput
from epitaxy.models.egnn_layer import EGNNLayer, EGNNState
from epitaxy.models.egnn_perceptron import EdgePerceptron
from epitaxy.models.testing.edge_list import all_ordered_pairs


class EdgeListEGNN(EGNN):
    """The modules, parameters and results of `EGNN`, computed as EDM's and GeoBFN's code does.

    Every layer takes each edge's vector and distance, gathers both atoms' features for it (twice, as the
    features change in between), concatenates them with the squared distances (at paper size 514 channels),
    runs the perceptrons edge by edge and scatters the results to their atoms. Written from notes on that
    code, for tests and benchmarks only.
    """

    def forward(
        self,
        *,
        segments: Segments,
        positions: Float[Tensor, "atoms 3"],
        features: Float[Tensor, "atoms channels"],
        pairs: Pairs | None = None,  # noqa: ARG002 - as EGNN's, for MoleculeNet; not looked at
    ) -> EGNNOutput:
        """Run the network on a batch, as `EGNN.forward` does."""
        receiver, sender = all_ordered_pairs(segments)
        different = receiver != sender
        edges = receiver[different], sender[different]
        initial = _vectors(positions, *edges).square().sum(1, keepdim=True)
        atoms = self.embedding(features).to(features.dtype)
        state = EGNNState(atoms, torch.zeros_like(positions))
        for module in self.layers:
            state = _layer(cast(EGNNLayer, module), state, positions, initial, *edges)
        return EGNNOutput(displacement=state.displacement, features=self.head(state.atoms))


def _layer(
    layer: EGNNLayer, state: EGNNState, positions: Tensor, initial: Tensor, receiver: Tensor, sender: Tensor
) -> EGNNState:
    atoms, displacement = state
    vectors = _vectors(positions + displacement, receiver, sender)
    squared = vectors.square().sum(1, keepdim=True)
    direction = vectors / ((squared + 1e-8).sqrt() + 1)
    distances = torch.cat([squared, initial], dim=1)
    messages = _perceptron(layer.messages, atoms, distances, receiver, sender)
    if layer.attention is not None:
        messages = messages * layer.attention(messages).sigmoid()
    atoms = layer.updated(atoms, _scattered(messages, receiver, atoms.shape[0]))
    values = functional.linear(_perceptron(layer.steps, atoms, distances, receiver, sender), layer.readout())
    weighed = direction[:, None] * layer.bounded(values.T).T[:, :, None]
    return layer.moved(atoms, displacement, _scattered(weighed, receiver, atoms.shape[0]).transpose(0, 1))


def _vectors(positions: Tensor, receiver: Tensor, sender: Tensor) -> Tensor:
    return positions[receiver] - positions[sender]


def _perceptron(
    perceptron: EdgePerceptron,
    atoms: Float[Tensor, "atoms channels"],
    distances: Float[Tensor, "edges 2"],
    receiver: Int[Tensor, " edges"],
    sender: Int[Tensor, " edges"],
) -> Float[Tensor, "edges hidden"]:
    edges = torch.cat([atoms[receiver], atoms[sender], distances], dim=1)
    return functional.silu(perceptron.second(functional.silu(perceptron.first(edges))))


def _scattered(of_edges: Tensor, receiver: Tensor, atoms: int) -> Tensor:
    return of_edges.new_zeros(atoms, *of_edges.shape[1:]).index_add(0, receiver, of_edges)
