"""The arithmetic of `EdgePerceptron`, forwards and backwards, written out.

What autograd would do otherwise: gather both atoms' features for every edge, make a new edge-sized tensor at
every elementwise step, keep both sides of each SiLU. Here an edge's first pre-activation is a weighted sum of
four rows of a table (its receiver's, its sender's, and one for each distance), taken block by block while the
block is in the cache, and taken again by the backward pass rather than kept. Only the second
pre-activation is kept, as it costs a matrix product. Sums over edges are sums of bags of rows too.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from epitaxy.models.egnn_index import Bags, PairBlock, PairIndex

_silu_out = torch.ops.aten.silu.out
_silu_backward_out = torch.ops.aten.silu_backward.grad_input


class Perceptron(NamedTuple):
    """What an edge's two layers are applied to, and with what; see `EdgePerceptron`."""

    atoms: Tensor
    squared: Tensor
    initial: Tensor
    first_weight: Tensor
    first_bias: Tensor
    second_weight: Tensor
    second_bias: Tensor


class Plan(NamedTuple):
    """What no gradient belongs to."""

    edges: PairIndex
    multipliers: Tensor
    """(pairs, 4): of the rows in `PairBlock.terms`; 1, 1 and both squared distances."""
    dtype: torch.dtype
    """Of the matrix products."""
    keep: bool
    """Whether a backward pass may follow."""


