"""Many scalar equations solved at once."""

from collections.abc import Callable

import torch
from jaxtyping import Float64
from torch import Tensor

_MAX_ROUNDS = 100


def solve_increasing(
    function: Callable[[Tensor], tuple[Tensor, Tensor]],
    low: Float64[Tensor, " equations"],
    high: Float64[Tensor, " equations"],
) -> Float64[Tensor, " equations"]:
    """Find roots of increasing functions by Newton's method, each kept inside its bracket by bisection.

    Args:
        function: gives each equation's value and slope at a vector of points.
        low: points where the values are not positive.
        high: points where the values are not negative.

    """
    x = (low + high) / 2
    for _ in range(_MAX_ROUNDS):
        value, slope = function(x)
        low, high = torch.where(value <= 0, x, low), torch.where(value >= 0, x, high)
        newton = x - value / slope
        inside = (newton >= low) & (newton <= high)
        new = torch.where(inside, newton, (low + high) / 2)
        # A step this small was the last one needed: the next would be of the order of its square.
        if bool(((new - x).abs() <= 1e-9 * new.abs()).all()):
            return new
        x = new
    return x
