"""CSPNet with its edges written out one by one: the oracle of the fast form and the yardstick of its benchmark."""

import math

import torch
from epitaxy.geometry import Segments
from epitaxy.models.cspnet import CSPNet, CSPNetOutput
from epitaxy.models.edge_block import EdgeBlock
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


class EdgeListCSPNet(CSPNet):
    """The same modules, parameters and results as `CSPNet`, computed as DiffCSP's and CrysBFN's code computes them.

    Every layer gathers both atoms' features for every ordered edge, takes the Fourier features of every edge's
    displacement, concatenates it all (1801 channels at paper size), runs the perceptron edge by edge and scatters the
    messages to their atoms. Written from the papers and the notes on that code, for tests and benchmarks only.
    """

    def forward(  # type: ignore[override]  # there is no edge index to share
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
        source, target = _all_ordered_pairs(segments)
        displacement = (positions[target] - positions[source]).detach()
        grams = (lattice @ lattice.mT).flatten(1)[segments.index[source]]
        atoms = self._embed(segments, species, time, conditions)
        for layer in self.layers:
            normed = layer.norm(atoms)
            features = [normed[source], normed[target], grams, _fourier(displacement, self.frequencies)]
            messages = _scatter_mean(
                _perceptron(layer.edges, torch.cat(features, dim=1)), source, atoms.shape[0]
            )
            atoms = atoms + layer.update(torch.cat([normed, messages], dim=1))
        atoms = self.norm(atoms)
        change = self.lattice_head(segments.mean(atoms)).unflatten(1, (3, 3))
        return CSPNetOutput(
            positions=self.position_head(atoms),
            lattice=change @ lattice,
            species=None if self.species_head is None else self.species_head(atoms),
        )


def _all_ordered_pairs(segments: Segments) -> tuple[Tensor, Tensor]:
    """Receiver and sender of every edge, sorted by receiver, self-edges included."""
    degree = segments.expand(segments.counts)
    source = torch.arange(segments.num_atoms, device=degree.device).repeat_interleave(degree)
    within = torch.arange(source.shape[0], device=degree.device) - (degree.cumsum(0) - degree)[source]
    return source, segments.offsets[segments.index[source]] + within


def _fourier(displacement: Tensor, frequencies: int) -> Tensor:
    """`[sin(2 pi k d) | cos(2 pi k d)]`, each axis by axis."""
    k = torch.arange(frequencies, device=displacement.device, dtype=displacement.dtype)
    phase = (displacement.unsqueeze(-1) * (2 * math.pi * k)).flatten(1)
    return torch.cat([phase.sin(), phase.cos()], dim=1)


def _perceptron(edges: EdgeBlock, features: Tensor) -> Tensor:
    return functional.silu(edges.second(functional.silu(edges.first(features))))


def _scatter_mean(messages: Tensor, source: Tensor, atoms: int) -> Tensor:
    total = messages.new_zeros(atoms, messages.shape[1]).index_add(0, source, messages)
    return total / source.bincount(minlength=atoms).to(messages.dtype)[:, None]
