"""What a network's edges know of two atoms together, given once for both directions and all layers."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry import Pairs
from epitaxy.models._local_bases import LocalBases, local_bases
from epitaxy.models.embeddings import fourier_features


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairFeatures:
    """Features of unordered pairs of atoms.

    `odd` changes sign when the two atoms change places and `even` does not, as the sine and the cosine of a
    displacement. On an atom's edge with itself the odd features are zero and the even ones `even_self`.

    With `bases`, `odd` and `even` are coefficients in them instead: see `fourier_pairs`.
    """

    odd: Float[Tensor, "pairs odd"]
    even: Float[Tensor, "pairs even"]
    even_self: Float[Tensor, " full_even"]
    bases: LocalBases | None = None


def fourier_pairs(
    positions: Float[Tensor, "atoms axes"], pairs: Pairs, frequencies: int, *, compress: bool = True
) -> tuple[PairFeatures, Pairs]:
    """Fourier features of each pair's displacement from i to j, and the pairs in the order of the features.

    Sines and cosines of 128 frequencies on a third of their range span, to rounding, some 50 dimensions
    only. So with `compress`, where it pays (many pairs of many frequencies on a CPU), pairs are sorted by
    the stretch that each coordinate of their displacement lies in, and their features are coefficients in
    bases of these stretches: less than half as many. Results differ by rounding, as between two orders of
    summation.
    """
    displacement = positions[pairs.j] - positions[pairs.i]
    bases = None
    if compress and displacement.device.type == "cpu":
        bases, order = local_bases(displacement, frequencies)
        pairs, displacement = Pairs(*(x[order] for x in pairs)), displacement[order]
    odd, even = fourier_features(displacement, frequencies)
    even_self = even.new_ones(even.shape[1])
    if bases is not None:
        odd, even = bases.compress(odd, bases.odd), bases.compress(even, bases.even)
    return PairFeatures(odd=odd, even=even, even_self=even_self, bases=bases), pairs
