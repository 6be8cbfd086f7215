"""The transition kernel of kinetic Langevin diffusion in closed form (KLDM, Eq. 16)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

# x - tanh x = x^3 / 3 - 2 x^5 / 15 + ...: below this the difference itself would lose digits to cancellation.
_SERIES_BELOW = 0.05
_SERIES = (1 / 3, -2 / 15, 17 / 315, -62 / 2835, 1382 / 155925, -21844 / 6081075)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KineticKernel:
    """Law of velocity v and displacement r after a noise time u, for data at rest or with random velocity.

    `v ~ N(0, velocity_std^2)` and, given v, `r ~ N(slope v, spread^2)`, in radians before wrapping. The
    initial velocity is integrated out. From rest these are the paper's sigma_v, tanh(u / 2) and sigma_r.
    """

    velocity_std: Float64[Tensor, " times"]
    slope: Float64[Tensor, " times"]
    spread: Float64[Tensor, " times"]

    @classmethod
    def at(cls, u: Float64[Tensor, " times"], initial_velocity: float = 0.0) -> "KineticKernel":
        """Return the kernel at noise times u >= 0, with friction 1 and this initial velocity's std.

        The process is `dr = v du, dv = -v du + sqrt(2) dW`. All terms are positive: nothing cancels as u ->
        0, where spread^2 ~ u^3 / 6 from rest.
        """
        thermal, pull = -torch.expm1(-2 * u), torch.tanh(u / 2)
        start, fading = initial_velocity**2, torch.exp(-u)
        variance = start * fading.square() + thermal
        # Given v and the initial velocity v0, r has mean tanh(u / 2) (v + v0); v0 given v is Gaussian too.
        safe = torch.where(variance > 0, variance, 1.0)
        of_start, left = start * fading / safe, start * thermal / safe
        spread = (4 * _less_tanh(u / 2) + pull.square() * left).sqrt()
        return cls(velocity_std=variance.sqrt(), slope=pull * (1 + of_start), spread=spread)

    def covariance(self) -> Float64[Tensor, "times 2 2"]:
        """Return the covariance of (r, v)."""
        variance = self.velocity_std.square()
        cross = self.slope * variance
        return _matrices(self.spread.square() + self.slope * cross, cross, cross, variance)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KineticBridge:
    """Law of (r, v) at an earlier noise time, given (r, v) at a later one and the data.

    The mean is `gain @ (r, v)`; the noise is `noise @ (e1, e2)` with e1, e2 standard normal.
    """

    gain: Float64[Tensor, "times 2 2"]
    noise: Float64[Tensor, "times 2 2"]

    @classmethod
    def between(
        cls, later: Float64[Tensor, " times"], earlier: Float64[Tensor, " times"], initial_velocity: float
    ) -> "KineticBridge":
        """Return the bridge from noise times `later` to `earlier` < `later`.

        With P the covariance of (r, v) and F the mean's evolution in between: gain = P_s F^T P_t^-1 and the
        noise's covariance is P_s - gain F P_s, as in a Rauch-Tung-Striebel smoother.
        """
        fading = torch.exp(earlier - later)
        one, zero = torch.ones_like(fading), torch.zeros_like(fading)
        forward = _matrices(one, -torch.expm1(earlier - later), zero, fading)
        before = KineticKernel.at(earlier, initial_velocity).covariance()
        after = KineticKernel.at(later, initial_velocity).covariance()
        gain = before @ forward.mT @ _inverse(after)
        return cls(gain=gain, noise=_root(before - gain @ forward @ before))


def _less_tanh(x: Float64[Tensor, " times"]) -> Float64[Tensor, " times"]:
    """Compute x - tanh(x) for x >= 0."""
    square, series = x.square(), torch.zeros_like(x)
    for coefficient in reversed(_SERIES):
        series = (series + coefficient) * square
    return torch.where(x < _SERIES_BELOW, series * x, x - torch.tanh(x))


def _matrices(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Float64[Tensor, "times 2 2"]:
    return torch.stack([torch.stack([a, b], dim=-1), torch.stack([c, d], dim=-1)], dim=-2)


def _inverse(m: Float64[Tensor, "times 2 2"]) -> Float64[Tensor, "times 2 2"]:
    (a, b), (c, d) = (row.unbind(-1) for row in m.unbind(-2))
    return _matrices(d, -b, -c, a) / (a * d - b * c)[:, None, None]


def _root(m: Float64[Tensor, "times 2 2"]) -> Float64[Tensor, "times 2 2"]:
    """Return a factor A with A A^T = m, for m that is positive up to rounding: v first, then r given v."""
    (rr, rv), (_, vv) = (row.unbind(-1) for row in m.unbind(-2))
    v = vv.clamp(min=0.0).sqrt()
    along = torch.where(v > 0, rv / torch.where(v > 0, v, 1.0), 0.0)
    return _matrices((rr - along.square()).clamp(min=0.0).sqrt(), along, torch.zeros_like(v), v)
