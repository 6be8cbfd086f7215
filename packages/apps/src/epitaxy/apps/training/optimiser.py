"""The optimisers that a recipe may name, over the parameters of a network."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from epitaxy.apps.config import TrainingConfig
from epitaxy.apps.training.muon import Muon


def optimiser(network: nn.Module, training: TrainingConfig) -> torch.optim.Optimizer:
    """Return the optimiser that ``training`` names.

    Muon's update has the size that AdamW's would have, so that one learning rate and one decay serve both.
    """
    if training.optimiser == "adamw":
        return _adamw(network.parameters(), training)
    matrices, others = hidden_matrices(network)
    muon = Muon(matrices, lr=training.learning_rate, weight_decay=training.weight_decay)
    return Together(muon, _adamw(others, training))


def _adamw(parameters: Iterable[nn.Parameter], training: TrainingConfig) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        parameters,
        lr=training.learning_rate,
        weight_decay=training.weight_decay,
        amsgrad=training.amsgrad,
    )


def hidden_matrices(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Divide the parameters into the matrices within a network's repeated layers and all others.

    Muon is for matrices between hidden features: embeddings, heads, biases and norms are not such.
    """
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        within = any(part.isdigit() for part in name.split(".")[:-1]) and "layers" in name
        (matrices if within and parameter.ndim == 2 else others).append(parameter)
    return matrices, others


class Together(torch.optim.Optimizer):
    """Several optimisers as one: each steps its own parameters; groups and state are held here.

    Schedulers, checkpoints and Lightning see one optimiser with one group of parameters for each.
    """

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take the closure's gradients, then a step of each."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for part, group in zip(self.parts, self.param_groups, strict=True):
            part.param_groups, part.state = [group], self.state  # loading a checkpoint makes new ones
            part.step()
        return loss
