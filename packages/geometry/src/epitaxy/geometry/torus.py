"""The flat torus: fractional coordinates (period 1) and angles (period 2 pi)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry.rng import AnyRng, as_rng


@dataclass(frozen=True, slots=True)
class FlatTorus:
    """R^d modulo `period` in each coordinate, with the flat metric. Any number of coordinates d.

    Points are represented in [0, period), tangent vectors that `log` returns in [-period/2, period/2): two points
    half a period apart have displacement -period/2 in both directions, and everywhere else `log(x, y)` is exactly
    `-log(y, x)`. Both bounds hold exactly in float32 and float64: a remainder that rounds up to the period itself
    is 0.
    """

    period: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.period < float("inf"):
            raise ValueError(f"period must be positive and finite, not {self.period}")

    def project(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The representative of x in [0, period). Its derivative is 1."""
        y = torch.remainder(x, self.period)
        # -1e-27 has remainder 1 - 1e-27, which rounds to 1. Subtracting (not selecting) keeps the derivative.
        return y - (y >= self.period).to(y.dtype) * self.period

    def wrap(self, v: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The displacement equal to v modulo the period in [-period/2, period/2). Its derivative is 1."""
        # fmod is exact and odd, and the subtraction of the period is exact in the half where it happens.
        r = torch.fmod(v, self.period)
        half = self.period / 2
        turns = (r < -half).to(r.dtype) - (r >= half).to(r.dtype)
        return r + turns * self.period

    def exp(self, x: Float[Tensor, "*#x"], v: Float[Tensor, "*#x"]) -> Float[Tensor, "*out"]:
        """Walk from x along v."""
        return self.project(x + v)

    def log(self, x: Float[Tensor, "*#x"], y: Float[Tensor, "*#x"]) -> Float[Tensor, "*out"]:
        """The shortest displacement from x to y, in [-period/2, period/2)."""
        return self.wrap(y - x)

    def dist(self, x: Float[Tensor, "*#batch dim"], y: Float[Tensor, "*#batch dim"]) -> Float[Tensor, "*out"]:
        """Length of the shortest displacement; its gradient at distance 0 is 0."""
        return torch.linalg.vector_norm(self.log(x, y), dim=-1)

    def project_tangent(self, x: Float[Tensor, "*#x"], v: Float[Tensor, "*#x"]) -> Float[Tensor, "*out"]:
        """Every vector is tangent: v, broadcast against x."""
        return v.expand(np.broadcast_shapes(x.shape, v.shape))

    def sample_uniform(
        self,
        shape: Sequence[int],
        *,
        rng: AnyRng,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Points uniform on the torus; `shape` includes the d coordinates."""
        u = as_rng(rng).uniform(shape, dtype=dtype, device=torch.device(device))
        # The product with a period that is no power of two may round up to it.
        return self.project(u * self.period)
