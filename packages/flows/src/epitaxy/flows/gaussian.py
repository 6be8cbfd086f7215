"""Bayesian flow for real variables, with Gaussian messages (CrysBFN Eq. 20-22; Graves et al. 2023)."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.flows._rows import (
    BAYESIAN_SAMPLERS,
    BayesianSampler,
    bayesian_sampler,
    check_grid,
    check_option,
    column,
    grid_index,
    total,
)
from epitaxy.flows.protocol import Features
from epitaxy.geometry import AnyRng, as_rng


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianBFN:
    """Bayesian flow on real variables. Data are `"rows *event"`; the network predicts them.

    The state is the mean mu of a Gaussian belief. Its precision rho(t) = sigma1^(-2t) depends on time alone,
    from 1 at t = 0 to sigma1^-2 at t = 1, so it is no part of the state. (The paper's Alg. 2 starts mu at 1;
    its text and code, and this, at 0.)

    Args:
        sigma1: standard deviation of the belief at t = 1, in (0, 1).
        grid: number of steps n; None for continuous time.
        loss_kind: "discrete", the divergence of step i at t = (i - 1) / n times n,
            n (1 - sigma1^(2/n)) / (2 sigma1^(2i/n)) |x - x_hat|^2, Eq. 21, which needs a grid; or
            "continuous", its limit -ln(sigma1) sigma1^(-2t) |x - x_hat|^2 at t.
        sampler: "bayes", update the belief by a message around the prediction (Alg. 2); or "end_back", draw a
            fresh belief around the prediction from the flow distribution, as the published runs do.

    """

    sigma1: float = math.sqrt(1e-3)
    grid: int | None = 1000
    loss_kind: Literal["discrete", "continuous"] = "discrete"
    sampler: BayesianSampler = "bayes"

    def __post_init__(self) -> None:
        if not 0.0 < self.sigma1 < 1.0:
            raise ValueError(f"sigma1 must be between 0 and 1, not {self.sigma1}")
        check_grid(self.grid)
        check_option("loss_kind", self.loss_kind, ("discrete", "continuous"))
        check_option("sampler", self.sampler, BAYESIAN_SAMPLERS)
        if self.grid is None and self.loss_kind == "discrete":
            raise ValueError("the discrete-time loss needs a grid: give one, or loss_kind='continuous'")

    @property
    def samplers(self) -> tuple[str, ...]:
        """Return the names that `sampler` may have."""
        return BAYESIAN_SAMPLERS

    def with_sampler(self, name: str) -> "GaussianBFN":
        """Return the same flow with another sampler."""
        return replace(self, sampler=bayesian_sampler(name))

    def with_steps(self, n: int) -> "GaussianBFN":
        """Return the same flow on a grid of n steps; itself in continuous time."""
        return self if self.grid is None else replace(self, grid=n)

    def precision(self, t: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return the belief's precision rho(t) = sigma1^(-2t)."""
        return torch.exp(-2 * math.log(self.sigma1) * t)

    def gamma(self, t: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return the share of the data in the mean, 1 - sigma1^(2t), accurate near t = 0."""
        return -torch.expm1(2 * math.log(self.sigma1) * t)

    def accuracy(self, t: Float[Tensor, " rows"], s: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return the accuracy rho(s) - rho(t) of the messages between t and s."""
        return self.precision(s) * self.gamma(s - t)

    def prior(self, like: Float[Tensor, " rows *event"], *, rng: AnyRng) -> Float[Tensor, " rows *event"]:  # noqa: ARG002
        """Return the mean 0: the belief is a standard Gaussian."""
        return torch.zeros_like(like)

    def sender(
        self, x: Float[Tensor, " rows *event"], alpha: Float[Tensor, " rows"], *, rng: AnyRng
    ) -> Float[Tensor, " rows *event"]:
        """Draw a message about x: y ~ N(x, 1 / alpha)."""
        noise = as_rng(rng).normal(x.shape, dtype=x.dtype, device=x.device)
        return x + noise / column(alpha, x.ndim).sqrt()

    def receiver(
        self, x_hat: Float[Tensor, " rows *event"], alpha: Float[Tensor, " rows"], *, rng: AnyRng
    ) -> Float[Tensor, " rows *event"]:
        """Draw the message that a prediction expects, N(x_hat, 1 / alpha): the output law is a point mass."""
        return self.sender(x_hat, alpha, rng=rng)

    def bayesian_update(
        self,
        mean: Float[Tensor, " rows *event"],
        y: Float[Tensor, " rows *event"],
        alpha: Float[Tensor, " rows"],
        precision: Float[Tensor, " rows"],
    ) -> Float[Tensor, " rows *event"]:
        """Return the mean after message y of accuracy alpha, from a belief of this precision."""
        return torch.lerp(mean, y, column(alpha / (precision + alpha), y.ndim))

    def corrupt(
        self, x: Float[Tensor, " rows *event"], t: Float[Tensor, " rows"], *, rng: AnyRng
    ) -> Float[Tensor, " rows *event"]:
        """Draw from the flow distribution N(gamma x, gamma (1 - gamma)), Eq. 20."""
        gamma, rest = column(self.gamma(t), x.ndim), column(1 / self.precision(t), x.ndim)
        noise = as_rng(rng).normal(x.shape, dtype=x.dtype, device=x.device)
        return gamma * x + (gamma * rest).sqrt() * noise

    def features(self, state: Float[Tensor, " rows *event"], t: Float[Tensor, " rows"]) -> Features:  # noqa: ARG002
        """Return the mean."""
        return Features(value=state)

    def loss(
        self,
        output: Float[Tensor, " rows *event"],
        x: Float[Tensor, " rows *event"],
        state: Float[Tensor, " rows *event"],  # noqa: ARG002 - part of every flow's signature
        t: Float[Tensor, " rows"],
        *,
        rng: AnyRng,  # noqa: ARG002
    ) -> Float[Tensor, " rows"]:
        """Return the loss at t, see `loss_kind`."""
        return self._weight(t) * total((output - x).square())

    def step(
        self,
        state: Float[Tensor, " rows *event"],
        output: Float[Tensor, " rows *event"],
        t: Float[Tensor, " rows"],
        s: Float[Tensor, " rows"],
        *,
        rng: AnyRng,
    ) -> Float[Tensor, " rows *event"]:
        """Draw the mean at s > t, see `sampler`. Any s will do, on the grid or off it."""
        if self.sampler == "end_back":
            return self.corrupt(output, s, rng=rng)
        alpha = self.accuracy(t, s)
        return self.bayesian_update(state, self.receiver(output, alpha, rng=rng), alpha, self.precision(t))

    def decode(
        self,
        state: Float[Tensor, " rows *event"],  # noqa: ARG002 - part of every flow's signature
        output: Float[Tensor, " rows *event"],
        t: Float[Tensor, " rows"],  # noqa: ARG002
        *,
        rng: AnyRng,  # noqa: ARG002
    ) -> Float[Tensor, " rows *event"]:
        """Return the prediction (Alg. 2)."""
        return output

    def _weight(self, t: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        if self.loss_kind == "continuous" or self.grid is None:
            return -math.log(self.sigma1) * self.precision(t)
        i = grid_index(t, self.grid).to(t.dtype)
        return self.grid / 2 * self.accuracy(i / self.grid, (i + 1) / self.grid)
