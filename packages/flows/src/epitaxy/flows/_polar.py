"""Angles and lengths of vectors in the plane, each the same to the bit wherever in a batch it stands."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

_LANES = 64
"""Elements that no processor's loop leaves a rest of."""
_SERIAL = 16_384
"""Elements that torch gives to one thread."""


def polar(
    along: Float[Tensor, "*shape"], across: Float[Tensor, "*shape"]
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    """Return the angle of each vector in radians and its length.

    On processors torch computes many elements at once and a tensor's last few, or a thread's, one by one: by
    other functions, which on some (AVX2 without AVX-512) round otherwise. What a row is would depend on how
    many come with it; so blocks are filled up until none is the last.
    """
    if along.device.type != "cpu":
        return torch.atan2(across, along), torch.hypot(along, across)
    filled = (
        torch.split(pad(side.flatten(), (0, -side.numel() % _LANES)), _SERIAL) for side in (along, across)
    )
    blocks = [(torch.atan2(y, x), torch.hypot(x, y)) for x, y in zip(*filled, strict=True)]
    angle, length = (torch.cat(part)[: along.numel()] for part in zip(*blocks, strict=True))
    return angle.view(along.shape), length.view(along.shape)
