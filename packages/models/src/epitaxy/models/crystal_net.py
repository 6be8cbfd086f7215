"""What every network on the atoms of a cell shares: its inputs, how it embeds them, its outputs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from epitaxy.geometry import Segments
from epitaxy.models._parts import LATTICES, POSITION_HEADS, SPECIES, TIMES, choose
from epitaxy.models.lattice_views import LatticeView
from epitaxy.models.property_embedding import ConditionedLinear, PropertyEmbedding, check_properties


@dataclass(frozen=True, slots=True, kw_only=True)
class CrystalNetOutput:
    """What the network says of a batch of crystals.

    Attributes:
        positions: three numbers for each atom, one along each lattice vector; what they mean, and whether
            their mean over a crystal matters, is the flow's to say.
        lattice: of the shape of the input lattice: `M @ lattice` with one 3x3 matrix M a graph, in the units
            of the input, or six numbers.
        species: logits or values of each atom's species, or None if the network was built without them.

    """

    positions: Float[Tensor, "atoms 3"]
    lattice: Float[Tensor, "graphs 3 3"] | Float[Tensor, "graphs 6"]
    species: Float[Tensor, "atoms species"] | None


class CrystalNet(nn.Module):
    """Embeddings and heads around the layers of a network on crystals; subclasses add the layers.

    Args:
        species: number of indices, or channels of the vector.
        species_input: "index" for known species or tokens (`SpeciesEmbedding`, to which -1 is one that is not
            told), "probabilities" for a vector of any real numbers: probabilities (CrysBFN feeds `2 theta -
            1`), noisy one-hot vectors, bits (a linear map).
        species_output: channels of the output of species; 0 for none.
        hidden: width of all hidden layers.
        time_dim: channels of the time embedding, even.
        time_embedding: "sinusoidal" for `TimeEmbedding`, "gaussian" for `GaussianTimeEmbedding`.
        position_conditions: channels of `conditions`, further features of each atom; 0 for none.
        position_head: "linear" for one linear layer, "two_layer" for a SiLU between two.
        lattice: "matrix" for lattice vectors, "parameters" for six invariant numbers a graph.
        velocities: whether the network sees the atoms' velocities.
        properties: numbers a graph that `PropertyEmbedding` embeds; 0 for none.
        property_dim: channels for each of them, even.
        layers: makes what stands between embeddings and heads, told how lattices are seen.

    Raises:
        ValueError: if a word is none of those above, or an embedding cannot have so many channels.

    """

    def __init__(
        self,
        *,
        species: int,
        species_input: Literal["index", "probabilities"],
        species_output: int,
        hidden: int,
        time_dim: int,
        time_embedding: Literal["sinusoidal", "gaussian"],
        position_conditions: int,
        position_head: Literal["linear", "two_layer"],
        lattice: Literal["matrix", "parameters"],
        velocities: bool,
        properties: int,
        property_dim: int,
        layers: Callable[[LatticeView], Iterable[nn.Module]],
    ) -> None:
        super().__init__()
        self.position_conditions = position_conditions
        self.velocities = velocities
        self.properties = properties
        self.told = properties * property_dim
        self.view = choose("lattice", lattice, LATTICES)
        self.species_embedding = choose("species_input", species_input, SPECIES)(species, hidden)
        self.time_embedding = choose("time_embedding", time_embedding, TIMES)(time_dim)
        self.atom_embedding = ConditionedLinear(
            hidden + time_dim + position_conditions, hidden, told=self.told
        )
        self.layers = nn.ModuleList(layers(self.view))
        self.norm = nn.LayerNorm(hidden)
        self.position_head = choose("position_head", position_head, POSITION_HEADS)(hidden)
        self.lattice_head = nn.Linear(hidden, self.view.outputs, bias=False)
        self.species_head = nn.Linear(hidden, species_output) if species_output else None
        self.property_embedding = PropertyEmbedding(properties, property_dim) if properties else None

    def check(
        self,
        lattice: Tensor,
        conditions: Tensor | None,
        velocities: Tensor | None,
        properties: Tensor | None,
    ) -> None:
        """Raise a ValueError if one of these is not what the network was built for."""
        if lattice.shape[1:] != self.view.shape:
            raise ValueError(
                f"a lattice has the shape {tuple(lattice.shape[1:])}, the network wants {self.view.shape}"
            )
        channels = 0 if conditions is None else conditions.shape[1]
        if channels != self.position_conditions:
            raise ValueError(f"conditions have {channels} channels, the network {self.position_conditions}")
        if (velocities is not None) != self.velocities:
            raise ValueError(
                "velocities are missing: the network was built with velocities=True"
                if self.velocities
                else "velocities are given: build the network with velocities=True"
            )
        check_properties(properties, self.properties)

    def embed_properties(
        self, properties: Float[Tensor, "graphs properties"] | None
    ) -> Float[Tensor, "graphs channels"] | None:
        """Features of what each graph is told; None from a network that is told nothing."""
        if self.property_embedding is None:
            return None
        told: Tensor = self.property_embedding(properties)
        return told

    def embed(
        self,
        segments: Segments,
        species: Int[Tensor, " atoms"] | Float[Tensor, "atoms species"],
        time: Float[Tensor, "graphs time_dim"],
        conditions: Float[Tensor, "atoms channels"] | None,
        told: Float[Tensor, "graphs told"] | None,
    ) -> Float[Tensor, "atoms hidden"]:
        """First features of each atom: of its species, its conditions, its graph's time and properties."""
        parts = [self.species_embedding(species), segments.expand(time)]
        parts += [] if conditions is None else [conditions]
        of_graph = None if told is None else segments.expand(told)
        embedded: Tensor = self.atom_embedding(torch.cat(parts, dim=1), of_graph)
        return embedded

    def read_out(
        self,
        segments: Segments,
        atoms: Float[Tensor, "atoms hidden"],
        lattice: Float[Tensor, "graphs 3 3"] | Float[Tensor, "graphs 6"],
    ) -> CrystalNetOutput:
        """Outputs, from the atoms' features after the last layer."""
        atoms = self.norm(atoms)
        return CrystalNetOutput(
            positions=self.position_head(atoms),
            lattice=self.view.read_out(self.lattice_head(segments.mean(atoms)), lattice),
            species=None if self.species_head is None else self.species_head(atoms),
        )
