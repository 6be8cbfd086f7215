"""Broadcasting, typed."""

import numpy as np
import torch
from torch import Tensor


def broadcast_shape(*tensors: Tensor) -> torch.Size:
    """Return the shape that the tensors broadcast to.

    Raises:
        ValueError: if they do not broadcast.

    """
    return torch.Size(np.broadcast_shapes(*(tensor.shape for tensor in tensors)))


def broadcast_against(v: Tensor, x: Tensor) -> Tensor:
    """Return v expanded to the shape it shares with x."""
    expanded: Tensor = v.expand(broadcast_shape(v, x))
    return expanded
