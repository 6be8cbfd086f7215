"""Euclidean space, and the subspace of it in which every graph's mean is zero."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.geometry._shapes import broadcast_against
from epitaxy.geometry.rng import AnyRng, as_rng
from epitaxy.geometry.segments import Segments


@dataclass(frozen=True, slots=True)
class Euclidean:
    """R^d for any d."""

    def project(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Return x: every vector is a point."""
        return x

    def exp(self, x: Float[Tensor, "*x"], v: Float[Tensor, "*v"]) -> Float[Tensor, "*out"]:
        """Return x + v."""
        return x + v

    def log(self, x: Float[Tensor, "*x"], y: Float[Tensor, "*y"]) -> Float[Tensor, "*out"]:
        """Return y - x."""
        return y - x

    def dist(self, x: Float[Tensor, "*x dim"], y: Float[Tensor, "*y dim"]) -> Float[Tensor, "*out"]:
        """Return |y - x|; its gradient at distance 0 is 0."""
        length: Tensor = torch.linalg.vector_norm(y - x, dim=-1)
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
        """Refuse.

        Raises:
            NotImplementedError: always; there is no uniform law on R^d.

        """
        raise NotImplementedError("there is no uniform law on a Euclidean space")


@dataclass(frozen=True, slots=True)
class Centered:
    """Configurations of atoms in which the mean position of every graph is zero (all masses equal).

    A point is the last two dimensions of a tensor, "atoms d", for all graphs of `segments` together;
    distances are one a graph. It is the translation-free space of molecules, and a linear one: tangent
    vectors are configurations of mean zero too.
    """

    segments: Segments

    def project(self, x: Float[Tensor, "*batch atoms dim"]) -> Float[Tensor, "*batch atoms dim"]:
        """Subtract the mean of each graph."""
        return self.segments.center(x.movedim(-2, 0)).movedim(0, -2)

    def exp(
        self, x: Float[Tensor, "*x atoms dim"], v: Float[Tensor, "*v atoms dim"]
    ) -> Float[Tensor, "*out atoms dim"]:
        """Return x + v, centred again."""
        return self.project(x + v)

    def log(
        self, x: Float[Tensor, "*x atoms dim"], y: Float[Tensor, "*y atoms dim"]
    ) -> Float[Tensor, "*out atoms dim"]:
        """Return y - x, centred."""
        return self.project(y - x)

    def dist(
        self, x: Float[Tensor, "*x atoms dim"], y: Float[Tensor, "*y atoms dim"]
    ) -> Float[Tensor, "*out graphs"]:
        """Return each graph's distance, the root of the summed squares over its atoms; 0 has gradient 0."""
        square = self.log(x, y).square().sum(-1).movedim(-1, 0)
        total = self.segments.sum(square).movedim(0, -1)
        apart = total > 0
        return torch.where(apart, torch.where(apart, total, 1.0).sqrt(), 0.0)

    def project_tangent(
        self, x: Float[Tensor, "*x atoms dim"], v: Float[Tensor, "*v atoms dim"]
    ) -> Float[Tensor, "*out atoms dim"]:
        """Subtract the mean of each graph from v; the result is broadcast against x."""
        return self.project(broadcast_against(v, x))

    def normal(
        self,
        dim: int,
        *,
        rng: AnyRng,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> Float[Tensor, "atoms dim"]:
        """Draw from the standard normal law on this space, "atoms dim".

        It is the projection of independent standard normal numbers: in a graph of n atoms a coordinate has
        the covariance I - 11^T / n, and in a graph of one atom it is exactly 0. A graph's last atom takes up
        what rounding the others to `dtype` leaves over: their sum is off by the rounding of one number only.

        Args:
            dim: number of coordinates of an atom.
            rng: a generator, or an `Rng` whose rows are the atoms.
            dtype: of the result.
            device: of the result; it must be that of the segments, and is so by default.

        """
        place = self.segments.device if device is None else torch.device(device)
        noise = as_rng(rng).normal((self.segments.num_atoms, dim), dtype=dtype, device=place)
        x = self.segments.center(noise.double()).to(dtype)
        last, rest = self.segments.offsets[1:] - 1, self.segments.sum(x.double())
        return x.index_copy(0, last, (x[last].double() - rest).to(dtype))

    def sample_uniform(
        self,
        shape: Sequence[int],
        *,
        rng: AnyRng,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Refuse.

        Raises:
            NotImplementedError: always; there is no uniform law on an unbounded space.

        """
        raise NotImplementedError("there is no uniform law on centred configurations")
