"""Reverse steps of a variance-preserving diffusion, as linear maps of the state and the predicted data.

Every step here is `x' = state x + data x0 + noise z` with z standard normal; the coefficients are computed in
float64, where the small differences that they are made of survive.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from epitaxy.flows.noise_schedules import NoiseSchedule


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interval:
    """A step of the reverse process, from noise time u to v < u.

    Attributes:
        alpha, sigma: share of the data and standard deviation of the noise at u; sigma > 0.
        next_alpha, next_sigma: the same at v.
        decay: integral of beta from v to u.
        impulse: beta(u) (u - v), what the Euler step takes `decay` to be.

    """

    alpha: Float64[Tensor, " rows"]
    sigma: Float64[Tensor, " rows"]
    next_alpha: Float64[Tensor, " rows"]
    next_sigma: Float64[Tensor, " rows"]
    decay: Float64[Tensor, " rows"]
    impulse: Float64[Tensor, " rows"]

    @staticmethod
    def between(
        schedule: NoiseSchedule, u: Float64[Tensor, " rows"], v: Float64[Tensor, " rows"]
    ) -> "Interval":
        """Evaluate the schedule at both ends."""
        start, end = schedule.integral(u), schedule.integral(v)
        return Interval(
            alpha=torch.exp(-start / 2),
            sigma=(-torch.expm1(-start)).sqrt(),
            next_alpha=torch.exp(-end / 2),
            next_sigma=(-torch.expm1(-end)).sqrt(),
            decay=start - end,
            impulse=schedule.beta(u) * (u - v),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinearStep:
    """Coefficients of the state, the predicted data and the noise; no noise is None."""

    state: Float64[Tensor, " rows"]
    data: Float64[Tensor, " rows"]
    noise: Float64[Tensor, " rows"] | None = None


def ancestral(at: Interval) -> LinearStep:
    """Draw from q(x_v | x_u, x0), the forward process' bridge to the predicted data."""
    forgotten = -torch.expm1(-at.decay)
    kept = (at.next_sigma / at.sigma).square()
    return LinearStep(
        state=torch.exp(-at.decay / 2) * kept,
        data=at.next_alpha * forgotten / at.sigma.square(),
        noise=(forgotten * kept).sqrt(),
    )


def euler_maruyama(at: Interval) -> LinearStep:
    """Step dx = (x / 2 + score) beta dt + beta^(1/2) dW with everything as it is at u."""
    return _by_score(at, 1 + at.impulse / 2, at.impulse, at.impulse.sqrt())


def exponential(at: Interval) -> LinearStep:
    """Solve the same equation with the predicted noise, sigma times the score, held.

    In l = ln(alpha / sigma): x' = (alpha' / alpha) x + 2 sigma sigma' (e^dl - 1) score + sigma' (e^(2 dl) -
    1)^(1/2) z, written here in forms that stay finite at sigma' = 0.
    """
    growth = torch.exp(at.decay / 2)
    pull = 2 * at.sigma * (at.sigma * growth - at.next_sigma)
    return _by_score(at, growth, pull, torch.expm1(at.decay).sqrt())


def probability_flow(at: Interval) -> LinearStep:
    """Keep the predicted noise: x' = alpha' x0 + sigma' (x - alpha x0) / sigma."""
    kept = at.next_sigma / at.sigma
    return LinearStep(state=kept, data=at.next_alpha - kept * at.alpha)


REVERSE_STEPS: dict[str, Callable[[Interval], LinearStep]] = {
    "ancestral": ancestral,
    "euler_maruyama": euler_maruyama,
    "exponential": exponential,
    "probability_flow": probability_flow,
    "published_pc": probability_flow,
}


def _by_score(at: Interval, state: Tensor, score: Tensor, noise: Tensor) -> LinearStep:
    """Write the score as (alpha x0 - x) / sigma^2."""
    per_variance = score / at.sigma.square()
    return LinearStep(state=state - per_variance, data=per_variance * at.alpha, noise=noise)
