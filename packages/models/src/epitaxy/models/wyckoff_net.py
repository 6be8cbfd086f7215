"""WyckoffNet: the network of SymmBFN, on the asymmetric units of crystals."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry import Pairs, Segments
from epitaxy.models._parts import choose
from epitaxy.models.csp_layer import CSPLayer
from epitaxy.models.edge_index import EdgeIndex
from epitaxy.models.embeddings import fourier_features
from epitaxy.models.orbit_net import LATTICE_NUMBERS, OrbitNet, WyckoffNetOutput
from epitaxy.models.pair_features import fourier_pairs

_AGGREGATIONS = {"mean": "mean", "sum": "sum"}


class WyckoffNet(OrbitNet):
    """Predicts the orbits and the cell of crystals of given space groups from beliefs about them.

    The network of SymmBFN (appendix A.3, eqs. 25 and 26). An "atom" is an orbit of the space group, shown by
    one point of it, and the graph joins all ordered pairs of a crystal's orbits, each with itself included.
    The layers are CSPNet's. `OrbitNet` says what holds.

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
        species: see `OrbitNet`.
        hidden: see `OrbitNet`.
        layers: number of message-passing layers.
        frequencies: see `OrbitNet`; of differences of points, too.
        embedding: see `OrbitNet`.
        time_dim: see `OrbitNet`.
        properties: see `OrbitNet`.
        labels: see `OrbitNet`.
        copies: see `OrbitNet`.
        multiplicities: see `OrbitNet`.
        composition: see `OrbitNet`.
        aggregation: whether messages are averaged or added up.
        residual_noise: see `OrbitNet`.
        raw_positions: see `OrbitNet`.

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
        copies: bool = False,
        multiplicities: bool = False,
        composition: bool = False,
        aggregation: Literal["mean", "sum"] = "mean",
        residual_noise: bool = False,
        raw_positions: bool = True,
    ) -> None:
        choose("aggregation", aggregation, _AGGREGATIONS)
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
            residual_noise=residual_noise,
            raw_positions=raw_positions,
            layers=lambda: (
                CSPLayer(
                    hidden=hidden,
                    lattice_channels=LATTICE_NUMBERS,
                    pair_channels=3 * frequencies,
                    aggregation=aggregation,
                )
                for _ in range(layers)
            ),
        )

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
        of_time = self.time_embedding(time)
        of_crystal = self.embed_crystals(space_groups, of_time, properties)
        atoms = self.embed(
            segments, space_groups, of_time, of_crystal, positions, of_positions, species, symmetry
        )
        index = EdgeIndex.of(segments, pairs, channels=atoms.shape[1])
        of_lattice = segments.expand(lattice)
        for layer in self.layers:
            atoms = layer(atoms, of_lattice, features, index)
        return self.read_out(segments, atoms, positions, species, of_time)
