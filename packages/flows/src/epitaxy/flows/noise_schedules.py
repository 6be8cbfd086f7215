"""How fast a diffusion adds noise."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.flows._checks import check_number


@runtime_checkable
class NoiseSchedule(Protocol):
    """The rate of a diffusion at noise time u: 0 is data, 1 the prior."""

    def beta(self, u: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return the rate at u, positive."""
        ...

    def integral(self, u: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return the rate's integral from 0 to u."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearBeta:
    """The rate beta(u) = low + (high - low) u of a variance-preserving diffusion (Song et al. 2021).

    The noise time u runs from 0, data, to 1, the prior. With I(u) the integral of beta, data keep the share
    alpha = e^(-I / 2) under noise of standard deviation sigma = (1 - e^-I)^(1/2). With the defaults alpha(1)
    is 0.0066: the end is near the prior, not at it. Values have the dtype of u, and its accuracy near u = 0.

    Args:
        low: rate at u = 0, positive.
        high: rate at u = 1, positive. Their mean is at least 1e-3 and less than 100, above which states at
            the end would hold nothing of the data that float32 could tell.

    """

    low: float = 0.1
    high: float = 20.0

    def __post_init__(self) -> None:
        if not (0.0 < self.low < float("inf") and 0.0 < self.high < float("inf")):
            raise ValueError(f"low and high must be positive and finite, not {self.low}, {self.high}")
        check_number("the mean of low and high", (self.low + self.high) / 2, least=1e-3, below=100.0)

    def beta(self, u: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return the rate at u, the derivative of `integral`."""
        return self.low + (self.high - self.low) * u

    def integral(self, u: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return I(u), the integral of the rate from 0 to u."""
        return u * (self.low + (self.high - self.low) / 2 * u)

    def alpha(self, u: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return the share of the data at u."""
        return torch.exp(-self.integral(u) / 2)

    def sigma(self, u: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return the standard deviation of the noise at u."""
        return (-torch.expm1(-self.integral(u))).sqrt()

    def log_snr(self, u: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return ln(alpha^2 / sigma^2), infinite at u = 0."""
        integral = self.integral(u)
        return -integral - torch.log(-torch.expm1(-integral))

    def log_snr_slope(self, u: Float[Tensor, " rows"]) -> Float[Tensor, " rows"]:
        """Return the derivative of `log_snr`, -beta / sigma^2."""
        return self.beta(u) / torch.expm1(-self.integral(u))
