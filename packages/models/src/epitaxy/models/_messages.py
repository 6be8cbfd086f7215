"""The arithmetic of `EdgeBlock`: forward and backward passes written out, so that each does only what it must.

What autograd would do differently: save both sides of each SiLU (here the pre-activations are saved and the
activations recomputed), allocate a new edge-sized tensor for every elementwise step (here blocks of rows that stay in
the cache are reused), and scatter gradients edge by edge (here sums over sorted edges).
"""

from collections.abc import Iterator
from typing import Any

import torch
from epitaxy.models.edge_index import EdgeIndex
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

_BLOCK_BYTES = 4 * 2**20  # of one scratch tensor on a CPU: a few of them fit its last-level cache together

_silu_out = torch.ops.aten.silu.out
_silu_backward_out = torch.ops.aten.silu_backward.grad_input


class MeanMessages(torch.autograd.Function):
    """Each atom's mean of `silu(second(silu(terms)))` over its edges; see `EdgeBlock` for what the terms are."""

    @staticmethod
    def forward(
        ctx: Any,
        receiver: Tensor,
        sender: Tensor,
        self_term: Tensor,
        odd: Tensor,
        even: Tensor,
        odd_weight: Tensor,
        even_weight: Tensor,
        weight: Tensor,
        bias: Tensor,
        index: EdgeIndex,
    ) -> Tensor:
        """Sum the terms of each edge, apply the second layer, average over each atom's edges."""
        pairs, channels = index.num_pairs, receiver.shape[1]
        first = receiver.new_empty(2 * pairs + index.num_atoms, channels)
        second = torch.empty_like(first)
        directions = first[: 2 * pairs].view(pairs, 2, channels)
        halves = torch.stack([receiver + sender, receiver - sender], dim=1).div_(2).flatten(1)
        for block in _blocks(pairs, channels, receiver):
            _directions(
                directions[block],
                halves,
                index.i[block],
                index.j[block],
                odd[block],
                even[block],
                odd_weight,
                even_weight,
            )
        torch.add(receiver, sender, out=first[2 * pairs :]).add_(self_term)
        message = torch.empty_like(first)
        for block in _blocks(first.shape[0], channels, receiver):
            activated = _silu_out(first[block], out=message[block])
            torch.addmm(bias, activated, weight.T, out=second[block])
            _silu_out(second[block], out=message[block])
        ctx.save_for_backward(first, second, odd, even, odd_weight, even_weight, weight)
        ctx.index = index
        return _sum_rows(message, index.received, index.starts).div_(index.degree.to(message.dtype)[:, None])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the per-atom terms and of the weights; of the pair features only if asked for."""
        first, second, odd, even, odd_weight, even_weight, weight = ctx.saved_tensors
        index: EdgeIndex = ctx.index
        pairs, channels = index.num_pairs, first.shape[1]
        per_edge = gradient / index.degree.to(gradient.dtype)[:, None]
        d_first = torch.empty_like(first)
        d_weight, d_bias = torch.zeros_like(weight), weight.new_zeros(weight.shape[0])
        for block in _blocks(first.shape[0], channels, first):
            d_second = per_edge.index_select(0, index.receiver[block])
            _silu_backward_out(d_second, second[block], grad_input=d_second)
            d_weight.addmm_(d_second.T, functional.silu(first[block]))
            d_bias += d_second.sum(0)
            torch.mm(d_second, weight, out=d_first[block])
            _silu_backward_out(d_first[block], first[block], grad_input=d_first[block])
        d_receiver = _sum_rows(d_first, index.received, index.starts)
        d_sender = _sum_rows(d_first, index.sent, index.starts)
        d_self = d_first[2 * pairs :].sum(0)
        forwards, backwards = d_first[: 2 * pairs].view(pairs, 2, channels).unbind(1)
        d_odd_weight, d_even_weight = torch.zeros_like(odd_weight), torch.zeros_like(even_weight)
        d_odd = torch.empty_like(odd) if ctx.needs_input_grad[3] else None
        d_even = torch.empty_like(even) if ctx.needs_input_grad[4] else None
        for block in _blocks(pairs, channels, first):
            difference, total = (
                forwards[block] - backwards[block],
                forwards[block] + backwards[block],
            )
            d_odd_weight.addmm_(difference.T, odd[block])
            d_even_weight.addmm_(total.T, even[block])
            if d_odd is not None:
                torch.mm(difference, odd_weight, out=d_odd[block])
            if d_even is not None:
                torch.mm(total, even_weight, out=d_even[block])
        return (
            d_receiver,
            d_sender,
            d_self,
            d_odd,
            d_even,
            d_odd_weight,
            d_even_weight,
            d_weight,
            d_bias,
            None,
        )


def _directions(
    out: Tensor,
    halves: Tensor,
    i: Tensor,
    j: Tensor,
    odd: Tensor,
    even: Tensor,
    odd_weight: Tensor,
    even_weight: Tensor,
) -> None:
    """Fill (pairs, 2, channels) with both directions' pre-activations, `total + difference` and `total - difference`."""
    total, difference = out.unbind(1)
    of_i, of_j = (x.unflatten(1, (2, -1)) for x in (halves.index_select(0, i), halves.index_select(0, j)))
    torch.add(of_i[:, 0], of_j[:, 0], out=total)
    torch.sub(of_i[:, 1], of_j[:, 1], out=difference)
    total.addmm_(even, even_weight.T)
    difference.addmm_(odd, odd_weight.T)
    total += difference
    torch.sub(total, difference, alpha=2, out=difference)


def _sum_rows(rows: Tensor, order: Tensor, starts: Tensor) -> Tensor:
    """Sum `rows[order]` over the stretches that begin at `starts`: a gather and a segment sum in one pass."""
    return functional.embedding_bag(order, rows, starts, mode="sum")


def _blocks(rows: int, channels: int, like: Tensor) -> Iterator[slice]:
    """Stretches of rows to work on one after the other: cache-sized on a CPU, all at once elsewhere."""
    size = max(_BLOCK_BYTES // (channels * like.element_size()), 1) if like.device.type == "cpu" else rows
    return (slice(start, min(start + size, rows)) for start in range(0, rows, max(size, 1)))
