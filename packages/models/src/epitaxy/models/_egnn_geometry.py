"""Directions and distances of pairs, and sums of directions over edges, forwards and backwards."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from epitaxy.models.egnn_index import PairIndex

EPSILON = 1e-8
"""Added to squared distances before their root is taken."""


class Directions(torch.autograd.Function):
    """Of each pair `(x_j - x_i) / (sqrt(d2 + 1e-8) + 1)` and the squared distance `d2`."""

    @staticmethod
    def forward(ctx: Any, positions: Tensor, index: PairIndex) -> tuple[Tensor, Tensor]:
        """Directions (pairs, 3) and squared distances (pairs)."""
        pairs = index.pairs
        difference = positions.index_select(0, pairs.j) - positions.index_select(0, pairs.i)
        squared = difference.square().sum(1)
        distance = (squared + EPSILON).sqrt_()
        direction = difference / (distance + 1)[:, None]
        ctx.save_for_backward(difference, distance, direction)
        ctx.index = index
        return direction, squared

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_direction: Tensor, d_squared: Tensor) -> tuple[Tensor | None, ...]:
        """Gradient of the positions."""
        difference, distance, direction = ctx.saved_tensors
        index: PairIndex = ctx.index
        per_length = 1 / (distance + 1)
        along = (d_direction * direction).sum(1) * per_length / distance
        gradient = d_direction * per_length[:, None] + difference * (2 * d_squared - along)[:, None]
        return _received(gradient, _signs(index, gradient), index), None


class WeighedDirections(torch.autograd.Function):
    """Sums over each atom's edges of the unit direction from its partner, times the edge's values."""

    @staticmethod
    def forward(ctx: Any, direction: Tensor, values: Tensor, index: PairIndex) -> Tensor:
        """(channels, atoms, 3) from directions (pairs, 3) and values (channels, 2, pairs)."""
        ctx.save_for_backward(direction, values)
        ctx.index = index
        signed = values.flatten(1).index_select(1, index.received.rows) * _signs(index, values)
        return torch.stack([_received(direction, weights, index) for weights in signed])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of directions and values."""
        direction, values = ctx.saved_tensors
        pairs = ctx.index.pairs
        at_i, at_j = gradient.index_select(1, pairs.i), gradient.index_select(1, pairs.j)
        d_values = torch.stack([-(at_i * direction).sum(2), (at_j * direction).sum(2)], dim=1)
        d_direction = at_j * values[:, 1, :, None] - at_i * values[:, 0, :, None]
        return d_direction.sum(0), d_values, None


def _signs(index: PairIndex, like: Tensor) -> Tensor:
    """Of the edges that atoms receive: -1 where the atom is its pair's i, as directions lead from i to j."""
    return (index.received.rows >= index.pairs.i.shape[0]).to(like.dtype).mul_(2).sub_(1)


def _received(of_pairs: Tensor, weights: Tensor, index: PairIndex) -> Tensor:
    """Sum over each atom's edges of a weight times its pair's row."""
    rows, starts = index.received
    number = index.pairs.i.shape[0]
    if number == 0:
        return of_pairs.new_zeros(starts.shape[0], of_pairs.shape[1])
    return torch.embedding_bag(of_pairs, rows % number, starts, False, 0, False, weights)[0]
