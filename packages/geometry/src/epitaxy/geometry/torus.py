"""The flat torus: fractional coordinates (period 1) and angles (period 2 pi)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry._parameters import positive
from epitaxy.geometry._shapes import broadcast_against
from epitaxy.geometry.rng import AnyRng, as_rng


@dataclass(frozen=True, slots=True)
class _Circumference:
    """The torus' period as it is kept: checked, and a float."""

    period: float


class FlatTorus(_Circumference):
    """R^d modulo `period` in each of any number of coordinates, with the flat metric.

    Points are represented in [0, period), displacements in [-period/2, period/2): two points half a period
    apart have displacement -period/2 both ways, and everywhere else `log(x, y)` is exactly `-log(y, x)`. Both
    ranges hold exactly in float32 and float64, with the period rounded to the dtype.

    Raises:
        ValueError: if the period is not positive and finite.

    """

    __slots__ = ()

    def __init__(self, period: int | float = 1.0) -> None:
        super().__init__(positive("period", period))

    def project(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return the representative of x in [0, period). Its derivative is 1."""
        y = torch.remainder(x, self.period)
        # The remainder of -1e-27 is 1 - 1e-27, which rounds to 1. Subtracting keeps the derivative.
        return y.sub((y >= self.period).to(y.dtype), alpha=self.period)

    def wrap(self, v: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return v modulo the period, in [-period/2, period/2). Its derivative is 1."""
        # fmod is exact and odd; subtracting the period from the half beyond period/2 is exact too.
        r = torch.fmod(v, self.period)
        half = self.period / 2
        turns = (r >= half).to(r.dtype) - (r < -half).to(r.dtype)
        return r.sub(turns, alpha=self.period)

    def exp(self, x: Float[Tensor, "*x"], v: Float[Tensor, "*v"]) -> Float[Tensor, "*out"]:
        """Walk from x along v."""
        return self.project(x + v)

    def log(self, x: Float[Tensor, "*x"], y: Float[Tensor, "*y"]) -> Float[Tensor, "*out"]:
        """Return the shortest displacement from x to y, in [-period/2, period/2)."""
        return self.wrap(y - x)

    def dist(self, x: Float[Tensor, "*x dim"], y: Float[Tensor, "*y dim"]) -> Float[Tensor, "*out"]:
        """Return the length of the shortest displacement; its gradient at distance 0 is 0."""
        length: Tensor = torch.linalg.vector_norm(self.log(x, y), dim=-1)
        return length

    def project_tangent(self, x: Float[Tensor, "*x"], v: Float[Tensor, "*v"]) -> Float[Tensor, "*out"]:
        """Return v, broadcast against x: every vector is tangent."""
        return broadcast_against(v, x)

    def sample_uniform(
        self,
        shape: Sequence[int],
        *,
        rng: AnyRng,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Draw points uniform on the torus; `shape` includes the coordinates."""
        u = as_rng(rng).uniform(shape, dtype=dtype, device=torch.device(device))
        # The product with a period that is no power of two may round up to the period.
        return self.project(u * self.period)
