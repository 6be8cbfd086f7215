"""Features of the properties that a structure is asked to have."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

_LARGEST = 2 * math.pi
_SMALLEST = 2 * math.pi / 64


class PropertyEmbedding(nn.Module):
    """Embeds numbers that may be missing: sinusoids of each, or a learned vector where it is NaN.

    SymmBFN (section 3.1) embeds its target in the sinusoids of a transformer's positions, whose frequencies
    suit integers up to 10,000. Here they run geometrically from a turn in 64 units to a turn in one, for
    values in standard deviations about the training mean: the caller standardises. A missing value is one
    that the data lacks, that training hid, or that the user did not ask for; guidance needs the three to be
    the same.

    Args:
        properties: numbers a graph.
        dim: channels for each of them, even; the embedding has `properties * dim` channels.

    Raises:
        ValueError: if there is no property, or `dim` is odd or less than 4.

    """

    def __init__(self, properties: int, dim: int) -> None:
        super().__init__()
        if properties < 1:
            raise ValueError(f"an embedding of {properties} properties has no channels")
        if dim < 4 or dim % 2:
            raise ValueError(f"a property's embedding needs an even dimension of at least 4, not {dim}")
        self.dim = dim
        self.missing = nn.Parameter(torch.randn(properties, dim) / math.sqrt(2))

    @property
    def channels(self) -> int:
        """Channels of the embedding."""
        return self.missing.numel()

    def forward(self, values: Float[Tensor, "graphs properties"]) -> Float[Tensor, "graphs channels"]:
        """Embed the values of each graph; NaN where one is missing."""
        half = self.dim // 2
        k = torch.arange(half, device=values.device, dtype=torch.float64) / (half - 1)
        frequencies = _SMALLEST * (_LARGEST / _SMALLEST) ** k
        known = values.isfinite()[..., None]
        phase = values.nan_to_num(0.0, 0.0, 0.0).double()[..., None] * frequencies
        sinusoids = torch.cat([phase.sin(), phase.cos()], dim=-1).to(values.dtype)
        return torch.where(known, sinusoids, self.missing.to(values.dtype)).flatten(1)
