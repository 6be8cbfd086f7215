"""CSPNet: DiffCSP's periodic equivariant network, in CrysBFN's variant with entropy conditioning."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from epitaxy.geometry import Pairs, Segments
from epitaxy.models.edge_block import EdgeBlock
from epitaxy.models.edge_index import EdgeIndex
from epitaxy.models.embeddings import TimeEmbedding
from epitaxy.models.pair_features import PairFeatures, fourier_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class CSPNetOutput:
    """What the network says of a batch of crystals.

    Attributes:
        positions: displacement of each atom along each lattice vector in radians, 2 pi being a period; to be
            added to the input positions by the flow.
        lattice: `M @ lattice` with one 3x3 matrix M a graph, in the units of the input lattice.
        species: logits of each atom's species, or None if the network was built without them.

    """

    positions: Float[Tensor, "atoms 3"]
    lattice: Float[Tensor, "graphs 3 3"]
    species: Float[Tensor, "atoms species"] | None


class CSPLayer(nn.Module):
    """One residual layer: the mean message of all atoms of the crystal, then an update of each atom."""

    def __init__(self, hidden: int, pair_channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.edges = EdgeBlock(atoms=hidden, own=9, odd=pair_channels, even=pair_channels, hidden=hidden)
        self.update = nn.Sequential(
            nn.Linear(2 * hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU()
        )

    def forward(
        self,
        atoms: Float[Tensor, "atoms hidden"],
        grams: Float[Tensor, "atoms 9"],
        features: PairFeatures,
        index: EdgeIndex,
    ) -> Float[Tensor, "atoms hidden"]:
        """Update the atoms' features; `grams` is the Gram matrix of each atom's lattice."""
        normed = self.norm(atoms)
        messages = self.edges(normed, grams, features, index)
        updated: Tensor = atoms + self.update(torch.cat([normed, messages], dim=1))
        return updated


class CSPNet(nn.Module):
    """Predicts positions, lattice and species of crystals from noisy ones.

    The network of DiffCSP (Jiao et al., NeurIPS 2023, eqs. 7-11) as CrysBFN changes it (Wu et al., ICLR 2025,
    section 4): features of each coordinate's accuracy enter beside the time, and layers are residual. The
    graph of a crystal joins all ordered pairs of its atoms, each atom with itself included. It computes what
    the edge-list form computes (`epitaxy.models.testing.EdgeListCSPNet`, which loads the same weights);
    `EdgeBlock` tells how.

    Symmetries: permuting atoms permutes their outputs; `lattice @ Q` with Q in O(3) gives an output lattice
    multiplied by Q (rows are lattice vectors) and changes nothing else; translating a crystal's positions,
    or one of them by a whole period, changes nothing; crystals of a batch do not see each other.

    Deviation from the published network: time is continuous, see `TimeEmbedding`. With K = 89 and the
    defaults it has the published 12,271,193 (probabilities) or 12,270,681 (index) parameters; the latter
    count includes the species head, which the published CSP model has but never reads and
    `predict_species=False` leaves out.

    Args:
        species: number K of species in the vocabulary.
        species_input: "index" for known species (an embedding), "probabilities" for uncertain ones (a
            linear map; CrysBFN feeds `2 theta - 1`).
        predict_species: whether the output has logits of species.
        hidden: width of all hidden layers.
        layers: number of message-passing layers.
        frequencies: the Fourier features of displacements have frequencies 0 .. frequencies - 1.
        time_dim: channels of the time embedding, even.
        position_conditions: channels of `conditions`, further features of each atom; 0 for none.

    """

    def __init__(
        self,
        *,
        species: int,
        species_input: Literal["index", "probabilities"],
        predict_species: bool,
        hidden: int = 512,
        layers: int = 6,
        frequencies: int = 128,
        time_dim: int = 128,
        position_conditions: int = 3,
    ) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.position_conditions = position_conditions
        self.species_embedding: nn.Module = (
            nn.Embedding(species, hidden) if species_input == "index" else nn.Linear(species, hidden)
        )
        self.time_embedding = TimeEmbedding(time_dim)
        self.atom_embedding = nn.Linear(hidden + time_dim + position_conditions, hidden)
        self.layers = nn.ModuleList(CSPLayer(hidden, 3 * frequencies) for _ in range(layers))
        self.norm = nn.LayerNorm(hidden)
        self.position_head = nn.Linear(hidden, 3, bias=False)
        self.lattice_head = nn.Linear(hidden, 9, bias=False)
        self.species_head = nn.Linear(hidden, species) if predict_species else None

    def forward(
        self,
        *,
        segments: Segments,
        positions: Float[Tensor, "atoms 3"],
        lattice: Float[Tensor, "graphs 3 3"],
        species: Int[Tensor, " atoms"] | Float[Tensor, "atoms species"],
        time: Float[Tensor, " graphs"],
        conditions: Float[Tensor, "atoms channels"] | None = None,
        pairs: Pairs | None = None,
    ) -> CSPNetOutput:
        """Run the network on a batch.

        Args:
            segments: which atoms belong to which graph.
            positions: fractional, period 1. They are inputs: no gradient flows into them.
            lattice: rows are lattice vectors, in scaled units (angstrom over the data's standard deviation).
            species: index or (transformed) probabilities, as the network was built for.
            time: in [0, 1], 0 = prior, 1 = data.
            conditions: further features of each atom, as many as `position_conditions`; None if that is 0.
            pairs: `segments.pairs()`, for a caller that runs the same segments many times.

        Raises:
            ValueError: if `conditions` has another number of channels than the network.

        """
        pairs = segments.pairs() if pairs is None else pairs
        features = fourier_pairs(positions, pairs, self.frequencies)
        atoms = self.embed(segments, species, time, conditions)
        index = EdgeIndex.of(segments, pairs, channels=atoms.shape[1])
        grams = segments.expand((lattice @ lattice.mT).flatten(1))
        for layer in self.layers:
            atoms = layer(atoms, grams, features, index)
        return self.read_out(segments, atoms, lattice)

    def embed(
        self,
        segments: Segments,
        species: Int[Tensor, " atoms"] | Float[Tensor, "atoms species"],
        time: Float[Tensor, " graphs"],
        conditions: Float[Tensor, "atoms channels"] | None,
    ) -> Float[Tensor, "atoms hidden"]:
        """First features of each atom: of its species, its graph's time, its conditions."""
        channels = 0 if conditions is None else conditions.shape[1]
        if channels != self.position_conditions:
            raise ValueError(f"conditions have {channels} channels, the network {self.position_conditions}")
        parts = [self.species_embedding(species), segments.expand(self.time_embedding(time))]
        parts += [] if conditions is None else [conditions]
        embedded: Tensor = self.atom_embedding(torch.cat(parts, dim=1))
        return embedded

    def read_out(
        self, segments: Segments, atoms: Float[Tensor, "atoms hidden"], lattice: Float[Tensor, "graphs 3 3"]
    ) -> CSPNetOutput:
        """Outputs, from the atoms' features after the last layer."""
        atoms = self.norm(atoms)
        change = self.lattice_head(segments.mean(atoms)).unflatten(1, (3, 3))
        return CSPNetOutput(
            positions=self.position_head(atoms),
            lattice=change @ lattice.to(change.dtype),
            species=None if self.species_head is None else self.species_head(atoms),
        )
