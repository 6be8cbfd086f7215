"""The laws every manifold keeps, as a suite to subclass."""

from typing import ClassVar

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor

from epitaxy.geometry.manifold import Manifold
from epitaxy.geometry.testing.tolerance import Tolerance

# That one test method runs for several subclasses is the purpose here, not a mistake.
_law = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.differing_executors])
_DTYPES = st.sampled_from([torch.float32, torch.float64])


class ManifoldLaws:
    """The laws of a manifold. Subclass it under a name that pytest collects, and set `manifold`.

    >>> class TestTorus(ManifoldLaws):
    ...     manifold = FlatTorus()
    """

    manifold: ClassVar[Manifold]
    point_shape: ClassVar[tuple[int, ...]] = (3,)
    bounded: ClassVar[bool] = True
    """Whether there is a uniform law; a manifold without one must refuse to sample it."""
    scale: ClassVar[float] = 3.0
    """Points are projected from coordinates up to this size."""

    def norm(self, v: Tensor) -> Tensor:
        """Length of a tangent vector; override it where a point has more than one dimension."""
        length: Tensor = torch.linalg.vector_norm(v, dim=-1)
        return length

    def draw_ambient(self, data: st.DataObject, dtype: torch.dtype, *batch: int) -> Tensor:
        """Any tensor of a batch of points' shape: zeros, ones, halves and anything up to `scale`."""
        shape = (*batch, *self.point_shape)
        edges = st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, -1e-27, 1.0 - 2.0**-24])
        number = st.one_of(edges, st.floats(-self.scale, self.scale, width=32))
        size = torch.Size(shape).numel()
        return torch.tensor(data.draw(st.lists(number, min_size=size, max_size=size)), dtype=dtype).view(
            shape
        )

    def draw_point(self, data: st.DataObject, dtype: torch.dtype, *batch: int) -> Tensor:
        """Points of the manifold."""
        return self.manifold.project(self.draw_ambient(data, dtype, *batch))

    @_law
    @given(data=st.data(), dtype=_DTYPES)
    def test_project_is_idempotent(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """A point projects to itself."""
        x = self.draw_point(data, dtype)
        assert x.dtype == dtype
        Tolerance.exact(dtype).assert_close(self.manifold.project(x), x)

    @_law
    @given(data=st.data(), dtype=_DTYPES)
    def test_exp_of_nothing_stays(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """The zero vector leads nowhere."""
        x = self.draw_point(data, dtype)
        Tolerance.exact(dtype).assert_close(self.manifold.exp(x, torch.zeros_like(x)), x)

    @_law
    @given(data=st.data(), dtype=_DTYPES)
    def test_exp_inverts_log(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """Following the way to y leads to y."""
        x, y = self.draw_point(data, dtype), self.draw_point(data, dtype)
        there = self.manifold.exp(x, self.manifold.log(x, y))
        assert (self.manifold.dist(there, y) <= 10 * Tolerance.exact(dtype).atol).all()

    @_law
    @given(data=st.data(), dtype=_DTYPES)
    def test_dist_is_a_metric(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """Distances are symmetric, 0 to oneself, and no detour is shorter."""
        x, y, z = (self.draw_point(data, dtype) for _ in range(3))
        xy, yz, xz = self.manifold.dist(x, y), self.manifold.dist(y, z), self.manifold.dist(x, z)
        tolerance = Tolerance.exact(dtype)
        assert (xy >= 0).all()
        assert (self.manifold.dist(x, x) == 0).all()
        tolerance.assert_close(xy, self.manifold.dist(y, x))
        assert (xz <= (xy + yz) * (1 + tolerance.rtol) + tolerance.atol).all()

    @_law
    @given(data=st.data(), dtype=_DTYPES)
    def test_dist_is_the_length_of_log(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """The distance is the length of the shortest way."""
        x, y = self.draw_point(data, dtype), self.draw_point(data, dtype)
        Tolerance.exact(dtype).assert_close(self.manifold.dist(x, y), self.norm(self.manifold.log(x, y)))

    @_law
    @given(data=st.data(), dtype=_DTYPES)
    def test_log_is_tangent(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """The way to another point is a tangent vector."""
        x, y = self.draw_point(data, dtype), self.draw_point(data, dtype)
        v = self.manifold.log(x, y)
        Tolerance.exact(dtype).assert_close(self.manifold.project_tangent(x, v), v)

    @_law
    @given(data=st.data(), dtype=_DTYPES)
    def test_project_tangent_is_idempotent(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """A tangent vector projects to itself."""
        x = self.draw_point(data, dtype)
        v = self.manifold.project_tangent(x, self.draw_ambient(data, dtype))
        Tolerance.exact(dtype).assert_close(self.manifold.project_tangent(x, v), v)

    @_law
    @given(data=st.data(), dtype=_DTYPES)
    def test_leading_dimensions_broadcast(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """A batch gives what its members give one by one."""
        x = self.draw_point(data, dtype, 2, 1)
        y = self.draw_point(data, dtype, 3)
        for verb in (self.manifold.log, self.manifold.dist, self.manifold.project_tangent, self.manifold.exp):
            together = verb(x, y)
            assert together.shape[:2] == (2, 3)
            for i in range(2):
                for j in range(3):
                    Tolerance.exact(dtype).assert_close(together[i, j], verb(x[i, 0], y[j]))

    @_law
    @given(data=st.data(), dtype=_DTYPES)
    def test_gradients_are_finite(self, data: st.DataObject, dtype: torch.dtype) -> None:
        """Gradients are finite, also where two points coincide."""
        x = self.draw_point(data, dtype).requires_grad_()
        y = self.draw_point(data, dtype).requires_grad_()
        for other in (y, x.detach()):
            total = self.manifold.dist(x, other).sum() + self.manifold.exp(x, other).sum()
            (gradient,) = torch.autograd.grad(total, x)
            assert gradient.isfinite().all()

    @_law
    @given(seed=st.integers(0, 2**32 - 1), dtype=_DTYPES)
    def test_uniform_points_lie_on_the_manifold(self, seed: int, dtype: torch.dtype) -> None:
        """Uniform points are points, and the same generator gives the same ones."""
        shape = (4, *self.point_shape)

        def sample() -> Tensor:
            rng = torch.Generator().manual_seed(seed)
            return self.manifold.sample_uniform(shape, rng=rng, dtype=dtype)

        if not self.bounded:
            with pytest.raises(NotImplementedError, match="no uniform law"):
                sample()
            return
        x = sample()
        assert x.shape == shape
        assert x.dtype == dtype
        Tolerance.exact(dtype).assert_close(self.manifold.project(x), x)
        assert torch.equal(x, sample())
