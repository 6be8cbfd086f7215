"""Properties that a structure is asked to have: as features, and into a layer that did without."""

import math

import torch
import torch.nn.functional as F
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


def check_properties(properties: Tensor | None, wanted: int) -> None:
    """Raise a ValueError if a network is not given as many properties as it has."""
    given = 0 if properties is None else properties.shape[1]
    if given != wanted:
        raise ValueError(f"{given} properties are given, the network has {wanted}: give NaN for missing ones")


class ConditionedLinear(nn.Linear):
    """A linear layer of features, and of an embedding of properties that has no effect until it is trained.

    The properties' weights begin at zero and are added to what the layer gives, not put beside its inputs:
    a model that is told nothing yet, and one that never is, agree to the bit. Its weight and bias are those
    of the layer without properties, under the same names.

    Args:
        inputs: features.
        outputs: features that it makes of them.
        told: channels of the properties' embedding; 0 for a layer without.

    """

    told: nn.Parameter | None

    def __init__(self, inputs: int, outputs: int, *, told: int) -> None:
        super().__init__(inputs, outputs)
        self.told = nn.Parameter(torch.zeros(outputs, told)) if told else None

    def forward(  # noqa: D102 - as nn.Linear's
        self, input: Float[Tensor, "rows inputs"], properties: Float[Tensor, "rows told"] | None = None
    ) -> Float[Tensor, "rows outputs"]:
        output = super().forward(input)
        if self.told is None or properties is None:
            return output
        return output + F.linear(properties.to(self.told.dtype), self.told)
