"""WyckoffNet: the network of SymmBFN, on the asymmetric units of crystals."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from epitaxy.geometry import Pairs, Segments
from epitaxy.geometry.symmetry import SITE_AXES, SITE_CLASSES
from epitaxy.models._parts import choose, perceptron
from epitaxy.models.csp_layer import CSPLayer
from epitaxy.models.edge_index import EdgeIndex
from epitaxy.models.embeddings import TimeEmbedding, fourier_features
from epitaxy.models.pair_features import fourier_pairs
from epitaxy.models.property_embedding import PropertyEmbedding, check_properties
from epitaxy.models.space_group_embedding import SpaceGroupEmbedding

_LATTICE = 6
_SITE = (len(SITE_AXES), len(SITE_CLASSES))
_AGGREGATIONS = {"mean": "mean", "sum": "sum"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WyckoffNetOutput:
    """What the network says of a batch of asymmetric units.

    Attributes:
        positions: three numbers for each orbit, one along each lattice vector; what they mean is the flow's
            to say: in SymmBFN the noise in the mean that was given.
        lattice: six numbers of the same kind. Components that the space group fixes are numbers like the
            others, and the flow's to mask.
        species: logits of each orbit's species; None from a network that is given them.
        symmetry: logits of the class of each orbit's site symmetry, on each of 15 axes; likewise.

    """

    positions: Float[Tensor, "atoms 3"]
    lattice: Float[Tensor, "graphs 6"]
    species: Float[Tensor, "atoms species"] | None
    symmetry: Float[Tensor, "atoms 15 13"] | None


class WyckoffNet(nn.Module):
    """Predicts the orbits and the cell of crystals of given space groups from beliefs about them.

    The network of SymmBFN (appendix A.3, eqs. 25 and 26). An "atom" is an orbit of the space group, shown by
    one point of it, and the graph joins all ordered pairs of a crystal's orbits, each with itself included.
    The layers are CSPNet's. Orbits see absolute coordinates, for the frame is the conventional cell's:
    translating a crystal changes everything, by design. What holds: permuting orbits permutes their outputs;
    crystals of a batch do not see each other; without `raw_positions`, a whole period added to a coordinate
    changes nothing.

    The paper leaves open, and here is decided:

    - Messages: eq. 25 adds them up, the code of the family averages. `aggregation`, "mean" unless told.
    - Eq. 26 adds the mean of the belief to the predicted noise, an odd residual, as the data, not the noise,
      are near it. `residual_noise`, off unless told.
    - Coordinates f_coord: Fourier features at `frequencies` frequencies, as in SymmCD and as of differences,
      then a linear map. The mean of a Gaussian belief is no point of the torus: early on it is small in
      scale, and the noise in it can be read from its value and not from its value modulo 1. So the three
      numbers are given as well (`raw_positions`).
    - The lattice f_k: the six numbers as they are, on every edge. A linear map of them would be one with the
      first layer of the edges' perceptron.
    - Probabilities are given as `2 theta - 1`, in [-1, 1], as CrysBFN does. f_atom and f_sym are linear; the
      latter takes all 195 numbers at once, where SymmCD first maps each axis's 13 to 4.
    - Time f_pos: `TimeEmbedding`, of continuous time, so that weights serve any number of steps.
    - The space group f_sg: `SpaceGroupEmbedding`.
    - Properties (section 3.1): `PropertyEmbedding`, one more part of each orbit's input; see there for the
      frequencies.
    - Every part of the input has `embedding` channels. psi_0 and the four heads are perceptrons with one
      hidden layer of width `hidden`; before the heads the features are normalised, as in CSPNet. The head of
      the site symmetry gives 195 logits; SymmCD's is a product of two matrices of rank 8.

    The paper gives no number of parameters and no code. With the defaults and K = 94 this network has
    13,842,090; SymmCD's of 1024 channels and 8 layers has 60.4 million.

    Args:
        species: classes of species, and of logits.
        hidden: width of all hidden layers.
        layers: number of message-passing layers.
        frequencies: the Fourier features have frequencies 0 .. frequencies - 1.
        embedding: channels of each embedded part of the input.
        time_dim: channels of the time embedding, even.
        properties: numbers a crystal that are to be embedded; 0 for none.
        labels: whether it predicts species and site symmetries, beside points and cells; not where they are
            given, and its inputs are certain.
        aggregation: whether messages are averaged or added up.
        residual_noise: whether the mean is added to the output of positions.
        raw_positions: whether orbits see their mean as it is, beside its Fourier features.

    Raises:
        ValueError: if `aggregation` is another word, or the time embedding or properties' embedding cannot
            have so many channels.

    """

    def __init__(
        self,
        *,
        species: int,
        hidden: int = 512,
        layers: int = 6,
        frequencies: int = 128,
        embedding: int = 128,
        time_dim: int = 128,
        properties: int = 0,
        labels: bool = True,
        aggregation: Literal["mean", "sum"] = "mean",
        residual_noise: bool = False,
        raw_positions: bool = True,
    ) -> None:
        super().__init__()
        choose("aggregation", aggregation, _AGGREGATIONS)
        self.frequencies = frequencies
        self.properties = properties
        self.residual_noise = residual_noise
        self.raw_positions = raw_positions
        self.species_embedding = nn.Linear(species, embedding)
        self.symmetry_embedding = nn.Linear(_SITE[0] * _SITE[1], embedding)
        self.position_embedding = nn.Linear(6 * frequencies + 3 * raw_positions, embedding)
        self.time_embedding = TimeEmbedding(time_dim)
        self.space_group_embedding = SpaceGroupEmbedding(embedding)
        self.property_embedding = PropertyEmbedding(properties, embedding) if properties else None
        self.atom_embedding = perceptron((4 + properties) * embedding + time_dim, hidden, hidden)
        self.layers = nn.ModuleList(
            CSPLayer(
                hidden=hidden,
                lattice_channels=_LATTICE,
                pair_channels=3 * frequencies,
                aggregation=aggregation,
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(hidden)
        self.position_head = perceptron(hidden, hidden, 3)
        self.lattice_head = perceptron(hidden, hidden, _LATTICE)
        self.species_head = perceptron(hidden, hidden, species) if labels else None
        self.symmetry_head = perceptron(hidden, hidden, _SITE[0] * _SITE[1]) if labels else None

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
        pairs: Pairs | None = None,
    ) -> WyckoffNetOutput:
        """Run the network on a batch.

        Args:
            segments: which orbits belong to which crystal.
            space_groups: numbers, 1 to 230.
            positions: mean of a Gaussian belief about each orbit's fractional coordinates, any real numbers.
                They are inputs: no gradient flows into them.
            lattice: mean of a belief about the standardised k1 ... k6 of each cell.
            species: `2 theta - 1` of each orbit's probabilities theta.
            symmetry: likewise, for each of 15 axes.
            time: in [0, 1], 0 = prior, 1 = data.
            properties: in standard deviations about the training mean, NaN where missing; None if the network
                sees none.
            pairs: `segments.pairs()`, for a caller that runs the same segments many times.

        Raises:
            ValueError: if a shape is not what the network was built for, properties are missing or not asked
                for, or there is no such space group.

        """
        self.check(lattice, species, symmetry, properties)
        positions = positions.detach()
        pairs = segments.pairs() if pairs is None else pairs
        features = fourier_pairs(positions, pairs, self.frequencies)
        of_positions = torch.cat(fourier_features(positions, self.frequencies), dim=1)
        of_crystal = self.embed_crystals(space_groups, time, properties)
        atoms = self.embed(segments, of_crystal, positions, of_positions, species, symmetry)
        index = EdgeIndex.of(segments, pairs, channels=atoms.shape[1])
        of_lattice = segments.expand(lattice)
        for layer in self.layers:
            atoms = layer(atoms, of_lattice, features, index)
        return self.read_out(segments, atoms, positions)

    def check(self, lattice: Tensor, species: Tensor, symmetry: Tensor, properties: Tensor | None) -> None:
        """Raise a ValueError if one of these is not what the network was built for."""
        if lattice.shape[1:] != (_LATTICE,):
            raise ValueError(f"a lattice has the shape {tuple(lattice.shape[1:])}, the network wants (6,)")
        if symmetry.shape[1:] != _SITE:
            raise ValueError(f"symmetry has the shape {tuple(symmetry.shape[1:])}, the network wants {_SITE}")
        classes = self.species_embedding.in_features
        if species.shape[1] != classes:
            raise ValueError(f"species have {species.shape[1]} classes, the network has {classes}")
        check_properties(properties, self.properties)

    def embed_crystals(
        self,
        space_groups: Int[Tensor, " graphs"],
        time: Float[Tensor, " graphs"],
        properties: Float[Tensor, "graphs properties"] | None,
    ) -> Float[Tensor, "graphs channels"]:
        """What all orbits of a crystal are told alike: its time, space group and properties."""
        parts = [self.time_embedding(time), self.space_group_embedding(space_groups)]
        if self.property_embedding is not None:
            parts.append(self.property_embedding(properties))
        return torch.cat(parts, dim=1)

    def embed(
        self,
        segments: Segments,
        of_crystal: Float[Tensor, "graphs channels"],
        positions: Float[Tensor, "atoms 3"],
        of_positions: Float[Tensor, "atoms fourier"],
        species: Float[Tensor, "atoms species"],
        symmetry: Float[Tensor, "atoms 15 13"],
    ) -> Float[Tensor, "atoms hidden"]:
        """First features of each orbit."""
        place = torch.cat([of_positions, positions], dim=1) if self.raw_positions else of_positions
        parts = [
            self.species_embedding(species),
            self.symmetry_embedding(symmetry.flatten(1)),
            self.position_embedding(place),
            segments.expand(of_crystal),
        ]
        embedded: Tensor = self.atom_embedding(torch.cat(parts, dim=1))
        return embedded

    def read_out(
        self, segments: Segments, atoms: Float[Tensor, "atoms hidden"], positions: Float[Tensor, "atoms 3"]
    ) -> WyckoffNetOutput:
        """Outputs, from the orbits' features after the last layer."""
        atoms = self.norm(atoms)
        noise = self.position_head(atoms)
        return WyckoffNetOutput(
            positions=positions + noise if self.residual_noise else noise,
            lattice=self.lattice_head(segments.mean(atoms)),
            species=None if self.species_head is None else self.species_head(atoms),
            symmetry=None if self.symmetry_head is None else self.symmetry_head(atoms).unflatten(1, _SITE),
        )
