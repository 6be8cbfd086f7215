"""Muon, for any processor: matrices of one shape at once, in numbers that it multiplies quickly."""

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.apps.foundation.devices import multiplies_bfloat16

_QUINTIC = (3.4445, -4.7750, 2.0315)
"""Of Jordan's iteration: the steepest at zero whose values stay about one."""
_ITERATIONS = 5
_LEAST_NORM = 1e-7
_MOMENTUM = 0.95


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised (Jordan et al., *Muon: An optimizer for hidden layers*, 2024), of matrices.

    As ``torch.optim.Muon(adjust_lr_fn="match_rms_adamw")``, whose checkpoints it goes on with: Nesterov
    momentum 0.95, decoupled weight decay, five quintic Newton-Schulz iterations, steps of the size that
    AdamW's have (Liu et al., *Muon is Scalable for LLM Training*, 2025, eq. 4). Two things differ, neither
    of them what is computed: matrices of one shape are iterated together, and in float32, not in bfloat16,
    on processors without instructions for that, where it is some twenty times slower (docs/training.md).

    Args:
        matrices: parameters of two dimensions.
        lr: of the steps, as of AdamW.
        weight_decay: decoupled.

    Raises:
        ValueError: if a parameter is no matrix.
    """

    def __init__(self, matrices: Sequence[torch.nn.Parameter], *, lr: float, weight_decay: float) -> None:
        for matrix in matrices:
            if matrix.ndim != 2:
                raise ValueError(f"Muon steps matrices, and a parameter has the shape {tuple(matrix.shape)}")
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take the closure's gradients, then one step along the orthogonalised momentum."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            alike: dict[object, list[Tensor]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    alike.setdefault((*matrix.shape, matrix.dtype, matrix.device), []).append(matrix)
            for matrices in alike.values():
                self._step(matrices, group["lr"], group["weight_decay"])
        return loss

    def _step(self, matrices: Sequence[Tensor], lr: float, weight_decay: float) -> None:
        ahead = torch.stack([self._momentum(matrix) for matrix in matrices])
        quick = multiplies_bfloat16(ahead.device.type)
        directions = orthogonalised(ahead.to(torch.bfloat16 if quick else torch.float32))
        size = lr * 0.2 * sqrt(max(matrices[0].shape))
        for matrix, direction in zip(matrices, directions, strict=True):
            matrix.mul_(1 - lr * weight_decay).add_(direction, alpha=-size)

    def _momentum(self, matrix: Tensor) -> Tensor:
        """Return Nesterov's look ahead of the momentum, which takes the gradient in."""
        assert matrix.grad is not None
        state = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix.grad)
        momentum: Tensor = state["momentum_buffer"]
        momentum.lerp_(matrix.grad, 1 - _MOMENTUM)
        return matrix.grad.lerp(momentum, _MOMENTUM)


def orthogonalised(matrices: Float[Tensor, "count rows columns"]) -> Float[Tensor, "count rows columns"]:
    """Return U S' V^T of each matrix U S V^T, S' about one: 0.68 to 1.21 from 0.003 of its norm on.

    Five steps of ``x -> a x + b x^3 + c x^5`` on the singular values, by products alone.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    wide = matrices.mT if tall else matrices
    wide = wide / wide.flatten(1).norm(dim=1).clamp(min=_LEAST_NORM)[:, None, None]
    a, b, c = _QUINTIC
    for _ in range(_ITERATIONS):
        gram = wide @ wide.mT
        wide = torch.baddbmm(wide, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide.mT if tall else wide
