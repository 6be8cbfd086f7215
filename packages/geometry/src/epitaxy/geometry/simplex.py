"""The probability simplex."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry._shapes import broadcast_against
from epitaxy.geometry.rng import AnyRng, as_rng


@dataclass(frozen=True, slots=True)
class Simplex:
    """Probability vectors of any number of classes K >= 1, with the flat metric of R^K.

    Straight lines are mixtures: `exp(x, t * log(x, y))` is (1 - t) x + t y. Tangent vectors sum to zero; one
    that leads out of the simplex ends at the simplex's nearest point.
    """

    def project(self, x: Float[Tensor, "*batch classes"]) -> Float[Tensor, "*batch classes"]:
        """Return the nearest probability vector: Duchi et al., ICML 2008, figure 1."""
        ordered = x.sort(dim=-1, descending=True).values
        # Measured from the largest component, so that large x lose nothing.
        top = ordered[..., :1]
        excess = (ordered - top).cumsum(-1) - 1.0
        rank = torch.arange(1, x.shape[-1] + 1, dtype=x.dtype, device=x.device)
        kept = (ordered - top) * rank > excess
        last = kept.sum(-1, keepdim=True) - 1
        threshold = excess.gather(-1, last) / (last + 1)
        return (x - top - threshold).clamp(min=0.0)

    def exp(
        self, x: Float[Tensor, "*x classes"], v: Float[Tensor, "*v classes"]
    ) -> Float[Tensor, "*out classes"]:
        """Walk straight from x along v; beyond the boundary, to the simplex's point nearest to x + v."""
        return self.project(x + v)

    def log(
        self, x: Float[Tensor, "*x classes"], y: Float[Tensor, "*y classes"]
    ) -> Float[Tensor, "*out classes"]:
        """Return y - x."""
        return y - x

    def dist(self, x: Float[Tensor, "*x classes"], y: Float[Tensor, "*y classes"]) -> Float[Tensor, "*out"]:
        """Return |y - x|, at most sqrt(2); its gradient at distance 0 is 0."""
        length: Tensor = torch.linalg.vector_norm(y - x, dim=-1)
        return length

    def project_tangent(
        self, x: Float[Tensor, "*x classes"], v: Float[Tensor, "*v classes"]
    ) -> Float[Tensor, "*out classes"]:
        """Subtract the mean over the classes; the result is broadcast against x."""
        return broadcast_against(v - v.mean(-1, keepdim=True), x)

    def sample_uniform(
        self,
        shape: Sequence[int],
        *,
        rng: AnyRng,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Draw probability vectors from Dirichlet(1, ..., 1), as normalised exponential numbers."""
        u = as_rng(rng).uniform(shape, dtype=dtype, device=torch.device(device))
        exponential = torch.log1p(-u).neg().clamp(min=torch.finfo(dtype).tiny)
        return exponential / exponential.sum(-1, keepdim=True)
