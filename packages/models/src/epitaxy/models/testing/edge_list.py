"""CSPNet with its edges written out one by one: oracle of the fast form, yardstick of its benchmark."""

import math
from typing import Literal, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from epitaxy.geometry import Segments
from epitaxy.models.crystal_net import CrystalNetOutput
from epitaxy.models.csp_layer import CSPLayer
from epitaxy.models.cspnet import CSPNet
from epitaxy.models.edge_block import EdgeBlock


class EdgeListCSPNet(CSPNet):
    """The modules, parameters and results of `CSPNet`, computed as DiffCSP's, CrysBFN's and KLDM's code does.

    Every layer gathers both atoms' features for every ordered edge, takes the Fourier features of every
    edge's displacement, maps every edge's difference of velocities, concatenates it all (at paper size 1801
    channels, with velocities 2566), runs the perceptron edge by edge and scatters the messages to their
    atoms. Written from the papers and notes on that code, for tests and benchmarks only.
    """

    def forward(  # type: ignore[override]  # there are no pairs to pass
        self,
        *,
        segments: Segments,
        positions: Float[Tensor, "atoms 3"],
        lattice: Float[Tensor, "graphs 3 3"] | Float[Tensor, "graphs 6"],
        species: Int[Tensor, " atoms"] | Float[Tensor, "atoms species"],
        time: Float[Tensor, " graphs"],
        conditions: Float[Tensor, "atoms channels"] | None = None,
        velocities: Float[Tensor, "atoms 3"] | None = None,
        properties: Float[Tensor, "graphs properties"] | None = None,
    ) -> CrystalNetOutput:
        """Run the network on a batch, as `CSPNet.forward` does."""
        self.check(lattice, conditions, velocities, properties)
        told = self.embed_properties(properties)
        atoms = self.embed(segments, species, self.time_embedding(time), conditions, told)
        atoms = edge_list_layers(
            self.layers, atoms, _invariants(lattice), segments, positions, self.frequencies, velocities
        )
        return self.read_out(segments, atoms, lattice)


def edge_list_layers(
    layers: nn.ModuleList,
    atoms: Float[Tensor, "atoms hidden"],
    of_graph: Float[Tensor, "graphs lattice_channels"],
    segments: Segments,
    positions: Float[Tensor, "atoms axes"],
    frequencies: int,
    velocities: Float[Tensor, "atoms components"] | None = None,
) -> Float[Tensor, "atoms hidden"]:
    """What these `CSPLayer`s compute one after the other, edge by edge."""
    receiver, sender = all_ordered_pairs(segments)
    displacement = (positions[sender] - positions[receiver]).detach()
    for module in layers:
        layer = cast(CSPLayer, module)
        normed = layer.norm(atoms)
        own = of_graph[segments.index[receiver]]
        fourier = edge_list_fourier(displacement, frequencies)
        messages = edge_list_messages(
            layer.edges, normed, own, fourier, receiver, sender, velocities, layer.aggregation
        )
        atoms = atoms + layer.update(torch.cat([normed, messages], dim=1))
    return atoms


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
    differing: Float[Tensor, "atoms components"] | None = None,
    aggregation: Literal["mean", "sum"] = "mean",
) -> Float[Tensor, "atoms hidden"]:
    """What an `EdgeBlock` computes, edge by edge; `pairs` is `[odd | even]` of each edge."""
    parts = [atoms[receiver], atoms[sender], own, pairs]
    if block.lift is not None and differing is not None:
        parts.append(block.lift(differing[sender] - differing[receiver]))
    messages = functional.silu(block.second(functional.silu(block.first(torch.cat(parts, dim=1)))))
    total = messages.new_zeros(atoms.shape[0], messages.shape[1]).index_add(0, receiver, messages)
    if aggregation == "sum":
        return total
    return total / receiver.bincount(minlength=atoms.shape[0]).to(total.dtype)[:, None]


def _invariants(lattice: Tensor) -> Tensor:
    """Gram matrices of lattice vectors, or parameters as they are."""
    return (lattice @ lattice.mT).flatten(1) if lattice.ndim == 3 else lattice


def edge_list_fourier(
    displacement: Float[Tensor, "rows axes"], frequencies: int
) -> Float[Tensor, "rows channels"]:
    """`[sin(2 pi k d) | cos(2 pi k d)]`, each axis by axis."""
    k = torch.arange(frequencies, device=displacement.device, dtype=displacement.dtype)
    phase = (displacement.unsqueeze(-1) * (2 * math.pi * k)).flatten(1)
    return torch.cat([phase.sin(), phase.cos()], dim=1)
