"""The wrapped normal distribution on a circle of any length: density, score, Fisher information, sampling."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Real
from torch import Tensor

from epitaxy.geometry._parameters import checked, floating, positive
from epitaxy.geometry._shapes import broadcast_shape
from epitaxy.geometry._wrapped_sums import log_density_and_score
from epitaxy.geometry.rng import AnyRng, as_rng
from epitaxy.geometry.torus import FlatTorus

_TURN = 2.0 * math.pi
# The trapezoidal rule with N nodes on the circle errs by about exp(-N s^2 / 2 - pi^2 / (2 s^2)) for a scale
# of s radians (the density's zeros are s^2 / 2 away from the real axis, and of that size): at most exp(-pi
# sqrt(N)), 4e-16 here.
_NODES = 128
# Below this scale, in periods, no image adds to the information: exp(-1 / (8 v^2)) is 1e-34.
_UNWRAPPED = 0.04
# From this scale on, in periods, the law is uniform: its first wave has the amplitude exp(-2 pi^2 32^2).
_UNIFORM = 32.0
# Rows of a block of the quadrature: it fits a core's cache.
_BLOCK = 512


def wrapped_normal_score(
    displacement: Real[Tensor, "*displacement"], scale: Real[Tensor, "*scale"], period: float = _TURN
) -> Float[Tensor, "*out"]:
    """Compute d log p / dx of the wrapped normal law at x - mean = displacement.

    It is odd in the displacement, and minus the derivative with respect to the mean. It is computed in
    float64 from the images of a narrow law and the Fourier series of a wide one, to float64's precision
    whatever the scale: also where it is exponentially small (about exp(-(2 pi scale / period)^2 / 2)), and
    near its zeros, relative to the slope there. Differentiable any number of times.

    Args:
        displacement: any real number, in the period's unit; it is reduced first.
        scale: standard deviation of the unwrapped law, in the period's unit, > 0.
        period: length of the circle.

    Raises:
        ValueError: if the period, or a scale on the CPU, is not positive and finite.

    """
    displacement, scale = floating(displacement), _scale(scale)
    u, v = _in_periods(displacement.double(), scale, period)
    score = log_density_and_score(u, v)[1] / period
    return score.to(torch.promote_types(displacement.dtype, scale.dtype))


def wrapped_normal_information(
    scale: Real[Tensor, "*shape"], period: float = _TURN
) -> Float[Tensor, "*shape"]:
    """Compute the Fisher information E (d log p / d mean)^2 of one coordinate. Not differentiable.

    It is 1 / scale^2 for a narrow law and 2 q^2 (2 pi / period)^2 with q = exp(-(2 pi scale / period)^2 / 2)
    for a wide one; between them it is integrated by the trapezoidal rule, whose relative error is below
    1e-12. KLDM (2025) estimates it by sampling, for its weights lambda(t). In float32 the result underflows
    from a scale of about 1.5 periods on; ask in float64 there.

    Args:
        scale: standard deviation of the unwrapped law, in the period's unit, > 0.
        period: length of the circle.

    Raises:
        ValueError: if the period, or a scale on the CPU, is not positive and finite.

    """
    scale, period = _scale(scale), positive("period", period)
    v = scale.detach().double().reshape(-1) / period
    information = v.square().reciprocal()
    if v.device.type != "cpu":  # which rows wrap is not asked for: the host would wait for the answer
        integrated = _mean_square_score(v.clamp(min=_UNWRAPPED))
        information = torch.where(v >= _UNWRAPPED, integrated, information)
        return (information / period**2).to(scale.dtype).view(scale.shape)
    wrapped = torch.nonzero(v >= _UNWRAPPED).squeeze(-1)
    if wrapped.shape[0] > 0:
        blocks = torch.split(v[wrapped], _BLOCK)
        information[wrapped] = torch.cat([_mean_square_score(block) for block in blocks])
    return (information / period**2).to(scale.dtype).view(scale.shape)


def _scale(scale: Tensor | int | float) -> Tensor:
    message = "every scale of a wrapped normal law must be positive and finite"
    return checked(floating(scale), lambda s: s > 0, message)


def _mean_square_score(v: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Integrate over half the circle, which is the other half's mirror image."""
    u = (
        torch.arange(1, _NODES // 2, dtype=torch.float64, device=v.device) / _NODES
    )  # the score is 0 at the ends
    log_density, score = log_density_and_score(u, v[:, None])
    return (log_density.exp() * score.square()).sum(1) * (2.0 / _NODES)


def _in_periods(difference: Tensor, scale: Tensor, period: float) -> tuple[Tensor, Tensor]:
    """Reduce a difference (exactly) and a scale to shares of the period, in float64."""
    return FlatTorus(period).wrap(difference) / period, scale.double() / period


@dataclass(frozen=True, slots=True, eq=False)
class _Parameters:
    """The law's parameters as they are kept: checked, and real numbers."""

    mean: Float[Tensor, "*mean"]
    scale: Float[Tensor, "*scale"]
    period: float


class WrappedNormal(_Parameters):
    """The law of a normal variable modulo a period: its density is the sum over all images of the normal one.

    Coordinates are independent. Everything but `information` and `sample` is differentiable in the
    parameters. Values are computed in float64, from the images of a narrow law and the Fourier series of a
    wide one.

    Attributes:
        mean: mean direction, any representative, finite.
        scale: standard deviation of the unwrapped normal law, in the period's unit; it and `mean` broadcast
            against each other.
        period: length of the circle: 2 pi for radians, 1 for fractional coordinates.

    Whole numbers are taken for real ones, of torch's default dtype.

    Raises:
        ValueError: if the period or a scale is not positive and finite, a mean is not finite, or they do not
            broadcast. Values on an accelerator are not looked at: that waits for all that it is doing.
        TypeError: if a parameter is no real number.

    """

    __slots__ = ()

    def __init__(
        self,
        mean: Real[Tensor, "*mean"] | int | float,
        scale: Real[Tensor, "*scale"] | int | float,
        period: int | float = _TURN,
    ) -> None:
        means = checked(floating(mean), torch.isfinite, "every mean of a wrapped normal law must be finite")
        scales = _scale(scale)
        broadcast_shape(means, scales)
        super().__init__(means, scales, positive("period", period))

    @property
    def manifold(self) -> FlatTorus:
        """The circle the law lives on."""
        return FlatTorus(self.period)

    @property
    def shape(self) -> torch.Size:
        """The parameters' broadcast shape."""
        return broadcast_shape(self.mean, self.scale)

    def log_prob(self, x: Real[Tensor, "*x"]) -> Float[Tensor, "*out"]:
        """Compute the log density at x (any representative) per unit of length, in nats."""
        points = floating(x)
        log_density, _ = log_density_and_score(*self._relative(points))
        return (log_density - math.log(self.period)).to(self._dtype(points))

    def score(self, x: Real[Tensor, "*x"]) -> Float[Tensor, "*out"]:
        """Compute the derivative of the log density with respect to x."""
        points = floating(x)
        _, score = log_density_and_score(*self._relative(points))
        return (score / self.period).to(self._dtype(points))

    def score_of_mean(self, x: Real[Tensor, "*x"]) -> Float[Tensor, "*out"]:
        """Compute the derivative of the log density at x with respect to the mean: minus the other score."""
        return -self.score(x)

    def information(self) -> Float[Tensor, "*out"]:
        """Compute each coordinate's Fisher information E (d log p / d mean)^2, in the law's shape."""
        return wrapped_normal_information(self.scale, self.period).expand(self.shape)

    def sample(self, rng: AnyRng, shape: Sequence[int] | None = None) -> Float[Tensor, "*out"]:
        """Draw points in [0, period): normal numbers, wrapped. Scales beyond 32 periods count as 32.

        The law is uniform there, to within exp(-20000), and wrapping keeps its digits.

        Args:
            rng: a generator, or an `Rng` whose rows are the first dimension of the result.
            shape: shape of the result, to which the parameters broadcast; by default theirs.

        """
        size = self.shape if shape is None else torch.Size(shape)
        dtype = torch.promote_types(self.mean.dtype, self.scale.dtype)
        noise = as_rng(rng).normal(size, dtype=dtype, device=self.mean.device)
        spread = self.scale.detach().clamp(max=_UNIFORM * self.period)
        return self.manifold.project(self.mean.detach() + spread * noise)

    def _relative(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return _in_periods(x.double() - self.mean.double(), self.scale, self.period)

    def _dtype(self, x: Tensor) -> torch.dtype:
        return torch.promote_types(x.dtype, torch.promote_types(self.mean.dtype, self.scale.dtype))
