"""Small helpers shared by the flows."""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from epitaxy.geometry import number_of


def column(values: Shaped[Tensor, " rows"], ndim: int) -> Tensor:
    """Shape one value a row to broadcast against a tensor of `ndim` dimensions."""
    return values.view(-1, *[1] * (ndim - 1))


LAST_NOISE_TIME = 2.0**-24
"""1 - t at the last float32 number before t = 1: where something is divided by the noise, none is less."""


def step_index(t: Float[Tensor, " rows"], n: int) -> Int[Tensor, " rows"]:
    """Return the i of the step that begins at t = i / n; at t = 1, where none does, that of the last one."""
    return grid_index(t, n).clamp(max=n - 1)


def grid_index(t: Float[Tensor, " rows"], n: int) -> Int[Tensor, " rows"]:
    """Return the i for which i / n is nearest to t.

    Rounded, never truncated: in float32 the product (i / n) n falls below i for some i (252 of 1000, for
    one).
    """
    return torch.round(t * n).long()


def known_index(t: Float[Tensor, " rows"], n: int) -> int | None:
    """Return the grid index of every row's time where the host knows that time, else None."""
    number = number_of(t)
    return None if number is None else int(grid_index(torch.full((1,), number, dtype=t.dtype), n))


def total(x: Float[Tensor, " rows *event"]) -> Float[Tensor, " rows"]:
    """Sum over everything but the rows."""
    return x.flatten(1).sum(1) if x.ndim > 1 else x
