"""The arithmetic of `EdgeBlock`, forwards and backwards, written out so that each does only what it must.

What autograd would do otherwise: make a new edge-sized tensor at every elementwise step (here all steps are
taken on one block of edges while it is in the cache, and its messages are summed at once), keep both sides
of each SiLU (here the activations are computed again), and compute gradients that nobody asked for.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from epitaxy.models.edge_index import EdgeIndex

_silu_out = torch.ops.aten.silu.out
_silu_backward_out = torch.ops.aten.silu_backward.grad_input


class MeanMessages(torch.autograd.Function):
    """Mean over each atom's edges of `silu(second(silu(terms)))`; `EdgeBlock` says what the terms are.

    Sums over edges are taken in float32 at least, whatever the type of the matrix products.
    """

    @staticmethod
    def forward(
        ctx: Any,
        receiver: Tensor,
        sender: Tensor,
        at_self: Tensor,
        odd: Tensor,
        even: Tensor,
        odd_weight: Tensor,
        even_weight: Tensor,
        weight: Tensor,
        bias: Tensor,
        index: EdgeIndex,
    ) -> Tensor:
        """Add up each edge's terms, apply the second layer, average the messages that an atom receives."""
        atom_terms, own = _atom_terms(receiver, sender), receiver + sender + at_self
        sums = _accumulator(receiver)
        kept: list[Tensor] = []
        for block in index.blocks:
            if block.pairs is None:
                first = own.index_select(0, block.receiver)
            else:
                first = functional.embedding_bag(block.pairs.entries, atom_terms, mode="sum")
                mean, half_difference = first.chunk(2)
                mean.addmm_(even[block.pairs.which], even_weight.T)
                half_difference.addmm_(odd[block.pairs.which], odd_weight.T)
                _add_and_subtract(mean, half_difference)
            message = functional.silu(first)
            second = torch.addmm(bias, message, weight.T)
            _silu_out(second, out=message)
            sums.index_add_(0, block.receiver, message.to(sums.dtype))
            if any(ctx.needs_input_grad):
                kept += [first, second]
        ctx.save_for_backward(odd, even, odd_weight, even_weight, weight, *kept)
        ctx.index = index
        return sums.div_(index.degree.to(sums.dtype)[:, None])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the atoms' terms and of the weights, and of pair features that want one."""
        odd, even, odd_weight, even_weight, weight, *kept = ctx.saved_tensors
        index: EdgeIndex = ctx.index
        gradient = (gradient / index.degree.to(gradient.dtype)[:, None]).to(weight.dtype)
        d_receiver, d_sender = _accumulator(gradient), _accumulator(gradient)
        d_self, d_bias = _accumulator(gradient[0]), _accumulator(gradient[0])
        d_weight, d_odd_weight, d_even_weight = map(_accumulator, (weight, odd_weight, even_weight))
        d_odd = torch.empty_like(odd) if ctx.needs_input_grad[3] else None
        d_even = torch.empty_like(even) if ctx.needs_input_grad[4] else None
        for block, first, second in zip(index.blocks, kept[::2], kept[1::2], strict=True):
            d_second = gradient.index_select(0, block.receiver)
            _silu_backward_out(d_second, second, grad_input=d_second)
            activated = functional.silu(first)
            _accumulate(d_weight, d_second, activated)
            d_bias += d_second.sum(0)
            d_first = torch.mm(d_second, weight, out=activated)
            _silu_backward_out(d_first, first, grad_input=d_first)
            d_receiver.index_add_(0, block.receiver, d_first.to(d_receiver.dtype))
            d_sender.index_add_(0, block.sender, d_first.to(d_sender.dtype))
            if block.pairs is None:
                d_self += d_first.sum(0)
                continue
            total, difference = d_first.chunk(2)
            _add_and_subtract(total, difference)
            _accumulate(d_even_weight, total, even[block.pairs.which])
            _accumulate(d_odd_weight, difference, odd[block.pairs.which])
            if d_even is not None:
                torch.mm(total, even_weight, out=d_even[block.pairs.which])
            if d_odd is not None:
                torch.mm(difference, odd_weight, out=d_odd[block.pairs.which])
        d_weights = d_odd_weight, d_even_weight, d_weight, d_bias
        return d_receiver, d_sender, d_self, d_odd, d_even, *d_weights, None


def _atom_terms(receiver: Tensor, sender: Tensor) -> Tensor:
    """What atoms give to pairs, as rows for `PairRows.entries`: half sums, half differences, their negatives.

    Two rows add up to what the mean and half the difference of a pair's two directions have of its atoms.
    """
    half_sum, half_difference = (receiver + sender) / 2, (receiver - sender) / 2
    return torch.cat([half_sum, half_difference, -half_difference])


def _add_and_subtract(x: Tensor, y: Tensor) -> None:
    """Replace (x, y) by (x + y, x - y)."""
    x += y
    torch.sub(x, y, alpha=2, out=y)


def _accumulator(like: Tensor) -> Tensor:
    """Zeros of this shape, in float32 at least."""
    return torch.zeros_like(like, dtype=torch.promote_types(like.dtype, torch.float32))


def _accumulate(total: Tensor, x: Tensor, y: Tensor) -> None:
    """Add `x.T @ y`."""
    if total.dtype == x.dtype:
        total.addmm_(x.T, y)
    else:
        total += x.T @ y
