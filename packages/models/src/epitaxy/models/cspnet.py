"""CSPNet: DiffCSP's periodic equivariant network, in the variants of CrysBFN and of KLDM."""

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry import Pairs, Segments
from epitaxy.models.crystal_net import CrystalNet, CrystalNetOutput
from epitaxy.models.csp_layer import CSPLayer
from epitaxy.models.edge_index import EdgeIndex
from epitaxy.models.pair_features import fourier_pairs


class CSPNet(CrystalNet):
    """Predicts positions (or velocities), lattice and species of crystals from noisy ones.

    The network of DiffCSP (Jiao et al., NeurIPS 2023, eqs. 7-11) with the changes of CrysBFN (Wu et al., ICLR
    2025, section 4), features of each coordinate's accuracy beside the time, and of KLDM (Cornet et al., ICML
    2025, appendix I), velocities, in any combination. Layers are residual. The graph of a crystal joins all
    ordered pairs of its atoms, each atom with itself included. It computes what the edge-list form computes
    (`epitaxy.models.testing.EdgeListCSPNet`, which loads the same weights); `EdgeBlock` tells how. Messages
    are averaged, as in the published codes (KLDM's paper writes a sum).

    Symmetries: permuting atoms permutes their outputs; `lattice @ Q` with Q in O(3) gives an output lattice
    multiplied by Q (rows are lattice vectors) and changes nothing else, and parameters of a lattice have no
    orientation; translating a crystal's positions, or one of them by a whole period, or adding one velocity
    to all of a crystal's atoms, changes nothing; crystals of a batch do not see each other.

    As CrysBFN's: the defaults and `species_output=89`. Deviation from the published network: time is
    continuous, see `TimeEmbedding`. With K = 89 it has the published 12,271,193 (probabilities) or
    12,270,681 (index) parameters; the latter count includes the species head, which the published CSP model
    has but never reads and `species_output=0` leaves out.

    As KLDM's: `species=101, species_input="index"` (the embedding is of atomic numbers),
    `lattice="parameters"`, `velocities=True`, `time_embedding="gaussian"`, `time_dim=256`,
    `position_head="two_layer"`, `position_conditions=0`. It has the published 14,924,800 parameters with 6
    layers and 10,187,776 with 4. Deviations: an atom has an edge with itself, which takes no parameter; in
    the published graph it has none, and as a lattice is seen by edges alone, a one-atom cell's lattice is
    not seen at all. The published network centres its output of positions; here that is the flow's. A vector
    of species is mapped with a bias.

    Args:
        species: number of indices, or channels of the vector.
        species_input: "index" for known species or tokens (an embedding), "probabilities" for a vector of
            any real numbers: probabilities (CrysBFN feeds `2 theta - 1`), noisy one-hot vectors, bits (a
            linear map).
        species_output: channels of the output of species; 0 for none.
        hidden: width of all hidden layers.
        layers: number of message-passing layers.
        frequencies: the Fourier features of displacements have frequencies 0 .. frequencies - 1.
        time_dim: channels of the time embedding, even.
        time_embedding: "sinusoidal" for `TimeEmbedding`, "gaussian" for `GaussianTimeEmbedding`.
        position_conditions: channels of `conditions`, further features of each atom; 0 for none.
        position_head: "linear" for one linear layer, "two_layer" for a SiLU between two.
        lattice: "matrix" for lattice vectors, "parameters" for six invariant numbers a graph.
        velocities: whether edges see the difference of their atoms' velocities.
        properties: numbers a graph that `PropertyEmbedding` embeds, which every atom is told; 0 for none.
        property_dim: channels for each of them, even.

    Raises:
        ValueError: if a word is none of those above, or an embedding cannot have so many channels.

    """

    def __init__(
        self,
        *,
        species: int,
        species_input: Literal["index", "probabilities"],
        species_output: int = 0,
        hidden: int = 512,
        layers: int = 6,
        frequencies: int = 128,
        time_dim: int = 128,
        time_embedding: Literal["sinusoidal", "gaussian"] = "sinusoidal",
        position_conditions: int = 3,
        position_head: Literal["linear", "two_layer"] = "linear",
        lattice: Literal["matrix", "parameters"] = "matrix",
        velocities: bool = False,
        properties: int = 0,
        property_dim: int = 128,
    ) -> None:
        super().__init__(
            species=species,
            species_input=species_input,
            species_output=species_output,
            hidden=hidden,
            time_dim=time_dim,
            time_embedding=time_embedding,
            position_conditions=position_conditions,
            position_head=position_head,
            lattice=lattice,
            velocities=velocities,
            properties=properties,
            property_dim=property_dim,
            layers=lambda view: (
                CSPLayer(
                    hidden=hidden,
                    lattice_channels=view.channels,
                    pair_channels=3 * frequencies,
                    velocities=velocities,
                )
                for _ in range(layers)
            ),
        )
        self.frequencies = frequencies

    def forward(
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
        pairs: Pairs | None = None,
    ) -> CrystalNetOutput:
        """Run the network on a batch.

        Args:
            segments: which atoms belong to which graph.
            positions: fractional, period 1. They are inputs: no gradient flows into them.
            lattice: rows are lattice vectors, in scaled units (angstrom over the data's standard deviation),
                or six standardised parameters, as the network was built for.
            species: index or vector, as the network was built for.
            time: in [0, 1], 0 = prior, 1 = data.
            conditions: further features of each atom, as many as `position_conditions`; None if that is 0.
            velocities: of the fractional positions, in the flow's unit; None if the network sees none.
            properties: in standard deviations about the training mean, NaN where missing; None if the network
                is told none.
            pairs: `segments.pairs()`, for a caller that runs the same segments many times.

        Raises:
            ValueError: if the lattice, the conditions, the velocities or the properties are not what the
                network was built for.

        """
        self.check(lattice, conditions, velocities, properties)
        pairs = segments.pairs() if pairs is None else pairs
        features = fourier_pairs(positions, pairs, self.frequencies)
        told = self.embed_properties(properties)
        atoms = self.embed(segments, species, self.time_embedding(time), conditions, told)
        index = EdgeIndex.of(segments, pairs, channels=atoms.shape[1])
        of_lattice = segments.expand(self.view.features(lattice))
        for layer in self.layers:
            atoms = layer(atoms, of_lattice, features, index, velocities)
        return self.read_out(segments, atoms, lattice)