class EdgeSums(torch.autograd.Function):
    """Sum over each atom's edges of `m = silu(second)`, or of `m sigmoid(gate(m))`."""

    @staticmethod
    def forward(
        ctx: Any, plan: Plan, gate_weight: Tensor | None, gate_bias: Tensor | None, *parts: Tensor
    ) -> Tensor:
        """Sum the messages that each atom receives."""
        perceptron = Perceptron(*parts)
        with _full_precision(perceptron.atoms):
            table = _table(perceptron, plan.dtype)
            sums = table.new_zeros(perceptron.atoms.shape[0], table.shape[1])
            second = _room(table, plan)
            for block in plan.edges.blocks:
                message = _second(table, perceptron, plan, block, second)
                message = message.to(sums.dtype)
                shares = None
                if gate_weight is not None and gate_bias is not None:
                    shares = _gate(message, gate_weight, gate_bias).index_select(0, block.received.rows)
                sums[block.atoms] += _sum(message, block.received, shares)
        ctx.save_for_backward(
            *(parts if gate_weight is None else (gate_weight, gate_bias, *parts)), table, second
        )
        ctx.plan = plan
        return sums.to(perceptron.atoms.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of all that the messages are made of."""
        *gate, a, b, c, d, e, f, g, table, second = ctx.saved_tensors
        perceptron, plan = Perceptron(a, b, c, d, e, f, g), ctx.plan
        d_gate = [torch.zeros_like(x, dtype=table.dtype) for x in gate]
        with _full_precision(gradient):
            gradient = gradient.to(table.dtype)
            work = PerceptronGradient(perceptron, plan, table, ctx.needs_input_grad[4:6])
            for block in plan.edges.blocks:
                d_message = gradient[block.atoms].index_select(0, block.receiver)
                before = second[block.edges]
                if gate:
                    _through_gate(d_message, before, gate, d_gate)
                work.add(block, d_message, before)
            of_gate = [y.to(x.dtype) for x, y in zip(gate, d_gate, strict=True)]
            return None, *(of_gate or (None, None)), *work.finish()


class EdgeValues(torch.autograd.Function):
    """`last @ silu(second)` of each edge: a few numbers an edge."""

    @staticmethod
    def forward(ctx: Any, plan: Plan, last: Tensor, *parts: Tensor) -> Tensor:
        """(channels, 2, pairs): first the edges that the pairs' atoms i receive, then the others."""
        perceptron = Perceptron(*parts)
        with _full_precision(perceptron.atoms):
            table = _table(perceptron, plan.dtype)
            wide, pairs = last.to(table.dtype), perceptron.squared.shape[0]
            values = table.new_empty(last.shape[0], 2, pairs)
            second = _room(table, plan)
            for block in plan.edges.blocks:
                message = _second(table, perceptron, plan, block, second).to(table.dtype)
                for row, value in zip(wide, values, strict=True):
                    value[:, block.pairs] = torch.mv(message, row).view(2, -1)
        ctx.save_for_backward(last, *parts, table, second)
        ctx.plan = plan
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of all that the values are made of."""
        last, *parts, table, second = ctx.saved_tensors
        perceptron, plan, wide = Perceptron(*parts), ctx.plan, last.to(table.dtype)
        d_last = torch.zeros_like(wide)
        with _full_precision(gradient):
            work = PerceptronGradient(perceptron, plan, table, ctx.needs_input_grad[3:5])
            for block in plan.edges.blocks:
                before = second[block.edges]
                message = functional.silu(before).to(table.dtype)
                d_values = gradient[:, :, block.pairs].flatten(1)
                for row, d_value in zip(d_last, d_values, strict=True):
                    row += torch.mv(message.T, d_value)
                d_message = torch.mm(d_values.T, wide, out=message)
                work.add(block, d_message, before)
            return None, d_last.to(last.dtype), *work.finish()


class PerceptronGradient:
    """Adds up the gradients of an edge perceptron's inputs and parameters, block by block.

    Args:
        perceptron: what was applied to what.
        plan: the edges.
        table: the first layer's rows.
        wanted: whether the current and the initial squared distances want a gradient.

    """

    def __init__(self, perceptron: Perceptron, plan: Plan, table: Tensor, wanted: tuple[bool, bool]) -> None:
        self.perceptron = perceptron
        self.plan = plan
        self.table = table
        self.weight = perceptron.second_weight.to(plan.dtype)
        atoms = perceptron.atoms.shape[0]
        self.d_table = torch.zeros_like(table)
        self.d_receiver, self.d_sender, self.d_rows = torch.split(self.d_table, [atoms, atoms, 2])
        self.d_weight = torch.zeros_like(self.weight, dtype=table.dtype)
        self.d_bias = torch.zeros_like(table[0])
        distances = perceptron.squared, perceptron.initial
        self.d_distances = [
            torch.empty_like(x, dtype=table.dtype) if want else None
            for x, want in zip(distances, wanted, strict=True)
        ]

    def add(self, block: PairBlock, d_message: Tensor, second: Tensor) -> None:
        """Take in a block's gradient of `silu(second)`, which is overwritten."""
        first = _first(self.table, self.plan, block)
        activated = functional.silu(first)
        if self.weight.dtype == self.table.dtype:
            d_second = _silu_backward_out(d_message, second, grad_input=d_message)
            self.d_bias += d_second.sum(0)
            self.d_weight.addmm_(d_second.T, activated)
            d_first = torch.mm(d_second, self.weight, out=activated)
        else:
            d_second = torch.ops.aten.silu_backward(d_message, second.to(d_message.dtype))
            self.d_bias += d_second.sum(0)
            d_second = d_second.to(self.weight.dtype)
            self.d_weight += d_second.T @ activated.to(self.weight.dtype)
            d_first = (d_second @ self.weight).to(self.table.dtype)
        _silu_backward_out(d_first, first, grad_input=d_first)
        self.d_receiver[block.atoms] += _sum(d_first, block.received)
        self.d_sender[block.atoms] += _sum(d_first, block.sent)
        atoms = self.perceptron.atoms.shape[0]
        distances = self.perceptron.squared, self.perceptron.initial
        for k, (distance, d_distance) in enumerate(zip(distances, self.d_distances, strict=True)):
            both = distance[block.pairs].to(self.table.dtype).repeat(2)
            self.d_rows[k] += torch.mv(d_first.T, both)
            if d_distance is not None:
                of_edges = torch.mv(d_first, self.table[2 * atoms + k]).view(2, -1)
                torch.add(*of_edges, out=d_distance[block.pairs])

    def finish(self) -> tuple[Tensor | None, ...]:
        """Return the gradients in the order of `Perceptron`."""
        dtype, atoms = self.plan.dtype, self.perceptron.atoms.to(self.plan.dtype)
        receiver, sender = self.d_receiver.to(dtype), self.d_sender.to(dtype)
        channels = atoms.shape[1]
        weight = self.perceptron.first_weight.to(dtype)
        d_atoms = (receiver @ weight[:, :channels]).addmm_(sender, weight[:, channels : 2 * channels])
        d_first = torch.cat([(receiver.T @ atoms), (sender.T @ atoms), self.d_rows.T.to(dtype)], dim=1)
        gradients = d_atoms, *self.d_distances, d_first, self.d_receiver.sum(0), self.d_weight, self.d_bias
        return tuple(
            None if x is None else x.to(part.dtype)
            for x, part in zip(gradients, self.perceptron, strict=True)
        )


def _table(perceptron: Perceptron, dtype: torch.dtype) -> Tensor:
    """The first layer's part for each atom as receiver, as sender, and for each squared distance's unit."""
    atoms, weight = perceptron.atoms.to(dtype), perceptron.first_weight.to(dtype)
    number, channels = atoms.shape
    wide = torch.promote_types(perceptron.atoms.dtype, torch.float32)
    table = torch.empty(2 * number + 2, weight.shape[0], dtype=wide, device=atoms.device)
    table[:number] = torch.addmm(perceptron.first_bias.to(dtype), atoms, weight[:, :channels].T)
    table[number:-2] = atoms @ weight[:, channels:-2].T
    table[-2:] = perceptron.first_weight[:, -2:].T
    return table


def _room(table: Tensor, plan: Plan) -> Tensor | None:
    """Room for the second pre-activations of all edges, if they are kept."""
    if not plan.keep:
        return None
    edges = 2 * plan.multipliers.shape[0]
    return torch.empty(edges, table.shape[1], dtype=plan.dtype, device=table.device)


def _first(table: Tensor, plan: Plan, block: PairBlock) -> Tensor:
    """Pre-activations of the first layer."""
    weights = plan.multipliers[block.pairs].repeat(2, 1).flatten()
    return _sum(table, block.terms, weights)


def _second(
    table: Tensor, perceptron: Perceptron, plan: Plan, block: PairBlock, room: Tensor | None
) -> Tensor:
    """Activations of the second layer; its pre-activations are left in `room`."""
    first = functional.silu(_first(table, plan, block), inplace=True).to(plan.dtype)
    bias, weight = perceptron.second_bias.to(plan.dtype), perceptron.second_weight.to(plan.dtype)
    second = torch.addmm(bias, first, weight.T, out=None if room is None else room[block.edges])
    activated: Tensor = _silu_out(second, out=first)
    return activated


def _gate(message: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The share of each message that attention lets pass."""
    return torch.mv(message, weight[0].to(message.dtype)).add_(bias.to(message.dtype)).sigmoid_()


def _through_gate(d_message: Tensor, second: Tensor, gate: list[Tensor], d_gate: list[Tensor]) -> None:
    """Turn the gradient of gated messages into that of the messages, and add up that of the gate."""
    message = functional.silu(second).to(d_message.dtype)
    share = _gate(message, *gate)
    d_logit = (d_message * message).sum(1).mul_(share).mul_(1 - share)
    d_gate[0] += torch.mv(message.T, d_logit)
    d_gate[1] += d_logit.sum()
    d_message.mul_(share[:, None]).addr_(d_logit, gate[0][0].to(d_message.dtype))


def _sum(table: Tensor, bags: Bags, weights: Tensor | None = None) -> Tensor:
    """Sum of each bag's rows of a table, weighted if wanted."""
    return torch.embedding_bag(table, bags.rows, bags.starts, False, 0, False, weights)[0]


def _full_precision(like: Tensor) -> torch.autocast:
    """Autocast off: the functions here choose each product's type themselves."""
    return torch.autocast(like.device.type, enabled=False)
