"""Attention among a molecule's atoms that sees distances and directions, and no position."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from epitaxy.geometry import Segments
from epitaxy.models._parts import Addition, Modulation, normed
from epitaxy.models.rotary_attention import Padding

_DECAY = 2.0
"""Length on which the basis loses its resolution, in the positions' unit (angstrom): about a bond."""
_EPSILON = 1e-8


class RadialBasis(nn.Module):
    """Gaussian bumps in exp(-d / 2): fine where bonds are told apart, coarse far out.

    The exponential-normal basis of PhysNet (Unke and Meuwly, J. Chem. Theory Comput. 2019) without its
    cut-off: the centres divide [exp(-reach / 2), 1], and a bump's width is their distance.

    Args:
        channels: number of bumps.
        reach: where the last bump stands, in the unit of the distances.

    """

    centres: Tensor

    def __init__(self, channels: int, reach: float) -> None:
        super().__init__()
        low = torch.tensor(-reach / _DECAY).exp()
        self.register_buffer("centres", torch.linspace(float(low), 1.0, channels), persistent=False)

    def forward(self, distance: Float[Tensor, "*pairs"]) -> Float[Tensor, "*pairs channels"]:
        """Return the features of each distance."""
        centres = self.centres.to(distance.dtype)
        gap = (centres[-1] - centres[0]) / (centres.shape[0] - 1)
        return (-((torch.exp(-distance / _DECAY)[..., None] - centres) / gap).square() / 2).exp()


class Geometry(NamedTuple):
    """What each atom sees of each other atom of its molecule, in padded arrays."""

    radial: Float[Tensor, "graphs longest longest radial"]
    """Features of the distance from the second axis' atom to the third's."""
    vectors: Float[Tensor, "graphs longest longest directed_3"]
    """Some functions of the distance, each times the direction to the third axis' atom."""
    padding: Padding

    @staticmethod
    def of(
        segments: Segments, positions: Float[Tensor, "atoms 3"], basis: RadialBasis, directed: nn.Linear
    ) -> "Geometry":
        """Look at the positions. Directions are `(x_j - x_i) / (d_ij + 1)`, as EGNN's: 0 where atoms meet."""
        padding = Padding.of(segments)
        x = padding.spread(positions[:, None, None, :])[0, :, 0]
        difference = x[:, None, :, :] - x[:, :, None, :]
        distance = (difference.square().sum(-1) + _EPSILON).sqrt()
        radial = basis(distance)
        direction = difference / (1.0 + distance)[..., None]
        vectors = directed(radial).to(radial.dtype)[..., None] * direction[..., None, :]
        return Geometry(radial=radial, vectors=vectors.flatten(-2), padding=padding)


class MoleculeLayer(Addition):
    """Attention with a bias and messages of distances, vectors to and fro, then a perceptron.

    An atom has features h, which do not turn with the molecule, and vectors V, which do. With a_ij the
    attention's weights, of logits `q_i . k_j + bias(d_ij)` a head, radial functions b(d) and the molecule's
    directions u_ij, all without the bias of a layer where vectors are concerned:

        h_i <- h_i + out([sum_j a_ij v_j | sum_j a_ij b(d_ij)])
        V_i <- V_i + mix([sum_j a_ij f(d_ij) u_ij | sum_j a_ij V_j])
        h_i <- h_i + perceptron([h_i | (A V_i) . (B V_i)]),  the last a product a channel, an invariant.

    Each half is gated, and its features normed and modulated by what is known of the molecule.

    Args:
        hidden: width of the features.
        heads: of the attention.
        vectors: vectors of each atom, a multiple of the heads.
        radial: functions b of the distance.
        directed: functions f of the distance.
        expansion: width of the perceptron, in widths.

    """

    last = ("out", "mix", "down")

    def __init__(
        self, *, hidden: int, heads: int, vectors: int, radial: int, directed: int, expansion: int
    ) -> None:
        super().__init__()
        self.heads = heads
        self.modulation = Modulation(hidden)
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.bias = nn.Linear(radial, heads, bias=False)
        self.out = nn.Linear(hidden + heads * radial, hidden)
        self.mix = nn.Linear(heads * directed + vectors, vectors, bias=False)
        self.pair = nn.Linear(vectors, 2 * vectors, bias=False)
        self.up = nn.Linear(hidden + vectors, expansion * hidden)
        self.down = nn.Linear(expansion * hidden, hidden)

    def forward(
        self,
        atoms: Float[Tensor, "atoms hidden"],
        vectors: Float[Tensor, "atoms 3 vectors"],
        of_molecule: Float[Tensor, "graphs hidden"],
        segments: Segments,
        geometry: Geometry,
    ) -> tuple[Float[Tensor, "atoms hidden"], Float[Tensor, "atoms 3 vectors"]]:
        """Return the atoms' features and vectors after the layer."""
        scale, shift, gate, scale2, shift2, gate2 = self.modulation.of_atoms(of_molecule, segments)
        qkv = self.qkv(normed(atoms, scale, shift)).unflatten(1, (3, self.heads, -1))
        messages, distances, directions, others = self._attend(qkv, vectors, geometry)
        seen = torch.cat([messages.flatten(1), distances.flatten(1)], dim=1)
        atoms = atoms + self.out(seen) * (1 + gate)
        vectors = vectors + self.mix(torch.cat([directions, others], dim=2)).to(vectors.dtype)
        one, other = self.pair(vectors).to(vectors.dtype).chunk(2, dim=2)
        angles = (one * other).sum(1)
        inner = F.silu(self.up(torch.cat([normed(atoms, scale2, shift2), angles], dim=1)))
        return atoms + self.down(inner) * (1 + gate2), vectors

    def _attend(
        self, qkv: Float[Tensor, "atoms 3 heads channels"], vectors: Tensor, geometry: Geometry
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return, of each atom, what the heads' weights sum up: values, distances, directions, vectors."""
        padding = geometry.padding
        q, k, v = padding.spread(qkv)
        bias = self.bias(geometry.radial).permute(0, 3, 1, 2)
        logits = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias
        logits = logits.masked_fill(~padding.taken[:, None, None, :], -torch.inf)
        weights = torch.softmax(logits, dim=-1).to(v.dtype)
        messages = padding.gather(weights @ v)
        # (graphs longest, heads, longest) @ (graphs longest, longest, features): what each atom's heads see.
        own = weights.transpose(1, 2).flatten(0, 1)
        seen = torch.cat([geometry.radial, geometry.vectors], dim=-1).flatten(0, 1).to(own.dtype)
        sums = (own @ seen).index_select(0, padding.slot)
        radial = geometry.radial.shape[-1]
        distances, directions = sums[..., :radial], sums[..., radial:]
        atoms, heads = vectors.shape[0], self.heads
        directions = directions.reshape(atoms, heads, -1, 3).permute(0, 3, 1, 2).flatten(2)
        split = vectors.view(atoms, 3, heads, -1).transpose(1, 2).flatten(2)[:, None]
        others = padding.gather(weights @ padding.spread(split)[0].to(weights.dtype))
        others = others.view(atoms, heads, 3, -1).transpose(1, 2).flatten(2)
        return messages, distances, directions, others
