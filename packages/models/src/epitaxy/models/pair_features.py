"""What a network's edges know of two atoms together, given once for both directions and all layers."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry import Pairs
from epitaxy.models.embeddings import fourier_features


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairFeatures:
    """Features of unordered pairs of atoms.

    `odd` changes sign when the two atoms change places and `even` does not, as the sine and the cosine of a
    displacement. On an atom's edge with itself the odd features are zero and the even ones `even_self`.
    """

    odd: Float[Tensor, "pairs odd"]
    even: Float[Tensor, "pairs even"]
    even_self: Float[Tensor, " even"]


def fourier_pairs(positions: Float[Tensor, "atoms axes"], pairs: Pairs, frequencies: int) -> PairFeatures:
    """Fourier features of each pair's displacement from its atom i to its atom j; see `fourier_features`."""
    odd, even = fourier_features(positions[pairs.j] - positions[pairs.i], frequencies)
    return PairFeatures(odd=odd, even=even, even_self=even.new_ones(even.shape[1]))
