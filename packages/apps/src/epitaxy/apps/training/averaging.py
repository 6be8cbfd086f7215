"""Averaged weights, updated without waiting for the device that they are on."""

from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


class AveragedNetwork(AveragedModel):
    """A copy of a network whose weights follow it: after n updates by min(decay, (1 + n) / (10 + n)).

    The warm-up forgets the initial weights, which a constant decay would keep for 1 / (1 - decay) steps.
    Buffers are those of the network: tables, which may hold infinities and have no mean.
    torch's own update asks the device for n, once a parameter; here the host counts along.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network)
        self.decay = decay
        self._count: int | None = None
        self.register_load_state_dict_post_hook(_recount)  # type: ignore[no-untyped-call]  # torch leaves it so

    def update_parameters(self, model: nn.Module) -> None:
        """Move the average towards the network's weights."""
        n = int(self.n_averaged) if self._count is None else self._count
        averaged, current = ([x.detach() for x in each.parameters()] for each in (self.module, model))
        if n == 0:
            torch._foreach_copy_(averaged, current)
        else:
            torch._foreach_lerp_(averaged, current, 1 - min(self.decay, (1 + n) / (10 + n)))
        for own, seen in zip(self.module.buffers(), model.buffers(), strict=True):
            own.copy_(seen)
        self.n_averaged += 1
        self._count = n + 1


def _recount(averaged: nn.Module, _: Any) -> None:
    """Forget the host's count: the state that was loaded has its own."""
    averaged._count = None  # type: ignore[assignment]  # torch types attributes as tensors or modules
