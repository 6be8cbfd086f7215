"""Attention among the atoms of a cell that sees fractional displacements, through phases, and no position."""

import itertools
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from epitaxy.geometry import Segments

_REACH = 6  # components of wave vectors; the shells within hold 1,000 vectors, more than any head asks for


def wave_vectors(heads: int, waves: int) -> Float[Tensor, "heads waves 3"]:
    """Integer wave vectors k, those of each head: phases `2 pi k.f` have period 1 in f.

    Of k and -k one is taken: a rotation by a phase holds its sine and its cosine. Every head has k = 0, by
    which it sees content alone. The first half of the heads (all of them but one, where there are two or
    three) have the shortest vectors beside it; the others share the vectors of twice as many per head, each
    its own ones of every length, so that some heads see fine displacements.

    Args:
        heads: of the attention.
        waves: vectors of each head.

    """
    axis = range(-_REACH, _REACH + 1)
    half = [k for k in itertools.product(axis, repeat=3) if k > (0, 0, 0)]
    half.sort(key=lambda k: (sum(c * c for c in k), tuple(-abs(c) for c in k), tuple(-c for c in k)))
    short, rest = -(-heads // 2), heads // 2
    chosen = [half[: waves - 1]] * short
    chosen += [half[: 2 * rest * (waves - 1)][which :: 2 * rest][: waves - 1] for which in range(rest)]
    return torch.tensor([[(0, 0, 0), *k] for k in chosen], dtype=torch.float32)


PerHead = Float[Tensor, "atoms heads channels"]
Stacked = Float[Tensor, "atoms parts heads channels"]


class Phases(NamedTuple):
    """Cosine and sine of each atom's phase for each wave vector of each head."""

    cos: Float[Tensor, "atoms heads waves"]
    sin: Float[Tensor, "atoms heads waves"]

    @staticmethod
    @torch.no_grad()
    def of(
        positions: Float[Tensor, "atoms 3"], k: Float[Tensor, "heads waves 3"], dtype: torch.dtype
    ) -> "Phases":
        """Phases of fractional positions, reduced to half a turn in float64 before they are rounded.

        Positions are inputs of the networks: no gradient flows into them.
        """
        turns = torch.einsum("ax,hkx->ahk", positions.double(), k.double())
        angle = ((turns - turns.round()) * (2 * math.pi)).to(positions.dtype)
        return Phases(cos=angle.cos().to(dtype), sin=angle.sin().to(dtype))

    def turn(
        self, x: Float[Tensor, "atoms parts heads channels"]
    ) -> Float[Tensor, "atoms parts heads channels"]:
        """Rotate each head's pairs of channels, (c, c + waves), by the atom's phases."""
        cos, sin = self.cos.unsqueeze(1), self.sin.unsqueeze(1)
        a, b = x.chunk(2, dim=-1)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)

    def turn_back(self, x: PerHead) -> PerHead:
        """Undo `turn`."""
        a, b = x.chunk(2, dim=-1)
        return torch.cat([a * self.cos + b * self.sin, b * self.cos - a * self.sin], dim=-1)


class Padding(NamedTuple):
    """Where each atom stands in an array of `graphs` rows of `longest` places, and which places are taken."""

    slot: Int[Tensor, " atoms"]
    taken: Bool[Tensor, "graphs longest"]

    @staticmethod
    def of(segments: Segments) -> "Padding":
        """Without waiting for the device: the length of the longest crystal is known to the host."""
        longest = segments.longest
        taken = torch.arange(longest, device=segments.device) < segments.counts[:, None]
        return Padding(slot=segments.index * longest + segments.rank, taken=taken)

    def spread(
        self, x: Float[Tensor, "atoms parts heads channels"]
    ) -> Float[Tensor, "parts graphs heads longest channels"]:
        """Put atoms into their places, zeros elsewhere."""
        graphs, longest = self.taken.shape
        rows = x.new_zeros(graphs * longest, *x.shape[1:]).index_copy(0, self.slot, x)
        return rows.view(graphs, longest, *x.shape[1:]).permute(2, 0, 3, 1, 4)

    def gather(
        self, x: Float[Tensor, "graphs heads longest channels"]
    ) -> Float[Tensor, "atoms heads channels"]:
        """Take atoms from their places."""
        return x.transpose(1, 2).flatten(0, 1).index_select(0, self.slot)


def attend(qkv: Float[Tensor, "atoms 3 heads channels"], phases: Phases, padding: Padding) -> PerHead:
    """Attention within each crystal, queries, keys and values turned by phases, its result turned back.

    With R(f) the rotation by the phases of a position f: the logit of atom i for j is `q_i . R(f_j - f_i)
    k_j`, a Fourier series of the displacement whose coefficients both atoms' content decides, and the message
    is `R(f_j - f_i) v_j`. Both depend on displacements alone and have period 1 in each coordinate.

    A CPU multiplies batches of small matrices; torch's fused attention is several times slower there at the
    lengths of crystals. Elsewhere the fused one serves.
    """
    q, k, v = padding.spread(phases.turn(qkv))
    if q.device.type == "cpu":
        q = q * q.shape[-1] ** -0.5
        bias = torch.zeros_like(padding.taken, dtype=q.dtype).masked_fill(~padding.taken, -torch.inf)
        logits = q @ k.transpose(-1, -2) + bias[:, None, None, :]
        out = torch.softmax(logits, dim=-1) @ v
    else:
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=padding.taken[:, None, None, :])
    return phases.turn_back(padding.gather(out))
