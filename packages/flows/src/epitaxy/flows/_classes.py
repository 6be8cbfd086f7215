"""Draws of class labels."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from epitaxy.geometry import Rng


def draw_classes(logits: Float[Tensor, "rows *event classes"], rng: Rng) -> Int[Tensor, " rows *event"]:
    """Draw a class a component by inversion: the number of cumulated probabilities that are at most u."""
    cumulated = logits.double().softmax(-1).cumsum(-1)
    u = rng.uniform(logits.shape[:-1], dtype=torch.float64, device=logits.device)
    # Relative to the last, which rounding may leave below 1: then u, below 1, never counts it.
    return (cumulated / cumulated[..., -1:] <= u[..., None]).sum(-1)
