"""CompositionEmbedding: of what elements a crystal is, in which shares, as far as that is known."""

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry import Segments
from epitaxy.models._parts import Addition, Sharpness, perceptron

_LEAST = 1e-6
"""Atoms: keeps the logarithm of a cell without any finite."""


class CompositionEmbedding(Addition):
    """A vector for each crystal of its probable composition, to add to all its orbits; of no paper.

    What makes a composition neutral is a sum over all atoms, of which an orbit's messages show it the mean
    over orbits: an orbit of twelve oxygens counts as one of a single one. So each orbit's elements are
    weighted by the atoms that it probably stands for. What is shown of the elements becomes a belief by a
    softmax, at a sharpness that time decides (exact by Bayes' rule where logarithms of probabilities are
    shown at the right one); its weighted mean over the orbits, and the logarithm of the number of atoms, go
    through a perceptron.

    Args:
        classes: of elements.
        dim: channels.
        time_dim: channels of the time embedding.

    """

    last = ("perceptron.2",)

    def __init__(self, classes: int, dim: int, *, time_dim: int) -> None:
        super().__init__()
        self.sharpness = Sharpness(time_dim)
        self.perceptron = perceptron(classes + 1, dim, dim)
        self.silence()

    def shares(
        self,
        segments: Segments,
        species: Float[Tensor, "atoms classes"],
        multiplicity: Float[Tensor, " atoms"],
        of_time: Float[Tensor, "graphs time_dim"],
    ) -> Float[Tensor, "graphs 1+classes"]:
        """Return of each crystal the logarithm of its number of atoms, then the share of each element."""
        dtype = species.dtype  # of sums over atoms: the full one under autocast too
        elements = (self.sharpness.of_rows(of_time, segments, dtype) * species).softmax(-1)
        weight = multiplicity.to(dtype)[:, None]
        atoms = segments.sum(weight).clamp(min=_LEAST)
        return torch.cat([atoms.log(), segments.sum(weight * elements) / atoms], dim=1)

    def forward(
        self,
        segments: Segments,
        species: Float[Tensor, "atoms classes"],
        multiplicity: Float[Tensor, " atoms"],
        of_time: Float[Tensor, "graphs time_dim"],
    ) -> Float[Tensor, "graphs dim"]:
        """Embed each crystal's composition.

        Args:
            segments: which orbits belong to which crystal.
            species: what is shown of each orbit's element: evidence, or `2 theta - 1`.
            multiplicity: atoms that each orbit probably stands for.
            of_time: embedding of each crystal's time.

        """
        embedded: Tensor = self.perceptron(self.shares(segments, species, multiplicity, of_time))
        return embedded
