"""A Gaussian on equal bins of [-1, 1], with what lies outside in the first and the last (GeoBFN Eq. 15)."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


def bin_centre(k: Int[Tensor, "*event"], bins: int, dtype: torch.dtype) -> Float[Tensor, "*event"]:
    """Return the centres (2k + 1) / K - 1 of bins k = 0, ..., K - 1, K equal bins of [-1, 1]."""
    return (2 * k.to(dtype) + 1 - bins) / bins


def bin_centres(bins: int, like: Tensor) -> Float[Tensor, " bins"]:
    """Return the centres of all bins, of the dtype and device of `like`."""
    return bin_centre(torch.arange(bins, device=like.device), bins, like.dtype)


def log_bin_masses(
    mean: Float[Tensor, " rows"], sigma: Float[Tensor, " rows"], bins: int
) -> Float[Tensor, "rows bins"]:
    """Return the logarithm of N(mean, sigma^2)'s mass in each bin, in float64.

    Finite however far a bin is from the mean, and accurate there: each bin's mass is the difference of two
    tails on its own side of the mean.
    """
    z = _scaled_edges(mean.double(), sigma.double(), bins)
    low, high = z[:, :-1], z[:, 1:]
    beyond = low + high > 0
    near, far = torch.where(beyond, -low, high), torch.where(beyond, -high, low)
    log_near, log_far = torch.special.log_ndtr(near), torch.special.log_ndtr(far)
    inner = log_near + torch.log1p(-torch.exp(log_far - log_near))
    return torch.cat([torch.special.log_ndtr(z[:, :1]), inner, torch.special.log_ndtr(-z[:, -1:])], dim=1)


def bin_expectation(
    mean: Float[Tensor, " rows"], sigma: Float[Tensor, " rows"], bins: int
) -> Float[Tensor, " rows"]:
    """Return the mean of the bins' centres under their masses.

    Summed by parts: each of the K - 1 inner edges z, in units of sigma from the mean, adds -erf(z / sqrt 2) /
    K. That has no differences of nearly equal numbers, so it is accurate in float32.
    """
    return -torch.erf(_scaled_edges(mean, sigma, bins) / math.sqrt(2)).sum(1) / bins


def _scaled_edges(
    mean: Float[Tensor, " rows"], sigma: Float[Tensor, " rows"], bins: int
) -> Float[Tensor, "rows edges"]:
    """Return the distances of the inner edges from the mean, in units of sigma."""
    edge = (2 * torch.arange(1, bins, dtype=mean.dtype, device=mean.device) - bins) / bins
    return (edge - mean[:, None]) / sigma[:, None]
