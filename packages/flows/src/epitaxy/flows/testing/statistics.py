"""Distances between laws, with bounds that hold for every sample size."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry.testing import FAILURE_RATE


def kolmogorov_distance(a: Float[Tensor, " n"], b: Float[Tensor, " m"]) -> float:
    """Return the largest difference of the empirical distribution functions of two samples."""
    both = torch.cat([a, b]).sort().values
    share_a, share_b = (torch.searchsorted(x.sort().values, both, right=True) / len(x) for x in (a, b))
    return float((share_a - share_b).abs().max())


def kolmogorov_bound(*sizes: int, failure_rate: float = FAILURE_RATE) -> float:
    """Return what the distance of samples of these sizes exceeds with at most this probability.

    By the inequality of Dvoretzky, Kiefer, Wolfowitz and Massart for each sample and the union bound. For
    draws from a bank, count the bank as one of the samples.
    """
    return sum(math.sqrt(math.log(2 * len(sizes) / failure_rate) / (2 * n)) for n in sizes)
