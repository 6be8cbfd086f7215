"""Features of time and of displacements: sinusoids whose arguments stay accurate in float32."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

_BLOCK = 16  # so many multiples of an angle have their sine taken directly; the others follow by addition


UNKNOWN = -1
"""The index of a species that a network is not told."""


class SpeciesEmbedding(nn.Embedding):
    """A vector for each species; that of `UNKNOWN` is the mean of all, and no weight of its own.

    Args:
        species: how many there are, numbered from 0.
        dim: channels.

    """

    def __init__(self, species: int, dim: int) -> None:
        super().__init__(species, dim)

    def forward(self, species: Int[Tensor, " atoms"]) -> Float[Tensor, "atoms dim"]:
        """Embed one species an atom."""
        known = super().forward(species.clamp(min=0))
        return torch.where((species == UNKNOWN)[:, None], self.weight.mean(0), known)


class TimeEmbedding(nn.Module):
    """Sinusoidal embedding of a continuous time in [0, 1]: `[sin(1000 t w_k) | cos(1000 t w_k)]`.

    The `dim / 2` frequencies `w_k` run geometrically from 1 to 1e-4, as in CrysBFN's network. Deviation: the
    published network embeds the integer step i of 1..n, which ties its weights to n. This one embeds `1000
    t`, so that one set of weights serves any number of steps; at n = 1000 the two agree where `t = i / n`.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim < 4 or dim % 2:
            raise ValueError(f"the time embedding needs an even dimension of at least 4, not {dim}")
        self.dim = dim

    def forward(self, time: Float[Tensor, " graphs"]) -> Float[Tensor, "graphs dim"]:
        """Embed one time a graph."""
        half = self.dim // 2
        k = torch.arange(half, device=time.device, dtype=torch.float64)
        phase = 1000 * time.double()[:, None] * (k * (-math.log(1e4) / (half - 1))).exp()
        return torch.cat([phase.sin(), phase.cos()], dim=1).to(time.dtype)


class GaussianTimeEmbedding(nn.Module):
    """Random Fourier features of a continuous time: `[cos(2 pi w t) | sin(2 pi w t)]`, w drawn from N(0, 1).

    As in KLDM's network; its paper says sinusoidal. The `dim / 2` frequencies are drawn from torch's default
    generator when the module is made. They are no parameters, but are saved and loaded with the weights.

    Deviation: the published time is 0 at the data and the one here is 1 there, which reflects each pair of
    cosine and sine in a line of its own, as the linear layer that reads them can undo.
    """

    frequencies: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim < 2 or dim % 2:
            raise ValueError(f"the time embedding needs an even dimension of at least 2, not {dim}")
        self.register_buffer("frequencies", torch.randn(dim // 2))

    def forward(self, time: Float[Tensor, " graphs"]) -> Float[Tensor, "graphs dim"]:
        """Embed one time a graph."""
        phase = (2 * math.pi) * time.double()[:, None] * self.frequencies.double()
        return torch.cat([phase.cos(), phase.sin()], dim=1).to(time.dtype)


@torch.no_grad()
def fourier_features(
    displacement: Float[Tensor, "rows axes"], frequencies: int
) -> tuple[Float[Tensor, "rows channels"], Float[Tensor, "rows channels"]]:
    """`sin(2 pi k d)` and `cos(2 pi k d)` for k = 0 .. frequencies - 1, axis by axis.

    Periodic in `d` with period 1, the sines odd and the cosines even in `d`. No gradient flows into `d`:
    positions are inputs of the networks. Sine and cosine are taken directly at k < 16 and at multiples of
    16, with `k d` reduced to a turn in float64, and combined by angle addition: a fifth of the
    transcendental calls at 128 frequencies, and arguments that have not lost the low bits of `d` as `2 pi k
    d` does in float32.
    """
    coarse = -(-frequencies // _BLOCK)
    turns = displacement.double().unsqueeze(-1)
    small_sin, small_cos = _sincos(turns, torch.arange(_BLOCK, device=turns.device), displacement.dtype)
    large = torch.arange(coarse, device=turns.device) * _BLOCK
    large_sin, large_cos = (x.unsqueeze(-1) for x in _sincos(turns, large, displacement.dtype))
    small_sin, small_cos = small_sin.unsqueeze(-2), small_cos.unsqueeze(-2)
    sine = (large_sin * small_cos).addcmul_(large_cos, small_sin)
    cosine = (large_cos * small_cos).addcmul_(large_sin, small_sin, value=-1)
    return _flatten(sine, frequencies), _flatten(cosine, frequencies)


def _sincos(turns: Tensor, k: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Sine and cosine of `2 pi k turns`, the product reduced to [-1/2, 1/2] turns before it is rounded."""
    product = turns * k
    angle = ((product - product.round()) * (2 * math.pi)).to(dtype)
    return angle.sin(), angle.cos()


def _flatten(blocks: Tensor, frequencies: int) -> Tensor:
    """(rows, axes, blocks, 16) to (rows, axes * frequencies), without what the last block has too many."""
    return blocks.flatten(2)[..., :frequencies].flatten(1)
