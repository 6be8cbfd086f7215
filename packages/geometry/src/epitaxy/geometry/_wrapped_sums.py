"""The two series of the wrapped normal law, in periods and float64: images and waves.

Here u is a displacement from the mean, in [-1/2, 1/2], and v the scale of the unwrapped normal law, both as
shares of the period. Poisson's summation turns one series into the other. Their terms fall off equally fast
at 2 pi v^2 = 1/2: there, and on their own side of it everywhere, the terms kept below reach float64's
precision.
"""

import math

import torch
from jaxtyping import Float64
from torch import Tensor

# 1 / sqrt(4 pi): below it the images are summed, above it the waves.
_CROSSOVER = 0.5 / math.sqrt(math.pi)
_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
# The first term left out is, beside those it adds to, exp(-12 pi) = 4e-17 for both.
_IMAGES = 2
_WAVES = 4


def log_density_and_score(
    u: Float64[Tensor, "*u"], v: Float64[Tensor, "*v"]
) -> tuple[Float64[Tensor, "*out"], Float64[Tensor, "*out"]]:
    """Compute the log density and its derivative with respect to u, for a circle of length 1.

    Both series are computed for every element, each with a scale it can bear where it is not the one chosen:
    no gradient meets an overflow.
    """
    narrow = v < _CROSSOVER
    few = _images(u, torch.where(narrow, v, _CROSSOVER))
    many = _waves(u, torch.where(narrow, _CROSSOVER, v))
    return torch.where(narrow, few[0], many[0]), torch.where(narrow, few[1], many[1])


def _images(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Sum the normal laws of the images at 0, +-1, +-2, with weights relative to that of 0.

    The weight of the image at -k is exp(-(2 k u + k^2) / (2 v^2)). Its exponent is never positive for u in
    [-1/2, 1/2].
    """
    fall, tilt = 0.5 / v.square(), u / v.square()
    total, moment = torch.zeros_like(tilt), torch.zeros_like(tilt)
    for k in range(1, _IMAGES + 1):
        above, below = torch.exp(-k * k * fall - k * tilt), torch.exp(-k * k * fall + k * tilt)
        total = total + (above + below)
        moment = moment + k * (above - below)
    log_density = torch.log1p(total) - fall * u.square() - v.log() - _LOG_ROOT_2PI
    return log_density, -(u + moment / (1.0 + total)) / v.square()


def _waves(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Sum the Fourier series 1 + 2 sum_n q^(n^2) cos(2 pi n u) with q = exp(-2 pi^2 v^2).

    Cosines and sines of the multiples are Chebyshev polynomials of the first. A sine is taken out of the
    derivative: what is left has no zero, and a score that is exponentially small keeps its relative accuracy.
    """
    decay, angle = -2.0 * math.pi**2 * v.square(), 2.0 * math.pi * u
    cosine = torch.cos(angle)
    q = torch.exp(decay)
    t_before, t = torch.ones_like(cosine), cosine
    u_before, u_now = torch.zeros_like(cosine), torch.ones_like(cosine)
    wave, slope = q * cosine, q * u_now
    for n in range(2, _WAVES + 1):
        t_before, t = t, 2.0 * cosine * t - t_before
        u_before, u_now = u_now, 2.0 * cosine * u_now - u_before
        amplitude = torch.exp(n * n * decay)
        wave = wave + amplitude * t
        slope = slope + n * amplitude * u_now
    return torch.log1p(2.0 * wave), -4.0 * math.pi * torch.sin(angle) * slope / (1.0 + 2.0 * wave)
