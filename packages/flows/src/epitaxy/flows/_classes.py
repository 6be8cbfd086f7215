"""Class labels as data, and draws of them."""

import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor

from epitaxy.geometry import Rng


def labels(x: Int[Tensor, " rows *event"], classes: int) -> Int64[Tensor, " rows *event"]:
    """Return the labels 0, ..., K - 1 of data, as int64.

    Raises:
        TypeError: if they are no whole numbers; nothing is rounded.
        ValueError: if one on the CPU is no class; elsewhere a look would wait for all work under way.

    """
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
        raise TypeError(f"class labels are whole numbers, not {x.dtype}")
    if x.device.type == "cpu" and x.numel() and not (int(x.min()) >= 0 and int(x.max()) < classes):
        raise ValueError(f"class labels must be 0 to {classes - 1}, not {int(x.min())} to {int(x.max())}")
    return x.long()


def draw_classes(logits: Float[Tensor, "rows *event classes"], rng: Rng) -> Int[Tensor, " rows *event"]:
    """Draw a class a component by inversion: the number of cumulated probabilities that are at most u."""
    cumulated = logits.double().softmax(-1).cumsum(-1)
    u = rng.uniform(logits.shape[:-1], dtype=torch.float64, device=logits.device)
    # Relative to the last, which rounding may leave below 1: then u, below 1, never counts it.
    return (cumulated / cumulated[..., -1:] <= u[..., None]).sum(-1)
