"""The verbs every manifold answers."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry.rng import AnyRng


@runtime_checkable
class Manifold(Protocol):
    """A space of points with straight lines on it.

    The trailing dimensions of a tensor are the point (one for most manifolds; the class says so where it is
    not), the leading ones broadcast. Points and tangent vectors are given in the coordinates of the
    surrounding space.
    """

    def project(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return the point of the manifold nearest to x, in the declared representative."""
        ...

    def exp(self, x: Float[Tensor, "..."], v: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Walk from x along the tangent vector v for unit time."""
        ...

    def log(self, x: Float[Tensor, "..."], y: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return the tangent vector at x that leads to y on the shortest way."""
        ...

    def dist(self, x: Float[Tensor, "..."], y: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return the length of the shortest way, without the point's dimensions."""
        ...

    def project_tangent(self, x: Float[Tensor, "..."], v: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return the tangent vector at x nearest to v."""
        ...

    def sample_uniform(
        self,
        shape: Sequence[int],
        *,
        rng: AnyRng,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Draw points uniform on the manifold; `shape` includes the point's dimensions.

        Raises:
            NotImplementedError: if the manifold is unbounded, so that there is no uniform law on it.

        """
        ...
