"""The arithmetic of `EdgeBlock`: forward and backward passes written out, so that each does only what it must.

What autograd would do otherwise: keep both sides of each SiLU (here the pre-activations are kept and the
activations computed again), make a new edge-sized tensor at every elementwise step (here all steps are
taken on one block of edges while it is in the cache, and its messages are summed at once), and compute
gradients that nobody asked for.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from epitaxy.models._blocks import Block, blocks_of
from epitaxy.models._local_bases import LocalBases
from epitaxy.models.edge_index import EdgeIndex

_silu_out = torch.ops.aten.silu.out
_silu_backward_out = torch.ops.aten.silu_backward.grad_input


class MeanMessages(torch.autograd.Function):
    """Mean over each atom's edges of `silu(second(silu(terms)))`; `EdgeBlock` says what the terms are.

    Sums are taken in float32 at least, whatever the type of the matrix products.
    """

    @staticmethod
    def forward(
        ctx: Any,
        receiver: Tensor,
        sender: Tensor,
        at_self: Tensor,
        odd: Tensor,
        even: Tensor,
        odd_tables: Tensor,
        even_tables: Tensor,
        weight: Tensor,
        bias: Tensor,
        bases: LocalBases | None,
        index: EdgeIndex,
    ) -> Tensor:
        """Add up the terms of each edge, apply the second layer, average the messages that an atom receives."""
        blocks = blocks_of(index, bases, like=receiver)
        table, own = _atom_terms(receiver, sender), receiver + sender + at_self
        sums = _accumulator(receiver)
        kept: list[Tensor] = []
        for block in blocks:
            if block.pairs is None:
                first = own.index_select(0, index.receiver[block.rows])
            else:
                first = functional.embedding_bag(index.entries[block.rows], table, mode="sum")
                _add_pair_terms(first, block, odd, even, odd_tables, even_tables)
            message = functional.silu(first)
            second = torch.addmm(bias, message, weight.T)
            _silu_out(second, out=message)
            sums.index_add_(0, index.receiver[block.rows], message.to(sums.dtype))
            if any(ctx.needs_input_grad):
                kept += [first, second]
        ctx.save_for_backward(odd, even, odd_tables, even_tables, weight, *kept)
        ctx.index, ctx.blocks = index, blocks
        return sums.div_(index.degree.to(sums.dtype)[:, None])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of the atoms' terms and of the weights, and of pair features that want one."""
        odd, even, odd_tables, even_tables, weight, *kept = ctx.saved_tensors
        index: EdgeIndex = ctx.index
        gradient = (gradient / index.degree.to(gradient.dtype)[:, None]).to(weight.dtype)
        d_receiver, d_sender, d_weight = (_accumulator(x) for x in (gradient, gradient, weight))
        d_self, d_bias = _accumulator(gradient[0]), _accumulator(gradient[0])
        d_tables = _accumulator(odd_tables), _accumulator(even_tables)
        d_features = tuple(
            torch.zeros_like(x) if wanted else None
            for x, wanted in zip((odd, even), ctx.needs_input_grad[3:5], strict=True)
        )
        for block, first, second in zip(ctx.blocks, kept[::2], kept[1::2], strict=True):
            receivers, senders = index.receiver[block.rows], index.sender[block.rows]
            d_second = gradient.index_select(0, receivers)
            _silu_backward_out(d_second, second, grad_input=d_second)
            activated = functional.silu(first)
            _accumulate(d_weight, d_second, activated)
            d_bias += d_second.sum(0)
            d_first = torch.mm(d_second, weight, out=activated)
            _silu_backward_out(d_first, first, grad_input=d_first)
            d_receiver.index_add_(0, receivers, d_first.to(d_receiver.dtype))
            d_sender.index_add_(0, senders, d_first.to(d_sender.dtype))
            if block.pairs is None:
                d_self += d_first.sum(0)
                continue
            total, difference = _directions(d_first)
            _add_and_subtract(total, difference)
            for direction, features, tables, d_table, d_feature in zip(
                (difference, total), (odd, even), (odd_tables, even_tables), d_tables, d_features, strict=True
            ):
                _pair_terms_backward(direction, block, features, tables, d_table, d_feature)
        return d_receiver, d_sender, d_self, *d_features, *d_tables, d_weight, d_bias, None, None


def _atom_terms(receiver: Tensor, sender: Tensor) -> Tensor:
    """What atoms give to pairs, as rows for `EdgeIndex.entries`: half sums, half differences and their negatives.

    Two rows add up to what the mean and half the difference of a pair's two directions have of its atoms.
    """
    half_sum, half_difference = (receiver + sender) / 2, (receiver - sender) / 2
    return torch.cat([half_sum, half_difference, -half_difference])


def _add_pair_terms(
    first: Tensor, block: Block, odd: Tensor, even: Tensor, odd_tables: Tensor, even_tables: Tensor
) -> None:
    """Add the pairs' own terms to mean and half difference, then make the two directions of them."""
    total, difference = _directions(first)
    for columns, table in block.parts:
        total.addmm_(even[block.pairs, columns], even_tables[table].T)
        difference.addmm_(odd[block.pairs, columns], odd_tables[table].T)
    _add_and_subtract(total, difference)


def _pair_terms_backward(
    direction: Tensor,
    block: Block,
    features: Tensor,
    tables: Tensor,
    d_tables: Tensor,
    d_features: Tensor | None,
) -> None:
    """Add a block's share to the gradients of one parity's tables and, if wanted, features."""
    for columns, table in block.parts:
        _accumulate(d_tables[table], direction, features[block.pairs, columns])
        if d_features is not None:
            d_features[block.pairs, columns] = direction @ tables[table]


def _directions(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Views of the rows of both directions."""
    one, other = rows.view(-1, 2, rows.shape[1]).unbind(1)
    return one, other


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
