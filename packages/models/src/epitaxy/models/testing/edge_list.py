"""CSPNet with its edges written out one by one: oracle of the fast form, yardstick of its benchmark."""

import math
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from epitaxy.geometry import Segments
from epitaxy.models.cspnet import CSPLayer, CSPNet, CSPNetOutput
from epitaxy.models.edge_block import EdgeBlock


class EdgeListCSPNet(CSPNet):
    """The modules, parameters and results of `CSPNet`, computed as DiffCSP's and CrysBFN's code does.

    Every layer gathers both atoms' features for every ordered edge, takes the Fourier features of every
    edge's displacement, concatenates it all (1801 channels at paper size), runs the perceptron edge by edge
    and scatters the messages to their atoms. Written from the papers and notes on that code, for tests and
    benchmarks only.
    """

    def forward(  # type: ignore[override]  # there are no pairs to pass
        self,
        *,
        segments: Segments,
        positions: Float[Tensor, "atoms 3"],
        lattice: Float[Tensor, "graphs 3 3"],
        species: Int[Tensor, " atoms"] | Float[Tensor, "atoms species"],
        time: Float[Tensor, " graphs"],
        conditions: Float[Tensor, "atoms channels"] | None = None,
    ) -> CSPNetOutput:
        """Run the network on a batch, as `CSPNet.forward` does."""
        receiver, sender = all_ordered_pairs(segments)
        displacement = (positions[sender] - positions[receiver]).detach()
        grams = (lattice @ lattice.mT).flatten(1)[segments.index[receiver]]
        atoms = self.embed(segments, species, time, conditions)
        for module in self.layers:
            layer = cast(CSPLayer, module)
            normed = layer.norm(atoms)
            fourier = _fourier(displacement, self.frequencies)
            messages = edge_list_messages(layer.edges, normed, grams, fourier, receiver, sender)
            atoms = atoms + layer.update(torch.cat([normed, messages], dim=1))
        return self.read_out(segments, atoms, lattice)


def all_ordered_pairs(segments: Segments) -> tuple[Int[Tensor, " edges"], Int[Tensor, " edges"]]:
    """Receiver and sender of every edge, sorted by receiver, self-edges included."""
    degree = segments.expand(segments.counts)
    receiver = torch.arange(segments.num_atoms, device=degree.device).repeat_interleave(degree)
    first = degree.cumsum(0) - degree
    within = torch.arange(receiver.shape[0], device=degree.device) - first[receiver]
    return receiver, segments.offsets[segments.index[receiver]] + within


def edge_list_messages(
    block: EdgeBlock,
    atoms: Float[Tensor, "atoms channels"],
    own: Float[Tensor, "edges own_channels"],
    pairs: Float[Tensor, "edges pair_channels"],
    receiver: Int[Tensor, " edges"],
    sender: Int[Tensor, " edges"],
) -> Float[Tensor, "atoms hidden"]:
    """What an `EdgeBlock` computes, edge by edge; `pairs` is `[odd | even]` of each edge."""
    features = torch.cat([atoms[receiver], atoms[sender], own, pairs], dim=1)
    messages = functional.silu(block.second(functional.silu(block.first(features))))
    total = messages.new_zeros(atoms.shape[0], messages.shape[1]).index_add(0, receiver, messages)
    return total / receiver.bincount(minlength=atoms.shape[0]).to(total.dtype)[:, None]


def _fourier(displacement: Tensor, frequencies: int) -> Tensor:
    """`[sin(2 pi k d) | cos(2 pi k d)]`, each axis by axis."""
    k = torch.arange(frequencies, device=displacement.device, dtype=displacement.dtype)
    phase = (displacement.unsqueeze(-1) * (2 * math.pi * k)).flatten(1)
    return torch.cat([phase.sin(), phase.cos()], dim=1)
