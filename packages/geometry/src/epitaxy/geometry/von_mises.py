"""The von Mises distribution on the circle, in radians: density, entropy, divergence, sampling."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Real
from torch import Tensor

from epitaxy.geometry._parameters import checked, floating
from epitaxy.geometry._shapes import broadcast_shape
from epitaxy.geometry.bessel import apply, bessel_ratio, bessel_ratio_complement, bessel_ratio_slope, log_i0e
from epitaxy.geometry.rng import AnyRng
from epitaxy.geometry.torus import FlatTorus
from epitaxy.geometry.von_mises_draws import von_mises_noise

_LOG_2PI = math.log(2.0 * math.pi)
_CIRCLE = FlatTorus(2.0 * math.pi)
_CONCENTRATION = "every concentration of a von Mises law must be finite and not negative"


class _Entropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor) -> Tensor:
        ctx.save_for_backward(kappa)
        k = kappa.double()
        return (_LOG_2PI + log_i0e(k) + k * bessel_ratio_complement(k)).to(kappa.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (kappa,) = ctx.saved_tensors
        slope = bessel_ratio_slope(kappa)
        return torch.mul(slope * kappa, grads[0]).neg()


def von_mises_entropy(kappa: Real[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Compute the entropy log(2 pi I0(kappa)) - kappa A(kappa) in nats: log(2 pi) at 0, then less.

    Its terms of order kappa are cancelled before anything is computed, so that float32 holds at kappa = 1e6.
    Its derivative is -kappa A'(kappa).

    Args:
        kappa: concentrations >= 0.

    Raises:
        ValueError: if one on the CPU is negative or not finite.

    """
    return apply(_Entropy, checked(floating(kappa), lambda k: k >= 0, _CONCENTRATION))


@dataclass(frozen=True, slots=True, eq=False)
class _Parameters:
    """The law's parameters as they are kept: checked, and real numbers."""

    loc: Float[Tensor, "*loc"]
    concentration: Float[Tensor, "*concentration"]


class VonMises(_Parameters):
    """The law with density exp(kappa cos(x - loc)) / (2 pi I0(kappa)) on the circle.

    Everything but `sample` is differentiable in the parameters.

    Attributes:
        loc: mean direction in radians, any representative, finite.
        concentration: kappa >= 0, finite; it and `loc` broadcast against each other.

    Whole numbers are taken for real ones, of torch's default dtype.

    Raises:
        ValueError: if a parameter on the CPU is outside its range, or they do not broadcast. Values on an
            accelerator are looked at by `sample` alone: looking waits for all that it is doing.
        TypeError: if a parameter is no real number.

    """

    __slots__ = ()

    def __init__(
        self,
        loc: Real[Tensor, "*loc"] | int | float,
        concentration: Real[Tensor, "*concentration"] | int | float,
    ) -> None:
        means = checked(floating(loc), torch.isfinite, "every mean of a von Mises law must be finite")
        kappa = checked(floating(concentration), lambda k: k >= 0, _CONCENTRATION)
        broadcast_shape(means, kappa)
        super().__init__(means, kappa)

    @property
    def shape(self) -> torch.Size:
        """The parameters' broadcast shape."""
        return broadcast_shape(self.loc, self.concentration)

    def log_prob(self, x: Real[Tensor, "*x"]) -> Float[Tensor, "*out"]:
        """Compute the log density at the angles x (radians, any representative), in nats."""
        # kappa (cos d - 1) as -2 kappa sin^2(d / 2): no cancellation for the small d of a large kappa.
        drop = self.concentration * (2.0 * torch.sin(x / 2 - self.loc / 2).square())
        return -drop - _LOG_2PI - log_i0e(self.concentration)

    def entropy(self) -> Float[Tensor, "*out"]:
        """Compute the differential entropy in nats, in the law's shape."""
        return von_mises_entropy(self.concentration).expand(self.shape)

    def mean_resultant_length(self) -> Float[Tensor, "*out"]:
        """Compute E cos(x - loc) = A(kappa), in the law's shape."""
        return bessel_ratio(self.concentration).expand(self.shape)

    def kl(self, other: "VonMises") -> Float[Tensor, "*out"]:
        """Compute the Kullback-Leibler divergence KL(self || other), in nats.

        log I0(k2) - log I0(k1) + A(k1) (k1 - k2 cos(m1 - m2)): Kitagawa & Rowley, "von Mises-Fisher
        distributions and their statistical divergence" (2022); the CrysBFN paper (ICLR 2025), equation 59.
        The terms of order k are cancelled beforehand, and the rest is computed in float64.
        """
        k1, k2 = self.concentration.double(), other.concentration.double()
        half = self.loc.double() / 2 - other.loc.double() / 2
        spread = log_i0e(k2) - log_i0e(k1) + bessel_ratio_complement(k1) * (k2 - k1)
        shift = 2.0 * (bessel_ratio(k1) * k2 * torch.sin(half).square())
        return (spread + shift).to(torch.promote_types(self.loc.dtype, self.concentration.dtype))

    def sample(self, rng: AnyRng, shape: Sequence[int] | None = None) -> Float[Tensor, "*out"]:
        """Draw angles in [-pi, pi), exactly distributed.

        Args:
            rng: a generator, or an `Rng` whose rows are the first dimension of the result.
            shape: shape of the result, to which the parameters broadcast; by default theirs.

        """
        size = self.shape if shape is None else torch.Size(shape)
        noise = von_mises_noise(self.concentration.detach().expand(size), rng=rng)
        return _CIRCLE.wrap(self.loc.detach() + noise)
