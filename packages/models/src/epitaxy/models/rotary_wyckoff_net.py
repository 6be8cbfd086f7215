"""RotaryWyckoffNet: a transformer over the orbits of crystals of given space groups."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from epitaxy.geometry import Pairs, Segments
from epitaxy.models._parts import perceptron
from epitaxy.models.embeddings import fourier_features
from epitaxy.models.orbit_net import LATTICE_NUMBERS, OrbitNet, WyckoffNetOutput
from epitaxy.models.rotary_attention import Padding, Phases, wave_vectors
from epitaxy.models.rotary_net import RotaryLayer
from epitaxy.models.widths import check_pairs


class RotaryWyckoffNet(OrbitNet):
    """Predicts the orbits and the cell of crystals of given space groups by attention; of no paper.

    `WyckoffNet` with the layers of `RotaryNet` in place of its messages: orbits attend to each other, by
    content and by the displacements of their points, and time, cell, group and properties modulate every
    layer, which begins without modulation. What `WyckoffNet` is asked and answers, this network is and does:
    the two stand for each other in a recipe. At equal and short processor time `WyckoffNet` learned more of
    mp_20 (docs/results).

    Args:
        species: see `OrbitNet`.
        hidden: see `OrbitNet`; a multiple of twice the heads.
        layers: number of layers, each an attention and a perceptron.
        heads: of the attention.
        expansion: width of the perceptrons, in widths.
        frequencies: see `OrbitNet`.
        embedding: see `OrbitNet`.
        time_dim: see `OrbitNet`.
        properties: see `OrbitNet`.
        labels: see `OrbitNet`.
        copies: see `OrbitNet`.
        multiplicities: see `OrbitNet`.
        composition: see `OrbitNet`.

    Raises:
        ValueError: if the width is no multiple of twice the heads, or an embedding cannot have so many
            channels.

    """

    k: Tensor

    def __init__(
        self,
        *,
        species: int,
        hidden: int = 512,
        layers: int = 8,
        heads: int = 8,
        expansion: int = 4,
        frequencies: int = 16,
        embedding: int = 128,
        time_dim: int = 128,
        properties: int = 0,
        labels: bool = True,
        copies: bool = False,
        multiplicities: bool = False,
        composition: bool = False,
    ) -> None:
        check_pairs(hidden, heads)
        super().__init__(
            species=species,
            hidden=hidden,
            frequencies=frequencies,
            embedding=embedding,
            time_dim=time_dim,
            properties=properties,
            labels=labels,
            copies=copies,
            multiplicities=multiplicities,
            composition=composition,
            residual_noise=False,
            raw_positions=True,
            layers=lambda: (RotaryLayer(hidden, heads, expansion) for _ in range(layers)),
        )
        # Properties stand last among the inputs, as in every network: see `train --from`.
        self.modulation = nn.Sequential(
            perceptron(LATTICE_NUMBERS + self.crystal_channels, hidden, hidden), nn.SiLU()
        )
        self.register_buffer("k", wave_vectors(heads, hidden // (2 * heads)), persistent=False)

    def forward(
        self,
        *,
        segments: Segments,
        space_groups: Int[Tensor, " graphs"],
        positions: Float[Tensor, "atoms 3"],
        lattice: Float[Tensor, "graphs 6"],
        species: Float[Tensor, "atoms species"],
        symmetry: Float[Tensor, "atoms 15 13"],
        time: Float[Tensor, " graphs"],
        properties: Float[Tensor, "graphs properties"] | None = None,
        pairs: Pairs | None = None,  # noqa: ARG002 - as WyckoffNet's; there are no pairs here
    ) -> WyckoffNetOutput:
        """Run the network on a batch: see `WyckoffNet.forward`, whose `pairs` are not looked at."""
        self.check(lattice, species, symmetry, properties)
        positions = positions.detach()
        of_positions = torch.cat(fourier_features(positions, self.frequencies), dim=1)
        of_time = self.time_embedding(time)
        of_crystal = self.embed_crystals(space_groups, of_time, properties)
        atoms = self.embed(
            segments, space_groups, of_time, of_crystal, positions, of_positions, species, symmetry
        )
        modulation = self.modulation(torch.cat([lattice, of_crystal], dim=1))
        phases, padding = Phases.of(positions, self.k, atoms.dtype), Padding.of(segments)
        for layer in self.layers:
            atoms = layer(atoms, modulation, segments, phases, padding)
        return self.read_out(segments, atoms, positions, species, of_time)
