"""Features of a number: how near it is to each of several centres."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class GaussianBasis(nn.Module):
    """Gaussian bumps at equidistant centres, normalised to sum up to 1, then mapped to [-1, 1].

    The features of a charge's mean in GeoBFN's code: `2 g_k / sum_l g_l - 1` with `g_k = exp(-((x - c_k) /
    width)^2 / 2)`. Deviation: far out, where every bump underflows and the published features all become -1,
    these stay exact, as they are taken as a softmax of the exponents; in the limit the nearest centre has all
    the weight. They have no parameters.

    Args:
        channels: number of centres.
        low: the first centre.
        high: the last.
        width: standard deviation of a bump.

    Raises:
        ValueError: if there are less than two centres, they do not ascend, or the width is not positive.

    """

    centres: Tensor

    def __init__(self, channels: int = 16, low: float = -2.0, high: float = 2.0, width: float = 0.25) -> None:
        super().__init__()
        if channels < 2 or not low < high or not width > 0:
            raise ValueError(
                "a basis needs two centres or more, from a lower to a higher one, and a positive width, not "
                f"{channels} from {low} to {high} of width {width}"
            )
        self.channels = channels
        self.width = width
        self.register_buffer("centres", torch.linspace(low, high, channels), persistent=False)

    def forward(self, x: Float[Tensor, " *rows"]) -> Float[Tensor, "*rows channels"]:
        """Features of each number."""
        # The exponents less their common part -x^2 / 2, which would overflow or swallow the rest far out.
        centres = self.centres.to(x.dtype)
        exponents = (x[..., None] - centres / 2) * centres / self.width**2
        return 2 * exponents.softmax(dim=-1) - 1
