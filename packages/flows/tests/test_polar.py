"""Angles and lengths: those of a vector, and no others' business."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from epitaxy.flows._polar import polar

numbers = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(vectors=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=150))
def test_they_are_the_vectors(vectors: list[tuple[float, float]]) -> None:
    along, across = torch.tensor(vectors, dtype=torch.float64).unbind(1)
    angle, length = polar(along, across)
    assert angle.tolist() == pytest.approx([math.atan2(y, x) for x, y in vectors], abs=1e-12)
    assert length.tolist() == pytest.approx([math.hypot(x, y) for x, y in vectors], rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 21, 64, 77, 40_000])
def test_a_vector_does_not_depend_on_the_others(count: int, dtype: torch.dtype) -> None:
    along, across = torch.randn(2, count, dtype=dtype, generator=torch.Generator().manual_seed(0))
    whole = polar(along, across)
    for pick in (slice(0, 1), slice(count - 1, None), slice(count // 3, None), slice(None, None, 7)):
        part = polar(along[pick], across[pick])
        assert all(torch.equal(a[pick], b) for a, b in zip(whole, part, strict=True))


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3, 5)])
def test_shapes_stay(shape: tuple[int, ...]) -> None:
    assert [part.shape for part in polar(torch.ones(shape), torch.ones(shape))] == [shape, shape]
