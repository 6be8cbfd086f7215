"""The von Mises distribution on the circle, in radians: density, entropy, divergence, sampling."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry.bessel import apply, bessel_ratio, bessel_ratio_complement, bessel_ratio_slope, log_i0e
from epitaxy.geometry.rng import AnyRng
from epitaxy.geometry.torus import FlatTorus
from epitaxy.geometry.von_mises_noise import von_mises_noise

LOG_2PI = math.log(2.0 * math.pi)
_CIRCLE = FlatTorus(2.0 * math.pi)


class _Entropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor) -> Tensor:
        ctx.save_for_backward(kappa)
        k = kappa.double()
        return (LOG_2PI + log_i0e(k) + k * bessel_ratio_complement(k)).to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (kappa,) = ctx.saved_tensors
        return -kappa * bessel_ratio_slope(kappa) * grads[0]


def von_mises_entropy(kappa: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Differential entropy in nats, log(2 pi I0(kappa)) - kappa A(kappa): from log(2 pi) down.

    The terms of order kappa are cancelled before they are computed, so float32 holds at kappa = 1e6.
    The derivative is -kappa A'(kappa).
    """
    return apply(_Entropy, kappa)


@dataclass(frozen=True, slots=True, eq=False)
class VonMises:
    """The law with density exp(kappa cos(x - loc)) / (2 pi I0(kappa)) on the circle.

    `loc` (radians, any representative) and `concentration` (kappa >= 0, finite) broadcast against each other.
    """

    loc: Float[Tensor, "*loc"]
    concentration: Float[Tensor, "*concentration"]

    def log_prob(self, x: Float[Tensor, "*x"]) -> Float[Tensor, "*out"]:
        """Log density at the angles x, in nats."""
        # kappa (cos d - 1) as -2 kappa sin^2(d / 2): no cancellation for the small d of a large kappa.
        drop = 2.0 * self.concentration * torch.sin((x - self.loc) / 2).square()
        return -drop - LOG_2PI - log_i0e(self.concentration)

    def entropy(self) -> Float[Tensor, "*out"]:
        """Differential entropy in nats, broadcast to the shape of the law."""
        return von_mises_entropy(self.concentration).expand(self.shape)

    def mean_resultant_length(self) -> Float[Tensor, "*out"]:
        """E cos(x - loc) = A(kappa), broadcast to the shape of the law."""
        return bessel_ratio(self.concentration).expand(self.shape)

    def kl(self, other: "VonMises") -> Float[Tensor, "*out"]:
        """Kullback-Leibler divergence from `other`, KL(self || other), in nats.

        log I0(k2) - log I0(k1) + A(k1) (k1 - k2 cos(m1 - m2)): Kitagawa & Rowley 2022; CrysBFN (Wu et al. 2025),
        equation 59. The terms of order k are cancelled beforehand.
        """
        k1, k2 = self.concentration.double(), other.concentration.double()
        half = (self.loc.double() - other.loc.double()) / 2
        spread = log_i0e(k2) - log_i0e(k1) + bessel_ratio_complement(k1) * (k2 - k1)
        shift = 2.0 * bessel_ratio(k1) * k2 * torch.sin(half).square()
        dtype = torch.result_type(self.concentration, self.loc)
        return (spread + shift).to(dtype)

    def sample(self, rng: AnyRng, shape: Sequence[int] | None = None) -> Float[Tensor, "*out"]:
        """Exact draws in [-pi, pi).

        Args:
            rng: a generator, or an `Rng` whose rows are the first dimension of the result.
            shape: shape of the result, to which the parameters broadcast; by default theirs.

        """
        size = self.shape if shape is None else torch.Size(shape)
        noise = von_mises_noise(self.concentration.expand(size), rng=rng)
        return _CIRCLE.wrap(self.loc + noise)

    @property
    def shape(self) -> torch.Size:
        """The parameters' broadcast shape."""
        return torch.Size(np.broadcast_shapes(self.loc.shape, self.concentration.shape))
