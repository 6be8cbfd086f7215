"""What every network on asymmetric units shares: its inputs, how it embeds them, its outputs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from epitaxy.geometry import Segments
from epitaxy.geometry.symmetry import SITE_AXES, SITE_CLASSES
from epitaxy.models._parts import perceptron
from epitaxy.models.composition_embedding import CompositionEmbedding
from epitaxy.models.copying_head import CopyingHead
from epitaxy.models.embeddings import TimeEmbedding
from epitaxy.models.multiplicity_embedding import MultiplicityEmbedding
from epitaxy.models.property_embedding import PropertyEmbedding, check_properties
from epitaxy.models.space_group_embedding import SpaceGroupEmbedding
from epitaxy.models.widths import check_counted

LATTICE_NUMBERS = 6
_SITE = (len(SITE_AXES), len(SITE_CLASSES))


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


class OrbitNet(nn.Module):
    """Embeddings and heads around the layers of a network on orbits; subclasses add the layers.

    An "atom" is an orbit of the space group, shown by one point of it. Orbits see absolute coordinates, for
    the frame is the conventional cell's: translating a crystal changes everything, by design. What holds:
    permuting orbits permutes their outputs; crystals of a batch do not see each other; without
    `raw_positions`, a whole period added to a coordinate changes nothing.

    Args:
        species: classes of species, and of logits.
        hidden: width of all hidden layers.
        frequencies: the Fourier features have frequencies 0 .. frequencies - 1.
        embedding: channels of each embedded part of the input.
        time_dim: channels of the time embedding, even.
        properties: numbers a crystal that are to be embedded; 0 for none.
        labels: whether it predicts species and site symmetries, beside points and cells; not where they are
            given, and its inputs are certain.
        residual_noise: whether the mean is added to the output of positions.
        raw_positions: whether orbits see their mean as it is, beside its Fourier features.
        copies: whether an orbit may take over another's species: see `CopyingHead`.
        multiplicities: whether orbits are told how many atoms they stand for: see `MultiplicityEmbedding`.
        composition: whether they are told what their crystal is made of: see `CompositionEmbedding`. That
            counts atoms, so it wants `multiplicities`.
        layers: makes what stands between embeddings and heads.

    Raises:
        ValueError: if the time embedding or properties' embedding cannot have so many channels, or a
            composition is asked for without multiplicities.

    """

    def __init__(
        self,
        *,
        species: int,
        hidden: int,
        frequencies: int,
        embedding: int,
        time_dim: int,
        properties: int,
        labels: bool,
        residual_noise: bool,
        raw_positions: bool,
        copies: bool,
        multiplicities: bool,
        composition: bool,
        layers: Callable[[], Iterable[nn.Module]],
    ) -> None:
        check_counted(composition=composition, multiplicities=multiplicities)
        super().__init__()
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
        self.crystal_channels = time_dim + (1 + properties) * embedding
        self.atom_embedding = perceptron(3 * embedding + self.crystal_channels, hidden, hidden)
        self.multiplicity_embedding: MultiplicityEmbedding | None = None
        if multiplicities:
            self.multiplicity_embedding = MultiplicityEmbedding(hidden, time_dim=time_dim)
        self.composition_embedding: CompositionEmbedding | None = None
        if composition:
            self.composition_embedding = CompositionEmbedding(species, hidden, time_dim=time_dim)
        self.layers = nn.ModuleList(layers())
        self.norm = nn.LayerNorm(hidden)
        self.position_head = perceptron(hidden, hidden, 3)
        self.lattice_head = perceptron(hidden, hidden, LATTICE_NUMBERS)
        self.species_head: CopyingHead | nn.Sequential | None = None
        if labels and copies:
            self.species_head = CopyingHead(hidden=hidden, classes=species, time_dim=time_dim)
        elif labels:
            self.species_head = perceptron(hidden, hidden, species)
        self.symmetry_head = perceptron(hidden, hidden, _SITE[0] * _SITE[1]) if labels else None

    def check(self, lattice: Tensor, species: Tensor, symmetry: Tensor, properties: Tensor | None) -> None:
        """Raise a ValueError if one of these is not what the network was built for."""
        if lattice.shape[1:] != (LATTICE_NUMBERS,):
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
        of_time: Float[Tensor, "graphs time_dim"],
        properties: Float[Tensor, "graphs properties"] | None,
    ) -> Float[Tensor, "graphs channels"]:
        """What all orbits of a crystal are told alike: its time, space group and properties."""
        parts = [of_time, self.space_group_embedding(space_groups)]
        if self.property_embedding is not None:
            parts.append(self.property_embedding(properties))
        return torch.cat(parts, dim=1)

    def embed(
        self,
        segments: Segments,
        space_groups: Int[Tensor, " graphs"],
        of_time: Float[Tensor, "graphs time_dim"],
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
        if self.multiplicity_embedding is None:
            return embedded
        belief = self.multiplicity_embedding.belief(segments, space_groups, symmetry, of_time)
        embedded = embedded + self.multiplicity_embedding(belief)
        if self.composition_embedding is None:
            return embedded
        atoms = self.multiplicity_embedding.expected(belief)
        return embedded + segments.expand(self.composition_embedding(segments, species, atoms, of_time))

    def read_out(
        self,
        segments: Segments,
        atoms: Float[Tensor, "atoms hidden"],
        positions: Float[Tensor, "atoms 3"],
        species: Float[Tensor, "atoms species"],
        of_time: Float[Tensor, "graphs time_dim"],
    ) -> WyckoffNetOutput:
        """Outputs, from the orbits' features after the last layer."""
        atoms = self.norm(atoms)
        match self.species_head:
            case CopyingHead() as head:
                logits = head(segments, atoms, species, of_time)
            case head:
                logits = None if head is None else head(atoms)
        noise = self.position_head(atoms)
        return WyckoffNetOutput(
            positions=positions + noise if self.residual_noise else noise,
            lattice=self.lattice_head(segments.mean(atoms)),
            species=logits,
            symmetry=None if self.symmetry_head is None else self.symmetry_head(atoms).unflatten(1, _SITE),
        )
